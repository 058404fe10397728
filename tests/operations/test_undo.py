"""What undo promises: rows come back byte for byte where nothing moved, and what moved is told and left alone."""

from __future__ import annotations

import json
import subprocess
import sys
from array import array
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from prismq_gui.operations import tasks
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
from prismq_gui.queue.cancelling import find_request
from prismq_gui.queue.claiming import Claimer
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.timestamps import now_utc, utc_text
from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import CANCEL, RETRY, WHO, exact_rows, integrity, statuses

UNDO = OperationKind.UNDO
ROOT = Path(__file__).parents[2]


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


def test_a_running_task_whose_worker_renews_its_lease_is_looked_at_anew_and_given_up_only_if_it_never_rests(
    tmp_path: Path,
):
    path = make_foreign_queue(tmp_path / "q.db", 120, status="processing")
    run_sql(path, "UPDATE task_queue SET locked_by = 'w1', attempts = 1")
    desk = Desk(path, tmp_path / "data")
    renew = "UPDATE task_queue SET updated_at_utc = ? WHERE id = ?"
    asked = []

    def renew_meanwhile() -> bool:  # between the look at the rows and the next transaction
        asked.append(1)
        run_sql(path, renew, (f"2031-01-01 00:00:{len(asked):02}", 119))  # each time
        if len(asked) == 2:
            run_sql(path, renew, ("2031-02-02 00:00:00", 120))  # once
        return False

    plan = desk.plan(OperationKind.FORCE_CANCEL, *range(1, 121))
    assert any("goes on to the end of its handler" in warning for warning in plan.warnings)
    report = desk.operator.apply(plan, should_stop=renew_meanwhile)
    assert report.changed == 119
    assert [(skip.reason, skip.sample_ids) for skip in report.skips] == [
        ("changed each time it was about to be", (119,))
    ]
    assert run_sql(path, "SELECT id FROM task_queue WHERE status = 'processing'") == [(119,)]


def test_C4_a_running_task_is_asked_to_end_by_the_line_that_its_worker_looks_for(tmp_path: Path):
    path = tmp_path / "own.db"
    with closing(QueueDatabase(path)) as database:
        database.initialize_schema()
        database.execute("INSERT INTO task_queue (type, payload) VALUES ('job', '{}')")
        claimed = Claimer(database).claim("w1", {}, 60)
        assert claimed is not None
        desk = Desk(path, tmp_path / "data")
        row = exact_rows(path, "task_queue")
        report = desk.do(OperationKind.ASK_TO_CANCEL, claimed.id)
        assert report.sentence == "1 task was asked to be cancelled."
        assert exact_rows(path, "task_queue") == row
        request = find_request(database, claimed)
        assert request is not None
        assert WHO in request
    plan = desk.plan_undo(report)
    assert (plan.eligible, plan.skips[0].reason) == (0, "was only asked to end, which cannot be taken back")


def test_C5_release_and_delete_name_what_a_live_lease_risks(desk: Desk):
    assert any("done twice" in warning for warning in desk.plan(OperationKind.RELEASE, 5, 6).warnings)
    plan = desk.plan(delete(even_if_running=True), 5, 6)
    assert plan.eligible == 2
    assert any("its result is not recorded" in warning for warning in plan.warnings)


def test_a_task_that_another_worker_holds_by_now_is_not_released(desk: Desk):
    plan = desk.plan(OperationKind.RELEASE, 5, 6)
    run_sql(desk.path, "UPDATE task_queue SET locked_by = 'w2' WHERE id = 6")
    report = desk.operator.apply(plan)
    assert [(skip.reason, skip.sample_ids) for skip in report.skips] == [("is now held by w2", (6,))]
    assert run_sql(desk.path, "SELECT status FROM task_queue WHERE id = 6") == [("processing",)]


def test_C16_a_task_of_an_unknown_status_can_be_deleted_and_brought_back(desk: Desk):
    run_sql(desk.path, "UPDATE task_queue SET status = CAST(x'ff41' AS TEXT) WHERE id = 1")
    run_sql(desk.path, "UPDATE task_queue SET status = x'00' WHERE id = 2")
    before = exact_rows(desk.path, "task_queue")
    report = desk.do(delete(), 1, 2)
    assert report.changed == 2
    assert desk.undo(report).changed == 2
    assert exact_rows(desk.path, "task_queue") == before


def test_columns_of_another_program_come_back_too_and_a_column_that_is_gone_is_told(desk: Desk):
    run_sql(desk.path, 'ALTER TABLE task_queue ADD COLUMN "my ""note" TEXT')
    run_sql(desk.path, 'UPDATE task_queue SET "my ""note" = \'remember \' || id')
    before = exact_rows(desk.path, "task_queue")
    report = desk.do(delete(), 1, 2)
    assert desk.undo(report).changed == 2
    assert exact_rows(desk.path, "task_queue") == before
    report = desk.do(delete(), 1, 2)
    plan = desk.plan_undo(report)
    run_sql(desk.path, 'ALTER TABLE task_queue RENAME COLUMN "my ""note" TO other')
    undone = desk.operator.apply(plan)
    assert (undone.changed, undone.skips) == (0, ())
    assert undone.problem is not None
    assert 'has no column my "note' in undone.problem.what
    refusal = desk.plan_undo(report).refusal
    assert refusal is not None
    assert refusal.what == undone.problem.what


