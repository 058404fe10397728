"""The records of a task's timeline: attempts, events and notes, each with where it is known from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final

from prismq_gui.insight.log_events import Happening
from prismq_gui.insight.messages import Cell


class Source(Enum):
    """Where a value is known from; INFERRED is concluded from other values, and shown as such."""

    COLUMN = "column"
    LOG = "log"
    INFERRED = "inferred"


class Outcome(Enum):
    """What became of an attempt."""

    RUNNING = "running"
    COMPLETED = "completed"
    RETRIED = "failed, to be tried again"
    FAILED = "failed"
    DEAD = "failed, no attempts left"
    RELEASED = "given back"
    LEASE_EXPIRED = "lease expired"
    CANCELLED = "cancelled"
    UNKNOWN = "not recorded"


END_OUTCOMES: Final = {
    Happening.COMPLETED: Outcome.COMPLETED,
    Happening.RETRY_LATER: Outcome.RETRIED,
    Happening.ATTEMPT_FAILED: Outcome.UNKNOWN,
    Happening.FAILED: Outcome.FAILED,
    Happening.BURIED: Outcome.DEAD,
    Happening.RELEASED: Outcome.RELEASED,
    Happening.LEASE_EXPIRED: Outcome.LEASE_EXPIRED,
    Happening.CANCELLED: Outcome.CANCELLED,
}
"""What became of an attempt, by the line that ended it; a failed one may be tried again or not."""

STATUS_OUTCOMES: Final = {
    "completed": Outcome.COMPLETED,
    "failed": Outcome.FAILED,
    "dead_letter": Outcome.DEAD,
    "cancelled": Outcome.CANCELLED,
}
"""What became of the last attempt, by the task's status."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where each value of an attempt is known from, None where the value itself is not known."""

    number: Source | None = None
    due_at: Source | None = None
    claimed_at: Source | None = None
    started_at: Source | None = None
    ended_at: Source | None = None
    outcome: Source | None = None
    worker: Source | None = None
    error: Source | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that a worker had the task. Times are naive UTC, None where not known.

    ``waited_s`` is from ``due_at`` to the claim (the start, where the claim's time is not known), ``ran_s`` from the
    start (else the claim) to the end; both None where a time is missing or they would be negative. ``error`` is cut to
    300 characters, '' where none is known. ``log_ids`` are the lines it was read from, oldest first.
    """

    number: int | None
    due_at: datetime | None
    claimed_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    outcome: Outcome
    worker: str
    error: str
    waited_s: float | None = None
    ran_s: float | None = None
    sources: Sources = field(default_factory=Sources)
    log_ids: tuple[int, ...] = ()


class EventKind(Enum):
    """What an event is; those of the log have the value of their :class:`Happening`."""

    CREATED = "created"
    DUE = "due"
    ATTEMPT = "attempt"
    CANCEL_REQUESTED = Happening.CANCEL_REQUESTED.value
    CANCELLED = Happening.CANCELLED.value
    BURIED = Happening.BURIED.value
    RETRIED = Happening.RETRIED.value
    RELEASED = Happening.RELEASED.value
    CHANGED = Happening.CHANGED.value


@dataclass(frozen=True, slots=True)
class Event:
    """A moment outside of attempts: made, cancelled, queued again by an operator.

    Attributes:
        at: Naive UTC, None where it cannot be read.
        raw_at: The cell it was read from.
        text: The line's message, '' for one of a column.
        by: Who did it, '' where nobody is named.
        log_id: The line, None for an event of a column.
    """

    kind: EventKind
    at: datetime | None
    raw_at: Cell
    source: Source
    text: str = ""
    by: str = ""
    log_id: int | None = None


class NoteKind(Enum):
    """What a note warns of."""

    GAP = "gap"  # something happened that was not recorded
    CONTRADICTION = "contradiction"  # columns and log say different things
    CLOCK = "clock"  # times run backwards, or lie in the future
    UNREADABLE = "unreadable"  # a time that is none
    FORMS = "forms"  # times in both written forms
    LEFT_OUT = "left out"  # more lines than were looked at


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence on what the timeline cannot tell or what does not fit; ``attempt`` is an index into the attempts."""

    kind: NoteKind
    sentence: str
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """A task's life as far as it is recorded.

    Attributes:
        state: Its state now, in one or two sentences.
        attempts: Oldest first.
        events: What is no attempt, oldest first.
        notes: Gaps, contradictions and doubts; never empty where something is hidden.
        next_due: When it may be claimed next, None where it does not wait or the time cannot be read.
        lines: How many lines its log has, at least that many where ``lines_at_least``.
        lines_read: How many of them were read for this.
        own_lines: How many of those were the handler's own, or of a kind that is not known.
    """

    task_id: int
    state: str
    attempts: tuple[Attempt, ...]
    events: tuple[Event, ...]
    notes: tuple[Note, ...]
    next_due: datetime | None
    lines: int
    lines_read: int
    own_lines: int
    lines_at_least: bool = False
