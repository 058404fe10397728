"""The frozen records that cross between the window's thread and the working threads.

Ids cross inside Python objects (``Signal(object)``), never as Qt ints, which have 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from prismq_gui.insight.before_opening import Caution
from prismq_gui.insight.filters import LogFilter, TaskFilter, TaskOrder
from prismq_gui.insight.language_fields import Table as Table  # noqa: PLC0414 - the one definition, handed on
from prismq_gui.insight.messages import FileFacts, IdSpan, StatusCount, WorkerRow
from prismq_gui.insight.payload_columns import PayloadColumn
from prismq_gui.insight.problems import Problem


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """Open this file; ``read_only`` is the person's wish never to write it in this window."""

    path: Path
    read_only: bool = False
    confirmed: bool = False  # the person knows the cautions and wants it all the same


@dataclass(frozen=True, slots=True)
class Cautioned:
    """A file was not opened yet: the person must be asked first. ``number`` tells the wish to open it."""

    number: int
    request: OpenRequest
    cautions: tuple[Caution, ...]


class LinkState(Enum):
    """The truth about the connection, for the status bar."""

    CLOSED = "closed"
    OPENING = "opening"
    LIVE = "live"
    PAUSED = "paused"
    BUSY = "busy"
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Total:
    """How many tasks there are. Not ``is_exact``: the statuses were counted while tasks went from one to another."""

    count: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The queue as the last poll saw it; emitted only when something in it changed.

    ``epoch`` grows each time a file is opened or found replaced: what belongs to an older epoch
    is void. ``changed_at`` is ``time.monotonic()`` seconds of the last commit seen. ``counts`` are
    budgeted: each entry tells when it was counted; their sum need not be true, ``total`` is. Old values stay in it
    when a read failed.
    """

    epoch: int
    facts: FileFacts
    data_generation: int
    changed_at: float
    counts: tuple[StatusCount, ...]
    types: tuple[str, ...]
    types_truncated: bool
    workers: tuple[WorkerRow, ...]
    workers_truncated: bool
    newest_task_id: int
    newest_log_id: int
    total: Total | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """State of the connection, emitted when it changes. ``problem`` explains every state but live."""

    state: LinkState
    epoch: int
    problem: Problem | None = None
    reopened: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows a table shows. ``generation`` grows with each query; answers to older ones are void."""

    table: Table
    generation: int
    filter: TaskFilter | LogFilter
    order: TaskOrder = field(default_factory=TaskOrder)


@dataclass(frozen=True, slots=True)
class PauseWish:
    """Look no further for a query and keep what was found, or go on (``stopped`` False)."""

    table: Table
    generation: int
    stopped: bool


@dataclass(frozen=True, slots=True)
class IdsAppended:
    """More ids of a query, in final order; sent in batches while it is being answered.

    ``leading``: a sort is under way, and these rows would be the first of it if what is left to read had none before
    them. ``stopped``: no more come before the person wants to go on; ``progress`` says how much was looked at.
    """

    table: Table
    generation: int
    ids: IdSpan
    progress: float
    done: bool
    leading: IdSpan | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """``ids`` inserted before ``row``, or ``count`` rows from ``row`` on removed (ids empty)."""

    row: int
    count: int
    ids: IdSpan | None = None


@dataclass(frozen=True, slots=True)
class IdsPatched:
    """How the list of a query that is complete has changed since it was last told.

    ``removed`` spans are in descending row order of the old list; ``inserted`` spans are in
    ascending row order of the new list (apply after the removals). Where more than 64 spans would
    be needed, or rows changed places, ``replacement`` holds the whole new list instead.
    """

    table: Table
    generation: int
    removed: tuple[Span, ...] = ()
    inserted: tuple[Span, ...] = ()
    replacement: IdSpan | None = None


@dataclass(frozen=True, slots=True)
class RowsRequest:
    """Rows wanted for the eye; the newest ``sequence`` wins, older ones may be dropped unanswered.

    ``columns`` are values of their payloads that are wanted besides; then the rows come in several answers.
    """

    table: Table
    generation: int
    sequence: int
    ids: tuple[int, ...]
    columns: tuple[PayloadColumn, ...] = ()


@dataclass(frozen=True, slots=True)
class RowsLoaded:
    """Rows by id, already rendered by the feed's ``render``; ids that are gone are in ``gone``."""

    table: Table
    generation: int
    rows: tuple[tuple[int, object], ...]
    gone: tuple[int, ...] = ()
    columns: tuple[PayloadColumn, ...] = ()  # of the request: the rows have a cell for each


@dataclass(frozen=True, slots=True)
class FeedFailed:
    """A query or page could not be read; what is shown stays and is marked as old."""

    table: Table
    generation: int
    problem: Problem
