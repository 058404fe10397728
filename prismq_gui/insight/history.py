"""The history of a queue: depth and throughput over time, kept while the program runs, rebuilt where timestamps allow.

What is watched is summed into seconds, minutes and hours at once; each is kept for as long as it is of use (2 hours,
7 days, 400 days), about 27,000 rows a queue at most. Owns when something is written; how stands in
:mod:`~prismq_gui.insight.history_file`. A history that cannot be kept never stops the program: it
says so in ``trouble`` and goes on in memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.forecast import WINDOW_S, Flow
from prismq_gui.insight.history_file import (
    FILE_ERRORS,
    HistoryFile,
    QueueIdentity,
    Witness,
    identity_of,
    is_damage,
)
from prismq_gui.insight.history_points import (
    FLOWS,
    WIDTHS_S,
    Bucket,
    Point,
    Rebuilt,
    Sample,
    Source,
    Total,
    Watching,
    points,
    sample_of,
)
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.rebuilding import HORIZON_S, Progress, Stage, Step, begin, steps

__all__ = ["History", "Point", "Sample", "Source", "Total", "queue_witness", "sample_of"]

FLUSH_S = 5.0  # what a crash can lose
RETRY_S = 30.0
MOST_IN_MEMORY = 5_000
MOST_POINTS = 5_000
_STORE_EVERY_S = 1.0  # of rebuilding
_FRESH_S = 120  # a rebuilding of up to so lately need not be followed by another


@dataclass(frozen=True, slots=True)
class _Run:
    """The rebuilding that is under way."""

    number: int | None
    progress: Progress


def queue_witness(connection: ReadConnection, newest_task_id: int) -> Witness | None:
    """Return what a queue can be known again by: its newest task, None where that has no readable time."""
    created = _created(connection, newest_task_id)
    return Witness(newest_task_id, created) if isinstance(created, str) else None


def _created(connection: ReadConnection, task_id: int) -> Cell:
    sql = "SELECT substr(created_at_utc, 1, 64) FROM task_queue WHERE id = ?"
    return connection.value(sql, (task_id,), doing="look whether it is the same queue")


class History:
    """The history of one queue file; made, used and closed in one thread. Times are seconds since 1970.

    Two windows on one queue share the side file: one records, the other reads what it wrote, and takes over within
    15 seconds when that one is gone.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = HistoryFile(folder)
        self._clock = clock
        self._queue: int | None = None
        self._identity: QueueIdentity | None = None
        self._watching = Watching()
        self._flushed_s = self._tried_s = 0.0
        self._run: _Run | None = None
        self.note_text = ""
        self.trouble = ""

    def open(self, path: Path, connection: ReadConnection, newest_task_id: int) -> None:
        """Open the history of a queue file that a connection is open on. Another file at the same path begins anew.

        Raises:
            ProblemError: The queue file cannot be read.
            OSError: The queue file is gone.
        """
        self._watching = Watching()
        identity = self._identity = identity_of(path)
        witness = queue_witness(connection, newest_task_id) if newest_task_id else None
        self.trouble = ""
        try:
            self._file.close()
            self.note_text = self._file.open()
            self._queue = self._recognise(identity, connection, newest_task_id)
            self._file.see(self._queue, identity, witness, self._clock())
        except FILE_ERRORS as error:
            self._fail(error)

    def _recognise(self, identity: QueueIdentity, connection: ReadConnection, newest: int) -> int:
        for number, known, witness in self._file.known(identity.place):
            same_file = (known.device, known.inode) == (identity.device, identity.inode)
            if witness is None:
                is_same = same_file
            else:
                created = _created(connection, witness.task_id)
                # A task that was deleted says nothing, if the ids went on; numbers of files are given out again.
                is_same = created == witness.created if created is not None else same_file and newest > witness.task_id
            if is_same:
                return number
        return self._file.add_queue(identity, self._clock())

    def close(self) -> None:
        """Write what is left and close; idempotent."""
        if self._queue is not None:
            self.flush()
            try:
                self._file.stop_recording(self._queue)
            except FILE_ERRORS as error:
                self._fail(error)
        self._queue = self._identity = None
        self._file.close()

    def note(self, sample: Sample) -> None:
        """Take what was just seen; it is written within 5 seconds, by a later call."""
        self._watching.note(sample)
        now_s = self._clock()
        if not 0 <= now_s - self._flushed_s < FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Write what was noted, in one transaction of about a millisecond."""
        now_s = self._clock()
        if self.trouble and 0 <= now_s - self._tried_s < RETRY_S:
            self._watching.give_back({}, MOST_IN_MEMORY)
            return
        self._flushed_s = self._tried_s = now_s
        if self._queue is None:
            self._open_again(now_s)
        if self._queue is None:
            return
        taken = self._watching.take()
        try:
            with self._file.writing():
                if self._file.may_record(self._queue, now_s):
                    self._file.add_buckets(self._queue, taken)
                    self._file.prune(self._queue, now_s)
            self.trouble = ""
        except FILE_ERRORS as error:
            self._watching.give_back(taken, MOST_IN_MEMORY)
            self._fail(error)

    def _open_again(self, now_s: float) -> None:
        """Open the side file after a failure; a damaged one is set aside."""
        identity = self._identity
        if identity is None:
            return
        try:
            self._file.close()
            self.note_text = self._file.open() or self.note_text
            known = [number for number, each, _ in self._file.known(identity.place) if each == identity]
            self._queue = known[0] if known else self._file.add_queue(identity, now_s)
        except FILE_ERRORS as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._tried_s = self._clock()
        self.trouble = f"The history is not kept: {error}. It goes on in memory. ({self._file.path})"
        if is_damage(error):
            # Opened anew it is set aside; until then nothing can be kept.
            self._file.close()
            self._queue = None

    def points(self, since_s: float, until_s: float, width_s: int) -> tuple[Point, ...]:
        """Return the past in stretches of ``width_s``, gaps included.

        Raises:
            ValueError: More than 5,000 points were asked for, or none.
        """
        count = (until_s - since_s) / width_s if width_s > 0 else 0
        if not 0 < count <= MOST_POINTS:
            raise ValueError(f"between 1 and {MOST_POINTS:,} points can be told, not {count:,.0f}")
        first = int(since_s) // width_s * width_s
        until = int(until_s)
        watched: dict[int, Bucket] = {}
        rebuilt: list[Rebuilt] = []
        base = max(width for width in WIDTHS_S if width_s % width == 0)
        for start, bucket in self._kept(base, first, until):
            watched.setdefault(start // width_s * width_s, Bucket()).add(bucket)
        if self._queue is not None:
            try:
                rebuilt = self._file.rebuilt(self._queue, first, until)
            except FILE_ERRORS as error:
                self._fail(error)
        return points(first, until, width_s, watched, rebuilt)

    def _kept(self, width: int, since_s: int, until_s: int) -> Iterator[tuple[int, Bucket]]:
        """Yield what is in the file, then what is not written yet."""
        if self._queue is not None:
            try:
                yield from self._file.buckets(self._queue, width, since_s, until_s).items()
            except FILE_ERRORS as error:
                self._fail(error)
        for (each, start), bucket in self._watching.peek().items():
            if each == width and since_s <= start < until_s:
                yield start, bucket

    def flows(self, window_s: float = WINDOW_S) -> tuple[Flow, ...]:
        """Return the last minutes for :func:`~prismq_gui.insight.forecast.forecast`: where both flows are known."""
        now_s = self._clock()
        width = 10 if window_s <= 3_600 else 60
        return flows_of(self.points(now_s - window_s, now_s, width))

    # -- rebuilding

    def rebuild(self, connection: ReadConnection, layout: Layout, unfinished: int | None) -> Iterator[None]:
        """Rebuild the past that is not known yet, a few milliseconds a step; stop between any two, and go on later.

        Args:
            connection: Open on the queue.
            layout: Of its tables.
            unfinished: How many tasks wait or run now, None where that is not known: then no depth can be rebuilt.

        Raises:
            ProblemError: A statement failed; call again to go on.
        """
        run = self._run = self._begin(unfinished)
        if run is None:
            return
        waiting, stored_s = Step({}, run.progress), time.monotonic()
        for step in steps(connection, layout, run.progress):
            for start, minute in step.minutes.items():
                waiting.minutes.setdefault(start, type(minute)()).add(minute)
            waiting = Step(waiting.minutes, step.progress)
            is_done = step.progress.stage is Stage.DONE
            if is_done or time.monotonic() - stored_s >= _STORE_EVERY_S:
                if not self._store(run, waiting):
                    return
                waiting, stored_s = Step({}, step.progress), time.monotonic()
            yield

    def _begin(self, unfinished: int | None) -> _Run | None:
        """Return the rebuilding to go on with, a new one, or None where none is needed or can be kept."""
        now_s = self._clock()
        if self._queue is None:
            return None
        try:
            with self._file.writing():
                if not self._file.may_record(self._queue, now_s):
                    return None
                last = self._file.last_run(self._queue)
                if last is not None and last[1].stage is not Stage.DONE:
                    return _Run(*last)
                if last is not None and 0 <= now_s - last[1].top_s < _FRESH_S:
                    return None
                # What was rebuilt before stays: tasks deleted since would be missing from it.
                progress = begin(now_s, HORIZON_S, 0 if last is None else last[1].top_s)
                return _Run(self._file.add_run(self._queue, progress, unfinished), progress)
        except FILE_ERRORS as error:
            self._fail(error)
            return None

    def _store(self, run: _Run, step: Step) -> bool:
        if self._queue is None or run.number is None:
            return False
        try:
            with self._file.writing():
                if not self._file.may_record(self._queue, self._clock()):
                    return False
                self._file.add_step(run.number, step)
        except FILE_ERRORS as error:
            self._fail(error)
            return False
        return True


def flows_of(past: tuple[Point, ...]) -> tuple[Flow, ...]:
    """Return the stretches of which both flows are known; gaps are left out, so they never count as standstill."""
    found = []
    for point in past:
        ends = (point.completed_per_s, point.failed_per_s, point.cancelled_per_s)
        known = [end for end in ends if end is not None]
        if point.arrived_per_s is not None and len(known) == len(FLOWS) - 1:
            found.append(Flow(point.width_s, point.arrived_per_s * point.width_s, sum(known) * point.width_s))
    return tuple(found)
