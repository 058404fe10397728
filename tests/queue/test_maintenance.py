"""Vacuum, checkpoints, figures for SQLite and checks: on files that others use, and what is told about them."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.queue import (
    CheckpointMode,
    MaintenanceCancelled,
    MaintenanceProgress,
    QueueBusyError,
    QueueClient,
    QueueDatabase,
    QueueDatabaseError,
    analyze,
    checkpoint,
    disk_room,
    foreign_key_check,
    integrity_check,
    optimize,
    quick_check,
    vacuum,
)
from prismq_gui.queue.maintenance import WAL_WARNING_BYTES, CheckpointReport
from prismq_gui.queue.write_lock import WriteLock
from tests.helpers.files import run_sql
from tests.queue.helping_upkeep import content, fill, kill_points, malformed_queue, outside, small_disk, sound
from tests.queue.upkeep_processes import finish, kill_after_steps, running


@pytest.fixture
def with_holes(db: QueueDatabase) -> QueueDatabase:
    """A queue of about 5 MB, nine tenths of it free pages."""
    fill(db, 4_000)
    db.execute("DELETE FROM task_logs WHERE task_id % 10 <> 0")
    db.execute("DELETE FROM task_queue WHERE id % 10 <> 0")
    db.close()  # Windows cuts no file that is mapped into memory
    return db


@pytest.fixture
def many_rows(db: QueueDatabase) -> QueueDatabase:
    """A queue whose rewriting takes SQLite so many steps that it looks at the stop over and over."""
    fill(db, 20_000, payload_bytes=20)
    return db


def test_a_vacuum_frees_what_it_says_and_loses_nothing(with_holes: QueueDatabase) -> None:
    path, before = with_holes.db_path, content(with_holes.db_path)
    checkpoint(path)
    size = path.stat().st_size
    told: list[MaintenanceProgress] = []
    report = vacuum(with_holes, progress=told.append)
    assert report.bytes_before == size
    assert report.bytes_after == path.stat().st_size < size / 2
    assert report.bytes_freed == size - path.stat().st_size
    assert (report.checkpoint.sentence, report.checkpoint.wal_bytes) == ("done", 0)
    assert [progress.text for progress in told] == ["Checkpoint", "Waiting for the write lock", "Checkpoint"]
    assert content(path) == before
    assert sound(path)


def test_D1_a_reader_of_old_content_is_told_by_each_mode(db: QueueDatabase) -> None:
    fill(db, 100)
    with outside(db.db_path) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM task_queue").fetchall()
        fill(db, 200)
        for mode in CheckpointMode:
            report = checkpoint(db, mode, wait_s=0.05)
            assert report.in_the_way, mode
            assert 0 < report.moved_pages < report.wal_pages, mode
            pages = f"{report.moved_pages:,} of {report.wal_pages:,}"
            assert report.sentence == f"partly done: {pages} pages, a reader is active"
            assert report.busy == (mode is not CheckpointMode.PASSIVE)
        reader.execute("COMMIT")
    assert checkpoint(db, CheckpointMode.FULL).sentence == "done"
    assert not checkpoint(db, CheckpointMode.TRUNCATE).in_the_way
    assert Path(f"{db.db_path}-wal").stat().st_size == 0


def test_D2_another_checkpoint_that_runs_is_told(db: QueueDatabase) -> None:
    fill(db, 100)
    finished = threading.Event()

    def checkpoint_until_told() -> None:
        with outside(db.db_path, timeout_s=0.5) as other:
            while not finished.is_set():  # each waits half a second for the reader
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    with outside(db.db_path) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM task_queue").fetchall()
        fill(db, 200)
        thread = threading.Thread(target=checkpoint_until_told)
        thread.start()
        try:
            deadline = time.monotonic() + 30
            report = checkpoint(db, wait_s=0)
            while report.wal_pages >= 0 and time.monotonic() < deadline:
                report = checkpoint(db, wait_s=0)
        finally:
            finished.set()
            reader.execute("COMMIT")
            thread.join(30)
    assert (report.busy, report.wal_pages, report.moved_pages) == (True, -1, -1)
    assert report.sentence == "another checkpoint is running"


def test_D3_nothing_is_made_where_no_file_is(tmp_path: Path) -> None:
    missing = tmp_path / "no such.db"
    for work in (vacuum, checkpoint, analyze, optimize, integrity_check, quick_check, foreign_key_check):
        with pytest.raises(QueueDatabaseError, match="no queue file"):
            work(missing)  # type: ignore[operator]
    assert list(tmp_path.iterdir()) == []


def test_D4_a_writer_that_is_active_is_told_as_not_started(with_holes: QueueDatabase) -> None:
    path, before = with_holes.db_path, content(with_holes.db_path)
    pages = run_sql(path, "PRAGMA page_count")
    with outside(path) as other:
        other.execute("BEGIN IMMEDIATE")
        for work in (vacuum, analyze):
            with pytest.raises(QueueBusyError, match=r"was not started.*Nothing was changed"):
                work(path, deadline_s=0.05)  # type: ignore[operator]
        other.execute("ROLLBACK")
    assert run_sql(path, "PRAGMA page_count") == pages
    assert content(path) == before
    assert vacuum(path).bytes_freed > 0


def test_D4_a_writer_in_the_line_is_waited_for_and_the_wait_can_be_cancelled(with_holes: QueueDatabase) -> None:
    with closing(WriteLock(with_holes.db_path)) as line:
        assert line.acquire(1)
        with pytest.raises(QueueBusyError, match="was not started"):
            vacuum(with_holes, deadline_s=0.05)
        over = threading.Event()
        over.set()
        with pytest.raises(MaintenanceCancelled, match="while it waited"):
            vacuum(with_holes, cancel=over, deadline_s=60)
        report = checkpoint(with_holes, wait_s=0.02)
        assert report.sentence == "another checkpoint is running"
        line.release()
    assert vacuum(with_holes).bytes_freed > 0


def test_D5_a_vacuum_among_writers_loses_none_of_their_tasks(with_holes: QueueDatabase) -> None:
    path = with_holes.db_path
    with running("write_on", path) as process:
        for _ in range(3):
            vacuum(path, deadline_s=30)
        written = int(finish(process))
    assert run_sql(path, "SELECT count(*) FROM task_queue WHERE type = 'written'") == [(written,)]
    assert sound(path)


def test_D6_too_little_room_is_refused_beforehand_with_both_numbers(with_holes: QueueDatabase, monkeypatch) -> None:
    path = with_holes.db_path
    pages = run_sql(path, "PRAGMA page_count")
    monkeypatch.setattr(disk_room, "free_bytes", lambda folder: 3 * 1024 if folder == path.parent else 5 * 1024)
    with pytest.raises(QueueDatabaseError, match="Too little room") as caught:
        vacuum(path)
    assert "3.0 KiB beside the file and 5.0 KiB for temporary files" in str(caught.value)
    assert run_sql(path, "PRAGMA page_count") == pages


@pytest.mark.parametrize(
    ("beside", "temp", "same_volume", "enough"),
    [
        (1_100, 1_100, False, True),
        (1_099, 9_000, False, False),
        (9_000, 1_099, False, False),
        (2_199, 2_199, True, False),
        (2_200, 2_200, True, True),
    ],
)
def test_D6_room_is_needed_on_both_sides(beside: int, temp: int, same_volume: bool, enough: bool) -> None:
    assert disk_room.vacuum_room(1_000, beside, temp, same_volume=same_volume).enough == enough


def test_D7_a_disk_that_fills_up_midway_leaves_the_file_whole_and_the_wal_cut(tmp_path: Path) -> None:
    with small_disk(tmp_path, 24 * 1024) as disk:
        path = disk / "queue.db"
        with QueueDatabase(path) as db:
            db.initialize_schema()
            fill(db, 4_000)
        before = content(path)

        def fill_up(progress: MaintenanceProgress) -> None:
            if progress.text.startswith("Waiting"):
                (disk / "other").write_bytes(b"x" * (15 * 1024 * 1024))

        with outside(path) as other:  # while somebody has the file open SQLite keeps the WAL
            other.execute("SELECT count(*) FROM workers").fetchall()
            with pytest.raises(QueueDatabaseError, match=r"(disk is full|disk I/O error).*Nothing was changed"):
                vacuum(path, progress=fill_up)
            assert Path(f"{path}-wal").stat().st_size == 0
        assert content(path) == before
        assert sound(path)
        (disk / "other").unlink()
        vacuum(path)


@pytest.mark.parametrize("steps", kill_points(1, 2, 4, 8, 12, 16, 24, 32, 40, 50, everywhere=(1, 12, 40)))
def test_D8_a_vacuum_that_is_killed_leaves_the_file_whole(many_rows: QueueDatabase, steps: int) -> None:
    many_rows.close()
    before = content(many_rows.db_path)
    assert kill_after_steps("vacuum", steps, many_rows.db_path)
    assert content(many_rows.db_path) == before
    assert sound(many_rows.db_path)
    with QueueClient(many_rows.db_path) as client:
        assert client.enqueue("after").created


def test_D9_a_vacuum_that_is_cancelled_leaves_the_file_as_it_was(many_rows: QueueDatabase) -> None:
    path = many_rows.db_path
    many_rows.execute("UPDATE task_queue SET payload = '{}' WHERE id % 2")
    before, pages = content(path), run_sql(path, "PRAGMA page_count")
    asked: list[int] = []

    def at_the_second_look() -> bool:
        asked.append(1)
        return len(asked) == 2

    with pytest.raises(MaintenanceCancelled, match="as it was"):
        vacuum(path, cancel=at_the_second_look)
    assert len(asked) == 2  # SQLite asked while it was at work, and once was enough
    assert run_sql(path, "PRAGMA page_count") == pages
    assert content(path) == before
    many_rows.close()  # Windows cuts no file that is mapped into memory
    assert vacuum(path).bytes_freed > 0


@pytest.mark.parametrize("check", [integrity_check, quick_check])
def test_D9_a_check_that_is_cancelled_ends(db: QueueDatabase, check) -> None:
    fill(db, 4_000)
    over = threading.Event()
    over.set()
    with pytest.raises(MaintenanceCancelled, match="cancelled"):
        check(db, cancel=over)
    assert check(db).ok


def test_D10_a_check_lets_the_same_program_go_on_with_the_queue(db: QueueDatabase) -> None:
    fill(db, 2_000)
    ids: list[int] = []

    def work() -> bool:
        ids.append(QueueClient(db).enqueue("meanwhile").task_id)
        return False

    told: list[MaintenanceProgress] = []
    assert integrity_check(db, cancel=work, progress=told.append).ok
    assert ids
    assert told[0].text == "integrity_check of queue.db, 0 s"


def test_D11_findings_are_plain_texts_with_advice_and_bounded(db: QueueDatabase) -> None:
    fill(db, 300)
    db.execute("UPDATE task_queue SET compatibility = json_object('region', id), payload = json_object('format', -id)")
    # Two indexes change places: each holds the other's entries.
    swap = (
        "UPDATE sqlite_master SET rootpage = (SELECT sum(rootpage) FROM sqlite_master WHERE name IN {0}) - rootpage "
        "WHERE name IN {0}"
    ).format("('ix_task_region', 'ix_task_format')")
    with outside(db.db_path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(swap)
    report = integrity_check(db.db_path, most=7)
    assert len(report.findings) == 7
    assert report.cut
    assert not report.ok
    assert all("ix_task" in finding for finding in report.findings)
    assert "Stop the workers" in report.advice
    assert not integrity_check(db.db_path, most=10_000).cut


def test_D12_a_check_that_breaks_off_is_a_finding(tmp_path: Path) -> None:
    report = integrity_check(malformed_queue(tmp_path / "foreign.db"))
    assert report.findings == ("the check broke off: malformed JSON",)


def test_D12_a_file_that_is_no_database_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "junk.db"
    path.write_bytes(b"no database" * 500)
    report = integrity_check(path)
    assert report.findings == ("the check broke off: file is not a database",)


def test_D13_a_large_wal_is_told_with_its_cause() -> None:
    large = WAL_WARNING_BYTES + 1
    held = CheckpointReport(CheckpointMode.TRUNCATE, True, 70_000, 5, large)
    assert "holds an old snapshot" in held.sentence
    assert "256.0 MiB" in held.sentence
    assert "snapshot" not in CheckpointReport(CheckpointMode.TRUNCATE, True, 70_000, 5, large - 1).sentence


def test_log_lines_without_their_task_are_found_and_bounded(db: QueueDatabase) -> None:
    fill(db, 20)
    assert foreign_key_check(db).ok
    run_sql(db.db_path, "DELETE FROM task_queue WHERE id > 5")
    report = foreign_key_check(db, most=4)
    assert report.findings[0] == "task_logs: row 6 refers to a row of task_queue that isn't there"
    assert (len(report.findings), report.cut) == (4, True)
    assert foreign_key_check(db, most=15).cut is False
    assert "without their task" in report.advice


def test_a_file_without_a_wal_has_nothing_to_checkpoint() -> None:
    report = CheckpointReport(CheckpointMode.FULL, False, -1, -1, 0)
    assert report.sentence == "the file has no WAL: there was nothing to do"
    assert not report.in_the_way


def test_figures_are_gathered_and_claims_still_find_their_way(db: QueueDatabase) -> None:
    fill(db, 500)
    analyze(db)
    assert run_sql(db.db_path, "SELECT count(*) > 0 FROM sqlite_stat1 WHERE tbl = 'task_queue'") == [(1,)]
    analyze(db, limit=0)
    optimize(db)
    with pytest.raises(ValueError, match="limit"):
        analyze(db, limit=-1)


@pytest.mark.parametrize("work", [vacuum, integrity_check])
def test_what_a_callback_raises_comes_out_and_undoes_the_work(many_rows: QueueDatabase, work) -> None:
    path, before = many_rows.db_path, content(many_rows.db_path)

    def fail() -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work(path, cancel=fail)
    assert content(path) == before
    work(path)


def test_temporary_files_are_looked_for_where_sqlite_puts_them(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR" if disk_room.os.name != "nt" else "TMP", str(tmp_path))
    monkeypatch.setenv("TMPDIR" if disk_room.os.name != "nt" else "TEMP", str(Path.cwd()))  # both stand behind
    assert disk_room.temp_folder() == tmp_path


def test_G5_a_folder_for_temporary_files_that_is_gone_is_not_used(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path / "gone"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone too"))
    assert disk_room.temp_folder().is_dir()


@pytest.mark.parametrize(("size", "text"), [(1_023, "1,023 bytes"), (3_072, "3.0 KiB"), (5 * 2**40, "5.0 TiB")])
def test_sizes_are_told_in_words(size: int, text: str) -> None:
    assert disk_room.bytes_text(size) == text
