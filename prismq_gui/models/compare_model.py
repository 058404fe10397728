"""What differs between two files, as a table model: kind, task, type, and what is other than it was.

Owns which differences are in the list and a bounded cache of their rendered rows; only what is in view is asked for.
Must not read.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from prismq_gui.insight.compare_records import Comparison, DifferenceKind, Pair, PairRow
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.states import StatusKind, status_kind
from prismq_gui.models.cells_model import ROOT, CellsModel, Index
from prismq_gui.models.columns import Column
from prismq_gui.models.status_words import full_status_words
from prismq_gui.models.text import one_line, plain

RowKey = tuple[DifferenceKind, int]

COMPARE_COLUMNS = (
    Column("difference", "Difference", 15),
    Column("id", "Task", 12, numeric=True),
    Column("type", "Type", 20),
    Column("what", "What differs", 60),
)
KIND_WORDS = {
    DifferenceKind.CHANGED: "± Changed",
    DifferenceKind.APPEARED: "+ Appeared",
    DifferenceKind.VANISHED: "− Vanished",
    DifferenceKind.REUSED: "≠ Other task",
    DifferenceKind.MOVED: "→ Key moved",
    DifferenceKind.UNREAD: "? Not readable",
}
LOOK_AHEAD = 32
MOST_ASKED = 256
CACHED_ROWS = 4_096
VALUE_CHARACTERS = 60
_OF_ONE_FILE = ("status", "priority", "attempts", "created_at_utc", "idempotency_key", "error_message")


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Rows of one kind, from a row on; ``places`` where not all of the kind are in the list."""

    start: int
    kind: DifferenceKind
    count: int
    places: array[int] | None = None

    def place(self, at: int) -> int:
        return at if self.places is None else self.places[at]

    def at(self, place: int) -> int | None:
        if self.places is None:
            return place if 0 <= place < self.count else None
        at = bisect_left(self.places, place)
        return at if at < self.count and self.places[at] == place else None


class CompareModel(CellsModel):
    """The differences of one comparison. GUI thread. ``pairs_wanted`` carries pairs whose values are to be shown.

    ``id_at`` gives the kind and its place there: an id may stand in the list twice.
    """

    pairs_wanted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(COMPARE_COLUMNS, parent)
        self.result: Comparison | None = None
        self._stretches: tuple[_Stretch, ...] = ()
        self._count = 0
        self._cells: dict[Pair, tuple[str, ...]] = {}
        self._asked: frozenset[Pair] = frozenset()
        self._looked_at: deque[int] = deque(maxlen=MOST_ASKED)
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._on_timer_timeout)

    # -- what is in the list

    def show_result(self, result: Comparison | None) -> None:
        """Show a comparison, all kinds of it; None shows nothing."""
        self._cells.clear()
        self.result = result
        self.show_kinds(tuple(DifferenceKind))

    def show_kinds(self, kinds: Sequence[DifferenceKind], places: array[int] | None = None) -> None:
        """Show these kinds, one after the other; of the changed only some where ``places`` are given."""
        self.beginResetModel()
        self._asked = frozenset()
        self._looked_at.clear()
        stretches, row = [], 0
        for kind in kinds if self.result is not None else ():
            assert self.result is not None
            chosen = places if kind is DifferenceKind.CHANGED else None
            count = len(self.result.ids_of(kind)[0].ids) if chosen is None else len(chosen)
            if count:
                stretches.append(_Stretch(row, kind, count, chosen))
                row += count
        self._stretches, self._count = tuple(stretches), row
        self.endResetModel()

    def _stretch(self, row: int) -> _Stretch | None:
        if not 0 <= row < self._count:
            return None
        return next(each for each in reversed(self._stretches) if each.start <= row)

    def id_at(self, row: int) -> RowKey | None:
        """Return kind and place of a row."""
        stretch = self._stretch(row)
        return (stretch.kind, stretch.place(row - stretch.start)) if stretch is not None else None

    def row_of(self, id: RowKey) -> int | None:
        """Return the row of a kind and place."""
        for stretch in self._stretches:
            at = stretch.at(id[1]) if stretch.kind is id[0] else None
            if at is not None:
                return stretch.start + at
        return None

    def pair_of(self, key: RowKey) -> Pair | None:
        """Return the pair of a kind and place."""
        return self.result.pair_at(*key) if self.result is not None else None

    def _pair(self, row: int) -> Pair | None:
        key = self.id_at(row)
        return None if key is None else self.pair_of(key)

    # -- rows

    def cells(self, row: int) -> tuple[str, ...] | None:
        """Return a row's strings in column order; those of a row not in hand are asked for."""
        pair = self._pair(row)
        if pair is None:
            return None
        cells = self._cells.get(pair)
        if cells is None and pair not in self._asked:
            self._looked_at.append(row)
            if not self._timer.isActive():
                self._timer.start()
        return cells

    def _on_timer_timeout(self) -> None:
        looked_at = [row for row in self._looked_at if row < self._count]
        self._looked_at.clear()
        if not looked_at:
            return
        low = max(min(looked_at), max(looked_at) - MOST_ASKED + 2 * LOOK_AHEAD)  # a jump: the end of it counts
        rows = range(max(0, low - LOOK_AHEAD), min(self._count, max(looked_at) + LOOK_AHEAD + 1))
        pairs = [pair for row in rows if (pair := self._pair(row)) is not None and pair not in self._cells]
        self._asked = frozenset(pairs)
        if pairs:
            self.pairs_wanted.emit(tuple(pairs))

    def take_rows(self, rows: Sequence[PairRow]) -> None:
        """Take the values of pairs that were asked for."""
        assert self.result is not None
        self._put([(row.pair, rendered(row, self.result.fields)) for row in rows])

    def take_trouble(self, pairs: Sequence[Pair], words: str) -> None:
        """Take it that pairs could not be read."""
        self._put([(pair, (KIND_WORDS[pair.kind], id_words(pair), "", one_line(words))) for pair in pairs])

    def _put(self, found: list[tuple[Pair, tuple[str, ...]]]) -> None:
        if len(self._cells) + len(found) > CACHED_ROWS:
            self._cells.clear()
        self._cells.update(found)
        self._asked -= {pair for pair, _cells in found}
        if self._count:  # one range, whatever came: the rows in view are painted from what is prepared
            self.tell_rows(0, self._count - 1)

    # -- Qt

    def rowCount(self, parent: Index = ROOT) -> int:
        """Return the number of differences."""
        return 0 if parent.isValid() else self._count


