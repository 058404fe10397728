"""What arrived and ended in the past, minute by minute, read back from the timestamps of the tasks.

No index has the times, so nothing is searched by them: ids rise with the time of enqueueing, and so do those of log
lines. The newest tasks are walked downwards by id until they are older than wanted; that gives what arrived, and what
of it has ended. Tasks enqueued earlier that ended since are found by the log lines of that time, where a look at some
finished tasks shows that ends are logged at all. Owns that walk: short statements, bounded, to be resumed from a
:class:`Progress` that a caller keeps. What was deleted since is not seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.walking import Pace, padded
from prismq_gui.queue import metrics
from prismq_gui.queue.timestamps import parse_utc

MINUTE_S = 60
HORIZON_S = 48 * 3_600
MOST_TASKS = 2_000_000  # 9 µs of CPU each, 17 s in all, shared out over polls
MOST_LOGS = 2_000_000
_FIRST_CHUNK, _MOST_A_CHUNK = 256, 512  # rows; 2 to 5 ms
_IDS_A_STATEMENT = 256
_PROBES = 32
_PROBED_SHARE = 0.95
_SLACK_S = 5
_MAX_ID = 2**63 - 1
_EPOCH = datetime(1970, 1, 1)
_ENDED = {"completed": "completed", "failed": "failed", "dead_letter": "failed", "cancelled": "cancelled"}
_STATUS = "CASE WHEN status = 'failed' AND error_message LIKE 'cancelled by%' THEN 'cancelled' ELSE status END"


class Stage(Enum):
    """What is walked at present."""

    TASKS = "tasks"
    LOGS = "logs"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuilding is; times are seconds since 1970, and all of it fits into JSON.

    ``arrived_from_s`` and ``finished_from_s`` say from when on the counts are whole, None where they are not (yet).
    """

    top_s: int
    floor_s: int
    stage: Stage = Stage.TASKS
    next_id: int = _MAX_ID
    low_id: int = _MAX_ID
    tasks_read: int = 0
    top_log: int = _MAX_ID
    next_log: int = _MAX_ID
    logs_read: int = 0
    arrived_from_s: int | None = None
    finished_from_s: int | None = None


@dataclass(slots=True)
class Minute:
    """Counts of one minute."""

    arrived: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0

    def add(self, other: Minute) -> None:
        """Add another's counts."""
        self.arrived += other.arrived
        self.completed += other.completed
        self.failed += other.failed
        self.cancelled += other.cancelled

    @property
    def finished(self) -> int:
        """How many tasks left the queue's waiting and running ones."""
        return self.completed + self.failed + self.cancelled


@dataclass(frozen=True, slots=True)
class Step:
    """What a step found: counts to be added, by the minute's start; keep them and ``progress`` together."""

    minutes: dict[int, Minute]
    progress: Progress


