"""Claiming the next task, and giving back what silent workers hold.

One guarded statement a claim, whose order and conditions stand in :mod:`prismq_gui.queue.claim_sql`. Its cost does not
grow with the backlog, with tasks that are not due, nor (beyond a limit) with tasks in front that don't suit the
worker: see :mod:`prismq_gui.queue.claim_walk`.
"""

from __future__ import annotations

import json
import math
import random
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from prismq_gui.queue import claim_sql, claim_walk
from prismq_gui.queue.claim_sql import ATTEMPTS, MAX_ATTEMPTS, Shape, Strategy
from prismq_gui.queue.claim_tools import ClaimTools
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import QueueDatabaseError
from prismq_gui.queue.logs import write_log
from prismq_gui.queue.lottery import Lottery
from prismq_gui.queue.timestamps import (
    exact_text,
    exact_text_of,
    now_text,
    now_us,
    now_utc,
    parse_utc,
    sql_due,
    text_after,
    utc_text,
)
from prismq_gui.queue.transitions import TRANSITIONS, Transition, sql_sources

RESCUE_INTERVAL_S = 5.0
RESCUE_BATCH = 500
LONGEST_LEASE_S = 7 * 24 * 3600.0
USED_UP_A_CLAIM = 100  # how many tasks without attempts left one claim buries before it gives up
MOST_AT_ONCE = 1_000  # of claim_many: all of them are one write, in which the others wait

# Offsets east of UTC come due before their text says so. Looking for them walks the times of the next
# 14 h, so it is done apart from the claim, at most once a second and a twentieth of the time, without a lock.
LOOK_AHEAD = timedelta(hours=14)
LOOK_INTERVAL_S = 1.0
LOOK_SHARE = 20

_SHORT_CUT_REST = 64  # claims without the short cut after it found nothing
_CANDIDATES = 16  # looked up without a lock: others may take the first ones meanwhile
_TRIES = 5
_NO_LIMIT = 2**62

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
_MARK_APART = """
UPDATE task_queue SET reserved_at_utc = :later
WHERE id = :id AND locked_by = :worker AND attempts = :attempt AND reserved_at_utc = :now"""
_BURY_UNTRIED = f"""
UPDATE task_queue SET status = '{TRANSITIONS[Transition.BURY].target}', attempts = attempts - 1,
  error_message = coalesce(error_message, :error), locked_by = NULL, lease_until_utc = NULL, reserved_at_utc = NULL,
  finished_at_utc = :now, updated_at_utc = :now
WHERE id = :id AND {sql_sources(Transition.BURY)} AND locked_by = :worker AND attempts = :attempt"""


