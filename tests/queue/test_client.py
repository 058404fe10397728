"""Enqueueing: what may enter, what is refused before SQL, and the idempotency key."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from prismq_gui.queue import QueueClient, QueueDatabase
from tests.queue.processes import run_together


def test_a_task_is_stored_as_given(db: QueueDatabase) -> None:
    due = datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    result = QueueClient(db).enqueue(
        "video.render", {"title": "Úžasné & <b>"}, priority=-5, run_after=due, max_attempts=2,
        compatibility={"region": "eu"}, idempotency_key="k",
    )  # fmt: skip
    task = QueueClient(db).get(result.task_id)
    assert result.created
    assert task is not None
    assert (task.type, task.priority, task.max_attempts, task.idempotency_key) == ("video.render", -5, 2, "k")
    assert task.get_payload_dict() == {"title": "Úžasné & <b>"}
    assert task.get_compatibility_dict() == {"region": "eu"}
    assert task.run_after_utc == datetime(2030, 1, 2, 1, 4, 5)
    assert (task.status, task.attempts) == ("queued", 0)
    assert QueueClient(db).get(999) is None


def test_defaults_make_a_task_that_is_due_now(db: QueueDatabase) -> None:
    task = QueueClient(db).get(QueueClient(db).enqueue("job").task_id)
    assert task is not None
    assert (task.payload, task.compatibility, task.priority, task.max_attempts) == ("{}", "{}", 100, 5)
    assert task.run_after_utc == task.created_at_utc
    delayed = QueueClient(db).get(QueueClient(db).enqueue("job", [1], run_after=timedelta(hours=1)).task_id)
    assert delayed is not None
    delay = delayed.run_after_utc - delayed.created_at_utc  # type: ignore[operator]
    assert timedelta(hours=1) <= delay < timedelta(hours=1, seconds=3)


def test_F13_the_same_key_returns_the_task_that_exists(db: QueueDatabase) -> None:
    client = QueueClient(db)
    first, second = client.enqueue("a", idempotency_key="k"), client.enqueue("b", idempotency_key="k")
    assert (second.task_id, second.created) == (first.task_id, False)
    assert client.enqueue("a", idempotency_key="").created
    assert client.enqueue("a", idempotency_key="").created
    assert db.execute("SELECT count(*) FROM task_queue").fetchone()[0] == 3


def test_F13_the_same_key_from_eight_processes_makes_one_task(db: QueueDatabase) -> None:
    results = run_together(8, "enqueue_same", db.db_path)
    created = [result for answers in results for result in answers if result[1]]  # type: ignore[attr-defined]
    assert len(created) == 50
    assert len({tuple(task_id for task_id, _ in answers) for answers in results}) == 1  # type: ignore[attr-defined]


def deep(levels: int) -> object:
    value: object = {}
    for _ in range(levels):
        value = {"inner": [value]}
    return value


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"type": ""}, "type must be a text"),
        ({"type": 5}, "type must be a text"),
        ({"type": "a\0b"}, "without NUL"),
        ({"type": "\ud800"}, "lone surrogate"),
        ({"priority": "high"}, "priority must be a whole number"),
        ({"priority": True}, "priority must be a whole number"),
        ({"priority": 2**63}, "priority must be a whole number"),
        ({"priority": math.inf}, "priority must be a whole number"),
        ({"max_attempts": 0}, "max_attempts must be a whole number from 1"),
        ({"payload": "not JSON"}, "payload must be JSON"),
        ({"payload": "NaN"}, "NaN is not JSON"),
        ({"payload": {"x": math.nan}}, "payload must be JSON"),
        ({"payload": {"x": "\udfff"}}, "payload must be JSON"),
        ({"payload": {"x": b"blob"}}, "payload must be JSON"),
        ({"payload": {"x": "y" * 1_100_000}}, "at most 1,048,576"),
        ({"payload": deep(150)}, "nested deeper than 200"),
        ({"payload": deep(5000)}, "payload must be JSON"),
        ({"payload": '"a text"'}, "object or list"),
        ({"compatibility": {1, 2}}, "compatibility must be a JSON object"),
        ({"run_after": "tomorrow"}, "run_after must be a datetime"),
        ({"run_after": timedelta.max}, "up to the year 9999"),
    ],
)
def test_F18_what_may_not_enter_is_named_and_nothing_is_written(
    db: QueueDatabase, arguments: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        QueueClient(db).enqueue(**({"type": "job"} | arguments))  # type: ignore[arg-type]
    assert db.execute("SELECT count(*) FROM task_queue").fetchone()[0] == 0


def test_a_client_closes_what_it_opened(tmp_path: Path) -> None:
    with QueueClient(tmp_path / "queue.db") as client:
        client.database.initialize_schema()
        client.enqueue("job", '{"as": "text"}')
    with QueueDatabase(tmp_path / "queue.db") as db, QueueClient(db) as lent:
        connection = db.get_connection()
        lent.close()
        assert db.get_connection() is connection
