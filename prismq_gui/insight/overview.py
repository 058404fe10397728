"""The overview of a queue in one record, read part by part in short steps, so that polls can budget them.

Owns which parts there are, what each last was and when it was read, and the state of the verdict. A part that was not
read yet, or could not be, is None: never 0. Must not wait, and must not keep a statement open between two steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Generic, TypeVar

from prismq_gui.insight import overview_reading as reading
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.forecast import Flow, Forecast, forecast
from prismq_gui.insight.hearing import Hearing
from prismq_gui.insight.history import History
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import Cell, FileFacts, StatusCount, WorkerRow
from prismq_gui.insight.overview_reading import FailedTasks, Failures, Leases
from prismq_gui.insight.percentiles import Times, times
from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.insight.verdict import Facts, Verdict, VerdictState, WorkerFact, judge
from prismq_gui.insight.workers import read_workers
from prismq_gui.queue import metrics
from prismq_gui.queue.metrics import FinishedSample, OldestWaiting, Throughput
from prismq_gui.queue.timestamps import now_utc, parse_utc
from prismq_gui.queue.transitions import RUNNING

WINDOW = timedelta(hours=1)
MOST_WORKERS = 200
T = TypeVar("T")


class Part(Enum):
    """What is read for itself, the cheapest first; each at its own pace."""

    OLDEST = "oldest"
    WORKERS = "workers"
    LEASES = "leases"
    COUNTS = "counts"
    FAILURES = "failures"
    FINISHED = "finished"
    FLOWS = "flows"  # without a history only
    PAST = "past"  # of the history, rebuilt


@dataclass(frozen=True, slots=True)
class Figure(Generic[T]):
    """A value and when it was read (naive UTC); both None before it was."""

    value: T | None = None
    read_at_utc: datetime | None = None

    def age_s(self, now: datetime) -> float | None:
        """Return how old it is, never negative."""
        return None if self.read_at_utc is None else max(0.0, (now - self.read_at_utc).total_seconds())


@dataclass(frozen=True, slots=True)
class Waiting:
    """The task that has been due for longest; ``oldest`` None: nothing is due."""

    oldest: OldestWaiting | None

    def waiting_s(self, now: datetime) -> float:
        """Return for how long it has been due, 0 where nothing is."""
        return 0.0 if self.oldest is None else max(0.0, (now - self.oldest.due_utc).total_seconds())


@dataclass(frozen=True, slots=True)
class Overview:
    """The queue at a glance. ``rates`` and ``failures`` are of the last hour, ``times`` of its finished tasks."""

    at_utc: datetime
    verdict: Verdict
    waiting: Figure[int]
    running: Figure[int]
    oldest: Figure[Waiting]
    rates: Figure[Throughput]
    failures: Figure[Failures]
    leases: Figure[Leases]
    workers: Figure[tuple[WorkerRow, ...]]
    times: Figure[Times]
    forecast: Figure[Forecast]


class OverviewReader:
    """Reads the parts of one queue's overview; used in the thread that the connection was opened in.

    ``steps(part)`` reads one part; a poll may do something else between two steps, and may throw the generator away.
    Counts and facts that somebody has read already are handed in by :meth:`take_counts` and :meth:`take_facts`.
    """

    def __init__(
        self, connection: ReadConnection, layout: Layout, *, signature: Callable[[Cell], str],
        thresholds: Thresholds | None = None, history: History | None = None,
        clock: Callable[[], datetime] = now_utc, hear: Callable[[], Hearing] | None = None,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._layout = layout
        self._signature = signature
        self._history = history
        self._clock = clock
        self.thresholds = thresholds or Thresholds()
        self._hear = hear
        self._state = VerdictState()
        self._waiting: Figure[int] = Figure()
        self._running: Figure[int] = Figure()
        self._oldest: Figure[Waiting] = Figure()
        self._finished: Figure[FinishedSample] = Figure()
        self._rates: Figure[Throughput] = Figure()
        self._times: Figure[Times] = Figure()
        self._failures: Figure[Failures] = Figure()
        self._failed: Figure[FailedTasks] = Figure()
        self._leases: Figure[Leases] = Figure()
        self._workers: Figure[tuple[WorkerRow, ...]] = Figure()
        self._flows: Figure[tuple[Flow, ...]] = Figure()
        self._wal_bytes: int | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that this overview needs."""
        left_out = Part.PAST if self._history is None else Part.FLOWS
        return tuple(part for part in Part if part is not left_out)

    def set_thresholds(self, thresholds: Thresholds) -> None:
        """Judge by these from now on; what was told by others is not held on to."""
        self.thresholds, self._state = thresholds, VerdictState()

    def take_counts(self, counts: Sequence[StatusCount]) -> None:
        """Take the counts of all statuses as the poll has them; an empty sequence says nothing."""
        if not counts:
            return
        now, clock = self._clock(), time.monotonic()
        for statuses, name in ((("queued",), "_waiting"), (RUNNING, "_running")):
            found = [count for count in counts if count.status in statuses]
            oldest = min((count.counted_at for count in found), default=clock)
            read_at = now - timedelta(seconds=max(0.0, clock - oldest))
            setattr(self, name, Figure(sum(count.count for count in found), read_at))

    def take_facts(self, facts: FileFacts) -> None:
        """Take the file as the poll found it."""
        self._wal_bytes = facts.wal_bytes

    def take_workers(self, workers: Sequence[WorkerRow]) -> None:
        """Take the workers as the poll has them."""
        self._workers = Figure(tuple(workers), self._clock())

    def steps(self, part: Part, *, is_unchanged: bool = False) -> Iterator[None]:
        """Read one part anew, a few milliseconds a step; the old value stays until the new one is whole.

        Args:
            part: Which.
            is_unchanged: Whether nobody wrote since it was read last: then only the window has moved, and what is
                dear to read is reckoned anew from what was read (0.3 s of each 30 with a million tasks).

        Raises:
            ProblemError: A statement failed; the old value stays.
        """
        again = _WINDOWED.get(part) if is_unchanged else None
        return _READERS[part](self) if again is None or not self._may_reckon(part) else again(self)

    def _may_reckon(self, part: Part) -> bool:
        """Whether what was read holds all that the window may reach: not where the clock was set back since."""
        read = self._failed if part is Part.FAILURES else self._finished
        return read.read_at_utc is not None and self._clock() >= read.read_at_utc

    def read_all(self) -> Overview:
        """Read every part once, to its end.

        Raises:
            ProblemError: A statement failed.
        """
        for part in self.parts:
            for _ in self.steps(part):
                pass
        return self.overview()

    def _read_counts(self) -> Iterator[None]:
        waiting = yield from reading.count(self._connection, self._layout, ("queued",))
        self._waiting = Figure(waiting, self._clock())
        running = yield from reading.count(self._connection, self._layout, RUNNING)
        self._running = Figure(running, self._clock())

    def _read_oldest(self) -> Iterator[None]:
        now = self._clock()
        if {"priority", "run_after_utc"} <= self._layout.tasks:
            self._oldest = Figure(Waiting(metrics.oldest_waiting(self._connection, now)), now)
        yield

    def _read_workers(self) -> Iterator[None]:
        self._workers = Figure(read_workers(self._connection, self._layout, MOST_WORKERS), self._clock())
        yield

    def _read_leases(self) -> Iterator[None]:
        found = yield from reading.leases(self._connection, self._layout, self._hearing().judged_at(self._clock()))
        self._leases = Figure(found, self._clock()) if found is not None else Figure()

    def _read_failures(self) -> Iterator[None]:
        now = self._clock()
        found = yield from reading.failures(self._connection, self._layout, self._signature, now, WINDOW)
        self._failed = Figure(found, now) if found is not None else Figure()
        self._failures = Figure(found.within(now, WINDOW), now) if found is not None else Figure()

    def _reckon_failures(self) -> Iterator[None]:
        if self._failed.value is not None:
            now = self._clock()
            self._failures = Figure(self._failed.value.within(now, WINDOW), now)
        yield

    def _read_finished(self) -> Iterator[None]:
        if not {"finished_at_utc", "created_at_utc", "run_after_utc", "attempts"} <= self._layout.tasks:
            return
        sample, now = FinishedSample((), cut=False), self._clock()
        for found in metrics.finished_sample_steps(self._connection):
            sample = found
            yield
        self._finished = Figure(sample, now)
        yield from self._reckon_finished()

    def _reckon_finished(self) -> Iterator[None]:
        if (sample := self._finished.value) is not None:
            now = self._clock()
            self._rates = Figure(metrics.throughput(sample, WINDOW, now), now)
            yield
            self._times = Figure(times(sample, WINDOW, now), now)

    def _read_flows(self) -> Iterator[None]:
        now_s = self._clock().replace(tzinfo=timezone.utc).timestamp()
        self._flows = Figure((yield from reading.recent_flows(self._connection, self._layout, now_s)), self._clock())

    def _read_past(self) -> Iterator[None]:
        if self._history is not None:
            yield from self._history.rebuild(self._connection, self._layout, self._unfinished())

    def _unfinished(self) -> int | None:
        waiting, running = self._waiting.value, self._running.value
        return None if waiting is None or running is None else waiting + running

    def overview(self) -> Overview:
        """Return everything as last read, and judge it as of now; reads nothing of the queue file."""
        now = self._clock()
        outlook = self._outlook(now)
        verdict, self._state = judge(self._facts(now, outlook), self.thresholds, self._state)
        return Overview(
            now, verdict, self._waiting, self._running, self._oldest, self._rates, self._failures, self._leases,
            self._workers, self._times, outlook,
        )  # fmt: skip

    def _hearing(self) -> Hearing:
        heard = self._hear() if self._hear is not None else Hearing()
        return replace(heard, silent_after_s=self.thresholds.silent_after_s)

    def _outlook(self, now: datetime) -> Figure[Forecast]:
        if self._unfinished() is None:
            return Figure()
        flows = self._history.flows() if self._history is not None else self._flows.value
        return Figure() if flows is None else Figure(forecast(self._unfinished(), flows), now)

    def _facts(self, now: datetime, outlook: Figure[Forecast]) -> Facts:
        failures, rates, oldest, leases = (
            self._failures.value, self._rates.value, self._oldest.value, self._leases.value
        )  # fmt: skip
        workers, hearing = self._workers.value, self._hearing()
        judged = hearing.judged_at(now)
        return Facts(
            now,
            workers=None if workers is None else tuple(_worker(row, judged) for row in workers),
            awaited=_awaited(workers or (), hearing, now),
            completed=None if rates is None else completed_of_an_hour(rates),
            failed=None if failures is None else failures.failed,
            failed_at_least=failures is not None and failures.at_least,
            causes=None if failures is None else failures.causes,
            dead=None if failures is None else failures.dead,
            oldest_waiting_s=None if oldest is None else oldest.waiting_s(judged),
            expired_leases=None if leases is None else leases.expired,
            forecast=outlook.value,
            wal_bytes=self._wal_bytes,
        )


