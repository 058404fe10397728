"""Scans in the order of types or statuses: the groups there are, and that no task is told in two of them."""

from __future__ import annotations

from array import array

from prismq_gui.insight.filters import TaskColumn
from prismq_gui.insight.messages import IdSpan
from prismq_gui.insight.streams import Pair
from prismq_gui.insight.walking import Bounds, as_span


class Told:
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


def groups_of(pairs: list[Pair], column: TaskColumn, descending: bool) -> list[list[Pair]] | None:
    """Return the pairs grouped by the column in its order, None where a name is no text (then it is sorted)."""
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        name = pair.status if column is TaskColumn.STATUS else pair.type
        if not isinstance(name, str):
            return None
        groups.setdefault(name, []).append(pair)
    return [groups[name] for name in sorted(groups, reverse=descending)]
