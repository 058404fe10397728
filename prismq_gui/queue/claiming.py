"""Claiming the next task, and giving back what silent workers hold.

One guarded statement a claim. Order: priority, run_after_utc, id. Its cost does not grow with the
backlog nor with tasks that are not due: a recursive query hops over the distinct priorities in the
index ``ix_task_status_prio_time`` and, in each, seeks the tasks whose time has come.
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

from prismq_gui.queue import capabilities as matching
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import QueueDatabaseError
from prismq_gui.queue.logs import write_log
from prismq_gui.queue.timestamps import now_utc, sql_due, utc_text
from prismq_gui.queue.transitions import TRANSITIONS, Transition, sql_sources

RESCUE_INTERVAL_S = 5.0
RESCUE_BATCH = 500
LONGEST_LEASE_S = 7 * 24 * 3600.0
DEFAULT_MAX_ATTEMPTS = 5  # where the file's value can't be read
USED_UP_A_CLAIM = 100  # how many tasks without attempts left one claim buries before it gives up

# Offsets east of UTC come due before their text says so. Looking for them walks the times of the next
# 14 h, so it is done apart from the claim, at most once a second and a twentieth of the time, without a lock.
LOOK_AHEAD = timedelta(hours=14)
LOOK_INTERVAL_S = 1.0
LOOK_SHARE = 20

_CLAIM = TRANSITIONS[Transition.CLAIM]
_WAITING = sql_sources(Transition.CLAIM).replace(" IN (", " = ").rstrip(")")
# As bytes: text that is not UTF-8 would raise on its way to Python and stop every claim.
_FITS = (
    "(compatibility = '{}' OR (typeof(compatibility) = 'text' "
    f"AND {matching.SQL_FUNCTION}(CAST(compatibility AS BLOB), :capabilities)))"
)
_JSON_READABLE = "json_valid(payload) AND json_valid(compatibility)"
_ATTEMPTS = "CASE WHEN typeof(attempts) = 'integer' THEN attempts ELSE 0 END"
_MAX_ATTEMPTS = f"CASE WHEN typeof(max_attempts) = 'integer' THEN max_attempts ELSE {DEFAULT_MAX_ATTEMPTS} END"
_LEVELS = f"""level(p) AS (
  SELECT min(priority) FROM task_queue WHERE {_WAITING}
  UNION ALL
  SELECT (SELECT min(priority) FROM task_queue WHERE {_WAITING} AND priority > level.p)
  FROM level WHERE level.p IS NOT NULL
)"""


@lru_cache(maxsize=8)
def _claim_sql(some_types: bool, careful: bool, abroad: bool) -> str:
    """Return the claim. Two seeks a priority: text up to now, and today's ISO forms, which sort after it.

    LIMIT -1 keeps SQLite from flattening, which would run the two seeks of the priority found twice.
    The lower bound leaves out numbers and empty texts, which sort before all times: they are no times.

    Args:
        some_types: Only the types in ``:types``.
        careful: Only rows whose JSON is valid.
        abroad: Also times east of UTC, whose text lies up to 14 h ahead.
    """
    extra = " AND type IN (SELECT value FROM json_each(:types))" if some_types else ""
    extra += f" AND {_JSON_READABLE}" if careful else ""
    seek = "SELECT id, {due} AS due FROM task_queue WHERE " + _WAITING + " AND priority = level.p AND {range}"
    tail = f" AND {sql_due('run_after_utc', ':now')} AND {_FITS}{extra} ORDER BY run_after_utc, id LIMIT 1"
    spaced_until = ":spaced_until" if abroad else ":now"
    written = seek.format(due="run_after_utc", range=f"run_after_utc > '0000-' AND run_after_utc <= {spaced_until}")
    iso = seek.format(
        due="replace(run_after_utc, 'T', ' ')", range="run_after_utc >= :iso_from AND run_after_utc < :iso_until"
    )
    return f"""
WITH RECURSIVE {_LEVELS},
first(found) AS MATERIALIZED (
  SELECT found FROM (
    SELECT (SELECT id FROM (SELECT * FROM ({written}{tail}) UNION ALL SELECT * FROM ({iso}{tail}))
            ORDER BY due, id LIMIT 1) AS found
    FROM level WHERE level.p IS NOT NULL LIMIT -1)
  WHERE found IS NOT NULL LIMIT 1
)
UPDATE task_queue SET status = '{_CLAIM.target}', locked_by = :worker, attempts = {_ATTEMPTS} + 1,
  lease_until_utc = :lease_until, reserved_at_utc = :now, processing_started_utc = NULL,
  finished_at_utc = NULL, updated_at_utc = :now
