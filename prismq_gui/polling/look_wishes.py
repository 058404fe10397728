"""What the window asks about in depth: one task's story, what comes next, what workers did of late.

Owns the wishes, their answers, and how each is read step by step. Must not know threads: whoever carries a wish out
takes one step after another and may stop after any. What reads is imported by the thread that reads: 70 ms of the
window's start otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from prismq_gui.insight.hearing import PLAIN, Hearing
from prismq_gui.insight.reader import QueueReader
from prismq_gui.queue.claim_sql import Strategy
from prismq_gui.queue.timestamps import now_utc

if TYPE_CHECKING:
    from prismq_gui.insight.cell_file import Saved
    from prismq_gui.insight.explanations import Explanation, NextTasks, Offer
    from prismq_gui.insight.lanes import Lanes
    from prismq_gui.insight.messages import Cell
    from prismq_gui.insight.timeline import Timeline
    from prismq_gui.insight.worker_facts import AllWorkers

IsOver = Callable[[], bool]
TELL_EVERY_S = 0.1


class LookKind(Enum):
    """What is looked at; the newest wish of a kind replaces the one before."""

    TASK = "task"
    NEXT = "next"
    WORK = "work"
    SAVE = "save"


class Wish(Protocol):
    """Something to be read."""

    @property
    def kind(self) -> LookKind:
        """Which wishes it replaces."""

    def steps(self, reader: QueueReader, is_over: IsOver) -> Iterator[object]:
        """Read, and yield what is known so far after each stretch; the last one is whole."""


@dataclass(frozen=True, slots=True)
class TaskStory:
    """Why a task is not running and what became of its attempts; both None where the task is gone.

    ``counting``: its place in line is not known to the end yet. ``now`` is the moment it is told for, naive UTC.
    """

    task_id: int
    now: datetime
    explanation: Explanation | None
    timeline: Timeline | None
    counting: bool = False


@dataclass(frozen=True, slots=True)
class TaskWish:
    """Tell a task's story. ``again``: it is told already, so steps on the way are not."""

    task_id: int
    again: bool = False
    hearing: Hearing = PLAIN

    @property
    def kind(self) -> LookKind:
        """A task."""
        return LookKind.TASK

    def steps(self, reader: QueueReader, is_over: IsOver) -> Iterator[TaskStory | None]:
        """Yield the story, then again as its place in line is counted; None for a step that tells nothing."""
        from prismq_gui.insight.explain import explain, line_of, with_lines  # noqa: PLC0415
        from prismq_gui.insight.timeline import read_timeline  # noqa: PLC0415

        now = now_utc()
        timeline = reader.ask(
            lambda connection, layout: read_timeline(connection, layout, self.task_id, now, hearing=self.hearing)
        )
        if is_over():
            return
        found = explain(reader, self.task_id, now, hearing=self.hearing)
        if found is None:
            yield TaskStory(self.task_id, now, None, None)
            return
        counting = any(not line.counted for line in found.lines)
        if not counting or not self.again:
            yield TaskStory(self.task_id, now, found, timeline, counting)
        told_at = time.monotonic()
        for place, first in enumerate(found.lines):
            if first.counted:
                continue
            for line in line_of(reader, self.task_id, first.strategy, now):
                yield None
                if line.ahead < found.lines[place].ahead and not line.counted:
                    continue  # it begins anew, and has not come as far yet
                found = with_lines(found, (*found.lines[:place], line, *found.lines[place + 1 :]), now)
                if not self.again and time.monotonic() - told_at >= TELL_EVERY_S:
                    told_at = time.monotonic()
                    yield TaskStory(self.task_id, now, found, timeline, counting=True)
        if counting:
            yield TaskStory(self.task_id, now, found, timeline)


@dataclass(frozen=True, slots=True)
class Upcoming50:
    """What comes next, as far as known. ``tasks`` is None before anything was looked at.

    ``looked_at`` counts entries of the index, ``types`` has the type of each task. ``offer`` is the worker's, None
    where any is meant.
    """

    tasks: NextTasks | None
    now: datetime
    looked_at: int = 0
    types: Mapping[int, Cell] = field(default_factory=dict)
    offer: Offer | None = None


