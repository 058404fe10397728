"""Figures of a queue, read from its file: depth, oldest waiting, throughput, success, retries, times, workers.

Reads only, in short statements, each fetched whole before the next, so that no snapshot is held between two.
Where an answer would need a walk over all tasks it stops at a limit, and the result says so. Costs stand in
each docstring, measured with 1,000,000 tasks (300-byte payloads, 20 types, SQLite 3.40) on one core of a small server.

A source is a :class:`~prismq_gui.queue.database.QueueDatabase`, an ``sqlite3.Connection`` (open it with
``mode=ro`` to be sure that nothing is written), or anything with ``rows(sql, params)``.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from prismq_gui.queue import metrics_reading as reading
from prismq_gui.queue.metrics_reading import Source, SupportsRows
from prismq_gui.queue.metrics_records import (
    Depth,
    DepthEntry,
    FinishedSample,
    FinishedTask,
    OldestWaiting,
    Percentiles,
    Retries,
    Throughput,
    WorkerActivity,
    Workers,
)  # fmt: skip
from prismq_gui.queue.timestamps import now_utc
from prismq_gui.queue.transitions import TERMINAL

__all__ = [
    "Depth", "DepthEntry", "FinishedSample", "FinishedTask", "OldestWaiting", "Percentiles", "Retries", "Source",
    "SupportsRows", "Throughput", "WorkerActivity", "Workers", "depth", "finished_sample", "oldest_waiting",
    "percentiles", "retries", "running_times", "success_rate", "throughput", "waiting_times", "workers",
]  # fmt: skip

SILENT_AFTER = timedelta(minutes=2)
SAMPLE = 10_000
MAX_WORKERS = 1_000
# A cell is read as its bytes: text that is not UTF-8 would fail the whole statement. Some programs mark cancelled
# tasks failed, with this in the error.
_FINISHED = f"""
SELECT id, CAST(substr(type, 1, {reading.NAME_CHARACTERS}) AS BLOB),
  CASE WHEN status = 'failed' AND error_message LIKE 'cancelled by%' THEN 'cancelled' ELSE status END,
  CASE WHEN typeof(attempts) = 'integer' THEN attempts ELSE 0 END,
  CAST(created_at_utc AS BLOB), CAST(run_after_utc AS BLOB),
  CAST(coalesce(processing_started_utc, reserved_at_utc) AS BLOB), CAST(finished_at_utc AS BLOB)
