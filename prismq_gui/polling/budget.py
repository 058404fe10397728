"""How often something may be read, by what it cost: pure arithmetic over times handed in.

Reading shares the page cache, the disk and the WAL with the workers of the queue, so everything
that is read again and again waits a multiple of what it took the last time.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

MIN_INTERVAL_S = 0.25
# A twentieth for polls and a twentieth for jobs: together at most a tenth of the time. A full count
# each second costs the writers 4 to 9 %, one twentieth of the time under 4 %.
REST_FACTOR = 20
CHEAP_S = 0.001  # a job that takes less is not counted as sharing
JOB_INTERVAL_S = 0.5  # of a job that is not cheap: figures that change faster are not read


def rest_s(cost_s: float) -> float:
    """Return how long to wait after a poll that took ``cost_s``."""
    return max(MIN_INTERVAL_S, REST_FACTOR * cost_s)


class Budget:
    """When each job may run again. Times are ``time.monotonic()`` seconds.

    Jobs that cost something share the twentieth: with three of them, each waits sixty times its cost.
    """

    def __init__(self) -> None:
        self._costs: dict[Hashable, float] = {}
        self._ended: dict[Hashable, float] = {}

    def is_new(self, job: Hashable) -> bool:
        """Whether a job has never run."""
        return job not in self._costs

    def due_at(self, job: Hashable) -> float:
        """Return when a job may run (again)."""
        if job not in self._ended:
            return 0.0
        cost_s = self._costs[job]
        sharing = sum(cost >= CHEAP_S for cost in self._costs.values())
        least_s = JOB_INTERVAL_S if cost_s >= CHEAP_S else 0.0
        return self._ended[job] + max(least_s, REST_FACTOR * cost_s * max(1, sharing))

    def due(self, jobs: Iterable[Hashable], now: float) -> list[Hashable]:
        """Return the jobs that may run now: those that never ran first, then by how long they wait."""
        return sorted((job for job in jobs if self.due_at(job) <= now), key=self.due_at)

    def spent(self, job: Hashable, now: float, cost_s: float) -> None:
        """Note that a job ended now and took ``cost_s``."""
        self._costs[job] = cost_s
        self._ended[job] = now

    def forget(self, jobs: Iterable[Hashable]) -> None:
        """Forget jobs that there are no more."""
        for job in jobs:
            self._costs.pop(job, None)
            self._ended.pop(job, None)

    def forgive(self) -> None:
        """Let every job run again now: the person asked for it."""
        self._ended.clear()
