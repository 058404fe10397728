"""What runs a task: handlers by type, and what a handler is given.

A handler is a function of one argument, a :class:`TaskContext`. What it returns (JSON) is kept in
the task's log; what it raises decides between another attempt (any error) and none (PermanentError).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prismq_gui.queue.exceptions import TaskCancelled, TaskTimeout

Handler = Callable[["TaskContext"], Any]
LogWriter = Callable[[str, str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Registration:
    """A handler and how long it may take in seconds (None: as long as it renews its lease)."""

    handler: Handler
    timeout_s: float | None


class HandlerRegistry:
    """Handlers by task type."""

    def __init__(self) -> None:
        self._handlers: dict[str, Registration] = {}

    def add(self, type: str, handler: Handler, *, timeout_s: float | None = None) -> None:
        """Register a handler for a type.

        Raises:
            ValueError: The type has one already, or the timeout isn't positive.
        """
        if type in self._handlers:
            raise ValueError(f"the type {type!r} has a handler already")
        if timeout_s is not None and not timeout_s > 0:
            raise ValueError(f"timeout_s must be positive, not {timeout_s!r}")
        self._handlers[type] = Registration(handler, timeout_s)

    def task(self, type: str, *, timeout_s: float | None = None) -> Callable[[Handler], Handler]:
        """Register the decorated function as the handler of a type."""

        def register(handler: Handler) -> Handler:
            self.add(type, handler, timeout_s=timeout_s)
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
    """What a handler is given. Lives in the handler's thread; ``stopping`` and ``lost`` are set from others."""

    task_id: int
    type: str
    payload: Any
    attempt: int
    max_attempts: int
    worker_id: str
    write: LogWriter
    deadline: float | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)

    def log(self, message: str, level: str = "INFO", **details: Any) -> None:  # noqa: ANN401 (any JSON)
        """Add a line to the task's log, committed at once."""
        self.write(level, message, details)

    def check(self) -> None:
        """Raise where the handler should end: call it between steps of long work.

        Timeouts are cooperative: a thread can't be ended from outside, and one that is abandoned
        would go on working on a task that is someone else's.

        Raises:
            TaskTimeout: The time for this task is over.
            TaskCancelled: The lease was lost, or the worker must stop now.
        """
        if self.lost.is_set():
            raise TaskCancelled("the lease was lost")
        if self.stopping.is_set():
            raise TaskCancelled("the worker is stopping")
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise TaskTimeout(f"{self.type} took longer than allowed")

    def wait(self, seconds: float) -> None:
        """Wait, ending early with check()'s errors."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            self.stopping.wait(min(left, 0.1))
        self.check()
