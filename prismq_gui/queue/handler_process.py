"""A handler in a process of its own: started when first needed, used again, ended when it must.

What can't be done to a thread is done here: a handler that takes too long, is cancelled, or whose
lease was lost is ended by force. A process that dies is its task's failure, never the worker's.
Each object belongs to one thread. Works by ``spawn`` everywhere; nothing is inherited but the pipe.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import pickle
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from prismq_gui.queue.handler_child import Job, Told, Word, main
from prismq_gui.queue.handler_group import HandlerGroup
from prismq_gui.queue.handlers import Registration, TaskContext
from prismq_gui.queue.logs import LONGEST_TEXT_BYTES, LogLine
from prismq_gui.queue.outcomes import Completed, Ended, Failed, Outcome

GLANCE_S = 0.05  # how often the events of the task are looked at
START_LIMIT_S = 120.0  # for the interpreter and the handler's imports, on a slow disk with a virus scanner
LAST_CHANCE_S = 0.5  # from the wish to the force: a handler that checks ends by itself
KILL_AFTER_S = 3.0  # from SIGTERM to SIGKILL; Windows has the hard way only
LARGEST_MESSAGE = 8 * LONGEST_TEXT_BYTES
_GUARD_HINT = (
    " (its error is on the worker's standard error; does the main program stand behind __name__ == '__main__'?)"
)


def pickled(registration: Registration) -> bytes:
    """Return what the child needs of a registration.

    Raises:
        ValueError: The handler can't be found by name in another process.
    """
    try:
        return pickle.dumps((registration.handler, registration.permanent))
    except Exception as error:
        raise ValueError(
            f"the handler {registration.handler!r} can't run in a process of its own: it must be a function at the "
            f"top of a module that can be imported ({error})"
        ) from error


def refuse_in_import() -> None:
    """Refuse to work in a handler's process that is only just importing the main program, and so runs it anew.

    Raises:
        RuntimeError: It is. Without this, each such process would be a worker more, that can't run its handlers.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(
            "A worker was started while the process of a handler imported the main program. Nothing was claimed. "
            "Put the start of the worker behind: if __name__ == '__main__':"
        )


class HandlerProcess:
    """One child process, and the runs in it; ``run`` and ``close`` belong to one thread."""

    def __init__(self, is_stopping: Callable[[], bool]) -> None:
        self._is_stopping = is_stopping
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._group = HandlerGroup()
        self._has_started = False  # its main program was imported: it has said so

    def run(self, registration: Registration, context: TaskContext, payload: str) -> Outcome:
        """Run a handler to its end, or end it; always returns an outcome.

        Args:
            registration: What to run.
            context: The task; its events are looked at, its lines are written to.
            payload: The task's payload, JSON text.
        """
        job = Job(
            pickled(registration), context.task_id, context.type, payload, context.attempt, context.max_attempts,
            context.worker_id, registration.timeout_s,
        )  # fmt: skip
        try:
            pipe = self._started()
        except (OSError, EOFError, RuntimeError) as error:
            self.close()
            return Failed(f"HandlerCrashed: no process could be started for '{context.type}': {error}")
        try:
            pipe.send(job)
            return _Run(self, pipe, job, context, self._is_stopping).watch()
        except (OSError, EOFError, ValueError):
            return self._died(context)

    def is_alive(self) -> bool:
        """Whether there is a process that runs."""
        return self._process is not None and self._process.is_alive()

    def close(self) -> None:
        """End the process, politely where it is idle; does nothing where there is none."""
        process, pipe, self._process, self._pipe = self._process, self._pipe, None, None
        if pipe is not None:
            pipe.close()  # the child sees the end of the pipe
        if process is not None and process.pid is not None:
            process.join(KILL_AFTER_S)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        self._group.let_go()

    def end(self) -> None:
        """End the process and what it has started by force: SIGTERM, then SIGKILL; on Windows at once."""
        process = self._process
        if process is not None:
            if process.is_alive():
                self._group.terminate()
                process.terminate()
                process.join(KILL_AFTER_S)
            self._group.kill()
            process.kill()
            process.join()
        self.close()

    def has_started(self) -> None:
        """Note that the process runs handlers now, and on POSIX leads a group of its own."""
        self._has_started = True
        if self._process is not None:
            self._group.leads(self._process)

    def _started(self) -> Connection:
        if self._pipe is not None and self.is_alive():
            return self._pipe
        self.close()
        self._has_started = False
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._pipe = ours
        self._process = context.Process(target=main, args=(theirs,), name="prismq-handler")
        try:
            self._process.start()
            self._group.adopt(self._process)
        finally:
            theirs.close()
        return ours

    def _died(self, context: TaskContext) -> Outcome:
        """Return what to say of a process that ended by itself."""
        process = self._process
        code, had_started = None, self._has_started
        if process is not None:
            process.join(KILL_AFTER_S)
            code = process.exitcode
            self.end()  # the pipe may be closed and the process go on, or what it has started
        if code in _BY_SIGNAL:
            # Whoever ends the worker may have ended this process first: wait whether it is so.
            context.stopping.wait(LAST_CHANCE_S)
        if context.stopping.is_set():
            return Ended("TaskCancelled: the worker is stopping")
        when = "ended by itself" if had_started else f"ended before its handler could start{_GUARD_HINT}"
        return Failed(f"HandlerCrashed: the process of '{context.type}' {when}: {exit_words(code)}")


