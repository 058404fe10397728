"""The verbs about backups: what is refused, what is asked, and that a restore is whole or not there."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.cli import main
from prismq_gui.operations import database_care
from tests.cli.conftest import Call, Done
from tests.helpers.files import run_sql
from tests.queue.helping_upkeep import content


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def verified(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> Done:
    """Verify a file; it is about no queue, so there is no --db."""
    code = main(["verify", str(path), *options])
    return Done(code, *capsys.readouterr())


@pytest.fixture
def backup(call: Call, tmp_path: Path) -> Path:
    target = tmp_path / "Kopie ü.db"
    assert call("backup", str(target)).code == 0
    return target


def test_E9_a_backup_is_restored_once_the_name_is_typed_and_the_content_before_is_kept(
    call: Call, queue: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(queue)
    run_sql(queue, "DELETE FROM task_queue WHERE id > 2")
    changed = content(queue)
    assert call("restore", str(backup)).code == 2  # nobody can be asked
    dry = call("restore", str(backup), "--dry-run")
    assert dry.code == 0
    assert "Tasks in the backup: 8" in dry.out
    for typed in ("", "y\n", "queue\n"):
        monkeypatch.setattr("sys.stdin", _Terminal(typed))
        done = call("restore", str(backup))
        assert (done.code, content(queue)) == (5, changed), typed
        assert "Type queue.db" in done.err
    monkeypatch.setattr("sys.stdin", _Terminal("queue.db\n"))
    done = call("restore", str(backup))
    assert done.code == 0, done.err
    assert content(queue) == before
    [kept] = queue.parent.glob("queue-before-restore-*.db")
    assert content(kept) == changed
    assert kept.name in done.out


def test_E10_what_is_no_whole_queue_is_told_by_verify_and_refused_by_restore(
    call: Call, queue: Path, backup: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = verified(capsys, backup, "--json")
    assert (whole.code, whole.object["whole"], whole.object["facts"]["Tasks"]) == (0, True, "8")
    size = backup.stat().st_size
    with backup.open("r+b") as file:
        file.truncate(size // 2)
    broken = verified(capsys, backup, "--json")
    assert (broken.code, broken.object["whole"]) == (4, False)
    assert broken.object["findings"]
    assert "not sound" in verified(capsys, backup).out
    before = content(queue)
    refused = call("restore", str(backup), "--yes")
    assert refused.code == 1
    assert "Choose another" in refused.err
    assert verified(capsys, queue.with_name("gone.db")).code == 1
    assert content(queue) == before


def test_E13_a_queue_that_is_open_elsewhere_is_not_restored(
    call: Call, queue: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_care, "RESTORE_WAIT_S", 0.2)
    run_sql(queue, "DELETE FROM task_queue WHERE id > 2")
    with closing(sqlite3.connect(queue, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE task_queue SET priority = 1")
        before = content(queue)
        done = call("restore", str(backup), "--yes", "--json")
        assert done.code == 3
        assert done.object["report"]["problem"]
        assert content(queue) == before
        other.execute("ROLLBACK")
