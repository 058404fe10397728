"""What is told before a file is opened, of copies, and of files that others own or share (faults A and B)."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.insight import before_opening
from prismq_gui.insight.before_opening import CautionKind, cautions, is_copy, kind_of_mount
from prismq_gui.insight.filters import TaskFilter, TaskOrder
from prismq_gui.insight.messages import Change
from prismq_gui.insight.reader import QueueReader
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import checkpoint_from_outside, other_process, reading, task_ids

NOBODY = 65534
needs_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be another")


def as_nobody(code: str) -> str:
    """Run Python with the program imported, then as another account; return what it prints."""
    script = (
        "import sys\nfrom pathlib import Path\nfrom prismq_gui.insight.reader import QueueReader\n"
        "from prismq_gui.insight.completion import KnownValues\nfrom prismq_gui.insight.problems import ProblemError\n"
        "from prismq_gui.insight.before_opening import cautions\nimport os\n"
        f"os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "def told(path):\n"
        "    reader = QueueReader(Path(path))\n"
        "    try:\n        reader.open()\n"
        "    except ProblemError as error:\n        return error.problem.sentence()\n"
        "    finally:\n        reader.close()\n"
        "    return 'opened'\n"
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", script + code], capture_output=True, encoding="utf-8", check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def open_folder():
    """A folder that another account can come to; those of pytest are closed by each run of it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_A8_a_network_mount_is_found_by_the_longest_mount_point():
    lines = [
        "/dev/sda1 / ext4 rw 0 0", "srv:/x /mnt/my\\040share nfs4 rw 0 0", "//srv/y /mnt cifs rw 0 0",
        "broken", "tmpfs /mnt/my\\040share/fast tmpfs rw 0 0",
    ]  # fmt: skip
    kinds = [kind_of_mount(lines, path) for path in ("/a", "/mnt/my share/q.db", "/mnt/my share/fast/q", "/mnt/q")]
    assert kinds == ["ext4", "nfs4", "tmpfs", "cifs"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems list their mounts elsewhere")
def test_A8_a_file_on_a_network_drive_asks_before_it_is_opened(tmp_path, monkeypatch):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    mounts = tmp_path / "mounts"
    mounts.write_text(f"srv:/x {os.path.realpath(tmp_path)} nfs4 rw 0 0\n", encoding="utf-8")
    assert cautions(path) == ()
    monkeypatch.setattr(before_opening, "_MOUNTS", mounts)
    (caution,) = cautions(path)
    assert (caution.kind, caution.must_confirm) == (CautionKind.NETWORK, True)
    assert "WAL is unsafe" in caution.sentence
    assert not (tmp_path / "q.db-wal").exists()


@needs_root
def test_A9_a_folder_that_cannot_be_written_is_explained(open_folder):
    path = make_foreign_queue(open_folder / "q.db", 1)
    assert not (open_folder / "q.db-shm").exists()
    told = as_nobody(f"print(told({str(path)!r}))")
    assert "not writable" in told
    assert "q.db-shm" in told
    assert "copy" in told


@needs_root
def test_A10_another_accounts_file_asks_before_files_are_made_that_its_owner_cannot_write(open_folder):
    open_folder.chmod(0o777)
    path = make_foreign_queue(open_folder / "q.db", 1)
    told = as_nobody(f"print([(c.kind.name, c.must_confirm) for c in cautions(Path({str(path)!r}))])")
    assert told == "[('OTHER_ACCOUNT', True)]"
    assert [each.name for each in open_folder.iterdir()] == ["q.db"]


@needs_root
def test_A10_what_root_leaves_belongs_to_the_owner(open_folder):
    path = make_foreign_queue(open_folder / "q.db", 1)
    os.chown(path, NOBODY, NOBODY)
    os.chown(open_folder, NOBODY, NOBODY)
    with reading(path) as reader:
        assert task_ids(reader) == [1]
    assert {each.stat().st_uid for each in open_folder.iterdir()} == {NOBODY}


@needs_root
def test_A11_an_unreadable_shm_is_named(open_folder):
    path = make_foreign_queue(open_folder / "q.db", 1)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("UPDATE task_queue SET priority = 1")
        writer.commit()
        for end in ("-wal", "-shm"):
            Path(f"{path}{end}").chmod(0o600)
        told = as_nobody(f"print(told({str(path)!r}))")
    assert "q.db-shm" in told or "q.db-wal" in told
    assert "opened" not in told


def test_A16_a_copy_without_its_wal_has_a_plain_warning(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 3)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("UPDATE task_queue SET status = 'processing' WHERE id = 1")
        writer.commit()
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        writer.execute("UPDATE task_queue SET status = 'completed' WHERE id = 1")
        writer.commit()
        copied = Path(shutil.copy(path, tmp_path / "taken.db"))
        with reading(path) as reader:
            assert not any("no -wal" in note for note in reader.facts().notes)
    with closing(QueueReader(copied)) as reader:
        notes = reader.open().notes
    assert any("no -wal beside this file, but tasks are running" in note for note in notes)
    idle = make_foreign_queue(tmp_path / "idle.db", 3)
    with reading(idle) as reader:
        assert not any("no -wal" in note for note in reader.facts().notes)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("queue-backup-20260131T235959Z.db", True), ("q-before-restore-20260131T235959Z-2.db", True),
        ("queue - Copy.db", True), ("queue - Kopie (2).db", True), ("Copy of queue.db", True), ("queue.db.bak", True),
        ("queue.db", False), ("copy.db", False), ("photocopy.db", False), ("queue-2026.db", False),
    ],
)  # fmt: skip
def test_a_copy_or_a_backup_is_only_read(tmp_path, name, expected):
    path = make_foreign_queue(tmp_path / name, 1)
    assert is_copy(path) is expected
    with reading(path) as reader:
        assert bool(reader.facts().write_refusal) is expected
    assert [each.kind for each in cautions(path)] == [CautionKind.COPY] * expected


