"""Carrying an operation out: batches into the journal, then short guarded transactions, with Stop and progress.

Owns the pace, and the order in which journal and queue are written: a batch is on the disk in the journal
before the first of its rows is changed, and outside of the queue's write lock, so that no worker waits for
the journal's disk. What is to be changed comes from a :class:`Source`; words are the caller's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.sqlite_errors import READ_ERRORS, translate
from prismq_gui.operations.changing import Done, UnitRefusedError, absent_columns_refusal, change_units
from prismq_gui.operations.images import Batch, Unit, rows_of
from prismq_gui.operations.messages import OperationKind, Progress
from prismq_gui.operations.recording import Recording
from prismq_gui.operations.targets import SkipTally
from prismq_gui.operations.writer import Identity, QueueWriter, ShouldStop, Stopped

MAX_CHUNK = 500  # rows a transaction, whatever the pace: longer ones hold workers up
FIRST_CHUNK = 50  # a slow disk shows itself here, before 500 rows hold the lock for seconds
HOLD_S = 0.025  # how long a chunk aims to hold the write lock at most
# A worker that waits for us by SQLite's own busy handler tries again after 1, 3, 8, 18, 33 ms…: a pause
# of 10 ms, and never shorter than the hold before it, holds at least one of these moments.
PAUSE_S = 0.010
STALE_AFTER_S = 2.0  # a batch holds the time at which it changes rows: an older one is made anew

OnProgress = Callable[[Progress], None]


class Source(Protocol):
    """What an operation changes, batch by batch."""

    skips: SkipTally

    @property
    def total(self) -> int:
        """How many units it was asked to change."""

    @property
    def rights(self) -> frozenset[tuple[int, str]]:
        """What the writing connection must be allowed."""

    def batch(self, writer: QueueWriter) -> Batch | None:
        """Return the next rows as they are now and as they are to be, None where there are no more."""

    def not_changed(self, units: Sequence[Unit], *, moved: bool) -> None:
        """Take back units that were not changed: they moved since, or (``moved`` is False) their time had passed."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How far an operation came."""

    changed: int
    stopped: bool
    problem: Problem | None
    elapsed_s: float


class Run:
    """One operation on its way through a source; used once, in one thread."""

    def __init__(
        self, kind: OperationKind, path: Path, identity: Identity, source: Source, recording: Recording | None
    ) -> None:
        self._kind = kind
        self._path = path
        self._identity = identity
        self._source = source
        self._recording = recording
        self._changed = 0
        self._size = FIRST_CHUNK
        self._held_s = 0.0  # for how long the last chunk held the write lock
        self._released = 0.0  # when, by time.perf_counter()

    def run(self, on_progress: OnProgress, should_stop: ShouldStop) -> Ran:
        """Do it all, or as far as a stop or a problem lets it; every error is told in what is returned."""
        started = time.perf_counter()
        stopped, problem = False, None
        try:
            with QueueWriter(self._path, rights=self._source.rights) as writer:
                self._check_identity()
                self._all(writer, on_progress, should_stop)
        except Stopped:
            stopped = True
        except ProblemError as error:
            problem = error.problem
        except READ_ERRORS as error:
            problem = translate(error, self._path, doing="change the tasks")
        return Ran(self._changed, stopped, problem, time.perf_counter() - started)

    def _check_identity(self) -> None:
        try:
            same = Identity.of(self._path) == self._identity
        except OSError:
            same = False
        if not same:
            what = "Another file has been put in this one's place since the preview"
            problem = Problem(
                ProblemKind.REFUSED, what, str(self._path), "Nothing was changed.", "Make the preview anew."
            )
            raise ProblemError(problem)

    def _all(self, writer: QueueWriter, on_progress: OnProgress, should_stop: ShouldStop) -> None:
        while True:
            if should_stop():
                raise Stopped
            batch = self._source.batch(writer)
            if batch is None:
                return
            if not batch.units:
                on_progress(self._progress())
                continue
            refusal = absent_columns_refusal(batch.columns, writer.stored_columns, self._path)
            if refusal is not None:
                raise ProblemError(refusal)
            if self._recording is not None:
                self._recording.add(batch, self._changed)
            self._batch(writer, batch, on_progress, should_stop)

    def _batch(self, writer: QueueWriter, batch: Batch, on_progress: OnProgress, should_stop: ShouldStop) -> None:
        """Change the rows of a batch; note which were not, whatever ends it."""
        rest = {unit.task_id for unit in batch.units}
        at = 0
        try:
            while at < len(batch.units):
                if self._held_s:
                    if should_stop():
                        raise Stopped
                    self._let_others(writer)
                if at and time.monotonic() - batch.made_at > STALE_AFTER_S:
                    self._source.not_changed(batch.units[at:], moved=False)
                    break
                units = _chunk(batch.units, at, self._size)
                done = self._one(writer, batch, units, should_stop)
                at += len(units)
                rest.difference_update(done.applied)
                if done.stale:
                    stale = set(done.stale)
                    self._source.not_changed([unit for unit in units if unit.task_id in stale], moved=True)
                on_progress(self._progress())
                self._adapt(self._held_s)
        finally:
            if self._recording is not None:
                self._recording.settle(sorted(rest))

    def _let_others(self, writer: QueueWriter) -> None:
        """Leave the lock to writers that waited, for as long as we had it; what was done since then counts."""
        writer.shorten_wal()
        left_s = max(PAUSE_S, self._held_s) - (time.perf_counter() - self._released)
        if left_s > 0:
            time.sleep(left_s)

    def _progress(self) -> Progress:
        done = self._changed + self._source.skips.total
        total = self._source.total
        return Progress(self._kind, done, total, f"{done:,} of {total:,} done")

    def _adapt(self, held_s: float) -> None:
        if held_s > HOLD_S:
            self._size = max(1, int(self._size * max(0.1, HOLD_S / held_s)))
        elif held_s < HOLD_S / 2:
            self._size = min(MAX_CHUNK, self._size * 2)

    def _one(self, writer: QueueWriter, batch: Batch, units: Sequence[Unit], should_stop: ShouldStop) -> Done:
        """Change one chunk in one transaction."""
        refused: list[tuple[str, int]] = []
        left = list(units)
        while True:
            try:
                with writer.transaction(should_stop):
                    began = time.perf_counter()
                    done = change_units(writer, batch.columns, left)
                break
            except UnitRefusedError as error:
                refused.append((error.reason, error.task_id))
                left = [unit for unit in left if unit.task_id != error.task_id]
        self._released = time.perf_counter()
        self._held_s = self._released - began
        self._changed += len(done.applied)
        for reason, task_id in (*done.refused, *refused):
            self._source.skips.add(reason, task_id)
        return done


def _chunk(units: Sequence[Unit], at: int, size: int) -> Sequence[Unit]:
    """Return the next units that fit into one transaction: one at least."""
    some = units[at : at + size]
    if rows_of(some) == len(some):
        return some
    rows, end = 0, 0
    for end, unit in enumerate(some):
        rows += len(unit.changes)
        if rows > size and end:
            return some[:end]
    return some[: end + 1]