def test_large_tasks_are_held_a_few_at_a_time(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 20)
    run_sql(path, "UPDATE task_queue SET payload = '\"' || hex(zeroblob(500000)) || '\"'")
    before = exact_rows(path, "task_queue")
    desk = Desk(path, tmp_path / "data")
    report = desk.do(delete(), *range(1, 21))
    operation = desk.journal.operation(report.operation_id)
    assert operation is not None
    assert [each.units for each in desk.journal.outline(operation)] == [4] * 5
    assert desk.undo(report).changed == 20
    assert exact_rows(path, "task_queue") == before


def test_an_undo_in_two_steps_ends_as_a_whole_one(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 800, status="failed")
    before = exact_rows(path, "task_queue")
    desk = Desk(path, tmp_path / "data")
    report = desk.do(RETRY, *range(1, 801))
    told: list[Progress] = []
    part = desk.undo(report, on_progress=told.append, should_stop=lambda: bool(told))
    assert (part.stopped, part.changed) == (True, 50)
    assert desk.state(report) is State.PARTLY_UNDONE
    rest = desk.undo(report, undoable=False)
    assert (rest.changed, rest.can_be_undone) == (750, False)
    assert [(skip.reason, skip.count) for skip in rest.skips] == [("is as it was before already", 50)]
    assert exact_rows(path, "task_queue") == before
    desk.undo(report)
    assert desk.state(report) is State.UNDONE


WORK = """
import sys
from contextlib import closing
from pathlib import Path
from prismq_gui.queue import settling
from prismq_gui.queue.claiming import Claimer
from prismq_gui.queue.database import QueueDatabase
with closing(QueueDatabase(Path(sys.argv[1]))) as database:
    claimer = Claimer(database)
    print("ready", flush=True)
    while True:
        task = claimer.claim("w1", {}, 60)
        if task is not None:
            settling.complete(database, task)
            print(task.id, flush=True)
"""


def test_C1_what_a_worker_did_meanwhile_stays_done_and_all_else_is_as_before(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 2_000, status="failed")
    before = {row[1]: row for row in exact_rows(path, "task_queue")}
    desk = Desk(path, tmp_path / "data")
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, str(path)], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8"
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        report = desk.do(RETRY, *range(1, 2_001))
        undone = desk.undo(report)
        process.kill()
        worked = {int(line) for line in process.stdout if line.strip()}
    assert undone.problem is None
    assert worked
    assert undone.changed + sum(skip.count for skip in undone.skips) == 2_000
    states = dict(run_sql(path, "SELECT id, status FROM task_queue"))
    assert {states[task_id] for task_id in worked} == {"completed"}
    after = exact_rows(path, "task_queue")
    left = [row for row in after if row == before[row[1]]]
    assert len(left) == undone.changed
    assert {str(status) for status in states.values()} <= {"failed", "completed", "leased"}
    assert integrity(path) == "ok"


def test_a_task_with_more_log_lines_than_one_transaction_should_delete_is_refused(desk: Desk, monkeypatch):
    monkeypatch.setattr(tasks, "MAX_LOG_LINES", 3)
    run_sql(desk.path, "INSERT INTO task_logs (task_id, level, message) SELECT 1, 'INFO', 'x' FROM task_queue")
    report = desk.do(delete(), 1, 2)
    assert [(skip.reason, skip.sample_ids) for skip in report.skips] == [("has more than 20,000 log lines", (1,))]
    assert run_sql(desk.path, "SELECT count(*) FROM task_logs WHERE task_id = 1") == [(7,)]


def test_C6_a_task_that_another_program_s_table_refers_to_is_left_whole(desk: Desk):
    run_sql(desk.path, "CREATE TABLE results (task INTEGER REFERENCES task_queue (id))")
    run_sql(desk.path, "INSERT INTO results VALUES (2)")
    before = exact_rows(desk.path, "task_queue")[1], run_sql(desk.path, "SELECT * FROM task_logs WHERE task_id = 2")
    report = desk.do(delete(), 1, 2, 3)
    assert report.changed == 2
    assert [(skip.reason, skip.sample_ids) for skip in report.skips] == [
        ("is referred to by another program's table", (2,))
    ]
    after = exact_rows(desk.path, "task_queue")[0], run_sql(desk.path, "SELECT * FROM task_logs WHERE task_id = 2")
    assert after == before
    assert desk.undo(report).changed == 2


def test_a_file_without_an_index_of_log_lines_by_task_is_not_deleted_from(desk: Desk):
    run_sql(desk.path, "DROP INDEX ix_logs_task")
    refusal = desk.plan(delete(), 1).refusal
    assert refusal is not None
    assert "index" in refusal.what


def test_an_undo_for_another_file_is_refused(desk: Desk, tmp_path: Path):
    report = desk.do(RETRY, 1, 2)
    other = make_foreign_queue(tmp_path / "other.db", 6, status="queued")
    plan = Operator(other, journal=desk.journal).plan(UNDO, Recorded(report.operation_id))
    assert plan.refusal is not None
    assert "another file" in plan.refusal.what


def test_a_preview_of_an_undo_tells_what_tasks_are_and_what_they_will_be(desk: Desk) -> None:
    retried = desk.do(RETRY, 1, 2)
    assert [(each.status, each.becomes, each.count) for each in desk.plan_undo(retried).groups] == [
        ("queued", "failed", 2)
    ]
    deleted = desk.do(delete(), 3)
    assert [(each.status, each.becomes) for each in desk.plan_undo(deleted).groups] == [("", "queued")]
