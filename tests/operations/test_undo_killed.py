"""Killed at any moment of an operation or of its undo: the journal tells the truth, and both ways on work."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from prismq_gui.insight.filters import TaskFilter
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import State
from prismq_gui.operations.messages import Matching, OperationKind, Recorded, delete, set_priority
from prismq_gui.operations.operator import Operator
from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import exact_rows, folder_in_memory, integrity

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("PRISMQ_JOURNAL_KILLS", "4"))
TASKS = 4_000
WISHES = {"retry": OperationKind.RETRY, "delete": delete(), "priority": set_priority(3)}

CHILD = """
import sys
from pathlib import Path
from tests.operations import test_undo_killed as at
operator = at.operator(Path(sys.argv[1]))
plan = at.undo_plan(operator) if sys.argv[2] == "undo" else at.plan(operator, sys.argv[2])
print("ready", flush=True)
operator.apply(plan)
print("done", flush=True)
"""


def operator(path: Path) -> Operator:
    return Operator(path, who="ann@desk", journal=Journal(path.parent / "data"))


def plan(operator: Operator, name: str):
    return operator.plan(WISHES[name], Matching(TaskFilter(), all_tasks=True))


def undo_plan(operator: Operator):
    return operator.plan(OperationKind.UNDO, Recorded(operator.history()[0].id))


def kill_while(path: Path, what: str, after_s: float) -> None:
    """Start it in a process of its own and kill that so many seconds after it began."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), what], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with suppress(subprocess.TimeoutExpired):
            process.wait(after_s)
        process.kill()


def unlike(one: list[tuple[object, ...]], other: list[tuple[object, ...]]) -> int:
    """How many tasks are not the same in both."""
    return len(set(one) ^ set(other)) if len(one) != len(other) else len(set(one) - set(other))


@pytest.mark.parametrize("number", range(ROUNDS))
def test_C8_killed_at_any_moment_it_can_be_finished_or_taken_back(number: int):
    with folder_in_memory() as folder:
        kill_once(Path(folder), number)


def kill_once(folder: Path, number: int) -> None:
    chance = random.Random(number)
    name, in_undo, finishes = chance.choice(sorted(WISHES)), chance.random() < 0.5, chance.random() < 0.5
    path = make_foreign_queue(folder / "q.db", TASKS, status="failed")
    run_sql(path, "INSERT INTO task_logs (task_id, level, message) SELECT id, 'INFO', 'x' FROM task_queue")
    desk = operator(path)
    before, lines = exact_rows(path, "task_queue"), exact_rows(path, "task_logs")
    left = before
    if in_undo:
        assert desk.apply(plan(desk, name)).changed == TASKS
        left = exact_rows(path, "task_queue")
    kill_while(path, "undo" if in_undo else name, chance.uniform(0, 0.5))

    assert integrity(path) == "ok"
    now = exact_rows(path, "task_queue")
    changed = unlike(left, now)
    unfinished = desk.unfinished()
    if not unfinished:  # killed before its record, or after its end
        assert changed in (0, TASKS)
    else:
        (operation,) = unfinished
        assert operation.state is State.INTERRUPTED
        assert operation.changed == changed
        if finishes:
            report = desk.finish(operation.id)
            assert (report.changed, report.skips, report.problem) == (TASKS - changed, (), None)
            assert unlike(left, exact_rows(path, "task_queue")) == TASKS
            assert desk.history()[0].state is State.FINISHED
        elif changed:
            report = desk.apply(desk.plan(OperationKind.UNDO, Recorded(operation.id)))
            assert (report.changed, report.skips, report.problem) == (changed, (), None)
            assert exact_rows(path, "task_queue") == left
    take_everything_back(desk)
    assert exact_rows(path, "task_queue") == before
    assert exact_rows(path, "task_logs")[: len(lines)] == lines
    assert integrity(path) == "ok"


def take_everything_back(desk: Operator) -> None:
    """Undo what stands, the newest first, until the queue is as it was at first."""
    for operation in desk.history():
        known = next(each for each in desk.history() if each.id == operation.id)
        if known.can_be_undone and known.kind is not OperationKind.UNDO:
            report = desk.apply(desk.plan(OperationKind.UNDO, Recorded(operation.id)))
            assert report.problem is None
