"""The records in which it is told why a task is not running, where in line it stands, and what comes next.

They speak of tasks and workers, never of tables. Times are naive UTC.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from prismq_gui.insight.messages import Cell
from prismq_gui.insight.states import WorkerState
from prismq_gui.queue.claim_sql import Strategy


class Verdict(Enum):
    """Why a task is not running, or that it is; the value is its stable name."""

    NOT_DUE = "not due"
    IN_LINE = "in line"
    NO_WORKER_MATCHES = "no live worker matches"
    ATTEMPTS_USED_UP = "attempts used up"
    HELD = "held"
    LEASE_EXPIRED = "lease expired"
    COMPLETED = "completed"
    FAILED = "failed"
    DEAD_LETTER = "dead letter"
    CANCELLED = "cancelled"
    UNKNOWN_STATUS = "unknown status"
    UNREADABLE = "unreadable"
    """A cell that decides can't be read: its time, lease, compatibility, priority, or its JSON."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A worker as a claim sees it: what it offers, and which types it takes (none named: all)."""

    capabilities: Mapping[str, Any] = field(default_factory=dict)
    types: tuple[str, ...] = ()
    name: str = ""

    @property
    def capabilities_json(self) -> str:
        """What the claim's statement is given."""
        return json.dumps(dict(self.capabilities), sort_keys=True) if self.capabilities else "{}"


@dataclass(frozen=True, slots=True)
class DueTime:
    """When a task is due, by whom it is seen then, and how the file has it written.

    ``due_utc`` is the moment meant, None where it can't be read. ``text_utc`` is from when on programs see it that
    compare times as text, as PrismQ's own module does; None where that is at once (a number sorts before all texts) or
    never (a blob), which ``sees_text`` tells. ``seen_utc`` is from when on workers of this program look at its form.
    """

    written: Cell
    due_utc: datetime | None
    is_due: bool
    seen_utc: datetime | None
    text_utc: datetime | None
    sees_text: bool


@dataclass(frozen=True, slots=True)
class WorkerMatch:
    """A worker, and whether it may run the task. ``matches`` is None where what it offers can't be read.

    ``lacks`` are the keys of the task's compatibility that it doesn't meet. Which types it takes is not in the file.
    """

    worker_id: str
    state: WorkerState
    heartbeat_utc: datetime | None
    matches: bool | None
    lacks: tuple[str, ...]
    held: int
    held_ids: tuple[int, ...] = ()
    registered: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """A task's place under one strategy.

    ``ahead`` tasks come before it, at least so many where not ``counted``. In WEIGHTED_RANDOM there is no place:
    ``ahead`` are the others in the draw, and ``chance`` is that of being drawn next, at most that where it is not
    ``counted``. ``looked_at`` is how many entries of the index were looked at so far.
    """

    strategy: Strategy
    ahead: int
    counted: bool
    looked_at: int = 0
    chance: float | None = None

    @property
    def place(self) -> int | None:
        """The place in line, from 1; None where it is not known or there is none."""
        return self.ahead + 1 if self.counted and self.strategy is not Strategy.WEIGHTED_RANDOM else None


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A task that a worker would come to.

    ``buried``: its attempts are used up, and the claim makes it a dead letter on the way. ``given_back``: it is running
    on a lease that is over, and the claim gives it back first. ``chance`` is that of being drawn first of all.
    """

    task_id: int
    priority: Cell
    due_utc: datetime | None
    buried: bool = False
    given_back: bool = False
    chance: float | None = None


@dataclass(frozen=True, slots=True)
class NextTasks:
    """What would be claimed, in order. ``complete`` is False where the search was stopped.

    ``drawn`` says that the order is one draw of many, at the seed given.
    """

    strategy: Strategy
    tasks: tuple[Upcoming, ...]
    complete: bool = True
    drawn: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a task is not running: a verdict, one plain sentence, and what it rests on.

    ``sentence`` and ``details`` may quote cells of the file: plain text, never markup. ``offer`` is the worker from
    whose sight the lines are; without one all due tasks count. ``lines`` has an entry a strategy where the task is in
    line, or will be once it is given back. ``first`` are the first of those ahead, by priority.
    """

    task_id: int
    verdict: Verdict
    sentence: str
    details: tuple[str, ...] = ()
    due: DueTime | None = None
    lease_until_utc: datetime | None = None
    holder: str = ""
    attempts: int = 0
    max_attempts: int = 0
    workers: tuple[WorkerMatch, ...] = ()
    lines: tuple[Line, ...] = ()
    first: tuple[Upcoming, ...] = ()
    offer: Offer | None = None

    def line(self, strategy: Strategy) -> Line | None:
        """Return the line under a strategy, None where the task is in none."""
        return next((each for each in self.lines if each.strategy is strategy), None)