class ClaimedTask(NamedTuple):
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
    lease_until_utc: str

    @property
    def lease_until(self) -> datetime:
        """When the lease ends, naive UTC."""
        until = parse_utc(self.lease_until_utc)
        assert until is not None
        return until


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a worker asks for, checked and made ready; the same for claim after claim."""

    worker_id: str
    capabilities: dict[str, Any]
    lease_seconds: float
    types: Sequence[str]
    lease_us: int
    parameters: dict[str, str]
    shape: Shape
    short_cut: str  # the statement of the usual claim

    def is_still(
        self, worker_id: str, capabilities: Mapping[str, Any] | None, lease_seconds: float, types: Sequence[str]
    ) -> bool:
        """Whether this is what is asked for now."""
        return (
            worker_id == self.worker_id
            and lease_seconds == self.lease_seconds
            and (capabilities == self.capabilities or (not capabilities and not self.capabilities))
            and tuple(types) == self.types
        )


class Claimer:
    """Claims for one worker on one database; used by one thread.

    Args:
        db: The queue.
        strategy: In which order tasks that are due are claimed.
        seed: Of the draws of WEIGHTED_RANDOM, so that they can be repeated; None is another each time.
    """

    def __init__(self, db: QueueDatabase, *, strategy: Strategy = Strategy.PRIORITY, seed: int | None = None) -> None:
        self._db = db
        self.strategy = Strategy(strategy)
        self._random = random.Random(seed)  # noqa: S311 (a lottery of tasks, not a secret)
        self._tools: ClaimTools | None = None
        self._memory = claim_walk.Memory()
        self._rescue_at = self._look_at = self._watch_at = -math.inf
        self._abroad = False
        self._careful = False
        self._is_usual = False  # the last claim found its task by the short cut: so will the next
        self._without_short_cut = 0
        self._wish: _Wish | None = None

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
        wish = self._wished(worker_id, capabilities, lease_seconds, types)
        for _ in range(USED_UP_A_CLAIM):
            task = self._claim(wish)
            if task is None:
                return None
            if task.attempt <= task.max_attempts or task.attempt <= 1:
                return task
            self._bury_untried(task)
        return None

    def claim_many(
        self,
        worker_id: str,
        count: int,
        capabilities: Mapping[str, Any] | None = None,
        lease_seconds: float = 60.0,
        types: Sequence[str] = (),
    ) -> list[ClaimedTask]:
        """Claim up to ``count`` tasks, the next first; by priority all of them in one write.

        Raises:
            ValueError: As ``claim``; or the count isn't between 1 and 1,000.
            QueueBusyError: Another program held the file for over 5 s; what was claimed before is held.
        """
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_AT_ONCE:
            raise ValueError(f"count must be a whole number between 1 and {MOST_AT_ONCE}, not {count!r}")
        wish = self._wished(worker_id, capabilities, lease_seconds, types)
        parameters = _parameters(wish)
        tasks = []
        if self.strategy is Strategy.PRIORITY and not self._abroad:
            rows, _over = self._run(claim_sql.take_many(wish.shape), parameters | {"count": count})
            rows = sorted(rows, key=lambda row: (row["priority"], row["run_after_utc"], row["id"]))
            for task in [self._claimed(row, parameters) for row in rows]:
                if task.attempt <= task.max_attempts or task.attempt <= 1:
                    tasks.append(task)
                else:
                    self._bury_untried(task)
        while len(tasks) < count:
            task_or_none = self.claim(worker_id, capabilities, lease_seconds, types)
            if task_or_none is None:
                break
            tasks.append(task_or_none)
        return tasks

    def rescue(self) -> int:
        """Give back tasks whose lease is over: queued again, or dead letters where attempts are used up.

        Returns:
            How many changed, at most 500 a call.
        """
        now = now_text()
        if not self._db.execute(_EXPIRED, {"now": now}).fetchall():
            return 0
        changed = 0
        with self._db.transaction():
            for row in self._db.execute(_EXPIRED, {"now": now}).fetchall():
                changed += self._rescue_one(row, now)
        return changed

    # -- one claim

    def _claim(self, wish: _Wish) -> ClaimedTask | None:
        """Claim; leave rows with malformed JSON out once one has stopped it.

        Files of other programs compute columns by a plain json_extract(): there SQLite refuses every
        change of such a row, and being the first in line it would stop all claims.
        """
        parameters = _parameters(wish)
        tools, db = self._tools, self._db
        try:
            if self._is_usual and tools is not None and tools.connection is db.open_connection:
                # As _next() would: but claim by claim its calls cost 4 µs of 70.
                with db.lock:
                    tools.left = claim_walk.MOST_UNSUITABLE
                    rows = db.write(wish.short_cut, parameters)
                if rows:
                    return self._claimed(rows[0], parameters)
                self._is_usual = False
            row = self._next(wish, parameters)
        except QueueDatabaseError as error:
            if self._careful or "malformed JSON" not in str(error):
                raise
            self._careful = True
            shape = replace(wish.shape, careful=True)
            self._wish = wish = replace(wish, shape=shape, short_cut=claim_sql.claim_first(shape))
            row = self._next(wish, parameters)
        return None if row is None else self._claimed(row, parameters)

    def _claimed(self, row: sqlite3.Row, parameters: dict[str, Any]) -> ClaimedTask:
        """Return the claimed task; make its fence another one than that of a claim in the same second.

        A task that was given back is claimed in the same attempt again, and times have whole seconds.
        """
        task, tools = _task_of(row, parameters), self._tools
        assert tools is not None
        if task.reserved_at != tools.second:
            tools.second = task.reserved_at
            tools.claimed.clear()
        ahead = tools.claimed[task.id] = tools.claimed.get(task.id, -1) + 1
        return self._marked_apart(task, ahead) if ahead else task

    def _marked_apart(self, task: ClaimedTask, ahead_s: int) -> ClaimedTask:
        """Put the claim's time so many seconds ahead that no earlier claim had it."""
        later = utc_text(datetime.fromisoformat(task.reserved_at) + timedelta(seconds=ahead_s))
        fence = {"id": task.id, "worker": task.worker_id, "attempt": task.attempt, "now": task.reserved_at}
        changed = self._db.change(_MARK_APART, fence | {"later": later})
        return task._replace(reserved_at=later) if changed else task  # else the fence holds it off as it is

    def _wished(
        self, worker_id: str, capabilities: Mapping[str, Any] | None, lease_seconds: float, types: Sequence[str]
    ) -> _Wish:
        """Return what is asked for, made ready; first see to what is to be seen to from time to time."""
        wish = self._wish
        if wish is None or not wish.is_still(worker_id, capabilities, lease_seconds, types):
            lease_us = _checked(worker_id, lease_seconds)
            offers = dict(capabilities or {})
            parameters = {"worker": worker_id, "capabilities": json.dumps(offers, sort_keys=True) if offers else "{}"}
            if types:
                parameters["types"] = json.dumps(list(types))
            shape = Shape(self.strategy, bool(types), self._careful)
            wish = self._wish = _Wish(
                worker_id,
                offers,
                lease_seconds,
                tuple(types),
                lease_us,
                parameters,
                shape,
                claim_sql.claim_first(shape),
            )
        clock = time.monotonic()
        if clock >= self._watch_at:
            self._look_around(clock)
        return wish

    def _look_around(self, clock: float) -> None:
        """Give back what has expired, and see whether times east of UTC are due; each as often as it may cost."""
        if clock >= self._rescue_at:
            self._rescue_at = clock + RESCUE_INTERVAL_S
            self.rescue()
        if clock >= self._look_at:
            self._abroad = self._is_due_abroad()
            self._is_usual = self._is_usual and not self._abroad
        self._watch_at = min(self._rescue_at, self._look_at)

    def _next(self, wish: _Wish, parameters: dict[str, Any]) -> sqlite3.Row | None:
        shape = wish.shape
        self._is_usual = False
        if self._abroad:
            shape = replace(shape, abroad=True)
            parameters |= claim_sql.bounds(parameters["moment"], exact_text(now_utc() + LOOK_AHEAD))
        if self.strategy is Strategy.WEIGHTED_RANDOM:
            return self._drawn(shape, parameters)
        mark = None if self._memory.is_empty else self._memory.recall(wish)
        if mark is None and self.strategy is Strategy.PRIORITY and not self._abroad:
            if self._without_short_cut > 0:
                self._without_short_cut -= 1
            else:
                rows, over = self._run(wish.short_cut, parameters)
                if rows:
                    self._is_usual = True
                    return rows[0]
                self._without_short_cut = _SHORT_CUT_REST
                if over:
                    return self._past_unsuitable(wish, shape, parameters, mark)
        if mark is not None:
            parameters |= mark.parameters()
        rows, over = self._run(claim_sql.claim(replace(shape, remembers=mark is not None)), parameters)
        if rows or not over:
            return rows[0] if rows else None
        return self._past_unsuitable(wish, shape, parameters, mark)

    def _past_unsuitable(
        self, wish: _Wish, shape: Shape, parameters: dict[str, Any], mark: claim_walk.Mark | None
    ) -> sqlite3.Row | None:
        """Claim where many tasks in front don't suit: find the next one without a lock, then take it."""
        for _ in range(_TRIES):
            ids = claim_walk.of_types(self._ask, shape, parameters, _CANDIDATES)
            if ids is None:
                break
            if ids == "[]":
                return None
            rows, _over = self._run(claim_sql.take_one_of(shape), parameters | {"ids": ids})
            if rows:
                return rows[0]
        if shape.strategy is Strategy.LIFO:
            return self._found_then_taken(shape, parameters)
        mark = claim_walk.walk(self._ask, shape, parameters, mark)
        self._memory.keep(wish, mark)
        sql = claim_sql.claim(replace(shape, remembers=True))
        rows, _over = self._run(sql, parameters | mark.parameters(), _NO_LIMIT)
        return rows[0] if rows else None

    def _found_then_taken(self, shape: Shape, parameters: dict[str, Any]) -> sqlite3.Row | None:
        for _ in range(_TRIES):
            with self._db.lock:
                self._prepared().begin(_NO_LIMIT)
                found = self._ask(claim_sql.find(shape), parameters)
            if not found:
                return None
            ids = json.dumps([found[0]["id"]])
            rows, _over = self._run(claim_sql.take_one_of(shape), parameters | {"ids": ids})
            if rows:
                return rows[0]
        rows, _over = self._run(claim_sql.claim(shape), parameters, _NO_LIMIT)
        return rows[0] if rows else None

    def _drawn(self, shape: Shape, parameters: dict[str, Any]) -> sqlite3.Row | None:
        lottery = Lottery(self._ask, shape, parameters, self._random)
        for _ in range(_TRIES):
            with self._db.lock:
                self._prepared().begin(_NO_LIMIT, self._random)
                ids = lottery.draw()
            if not ids:
                return None
            rows, _over = self._run(claim_sql.take_one_of(shape), parameters | {"ids": json.dumps(ids)})
            if rows:
                return rows[0]
        return None

    def _run(
        self, sql: str, parameters: dict[str, Any], limit: int = claim_walk.MOST_UNSUITABLE
    ) -> tuple[list[sqlite3.Row], bool]:
        """Run a claim; return its rows, and whether it gave up at a task that doesn't suit."""
        db = self._db
        with db.lock:
            tools = self._tools
            if tools is None or tools.connection is not db.open_connection:
                tools = self._prepared()
            tools.left = limit
            rows = db.write(sql, parameters)
            return rows, tools.left < 0

    def _ask(self, sql: str, parameters: dict[str, Any]) -> list[sqlite3.Row]:
        self._prepared()
        return self._db.execute(sql, parameters).fetchall()

    def _is_due_abroad(self) -> bool:
        """Whether a time with an offset east of UTC is due, by reading alone."""
        started = time.monotonic()
        now = now_utc()
        limits = claim_sql.bounds(exact_text(now), exact_text(now + LOOK_AHEAD))
        found = bool(self._ask(claim_sql.DUE_ABROAD, limits))
        ended = time.monotonic()
        if not found:
            self._look_at = ended + max(LOOK_INTERVAL_S, LOOK_SHARE * (ended - started))
        return found

    def _prepared(self) -> ClaimTools:
        connection = self._db.get_connection()
        tools = self._tools
        if tools is None or tools.connection is not connection:
            try:
                tools = self._tools = self._db.tools(ClaimTools)
            except sqlite3.Error as error:
                raise self._db.explain(error) from error
        return tools

    def _bury_untried(self, task: ClaimedTask) -> None:
        words = f"attempts used up: {task.attempt - 1} of {task.max_attempts}; dead letter without another try"
        now = now_text()
        values = {"id": task.id, "worker": task.worker_id, "attempt": task.attempt, "error": words, "now": now}
        with self._db.transaction():
            if self._db.execute(_BURY_UNTRIED, values).rowcount == 1:
                write_log(self._db, task.id, "WARNING", words, now=now)

    def _rescue_one(self, row: sqlite3.Row, now: str) -> int:
        used_up = row["attempts"] >= max(1, row["max_attempts"])
        tried = f"attempt {row['attempts']} of {row['max_attempts']}"
        message = f"The lease of worker {_text(row['holder'])} expired during {tried}"
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


