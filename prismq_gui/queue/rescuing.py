"""Giving back what silent workers hold, and burying tasks whose attempts are used up."""

from __future__ import annotations

import sqlite3
from typing import Any

from prismq_gui.queue.claim_sql import ATTEMPTS, MAX_ATTEMPTS
from prismq_gui.queue.claimed import ClaimedTask, text_of_cell
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import QueueDatabaseError
from prismq_gui.queue.logs import write_log
from prismq_gui.queue.timestamps import now_text, sql_due
from prismq_gui.queue.transitions import TRANSITIONS, Transition, sql_sources

RESCUE_BATCH = 500

_IS_EXPIRED = sql_due("lease_until_utc", ":now")
_EXPIRED = f"""
SELECT id, {ATTEMPTS} AS attempts, {MAX_ATTEMPTS} AS max_attempts, CAST(locked_by AS BLOB) AS holder FROM task_queue
WHERE {sql_sources(Transition.RELEASE)} AND {_IS_EXPIRED} LIMIT {RESCUE_BATCH}"""
_REQUEUE = f"""
UPDATE task_queue SET status = '{TRANSITIONS[Transition.RELEASE].target}', locked_by = NULL, lease_until_utc = NULL,
  reserved_at_utc = NULL, processing_started_utc = NULL, updated_at_utc = :now
WHERE id = :id AND {_IS_EXPIRED} AND {sql_sources(Transition.RELEASE)}"""
_BURY = f"""
UPDATE task_queue SET status = '{TRANSITIONS[Transition.BURY].target}', error_message = :error,
  locked_by = NULL, lease_until_utc = NULL, finished_at_utc = :now, updated_at_utc = :now
WHERE id = :id AND {_IS_EXPIRED} AND {sql_sources(Transition.BURY)}"""
_BURY_UNTRIED = f"""
UPDATE task_queue SET status = '{TRANSITIONS[Transition.BURY].target}', attempts = attempts - 1,
  error_message = coalesce(error_message, :error), locked_by = NULL, lease_until_utc = NULL, reserved_at_utc = NULL,
  finished_at_utc = :now, updated_at_utc = :now
WHERE id = :id AND {sql_sources(Transition.BURY)} AND locked_by = :worker AND attempts = :attempt"""


def rescue(db: QueueDatabase) -> int:
    """Give back tasks whose lease is over: queued again, or dead letters where attempts are used up.

    Returns:
        How many changed, at most 500 a call.
    """
    now = now_text()
    if not db.execute(_EXPIRED, {"now": now}).fetchall():
        return 0
    changed = 0
    with db.transaction():
        for row in db.execute(_EXPIRED, {"now": now}).fetchall():
            changed += _rescue_one(db, row, now)
    return changed


def _rescue_one(db: QueueDatabase, row: sqlite3.Row, now: str) -> int:
    used_up = row["attempts"] >= max(1, row["max_attempts"])
    tried = f"attempt {row['attempts']} of {row['max_attempts']}"
    message = f"The lease of worker {text_of_cell(row['holder'])} expired during {tried}"
    values: dict[str, Any] = {"id": row["id"], "now": now}
    if used_up:
        values["error"] = f"{message}; no attempts are left"
    try:
        db.execute(_BURY if used_up else _REQUEUE, values)
    except QueueDatabaseError as error:
        if "malformed JSON" in str(error):
            return 0  # SQLite refuses every change of this row (see _ask); the others go on
        raise
    outcome = "no attempts are left: dead letter" if used_up else "waiting again"
    write_log(db, row["id"], "WARNING", f"{message}; {outcome}", now=now)
    return 1


def bury_untried(db: QueueDatabase, task: ClaimedTask) -> None:
    """Make a task a dead letter that was claimed though its attempts were used up: that claim does not count."""
    words = f"attempts used up: {task.attempt - 1} of {task.max_attempts}; dead letter without another try"
    now = now_text()
    values = {"id": task.id, "worker": task.worker_id, "attempt": task.attempt, "error": words, "now": now}

    def write() -> None:
        if db.change(_BURY_UNTRIED, values) == 1:
            write_log(db, task.id, "WARNING", words, now=now)

    db.together(write)
