"""Carrying out what the window asks about in depth: a thread a kind, the newest wish wins.

Owns those threads and their readers, each open only while a wish is read. Must not know what is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, QThread, QTimer, Signal, Slot

from prismq_gui.insight.breath import Breath
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.polling.listening import Listening
from prismq_gui.polling.look_wishes import LookKind, TaskWish, Wish, WorkWish
from prismq_gui.polling.threads import Worker, WorkerThread, guarded


@dataclass(frozen=True, slots=True)
class LookRequest:
    """One wish on one file; ``number`` tells it from older ones of its kind."""

    number: int
    path: Path
    wish: Wish


@dataclass(frozen=True, slots=True)
class Look:
    """An answer, or a part of one; ``done`` says that no more comes."""

    kind: LookKind
    number: int
    answer: object
    done: bool = False


@dataclass(frozen=True, slots=True)
class LookFailed:
    """A wish that ended by an error; what it had told stays true."""

    kind: LookKind
    number: int
    problem: Problem


class Looker(Worker):
    """Lives in a thread of its own. ``told`` carries Look, ``failed`` LookFailed."""

    told = Signal(object)
    failed = Signal(object)

    def __init__(self, kind: LookKind, breath: Breath | None) -> None:
        super().__init__()
        self.newest = 0  # written in the window's thread: wishes of other numbers are void
        self._kind = kind
        self._breath = breath
        self._request: LookRequest | None = None
        self._reader: QueueReader | None = None
        self._steps: Iterator[object] | None = None
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._on_timer_timeout)

    def interrupt(self) -> None:
        """End the running statement; callable from any thread."""
        reader = self._reader
        if reader is not None:
            reader.interrupt()

    def tell_failure(self, problem: Problem) -> None:
        """Tell that a wish ended by an error, unless a newer one made it void."""
        request = self._request
        self.close()
        if request is None or not self._is_void(request):
            number = request.number if request is not None else self.newest
            self.failed.emit(LookFailed(self._kind, number, problem))

    def close(self) -> None:
        """End what is read and close the file; in this thread."""
        self._timer.stop()
        self._steps, self._request = None, None
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _is_void(self, request: LookRequest) -> bool:
        return self.stopping or request.number != self.newest

    @Slot(object)
    @guarded
    def look(self, request: LookRequest) -> None:
        """Read what is wished in place of the wish before."""
        self.close()
        if self._is_void(request):
            return
        self._request = request
        self._reader = QueueReader(request.path, breath=self._breath)
        self._reader.open()
        self._steps = request.wish.steps(self._reader, lambda: self._is_void(request))
        self._timer.start()

    @Slot()
    @guarded
    def leave(self) -> None:
        """Close the file if nothing is wished of it any more."""
        if self._request is not None and self._is_void(self._request):
            self.close()

    @Slot()
    @guarded
    def _on_timer_timeout(self) -> None:
        """Take steps until one has something to tell, then let the thread hear what else is wished."""
        request, steps = self._request, self._steps
        if request is None or steps is None:
            return
        try:
            for answer in steps:
                if self._is_void(request):
                    break
                if answer is not None:
                    self.told.emit(Look(self._kind, request.number, answer))
                    self._timer.start()
                    return
        except ProblemError as error:
            if error.problem.kind is not ProblemKind.INTERRUPTED or not self._is_void(request):
                raise
        self.close()
        if not self._is_void(request):
            self.told.emit(Look(self._kind, request.number, None, done=True))


class LookDesk(QObject):
    """Lives in the window's thread; every method returns at once, but :meth:`end`.

    ``told`` carries Look and ``failed`` LookFailed, of the newest wish of a kind alone. ``paused`` is for whoever asks
    again by itself: it should not.
    """

    told = Signal(object)
    failed = Signal(object)
    _wanted_task = Signal(object)
    _wanted_next = Signal(object)
    _wanted_work = Signal(object)
    _wanted_save = Signal(object)
    _leave_wanted = Signal()

    def __init__(
        self, breath: Breath | None = None, parent: QObject | None = None, listening: Listening | None = None
    ) -> None:
        super().__init__(parent)
        self.listening = listening or Listening()
        self.paused = False
        self._path: Path | None = None
        self._is_over = False
        self._lookers = {kind: Looker(kind, breath) for kind in LookKind}
        self._threads = {kind: WorkerThread(kind.value, looker) for kind, looker in self._lookers.items()}
        self._wanted = {
            LookKind.TASK: self._wanted_task,
            LookKind.NEXT: self._wanted_next,
            LookKind.WORK: self._wanted_work,
            LookKind.SAVE: self._wanted_save,
        }
        for kind, looker in self._lookers.items():
            self._wanted[kind].connect(looker.look)
            self._leave_wanted.connect(looker.leave)
            looker.told.connect(self._on_looker_told)
            looker.failed.connect(self._on_looker_failed)

    @property
    def is_open(self) -> bool:
        """Whether there is a file to look at."""
        return self._path is not None and not self._is_over

    def open_file(self, path: Path) -> None:
        """Look at this file from now on."""
        self.close_file()
        self._path = path

    def close_file(self) -> None:
        """Look at no file; what is read for the one before is void."""
        self._path = None
        for kind in LookKind:
            self._void(kind)
        if any(thread.isRunning() for thread in self._threads.values()):
            self._leave_wanted.emit()

    def ask(self, wish: Wish) -> int:
        """Have something read in place of the last wish of its kind; return its number, 0 without a file."""
        kind = wish.kind
        self._void(kind)
        if self._path is None or self._is_over:
            return 0
        if isinstance(wish, TaskWish | WorkWish):
            wish = replace(wish, hearing=self.listening.look())
        thread, number = self._threads[kind], self._lookers[kind].newest
        if not thread.isRunning():
            thread.start(QThread.Priority.LowPriority)  # the window and the tables come first
        self._wanted[kind].emit(LookRequest(number, self._path, wish))
        return number

    def stop(self, kind: LookKind) -> None:
        """Stop what is read; nothing more is told of it."""
        self._void(kind)
        if self._threads[kind].isRunning():
            self._leave_wanted.emit()

    def _void(self, kind: LookKind) -> None:
        self._lookers[kind].newest += 1  # first, so that what is ended knows it is void
        self._lookers[kind].interrupt()

    def _on_looker_told(self, look: Look) -> None:
        if look.number == self._lookers[look.kind].newest and not self._is_over:
            self.told.emit(look)

    def _on_looker_failed(self, failure: LookFailed) -> None:
        if failure.number == self._lookers[failure.kind].newest and not self._is_over:
            self.failed.emit(failure)

    def ask_to_end(self) -> None:
        """Have all threads end after what they are at; nothing is heard of them afterwards."""
        self._is_over = True
        self.blockSignals(True)
        for kind, thread in self._threads.items():
            self._lookers[kind].newest += 1
            thread.ask_to_end()

    def end(self, deadline: float) -> None:
        """Wait until all have ended; ``deadline`` in ``time.monotonic()`` seconds."""
        for thread in self._threads.values():
            if thread.isRunning():
                thread.end(deadline)