def test_cautions_of_what_is_not_there_are_none(tmp_path):
    assert cautions(tmp_path / "no.db") == ()
    assert cautions(Path("a\0b.db")) == ()
    assert list(tmp_path.iterdir()) == []


@needs_root
def test_cautions_of_what_may_not_be_reached_are_none(open_folder):
    path = make_foreign_queue(open_folder / "q.db", 1)
    open_folder.chmod(0o700)
    assert as_nobody(f"print(cautions(Path({str(path)!r})))") == "()"


def test_B13_a_hundred_thousand_types_and_workers_are_capped(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 100_000)
    run_sql(path, "UPDATE task_queue SET type = 'type ' || id")
    run_sql(
        path, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
        "INSERT INTO workers SELECT 'w' || i, '{}', '2026-01-01 00:00:00' FROM n",
    )  # fmt: skip
    with reading(path) as reader:
        assert len(reader.types()) == 200
        assert len(reader.workers()) == 200


def test_B15_a_writer_that_holds_the_lock_for_long_disturbs_no_reading(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 10)
    script = "c.execute('BEGIN EXCLUSIVE'); c.execute('DELETE FROM task_queue'); print('ready', flush=True); input()"
    with reading(path) as reader, other_process(path, script):
        assert reader.check() is Change.UNCHANGED
        assert task_ids(reader) == list(range(10, 0, -1))
    with reading(path) as reader:
        assert len(task_ids(reader)) == 10


def test_B17_two_monitors_see_the_same_and_hold_nobody_up(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 2_000)
    run_sql(path, "DELETE FROM task_queue WHERE id % 9 = 4")
    with reading(path) as one, reading(path) as other:
        scans = [reader.scan_tasks(TaskFilter(text="job"), TaskOrder()) for reader in (one, other)]
        for _chunks in zip(*scans, strict=False):
            run_sql(path, "UPDATE task_queue SET priority = priority + 1 WHERE id = 1")
            assert checkpoint_from_outside(path) == 0
        assert task_ids(one) == task_ids(other)
        assert one.check() is other.check() is Change.CHANGED


def test_A16_a_copy_is_warned_of_each_time_though_looking_leaves_an_empty_wal(tmp_path):
    path = make_foreign_queue(tmp_path / "queue - Copy.db", 3, status="leased")
    for _time in range(2):
        with reading(path) as reader:
            assert any("no -wal beside this file" in note for note in reader.facts().notes)
    used = path.rename(tmp_path / "queue.db")
    (tmp_path / "queue.db-wal").touch()  # as after a checkpoint that empties it
    with reading(used) as reader:
        assert not any("no -wal" in note for note in reader.facts().notes)


def test_B18_a_killed_monitor_leaves_no_lock(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 5_000)
    script = (
        "from pathlib import Path\nfrom prismq_gui.insight.reader import QueueReader\n"
        "from prismq_gui.insight.filters import TaskFilter, TaskOrder\n"
        f"reader = QueueReader(Path({str(path)!r})); reader.open(); print('ready', flush=True)\n"
        "while True: list(reader.scan_tasks(TaskFilter(text='job'), TaskOrder()))\n"
    )
    with other_process(path, script) as monitor:
        run_sql(path, "UPDATE task_queue SET priority = 1")
        monitor.kill()
        monitor.wait(timeout=10)
    run_sql(path, "UPDATE task_queue SET priority = 2")
    assert checkpoint_from_outside(path) == 0
    assert run_sql(path, "PRAGMA integrity_check") == [("ok",)]
