"""The writing connection: settings, transactions, errors, threads; drop-in for PrismQ's own."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.queue import (
    PRAGMAS,
    QueueBusyError,
    QueueDatabase,
    QueueDatabaseError,
    QueueSchemaError,
    default_db_path,
)
from prismq_gui.queue import database as database_module
from prismq_gui.queue.schema import require_sqlite
from tests.helpers.files import FOREIGN_SCHEMA, run_sql

INSERT = "INSERT INTO task_queue (type, payload) VALUES ('job', '{}')"


@pytest.fixture
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a lock 50 ms instead of 5 s."""
    monkeypatch.setattr(database_module, "TIMEOUT_S", 0.05)
    monkeypatch.setitem(database_module.PRAGMAS, "busy_timeout", 50)


def test_the_nine_settings_are_in_force(db: QueueDatabase) -> None:
    found = {name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}
    assert len(found) == 9
    assert found == {
        "page_size": 4096, "journal_mode": "wal", "synchronous": 1, "busy_timeout": 5000, "wal_autocheckpoint": 1000,
        "foreign_keys": 1, "temp_store": 2, "mmap_size": 134217728, "cache_size": -20000,
    }  # fmt: skip


def test_the_page_size_of_an_existing_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("CREATE TABLE other (x)")
    with QueueDatabase(path) as db:
        db.initialize_schema()
        assert db.execute("PRAGMA page_size").fetchone()[0] == 8192


def test_the_schema_is_made_once_and_a_foreign_one_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FOREIGN_SCHEMA)
    before = run_sql(path, "SELECT name, sql FROM sqlite_master ORDER BY name")
    with QueueDatabase(path) as db:
        db.initialize_schema()
        db.initialize_schema()
    assert run_sql(path, "SELECT name, sql FROM sqlite_master ORDER BY name") == before


def test_malformed_json_does_not_break_a_new_file(db: QueueDatabase) -> None:
    db.execute("INSERT INTO task_queue (type, payload, compatibility) VALUES ('job', '{broken', 'x')")
    db.execute(
        "INSERT INTO task_queue (type, payload, compatibility) VALUES ('job', ?, ?)",
        ('{"format":"mp4"}', '{"region":"eu"}'),
    )
    rows = [tuple(row) for row in db.execute("SELECT format, region FROM task_queue ORDER BY id")]
    assert rows == [(None, None), ("mp4", "eu")]
    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_table_that_lacks_a_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    run_sql(path, "CREATE TABLE task_queue (id INTEGER PRIMARY KEY, status TEXT)")
    with QueueDatabase(path) as db, pytest.raises(QueueSchemaError, match=r"queue\.db lacks a table or column"):
        db.initialize_schema()


def test_a_bare_write_is_committed_when_it_returns(db: QueueDatabase) -> None:
    db.execute(INSERT)
    row = db.execute(f"{INSERT} RETURNING id, type").fetchone()
    assert (row["id"], row["type"]) == (2, "job")
    assert not db.get_connection().in_transaction
    assert run_sql(db.db_path, INSERT) == []  # a second program can write at once
    assert run_sql(db.db_path, "SELECT count(*) FROM task_queue") == [(3,)]


def test_the_rows_of_a_write_can_be_read_like_a_cursor(db: QueueDatabase) -> None:
    db.execute_many("INSERT INTO task_queue (type, payload) VALUES (?, '{}')", [("a",), ("b",), ("c",), ("d",)])
    cursor = db.execute("UPDATE task_queue SET priority = 1 RETURNING type")
    assert cursor.description[0][0] == "type"
    assert cursor.fetchone()[0] == "a"
    assert [row[0] for row in cursor.fetchmany(1)] == ["b"]
    assert [row[0] for row in cursor] == ["c", "d"]
    assert cursor.fetchone() is None
    assert cursor.fetchall() == []
    cursor.close()


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_F9_a_transaction_rolls_back_and_re_raises(db: QueueDatabase, failure: type[BaseException]) -> None:
    with pytest.raises(failure), db.transaction() as connection:
        connection.execute(INSERT)
        raise failure
    assert db.execute("SELECT count(*) FROM task_queue").fetchone()[0] == 0
    assert run_sql(db.db_path, INSERT) == []  # no lock is kept
    with db.transaction():
        db.execute(INSERT)
        db.execute_many("INSERT INTO task_queue (type, payload) VALUES (?, '{}')", [("x",)])
    assert db.execute("SELECT count(*) FROM task_queue").fetchone()[0] == 3