def _parameters(wish: _Wish) -> dict[str, Any]:
    """Return the parameters of a claim made now."""
    moment_us = now_us()
    parameters: dict[str, Any] = claim_sql.bounds(exact_text_of(moment_us))
    parameters["lease_until"] = text_after(moment_us + wish.lease_us)
    parameters.update(wish.parameters)
    return parameters


def _task_of(row: sqlite3.Row, parameters: dict[str, Any]) -> ClaimedTask:
    task_id, name, payload, attempt, most = tuple(row)[:5]
    try:
        payload = payload.decode()
    except (AttributeError, UnicodeDecodeError):
        payload = payload or ""
    return ClaimedTask(
        task_id, _text(name), payload, attempt, most, parameters["worker"], parameters["now"], parameters["lease_until"]
    )


def _text(cell: bytes | None) -> str:
    return "" if cell is None else cell.decode("utf-8", "backslashreplace")


def _checked(worker_id: str, lease_seconds: float) -> int:
    """Check what a worker claims with and return the lease in microseconds."""
    if not isinstance(worker_id, str) or not worker_id.strip():
        raise ValueError(f"worker_id must be a text that isn't empty, not {worker_id!r}")
    valid = isinstance(lease_seconds, (int, float)) and not isinstance(lease_seconds, bool)
    if not valid or not 0.001 <= lease_seconds <= LONGEST_LEASE_S:
        raise ValueError(f"lease_seconds must be between 0.001 and {LONGEST_LEASE_S:.0f}, not {lease_seconds!r}")
    return round(lease_seconds * 1_000_000)
