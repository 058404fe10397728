"""Any sequence of what workers do keeps a task's life legal: a state machine over a real file."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from prismq_gui.queue import ClaimedTask, Claimer, LeaseLost, QueueClient, QueueDatabase, settling
from prismq_gui.queue.transitions import RUNNING, TERMINAL, TRANSITIONS

EXPIRED = "2020-01-01T00:00:00Z"
STEPS = {(source, rule.target) for rule in TRANSITIONS.values() for source in rule.sources}
# A rescue and the claim after it, or a claim and the burial after it, are two legal steps seen as one.
REACHABLE = STEPS | {(a, d) for a, b in STEPS for c, d in STEPS if b == c} | {(s, s) for s, _ in STEPS}
SETTLINGS = ("start", "complete", "fail", "bury", "release", "retry_later", "renew")


def settle(db: QueueDatabase, task: ClaimedTask, how: str) -> None:
    arguments = {"fail": ("x",), "bury": ("x",), "release": ("x",), "retry_later": ("x", timedelta(0)), "renew": (60,)}
    getattr(settling, how)(db, task, *arguments.get(how, ()))


class LifeCycle(RuleBasedStateMachine):
    """Up to three workers, one file; ``holders`` is who must own each task."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.db = QueueDatabase(Path(self.folder.name) / "queue.db")
        self.db.initialize_schema()
        self.client = QueueClient(self.db)
        self.holders: dict[int, ClaimedTask] = {}
        self.seen: dict[int, str] = {}

    def teardown(self) -> None:
        self.db.close()
        self.folder.cleanup()

    @rule(priority=st.integers(-2, 2), limit=st.integers(1, 3))
    def enqueue(self, priority: int, limit: int) -> None:
        self.seen[self.client.enqueue("job", priority=priority, max_attempts=limit).task_id] = "queued"

    @rule(target=claims, worker=st.sampled_from("abc"))
    def claim(self, worker: str) -> object:
        rows = self.db.execute(
            "SELECT id, priority FROM task_queue WHERE status = 'queued' AND attempts < max_attempts"
        )
        best = min(rows.fetchall(), key=lambda row: row["priority"], default=None)
        task = Claimer(self.db).claim(worker)  # a new one: it rescues first
        if task is None:
            assert best is None
            return multiple()
        assert task.id not in self.holders, "claimed while another's lease runs"
        self.holders[task.id] = task
        return task

    @rule(task=claims, how=st.sampled_from(SETTLINGS))
    def settle(self, task: ClaimedTask, how: str) -> None:
        before = self.db.execute("SELECT * FROM task_queue WHERE id = ?", (task.id,)).fetchone()
        try:
            settle(self.db, task, how)
        except LeaseLost:
            assert self.holders.get(task.id) is not task or (how, before["status"]) == ("start", "processing")
            assert tuple(self.db.execute("SELECT * FROM task_queue WHERE id = ?", (task.id,)).fetchone()) == tuple(
                before
            )
            return
        assert self.holders[task.id] is task, "a worker settled what it no longer holds"
        if how not in ("start", "renew"):
            del self.holders[task.id]

    @rule(task=claims)
    def expire(self, task: ClaimedTask) -> None:
        if self.holders.get(task.id) is task:
            self.db.execute("UPDATE task_queue SET lease_until_utc = ? WHERE id = ?", (EXPIRED, task.id))
            Claimer(self.db).rescue()
            del self.holders[task.id]

    @invariant()
    def every_step_is_legal(self) -> None:
        for row in self.db.execute("SELECT id, status, attempts, max_attempts, locked_by FROM task_queue").fetchall():
            assert (self.seen[row["id"]], row["status"]) in REACHABLE or self.seen[row["id"]] == row["status"]
            self.seen[row["id"]] = row["status"]
            assert 0 <= row["attempts"] <= row["max_attempts"]
            assert (row["status"] in RUNNING) == (row["id"] in self.holders) == (row["locked_by"] is not None)
            if row["status"] in TERMINAL:
                assert row["id"] not in self.holders


LifeCycle.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLifeCycle = pytest.mark.slow(LifeCycle.TestCase)
