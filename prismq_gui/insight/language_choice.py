"""Which tasks a parsed filter can concern at all: what a scan asks before it looks at any.

Owns the way from a query to bounds of ids, to ids named one by one, and to pairs of type and status, each of which
an index serves. It only ever leaves out what cannot match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prismq_gui.insight.language_fields import Table
from prismq_gui.insight.language_match import KINDS, id_bounds, id_list, possible
from prismq_gui.insight.language_nodes import Query, Text, conjuncts, leaves
from prismq_gui.insight.names import shown
from prismq_gui.insight.streams import Pair
from prismq_gui.insight.walking import Bounds


@dataclass(frozen=True, slots=True)
class Choice:
    """What an index can say of one query."""

    query: Query

    @property
    def asks_kinds(self) -> bool:
        """Whether the query asks anywhere for what the index by type and status tells something of."""
        return bool(self._asked & KINDS)

    @property
    def columns(self) -> frozenset[str]:
        """Which of type and status the query asks for."""
        return self._asked & {"type", "status"}

    @property
    def _asked(self) -> frozenset[str]:
        if self.query.table is not Table.TASKS:
            return frozenset()
        return frozenset(leaf.ref.name for leaf in leaves(self.query.root) if not isinstance(leaf, Text))

    def narrowed(self, bounds: Bounds) -> Bounds | None:
        """Return the ids within bounds that can match, None where none can."""
        low, high = id_bounds(conjuncts(self.query.root), "id")
        low, high = max(low, bounds.low), min(high, bounds.high)
        return Bounds(low, high) if low <= high else None

    def listed(self, bounds: Bounds, *, descending: bool = False) -> list[int] | None:
        """Return the ids within bounds that the query names one by one, None where it does not."""
        ids = id_list(conjuncts(self.query.root), "id")
        if ids is None:
            return None
        return sorted((each for each in ids if bounds.low <= each <= bounds.high), reverse=descending)

    def tasks(self) -> tuple[int, ...] | None:
        """Return the tasks whose log lines can match, None where those of any can."""
        return id_list(conjuncts(self.query.root), "task")

    def chosen(self, pairs: Sequence[Pair]) -> tuple[list[Pair], bool]:
        """Return the pairs whose tasks can match, and whether each of those has to be looked at besides."""
        answers = [possible(self.query.root, shown(pair.type), shown(pair.status)) for pair in pairs]
        kept = [pair for pair, answer in zip(pairs, answers, strict=True) if answer is not False]
        return kept, None in answers


def choice_of(query: Query | None) -> Choice | None:
    """Return what an index can say of a query, None where there is nothing to choose."""
    return None if query is None or query.is_empty else Choice(query)
