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
from typing import Any

from prismq_gui.queue import capabilities as matching
from prismq_gui.queue.database import QueueDatabase, explain
from prismq_gui.queue.logs import write_log
from prismq_gui.queue.timestamps import now_utc, sql_past, utc_text
from prismq_gui.queue.transitions import TRANSITIONS, Transition, sql_sources

RESCUE_INTERVAL_S = 5.0
RESCUE_BATCH = 500
LONGEST_LEASE_S = 7 * 24 * 3600.0

_CLAIM = TRANSITIONS[Transition.CLAIM]
_WAITING = sql_sources(Transition.CLAIM).replace(" IN (", " = ").rstrip(")")
_ELIGIBLE = (
    f"{sql_past('run_after_utc', ':now')} "
    f"AND (compatibility = '{{}}' OR {matching.SQL_FUNCTION}(compatibility, :capabilities))"
)


def _claim_sql(types: bool) -> str:
    """Return the claim. Two seeks a priority: text up to now, and today's ISO forms, which sort after it."""
    only = " AND type IN (SELECT value FROM json_each(:types))" if types else ""
    seek = "SELECT id, {due} AS due FROM task_queue WHERE " + _WAITING + " AND priority = level.p AND {range}"
    tail = f" AND {_ELIGIBLE}{only} ORDER BY run_after_utc, id LIMIT 1"
    written = seek.format(due="run_after_utc", range="run_after_utc <= :now") + tail
    iso = (
        seek.format(
            due="replace(run_after_utc, 'T', ' ')", range="run_after_utc >= :iso_from AND run_after_utc < :iso_until"
        )
        + tail
    )
    return f"""
WITH RECURSIVE level(p) AS (
  SELECT min(priority) FROM task_queue WHERE {_WAITING}
  UNION ALL
  SELECT (SELECT min(priority) FROM task_queue WHERE {_WAITING} AND priority > level.p)
  FROM level WHERE level.p IS NOT NULL
),
first(found) AS MATERIALIZED (
  SELECT found FROM (
    SELECT (SELECT id FROM (SELECT * FROM ({written}) UNION ALL SELECT * FROM ({iso}))
            ORDER BY due, id LIMIT 1) AS found
    FROM level WHERE level.p IS NOT NULL)
  WHERE found IS NOT NULL LIMIT 1
)
UPDATE task_queue SET status = '{_CLAIM.target}', locked_by = :worker, attempts = attempts + 1,
  lease_until_utc = :lease_until, reserved_at_utc = :now, processing_started_utc = NULL,
  finished_at_utc = NULL, updated_at_utc = :now
WHERE id = (SELECT found FROM first) AND {_WAITING}
RETURNING id, type, payload, attempts, max_attempts, run_after_utc, created_at_utc"""


_CLAIM_ANY = _claim_sql(types=False)
_CLAIM_TYPES = _claim_sql(types=True)

_EXPIRED = f"""
SELECT id, attempts, max_attempts, locked_by FROM task_queue
WHERE {sql_sources(Transition.RELEASE)} AND {sql_past("lease_until_utc", ":now")} LIMIT {RESCUE_BATCH}"""
_STILL_EXPIRED = "id = :id AND attempts = :attempts AND locked_by IS :locked_by AND " + sql_past(
    "lease_until_utc", ":now"
)
_REQUEUE = f"""
UPDATE task_queue SET status = '{TRANSITIONS[Transition.RELEASE].target}', locked_by = NULL, lease_until_utc = NULL,
  reserved_at_utc = NULL, processing_started_utc = NULL, updated_at_utc = :now
WHERE {_STILL_EXPIRED} AND {sql_sources(Transition.RELEASE)}"""
_BURY = f"""
UPDATE task_queue SET status = '{TRANSITIONS[Transition.BURY].target}', error_message = :error,
  locked_by = NULL, lease_until_utc = NULL, finished_at_utc = :now, updated_at_utc = :now
WHERE {_STILL_EXPIRED} AND {sql_sources(Transition.BURY)}"""


@dataclass(frozen=True, slots=True)
class ClaimedTask:
    """A task this worker holds until its lease ends. ``worker_id`` and ``attempt`` are the fence."""

    id: int
    type: str
    payload: str
    attempt: int
    max_attempts: int
    worker_id: str
    lease_until: datetime


