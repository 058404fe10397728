"""Records: to and from dictionaries, both timestamp forms, JSON that can't be read."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.queue import QueueDatabase, Task, TaskLog, Worker
from tests.helpers.files import run_sql


@given(st.datetimes(), st.text(), st.integers(), st.one_of(st.none(), st.text()))
def test_a_task_survives_the_way_to_a_dictionary_and_back(
    moment: datetime, text: str, number: int, key: str | None
) -> None:
    task = Task(id=number, type=text, payload=text, run_after_utc=moment, idempotency_key=key)
    assert Task.from_dict(task.to_dict()) == task
    assert task.to_dict()["run_after_utc"] == moment.isoformat()


def test_both_timestamp_forms_are_read() -> None:
    late = Task.from_dict({"run_after_utc": "2025-11-05T10:00:00.123456+00:00", "unknown column": 1})
    early = Task.from_dict({"run_after_utc": "2025-11-05 10:00:00.123456"})
    assert late == early
    assert late.run_after_utc == datetime(2025, 11, 5, 10, 0, 0, 123456)
    assert Task.from_dict({"run_after_utc": "soon"}).run_after_utc is None


def test_rows_of_all_tables_become_records(sample_db: object) -> None:
    with QueueDatabase(str(sample_db)) as db:
        tasks = [Task.from_dict(row) for row in db.execute("SELECT * FROM task_queue")]
        workers = [Worker.from_dict(row) for row in db.execute("SELECT * FROM workers")]
        logs = [TaskLog.from_dict(row) for row in db.execute("SELECT * FROM task_logs")]
    assert (len(tasks), len(workers), len(logs)) == (600, 6, 637)
    assert all(task.run_after_utc is not None for task in tasks)
    assert workers[0].get_capabilities_dict()["gpu"] == "RTX5090"
    assert logs[0].task_id == 2
    assert run_sql(sample_db, "PRAGMA integrity_check") == [("ok",)]  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "{", "[1]", "7", "[" * 100_000, None, b"{}"])
def test_json_that_is_no_object_is_empty(text: object) -> None:
    assert Task(payload=text, compatibility=text).get_payload_dict() == {}  # type: ignore[arg-type]
    assert Task(payload=text, compatibility=text).get_compatibility_dict() == {}  # type: ignore[arg-type]
    assert Task(payload='{"a": 1}').get_payload_dict() == {"a": 1}
