"""Restoring: whole or not at all, never under others' feet, and nothing is lost by it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.queue import (
    Claimer,
    MaintenanceCancelled,
    MaintenanceProgress,
    QueueBusyError,
    QueueClient,
    QueueDatabase,
    QueueDatabaseError,
    back_up,
    restore_backup,
    verify_backup,
)
from tests.helpers.files import FOREIGN_SCHEMA, make_foreign_queue, run_sql
from tests.queue.helping_upkeep import content, fill, kill_points, outside, small_disk, sound
from tests.queue.upkeep_processes import finish, kill_after_steps, running


@pytest.fixture
def copy(db: QueueDatabase, tmp_path: Path) -> Path:
    """A backup with 600 tasks; the queue itself has gone on since, and is closed."""
    fill(db, 600)
    report = back_up(db, tmp_path / "copy.db")
    db.execute("DELETE FROM task_logs")
    db.execute("DELETE FROM task_queue WHERE id < 500")
    fill(db, 900)
    db.close()
    return report.path


def around(path: Path) -> list[str]:
    return sorted(name.name for name in path.parent.iterdir())


def test_a_restore_gives_the_content_back_and_keeps_the_old(db: QueueDatabase, copy: Path) -> None:
    path, before, inode = db.db_path, content(db.db_path), db.db_path.stat().st_ino
    told: list[MaintenanceProgress] = []
    report = restore_backup(path, copy, progress=told.append)
    assert content(path) == content(copy)
    assert report.old is not None
    assert report.old.name.startswith("queue-before-restore-")
    assert content(report.old) == before
    assert report.tasks == 600
    assert path.stat().st_ino == inode
    assert not [name for name in around(path) if name.endswith((".part", "-wal", "-shm"))]
    assert told[-1].done == told[-1].total > 0
    assert sound(path)
    with QueueClient(path) as client:
        assert client.enqueue("after").created
    assert run_sql(path, "PRAGMA journal_mode") == [("wal",)]


def test_the_old_content_can_be_restored_in_its_turn(db: QueueDatabase, copy: Path) -> None:
    before = content(db.db_path)
    report = restore_backup(db.db_path, copy)
    assert report.old is not None
    restore_backup(db.db_path, report.old)
    assert content(db.db_path) == before


def test_a_queue_that_is_missing_is_made_anew_and_a_wal_left_behind_set_aside(db: QueueDatabase, copy: Path) -> None:
    path = db.db_path
    path.unlink()
    Path(f"{path}-wal").write_bytes(b"left behind")
    report = restore_backup(path, copy)
    assert report.old is None
    assert content(path) == content(copy)
    assert next(name for name in around(path) if name.endswith(".db-wal")).startswith("queue-before-restore-")
    shutil.rmtree(path.parent)
    restore_backup(path, copy)
    assert content(path) == content(copy)


def test_a_restore_is_refused_while_others_have_the_file_open_and_names_them(db: QueueDatabase, copy: Path) -> None:
    path, before = db.db_path, content(db.db_path)
    run_sql(path, "INSERT INTO workers (worker_id, capabilities) VALUES ('w-fresh', '{}')")
    before = content(path)
    with running("hold_open", path) as process:
        with pytest.raises(QueueBusyError, match="other programs have it open") as caught:
            restore_backup(path, copy, deadline_s=0.05)
        if sys.platform.startswith("linux"):
            assert f"process {process.pid} (" in str(caught.value)
            assert "this program itself" not in str(caught.value)
        assert "worker w-fresh" in str(caught.value)
        finish(process)
    assert content(path) == before
    assert [name for name in around(path) if "before-restore" in name] == []
    restore_backup(path, copy, deadline_s=5)


def test_a_restore_is_refused_while_this_program_has_the_file_open(db: QueueDatabase, copy: Path) -> None:
    db.execute("SELECT count(*) FROM task_queue").fetchall()
    with pytest.raises(QueueBusyError, match=r"Stop the workers and close the other windows"):
        restore_backup(db.db_path, copy, deadline_s=0.05)
    assert db.execute("SELECT count(*) FROM task_queue").fetchone()[0] == 1_001
    db.close()
    restore_backup(db.db_path, copy)


def test_waiting_for_others_can_be_cancelled(db: QueueDatabase, copy: Path) -> None:
    over = threading.Event()
    with outside(db.db_path) as other:
        other.execute("SELECT count(*) FROM task_queue").fetchall()

        def once_it_waits() -> bool:
            return over.is_set()

        over.set()
        with pytest.raises(MaintenanceCancelled):
            restore_backup(db.db_path, copy, cancel=once_it_waits, deadline_s=60)


def _zero(path: Path) -> None:
    path.write_bytes(b"")


def _junk(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 1_000)


def _other_program(path: Path) -> None:
    run_sql(path, "CREATE TABLE notes (text)")


def _half_schema(path: Path) -> None:
    make_foreign_queue(path, 3)
    run_sql(path, "ALTER TABLE task_queue RENAME COLUMN payload TO body")


def _truncated(path: Path) -> None:
    make_foreign_queue(path, 3_000)
    run_sql(path, "PRAGMA journal_mode = DELETE")
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)


def _corrupt(path: Path) -> None:
    make_foreign_queue(path, 3_000)
    run_sql(path, "PRAGMA journal_mode = DELETE")
    with path.open("r+b") as file:
        for page in range(20, 40):
            file.seek(page * 4096)
            file.write(b"\x5a" * 4096)


def _newer(path: Path) -> None:
    make_foreign_queue(path, 3)
    run_sql(path, "PRAGMA user_version = 7")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_zero, "it has 0 bytes"),
        (_junk, "file is not a database"),
        (_other_program, "it is no queue: the table task_queue is missing"),
        (_half_schema, "task_queue lacks payload"),
        (_truncated, "damaged|malformed"),
        (_corrupt, "damaged"),
        (_newer, "schema version 7 is newer"),
    ],
)
def test_E7_E12_what_is_no_sound_queue_is_refused_before_anything_is_touched(
    db: QueueDatabase, copy: Path, tmp_path: Path, spoil, said: str
) -> None:
    bad, bytes_before, files = tmp_path / "bad.db", db.db_path.read_bytes(), around(db.db_path)
    spoil(bad)
    assert not verify_backup(bad).ok
    with pytest.raises(QueueDatabaseError, match=f"({said}).*was not touched"):
        restore_backup(db.db_path, bad)
    assert db.db_path.read_bytes() == bytes_before
    assert around(db.db_path) == files


def test_E5_a_queue_is_not_restored_from_itself(db: QueueDatabase, copy: Path) -> None:
    for source in (db.db_path, db.db_path.parent / "." / db.db_path.name):
        with pytest.raises(QueueDatabaseError, match="the queue itself"):
            restore_backup(db.db_path, source)
    with pytest.raises(QueueDatabaseError, match="no queue file"):
        restore_backup(db.db_path, copy.with_name("none.db"))


def test_E8_another_page_size_is_refused_with_a_clear_text(db: QueueDatabase, copy: Path, tmp_path: Path) -> None:
    other, before = tmp_path / "other.db", content(db.db_path)
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("PRAGMA page_size = 8192")
        connection.executescript(FOREIGN_SCHEMA)
    with pytest.raises(QueueDatabaseError, match=r"pages of 8192 bytes.*of 4096.*Nothing was changed"):
        restore_backup(db.db_path, other)
    assert content(db.db_path) == before
    assert [name for name in around(db.db_path) if "before-restore" in name] == []


def test_E9_readers_keep_their_snapshot_and_then_see_the_new_content(db: QueueDatabase, copy: Path) -> None:
    path, inode = db.db_path, db.db_path.stat().st_ino
    with outside(path) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM task_queue").fetchone() == (1_001,)
        report = restore_backup(path, copy, while_open=True)
        assert reader.execute("SELECT count(*) FROM task_queue").fetchone() == (1_001,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM task_queue").fetchone() == (600,)
    assert report.tasks == 600
    assert path.stat().st_ino == inode
    assert content(path) == content(copy)


def test_E10_a_worker_that_writes_is_waited_for_and_then_to_be_stopped(db: QueueDatabase, copy: Path) -> None:
    before = content(db.db_path)
    with outside(db.db_path) as worker:
        worker.execute("BEGIN IMMEDIATE")
        with pytest.raises(QueueBusyError, match=r"Nothing was changed\. Stop the workers"):
            restore_backup(db.db_path, copy, while_open=True, deadline_s=0.05)
        worker.execute("ROLLBACK")
    assert content(db.db_path) == before
    assert [name for name in around(db.db_path) if "before-restore" in name] == []
    with running("write_on", db.db_path) as process:
        restore_backup(db.db_path, copy, while_open=True, deadline_s=30)
        finish(process)
    assert sound(db.db_path)
    assert run_sql(db.db_path, "SELECT count(*) FROM task_queue WHERE type = 'job'") == [(600,)]


@pytest.mark.parametrize("share", kill_points(0.1, 0.3, 0.5, 0.7, 0.9, everywhere=(0.1, 0.7)))
def test_E11_a_restore_that_is_killed_leaves_the_old_content(db: QueueDatabase, copy: Path, share: float) -> None:
    path, before = db.db_path, content(db.db_path)
    told: list[MaintenanceProgress] = []
    trial = path.with_name("trial.db")
    back_up(path, trial)
    restore_backup(trial, copy, pages_a_step=8, progress=told.append)
    copying = [number for number, progress in enumerate(told) if progress.text == "Copying"]
    restarts = [number for number in copying if told[number].done <= told[number - 1].done]
    first = restarts[-1] if restarts else copying[0]  # the first step into the live file, after the safety copy
    assert kill_after_steps("restore", first + int((len(told) - 1 - first) * share), path, copy)
    assert content(path) == before
    assert sound(path)
    with QueueClient(path) as client:
        assert client.enqueue("after").created


def test_a_restore_that_is_cancelled_at_any_step_leaves_the_old_content_or_the_new(
    db: QueueDatabase, copy: Path
) -> None:
    before, after = content(db.db_path), content(copy)
    steps, cancelled = 0, 0
    while True:
        seen: list[int] = []

        def stop(seen: list[int] = seen, steps: int = steps) -> bool:
            seen.append(1)
            return len(seen) > steps

        try:
            restore_backup(db.db_path, copy, pages_a_step=128, cancel=stop)
        except MaintenanceCancelled:
            cancelled += 1
            assert content(db.db_path) == before
            assert [name for name in around(db.db_path) if "before-restore" in name] == []
            steps += 1
        else:
            break
    assert cancelled > 3
    assert content(db.db_path) == after


def test_E2_a_lock_that_comes_while_it_copies_is_waited_for_no_longer_than_the_deadline(
    db: QueueDatabase, copy: Path
) -> None:
    before = content(db.db_path)
    with outside(db.db_path) as worker:

        def lock(_: MaintenanceProgress) -> None:
            if not worker.in_transaction and "queue-before-restore" in "".join(around(db.db_path)):
                worker.execute("BEGIN IMMEDIATE")

        with pytest.raises(QueueBusyError, match=r"was given up: another program held a file for over 0\.05 s"):
            restore_backup(db.db_path, copy, while_open=True, progress=lock, deadline_s=0.05)
        worker.execute("ROLLBACK")
    assert content(db.db_path) == before
    assert [name for name in around(db.db_path) if "before-restore" in name] == []


def test_a_callback_that_raises_after_the_last_page_costs_no_old_content(db: QueueDatabase, copy: Path) -> None:
    before = content(db.db_path)
    ends: list[int] = []

    def fail_at_the_end(progress: MaintenanceProgress) -> None:
        if progress.text == "Copying" and progress.done == progress.total:
            ends.append(1)
            if len(ends) == 2:  # the first end is that of the safety copy
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        restore_backup(db.db_path, copy, progress=fail_at_the_end)
    assert content(db.db_path) == content(copy)
    (old,) = (path for path in db.db_path.parent.iterdir() if "before-restore" in path.name)
    assert content(old) == before


def test_E13_leases_and_workers_of_the_past_are_told_and_left_alone(db: QueueDatabase, tmp_path: Path) -> None:
    client = QueueClient(db)
    for _ in range(3):
        client.enqueue("job")
    Claimer(db).claim("w", lease_seconds=0.001)
    db.execute("INSERT INTO workers (worker_id, capabilities) VALUES ('w', '{}')")
    back_up(db, tmp_path / "copy.db")
    path = db.db_path
    db.close()
    report = restore_backup(path, tmp_path / "copy.db")
    assert (report.tasks, report.running, report.workers) == (3, 1, 1)
    assert run_sql(path, "SELECT count(*) FROM task_queue WHERE status = 'leased'") == [(1,)]


def test_E14_nothing_is_restored_where_the_old_content_cannot_be_kept(copy: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path, 8 * 1024) as disk:
        path = disk / "queue.db"
        restore_backup(path, copy)
        before = content(path)

        def fill_up(progress: MaintenanceProgress) -> None:
            if progress.text == "Copying" and not (disk / "other").exists():
                with (disk / "other").open("wb", buffering=0) as file, pytest.raises(OSError):
                    while True:
                        file.write(b"x" * 4096)

        with pytest.raises(QueueDatabaseError, match=r"can't be kept in .*Nothing was changed"):
            restore_backup(path, copy, pages_a_step=16, progress=fill_up)
        (disk / "other").unlink()
        assert content(path) == before
        assert [name for name in around(path) if "before-restore" in name] == []


def test_a_disk_too_small_is_told_beforehand(copy: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path, 512) as disk, pytest.raises(QueueDatabaseError, match="Make room first"):
        restore_backup(disk / "queue.db", copy)


def test_E15_a_hot_wal_beside_the_queue_does_not_reach_the_restored_content(db: QueueDatabase, copy: Path) -> None:
    path = db.db_path
    with outside(path) as other:
        other.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
        other.execute("UPDATE task_queue SET priority = 77")
        hot, file = Path(f"{path}-wal").read_bytes(), path.read_bytes()
    path.write_bytes(file)  # as a crash leaves them: the content half in the file, half in the WAL
    Path(f"{path}-wal").write_bytes(hot)
    report = restore_backup(path, copy)
    assert content(path) == content(copy)
    assert report.old is not None
    assert run_sql(report.old, "SELECT DISTINCT priority FROM task_queue") == [(77,)]
    assert sound(path)


def test_what_sqlite_cannot_read_is_set_aside_with_its_wal(db: QueueDatabase, copy: Path) -> None:
    path = db.db_path
    path.write_bytes(b"\x00wreck" * 4_000)
    Path(f"{path}-wal").write_bytes(b"its wal")
    report = restore_backup(path, copy)
    assert report.old is not None
    assert report.old.read_bytes() == b"\x00wreck" * 4_000
    assert Path(f"{report.old}-wal").read_bytes() == b"its wal"
    assert content(path) == content(copy)
    assert sound(path)


def test_a_wreck_behind_a_link_is_replaced_itself(db: QueueDatabase, copy: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    try:
        link.symlink_to(db.db_path)
    except OSError:
        pytest.skip("no right to make links")
    if not link.is_symlink():
        pytest.skip("Wine says that it made a link, and makes none")
    db.db_path.write_bytes(b"\x00wreck" * 4_000)
    report = restore_backup(link, copy)
    assert link.is_symlink()
    assert content(db.db_path) == content(copy)
    assert report.old is not None
    assert report.old.parent == db.db_path.parent


def test_a_wreck_that_another_program_holds_is_not_set_aside(db: QueueDatabase, copy: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells who holds a file")
    path = db.db_path
    with running("hold_open", path) as process:
        with path.open("r+b") as file:
            file.write(b"\x00wreck")
        with pytest.raises(QueueBusyError, match=f"process {process.pid}"):
            restore_backup(path, copy, deadline_s=0.05)
        assert path.read_bytes().startswith(b"\x00wreck")


def test_an_empty_file_is_a_queue_that_can_be_restored(tmp_path: Path, copy: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    restore_backup(path, copy)
    assert content(path) == content(copy)
