"""The records that figures of a queue come as.

Owns their shape and the rates they imply; reads nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DepthEntry:
    """How many tasks have this type and status; both as text, '' where the cell is NULL."""

    type: str
    status: str
    count: int


@dataclass(frozen=True, slots=True)
class Depth:
    """Tasks by type and status. ``complete`` is False where there were more kinds than were looked at."""

    entries: tuple[DepthEntry, ...]
    complete: bool = True

    def by_status(self) -> dict[str, int]:
        """Return the counts by status."""
        return _summed((entry.status, entry.count) for entry in self.entries)

    def by_type(self) -> dict[str, int]:
        """Return the counts by type."""
        return _summed((entry.type, entry.count) for entry in self.entries)

    def total(self) -> int:
        """Return the count of all."""
        return sum(entry.count for entry in self.entries)


@dataclass(frozen=True, slots=True)
class OldestWaiting:
    """The due queued task that has waited longest, and since when it is due (naive UTC).

    ``complete`` is False where not all of the waiting tasks could be compared.
    """

    task_id: int
    due_utc: datetime
    waiting_s: float
    complete: bool = True


@dataclass(frozen=True, slots=True)
class FinishedTask:
    """One task that is over; times in seconds, None where a timestamp is missing, unreadable or runs backwards.

    ``waited_s`` is from being due (never before it was made) to the start of its last attempt, ``ran_s`` that attempt.
    """

    id: int
    type: str
    status: str
    attempts: int
    finished_utc: datetime | None
    waited_s: float | None
    ran_s: float | None


@dataclass(frozen=True, slots=True)
class FinishedSample:
    """The newest finished tasks by id, newest first. ``cut`` says that there are more (older ones) than were read."""

    tasks: tuple[FinishedTask, ...]
    cut: bool


@dataclass(frozen=True, slots=True)
class Throughput:
    """What ended within the last ``covered_s`` seconds.

    ``at_least`` says that the sample was cut, so there may be more. Where the whole sample lies within the window
    asked for, ``covered_s`` is the shorter time that the sample reaches back, so that the rates stay true.
    """

    completed: int
    failed: int
    cancelled: int
    covered_s: float
    at_least: bool

    @property
    def completed_per_hour(self) -> float:
        """The rate of completed tasks."""
        return self.completed * 3600 / self.covered_s if self.covered_s else 0.0

    @property
    def failed_per_hour(self) -> float:
        """The rate of failed and dead tasks."""
        return self.failed * 3600 / self.covered_s if self.covered_s else 0.0


@dataclass(frozen=True, slots=True)
class Retries:
    """Of ``tasks`` finished ones, ``retried`` needed more than one attempt, ``extra_attempts`` in all."""

    tasks: int
    retried: int
    extra_attempts: int


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Times in seconds by nearest rank: the smallest value that so many percent do not exceed."""

    count: int
    p50_s: float
    p95_s: float
    p99_s: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class WorkerActivity:
    """A worker: its last heartbeat (None where unreadable), whether it is silent, how many running tasks name it.

    A worker that only a task names, without a row of its own, has ``registered`` False and is silent.
    """

    worker_id: str
    heartbeat_utc: datetime | None
    silent: bool
    held: int
    registered: bool = True


@dataclass(frozen=True, slots=True)
class Workers:
    """All workers by name; ``complete`` is False where there were more workers or running tasks than were read."""

    workers: tuple[WorkerActivity, ...]
    complete: bool

    @property
    def active(self) -> int:
        """How many have given a sign of life lately."""
        return sum(not worker.silent for worker in self.workers)

    @property
    def silent(self) -> int:
        """How many have not."""
        return sum(worker.silent for worker in self.workers)


def _summed(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for name, count in counts:
        total[name] += count
    return dict(total)
