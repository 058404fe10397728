"""Vacuum with checkpoints: what is told before and after, and what happens when it cannot be done."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.insight.problems import ProblemKind
from prismq_gui.operations import maintenance, writer
from prismq_gui.operations.maintenance import room_refusal
from prismq_gui.operations.messages import Plan, Progress
from prismq_gui.operations.operator import Operator
from prismq_gui.operations.writer import Checkpoint, QueueWriter
from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import VACUUM, all_rows, apply, integrity, open_outside, statuses


def file_with_free_pages(folder: Path) -> Path:
    path = make_foreign_queue(folder / "q.db", 4_000, status="completed")
    run_sql(path, "DELETE FROM task_queue WHERE id % 10 <> 0")
    return path


def plan_vacuum(path: Path) -> Plan:
    return Operator(path).plan(VACUUM, None)


def test_a_vacuum_frees_what_the_plan_said_and_loses_nothing(tmp_path: Path):
    path = file_with_free_pages(tmp_path)
    (free,) = run_sql(path, "PRAGMA freelist_count")[0]
    before, logs = all_rows(path), run_sql(path, "SELECT count(*) FROM task_logs")
    plan = plan_vacuum(path)
    assert plan.refusal is None
    facts = dict(plan.facts)
    assert facts["Free pages"] == f"{free:,}"
    assert {"Size", "WAL", "Would free", "Free beside the file", "Free for temporary files"} <= facts.keys()
    assert any("wait" in warning for warning in plan.warnings)
    size = path.stat().st_size
    told: list[Progress] = []
    report = apply(plan, on_progress=told.append)
    assert (report.problem, report.stopped) == (None, False)
    assert path.stat().st_size < size
    after = dict(report.facts)
    assert after["Checkpoint before"] == after["Checkpoint after"] == "done"
    assert (after["WAL after"], "Size before" in after, "Freed" in after) == ("0 bytes", True, True)
    assert told[0].text == "Checkpoint"
    assert {progress.total for progress in told} == {0}
    assert all_rows(path) == before
    assert run_sql(path, "SELECT count(*) FROM task_logs") == logs  # no task to hang a line on
    assert run_sql(path, "PRAGMA freelist_count") == [(0,)]
    assert integrity(path) == "ok"


def test_a_vacuum_ignores_a_foreign_trigger_since_none_fires(tmp_path: Path):
    path = file_with_free_pages(tmp_path)
    run_sql(path, "CREATE TRIGGER spy AFTER UPDATE ON task_queue BEGIN DELETE FROM workers; END")
    assert apply(plan_vacuum(path)).problem is None


def test_D1_a_reader_that_holds_a_snapshot_is_told_and_does_not_stop_the_vacuum(tmp_path: Path):
    path = file_with_free_pages(tmp_path)
    with open_outside(path) as reader, open_outside(path) as other:
        other.execute("UPDATE task_queue SET priority = 1 WHERE id < 500")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM task_queue").fetchall()
        other.execute("UPDATE task_queue SET priority = 2 WHERE id < 500")
        with QueueWriter(path, guarded=False) as opened:
            checkpoint = opened.checkpoint()
        assert checkpoint.busy
        assert 0 < checkpoint.moved_pages < checkpoint.wal_pages
        text = f"partly done: {checkpoint.moved_pages} of {checkpoint.wal_pages} pages, a reader is active"
        assert checkpoint.sentence == text
        report = apply(plan_vacuum(path))
        assert report.problem is None
        assert dict(report.facts)["Checkpoint after"].startswith("partly done: ")
        # The reader's snapshot still stands: nothing was taken from under it.
        assert reader.execute("SELECT count(*) FROM task_queue").fetchone() == (400,)
        reader.execute("COMMIT")
    assert integrity(path) == "ok"


def test_D1_a_checkpoint_waits_a_quarter_of_a_second_at_most(tmp_path: Path):
    assert writer.CHECKPOINT_TIMEOUT_MS <= 250
    path = file_with_free_pages(tmp_path)
    with open_outside(path) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        with QueueWriter(path, guarded=False) as opened:
            checkpoint = opened.checkpoint(timeout_ms=1)
            assert opened.rows("PRAGMA busy_timeout") == [(0,)]
        blocker.execute("ROLLBACK")
    assert checkpoint.busy


def test_D2_another_checkpoint_that_runs_is_told(tmp_path: Path):
    path = file_with_free_pages(tmp_path)
    finished = threading.Event()

    def checkpoint_until_told() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=0.5)) as other:
            while not finished.is_set():  # each waits half a second for the reader, and holds the lock meanwhile
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    with open_outside(path) as reader, open_outside(path) as other, QueueWriter(path, guarded=False) as opened:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM task_queue").fetchall()
        other.execute("UPDATE task_queue SET priority = 2 WHERE id < 500")
        thread = threading.Thread(target=checkpoint_until_told)
        thread.start()
        try:
            deadline = time.monotonic() + 20
            found = Checkpoint(False, 0, 0)
            while found.wal_pages >= 0 and time.monotonic() < deadline:
                found = opened.checkpoint(timeout_ms=0)
        finally:
            finished.set()
            reader.execute("COMMIT")
            thread.join(10)
    assert found == Checkpoint(True, -1, -1)
    assert found.sentence == "another checkpoint is running"


def test_D3_nothing_is_opened_for_writing_where_the_file_must_not_be_written(tmp_path: Path):
    path = file_with_free_pages(tmp_path)
    run_sql(path, "PRAGMA user_version = 999")
    content = path.read_bytes()
    plan = plan_vacuum(path)
    assert plan.refusal is not None
    assert apply(plan).problem == plan.refusal
    assert path.read_bytes() == content


def test_D4_a_writer_that_is_active_is_told_as_not_started(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(writer, "BUSY_DEADLINE_S", 0.05)
    path = file_with_free_pages(tmp_path)
    plan = plan_vacuum(path)
    size = path.stat().st_size
    with open_outside(path) as other:
        other.execute("BEGIN IMMEDIATE")
        report = apply(plan)
        assert report.problem is not None
        assert (report.problem.kind, report.problem.what) == (ProblemKind.BUSY, "Busy, not started")
        assert report.problem.unchanged == "Nothing was changed."
        other.execute("ROLLBACK")
    assert path.stat().st_size == size
    assert apply(plan).problem is None


@pytest.mark.parametrize(
    ("beside", "temp", "same_volume", "refused"),
    [
        (1_100, 1_100, False, False),
        (1_099, 9_000, False, True),
        (9_000, 1_099, False, True),
        (2_199, 2_199, True, True),
        (2_200, 2_200, True, False),
    ],
)
def test_D6_room_is_needed_on_both_sides(beside: int, temp: int, same_volume: bool, refused: bool):
    problem = room_refusal(Path("q.db"), 1_000, beside, temp, same_volume=same_volume)
    assert (problem is not None) == refused


def test_D6_too_little_room_is_refused_beforehand_with_both_numbers(tmp_path: Path, monkeypatch):
    path = file_with_free_pages(tmp_path)
    monkeypatch.setattr(maintenance, "free_bytes", lambda folder: 3 * 1024 if folder == tmp_path else 5 * 1024)
    plan = plan_vacuum(path)
    assert plan.refusal is not None
    assert plan.refusal.kind is ProblemKind.DISK_FULL
    assert "3.0 KiB beside the file" in plan.refusal.what
    assert "5.0 KiB for temporary files" in plan.refusal.what
    assert apply(plan).problem == plan.refusal


def test_D9_a_vacuum_can_be_stopped_and_leaves_the_file_as_it_was(tmp_path: Path):
    path = make_foreign_queue(tmp_path / "q.db", 60_000, status="completed")
    before = run_sql(path, "SELECT count(*), sum(id), max(payload) FROM task_queue")
    pages = run_sql(path, "PRAGMA page_count")
    asked = []

    def stop_at_the_second_look() -> bool:
        asked.append(1)
        return len(asked) > 1

    report = apply(plan_vacuum(path), should_stop=stop_at_the_second_look)
    assert len(asked) == 2  # SQLite asked while it was at work, and once was enough
    assert (report.stopped, report.problem) == (True, None)
    assert report.sentence == "Stopped: the file is as it was."
    assert run_sql(path, "SELECT count(*), sum(id), max(payload) FROM task_queue") == before
    assert run_sql(path, "PRAGMA page_count") == pages
    assert integrity(path) == "ok"


def test_a_progress_callback_that_raises_inside_sqlite_is_heard(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(maintenance, "PROGRESS_EVERY_S", 0.0)
    path = make_foreign_queue(tmp_path / "q.db", 20_000, status="completed")

    def fail(progress: Progress) -> None:
        if progress.text.startswith("Rewriting"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        apply(plan_vacuum(path), on_progress=fail)
    assert statuses(path) == {"completed": 20_000}


def test_another_file_in_its_place_is_not_vacuumed(tmp_path: Path):
    path = file_with_free_pages(tmp_path)
    plan = plan_vacuum(path)
    other = make_foreign_queue(tmp_path / "other.db", 3)
    other.replace(path)
    report = apply(plan)
    assert report.problem is not None
    assert "Another file" in report.problem.what


def test_a_plan_for_another_file_is_a_mistake_of_the_caller(tmp_path: Path):
    one, two = (make_foreign_queue(tmp_path / name, 1) for name in ("one.db", "two.db"))
    with pytest.raises(ValueError, match="another file"):
        Operator(two).apply(plan_vacuum(one))
