"""Who ran what of late: runs of tasks by workers, from the newest log lines, the running tasks and the columns.

Owns the reading that lanes and workers' rates share. Bounded whatever the size of the file: the newest lines by id, at
most :data:`MOST_LINES`, the running tasks by status, the newest finished ones by id. What a bound left out is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.log_events import ENDS, Happening, LogEvent, event_sql, events_of
from prismq_gui.insight.messages import Cell, TaskRow
from prismq_gui.insight.names import shown
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.insight.rows import task_rows
from prismq_gui.insight.timeline_draft import SLACK
from prismq_gui.insight.timeline_records import END_OUTCOMES, STATUS_OUTCOMES, Outcome, Source
from prismq_gui.insight.walking import Pace
from prismq_gui.queue import metrics
from prismq_gui.queue.timestamps import parse_utc
from prismq_gui.queue.transitions import RUNNING

MOST_LINES = 20_000  # 0.2 s; a lane of ten minutes is whole up to 16 tasks a second of two lines each
MOST_RUNNING = 1_000  # of each status: 20 workers hold dozens
MOST_FINISHED = 1_000
_PAST_WINDOW = 256  # lines on end that are older than the window: clocks of workers differ by less than that
_OUTCOMES = {**END_OUTCOMES, Happening.ATTEMPT_FAILED: Outcome.RETRIED}


@dataclass(frozen=True, slots=True)
class Span:
    """One run of a task by a worker.

    Attributes:
        worker: '' where none is recorded.
        type: '' where the task is gone.
        start: Naive UTC, None where it began before what was read, or is not recorded.
        end: None while it runs, and where the end is not recorded (then the outcome is UNKNOWN).
        outcome: RUNNING while it is open.
        lease_until: When the lease of an open run ends, None where it is not readable, or the run is over.
        start_source: Where the start is known from; None without one.
        end_source: Likewise.
        is_inferred: Whether worker, end or outcome is concluded rather than written down.
    """

    worker: str
    task_id: int
    type: str
    start: datetime | None
    end: datetime | None
    outcome: Outcome
    attempt: int | None = None
    lease_until: datetime | None = None
    start_source: Source | None = None
    end_source: Source | None = None
    is_inferred: bool = False


@dataclass(frozen=True, slots=True)
class Activity:
    """What was found of a window that ends now.

    Attributes:
        spans: In the order of their beginnings, as far as known; those of running tasks whenever they began.
        since: The beginning of the window asked for, naive UTC.
        covered_from: Since when the log was read whole; later than ``since`` where there were too many lines.
        notes: What was left out or is not known.
        has_starts: Whether the log has lines of starts: without them the worker of a finished task is not known.
    """

    spans: tuple[Span, ...]
    since: datetime
    covered_from: datetime
    notes: tuple[str, ...]
    has_starts: bool


def read_activity(
    connection: ReadConnection, layout: Layout, now: datetime, window: timedelta, *, most_lines: int = MOST_LINES
) -> Activity:
    """Return the runs that were going on within a window up to now.

    Raises:
        ProblemError: The file cannot be read.
    """
    since = now - window
    lines = _read_lines(connection, layout, since, most_lines)
    runs, starts = _runs(lines.events)
    running, running_cut = _running_tasks(connection, layout)
    finished, doubt = _finished_tasks(connection, layout, now, since)
    ids = {run.task_id for run in runs} | set(running) | set(finished)
    rows = task_rows(connection, layout, sorted(ids))
    spans = [*_settled(runs, rows), *_from_columns(runs, rows, running, finished)]
    spans = [span for span in spans if is_within(span, since)]
    spans.sort(key=lambda span: (span.start or span.end or since, span.task_id))
    notes = [*_notes(lines, layout, running_cut, now), *doubt]
    ahead = sum((span.start or now) - now > SLACK for span in spans)
    if ahead:
        notes.append(f"{ahead:,} runs are dated in the future: clocks differ.")
    return Activity(tuple(spans), since, max(since, lines.covered_from or since), tuple(notes), starts)


def is_within(span: Span, since: datetime) -> bool:
    """Whether a run was going on at or after a moment; one that runs is."""
    if span.outcome is Outcome.RUNNING:
        return True
    last = span.end or span.start
    return last is not None and last >= since


def _notes(lines: _Lines, layout: Layout, running_cut: bool, now: datetime) -> Iterator[str]:
    if not layout.logs:
        yield "The file has no log: only running tasks and the newest finished ones are known."
    if lines.covered_from is not None:
        ago = (now - lines.covered_from).total_seconds()
        yield f"Only the newest {lines.count:,} log lines were read: whole for the last {max(0.0, ago):,.0f} s."
    if running_cut:
        yield f"Only {MOST_RUNNING:,} running tasks of each status were looked at."


# --- the log ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Lines:
    """Lines of starts and ends, oldest first; ``covered_from`` is set where the bound cut the window."""

    events: list[LogEvent]
    count: int = 0
    covered_from: datetime | None = None


def _read_lines(connection: ReadConnection, layout: Layout, since: datetime, most: int) -> _Lines:
    """Read the newest lines by id, back to a window's beginning or to the bound."""
    found = _Lines([])
    if not layout.logs or not {"task_id", "at_utc", "message"} <= layout.logs:
        return found
    sql = f"SELECT {event_sql(layout)} FROM task_logs WHERE log_id <= ? ORDER BY log_id DESC LIMIT ?"
    pace, last, old = Pace(256, 2_048), 2**63 - 1, 0
    oldest: datetime | None = None
    while old < _PAST_WINDOW:
        left = most - found.count
        if left <= 0:
            found.covered_from = oldest
            break
        asked = 0

        def read(size: int, last: int = last, left: int = left) -> list[Row]:
            nonlocal asked
            asked = min(size, left)
            return connection.rows(sql, (last, asked), doing="read the newest log lines")

        rows = pace.run(read)
        for event in events_of(rows):
            found.count += 1
            is_old = event.at is None or event.at < since
            old = old + 1 if is_old else 0
            oldest = event.at or oldest
            if event.happening is Happening.STARTED or event.happening in ENDS:
                found.events.append(event)
        if len(rows) < asked:
            break
        last = _before(rows[-1])
    found.events.reverse()
    return found


