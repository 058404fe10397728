"""The answer to one table's query: found in steps, told in batches, kept true as the file changes.

Owns the list of ids as the window has been told it, the scan that makes it, and the budget of
scanning again. Must not know threads or timers: it is stepped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prismq_gui.insight.filters import LogFilter, TaskFilter
from prismq_gui.insight.log_scan import all_at_once
from prismq_gui.insight.messages import IdChunk, IdSpan
from prismq_gui.insight.reader import QueueReader
from prismq_gui.polling.batches import Batches
from prismq_gui.polling.budget import REST_FACTOR
from prismq_gui.polling.diff import difference
from prismq_gui.polling.ids import IdList, packed
from prismq_gui.polling.messages import IdsAppended, IdsPatched, Query, Span

TAIL_LIMIT = 50_000  # new rows taken at once; the rest in the next step

LEADING_INTERVAL_S = 0.5  # rows that lead a sort under way are no faster to be read
SCAN_INTERVAL_S = 1.0  # new rows come at once, by the tail; this is for rows that left, or changed their place

Tell = Callable[[IdsAppended | IdsPatched], None]


@dataclass(slots=True)
class _Scan:
    """A scan under way. ``found`` is what the window has been told of a first one, or what a second one found."""

    chunks: Iterator[IdChunk]
    found: IdList
    horizon: int  # the newest id when it began: newer ones are the tail's
    is_first: bool
    cost_s: float = 0.0
    progress: float = 0.0


class TableFeed:
    """One query at a time; stepped in the feed thread.

    ``tell`` takes messages for the window. Everything that reads may raise ProblemError.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.query: Query | None = None
        self._ids = IdList()
        self._scan: _Scan | None = None
        self._batches = Batches()
        self._horizon = 0
        self._is_complete = self._has_told_all = False
        self._has_changed = False  # since the list was last known to be true
        self._has_tail = False
        self._scan_again_at = 0.0
        self._is_stopped = False
        self._fresh = 0  # rows that came at the top while the first scan was stopped
        self._leading: IdSpan = range(0)  # as told
        self._leading_at = 0.0

    # -- wishes

    def start(self, query: Query | None) -> None:
        """Begin to answer a query (None: nothing is asked); the one before is given up."""
        self.stop()
        self.query = query
        self._ids = IdList()
        self._batches = Batches()
        self._is_complete = self._has_told_all = False
        self._has_changed = self._has_tail = self._is_stopped = False
        self._scan_again_at = 0.0
        self._fresh, self._leading, self._leading_at = 0, range(0), 0.0

    def pause(self, *, stopped: bool) -> None:
        """Look no further for now and keep what was found, or go on where it was left."""
        query, scan = self.query, self._scan
        if query is None or scan is None or not scan.is_first or stopped == self._is_stopped:
            return
        self._is_stopped = stopped
        if stopped:
            self._horizon = max(scan.horizon, self._newest_listed(query))
            self._tell_batches(query, IdChunk(progress=scan.progress), time.monotonic())
        else:
            self._tell(IdsAppended(query.table, query.generation, range(0), scan.progress, done=False))

    def stop(self) -> None:
        """Give up the scan under way."""
        scan, self._scan = self._scan, None
        if scan is not None and hasattr(scan.chunks, "close"):
            scan.chunks.close()

    def note_change(self, *, now: bool = False) -> None:
        """Take it that the file has changed; ``now`` sets the budget aside."""
        self._has_changed = self._has_tail = True
        if now:
            self._scan_again_at = 0.0

    def fail(self) -> None:
        """Give up what failed, and take it up again with the next step without telling a row twice."""
        query, scan = self.query, self._scan
        if self._is_stopped:  # only new rows were looked for
            self._has_tail = True
            return
        self.stop()
        if query is None:
            return
        if scan is not None and scan.is_first:
            self._is_complete = self._batches.has_told
            if self._is_complete:  # the rest comes as a patch of what was told
                self._tell_batches(query, IdChunk(), time.monotonic())
        elif scan is not None:
            self._scan_again_at = time.monotonic() + REST_FACTOR * scan.cost_s
        self.note_change()

    @property
    def is_at_rest(self) -> bool:
        """Whether no scan is under way."""
        return self._scan is None

    # -- steps

    def wait_s(self, now: float) -> float | None:
        """Return how long until there is something to do: 0 at once, None not before the file changes."""
        if self.query is None:
            return None
        if self._is_stopped:  # new rows come at the top all the same; at the end the rest has its place
            return 0.0 if self._has_tail and _is_newest_first(self.query) and _is_by_id(self.query) else None
        if self._scan is not None or not self._is_complete or self._has_tail:
            return 0.0
        return max(0.0, self._scan_again_at - now) if self._has_changed else None

    def step(self, reader: QueueReader) -> None:
        """Do the next short thing that is due."""
        query = self.query
        if query is None:
            return
        if self._is_stopped:
            self._take_tail(query, reader)
        elif self._scan is not None:
            self._advance(query, self._scan)
        elif not self._is_complete:
            self._begin(query, reader, is_first=True)
        elif self._has_tail:
            self._take_tail(query, reader)
        elif self._has_changed and time.monotonic() >= self._scan_again_at:
            self._has_changed = False
            self._begin(query, reader, is_first=False)

    def _begin(self, query: Query, reader: QueueReader, *, is_first: bool) -> None:
        if isinstance(query.filter, TaskFilter):
            horizon = reader.newest_task_id()
            chunks = reader.scan_tasks(query.filter, query.order, soon=is_first)
        else:
            horizon = reader.newest_log_id()
            if is_first and query.filter.is_empty:
                chunks = reader.ask(all_at_once)
            else:
                chunks = reader.scan_logs(query.filter, again=not is_first)
        self._scan = _Scan(chunks, self._ids if is_first else IdList(), horizon, is_first)
        self._advance(query, self._scan)

    def _advance(self, query: Query, scan: _Scan) -> None:
        started = time.monotonic()
        chunk = next(scan.chunks, IdChunk(progress=1.0, done=True))
        now = time.monotonic()
        scan.cost_s += now - started
        scan.progress = chunk.progress
        if chunk.above:
            self._put_above(query, scan, chunk, now)
        else:
            scan.found.append(chunk.ids)
        if scan.is_first:
            self._batches.add(range(0) if chunk.above else chunk.ids)
            if chunk.done or self._batches.is_due(now):
                self._tell_batches(query, chunk, now)
        if chunk.done:
            self._finish(query, scan)

    def _put_above(self, query: Query, scan: _Scan, chunk: IdChunk, now: float) -> None:
        """Take ids that come before all others; the window must have been told of those."""
        if scan.is_first and chunk.ids:
            self._tell_batches(query, IdChunk(progress=chunk.progress), now)
            span = Span(self._fresh, len(chunk.ids), chunk.ids)
            self._tell(IdsPatched(query.table, query.generation, inserted=(span,)))
        scan.found.insert(self._fresh if scan.is_first else 0, chunk.ids)

    def _tell_batches(self, query: Query, chunk: IdChunk, now: float) -> None:
        spans = list(self._batches.take(now))
        for place, ids in enumerate(spans):
            is_last = place == len(spans) - 1
            self._has_told_all = chunk.done and is_last
            self._tell(
                IdsAppended(query.table, query.generation, ids, chunk.progress, self._has_told_all,
                            self._new_leading(chunk, now) if is_last else None, self._is_stopped and is_last)
            )  # fmt: skip

    def _new_leading(self, chunk: IdChunk, now: float) -> IdSpan | None:
        """Return what leads a sort, None where it was told or where that was only a moment ago."""
        if not chunk.leading or now < self._leading_at or chunk.leading == self._leading:
            return None
        self._leading, self._leading_at = chunk.leading, now + LEADING_INTERVAL_S
        return chunk.leading

    def _finish(self, query: Query, scan: _Scan) -> None:
        self.stop()
        if not scan.is_first:
            self._tell_difference(query, scan.found)
            if not self._has_told_all:
                self._tell_batches(query, IdChunk(progress=1.0, done=True), time.monotonic())
        self._is_complete = True
        self._horizon = max(scan.horizon, self._newest_listed(query))
        self._scan_again_at = time.monotonic() + max(SCAN_INTERVAL_S, REST_FACTOR * scan.cost_s)
        if scan.is_first and isinstance(query.filter, LogFilter) and query.filter.is_empty:
            self._has_changed = True  # what was told at a glance is yet to be counted

    def _newest_listed(self, query: Query) -> int:
        """Return the newest id in a list in id order: a scan may have seen it after its horizon was read."""
        if not _is_by_id(query) or not self._ids:
            return 0
        return max(self._ids.id_at(0) or 0, self._ids.id_at(len(self._ids) - 1) or 0)

    def _tell_difference(self, query: Query, new: IdList) -> None:
        changes = difference(self._ids, new)
        if changes is None:
            replacement = new.slice(0, len(new))
            self._ids = IdList([replacement])
            self._tell(IdsPatched(query.table, query.generation, replacement=replacement))
            return
        self._ids = new
        if not changes.is_empty:
            self._tell(IdsPatched(query.table, query.generation, tuple(changes.removed), tuple(changes.inserted)))

    def _take_tail(self, query: Query, reader: QueueReader) -> None:
        """Add rows newer than the newest looked at; only where they come at an end."""
        self._has_tail = False
        if not _is_by_id(query):
            return
        newest = reader.newest_task_id() if isinstance(query.filter, TaskFilter) else reader.newest_log_id()
        if newest <= self._horizon:
            return
        if isinstance(query.filter, TaskFilter):
            found = reader.tasks_after(query.filter, self._horizon, TAIL_LIMIT)
        else:
            found = reader.logs_after(query.filter, self._horizon, TAIL_LIMIT)
        self._has_tail = len(found) >= TAIL_LIMIT
        self._horizon = found[-1] if self._has_tail else max([newest, *found[-1:]])
        if found:
            self._tell_tail(query, packed(found))

    def _tell_tail(self, query: Query, ids: IdSpan) -> None:
        row = len(self._ids)
        if _is_newest_first(query):
            row, ids = 0, ids[::-1]
            self._fresh += len(ids) if self._is_stopped else 0
        self._ids.insert(row, ids)
        self._tell(IdsPatched(query.table, query.generation, inserted=(Span(row, len(ids), ids),)))


def _is_by_id(query: Query) -> bool:
    return isinstance(query.filter, LogFilter) or query.order.is_by_id


def _is_newest_first(query: Query) -> bool:
    return isinstance(query.filter, TaskFilter) and query.order.descending
