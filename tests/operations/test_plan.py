"""What a plan promises: who is eligible, who not and why, in plain words, by reading alone."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from prismq_gui.insight.filters import TaskFilter
from prismq_gui.insight.hearing import Hearing
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.operations.messages import Matching, Selected
from prismq_gui.operations.operator import Operator
from prismq_gui.queue.timestamps import now_utc, utc_text
from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import CANCEL, RETRY, apply, open_outside, plan_ids, plan_status, statuses


def test_the_sample_s_failed_tasks_are_planned_in_one_plain_sentence(sample_db: Path):
    plan = plan_status(sample_db, RETRY, "failed")
    assert plan.refusal is None
    assert plan.eligible == 54
    assert plan.sentence == "54 failed tasks will be queued again and can be claimed at once."
    assert sum(group.count for group in plan.groups) == 54
    assert {group.status for group in plan.groups} == {"failed"}
    assert [row.status for row in plan.sample] == ["failed"] * 10


def test_tasks_that_cannot_be_retried_are_counted_by_their_reason(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 6, status="failed")
    run_sql(path, "UPDATE task_queue SET status = 'leased' WHERE id = 2")
    run_sql(path, "UPDATE task_queue SET status = 'processing' WHERE id = 3")
    run_sql(path, "UPDATE task_queue SET status = 'completed' WHERE id = 4")
    plan = plan_ids(path, RETRY, 6, 1, 2, 3, 4, 5, 5, 99)
    assert plan.eligible == 3
    assert plan.sentence == (
        "3 failed tasks will be queued again and can be claimed at once; 4 of the 7 selected cannot: "
        "2 are running, 1 does not exist, 1 is completed already."
    )
    assert {skip.reason: skip.sample_ids for skip in plan.skips}["is running"] == (2, 3)


def test_C16_unknown_status_is_refused_with_its_name(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 1, status="on <b>hold</b>\n")
    for kind in (RETRY, CANCEL):
        plan = plan_ids(path, kind, 1)
        assert plan.eligible == 0
        assert "unknown status 'on <b>hold</b>" in plan.skips[0].reason
        assert "\n" not in plan.sentence
        assert apply(plan).changed == 0
    assert statuses(path) == {"on <b>hold</b>\n": 1}


def test_an_empty_filter_is_never_all_by_accident(sample_db: Path):
    operator = Operator(sample_db)
    before = statuses(sample_db)
    for empty in (TaskFilter(), TaskFilter(text="  ")):
        plan = operator.plan(CANCEL, Matching(empty))
        assert plan.refusal is not None
        assert plan.refusal.kind is ProblemKind.REFUSED
        report = operator.apply(plan)
        assert (report.changed, report.problem) == (0, plan.refusal)
    assert statuses(sample_db) == before
    assert operator.plan(CANCEL, Matching(TaskFilter(), all_tasks=True)).eligible == 294


def test_no_target_and_no_selection_change_nothing(sample_db: Path):
    operator = Operator(sample_db)
    nothing = operator.plan(RETRY, None)
    assert nothing.refusal is not None
    empty = operator.plan(RETRY, Selected(range(0)))
    assert (empty.eligible, empty.sentence) == (0, "There are no selected tasks: nothing will be changed.")


def test_a_plan_does_not_write_and_holds_no_snapshot(sample_db: Path):
    run_sql(sample_db, "PRAGMA journal_mode=WAL")
    with open_outside(sample_db) as other:
        other.execute("UPDATE workers SET heartbeat_utc = heartbeat_utc")
        version = other.execute("PRAGMA data_version").fetchone()
        plan_status(sample_db, RETRY, "failed")
        assert other.execute("PRAGMA data_version").fetchone() == version
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


def test_a_plan_can_be_stopped(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 5_000, status="failed")
    asked = []

    def stop_at_the_third_time() -> bool:
        asked.append(1)
        return len(asked) >= 3

    with pytest.raises(ProblemError) as caught:
        Operator(path).plan(RETRY, Selected(range(1, 5_001)), should_stop=stop_at_the_third_time)
    assert caught.value.problem.kind is ProblemKind.INTERRUPTED
    with pytest.raises(ProblemError):
        Operator(path).plan(RETRY, Matching(TaskFilter(statuses=("failed",))), should_stop=lambda: True)


def test_C14_a_file_of_a_newer_program_is_refused_before_anything_is_written(sample_db: Path):
    run_sql(sample_db, "PRAGMA user_version = 999")
    content = sample_db.read_bytes()
    plan = plan_status(sample_db, RETRY, "failed")
    assert plan.refusal is not None
    assert plan.refusal.kind is ProblemKind.READ_ONLY
    assert apply(plan).changed == 0
    assert sample_db.read_bytes() == content


@pytest.mark.skipif(
    hasattr(os, "geteuid") and os.geteuid() == 0, reason="the superuser may write write-protected files"
)
def test_C14_a_write_protected_file_is_refused_with_the_reason(sample_db: Path):
    sample_db.chmod(0o444)
    try:
        plan = plan_status(sample_db, RETRY, "failed")
    finally:
        sample_db.chmod(0o644)
    assert plan.refusal is not None
    assert "write-protected" in plan.refusal.what


def test_A1_a_missing_file_is_told_and_not_created(tmp_path: Path):
    with pytest.raises(ProblemError) as caught:
        plan_status(tmp_path / "gone.db", RETRY, "failed")
    assert caught.value.problem.kind is ProblemKind.NOT_FOUND
    assert list(tmp_path.iterdir()) == []


def test_it_is_said_when_no_worker_lives(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 1, status="failed")
    run_sql(path, "INSERT INTO workers VALUES ('w1', '{}', ?)", (utc_text(now_utc() - timedelta(minutes=5)),))
    assert "No worker" in plan_ids(path, RETRY, 1).warnings[0]
    iso = (now_utc() - timedelta(seconds=20)).isoformat() + "+00:00"  # the other written form
    run_sql(path, "UPDATE workers SET heartbeat_utc = ?", (iso,))
    assert plan_ids(path, RETRY, 1).warnings == ()


def test_C5_a_live_lease_of_a_task_to_be_retried_is_a_warning(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 3, status="failed")
    run_sql(path, "INSERT INTO workers VALUES ('w1', '{}', ?)", (utc_text(now_utc()),))
    soon, past = now_utc() + timedelta(seconds=60), now_utc() - timedelta(seconds=60)
    run_sql(path, "UPDATE task_queue SET lease_until_utc = ? WHERE id = 1", (soon.isoformat() + "Z",))
    run_sql(path, "UPDATE task_queue SET lease_until_utc = ? WHERE id = 2", (utc_text(past),))
    run_sql(path, "UPDATE task_queue SET lease_until_utc = 'soon' WHERE id = 3")
    (warning,) = plan_ids(path, RETRY, 1, 2, 3).warnings
    assert warning.startswith("1 of these tasks has a lease that has not run out")
    assert "done twice" in warning


def test_A13_a_file_with_a_rollback_journal_is_warned_of_and_never_converted(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 3, status="failed", wal=False)
    plan = plan_ids(path, RETRY, 1, 2, 3)
    assert any("not in WAL mode" in warning for warning in plan.warnings)
    assert apply(plan).changed == 3
    assert run_sql(path, "PRAGMA journal_mode") == [("delete",)]


def test_kinds_without_end_are_capped_and_the_rest_counted(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 80, status="failed")
    run_sql(path, "UPDATE task_queue SET type = 'kind ' || id WHERE id > 10")
    plan = plan_status(path, RETRY, "failed")
    assert len(plan.groups) == 50
    assert (plan.groups[0].type, plan.groups[0].count) == ("job", 10)
    assert plan.facts[0] == ("Tasks of further types", "21")


def test_reasons_without_end_are_capped_and_the_rest_counted(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 80, status="failed")
    run_sql(path, "UPDATE task_queue SET status = 'odd ' || id")
    plan = Operator(path).plan(RETRY, Selected(range(1, 81)))
    assert len(plan.skips) == 51
    assert sum(skip.count for skip in plan.skips) == 80


def test_whether_somebody_is_there_is_judged_as_the_person_set_it(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", 3, status="failed")
    run_sql(path, "INSERT INTO workers VALUES ('w', '{}', datetime('now', '-10 minutes'))")
    warned = Operator(path).plan(RETRY, Selected(range(1, 4)))
    assert any("in the last 2 min" in each for each in warned.warnings)
    patient = Operator(path, hearing=Hearing(3_600.0)).plan(RETRY, Selected(range(1, 4)))
    assert not patient.warnings
    assert dict(patient.facts)["Workers"] != dict(warned.facts)["Workers"]
