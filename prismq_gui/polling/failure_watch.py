"""Grouping the failures of the open file: reads them in steps, keeps them up, compares a group on request.

Owns the failure reader of its thread and when it reads: at once while somebody looks, seldom for the badge alone.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal, Slot

from prismq_gui.insight.breath import Breath
from prismq_gui.insight.failure_messages import Failures, ReadingProgress
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.polling.failure_news import FailureNews, FailuresOpening, GroupIds, GroupRequest, SharedNews
from prismq_gui.polling.threads import Worker, guarded, problem_of

if TYPE_CHECKING:
    from prismq_gui.insight.failures import FailureReader

SLICE_S = 0.2  # of the first reading, then what was asked meanwhile is heard
PROGRESS_S = 0.1
SEEN_S, SEEN_FACTOR = 0.5, 10  # between two looks for changes while the page is seen, and times what the last one cost
BADGE_S, BADGE_FACTOR = 15.0, 50  # the same for the badge alone
FIRST_S = 1.5  # the table's first rows come before the badge
AGE_S = 30.0  # hours go by without a change
RETRY_S = 2.0
LOOK_FACTOR = 20  # between two looks at what the first reading has found, times what one takes


class FailureWatch(Worker):
    """Lives in the failures' thread. ``news`` carries FailureNews, ``shared`` SharedNews, ``ids`` GroupIds."""

    news = Signal(object)
    shared = Signal(object)
    ids = Signal(object)

    def __init__(self, breath: Breath | None = None) -> None:
        super().__init__()
        # Written in the window's thread, read between two statements: what is older than these numbers is void.
        self.wanted = 0
        self.shared_wanted = 0
        self.reading_stopped = False
        self._breath = breath
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._on_timer_timeout)
        self._opening: FailuresOpening | None = None
        self._reader: FailureReader | None = None
        self._seen = self._paused = False
        self._forget()

    def _forget(self) -> None:
        self._found: Failures | None = None
        self._progress: ReadingProgress | None = None
        self._told: FailureNews | None = None
        self._changed = True  # since the last look began
        self._cost_s = 0.0
        self._ended_at = time.monotonic()
        self._slice_end = 0.0
        self._look_at = 0.0

    # -- from outside

    def interrupt(self) -> None:
        """End the running statement; callable from any thread."""
        reader = self._reader
        if reader is not None:
            reader.interrupt()

    def tell_failure(self, problem: Problem) -> None:
        """Show an error that nothing expected, and go on later."""
        self._fail(problem)

    def close(self) -> None:
        """Close the file; in the failures' thread."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    # -- slots

    @Slot(object)
    @guarded
    def open_file(self, opening: FailuresOpening) -> None:
        """Read this file in place of the one before."""
        self.close_file()
        if opening.number == self.wanted:
            self._opening = opening
            self._timer.start(0 if self._seen else round(FIRST_S * 1_000))

    @Slot()
    @guarded
    def close_file(self) -> None:
        """Read none."""
        self._timer.stop()
        self.close()
        self._opening = None
        self._forget()

    @Slot(bool)
    @guarded
    def set_paused(self, paused: bool) -> None:
        """Stop to look for changes, or look again; a group is compared all the same."""
        self._paused = paused
        self._schedule()

    @Slot(bool)
    @guarded
    def set_seen(self, seen: bool) -> None:
        """Keep up closely while somebody looks, else for the badge alone."""
        self._seen = seen
        self._schedule()

    @Slot()
    @guarded
    def note_change(self) -> None:
        """The file has changed."""
        self._changed = True
        self._schedule()

    @Slot()
    @guarded
    def go_on(self) -> None:
        """Go on with a reading that the person stopped."""
        self._schedule()

    @Slot()
    @guarded
    def look_now(self) -> None:
        """Look for changes now, whatever it costs."""
        self._changed = True
        if self._opening is not None and not self.reading_stopped:
            self._timer.start(0)

    @Slot(object)
    @guarded
    def compare(self, request: GroupRequest) -> None:
        """Find out what a group's tasks share; the newest request wins."""
        reader = self._reader
        if not self._is_newest(request) or reader is None:
            return
        told_at = time.monotonic()

        def on_progress(progress: ReadingProgress) -> None:
            nonlocal told_at
            if time.monotonic() - told_at >= PROGRESS_S:
                told_at = time.monotonic()
                self.shared.emit(SharedNews(request.sequence, request.group.key, progress))

        from prismq_gui.insight.shared_traits import shared_traits  # noqa: PLC0415

        result, problem = None, None
        try:
            result = shared_traits(
                reader, request.group, should_stop=lambda: not self._is_newest(request), on_progress=on_progress
            )
        except Exception as error:  # noqa: BLE001 - it is told where it was asked for, not as one of the list
            problem = problem_of(error)
        if self._is_newest(request):
            self.shared.emit(SharedNews(request.sequence, request.group.key, None, result, problem))

    @Slot(object)
    @guarded
    def tell_ids(self, request: GroupRequest) -> None:
        """Tell the ids of a group's tasks; reads nothing."""
        if self._reader is not None and request.number == self.wanted:
            found = self._reader.ids_of(request.group)
            self.ids.emit(GroupIds(request.sequence, request.group.key, found))

    @Slot()
    @guarded
    def _on_timer_timeout(self) -> None:
        self._work()

    # -- reading

    def _is_newest(self, request: GroupRequest) -> bool:
        return not self.stopping and request.number == self.wanted and request.sequence == self.shared_wanted

    def _is_void(self) -> bool:
        return self.stopping or self._opening is None or self._opening.number != self.wanted

    def _schedule(self) -> None:
        """Say when to look next, by who looks and what the last look cost."""
        self._timer.stop()
        if self._opening is None or self._paused or self.reading_stopped:
            if self.reading_stopped:
                self._tell()
            return
        waited_s = time.monotonic() - self._ended_at  # so that many changes in a row delay nothing
        if self._progress is not None or self._found is None:
            due_s = 0.0 if self._seen else max(FIRST_S if self._found is None else 0.0, 4 * self._cost_s)
        elif self._changed:
            least_s, factor = (SEEN_S, SEEN_FACTOR) if self._seen else (BADGE_S, BADGE_FACTOR)
            due_s = max(least_s, factor * self._cost_s)
        else:
            due_s = AGE_S
        self._timer.start(round(max(0.0, due_s - waited_s) * 1_000))

    def _work(self) -> None:
        """Do one step: open, read a slice, or look for changes."""
        if self._is_void() or self._paused or self.reading_stopped:
            self._schedule()
            return
        began = time.monotonic()
        try:
            self._read(began)
        except ProblemError as error:
            self._end(began)
            self._fail(error.problem)
            return
        self._end(began)
        if not self._is_void():
            self._tell()
            self._schedule()

    def _end(self, began: float) -> None:
        self._ended_at = time.monotonic()
        self._cost_s = self._ended_at - began

    def _read(self, began: float) -> None:
        assert self._opening is not None
        if self._reader is None:
            from prismq_gui.insight.failures import FailureReader  # noqa: PLC0415 - 60 ms of the window's start

            self._reader = FailureReader(self._opening.path, breath=self._breath)
            try:
                self._reader.open()
            except ProblemError:
                self._reader = None
                raise
        is_first = self._found is None or self._progress is not None
        # Looking for changes begins anew where it is stopped: only the first reading is cut into slices.
        self._slice_end = began + SLICE_S if is_first else float("inf")
        compared = self.shared_wanted
        self._changed = False
        done = self._reader.refresh(
            should_stop=lambda: self._should_stop() or self.shared_wanted != compared, on_progress=self._on_progress
        )
        if done:
            self._progress = None
            self._found = self._reader.snapshot()
        else:
            self._changed = True
            if is_first:
                self._progress = self._progress or ReadingProgress(0, 0)
                self._look_in()

    def _look_in(self) -> None:
        """Take what is read so far, seldom enough: of 700 groups it took 43 ms, as much as reading 600 tasks."""
        began = time.monotonic()
        if self._found is None or self.reading_stopped or began >= self._look_at:
            assert self._reader is not None
            self._found = self._reader.snapshot()
            ended = time.monotonic()
            self._look_at = ended + LOOK_FACTOR * (ended - began)

    def _should_stop(self) -> bool:
        return self._is_void() or self._paused or self.reading_stopped or time.monotonic() >= self._slice_end

    def _on_progress(self, progress: ReadingProgress) -> None:
        if self._slice_end != float("inf"):
            self._progress = progress

    # -- telling

    def _tell(self, problem: Problem | None = None) -> None:
        if self._opening is None or self._is_void():
            return
        stopped = self.reading_stopped and self._progress is not None
        news = FailureNews(self._opening.number, self._found, self._progress, stopped, problem)
        if news != self._told:
            self._told = news
            self.news.emit(news)

    def _fail(self, problem: Problem) -> None:
        """Show what was read before, with the reason why it is old, and try again."""
        if self._is_void():
            return
        self._changed = True
        if problem.kind is not ProblemKind.INTERRUPTED:
            self._tell(problem)
        if not self._paused:
            self._timer.start(round(RETRY_S * 1_000))
