"""One claimed task, run to its record: started, its handler called, and what became of it written.

Owns the decision what an outcome means for the task. Used by one slot of a worker, in its thread;
the writes stand in ``settling`` and ``cancelling``.
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from prismq_gui.queue import cancelling, settling
from prismq_gui.queue.claimed import ClaimedTask
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import LeaseLost, QueueDatabaseError, TaskCancelled
from prismq_gui.queue.handler_process import HandlerProcess
from prismq_gui.queue.handlers import HandlerRegistry, Isolation, Registration, TaskContext, running
from prismq_gui.queue.heartbeat import Keeper
from prismq_gui.queue.logs import LogBuffer, LogLine, write_lines
from prismq_gui.queue.outcomes import Completed, Ended, Failed, Outcome, error_text, is_permanent
from prismq_gui.queue.retry import RetryPolicy
from prismq_gui.queue.signals import EndNow, Stopping

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a worker's slots agree on."""

    registry: HandlerRegistry
    isolation: Isolation
    lease_seconds: float
    retry: RetryPolicy
    tell: Callable[[str], None]
    log_lines: bool = True


Along = Callable[[Callable[[], object]], "ClaimedTask | None"]
"""Records what became of a task, and may claim and start the next one in the same write."""


class TaskRunner:
    """Runs claimed tasks one after the other; ``run`` and ``close`` belong to one thread.

    Args:
        db: Where to record; may be shared with other slots.
        rules: What the worker's slots agree on.
        keeper: Renews the leases; None where nobody does.
        stopping: The stages of the worker's stop.
    """

    def __init__(self, db: QueueDatabase, rules: Rules, keeper: Keeper | None, stopping: Stopping) -> None:
        self._db = db
        self._rules = rules
        self._keeper = keeper
        self._stopping = stopping
        self._process = HandlerProcess(stopping.is_over)

    def close(self) -> None:
        """End the handlers' process, where one was started."""
        self._process.close()

    def run(self, task: ClaimedTask, *, is_started: bool = False, along: Along | None = None) -> ClaimedTask | None:
        """Run a claimed task and record what became of it.

        Args:
            task: The task.
            is_started: That it starts is on record already.
            along: Records its end; returns the next task, which is started then.

        Raises:
            LeaseLost: The task isn't this worker's any more; what was done is not recorded.
        """
        registration = self._rules.registry.get(task.type)
        context = self._context(task)
        if self._keeper is not None:
            self._keeper.hold(task, context)
        try:
            if not is_started:
                self._record(task, lambda: self.start(task))
            settle = self._settled(task, registration, context)
            if along is None:
                self._record(task, settle)
                return None
            return self._record(task, lambda: along(settle))
        finally:
            if self._keeper is not None:
                self._keeper.let_go(context)

    def start(self, task: ClaimedTask) -> None:
        """Record that a task starts."""
        settling.start(self._db, task, log=self._rules.log_lines)

    def _settled(
        self, task: ClaimedTask, registration: Registration | None, context: TaskContext
    ) -> Callable[[], object]:
        """Run the handler and return what is to be recorded."""
        if registration is None:
            return self._refusal(task, f"no handler for the type {task.type!r}")
        if isinstance(task.payload, bytes):
            return self._refusal(task, "the payload is not JSON (it is not UTF-8 text)")
        try:
            context.payload = json.loads(task.payload)
        except (ValueError, RecursionError) as error:
            return self._refusal(task, f"the payload is not JSON ({error})")
        if registration.timeout_s is not None:
            context.deadline = time.monotonic() + registration.timeout_s
        try:
            if (registration.isolation or self._rules.isolation) == "process":
                outcome = self._process.run(registration, context, task.payload)
            else:
                outcome = _run_here(registration, context)
        except (KeyboardInterrupt, EndNow):
            self._process.end()  # first, so that nobody works on the task once it is given back
            self._give_back(task)
            raise
        finally:
            context.lines.flush()
        return self._meaning(task, registration, context, outcome)

    def _refusal(self, task: ClaimedTask, why: str) -> Callable[[], object]:
        return lambda: settling.fail(self._db, task, f"PermanentError: {why}")

    def _give_back(self, task: ClaimedTask) -> None:
        """Give the task back on the way out of the process; where that fails it runs again when its lease ends."""
        try:
            settling.release(self._db, task, "the worker was ended")
        except QueueDatabaseError as error:
            self._rules.tell(f"task {task.id}: {error}")

    def _meaning(
        self, task: ClaimedTask, registration: Registration, context: TaskContext, outcome: Outcome
    ) -> Callable[[], object]:
        """Return the write that an outcome stands for.

        A handler that finished has completed its task, whatever was asked meanwhile. Else a request to
        cancel comes first: to give the task back or to try again would run what nobody wants any more.
        """
        if isinstance(outcome, Completed):
            return lambda: settling.complete(self._db, task, outcome.result, log=self._rules.log_lines)
        request = self._request(task, context)
        if request is not None:
            error, trace = ("", "") if isinstance(outcome, Ended) else (outcome.error, outcome.trace)
            return lambda: cancelling.end_cancelled(self._db, task, request, error, trace)
        if isinstance(outcome, Ended) and (self._stopping.is_over() or self._stopping.stop.is_set()):
            return lambda: settling.release(self._db, task, "the worker is stopping")
        if isinstance(outcome, Ended) and context.lost.is_set():
            return lambda: settling.release(self._db, task, "the lease was lost")
        # A handler that says it was cancelled when nobody asked: an attempt, else it would run for ever.
        return partial(self._fail, task, registration, outcome)

    def _request(self, task: ClaimedTask, context: TaskContext) -> str | None:
        if context.cancelled.is_set():
            return context.cancel_request
        try:
            return cancelling.find_request(self._db, task)  # the keeper may not have come to it yet
        except QueueDatabaseError:
            return None  # the write that follows tells what is wrong with the file

    def _fail(self, task: ClaimedTask, registration: Registration, outcome: Failed | Ended) -> None:
        if isinstance(outcome, Failed) and outcome.permanent:
            settling.fail(self._db, task, outcome.error, outcome.trace)
        elif task.attempt >= task.max_attempts:
            settling.bury(self._db, task, outcome.error, outcome.trace)
        else:
            delay = (registration.retry or self._rules.retry).delay(task.attempt)
            settling.retry_later(self._db, task, outcome.error, delay, outcome.trace)

    def _record(self, task: ClaimedTask, settle: Callable[[], _Result]) -> _Result:
        """Record what became of a task, trying for as long as its lease may last: the work is done already.

        Raises:
            LeaseLost: The task isn't this worker's any more, or could not be recorded until its lease ended.
        """
        deadline, wait_s = time.monotonic() + self._rules.lease_seconds, 0.05
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
                self._rules.tell(f"task {task.id}: {error} Trying again.")
            time.sleep(wait_s)
            wait_s = min(2.0, wait_s * 2)

    def _write_lines(self, task: ClaimedTask, lines: Sequence[LogLine]) -> None:
        """Add a handler's lines; what can't be written is told, and never becomes the task's failure."""
        try:
            write_lines(self._db, task.id, lines)
        except QueueDatabaseError as error:
            lost = "a log line was" if len(lines) == 1 else f"{len(lines)} log lines were"
            self._rules.tell(f"task {task.id}: {lost} lost. {error}")

    def _context(self, task: ClaimedTask) -> TaskContext:
        return TaskContext(
            task_id=task.id,
            type=task.type,
            payload=None,
            attempt=task.attempt,
            max_attempts=task.max_attempts,
            worker_id=task.worker_id,
            lines=LogBuffer(partial(self._write_lines, task)),
            stopping=self._stopping.stop,
            is_over=self._stopping.is_over,
        )


def _run_here(registration: Registration, context: TaskContext) -> Outcome:
    """Call the handler in this thread."""
    try:
        with running(context):
            return Completed(registration.handler(context))
    except (KeyboardInterrupt, EndNow):
        raise
    except TaskCancelled as error:
        return Ended(error_text(error), traceback.format_exc())
    except BaseException as error:  # noqa: BLE001 (sys.exit() in a handler is its task's failure, not the worker's end)
        return Failed(error_text(error), traceback.format_exc(), is_permanent(error, registration.permanent))
