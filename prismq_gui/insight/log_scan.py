"""Scans over log lines, oldest first: by walk, or by the index of one task's lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.filters import Condition, LogFilter, checked_text, where
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import IdChunk
from prismq_gui.insight.walking import MAX_CHUNK, Bounds, Pace, Walk, as_span, read_bounds, walk_all


def scan_logs(connection: ReadConnection, layout: Layout, wanted: LogFilter) -> Iterator[IdChunk]:
    """Yield the ids of the matching log lines, ascending; the last chunk, and only it, is done."""
    wanted = replace(wanted, text=checked_text(wanted.text))
    bounds = read_bounds(connection, "task_logs", "log_id", counted=wanted.is_empty) if layout.logs else None
    if bounds is None:
        yield IdChunk(progress=1.0, done=True)
        return
    if wanted.is_empty and bounds.count == bounds.high - bounds.low + 1:
        yield IdChunk(range(bounds.low, bounds.high + 1), 1.0, True)
        return
    pace = Pace()
    if wanted.is_empty:
        for span, progress in walk_all(connection, "task_logs", "log_id", bounds, descending=False, pace=pace):
            yield IdChunk(span, progress)
    elif wanted.task_id is not None and layout.has_log_index:
        yield from _of_one_task(connection, layout, wanted, bounds)
    else:
        yield from _walked(connection, layout, wanted, bounds, pace)
    yield IdChunk(progress=1.0, done=True)


def _walked(
    connection: ReadConnection, layout: Layout, wanted: LogFilter, bounds: Bounds, pace: Pace
) -> Iterator[IdChunk]:
    condition = where(wanted, layout.logs)
    narrow = where(wanted, layout.logs, leave_out=("message", "details"))
    walk = Walk("task_logs", "log_id", bounds, False, condition, narrow)
    for rows, progress in walk.steps(connection, pace):
        yield IdChunk(as_span([row[0] for row in rows if isinstance(row[0], int)]), progress)


def _of_one_task(connection: ReadConnection, layout: Layout, wanted: LogFilter, bounds: Bounds) -> Iterator[IdChunk]:
    """Read by the task's index; the plus keeps SQLite from walking all lines by their id instead."""
    rest: Condition = where(replace(wanted, task_id=None), layout.logs)
    sql = (
        "SELECT log_id FROM task_logs INDEXED BY ix_logs_task "
        f"WHERE task_id = ? AND +log_id BETWEEN ? AND ? AND {rest.sql} ORDER BY +log_id LIMIT ?"
    )
    low = bounds.low
    while low <= bounds.high:
        params = (wanted.task_id, low, bounds.high, *rest.params, MAX_CHUNK)
        ids = [row[0] for row in connection.rows(sql, params, doing="search the log") if isinstance(row[0], int)]
        if not ids:
            return
        low = ids[-1] + 1
        yield IdChunk(as_span(ids), (low - bounds.low) / (bounds.high - bounds.low + 1))
