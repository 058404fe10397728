"""What log lines tell of a task's life: started, ended, released, asked to cancel, changed by an operator.

Owns the reading of our own workers' and operators' words, and of the few that other programs use, into
:class:`Happening`. A handler's own line may hold the same words: only lines of the worker's own form, with the
attempt in their details, are ``sure``. Texts are cut; nothing here raises for what a line holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.names import shown
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.insight.rows import cut
from prismq_gui.insight.walking import is_about_size, padded
from prismq_gui.queue.logs import CANCEL_LEVEL
from prismq_gui.queue.timestamps import parse_utc

MESSAGE_CHARACTERS = 1_000  # a start's line holds type and worker
TEXT_CHARACTERS = 300  # of an error, as in lists
LINES_A_STATEMENT = 256  # 1 ms with details of 200 bytes
_DETAILS_BYTES = 128 * 1024  # our own are at most 64 KiB
_FIELDS = ("attempt", "error", "operation", "by", "action", "worker")


class Happening(Enum):
    """What a line tells; the value is its stable name."""

    STARTED = "started"
    COMPLETED = "completed"
    RETRY_LATER = "failed, to be tried again"
    ATTEMPT_FAILED = "attempt failed"  # other programs: what becomes of the task is not told
    FAILED = "failed for good"
    BURIED = "dead letter"
    RELEASED = "released"
    LEASE_EXPIRED = "lease expired"
    CANCEL_REQUESTED = "asked to cancel"
    CANCELLED = "cancelled"
    RETRIED = "queued again by an operator"
    CHANGED = "changed by an operator"
    NOTE = "note"  # a handler's own line, or one of a kind that is not known


ENDS = frozenset(
    {
        Happening.COMPLETED, Happening.RETRY_LATER, Happening.ATTEMPT_FAILED, Happening.FAILED, Happening.BURIED,
        Happening.RELEASED, Happening.LEASE_EXPIRED, Happening.CANCELLED,
    }
)  # fmt: skip
"""What ends an attempt."""


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line, read. ``at`` is naive UTC, None where ``raw_at`` is no time.

    ``worker``, ``by``, ``error`` are '' where the line names none; ``delay_s`` is the wait a retry was given.
    ``sure`` is True where the line has the form that only our own workers and operators write.
    """

    log_id: int
    task_id: Cell
    happening: Happening
    at: datetime | None
    raw_at: Cell
    level: str
    text: str
    sure: bool
    worker: str = ""
    attempt: int | None = None
    error: str = ""
    by: str = ""
    delay_s: float | None = None
    while_waiting: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    """The cells of a line that its reading needs."""

    log_id: int
    task_id: Cell
    at_utc: Cell
    level: str
    message: str
    attempt: int | None
    error: str
    operation: str
    by: str
    action: str
    worker: str


@dataclass(frozen=True, slots=True)
class _Rule:
    """Words of our own; those that a handler may write too are sure only with the attempt in the details."""

    form: re.Pattern[str]
    happening: Happening
    always: bool = False
    while_waiting: bool = False


def _rule(form: str, happening: Happening, *, always: bool = False, while_waiting: bool = False) -> _Rule:
    return _Rule(re.compile(form, re.DOTALL), happening, always, while_waiting)


_TRIED = r"attempt (?P<attempt>\d{1,9}) of -?\d+ failed; "
_EXPIRED = r"The lease of worker (?P<worker>.*) expired during attempt (?P<attempt>-?\d{1,9}) of -?\d+; .+"
_STARTED = _rule(r".* started by (?P<worker>.+)", Happening.STARTED)
_RULES = (
    _STARTED,
    _rule(_TRIED + r"next try in (?P<delay>\d{1,12}(\.\d+)?) s", Happening.RETRY_LATER),
    _rule(_TRIED + "no attempts are left: dead letter", Happening.BURIED),
    _rule(
        r"attempts used up: -?\d+ of -?\d+; dead letter without another try",
        Happening.BURIED,
        always=True,
        while_waiting=True,
    ),
    _rule(_EXPIRED, Happening.LEASE_EXPIRED, always=True),
    _rule(r"released by (?P<worker>.+?): .*", Happening.RELEASED),
    _rule(r"cancelled by (?P<by>.+) while it was waiting", Happening.CANCELLED, always=True, while_waiting=True),
    _rule(r"cancelled by (?P<by>.+): the lease of its worker was over", Happening.CANCELLED, always=True),
    _rule(r"cancelled by (?P<worker>.+?): (?P<by>.*) asked to cancel it", Happening.CANCELLED),
)
_ENDED = {"completed": Happening.COMPLETED, "failed for good": Happening.FAILED}
_DONE = frozenset({"done", "completed", "finished", "success", "succeeded"})
_ACTIONS = {"retry": Happening.RETRIED, "cancel": Happening.CANCELLED, "release": Happening.RELEASED}


def read_event(line: _Line) -> LogEvent:
    """Return what one line tells."""
    if line.operation and line.action and line.by:
        happening = _ACTIONS.get(line.action, Happening.CHANGED)
        # A plan cancels what waits alone; what it releases is held.
        return _event(line, happening, True, by=line.by, while_waiting=happening is Happening.CANCELLED)
    if line.level == CANCEL_LEVEL:
        by = line.message.removesuffix(" asked to cancel it")
        return _event(line, Happening.CANCEL_REQUESTED, True, by=by)
    return _worker_line(line) or _foreign_line(line) or _event(line, Happening.NOTE, False)


