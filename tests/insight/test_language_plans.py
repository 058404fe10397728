"""An index serves what a filter says of status, type, id and task: as SQLite's own plans tell it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from prismq_gui.insight.filters import LogFilter, TaskColumn, TaskFilter, TaskOrder
from prismq_gui.insight.language import Table, parse
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.signature_sql import teach_signature
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import log_ids, reading, task_ids


@contextmanager
def watched(reader: QueueReader) -> Iterator[list[str]]:
    """Collect the statements that a reader runs."""
    seen: list[str] = []
    reader._connection._connection.set_trace_callback(seen.append)
    try:
        yield seen
    finally:
        reader._connection._connection.set_trace_callback(None)


def plans(path: Path, statements: list[str]) -> set[str]:
    """Return the steps of all plans, as SQLite tells them."""
    with closing(sqlite3.connect(path)) as connection:
        teach_signature(connection)
        return {
            row[3]
            for sql in set(statements)
            if sql.startswith("SELECT")
            for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")
        }


def is_walk(step: str) -> bool:
    """Whether a step goes over rows of a table without an index that chooses them."""
    by_range = "rowid>" in step or "rowid<" in step
    return "INDEX ix_" not in step and (by_range or (step.startswith("SCAN") and "task_" in step))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20,000 tasks, of which 20 failed, and 20,000 log lines of 2,000 tasks; analysed, so that SQLite knows."""
    path = make_foreign_queue(tmp_path_factory.mktemp("large") / "q.db", tasks=20_000, type="mail")
    run_sql(path, "UPDATE task_queue SET status = 'failed' WHERE id % 1000 = 7")
    run_sql(path, "UPDATE task_queue SET type = 'video.cut' WHERE id % 1000 = 8")
    run_sql(path, "INSERT INTO task_logs (task_id, level, message) SELECT 1 + id % 2000, 'INFO', 'm' FROM task_queue")
    run_sql(path, "ANALYZE")
    return path


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("status:failed", 20),
        ("status:fail*", 20),
        ("status=failed m", 20),
        ("type:video*", 20),
        ("-type:mail", 20),
        ("type:VIDEO.cut attempts=0", 20),
        ("status:failed or type:video*", 40),
        ("(status:failed or type:video*) payload.n>10000", 20),
        ("id=7", 1),
        ("id:7,15000 status:failed", 1),
        ("status:nothing", 0),
        ('signature="(no error text)"', 20),
        ("type:mail cause:*timeout*", 0),
    ],
)
@pytest.mark.parametrize("column", [TaskColumn.ID, TaskColumn.STATUS, TaskColumn.PRIORITY])
def test_an_index_serves_status_type_and_id(large: Path, text: str, count: int, column: TaskColumn) -> None:
    with reading(large) as reader, watched(reader) as seen:
        assert len(task_ids(reader, TaskFilter(query=parse(text)), TaskOrder(column))) == count
    assert not [step for step in plans(large, seen) if is_walk(step)]
    assert len(seen) < 120


def test_a_range_of_ids_is_all_that_is_walked(large: Path) -> None:
    with reading(large) as reader, watched(reader) as seen:
        assert len(task_ids(reader, TaskFilter(query=parse("id:100..199 priority:100")))) == 100
    walks = [sql for sql in seen if "BETWEEN" in sql]
    assert walks
    assert all(re.search(r"BETWEEN 1\d\d AND 1\d\d\b", sql) for sql in walks)


def test_an_index_serves_the_lines_of_tasks(large: Path) -> None:
    with reading(large) as reader, watched(reader) as seen:
        assert len(log_ids(reader, LogFilter(query=parse("task:5,7 level:info", Table.LOGS)))) == 20
    assert not [step for step in plans(large, seen) if is_walk(step)]


def test_the_watch_sees_a_walk_where_there_is_one(large: Path) -> None:
    with reading(large) as reader, watched(reader) as seen:
        task_ids(reader, TaskFilter(query=parse("error:nothing")))
    assert [step for step in plans(large, seen) if is_walk(step)]
