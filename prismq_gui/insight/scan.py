"""Scans over tasks: which ids match a filter, in which order, as a stream of short statements.

Owns the choice of the way: a range without reading, a walk by id, a merge of index streams, or a
sort aside. Each statement aims at well under 50 ms, and nothing is held open between two.

A scan is not a snapshot: a task that changes its status while it runs may be seen in its old or
its new one. Ids come once, in strict order, and a newer task than the newest at the start never.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.everything import MAX_PAIRS_A_COUNT, all_tasks
from prismq_gui.insight.filters import TaskColumn, TaskFilter, TaskOrder, checked_text, resolved, where
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import Cell, IdChunk, IdSpan
from prismq_gui.insight.names import Aliases
from prismq_gui.insight.order_keys import TIME_COLUMNS, key_sql, time_key
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.sorter import Sorter
from prismq_gui.insight.sqlite_errors import READ_ERRORS, translate
from prismq_gui.insight.streams import Pair, merged, read_pairs
from prismq_gui.insight.walking import Bounds, Pace, Walk, as_span, is_about_size, padded, read_bounds, walk_all

Step = tuple[IdSpan, float]
_READING_SHARE = 0.8  # of a sorted scan's progress; the rest is sorting and handing out


class TaskScan:
    """One scan; made and iterated in the reader's thread."""

    def __init__(
        self, connection: ReadConnection, layout: Layout, wanted: TaskFilter, order: TaskOrder, aliases: Aliases
    ) -> None:
        self._connection = connection
        self._layout = layout
        self._filter = replace(wanted, text=checked_text(wanted.text))
        self._order = order
        self._columns = layout.tasks
        self._aliases = aliases
        self._condition = where(self._filter, self._columns, aliases=aliases)
        self._narrow = where(self._filter, self._columns, leave_out=("payload", "error_message"), aliases=aliases)
        self._pace = Pace()

    @property
    def longest_s(self) -> float:
        """The longest time one statement took."""
        return self._pace.longest_s

    def chunks(self) -> Iterator[IdChunk]:
        """Yield the scan; the last chunk, and only it, is done.

        Raises:
            ProblemError: While iterated, what a statement met.
        """
        bounds = read_bounds(self._connection, "task_queue", "id")
        if bounds is None:
            yield IdChunk(progress=1.0, done=True)
            return
        for ids, progress in self._steps(bounds):
            yield IdChunk(ids, min(progress, 1.0))
        yield IdChunk(progress=1.0, done=True)

    def _steps(self, bounds: Bounds) -> Iterator[Step]:
        column = self._order.column
        if column.value not in self._columns:  # all NULL: a tie everywhere
            column = TaskColumn.ID
        pairs = self._pairs(column)
        if column is TaskColumn.ID:
            return self._by_id(bounds, pairs)
        if pairs is not None and column in (TaskColumn.STATUS, TaskColumn.TYPE):
            groups = _groups(pairs, column, self._order.descending)
            if groups is not None:
                return self._by_groups(bounds, groups)
        return self._sorted(bounds, pairs, column)

    def _pairs(self, column: TaskColumn) -> list[Pair] | None:
        """Return the (type, status) pairs whose index entries are the candidates, None where that is no way."""
        wanted = self._filter
        useful = wanted.statuses or wanted.types or column in (TaskColumn.STATUS, TaskColumn.TYPE)
        if not useful or not self._layout.has_type_status_index:
            return None
        return read_pairs(
            self._connection,
            resolved(wanted.types, "type", self._aliases),
            resolved(wanted.statuses, "status", self._aliases),
        )

    def _by_id(self, bounds: Bounds, pairs: list[Pair] | None) -> Iterator[Step]:
        if pairs is not None:
            return self._matching(self._merged(pairs, bounds))
        return self._everything(bounds) if self._filter.is_empty else self._walked(bounds)

    def _everything(self, bounds: Bounds) -> Iterator[Step]:
        descending = self._order.descending
        pairs = read_pairs(self._connection, (), ()) if self._layout.has_type_status_index else None
        if pairs and len(pairs) <= MAX_PAIRS_A_COUNT:
            return all_tasks(self._connection, pairs, bounds, descending=descending)
        return walk_all(self._connection, "task_queue", "id", bounds, descending=descending, pace=self._pace)

    def _merged(self, pairs: list[Pair], bounds: Bounds) -> Iterator[tuple[list[int], float]]:
        return merged(self._connection, pairs, bounds, descending=self._order.descending, pace=self._pace)

    def _walked(self, bounds: Bounds) -> Iterator[Step]:
        walk = Walk("task_queue", "id", bounds, self._order.descending, self._condition, self._narrow)
        for rows, progress in walk.steps(self._connection, self._pace):
            yield as_span([row[0] for row in rows if isinstance(row[0], int)]), progress

    def _by_groups(self, bounds: Bounds, groups: list[list[Pair]]) -> Iterator[Step]:
        told = _Told(bounds)
        for number, group in enumerate(groups):
            for ids, progress in self._matching(self._merged(group, bounds)):
                yield told.new(ids), (number + progress) / len(groups)

    def _matching(self, candidates: Iterator[tuple[list[int], float]]) -> Iterator[Step]:
        """Pass on the candidates that hold the text; all of them where none is wanted."""
        if not self._filter.text:
            for ids, progress in candidates:
                yield as_span(ids), progress
            return
        pace = Pace(128)
        for ids, progress in candidates:
            at = 0
            while at < len(ids):
                part = ids[at : at + min(pace.size, 512)]
                found = self._holding_text(part, pace)
                at += len(part)
                yield as_span([each for each in part if each in found]), progress

    def _holding_text(self, ids: list[int], pace: Pace) -> set[Cell]:
        condition = where(TaskFilter(text=self._filter.text), self._columns)
        narrow = where(TaskFilter(text=self._filter.text), self._columns, leave_out=("payload", "error_message"))
        params, marks = padded(ids)
        sql = "SELECT id FROM task_queue WHERE id IN ({}) AND {}"
        try:
            rows = self._connection.rows(
                sql.format(marks, condition.sql), (*params, *condition.params), doing="search the file"
            )
        except ProblemError as error:
            if not is_about_size(error):
                raise
            if len(ids) > 1:
                pace.size = max(1, pace.size // 16)
                half = len(ids) // 2
                return self._holding_text(ids[:half], pace) | self._holding_text(ids[half:], pace)
            rows = self._connection.rows(sql.format("?", narrow.sql), (ids[0], *narrow.params), doing="search the file")
        return {row[0] for row in rows}

    def _sorted(self, bounds: Bounds, pairs: list[Pair] | None, column: TaskColumn) -> Iterator[Step]:
        """Read (id, key) of what matches, sort it aside, and hand it out."""
        try:
            with closing(Sorter()) as sorter, self._connection.also_interrupt(sorter.interrupt):
                for rows, progress in self._keys(bounds, pairs, column):
                    sorter.add([(key, row_id) for row_id, key in rows if isinstance(row_id, int)])
                    yield range(0), progress * _READING_SHARE
                for ids in sorter.ids(descending=self._order.descending):
                    yield as_sorted_span(ids), _READING_SHARE
        except READ_ERRORS as error:
            raise ProblemError(translate(error, self._connection.path, doing="sort the tasks")) from None

    def _keys(self, bounds: Bounds, pairs: list[Pair] | None, column: TaskColumn) -> Iterator[tuple[list[Row], float]]:
        steps = self._walked_keys(bounds, column) if pairs is None else self._looked_up_keys(bounds, pairs, column)
        for rows, progress in steps:
            times = column in TIME_COLUMNS
            yield [(row_id, time_key(key)) for row_id, key in rows] if times else rows, progress

    def _walked_keys(self, bounds: Bounds, column: TaskColumn) -> Iterator[tuple[list[Row], float]]:
        extra = f", {key_sql(column)}"
        walk = Walk("task_queue", "id", bounds, False, self._condition, self._narrow, extra)
        return walk.steps(self._connection, self._pace)

    def _looked_up_keys(
        self, bounds: Bounds, pairs: list[Pair], column: TaskColumn
    ) -> Iterator[tuple[list[Row], float]]:
        for ids, progress in self._matching(self._merged(pairs, bounds)):
            for at in range(0, len(ids), 512):
                params, marks = padded(ids[at : at + 512])
                sql = f"SELECT id, {key_sql(column)} FROM task_queue WHERE id IN ({marks})"
                yield self._connection.rows(sql, params, doing="read the tasks"), progress


class _Told:
    """Which ids were handed on already: a task that changes its group meanwhile must not come twice.

    A byte an id while they lie densely, which costs 0.1 s a million; else a set.
    """

    _DENSE = 64 * 1024 * 1024

    def __init__(self, bounds: Bounds) -> None:
        width = bounds.high - bounds.low + 1
        self._low = bounds.low
        self._dense = bytearray(width) if width <= self._DENSE else None
        self._sparse: set[int] = set()

    def new(self, ids: IdSpan) -> IdSpan:
        """Return the ids that were not told before, and count them as told."""
        dense, low = self._dense, self._low
        if dense is None:
            fresh = [each for each in ids if each not in self._sparse]
            self._sparse.update(fresh)
        else:
            fresh = [each for each in ids if not dense[each - low]]
            for each in fresh:
                dense[each - low] = 1
        return ids if len(fresh) == len(ids) else as_span(fresh)


def as_sorted_span(ids: list[int]) -> IdSpan:
    """Return ids that are in any order; a range only where they happen to be one."""
    if len(ids) > 1 and abs(ids[-1] - ids[0]) + 1 == len(ids):
        step = 1 if ids[-1] > ids[0] else -1
        candidate = range(ids[0], ids[-1] + step, step)
        if all(a == b for a, b in zip(ids, candidate, strict=True)):
            return candidate
    return array("q", ids)


def _groups(pairs: list[Pair], column: TaskColumn, descending: bool) -> list[list[Pair]] | None:
    """Return the pairs grouped by the column in its order, None where a name is no text (then it is sorted)."""
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        name = pair.status if column is TaskColumn.STATUS else pair.type
        if not isinstance(name, str):
            return None
        groups.setdefault(name, []).append(pair)
    return [groups[name] for name in sorted(groups, reverse=descending)]
