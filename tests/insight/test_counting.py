"""Counts of large statuses are made of short statements and are right."""

from pathlib import Path

import pytest

from prismq_gui.insight.counting import AT_ONCE
from prismq_gui.insight.reader import QueueReader
from tests.helpers.files import make_foreign_queue, run_sql

MANY = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
INSERT INTO task_queue (type, payload, status) SELECT {type}, '{{}}', {status} FROM n"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_foreign_queue(tmp_path / "q.db", 0)


def parts(path: Path, status: str) -> list[int]:
    reader = QueueReader(path)
    try:
        reader.open()
        reader.statuses()
        return list(reader.count_steps(status))
    finally:
        reader.close()


def fill(path: Path, count: int, status: str = "'completed'", type_sql: str = "'video'") -> None:
    run_sql(path, MANY.format(count=count, type=type_sql, status=status))


def test_a_few_tasks_are_one_statement(path: Path):
    fill(path, AT_ONCE)
    assert parts(path, "completed") == [AT_ONCE]


def test_many_tasks_are_counted_in_parts(path: Path):
    fill(path, 3 * AT_ONCE + 7)
    fill(path, AT_ONCE, type_sql="'type ' || (i % 9)")
    fill(path, 11, status="'queued'")
    found = parts(path, "completed")
    assert sum(found) == 4 * AT_ONCE + 7
    assert len(found) > 9


def test_a_status_that_is_no_text_is_counted(path: Path):
    fill(path, AT_ONCE + 1, status="x'00ff'")
    fill(path, 5, status="CAST(x'ff' AS TEXT)")
    assert sum(parts(path, "\x00\\xff")) == AT_ONCE + 1
    assert sum(parts(path, "\\xff")) == 5


def test_more_types_than_can_be_hopped_over_are_counted_at_once(path: Path):
    fill(path, AT_ONCE + 1, type_sql="'type ' || i")
    assert parts(path, "completed") == [AT_ONCE + 1]


def test_the_largest_id_there_can_be_ends_a_count(path: Path):
    fill(path, AT_ONCE)
    run_sql(
        path,
        "INSERT INTO task_queue (id, type, payload, status) VALUES (9223372036854775807, 'video', '{}', 'completed')",
    )
    assert sum(parts(path, "completed")) == AT_ONCE + 1
