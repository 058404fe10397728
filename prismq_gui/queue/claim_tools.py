"""The functions of ours that a claim calls from SQL, and the numbers they keep.

One set a connection: what a statement counts is read before the database's lock is given back.
"""

from __future__ import annotations

import math
import random
import sqlite3

from prismq_gui.queue import capabilities as matching
from prismq_gui.queue import claim_sql


class ClaimTools:
    """Registered on one connection; used with its database's lock held."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        """For statements whose rows are all fetched at once, as plain tuples: a cursor and Rows each time cost 2 µs."""
        self.cursor.row_factory = None
        self.left = 0
        """How many tasks that don't suit the running statement may still look at; below 0 where it gave up."""
        self.second = ""
        """The last second in which a task was claimed."""
        self.claimed: set[int] = set()
        """The tasks claimed in that second."""
        self.ahead: dict[int, str] = {}
        """The times of claims that lie at or after that second though they were made before: put ahead, or the clock
        was set back."""
        self._random = random.Random()  # noqa: S311 (a lottery of tasks, not a secret)
        matching.register(connection)
        connection.create_function(claim_sql.OVER, 0, self._count)
        connection.create_function("prismq_draw", 1, self._draw)

    def begin(self, limit: int, chance: random.Random | None = None) -> None:
        """Let the next statement look at so many tasks that don't suit; its draws come from ``chance``."""
        self.left = limit
        if chance is not None:
            self._random = chance

    def _count(self) -> bool:
        self.left -= 1
        return self.left < 0

    def _draw(self, weight: float) -> float:
        """Return the key of the exponential race (Efraimidis and Spirakis 2006): the smallest wins with its weight."""
        return -math.log(1.0 - self._random.random()) / weight
