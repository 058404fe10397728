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
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from prismq_gui.queue import settling
from prismq_gui.queue.claiming import ClaimedTask, Claimer
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import (
    LeaseLost,
    PermanentError,
    QueueBusyError,
    QueueDatabaseError,
    QueueSchemaError,
    TaskCancelled,
)
from prismq_gui.queue.handlers import HandlerRegistry, Registration, TaskContext
from prismq_gui.queue.heartbeat import Keeper, beat
from prismq_gui.queue.retry import RetryPolicy

LONGEST_WAIT_S = 10.0  # between tries on a file that can't be written


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
        A file that can't be written for a while (busy, disk full) is told and tried again.

        Raises:
            QueueSchemaError: The file lacks a table or column.
            QueueDatabaseError: The file can't be opened at the start, or was deleted or replaced since.
        """
        self._stop = stop or threading.Event()
        keeper = None
        try:
            self._db.initialize_schema()
            beat(self._db, self.worker_id, self.capabilities)
            self._keeper = keeper = Keeper(
                self._db.db_path, self.worker_id, self.capabilities, self._lease_seconds, self._db.is_same_file
            )
            keeper.start()
            return self._loop(keeper, until_empty)
        finally:
            if keeper is not None:
                keeper.stop()
            self._keeper = None
            self._db.close()

    def _loop(self, keeper: Keeper, until_empty: bool) -> int:
        ran, wait_s = 0, self._poll_interval_s
        while not self._stop.is_set():
            if keeper.file_gone.is_set():
                raise QueueDatabaseError(
                    f"The queue {self._db.db_path} was deleted or replaced while {self.worker_id} had it open. "
                    "No further task was claimed. Start the worker again once the file is in its place."
                )
            try:
                if self._claim_and_run():
                    ran, wait_s = ran + 1, self._poll_interval_s
                    continue
                if until_empty:
                    break
                wait_s = self._poll_interval_s
            except QueueSchemaError:
                raise
            except QueueDatabaseError as error:
                self._tell(f"{error} Trying again.")
                wait_s = min(LONGEST_WAIT_S, max(wait_s, 0.05) * 2)
            self._stop.wait(wait_s * random.uniform(0.75, 1.25))  # noqa: S311 (spread, not secrecy)
        return ran

    def run_once(self) -> bool:
        """Claim and run one task; False where nothing was due (or the file was busy).

        Alone, without ``run``, nothing renews the lease meanwhile.
        """
        try:
            return self._claim_and_run()
        except QueueBusyError as error:
            self._tell(f"{error} Trying again.")
            return False

    def _claim_and_run(self) -> bool:
        task = self._claimer.claim(self.worker_id, self.capabilities, self._lease_seconds, self._types)
        if task is None:
            return False
        try:
            self._run(task)
        except LeaseLost as error:
            self._tell(str(error))
        return True

    def _tell(self, words: str) -> None:
        print(f"{self.worker_id}: {words}", file=sys.stderr)

    def _record(self, task: ClaimedTask, settle: Callable[[], None]) -> None:
        """Record what became of a task, trying for as long as its lease may last: the work is done already.

        Raises:
            LeaseLost: The task isn't this worker's any more, or could not be recorded until its lease ended.
        """
        deadline, wait_s = time.monotonic() + self._lease_seconds, 0.05
        while True:
            try:
                return settle()
            except LeaseLost:
                raise
            except QueueDatabaseError as error:
                if time.monotonic() >= deadline:
                    raise LeaseLost(
                        f"Task {task.id}: what became of attempt {task.attempt} could not be recorded, "
                        f"so it runs again once its lease has ended. {error}"
                    ) from error
                self._tell(f"task {task.id}: {error} Trying again.")
            time.sleep(wait_s)
            wait_s = min(2.0, wait_s * 2)

    def close(self) -> None:
        """Close the database (``run`` does it by itself)."""
        self._db.close()

    def _run(self, task: ClaimedTask) -> None:
        self._record(task, lambda: settling.start(self._db, task))
        registration = self._registry.get(task.type)
        if registration is None:
            self._refuse(task, f"no handler for the type {task.type!r}")
            return
        if isinstance(task.payload, bytes):
            self._refuse(task, "the payload is not JSON (it is not UTF-8 text)")
            return
        try:
            payload = json.loads(task.payload)
        except (ValueError, RecursionError) as error:
            self._refuse(task, f"the payload is not JSON ({error})")
            return
        self._handle(task, registration, payload)

    def _refuse(self, task: ClaimedTask, why: str) -> None:
        self._record(task, lambda: settling.fail(self._db, task, f"PermanentError: {why}"))

    def _handle(self, task: ClaimedTask, registration: Registration, payload: object) -> None:
        context = self._context(task, registration, payload)
        if self._keeper is not None:
            self._keeper.hold(task, context.lost)
        try:
            self._record(task, self._outcome(task, registration, context))
        finally:
            if self._keeper is not None:
                self._keeper.let_go()

    def _outcome(self, task: ClaimedTask, registration: Registration, context: TaskContext) -> Callable[[], None]:
        """Run the handler and return what is to be recorded."""
        try:
            result = registration.handler(context)
        except TaskCancelled as error:
            return partial(settling.release, self._db, task, str(error))
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 (whatever a handler raises is its task's failure)
            permanent = isinstance(error, PermanentError)
            return partial(self._fail, task, _error_text(error), traceback.format_exc(), permanent=permanent)
        return partial(settling.complete, self._db, task, result)

    def _write_log(self, task: ClaimedTask, level: str, message: str, details: Mapping[str, Any]) -> None:
        """Add a handler's line; one that can't be written is told, and never becomes the task's failure."""
        try:
            settling.write_task_log(self._db, task.id, level, message, details)
        except QueueDatabaseError as error:
            self._tell(f"task {task.id}: a log line was lost. {error}")

    def _context(self, task: ClaimedTask, registration: Registration, payload: object) -> TaskContext:
        limit = registration.timeout_s
        return TaskContext(
            task_id=task.id,
            type=task.type,
            payload=payload,
            attempt=task.attempt,
            max_attempts=task.max_attempts,
            worker_id=self.worker_id,
            write=partial(self._write_log, task),
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
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 (an error of a handler's library may not even tell itself)
        return f"{name}: its message can't be read"
    return f"{name}: {text}" if text else name