def begin(now_s: float, horizon_s: float = HORIZON_S, not_before_s: float = 0) -> Progress:
    """Return a rebuilding that has not begun, of the time from the horizon (or later) up to now."""
    floor_s = max(now_s - horizon_s, not_before_s)
    return Progress(int(now_s), int(floor_s) // MINUTE_S * MINUTE_S)


def steps(
    connection: ReadConnection, layout: Layout, progress: Progress, *, most_tasks: int = MOST_TASKS,
    most_logs: int = MOST_LOGS,
) -> Iterator[Step]:  # fmt: skip
    """Go on with a rebuilding, a short statement or two a step.

    Raises:
        ProblemError: A statement failed; go on from the last step's progress.
    """
    if not {"created_at_utc", "finished_at_utc", "error_message"} <= layout.tasks:
        yield Step({}, replace(progress, stage=Stage.DONE))
        return
    pace = Pace(_FIRST_CHUNK, _MOST_A_CHUNK)
    while progress.stage is not Stage.DONE:
        if progress.stage is Stage.TASKS:
            step = _walk_tasks(connection, progress, pace, most_tasks)
            if step.progress.stage is Stage.LOGS and not _ends_are_logged(connection, layout):
                step = Step(step.minutes, replace(step.progress, stage=Stage.DONE))
        else:
            step = _walk_logs(connection, progress, pace, most_logs)
        progress = step.progress
        yield step


def _walk_tasks(connection: ReadConnection, at: Progress, pace: Pace, most: int) -> Step:
    sql = (
        f"SELECT id, created_at_utc, finished_at_utc, {_STATUS} FROM task_queue WHERE id <= ? ORDER BY id DESC LIMIT ?"
    )
    rows = pace.run(lambda size: connection.rows(sql, (at.next_id, size), doing="read back what arrived"))
    minutes: dict[int, Minute] = {}
    newest = -1
    for _, created, finished, status in rows:
        second = second_of(created)
        if second is not None:
            newest = max(newest, second)
            if at.floor_s <= second <= at.top_s:
                minutes.setdefault(second // MINUTE_S * MINUTE_S, Minute()).arrived += 1
        _count_end(minutes, at, finished, status)
    low = rows[-1][0] if rows else None
    if not isinstance(low, int) or low <= -_MAX_ID:
        return Step(minutes, replace(at, stage=Stage.DONE, arrived_from_s=at.floor_s, finished_from_s=at.floor_s))
    after = replace(at, next_id=low - 1, low_id=low, tasks_read=at.tasks_read + len(rows))
    if newest < at.floor_s:
        after = replace(after, stage=Stage.LOGS, arrived_from_s=at.floor_s)
    elif after.tasks_read >= most:
        known = [second for row in rows[-16:] if (second := second_of(row[1])) is not None]
        whole = _next_minute(max(known)) if known else None
        after = replace(after, stage=Stage.LOGS, arrived_from_s=whole)
    return Step(minutes, after)


def _walk_logs(connection: ReadConnection, at: Progress, pace: Pace, most: int) -> Step:
    sql = "SELECT log_id, task_id, at_utc FROM task_logs WHERE log_id <= ? ORDER BY log_id DESC LIMIT ?"
    rows = pace.run(lambda size: connection.rows(sql, (at.next_log, size), doing="read back what ended"))
    if not rows:
        return Step({}, replace(at, stage=Stage.DONE))
    high, low = rows[0][0], rows[-1][0]
    assert isinstance(high, int)
    assert isinstance(low, int)
    top_log = high if at.top_log == _MAX_ID else at.top_log
    minutes: dict[int, Minute] = {}
    ids = sorted({row[1] for row in rows if isinstance(row[1], int) and row[1] < at.low_id})
    for start in range(0, len(ids), _IDS_A_STATEMENT):
        for task in _last_logged(connection, ids[start : start + _IDS_A_STATEMENT], top_log):
            if isinstance(task[2], int) and low <= task[2] <= high:  # else another chunk counts it
                _count_end(minutes, at, task[0], task[1])
    times = [second for row in rows if (second := second_of(row[2])) is not None]
    after = replace(at, top_log=top_log, next_log=low - 1, logs_read=at.logs_read + len(rows))
    # From here on it is whole: the newest of the oldest lines, since threads may write theirs a little out of order.
    if low <= 1 or (times and max(times) < at.floor_s):
        after = replace(after, stage=Stage.DONE, finished_from_s=at.floor_s)
    elif times:
        reached = max(at.floor_s, _next_minute(max(second_of(row[2]) or 0 for row in rows[-16:])))
        after = replace(after, finished_from_s=reached)
        if after.logs_read >= most:
            after = replace(after, stage=Stage.DONE)
    return Step(minutes, after)


def _last_logged(connection: ReadConnection, ids: Sequence[int], top_log: int) -> list[Row]:
    """Return end, status and the last log line of tasks: each task has one, so that it is counted in one chunk."""
    params, marks = padded(ids)
    sql = (
        f"SELECT finished_at_utc, {_STATUS}, (SELECT log_id FROM task_logs INDEXED BY ix_logs_task "
        "WHERE task_id = task.id AND log_id <= ? ORDER BY at_utc DESC, log_id DESC LIMIT 1) "
        f"FROM task_queue AS task WHERE id IN ({marks})"
    )
    return connection.rows(sql, (top_log, *params), doing="read back what ended")


def _ends_are_logged(connection: ReadConnection, layout: Layout) -> bool:
    """Return whether the newest finished tasks have a log line of their end."""
    if not layout.has_log_index or not {"task_id", "at_utc"} <= layout.logs:
        return False
    sample = metrics.finished_sample(connection, _PROBES)
    recent = [(task.id, task.finished_utc) for task in sample.tasks if task.finished_utc is not None]
    sql = "SELECT at_utc FROM task_logs WHERE task_id = ? ORDER BY at_utc DESC LIMIT 1"
    logged = 0
    for task_id, finished in recent:
        written = parse_utc(connection.value(sql, (task_id,), doing="look whether ends are logged"))
        logged += written is not None and written >= finished - timedelta(seconds=_SLACK_S)
    return bool(recent) and logged >= math.ceil(len(recent) * _PROBED_SHARE)


def _count_end(minutes: dict[int, Minute], at: Progress, finished: Cell, status: Cell) -> None:
    what = _ENDED.get(status) if isinstance(status, str) else None
    second = second_of(finished) if what is not None else None
    if second is None or not at.floor_s <= second <= at.top_s:
        return
    minute = minutes.setdefault(second // MINUTE_S * MINUTE_S, Minute())
    if what == "completed":
        minute.completed += 1
    elif what == "failed":
        minute.failed += 1
    else:
        minute.cancelled += 1


def _next_minute(second: int) -> int:
    return (second // MINUTE_S + 1) * MINUTE_S


def second_of(cell: Cell) -> int | None:
    """Return the moment of a cell in whole seconds since 1970, None where it names none."""
    return _parsed(cell) if isinstance(cell, str) and len(cell) <= 64 else None


@lru_cache(maxsize=4_096)
def _parsed(text: str) -> int | None:
    # Tasks enqueued together share their second: of 200,000 rows all but a few thousand are found here.
    moment = parse_utc(text)
    return None if moment is None else int((moment - _EPOCH).total_seconds())
