"""The timeline of a task: its attempts with waits, durations, errors and workers, from its columns and its log.

Owns the reading, which is bounded whatever the length of the log, and the looks for times that do not fit. What is
concluded is marked so (:class:`Source`), what is missing or contradicts itself is a note.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.hearing import PLAIN, Hearing
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.log_events import LogEvent, read_events
from prismq_gui.insight.messages import Cell, TaskRow
from prismq_gui.insight.names import shown
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.insight.rows import task_rows
from prismq_gui.insight.states import state_sentence
from prismq_gui.insight.timeline_building import Builder
from prismq_gui.insight.timeline_draft import SLACK
from prismq_gui.insight.timeline_records import (
    Attempt,
    Event,
    EventKind,
    Note,
    NoteKind,
    Outcome,
    Source,
    Sources,
    Timeline,
)
from prismq_gui.insight.workers import read_worker
from prismq_gui.queue.timestamps import parse_utc

__all__ = [
    "Attempt", "Event", "EventKind", "Note", "NoteKind", "Outcome", "Source", "Sources", "Timeline", "read_timeline",
]  # fmt: skip

OLDEST_LINES = 200
NEWEST_LINES = 1_000
COUNTED_LINES = 100_000  # index entries: 5 ms; a task with more is said to have at least so many
_TIMES = (
    "created_at_utc", "run_after_utc", "reserved_at_utc", "processing_started_utc", "finished_at_utc",
    "lease_until_utc", "updated_at_utc",
)  # fmt: skip
_PAST = ("created_at_utc", "reserved_at_utc", "processing_started_utc", "finished_at_utc", "updated_at_utc")


def read_timeline(
    connection: ReadConnection,
    layout: Layout,
    task_id: int,
    now: datetime,
    *,
    newest: int = NEWEST_LINES,
    hearing: Hearing = PLAIN,
) -> Timeline | None:
    """Return a task's timeline, None where there is no such task.

    At most the oldest 200 and the ``newest`` lines of its log are read. 2 ms for a usual task.

    Raises:
        ProblemError: The file cannot be read. A log that cannot be read in time is a note.
    """
    row = task_rows(connection, layout, (task_id,)).get(task_id)
    if row is None:
        return None
    owner = shown(row.locked_by)
    worker = read_worker(connection, layout, owner) if owner else None
    lines, events, log_notes = _Lines(), [], []
    try:
        lines = _find_lines(connection, layout, task_id, newest)
        events = read_events(connection, layout, lines.ids)
    except ProblemError as error:
        if error.problem.kind is not ProblemKind.TOO_SLOW:
            raise
        log_notes.append(Note(NoteKind.LEFT_OUT, f"The task's log was not read: {error.problem.what}."))
    builder = Builder(row, now, lines.hole_after)
    builder.walk(events)
    builder.complete()
    attempts = builder.attempts()
    notes = [*log_notes, *_left_out(lines), *builder.notes, *_time_notes(row, events, now)]
    if not layout.logs:
        notes.insert(0, Note(NoteKind.GAP, "The file has no log, so only the last attempt is known."))
    next_due = parse_utc(row.run_after_utc) if row.status == "queued" else None
    return Timeline(
        task_id, state_sentence(row, now, worker, hearing), attempts, tuple(builder.events), tuple(notes), next_due,
        lines.count, len(events), builder.own_lines, lines.at_least,
    )  # fmt: skip


class _Lines:
    """Which lines of a task's log are read; ``hole_after`` is the last line before those left out."""

    __slots__ = ("at_least", "count", "hole_after", "ids")

    def __init__(self, ids: Sequence[int] = (), count: int = 0) -> None:
        self.ids = ids
        self.count = count
        self.at_least = count > COUNTED_LINES
        self.hole_after: int | None = None


def _find_lines(connection: ReadConnection, layout: Layout, task_id: int, newest: int) -> _Lines:
    if not layout.logs or "task_id" not in layout.logs:
        return _Lines()
    counted = "SELECT count(*) FROM (SELECT 1 FROM task_logs WHERE task_id = ? LIMIT ?)"
    count = connection.value(counted, (task_id, COUNTED_LINES + 1), doing="read the task's log")
    assert isinstance(count, int)
    whole = count <= OLDEST_LINES + newest
    # In the order they were written, which is not that of their times; of very many lines that order would be a sort.
    order = "at_utc {0}, log_id {0}" if count > COUNTED_LINES and layout.has_log_index else "+log_id {0}"
    sql = f"SELECT log_id FROM task_logs WHERE task_id = ? ORDER BY {order} LIMIT ?"
    ids: set[Cell] = set()
    for direction, limit in (("DESC", OLDEST_LINES + newest if whole else newest), ("ASC", OLDEST_LINES)):
        if direction == "DESC" or not whole:
            rows = connection.rows(sql.format(direction), (task_id, limit), doing="read the task's log")
            ids.update(row[0] for row in rows)
    found = _Lines(sorted(each for each in ids if isinstance(each, int)), count)
    if not whole and found.ids:
        found.hole_after = found.ids[min(OLDEST_LINES, len(found.ids)) - 1]
    return found


def _left_out(lines: _Lines) -> Iterator[Note]:
    left = lines.count - len(lines.ids)
    if lines.hole_after is not None and left > 0:
        least = "at least " if lines.at_least else ""
        read = f"the oldest {OLDEST_LINES:,} and the newest {len(lines.ids) - OLDEST_LINES:,} lines"
        yield Note(NoteKind.LEFT_OUT, f"Of its log only {read} were read; {least}{left:,} between them were left out.")


def _time_notes(row: TaskRow, events: Sequence[LogEvent], now: datetime) -> Iterator[Note]:
    cells: list[Cell] = []
    for name in _TIMES:
        cell: Cell = getattr(row, name)
        moment = parse_utc(cell)
        if cell is None:
            continue
        cells.append(cell)
        if moment is None:
            yield Note(NoteKind.UNREADABLE, f"{name} holds no time: “{_short(cell)}”.")
        elif name in _PAST and moment - now > SLACK:
            yield Note(NoteKind.CLOCK, f"{name} lies {(moment - now).total_seconds():,.0f} s in the future.")
    unreadable = sum(each.at is None for each in events)
    if unreadable:
        lines = "1 line of the log has" if unreadable == 1 else f"{unreadable:,} lines of the log have"
        yield Note(NoteKind.UNREADABLE, f"{lines} no readable time.")
    back_s = _backwards_s(events)
    if back_s:
        yield Note(NoteKind.CLOCK, f"The log's times run backwards by up to {back_s:,.0f} s: clocks differ.")
    forms = {_form(cell) for cell in (*cells, *(each.raw_at for each in events))} - {""}
    if len(forms) > 1:
        yield Note(NoteKind.FORMS, "Times stand in both forms, with a space and with a T; both are read right.")


def _backwards_s(events: Sequence[LogEvent]) -> float:
    """Return by how much a line is dated before one that was written earlier; 0 within the slack."""
    latest, most = None, 0.0
    for at in (each.at for each in events if each.at is not None):
        if latest is not None and latest - at > SLACK:
            most = max(most, (latest - at).total_seconds())
        latest = at if latest is None else max(latest, at)
    return most


def _form(cell: Cell) -> str:
    """Return what stands between date and time, '' where it is no time."""
    return cell.strip()[10:11].upper() if isinstance(cell, str) and parse_utc(cell) is not None else ""


def _short(cell: Cell) -> str:
    text = f"blob of {len(cell)} bytes" if isinstance(cell, bytes) else str(cell)
    return text if len(text) <= 60 else f"{text[:59]}…"
