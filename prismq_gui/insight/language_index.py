"""Tasks that an index names at once, where a filter leaves few of them: by priority.

Owns the way from a condition on the priority to ids. What it gives has still to be looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.language_fields import Table
from prismq_gui.insight.language_nodes import Compare, Op, Query, conjuncts
from prismq_gui.insight.language_values import Number, Range, Value
from prismq_gui.insight.names import Name, bound, distinct
from prismq_gui.insight.walking import Bounds

MOST: Final = 20_000  # ids, read in 5 ms; where there are more, a walk finds the first as soon
_MOST_STATUSES: Final = 64  # a seek each
_INFINITE: Final = float("inf")
Ends = tuple[float, float]


def ids_by_priority(
    connection: ReadConnection, query: Query, statuses: Sequence[Name], bounds: Bounds, *, descending: bool
) -> list[int] | None:
    """Return the tasks within bounds that can match by their priority, None where there are too many or it isn't asked.

    Args:
        connection: Of a file that has the index by status, priority and time.
        query: What is asked.
        statuses: The only ones wanted besides; all where there are none.
        bounds: Of the ids.
        descending: The order of ids.
    """
    ends = _priorities(query)
    if ends is None or bounds.high - bounds.low < MOST:  # to walk over so few takes no longer
        return None
    names = list(dict.fromkeys(statuses)) or distinct(connection, "status", _MOST_STATUSES + 1)
    if len(names) > _MOST_STATUSES:
        return None
    found: list[int] = []
    for name in names:
        mark, param = bound(name)
        sql = (
            "SELECT id FROM task_queue INDEXED BY ix_task_status_prio_time "
            f"WHERE status IS {mark} AND priority >= ? AND priority <= ? LIMIT ?"
        )
        rows = connection.rows(sql, (param, *ends, MOST + 1 - len(found)), doing="list the matching tasks")
        found += [row[0] for row in rows if isinstance(row[0], int)]
        if len(found) > MOST:
            return None
    # A task that changes its status meanwhile may be met twice.
    return sorted({each for each in found if bounds.low <= each <= bounds.high}, reverse=descending)


def _priorities(query: Query) -> Ends | None:
    """Return the least and the greatest priority that all tasks must have, None where any is as good."""
    if query.table is not Table.TASKS:
        return None
    low, high = -_INFINITE, _INFINITE
    for part in conjuncts(query.root):
        if isinstance(part, Compare) and part.ref.name == "priority" and part.op is not Op.IS_NOT:
            ends = [_ends(part.op, value) for value in part.values]
            low, high = max(low, min(end[0] for end in ends)), min(high, max(end[1] for end in ends))
    return None if (low, high) == (-_INFINITE, _INFINITE) else (low, high)


def _ends(op: Op, value: Value) -> Ends:
    if isinstance(value, Range):
        low, high = (each.value if isinstance(each, Number) else None for each in (value.low, value.high))
        return -_INFINITE if low is None else low, _INFINITE if high is None else high
    if not isinstance(value, Number):
        return -_INFINITE, _INFINITE
    if op in (Op.LESS, Op.AT_MOST):
        return -_INFINITE, value.value
    return value.value, _INFINITE if op in (Op.MORE, Op.AT_LEAST) else value.value
