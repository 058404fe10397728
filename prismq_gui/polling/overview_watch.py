"""The overview's own thread: reads its parts within a budget, keeps the history, tells the verdict once a second.

Owns a reader and the history of the open file. Counts come from the poll; nothing is counted twice.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QTimer, Signal, Slot

from prismq_gui.insight.breath import Breath
from prismq_gui.insight.history import History, sample_of
from prismq_gui.insight.messages import Change, StatusCount
from prismq_gui.insight.overview import OverviewReader, Part
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.signatures import signature
from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.polling.budget import MIN_INTERVAL_S
from prismq_gui.polling.feed import FeedOpening
from prismq_gui.polling.latest import Latest
from prismq_gui.polling.listening import Listening
from prismq_gui.polling.messages import Snapshot
from prismq_gui.polling.overview_messages import NO_HISTORY, OverviewNews, Past, Span
from prismq_gui.polling.overview_parts import SLICE_S, OverviewParts
from prismq_gui.polling.threads import Worker, guarded

NOTE_S = 1.0
TELL_S = 1.0
TELL_UNSEEN_S = 5.0  # while another page is in view: for the badge alone
RETRY_S = 1.0
FRESH_S = 30.0  # after which a page that comes into view is read anew at once
REOPEN_AFTER = 3
_PAST_SHARE = 50  # the points are read again after that many times what they took


class OverviewWatch(Worker):
    """Lives in the overview thread. ``news`` carries OverviewNews."""

    news = Signal(object)

    def __init__(self, latest: Latest, breath: Breath, folder: Path | None, listening: Listening | None = None) -> None:
        super().__init__()
        self._listening = listening or Listening()
        self._thresholds = Thresholds()
        self._latest = latest
        self._breath = breath
        self._folder = folder
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._on_timer_timeout)
        self._opening: FeedOpening | None = None
        self._reader: QueueReader | None = None
        self._history: History | None = None
        self._span: Span | None = None
        self._paused = False
        self._overview: OverviewReader | None = None
        self._parts: OverviewParts | None = None
        self._snapshot: Snapshot | None = None
        self._problem: Problem | None = None
        self._last: OverviewNews | None = None
        self._failures = 0
        self._generation = self._newest_id = 0
        self._changed_at = self._checked_at = 0.0
        self._noted_at = self._told_at = self._past_at = 0.0
        self._fresh_at = 0.0
        self._past: Past | None = None

    # -- from outside

    def interrupt(self) -> None:
        """End the running statement; callable from any thread."""
        reader = self._reader
        if reader is not None:
            reader.interrupt()

    def tell_failure(self, problem: Problem) -> None:
        """Tell an error that nothing expected, beside what was read before, and go on."""
        if self._last is not None and not self._is_void():
            self.news.emit(replace(self._last, problem=problem))
        self._again_in(RETRY_S)

    def close(self) -> None:
        """Write the history and close everything; in the overview's thread."""
        reader, self._reader = self._reader, None
        history, self._history = self._history, None
        self._overview = self._parts = None
        if history is not None:
            history.close()
        if reader is not None:
            reader.close()

    # -- slots

    @Slot(object)
    @guarded
    def open_file(self, opening: FeedOpening) -> None:
        """Watch a file in place of the one before, or the same one opened anew."""
        if opening.number == self._latest.opening:
            self._forget()
            self._opening = opening
            self._tick()

    @Slot()
    @guarded
    def close_file(self) -> None:
        """Watch nothing."""
        self._forget()

    @Slot(bool)
    @guarded
    def set_paused(self, paused: bool) -> None:
        """Stop to look at the file, or look again; what was missed is rebuilt where timestamps tell it."""
        self._paused = paused
        if paused:
            self._timer.stop()
            if self._history is not None:
                self._history.flush()
        elif self._opening is not None:
            if self._parts is not None:
                self._parts.rebuild_past()
            self._tick()

    @Slot(object)
    @guarded
    def take_snapshot(self, snapshot: Snapshot) -> None:
        """Take the counts and sizes as the poll has them."""
        if self._opening is not None and snapshot.epoch == self._opening.epoch:
            self._snapshot = snapshot

    @Slot(object)
    @guarded
    def set_span(self, span: Span | None) -> None:
        """Tell so much of the past from now on, None while nobody looks."""
        was_seen, self._span = self._span is not None, span
        self._past_at, self._past = 0.0, None
        now = time.monotonic()
        if self._parts is not None and span is not None:
            if not was_seen and now - self._fresh_at >= FRESH_S:
                self._fresh_at = now
                self._parts.forgive()
            self._tell(now)
            self._again_in(0.0)  # while nobody looked it read seldom

    @Slot(object)
    @guarded
    def set_thresholds(self, thresholds: Thresholds) -> None:
        """Judge by these from now on; what is known is judged anew at once."""
        self._thresholds = thresholds
        if self._overview is not None:
            self._overview.set_thresholds(thresholds)
            self._tell(time.monotonic())

    @Slot()
    @guarded
    def look_now(self) -> None:
        """Read every part anew now: the person asked for it, or an operation changed the file."""
        if self._parts is not None:
            self._parts.forgive()
            self._tick()

    @Slot()
    @guarded
    def _on_timer_timeout(self) -> None:
        self._tick()

    # -- the file

    def _forget(self) -> None:
        self._timer.stop()
        self.close()
        self._opening = None
        self._snapshot = self._problem = self._last = self._past = None
        self._failures = 0
        self._generation = self._newest_id = 0
        self._changed_at = self._checked_at = 0.0
        self._noted_at = self._told_at = self._past_at = 0.0

    def _is_void(self) -> bool:
        return self.stopping or self._opening is None or self._opening.number != self._latest.opening

    def _open(self, path: Path) -> None:
        self.close()
        self._reader = QueueReader(path, breath=self._breath)
        self._reader.open()
        self._generation += 1
        self._newest_id = self._reader.newest_task_id()
        if self._folder is not None:
            self._history = History(self._folder)
            self._history.open(path, self._reader.connection, self._newest_id)
        self._read_with(self._reader)

    def _read_with(self, reader: QueueReader) -> None:
        self._layout = reader.layout()
        self._overview = OverviewReader(
            reader.connection, self._layout, signature=signature, thresholds=self._thresholds, history=self._history,
            clock=self._listening.now, hear=self._listening.look,
        )  # fmt: skip
        # The poll counts; counting here as well would cost the writers twice.
        parts = tuple(part for part in self._overview.parts if part is not Part.COUNTS)
        self._parts = OverviewParts(self._overview, parts)

    # -- once a tick

    def _tick(self) -> None:
        if self._is_void() or self._paused or self._opening is None:
            return
        try:
            if self._reader is None:
                self._open(self._opening.path)
            wait_s = self._look()
        except (ProblemError, OSError) as error:
            wait_s = self._fail(error)
        if not self._is_void():
            self._again_in(wait_s)

    def _look(self) -> float:
        """Read a slice, note and tell what is due; return how long to wait for the next."""
        assert self._reader is not None
        now = time.monotonic()
        change = self._reader.check()
        if change is Change.MISSING:  # the poll tells it; nothing is noted meanwhile: a gap, and no zero
            return RETRY_S
        if change is Change.REPLACED:  # the poll opens it anew, and this thread is told
            self.close()
            return RETRY_S
        self._take(self._reader, change, now)
        assert self._parts is not None
        was_new = self._parts.has_new
        self._problem = self._parts.work(self._generation, self._can_rebuild(), self._is_void) or self._problem
        if self._is_void():
            return RETRY_S
        self._failures = 0
        now = time.monotonic()
        if not 0 <= now - self._noted_at < NOTE_S:
            self._note(now)
        tell_s = TELL_UNSEEN_S if self._span is None else TELL_S
        if now - self._told_at >= tell_s or (was_new and not self._parts.has_new):
            self._tell(now)
        if self._parts.has_new:
            return SLICE_S
        return NOTE_S / 2 if self._span is None else MIN_INTERVAL_S

    def _take(self, reader: QueueReader, change: Change, now: float) -> None:
        if change is Change.CHANGED:
            self._generation += 1
            self._changed_at = time.monotonic()
            self._newest_id = reader.newest_task_id()
            if reader.layout() != self._layout:
                self._read_with(reader)
        self._checked_at = now
        if self._overview is not None:
            self._overview.take_counts(self._counts())
            if self._snapshot is not None:
                self._overview.take_facts(self._snapshot.facts)

    def _counts(self) -> tuple[StatusCount, ...]:
        """Return the counts of the poll; those made since the file last changed are as good as of now."""
        at = self._checked_at
        if self._newest_id == 0 and at:
            return (StatusCount("queued", 0, at),)  # no task at all
        if self._snapshot is None:
            return ()
        changed_at = max(self._changed_at, self._snapshot.changed_at)
        return tuple(
            replace(each, counted_at=at) if changed_at < each.counted_at < at else each
            for each in self._snapshot.counts
        )

    def _can_rebuild(self) -> bool:
        return bool(self._counts())  # a depth needs to know how many are unfinished

    def _note(self, now: float) -> None:
        self._noted_at = now
        if self._history is not None:
            self._history.note(sample_of(self._counts(), self._newest_id, time.time(), now))

    # -- telling

    def _tell(self, now: float) -> None:
        if self._overview is None or self._parts is None or self._opening is None or self._is_void():
            return
        self._told_at = now
        news = OverviewNews(
            self._opening.epoch, self._overview.overview(), self._points(now),
            NO_HISTORY if self._history is None else self._history.trouble or self._history.note_text,
            self._parts.is_rebuilding, self._problem, self._parts.awaits_past,
        )  # fmt: skip
        self._problem, self._last = None, news
        self.news.emit(news)

    def _points(self, now: float) -> Past | None:
        if self._history is None or self._span is None:
            return None
        if self._past is None or now >= self._past_at:
            until_s = time.time()
            points = self._history.points(until_s - self._span.seconds, until_s, self._span.width_s)
            self._past = Past(self._span, points)
            ended = time.monotonic()
            self._past_at = ended + max(TELL_S / 2, _PAST_SHARE * (ended - now))
        return self._past

    def _fail(self, error: ProblemError | OSError) -> float:
        """Keep what was read; return when to try again."""
        if isinstance(error, ProblemError) and error.problem.kind is ProblemKind.INTERRUPTED:
            return MIN_INTERVAL_S
        self._failures += 1
        if isinstance(error, ProblemError):
            self._problem = error.problem
        if self._parts is not None:
            self._tell(time.monotonic())
        if self._reader is not None and (self._parts is None or self._failures >= REOPEN_AFTER):
            self._failures = 0
            self.close()  # the next tick opens anew
        return RETRY_S

    def _again_in(self, seconds: float) -> None:
        if not self._paused and self._opening is not None:
            self._timer.start(round(seconds * 1000))
