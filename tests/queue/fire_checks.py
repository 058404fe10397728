"""What the journals of killed processes and the queue they left must agree on."""

from __future__ import annotations

import itertools
import json
import sqlite3
import sys
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tests.queue.fire_processes import LIMIT, read_journal

# A clock on Windows may move in steps of 16 ms.
CLOCK_STEP_S = 0.02 if sys.platform == "win32" else 0.0
SLOWEST_SHARE = 0.05  # of the fastest worker's claims: some are killed more often, or run the long tasks


@dataclass(slots=True)
class Run:
    """One claim as its worker's journal tells it; times are seconds since 1970.

    Attributes:
        began_at: When it was allowed to begin; None where it was not.
        ending_at: When it was about to settle the task; None where it never came to it.
        settled: What the queue confirmed, '' where it confirmed nothing.
    """

    worker: str
    attempt: int
    reserved: str
    lease_until: float
    began_at: float | None = None
    ending_at: float | None = None
    settled: str = ""


@dataclass(slots=True)
class Evidence:
    """All that is known at the end."""

    tasks: dict[int, dict[str, Any]]
    completions_logged: Counter[int]
    integrity: list[Any]
    orphans: list[Any]
    runs: dict[int, list[Run]] = field(default_factory=lambda: defaultdict(list))
    batches: dict[str, int] = field(default_factory=dict)  # how many tasks each was to put in
    put: dict[str, list[int]] = field(default_factory=dict)
    cancelled: set[int] = field(default_factory=set)
    busy: list[str] = field(default_factory=list)
    claims: Counter[str] = field(default_factory=Counter)
    lost: int = 0

    @classmethod
    def read(cls, path: Path, journals: Path) -> Evidence:
        with closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute("SELECT * FROM task_queue").fetchall()
            sql = "SELECT task_id, count(*) FROM task_logs WHERE message = 'completed' GROUP BY task_id"
            found = cls(
                {row["id"]: dict(row) for row in rows},
                Counter(dict(map(tuple, connection.execute(sql).fetchall()))),
                [tuple(row) for row in connection.execute("PRAGMA integrity_check").fetchall()],
                connection.execute("PRAGMA foreign_key_check").fetchall(),
            )
        for journal in sorted(journals.glob("*.journal")):
            for line in read_journal(journal):
                found.add(journal.stem, line)
        for runs in found.runs.values():
            runs.sort(key=lambda run: run.attempt)
        return found

    def add(self, name: str, line: list[Any]) -> None:
        word = line[0]
        if word == "batch":
            self.batches[line[1]] = len(line[2])
        elif word == "put":
            self.put[line[1]] = line[2]
        elif word == "cancel":
            self.cancelled |= {line[1]} if line[2] == "cancelled" else set()
        elif word == "busy":
            self.busy.append(f"{name}: {line[1]}")
        elif word == "lost":
            self.lost += 1
        elif word == "claimed":
            self.claims[name] += 1
            self.runs[line[1]].append(Run(name, line[2], line[3], seconds(line[4])))
        else:
            self.follow(name, line)

    def follow(self, name: str, line: list[Any]) -> None:
        run = next(each for each in reversed(self.runs[line[1]]) if (each.worker, each.attempt) == (name, line[2]))
        if line[0] == "renewed":
            run.lease_until = seconds(line[4])
        elif line[0] == "began":
            run.began_at = line[-1]
        elif line[0] == "ending":
            run.ending_at = line[-1]
        else:
            run.settled = line[0]

    def __str__(self) -> str:
        statuses = Counter(task["status"] for task in self.tasks.values())
        again = sum(len(runs) > 1 for runs in self.runs.values())
        return (
            f"{len(self.tasks)} tasks ({', '.join(f'{n} {status}' for status, n in sorted(statuses.items()))}), "
            f"{sum(self.claims.values())} claims, {again} tasks claimed more than once, {self.lost} leases lost, "
            f"{len(self.busy)} busy errors, claims by worker {sorted(self.claims.values())}"
        )


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


def check(evidence: Evidence) -> None:
    """Compare everything with what is promised."""
    assert evidence.integrity == [("ok",)]
    assert evidence.orphans == []
    assert evidence.busy == []
    all_batches_are_whole_and_once(evidence)
    for task_id, task in evidence.tasks.items():
        task_ended_as_promised(evidence, task_id, task)
        no_run_inside_a_valid_lease(task_id, evidence.runs.get(task_id, []))
    every_worker_got_its_share(evidence)


def all_batches_are_whole_and_once(evidence: Evidence) -> None:
    """What was confirmed is there; what was not is there wholly or not at all; nothing is there that nobody put in."""
    by_batch: dict[str, dict[int, int]] = defaultdict(dict)
    for task_id, task in evidence.tasks.items():
        batch, _, number = task["idempotency_key"].rpartition(".")
        by_batch[batch][int(number)] = task_id
    assert set(by_batch) <= set(evidence.batches)
    assert set(evidence.put) == set(evidence.batches), "a producer left without putting all of its tasks in"
    for batch, ids in evidence.put.items():
        stored = by_batch[batch]
        assert [stored[number] for number in range(evidence.batches[batch])] == ids
        assert len(stored) == len(ids)


def task_ended_as_promised(evidence: Evidence, task_id: int, task: dict[str, Any]) -> None:
    runs = evidence.runs.get(task_id, [])
    settled = [run.settled for run in runs if run.settled]
    about = f"task {task_id} ({task['type']}): {json.dumps(task, default=str)}, runs {runs}"
    allowed = {"completed", "cancelled", "failed" if task["type"] == "wrong" else "completed"}
    if task["type"] == "wrong":
        allowed.remove("completed")
    if task["attempts"] >= task["max_attempts"] and task["max_attempts"] < LIMIT:
        allowed.add("dead_letter")
    assert task["status"] in allowed, about
    assert task["locked_by"] is None, about
    assert task["lease_until_utc"] is None, about
    assert task["finished_at_utc"] is not None, about
    for ending in ("completed", "failed"):
        assert settled.count(ending) <= 1, about
        if ending in settled:
            assert task["status"] == ending, about
            assert settled[-1] == ending, about
    if task["status"] in ("completed", "failed") and all(run.ending_at is None for run in runs):
        raise AssertionError(f"it ended though no worker came to its end: {about}")
    assert evidence.completions_logged[task_id] <= 1, about
    if task["status"] == "completed" and task["type"] != "quick":
        assert evidence.completions_logged[task_id] == 1, about
    if task_id in evidence.cancelled:
        assert task["status"] == "cancelled", about
    numbers = [run.attempt for run in runs]
    assert len(set(numbers)) == len(numbers), f"two claims of one attempt: {about}"
    assert max(numbers, default=0) <= task["attempts"] <= task["max_attempts"], about


def no_run_inside_a_valid_lease(task_id: int, runs: list[Run]) -> None:
    """Each run began after the one before it was about to give the task up, or after its lease."""
    for before, after in itertools.pairwise(run for run in runs if run.began_at is not None):
        free_at = before.lease_until if before.ending_at is None else min(before.lease_until, before.ending_at)
        assert after.began_at >= free_at - CLOCK_STEP_S, f"task {task_id} ran twice: {before} and {after}"
        assert after.reserved >= before.reserved, f"task {task_id}: {before} and {after}"


def every_worker_got_its_share(evidence: Evidence) -> None:
    assert len(evidence.claims) == 8
    assert min(evidence.claims.values()) >= SLOWEST_SHARE * max(evidence.claims.values()), evidence.claims