def _before(row: Row) -> int:
    assert isinstance(row[0], int)
    return row[0] - 1


def _runs(events: list[LogEvent]) -> tuple[list[Span], bool]:
    """Return the runs that lines tell, and whether there are lines of starts at all."""
    starts = any(event.sure for event in events if event.happening is Happening.STARTED)
    runs: list[Span] = []
    open_runs: dict[int, int] = {}
    seen_start = False
    for event in events:
        if not isinstance(event.task_id, int) or event.while_waiting:
            continue
        at = open_runs.get(event.task_id)
        if event.happening is Happening.STARTED:
            if starts and not event.sure:
                continue
            seen_start = True
            open_runs[event.task_id] = len(runs)
            runs.append(
                Span(
                    event.worker, event.task_id, "", event.at, None, Outcome.UNKNOWN, event.attempt,
                    start_source=Source.LOG, is_inferred=not event.sure,
                )
            )  # fmt: skip
        elif at is not None:
            runs[at] = _ended(runs[at], event)
            del open_runs[event.task_id]
        elif event.sure:
            open_run = Span(event.worker, event.task_id, "", None, None, Outcome.UNKNOWN, event.attempt)
            runs.append(_ended(open_run, event))
    return runs, seen_start


def _ended(run: Span, event: LogEvent) -> Span:
    end = event.at
    if end is not None and run.start is not None and end < run.start:
        end = run.start  # within the slack of whole seconds, or clocks differ: never backwards
    return replace(
        run, end=end, outcome=_OUTCOMES[event.happening], end_source=Source.LOG, worker=run.worker or event.worker,
        is_inferred=run.is_inferred or not event.sure or end is not event.at,
    )  # fmt: skip


# --- the columns --------------------------------------------------------------------------------


def _settled(runs: list[Span], rows: dict[int, TaskRow]) -> Iterator[Span]:
    """Complete the log's runs by the columns: types, ends that have no line, what runs still."""
    newest = {run.task_id: number for number, run in enumerate(runs)}
    for number, run in enumerate(runs):
        row = rows.get(run.task_id)
        if row is None:
            yield run
            continue
        run = replace(run, type=shown(row.type))  # noqa: PLW2901 - the same run, with its type
        if newest[run.task_id] == number:
            run = _completed(run, row)  # noqa: PLW2901
        yield run


