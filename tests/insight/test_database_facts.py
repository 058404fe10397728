"""The file as a file: what is told of it, how cheaply, of odd files too; and who reads it for long."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.insight import wal_readers
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.database_facts import DatabaseLooker, largest_tables
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.wal_readers import ReaderWatch, reading_throughout
from tests.helpers.files import copy_sample, make_foreign_queue, run_sql
from tests.helpers.readers import long_reader

ONLY_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells of locks")


def test_what_is_told_is_what_sqlite_says(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "Schlange ü" / "q&a.db", 2_000)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("DELETE FROM task_queue WHERE id > 100")
        facts = DatabaseLooker(path).look()
        asked = [writer.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")]
        free = writer.execute("PRAGMA freelist_count").fetchone()[0]
    assert [facts.pages, facts.page_size] == asked
    assert facts.free_pages == free > 0
    assert facts.wal_bytes > 0
    assert (facts.journal_mode, facts.encoding, facts.user_version) == ("wal", "UTF-8", 0)
    assert facts.free_on_disk
    assert abs(facts.written_at - path.stat().st_mtime) < 600
    if facts.tables:  # SQLite may be made without
        assert "task_queue" in [each.name for each in facts.tables]


def test_a_look_leaves_nothing_open_and_nothing_written(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 20)
    run_sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()
    looker = DatabaseLooker(path)
    for _ in range(3):
        looker.look(anew=True)
        assert run_sql(path, "PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]
    assert path.read_bytes() == before


def test_a_table_of_the_file_that_bears_sqlites_name_is_not_asked(tmp_path: Path) -> None:
    path = copy_sample(tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE DBstat (name, pgsize)")
        connection.execute("INSERT INTO DBstat VALUES ('<b>evil</b>', 9)")
    with closing(ReadConnection(path, 1.0)) as reading:
        reading.open()
        assert largest_tables(reading) == ()
    assert DatabaseLooker(path).look().tables == ()


@pytest.mark.parametrize("how", ["a view without end", "a name without end"])
def test_I3_a_hostile_table_of_workers_costs_no_more_than_its_deadline(tmp_path: Path, how: str) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 3)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if how == "a view without end":
            connection.execute("DROP TABLE workers")
            endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
            connection.execute(f"CREATE VIEW workers (worker_id, heartbeat_utc) AS SELECT i, i FROM ({endless})")
        else:
            connection.execute("INSERT INTO workers VALUES (hex(zeroblob(500000)), '{}', datetime('now'))")
    facts = DatabaseLooker(path).look()
    assert facts.pages > 0
    assert all(len(each) < 200 for each in facts.holders)
    assert any(each.startswith("worker 000") for each in facts.holders) is (how == "a name without end")


@pytest.mark.parametrize("spoil", ["gone", "junk", "empty"])
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path, spoil: str) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 3)
    looker = DatabaseLooker(path)
    looker.look()
    if spoil == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if spoil == "empty" else b"no database" * 900)
    with pytest.raises(ProblemError):
        looker.look()
    assert path.exists() is (spoil != "gone")


@ONLY_LINUX
def test_who_reads_for_long_is_named_and_we_are_not_among_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal_readers, "LONG_S", 0.0)
    path = make_foreign_queue(tmp_path / "q.db", 3)
    looker, watch = DatabaseLooker(path), ReaderWatch(path)
    with closing(ReadConnection(path, 1.0)) as ours, long_reader(path) as pid:
        ours.open()
        ours.value("SELECT count(*) FROM task_queue")
        looks = [watch.look() for _ in range(wal_readers.FEWEST_LOOKS)]
        assert looks[0] == ()  # one look is not enough to call it long
        found = looks[-1]
        assert found is not None
        assert [(reader.pid, reader.is_ours) for reader in found] == [(pid, False)]
        assert found[0].name.startswith("python")
        for _ in range(wal_readers.FEWEST_LOOKS):
            facts = looker.look()
        assert facts.readers is not None
        assert [reader.pid for reader in facts.readers] == [pid]
    assert watch.look() == ()


@ONLY_LINUX
def test_a_snapshot_of_our_own_is_owned_up_to(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 3)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM task_queue").fetchall()
        assert reading_throughout(path) == {os.getpid()}
        connection.execute("COMMIT")
        assert reading_throughout(path) == frozenset()
