"""Backups: whole or not there, while others write; their names, lists and pruning."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from prismq_gui.queue import (
    MaintenanceCancelled,
    MaintenanceProgress,
    QueueBusyError,
    QueueDatabase,
    QueueDatabaseError,
    back_up,
    backup_files,
    disk_room,
    list_backups,
    prune_backups,
    verify_backup,
)
from tests.helpers.files import copy_sample, make_foreign_queue, run_sql
from tests.queue.helping_upkeep import content, fill, kill_points, malformed_queue, outside, small_disk, sound
from tests.queue.upkeep_processes import finish, kill_after_steps, running


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_backup_is_one_file_with_the_content_of_the_queue(db: QueueDatabase) -> None:
    fill(db, 500)
    told: list[MaintenanceProgress] = []
    report = back_up(db, progress=told.append)
    assert report.path.parent == db.db_path.parent / "backups"
    assert report.tasks == 500
    assert report.bytes == report.path.stat().st_size
    assert names(report.path.parent) == [report.path.name]  # no WAL, no .part
    assert content(report.path) == content(db.db_path)
    assert run_sql(report.path, "PRAGMA journal_mode") == [("delete",)]
    copying = [progress for progress in told if progress.text == "Copying"]
    assert copying[-1].done == copying[-1].total > 0


def test_the_wal_is_in_the_backup(db: QueueDatabase, tmp_path: Path) -> None:
    db.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    fill(db, 50)
    assert Path(f"{db.db_path}-wal").stat().st_size > 0
    assert back_up(db, tmp_path / "copy.db", verify=False).tasks is None
    assert content(tmp_path / "copy.db") == content(db.db_path)


def test_a_file_of_another_program_is_backed_up_as_it_is(tmp_path: Path) -> None:
    path = copy_sample(tmp_path)
    before = content(path)
    report = back_up(path, tmp_path / "copy.db")
    assert content(report.path) == before
    malformed = malformed_queue(tmp_path / "malformed.db")
    assert back_up(malformed, tmp_path / "copy 2.db").tasks == 2


def test_E1_a_backup_while_a_writer_commits_ends_in_one_pass_and_is_of_one_moment(db: QueueDatabase) -> None:
    fill(db, 3_000)
    with running("write_on", db.db_path) as process:
        told: list[MaintenanceProgress] = []

        def each(progress: MaintenanceProgress) -> None:
            if progress.text == "Copying":
                told.append(progress)
                db.execute("UPDATE task_queue SET priority = priority + 1")  # all rows, at each step

        report = back_up(db, pages_a_step=64, progress=each)
        finish(process)
    assert [progress.done for progress in told] == sorted({progress.done for progress in told})
    assert len({progress.total for progress in told}) == 1
    assert sound(report.path)
    assert run_sql(report.path, "SELECT DISTINCT priority FROM task_queue") == [(100,)]


def test_E2_a_queue_that_is_locked_for_ever_is_given_up(db: QueueDatabase, tmp_path: Path) -> None:
    fill(db, 10)
    path = db.db_path
    db.close()
    with outside(path) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(QueueBusyError, match="Nothing was changed"):
            back_up(path, tmp_path / "copy.db", deadline_s=0.05)
        over = threading.Event()
        over.set()
        with pytest.raises(MaintenanceCancelled):
            back_up(path, tmp_path / "copy.db", cancel=over, deadline_s=60)
        other.execute("ROLLBACK")
    assert not [name for name in names(tmp_path) if name.startswith("copy")]
    back_up(path, tmp_path / "copy.db")


def test_E2_a_target_that_is_locked_for_ever_is_given_up(db: QueueDatabase, tmp_path: Path) -> None:
    fill(db, 100)
    held: list[sqlite3.Connection] = []

    def hold_the_target(progress: MaintenanceProgress) -> None:
        if not held:
            held.append(sqlite3.connect(tmp_path / "copy.db.part", isolation_level=None, timeout=0))
            held[0].execute("BEGIN")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                held[0].execute("SELECT * FROM sqlite_master").fetchall()
            held[0].close()

    report = back_up(db, tmp_path / "copy.db", pages_a_step=4, progress=hold_the_target)
    assert held  # nobody else can lock it while it is made
    assert sound(report.path)


def test_E3_a_full_disk_leaves_nothing_behind(tmp_path: Path, db: QueueDatabase) -> None:
    fill(db, 3_000)
    before = content(db.db_path)
    with small_disk(tmp_path, 6 * 1024) as disk:

        def fill_up(progress: MaintenanceProgress) -> None:
            if not (disk / "other").exists():
                (disk / "other").write_bytes(b"x" * (4 * 1024 * 1024))

        with pytest.raises(QueueDatabaseError, match=r"(full|disk I/O error).*The queue was not changed"):
            back_up(db, disk / "copy.db", pages_a_step=16, progress=fill_up)
        assert names(disk) == ["other"]
    assert content(db.db_path) == before


def test_E3_too_little_room_is_told_beforehand(db: QueueDatabase, tmp_path: Path, monkeypatch) -> None:
    fill(db, 100)
    monkeypatch.setattr(disk_room, "free_bytes", lambda _: 2_048)
    with pytest.raises(QueueDatabaseError, match=r"it needs .* where 2\.0 KiB are free\. Nothing was changed"):
        back_up(db, tmp_path / "copy.db")
    assert not [name for name in names(tmp_path) if name.startswith("copy")]


def test_E3_a_folder_that_is_missing_or_a_file_is_told(db: QueueDatabase, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(QueueDatabaseError, match=r"can't be made.*The queue was not changed"):
            back_up(db, folder / "copy.db")
    assert "missing" not in names(tmp_path)


def test_E4_a_backup_that_is_cancelled_leaves_nothing_behind(db: QueueDatabase, tmp_path: Path) -> None:
    fill(db, 500)
    folder = tmp_path / "kept"
    folder.mkdir()
    for steps in (0, 1, 10, 50):
        seen: list[int] = []

        def stop(seen: list[int] = seen, steps: int = steps) -> bool:
            seen.append(1)
            return len(seen) > steps

        with pytest.raises(MaintenanceCancelled, match="cancelled"):
            back_up(db, folder / "copy.db", pages_a_step=2, cancel=stop)
        assert names(folder) == []
    assert sound(db.db_path)


def test_E4_a_stop_while_it_is_verified_leaves_nothing_behind(db: QueueDatabase, tmp_path: Path) -> None:
    fill(db, 3_000)
    over = threading.Event()

    def once_it_verifies(progress: MaintenanceProgress) -> None:
        if progress.text.startswith("integrity_check"):
            over.set()

    with pytest.raises(MaintenanceCancelled, match="integrity_check"):
        back_up(db, tmp_path / "copy.db", progress=once_it_verifies, cancel=over)
    assert not [name for name in names(tmp_path) if name.startswith("copy")]


@pytest.mark.parametrize("steps", kill_points(1, 5, 20, 40, 60, everywhere=(5, 40)))
def test_E4_a_backup_that_is_killed_leaves_no_file_of_its_name(db: QueueDatabase, tmp_path: Path, steps: int) -> None:
    fill(db, 2_000)
    db.close()
    before = content(db.db_path)
    target = tmp_path / "copy.db"
    assert kill_after_steps("back_up", steps, db.db_path, target)
    assert not target.exists()
    assert list_backups(db.db_path, tmp_path) == []
    assert content(db.db_path) == before
    assert sound(db.db_path)


def test_E5_a_name_that_is_taken_or_the_queues_own_is_refused(db: QueueDatabase, tmp_path: Path) -> None:
    fill(db, 10)
    path = db.db_path
    (tmp_path / "taken.db").write_bytes(b"precious")
    (tmp_path / "journal.db-journal").write_bytes(b"precious")
    with contextlib.suppress(OSError):  # Windows, without the right to make links
        (tmp_path / "link.db").symlink_to(path)
    own = [
        path,
        path.parent / "." / path.name,
        *(Path(f"{path}{end}") for end in ("-wal", "-shm", "-lock", "-line", "-journal")),
    ]
    for target in (*own, *tmp_path.glob("link.db")):
        with pytest.raises(QueueDatabaseError, match="the queue itself or a file of it"):
            back_up(db, target)
    for name in ("taken.db", "journal.db"):
        with pytest.raises(QueueDatabaseError, match="exists already"):
            back_up(db, tmp_path / name)
    assert (tmp_path / "taken.db").read_bytes() == b"precious"
    assert len(content(path)[0]) == 10


def test_E5_a_file_that_takes_the_name_meanwhile_is_not_overwritten(db: QueueDatabase, tmp_path: Path) -> None:
    fill(db, 10)
    target = tmp_path / "copy.db"

    def take_it(_: MaintenanceProgress) -> None:
        target.write_bytes(b"precious")

    with pytest.raises(QueueDatabaseError, match="failed"):
        back_up(db, target, progress=take_it)
    assert target.read_bytes() == b"precious"
    assert not (tmp_path / "copy.db.part").exists()


def test_a_damaged_queue_gives_no_backup_unless_told(db: QueueDatabase, tmp_path: Path) -> None:
    fill(db, 50)
    run_sql(db.db_path, "UPDATE task_queue SET payload = json_object('format', id)")
    with outside(db.db_path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET rootpage = (SELECT sum(rootpage) FROM sqlite_master "
            "WHERE name IN ('ix_task_region', 'ix_task_format')) - rootpage "
            "WHERE name IN ('ix_task_region', 'ix_task_format')"
        )
    with pytest.raises(QueueDatabaseError, match=r"was not kept.*damaged"):
        back_up(db.db_path, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    back_up(db.db_path, tmp_path / "copy.db", verify=False)
    assert not verify_backup(tmp_path / "copy.db").ok
    assert verify_backup(tmp_path / "copy.db", quick=True).ok


def test_E6_a_backup_is_on_the_disk_before_it_has_its_name(db: QueueDatabase, tmp_path: Path, monkeypatch) -> None:
    fill(db, 10)
    target, named = tmp_path / "copy.db", []
    fsync = os.fsync

    def watched(handle: int) -> None:
        named.append(target.exists())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    back_up(db, target)
    assert named[0] is False
    assert os.name == "nt" or named[-1] is True  # and then its name is


@pytest.mark.parametrize("name", ["a#b.db", "a%20b?.db" if os.name != "nt" else "a%20b.db", "ä b.db", "-.db"])
def test_a_name_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    path = make_foreign_queue(tmp_path / "in" / name, 3)
    report = back_up(path, tmp_path / name)
    assert [report.tasks, names(tmp_path)] == [3, sorted(["in", name])]
    assert list_backups(path) == []
    made = back_up(path).path
    assert [backup.path for backup in list_backups(path)] == [made]


def test_E16_two_backups_in_one_second_have_names_of_their_own(db: QueueDatabase, tmp_path: Path) -> None:
    fill(db, 10)
    moment = datetime(2026, 1, 31, 23, 59, 59)
    first = backup_files.new_name(db.db_path, tmp_path, now=moment)
    assert first.name == "queue-backup-20260131T235959Z.db"
    back_up(db, first)
    second = backup_files.new_name(db.db_path, tmp_path, now=moment)
    assert second.name == "queue-backup-20260131T235959Z-2.db"
    Path(f"{second}.part").touch()  # another process makes it just now
    assert backup_files.new_name(db.db_path, tmp_path, now=moment).name.endswith("Z-3.db")
    reports = [back_up(db) for _ in range(3)]
    assert len({report.path for report in reports}) == 3


def test_E16_backups_at_once_in_one_program_each_get_a_file(db: QueueDatabase) -> None:
    fill(db, 200)
    start = threading.Barrier(6)
    made: list[Path] = []

    def make() -> None:
        start.wait()
        made.append(back_up(db.db_path).path)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(made)) == 6
    assert {backup.tasks for backup in list_backups(db.db_path)} == {200}


def test_a_list_tells_time_size_and_tasks_newest_first(db: QueueDatabase, tmp_path: Path) -> None:
    fill(db, 7)
    for stamp in ("20260102T000000Z", "20260101T000000Z", "20260102T000000Z-2", "20260102T000000Z-10"):
        back_up(db, tmp_path / f"queue-backup-{stamp}.db")
    (tmp_path / "queue-backup-20260103T000000Z.db").write_bytes(b"junk")
    found = list_backups(db.db_path, tmp_path)
    assert [(backup.made_at.day, backup.number, backup.tasks) for backup in found] == [
        (3, 1, None), (2, 10, 7), (2, 2, 7), (2, 1, 7), (1, 1, 7),
    ]  # fmt: skip
    assert found[1].bytes == found[1].path.stat().st_size
    assert list_backups(db.db_path, tmp_path / "none") == []
    assert list_backups(tmp_path / "other.db", tmp_path) == []


FOREIGN_NAMES = (
    "queue.db", "queue-backup-.db", "queue-backup-20260101T000000Z.db.part", "queue-backup-20260101T000000Z.db-wal",
    "queue-backup-20260230T000000Z.db", "queue-backup-20260101T000000Z-0.db", "queue-backup-20260101T000000Z-01.db",
    "queue-before-restore-20260101T000000Z.db", "otherqueue-backup-20260101T000000Z.db", "queue-backup-2026.db",
    "queue-backup-20260101T000000Z.db.txt", "Queue-backup-20260101T000000Z.db",
)  # fmt: skip


def make_backups(folder: Path, *days: int) -> None:
    for day in days:
        (folder / f"queue-backup-202601{day:02}T120000Z.db").write_bytes(b"")


def kept_days(folder: Path) -> list[int]:
    return sorted(backup.made_at.day for backup in list_backups(folder / "queue.db", folder, count=False))


def test_E17_pruning_keeps_the_newest_by_name_and_touches_no_other_file(tmp_path: Path) -> None:
    make_backups(tmp_path, 1, 2, 3, 4, 5)
    for name in FOREIGN_NAMES:
        (tmp_path / name).write_bytes(b"x")
    folder = tmp_path / "queue-backup-20250101T000000Z.db"
    folder.mkdir()
    report = prune_backups(tmp_path / "queue.db", tmp_path, keep_newest=2)
    assert [path.name[19:21] for path in report.deleted] == ["03", "02", "01"]
    assert (len(report.kept), report.failed) == (2, ())
    assert kept_days(tmp_path) == [4, 5]
    assert folder.is_dir()
    assert set(FOREIGN_NAMES) <= set(names(tmp_path))


def test_E17_a_clock_set_back_costs_no_backup_and_the_newest_stays(tmp_path: Path) -> None:
    make_backups(tmp_path, 1, 10, 20)
    queue, now = tmp_path / "queue.db", datetime(2026, 1, 12, 12, 0, 0)
    report = prune_backups(queue, tmp_path, keep_younger_than=timedelta(days=5), now=now)
    assert len(report.deleted) == 1
    assert kept_days(tmp_path) == [10, 20]  # that from the future too
    prune_backups(queue, tmp_path, keep_younger_than=timedelta(0), now=datetime(2027, 1, 1))
    assert kept_days(tmp_path) == [20]
    prune_backups(queue, tmp_path, keep_newest=1, keep_younger_than=timedelta(0), now=datetime(2027, 1, 1))
    assert kept_days(tmp_path) == [20]


def test_a_backup_stays_that_either_rule_keeps(tmp_path: Path) -> None:
    make_backups(tmp_path, 1, 2, 3, 4, 5)
    now = datetime(2026, 1, 5, 12, 0, 1)
    prune_backups(tmp_path / "queue.db", tmp_path, keep_newest=2, keep_younger_than=timedelta(days=3), now=now)
    assert kept_days(tmp_path) == [3, 4, 5]
    prune_backups(tmp_path / "queue.db", tmp_path, keep_newest=2, keep_younger_than=timedelta(days=1), now=now)
    assert kept_days(tmp_path) == [4, 5]


def test_rules_that_would_delete_all_by_accident_are_refused(tmp_path: Path) -> None:
    make_backups(tmp_path, 1, 2)
    queue = tmp_path / "queue.db"
    with pytest.raises(ValueError, match="without a rule"):
        prune_backups(queue, tmp_path)
    with pytest.raises(ValueError, match="keep_newest"):
        prune_backups(queue, tmp_path, keep_newest=0)
    with pytest.raises(ValueError, match="negative"):
        prune_backups(queue, tmp_path, keep_younger_than=timedelta(days=-1))
    assert kept_days(tmp_path) == [1, 2]


def test_G6_a_file_that_a_scanner_holds_for_a_moment_is_tried_again() -> None:
    tried: list[float] = []

    def held_twice() -> None:
        tried.append(time.monotonic())
        if len(tried) < 3:
            raise PermissionError("held")

    backup_files._patiently(held_twice, 30)
    assert len(tried) == 3
    with pytest.raises(PermissionError, match="for ever"):
        backup_files._patiently(lambda: (_ for _ in ()).throw(PermissionError("for ever")), 0)


def test_verifying_tells_what_a_file_holds(db: QueueDatabase) -> None:
    fill(db, 20)
    fill(db, 3, status="leased")
    db.execute("INSERT INTO workers (worker_id, capabilities) VALUES ('w', '{}')")
    found = verify_backup(back_up(db).path)
    assert (found.ok, found.tasks, found.logs, found.workers, found.running) == (True, 23, 23, 1, 3)
    assert (found.page_size, found.pages) == (4096, found.path.stat().st_size // 4096)
    assert verify_backup(db.db_path, quick=True).tasks == 23  # of a live file too


def test_a_foreign_schema_of_ours_verifies_and_steps_below_one_are_refused(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "foreign.db", 5)
    assert verify_backup(path).ok
    with pytest.raises(ValueError, match="pages_a_step"):
        back_up(path, tmp_path / "copy.db", pages_a_step=0)