def _completed(run: Span, row: TaskRow) -> Span:
    """Complete a task's newest run by what its columns tell of the last attempt."""
    started = parse_utc(row.processing_started_utc) or parse_utc(row.reserved_at_utc)
    if _is_other(run, started):
        return run
    if run.start is None and started is not None:
        run = replace(run, start=started, start_source=Source.COLUMN)
    holder = shown(row.locked_by)
    run = replace(run, worker=run.worker or holder)
    if run.end_source is not None:
        return run
    if row.status in RUNNING:
        return replace(run, outcome=Outcome.RUNNING, lease_until=parse_utc(row.lease_until_utc))
    outcome = STATUS_OUTCOMES.get(shown(row.status))
    end = parse_utc(row.finished_at_utc)
    if outcome is None or end is None or (run.start is not None and end < run.start - SLACK):
        return run
    return replace(run, end=max(end, run.start or end), outcome=outcome, end_source=Source.COLUMN, is_inferred=True)


def _is_other(run: Span, started: datetime | None) -> bool:
    """Whether the columns tell of a later run than the log's newest."""
    last = run.end if run.end_source is not None else run.start
    return started is not None and last is not None and started - last > SLACK


def _from_columns(
    runs: list[Span], rows: dict[int, TaskRow], running: list[int], finished: list[int]
) -> Iterator[Span]:
    """Yield the runs of tasks whose last attempt has no line among those read."""
    told = {run.task_id: run for run in runs}  # the newest of each
    for task_id in dict.fromkeys((*running, *finished)):
        row = rows.get(task_id)
        if row is None:
            continue
        run = told.get(task_id)
        started = parse_utc(row.processing_started_utc) or parse_utc(row.reserved_at_utc)
        is_told = run is not None and (row.status not in RUNNING or run.end_source is None)
        if is_told and run is not None and not _is_other(run, started):
            continue
        holder = shown(row.locked_by)
        source = Source.COLUMN if started is not None else None
        if row.status in RUNNING:
            yield Span(
                holder, task_id, shown(row.type), started, None, Outcome.RUNNING, _number(row.attempts),
                parse_utc(row.lease_until_utc), source,
            )  # fmt: skip
            continue
        outcome, end = STATUS_OUTCOMES.get(shown(row.status)), parse_utc(row.finished_at_utc)
        if outcome is not None and end is not None and started is not None:
            yield Span(
                holder, task_id, shown(row.type), started, max(end, started), outcome, _number(row.attempts), None,
                source, Source.COLUMN, is_inferred=end < started,
            )  # fmt: skip


def _number(cell: Cell) -> int | None:
    return cell if isinstance(cell, int) and cell > 0 else None


def _running_tasks(connection: ReadConnection, layout: Layout) -> tuple[list[int], bool]:
    """Return the ids of running tasks by the index of statuses, and whether there are more."""
    if not layout.has_status_index:
        return [], True
    ids: list[int] = []
    cut = False
    for status in RUNNING:
        sql = "SELECT id FROM task_queue INDEXED BY ix_task_status_prio_time WHERE status = ? LIMIT ?"
        rows = connection.rows(sql, (status, MOST_RUNNING + 1), doing="list the running tasks")
        cut = cut or len(rows) > MOST_RUNNING
        ids += [row[0] for row in rows[:MOST_RUNNING] if isinstance(row[0], int)]
    return ids, cut


def _finished_tasks(
    connection: ReadConnection, layout: Layout, now: datetime, since: datetime
) -> tuple[list[int], tuple[str, ...]]:
    """Return the ids of the newest tasks, by id, that finished within the window, and what is not known of them."""
    if not layout.has_type_status_index or "finished_at_utc" not in layout.tasks:
        return [], ("Finished tasks are known by their log lines alone: a column or an index is missing.",)
    try:
        sample = metrics.finished_sample(connection, MOST_FINISHED)
    except ProblemError as error:
        if error.problem.kind in (ProblemKind.INTERRUPTED, ProblemKind.BUSY, ProblemKind.LOCKED):
            raise
        return [], (f"Finished tasks are known by their log lines alone: {error.problem.what}.",)
    ended = ((task.id, task.finished_utc) for task in sample.tasks)
    return [task_id for task_id, moment in ended if moment is not None and since <= moment <= now], ()