def _awaited(workers: Sequence[WorkerRow], hearing: Hearing, now: datetime) -> str:
    """Return what is waited for before silence means anything, '' where nothing is."""
    if hearing.gap is None:
        return ""
    awaited = any(hearing.is_awaited(parse_utc(row.heartbeat_utc), now) for row in workers)
    return hearing.gap.sentence if awaited else ""


def _worker(row: WorkerRow, now: datetime) -> WorkerFact:
    beat = parse_utc(row.heartbeat_utc)
    silent_s = None if beat is None else max(0.0, (now - beat).total_seconds())
    return WorkerFact(row.worker_id, silent_s, row.held, row.held_at_least)


def completed_of_an_hour(rates: Throughput) -> int:
    """Return what completed within the hour, reckoned from a shorter time where the sample did not reach so far."""
    if rates.at_least and rates.covered_s < WINDOW.total_seconds():
        return int(rates.completed_per_hour)
    return rates.completed


_READERS: dict[Part, Callable[[OverviewReader], Iterator[None]]] = {
    Part.OLDEST: OverviewReader._read_oldest,
    Part.WORKERS: OverviewReader._read_workers,
    Part.LEASES: OverviewReader._read_leases,
    Part.COUNTS: OverviewReader._read_counts,
    Part.FAILURES: OverviewReader._read_failures,
    Part.FINISHED: OverviewReader._read_finished,
    Part.FLOWS: OverviewReader._read_flows,
    Part.PAST: OverviewReader._read_past,
}
_WINDOWED: dict[Part, Callable[[OverviewReader], Iterator[None]]] = {
    Part.FAILURES: OverviewReader._reckon_failures,
    Part.FINISHED: OverviewReader._reckon_finished,
}
