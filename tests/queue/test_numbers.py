"""Numbers of a task: what is none, or too large, does not enter, and where another program wrote such it is borne."""

from __future__ import annotations

import math
from typing import Any

import pytest

from prismq_gui.queue import Claimer, EnqueueManyError, QueueClient, QueueDatabase
from tests.helpers.files import run_sql

NO_NUMBERS: list[Any] = [
    "high",
    "100",
    "",
    None,
    math.inf,
    -math.inf,
    math.nan,
    1.5,
    True,
    2**63,
    -(2**63) - 1,
    [1],
    b"1",
]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
@pytest.mark.parametrize("field", ["priority", "max_attempts"])
def test_F17_what_is_no_whole_number_does_not_enter(db: QueueDatabase, field: str, value: Any) -> None:
    client = QueueClient(db)
    with pytest.raises(ValueError, match=field):
        client.enqueue("job", **{field: value})
    with pytest.raises(EnqueueManyError, match=field):
        client.enqueue_many([{"type": "job"}, {"type": "job", field: value}])
    assert run_sql(db.db_path, "SELECT count(*) FROM task_queue") == [(0,)]


@pytest.mark.parametrize("cell", ["'high'", "9e999", "-9e999", "1.5", "x'ff'", "9223372036854775807", "''"])
def test_F17_a_priority_that_is_no_number_is_shown_raw_and_stops_no_claim(db: QueueDatabase, cell: str) -> None:
    client = QueueClient(db)
    odd, plain = (client.enqueue("job").task_id for _ in range(2))
    run_sql(db.db_path, f"UPDATE task_queue SET priority = {cell} WHERE id = {odd}")
    task = client.get(odd)
    assert task is not None
    assert [(task.priority,)] == run_sql(db.db_path, f"SELECT priority FROM task_queue WHERE id = {odd}")
    claimer = Claimer(db)
    claimed = [claimer.claim("w", lease_seconds=60) for _ in range(2)]
    assert sorted(each.id for each in claimed if each is not None) == [odd, plain]
    assert claimer.claim("w") is None
