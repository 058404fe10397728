"""The frozen records that cross from reading to everything above it.

They speak of tasks, workers and log lines, never of tables or SQL, so that another store can
fill them. Cells come from an untrusted file: a column may hold any of SQLite's types, whatever
the schema says, and is handed on as it is (``Cell``). Timestamps are therefore raw cells too;
:mod:`prismq_gui.queue.timestamps` reads both written forms.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TypeAlias

Cell: TypeAlias = "str | int | float | bytes | None"
"""One value as SQLite holds it. Text that is not UTF-8 arrives with ``\\xff`` escapes."""

IdSpan: TypeAlias = "range | array[int]"
"""Ids in order: a range where they have no gaps, else an ``array('q')``. Never mutated once handed on."""


class Change(Enum):
    """What a look at the file found since the last look."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    REPLACED = "replaced"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The file as it stands. Sizes in bytes, 0 where the sidecar does not exist.

    ``notes`` are sentences for the person (not WAL, columns missing, hard link, network path,
    SQLite with a known fault). ``write_refusal`` is the reason why this file must not be written
    ('' where it may): newer schema, opened read-only, a column missing.
    """

    path: Path
    size_bytes: int
    wal_bytes: int
    journal_mode: str
    user_version: int
    missing_columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    write_refusal: str = ""


@dataclass(frozen=True, slots=True)
class StatusCount:
    """How many tasks have a status. ``counted_at`` is ``time.monotonic()`` seconds of that count."""

    status: str
    count: int
    counted_at: float


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task as a list shows it: no payload, the error's first 300 characters.

    A column the file lacks is None in every row and named in ``FileFacts.missing_columns``.
    """

    id: int
    type: Cell
    status: Cell
    priority: Cell
    attempts: Cell
    max_attempts: Cell
    run_after_utc: Cell
    lease_until_utc: Cell
    reserved_at_utc: Cell
    processing_started_utc: Cell
    finished_at_utc: Cell
    locked_by: Cell
    error_message: Cell
    idempotency_key: Cell
    created_at_utc: Cell
    updated_at_utc: Cell


@dataclass(frozen=True, slots=True)
class LogRow:
    """One log line; message and details are cut at 2,000 characters, ``truncated`` says so."""

    log_id: int
    task_id: Cell
    at_utc: Cell
    level: Cell
    message: Cell
    details: Cell
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker and what it holds. ``held`` counts running tasks whose ``locked_by`` names it.

    ``held_ids`` are the first 20 of them. A worker named only by a running task and without a
    row of its own has ``registered`` False and heartbeat None. ``held_at_least``: more run than were looked at, so it
    may hold more.
    """

    worker_id: str
    capabilities: Cell
    heartbeat_utc: Cell
    held: int
    held_ids: tuple[int, ...] = ()
    registered: bool = True
    held_at_least: bool = False


@dataclass(frozen=True, slots=True)
class TextPreview:
    """The beginning of a long text. ``size_bytes`` is the whole; ``kind`` is 'text', 'blob' or 'null'."""

    text: str
    size_bytes: int
    truncated: bool
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """All there is to know of one task; texts are cut at 64 KiB, logs at the newest 500 lines."""

    row: TaskRow
    payload: TextPreview
    compatibility: TextPreview
    error: TextPreview
    region: str
    format: str
    logs: tuple[LogRow, ...]
    logs_truncated: bool
    worker: WorkerRow | None


@dataclass(frozen=True, slots=True)
class IdChunk:
    """A step of a scan. ``ids`` are the next ids in final order (may be empty while sorting).

    ``progress`` runs from 0 to 1; ``done`` marks the last chunk. ``above``: these ids come before all told so far.
    ``leading`` are the first ids of a sort as far as it has read: not final, and part of no ``ids`` yet.
    """

    ids: IdSpan = field(default_factory=lambda: array("q"))
    progress: float = 0.0
    done: bool = False
    above: bool = False
    leading: IdSpan | None = None


def as_ids(values: Sequence[int]) -> IdSpan:
    """Return the values as an id span, copied only where they are neither range nor array."""
    if isinstance(values, range):
        return values
    return values if isinstance(values, array) else array("q", values)
