"""Opening files that are no queue, half a queue, oddly named or held by others (faults A)."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.insight.connection import sqlite_uri
from prismq_gui.insight.layout import has_wal_reset_bug
from prismq_gui.insight.problems import ProblemKind
from prismq_gui.insight.reader import QueueReader
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import other_process, reading, refusal_of, task_ids


def test_A1_missing_file_is_told_and_not_created(tmp_path):
    problem = refusal_of(tmp_path / "nothing.db")
    assert problem.kind is ProblemKind.NOT_FOUND
    assert "nothing.db" in problem.sentence()
    assert list(tmp_path.iterdir()) == []


def test_A1_missing_folder_is_told(tmp_path):
    assert refusal_of(tmp_path / "no folder" / "q.db").kind is ProblemKind.NOT_FOUND


def test_A2_empty_file_is_refused_and_not_written(tmp_path):
    path = tmp_path / "empty.db"
    path.touch()
    assert refusal_of(path).kind is ProblemKind.EMPTY
    assert path.stat().st_size == 0
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"12345678", b"Dear diary,\n" * 500, bytes(range(256)) * 64])
def test_A3_what_is_no_database_is_refused(tmp_path, content):
    path = tmp_path / "some.db"
    path.write_bytes(content)
    problem = refusal_of(path)
    assert problem.kind is ProblemKind.NOT_A_DATABASE
    assert problem.code == "SQLITE_NOTADB"
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_A4_another_programs_database_stays_byte_identical(tmp_path, journal):
    path = tmp_path / "music.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"PRAGMA journal_mode={journal}")
        other.execute("CREATE TABLE songs (id INTEGER PRIMARY KEY, name TEXT)")
    before = path.read_bytes()
    problem = refusal_of(path)
    assert problem.kind is ProblemKind.NOT_A_QUEUE
    assert problem.what == "No task_queue table"
    assert path.read_bytes() == before
    if journal == "delete":
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["", ":memory:", "a\0b.db"])
def test_A5_names_that_are_no_file_are_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert refusal_of(Path(name)).kind is ProblemKind.NOT_A_FILE
    assert list(tmp_path.iterdir()) == []


def test_A5_directory_is_refused(tmp_path):
    assert refusal_of(tmp_path).kind is ProblemKind.NOT_A_FILE


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_A5_fifo_and_device_are_refused_without_hanging(tmp_path):
    os.mkfifo(tmp_path / "pipe.db")
    assert refusal_of(tmp_path / "pipe.db").kind is ProblemKind.NOT_A_FILE
    assert refusal_of(Path(os.devnull)).kind is ProblemKind.NOT_A_FILE


NAMES = ["with space.db", "50%25 off.db", "a#b.db", "q&a+c;d'e.db", "Ümläut Größe.db", "队列🎬.db", "x" * 236 + ".db"]
POSIX_NAMES = ["what?.db", 'quo"te.db', "new\nline.db", "file:x.db?mode=rwc", "back\\slash.db", "a?mode=rwc&x=#.db"]


@pytest.mark.parametrize("name", NAMES + (POSIX_NAMES if os.name != "nt" else []))
def test_A6_A7_a_name_opens_exactly_that_file(tmp_path, name):
    if len(name) > 200:  # the longest that leaves room for the files beside it; of the whole path on Windows
        longest = 255 if os.name != "nt" else 259 - len(f"{tmp_path}\\")
        name = name[-(longest - len("-journal")) :]
    path = make_foreign_queue(tmp_path / "made.db", 3, wal=False)
    path = path.rename(tmp_path / name)
    with reading(path) as reader:
        assert task_ids(reader) == [3, 2, 1]
    assert list(tmp_path.iterdir()) == [path]


def test_A6_a_relative_path_opens(tmp_path, monkeypatch):
    make_foreign_queue(tmp_path / "folder" / "q.db", 2, wal=False)
    monkeypatch.chdir(tmp_path)
    with reading(Path("folder") / "q.db") as reader:
        assert reader.newest_task_id() == 2


@pytest.mark.skipif(os.name == "nt", reason="such bytes are no Windows name")
def test_A6_a_name_that_is_not_utf8_opens(tmp_path):
    path = make_foreign_queue(tmp_path / "made.db", 1, wal=False).rename(
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.db"))
    )
    with reading(path) as reader:
        assert reader.newest_task_id() == 1


def test_A6_no_character_of_a_name_can_steer_the_uri():
    uri = sqlite_uri("/data/?mode=rwc#x%y//srv:\\z")
    assert uri.startswith("file:%2Fdata%2F") or sys.platform == "win32"
    assert uri.endswith("?mode=ro")
    assert uri.count("?") == 1
    assert "#" not in uri
    assert "//" not in uri


def test_A12_a_file_held_exclusively_is_told_as_locked(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    script = (
        "c.execute('PRAGMA locking_mode=EXCLUSIVE'); c.execute(\"UPDATE task_queue SET priority = 1\")\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with other_process(path, script):
        problem = refusal_of(path)
    assert problem.kind is ProblemKind.LOCKED
    assert "another program" in problem.what


def test_A13_rollback_journal_is_noted_and_not_converted(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1, wal=False)
    with reading(path) as reader:
        facts = reader.facts()
    assert facts.journal_mode == "delete"
    assert any("Not in WAL mode" in note for note in facts.notes)
    assert run_sql(path, "PRAGMA journal_mode") == [("delete",)]


def test_A14_hot_journal_asks_for_a_writer(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 2_000, wal=False)
    script = (
        "c.execute('PRAGMA cache_size=1'); c.execute('BEGIN IMMEDIATE')\n"
        'c.execute("UPDATE task_queue SET error_message = hex(zeroblob(200))")\n'
        "print('ready', flush=True); sys.stdin.read()"
    )
    with other_process(path, script) as writer:
        writer.kill()
        writer.wait(timeout=10)
    assert (tmp_path / "q.db-journal").stat().st_size > 0
    problem = refusal_of(path)
    assert problem.kind is ProblemKind.READ_ONLY
    assert "open it once" in problem.advice


def test_A15_what_a_killed_writer_committed_is_all_there(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    script = (
        "for i in range(500): c.execute(\"INSERT INTO task_queue (type, payload) VALUES ('late', '{}')\")\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with other_process(path, script) as writer:
        writer.kill()
        writer.wait(timeout=10)
    assert (tmp_path / "q.db-wal").stat().st_size > 0
    with reading(path) as reader:
        assert reader.newest_task_id() == 501
        assert reader.count("queued") == 501


def test_A16_a_lost_wal_is_told_and_nothing_is_written(tmp_path):
    path = tmp_path / "q.db"
    script = (
        "c.execute('PRAGMA journal_mode=WAL'); c.execute('PRAGMA wal_autocheckpoint=0')\n"
        "from tests.helpers.files import FOREIGN_SCHEMA; c.executescript(FOREIGN_SCHEMA)\n"
        'c.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 3000) "\n'
        "          \"INSERT INTO task_queue (type, payload) SELECT 't', '{}' FROM n\")\n"
        "c.execute('PRAGMA wal_checkpoint(TRUNCATE)')\n"
        'c.execute("UPDATE task_queue SET error_message = hex(randomblob(500))")\n'
        "print('ready', flush=True); sys.stdin.read()"
    )
    with other_process(path, script) as writer:
        writer.kill()
        writer.wait(timeout=10)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    (tmp_path / "q.db-wal").unlink()
    before = path.read_bytes()
    with closing(QueueReader(path)) as reader:
        try:
            reader.open()
            task_ids(reader)
            reader.task_rows(range(1, 3001))
        except Exception as error:
            problem = error.problem
        else:
            pytest.fail("half of a file was read as a whole")
    assert problem.kind is ProblemKind.CORRUPT
    assert "WAL" in problem.what or "schema" in problem.what
    assert "Do not write" in problem.advice
    assert path.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_A17_links_are_told(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1, wal=False)
    (tmp_path / "soft.db").symlink_to(path)
    with reading(tmp_path / "soft.db") as reader:
        assert any(str(path) in note for note in reader.facts().notes)
    os.link(path, tmp_path / "hard.db")
    with reading(path) as reader:
        assert any("hard link" in note for note in reader.facts().notes)


def test_A18_a_format_of_the_future_is_refused_untouched(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1, wal=False)
    content = bytearray(path.read_bytes())
    content[44:48] = (9).to_bytes(4, "big")  # schema format
    path.write_bytes(content)
    assert refusal_of(path).kind is ProblemKind.NEWER
    assert path.read_bytes() == bytes(content)


def test_A19_a_newer_schema_is_read_but_never_written(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    run_sql(path, "PRAGMA user_version=7")
    with reading(path) as reader:
        assert "newer" in reader.facts().write_refusal
        assert task_ids(reader) == [1]


def test_A20_missing_columns_and_tables_are_noted_and_shown_empty(tmp_path):
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("CREATE TABLE task_queue (id INTEGER PRIMARY KEY, type TEXT, status TEXT, payload TEXT)")
        old.execute("INSERT INTO task_queue VALUES (1, 'a', 'queued', '{}'), (2, 'b', 'failed', '{}')")
    with reading(path) as reader:
        facts = reader.facts()
        row = reader.task_rows([1])[1]
        assert (row.type, row.status, row.priority, row.error_message) == ("a", "queued", None, None)
        assert task_ids(reader) == [2, 1]
        assert reader.workers() == ()
        assert reader.newest_log_id() == 0
        detail = reader.task_detail(1)
    assert detail is not None
    assert detail.logs == ()
    assert detail.compatibility.kind == "null"
    assert {"task_queue.priority", "workers", "task_logs"} <= set(facts.missing_columns)
    assert any("lacks" in note and "priority" in note for note in facts.notes)
    assert any("no table workers and no task_logs" in note for note in facts.notes)
    assert facts.write_refusal


def test_A13_of_a_backup_it_is_no_fault_that_it_is_not_in_wal_mode(tmp_path):
    path = make_foreign_queue(tmp_path / "queue-backup-20261101T120000Z.db", 3, wal=False)
    with reading(path) as reader:
        assert not any("WAL" in note for note in reader.facts().notes if "SQLite" not in note)
    renamed = path.rename(tmp_path / "queue.db")
    with reading(renamed) as reader:
        assert any("Not in WAL mode" in note for note in reader.facts().notes)


@pytest.mark.parametrize("lacking", ["id", "type", "status"])
def test_A20_without_its_key_columns_it_is_no_queue(tmp_path, lacking):
    columns = [f"{name} TEXT" for name in ("id", "type", "status", "payload") if name != lacking]
    path = tmp_path / "q.db"
    run_sql(path, f"CREATE TABLE task_queue ({', '.join(columns)})")
    problem = refusal_of(path)
    assert problem.kind is ProblemKind.NOT_A_QUEUE
    assert lacking in problem.what


def test_A21_a_file_removed_after_it_was_chosen_is_not_found(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1, wal=False)
    with closing(QueueReader(path)) as reader:
        shutil.move(path, tmp_path / "elsewhere.db")
        problem = refusal_of(path)
        assert not path.exists()
        assert reader.check().value == "missing"
    assert problem.kind is ProblemKind.NOT_FOUND


@pytest.mark.parametrize(
    ("version", "faulty"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 54, 1), False),
    ],
)
def test_A22_sqlite_versions_with_the_wal_reset_bug(version, faulty):
    assert has_wal_reset_bug(version) is faulty


def test_opening_twice_and_closing_twice_is_harmless(sample_db):
    with closing(QueueReader(sample_db)) as reader:
        reader.open()
        reader.open()
        reader.close()
        reader.close()


@pytest.mark.parametrize(
    ("folder", "service"),
    [
        ("OneDrive", "OneDrive"), ("OneDrive - Müller GmbH", "OneDrive"), ("Dropbox (privat)", "Dropbox"),
        ("google drive", "Google Drive"), ("onedriver", ""), ("my OneDrive notes", ""),
    ],
)  # fmt: skip
def test_G7_a_file_in_a_synchronised_folder_has_a_note(tmp_path: Path, folder: str, service: str) -> None:
    path = make_foreign_queue(tmp_path / folder / "queues" / "OneDrive.db", 1)
    reader = QueueReader(path)
    notes = [note for note in reader.open().notes if "synchronised" in note]
    reader.close()
    assert bool(notes) == bool(service)
    assert all(service in note for note in notes)
