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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from prismq_gui.queue import claim_many, claim_sql, claim_walk, rescuing
from prismq_gui.queue.claim_fence import kept_apart
from prismq_gui.queue.claim_sql import Shape, Strategy
from prismq_gui.queue.claim_tools import ClaimTools
from prismq_gui.queue.claim_wish import Wish, wish_of, with_shape
from prismq_gui.queue.claimed import ClaimedTask, task_of
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import QueueDatabaseError
from prismq_gui.queue.lottery import Lottery
from prismq_gui.queue.timestamps import exact_text, exact_text_of, now_us, now_utc, text_after

RESCUE_INTERVAL_S = 5.0
JUMP_S = 2.0  # of the wall clock between two looks
AFTER_JUMP_S = 30.0  # a worker renews its leases each 15 s at the latest
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
        self._ahead_s: float | None = None  # the wall clock, of the monotonic one
        self._abroad = False
        self._careful = False
        self._usual: str | None = None  # the statement that found the last task: so will the next
        self._without_short_cut = 0
        self._wish: Wish | None = None
        self._second = -1  # of the parameters that stay the same for a second
        self._constant: dict[str, Any] = {}

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
            rescuing.bury_untried(self._db, task)
        return None

    def settle_and_claim(
        self,
        settle: Callable[[], object],
        worker_id: str,
        capabilities: Mapping[str, Any] | None = None,
        lease_seconds: float = 60.0,
        types: Sequence[str] = (),
        *,
        then: Callable[[ClaimedTask], object] | None = None,
    ) -> ClaimedTask | None:
        """Record what became of a task and claim the next one in the same transaction: one commit instead of two.

        None where nothing was claimed along with it: nothing is due, or finding it takes more than one statement
        (WEIGHTED_RANDOM always does). Then ask ``claim``.

        Args:
            settle: Writes with the functions of ``settling``. What it raises is raised: nothing was written then.
            worker_id: As of ``claim``, like the other arguments.
            capabilities: What the worker offers.
            lease_seconds: How long the next task is held.
            types: What the worker runs; empty for all.
            then: Writes about the task that was claimed (that it starts), in the same transaction.

        Raises:
            ValueError: As ``claim``.
            LeaseLost: By ``settle``; nothing was claimed.
            QueueBusyError: Another program held the file for over 5 s. Nothing was changed.
        """
        wish = self._wished(worker_id, capabilities, lease_seconds, types)
        if self._abroad or self.strategy is Strategy.WEIGHTED_RANDOM:
            self._db.together(settle)
            return None
        parameters = self._parameters(wish)

        def both() -> ClaimedTask | None:
            settle()
            task = self._claim_along(wish, parameters)
            if task is None:
                return None
            if task.attempt > task.max_attempts and task.attempt > 1:
                rescuing.bury_untried(self._db, task)
                return None
            if then is not None:
                then(task)
            return task

        return self._db.together(both)

    def _claim_along(self, wish: Wish, parameters: dict[str, Any]) -> ClaimedTask | None:
        """Claim within an open transaction, whose earlier writes are to stay whatever this meets."""
        try:
            task = None
            if self._usual is not None:
                task, _over = self._run(self._usual, parameters)
                self._was_usual(found=task is not None)
            return task or self._in_line(wish, wish.shape, parameters)[0]
        except QueueDatabaseError:
            connection = self._db.open_connection
            if connection is None or not connection.in_transaction:
                raise
            return None  # claim() meets it too, and tells it

    def claim_many(
        self,
        worker_id: str,
        count: int,
        capabilities: Mapping[str, Any] | None = None,
        lease_seconds: float = 60.0,
        types: Sequence[str] = (),
    ) -> list[ClaimedTask]:
        """Claim up to ``count`` tasks, the next first; by priority all of them in one write or two.

        Raises:
            ValueError: As ``claim``; or the count isn't between 1 and 1,000.
            QueueBusyError: Another program held the file for over 5 s; what was claimed before is held.
        """
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_AT_ONCE:
            raise ValueError(f"count must be a whole number between 1 and {MOST_AT_ONCE}, not {count!r}")
        wish = self._wished(worker_id, capabilities, lease_seconds, types)
        tasks: list[ClaimedTask] = []
        if self.strategy is Strategy.PRIORITY and not self._abroad:
            parameters = self._parameters(wish)
            parameters["count"] = count
            if self._without_short_cut > 0:
                self._without_short_cut -= 1
            else:
                tasks = claim_many.first_ones(self._db, self._prepared(), wish.many_first, parameters)
                if len(tasks) < count:
                    self._without_short_cut = _SHORT_CUT_REST
            if len(tasks) < count:
                parameters["count"] = count - len(tasks)
                tasks += claim_many.next_ones(self._db, self._prepared(), wish.many, parameters)
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
        return rescuing.rescue(self._db)

    # -- one claim

    def _claim(self, wish: Wish) -> ClaimedTask | None:
        """Claim; leave rows with malformed JSON out once one has stopped it.

        Files of other programs compute columns by a plain json_extract(): there SQLite refuses every
        change of such a row, and being the first in line it would stop all claims.
        """
        parameters = self._parameters(wish)
        tools, db = self._tools, self._db
        try:
            usual = self._usual
            if usual is not None and tools is not None and tools.connection is db.open_connection:
                # As _next() would: but claim by claim its calls cost 4 µs of 70.
                with db.lock:
                    tools.left = claim_walk.MOST_UNSUITABLE
                    rows = db.write(usual, parameters)
                    self._was_usual(found=bool(rows))
                    if rows:
                        return kept_apart(db, tools, task_of(rows[0], parameters))
            return self._next(wish, parameters)
        except QueueDatabaseError as error:
            if self._careful or "malformed JSON" not in str(error):
                raise
            self._careful = True
            self._usual = None
            self._wish = wish = with_shape(wish, replace(wish.shape, careful=True))
            return self._next(wish, parameters)

    def _wished(
        self, worker_id: str, capabilities: Mapping[str, Any] | None, lease_seconds: float, types: Sequence[str]
    ) -> Wish:
        """Return what is asked for, made ready; first see to what is to be seen to from time to time."""
        wish = self._wish
        if wish is None or not wish.is_still(worker_id, capabilities, lease_seconds, types):
            shape = Shape(self.strategy, bool(types), self._careful)
            self._second, self._usual = -1, None
            wish = self._wish = wish_of(worker_id, capabilities, lease_seconds, types, shape)
        clock = time.monotonic()
        if clock >= self._watch_at:
            self._look_around(clock)
        return wish

    def _look_around(self, clock: float) -> None:
        """Give back what has expired, and see whether times east of UTC are due; each as often as it may cost."""
        ahead_s = now_us() / 1_000_000 - clock
        if self._ahead_s is not None and ahead_s - self._ahead_s > JUMP_S:
            # The clock was set forward, or the machine slept: all leases look over. Their holders renew them first.
            self._rescue_at = clock + AFTER_JUMP_S
        self._ahead_s = ahead_s
        if clock >= self._rescue_at:
            self._rescue_at = clock + RESCUE_INTERVAL_S
            self.rescue()
        if clock >= self._look_at:
            self._abroad = self._is_due_abroad()
            if self._abroad:
                self._usual = None
        self._watch_at = min(self._rescue_at, self._look_at)

    def _parameters(self, wish: Wish) -> dict[str, Any]:
        """Return the parameters of a claim made now; all but the fraction stay the same for a second."""
        second, rest_us = divmod(now_us(), 1_000_000)
        if second != self._second:
            self._second = second
            self._constant = claim_sql.bounds(exact_text_of(second * 1_000_000)) | wish.parameters
        parameters = self._constant.copy()
        parameters["moment"] = parameters["spaced_until"] = f"{parameters['now']}.{rest_us:06}"
        parameters["lease_until"] = text_after(second * 1_000_000 + rest_us + wish.lease_us)
        return parameters

    def _next(self, wish: Wish, parameters: dict[str, Any]) -> ClaimedTask | None:
        shape = wish.shape
        self._usual = None
        if self._abroad:
            shape = replace(shape, abroad=True)
            parameters |= claim_sql.bounds(parameters["moment"], exact_text(now_utc() + LOOK_AHEAD))
        if self.strategy is Strategy.WEIGHTED_RANDOM:
            return self._drawn(shape, parameters)
        task, over, mark = self._in_line(wish, shape, parameters)
        if task is not None or not over:
            return task
        return self._past_unsuitable(wish, shape, parameters, mark)

    def _in_line(
        self, wish: Wish, shape: Shape, parameters: dict[str, Any]
    ) -> tuple[ClaimedTask | None, bool, claim_walk.Mark | None]:
        """Claim by one statement or two; return the task, whether it gave up, and the mark it began at."""
        mark = None if self._memory.is_empty else self._memory.recall(wish)
        if mark is None and self.strategy is Strategy.PRIORITY and not self._abroad:
            if self._without_short_cut > 0:
                self._without_short_cut -= 1
            else:
                task, over = self._run(wish.short_cut, parameters)
                if task is not None:
                    self._usual = wish.short_cut
                    return task, False, None
                self._without_short_cut = _SHORT_CUT_REST
                if over:
                    return None, True, None
            if wish.plain is not None:
                task, over = self._run(wish.plain, parameters)
                if task is not None:
                    self._usual = wish.plain
                if task is not None or over:
                    return task, over, None
        if mark is not None:
            parameters |= mark.parameters()
        if shape is not wish.shape:  # of times abroad
            sql = claim_sql.claim(replace(shape, remembers=mark is not None))
        else:
            sql = wish.general if mark is None else wish.remembering
        task, over = self._run(sql, parameters)
        return task, over, mark

    def _was_usual(self, *, found: bool) -> None:
        """Go on with the usual statement, but try the short cut again after some time."""
        if not found:
            self._usual = None
        elif self._without_short_cut > 0:
            self._without_short_cut -= 1
            if not self._without_short_cut:
                self._usual = None

    def _past_unsuitable(
        self, wish: Wish, shape: Shape, parameters: dict[str, Any], mark: claim_walk.Mark | None
    ) -> ClaimedTask | None:
        """Claim where many tasks in front don't suit: find the next one without a lock, then take it."""
        for _ in range(_TRIES):
            ids = claim_walk.of_types(self._ask, shape, parameters, _CANDIDATES)
            if ids is None:
                break
            if ids == "[]":
                return None
            task, _over = self._run(claim_sql.take_one_of(shape), parameters | {"ids": ids})
            if task is not None:
                return task
        if shape.strategy is Strategy.LIFO:
            return self._found_then_taken(shape, parameters)
        mark = claim_walk.walk(self._ask, shape, parameters, mark)
        self._memory.keep(wish, mark)
        sql = claim_sql.claim(replace(shape, remembers=True))
        return self._run(sql, parameters | mark.parameters(), _NO_LIMIT)[0]

    def _found_then_taken(self, shape: Shape, parameters: dict[str, Any]) -> ClaimedTask | None:
        for _ in range(_TRIES):
            with self._db.lock:
                self._prepared().begin(_NO_LIMIT)
                found = self._ask(claim_sql.find(shape), parameters)
            if not found:
                return None
            ids = json.dumps([found[0]["id"]])
            task, _over = self._run(claim_sql.take_one_of(shape), parameters | {"ids": ids})
            if task is not None:
                return task
        return self._run(claim_sql.claim(shape), parameters, _NO_LIMIT)[0]

    def _drawn(self, shape: Shape, parameters: dict[str, Any]) -> ClaimedTask | None:
        lottery = Lottery(self._ask, shape, parameters, self._random)
        for _ in range(_TRIES):
            with self._db.lock:
                self._prepared().begin(_NO_LIMIT, self._random)
                ids = lottery.draw()
            if not ids:
                return None
            task, _over = self._run(claim_sql.take_one_of(shape), parameters | {"ids": json.dumps(ids)})
            if task is not None:
                return task
        return None

    def _run(
        self, sql: str, parameters: dict[str, Any], limit: int = claim_walk.MOST_UNSUITABLE
    ) -> tuple[ClaimedTask | None, bool]:
        """Run a claim; return its task, and whether it gave up at one that doesn't suit."""
        db = self._db
        with db.lock:
            tools = self._tools
            if tools is None or tools.connection is not db.open_connection:
                tools = self._prepared()
            tools.left = limit
            rows = db.write(sql, parameters)
            over = tools.left < 0
            # With the lock still held: no thread that had the task in this second may settle it by the fence it had.
            return kept_apart(db, tools, task_of(rows[0], parameters)) if rows else None, over

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