WHERE id = (SELECT found FROM first) AND {_WAITING}
RETURNING id, CAST(type AS BLOB) AS type, CAST(payload AS BLOB) AS payload, attempts, {_MAX_ATTEMPTS} AS max_attempts"""


_DUE_ABROAD = f"""
WITH RECURSIVE {_LEVELS}
SELECT 1 FROM level CROSS JOIN task_queue ON {_WAITING} AND priority = level.p
  AND run_after_utc > :now AND run_after_utc < :iso_until
WHERE level.p IS NOT NULL AND run_after_utc GLOB '*+[01][0-9]*' AND {sql_due("run_after_utc", ":now")} LIMIT 1"""

_IS_EXPIRED = sql_due("lease_until_utc", ":now")
_EXPIRED = f"""
SELECT id, {_ATTEMPTS} AS attempts, {_MAX_ATTEMPTS} AS max_attempts, CAST(locked_by AS BLOB) AS holder FROM task_queue
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


@dataclass(frozen=True, slots=True)
class ClaimedTask:
    """A task this worker holds until its lease ends. ``worker_id``, ``attempt`` and ``reserved_at`` are the fence.

    ``reserved_at`` is what the claim wrote: a task that was released is claimed in the same attempt again.
    ``payload`` is the file's text; bytes where that is not UTF-8.
    """

    id: int
    type: str
    payload: str | bytes
    attempt: int
    max_attempts: int
    worker_id: str
    reserved_at: str
    lease_until: datetime


