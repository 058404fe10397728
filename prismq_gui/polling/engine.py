"""The engine: what the window asks of a queue file, and what it hears, without ever waiting.

Owns the working threads (poll, feed, operations, and the overview's once it is wanted) and the order in which they are
told of a new file. Wishes go down by queued signals, answers come up by signals; nothing here reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from prismq_gui.insight.breath import Breath
from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.operations.messages import OperationKind, Plan, Report, Target, Wish
from prismq_gui.polling.act_desk import ActDesk
from prismq_gui.polling.feed import DetailRequest, Feed, FeedOpening
from prismq_gui.polling.known import Known
from prismq_gui.polling.latest import Latest
from prismq_gui.polling.listening import Listening
from prismq_gui.polling.looking import LookDesk
from prismq_gui.polling.messages import (
    Cautioned,
    Link,
    LinkState,
    OpenRequest,
    PauseWish,
    Query,
    RowsRequest,
    Snapshot,
    Table,
)
from prismq_gui.polling.poller import Opened, Opening, Poller
from prismq_gui.polling.runner import Runner
from prismq_gui.polling.threads import WorkerThread

if TYPE_CHECKING:
    from prismq_gui.polling.alert_desk import AlertDesk
    from prismq_gui.polling.comparing import CompareDesk
    from prismq_gui.polling.database_desk import DatabaseDesk
    from prismq_gui.polling.export_desk import ExportDesk
    from prismq_gui.polling.failure_desk import FailureDesk
    from prismq_gui.polling.overview_messages import OverviewNews, Span
    from prismq_gui.polling.overview_watch import OverviewWatch
    from prismq_gui.polling.search_desk import SearchDesk

END_S = 1.0


class Engine(QObject):
    """Lives in the window's thread; every method returns at once, but :meth:`shutdown`.

    ``render`` turns a row of each table into what a model shows; it is called in the feed thread. The history of
    a queue is kept in ``history_folder``, without one not at all.
    """

    snapshot = Signal(object)
    link = Signal(object)
    opened = Signal(object)
    cautioned = Signal(object)  # Cautioned
    ids_appended = Signal(object)
    ids_patched = Signal(object)
    rows_loaded = Signal(object)
    feed_failed = Signal(object)
    detail_loaded = Signal(object, object)
    planned = Signal(object)
    progressed = Signal(object)
    reported = Signal(object)
    operation_failed = Signal(object)
    known_values = Signal(object)  # Known, or None where no file is open
    overview = Signal(object)  # OverviewNews

    _open_wanted = Signal(object)
    _close_wanted = Signal()
    _pause_wanted = Signal(bool)
    _poll_wanted = Signal()
    _known_wanted = Signal()
    _feed_opened = Signal(object)
    _watch_opened = Signal(object)
    _feed_closed = Signal()
    _feed_changed = Signal()
    _refresh_wanted = Signal(object)
    _query_wanted = Signal(object)
    _pause_query_wanted = Signal(object)
    _rows_wanted = Signal(object)
    _detail_wanted = Signal(object)
    _snapshot_taken = Signal(object)
    _span_wanted = Signal(object)
    _thresholds_wanted = Signal(object)

    def __init__(
        self, render: Mapping[Table, Callable[..., object]], parent: QObject | None = None, *,
        history_folder: Path | None = None, listening: Listening | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._latest = Latest()
        self._request: OpenRequest | None = None
        self._path: Path | None = None  # of the file that is open, None while none is
        self._epoch = 0
        self._generation = 0  # of the data the feed was last told of
        self._breath = breath = Breath()
        self.listening = listening or Listening()
        self._poller = Poller(self._latest, breath, self.listening)
        self._feed = Feed(self._latest, render, breath)
        self._watch: OverviewWatch | None = None
        self._history_folder = history_folder
        self._feed_opening: FeedOpening | None = None  # of the file that is open
        self._last_snapshot: Snapshot | None = None
        self._thresholds: Thresholds | None = None
        self._runner = Runner(history_folder, self.listening)
        self.acting = ActDesk(self._runner, history_folder, self)
        self.looks = LookDesk(breath, self, self.listening)
        self._search: SearchDesk | None = None
        self._failures: FailureDesk | None = None
        self._comparing: CompareDesk | None = None
        self._exporting: ExportDesk | None = None
        self._database: DatabaseDesk | None = None
        self._alerts: AlertDesk | None = None
        self._threads = [
            WorkerThread("poll", self._poller),
            WorkerThread("feed", self._feed),
            WorkerThread("operations", self._runner),
        ]
        self._is_shut_down = False
        self._connect_poller()
        self._connect_feed()
        self._connect_acting()
        for thread in self._threads:
            thread.start()

    def _connect_poller(self) -> None:
        poller = self._poller
        self._open_wanted.connect(poller.open_file)
        self._close_wanted.connect(poller.close_file)
        self._pause_wanted.connect(poller.set_paused)
        self._poll_wanted.connect(poller.poll_now)
        poller.opened.connect(self._on_poller_opened)
        poller.link.connect(self._on_poller_link)
        poller.snapshot.connect(self._on_poller_snapshot)
        poller.cautioned.connect(self._on_poller_cautioned)
        self._known_wanted.connect(poller.read_known)
        poller.known.connect(self._on_poller_known)

    def _connect_feed(self) -> None:
        feed = self._feed
        self._feed_opened.connect(feed.open_file)
        self._feed_closed.connect(feed.close_file)
        self._feed_changed.connect(feed.note_change)
        self._refresh_wanted.connect(feed.refresh)
        self._query_wanted.connect(feed.start_query)
        self._pause_query_wanted.connect(feed.pause_query)
        self._rows_wanted.connect(feed.load_rows)
        self._detail_wanted.connect(feed.load_detail)
        feed.appended.connect(self.ids_appended)
        feed.patched.connect(self.ids_patched)
        feed.rows_loaded.connect(self.rows_loaded)
        feed.failed.connect(self.feed_failed)
        feed.detail.connect(self.detail_loaded)

    def _connect_watch(self, watch: OverviewWatch) -> None:
        self._watch_opened.connect(watch.open_file)
        self._feed_closed.connect(watch.close_file)
        self._pause_wanted.connect(watch.set_paused)
        self._poll_wanted.connect(watch.look_now)
        self._snapshot_taken.connect(watch.take_snapshot)
        self._span_wanted.connect(watch.set_span)
        self._thresholds_wanted.connect(watch.set_thresholds)
        watch.news.connect(self._on_watch_news)

    def _connect_acting(self) -> None:
        acting = self.acting
        acting.planned.connect(self.planned)
        acting.progressed.connect(self.progressed)
        acting.reported.connect(self._on_acting_reported)
        acting.failed.connect(self.operation_failed)

    # -- the file

    def open(self, request: OpenRequest) -> None:
        """Open a file in place of the one before; what runs for that one is ended."""
        self._request = request
        self._leave_file()
        self._open_wanted.emit(Opening(self._latest.opening, request))

    def close_file(self) -> None:
        """Close the file and show none."""
        self._request = None
        self._leave_file()
        self._close_wanted.emit()

    def let_go(self) -> None:
        """Close the file, what was told of it staying: somebody needs it alone. ``open`` takes it up again."""
        self._leave_file()
        if self._comparing is not None:
            self._comparing.leave()
        self._close_wanted.emit()

    def _leave_file(self) -> None:
        self._path = None
        self._latest.opening += 1  # first, so that what is ended knows it is void
        self._poller.interrupt()
        self._feed.interrupt()
        if self._watch is not None:
            self._watch.interrupt()
        self._feed_opening = self._last_snapshot = None
        self._feed_closed.emit()
        for desk in self._file_desks():
            desk.close_file()
        self.known_values.emit(None)

    def set_paused(self, paused: bool) -> None:
        """Stop to look at the file, or look again; rows that are scrolled to are read all the same."""
        self.looks.paused = paused
        self._pause_wanted.emit(paused)
        if self._failures is not None:
            self._failures.set_paused(paused)
        if self._database is not None:
            self._database.paused = paused

    def _on_poller_opened(self, opened: Opened) -> None:
        if self._request is None or opened.number != self._latest.opening:
            return
        self._path = self._request.path
        self._epoch = opened.epoch
        self._generation = 1
        # The feed hears of the file before the models ask it anything about it.
        self._feed_opening = FeedOpening(self._latest.opening, opened.epoch, self._request.path)
        self._feed_opened.emit(self._feed_opening)
        self._watch_opened.emit(self._feed_opening)
        self.acting.read_only = self._request.read_only
        for desk in self._file_desks():
            desk.open_file(self._request.path)
        self.opened.emit(opened.facts)

    def _on_poller_cautioned(self, asked: Cautioned) -> None:
        if asked.number == self._latest.opening:
            self.cautioned.emit(asked)

    def _on_poller_link(self, link: Link) -> None:
        self.listening.set_looking(link.state in (LinkState.LIVE, LinkState.OPENING, LinkState.CLOSED))
        self.link.emit(link)

    def _on_poller_snapshot(self, snapshot: Snapshot) -> None:
        if snapshot.epoch != self._epoch or self._path is None:
            return
        if snapshot.data_generation != self._generation:
            self._generation = snapshot.data_generation
            self._feed_changed.emit()
            if self._failures is not None:
                self._failures.note_change()
        self._last_snapshot = snapshot
        self._snapshot_taken.emit(snapshot)
        self.snapshot.emit(snapshot)

    def request_known_values(self) -> None:
        """Have the values that occur read (``known_values``), unless they were told since the file changed."""
        self._known_wanted.emit()

    def _on_poller_known(self, known: Known) -> None:
        if known.epoch == self._epoch and self._path is not None:
            self.known_values.emit(known)

    # -- desks that are made when they are first asked for: at the window's start nothing is asked of them

    def _file_desks(self) -> Iterator[ActDesk | SearchDesk | LookDesk | FailureDesk | DatabaseDesk | AlertDesk]:
        """Yield those that follow the file that is open, as far as they are made."""
        yield self.acting
        yield self.looks
        made = (self._search, self._failures, self._database, self._alerts)
        yield from (desk for desk in made if desk is not None)

    @property
    def search(self) -> SearchDesk:
        """Where everything is searched."""
        if self._search is None:
            from prismq_gui.polling.search_desk import SearchDesk  # noqa: PLC0415

            self._search = SearchDesk(self._breath, self)
            if self._path is not None:
                self._search.open_file(self._path)
        return self._search

    @property
    def failures(self) -> FailureDesk:
        """Where failures are grouped."""
        if self._failures is None:
            from prismq_gui.polling.failure_desk import FailureDesk  # noqa: PLC0415

            self._failures = FailureDesk(self._breath, self)
            self._failures.set_paused(self.looks.paused)
            if self._path is not None:
                self._failures.open_file(self._path)
        return self._failures

    @property
    def comparing(self) -> CompareDesk:
        """Where two files are compared."""
        if self._comparing is None:
            from prismq_gui.polling.comparing import CompareDesk  # noqa: PLC0415

            self._comparing = CompareDesk(self)
        return self._comparing

    @property
    def exporting(self) -> ExportDesk:
        """Where rows are written to files of the person's own."""
        if self._exporting is None:
            from prismq_gui.polling.export_desk import ExportDesk  # noqa: PLC0415

            self._exporting = ExportDesk(self)
        return self._exporting

    @property
    def database(self) -> DatabaseDesk:
        """Where the file as a whole is looked at and looked after."""
        if self._database is None:
            from prismq_gui.polling.database_desk import DatabaseDesk  # noqa: PLC0415

            self._database = DatabaseDesk(self, self._breath)
            self._database.paused = self.looks.paused
            if self._path is not None:
                self._database.open_file(self._path)
        return self._database

    @property
    def alerts(self) -> AlertDesk:
        """Where alerts are judged and kept."""
        if self._alerts is None:
            from prismq_gui.polling.alert_desk import AlertDesk  # noqa: PLC0415

            self._alerts = AlertDesk(self._breath, self._history_folder, self)
            self.overview.connect(self._alerts.take_overview)
            if self._path is not None:
                self._alerts.open_file(self._path)
        return self._alerts

    # -- the overview

    def start_overview(self) -> None:
        """Tell the overview from now on (``overview``); nothing is read for it, nor noted, before."""
        if self._watch is not None or self._is_shut_down:
            return
        from prismq_gui.polling.overview_watch import OverviewWatch  # noqa: PLC0415

        watch = self._watch = OverviewWatch(self._latest, self._breath, self._history_folder, self.listening)
        watch.set_paused(self.looks.paused)
        if self._thresholds is not None:
            watch.set_thresholds(self._thresholds)
        thread = WorkerThread("overview", watch)
        self._threads.append(thread)
        self._connect_watch(watch)
        thread.start()
        if self._feed_opening is not None:
            self._watch_opened.emit(self._feed_opening)
        if self._last_snapshot is not None:
            self._snapshot_taken.emit(self._last_snapshot)

    def show_past(self, span: Span | None) -> None:
        """Tell (``overview``) so much of the past each second; None: nobody looks, the verdict alone is kept up."""
        self._span_wanted.emit(span)

    def set_thresholds(self, thresholds: Thresholds) -> None:
        """Judge by these from now on, in the verdict and wherever a worker is called silent."""
        self._thresholds = thresholds
        self.listening.set_silent_after(thresholds.silent_after_s)
        self._thresholds_wanted.emit(thresholds)

    def _on_watch_news(self, news: OverviewNews) -> None:
        if news.epoch == self._epoch and self._path is not None:
            self.overview.emit(news)

    # -- tables

    def query(self, query: Query) -> None:
        """Answer a query by ``ids_appended``, then ``ids_patched`` as the file changes; replaces the table's last."""
        self._latest.queries[query.table] = query.generation
        self._feed.interrupt_scan(query)
        self._query_wanted.emit(query)

    def pause_query(self, wish: PauseWish) -> None:
        """Have a query stopped where it is, or gone on with; what was found stays and new rows still come."""
        self._pause_query_wanted.emit(wish)

    def request_rows(self, request: RowsRequest) -> None:
        """Have rows read and rendered (``rows_loaded``); a newer request voids older ones."""
        self._latest.rows[request.table] = request.sequence
        self._rows_wanted.emit(request)

    def refresh(self, table: Table) -> None:
        """Read figures and list anew now, whatever it costs."""
        self._refresh_wanted.emit(table)
        self._poll_wanted.emit()
        if self._failures is not None:
            self._failures.look_now()

    def request_detail(self, sequence: int, task_id: int) -> None:
        """Have all of one task read (``detail_loaded``); the newest sequence wins."""
        self._latest.detail = sequence
        self._detail_wanted.emit(DetailRequest(sequence, task_id))

    # -- operations

    def plan(self, wish: OperationKind | Wish, target: Target | None) -> None:
        """Find out what an operation would do (``planned`` or ``operation_failed``)."""
        self.acting.plan(wish, target)

    def apply(self, plan: Plan) -> None:
        """Do what a plan says (``progressed``, then ``reported`` or ``operation_failed``)."""
        self.acting.apply(plan)

    def stop_operation(self) -> None:
        """Stop the plan or operation under way, and those that wait."""
        self.acting.stop()

    def _on_acting_reported(self, report: Report) -> None:
        for table in Table:
            self.refresh(table)
        self.reported.emit(report)

    # -- the end

    def shutdown(self) -> None:
        """End everything within a second, whatever runs; idempotent. Nothing is heard of it afterwards."""
        if self._is_shut_down:
            return
        self._is_shut_down = True
        self._request, self._path = None, None
        self._latest.opening += 1
        self.stop_operation()
        self.blockSignals(True)
        desks = [desk for desk in (*self._file_desks(), self._comparing, self._exporting) if desk is not None]
        for desk in desks:
            desk.ask_to_end()
        for thread in self._threads:
            thread.ask_to_end()
        deadline = time.monotonic() + END_S
        for thread in self._threads:
            thread.end(deadline)
        for desk in desks:
            desk.end(deadline)
