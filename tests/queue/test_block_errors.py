"""Errors of statements that a program runs itself, on the connection that ``transaction()`` and ``connection()`` lend.

PrismQ's own module turned some of them into its own errors, and let others through as SQLite's. A program that was
written for it may catch either, so each is both.
"""

from __future__ import annotations

import pickle
import sqlite3

import pytest

from prismq_gui.queue import QueueBusyError, QueueClient, QueueDatabase, QueueDatabaseError, QueueSchemaError
from tests.helpers.files import run_sql

FAULTS = [
    ("SELECT 1 FROM nowhere", sqlite3.OperationalError, QueueSchemaError),
    ("SELEC 1", sqlite3.OperationalError, QueueDatabaseError),
    ("INSERT INTO task_queue (type, payload) VALUES (NULL, '{}')", sqlite3.IntegrityError, QueueDatabaseError),
    (
        "INSERT INTO task_queue (type, payload, idempotency_key) VALUES ('job', '{}', 'k')",
        sqlite3.IntegrityError, QueueDatabaseError,
    ),
    ("INSERT INTO task_logs (task_id, level) VALUES (999, 'INFO')", sqlite3.IntegrityError, QueueDatabaseError),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "of_sqlite", "of_the_queue"), FAULTS)
@pytest.mark.parametrize("block", ["transaction", "connection"])
def test_an_error_in_a_block_is_both_sqlites_and_the_queues(
    db: QueueDatabase, block: str, sql: str, of_sqlite: type[Exception], of_the_queue: type[Exception]
) -> None:
    QueueClient(db).enqueue("job", idempotency_key="k")
    for caught in (of_sqlite, of_the_queue):
        with pytest.raises(caught) as raised, getattr(db, block)() as conn:
            if block == "transaction":
                conn.execute("UPDATE task_queue SET priority = 1")
            conn.execute(sql)
        assert type(raised.value).__mro__[1] is of_the_queue
        assert str(db.db_path) in str(raised.value)
        assert "Nothing was changed." in str(raised.value)
        assert isinstance(raised.value.__cause__, of_sqlite)
        assert str(raised.value.__cause__) in str(raised.value)
    assert run_sql(db.db_path, "SELECT priority FROM task_queue") == [(100,)]
    assert not db.get_connection().in_transaction


def test_an_error_keeps_sqlites_code_where_python_tells_it(db: QueueDatabase) -> None:
    with pytest.raises(QueueDatabaseError) as raised, db.transaction() as conn:
        conn.execute("INSERT INTO task_queue (type, payload) VALUES (NULL, '{}')")
    cause = raised.value.__cause__
    assert getattr(raised.value, "sqlite_errorname", "none") == getattr(cause, "sqlite_errorname", "none")


def test_an_error_crosses_to_another_process_as_the_queues(db: QueueDatabase) -> None:
    with pytest.raises(sqlite3.OperationalError) as raised, db.transaction() as conn:
        conn.execute("SELECT 1 FROM nowhere")
    again = pickle.loads(pickle.dumps(raised.value))
    assert type(again) is QueueSchemaError
    assert str(again) == str(raised.value)


def test_what_is_not_sqlites_is_raised_as_it_is(db: QueueDatabase) -> None:
    mine = KeyError("changed my mind")
    for block in (db.transaction, db.connection):
        with pytest.raises(KeyError) as raised, block():
            raise mine
        assert raised.value is mine


def test_an_error_of_execute_in_a_block_is_told_once(db: QueueDatabase) -> None:
    with pytest.raises(QueueSchemaError) as raised, db.transaction():
        db.execute("SELECT 1 FROM nowhere")
    assert str(raised.value).count("lacks a table or column") == 1
    with pytest.raises(QueueSchemaError) as raised, db.transaction(), db.connection() as conn:
        conn.execute("SELECT 1 FROM nowhere")
    assert str(raised.value).count("lacks a table or column") == 1


def test_C3_a_busy_statement_on_the_lent_connection_is_told_as_busy(db: QueueDatabase) -> None:
    other = sqlite3.connect(db.db_path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        db.get_connection().execute("PRAGMA busy_timeout = 10")
        with pytest.raises(QueueBusyError), db.connection() as conn:
            conn.execute("DELETE FROM task_queue")
        with pytest.raises(sqlite3.OperationalError), db.connection() as conn:
            conn.execute("DELETE FROM task_queue")
    finally:
        other.close()
