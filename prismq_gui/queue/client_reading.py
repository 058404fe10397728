"""Looking tasks up, and waiting for what becomes of one.

Owns the client's reading statements. Each is short: no snapshot is held while waiting. Writes nothing.
"""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
import time
from collections.abc import Sequence

from prismq_gui.queue.client_results import TaskNotFound, TaskOutcome, WaitTimeout
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import QueueDatabaseError
from prismq_gui.queue.models import Task
from prismq_gui.queue.timestamps import parse_utc
from prismq_gui.queue.transitions import TERMINAL, Status

_IDS_A_STATEMENT = 500
_FIRST_NAP_S = 0.002
_LONGEST_NAP_S = 60.0
_FILE_CHECK_S = 1.0  # how often to look whether the path still leads to the same file

_COLUMNS = (
    "id, type, priority, payload, compatibility, status, attempts, max_attempts, run_after_utc, lease_until_utc, "
    "reserved_at_utc, processing_started_utc, finished_at_utc, locked_by, error_message, idempotency_key, "
    "created_at_utc, updated_at_utc"
)
_STATE = "SELECT status, attempts, finished_at_utc, error_message FROM task_queue WHERE id = ?"
# The line that completing wrote bears the task's moment of finishing, and the attempt. A second is long: lines of a
# handler that say the same, or of an earlier attempt whose task another program put back, may bear it too.
_RESULT = (
    "SELECT details FROM task_logs WHERE task_id = ? AND at_utc = ? AND level = 'INFO' AND message = 'completed' "
    "ORDER BY log_id DESC LIMIT 20"
)
_OF_A_RESULT = {"attempt", "result"}


def read_tasks(db: QueueDatabase, task_ids: Sequence[int]) -> dict[int, Task]:
    """Return the tasks there are, in the order of the ids."""
    wanted = list(dict.fromkeys(task_ids))
    found: dict[int, Task] = {}
    for start in range(0, len(wanted), _IDS_A_STATEMENT):
        part = wanted[start : start + _IDS_A_STATEMENT]
        places = ", ".join("?" * len(part))
        for row in _fetch(db, f"SELECT {_COLUMNS} FROM task_queue WHERE id IN ({places})", part):
            found[row["id"]] = Task.from_dict(dict(row))
    return {task_id: found[task_id] for task_id in wanted if task_id in found}


def read_outcome(db: QueueDatabase, task_id: int) -> TaskOutcome:
    """Return where a task stands.

    Raises:
        TaskNotFound: There is no such task.
    """
    rows = _fetch(db, _STATE, (task_id,))
    if not rows:
        raise TaskNotFound(f"There is no task {task_id} in {db.db_path}: it was deleted, or never was.")
    status, attempts, finished, error = rows[0]
    status_text = status if isinstance(status, str) else repr(status)[:60]
    kept, is_whole = None, True
    if status == Status.COMPLETED.value and isinstance(finished, str):
        kept, is_whole = _kept_result(db, task_id, finished, attempts)
    return TaskOutcome(
        task_id,
        status_text,
        kept,
        is_whole,
        None if error is None else str(error),
        attempts if isinstance(attempts, int) else 0,
        parse_utc(finished) if status in TERMINAL else None,
    )


def _kept_result(db: QueueDatabase, task_id: int, finished: str, attempt: object) -> tuple[str | None, bool]:
    """Return the result in the line that completing this attempt wrote, and whether it is all of it."""
    for row in _fetch(db, _RESULT, (task_id, finished)):
        details = None
        if isinstance(row[0], str):
            with contextlib.suppress(ValueError, RecursionError):
                details = json.loads(row[0])
        # Where a result is too long, or has no form in JSON, all values of the line are kept as texts, and may be cut.
        if isinstance(details, dict) and str(details.get("attempt")) == str(attempt) and details.keys() <= _OF_A_RESULT:
            is_whole = not isinstance(details["attempt"], str)
            return (json.dumps(details["result"], ensure_ascii=False) if "result" in details else None), is_whole
    return None, True


