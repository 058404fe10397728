"""Scans over tasks: which ids match a filter, in which order, as a stream of short statements.

Owns the choice of the way: a range without reading, a walk by id, a merge of index streams, or a
sort aside. Each statement aims at well under 50 ms, and nothing is held open between two.

A scan is not a snapshot: a task that changes its status while it runs may be seen in its old or
its new one. Ids come once, in strict order, and a newer task than the newest at the start never.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.everything import MAX_PAIRS_A_COUNT, all_tasks, is_dense
from prismq_gui.insight.filters import Condition, TaskColumn, TaskFilter, TaskOrder, checked_text, resolved, where
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import Cell, IdChunk, IdSpan
from prismq_gui.insight.names import Aliases
from prismq_gui.insight.order_keys import TIME_COLUMNS, key_sql, time_key
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.scan_groups import Told, as_sorted_span, groups_of
from prismq_gui.insight.sorter import Sorter
from prismq_gui.insight.sqlite_errors import READ_ERRORS, translate
from prismq_gui.insight.streams import Pair, merged, read_pairs
from prismq_gui.insight.walking import (
    TARGET_S,
    Bounds,
    Pace,
    Walk,
    after,
    as_span,
    is_about_size,
    padded,
    read_bounds,
    walk_all,
)

if TYPE_CHECKING:
    from prismq_gui.insight.language_choice import Choice

Step = tuple[IdSpan, float]
_READING_SHARE = 0.9  # of a sorted scan's progress; the rest is handing out
_A_STEP = 512  # of ids that are looked at one by one
LEADING = 500  # rows of a sort that are told while it goes on: more than a screen of them


class TaskScan:
    """One scan; made and iterated in the reader's thread."""

    def __init__(
        self, connection: ReadConnection, layout: Layout, wanted: TaskFilter, order: TaskOrder, aliases: Aliases,
        *, soon: bool = False,
    ) -> None:  # fmt: skip
        self._soon = soon
        self._connection = connection
        self._layout = layout
        self._filter = replace(wanted, text=checked_text(wanted.text))
        self._order = order
        self._columns = layout.tasks
        self._aliases = aliases
        self._condition, self._narrow = self._conditions(self._filter)
        # What is left to ask of tasks that an index gave by type and status.
        self._rest = self._conditions(replace(self._filter, statuses=(), types=()))
        self._choice = self._choice_of_query()
        self._pace = Pace()
        self._is_checked = bool(self._filter.text)  # whether candidates of an index are looked at too

    def _conditions(self, wanted: TaskFilter) -> tuple[Condition, Condition]:
        """Return a filter as a condition, and one without the columns that may be too large to be looked at."""
        narrow = where(wanted, self._columns, leave_out=("payload", "error_message"), aliases=self._aliases)
        return where(wanted, self._columns, aliases=self._aliases), narrow

    def _choice_of_query(self) -> Choice | None:
        if self._filter.query is None:
            return None
        from prismq_gui.insight.language_choice import choice_of  # noqa: PLC0415 - only where there is a query

        return choice_of(self._filter.query)

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
        if bounds is not None and self._choice is not None:
            bounds = self._choice.narrowed(bounds)
        if bounds is None:
            yield IdChunk(progress=1.0, done=True)
            return
        for step in self._steps(bounds):
            yield step if isinstance(step, IdChunk) else IdChunk(step[0], min(step[1], 1.0))
        yield IdChunk(progress=1.0, done=True)

    def _steps(self, bounds: Bounds) -> Iterator[Step | IdChunk]:
        column = self._order.column
        if self._order.payload is not None:
            return self._sorted(bounds, self._pairs(TaskColumn.ID), TaskColumn.ID)
        if column.value not in self._columns:  # all NULL: a tie everywhere
            column = TaskColumn.ID
        pairs = self._pairs(column)
        if column is TaskColumn.ID:
            return self._by_id(bounds, pairs)
        if pairs is not None and column in (TaskColumn.STATUS, TaskColumn.TYPE):
            groups = groups_of(pairs, column, self._order.descending)
            if groups is not None:
                return self._by_groups(bounds, groups)
        return self._sorted(bounds, pairs, column)

    def _pairs(self, column: TaskColumn) -> list[Pair] | None:
        """Return the (type, status) pairs whose index entries are the candidates, None where that is no way."""
        wanted, choice = self._filter, self._choice
        needed = bool(wanted.statuses or wanted.types) or column in (TaskColumn.STATUS, TaskColumn.TYPE)
        asks = choice is not None and choice.asks_kinds
        if not (needed or asks) or not self._layout.has_type_status_index:
            return None
        pairs = read_pairs(
            self._connection,
            resolved(wanted.types, "type", self._aliases),
            resolved(wanted.statuses, "status", self._aliases),
        )
        if pairs is None or choice is None:
            return pairs
        chosen, is_checked = choice.chosen(pairs)
        if is_checked and len(chosen) == len(pairs) and not needed:
            return None  # to look up every task by its id costs more than to walk over them
        self._is_checked = self._is_checked or is_checked
        return chosen

    def _candidates(
        self, bounds: Bounds, pairs: list[Pair] | None, *, are_read: bool
    ) -> Iterator[tuple[list[int], float]] | None:
        """Return the tasks that an index gives, in order of id; None where the table is walked.

        Args:
            bounds: The ids that can match.
            pairs: Of type and status, None where the index is no way.
            are_read: Whether each has to be read anyhow: then many of them are found sooner by a walk.
        """
        descending = self._order.descending
        listed = None if self._choice is None else self._choice.listed(bounds, descending=descending)
        if listed is None and (pairs is None or are_read):
            listed = self._by_priority(bounds)
        if listed is None:
            if pairs is None or (are_read and is_dense(self._connection, pairs, bounds)):
                return None
            return self._merged(pairs, bounds)
        self._is_checked, self._rest = True, (self._condition, self._narrow)
        steps = range(0, max(1, len(listed)), _A_STEP)
        return ((listed[at : at + _A_STEP], min(1.0, (at + _A_STEP) / max(1, len(listed)))) for at in steps)

    def _by_priority(self, bounds: Bounds) -> list[int] | None:
        if self._filter.query is None or not self._layout.has_status_index:
            return None
        from prismq_gui.insight.language_index import ids_by_priority  # noqa: PLC0415 - only where there is a query

        statuses = resolved(self._filter.statuses, "status", self._aliases)
        descending = self._order.descending
        return ids_by_priority(self._connection, self._filter.query, statuses, bounds, descending=descending)

    def _by_id(self, bounds: Bounds, pairs: list[Pair] | None) -> Iterator[Step | IdChunk]:
        candidates = self._candidates(bounds, pairs, are_read=self._is_checked)
        if candidates is not None:
            return self._matching(candidates)
        if self._filter.is_empty:
            return self._everything(bounds)
        passed = self._passed_over(bounds) if self._soon else None
        return self._walked(bounds) if passed is None else self._walked_twice(bounds, passed)

    def _passed_over(self, bounds: Bounds) -> Bounds | None:
        """Return the ids at the beginning that hardly match, None where there are none worth to be passed over."""
        if self._filter.query is None:
            return None
        from prismq_gui.insight.language_times import far_from  # noqa: PLC0415 - only where there is a query

        return far_from(self._connection, self._filter.query, self._columns, bounds, descending=self._order.descending)

    def _walked_twice(self, bounds: Bounds, passed: Bounds) -> Iterator[IdChunk]:
        """Walk over what is likely to match, then backwards over what was passed over: ids are no proof of times."""
        rest = after(bounds, passed, descending=self._order.descending)
        assert rest is not None
        share = (rest.high - rest.low + 1) / (bounds.high - bounds.low + 1)
        for ids, progress in self._walked(rest):
            yield IdChunk(ids, progress * share)
        for ids, progress in self._walked(passed, descending=not self._order.descending):
            yield IdChunk(ids[::-1], share + (1.0 - share) * progress, above=True)

    def _everything(self, bounds: Bounds) -> Iterator[Step]:
        descending = self._order.descending
        pairs = read_pairs(self._connection, (), ()) if self._layout.has_type_status_index else None
        if pairs and len(pairs) <= MAX_PAIRS_A_COUNT:
            return all_tasks(self._connection, pairs, bounds, descending=descending)
        return walk_all(self._connection, "task_queue", "id", bounds, descending=descending, pace=self._pace)

    def _merged(self, pairs: list[Pair], bounds: Bounds) -> Iterator[tuple[list[int], float]]:
        return merged(self._connection, pairs, bounds, descending=self._order.descending, pace=self._pace)

    def _walked(self, bounds: Bounds, *, descending: bool | None = None) -> Iterator[Step]:
        if descending is None:
            descending = self._order.descending
        walk = Walk("task_queue", "id", bounds, descending, self._condition, self._narrow)
        for rows, progress in walk.steps(self._connection, self._pace):
            yield as_span([row[0] for row in rows if isinstance(row[0], int)]), progress

    def _by_groups(self, bounds: Bounds, groups: list[list[Pair]]) -> Iterator[Step]:
        told = Told(bounds)
        for number, group in enumerate(groups):
            for ids, progress in self._matching(self._merged(group, bounds)):
                yield told.new(ids), (number + progress) / len(groups)

    def _matching(self, candidates: Iterator[tuple[list[int], float]]) -> Iterator[Step]:
        """Pass on the candidates that match, by a look at each where the index alone does not tell."""
        if not self._is_checked:
            for ids, progress in candidates:
                yield as_span(ids), progress
            return
        pace = Pace(128)
        for ids, progress in candidates:
            at = 0
            while at < len(ids):
                part = ids[at : at + min(pace.size, 512)]
                started = time.perf_counter()
                found = self._looked_at(part, pace)
                if time.perf_counter() - started > TARGET_S:  # folding an error takes up to 10 ms
                    pace.size = max(1, pace.size // 2)
                at += len(part)
                yield as_span([each for each in part if each in found]), progress

    def _looked_at(self, ids: list[int], pace: Pace) -> set[Cell]:
        condition, narrow = self._rest
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
                return self._looked_at(ids[:half], pace) | self._looked_at(ids[half:], pace)
            rows = self._connection.rows(sql.format("?", narrow.sql), (ids[0], *narrow.params), doing="search the file")
        return {row[0] for row in rows}

    def _sorted(self, bounds: Bounds, pairs: list[Pair] | None, column: TaskColumn) -> Iterator[IdChunk]:
        """Read (id, key) of what matches, put it in order aside, and hand it out."""
        try:
            with (
                closing(Sorter(descending=self._order.descending)) as sorter,
                self._connection.also_interrupt(sorter.interrupt),
            ):
                total = handed = 0
                for rows, progress in self._keys(bounds, pairs, column):
                    sorter.add([(key, row_id) for row_id, key in rows if isinstance(row_id, int)])
                    total += len(rows)
                    leading = sorter.first(LEADING) if self._soon else None
                    yield IdChunk(range(0), min(progress, 1.0) * _READING_SHARE, leading=leading)
                for ids in sorter.ids():
                    handed += len(ids)
                    progress = min(1.0, handed / total) if total else 1.0
                    yield IdChunk(as_sorted_span(ids), _READING_SHARE + (1.0 - _READING_SHARE) * progress)
        except READ_ERRORS as error:
            raise ProblemError(translate(error, self._connection.path, doing="sort the tasks")) from None

    def _keys(self, bounds: Bounds, pairs: list[Pair] | None, column: TaskColumn) -> Iterator[tuple[list[Row], float]]:
        candidates = self._candidates(bounds, pairs, are_read=True)
        steps = self._walked_keys(bounds, column) if candidates is None else self._looked_up_keys(candidates, column)
        for rows, progress in steps:
            times = column in TIME_COLUMNS
            yield [(row_id, time_key(key)) for row_id, key in rows] if times else rows, progress

    def _key_sql(self, column: TaskColumn) -> str:
        if self._order.payload is None:
            return key_sql(column)
        from prismq_gui.insight.payload_columns import payload_key_sql  # noqa: PLC0415 - only where there is one

        return payload_key_sql(self._order.payload, self._columns)

    def _walked_keys(self, bounds: Bounds, column: TaskColumn) -> Iterator[tuple[list[Row], float]]:
        extra, none = f", {self._key_sql(column)}", ", NULL"
        # In the direction of the sort: newer tasks mostly have later times, so what is first is found at once.
        walk = Walk("task_queue", "id", bounds, self._order.descending, self._condition, self._narrow, extra, none)
        return walk.steps(self._connection, self._pace)

    def _looked_up_keys(
        self, candidates: Iterator[tuple[list[int], float]], column: TaskColumn
    ) -> Iterator[tuple[list[Row], float]]:
        for ids, progress in self._matching(candidates):
            for at in range(0, len(ids), 512):
                yield self._keys_of(list(ids[at : at + 512]), self._key_sql(column)), progress

    def _keys_of(self, ids: list[int], key: str) -> list[Row]:
        """Return ids and keys; a cell that is too large to be read sorts as if it were not there."""
        params, marks = padded(ids)
        try:
            sql = f"SELECT id, {key} FROM task_queue WHERE id IN ({marks})"
            return self._connection.rows(sql, params, doing="read the tasks")
        except ProblemError as error:
            if not is_about_size(error):
                raise
        if len(ids) == 1:
            return [(ids[0], None)]
        half = len(ids) // 2
        return self._keys_of(ids[:half], key) + self._keys_of(ids[half:], key)
