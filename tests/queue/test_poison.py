"""Rows that other programs or accidents left: none stops a claim, none ends a worker, none is run for ever."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.queue import Claimer, HandlerRegistry, PermanentError, QueueClient, QueueDatabase, QueueWorker
from tests.helpers.files import FOREIGN_SCHEMA, run_sql

PAST = "2020-01-01 00:00:00"


def insert(db: QueueDatabase, **columns: str) -> None:
    """Insert a due task first in line; the columns' values are SQL."""
    values = {"type": "'job'", "payload": "'{}'", "priority": "1", "run_after_utc": f"'{PAST}'"} | columns
    db.execute(f"INSERT INTO task_queue ({', '.join(values)}) VALUES ({', '.join(values.values())})")


@pytest.mark.parametrize(
    "cell",
    ["CAST(x'7bff7d' AS TEXT)", "CAST(x'ff' AS TEXT)", "x'7b7d'", "'{' || char(0) || '}'", "printf('{%70000s}', '')"],
)
def test_a_compatibility_that_is_no_text_stops_no_claim(db: QueueDatabase, cell: str) -> None:
    insert(db, compatibility=cell)
    good = QueueClient(db).enqueue("job").task_id
    task = Claimer(db).claim("w", {"region": "eu"})
    assert task is not None
    assert task.id == good


def test_F19_a_payload_that_is_not_utf8_fails_its_task_and_the_worker_goes_on(db: QueueDatabase) -> None:
    registry = HandlerRegistry()
    registry.add("job", lambda _context: None)
    insert(db, payload="CAST(x'7bff7d' AS TEXT)")
    insert(db, payload="x'7b7d'")  # a blob that holds {} is read
    QueueClient(db).enqueue("job")
    assert QueueWorker(db.db_path, registry, worker_id="w").run(until_empty=True) == 3
    assert run_sql(db.db_path, "SELECT status, error_message FROM task_queue ORDER BY id") == [
        ("failed", "PermanentError: the payload is not JSON (it is not UTF-8 text)"),
        ("completed", None),
        ("completed", None),
    ]


def test_F17_attempts_that_are_no_numbers_count_from_none(db: QueueDatabase) -> None:
    for cell in ("'many'", "x'ff'", "1.5"):
        insert(db, attempts=cell, max_attempts="'lots'")
    claimed = [Claimer(db).claim("w") for _ in range(3)]
    assert [(task.attempt, task.max_attempts) for task in claimed if task] == [(1, 5)] * 3


def test_an_expired_lease_with_unreadable_cells_is_given_back(db: QueueDatabase) -> None:
    insert(db, status="'leased'", lease_until_utc=f"'{PAST}'", locked_by="CAST(x'77ff' AS TEXT)", max_attempts="'lots'")
    assert Claimer(db).rescue() == 1
    assert run_sql(db.db_path, "SELECT status FROM task_queue") == [("queued",)]
    assert "worker w\\xff expired" in str(run_sql(db.db_path, "SELECT message FROM task_logs")[0][0])


@pytest.mark.parametrize("limit", [1, 3])
def test_F5_a_task_put_back_with_its_attempts_used_up_becomes_a_dead_letter_unrun(
    db: QueueDatabase, limit: int
) -> None:
    insert(db, attempts=str(limit), max_attempts=str(limit), error_message="'what went wrong'")
    good = QueueClient(db).enqueue("job").task_id
    task = Claimer(db).claim("w")
    assert task is not None
    assert task.id == good
    columns = "status, attempts, error_message, locked_by, lease_until_utc"
    assert run_sql(db.db_path, f"SELECT {columns} FROM task_queue WHERE id = 1") == [
        ("dead_letter", limit, "what went wrong", None, None)
    ]
    assert "attempts used up" in str(run_sql(db.db_path, "SELECT message FROM task_logs WHERE task_id = 1"))


def test_no_number_of_used_up_tasks_holds_a_claim_for_ever(db: QueueDatabase) -> None:
    for _ in range(130):
        insert(db, attempts="5")
    good = QueueClient(db).enqueue("job").task_id
    claimer = Claimer(db)
    assert claimer.claim("w") is None  # 100 buried; the next claim does the rest
    task = claimer.claim("w")
    assert task is not None
    assert task.id == good


def test_a_task_that_may_never_be_tried_is_tried_once(db: QueueDatabase) -> None:
    insert(db, max_attempts="0")
    assert Claimer(db).claim("w") is not None


@pytest.fixture
def malformed(tmp_path: Path) -> Path:
    """A file whose plain generated columns make SQLite refuse every change of its two malformed rows."""
    path = tmp_path / "queue.db"
    column = "format TEXT GENERATED ALWAYS AS (json_extract(payload, '$.format')) VIRTUAL"
    bare = FOREIGN_SCHEMA.replace(f",\n  {column}", "").replace(
        "CREATE INDEX ix_task_format ON task_queue (format);\n", ""
    )
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(bare)
        connection.execute(
            "INSERT INTO task_queue (type, payload, run_after_utc, priority) VALUES ('job', '{broken', ?, 1)", (PAST,)
        )
        connection.execute(
            "INSERT INTO task_queue (type, payload, run_after_utc, status, lease_until_utc, locked_by) "
            "VALUES ('job', '{broken', ?, 'leased', ?, 'gone')",
            (PAST, PAST),
        )
        connection.execute(f"ALTER TABLE task_queue ADD COLUMN {column}")
        connection.commit()
    return path


@pytest.mark.parametrize("many", [False, True])
def test_malformed_json_under_plain_generated_columns_stops_no_claim_and_no_rescue(malformed: Path, many: bool) -> None:
    with pytest.raises(sqlite3.OperationalError, match="malformed JSON"):
        run_sql(malformed, "UPDATE task_queue SET attempts = 1")
    with QueueDatabase(malformed) as db:
        insert(db, status="'leased'", lease_until_utc=f"'{PAST}'", locked_by="'gone'", priority="5")
        good = QueueClient(db).enqueue("job").task_id
        claimer = Claimer(db)
        tasks = claimer.claim_many("w", 2) if many else [claimer.claim("w"), claimer.claim("w")]
        assert [task.id for task in tasks if task] == [3, good]
        assert claimer.claim("w") is None
    assert run_sql(malformed, "SELECT id, status FROM task_queue ORDER BY id LIMIT 2") == [(1, "queued"), (2, "leased")]


def test_an_error_that_cannot_tell_itself_is_its_tasks_failure_alone(db: QueueDatabase) -> None:
    class MuteError(PermanentError):
        def __str__(self) -> str:
            raise RuntimeError

    registry = HandlerRegistry()

    def handler(_context: object) -> None:
        raise MuteError

    registry.add("job", handler)
    QueueClient(db).enqueue("job")
    assert QueueWorker(db.db_path, registry, worker_id="w").run(until_empty=True) == 1
    assert run_sql(db.db_path, "SELECT status, error_message FROM task_queue") == [
        ("failed", "MuteError: its message can't be read")
    ]
