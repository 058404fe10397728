"""A table model over any number of rows: their ids, and a bounded cache of rendered rows by id.

Owns the query of one table, what is shown of its answer, and when changes are applied. Must not
read, wait or render: :mod:`prismq_gui.polling` does, in threads of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal

from prismq_gui.insight.filters import LogFilter, TaskColumn, TaskFilter, TaskOrder
from prismq_gui.insight.messages import FileFacts, IdSpan
from prismq_gui.insight.payload_columns import PayloadColumn
from prismq_gui.insight.states import StatusKind
from prismq_gui.models.columns import ID_ROLE, NAME_ROLE, STATUS_ROLE, Column
from prismq_gui.models.render import Rendered
from prismq_gui.models.row_fetcher import RowFetcher
from prismq_gui.models.source import Source
from prismq_gui.models.structure import Structure
from prismq_gui.polling.ids import IdList
from prismq_gui.polling.messages import (
    FeedFailed,
    IdsAppended,
    IdsPatched,
    Link,
    LinkState,
    PauseWish,
    Query,
    RowsLoaded,
    RowsRequest,
    Snapshot,
    Table,
)

Index = QModelIndex | QPersistentModelIndex

DAY_CHECK_MS = 60_000
SORT_WAIT_S = 0.25  # how long a new order of the same rows is gathered, so that the selection finds its rows

# Qt hands roles as ints; comparing with an enum member costs ten times as much.
_DISPLAY = int(Qt.ItemDataRole.DisplayRole)
_TOOLTIP = int(Qt.ItemDataRole.ToolTipRole)
_ALIGNMENT = int(Qt.ItemDataRole.TextAlignmentRole)
_ACCESSIBLE = int(Qt.ItemDataRole.AccessibleTextRole)
_SERVED = frozenset({_DISPLAY, _TOOLTIP, _ALIGNMENT, _ACCESSIBLE, STATUS_ROLE, ID_ROLE})
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_HORIZONTAL = Qt.Orientation.Horizontal
_ROOT = QModelIndex()


@dataclass(frozen=True, slots=True)
class RenderedGone:
    """A row whose task or line does not exist any more, until the list is told so."""

    id: int
    cells: tuple[str, ...]
    kind: StatusKind = StatusKind.OTHER

    def tooltip(self, column: int) -> str:  # noqa: ARG002 - as the other rendered rows
        """Return why the row is empty."""
        return "Gone: it was deleted by another program."


class IdTableModel(QAbstractTableModel):
    """Rows of one table by id. GUI thread.

    ``progress_changed`` carries how much of the query is answered (0 to 1) and whether it is all;
    ``held_changed`` how many changed rows wait, for the mouse or for a very large selection to end;
    ``count_changed`` the number of rows as a Python int; ``failed`` a Problem: what is shown stays
    and is old, until ``recovered``.
    """

    progress_changed = Signal(float, bool)
    held_changed = Signal(int)
    count_changed = Signal(object)
    failed = Signal(object)
    recovered = Signal()

    def __init__(
        self,
        table: Table,
        columns: Sequence[Column],
        source: Source,
        filter: TaskFilter | LogFilter,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._table = table
        self._set_columns(columns)
        self._source = source
        self._values: tuple[PayloadColumn, ...] = ()  # out of payloads, in columns of their own at the end
        self._filter = filter
        self._order = TaskOrder()
        self._generation = 0
        self._shown_generation = 0
        self._first_generation = 1  # of the open file: answers to older ones speak of another
        self._sequence = 0
        self._seen: tuple[int, int] | None = None
        self._structure = Structure(self)
        self._fetcher = RowFetcher(lambda: self._structure.ids, self._make_gone, self)
        self._fetcher.wanted.connect(self._on_fetcher_wanted)
        self._fetcher.changed.connect(self._on_fetcher_changed)
        self._incoming = IdList()
        self._incoming_since = 0.0
        self._same_rows = False
        self._held = False
        self._pending: list[IdsPatched] = []
        self._held_rows = 0
        self._progress, self._complete, self._stopped = 0.0, False, False
        self._shown_order, self._is_leading = self._order, False
        self._first_seen = 0
        self._has_failed = False
        self._day = date.today()
        self._day_timer = QTimer(self, interval=DAY_CHECK_MS)
        self._day_timer.timeout.connect(self._on_day_timer_timeout)
        self._day_timer.start()
        self._connect(source)

    def _set_columns(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)
        self._alignments = tuple(_RIGHT if column.numeric else _LEFT for column in self.columns)

    def _connect(self, source: Source) -> None:
        source.opened.connect(self._on_source_opened)
        source.link.connect(self._on_source_link)
        source.snapshot.connect(self._on_source_snapshot)
        source.ids_appended.connect(self._on_source_ids_appended)
        source.ids_patched.connect(self._on_source_ids_patched)
        source.rows_loaded.connect(self._on_source_rows_loaded)
        source.feed_failed.connect(self._on_source_feed_failed)

    # -- what is asked

    @property
    def filter(self) -> TaskFilter | LogFilter:
        """Which rows are asked for."""
        return self._filter

    @property
    def order(self) -> TaskOrder:
        """In which order."""
        return self._order

    def set_filter(self, filter: TaskFilter | LogFilter) -> None:
        """Ask for other rows; those shown stay until the first of the others arrive."""
        if filter != self._filter:
            self._filter = filter
            self._ask(same_rows=False)

    def set_order(self, order: TaskOrder) -> None:
        """Ask for another order of the rows."""
        if order != self._order:
            self._order = order
            self._ask(same_rows=True)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column that can be sorted by; Qt's name for :meth:`set_order`."""
        by = self.columns[column].sorts_by if 0 <= column < len(self.columns) else None
        descending = order == Qt.SortOrder.DescendingOrder
        if isinstance(by, TaskColumn):
            self.set_order(TaskOrder(by, descending))
        elif by is not None:
            self.set_order(TaskOrder(descending=descending, payload=by))

    def requery(self) -> None:
        """Ask the same question anew."""
        self._ask(same_rows=True)

    def _ask(self, *, same_rows: bool) -> None:
        self._stopped = False
        self._same_rows = same_rows and (self._same_rows or not self._is_waiting)
        self._is_leading = self._is_leading and self._same_rows
        self._generation += 1
        self._incoming = IdList()
        self._incoming_since = 0.0
        self._drop_pending()
        self._set_progress(0.0, False)
        self._source.query(Query(self._table, self._generation, self._filter, self._order))

    # -- what is answered

    @property
    def progress(self) -> float:
        """How much of the query is answered, from 0 to 1."""
        return self._progress

    @property
    def is_complete(self) -> bool:
        """Whether the query is answered wholly."""
        return self._complete

    @property
    def is_stopped(self) -> bool:
        """Whether the person had the reading stopped; ``progress`` says how much was looked at."""
        return self._stopped

    @property
    def is_sorting(self) -> bool:
        """Whether rows are being put in an order that is not shown yet."""
        return not self._complete and not self._order.is_by_id and self._is_waiting

    @property
    def is_leading(self) -> bool:
        """Whether the rows shown are the first of an order as far as it was read."""
        return self._is_leading

    @property
    def _is_waiting(self) -> bool:
        return self._generation != self._shown_generation

    def stop(self) -> None:
        """Read no further: what was found stays; where nothing but the order is new, the one before comes back."""
        if self._complete or self._stopped:
            return
        if self._is_waiting and self._same_rows:
            self._order = self._shown_order if self._order != self._shown_order else TaskOrder()
            self._ask(same_rows=True)
        else:
            self._source.pause_query(PauseWish(self._table, self._generation, stopped=True))

    def go_on(self) -> None:
        """Go on where it was stopped."""
        if self._stopped:
            self._source.pause_query(PauseWish(self._table, self._generation, stopped=False))

    @property
    def count(self) -> int:
        """How many rows are shown."""
        return len(self._structure.ids)

    def id_at(self, row: int) -> int | None:
        """Return the id in a row, None outside of the table."""
        return self._structure.ids.id_at(row)

    def row_of(self, id: int) -> int | None:
        """Return the row of an id, None where it is not shown."""
        return self._structure.ids.row_of(id) if isinstance(id, int) else None

    def ids_of_rows(self, ranges: Sequence[tuple[int, int]]) -> IdSpan:
        """Return the ids of ranges of rows (first, last), last included."""
        chosen = IdList(self._structure.ids.slice(first, last + 1) for first, last in ranges)
        return chosen.slice(0, len(chosen))

    def cells(self, row: int) -> tuple[str, ...] | None:
        """Return a row's strings in column order; None where it is not read yet, and then it is asked for."""
        found = self._fetcher.look(row)
        return None if found is None else found.cells

    def rendered(self, row: int) -> Rendered | None:
        """Return a rendered row in hand without asking for it."""
        return self._fetcher.peek(row)

    def set_visible_rows(self, first: int, last: int) -> None:
        """Say which rows the person sees: these are kept up to date."""
        self._first_seen = first
        self._fetcher.set_visible_rows(first, last)

    # -- Qt

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self._structure.ids)

    def columnCount(self, parent: Index = _ROOT) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = _DISPLAY) -> object:
        """Return what a cell shows; a look-up, never an error."""
        if role not in _SERVED or not index.isValid():
            return None
        row, column = index.row(), index.column()
        if role == _ALIGNMENT:
            return self._alignments[column] if column < len(self._alignments) else None
        if role == ID_ROLE:
            return self.id_at(row)
        found = self._fetcher.look(row)
        return None if found is None or column >= len(found.cells) else _value(found, column, role)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _DISPLAY) -> object:
        """Return a column's title, stable name or alignment."""
        if orientation != _HORIZONTAL or not 0 <= section < len(self.columns):
            return None
        if role in (_DISPLAY, _ACCESSIBLE):
            return self.columns[section].title
        if role == NAME_ROLE:
            return self.columns[section].key
        return self._alignments[section] if role == _ALIGNMENT else None

    # -- hold

    def hold(self, held: bool) -> None:
        """Keep rows where they are while the person points at them; what waited is applied on release."""
        self._held = held
        self._settle()

    def show_held(self) -> None:
        """Apply what waits because the person asks for it; a very large selection is dropped by that."""
        while self._pending:
            self._apply(self._pending.pop(0))
        self._tell_held()

    def _settle(self) -> None:
        """Apply the changes that wait, oldest first, up to the first that must go on waiting."""
        while self._pending and not self._must_wait(self._pending[0]):
            self._apply(self._pending.pop(0))
        self._tell_held()

    def _must_wait(self, patch: IdsPatched) -> bool:
        """Whether a change would move rows under the mouse, or take too long with so many rows selected."""
        if self._only_appends(patch):
            return False
        return self._held or (patch.replacement is not None and self._structure.is_costly_to_replace())

    def _drop_pending(self) -> None:
        self._pending.clear()
        self._tell_held()

    def _tell_held(self) -> None:
        held = sum(self._size_of(patch) for patch in self._pending)
        if held != self._held_rows:
            self._held_rows = held
            self.held_changed.emit(held)

    def _apply(self, patch: IdsPatched) -> None:
        if patch.replacement is None and not self._structure.fits(patch):
            self.requery()  # the lists have parted: begin anew rather than show wrong rows
            return
        self._structure.patch(patch)
        self.count_changed.emit(self.count)

    def _only_appends(self, patch: IdsPatched) -> bool:
        tail = self.count
        for span in patch.inserted:
            if span.row != tail:
                return False
            tail += span.count
        return not patch.removed and patch.replacement is None

    # -- signals of the source

    def _on_source_opened(self, _facts: FileFacts) -> None:
        self._start_over()
        self._ask(same_rows=False)

    def _on_source_link(self, link: Link) -> None:
        if link.state in (LinkState.CLOSED, LinkState.OPENING):
            self._start_over()

    def _start_over(self) -> None:
        """Forget a file: rows of another one must never stand under its name."""
        self._generation += 1
        self._first_generation = self._shown_generation = self._generation
        self._incoming, self._incoming_since = IdList(), 0.0
        self._shown_order, self._is_leading, self._stopped = self._order, False, False
        self._seen = None
        self._drop_pending()
        self._fetcher.restart(forget=True)
        if self.count:
            self._structure.reset(IdList())
            self.count_changed.emit(0)
        self._set_progress(0.0, False)

    def _on_source_snapshot(self, snapshot: Snapshot) -> None:
        seen = (snapshot.epoch, snapshot.data_generation)
        if seen != self._seen:
            first, self._seen = self._seen is None, seen
            self._settle()
            if not first:
                self._fetcher.refresh()

    def _on_source_ids_appended(self, message: IdsAppended) -> None:
        if message.table is not self._table or message.generation != self._generation:
            return
        if not self._is_waiting:
            self._structure.append(message.ids)
        else:
            self._gather(message)
        if message.ids or message.leading or message.done:
            self.count_changed.emit(self.count)
        self._set_progress(message.progress, message.done, message.stopped)
        self._recover()

    def _gather(self, message: IdsAppended) -> None:
        self._incoming.append(message.ids)
        if message.leading:
            self._show_leading(message.leading)
        if not self._incoming and not (message.done or (message.stopped and not self._is_leading)):
            return
        now = time.monotonic()
        self._incoming_since = self._incoming_since or now
        if self._same_rows and self.count and not message.done and now - self._incoming_since < SORT_WAIT_S:
            return
        self._show_incoming()

    def _show_leading(self, ids: IdSpan) -> None:
        """Show what would come first as far as a sort has read, unless somebody is amid the rows that are shown.

        Rows of another filter have to go in any case.
        """
        is_other = not (self._same_rows or self._is_leading)
        if not is_other and (self._held or self._first_seen > 0 or self._structure.has_selection):
            return
        self._is_leading = True
        self._fetcher.restart(forget=False)
        if is_other:
            self._structure.reset(IdList([ids]))
        else:
            self._structure.replace(IdList([ids]))

    def _show_incoming(self) -> None:
        """Put what has come of the newest query in place of the rows of the one before."""
        new, self._incoming = self._incoming, IdList()
        self._shown_generation = self._generation
        self._shown_order = self._order
        self._fetcher.restart(forget=False)
        if self._same_rows or self._is_leading or not self.count:
            self._structure.replace(new)
        else:
            self._structure.reset(new)
        self._is_leading = False

    def _on_source_ids_patched(self, message: IdsPatched) -> None:
        if message.table is not self._table or message.generation != self._generation:
            return
        if self._is_waiting:
            self._show_incoming()
        if message.replacement is not None:
            self._pending.clear()  # it tells all of them and more
        self._pending.append(message)
        self._settle()

    def _size_of(self, patch: IdsPatched) -> int:
        if patch.replacement is not None:
            return max(1, abs(len(patch.replacement) - self.count))
        return sum(span.count for span in (*patch.removed, *patch.inserted))

    def _on_source_rows_loaded(self, message: RowsLoaded) -> None:
        if message.table is self._table and message.generation >= self._first_generation:
            if message.columns == self._values:  # else the columns have changed since, and all is asked for anew
                self._fetcher.take(message)
            self._recover()

    def _on_source_feed_failed(self, message: FeedFailed) -> None:
        if message.table is self._table and message.generation >= self._first_generation:
            self._fetcher.give_up()
            self._has_failed = True
            self.failed.emit(message.problem)

    def _on_day_timer_timeout(self) -> None:
        """Have the times of today become yesterday's at midnight."""
        if date.today() != self._day:
            self._day = date.today()
            self._fetcher.refresh()

    def _on_fetcher_wanted(self, ids: tuple[int, ...]) -> None:
        self._sequence += 1
        request = RowsRequest(self._table, self._generation, self._sequence, ids, self._values)
        self._source.request_rows(request)

    def _on_fetcher_changed(self, first: int, last: int) -> None:
        self.dataChanged.emit(self.index(first, 0), self.index(last, len(self.columns) - 1))

    def _recover(self) -> None:
        if self._has_failed:
            self._has_failed = False
            self.recovered.emit()

    def _set_progress(self, progress: float, complete: bool, stopped: bool = False) -> None:
        if (progress, complete, stopped) != (self._progress, self._complete, self._stopped):
            self._progress, self._complete, self._stopped = progress, complete, stopped
            self.progress_changed.emit(progress, complete)

    def _make_gone(self, wanted: int) -> Rendered:
        return RenderedGone(wanted, (str(wanted), "(gone)", *[""] * (len(self.columns) - 2)))


def _value(found: Rendered, column: int, role: int) -> object:
    if role == _TOOLTIP:
        return found.tooltip(column) or None
    return found.kind if role == STATUS_ROLE else found.cells[column]
