"""What undo promises: rows come back byte for byte where nothing moved, and what moved is told and left alone."""

from __future__ import annotations

import json
from array import array
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import State
from prismq_gui.operations.messages import (
    OperationKind,
    Plan,
    Progress,
    Recorded,
    Report,
    Selected,
    Wish,
    delete,
    run_at,
    set_priority,
)
from prismq_gui.operations.operator import Operator
from prismq_gui.queue.timestamps import now_utc, utc_text
from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import CANCEL, RETRY, WHO, exact_rows, integrity, statuses

UNDO = OperationKind.UNDO


class Desk:
    """An operator with a journal, and what it does in one word."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.journal = Journal(folder)
        self.operator = Operator(path, who=WHO, journal=self.journal)

    def plan(self, wish: Wish | OperationKind, *ids: int) -> Plan:
        return self.operator.plan(wish, Selected(array("q", ids)))

    def do(self, wish: Wish | OperationKind, *ids: int) -> Report:
        report = self.operator.apply(self.plan(wish, *ids))
        assert report.problem is None, report.problem
        return report

    def plan_undo(self, report: Report) -> Plan:
        return self.operator.plan(UNDO, Recorded(report.operation_id))

    def undo(self, report: Report, **callbacks) -> Report:
        return self.operator.apply(self.plan_undo(report), **callbacks)

    def state(self, report: Report) -> State:
        operation = self.journal.operation(report.operation_id)
        assert operation is not None
        return operation.state


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Six tasks, ids 1 to 6: two failed, two queued, two running; each with a log line."""
    path = make_foreign_queue(tmp_path / "Warteschlange ü.db", 6, status="failed")
    run_sql(path, "UPDATE task_queue SET status = 'queued', attempts = 0 WHERE id IN (3, 4)")
    soon, now = utc_text(now_utc() + timedelta(hours=1)), utc_text(now_utc())
    run_sql(
        path,
        "UPDATE task_queue SET status = 'processing', locked_by = 'w1', attempts = 2, lease_until_utc = ?, "
        "reserved_at_utc = ?, processing_started_utc = ? WHERE id > 4",
        (soon, now, now),
    )
    run_sql(path, "INSERT INTO task_logs (task_id, level, message) SELECT id, 'INFO', 'line ' || id FROM task_queue")
    run_sql(path, "UPDATE task_queue SET error_message = CAST(x'ff00' AS TEXT), idempotency_key = 'k' || id")
    return Desk(path, tmp_path / "my data")


WISHES = [
    (RETRY, (1, 2), {"status": "queued", "attempts": 0}),
    (CANCEL, (3, 4), {"status": "cancelled"}),
    (OperationKind.FORCE_CANCEL, (5, 6), {"status": "cancelled", "locked_by": None, "lease_until_utc": None}),
    (OperationKind.RELEASE, (5, 6), {"status": "queued", "locked_by": None, "attempts": 1, "reserved_at_utc": None}),
    (set_priority(-7), (1, 3), {"priority": -7}),
    (run_at(datetime(2031, 1, 2, 3, 4, 5)), (3, 4), {"run_after_utc": "2031-01-02 03:04:05"}),
]


@pytest.mark.parametrize(("wish", "ids", "expected"), WISHES)
def test_each_operation_changes_what_it_says_and_undo_brings_every_cell_back(desk: Desk, wish, ids, expected):
    before = exact_rows(desk.path, "task_queue"), exact_rows(desk.path, "task_logs")
    plan = desk.plan(wish, *ids)
    assert (plan.eligible, plan.skips, plan.refusal) == (2, (), None)
    report = desk.operator.apply(plan)
    assert (report.changed, report.skips, report.problem, report.can_be_undone) == (2, (), None, True)
    for task_id in ids:
        columns = ", ".join(expected)
        found = run_sql(desk.path, f"SELECT {columns} FROM task_queue WHERE id = ?", (task_id,))
        assert found == [tuple(expected.values())]
    assert desk.state(report) is State.FINISHED
    undo = desk.plan_undo(report)
    assert (undo.eligible, undo.skips) == (2, ())
    undone = desk.operator.apply(undo)
    assert (undone.changed, undone.skips, undone.problem) == (2, (), None)
    assert exact_rows(desk.path, "task_queue") == before[0]
    logs = exact_rows(desk.path, "task_logs")
    assert logs[: len(before[1])] == before[1]
    assert desk.state(report) is State.UNDONE
    line, details = run_sql(desk.path, "SELECT message, details FROM task_logs ORDER BY log_id DESC LIMIT 1")[0]
    assert str(line).startswith(f"taken back by {WHO} (undo of ")
    assert json.loads(str(details))["undoes"] == report.operation_id


def test_C6_a_deleted_task_goes_with_its_lines_and_comes_back_with_them(desk: Desk):
    before = exact_rows(desk.path, "task_queue"), exact_rows(desk.path, "task_logs")
    plan = desk.plan(delete(), 1, 3, 5)
    assert plan.eligible == 2
    assert plan.skips[0].reason == "is running, with a lease that has not run out"
    report = desk.operator.apply(plan)
    assert report.changed == 2
    assert run_sql(desk.path, "SELECT id FROM task_queue ORDER BY id") == [(2,), (4,), (5,), (6,)]
    assert run_sql(desk.path, "SELECT count(*) FROM task_logs WHERE task_id IN (1, 3)") == [(0,)]
    assert run_sql(desk.path, "PRAGMA foreign_key_check") == []
    undone = desk.undo(report)
    assert (undone.changed, undone.skips) == (2, ())
    assert exact_rows(desk.path, "task_queue") == before[0]
    assert exact_rows(desk.path, "task_logs")[:6] == before[1]
    assert integrity(desk.path) == "ok"


