"""The health check of the open file, for the window: one look at a time, by itself or as it was asked for.

Owns the thread of the looks, its connection (open for one look alone), and how far a look goes that nobody asked for.
Must not know what is looked for, nor mend anything.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal, Slot

from prismq_gui.insight.breath import Breath
from prismq_gui.insight.health import BUDGET_S, Finding, HealthCheck, Step
from prismq_gui.insight.hearing import Hearing
from prismq_gui.insight.messages import Change
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.polling.threads import Worker, WorkerThread, guarded

UNASKED_BUDGET_S = 5.0  # of the tasks, and as much of the log lines
UNASKED_BYTES = 512 * 1024 * 1024  # of a larger file nothing is walked over that nobody asked for
BUSY_WRITES = 3  # noticed between steps; a worker that waits alone beats each 15 s
PROGRESS_EVERY_S = 0.1
_WALKS = frozenset({"tasks", "log lines"})


class Extent(Enum):
    """How far a look goes."""

    UNASKED = "unasked"  # what takes milliseconds, and the rows where the file is small and nobody writes
    USUAL = "usual"
    WHOLE = "whole"


_BUDGETS_S = {Extent.UNASKED: UNASKED_BUDGET_S, Extent.USUAL: BUDGET_S, Extent.WHOLE: None}


class Left(Enum):
    """Why a look ended before its end."""

    STOPPED = "stopped"
    BUSY = "busy"
    LARGE = "large"


@dataclass(frozen=True, slots=True)
class HealthWanted:
    """Look at this file, judged by these."""

    number: int
    path: Path
    extent: Extent
    hearing: Hearing
    limits: Thresholds


@dataclass(frozen=True, slots=True)
class HealthNews:
    """How a look goes (``step``), or how it ended: what it found, or why it could not.

    ``looked_at`` is local, ``left`` None where it came to its end. The findings of one that failed are empty.
    """

    number: int
    extent: Extent
    step: Step | None = None
    findings: tuple[Finding, ...] = ()
    left: Left | None = None
    looked_at: datetime | None = None
    took_s: float = 0.0
    problem: Problem | None = None


class HealthWatch(Worker):
    """Lives in a thread of its own. ``news`` carries HealthNews."""

    news = Signal(object)

    def __init__(self, breath: Breath | None) -> None:
        super().__init__()
        self._breath = breath or Breath()
        self.wanted = 0  # written in the window's thread: the looks before this one are void
        self.stop_up_to = 0  # as well: looks up to this one end, and tell what they found
        self._now: HealthWanted | None = None
        self._told_at = 0.0
        self._reader: QueueReader | None = None

    def interrupt(self) -> None:
        """End the running statement; callable from any thread."""
        reader = self._reader
        if reader is not None:
            reader.interrupt()

    def tell_failure(self, problem: Problem) -> None:
        """Tell that a look ended by an error that nothing expected."""
        if self._now is not None:
            self.news.emit(HealthNews(self._now.number, self._now.extent, problem=problem))

    @property
    def _is_void(self) -> bool:
        return self.stopping or self._now is None or self._now.number != self.wanted

    @Slot(object)
    @guarded
    def look(self, wanted: HealthWanted) -> None:
        """Look once."""
        self._now, self._told_at = wanted, 0.0
        if self._is_void:
            return
        started = time.monotonic()
        found: tuple[Finding, ...] = ()
        problem, left = None, None
        try:
            with closing(QueueReader(wanted.path, breath=self._breath)) as reader:
                self._reader = reader
                reader.open()
                check = HealthCheck(
                    reader, hearing=wanted.hearing, limits=wanted.limits, budget_s=_BUDGETS_S[wanted.extent]
                )
                try:
                    left = self._walk(check, reader, wanted)
                except ProblemError as error:
                    if error.problem.kind is not ProblemKind.INTERRUPTED:
                        raise
                    left = Left.STOPPED
                found = check.findings
        except ProblemError as error:
            problem = error.problem
        finally:
            self._reader = None
        if not self._is_void:
            took_s = time.monotonic() - started
            now = datetime.now()
            self.news.emit(HealthNews(wanted.number, wanted.extent, None, found, left, now, took_s, problem))

    def _walk(self, check: HealthCheck, reader: QueueReader, wanted: HealthWanted) -> Left | None:
        """Take the steps of a look, and return why it was left."""
        is_large = wanted.extent is Extent.UNASKED and _size(wanted.path) > UNASKED_BYTES
        writes = 0
        began = time.monotonic()
        for step in check.steps():
            if self._is_void or wanted.number <= self.stop_up_to:
                return Left.STOPPED
            if wanted.extent is Extent.UNASKED and not check.done:
                if is_large and step.text == "statuses":
                    return Left.LARGE
                writes += reader.check() is Change.CHANGED
                if step.text in _WALKS and writes >= BUSY_WRITES:
                    return Left.BUSY
                time.sleep(min(0.05, time.monotonic() - began))  # as long as it read: nobody waits for it
            self._tell(step, wanted)
            began = time.monotonic()
        return None

    def _tell(self, step: Step, wanted: HealthWanted) -> None:
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_EVERY_S:
            self._told_at = now
            self.news.emit(HealthNews(wanted.number, wanted.extent, step))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # opening it has told, or will
        return 0


class HealthDesk(QObject):
    """Lives in the window's thread; every method returns at once, but :meth:`end`.

    ``news`` carries HealthNews of the newest look, or None where another file is open, or none.
    """

    news = Signal(object)

    _look_wanted = Signal(object)

    def __init__(self, parent: QObject | None = None, breath: Breath | None = None) -> None:
        super().__init__(parent)
        self._path: Path | None = None
        self._is_over = False
        self._watch = HealthWatch(breath)
        self._thread = WorkerThread("health", self._watch)
        self._look_wanted.connect(self._watch.look)
        self._watch.news.connect(self._on_watch_news)
        self.is_looking = False

    @property
    def path(self) -> Path | None:
        """The file that is open."""
        return self._path

    def open_file(self, path: Path) -> None:
        """Look at this file from now on, when asked."""
        self.close_file()
        self._path = path

    def close_file(self) -> None:
        """Look at no file."""
        self._path = None
        self.is_looking = False
        self._watch.wanted += 1
        self._watch.interrupt()
        self.news.emit(None)

    def look(self, extent: Extent, hearing: Hearing, limits: Thresholds) -> None:
        """Look in place of the look before; what it finds comes by ``news``."""
        if self._path is None or self._is_over:
            return
        self._watch.wanted += 1
        self._watch.interrupt()
        self.is_looking = True
        if not self._thread.isRunning():
            self._thread.start(QThread.Priority.LowPriority)
        self._look_wanted.emit(HealthWanted(self._watch.wanted, self._path, extent, hearing, limits))

    def stop(self) -> None:
        """Have the look end; what it found by then is told."""
        self._watch.stop_up_to = self._watch.wanted

    def _on_watch_news(self, news: HealthNews) -> None:
        if news.number == self._watch.wanted and not self._is_over:
            self.is_looking = news.step is not None
            self.news.emit(news)

    def ask_to_end(self) -> None:
        """Have the thread end after what it is at; nothing is heard of it afterwards."""
        self._is_over = True
        self.blockSignals(True)
        self._watch.wanted += 1
        if self._thread.isRunning():
            self._thread.ask_to_end()

    def end(self, deadline: float) -> None:
        """Wait until it has ended; ``deadline`` in ``time.monotonic()`` seconds."""
        if self._thread.isRunning():
            self._thread.end(deadline)
