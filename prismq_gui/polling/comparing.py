"""Comparing two files for the window: a thread of its own, the newest wish wins.

Owns the comparison's connections, open only while something is read: a file that is held open cannot be moved or
deleted on Windows. Must not know what a difference is.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QThread, QTimer, Signal, Slot

from prismq_gui.insight.before_opening import Caution, cautions
from prismq_gui.insight.compare import FileComparison
from prismq_gui.insight.compare_records import CompareProgress, Comparison, Difference, Pair, PairRow
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.polling.threads import Worker, WorkerThread, guarded, problem_of

PROGRESS_S = 0.1
IDLE_S = 5.0  # without a wish the files are let go
ROWS_A_READ = 64


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """Two files; ``confirmed`` where what is to be known before they are opened was told."""

    number: int
    before: Path
    after: Path
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class CompareNews:
    """How a comparison goes. One of the four is there: progress, result, problem, or what must be confirmed first."""

    request: CompareRequest
    progress: CompareProgress | None = None
    result: Comparison | None = None
    problem: Problem | None = None
    cautions: tuple[Caution, ...] = ()
    cautioned: Path | None = None


@dataclass(frozen=True, slots=True)
class RowsWanted:
    """Rows of a list that are in view; ``whole`` where one pair is wanted with its long values."""

    request: CompareRequest
    sequence: int
    pairs: tuple[Pair, ...]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class RowsTold:
    """Rows that were wanted, or why they could not be read; ``differences`` of a whole pair."""

    sequence: int
    pairs: tuple[Pair, ...]
    rows: tuple[PairRow, ...] = ()
    differences: tuple[Difference, ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class PlacesWanted:
    """The places of the changed tasks that differ in one field, a number of ``Comparison.fields``."""

    result: Comparison
    number: int
    field: int


@dataclass(frozen=True, slots=True)
class PlacesTold:
    """Them, ascending."""

    number: int
    field: int
    places: array[int]


class Comparer(Worker):
    """Lives in a thread of its own. Signals carry the messages of this module."""

    news = Signal(object)
    rows = Signal(object)
    whole = Signal(object)
    places = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        # Written in the window's thread: what is older than these is void.
        self.newest = self.newest_rows = self.newest_whole = self.newest_places = 0
        self.stop_up_to = 0
        self._files: FileComparison | None = None
        self._open_for: tuple[Path, Path] | None = None
        self._request: CompareRequest | None = None
        self._idle = QTimer(self, singleShot=True, interval=round(IDLE_S * 1_000))
        self._idle.timeout.connect(self.close)

    def interrupt(self) -> None:
        """End the running statement; callable from any thread."""
        files = self._files
        if files is not None:
            files.interrupt()

    def tell_failure(self, problem: Problem) -> None:
        """Tell that a comparison ended by an error."""
        self.close()
        request = self._request
        if request is not None and not self._is_void(request):
            self.news.emit(CompareNews(request, problem=problem))

    @Slot()
    def close(self) -> None:
        """Let go of both files; in this thread."""
        self._idle.stop()
        files, self._files = self._files, None
        self._open_for = None
        if files is not None:
            files.close()

    def _is_void(self, request: CompareRequest) -> bool:
        return self.stopping or request.number != self.newest

    def _opened(self, request: CompareRequest) -> FileComparison:
        """Return the two files open, for the next seconds."""
        self._idle.stop()
        paths = (request.before, request.after)
        if self._files is None or self._open_for != paths:
            self.close()
            self._files = FileComparison(*paths)
            self._files.open()
            self._open_for = paths
        self._idle.start()
        return self._files

    # -- slots

    @Slot(object)
    @guarded
    def compare(self, request: CompareRequest) -> None:
        """Compare two files in place of those before."""
        self.close()
        if self._is_void(request):
            return
        self._request = request
        if not request.confirmed and self._must_ask(request):
            return
        try:
            found = self._opened(request).run(self._teller(request), lambda: self._should_stop(request))
        except ProblemError as error:
            self.close()
            if not self._is_void(request):
                self.news.emit(CompareNews(request, problem=error.problem))
            return
        self._idle.start()
        if not self._is_void(request):
            self.news.emit(CompareNews(request, result=found))

    def _must_ask(self, request: CompareRequest) -> bool:
        """Whether a person must confirm first. Found here: a path on a dead share answers after many seconds."""
        for path in (request.before, request.after):
            found = tuple(each for each in cautions(path) if each.must_confirm)
            if found:
                if not self._is_void(request):
                    self.news.emit(CompareNews(request, cautions=found, cautioned=path))
                return True
        return False

    def _should_stop(self, request: CompareRequest) -> bool:
        return self._is_void(request) or request.number <= self.stop_up_to

    def _teller(self, request: CompareRequest) -> Callable[[CompareProgress], None]:
        told_at = 0.0

        def tell(progress: CompareProgress) -> None:
            nonlocal told_at
            now = time.monotonic()
            if now - told_at >= PROGRESS_S and not self._is_void(request):
                told_at = now
                self.news.emit(CompareNews(request, progress=progress))

        return tell

    @Slot(object)
    @guarded
    def read_rows(self, wanted: RowsWanted) -> None:
        """Read the values of some pairs; the newest wish wins."""
        signal = self.whole if wanted.whole else self.rows
        try:
            for start in range(0, len(wanted.pairs), ROWS_A_READ):
                if self._are_rows_void(wanted):
                    return
                signal.emit(self._read(wanted, wanted.pairs[start : start + ROWS_A_READ]))
        except Exception as error:  # noqa: BLE001 - it is told where it was asked for
            self.close()
            if not self._are_rows_void(wanted):
                signal.emit(RowsTold(wanted.sequence, wanted.pairs, problem=problem_of(error)))

    def _read(self, wanted: RowsWanted, pairs: tuple[Pair, ...]) -> RowsTold:
        files = self._opened(wanted.request)
        if not wanted.whole:
            return RowsTold(wanted.sequence, pairs, files.rows(pairs))
        return RowsTold(wanted.sequence, pairs, files.rows(pairs), files.pair(pairs[0].before_id, pairs[0].after_id))

    def _are_rows_void(self, wanted: RowsWanted) -> bool:
        newest = self.newest_whole if wanted.whole else self.newest_rows
        return self._is_void(wanted.request) or wanted.sequence != newest

    @Slot(object)
    @guarded
    def find_places(self, wanted: PlacesWanted) -> None:
        """Find which of the changed tasks differ in a field; reads no file."""
        bit, masks, places = 1 << wanted.field, wanted.result.changed_fields, array("q")
        for start in range(0, len(masks), 16_384):  # 2 ms each: the window's thread waits for Python's lock meanwhile
            if self.stopping or wanted.number != self.newest_places:
                return
            part = masks[start : start + 16_384]
            places.extend(start + at for at, mask in enumerate(part) if mask & bit)
        self.places.emit(PlacesTold(wanted.number, wanted.field, places))


class CompareDesk(QObject):
    """Lives in the window's thread; every method returns at once, but :meth:`end`.

    ``news`` carries CompareNews of the newest comparison alone; ``rows`` and ``whole`` RowsTold, ``places`` PlacesTold.
    """

    news = Signal(object)
    rows = Signal(object)
    whole = Signal(object)
    places = Signal(object)

    _compare_wanted = Signal(object)
    _rows_wanted = Signal(object)
    _places_wanted = Signal(object)
    _leave_wanted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._comparer = Comparer()
        self._thread = WorkerThread("compare", self._comparer)
        self._request: CompareRequest | None = None
        self._is_over = False
        comparer = self._comparer
        self._compare_wanted.connect(comparer.compare)
        self._rows_wanted.connect(comparer.read_rows)
        self._places_wanted.connect(comparer.find_places)
        self._leave_wanted.connect(comparer.close)
        comparer.news.connect(self._on_comparer_news)
        comparer.rows.connect(self._on_comparer_rows)
        comparer.whole.connect(self._on_comparer_whole)
        comparer.places.connect(self._on_comparer_places)

    def compare(self, before: Path, after: Path, *, confirmed: bool = False) -> int:
        """Compare two files in place of those before (``news``); return the number of the wish."""
        self._void()
        if self._is_over:
            return 0
        if not self._thread.isRunning():
            self._thread.start(QThread.Priority.LowPriority)  # the window and the tables come first
        self._request = CompareRequest(self._comparer.newest, before, after, confirmed)
        self._compare_wanted.emit(self._request)
        return self._request.number

    def stop(self) -> None:
        """End the comparison; what it has found is told."""
        self._comparer.stop_up_to = self._comparer.newest

    def leave(self) -> None:
        """Let go of both files; nothing more is told of them."""
        self._void()
        self._request = None
        if self._thread.isRunning():
            self._leave_wanted.emit()

    def _void(self) -> None:
        self._comparer.newest += 1  # first, so that what is ended knows it is void
        self._comparer.newest_places += 1
        self._comparer.interrupt()

    def request_rows(self, pairs: tuple[Pair, ...]) -> None:
        """Have the values of pairs told (``rows``), in place of those asked for before."""
        if self._request is not None and not self._is_over:
            self._comparer.newest_rows += 1
            self._rows_wanted.emit(RowsWanted(self._request, self._comparer.newest_rows, pairs))

    def request_whole(self, pair: Pair) -> None:
        """Have all that differs in one pair told (``whole``)."""
        if self._request is not None and not self._is_over:
            self._comparer.newest_whole += 1
            self._rows_wanted.emit(RowsWanted(self._request, self._comparer.newest_whole, (pair,), whole=True))

    def request_places(self, result: Comparison, field: int) -> None:
        """Have it told which of the changed tasks differ in a field (``places``)."""
        if not self._is_over:
            self._comparer.newest_places += 1
            self._places_wanted.emit(PlacesWanted(result, self._comparer.newest_places, field))

    # -- answers

    def _on_comparer_news(self, news: CompareNews) -> None:
        interrupted = news.problem is not None and news.problem.kind is ProblemKind.INTERRUPTED
        if news.request.number == self._comparer.newest and not interrupted:
            self.news.emit(news)

    def _on_comparer_rows(self, told: RowsTold) -> None:
        if told.sequence == self._comparer.newest_rows:
            self.rows.emit(told)

    def _on_comparer_whole(self, told: RowsTold) -> None:
        if told.sequence == self._comparer.newest_whole:
            self.whole.emit(told)

    def _on_comparer_places(self, told: PlacesTold) -> None:
        if told.number == self._comparer.newest_places:
            self.places.emit(told)

    # -- the thread

    def ask_to_end(self) -> None:
        """Have the thread end after what it is at; nothing is heard of it afterwards."""
        self._is_over = True
        self.blockSignals(True)
        self._comparer.newest += 1
        if self._thread.isRunning():
            self._thread.ask_to_end()

    def end(self, deadline: float) -> None:
        """Wait until it has ended; ``deadline`` in ``time.monotonic()`` seconds."""
        if self._thread.isRunning():
            self._thread.end(deadline)