class Claimer:
    """Claims for one worker on one database; used by one thread."""

    def __init__(self, db: QueueDatabase) -> None:
        self._db = db
        self._prepared: sqlite3.Connection | None = None
        self._rescued_at = -math.inf
        self._looked_abroad_at = -math.inf

    def claim(
        self,
        worker_id: str,
        capabilities: Mapping[str, Any] | None = None,
        lease_seconds: float = 60.0,
        types: Sequence[str] = (),
    ) -> ClaimedTask | None:
        """Claim the next task that is due and fits, or return None. Committed when this returns.

        Every few seconds it first gives back what workers with an expired lease hold.

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
        found = self._claim(worker_id, offers, lease, types, timedelta(seconds=1))
        if found is None and clock - self._looked_abroad_at >= RESCUE_INTERVAL_S:
            # Times written with an offset east of UTC come due before their text says so; they are
            # rare, and looking for them walks the ISO times of the next 14 h: only when idle.
            found = self._claim(worker_id, offers, lease, types, timedelta(hours=14))
            if found is None:
                self._looked_abroad_at = clock
        return found

    def rescue(self) -> int:
        """Give back tasks whose lease is over: queued again, or dead letters where attempts are used up.

        Returns:
            How many changed, at most 500 a call.
        """
        now = utc_text(now_utc())
        if not self._db.execute(_EXPIRED, {"now": now}).fetchall():
            return 0
        changed = 0
        with self._db.transaction() as connection:
            for row in connection.execute(_EXPIRED, {"now": now}).fetchall():
                changed += _rescue_one(connection, dict(row), now)
        return changed

    def _claim(
        self, worker_id: str, offers: str, lease: timedelta, types: Sequence[str], ahead: timedelta
    ) -> ClaimedTask | None:
        now = now_utc()
        parameters = {
            "now": utc_text(now),
            "iso_from": now.strftime("%Y-%m-%dT"),
            "iso_until": (now + ahead).strftime("%Y-%m-%dT%H:%M:%S") + "~",
            "worker": worker_id,
            "capabilities": offers,
            "lease_until": utc_text(now + lease),
        }
        if types:
            parameters["types"] = json.dumps(list(types))
        self._prepare()
        row = self._db.execute(_CLAIM_TYPES if types else _CLAIM_ANY, parameters).fetchone()
        if row is None:
            return None
        return ClaimedTask(
            id=row["id"],
            type=str(row["type"]),
            payload=row["payload"],
            attempt=row["attempts"],
            max_attempts=row["max_attempts"],
            worker_id=worker_id,
            lease_until=now + lease,
        )

    def _prepare(self) -> None:
        connection = self._db.get_connection()
        if connection is not self._prepared:
            try:
                matching.register(connection)
            except sqlite3.Error as error:
                raise explain(error, self._db.db_path) from error
            self._prepared = connection


def _rescue_one(connection: sqlite3.Connection, row: dict[str, Any], now: str) -> int:
    holder = row["locked_by"]
    used_up = isinstance(row["attempts"], int) and row["attempts"] >= row["max_attempts"]
    tried = f"attempt {row['attempts']} of {row['max_attempts']}"
    message = f"The lease of worker {holder} expired during {tried}"
    row |= {"now": now, "error": f"{message}; no attempts are left"}
    if connection.execute(_BURY if used_up else _REQUEUE, row).rowcount == 0:
        return 0
    outcome = "no attempts are left: dead letter" if used_up else "waiting again"
    write_log(connection, row["id"], "WARNING", f"{message}; {outcome}", now=now)
    return 1


def _checked(worker_id: str, lease_seconds: float) -> timedelta:
    if not isinstance(worker_id, str) or not worker_id.strip():
        raise ValueError(f"worker_id must be a text that isn't empty, not {worker_id!r}")
    valid = isinstance(lease_seconds, (int, float)) and not isinstance(lease_seconds, bool)
    if not valid or not 0.001 <= lease_seconds <= LONGEST_LEASE_S:
        raise ValueError(f"lease_seconds must be between 0.001 and {LONGEST_LEASE_S:.0f}, not {lease_seconds!r}")
    return timedelta(seconds=lease_seconds)
