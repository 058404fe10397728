"""Filters and sorts that no index serves: what comes first, what comes later, and what it costs."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from prismq_gui.insight import language_index, language_times, walking
from prismq_gui.insight.filters import TaskColumn, TaskFilter, TaskOrder
from prismq_gui.insight.language import parse
from prismq_gui.insight.messages import IdChunk
from prismq_gui.insight.reader import QueueReader
from tests.helpers.files import make_foreign_queue, run_sql
from tests.insight.helping import reading, task_ids
from tests.insight.test_language_plans import is_walk, plans, watched

TASKS = 3_000
BEGAN = datetime(2025, 1, 1)


@pytest.fixture(scope="module")
def minutes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task a minute, in the order of ids but for some, as after an import."""
    path = make_foreign_queue(tmp_path_factory.mktemp("minutes") / "q.db", tasks=TASKS, type="mail")
    run_sql(path, "UPDATE task_queue SET created_at_utc = datetime('2025-01-01', '+' || id || ' minutes')")
    run_sql(path, "UPDATE task_queue SET created_at_utc = '2025-01-01T00:00:30Z' WHERE id IN (2990, 2950)")
    run_sql(path, "UPDATE task_queue SET created_at_utc = '2025-12-31T23:00:30+00:00' WHERE id IN (3, 77)")
    run_sql(path, "UPDATE task_queue SET finished_at_utc = created_at_utc WHERE id % 3")
    run_sql(path, "UPDATE task_queue SET status = 'completed' WHERE id % 100")
    return path


def soon(reader: QueueReader, text: str, order: TaskOrder | None = None) -> tuple[list[int], list[IdChunk]]:
    """Return the list as a window has it in the end, and the chunks that made it."""
    chunks = list(reader.scan_tasks(TaskFilter(query=parse(text)), order or TaskOrder(), soon=True))
    found: list[int] = []
    for chunk in chunks:
        found = [*chunk.ids, *found] if chunk.above else [*found, *chunk.ids]
    progress = [chunk.progress for chunk in chunks]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    return found, chunks


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize(("sign", "minute"), [("<", 400), (">", 2_500), ("<", 2), (">", 9_000)])
def test_what_is_asked_by_time_is_looked_for_where_it_begins(
    minutes: Path, monkeypatch: pytest.MonkeyPatch, sign: str, minute: int, descending: bool
) -> None:
    monkeypatch.setattr(language_times, "WORTH", 500)
    monkeypatch.setattr(language_times, "MARGIN", 10)
    order = TaskOrder(TaskColumn.ID, descending)
    text = f"created{sign}{(BEGAN + timedelta(minutes=minute)).isoformat(timespec='minutes')}Z"
    with reading(minutes) as reader:
        plain = task_ids(reader, TaskFilter(query=parse(text)), order)
        with watched(reader) as seen:
            found, chunks = soon(reader, text, order)
    assert found == plain
    assert len(plain) in (399, 500, 3, 2)
    if len(plain) > 4 and descending == (sign == "<"):  # what matches is at the other end
        assert len(chunks[0].ids) > 300, "the first statement finds what a walk from the end finds last"
        assert [list(chunk.ids) for chunk in chunks if chunk.above and chunk.ids], (
            "and what stands out of order comes above it"
        )
    assert len(seen) < 60


def test_a_sort_tells_what_leads_before_all_is_read(minutes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "TARGET_S", 0.0)  # the shortest statements, so that there are many
    order = TaskOrder(TaskColumn.FINISHED, descending=True)
    with reading(minutes) as reader:
        found, chunks = soon(reader, "priority:100", order)
        assert found == task_ids(reader, TaskFilter(query=parse("priority:100")), order)
    told = [list(chunk.leading) for chunk in chunks if chunk.leading]
    assert len(told) > 2
    assert all(not chunk.ids for chunk in chunks if chunk.leading is not None)
    assert told[-1] == found[: len(told[-1])], "in the end what led is what is first"
    assert told[0] == sorted(told[0], key=found.index), "and at any time it is in order"
    assert found[0] == 77
    assert 77 not in told[0], "which was out of order and is read late"


def test_a_walk_over_wide_gaps_takes_few_statements(tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", tasks=900, type="mail")
    run_sql(path, f"UPDATE task_queue SET id = id + {2**62} WHERE id > 300")
    run_sql(path, f"UPDATE task_queue SET id = id * {2**40} WHERE id BETWEEN 200 AND 300")
    with reading(path) as reader, watched(reader) as seen:
        assert len(task_ids(reader, TaskFilter(query=parse("priority:100")))) == 900
    assert len(seen) < 250


@pytest.mark.parametrize("descending", [True, False])
def test_more_hits_than_one_statement_may_return_are_all_found(
    minutes: Path, monkeypatch: pytest.MonkeyPatch, descending: bool
) -> None:
    monkeypatch.setattr(walking, "MAX_CHUNK", 7)
    with reading(minutes) as reader:
        found = task_ids(reader, TaskFilter(query=parse("priority:100 id<=100")), TaskOrder(descending=descending))
    assert found == list(range(100, 0, -1) if descending else range(1, 101))


def test_a_stretch_that_takes_too_long_is_read_in_shorter_ones(minutes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "LIMIT_S", -1.0)  # every statement that has a limit is over it
    with reading(minutes) as reader:
        assert len(task_ids(reader, TaskFilter(query=parse("priority:100")))) == TASKS


def test_where_an_index_leaves_most_tasks_they_are_walked_over(minutes: Path) -> None:
    for text, walks in (("status:completed attempts:0", True), ("status:queued attempts:0", False)):
        with reading(minutes) as reader, watched(reader) as seen:
            assert len(task_ids(reader, TaskFilter(query=parse(text)))) == (2_970 if walks else 30)
        steps = [step for step in plans(minutes, [sql for sql in seen if "attempts" in sql]) if is_walk(step)]
        assert bool(steps) is walks


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize(
    ("text", "found", "walks"),
    [
        ("priority<9", [30, 60, 2_991], False),
        ("priority:7,8 attempts:0", [30, 60, 2_991], False),
        ("priority>7 priority<9", [60], False),
        ("status:completed priority<9.5", [30, 60, 2_991], False),
        ("priority>=100 -priority:100", [77], True),  # far more than one have that
        ("priority<9 or id:77", [30, 60, 77, 2_991], True),
        ("-priority>7", [5, 30, 2_991], True),
    ],
)
def test_few_tasks_of_a_priority_are_found_by_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, found: list[int], walks: bool, descending: bool
) -> None:
    monkeypatch.setattr(language_index, "MOST", 50)
    path = make_foreign_queue(tmp_path / "q.db", tasks=TASKS, type="mail")
    run_sql(path, "UPDATE task_queue SET priority = 7, status = 'completed' WHERE id IN (30, 2991)")
    run_sql(path, "UPDATE task_queue SET priority = 8, status = 'completed' WHERE id = 60")
    run_sql(path, "UPDATE task_queue SET priority = 'high' WHERE id = 5")
    run_sql(path, "UPDATE task_queue SET priority = 101 WHERE id = 77")
    with reading(path) as reader, watched(reader) as seen:
        assert task_ids(reader, TaskFilter(query=parse(text)), TaskOrder(descending=descending)) == sorted(
            found, reverse=descending
        )
        by_time = task_ids(reader, TaskFilter(query=parse(text)), TaskOrder(TaskColumn.CREATED, descending))
        assert sorted(by_time) == found
    steps = [step for step in plans(path, [sql for sql in seen if "BETWEEN" in sql]) if is_walk(step)]
    assert bool(steps) is walks
