"""Any sequence of what clients, workers, operators and other programs do leaves the file as a plain model says.

The clock is the real one, but all times lie years (or, for offsets east of UTC, most of an hour) away from now, so
that nothing depends on how fast a step runs.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from prismq_gui.queue import (
    CancelOutcome,
    ClaimedTask,
    Claimer,
    LeaseLost,
    NewTask,
    QueueClient,
    QueueDatabase,
    Strategy,
    Transition,
    cancelling,
    settling,
)
from prismq_gui.queue.timestamps import now_utc, parse_utc, utc_text
from prismq_gui.queue.transitions import sql_sources
from tests.queue.state_model import FINISHED, RUNNING, Model, ModelTask

TYPES = ("job", "mail")
NEEDS: tuple[dict[str, Any], ...] = ({}, {"region": "eu"}, {"region": ["eu", "us"]}, {"gpu": True}, {"gpu": 1})
OFFERS: tuple[dict[str, Any], ...] = ({}, {"region": "eu"}, {"region": ["us", "asia"], "gpu": True}, {"gpu": [1, 2]})
LEASE_S = 600.0
CROWD = 260  # more tasks that suit nobody than a claim looks at under the lock
EXPIRED = ("2020-01-01 00:00:00", "2020-01-01T00:00:00Z", "2020-01-01T01:00:00.25+01:00")
HELD = ("2099-01-01 00:00:00", "2099-01-01T00:00:00Z", "2099-01-01T01:00:00.25+01:00")

PAST = (
    "2020-01-01 00:00:00", "2020-01-01 09:00:00.25", "2020-01-01T00:00:00Z", "2020-01-01T03:00:00.5+02:00",
    "2020-01-01 08:00:00+0100", "2020-01-02 00:00:00", "2020-01-02T00:00:00.000001+00:00",
)  # fmt: skip
FUTURE = ("2099-01-01 00:00:00", "2099-01-01T00:00:00Z", "2099-01-01T00:00:00.123456+00:00", "2099-01-01 00:00:00-0500")
NO_TIME = ("soon", "", "2020-02-30 00:00:00", "2020-01-01T24:00:00Z")
TODAY = ("{0} 00:00:00", "{0} 00:00:00.5", "{0}T00:00:00Z", "{0}T00:00:00.25+00:00", "{0}T00:00:00")
# Read as UTC it lies 45 minutes ahead; with the offset 01:30 it was due 45 minutes ago. The same for all examples:
# Hypothesis runs them again and must come by the same order.
AHEAD = now_utc() + timedelta(minutes=45)

SETTLINGS: Mapping[str, tuple[Callable[[QueueDatabase, ClaimedTask], object], Transition]] = {
    "complete": (lambda db, task: settling.complete(db, task, {"n": 1}), Transition.COMPLETE),
    "complete silently": (lambda db, task: settling.complete(db, task, log=False), Transition.COMPLETE),
    "fail": (lambda db, task: settling.fail(db, task, "x", "trace"), Transition.FAIL),
    "bury": (lambda db, task: settling.bury(db, task, "x"), Transition.BURY),
    "release": (lambda db, task: settling.release(db, task, "x"), Transition.RELEASE),
    "retry": (lambda db, task: settling.retry_later(db, task, "x", timedelta(0)), Transition.RETRY_LATER),
    "retry in a year": (lambda db, task: settling.retry_later(db, task, "x", timedelta(365)), Transition.RETRY_LATER),
    "end cancelled": (lambda db, task: cancelling.end_cancelled(db, task, "asked"), Transition.CANCEL),
    "start": (settling.start, Transition.START),
    "renew": (lambda db, task: settling.renew(db, task, LEASE_S), Transition.COMPLETE),
}

# What the table of transitions says for operators, once more and by itself.
OPERATOR_MAY = {
    Transition.OPERATOR_RETRY: ("failed", "dead_letter", "cancelled"),
    Transition.OPERATOR_CANCEL: ("queued",),
}

types = st.sampled_from([(), ("job",), ("mail",), TYPES])
offers = st.sampled_from(OFFERS)
workers = st.sampled_from("ab")
picks = st.integers(0, 40)


def today() -> str:
    return utc_text(now_utc())[:10]


class QueueMachine(RuleBasedStateMachine):
    """One file, one model of it, two workers, and another program that writes plain SQL."""

    claims: Bundle[ClaimedTask] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.db = QueueDatabase(Path(self.folder.name) / "queue.db")
        self.db.initialize_schema()
        self.other = sqlite3.connect(self.db.db_path, timeout=10, isolation_level=None)
        self.client = QueueClient(self.db)
        self.model = Model()
        self.claimers: dict[Strategy, Claimer] = {}
        self.crowd = 0
        self.seconds = 0

    def teardown(self) -> None:
        self.other.close()
        self.db.close()
        self.folder.cleanup()

    def foreign(self, sql: str, *values: object) -> int:
        """Write as another program does; return the id of an inserted row, else how many changed."""
        cursor = self.other.execute(sql, values)
        return (cursor.lastrowid or 0) if sql.startswith("INSERT") else cursor.rowcount

    def stored(self, task_id: int, column: str) -> Any:
        return self.db.execute(f"SELECT {column} FROM task_queue WHERE id = ?", (task_id,)).fetchone()[0]

    def dated(self, task_id: int) -> str:
        """Give a task that became due just now a time of its own: run again, the order of all must be the same."""
        moment = parse_utc(self.stored(task_id, "run_after_utc"))
        assert moment is not None
        assert abs(moment - now_utc()) < timedelta(minutes=1)
        self.seconds += 1
        text = utc_text(datetime(2025, 6, 1) + timedelta(seconds=self.seconds))
        self.foreign("UPDATE task_queue SET run_after_utc = ? WHERE id = ?", text, task_id)
        return text

    def let_time_pass(self) -> None:
        """Date the requests to earlier claims long ago: they are told apart by the second."""
        ended = [str(task.id) for task in self.model.tasks.values() if task.status not in RUNNING]
        sql = f"UPDATE task_logs SET at_utc = '2020-01-01' WHERE level = 'CANCEL' AND task_id IN ({','.join(ended)})"
        self.foreign(sql)

    def picked(self, pick: int) -> tuple[int, ModelTask | None]:
        """Return a task by any number; one time in twenty an id that nobody has."""
        ids = list(self.model.tasks)
        if not ids or pick % 20 == 19:
            return 10**9, None
        return ids[pick % len(ids)], self.model.tasks[ids[pick % len(ids)]]

    @initialize(is_crowded=st.booleans())
    def crowd_in_front(self, is_crowded: bool) -> None:
        """Put many tasks first in line that no worker can run."""
        if is_crowded:
            self.crowd = CROWD
            self.db.execute_many(
                "INSERT INTO task_queue (id, type, payload, priority, compatibility, run_after_utc) "
                "VALUES (?, 'job', '{}', -9, '{\"never\": 1}', '2020-01-01 00:00:00')",
                [(-number,) for number in range(1, CROWD + 1)],
            )

    # -- putting in

    @rule(
        type=st.sampled_from(TYPES), priority=st.integers(-2, 2), limit=st.integers(1, 3),
        needs=st.sampled_from(NEEDS), key=st.sampled_from([None, None, "k1", "k2", ""]),
        when=st.sampled_from(["now", "ago", "later", "past", "future", "zone"]),
    )  # fmt: skip
    def enqueue(self, type: str, priority: int, limit: int, needs: dict[str, Any], key: str | None, when: str) -> None:
        moments: dict[str, datetime | timedelta | None] = {
            "now": None, "ago": timedelta(days=-400), "later": timedelta(days=400), "past": datetime(2020, 1, 1, 9),
            "future": datetime(2099, 1, 1), "zone": datetime(2020, 1, 1, 9, tzinfo=timezone(timedelta(hours=5))),
        }  # fmt: skip
        known = self.model.keys.get(key or "")
        result = self.client.enqueue(
            type, {"n": 1}, priority=priority, max_attempts=limit, compatibility=needs, idempotency_key=key,
            run_after=moments[when],
        )  # fmt: skip
        assert result.created == (known is None)
        if known is not None:
            assert result.task_id == known
            return
        text = self.stored(result.task_id, "run_after_utc")
        if when in ("past", "zone"):
            assert parse_utc(text) == datetime(2020, 1, 1, 9 if when == "past" else 4)
        if when == "now":
            text = self.dated(result.task_id)
        due = when not in ("later", "future")
        self.model.add(ModelTask(result.task_id, type, priority, text, due, limit, needs), key)

    @rule(priorities=st.lists(st.integers(-2, 2), min_size=1, max_size=4), key=st.sampled_from([None, "k1", "k3"]))
    def enqueue_many(self, priorities: list[int], key: str | None) -> None:
        tasks = [NewTask("job", priority=p, idempotency_key=key if n == 0 else None) for n, p in enumerate(priorities)]
        results = self.client.enqueue_many(tasks)
        assert len(results) == len(tasks)
        for task, result in zip(tasks, results, strict=True):
            known = self.model.keys.get(task.idempotency_key or "")
            assert result.created == (known is None)
            if known is None:
                text = self.dated(result.task_id)
                added = ModelTask(result.task_id, "job", task.priority, text, due=True)
                self.model.add(added, task.idempotency_key)
            else:
                assert result.task_id == known

    @rule(
        type=st.sampled_from(TYPES), priority=st.integers(-2, 2),
        kind=st.sampled_from(["past", "today", "today", "future", "no time", "east", "west"]),
        pick=st.integers(0, 99),
    )  # fmt: skip
    def foreign_enqueue(self, type: str, priority: int, kind: str, pick: int) -> None:
        """Another program puts a task in, in any form of time."""
        if kind == "east" and utc_text(AHEAD)[:10] != today():
            kind = "past"  # tomorrow's ISO text is not merged in, as that of all other days
        forms: dict[str, Sequence[str]] = {
            "past": PAST, "today": [form.format(today()) for form in TODAY], "future": FUTURE, "no time": NO_TIME,
            "east": [AHEAD.strftime(form) for form in ("%Y-%m-%dT%H:%M:%S+01:30", "%Y-%m-%d %H:%M:%S.5+0130")],
            "west": [(AHEAD - timedelta(minutes=50)).strftime("%Y-%m-%dT%H:%M:%S-02:00")],
        }  # fmt: skip
        text = forms[kind][pick % len(forms[kind])]
        sql = "INSERT INTO task_queue (type, payload, priority, run_after_utc) VALUES (?, '{}', ?, ?)"
        task_id = self.foreign(sql, type, priority, text)
        due = kind not in ("future", "no time", "west")
        self.model.add(ModelTask(task_id, type, priority, text, due, ahead=kind == "east"))

    # -- claiming

    def claimer(self, strategy: Strategy, fresh: bool) -> Claimer:
        """Return a claimer; a new one where one in use may not see a change at once, as the docs say.

        That is: leases that are over (looked for every 5 s), offsets east of UTC (every second), and tasks put back
        before the place a walk over many unsuitable ones is remembered to have reached.
        """
        ahead = any(task.ahead and task.status == "queued" for task in self.model.tasks.values())
        if fresh or self.crowd or ahead or self.model.expired():
            self.model.rescue()
            self.let_time_pass()
            return Claimer(self.db, strategy=strategy, seed=1)
        self.let_time_pass()
        return self.claimers.setdefault(strategy, Claimer(self.db, strategy=strategy, seed=1))

    @rule(
        target=claims, worker=workers, strategy=st.sampled_from(Strategy), types=types, offers=offers,
        fresh=st.booleans(),
    )  # fmt: skip
    def claim(
        self, worker: str, strategy: Strategy, types: tuple[str, ...], offers: dict[str, Any], fresh: bool
    ) -> object:
        claimer, day = self.claimer(strategy, fresh), today()
        candidates = self.model.candidates(strategy, types, offers, day)
        task = claimer.claim(worker, offers, LEASE_S, types)
        if strategy is Strategy.WEIGHTED_RANDOM:
            return self.drawn(candidates, task)
        expected, buried = self.model.expected_claims(candidates, 1)
        for each in buried:
            self.model.bury_untried(each)
        self.agree(expected, [] if task is None else [task], day)
        return multiple() if task is None else task

    def drawn(self, candidates: Sequence[ModelTask], task: ClaimedTask | None) -> object:
        """Follow a draw: any of the candidates may come, and any used-up ones may be buried before it."""
        for each in candidates:
            if self.stored(each.id, "status") == "dead_letter":
                assert each.attempts >= each.max_attempts
                self.model.bury_untried(each)
        if task is None:
            assert [each for each in candidates if each.status == "queued"] == []
            return multiple()
        assert task.id in [each.id for each in candidates]
        self.model.claim(self.model.tasks[task.id], task)
        return task

    @rule(
        target=claims, worker=workers, count=st.integers(1, 5), types=types, offers=offers, fresh=st.booleans(),
        strategy=st.sampled_from([Strategy.PRIORITY, Strategy.PRIORITY, Strategy.FIFO]),
    )  # fmt: skip
    def claim_many(
        self, worker: str, count: int, types: tuple[str, ...], offers: dict[str, Any], fresh: bool, strategy: Strategy
    ) -> object:
        claimer, day = self.claimer(strategy, fresh), today()
        candidates = self.model.candidates(strategy, types, offers, day)
        expected, buried = self.model.expected_claims(candidates, count)
        tasks = claimer.claim_many(worker, count, offers, LEASE_S, types)
        for each in buried:
            self.model.bury_untried(each)
        self.agree(expected, tasks, day)
        return multiple(*tasks)

    def agree(self, expected: Sequence[ModelTask], tasks: Sequence[ClaimedTask], day: str) -> None:
        if day == today():  # at midnight what was today's became another day's between the two looks
            assert [task.id for task in tasks] == [each.id for each in expected]
        for task in tasks:
            each = self.model.tasks[task.id]
            assert each.status == "queued", "claimed while another's lease runs"
            self.model.claim(each, task)
            assert (task.type, task.attempt, task.max_attempts) == (each.type, each.attempts, each.max_attempts)

    # -- settling

    @rule(task=claims, how=st.sampled_from(sorted(SETTLINGS)))
    def settle(self, task: ClaimedTask, how: str) -> None:
        self.settle_one(task, how)

    def settle_one(self, task: ClaimedTask, how: str) -> None:
        settle = SETTLINGS[how][0]
        each = self.model.tasks[task.id]
        if not self.model.holds(task) or (how == "start" and each.status == "processing"):
            sql = "SELECT * FROM task_queue WHERE id = ?"
            before = tuple(self.db.execute(sql, (task.id,)).fetchone())
            with pytest.raises(LeaseLost):
                settle(self.db, task)
            assert tuple(self.db.execute(sql, (task.id,)).fetchone()) == before
            return
        settle(self.db, task)
        self.settled(task, how)

    def settled(self, task: ClaimedTask, how: str) -> None:
        """Follow a settling write that went through."""
        _settle, transition = SETTLINGS[how]
        each = self.model.tasks[task.id]
        if how == "renew":
            each.expired = False
        elif how == "start":
            self.model.move(each, transition)
            each.lines += 1
        else:
            each.attempts -= how == "release"
            self.model.end(each, transition, line=how != "complete silently")
        if how.startswith("retry"):
            each.run_after = self.dated(task.id) if how == "retry" else self.stored(task.id, "run_after_utc")
            each.due, each.ahead = how == "retry", False

    @precondition(lambda self: self.model.held())
    @rule(pick=st.integers(0, 99), how=st.sampled_from(sorted(SETTLINGS)))
    def settle_what_is_held(self, pick: int, how: str) -> None:
        """As above, never with a claim that was lost: else few tasks would come further."""
        held = self.model.held()
        self.settle_one(held[pick % len(held)], how)

    @precondition(lambda self: self.model.held())
    @rule(
        target=claims, pick=st.integers(0, 99), how=st.sampled_from(sorted(set(SETTLINGS) - {"start", "retry"})),
        worker=workers, types=types, offers=offers, strategy=st.sampled_from(Strategy), fresh=st.booleans(),
    )  # fmt: skip
    def settle_and_claim(
        self, pick: int, how: str, worker: str, types: tuple[str, ...], offers: dict[str, Any], strategy: Strategy,
        fresh: bool,
    ) -> object:  # fmt: skip
        """The next task is claimed in the same write, or none is."""
        claimer, day = self.claimer(strategy, fresh), today()
        held = self.model.held()
        if not held:  # those whose lease is over are given back first
            claimer.rescue()
            return multiple()
        task = held[pick % len(held)]
        settle, start = partial(SETTLINGS[how][0], self.db, task), partial(settling.start, self.db)
        following = claimer.settle_and_claim(settle, worker, offers, LEASE_S, types, then=start)
        self.settled(task, how)
        candidates = self.model.candidates(strategy, types, offers, day)
        takes_longer = self.crowd or any(each.ahead for each in self.model.tasks.values())
        if strategy is Strategy.WEIGHTED_RANDOM or (following is None and takes_longer):
            assert following is None
            return multiple()
        expected, buried = self.model.expected_claims(candidates[:1], 1)
        for each in buried:
            self.model.bury_untried(each)
        self.agree(expected, [] if following is None else [following], day)
        if following is None:
            return multiple()
        each = self.model.tasks[following.id]
        self.model.move(each, Transition.START)
        each.lines += 1
        return following

    @rule(task=claims)
    def look_for_a_request(self, task: ClaimedTask) -> None:
        if self.model.holds(task):
            assert (cancelling.find_request(self.db, task) is not None) == self.model.tasks[task.id].asked

    # -- leases

    @rule(pick=picks, text=st.sampled_from(EXPIRED))
    def expire(self, pick: int, text: str) -> None:
        """The worker went silent long ago."""
        task_id, each = self.picked(pick)
        if each is not None and each.status in RUNNING:
            self.foreign("UPDATE task_queue SET lease_until_utc = ? WHERE id = ?", text, task_id)
            each.expired = True

    @precondition(lambda self: self.model.expired())
    @rule()
    def rescue(self) -> None:
        assert Claimer(self.db).rescue() == self.model.rescue()

    # -- operators

    @rule(pick=picks)
    def request_cancel(self, pick: int) -> None:
        task_id, each = self.picked(pick)
        outcome = cancelling.request_cancel(self.db, task_id, "me").outcome
        if each is None:
            assert outcome is CancelOutcome.NOT_FOUND
        elif each.status == "queued":
            assert outcome is CancelOutcome.CANCELLED
            self.model.end(each, Transition.OPERATOR_CANCEL)
        elif each.status not in RUNNING:
            assert outcome is CancelOutcome.REFUSED
        elif each.expired:
            assert outcome is CancelOutcome.CANCELLED
            self.model.end(each, Transition.CANCEL)
        else:
            asked = CancelOutcome.ALREADY_REQUESTED if each.asked else CancelOutcome.REQUESTED
            assert outcome is asked
            each.lines += outcome is CancelOutcome.REQUESTED
            each.asked = True

    @rule(pick=picks, transition=st.sampled_from(sorted(OPERATOR_MAY, key=str)))
    def operator(self, pick: int, transition: Transition) -> None:
        """What an operator's program writes, with the guard of the table."""
        task_id, each = self.picked(pick)
        target = "queued', attempts = 0, finished_at_utc = NULL, error_message = '"
        target = target if transition is Transition.OPERATOR_RETRY else "cancelled', finished_at_utc = '2026-01-01"
        sql = f"UPDATE task_queue SET status = '{target}' WHERE id = ? AND {sql_sources(transition)}"
        changed = self.db.execute(sql, (task_id,)).rowcount
        assert changed == (each is not None and each.status in OPERATOR_MAY[transition])
        if changed and each is not None:
            self.model.move(each, transition)
            if transition is Transition.OPERATOR_RETRY:
                each.attempts = 0

    # -- another program

    @rule(pick=picks, held=st.sampled_from(HELD))
    def foreign_claim(self, pick: int, held: str) -> None:
        """It leaves running tasks ``leased`` and writes whole seconds."""
        task_id, each = self.picked(pick)
        if each is not None and each.status == "queued":
            self.let_time_pass()
            self.foreign(
                "UPDATE task_queue SET status = 'leased', locked_by = 'foreign', attempts = attempts + 1, "
                "lease_until_utc = ?, reserved_at_utc = datetime('now') WHERE id = ? AND status = 'queued'",
                held, task_id,
            )  # fmt: skip
            self.model.move(each, Transition.CLAIM)
            each.attempts += 1
            each.holder = each.locked_by = "foreign"

    @rule(pick=picks, status=st.sampled_from(["completed", "failed", "queued", "paused"]))
    def foreign_settle(self, pick: int, status: str) -> None:
        """It guards nothing, leaves locked_by set, and has a status of its own."""
        task_id, each = self.picked(pick)
        if each is not None and each.status in RUNNING:
            self.foreign(
                "UPDATE task_queue SET status = ?, finished_at_utc = datetime('now'), "
                "error_message = 'Cancelled by user' WHERE id = ?", status, task_id,
            )  # fmt: skip
            each.status, each.holder, each.expired, each.asked = status, None, False, False

    # -- what must hold after each step

    @invariant()
    def file_is_as_the_model(self) -> None:
        rows = self.db.execute(
            "SELECT *, (SELECT count(*) FROM task_logs WHERE task_id = q.id) AS lines FROM task_queue AS q WHERE id > 0"
        ).fetchall()
        assert [row["id"] for row in rows] == list(self.model.tasks)
        for row, each in zip(rows, self.model.tasks.values(), strict=True):
            assert (row["status"], row["attempts"], row["max_attempts"], row["priority"], row["type"]) == (
                each.status, each.attempts, each.max_attempts, each.priority, each.type,
            )  # fmt: skip
            assert (row["run_after_utc"], row["locked_by"], row["lines"]) == (
                each.run_after, each.locked_by, each.lines,
            )  # fmt: skip
            assert (each.status in RUNNING) == (each.holder is not None)
            assert row["attempts"] >= 0
            if each.status in FINISHED:
                assert row["finished_at_utc"] is not None
            if each.status in RUNNING:
                assert row["lease_until_utc"] is not None

    @invariant()
    def the_crowd_stands_untouched(self) -> None:
        assert self.db.execute("SELECT count(*) FROM task_queue WHERE id < 0 AND status = 'queued'").fetchone()[0] == (
            self.crowd
        )


QueueMachine.TestCase.settings = settings(
    max_examples=int(os.environ.get("PRISMQ_STATES", "200")), stateful_step_count=50, deadline=None
)
TestQueueMachine = pytest.mark.slow(QueueMachine.TestCase)
