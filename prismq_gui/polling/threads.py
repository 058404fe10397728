"""The threads themselves: one event loop each, ended from outside, closing what it opened in itself.

The only place that makes a QThread. A thread is never destroyed while it runs: one that cannot be
ended in time is kept until the process ends.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from PySide6.QtCore import QObject, QThread, QTimer

from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind

_LOG = logging.getLogger(__name__)
_UNENDED: list[WorkerThread] = []  # destroying a running QThread aborts the process

P = ParamSpec("P")
W = TypeVar("W", bound="Worker")


class Worker(QObject):
    """An object that lives in a working thread; made in the window's thread, then moved.

    Only :meth:`interrupt` is called from outside, everything else by queued signals.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stopping = False  # set from outside, once; read between two statements

    def interrupt(self) -> None:
        """End the running statement; callable from any thread."""

    def close(self) -> None:
        """Close what was opened; called in the worker's thread when it ends."""

    def tell_failure(self, problem: Problem) -> None:
        """Hand an error that nothing expected to the window."""
        raise NotImplementedError


def guarded(slot: Callable[Concatenate[W, P], None]) -> Callable[Concatenate[W, P], None]:
    """Make a slot that loses no exception: each becomes a Problem that reaches the window."""

    @functools.wraps(slot)
    def guard(self: W, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            slot(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the last stop before Qt, which would only print it
            if not self.stopping:
                self.tell_failure(problem_of(error))

    return cast("Callable[Concatenate[W, P], None]", guard)


def problem_of(error: Exception) -> Problem:
    """Return what a person is told about an exception; unexpected ones are logged with their traceback."""
    if isinstance(error, ProblemError):
        return error.problem
    _LOG.error("unexpected error in a working thread", exc_info=error)
    return Problem(
        ProblemKind.FAILED,
        "Something in this program went wrong",
        "",
        "The file was not changed by it.",
        "What is shown may be old; open the file again. The log has the details.",
        type(error).__name__,
    )


class WorkerThread(QThread):
    """One thread with one worker."""

    def __init__(self, name: str, worker: Worker) -> None:
        super().__init__()
        self.setObjectName(name)
        self._worker = worker
        # Not QObject.thread(): PySide makes its result a child of the asked object, and deletes it with that
        # one when Python collects a cycle, and then the window's thread is a dangling pointer.
        self._home = QThread.currentThread()
        worker.moveToThread(self)

    def run(self) -> None:
        """Run the event loop, then close what the worker opened, in this same thread."""
        worker = self._worker
        try:
            self.exec()
        finally:
            for timer in worker.findChildren(QTimer):
                timer.stop()  # a timer can only be stopped by its own thread
            try:
                worker.close()
            except Exception:  # noqa: BLE001 - nobody is left to tell but the log
                _LOG.exception("a working thread could not close its file")
            worker.moveToThread(self._home)  # which will destroy it

    def ask_to_end(self) -> None:
        """Have it end after what it is at; at once where that can be interrupted."""
        self._worker.stopping = True
        self._worker.interrupt()
        self.quit()

    def end(self, deadline: float) -> bool:
        """Wait until it has ended, interrupting whatever starts meanwhile; return whether it has.

        Args:
            deadline: In ``time.monotonic()`` seconds.
        """
        while not self.wait(10):
            if time.monotonic() >= deadline:
                _UNENDED.append(self)
                _LOG.error("the thread %s did not end in time", self.objectName())
                return False
            self._worker.interrupt()
        return True


def alive() -> list[Any]:
    """Return the threads that could not be ended; for tests and the log."""
    return [thread for thread in _UNENDED if thread.isRunning()]