@dataclass(frozen=True, slots=True)
class NextWish:
    """Tell what a worker would take; '' is any that would take everything. ``types`` it takes (none named: all)."""

    worker: str = ""
    strategy: Strategy = Strategy.PRIORITY
    types: tuple[str, ...] = ()
    seed: int = 0
    limit: int | None = None  # as many as insight shows

    @property
    def kind(self) -> LookKind:
        """What comes next."""
        return LookKind.NEXT

    def steps(self, reader: QueueReader, is_over: IsOver) -> Iterator[Upcoming50 | None]:
        """Yield what is found so far ten times a second, then the whole; None for a step that tells nothing."""
        from prismq_gui.insight.matching import offer_of  # noqa: PLC0415
        from prismq_gui.insight.upcoming import LIMIT, next_steps  # noqa: PLC0415

        now, limit = now_utc(), self.limit or LIMIT
        offer = offer_of(reader, self.worker, self.types) if self.worker else None
        yield Upcoming50(None, now, offer=offer)
        told_at, types = time.monotonic(), dict[int, "Cell"]()
        for step in next_steps(
            reader, offer, self.strategy, limit=limit, now=now, seed=self.seed, types=() if offer else self.types
        ):
            if step.found.complete or time.monotonic() - told_at >= TELL_EVERY_S:
                told_at = time.monotonic()
                new = [each.task_id for each in step.found.tasks if each.task_id not in types]
                types |= {id: row.type for id, row in reader.task_rows(new).items()}
                yield Upcoming50(step.found, now, step.looked_at, dict(types), offer)
            else:
                yield None
            if is_over():
                return


@dataclass(frozen=True, slots=True)
class SaveWish:
    """Write a cell of a task into a file."""

    task_id: int
    column: str
    target: Path

    @property
    def kind(self) -> LookKind:
        """Saving."""
        return LookKind.SAVE

    def steps(self, reader: QueueReader, is_over: IsOver) -> Iterator[Saved]:
        """Yield how far it is; where it is over before its end, no file is left."""
        from prismq_gui.insight.cell_file import save_cell  # noqa: PLC0415

        steps = reader.ask(
            lambda connection, layout: save_cell(connection, layout, self.task_id, self.column, self.target)
        )
        try:
            for step in steps:
                if is_over() and step.done_bytes < step.total_bytes:
                    return
                yield step
        finally:
            steps.close()


@dataclass(frozen=True, slots=True)
class RecentWork:
    """The workers' facts and lanes, and what it cost to read them, in seconds."""

    facts: AllWorkers
    lanes: Lanes
    cost_s: float


@dataclass(frozen=True, slots=True)
class WorkWish:
    """Tell what workers did within a window that ends now."""

    window: timedelta | None = None  # as long as insight shows
    hearing: Hearing = PLAIN

    @property
    def kind(self) -> LookKind:
        """What workers did."""
        return LookKind.WORK

    def steps(self, reader: QueueReader, is_over: IsOver) -> Iterator[RecentWork | None]:
        """Yield nothing after each part, then the whole."""
        from prismq_gui.insight.activity import read_activity  # noqa: PLC0415
        from prismq_gui.insight.lanes import DEFAULT_WINDOW, read_lanes  # noqa: PLC0415
        from prismq_gui.insight.worker_facts import RATE_WINDOW, read_worker_facts  # noqa: PLC0415

        started, now = time.monotonic(), now_utc()
        window = self.window or DEFAULT_WINDOW
        longest = max(RATE_WINDOW, window)
        activity = reader.ask(lambda connection, layout: read_activity(connection, layout, now, longest))
        yield None
        if is_over():
            return
        hour = reader.ask(lambda connection, layout: read_worker_facts(connection, layout, now, activity=activity))
        yield None
        lanes = reader.ask(
            lambda connection, layout: read_lanes(
                connection, layout, now, window, activity=activity, hearing=self.hearing
            )
        )
        yield RecentWork(hour, lanes, time.monotonic() - started)