class Claimer:
    """Claims for one worker on one database; used by one thread."""

    def __init__(self, db: QueueDatabase) -> None:
        self._db = db
        self._prepared: sqlite3.Connection | None = None
        self._rescued_at = -math.inf
        self._look_at = -math.inf
        self._careful = False

    def claim(
        self,
        worker_id: str,
        capabilities: Mapping[str, Any] | None = None,
        lease_seconds: float = 60.0,
        types: Sequence[str] = (),
    ) -> ClaimedTask | None:
        """Claim the next task that is due and fits, or return None. Committed when this returns.

        Every few seconds it first gives back what workers with an expired lease hold. A task whose
        attempts are used up already (another program put it back) becomes a dead letter instead.

        Raises:
            ValueError: The worker id is empty, or the lease isn't between 1 ms and 7 days.
            QueueBusyError: Another program held the file for over 5 s.
        """
        lease = _checked(worker_id, lease_seconds)
        clock = time.monotonic()
        if clock - self._rescued_at >= RESCUE_INTERVAL_S:
            self._rescued_at = clock
            self.rescue()
        offers = json.dumps(dict(capabilities or {}), sort_keys=True)
        abroad = clock >= self._look_at and self._is_due_abroad()
        for _ in range(USED_UP_A_CLAIM):
            task = self._claim(worker_id, offers, lease, types, abroad=abroad)
            if task is None or task.attempt <= max(1, task.max_attempts):
                return task
            self._bury_untried(task)
        return None

    def rescue(self) -> int:
        """Give back tasks whose lease is over: queued again, or dead letters where attempts are used up.

        Returns:
            How many changed, at most 500 a call.
        """
        now = utc_text(now_utc())
        if not self._db.execute(_EXPIRED, {"now": now}).fetchall():
            return 0
        changed = 0
        with self._db.transaction():
            for row in self._db.execute(_EXPIRED, {"now": now}).fetchall():
                changed += self._rescue_one(row, now)
        return changed

    def _claim(
        self, worker_id: str, offers: str, lease: timedelta, types: Sequence[str], *, abroad: bool
    ) -> ClaimedTask | None:
        now = now_utc()
        ahead = LOOK_AHEAD if abroad else timedelta(seconds=1)
        parameters = _times(now, ahead) | {
            "worker": worker_id,
            "capabilities": offers,
            "lease_until": utc_text(now + lease),
        }
        if types:
            parameters["types"] = json.dumps(list(types))
        row = self._ask(bool(types), abroad, parameters)
        if row is None:
            return None
        return ClaimedTask(
            id=row["id"],
            type=_text(row["type"], "backslashreplace"),
            payload=_text_or_bytes(row["payload"]),
            attempt=row["attempts"],
            max_attempts=row["max_attempts"],
            worker_id=worker_id,
            reserved_at=parameters["now"],
            lease_until=now + lease,
        )

    def _ask(self, some_types: bool, abroad: bool, parameters: dict[str, Any]) -> sqlite3.Row | None:
        """Run the claim; leave rows with malformed JSON out once one has stopped it.

        Files of other programs compute columns by a plain json_extract(): there SQLite refuses every
        change of such a row, and being the first in line it would stop all claims.
        """
        self._prepare()
        try:
            row = self._db.execute(_claim_sql(some_types, self._careful, abroad), parameters).fetchone()
        except QueueDatabaseError as error:
            if self._careful or "malformed JSON" not in str(error):
                raise
            self._careful = True
            return self._ask(some_types, abroad, parameters)
        return cast("sqlite3.Row | None", row)

    def _is_due_abroad(self) -> bool:
        """Whether a time with an offset east of UTC is due, by reading alone."""
        now, started = now_utc(), time.monotonic()
        found = self._db.execute(_DUE_ABROAD, _times(now, LOOK_AHEAD)).fetchone() is not None
        ended = time.monotonic()
        if not found:
            self._look_at = ended + max(LOOK_INTERVAL_S, LOOK_SHARE * (ended - started))
        return found

    def _bury_untried(self, task: ClaimedTask) -> None:
        words = f"attempts used up: {task.attempt - 1} of {task.max_attempts}; dead letter without another try"
        now = utc_text(now_utc())
        values = {"id": task.id, "worker": task.worker_id, "attempt": task.attempt, "error": words, "now": now}
        with self._db.transaction():
            if self._db.execute(_BURY_UNTRIED, values).rowcount == 1:
                write_log(self._db, task.id, "WARNING", words, now=now)

    def _rescue_one(self, row: sqlite3.Row, now: str) -> int:
        used_up = row["attempts"] >= max(1, row["max_attempts"])
        tried = f"attempt {row['attempts']} of {row['max_attempts']}"
        message = f"The lease of worker {_text(row['holder'], 'backslashreplace')} expired during {tried}"
        values: dict[str, Any] = {"id": row["id"], "now": now}
        if used_up:
            values["error"] = f"{message}; no attempts are left"
        try:
            self._db.execute(_BURY if used_up else _REQUEUE, values)
        except QueueDatabaseError as error:
            if "malformed JSON" in str(error):
                return 0  # SQLite refuses every change of this row (see _ask); the others go on
            raise
        outcome = "no attempts are left: dead letter" if used_up else "waiting again"
        write_log(self._db, row["id"], "WARNING", f"{message}; {outcome}", now=now)
        return 1

    def _prepare(self) -> None:
        connection = self._db.get_connection()
        if connection is not self._prepared:
            try:
                matching.register(connection)
            except sqlite3.Error as error:
                raise self._db.explain(error) from error
            self._prepared = connection


def _times(now: datetime, ahead: timedelta) -> dict[str, Any]:
    """Return the bounds of the seeks for a claim at this moment."""
    text, until = utc_text(now), utc_text(now + ahead)
    return {
        "now": text,
        "iso_from": f"{text[:10]}T",
        "iso_until": f"{until.replace(' ', 'T', 1)}~",
        "spaced_until": until,
    }


def _text(cell: bytes | None, errors: str) -> str:
    return "" if cell is None else cell.decode("utf-8", errors)


def _text_or_bytes(cell: bytes | None) -> str | bytes:
    try:
        return _text(cell, "strict")
    except UnicodeDecodeError:
        return cell or b""


def _checked(worker_id: str, lease_seconds: float) -> timedelta:
    if not isinstance(worker_id, str) or not worker_id.strip():
        raise ValueError(f"worker_id must be a text that isn't empty, not {worker_id!r}")
    valid = isinstance(lease_seconds, (int, float)) and not isinstance(lease_seconds, bool)
    if not valid or not 0.001 <= lease_seconds <= LONGEST_LEASE_S:
        raise ValueError(f"lease_seconds must be between 0.001 and {LONGEST_LEASE_S:.0f}, not {lease_seconds!r}")
    return timedelta(seconds=lease_seconds)
