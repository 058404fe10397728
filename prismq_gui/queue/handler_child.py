"""The inside of a handler's own process: takes jobs from the worker, runs them, sends back what happened.

Opens no queue file. Ends when the worker does, however that ends: the pipe to it closes.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection
from queue import SimpleQueue
from types import FrameType
from typing import Any

from prismq_gui.queue.exceptions import TaskCancelled
from prismq_gui.queue.handler_group import ENDED_BY_WORKER, kill_own_group
from prismq_gui.queue.handlers import TaskContext, running
from prismq_gui.queue.logs import LogBuffer, LogLine, as_json, shorten
from prismq_gui.queue.outcomes import error_text, is_permanent

FLUSH_INTERVAL_S = 1.0


class Word(Enum):
    """What the worker says to a running handler."""

    STOPPING = "stopping"
    GIVE_BACK = "give back"
    CANCELLED = "cancelled"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one handler. That and its permanent errors are pickled: a failing import is the task's failure."""

    handler: bytes
    task_id: int
    type: str
    payload: str
    attempt: int
    max_attempts: int
    worker_id: str
    timeout_s: float | None


@dataclass(frozen=True, slots=True)
class Told:
    """A word about one task: a late one must not reach the next."""

    task_id: int
    attempt: int
    word: Word
    request: str = ""


class _Child:
    """Runs jobs one at a time in the main thread, while another thread listens to the worker."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._sending = threading.Lock()
        self._is_busy = False
        self._context: TaskContext | None = None
        self._give_back = threading.Event()

    def serve(self) -> None:
        threading.Thread(target=self._listen, name="worker-watch", daemon=True).start()
        while (job := self._jobs.get()) is not None:
            self._run(job)

    def _listen(self) -> None:
        try:
            while True:
                if not self._connection.poll(FLUSH_INTERVAL_S):
                    if (context := self._context) is not None:
                        context.lines.flush()
                    continue
                said = self._connection.recv()
                if isinstance(said, Job):
                    self._is_busy = True
                    self._jobs.put(said)
                elif isinstance(said, Told):
                    self._obey(said)
        except (EOFError, OSError):
            if self._is_busy:
                kill_own_group()  # the worker is gone: nobody wants the result, and its task will be someone else's
            self._jobs.put(None)

    def _obey(self, told: Told) -> None:
        context = self._context
        if context is None or (context.task_id, context.attempt) != (told.task_id, told.attempt):
            return
        if told.word is Word.STOPPING:
            context.stopping.set()
        elif told.word is Word.GIVE_BACK:
            self._give_back.set()
        elif told.word is Word.LOST:
            context.lost.set()
        else:
            context.cancel(told.request)

    def _run(self, job: Job) -> None:
        self._give_back = threading.Event()
        permanent: tuple[type[BaseException], ...] = ()
        context = self._make_context(job)
        try:
            context.payload = json.loads(job.payload)
            handler, permanent = pickle.loads(job.handler)  # noqa: S301 (from our own worker)
            context.deadline = None if job.timeout_s is None else time.monotonic() + job.timeout_s
            self._context = context
            self._send({"kind": "started"})
            with running(context):
                result = handler(context)
            done: dict[str, Any] = {"kind": "completed", "result": as_json({"result": result})}
        except TaskCancelled as error:
            done = {"kind": "cancelled", "error": shorten(error_text(error)), "trace": shorten(traceback.format_exc())}
        except BaseException as error:  # noqa: BLE001 (sys.exit() in a handler is its task's failure too)
            if isinstance(error, _Terminated):
                os._exit(ENDED_BY_WORKER)
            done = {
                "kind": "failed", "error": shorten(error_text(error)), "trace": shorten(traceback.format_exc()),
                "permanent": is_permanent(error, permanent),
            }  # fmt: skip
        context.lines.flush()
        self._context, self._is_busy = None, False
        self._send(done)

    def _make_context(self, job: Job) -> TaskContext:
        return TaskContext(
            task_id=job.task_id,
            type=job.type,
            payload=None,
            attempt=job.attempt,
            max_attempts=job.max_attempts,
            worker_id=job.worker_id,
            lines=LogBuffer(self._send_lines),
            is_over=self._give_back.is_set,
        )

    def _send_lines(self, lines: Sequence[LogLine]) -> None:
        for line in lines:
            self._send({
                "kind": "log", "at_utc": line.at_utc, "level": shorten(str(line.level), 1000),
                "message": shorten(str(line.message)), "details": as_json(line.details) if line.details else None,
            })  # fmt: skip

    def _send(self, message: dict[str, Any]) -> None:
        """Send as JSON: the worker unpickles nothing that a handler may have made."""
        with self._sending, contextlib.suppress(OSError):  # the worker is gone: the listener ends the process
            self._connection.send_bytes(json.dumps(message).encode("utf-8"))


class _Terminated(BaseException):
    """Raised in the handler by SIGTERM, so that its ``finally`` blocks run before the process is killed."""


def _on_terminate(_number: int, _frame: FrameType | None) -> None:
    raise _Terminated


def main(connection: Connection) -> None:
    """Run jobs until the worker closes the connection. The whole life of the process."""
    # Ctrl-C reaches every program of a console: what becomes of the task is the worker's decision.
    for name in ("SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if sys.platform != "win32":
        os.setsid()  # a group of its own: what the handler has started can be ended with it
        os.set_inheritable(connection.fileno(), False)  # else a grandchild would keep the pipe open
        signal.signal(signal.SIGTERM, _on_terminate)
    try:
        _Child(connection).serve()
    except _Terminated:
        os._exit(ENDED_BY_WORKER)