# -- words


def id_words(pair: Pair) -> str:
    """Return a task's id, both where they differ."""
    return f"{pair.before_id} → {pair.after_id}" if pair.before_id != pair.after_id else str(pair.before_id)


def value_words(cell: Cell) -> str:
    """Return a value in a few words: – for NULL, “” for the empty text."""
    if cell is None:
        return "–"
    return one_line(plain(cell), VALUE_CHARACTERS) or "“”"


def _words(field: str, cell: Cell) -> str:
    is_known = field == "status" and status_kind(cell) is not StatusKind.OTHER
    return full_status_words(cell) if is_known else value_words(cell)


def rendered(row: PairRow, fields: Sequence[str]) -> tuple[str, ...]:
    """Return a row's strings in column order."""
    pair = row.pair
    there = row.after if row.after is not None else row.before
    kind = there[fields.index("type")] if there is not None and "type" in fields else None
    return (KIND_WORDS[pair.kind], id_words(pair), "" if kind is None else one_line(plain(kind)), _what(row, fields))


def _what(row: PairRow, fields: Sequence[str]) -> str:
    old, new = row.before, row.after
    if row.pair.kind is DifferenceKind.UNREAD:
        return "a value is too large to be compared; the rest is the same"
    if old is None and new is None:
        return "gone from both files since they were compared"
    if old is None or new is None:
        cells = new if old is None else old
        assert cells is not None
        if row.pair.kind in (DifferenceKind.APPEARED, DifferenceKind.VANISHED):
            told = [(name, cells[fields.index(name)]) for name in _OF_ONE_FILE if name in fields]
            return ", ".join(f"{name}: {_words(name, cell)}" for name, cell in told if cell not in (None, ""))
        return f"gone from the {'older' if old is None else 'newer'} file since they were compared"
    parts = [f"{fields[at]}: {_words(fields[at], old[at])} → {_words(fields[at], new[at])}" for at in row.differing]
    if row.pair.kind is DifferenceKind.MOVED and "idempotency_key" in fields:
        parts.insert(0, f"key {value_words(new[fields.index('idempotency_key')])}")
    return "; ".join(parts)