def test_an_undo_is_undone_again_and_that_too(desk: Desk):
    first = desk.do(delete(), 1, 2, 3)
    second = desk.undo(first)
    third = desk.undo(second)
    assert (third.changed, third.problem) == (3, None)
    assert run_sql(desk.path, "SELECT count(*) FROM task_queue") == [(3,)]
    assert (desk.state(first), desk.state(second)) == (State.FINISHED, State.UNDONE)
    fourth = desk.undo(third)
    assert (fourth.changed, fourth.problem) == (3, None)
    assert run_sql(desk.path, "SELECT count(*) FROM task_queue") == [(6,)]
    # Its own line, and one for each time that it came back.
    assert run_sql(desk.path, "SELECT count(*) FROM task_logs WHERE task_id = 1") == [(3,)]


def test_a_task_that_moved_since_is_refused_with_the_reason(desk: Desk):
    report = desk.do(RETRY, 1, 2)
    run_sql(desk.path, "UPDATE task_queue SET status = 'leased', locked_by = 'w9', attempts = 1 WHERE id = 2")
    moved = exact_rows(desk.path, "task_queue")[1]
    plan = desk.plan_undo(report)
    assert plan.eligible == 1
    assert [(skip.reason, skip.sample_ids) for skip in plan.skips] == [("is now leased by w9", (2,))]
    undone = desk.operator.apply(plan)
    assert (undone.changed, undone.skips) == (1, plan.skips)
    assert exact_rows(desk.path, "task_queue")[1] == moved
    assert desk.state(report) is State.PARTLY_UNDONE


def test_two_changes_within_one_second_are_told_apart(desk: Desk):
    report = desk.do(set_priority(5), 3, 4)
    # Another program: the same second, the same status, attempts and worker.
    run_sql(desk.path, "UPDATE task_queue SET priority = 6 WHERE id = 3")
    plan = desk.plan_undo(report)
    assert [(skip.reason, skip.sample_ids) for skip in plan.skips] == [("was changed meanwhile (priority)", (3,))]


def test_an_id_or_a_key_that_was_taken_meanwhile_is_refused(desk: Desk):
    report = desk.do(delete(), 1, 2, 3)
    run_sql(desk.path, "INSERT INTO task_queue (id, type, payload) VALUES (1, 'other', '{}')")
    run_sql(desk.path, "INSERT INTO task_queue (type, payload, idempotency_key) VALUES ('other', '{}', 'k2')")
    plan = desk.plan_undo(report)
    reasons = {skip.reason: skip.sample_ids for skip in plan.skips}
    assert reasons == {
        "has an id that another task has now": (1,),
        "has an idempotency key that another task has now": (2,),
    }
    undone = desk.operator.apply(plan)
    assert undone.changed == 1
    assert {skip.reason: skip.sample_ids for skip in undone.skips} == reasons
    assert run_sql(desk.path, "SELECT type FROM task_queue WHERE id IN (1, 3) ORDER BY id") == [("other",), ("job",)]


def test_without_a_journal_that_can_be_written_nothing_is_changed_unless_asked_for(desk: Desk, tmp_path: Path):
    (tmp_path / "a file").write_text("", encoding="utf-8")
    operator = Operator(desk.path, journal=Journal(tmp_path / "a file"))
    plan = operator.plan(RETRY, Selected(array("q", (1, 2))))
    report = operator.apply(plan)
    assert report.problem is not None
    assert "journal" in report.problem.what
    assert report.problem.unchanged == "Nothing was changed."
    assert "without undo" in report.problem.advice
    assert statuses(desk.path)["failed"] == 2
    report = operator.apply(plan, undoable=False)
    assert (report.changed, report.problem, report.can_be_undone) == (2, None, False)


def test_a_stopped_operation_can_be_finished_or_taken_back(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 3_000, status="failed")
    before = exact_rows(path, "task_queue")
    desk = Desk(path, tmp_path / "data")
    told: list[Progress] = []
    plan = desk.plan(RETRY, *range(1, 3_001))
    report = desk.operator.apply(plan, on_progress=told.append, should_stop=lambda: len(told) >= 2)
    assert report.stopped
    assert 0 < report.changed < 3_000
    assert desk.state(report) is State.STOPPED
    undone = desk.undo(report)
    assert (undone.changed, undone.skips) == (report.changed, ())
    assert exact_rows(path, "task_queue") == before

    told.clear()
    report = desk.operator.apply(plan, on_progress=told.append, should_stop=lambda: len(told) >= 2)
    rest = desk.operator.finish(report.operation_id)
    assert (rest.changed, rest.skips, rest.problem) == (3_000 - report.changed, (), None)
    assert statuses(path) == {"queued": 3_000}
    assert run_sql(path, "SELECT count(*) FROM task_logs WHERE instr(details, ?)", (report.operation_id,)) == [(3_000,)]
    assert desk.state(report) is State.FINISHED
    assert desk.undo(report).changed == 3_000
    assert exact_rows(path, "task_queue") == before


def test_an_undo_for_another_file_is_refused(desk: Desk, tmp_path: Path):
    report = desk.do(RETRY, 1, 2)
    other = make_foreign_queue(tmp_path / "other.db", 6, status="queued")
    plan = Operator(other, journal=desk.journal).plan(UNDO, Recorded(report.operation_id))
    assert plan.refusal is not None
    assert "another file" in plan.refusal.what