def worker_started(message: str) -> str:
    """Return which worker a line says has started the task, '' where it says none."""
    match = _STARTED.form.fullmatch(message)
    return match["worker"] if match else ""


def _worker_line(line: _Line) -> LogEvent | None:
    """Return what a line of our own worker tells, None where it is none."""
    numbered = line.attempt is not None
    if numbered and line.message in _ENDED:
        return _event(line, _ENDED[line.message], True)
    for rule in _RULES:
        if match := rule.form.fullmatch(line.message):
            found = match.groupdict()
            return _event(
                line, rule.happening, numbered or rule.always, worker=found.get("worker") or "",
                attempt=int(found["attempt"]) if found.get("attempt") else None, by=found.get("by") or "",
                delay=float(found["delay"]) if found.get("delay") else None, while_waiting=rule.while_waiting,
            )  # fmt: skip
    return None


def _foreign_line(line: _Line) -> LogEvent | None:
    """Return what the words of another program suggest."""
    text = line.message.strip().lower().rstrip(".!")
    if text in _DONE and line.level in ("INFO", "SUCCESS"):
        return _event(line, Happening.COMPLETED, False)
    if text in ("attempt failed", "failed") and line.level in ("ERROR", "WARNING", "CRITICAL"):
        return _event(line, Happening.ATTEMPT_FAILED, False)
    return None


def _event(
    line: _Line, happening: Happening, sure: bool, *, worker: str = "", attempt: int | None = None, by: str = "",
    delay: float | None = None, while_waiting: bool = False,
) -> LogEvent:  # fmt: skip
    number = line.attempt if line.attempt is not None else attempt
    return LogEvent(
        line.log_id, line.task_id, happening, parse_utc(line.at_utc), line.at_utc, line.level,
        line.message[:TEXT_CHARACTERS], sure, worker or line.worker, number, line.error, by, delay, while_waiting,
    )  # fmt: skip


# --- reading ------------------------------------------------------------------------------------


def read_events(connection: ReadConnection, layout: Layout, ids: Sequence[int]) -> list[LogEvent]:
    """Return what the lines of these ids tell, in the order of their ids; lines that are gone are left out."""
    events: list[LogEvent] = []
    for at in range(0, len(ids), LINES_A_STATEMENT):
        events += _read(connection, layout, ids[at : at + LINES_A_STATEMENT])
    return events


def _read(connection: ReadConnection, layout: Layout, ids: Sequence[int], *, details: bool = True) -> list[LogEvent]:
    params, marks = padded(ids)
    sql = f"SELECT {event_sql(layout, details=details)} FROM task_logs WHERE log_id IN ({marks}) ORDER BY log_id"
    try:
        return events_of(connection.rows(sql, params, doing="read the log"))
    except ProblemError as error:
        if not is_about_size(error) and error.problem.kind not in (ProblemKind.FAILED, ProblemKind.CORRUPT):
            raise
        if len(ids) > 1:
            half = len(ids) // 2
            return _read(connection, layout, ids[:half]) + _read(connection, layout, ids[half:])
        if not details:
            return []
        return _read(connection, layout, ids, details=False)


def event_sql(layout: Layout, *, details: bool = True) -> str:
    """Return the expressions that :func:`events_of` takes, of a line of the log."""
    parts = ["log_id"]
    for name, length in (("task_id", 100), ("at_utc", 100), ("level", 100), ("message", MESSAGE_CHARACTERS)):
        parts.append(cut(name, length) if name in layout.logs else "NULL")
    if details and "details" in layout.logs:
        size = "length(CAST(details AS BLOB))"
        guard = f"typeof(details) = 'text' AND {size} <= {_DETAILS_BYTES} AND json_valid(details)"
        parts.append(f"CASE WHEN {guard} THEN json_array({', '.join(map(_field, _FIELDS))}) END")
    else:
        parts.append("NULL")
    return ", ".join(parts)


def _field(name: str) -> str:
    value = f"json_extract(details, '$.{name}')"
    if name == "attempt":
        return f"CASE json_type(details, '$.{name}') WHEN 'integer' THEN {value} END"
    return f"CASE json_type(details, '$.{name}') WHEN 'text' THEN substr({value}, 1, {TEXT_CHARACTERS}) END"


def events_of(rows: Sequence[Row]) -> list[LogEvent]:
    """Return what rows of :func:`event_sql` tell."""
    return [read_event(_line(row)) for row in rows if isinstance(row[0], int)]


def _line(row: Row) -> _Line:
    log_id, task_id, at_utc, level, message, fields = row
    assert isinstance(log_id, int)
    attempt, *texts = _fields(fields)
    error, operation, by, action, worker = (each if isinstance(each, str) else "" for each in texts)
    number = attempt if isinstance(attempt, int) and not isinstance(attempt, bool) else None
    return _Line(
        log_id, task_id, at_utc, shown(level).upper(), shown(message), number, error, operation, by, action, worker
    )


def _fields(cell: Cell) -> list[object]:
    if isinstance(cell, str):
        try:
            found = json.loads(cell)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list) and len(found) == len(_FIELDS):
            return found
    return [None] * len(_FIELDS)
