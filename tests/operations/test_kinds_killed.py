"""Edits, new tasks, paced and staged retries killed at any moment: counted truly, finished once, taken back whole.

``PRISMQ_JOURNAL_KILLS`` sets how often each of them is killed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from prismq_gui.operations.bring_back import bring_back
from prismq_gui.operations.duplicates import duplicate
from prismq_gui.operations.edits import Place, edit
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.messages import OperationKind, Plan, Recorded, Selected
from prismq_gui.operations.operator import Operator
from prismq_gui.operations.retries import retry
from prismq_gui.queue.backup import back_up
from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import exact_rows, integrity

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("PRISMQ_JOURNAL_KILLS", "4")) // 4
TASKS = 1_200
FIRST = 400
KINDS = ("edit", "duplicate", "bring back", "spread", "first")

CHILD = """
import sys
from pathlib import Path
from tests.operations import test_kinds_killed as at
operator = at.operator_of(Path(sys.argv[1]))
plan = at.plan_of(operator, sys.argv[2], Path(sys.argv[1]))
print("ready", flush=True)
operator.apply(plan)
"""


def operator_of(path: Path) -> Operator:
    return Operator(path, who="ann@desk", journal=Journal(path.parent / "data"))


def wish_of(kind: str, path: Path):
    return {
        "edit": lambda: edit(places=[Place("payload", ("x",), "1")]),
        "duplicate": duplicate,
        "bring back": lambda: bring_back(path.parent / "backup.db"),
        "spread": lambda: retry(over=timedelta(hours=1)),
        "first": lambda: retry(first=FIRST),
    }[kind]()


def plan_of(operator: Operator, kind: str, path: Path) -> Plan:
    return operator.plan(wish_of(kind, path), Selected(range(1, TASKS + 1)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_C8_killed_at_any_moment_it_is_counted_truly_finished_once_and_taken_back(
    tmp_path: Path, kind: str, number: int
) -> None:
    path = make_foreign_queue(tmp_path / "q.db", TASKS, status="failed")
    back_up(path, tmp_path / "backup.db")
    there = 200 if kind == "bring back" else TASKS
    run_sql(path, "DELETE FROM task_queue WHERE id > ?", (there,))
    before = exact_rows(path, "task_queue")
    moment_s = random.Random(f"{kind} {number}").uniform(0.01, 0.5)
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, path, kind], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment_s)
        process.kill()
    operator = operator_of(path)
    cut_off = operator.unfinished()
    assert integrity(path) == "ok"
    for operation in operator.history():
        lines = run_sql(path, "SELECT count(DISTINCT task_id) FROM task_logs WHERE instr(details, ?)", (operation.id,))
        assert lines == [(operation.changed,)]
        if cut_off:
            wanted = TASKS - there if kind == "bring back" else TASKS
            report = operator.finish(operation.id)
            assert (report.changed, report.problem) == (wanted - operation.changed, None)
        undone = operator.apply(operator.plan(OperationKind.UNDO, Recorded(operation.id)))
        assert (undone.problem, undone.skips) == (None, ())
    assert exact_rows(path, "task_queue") == before
