"""The figures of a file: facts, counts by status, types, workers; each read as often as its cost allows.

Owns the values last read and when they may be read again. Old values stay where a read fails.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

from prismq_gui.insight.counting import MOST_AT_ONE_MOMENT
from prismq_gui.insight.messages import Change, FileFacts, StatusCount, WorkerRow
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.polling.budget import Budget
from prismq_gui.polling.messages import Snapshot, Total

MAX_TYPES = 200
MAX_WORKERS = 200
WORK_S = 0.05  # of jobs a poll; the rest comes with the next, so that a new wish is not kept waiting
FACTS_S = 1.0  # file sizes are looked at this often while nothing changes: a checkpoint moves them alone
TOTAL_HELD_S = 60.0  # the last true total goes before a sum of counts of several moments for so long
_FIRST = ("queued", "leased", "processing")  # what changes most and is counted soonest


@dataclass(frozen=True, slots=True)
class _Count:
    """The job of counting one status."""

    status: str


_STATUSES, _TYPES, _WORKERS = "statuses", "types", "workers"


@dataclass(slots=True)
class _UnderWay:
    """A job that has begun; it may take many polls to end."""

    job: Hashable
    steps: Iterator[None]
    generation: int  # of the data when it began
    cost_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _TrueTotal:
    """How many tasks there were while nothing changed. ``at`` is ``time.monotonic()`` seconds."""

    count: int
    newest_id: int
    generation: int
    at: float


class Figures:
    """Values and jobs of one open file. Used in the poll thread."""

    def __init__(self) -> None:
        self.facts: FileFacts | None = None
        self._budget = Budget()
        self._generation = 0
        self._changed_at = 0.0
        self._facts_at = 0.0
        self._statuses: tuple[str, ...] = ()
        self._counts: dict[str, StatusCount] = {}
        self._told_counts: tuple[StatusCount, ...] = ()
        self._is_of_one_moment = False
        self._true_total: _TrueTotal | None = None
        self._types: tuple[str, ...] = ()
        self._workers: tuple[WorkerRow, ...] = ()
        self._newest = (0, 0)
        self._read_at: dict[Hashable, int] = {}  # job → the data generation it saw
        self._all_read_at = -1  # the data generation at which nothing was left to be read
        self._under_way: _UnderWay | None = None

    def forgive(self) -> None:
        """Let everything be read anew at once."""
        self._budget.forgive()
        self._read_at.clear()
        self._all_read_at = -1
        self._under_way = None

    def look(self, reader: QueueReader, change: Change, now: float, adapt: Callable[[FileFacts], FileFacts]) -> None:
        """Read what is cheap on any file: sizes and the newest ids."""
        if change is Change.CHANGED:
            self._generation += 1
            self._changed_at = now
            self._newest = (reader.newest_task_id(), reader.newest_log_id())
        elif self._is_settled():
            count = sum(each.count for each in self._counts.values())
            self._true_total = _TrueTotal(count, self._newest[0], self._generation, now)
        if change is Change.CHANGED or now - self._facts_at >= FACTS_S:
            self.facts = adapt(reader.facts())
            self._facts_at = now

    def work(self, reader: QueueReader, is_void: Callable[[], bool]) -> Problem | None:
        """Run the jobs that may run, until it is enough for one poll; return what kept one from ending.

        Raises:
            ProblemError: The file itself cannot be read, so that no other job would succeed.
        """
        started = now = time.monotonic()
        failed: Problem | None = None
        while (running := self._next(reader, now)) is not None:
            began = time.monotonic()
            if is_void() or began - started >= WORK_S:
                break
            try:
                is_done = next(running.steps, self) is self
            except ProblemError as error:
                self._under_way = None
                if error.problem.kind is not ProblemKind.TOO_SLOW:
                    raise
                failed, is_done = error.problem, True
            now = time.monotonic()
            running.cost_s += now - began
            if is_done:
                self._under_way = None
                self._read_at[running.job] = running.generation
                self._budget.spent(running.job, now, running.cost_s)
        return failed

    def _next(self, reader: QueueReader, now: float) -> _UnderWay | None:
        """Return the job that goes on, else begin the next that may run."""
        if self._under_way is None:
            jobs = self._budget.due(self._outdated(), now)
            if jobs:
                self._under_way = _UnderWay(jobs[0], self._steps(reader, jobs[0]), self._generation)
        return self._under_way

    @property
    def has_new_work(self) -> bool:
        """Whether a job waits that has never run: the window has nothing to show for it yet."""
        return any(self._budget.is_new(job) for job in self._outdated())

    def _outdated(self) -> list[Hashable]:
        if self._all_read_at == self._generation:
            return []  # a third of what a poll of an idle file cost
        ordered = sorted(self._statuses, key=lambda status: (status not in _FIRST, status))
        counts = () if self._is_of_one_moment else (_Count(status) for status in ordered)
        jobs: list[Hashable] = [_STATUSES, *counts, _WORKERS, _TYPES]
        outdated = [job for job in jobs if self._read_at.get(job) != self._generation]
        if not outdated:
            self._all_read_at = self._generation
        return outdated

    def _steps(self, reader: QueueReader, job: Hashable) -> Iterator[None]:
        """Do a job in short steps."""
        if isinstance(job, _Count):
            began, count = time.monotonic(), 0
            for part in reader.count_steps(job.status):
                count += part
                yield
            self._counts[job.status] = StatusCount(job.status, count, began)
        elif job == _STATUSES:
            began, few = time.monotonic(), self._few(reader)
            self._is_of_one_moment = few is not None
            self._statuses = reader.statuses() if few is None else tuple(few)
            if few is not None:
                self._budget.forget(_Count(status) for status in self._counts)
                self._counts = {name: StatusCount(name, count, began) for name, count in few.items()}
            gone = self._counts.keys() - set(self._statuses)
            self._budget.forget(_Count(status) for status in gone)
            self._counts = {name: count for name, count in self._counts.items() if name not in gone}
        elif job == _TYPES:
            self._types = reader.types(MAX_TYPES + 1)
        else:
            self._workers = reader.workers(MAX_WORKERS + 1)

    def _few(self, reader: QueueReader) -> dict[str, int] | None:
        """Count all statuses at one moment where the tasks are few enough."""
        known = sum(each.count for each in self._counts.values())
        return reader.count_few() if known <= 2 * MOST_AT_ONE_MOMENT else None

    def _is_settled(self) -> bool:
        """Whether nothing changed since before the first status was counted until now."""
        jobs = (_STATUSES, *(_Count(status) for status in self._statuses))
        return not self._is_of_one_moment and all(self._read_at.get(job) == self._generation for job in jobs)

    def _total(self) -> Total | None:
        """Return how many tasks there are, as far as it is known.

        Counts of several moments have a task twice that was moved meanwhile. Then it is the last true total with what
        was put in since; where that is old, the sum, which cannot be more than the ids that were ever given.
        """
        if not self._told_counts:
            return None
        total = sum(each.count for each in self._told_counts)
        if self._is_of_one_moment:
            return Total(total, is_exact=True)
        held = self._true_total
        if held is not None and held.generation == self._generation:
            return Total(held.count, is_exact=True)
        if held is not None and time.monotonic() - held.at <= TOTAL_HELD_S:
            return Total(held.count + max(0, self._newest[0] - held.newest_id), is_exact=False)
        return Total(min(total, self._newest[0]) if self._newest[0] > 0 else total, is_exact=False)

    def snapshot(self, epoch: int) -> Snapshot:
        """Return everything as last read."""
        assert self.facts is not None
        if all(status in self._counts for status in self._statuses):  # else a missing one would pass for zero
            self._told_counts = tuple(self._counts[status] for status in self._statuses)
        return Snapshot(
            epoch=epoch,
            facts=self.facts,
            data_generation=self._generation,
            changed_at=self._changed_at,
            counts=self._told_counts,
            types=self._types[:MAX_TYPES],
            types_truncated=len(self._types) > MAX_TYPES,
            workers=self._workers[:MAX_WORKERS],
            workers_truncated=len(self._workers) > MAX_WORKERS,
            newest_task_id=self._newest[0],
            newest_log_id=self._newest[1],
            total=self._total(),
        )
