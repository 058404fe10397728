"""The records of the verdict on a queue: the facts it is made from, its reasons, and what it remembers. No rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from prismq_gui.insight.forecast import Forecast
from prismq_gui.insight.health import Severity


class Page(Enum):
    """Where in the window a reason can be looked into."""

    OVERVIEW = "overview"
    TASKS = "tasks"
    FAILURES = "failures"
    WORKERS = "workers"
    LOGS = "logs"
    DATABASE = "database"


class Code(Enum):
    """The stable name of a reason."""

    NOBODY_WORKS = "nobody-works"
    SILENT_WORKERS = "silent-workers"
    FAILING = "failing"
    ONE_CAUSE = "one-cause"
    DEAD_LETTERS = "dead-letters"
    WAITS_LONG = "waits-long"
    BACKLOG_GROWS = "backlog-grows"
    EXPIRED_LEASES = "expired-leases"
    WAL_LARGE = "wal-large"


@dataclass(frozen=True, slots=True)
class WorkerFact:
    """A worker: how long it has been silent (None: it never gave a readable sign of life), and what it holds."""

    worker_id: str
    silent_s: float | None
    held: int
    held_at_least: bool = False


@dataclass(frozen=True, slots=True)
class Cause:
    """How many failures of the last hour have this signature."""

    signature: str
    count: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the verdict is made from. None everywhere means: not known (yet).

    ``completed``, ``failed``, ``dead`` and ``causes`` are of the last hour, cancelled tasks left out; ``failed`` counts
    the dead ones too, and is a lower bound where ``failed_at_least``. ``oldest_waiting_s`` is 0 where nothing is due.
    ``awaited`` says what is waited for before the silence of workers means anything ('' where nothing is).
    """

    at_utc: datetime
    workers: tuple[WorkerFact, ...] | None = None
    completed: int | None = None
    failed: int | None = None
    failed_at_least: bool = False
    causes: tuple[Cause, ...] | None = None
    dead: int | None = None
    oldest_waiting_s: float | None = None
    expired_leases: int | None = None
    forecast: Forecast | None = None
    wal_bytes: int | None = None
    awaited: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is wrong: a sentence without its full stop, and the page with the filter that shows it.

    ``filter`` is text of the filter language ('' for the whole page); ``details`` are further lines.
    """

    code: Code
    severity: Severity
    sentence: str
    page: Page
    filter: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The worst first. ``unknown`` names what no rule could look at, ``awaited`` as in Facts."""

    sentence: str
    severity: Severity | None
    reasons: tuple[Reason, ...] = ()
    unknown: tuple[str, ...] = ()
    awaited: str = ""

    @property
    def is_well(self) -> bool:
        """Whether everything was looked at and nothing is wrong."""
        return not self.reasons and not self.unknown


@dataclass(frozen=True, slots=True)
class Told:
    """A reason that is told, and since when (naive UTC) its value has been below what clears it."""

    reason: Reason
    below_since_utc: datetime | None = None


@dataclass(frozen=True, slots=True)
class VerdictState:
    """What the next judgement must know of the last one; the first begins with an empty one."""

    told: tuple[Told, ...] = ()
