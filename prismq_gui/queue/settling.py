"""What becomes of a claimed task: started, completed, retried later, failed, buried, released, renewed.

Each is one guarded write with its log line in the same transaction. The guard is the fence: the
task must still be running, held by this worker, in this attempt, by this claim; else LeaseLost and nothing changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from prismq_gui.queue.claimed import ClaimedTask
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import LeaseLost
from prismq_gui.queue.logs import shorten, write_log
from prismq_gui.queue.timestamps import now_text, now_utc, utc_text, utc_text_after
from prismq_gui.queue.transitions import TRANSITIONS, Transition, sql_sources

_HELD = "locked_by = :worker AND attempts = :attempt AND reserved_at_utc = :reserved"


def _statement(transition: Transition, assignments: str) -> str:
    target = TRANSITIONS[transition].target
    return (
        f"UPDATE task_queue SET status = '{target}', {assignments}, updated_at_utc = :now "
        f"WHERE id = :id AND {sql_sources(transition)} AND {_HELD}"
    )


_GIVE_BACK = "locked_by = NULL, lease_until_utc = NULL, reserved_at_utc = NULL, processing_started_utc = NULL"
_FINISH = "locked_by = NULL, lease_until_utc = NULL, finished_at_utc = :now"
_START = _statement(Transition.START, "processing_started_utc = :now")
_COMPLETE = _statement(Transition.COMPLETE, f"{_FINISH}, error_message = NULL")
_RETRY = _statement(Transition.RETRY_LATER, f"{_GIVE_BACK}, run_after_utc = :run_after, error_message = :error")
_FAIL = _statement(Transition.FAIL, f"{_FINISH}, error_message = :error")
_BURY = _statement(Transition.BURY, f"{_FINISH}, error_message = :error")
_RELEASE = _statement(Transition.RELEASE, f"{_GIVE_BACK}, attempts = attempts - 1")
_RENEW = (
    "UPDATE task_queue SET lease_until_utc = :lease_until, updated_at_utc = :now "
    f"WHERE id = :id AND {sql_sources(Transition.COMPLETE)} AND {_HELD}"
)


def start(db: QueueDatabase, task: ClaimedTask, *, log: bool = True) -> None:
    """Mark the task as processing: its handler starts now. Without ``log`` there is no line of it."""
    if not log:
        _change(db, task, _START)
        return
    words = f"{task.type} started by {task.worker_id}"
    _settle(db, task, _START, "INFO", words, {"attempt": task.attempt})


def complete(db: QueueDatabase, task: ClaimedTask, result: object = None, *, log: bool = True) -> None:
    """Mark the task as completed; a result is kept in its log line.

    Without ``log`` there is no line where there is no result: one write less, which is 40 % of what a task costs.
    """
    if not log and result is None:
        _change(db, task, _COMPLETE)
        return
    details = {"attempt": task.attempt} | ({} if result is None else {"result": result})
    _settle(db, task, _COMPLETE, "INFO", "completed", details)


def retry_later(db: QueueDatabase, task: ClaimedTask, error: str, delay: timedelta, trace: str = "") -> None:
    """Put the task back, due after the delay; the error is kept."""
    run_after = now_utc() + delay  # cut to the second: a delay is spread at random anyway, and none is to be none
    words = f"attempt {task.attempt} of {task.max_attempts} failed; next try in {delay.total_seconds():.1f} s"
    _settle(db, task, _RETRY, "WARNING", words, _details(task, error, trace), error=error, run_after=run_after)


def fail(db: QueueDatabase, task: ClaimedTask, error: str, trace: str = "") -> None:
    """Mark the task as failed: the error is permanent, there is no other attempt."""
    _settle(db, task, _FAIL, "ERROR", "failed for good", _details(task, error, trace), error=error)


def bury(db: QueueDatabase, task: ClaimedTask, error: str, trace: str = "") -> None:
    """Make the task a dead letter: its attempts are used up."""
    words = f"attempt {task.attempt} of {task.max_attempts} failed; no attempts are left: dead letter"
    _settle(db, task, _BURY, "ERROR", words, _details(task, error, trace), error=error)


def release(db: QueueDatabase, task: ClaimedTask, why: str) -> None:
    """Give the task back unfinished, as if this attempt had not been."""
    _settle(db, task, _RELEASE, "INFO", f"released by {task.worker_id}: {why}", {"attempt": task.attempt})


def renew(db: QueueDatabase, task: ClaimedTask, lease_seconds: float) -> datetime:
    """Push the end of the lease out to so many seconds from now and return it.

    Raises:
        LeaseLost: The task isn't this worker's any more.
    """
    now = now_utc()
    until = now + timedelta(seconds=lease_seconds)
    values = {"now": utc_text(now), "lease_until": utc_text_after(until)} | _fence(task)
    if db.change(_RENEW, values) != 1:
        raise _lost(task)
    return until


def write_task_log(db: QueueDatabase, task_id: int, level: str, message: str, details: Mapping[str, Any]) -> None:
    """Add a line to a task's log in a transaction of its own."""
    with db.transaction():
        write_log(db, task_id, level, message, details or None)


def _settle(
    db: QueueDatabase,
    task: ClaimedTask,
    statement: str,
    level: str,
    words: str,
    details: Mapping[str, Any],
    *,
    error: str | None = None,
    run_after: datetime | None = None,
) -> None:
    now = now_text()
    values: dict[str, Any] = {"now": now} | _fence(task)
    if error is not None:
        values["error"] = shorten(error)
    if run_after is not None:
        values["run_after"] = utc_text(run_after)

    def write() -> None:
        if db.change(statement, values) != 1:
            raise _lost(task)
        write_log(db, task.id, level, words, details, now=now)

    db.together(write)


def _change(db: QueueDatabase, task: ClaimedTask, statement: str) -> None:
    values = _fence(task)
    values["now"] = now_text()
    if db.change(statement, values) != 1:
        raise _lost(task)


def _fence(task: ClaimedTask) -> dict[str, Any]:
    return {"id": task.id, "worker": task.worker_id, "attempt": task.attempt, "reserved": task.reserved_at}


def _lost(task: ClaimedTask) -> LeaseLost:
    return LeaseLost(
        f"Task {task.id} is no longer held by {task.worker_id} in attempt {task.attempt}: its lease ended, or it "
        "was claimed anew, cancelled or removed. What this worker did with it is not recorded."
    )


def _details(task: ClaimedTask, error: str, trace: str) -> dict[str, Any]:
    details: dict[str, Any] = {"attempt": task.attempt, "error": error}
    return details | {"traceback": trace} if trace else details
