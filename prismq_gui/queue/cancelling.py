"""Cancelling a task: at once where nobody runs it, by request where a worker does.

A request is a line of level ``CANCEL`` in the task's log, so it is durable, needs no column, and dies
with the claim it was meant for: only lines since ``reserved_at_utc`` count. The worker's keeper looks
for it (one seek in ``ix_logs_task``), the handler ends at its next check, and the task ends as cancelled.
A handler that finishes anyway completes its task.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from prismq_gui.queue.claimed import ClaimedTask
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import LeaseLost
from prismq_gui.queue.logs import CANCEL_LEVEL, shorten, write_log
from prismq_gui.queue.timestamps import now_utc, parse_utc, sql_due, utc_text
from prismq_gui.queue.transitions import RUNNING, TRANSITIONS, Status, Transition, refusal, sql_sources

LONGEST_NAME = 200  # characters of who asked
_LARGEST_ID = 2**63 - 1

_LOOK = "SELECT status, reserved_at_utc, CAST(locked_by AS BLOB) AS holder FROM task_queue WHERE id = ?"
_CANCELLED = TRANSITIONS[Transition.OPERATOR_CANCEL].target
_FINISH = (
    f"status = '{_CANCELLED}', locked_by = NULL, lease_until_utc = NULL, finished_at_utc = :now, updated_at_utc = :now"
)
_CANCEL_WAITING = f"UPDATE task_queue SET {_FINISH} WHERE id = :id AND {sql_sources(Transition.OPERATOR_CANCEL)}"
_CANCEL_EXPIRED = (
    f"UPDATE task_queue SET {_FINISH} "
    f"WHERE id = :id AND {sql_sources(Transition.CANCEL)} AND {sql_due('lease_until_utc', ':now')}"
)
_CANCEL_HELD = (
    f"UPDATE task_queue SET {_FINISH}, error_message = :error WHERE id = :id AND {sql_sources(Transition.CANCEL)} "
    "AND locked_by = :worker AND attempts = :attempt AND reserved_at_utc = :reserved"
)
_REQUEST = (
    f"SELECT message FROM task_logs WHERE task_id = :id AND at_utc >= :reserved AND level = '{CANCEL_LEVEL}' "
    # Times have whole seconds: a request to the worker before may be of the second of this claim.
    "AND CASE WHEN json_valid(details) THEN coalesce(json_extract(details, '$.worker'), :worker) = :worker ELSE 1 END "
    "ORDER BY at_utc LIMIT 1"
)


class CancelOutcome(Enum):
    """What became of the wish to cancel a task."""

    CANCELLED = "cancelled"
    REQUESTED = "requested"
    ALREADY_REQUESTED = "already requested"
    REFUSED = "refused"
    NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True)
class CancelResult:
    """The outcome and, in one sentence, why; only CANCELLED and REQUESTED changed the file."""

    task_id: int
    outcome: CancelOutcome
    reason: str


def request_cancel(db: QueueDatabase, task_id: int, who: str) -> CancelResult:
    """Cancel a waiting task at once, ask the worker of a running one, refuse a finished one. Committed on return.

    A running task whose lease is over belongs to nobody and is cancelled at once.

    Args:
        db: The queue.
        task_id: The task.
        who: Who asks, for the log; cut to 200 characters.

    Raises:
        ValueError: The id is no whole number that SQLite can hold, or nobody asks. Nothing was changed.
        QueueBusyError: Another program held the file for over 5 s. Nothing was changed.
    """
    if not isinstance(task_id, int) or isinstance(task_id, bool) or abs(task_id) > _LARGEST_ID:
        raise ValueError(f"task_id must be a whole number up to 2^63-1, not {task_id!r:.100}")
    if not isinstance(who, str) or not who.strip():
        raise ValueError(f"who must name the one who asks, not {who!r:.100}")
    name = who.strip()[:LONGEST_NAME]
    with db.transaction():
        row = db.execute(_LOOK, (task_id,)).fetchone()
        if row is None:
            return CancelResult(task_id, CancelOutcome.NOT_FOUND, f"there is no task {task_id}")
        if row["status"] in RUNNING:
            return _cancel_running(db, task_id, row, name)
        return _cancel_waiting(db, task_id, row["status"], name)


def _cancel_waiting(db: QueueDatabase, task_id: int, status: object, who: str) -> CancelResult:
    why = refusal(Transition.OPERATOR_CANCEL, status)
    if why:
        return CancelResult(task_id, CancelOutcome.REFUSED, f"task {task_id} {why}")
    now = utc_text(now_utc())
    db.execute(_CANCEL_WAITING, {"id": task_id, "now": now})
    write_log(db, task_id, "INFO", f"cancelled by {who} while it was waiting", now=now)
    return CancelResult(task_id, CancelOutcome.CANCELLED, f"task {task_id} was waiting and will not run")


def _cancel_running(db: QueueDatabase, task_id: int, row: sqlite3.Row, who: str) -> CancelResult:
    now = now_utc()
    if db.execute(_CANCEL_EXPIRED, {"id": task_id, "now": utc_text(now)}).rowcount == 1:
        write_log(db, task_id, "INFO", f"cancelled by {who}: the lease of its worker was over", now=utc_text(now))
        return CancelResult(task_id, CancelOutcome.CANCELLED, f"task {task_id} had lost its worker and will not run")
    # A clock that was set back since the claim must not date the request before it.
    moment = max(now, parse_utc(row["reserved_at_utc"]) or now)
    holder = (row["holder"] or b"").decode("utf-8", "backslashreplace")
    if _request_since(db, task_id, row["reserved_at_utc"] or "", holder):
        reason = f"the worker {holder} of task {task_id} was asked already and ends it at its next check"
        return CancelResult(task_id, CancelOutcome.ALREADY_REQUESTED, reason)
    write_log(db, task_id, CANCEL_LEVEL, f"{who} asked to cancel it", {"worker": holder}, now=utc_text(moment))
    reason = f"task {task_id} is running: its worker {holder} was asked to end it, and does so at its next check"
    return CancelResult(task_id, CancelOutcome.REQUESTED, reason)


def _request_since(db: QueueDatabase, task_id: int, reserved_at: str, worker: str) -> str | None:
    row = db.execute(_REQUEST, {"id": task_id, "reserved": reserved_at, "worker": worker}).fetchone()
    return None if row is None else str(row["message"])


def find_request(db: QueueDatabase, task: ClaimedTask) -> str | None:
    """Return who asked to cancel this claim of a task, as a sentence; None where nobody did. Reads alone."""
    return _request_since(db, task.id, task.reserved_at, task.worker_id)


def end_cancelled(db: QueueDatabase, task: ClaimedTask, request: str, error: str = "", trace: str = "") -> datetime:
    """Mark a task this worker holds as cancelled, with its log line; return when.

    Args:
        db: The queue.
        task: The claim, which is the fence.
        request: The sentence of the request.
        error: What the handler raised instead of ending quietly.
        trace: Its traceback.

    Raises:
        LeaseLost: The task isn't this worker's any more; nothing was changed.
    """
    now = now_utc()
    values: dict[str, Any] = {
        "id": task.id, "worker": task.worker_id, "attempt": task.attempt, "reserved": task.reserved_at,
        "now": utc_text(now), "error": shorten(f"{Status.CANCELLED.value}: {request}"),
    }  # fmt: skip
    details: dict[str, Any] = {"attempt": task.attempt}
    details |= {"error": error} if error else {}
    details |= {"traceback": trace} if trace else {}

    def write() -> None:
        if db.change(_CANCEL_HELD, values) != 1:
            raise LeaseLost(
                f"Task {task.id} is no longer held by {task.worker_id} in attempt {task.attempt}, so its cancelling "
                "is not recorded here. Nothing was changed."
            )
        words = f"cancelled by {task.worker_id}: {request}"
        write_log(db, task.id, "INFO", words, details, now=values["now"])

    db.together(write)
    return now
