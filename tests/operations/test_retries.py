"""Retries that do not come all at once: when each task is due, which come first, and what the plan tells."""

from __future__ import annotations

import subprocess
import sys
from array import array
from datetime import timedelta
from pathlib import Path

import pytest

from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import State
from prismq_gui.operations.messages import OperationKind, Plan, Progress, Recorded, Selected
from prismq_gui.operations.operator import Operator
from prismq_gui.operations.retries import is_staged, look_at_first, retry
from prismq_gui.queue.timestamps import now_utc, parse_utc, utc_text
from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import WHO, exact_rows, statuses


class Bench:
    def __init__(self, folder: Path, tasks: int) -> None:
        self.path = make_foreign_queue(folder / "Warteschlange ü.db", tasks, status="failed")
        self.journal = Journal(folder / "my data")
        self.operator = Operator(self.path, who=WHO, journal=self.journal)
        self.ids = range(1, tasks + 1)

    def plan(self, **wish) -> Plan:
        return self.operator.plan(retry(**wish), Selected(array("q", self.ids)))

    def dues(self) -> list[float]:
        """When each queued task is due, in seconds after the earliest."""
        found = [
            parse_utc(due)
            for _id, due in run_sql(
                self.path, "SELECT id, run_after_utc FROM task_queue WHERE status = 'queued' ORDER BY id"
            )
        ]
        return [(due - min(found)).total_seconds() for due in found]


def test_a_retry_over_a_time_is_due_in_even_steps_and_is_taken_back(tmp_path: Path):
    bench = Bench(tmp_path, 120)
    before = exact_rows(bench.path, "task_queue")
    plan = bench.plan(over=timedelta(hours=1))
    facts = dict(plan.facts)
    assert plan.sentence == "120 failed tasks will be queued again, spread over 1 h."
    assert facts["First due"] == "at once"
    assert facts["Last due"].startswith("59 min 30 s after the first (about ")
    assert facts["Pace"] == "2.0 a minute"
    report = bench.operator.apply(plan)
    assert report.changed == 120
    assert bench.dues() == [30.0 * at for at in range(120)]
    undone = bench.operator.apply(bench.operator.plan(OperationKind.UNDO, Recorded(report.operation_id)))
    assert (undone.changed, undone.skips) == (120, ())
    assert exact_rows(bench.path, "task_queue") == before


def test_so_many_a_minute_are_due_and_a_rest_that_is_finished_later_keeps_the_pace(tmp_path: Path):
    bench = Bench(tmp_path, 1_200)
    told: list[Progress] = []
    report = bench.operator.apply(bench.plan(per_minute=100), on_progress=told.append, should_stop=lambda: bool(told))
    assert report.stopped
    assert 0 < report.changed < 1_200
    bench.operator.finish(report.operation_id)
    dues = bench.dues()
    assert dues == sorted(dues)
    per_minute = [sum(at * 60 <= due < at * 60 + 60 for due in dues) for at in range(12)]
    assert sum(per_minute) == 1_200
    assert max(per_minute) <= 101  # whole seconds: one may fall to the minute before


def test_of_a_staged_retry_the_first_go_alone_and_the_rest_when_they_passed(tmp_path: Path):
    bench = Bench(tmp_path, 50)
    plan = bench.plan(first=5)
    assert "5 first and the rest once these have passed" in plan.sentence
    report = bench.operator.apply(plan)
    assert (report.changed, report.problem) == (5, None)
    assert report.sentence == "5 tasks were queued again. 45 more are not touched until these have been looked at."
    assert run_sql(bench.path, "SELECT id FROM task_queue WHERE status = 'queued'") == [
        (1,),
        (11,),
        (21,),
        (31,),
        (41,),
    ]
    operation = bench.journal.operation(report.operation_id)
    assert operation is not None
    assert (operation.state, is_staged(operation), operation.can_be_undone) == (State.STAGED, True, True)
    assert bench.operator.unfinished() == ()

    run_sql(bench.path, "UPDATE task_queue SET status = 'completed' WHERE id IN (1, 11, 21)")
    run_sql(bench.path, "UPDATE task_queue SET attempts = 1 WHERE id = 31")
    run_sql(bench.path, "UPDATE task_queue SET status = 'processing' WHERE id = 41")
    look = look_at_first(bench.journal, operation, bench.path)
    assert (look.is_over, look.all_passed) == (False, False)
    assert look.sentence == (
        "Of the first 5: 3 passed, 1 run, 1 failed once more and wait for another try; 45 more are not touched yet."
    )
    run_sql(bench.path, "UPDATE task_queue SET status = 'dead_letter' WHERE id = 31")
    run_sql(bench.path, "UPDATE task_queue SET status = 'completed' WHERE id = 41")
    look = look_at_first(bench.journal, operation, bench.path)
    assert (look.is_over, look.all_passed, look.failed) == (True, False, (31,))
    run_sql(bench.path, "UPDATE task_queue SET status = 'completed' WHERE id = 31")
    assert look_at_first(bench.journal, operation, bench.path).all_passed

    rest = bench.operator.finish(report.operation_id)
    assert (rest.changed, rest.skips, rest.problem) == (45, (), None)
    assert statuses(bench.path) == {"completed": 5, "queued": 45}
    done = bench.journal.operation(report.operation_id)
    assert done is not None
    assert (done.state, done.changed) == (State.FINISHED, 50)


