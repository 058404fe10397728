"""The feed thread: answers queries step by step, and rows and details in between.

Owns the readers of that thread, one for scans a table and one for pages, so that a scan can be
interrupted without hitting the page someone waits for. Rows leave it rendered.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QTimer, Signal, Slot

from prismq_gui.insight.breath import Breath
from prismq_gui.insight.messages import LogRow, TaskRow
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.polling.latest import Latest
from prismq_gui.polling.messages import (
    FeedFailed,
    IdsAppended,
    IdsPatched,
    PauseWish,
    Query,
    RowsLoaded,
    RowsRequest,
    Table,
)
from prismq_gui.polling.payload_pages import PayloadPage
from prismq_gui.polling.table_feed import TableFeed
from prismq_gui.polling.threads import Worker, guarded, problem_of

RETRY_S = 1.0
AHEAD = 64  # new rows that are read before they are listed: a page on most screens
Render = Callable[..., object]


@dataclass(frozen=True, slots=True)
class FeedOpening:
    """Read this file from now on; ``number`` as in the poller's Opening, ``epoch`` as in Snapshot."""

    number: int
    epoch: int
    path: Path


@dataclass(frozen=True, slots=True)
class DetailRequest:
    """All of one task; the newest ``sequence`` wins."""

    sequence: int
    task_id: int