def wait_for(db: QueueDatabase, task_id: int, timeout_s: float | None, poll_interval_s: float) -> TaskOutcome:
    """Return what became of a task once it is finished.

    Raises:
        WaitTimeout: The time was over.
        TaskNotFound: There is no such task, or it was deleted meanwhile.
        QueueDatabaseError: The file was deleted or replaced meanwhile, or a transaction is open in this thread.
        ValueError: A time isn't allowed.
    """
    _check_times(timeout_s, poll_interval_s)
    started = time.monotonic()
    deadline = math.inf if timeout_s is None else started + timeout_s
    next_file_check = started + _FILE_CHECK_S
    nap_s = min(_FIRST_NAP_S, poll_interval_s)
    seen: tuple[object, ...] | None = None
    outcome: TaskOutcome | None = None
    while True:
        now_seen = _change_mark(db, task_id)
        if outcome is None or now_seen != seen:
            # The mark was taken before the look: what changes in between shows in the next mark.
            outcome, seen = _look_again(db, task_id, outcome), now_seen
            if outcome.is_finished:
                return outcome
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise _too_late(db, outcome, timeout_s or 0.0)
        time.sleep(min(nap_s, left_s))
        nap_s = min(2 * nap_s, poll_interval_s)
        if time.monotonic() >= next_file_check:
            _check_file(db, task_id)
            next_file_check = time.monotonic() + _FILE_CHECK_S


def _check_times(timeout_s: float | None, poll_interval_s: float) -> None:
    if timeout_s is not None and (not _is_number(timeout_s) or not 0 <= timeout_s < math.inf):
        raise ValueError(f"timeout_s must be a number of seconds from 0, or None, not {timeout_s!r:.100}")
    if not _is_number(poll_interval_s) or not 0 < poll_interval_s <= _LONGEST_NAP_S:
        raise ValueError(f"poll_interval_s must be a number of seconds up to 60, not {poll_interval_s!r:.100}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _change_mark(db: QueueDatabase, task_id: int) -> tuple[object, ...]:
    """Return what differs once anything was written: by others (data_version) or through this connection."""
    with db.connection() as connection:
        if connection.in_transaction:
            raise QueueDatabaseError(
                f"A transaction on {db.db_path} is open in this thread, so what becomes of task {task_id} could not be "
                "seen. Nothing was changed. Wait after the transaction."
            )
        return id(connection), db.execute("PRAGMA data_version").fetchall()[0][0], connection.total_changes


def _look_again(db: QueueDatabase, task_id: int, before: TaskOutcome | None) -> TaskOutcome:
    try:
        return read_outcome(db, task_id)
    except TaskNotFound:
        if before is None:
            raise
        raise TaskNotFound(
            f"Task {task_id} in {db.db_path} was deleted while it was waited for; it was {before.status} before."
        ) from None


def _too_late(db: QueueDatabase, outcome: TaskOutcome, timeout_s: float) -> WaitTimeout:
    return WaitTimeout(
        f"Task {outcome.task_id} in {db.db_path} was not finished within {timeout_s:g} s: it is {outcome.status}, "
        f"claimed {outcome.attempts} times so far. It goes on; nothing was changed.",
        outcome,
    )


def _check_file(db: QueueDatabase, task_id: int) -> None:
    if not db.is_same_file():
        raise QueueDatabaseError(
            f"The queue {db.db_path} was deleted or replaced while task {task_id} was waited for. Nothing was changed. "
            "Open the file anew."
        )


def _fetch(db: QueueDatabase, sql: str, params: Sequence[object]) -> list[sqlite3.Row]:
    """Return all rows of a read; text that isn't UTF-8 with its odd bytes as escapes."""
    with db.connection() as connection:
        try:
            return db.execute(sql, params).fetchall()
        except (sqlite3.OperationalError, QueueDatabaseError) as error:
            if "Could not decode to UTF-8" not in str(error):
                raise _explained(db, error) from error
        connection.text_factory = _decode
        try:
            return db.execute(sql, params).fetchall()
        except sqlite3.Error as error:
            raise _explained(db, error) from error
        finally:
            connection.text_factory = str


def _explained(db: QueueDatabase, error: Exception) -> QueueDatabaseError:
    return error if isinstance(error, QueueDatabaseError) else db.explain(error)


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
