"""Plans and reports of a file's care: what is refused beforehand, and that every error is told."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.insight.problems import ProblemKind
from prismq_gui.operations import database_care, database_plans
from prismq_gui.operations.database_records import CareKind, CarePlan, CareReport, CareWish
from prismq_gui.operations.estimates import seconds_text
from prismq_gui.operations.messages import OperationKind
from prismq_gui.operations.operator import Operator
from prismq_gui.queue import QueueDatabase, back_up
from prismq_gui.queue.upkeep import MaintenanceProgress
from tests.helpers.files import make_foreign_queue, run_sql
from tests.queue.helping_upkeep import content, outside, sound

WRITING = [kind for kind in CareKind if kind.writes]
READING = [kind for kind in CareKind if not kind.writes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A queue in a folder with a name that needs care, and a backup of it."""
    made = make_foreign_queue(tmp_path / "Wärter & #1" / "queue.db", 30, status="completed")
    back_up(made)
    return made


def wish(kind: CareKind, path: Path, **more: object) -> CareWish:
    source = next(path.parent.rglob("*-backup-*.db")) if kind in (CareKind.VERIFY, CareKind.RESTORE) else None
    return CareWish(kind, path, source=source, older_than_days=0, **more)  # type: ignore[arg-type]


def plan(wanted: CareWish) -> CarePlan:
    return database_care.plan(wanted, lambda _progress: None, lambda: False)


def run(wanted: CareWish) -> CareReport:
    return database_care.run(wanted, lambda _progress: None, lambda: False)


@pytest.mark.parametrize("kind", CareKind)
def test_planning_changes_nothing_and_makes_no_file(path: Path, kind: CareKind) -> None:
    before, files = content(path), sorted(path.parent.rglob("*.db"))
    found = plan(wish(kind, path))
    assert found.refusal is None, found.refusal
    assert found.sentence
    assert content(path) == before
    assert sorted(path.parent.rglob("*.db")) == files


@pytest.mark.parametrize("kind", CareKind)
def test_what_is_planned_can_be_done_and_leaves_a_sound_file(path: Path, kind: CareKind) -> None:
    report = run(plan(wish(kind, path)).wish)
    assert report.problem is None, report.problem
    assert not report.stopped
    assert not report.findings
    assert sound(path)
    assert (report.made is not None) is (kind in (CareKind.BACKUP, CareKind.RESTORE, CareKind.RETENTION))


@pytest.mark.parametrize("kind", WRITING)
def test_C14_what_writes_is_refused_where_the_window_must_not_write(path: Path, kind: CareKind) -> None:
    found = plan(wish(kind, path, read_only=True))
    assert found.refusal is not None
    assert found.refusal.kind is ProblemKind.READ_ONLY


@pytest.mark.parametrize("kind", READING)
def test_what_only_reads_may_be_done_to_a_file_that_must_not_be_written(path: Path, kind: CareKind) -> None:
    assert plan(wish(kind, path, read_only=True)).refusal is None


def test_A13_rows_are_not_deleted_by_a_writer_that_would_convert_the_file(path: Path) -> None:
    run_sql(path, "PRAGMA journal_mode = DELETE")
    for kind in (CareKind.RETENTION, CareKind.RELEASE):
        found = plan(wish(kind, path))
        assert found.refusal is not None
        assert "not in WAL mode" in found.refusal.what
    assert plan(wish(CareKind.CHECKPOINT, path)).nothing
    assert run_sql(path, "PRAGMA journal_mode") == [("delete",)]


def test_C10_a_foreign_trigger_is_named_beforehand(path: Path) -> None:
    run_sql(path, "CREATE TRIGGER spy AFTER DELETE ON task_queue BEGIN DELETE FROM workers; END")
    found = plan(wish(CareKind.RETENTION, path))
    assert found.refusal is not None
    assert "spy" in found.refusal.what


def test_E3_too_little_room_for_a_backup_is_told_with_both_numbers(path: Path, monkeypatch) -> None:
    monkeypatch.setattr(database_plans, "free_bytes", lambda _folder: 4_096)
    found = plan(wish(CareKind.BACKUP, path))
    assert found.refusal is not None
    assert found.refusal.kind is ProblemKind.DISK_FULL
    assert "4.0 KiB" in found.refusal.what


@pytest.mark.parametrize("kind", CareKind)
def test_a_stop_before_it_begins_is_told_and_nothing_is_done(path: Path, kind: CareKind) -> None:
    wanted, before, files = plan(wish(kind, path)).wish, content(path), sorted(path.parent.rglob("*.db"))
    report = database_care.run(wanted, lambda _progress: None, lambda: True)
    assert report.problem is None
    assert content(path) == before
    assert [each for each in path.parent.rglob("*.db") if each not in files] == []
    assert report.stopped
    assert "Nothing was changed" in report.undone[0]


def test_C3_a_file_that_others_hold_is_told_as_busy_and_left(path: Path, monkeypatch) -> None:
    monkeypatch.setattr(database_care, "RESTORE_WAIT_S", 0.2)
    with outside(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        report = run(wish(CareKind.RESTORE, path))
        connection.execute("ROLLBACK")
    assert report.problem is not None
    assert report.problem.kind is ProblemKind.BUSY
    assert report.sentence == "The queue was not restored."
    assert list(path.parent.glob("*before-restore*")) == []


@pytest.mark.parametrize("kind", CareKind)
def test_a_file_that_goes_away_is_a_problem_and_not_an_error(path: Path, kind: CareKind) -> None:
    wanted = wish(kind, path)
    for each in (path, *([wanted.source] if wanted.source else [])):
        os.unlink(each)  # noqa: PTH108
    assert plan(wanted).refusal is not None
    report = run(wanted)
    assert report.problem is not None
    assert not path.exists()


def test_a_retention_that_is_stopped_tells_what_is_done_for_good(tmp_path: Path) -> None:
    path = tmp_path / "q.db"
    with closing(QueueDatabase(path)) as db:
        db.initialize_schema()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000) "
            "INSERT INTO task_queue (type, payload, status, finished_at_utc) "
            "SELECT 'job', '{}', 'completed', '2020-01-01 00:00:00' FROM n"
        )
    told: list[MaintenanceProgress] = []
    wanted = CareWish(CareKind.RETENTION, path, backup_first=False)
    report = database_care.run(wanted, told.append, lambda: len(told) >= 1)
    assert report.stopped
    [(left,)] = run_sql(path, "SELECT count(*) FROM task_queue")
    assert 0 < left < 6_000  # type: ignore[operator]
    assert report.sentence == f"Stopped: {6_000 - left:,} tasks were deleted, with 0 log lines."  # type: ignore[operator]
    assert "what was deleted stays so" in report.undone[-1]


def test_D5_size_estimate_and_that_workers_wait_are_told_before_a_vacuum(path: Path) -> None:
    found = Operator(path).plan(OperationKind.VACUUM, None)
    assert {"Size", "Estimate"} <= {name for name, _ in found.facts}
    assert any("Workers that want to write wait" in warning for warning in found.warnings)


def test_how_long_it_takes_is_said_in_words() -> None:
    assert seconds_text(1e6, 100e6) == "less than a second"
    assert seconds_text(5e9, 100e6) == "up to 50 s"
    assert seconds_text(60e9, 100e6) == "up to 10 min"
