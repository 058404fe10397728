"""Failed and dead tasks grouped by cause: read in short statements, kept up as tasks fail and are retried.

Owns the life of a reader of failures: its connection, what it has read, and when that is brought up to date. The
first reading goes newest first, can be stopped at any statement and goes on where it stopped. Later ones compare
blocks of ids with the index, so that only what changed is read again.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from prismq_gui.insight.breath import Breath
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.counting import count_steps
from prismq_gui.insight.failure_messages import FailureGroup, Failures, ReadingProgress
from prismq_gui.insight.failure_reading import IDS_A_LOOK, MOST_ROWS, STATUSES, FailedRow, FailureStatements, Pair
from prismq_gui.insight.failure_store import Entry, PairStore, Stretch
from prismq_gui.insight.failure_tally import MAX_GROUPS, NO_WORKER, Kind, Tally, seconds_of
from prismq_gui.insight.layout import Layout, read_layout
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.signatures import RULES_VERSION, signature_of_parts, text_of_parts
from prismq_gui.insight.walking import MAX_INT
from prismq_gui.queue.timestamps import now_utc

WINDOW = timedelta(hours=24)
BUCKETS = 24
LOG_LOOKUPS = 1_000  # tasks of a group whose worker is looked for in the log: about 15 ms
MAX_LOG_LINES = 20_000  # looked through for tasks that failed anew, at one refresh
_FIRST_LOOK = 64  # of each kind, so that every group of today is seen at once
_NO_INDEX = "The index by type and status is missing: each look reads all tasks anew."
_NO_LOGS = "Workers that the tasks do not name cannot be looked for: the log or its index is missing."
_MANY_LINES = "So much was logged that tasks which failed anew with another error may stand under their earlier one."

ShouldStop = Callable[[], bool]
OnProgress = Callable[[ReadingProgress], object]


def _never() -> bool:
    return False


def _nothing(_progress: ReadingProgress) -> None:
    return None


@dataclass(slots=True)
class _Part:
    """One pair, what is kept of it, and the id from which the first reading goes on (None: it is done)."""

    pair: Pair
    store: PairStore
    before: int | None = MAX_INT


class FailureReader:
    """Groups the failures of one queue file; made, used and closed in one thread.

    Only :meth:`interrupt` may be called from another. Every error is a
    :class:`~prismq_gui.insight.problems.ProblemError`. Where the file was replaced, make a new one.
    """

    def __init__(
        self,
        path: Path,
        *,
        deadline_s: float = 5.0,
        breath: Breath | None = None,
        window: timedelta = WINDOW,
        buckets: int = BUCKETS,
        most_groups: int = MAX_GROUPS,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self._path = Path(path)
        self._connection = ReadConnection(self._path, deadline_s, breath)
        self._window, self._buckets, self._most_groups = window, buckets, most_groups
        self._clock = clock
        self._layout: Layout | None = None
        self._start_anew()

    def _start_anew(self) -> None:
        self._tally = Tally(self._window, self._buckets, self._most_groups)
        self._kinds: list[Kind] = []
        self._kind_numbers: dict[Kind, int] = {}
        self._parts: list[_Part] = []
        self._statements: FailureStatements | None = None
        self._version: Cell = None
        self._last_log = 0
        self._again: set[int] = set()
        self._missed_lines = False
        self._estimate = 0

    def open(self) -> None:
        """Open the file read-only and check that it is a queue.

        Raises:
            ProblemError: It is not there, not a queue, or not readable.
        """
        self.close()
        try:
            self._connection.open()
            self._layout = read_layout(self._connection)
        except ProblemError:
            self.close()
            raise

    def close(self) -> None:
        """Close and forget; idempotent."""
        self._connection.close()
        self._layout = None
        self._start_anew()

    def interrupt(self) -> None:
        """End the running statement, which raises INTERRUPTED; callable from any thread."""
        self._connection.interrupt()

    @property
    def connection(self) -> ReadConnection:
        """The connection, for what else is read of a group."""
        return self._connection

    @property
    def layout(self) -> Layout:
        """The file's layout.

        Raises:
            ProblemError: It is closed.
        """
        if self._layout is None:
            raise ProblemError(
                Problem(ProblemKind.FAILED, "The file is closed", str(self._path), "Nothing was read.", "Open it.")
            )
        return self._layout

    @property
    def longest_s(self) -> float:
        """The longest time a statement that reads tasks took."""
        return self._statements.longest_s if self._statements else 0.0

    def refresh(self, *, should_stop: ShouldStop = _never, on_progress: OnProgress = _nothing) -> bool:
        """Read what is new; return whether all is up to date, False where it was stopped: call it again to go on.

        Args:
            should_stop: Asked before each statement.
            on_progress: Told after each one; it may call :meth:`snapshot`.

        Raises:
            ProblemError: What a statement met. What was read before stays, and the next call goes on there.
        """
        layout = self.layout
        version = self._connection.value("PRAGMA data_version", doing="look for changes")
        if self._is_built and version == self._version:
            return True
        if self._is_built and not self._parts[0].pair.known:
            self._start_anew()
        if self._statements is None:
            self._begin(layout)
            self._version = version  # of the beginning, however often the first reading is stopped
        if not self._is_built:
            return self._build(should_stop, on_progress)
        done = self._update(should_stop, on_progress)
        if done:
            self._version = version
        return done

    def snapshot(self, now: datetime | None = None) -> Failures:
        """Return the groups as far as they are read; reads nothing. ``now`` is naive UTC."""
        now = now or self._clock()
        self._tally.freshen([part.store for part in self._parts])
        notes = []
        if self._parts and not self._parts[0].pair.known:
            notes.append(_NO_INDEX)
        if self._layout is not None and not self._layout.has_log_index:
            notes.append(_NO_LOGS)
        if self._missed_lines:
            notes.append(_MANY_LINES)
        return Failures(
            groups=self._tally.groups(self._kinds, now),
            total=sum(len(part.store) for part in self._parts),
            complete=self._is_built,
            at_utc=now,
            window=self._window,
            rules_version=RULES_VERSION,
            notes=tuple(notes),
        )

    def ids_of(self, group: FailureGroup) -> array[int]:
        """Return the ids of a group's tasks that were read, the newest first; reads nothing."""
        number = self._tally.number_of(group.signature)
        if number is None:
            return array("q")
        found = sorted(
            (each for part in self._parts for ids in part.store.ids_of(number) for each in ids), reverse=True
        )
        return array("q", found)

    @property
    def _is_built(self) -> bool:
        return self._statements is not None and all(part.before is None for part in self._parts)

    def _begin(self, layout: Layout) -> None:
        statements = FailureStatements(self._connection, layout)
        last_log = statements.newest_log_id()  # first: what fails while it is read is looked at again
        pairs = statements.pairs()
        estimate = sum(part for status in STATUSES for part in count_steps(self._connection, layout, status))
        self._parts = [_Part(pair, PairStore()) for pair in pairs]
        self._last_log, self._estimate, self._statements = last_log, estimate, statements

    def _build(self, should_stop: ShouldStop, on_progress: OnProgress) -> bool:
        """Read all failed tasks: a little of each pair at first, then each to its end."""
        assert self._statements is not None
        done = sum(len(part.store) for part in self._parts)
        for most in (_FIRST_LOOK, MOST_ROWS):
            for part in self._parts:
                while part.before is not None and not (most == _FIRST_LOOK and part.before != MAX_INT):
                    if should_stop():
                        return False
                    rows, before = self._statements.newest_down(part.pair, part.before, most)
                    self._take(part, rows)
                    part.before = before
                    done += len(rows)
                    on_progress(ReadingProgress(done, max(done, self._estimate)))
        return True

    def _update(self, should_stop: ShouldStop, on_progress: OnProgress) -> bool:
        """Compare what is kept with the index, and read what differs and what was logged about since."""
        assert self._statements is not None
        logged, self._last_log, all_seen = self._statements.logged_tasks(self._last_log, MAX_LOG_LINES)
        self._again |= logged
        self._missed_lines = self._missed_lines or not all_seen
        known = {part.pair for part in self._parts}
        for pair in self._statements.pairs():
            if pair not in known and pair.known:
                self._parts.append(_Part(pair, PairStore(), None))
        for number, part in enumerate(self._parts):
            for stretch in part.store.stretches():
                if should_stop():
                    return False
                if not self._statements.is_same(part.pair, stretch) and not self._level(part, stretch, should_stop):
                    return False
            if not self._reread(part, should_stop):
                return False
            on_progress(ReadingProgress(number + 1, len(self._parts)))
        self._again = set()
        return True

    def _level(self, part: _Part, stretch: Stretch, should_stop: ShouldStop) -> bool:
        """Bring a range of ids in line with the file; return False where it was stopped."""
        assert self._statements is not None
        low = stretch.low
        while True:
            if should_stop():
                return False
            ids = self._statements.ids(part.pair, low, stretch.high)
            end = ids[-1] if len(ids) == IDS_A_LOOK else stretch.high
            kept = part.store.ids_between(low, end)
            for gone in kept.difference(ids):
                self._drop(part, gone)
            for rows in self._statements.rows_of(part.pair, [each for each in ids if each not in kept]):
                self._take(part, rows)
            if end >= stretch.high:
                return True
            low = end + 1

    def _reread(self, part: _Part, should_stop: ShouldStop) -> bool:
        """Read again the kept tasks that something was logged about: they may have failed anew."""
        assert self._statements is not None
        ids = sorted(each for each in self._again if part.store.get(each) is not None)
        for rows in self._statements.rows_of(part.pair, ids):
            for row in rows:
                self._drop(part, row.id)
            self._take(part, rows)
            if should_stop():
                return False
        return True

    def _take(self, part: _Part, rows: Sequence[FailedRow]) -> None:
        """Count tasks in their groups."""
        placed = [(row, self._tally.group(*_cause(row))) for row in rows]
        unnamed = [row.id for row, group in placed if not row.worker and self._tally.may_look_up(group, LOG_LOOKUPS)]
        assert self._statements is not None
        told = self._statements.workers_of(unnamed)
        now = self._clock()
        for row, group in placed:
            worker = NO_WORKER
            if row.worker:
                worker = self._tally.worker(row.worker, inferred=False)
            elif row.id in told:
                worker = self._tally.worker(told[row.id], inferred=True)
            entry = Entry(group, seconds_of(row.at), worker)
            if part.store.get(row.id) is None:
                part.store.put(row.id, entry)
                self._tally.add(self._kind(part, row), row.id, entry, now)

    def _kind(self, part: _Part, row: FailedRow) -> int:
        kind = Kind(part.pair.type_text if part.pair.known else row.type_text, part.pair.status)
        number = self._kind_numbers.get(kind)
        if number is None:
            number = self._kind_numbers[kind] = len(self._kinds)
            self._kinds.append(kind)
        return number

    def _drop(self, part: _Part, task_id: int) -> None:
        entry = part.store.take(task_id)
        if entry is not None:
            kind = Kind(part.pair.type_text, part.pair.status)
            self._tally.remove(self._kind_numbers[kind], task_id, entry)


def _cause(row: FailedRow) -> tuple[str, str]:
    """Return the signature of a task's error, and the text itself as far as it was read."""
    return signature_of_parts(row.head, row.tail), text_of_parts(row.head, row.tail)
