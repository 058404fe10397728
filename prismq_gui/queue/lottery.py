"""Drawing a waiting task at random, each with weight 1 / (priority + 1).

A few waiting tasks run an exponential race (Efraimidis and Spirakis: the smallest of -ln(u) / weight wins). Of many,
ids are drawn evenly from the range of ids and kept with the weight's share of the greatest: that is the same
distribution at a cost that does not grow with the backlog. Where waiting tasks are rare among the ids, so that
:data:`DRAWS` find none, all that wait run the race: then the cost does grow with them.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from prismq_gui.queue import claim_sql
from prismq_gui.queue.claim_sql import Shape

RACERS = 500  # about 1 ms
DRAWS = 500  # about 3 ms

Ask = Callable[[str, dict[str, Any]], list[sqlite3.Row]]


class Lottery:
    """Draws for one claim; ``ask`` runs a reading statement."""

    def __init__(self, ask: Ask, shape: Shape, parameters: dict[str, Any], chance: random.Random) -> None:
        self._ask = ask
        self._shape = replace(shape, abroad=False, remembers=False)
        self._parameters = parameters
        self._random = chance

    def draw(self) -> list[int]:
        """Return the ids of drawn tasks in the order of their draw (one or a few); [] where none is to be had."""
        few = self._ask(claim_sql.COUNT_WAITING, {"count": RACERS + 1})[0][0]
        if few > RACERS:
            found = self._thrown()
            if found is not None:
                return [found]
        rows = self._ask(claim_sql.find_all(self._shape), self._parameters | {"count": 1})
        return [row[0] for row in rows]

    def _thrown(self) -> int | None:
        """Draw ids until one is a task to claim; None where too many were not."""
        low, high, first = self._ask(claim_sql.ID_RANGE, {})[0]
        if first is None:
            return None
        greatest = claim_sql.weight(first)
        sql = claim_sql.look_at(self._shape)
        for _ in range(DRAWS):
            task_id = self._random.randint(low, high)
            keep = self._random.random() * greatest
            rows = self._ask(sql, self._parameters | {"id": task_id})
            if rows and keep < claim_sql.weight(rows[0][0]):
                return task_id
        return None
