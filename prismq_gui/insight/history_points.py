"""The records of a queue's history, and how what was watched and what was rebuilt become one row of points.

Owns arithmetic alone: buckets of seconds, minutes and hours that add up, the depth that follows from flows, points with
gaps. Reads and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from prismq_gui.insight.messages import StatusCount
from prismq_gui.insight.rebuilding import MINUTE_S, Minute
from prismq_gui.queue.transitions import RUNNING

WIDTHS_S = (1, 60, 3_600)
MOST_GAP_S = 300.0  # two counts further apart tell nothing of the time between
MOST_AT_ONCE = 100_000_000  # more between two counts is a leap of ids, no arrivals
FLOWS = ("arrived", "completed", "failed", "cancelled")


class Source(Enum):
    """Where a figure of the past is from."""

    WATCHED = "watched"
    REBUILT = "rebuilt"


@dataclass(frozen=True, slots=True)
class Total:
    """How many there were when they were counted, seconds since 1970."""

    count: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen at a moment (seconds since 1970). None: not known."""

    at_s: float
    waiting: int | None = None
    running: int | None = None
    newest_task_id: int | None = None
    completed: Total | None = None
    failed: Total | None = None
    cancelled: Total | None = None


@dataclass(slots=True)
class Bucket:
    """Sums over one stretch of time. ``seconds`` says for how much of it each flow is known."""

    samples: int = 0
    waiting: float = 0.0
    running: float = 0.0
    counts: list[float] = field(default_factory=lambda: [0.0] * len(FLOWS))
    seconds: list[float] = field(default_factory=lambda: [0.0] * len(FLOWS))

    def add(self, other: Bucket) -> None:
        """Add another's sums."""
        self.samples += other.samples
        self.waiting += other.waiting
        self.running += other.running
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.seconds = [mine + its for mine, its in zip(self.seconds, other.seconds, strict=True)]


