"""Files made to harm whoever opens them (faults I)."""

from __future__ import annotations

import random
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.filters import LogFilter, TaskColumn, TaskFilter, TaskOrder
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from tests.helpers.files import copy_sample, make_foreign_queue, run_sql
from tests.insight.helping import log_ids, other_process, reading, refusal_of, task_ids


def look_at_everything(path: Path) -> str:
    """Read all a window would; return what was told, '' where all could be read."""
    with closing(QueueReader(path)) as reader:
        try:
            reader.open()
            for status in reader.statuses():
                reader.count(status)
            reader.types()
            reader.workers()
            ids = [each for chunk in reader.scan_tasks(TaskFilter(text="e"), TaskOrder()) for each in chunk.ids]
            reader.task_rows(ids[:500])
            list(reader.scan_tasks(TaskFilter(), TaskOrder(TaskColumn.PRIORITY)))
            list(reader.scan_tasks(TaskFilter(statuses=("queued",)), TaskOrder()))
            reader.task_detail(ids[0] if ids else 1)
            log_ids(reader, LogFilter(text="e"))
            reader.check()
        except ProblemError as error:
            return error.problem.sentence()
    return ""


@pytest.mark.parametrize("kind", ["random bytes", "header bytes", "bad pages", "cut"])
def test_I1_damaged_files_give_data_or_a_clean_error(tmp_path, kind):
    whole = copy_sample(tmp_path, "whole.db").read_bytes()
    seed = random.Random(kind)
    told = set()
    for number in range(25):
        content = bytearray(whole)
        if kind == "random bytes":
            for _ in range(300):
                content[seed.randrange(100, len(content))] = seed.randrange(256)
        elif kind == "header bytes":
            for _ in range(3):
                content[seed.choice([*range(16, 100), *range(100, 112)])] = seed.randrange(256)
        elif kind == "bad pages":
            page = seed.randrange(1, len(content) // 4096)
            content[page * 4096 : (page + 1) * 4096] = seed.randbytes(4096)
        else:
            del content[seed.randrange(101, len(content)) :]
        path = tmp_path / f"{number}.db"
        path.write_bytes(content)
        told.add(look_at_everything(path))
        assert path.read_bytes() == bytes(content)
    assert told != {""}


@pytest.mark.parametrize(
    "create",
    [
        "CREATE VIEW task_queue AS SELECT 1 AS id, 'a' AS type, 'queued' AS status",
        "CREATE VIRTUAL TABLE task_queue USING fts5(id, type, status)",
        "CREATE VIEW Task_Queue AS SELECT 1 AS id, 'a' AS type, 'queued' AS status",
    ],
)
def test_I2_a_view_or_virtual_table_is_no_queue(tmp_path, create):
    path = tmp_path / "q.db"
    run_sql(path, create)
    problem = refusal_of(path)
    assert problem.kind is ProblemKind.NOT_A_QUEUE
    assert problem.what == "task_queue is not a table"


def test_I2_workers_and_logs_that_are_views_are_never_read(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    run_sql(path, "DROP TABLE workers")
    run_sql(
        path, f"CREATE VIEW workers AS {endless} SELECT i AS worker_id, 1 AS capabilities, 1 AS heartbeat_utc FROM n"
    )
    with reading(path) as reader:
        assert reader.workers() == ()
        assert "workers" in reader.facts().missing_columns


def test_I3_an_endless_view_ends_at_the_deadline(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1)
    run_sql(
        path,
        "CREATE VIEW v AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS m FROM n",
    )
    with closing(ReadConnection(path, 0.1)) as connection:
        connection.open()
        with pytest.raises(ProblemError) as caught:
            connection.rows("SELECT m FROM v")
        assert caught.value.problem.kind in (
            ProblemKind.TOO_SLOW,
            ProblemKind.NOT_A_QUEUE,
        )  # no views from Python 3.12 on
        assert connection.value("SELECT count(*) FROM task_queue") == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="no limit on a cell before Python 3.11")
def test_I4_a_generated_gigabyte_is_refused_and_the_row_still_shown(tmp_path):
    path = tmp_path / "q.db"
    run_sql(
        path,
        "CREATE TABLE task_queue (id INTEGER PRIMARY KEY, type TEXT, status TEXT, payload TEXT)",
    )
    run_sql(path, "INSERT INTO task_queue (type, status, payload) VALUES ('t', 'queued', '{}')")
    huge = "error_message TEXT GENERATED ALWAYS AS (hex(zeroblob(500000000))) VIRTUAL"
    run_sql(path, f"ALTER TABLE task_queue ADD COLUMN {huge}")
    with reading(path) as reader:
        row = reader.task_rows([1])[1]
        assert row.type == "t"
        assert "larger than" in str(row.error_message)
        assert task_ids(reader, TaskFilter(text="t")) == [1]


def test_I6_a_foreign_function_in_the_schema_is_named_and_nothing_is_executed(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 2)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("boom", 1, lambda value: value, deterministic=True)
        connection.execute("ALTER TABLE task_queue ADD COLUMN extra TEXT GENERATED ALWAYS AS (boom(type)) VIRTUAL")
        connection.execute("CREATE INDEX ix_extra ON task_queue (extra)")
    told = look_at_everything(path)
    assert told == "" or "no such function" in told


def test_I7_a_broken_schema_text_is_told_as_damage(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db", 1, wal=False)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE workers (((<b>secret' WHERE name = 'workers'")
    problem = refusal_of(path)
    assert problem.kind is ProblemKind.CORRUPT
    assert "secret" not in problem.sentence()


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH '{other}' AS other",
        "VACUUM INTO '{other}'",
        "PRAGMA writable_schema=ON",
        "PRAGMA query_only=0",
        "PRAGMA journal_mode=DELETE",
        "PRAGMA user_version=5",
        "PRAGMA wal_checkpoint",
        "SELECT load_extension('x')",
        "DELETE FROM task_queue",
        "UPDATE task_queue SET status = 'x'",
        "INSERT INTO workers VALUES ('a', 'b', 'c')",
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t (a)",
        "DROP TABLE task_queue",
        "REINDEX",
        "ANALYZE",
    ],
)
def test_I8_the_reader_cannot_be_made_to_write(sample_db, tmp_path, sql):
    before = sample_db.read_bytes()
    files = sorted(each.name for each in tmp_path.iterdir())
    with closing(ReadConnection(sample_db, 5.0)) as connection:
        connection.open()
        with pytest.raises(ProblemError) as caught:
            connection.rows(sql.format(other=tmp_path / "other.db"))
        assert caught.value.problem.kind is ProblemKind.REFUSED
        assert connection.value("SELECT count(*) FROM task_queue") == 600
    assert sample_db.read_bytes() == before
    added = {each.name for each in tmp_path.iterdir()} - set(files)
    assert added <= {"queue.db-wal", "queue.db-shm"}


