"""Where the tasks that a filter asks for by their times begin, guessed from the order of ids.

Newer tasks mostly have later times. That is no proof, so nothing is left out by it: it says what to look at first.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.language_fields import Field, Kind, Table, field_named
from prismq_gui.insight.language_match import interval_of
from prismq_gui.insight.language_nodes import Compare, Op, Query, conjuncts
from prismq_gui.insight.language_values import Clock, Interval, bound_text, clock_now, micros
from prismq_gui.insight.walking import Bounds
from prismq_gui.queue.timestamps import sql_normalised

WORTH: Final = 50_000  # ids: fewer are walked over in a tenth of a second
MARGIN: Final = 4_096  # ids that are looked at before the guess, which is about times that are only nearly in order
_NEIGHBOURS: Final = 64  # tasks that are looked at for one that has the time at all
_FOLLOWS_ID: Final = frozenset({"created_at_utc", "updated_at_utc", "reserved_at_utc", "finished_at_utc",
                                "processing_started_utc", "run_after_utc"})  # fmt: skip


def moments_of(found: Field, wanted: Interval, clock: Clock) -> Interval:
    """Return the times that an interval of a field is about: what is older was created earlier."""
    if found.kind is not Kind.SPAN:
        return wanted
    now = micros(clock.now)
    low = None if wanted.high is None else now - wanted.high + 1
    return Interval(low, None if wanted.low is None else now - wanted.low + 1)


def far_from(
    connection: ReadConnection, query: Query, columns: Collection[str], bounds: Bounds, *, descending: bool
) -> Bounds | None:
    """Return the ids that come first and hardly match, None where there are not many of them.

    About 25 seeks a condition.
    """
    passed = None
    for column, wanted in _times(query):
        edge_us = wanted.high if descending else wanted.low
        if column in columns and edge_us is not None:
            found = _before(connection, column, bound_text(edge_us), bounds, descending=descending)
            if passed is None or (found is not None and found.high - found.low > passed.high - passed.low):
                passed = found
    return passed


def _times(query: Query) -> list[tuple[str, Interval]]:
    """Return the columns of times and what all tasks must have in them."""
    if query.table is not Table.TASKS:
        return []
    clock, found = clock_now(local=query.local), []
    for part in conjuncts(query.root):
        if not isinstance(part, Compare) or part.op is Op.IS_NOT or len(part.values) != 1:
            continue
        field = field_named(query.table, part.ref.name)
        if field is not None and field.column in _FOLLOWS_ID:
            wanted = interval_of(part.op, part.values[0], field.kind, clock)
            found.append((field.column, moments_of(field, wanted, clock)))
    return found


def _before(connection: ReadConnection, column: str, edge: str, bounds: Bounds, *, descending: bool) -> Bounds | None:
    """Return the ids before the first whose time is on the wanted side of an edge, as if times were in order."""
    low, high = bounds.low, bounds.high
    while low <= high:  # the lowest id whose time is not before the edge is looked for
        middle = (low + high) // 2
        is_before = _is_before(connection, column, edge, Bounds(bounds.low, middle))
        if is_before is None:
            return None
        if is_before:
            low = middle + 1
        else:
            high = middle - 1
    passed = Bounds(low + MARGIN, bounds.high) if descending else Bounds(bounds.low, low - 1 - MARGIN)
    is_all = passed.low <= bounds.low and passed.high >= bounds.high
    return passed if passed.high - passed.low >= WORTH and not is_all else None


def _is_before(connection: ReadConnection, column: str, edge: str, bounds: Bounds) -> bool | None:
    """Whether the newest task within bounds has a time before an edge, None where its neighbours have none."""
    sql = (
        f"SELECT t < ? FROM (SELECT {sql_normalised(column)} AS t FROM (SELECT {column} FROM task_queue "
        f"WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT {_NEIGHBOURS})) WHERE t IS NOT NULL LIMIT 1"
    )
    found = connection.rows(sql, (edge, bounds.low, bounds.high), doing="look where to begin")
    return bool(found[0][0]) if found else None
