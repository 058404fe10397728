"""The groups of failures as a small table model that never reorders by itself.

Owns the order of the rows and the words in them. What is new stands at the end until the person sorts anew; while
held, nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from PySide6.QtCore import QObject, Qt, Signal

from prismq_gui.insight.failure_messages import FailureGroup, Share
from prismq_gui.models.cells_model import ACCESSIBLE, ROOT, TOOLTIP, CellsModel, Index
from prismq_gui.models.columns import Column
from prismq_gui.models.status_words import status_words
from prismq_gui.models.text import one_line, visible
from prismq_gui.models.times import short_time
from prismq_gui.polling.failure_news import FailureNews, last_hour_of

FAILURE_COLUMNS = (
    Column("count", "Tasks", 10, numeric=True),
    Column("signature", "Cause", 36),
    Column("trend", "Trend", 22),
    Column("last_seen", "Last seen", 15),
    Column("first_seen", "First seen", 15),
    Column("statuses", "Statuses", 20),
    Column("types", "Types", 30),
    Column("workers", "Workers", 30),
)
TREND = [column.key for column in FAILURE_COLUMNS].index("trend")
SHARES_SHOWN = 2
MAX_TOLD = 2_000
_NEVER = datetime.min
_TRENDS = ("quiet", "falling", "steady", "rising")

_SORTS: dict[str, Callable[[FailureGroup], tuple[object, ...]]] = {
    "count": lambda group: (group.count,),
    "signature": lambda group: (group.signature.casefold(),),
    "trend": lambda group: (_TRENDS.index(group.trend.value), group.buckets[::-1]),
    "last_seen": lambda group: (group.last_seen or _NEVER,),
    "first_seen": lambda group: (group.first_seen or _NEVER,),
    "statuses": lambda group: tuple((share.name, share.count) for share in group.statuses),
    "types": lambda group: tuple((share.name, share.count) for share in group.types),
    "workers": lambda group: tuple((share.name, share.count) for share in group.workers),
}


class FailureTableModel(CellsModel):
    """Groups by key. GUI thread. ``out_of_order`` tells how many rows would move if it were sorted anew."""

    out_of_order_changed = Signal(int)
    groups_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(FAILURE_COLUMNS, parent)
        self._groups: list[FailureGroup] = []
        self._cells: list[tuple[str, ...]] = []
        self._news: FailureNews | None = None
        self._held = False
        self._waiting: FailureNews | None = None
        self._sort = ("count", True)
        self.out_of_order = 0

    # -- what is shown

    def take(self, news: FailureNews | None) -> None:
        """Show the groups of news, each in the row it has; None where no file is open."""
        if self._held and news is not None:
            self._waiting = news
            return
        # The first reading finds the largest groups last; until it is done nobody has chosen to see an order.
        first = any(each is not None and each.progress is not None for each in (self._news, news))
        self._waiting, self._news = None, news
        found = {group.key: group for group in (news.groups if news else ())}
        for row in range(len(self._groups) - 1, -1, -1):
            if self._groups[row].key not in found:
                self.beginRemoveRows(ROOT, row, row)
                del self._groups[row], self._cells[row]
                self.endRemoveRows()
        self._update(found)
        known = {group.key for group in self._groups}
        fresh = [group for group in found.values() if group.key not in known]
        if fresh:
            self.beginInsertRows(ROOT, len(self._groups), len(self._groups) + len(fresh) - 1)
            fresh = self._sorted(fresh)
            self._groups += fresh
            self._cells += [self._render(group) for group in fresh]
            self.endInsertRows()
        if first:
            self.sort_anew()
        self._count_out_of_order()
        self.groups_changed.emit()

    def _update(self, found: dict[str, FailureGroup]) -> None:
        changed = []
        for row, old in enumerate(self._groups):
            new = found[old.key]
            self._groups[row] = new
            cells = self._render(new)
            if cells != self._cells[row] or new.buckets != old.buckets:
                self._cells[row] = cells
                changed.append(row)
        if changed:
            self.tell_rows(changed[0], changed[-1])

    def hold(self, held: bool) -> None:
        """Change nothing while the person points at the rows."""
        self._held = held
        if not held and self._waiting is not None:
            self.take(self._waiting)

    # -- order

    def _sorted(self, groups: list[FailureGroup]) -> list[FailureGroup]:
        name, descending = self._sort
        ordered = sorted(groups, key=lambda group: group.signature)
        ordered.sort(key=_SORTS[name], reverse=descending)
        return sorted(ordered, key=lambda group: group.is_others)

    def _count_out_of_order(self) -> None:
        wanted = self._sorted(self._groups)
        count = sum(a.key != b.key for a, b in zip(wanted, self._groups, strict=True))
        if count != self.out_of_order:
            self.out_of_order = count
            self.out_of_order_changed.emit(count)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column: the person asked for it."""
        if 0 <= column < len(self.columns):
            self._sort = (self.columns[column].key, order == Qt.SortOrder.DescendingOrder)
            self.sort_anew()

    def sort_anew(self) -> None:
        """Bring the rows into order; the current one and what is selected stay the same groups."""
        wanted = self._sorted(self._groups)
        if [group.key for group in wanted] != [group.key for group in self._groups]:
            self.layoutAboutToBeChanged.emit()
            kept = self.persistentIndexList()
            keys = [self._groups[index.row()].key for index in kept]
            rows = {group.key: row for row, group in enumerate(wanted)}
            cells = {group.key: cell for group, cell in zip(self._groups, self._cells, strict=True)}
            self._groups, self._cells = wanted, [cells[group.key] for group in wanted]
            moved = [self.index(rows[key], index.column()) for key, index in zip(keys, kept, strict=True)]
            self.changePersistentIndexList(kept, moved)
            self.layoutChanged.emit()
        self._count_out_of_order()

    # -- rows

    def group(self, row: int) -> FailureGroup | None:
        """Return the group of a row."""
        return self._groups[row] if 0 <= row < len(self._groups) else None

    def group_of(self, key: object) -> FailureGroup | None:
        """Return a group by its key."""
        return next((group for group in self._groups if group.key == key), None)

    def id_at(self, row: int) -> str | None:
        """Return the key of the group in a row."""
        return self._groups[row].key if 0 <= row < len(self._groups) else None

    def row_of(self, id: str) -> int | None:
        """Return the row of a group by its key."""
        return next((row for row, group in enumerate(self._groups) if group.key == id), None)

    def cells(self, row: int) -> tuple[str, ...] | None:
        """Return a row's strings in column order."""
        return self._cells[row] if 0 <= row < len(self._cells) else None

    # -- words

    def _render(self, group: FailureGroup) -> tuple[str, ...]:
        return (
            f"{group.count:,}",
            one_line(group.signature),
            group.trend.value,
            _time(group.last_seen),
            _time(group.first_seen),
            shares_text(group.statuses, words=status_words),
            shares_text(group.types),
            workers_text(group),
        )

    def _told(self, group: FailureGroup, column: int) -> str:
        """Return a cell in full words: what a tooltip and a screen reader tell."""
        key, title = self.columns[column].key, self.columns[column].title
        if key == "trend" and self._news is not None and self._news.found is not None:
            return trend_text(group, self._news)
        if key in ("types", "statuses"):
            words = status_words if key == "statuses" else str
            return f"{title}: {shares_text(getattr(group, key), most=20, words=words)}"
        if key == "workers":
            return f"{title}: {workers_text(group, most=20)}"
        if key == "signature":
            return f"{title}: {visible(group.signature[:MAX_TOLD])}"
        return f"{title}: {self._render(group)[column] or 'not known'}"

    # -- Qt

    def rowCount(self, parent: Index = ROOT) -> int:
        """Return the number of groups."""
        return 0 if parent.isValid() else len(self._groups)

    def more(self, row: int, column: int, role: int) -> object:
        """Return a cell in full words, for a tooltip and a screen reader."""
        return self._told(self._groups[row], column) if role in (TOOLTIP, ACCESSIBLE) else None


