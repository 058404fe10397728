"""Scans over log lines, oldest first: by walk, or by the index of one task's lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.everything import as_int, count_logs
from prismq_gui.insight.filters import Condition, LogFilter, checked_text, where
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import IdChunk
from prismq_gui.insight.walking import MAX_CHUNK, Bounds, Pace, Walk, as_span, read_bounds, walk_all

if TYPE_CHECKING:
    from prismq_gui.insight.language_choice import Choice
    from prismq_gui.insight.language_nodes import Query

_MAX_TASKS = 64  # whose lines are read by their index, a seek each
_FEW = 16_384  # lines; so many are counted in a millisecond
_SAMPLES, _SAMPLE = 24, 64  # stretches of lines looked at before all are taken to be there; two pages each


def scan_logs(
    connection: ReadConnection, layout: Layout, wanted: LogFilter, *, again: bool = False
) -> Iterator[IdChunk]:
    """Yield the ids of the matching log lines, ascending; the last chunk, and only it, is done.

    ``again``: the lines are shown already, so that they may be counted in short statements, which takes longer.
    """
    wanted = replace(wanted, text=checked_text(wanted.text))
    bounds = read_bounds(connection, "task_logs", "log_id") if layout.logs else None
    if bounds is None:
        yield IdChunk(progress=1.0, done=True)
        return
    pace = Pace()
    tasks = _tasks(wanted)
    narrowed = _narrowed(wanted, bounds)
    if wanted.is_empty:
        yield from _all(connection, bounds, in_steps=again and layout.has_log_index)
    elif narrowed is None:
        pass
    elif tasks is not None and len(tasks) <= _MAX_TASKS and layout.has_log_index:
        yield from _of_tasks(connection, layout, wanted, narrowed, tasks)
    else:
        yield from _walked(connection, layout, wanted, narrowed, pace)
    yield IdChunk(progress=1.0, done=True)


def all_at_once(connection: ReadConnection, layout: Layout) -> Iterator[IdChunk]:
    """Yield the ids of all lines for somebody who waits: where samples show no gap, as one range without a count.

    To count 50 million lines takes 2 s in one statement, in which the log beside eight writers grew by 60 MB, and
    many seconds in short ones. A gap that no sample met is found by ``scan_logs(again=True)``, which is to follow.
    """
    bounds = read_bounds(connection, "task_logs", "log_id") if layout.logs else None
    if bounds is not None and bounds.high - bounds.low >= _FEW:
        if _seems_whole(connection, bounds):
            yield IdChunk(range(bounds.low, bounds.high + 1), 1.0)
        else:
            for span, progress in walk_all(connection, "task_logs", "log_id", bounds, descending=False, pace=Pace()):
                yield IdChunk(span, progress)
    elif bounds is not None:
        yield from _all(connection, bounds, in_steps=False)
    yield IdChunk(progress=1.0, done=True)


def _seems_whole(connection: ReadConnection, bounds: Bounds) -> bool:
    sql = "SELECT count(*) FROM task_logs WHERE log_id BETWEEN ? AND ?"
    room = bounds.high - bounds.low + 1 - _SAMPLE
    for number in range(_SAMPLES):
        low = bounds.low + room * number // (_SAMPLES - 1)
        if connection.value(sql, (low, low + _SAMPLE - 1), doing="look at the ids") != _SAMPLE:
            return False
    return True


def _all(connection: ReadConnection, bounds: Bounds, *, in_steps: bool) -> Iterator[IdChunk]:
    if in_steps:
        count = 0
        for part in count_logs(connection, bounds.high):
            count += part
            yield IdChunk()
    else:
        # In one statement: a line added between two would look like a gap.
        columns = "(SELECT min(log_id) FROM task_logs), (SELECT max(log_id) FROM task_logs)"
        sql = f"SELECT {columns}, (SELECT count(*) FROM task_logs)"
        low, high, count = (as_int(cell) for cell in connection.rows(sql, doing="count the log lines")[0])
        bounds = Bounds(low, high)
    if count == bounds.high - bounds.low + 1:
        yield IdChunk(range(bounds.low, bounds.high + 1), 1.0)
        return
    for span, progress in walk_all(connection, "task_logs", "log_id", bounds, descending=False, pace=Pace()):
        yield IdChunk(span, progress)


def _walked(
    connection: ReadConnection, layout: Layout, wanted: LogFilter, bounds: Bounds, pace: Pace
) -> Iterator[IdChunk]:
    condition = where(wanted, layout.logs)
    narrow = where(wanted, layout.logs, leave_out=("message", "details"))
    walk = Walk("task_logs", "log_id", bounds, False, condition, narrow)
    for rows, progress in walk.steps(connection, pace):
        yield IdChunk(as_span([row[0] for row in rows if isinstance(row[0], int)]), progress)


def _tasks(wanted: LogFilter) -> tuple[int, ...] | None:
    """Return the tasks whose lines are wanted, None where those of any are."""
    named = None if wanted.query is None else _choice(wanted.query).tasks()
    if wanted.task_id is None:
        return named
    return (wanted.task_id,) if named is None or wanted.task_id in named else ()


def _narrowed(wanted: LogFilter, bounds: Bounds) -> Bounds | None:
    return bounds if wanted.query is None else _choice(wanted.query).narrowed(bounds)


def _choice(query: Query) -> Choice:
    from prismq_gui.insight.language_choice import Choice  # noqa: PLC0415 - only where there is a query

    return Choice(query)


def _of_tasks(
    connection: ReadConnection, layout: Layout, wanted: LogFilter, bounds: Bounds, tasks: tuple[int, ...]
) -> Iterator[IdChunk]:
    """Read by the tasks' index; the plus keeps SQLite from walking all lines by their id instead."""
    if not tasks:
        return
    rest: Condition = where(replace(wanted, task_id=None), layout.logs)
    sql = (
        f"SELECT log_id FROM task_logs INDEXED BY ix_logs_task WHERE task_id IN ({', '.join('?' * len(tasks))}) "
        f"AND +log_id BETWEEN ? AND ? AND {rest.sql} ORDER BY +log_id LIMIT ?"
    )
    low = bounds.low
    while low <= bounds.high:
        params = (*tasks, low, bounds.high, *rest.params, MAX_CHUNK)
        ids = [row[0] for row in connection.rows(sql, params, doing="search the log") if isinstance(row[0], int)]
        if not ids:
            return
        low = ids[-1] + 1
        yield IdChunk(as_span(ids), (low - bounds.low) / (bounds.high - bounds.low + 1))