NAMES = ['x"; DROP TABLE task_queue; --', "'; --", "a%_b", "[t]", "`t`", "?1", ":name", "", "\n", "NULL"]


def test_I9_names_that_look_like_sql_are_only_names(tmp_path):
    path = make_foreign_queue(tmp_path / "q.db")
    for name in NAMES:
        run_sql(
            path,
            "INSERT INTO task_queue (type, status, payload, locked_by) VALUES (?, ?, '{}', ?)",
            (name, name, name),
        )
        run_sql(path, "INSERT INTO workers (worker_id, capabilities) VALUES (?, '{}')", (name,))
        run_sql(path, "INSERT INTO task_logs (task_id, level, message) VALUES (1, ?, '')", (name,))
    with reading(path) as reader:
        assert set(reader.types()) == set(reader.statuses()) == set(NAMES)
        assert {worker.worker_id for worker in reader.workers()} == set(NAMES)
        for number, name in enumerate(NAMES, 1):
            assert reader.count(name) == 1
            assert task_ids(reader, TaskFilter(statuses=(name,))) == [number]
            assert task_ids(reader, TaskFilter(types=(name,))) == [number]
            assert log_ids(reader, LogFilter(levels=(name,))) == [number]


def test_I10_two_thousand_columns_and_many_tables_open(tmp_path):
    path = tmp_path / "q.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        extra = ", ".join(f"c{n} TEXT" for n in range(1_990))
        connection.execute(f"CREATE TABLE task_queue (id INTEGER PRIMARY KEY, type TEXT, status TEXT, {extra})")
        for n in range(3_000):
            connection.execute(f"CREATE TABLE t{n} (a)")
        connection.execute("INSERT INTO task_queue (type, status) VALUES ('t', 'queued')")
        connection.execute("COMMIT")
    with reading(path, deadline_s=2.0) as reader:
        assert reader.task_rows([1])[1].type == "t"


@pytest.mark.parametrize(
    ("offset", "value"), [(16, b"\x00\x00"), (16, b"\xff\xff"), (16, b"\x00\x03"), (20, b"\xff"), (21, b"\x01")]
)
def test_I11_impossible_numbers_in_the_header_are_told(tmp_path, offset, value):
    path = make_foreign_queue(tmp_path / "q.db", 10, wal=False)
    content = bytearray(path.read_bytes())
    content[offset : offset + len(value)] = value
    path.write_bytes(content)
    assert refusal_of(path).kind in (ProblemKind.NOT_A_DATABASE, ProblemKind.CORRUPT)


@pytest.mark.parametrize("sidecar", ["-wal", "-shm"])
def test_I12_random_sidecars_give_data_or_a_clean_error(tmp_path, sidecar):
    made = make_foreign_queue(tmp_path / "made" / "q.db", 10)
    script = (
        "for n in range(60): c.execute('UPDATE task_queue SET priority = ?', (n,))\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with other_process(made, script) as writer:
        writer.kill()
        writer.wait(timeout=10)
    main, wal = made.read_bytes(), Path(f"{made}-wal").read_bytes()
    seed = random.Random(sidecar)
    for number in range(30):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / "q.db"
        path.write_bytes(main)
        content = bytearray(wal if sidecar == "-wal" else 32_768)
        for _ in range(200 if number % 2 else 3):
            content[seed.randrange(len(content))] = seed.randrange(256)
        Path(f"{path}-wal").write_bytes(content if sidecar == "-wal" else wal)
        if sidecar == "-shm":
            Path(f"{path}-shm").write_bytes(content)
        told = look_at_everything(path)
        assert told == "" or "Nothing" in told or "not changed" in told
        assert path.read_bytes() == main
