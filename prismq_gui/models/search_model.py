"""What a search over everything found, as a table model: kind, id, column, time, and the text around the match.

Owns the order: as found, the newest of each kind first, late ones put where they belong. Rows are rendered when they
are first shown. Must not search.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject

from prismq_gui.insight.search_scan import SearchKind
from prismq_gui.models.cells_model import ROOT, TOOLTIP, CellsModel, Index
from prismq_gui.models.columns import Column
from prismq_gui.models.text import MAX_TOOLTIP, one_line, visible
from prismq_gui.models.times import short_time, time_tooltip
from prismq_gui.polling.searching import FoundRow

HitKey = tuple[SearchKind, int]

SEARCH_COLUMNS = (
    Column("kind", "Kind", 9),
    Column("id", "Id", 10, numeric=True),
    Column("column", "Found in", 10),
    Column("at", "Time", 18),
    Column("snippet", "Text", 40),
)
KINDS = {SearchKind.TASKS: "Task", SearchKind.LOGS: "Log line"}
PLACES = {
    "error_message": "error",
    "idempotency_key": "key",
    "locked_by": "worker",
}
_CACHED_ROWS = 1_024
_LONGEST = 2_000


class MatchText(str):
    """A cell's text in which a part is to be marked: ``length`` characters from ``start``; none where that is 0."""

    start: int
    length: int

    def __new__(cls, text: str, start: int = 0, length: int = 0) -> MatchText:
        """Make a text with a mark."""
        made = super().__new__(cls, text)
        made.start, made.length = start, length
        return made


class SearchHitModel(CellsModel):
    """The hits of one search. GUI thread. ``id_at`` gives (kind, id): tasks and lines may have the same number."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(SEARCH_COLUMNS, parent)
        self._rows: list[FoundRow] = []
        self._cells: dict[HitKey, tuple[str, ...]] = {}

    # -- what is shown

    @property
    def count(self) -> int:
        """How many hits there are."""
        return len(self._rows)

    def clear(self) -> None:
        """Show none."""
        self._cells.clear()
        if self._rows:
            self.beginResetModel()
            self._rows = []
            self.endResetModel()

    def add(self, rows: Sequence[FoundRow], late: Sequence[FoundRow] = ()) -> None:
        """Add hits at the end, and late ones before the first older one of their kind."""
        self._insert(len(self._rows), rows)
        for kind in SearchKind:
            mine = sorted((row for row in late if row.hit.kind is kind), key=lambda row: row.hit.id, reverse=True)
            for place, group in reversed(self._places(kind, mine)):  # from the bottom up: places stay true
                self._insert(place, group)

    def _insert(self, place: int, rows: Sequence[FoundRow]) -> None:
        if rows:
            self.beginInsertRows(ROOT, place, place + len(rows) - 1)
            self._rows[place:place] = rows
            self.endInsertRows()

    def _places(self, kind: SearchKind, late: Sequence[FoundRow]) -> list[tuple[int, list[FoundRow]]]:
        """Return where late hits of a kind, in descending order, go: (row, hits), ascending."""
        groups: list[tuple[int, list[FoundRow]]] = []
        waiting = list(reversed(late))  # the newest at the end
        for place, row in enumerate(self._rows):
            if not waiting:
                break
            if row.hit.kind is kind and waiting[-1].hit.id > row.hit.id:
                group = []
                while waiting and waiting[-1].hit.id > row.hit.id:
                    group.append(waiting.pop())
                groups.append((place, group))
        if waiting:
            groups.append((len(self._rows), waiting[::-1]))
        return groups

    def found(self, row: int) -> FoundRow | None:
        """Return the hit in a row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def id_at(self, row: int) -> HitKey | None:
        """Return kind and id of the hit in a row."""
        found = self.found(row)
        return (found.hit.kind, found.hit.id) if found is not None else None

    def row_of(self, id: HitKey) -> int | None:
        """Return the row of a hit."""
        return next((row for row, each in enumerate(self._rows) if (each.hit.kind, each.hit.id) == id), None)

    def cells(self, row: int) -> tuple[str, ...] | None:
        """Return a row's strings in column order; the text is a :class:`MatchText`."""
        key = self.id_at(row)
        if key is None:
            return None
        cells = self._cells.get(key)
        if cells is None:
            if len(self._cells) >= _CACHED_ROWS:
                self._cells.clear()
            cells = self._cells[key] = _render(self._rows[row])
        return cells

    # -- Qt

    def rowCount(self, parent: Index = ROOT) -> int:
        """Return the number of hits."""
        return 0 if parent.isValid() else len(self._rows)

    def more(self, row: int, column: int, role: int) -> object:
        """Return a cell's tooltip."""
        return _tooltip(self._rows[row], self.columns[column].key) if role == TOOLTIP else None


def _render(found: FoundRow) -> tuple[str, ...]:
    hit = found.hit
    place = PLACES.get(hit.column, hit.column)
    return (KINDS[hit.kind], str(hit.id), place, short_time(found.at_utc), marked(hit.snippet, hit.start, hit.length))


def marked(snippet: str, start: int, length: int) -> MatchText:
    """Return a snippet on one line with nothing invisible in it, its mark moved along with what is written out."""
    before = one_line(snippet[:start], _LONGEST)
    match = one_line(snippet[start : start + length], _LONGEST)
    after = one_line(snippet[start + length :], _LONGEST)
    return MatchText(f"{before}{match}{after}", len(before), len(match) if length else 0)


def _tooltip(found: FoundRow, key: str) -> str | None:
    if key == "at":
        title = "Created" if found.hit.kind is SearchKind.TASKS else "Written"
        return time_tooltip(title, found.at_utc) or None
    if key == "snippet":
        place = PLACES.get(found.hit.column, found.hit.column)
        return f"From character {found.hit.at + 1:,} of the {place}:\n{visible(found.hit.snippet[:MAX_TOOLTIP])}"
    return None
