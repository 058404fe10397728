"""A worker: claims, runs handlers, records what became of each task.

At least once: a task whose worker dies between the work and its record runs again. Owns the loop
and its graceful end; the writes stand in ``settling``, the claim in ``claiming``.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from prismq_gui.queue import settling
from prismq_gui.queue.claiming import ClaimedTask, Claimer
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import LeaseLost, PermanentError, QueueBusyError, TaskCancelled
from prismq_gui.queue.handlers import HandlerRegistry, Registration, TaskContext
from prismq_gui.queue.heartbeat import Keeper, beat
from prismq_gui.queue.retry import RetryPolicy


def new_worker_id() -> str:
    """Return an id that no other worker has: host, process, and six random hex digits."""
    return f"{socket.gethostname()}-{os.getpid()}-{random.getrandbits(24):06x}"


def install_signal_handlers(stop: threading.Event) -> None:
    """Set the event on Ctrl-C, SIGTERM and Windows' Ctrl-Break; a second one ends the process at once."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise SystemExit(128 + number)
        stop.set()

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), on_signal)


class QueueWorker:
    """One worker on one queue file; ``run`` belongs to one thread.

    Args:
        path: The queue file.
        registry: The handlers; tasks of other types are left to other workers.
        worker_id: Its name in ``locked_by``; None makes a unique one.
        capabilities: What it offers, see :mod:`prismq_gui.queue.capabilities`.
        lease_seconds: How long a task stays its own without a sign of life.
        poll_interval_s: How long it waits when there is nothing to do (± a quarter).
        retry: How long to wait before the next attempt.
        types: Which types it claims; None means those that have a handler.

    Raises:
        ValueError: There is no type to claim.
    """

    def __init__(
        self,
        path: str | Path | None,
        registry: HandlerRegistry,
        *,
        worker_id: str | None = None,
        capabilities: Mapping[str, Any] | None = None,
        lease_seconds: float = 60.0,
        poll_interval_s: float = 0.5,
        retry: RetryPolicy | None = None,
        types: Sequence[str] | None = None,
    ) -> None:
        self._db = QueueDatabase(path)
        self._registry = registry
        self.worker_id = worker_id or new_worker_id()
        self.capabilities = dict(capabilities or {})
        self._lease_seconds = lease_seconds
        self._poll_interval_s = poll_interval_s
        self._retry = retry or RetryPolicy()
        self._types = tuple(types) if types is not None else registry.types()
        if not self._types:
            raise ValueError("the registry has no handlers: a worker without any would claim nothing")
        self._claimer = Claimer(self._db)
        self._keeper: Keeper | None = None
        self._stop = threading.Event()

    def run(self, stop: threading.Event | None = None, *, until_empty: bool = False) -> int:
        """Work until the event is set (or, with ``until_empty``, nothing is due) and return how many tasks were run.

        The running handler is told to stop through its context; what it leaves undone is given back.
        """
        self._stop = stop or threading.Event()
        self._db.initialize_schema()
        beat(self._db, self.worker_id, self.capabilities)
        self._keeper = Keeper(self._db.db_path, self.worker_id, self.capabilities, self._lease_seconds)
        self._keeper.start()
        ran = 0
        try:
            while not self._stop.is_set():
                if self.run_once():
                    ran += 1
                elif until_empty:
                    break
                else:
                    self._stop.wait(self._poll_interval_s * random.uniform(0.75, 1.25))  # noqa: S311
        finally:
            self._keeper.stop()
            self._keeper = None
            self._db.close()
        return ran

    def run_once(self) -> bool:
        """Claim and run one task; False where nothing was due (or the file was busy)."""
        try:
            task = self._claimer.claim(self.worker_id, self.capabilities, self._lease_seconds, self._types)
        except QueueBusyError as error:
            print(f"{self.worker_id}: {error} Trying again.", file=sys.stderr)
            return False
        if task is None:
            return False
        try:
            self._run(task)
        except LeaseLost as error:
            print(f"{self.worker_id}: {error}", file=sys.stderr)
        return True

    def close(self) -> None:
        """Close the database (``run`` does it by itself)."""
        self._db.close()

    def _run(self, task: ClaimedTask) -> None:
        settling.start(self._db, task)
        registration = self._registry.get(task.type)
        if registration is None:
            settling.fail(self._db, task, f"PermanentError: no handler for the type {task.type!r}")
            return
        try:
            payload = json.loads(task.payload)
        except (TypeError, ValueError, RecursionError) as error:
            settling.fail(self._db, task, f"PermanentError: the payload is not JSON ({error})")
            return
        self._handle(task, registration, payload)

    def _handle(self, task: ClaimedTask, registration: Registration, payload: object) -> None:
        context = self._context(task, registration, payload)
        if self._keeper is not None:
            self._keeper.hold(task, context.lost)
        try:
            result = registration.handler(context)
            settle: Callable[[], None] = lambda: settling.complete(self._db, task, result)  # noqa: E731
        except TaskCancelled as error:
            why = str(error)
            settle = lambda: settling.release(self._db, task, why)  # noqa: E731
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 (whatever a handler raises is its task's failure)
            text, trace = _error_text(error), traceback.format_exc()
            permanent = isinstance(error, PermanentError)
            settle = lambda: self._fail(task, text, trace, permanent=permanent)  # noqa: E731
        finally:
            if self._keeper is not None:
                self._keeper.let_go()
        settle()

    def _context(self, task: ClaimedTask, registration: Registration, payload: object) -> TaskContext:
        limit = registration.timeout_s
        return TaskContext(
            task_id=task.id,
            type=task.type,
            payload=payload,
            attempt=task.attempt,
            max_attempts=task.max_attempts,
            worker_id=self.worker_id,
            write=lambda level, message, details: settling.write_task_log(self._db, task.id, level, message, details),
            deadline=None if limit is None else time.monotonic() + limit,
            stopping=self._stop,
        )

    def _fail(self, task: ClaimedTask, error: str, trace: str, *, permanent: bool) -> None:
        if permanent:
            settling.fail(self._db, task, error, trace)
        elif task.attempt >= task.max_attempts:
            settling.bury(self._db, task, error, trace)
        else:
            settling.retry_later(self._db, task, error, self._retry.delay(task.attempt), trace)


def _error_text(error: BaseException) -> str:
    text = str(error)
    name = type(error).__name__
    return f"{name}: {text}" if text else name