def _time(moment: datetime | None) -> str:
    return "" if moment is None else short_time(moment.isoformat(sep=" ", timespec="seconds"))


def local_text(moment: datetime | None) -> str:
    """Return a naive UTC moment in full local time, "not known" for None."""
    if moment is None:
        return "not known"
    try:
        local = moment.replace(tzinfo=timezone.utc).astimezone()
    except (OverflowError, OSError, ValueError):  # years at either end of the calendar
        return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    return f"{local:%Y-%m-%d %H:%M:%S}"


def shares_text(shares: tuple[Share, ...], most: int = SHARES_SHOWN, words: Callable[[str], str] = str) -> str:
    """Return "video 12, audio 3, 2 more"."""
    shown = [f"{one_line(words(share.name), 60)} {share.count:,}" for share in shares[:most]]
    more = len(shares) - len(shown)
    return ", ".join([*shown, f"{more:,} more"] if more else shown)


def workers_text(group: FailureGroup, most: int = SHARES_SHOWN) -> str:
    """Return the workers, of how many tasks they are known, and how many of these were found in the log."""
    if not group.workers_known:
        return "not known"
    parts = []
    if group.workers_known < group.count:
        parts.append(f"known of {group.workers_known:,}")
    if group.workers_inferred:
        parts.append(f"{group.workers_inferred:,} by the log")
    words = shares_text(group.workers, most)
    return f"{words} ({', '.join(parts)})" if parts else words


def trend_text(group: FailureGroup, news: FailureNews) -> str:
    """Return how a group goes, in words and figures."""
    if news.found is None:
        return ""
    hours = news.found.window.total_seconds() / 3_600
    return (
        f"Trend: {group.trend.value}; {last_hour_of(group, news.found.window):,} failed in the last hour, "
        f"{sum(group.buckets):,} in the last {hours:g} hours"
    )