FROM task_queue"""


def depth(source: Source) -> Depth:
    """Count the tasks by type and status.

    Cost: 100 ms at 1 M tasks, growing with their number; statements of at most 100,000 index entries (3 ms) each.
    Without the index ix_task_type_status it is one walk over the whole table.
    """
    run = reading.runner(source)
    pairs = reading.pairs(run) if reading.has_index(run, "ix_task_type_status") else None
    if pairs is None:
        rows = run(
            "SELECT typeof(type), CAST(type AS BLOB), typeof(status), CAST(status AS BLOB), count(*) "
            f"FROM task_queue GROUP BY type, status LIMIT {reading.MAX_KINDS + 1}", ()
        )  # fmt: skip
        entries = [
            DepthEntry(reading.Name(*row[:2]).text, reading.Name(*row[2:4]).text, row[4])
            for row in rows[: reading.MAX_KINDS]
        ]
        return Depth(tuple(entries), len(rows) <= reading.MAX_KINDS)
    entries = [
        DepthEntry(kind.text, status.text, reading.count(run, kind, status))
        for kind, status in pairs[: reading.MAX_KINDS]
    ]
    return Depth(tuple(entry for entry in entries if entry.count), len(pairs) <= reading.MAX_KINDS)


def oldest_waiting(source: Source, now: datetime | None = None) -> OldestWaiting | None:
    """Return the queued task that is due for longest, None where none is due.

    Both written forms of a time are compared as moments (one with an offset other than UTC by its written date).

    Cost: 0.05 ms for each priority in use, whatever the number of tasks (at most 1,000 priorities). Without the index
    ix_task_status_prio_time the 10,000 oldest waiting tasks by id alone are compared.
    """
    run, now = reading.runner(source), now or now_utc()
    if not reading.has_index(run, "ix_task_status_prio_time"):
        rows = run(reading.WAITING + f" ORDER BY id LIMIT {SAMPLE + 1}", ())
        return _oldest(rows[:SAMPLE], now, complete=len(rows) <= SAMPLE)
    candidates: list[Any] = []
    priorities = reading.priorities(run)
    complete = len(priorities) <= reading.MAX_KINDS
    for priority in priorities[: reading.MAX_KINDS]:
        found, whole = reading.first_of_priority(run, priority)
        candidates += found
        complete = complete and whole
    return _oldest(candidates, now, complete=complete)


def finished_sample(source: Source, limit: int = SAMPLE) -> FinishedSample:
    """Read the newest ``limit`` finished tasks by id: what the rates and percentiles below are computed from.

    By id, since no index has the time of finishing: a task that was enqueued long ago and finished just now is in it
    only while fewer than ``limit`` tasks enqueued after it have finished.

    Cost: 145 ms for 10,000 tasks, whatever the number of tasks; statements of at most 500 rows (1 ms) each.
    Without the index ix_task_type_status the newest tasks are walked in turn, at most 10 times ``limit``.
    """
    found = FinishedSample((), cut=False)
    for found in finished_sample_steps(source, limit):  # noqa: B007 - the last one is the whole
        pass
    return found


def finished_sample_steps(source: Source, limit: int = SAMPLE) -> Iterator[FinishedSample]:
    """Read the same in steps of about 8 ms; yield what there is after each. Only the last says truly if it is cut."""
    run = reading.runner(source)
    pairs = reading.pairs(run) if reading.has_index(run, "ix_task_type_status") else None
    if pairs is None:
        marks = ", ".join("?" * len(TERMINAL))
        sql = f"SELECT id FROM (SELECT id, status FROM task_queue ORDER BY id DESC LIMIT ?) WHERE status IN ({marks})"
        ids = [row[0] for row in run(sql, (limit * 10, *TERMINAL))]
        newest = ids[:limit]
        cut = len(ids) > limit or bool(run("SELECT 1 FROM task_queue LIMIT 1 OFFSET ?", (limit * 10,)))
    else:
        over = [pair for pair in pairs[: reading.MAX_KINDS] if pair[1].text in TERMINAL]
        merged = heapq.merge(*(reading.ids_down(run, kind, status) for kind, status in over), reverse=True)
        newest = [task_id for _, task_id in zip(range(limit), merged, strict=False)]
        cut = next(merged, None) is not None or len(pairs) > reading.MAX_KINDS
    tasks: list[FinishedTask] = []
    for at in range(0, len(newest), reading.ROWS_A_STATEMENT):
        part = newest[at : at + reading.ROWS_A_STATEMENT]
        sql = f"{_FINISHED} WHERE id IN ({', '.join('?' * len(part))}) ORDER BY id DESC"
        tasks += [_finished(row) for row in run(sql, part) if row[2] in TERMINAL]
        yield FinishedSample(tuple(tasks), cut)
    if not newest:
        yield FinishedSample((), cut)


def throughput(sample: FinishedSample, window: timedelta, now: datetime | None = None) -> Throughput:
    """Count what ended within a window up to now (times in the future count as now). Cost: 2 ms for 10,000 tasks.

    Raises:
        ValueError: The window is not positive.
    """
    if window <= timedelta(0):
        raise ValueError(f"window must be a positive span of time, not {window}")
    now = now or now_utc()
    ended = [(task.status, task.finished_utc) for task in sample.tasks if task.finished_utc is not None]
    within = [(status, moment) for status, moment in ended if now - moment <= window]
    covered_s = window.total_seconds()
    if sample.cut and within and len(within) == len(ended):
        covered_s = min(covered_s, max((now - min(moment for _, moment in within)).total_seconds(), 1e-3))
    counts = Counter(status for status, _ in within)
    failed = counts["failed"] + counts["dead_letter"]
    return Throughput(counts["completed"], failed, counts["cancelled"], covered_s, sample.cut)


def success_rate(sample: FinishedSample) -> float | None:
    """Return the share of the finished that completed, from 0 to 1; None where none did or failed.

    Cancelled tasks count for neither. Cost: 1 ms for 10,000 tasks.
    """
    counts = Counter(task.status for task in sample.tasks)
    over = counts["completed"] + counts["failed"] + counts["dead_letter"]
    return counts["completed"] / over if over else None


def retries(sample: FinishedSample) -> Retries:
    """Return how many of the finished needed more than one attempt. Cost: 1 ms for 10,000 tasks.

    Attempts before an operator queued a task again are not known: they start at 0 then.
    """
    extra = [task.attempts - 1 for task in sample.tasks if task.attempts > 1]
    return Retries(len(sample.tasks), len(extra), sum(extra))


def waiting_times(sample: FinishedSample, type: str | None = None) -> Percentiles | None:
    """Return how long tasks (of one type) waited from being due to their last start; None where no time is known.

    Cost: 2 ms for 10,000 tasks.
    """
    return percentiles(task.waited_s for task in sample.tasks if type is None or task.type == type)


def running_times(sample: FinishedSample, type: str | None = None) -> Percentiles | None:
    """Return how long the last attempt of tasks (of one type) ran; None where no time is known.

    Cost: 2 ms for 10,000 tasks.
    """
    return percentiles(task.ran_s for task in sample.tasks if type is None or task.type == type)


def percentiles(seconds: Iterable[float | None]) -> Percentiles | None:
    """Return p50, p95 and p99 by nearest rank, None where there is no value. Pure; cost: a sort."""
    known = sorted(value for value in seconds if value is not None)
    if not known:
        return None
    p50, p95, p99 = (known[math.ceil(len(known) * share / 100) - 1] for share in (50, 95, 99))
    return Percentiles(len(known), p50, p95, p99, known[-1])


def workers(source: Source, now: datetime | None = None, silent_after: timedelta = SILENT_AFTER) -> Workers:
    """Return the workers, those included that only a running task names, with what they hold.

    Cost: 0.2 ms for 20 workers that hold 20 tasks, whatever the number of tasks; at most 1,000 workers and 10,000
    running tasks of a status are read (80 ms).
    """
    run, now = reading.runner(source), now or now_utc()
    held, complete = reading.held(run)
    rows = run(
        "SELECT typeof(worker_id), CAST(worker_id AS BLOB), CAST(heartbeat_utc AS BLOB) FROM workers "
        "ORDER BY worker_id LIMIT ?", (MAX_WORKERS + 1,)
    )  # fmt: skip
    found = []
    for kind, name, heartbeat in rows[:MAX_WORKERS]:
        beat, worker_id = reading.moment(heartbeat), reading.Name(kind, name).text
        silent = beat is None or now - beat > silent_after
        found.append(WorkerActivity(worker_id, beat, silent, held.pop(worker_id, 0)))
    if len(rows) <= MAX_WORKERS:
        found += [WorkerActivity(name, None, True, held[name], registered=False) for name in sorted(held)]
    return Workers(tuple(found), complete and len(rows) <= MAX_WORKERS)


def _oldest(rows: Iterable[Any], now: datetime, *, complete: bool) -> OldestWaiting | None:
    due = [
        (moment, task_id) for task_id, cell in rows if (moment := reading.moment(cell)) is not None and moment <= now
    ]
    if not due:
        return None
    moment, task_id = min(due)
    return OldestWaiting(task_id, moment, (now - moment).total_seconds(), complete)


def _finished(row: Any) -> FinishedTask:  # noqa: ANN401 (a row)
    task_id, kind, status, attempts, created, run_after, started, finished = row
    begun, ended, due = reading.moment(started), reading.moment(finished), reading.moment(run_after)
    made = reading.moment(created)
    ready = max(due, made) if due is not None and made is not None else due or made
    return FinishedTask(
        task_id, reading.Name("text", kind).text, status, attempts, ended, _span(ready, begun), _span(begun, ended)
    )


def _span(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None or end < start:
        return None
    return (end - start).total_seconds()
