"""The whole list: right with gaps anywhere, in both directions, and quick to its first rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from prismq_gui.insight.everything import FIRST_WINDOW
from prismq_gui.insight.filters import LogFilter, TaskFilter, TaskOrder
from prismq_gui.insight.log_scan import all_at_once
from prismq_gui.insight.messages import IdChunk
from prismq_gui.insight.reader import QueueReader
from tests.helpers.files import make_foreign_queue, run_sql

COUNT = 10_000
GAPS = {1, 2, 777, 5_000, 5_001, 9_999}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = make_foreign_queue(tmp_path / "q.db", COUNT)
    for status, rest in (("completed", 0), ("failed", 1)):
        run_sql(made, f"UPDATE task_queue SET status = '{status}' WHERE id % 3 = {rest}")
    run_sql(made, "UPDATE task_queue SET type = 'video' WHERE id % 7 = 0")
    return made


def chunks(path: Path, *, descending: bool) -> list[IdChunk]:
    reader = QueueReader(path)
    reader.open()
    try:
        return list(reader.scan_tasks(TaskFilter(), TaskOrder(descending=descending)))
    finally:
        reader.close()


def flat(found: list[IdChunk]) -> list[int]:
    return [each for chunk in found for each in chunk.ids]


@pytest.mark.parametrize("descending", [False, True])
def test_every_task_comes_once_and_in_order_whatever_was_deleted(path: Path, descending: bool):
    run_sql(path, f"DELETE FROM task_queue WHERE id IN ({', '.join(map(str, GAPS))})")
    found = chunks(path, descending=descending)
    expected = [each for each in range(1, COUNT + 1) if each not in GAPS]
    assert flat(found) == (expected[::-1] if descending else expected)
    assert [chunk.progress for chunk in found] == sorted(chunk.progress for chunk in found)
    assert found[-1].done


def test_a_large_empty_stretch_is_passed_over(path: Path):
    run_sql(path, "DELETE FROM task_queue WHERE id BETWEEN 100 AND 9900")
    assert flat(chunks(path, descending=True)) == [*range(COUNT, 9_900, -1), *range(99, 0, -1)]


def test_the_first_rows_do_not_wait_for_the_whole_table(path: Path):
    first = chunks(path, descending=True)[0]
    assert first.ids == range(COUNT, COUNT - FIRST_WINDOW, -1)


def test_more_types_than_one_statement_can_count_are_walked(path: Path):
    run_sql(path, "UPDATE task_queue SET type = 'type ' || id WHERE id < 400")
    assert flat(chunks(path, descending=False)) == list(range(1, COUNT + 1))


def log_ids(path: Path, *, again: bool) -> list[int]:
    reader = QueueReader(path)
    reader.open()
    try:
        return flat(list(reader.scan_logs(LogFilter(), again=again)))
    finally:
        reader.close()


LINES = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
INSERT INTO task_logs (task_id, level, message) SELECT {task}, 'INFO', 'line' FROM n"""


@pytest.mark.parametrize("again", [False, True])
def test_every_log_line_comes_once_with_and_without_gaps(path: Path, again: bool):
    run_sql(path, LINES.format(count=3_000, task="1 + i % 900"))
    run_sql(path, LINES.format(count=5_000, task="77"))  # one task with many lines
    assert log_ids(path, again=again) == list(range(1, 8_001))
    run_sql(path, "DELETE FROM task_logs WHERE log_id IN (1, 4000, 8000)")
    assert log_ids(path, again=again) == [each for each in range(2, 8_000) if each != 4_000]


def at_once(path: Path) -> list[IdChunk]:
    reader = QueueReader(path)
    reader.open()
    try:
        return list(reader.ask(all_at_once))
    finally:
        reader.close()


@pytest.mark.parametrize("count", [3_000, 40_000])
def test_whoever_waits_gets_all_lines_at_once(path: Path, count: int):
    run_sql(path, LINES.format(count=count, task="1 + i % 900"))
    found = at_once(path)
    assert [chunk.ids for chunk in found if chunk.ids] == [range(1, count + 1)]
    assert found[-1].done


def test_a_gap_that_is_seen_at_a_glance_is_in_no_list(path: Path):
    run_sql(path, LINES.format(count=40_000, task="1 + i % 900"))
    run_sql(path, "DELETE FROM task_logs WHERE log_id BETWEEN 9000 AND 15000")
    assert flat(at_once(path)) == [*range(1, 9_000), *range(15_001, 40_001)]