def test_C8_a_kill_after_the_first_leaves_a_truthful_journal_and_both_ways_on(tmp_path: Path):
    bench = Bench(tmp_path, 40)
    before = exact_rows(bench.path, "task_queue")
    script = (
        "import os, sys; from array import array; from pathlib import Path\n"
        "from prismq_gui.operations.journal import Journal; from prismq_gui.operations.retries import retry\n"
        "from prismq_gui.operations.messages import Selected; from prismq_gui.operations.operator import Operator\n"
        "operator = Operator(Path(sys.argv[1]), who='x', journal=Journal(Path(sys.argv[2])))\n"
        "plan = operator.plan(retry(first=4), Selected(array('q', range(1, 41))))\n"
        "operator.apply(plan, on_progress=lambda p: os._exit(9))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, bench.path, bench.journal.folder], check=False)
    assert done.returncode == 9
    (operation,) = bench.operator.unfinished()
    assert (operation.state, operation.changed, is_staged(operation)) == (State.INTERRUPTED, 4, True)
    assert statuses(bench.path) == {"failed": 36, "queued": 4}
    look = look_at_first(bench.journal, operation, bench.path)
    assert (len(look.waiting), look.rest) == (4, 36)
    undone = bench.operator.apply(bench.operator.plan(OperationKind.UNDO, Recorded(operation.id)))
    assert (undone.changed, undone.problem) == (4, None)
    assert exact_rows(bench.path, "task_queue") == before


def test_a_staged_retry_needs_the_journal_that_knows_the_rest(tmp_path: Path):
    bench = Bench(tmp_path, 10)
    report = bench.operator.apply(bench.plan(first=2), undoable=False)
    assert report.problem is not None
    assert statuses(bench.path) == {"failed": 10}


def test_the_plan_tells_causes_attempts_and_who_can_run_the_tasks(tmp_path: Path):
    bench = Bench(tmp_path, 30)
    run_sql(bench.path, "UPDATE task_queue SET error_message = 'TimeoutError: after ' || id || ' s' WHERE id <= 20")
    run_sql(bench.path, "UPDATE task_queue SET error_message = CAST(x'ff' AS TEXT) WHERE id > 28")
    run_sql(bench.path, "UPDATE task_queue SET compatibility = '{\"gpu\": true}' WHERE id = 7")
    facts = dict(bench.plan().facts)
    assert facts["Attempts"].startswith("counted from 0 again")
    assert facts["Cause 1"].startswith("20 × TimeoutError: after <")
    assert facts["Cause 2"] == "8 × (no error text)"
    assert facts["Workers"] == "none alive: the tasks wait until one starts"
    for name, offer in (("w1", "{}"), ("w2", "{bad"), ("w3", "{}")):
        run_sql(bench.path, "INSERT INTO workers VALUES (?, ?, ?)", (name, offer, utc_text(now_utc())))
    assert dict(bench.plan().facts)["Workers"] == (
        "3 live, but none matches 1 of 30 tasks looked at: they wait until one starts that does"
    )
    run_sql(bench.path, "UPDATE workers SET capabilities = '{\"gpu\": [true]}' WHERE worker_id = 'w3'")
    assert dict(bench.plan().facts)["Workers"] == "1 to 2 of 3 live ones match each task"


@pytest.mark.parametrize(
    "wish",
    [
        {"over": timedelta(0)}, {"over": timedelta(days=400)}, {"per_minute": 0}, {"first": 0},
        {"over": timedelta(hours=1), "per_minute": 3},
    ],
)  # fmt: skip
def test_a_pace_that_cannot_be_is_refused(wish):
    with pytest.raises(ValueError, match="retr"):
        retry(**wish)