class _Run:
    """One run, watched: messages one way, words the other, and the limits of time."""

    def __init__(
        self, owner: HandlerProcess, pipe: Connection, job: Job, context: TaskContext, is_stopping: Callable[[], bool]
    ) -> None:
        self._owner = owner
        self._pipe = pipe
        self._job = job
        self._context = context
        self._is_stopping = is_stopping
        self._said: set[Word] = set()
        self._limit = time.monotonic() + START_LIMIT_S
        self._has_started = False
        self._end_at: float | None = None

    def watch(self) -> Outcome:
        """Return what the run came to.

        Raises:
            EOFError, OSError: The process died.
            ValueError: It sent what is no message.
        """
        while True:
            if self._pipe.poll(GLANCE_S):
                outcome = self._hear(json.loads(self._pipe.recv_bytes(LARGEST_MESSAGE)))
                if outcome is not None:
                    return outcome
            elif not self._owner.is_alive() and not self._pipe.poll(0):
                raise EOFError
            outcome = self._look()
            if outcome is not None:
                return outcome

    def _hear(self, message: dict[str, Any]) -> Outcome | None:
        kind = message.get("kind")
        if kind == "log":
            details = json.loads(message["details"]) if message["details"] else {}
            self._context.lines.add(LogLine(message["at_utc"], message["level"], message["message"], details))
        elif kind == "started":
            self._has_started = True
            self._owner.has_started()
            timeout_s = self._job.timeout_s
            self._limit = float("inf") if timeout_s is None else time.monotonic() + timeout_s + LAST_CHANCE_S
        elif kind == "completed":
            return Completed(json.loads(message["result"]).get("result"))
        elif kind == "cancelled":
            return Ended(message["error"], message["trace"])
        elif kind == "failed":
            return Failed(message["error"], message["trace"], message["permanent"])
        return None

    def _look(self) -> Outcome | None:
        """Pass on what the context's events say, and use force where words did not help."""
        context, now = self._context, time.monotonic()
        if context.stopping.is_set():
            self._say(Word.STOPPING)
        for wanted, word in (
            (context.lost.is_set(), Word.LOST),
            (context.cancelled.is_set(), Word.CANCELLED),
            (self._is_stopping(), Word.GIVE_BACK),
        ):
            if wanted:
                self._say(word)
                self._end_at = self._end_at or now + LAST_CHANCE_S
        if self._end_at is not None and now >= self._end_at:
            self._owner.end()
            return Ended(f"TaskCancelled: the process of '{context.type}' was ended")
        if now >= self._limit:
            self._owner.end()
            what = f"took longer than {self._job.timeout_s:g} s" if self._has_started else "did not start in time"
            return Failed(f"TaskTimeout: {context.type} {what}; its process was ended")
        return None

    def _say(self, word: Word) -> None:
        if word not in self._said and self._has_started:
            self._said.add(word)
            self._pipe.send(Told(self._job.task_id, self._job.attempt, word, self._context.cancel_request))


_BY_SIGNAL = (-2, -15, 143, 0xC000013A, -1073741510)  # Ctrl-C and SIGTERM; STATUS_CONTROL_C_EXIT both ways of writing


def exit_words(code: int | None) -> str:
    """Return in words how a process ended."""
    if code is None:
        return "its exit code is unknown"
    if code < 0 and sys.platform != "win32":
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name} (exit code {code})"
    return f"exit code {code}" if abs(code) < 65536 else f"exit code {code} (0x{code & 0xFFFFFFFF:08X})"