@dataclass(frozen=True, slots=True)
class Point:
    """One stretch of the past; rates are per second. None is a gap: not known, never zero.

    ``unfinished`` is waiting and running together, all that can be rebuilt of a depth: there the parts are None.
    """

    start_s: int
    width_s: int
    waiting: float | None = None
    running: float | None = None
    unfinished: float | None = None
    depth_source: Source | None = None
    arrived_per_s: float | None = None
    completed_per_s: float | None = None
    failed_per_s: float | None = None
    cancelled_per_s: float | None = None
    flow_source: Source | None = None

    @property
    def is_gap(self) -> bool:
        """Whether nothing is known of it."""
        return self.depth_source is None and self.flow_source is None


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """One rebuilding: its minutes, from when on it is whole, and how many were unfinished at its top."""

    top_s: int
    unfinished: int | None
    arrived_from_s: int | None
    finished_from_s: int | None
    minutes: Mapping[int, Minute]

    def rates(self, start_s: int, width_s: int) -> tuple[float | None, float | None, float | None, float | None]:
        """Return the rates within a stretch, as far as they are known."""
        first, end = start_s // MINUTE_S * MINUTE_S, start_s + width_s
        arrived, ended = Minute(), Minute()
        arrived_s = ended_s = 0
        for minute in range(first, max(end, first + 1), MINUTE_S):
            if minute + MINUTE_S > self.top_s:  # the last minute is not over
                continue
            counts = self.minutes.get(minute, Minute())
            if self.arrived_from_s is not None and minute >= self.arrived_from_s:
                arrived.add(counts)
                arrived_s += MINUTE_S
            if self.finished_from_s is not None and minute >= self.finished_from_s:
                ended.add(counts)
                ended_s += MINUTE_S
        ends = [count / ended_s if ended_s else None for count in (ended.completed, ended.failed, ended.cancelled)]
        return (arrived.arrived / arrived_s if arrived_s else None, ends[0], ends[1], ends[2])

    def depths(self, since_s: int = 0) -> dict[int, int]:
        """Return how many were unfinished at the end of each minute: today's, less what came, plus what went.

        ``since_s``: of no minute that ended before it; of four days to go back by the minute takes 15 ms.
        """
        if self.unfinished is None or self.arrived_from_s is None or self.finished_from_s is None:
            return {}
        depth, found = self.unfinished, {}
        minute = self.top_s // MINUTE_S * MINUTE_S
        last = max(self.arrived_from_s, self.finished_from_s, since_s // MINUTE_S * MINUTE_S)
        while minute >= last:
            found[minute] = depth
            counts = self.minutes.get(minute, Minute())
            depth = max(0, depth - counts.arrived + counts.finished)
            minute -= MINUTE_S
        return found


def sample_of(counts: Sequence[StatusCount], newest_task_id: int, now_s: float, monotonic_s: float) -> Sample:
    """Make a sample of a whole set of counts by status: one that is not in it is 0."""
    if not counts:
        return Sample(now_s, newest_task_id=newest_task_id)
    by_status = {count.status: count for count in counts}

    def total(*statuses: str) -> Total:
        found = [by_status[name] for name in statuses if name in by_status]
        oldest = min((count.counted_at for count in found), default=monotonic_s)
        return Total(sum(count.count for count in found), now_s - max(0.0, monotonic_s - oldest))

    return Sample(
        now_s, total("queued").count, total(*RUNNING).count, newest_task_id, total("completed"),
        total("failed", "dead_letter"), total("cancelled"),
    )  # fmt: skip


class Watching:
    """Turns samples into sums by stretch of time. Not safe for threads."""

    def __init__(self) -> None:
        self._last: Sample | None = None
        self._buckets: dict[tuple[int, int], Bucket] = {}

    def note(self, sample: Sample) -> None:
        """Take a sample; one that is older than the last (the clock was set back) begins anew."""
        last, self._last = self._last, sample
        if sample.waiting is not None and sample.running is not None:
            for bucket in self._at(sample.at_s):
                bucket.samples += 1
                bucket.waiting += sample.waiting
                bucket.running += sample.running
        if last is None or not 0 < sample.at_s - last.at_s <= MOST_GAP_S:
            return
        if last.newest_task_id is not None and sample.newest_task_id is not None:
            # Ids are given out in turn and never twice: what arrived, deleted since or not.
            self._flow(0, Total(last.newest_task_id, last.at_s), Total(sample.newest_task_id, sample.at_s))
        for number, name in enumerate(FLOWS[1:], 1):
            self._flow(number, getattr(last, name), getattr(sample, name))

    def _flow(self, number: int, before: Total | None, after: Total | None) -> None:
        """Share the difference of two counts out over the time between; a count that fell (or leapt) tells nothing."""
        if before is None or after is None or not 0 <= after.count - before.count <= MOST_AT_ONCE:
            return
        span_s = after.at_s - before.at_s
        if not 0 < span_s <= MOST_GAP_S:
            return
        for width in WIDTHS_S:
            for start, overlap_s in _overlaps(before.at_s, after.at_s, width):
                bucket = self._buckets.setdefault((width, start), Bucket())
                bucket.counts[number] += (after.count - before.count) * overlap_s / span_s
                bucket.seconds[number] += overlap_s

    def _at(self, moment_s: float) -> Iterator[Bucket]:
        for width in WIDTHS_S:
            yield self._buckets.setdefault((width, int(moment_s // width) * width), Bucket())

    def peek(self) -> Mapping[tuple[int, int], Bucket]:
        """Return what was not taken yet, by width and start."""
        return self._buckets

    def take(self) -> dict[tuple[int, int], Bucket]:
        """Return the sums since the last take, to be kept."""
        taken, self._buckets = self._buckets, {}
        return taken

    def give_back(self, buckets: Mapping[tuple[int, int], Bucket], most: int) -> None:
        """Take back what could not be kept; beyond ``most`` the finest and oldest are let go."""
        for key, bucket in buckets.items():
            self._buckets.setdefault(key, Bucket()).add(bucket)
        for key in sorted(self._buckets)[: max(0, len(self._buckets) - most)]:
            del self._buckets[key]


def _overlaps(since_s: float, until_s: float, width: int) -> Iterator[tuple[int, float]]:
    start = int(since_s // width) * width
    while start < until_s:
        yield start, min(until_s, start + width) - max(since_s, start)
        start += width


def points(
    since_s: int, until_s: int, width_s: int, watched: Mapping[int, Bucket], rebuilt: Iterable[Rebuilt]
) -> tuple[Point, ...]:
    """Return a point for each stretch from ``since_s`` to ``until_s``: watched where it was, else rebuilt, else a gap.

    Args:
        since_s: Of the first point; rounded down to the width.
        until_s: No point begins at or after it.
        width_s: Of a point.
        watched: Sums of that width, by start.
        rebuilt: The newest first.
    """
    first = since_s // width_s * width_s
    runs = [(run, run.depths(first)) for run in rebuilt]
    return tuple(_point(start, width_s, watched.get(start), runs) for start in range(first, until_s, width_s))


def _point(start: int, width: int, bucket: Bucket | None, runs: Sequence[tuple[Rebuilt, dict[int, int]]]) -> Point:
    waiting = running = unfinished = None
    depth_source = flow_source = None
    if bucket is not None and bucket.samples:
        waiting, running = bucket.waiting / bucket.samples, bucket.running / bucket.samples
        unfinished, depth_source = waiting + running, Source.WATCHED
    rates = _watched_rates(bucket)
    if any(rate is not None for rate in rates):
        flow_source = Source.WATCHED
    for run, depths in runs:
        if depth_source is None:
            within = range(start // MINUTE_S * MINUTE_S, start + width, MINUTE_S)
            known = [depths[minute] for minute in within if minute in depths and minute + MINUTE_S <= run.top_s]
            if known:
                unfinished, depth_source = sum(known) / len(known), Source.REBUILT
        if flow_source is None:
            rates = run.rates(start, width)
            flow_source = Source.REBUILT if any(rate is not None for rate in rates) else None
    return Point(start, width, waiting, running, unfinished, depth_source, *rates, flow_source=flow_source)


def _watched_rates(bucket: Bucket | None) -> tuple[float | None, float | None, float | None, float | None]:
    if bucket is None:
        return (None, None, None, None)
    rates = [count / span if span > 0 else None for count, span in zip(bucket.counts, bucket.seconds, strict=True)]
    return (rates[0], rates[1], rates[2], rates[3])