class Feed(Worker):
    """Lives in the feed thread. Signals carry the records of ``messages``; ``detail`` (sequence, TaskDetail | None)."""

    appended = Signal(object)
    patched = Signal(object)
    rows_loaded = Signal(object)
    failed = Signal(object)
    detail = Signal(object, object)

    def __init__(self, latest: Latest, render: Mapping[Table, Render], breath: Breath) -> None:
        super().__init__()
        self._breath = breath
        self._latest = latest
        self._render = dict(render)
        self._opening: FeedOpening | None = None
        self._pages: QueueReader | None = None
        self._scans: dict[Table, QueueReader] = {}
        self._feeds = {table: TableFeed(self._tell) for table in Table}
        self._retry_at: dict[Table, float] = {}
        self._looked_at: dict[Table, frozenset[int]] = {}  # the rows that were last asked for
        self._ends: dict[Table, int] = {}  # the newest row that was told since
        self._unread: dict[Table, RowsRequest] = {}
        self._page: PayloadPage | None = None
        self._told: dict[Table, Problem] = {}
        self._scanning_lock = threading.Lock()
        self._scanning: tuple[Query, QueueReader] | None = None
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._on_timer_timeout)

    # -- from outside

    def interrupt(self) -> None:
        """End whatever statement runs; callable from any thread."""
        for reader in (self._pages, *tuple(self._scans.values())):
            if reader is not None:
                reader.interrupt()

    def interrupt_scan(self, query: Query) -> None:
        """End the running statement of a scan that this query replaces; callable from any thread."""
        with self._scanning_lock:  # held so that the interrupt cannot hit the statement after
            if self._scanning is None:
                return
            running, reader = self._scanning
            if running.table is query.table and running.generation < query.generation:
                reader.interrupt()

    def tell_failure(self, problem: Problem) -> None:
        """Tell both tables of an error that nothing expected."""
        for table in Table:
            self._fail(table, problem)

    def close(self) -> None:
        """Close the file; in the feed thread."""
        for feed in self._feeds.values():
            feed.stop()
        readers = [self._pages, *self._scans.values()]
        self._pages, self._scans = None, {}
        for reader in readers:
            if reader is not None:
                reader.close()

    # -- slots: the file

    @Slot(object)
    @guarded
    def open_file(self, opening: FeedOpening) -> None:
        """Read another file, or the same one anew; what was asked before is void until it is asked again."""
        self.close_file()
        if opening.number == self._latest.opening:
            self._opening = opening

    @Slot()
    @guarded
    def close_file(self) -> None:
        """Read no file."""
        self._timer.stop()
        self._opening = None
        self._retry_at.clear()
        self._unread.clear()
        self._page = None
        self._looked_at.clear()
        self._ends.clear()
        self._told.clear()
        for feed in self._feeds.values():
            feed.start(None)
        self.close()

    def _is_void(self) -> bool:
        return self.stopping or self._opening is None or self._opening.number != self._latest.opening

    # -- slots: wishes

    @Slot(object)
    @guarded
    def start_query(self, query: Query) -> None:
        """Answer a query unless a newer one waits already."""
        if query.generation == self._latest.queries[query.table]:
            self._feeds[query.table].start(query)
            self._told.pop(query.table, None)
            self._retry_at.pop(query.table, None)
            self._timer.start(0)

    @Slot(object)
    @guarded
    def pause_query(self, wish: PauseWish) -> None:
        """Stop a query where it is, or go on with it, unless a newer one waits already."""
        if wish.generation == self._latest.queries[wish.table]:
            self._feeds[wish.table].pause(stopped=wish.stopped)
            self._timer.start(0)

    @Slot()
    @guarded
    def note_change(self) -> None:
        """Bring the lists up to date, within the budget."""
        self._refresh(tuple(Table), now=False)

    @Slot(object)
    @guarded
    def refresh(self, table: Table) -> None:
        """Bring a list up to date at once: the person asked for it."""
        self._refresh((table,), now=True)

    def _refresh(self, tables: tuple[Table, ...], *, now: bool) -> None:
        for table in tables:
            self._feeds[table].note_change(now=now)
            self._retry_at.pop(table, None)
        self._timer.start(0)

    @Slot(object)
    @guarded
    def load_rows(self, request: RowsRequest) -> None:
        """Read and render rows, unless newer ones are wanted already."""
        table = request.table
        self._unread.pop(table, None)
        if self._is_void() or request.sequence != self._latest.rows[table]:
            return
        try:
            rows = self._read_rows(request)
        except ProblemError as error:
            if error.problem.kind is ProblemKind.INTERRUPTED and self._is_void():
                return
            self._leave_unread(request, error.problem)
            return
        self._looked_at[table] = frozenset() if request.columns else frozenset(request.ids)
        gone = tuple(each for each in request.ids if each not in rows)
        self._told.pop(table, None)
        if request.columns:
            if gone:
                self.rows_loaded.emit(RowsLoaded(table, request.generation, (), gone, request.columns))
            self._page = PayloadPage(request, rows)
            self._look_into_payloads()
            self._schedule()
            return
        render = self._render[table]
        rendered = tuple((each, render(row)) for each, row in rows.items())
        self.rows_loaded.emit(RowsLoaded(table, request.generation, rendered, gone))

    def _leave_unread(self, request: RowsRequest, problem: Problem) -> None:
        self._unread[request.table] = request
        self._retry_at[request.table] = time.monotonic() + RETRY_S
        self._fail(request.table, problem)
        self._schedule()

    def _look_into_payloads(self) -> None:
        """Go on with the rows whose payloads are looked into, unless others are wanted already."""
        page = self._page
        if page is None:
            return
        request = page.request
        if self._is_void() or request.sequence != self._latest.rows[request.table]:
            self._page = None
            return
        try:
            found = page.step(self._page_reader())
        except ProblemError as error:
            self._page = None
            if not (error.problem.kind is ProblemKind.INTERRUPTED and self._is_void()):
                self._leave_unread(request, error.problem)
            return
        self._page = None if page.is_done else page
        render = self._render[request.table]
        rendered = tuple((each, render(row, values=values)) for each, row, values in found)
        self.rows_loaded.emit(RowsLoaded(request.table, request.generation, rendered, (), request.columns))

    def _read_rows(self, request: RowsRequest) -> Mapping[int, TaskRow | LogRow]:
        reader = self._page_reader()
        return reader.task_rows(request.ids) if request.table is Table.TASKS else reader.log_rows(request.ids)

    @Slot(object)
    @guarded
    def load_detail(self, request: DetailRequest) -> None:
        """Read all of one task, unless another is wanted already."""
        if self._is_void() or request.sequence != self._latest.detail:
            return
        try:
            found = self._page_reader().task_detail(request.task_id)
        except ProblemError as error:
            if not self._is_void():
                self._fail(Table.TASKS, error.problem)
            return
        self.detail.emit(request.sequence, found)

    # -- reading

    def _page_reader(self) -> QueueReader:
        if self._pages is None:
            self._pages = self._opened()
        self._pages.check()  # a changed schema; that the file is gone or replaced is the poller's to tell
        return self._pages

    def _scan_reader(self, table: Table) -> QueueReader:
        if table not in self._scans:
            self._scans = {**self._scans, table: self._opened()}
        return self._scans[table]

    def _opened(self) -> QueueReader:
        assert self._opening is not None
        reader = QueueReader(self._opening.path, breath=self._breath)
        try:
            reader.open()
        except ProblemError:
            reader.close()
            raise
        return reader

    # -- steps

    @Slot()
    @guarded
    def _on_timer_timeout(self) -> None:
        if self._is_void():
            return
        now = time.monotonic()
        for table, feed in self._feeds.items():
            if self._retry_at.get(table, 0.0) > now or feed.wait_s(now) != 0.0:
                continue
            self._retry_at.pop(table, None)
            self._step(table, feed)
        for request in list(self._unread.values()):
            if self._retry_at.get(request.table, 0.0) <= now:
                self.load_rows(request)
        self._look_into_payloads()
        self._schedule()

    def _step(self, table: Table, feed: TableFeed) -> None:
        query = feed.query
        assert query is not None
        try:
            reader = self._scan_reader(table)
            with self._scanning_lock:
                self._scanning = (query, reader)
            try:
                if feed.is_at_rest:
                    reader.check()
                feed.step(reader)
            finally:
                with self._scanning_lock:
                    self._scanning = None
        except Exception as error:  # noqa: BLE001 - a scan that fails must not stop the other table's
            self._give_up(feed, query, problem_of(error))
        else:
            self._told.pop(table, None)

    def _give_up(self, feed: TableFeed, query: Query, problem: Problem) -> None:
        """Tell why a query is not answered, and take it up again after a second."""
        if self._is_void() or query.generation != self._latest.queries[query.table]:
            return
        feed.fail()
        if problem.kind is ProblemKind.REFUSED:  # it will be refused again
            feed.start(None)
        self._retry_at[query.table] = time.monotonic() + RETRY_S
        if problem.kind is not ProblemKind.INTERRUPTED:
            self._fail(query.table, problem)

    def _schedule(self) -> None:
        now = time.monotonic()
        waits = [] if self._page is None else [0.0]
        for table, feed in self._feeds.items():
            wait = feed.wait_s(now)
            retry = self._retry_at.get(table)
            if wait is not None:
                waits.append(wait if retry is None else max(wait, retry - now))
            elif retry is not None and table in self._unread:
                waits.append(retry - now)
        if waits:
            self._timer.start(max(0, round(min(waits) * 1000)))

    # -- telling

    def _tell(self, message: IdsAppended | IdsPatched) -> None:
        if message.generation != self._latest.queries[message.table] or self._is_void():
            return
        if isinstance(message, IdsAppended):
            self.appended.emit(message)
        else:
            self._read_ahead(message)
            self.patched.emit(message)

    def _read_ahead(self, message: IdsPatched) -> None:
        """Send new rows before they are listed where the person looks at that end of the list.

        Else they would be painted twice a poll, first as not read yet: beside eight writers that was half of what the
        window computed, and a table of dots in between.
        """
        table = message.table
        if message.replacement is not None or message.removed or len(message.inserted) != 1:
            return
        span = message.inserted[0]
        if span.ids is None:
            return
        ids = tuple(span.ids[:AHEAD] if span.row == 0 else span.ids[-AHEAD:])
        is_seen = self._ends.get(table) in self._looked_at.get(table, ())
        self._ends[table] = ids[0] if span.row == 0 else ids[-1]
        if not is_seen:
            return
        try:
            reader = self._page_reader()
            rows = reader.task_rows(ids) if table is Table.TASKS else reader.log_rows(ids)
        except ProblemError:
            return  # they are asked for when they are seen, and then it is told
        render = self._render[table]
        self._looked_at[table] = frozenset(ids)
        rendered = tuple((each, render(row)) for each, row in rows.items())
        self.rows_loaded.emit(RowsLoaded(table, message.generation, rendered))

    def _fail(self, table: Table, problem: Problem) -> None:
        if not self.stopping and self._told.get(table) != problem:
            self._told[table] = problem  # once, not with each attempt
            self.failed.emit(FeedFailed(table, self._latest.queries[table], problem))
