"""The frozen records that cross between the window's thread and the thread that groups failures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from prismq_gui.insight.failure_messages import FailureGroup, Failures, ReadingProgress, Trend
from prismq_gui.insight.messages import IdSpan
from prismq_gui.insight.problems import Problem

if TYPE_CHECKING:
    from prismq_gui.insight.shared_traits import SharedTraits

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class FailuresOpening:
    """Group the failures of this file from now on; ``number`` grows with each file that is opened or left."""

    number: int
    path: Path


@dataclass(frozen=True, slots=True)
class FailureNews:
    """The failures of a file as far as they are read.

    ``found`` is None where nothing was read yet. ``progress`` is that of the first reading, None once it is done.
    ``stopped``: the person stopped it. ``problem``: why what is shown may be old.
    """

    number: int
    found: Failures | None = None
    progress: ReadingProgress | None = None
    stopped: bool = False
    problem: Problem | None = None

    @property
    def groups(self) -> tuple[FailureGroup, ...]:
        """The groups, none where nothing was read yet."""
        return self.found.groups if self.found else ()

    @property
    def last_hour(self) -> int:
        """How many tasks failed within the last hour, to a quarter of an hour."""
        return sum(last_hour_of(group, self.found.window) for group in self.groups) if self.found else 0

    @property
    def rising(self) -> int:
        """How many groups rise."""
        return sum(group.trend is Trend.RISING for group in self.groups)


def last_hour_of(group: FailureGroup, window: timedelta) -> int:
    """Return how many tasks of a group failed within the last hour: the last buckets, one at least."""
    if not group.buckets:
        return 0
    bucket = window / len(group.buckets)
    return sum(group.buckets[-max(1, round(HOUR / bucket)) :])


@dataclass(frozen=True, slots=True)
class GroupRequest:
    """Something is wanted of one group; ``sequence`` grows with each request of its kind."""

    number: int
    sequence: int
    group: FailureGroup


@dataclass(frozen=True, slots=True)
class SharedNews:
    """What a group's tasks share, or how far the comparison is, or why there is none."""

    sequence: int
    key: str
    progress: ReadingProgress | None = None
    result: SharedTraits | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class GroupIds:
    """The ids of a group's tasks, the newest first."""

    sequence: int
    key: str
    ids: IdSpan