def test_a_block_that_ends_the_transaction_itself_is_told(db: QueueDatabase) -> None:
    with pytest.raises(QueueDatabaseError, match="no transaction is active"), db.transaction() as connection:
        connection.execute(INSERT)
        connection.execute("COMMIT")
    assert db.execute("SELECT count(*) FROM task_queue").fetchone()[0] == 1


def test_F10_a_nested_transaction_is_refused_and_the_outer_one_goes_on(db: QueueDatabase) -> None:
    with db.transaction() as connection:
        connection.execute(INSERT)
        with pytest.raises(QueueDatabaseError, match="don't nest"), db.transaction():
            pass
    assert db.execute("SELECT count(*) FROM task_queue").fetchone()[0] == 1


@pytest.mark.parametrize("sql", ["BEGIN", " commit", "-- note\nROLLBACK", "/* x */ SAVEPOINT a"])
def test_execute_never_opens_or_ends_a_transaction(db: QueueDatabase, sql: str) -> None:
    with pytest.raises(QueueDatabaseError, match="use transaction"):
        db.execute(sql)


def test_C3_a_file_held_by_another_program_is_busy(db: QueueDatabase, short_timeout: None) -> None:
    db.close()
    with closing(sqlite3.connect(db.db_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(QueueBusyError, match="Nothing was changed"):
            db.execute(INSERT)
        with pytest.raises(QueueBusyError), db.transaction():
            pass
        assert db.execute("SELECT count(*) FROM task_queue").fetchone()[0] == 0  # reading goes on
        other.execute("ROLLBACK")
    db.execute(INSERT)


def test_two_databases_on_one_file_wait_for_each_other(db: QueueDatabase, short_timeout: None) -> None:
    with QueueDatabase(db.db_path) as other, db.transaction() as connection:
        connection.execute(INSERT)
        with pytest.raises(QueueBusyError, match="another writer"):
            other.execute(INSERT)


def test_errors_name_the_file(db: QueueDatabase, tmp_path: Path) -> None:
    with pytest.raises(QueueSchemaError, match="no such table: nowhere"):
        db.execute("SELECT * FROM nowhere")
    with pytest.raises(QueueDatabaseError, match=r"queue\.db refused a statement"):
        db.execute("this is not SQL")
    with pytest.raises(QueueDatabaseError, match="refused"):
        db.execute_many("INSERT INTO task_queue (type, payload) VALUES (?, ?)", [("a", None)])
    with pytest.raises(QueueDatabaseError, match="can't be opened"):
        QueueDatabase(tmp_path).get_connection()
    (tmp_path / "text.db").write_text("this is a text file " * 100, encoding="utf-8")
    with pytest.raises(QueueDatabaseError, match="not a database"):
        QueueDatabase(tmp_path / "text.db").get_connection()


def test_a_column_whose_name_says_locked_is_not_told_as_busy(db: QueueDatabase) -> None:
    for sql in ("SELECT locked_by FROM workers", "UPDATE workers SET locked_by = 1"):
        with pytest.raises(QueueSchemaError, match="no such column: locked_by"):
            db.execute(sql)


def test_no_error_quotes_a_cell(db: QueueDatabase) -> None:
    db.execute("INSERT INTO task_queue (type, payload) VALUES ('job', CAST(x'5345435245545fff' AS TEXT))")
    with pytest.raises(QueueDatabaseError, match="Could not decode to UTF-8 column") as caught:
        db.execute("UPDATE task_queue SET priority = 1 RETURNING payload")
    assert "SECRET" not in str(caught.value)


def test_two_statements_at_once_are_refused(db: QueueDatabase) -> None:
    with pytest.raises(QueueDatabaseError, match="one statement at a time"):
        db.execute("SELECT 1; DELETE FROM task_queue")


def test_F8_a_write_behind_unread_rows_says_so_at_once(db: QueueDatabase) -> None:
    db.execute_many("INSERT INTO task_queue (type, payload) VALUES (?, '{}')", [("a",), ("b",)])
    unread = db.execute("SELECT id FROM task_queue")
    unread.fetchone()
    run_sql(db.db_path, INSERT)
    with pytest.raises(QueueBusyError, match="Fetch all rows before writing"):
        db.execute(INSERT)
    with pytest.raises(QueueBusyError, match="Fetch all rows before writing"), db.transaction():
        pass
    unread.close()
    db.execute(INSERT)


def test_F23_used_up_ids_are_not_told_as_a_full_disk(db: QueueDatabase) -> None:
    db.execute("INSERT INTO task_queue (id, type, payload) VALUES (9223372036854775807, 'job', '{}')")
    with pytest.raises(QueueDatabaseError, match="id space is exhausted"):
        db.execute(INSERT)


def test_a_full_file_is_told_as_it_is_and_the_block_rolled_back(db: QueueDatabase) -> None:
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(QueueDatabaseError, match="disk is full"), db.transaction():
        for _ in range(50):
            db.execute("INSERT INTO task_queue (type, payload) VALUES ('job', ?)", ("x" * 4000,))
    assert run_sql(db.db_path, INSERT) == []
    assert db.execute("SELECT count(*) FROM task_queue").fetchone()[0] == 1


def test_a_database_is_not_closed_within_its_transaction(db: QueueDatabase) -> None:
    with db.transaction():
        db.execute(INSERT)
        with pytest.raises(QueueDatabaseError, match="end it before close"):
            db.close()
    assert run_sql(db.db_path, "SELECT count(*) FROM task_queue") == [(1,)]


def test_a_new_file_held_by_another_program_is_waited_for(tmp_path: Path, short_timeout: None) -> None:
    path = tmp_path / "queue.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE other (x)")
        other.execute("BEGIN IMMEDIATE")
        db = QueueDatabase(path)
        with pytest.raises(QueueBusyError, match="Nothing was changed"):
            db.get_connection()
        other.execute("ROLLBACK")
    with db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_F24_a_file_that_was_replaced_is_noticed(db: QueueDatabase, tmp_path: Path) -> None:
    assert QueueDatabase(tmp_path / "not opened.db").is_same_file()
    assert db.is_same_file()
    db.close()
    db.db_path.rename(tmp_path / "moved.db")
    assert not db.is_same_file()
    db.get_connection()
    assert db.is_same_file()


def test_the_connection_is_one_until_closed_and_made_anew_after(db: QueueDatabase) -> None:
    first = db.get_connection()
    assert db.get_connection() is first
    with db.connection() as lent:
        assert lent is first
    db.close()
    db.close()
    assert db.get_connection() is not first
    assert db.execute("WITH t(x) AS (SELECT 5) SELECT x FROM t").fetchone()["x"] == 5


def test_many_threads_share_one_database(db: QueueDatabase) -> None:
    def write() -> None:
        for _ in range(50):
            with db.transaction():
                db.execute(INSERT)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.execute("SELECT count(*) FROM task_queue").fetchone()[0] == 400


def test_without_a_lock_file_the_queue_still_works(tmp_path: Path) -> None:
    (tmp_path / "queue.db-lock").mkdir()
    with QueueDatabase(tmp_path / "queue.db") as db:
        db.initialize_schema()
        db.execute(INSERT)
        assert db.execute("SELECT count(*) FROM task_queue").fetchone()[0] == 1


def test_the_default_path_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PRISMQ_QUEUE_DB_PATH", str(tmp_path / "named.db"))
    assert QueueDatabase().db_path == tmp_path / "named.db"
    assert QueueDatabase(tmp_path / "explicit.db").db_path == tmp_path / "explicit.db"
    monkeypatch.delenv("PRISMQ_QUEUE_DB_PATH")
    monkeypatch.setattr("sys.platform", "win32")
    assert str(default_db_path()) == r"C:\Data\PrismQ\queue\queue.db"
    monkeypatch.setattr("sys.platform", "linux")
    assert default_db_path().as_posix() == "/tmp/prismq/queue/queue.db"


def test_an_old_sqlite_is_refused_in_words() -> None:
    with pytest.raises(QueueSchemaError, match=r"SQLite 3\.34\.1 is too old: the queue needs 3\.35"):
        require_sqlite((3, 34, 1))
