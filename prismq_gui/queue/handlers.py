"""What runs a task: handlers by type, and what a handler is given.

A handler is a function of one argument, a :class:`TaskContext`. What it returns (JSON) is kept in
the task's log; what it raises decides between another attempt (any error) and none (PermanentError,
or an error registered as permanent).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

from prismq_gui.queue.exceptions import TaskCancelled, TaskTimeout
from prismq_gui.queue.logs import LogBuffer, LogLine
from prismq_gui.queue.retry import RetryPolicy
from prismq_gui.queue.timestamps import now_utc, utc_text

Handler = Callable[["TaskContext"], Any]
Isolation = Literal["thread", "process"]
ISOLATIONS: tuple[Isolation, ...] = ("thread", "process")
_current: ContextVar[TaskContext | None] = ContextVar("prismq_task", default=None)


@dataclass(frozen=True, slots=True)
class Registration:
    """A handler and how it is run.

    ``timeout_s`` None: as long as it takes. ``isolation`` and ``retry`` None: as its worker does by default.
    """

    handler: Handler
    timeout_s: float | None = None
    isolation: Isolation | None = None
    permanent: tuple[type[BaseException], ...] = ()
    retry: RetryPolicy | None = None


class HandlerRegistry:
    """Handlers by task type."""

    def __init__(self) -> None:
        self._handlers: dict[str, Registration] = {}

    def add(
        self,
        type: str,
        handler: Handler,
        *,
        timeout_s: float | None = None,
        isolation: Isolation | None = None,
        permanent: tuple[type[BaseException], ...] = (),
        retry: RetryPolicy | None = None,
    ) -> None:
        """Register a handler for a type.

        Args:
            type: The type of the tasks it runs.
            handler: The function.
            timeout_s: How long it may take: in a thread it ends at its next check, a process is ended.
            isolation: ``"thread"`` of the worker or a child ``"process"``; None leaves it to the worker.
            permanent: Errors after which no other attempt is made.
            retry: How long to wait before the next attempt; None leaves it to the worker.

        Raises:
            ValueError: The type has one already, the timeout isn't positive, or the isolation isn't known.
        """
        if type in self._handlers:
            raise ValueError(f"the type {type!r} has a handler already")
        if timeout_s is not None and not 0 < timeout_s < math.inf:
            raise ValueError(f"timeout_s must be positive, not {timeout_s!r}")
        if isolation is not None and isolation not in ISOLATIONS:
            raise ValueError(f"isolation must be one of {ISOLATIONS}, not {isolation!r}")
        self._handlers[type] = Registration(handler, timeout_s, isolation, permanent, retry)

    def task(
        self,
        type: str,
        *,
        timeout_s: float | None = None,
        isolation: Isolation | None = None,
        permanent: tuple[type[BaseException], ...] = (),
        retry: RetryPolicy | None = None,
    ) -> Callable[[Handler], Handler]:
        """Register the decorated function as the handler of a type; see :meth:`add`."""

        def register(handler: Handler) -> Handler:
            self.add(type, handler, timeout_s=timeout_s, isolation=isolation, permanent=permanent, retry=retry)
            return handler

        return register

    def get(self, type: str) -> Registration | None:
        """Return the registration of a type, or None."""
        return self._handlers.get(type)

    def types(self) -> tuple[str, ...]:
        """Return the types that have a handler, sorted."""
        return tuple(sorted(self._handlers))


@dataclass(slots=True)
class TaskContext:
    """What a handler is given. Lives in the handler's thread; the events are set from others.

    ``stopping`` tells that the worker wants to end: a handler may hurry, and is given its grace time.
    """

    task_id: int
    type: str
    payload: Any
    attempt: int
    max_attempts: int
    worker_id: str
    lines: LogBuffer
    deadline: float | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)
    is_over: Callable[[], bool] = lambda: False
    cancel_request: str = ""

    def log(self, message: str, level: str = "INFO", **details: Any) -> None:  # noqa: ANN401 (any JSON)
        """Add a line to the task's log, committed at once."""
        self.lines.add(LogLine(utc_text(now_utc()), str(level), str(message), details))

    def cancel(self, request: str) -> None:
        """Have the handler end at its next check, because of this request; called by the worker."""
        self.cancel_request = request
        self.cancelled.set()

    def check(self) -> None:
        """Raise where the handler should end: call it between steps of long work.

        In a thread, timeouts and cancelling are cooperative: a thread can't be ended from outside, and one
        that is abandoned would go on working on a task that is someone else's.

        Raises:
            TaskTimeout: The time for this task is over.
            TaskCancelled: The task is cancelled, its lease was lost, or the worker must give it back now.
        """
        if self.lost.is_set():
            raise TaskCancelled("the lease was lost")
        if self.cancelled.is_set():
            raise TaskCancelled(self.cancel_request or "the task is cancelled")
        if self.is_over():
            raise TaskCancelled("the worker is stopping")
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise TaskTimeout(f"{self.type} took longer than allowed")

    def wait(self, seconds: float) -> None:
        """Wait, ending early with check()'s errors."""
        end = time.monotonic() + seconds
        self.check()
        while (left := end - time.monotonic()) > 0:
            self.cancelled.wait(min(left, 0.1))
            self.check()


def current_context() -> TaskContext | None:
    """Return the context of the task that this thread runs, or None."""
    return _current.get()


@contextmanager
def running(context: TaskContext) -> Iterator[None]:
    """Make a context the current one of this thread for the block."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
