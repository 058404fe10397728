"""The state of a task or a worker in words; pure functions, no file and no SQL.

Times are UTC, as the file holds them. A duration is never negative: what lies in the future is
said to. Cells are quoted as they are, cut to a line; whoever shows them shows plain text.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

from prismq_gui.insight.hearing import PLAIN, Hearing
from prismq_gui.insight.messages import Cell, TaskRow, WorkerRow
from prismq_gui.queue.timestamps import parse_utc
from prismq_gui.queue.transitions import RUNNING

_ERROR_CHARACTERS = 160

WorkerState = Literal["busy", "idle", "silent"]


class StatusKind(Enum):
    """What a status means for the eye; OTHER is one we do not know, shown as it is."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    DEAD = "dead"
    CANCELLED = "cancelled"
    OTHER = "other"


_KINDS = {
    "queued": StatusKind.WAITING,
    "leased": StatusKind.RUNNING,
    "processing": StatusKind.RUNNING,
    "completed": StatusKind.COMPLETED,
    "failed": StatusKind.FAILED,
    "dead_letter": StatusKind.DEAD,
    "cancelled": StatusKind.CANCELLED,
}


def status_kind(status: Cell) -> StatusKind:
    """Return what a stored status means."""
    return _KINDS.get(status, StatusKind.OTHER) if isinstance(status, str) else StatusKind.OTHER


def is_running(status: Cell) -> bool:
    """Whether a worker has the task: some programs leave running tasks leased, so both count."""
    return status in RUNNING


def worker_state(heartbeat: Cell, now: datetime, held: int = 0, hearing: Hearing = PLAIN) -> WorkerState:
    """Return what a worker does, from its last heartbeat and how many tasks it holds.

    Args:
        heartbeat: The raw cell; None or unreadable counts as silent.
        now: Naive UTC.
        held: How many running tasks name it.
        hearing: How silence is judged.
    """
    if hearing.is_silent(parse_utc(heartbeat), now):
        return "silent"
    return "busy" if held else "idle"


def duration_text(span: timedelta) -> str:
    """Return a duration in its largest unit: ``12 s``, ``5 min``, ``3 h``, ``2 days``."""
    seconds = int(abs(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3_600:
        return f"{seconds // 60} min"
    if seconds < 2 * 86_400:
        return f"{seconds // 3_600} h"
    return f"{seconds // 86_400:,} days"


def state_sentence(row: TaskRow, now: datetime, worker: WorkerRow | None, hearing: Hearing = PLAIN) -> str:
    """Return the state of a task in one or two plain sentences.

    Args:
        row: The task as it was read.
        now: Naive UTC.
        worker: The worker its ``locked_by`` names, None where there is none.
        hearing: How its silence is judged.
    """
    if is_running(row.status):
        return _running(row, now, worker, hearing)
    if row.status == "queued":
        return _waiting(row, now)
    if row.status in (None, ""):
        return "It has no status, so no worker will take it."
    ended = _ended(row, now)
    return ended or f"It has the status “{_text(row.status)}”, which this program does not know."


def _ended(row: TaskRow, now: datetime) -> str:
    """Return the sentence of a task that is over, '' where its status is none of the known ones."""
    when = _when(row.finished_at_utc, now)
    if row.status == "completed":
        return _completed(row, now)
    # Some programs mark cancelled tasks failed, with this in the error.
    cancelled = row.status == "cancelled" or _text(row.error_message).lower().startswith("cancelled by")
    if cancelled and row.status in ("cancelled", "failed"):
        return f"Cancelled{when}{_because(row)}"
    verb = {"failed": "Failed", "dead_letter": "Given up"}.get(_text(row.status))
    return f"{verb}{when} after {_attempts(row)}{_because(row)}" if verb else ""


def _waiting(row: TaskRow, now: datetime) -> str:
    due = parse_utc(row.run_after_utc)
    if due is None:
        first = f"Waiting, but its due time “{_text(row.run_after_utc) or '–'}” cannot be read."
    elif due > now:
        first = f"Waiting: not due until {_clock(due, now)}, in {duration_text(due - now)}."
    else:
        first = f"Waiting: due since {_clock(due, now)}, {duration_text(now - due)} ago."
    tried = row.attempts if isinstance(row.attempts, int) else 0
    if tried < 1:
        return first
    last = f"; the last error was: {_first_line(row.error_message)}" if row.error_message else "."
    return f"{first} Tried {_attempts(row)} so far{last}"


def _running(row: TaskRow, now: datetime, worker: WorkerRow | None, hearing: Hearing) -> str:
    name = _text(row.locked_by)
    started = parse_utc(row.processing_started_utc) or parse_utc(row.reserved_at_utc)
    since = f" for {duration_text(now - started)}" if started is not None and started <= now else ""
    beginning = f"Running on {name}{since}" if name else f"Running{since}, but no worker is named"
    lease = parse_utc(row.lease_until_utc)
    silent = worker is None or worker_state(worker.heartbeat_utc, now, worker.held, hearing) == "silent"
    if lease is None:
        return f"{beginning}; it has no readable lease{', and the worker is silent' if silent and name else ''}."
    if lease > now:
        quiet = ", but the worker is silent" if silent and name else ""
        return f"{beginning}; its lease lasts {duration_text(lease - now)} more{quiet}."
    gone = f"{beginning}; its lease expired {duration_text(now - lease)} ago"
    if silent:
        return f"{gone} and the worker is silent, so another worker may claim it."
    return f"{gone} though the worker is alive; another worker may claim it."


def _completed(row: TaskRow, now: datetime) -> str:
    started, finished = parse_utc(row.processing_started_utc), parse_utc(row.finished_at_utc)
    took = ""
    if started is not None and finished is not None and finished >= started:
        took = f" in {duration_text(finished - started)}"
    return f"Completed{_when(row.finished_at_utc, now)}{took}, with {_attempts(row)}."


def _when(cell: Cell, now: datetime) -> str:
    moment = parse_utc(cell)
    if moment is None:
        return ""
    return f" {duration_text(now - moment)} ago" if moment <= now else f" at {_clock(moment, now)} (in the future)"


def _clock(moment: datetime, now: datetime) -> str:
    """Return a time of day where it is today's, else with the date; always marked as UTC."""
    if moment.date() == now.date():
        return f"{moment.hour:02d}:{moment.minute:02d} UTC"
    return f"{moment.date().isoformat()} {moment.hour:02d}:{moment.minute:02d} UTC"


def _attempts(row: TaskRow) -> str:
    tried, most = _text(row.attempts) or "–", _text(row.max_attempts) or "–"
    return f"{tried} of {most} attempts"


def _because(row: TaskRow) -> str:
    return f": {_first_line(row.error_message)}" if row.error_message else "."


def _first_line(cell: Cell) -> str:
    lines = _text(cell).splitlines()
    line = lines[0].strip() if lines else ""
    return f"{line[:_ERROR_CHARACTERS]}…" if len(line) > _ERROR_CHARACTERS else line


def _text(cell: Cell) -> str:
    if isinstance(cell, bytes):
        return f"blob of {len(cell)} bytes"
    return "" if cell is None else str(cell)
