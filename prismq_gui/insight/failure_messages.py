"""The frozen records of failures: groups of one cause, how they go, who had them.

They speak of tasks and causes, never of tables. Texts are of an untrusted file: plain text for whoever shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from prismq_gui.insight.messages import Cell
from prismq_gui.insight.signatures import signature

OTHERS = "(other errors)"
"""The signature of the group that takes what is past the limit of groups."""


class Trend(Enum):
    """How a group goes within the window, see :func:`~prismq_gui.insight.failure_tally.trend_of`."""

    RISING = "rising"
    FALLING = "falling"
    STEADY = "steady"
    QUIET = "quiet"  # nothing failed within the window


@dataclass(frozen=True, slots=True)
class Share:
    """So many tasks of a group have this status, type or worker."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failed and dead tasks of one cause.

    ``first_seen`` and ``last_seen`` (naive UTC) are of the tasks that are failed now, None where no time can be read.
    ``buckets`` are counts within the window, oldest first. ``workers`` are of ``workers_known`` tasks; of those
    ``workers_inferred`` were found in the log, since the row names none. ``sample_ids`` are the newest.
    """

    key: str
    signature: str
    count: int
    statuses: tuple[Share, ...]
    types: tuple[Share, ...]
    workers: tuple[Share, ...]
    workers_known: int
    workers_inferred: int
    first_seen: datetime | None
    last_seen: datetime | None
    trend: Trend
    buckets: tuple[int, ...]
    sample_ids: tuple[int, ...]
    sample_text: str
    is_others: bool = False

    def matches(self, error: Cell) -> bool:
        """Whether a whole error text, not a list's beginning of it, is of this cause. Never true of the others."""
        return not self.is_others and signature(error) == self.signature


@dataclass(frozen=True, slots=True)
class Failures:
    """All groups, the largest first. ``complete`` is False while, or where, not all was read.

    ``total`` are the tasks read so far, ``window`` is what ``buckets`` cover up to ``at_utc``. ``notes`` are sentences
    for the person: what could not be told, and why.
    """

    groups: tuple[FailureGroup, ...]
    total: int
    complete: bool
    at_utc: datetime
    window: timedelta
    rules_version: int
    notes: tuple[str, ...] = ()

    def find(self, name: str) -> FailureGroup | None:
        """Return the group by its key, its place in the list from 1 on, or its signature; None where there is none."""
        for group in self.groups:
            if name in (group.key, group.signature):
                return group
        if name.isascii() and name.isdigit() and len(name) <= 6 and 1 <= int(name) <= len(self.groups):
            return self.groups[int(name) - 1]
        return None


@dataclass(frozen=True, slots=True)
class ReadingProgress:
    """How far a reading is: tasks, of about so many."""

    done: int
    total: int
