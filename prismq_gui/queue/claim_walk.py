"""Walking past tasks that are due and don't suit a worker, outside of the write lock, and remembering how far.

A claim that meets too many of them (:data:`MOST_UNSUITABLE`) gives up: 10,000 cost 30 ms, and all writers wait that
long. The walk reads in short statements, and what it found is remembered for as long as it is cheap: until then
claims begin where it ended, and look before that only for tasks that came due since.

What is remembered can be wrong in one way: a task that is put back with a time in the past (a lease ended, an
operator released it) before the mark waits until the memory ends, at most :data:`LONGEST_MEMORY_S`.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from prismq_gui.queue import claim_sql
from prismq_gui.queue.claim_sql import Shape, Strategy
from prismq_gui.queue.exceptions import QueueDatabaseError
from prismq_gui.queue.timestamps import now_utc, utc_text

MOST_UNSUITABLE = 200  # about 0.6 ms under the write lock
FEW_OF_TYPES = 2_000  # so many of a worker's own types are looked through instead, in about 3 ms without a lock
CHUNK = 2_000  # rows a statement of the walk: about 5 ms
SHARE = 20  # the walk may take a twentieth of the time
LEAST_MEMORY_S = 1.0
LONGEST_MEMORY_S = 30.0
_BEFORE_ALL = "0000-"
# Text of other programs has whole seconds: a task of the walk's second may be written after it, with a time before it.
_GRACE = timedelta(seconds=2)

Ask = Callable[[str, dict[str, Any]], list[sqlite3.Row]]


@dataclass(frozen=True, slots=True)
class Mark:
    """Before this, in the order of claims, no task suited when it was walked over at ``walked_at``.

    ``priority`` None: there was none at all.
    """

    priority: int | None
    due: str
    walked_at: str
    ends: float  # time.monotonic()

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of a statement that remembers."""
        priority = 2**63 - 1 if self.priority is None else self.priority
        return {"mark_priority": priority, "mark_due": self.due, "walked_at": self.walked_at}

    def start(self, level: int) -> str:
        """Return from what time on a priority is to be looked through."""
        if self.priority is None or level < self.priority:
            return self.walked_at
        return self.due if level == self.priority else _BEFORE_ALL


def walk(ask: Ask, shape: Shape, parameters: dict[str, Any], old: Mark | None) -> Mark:
    """Walk to the first task that suits and return the mark.

    Args:
        ask: Runs a reading statement.
        shape: Of the claims.
        parameters: As of a claim.
        old: A mark that still holds, to go on from.
    """
    started = time.monotonic()
    walked_at = utc_text(now_utc() - _GRACE) if old is None else old.walked_at
    best: tuple[int, str] | None = None
    for level in _levels(ask, parameters):
        start = _BEFORE_ALL if old is None else old.due if shape.strategy is Strategy.FIFO else old.start(level)
        due = _first_due(ask, shape, parameters | {"level": level}, start)
        if due is not None and (best is None or due < best[1]):
            best = (level, due)
        if best is not None and shape.strategy is Strategy.PRIORITY:
            break
    ended = time.monotonic()
    memory_s = min(LONGEST_MEMORY_S, max(LEAST_MEMORY_S, SHARE * (ended - started)))
    ends = ended + memory_s if old is None else old.ends
    if best is None:
        return Mark(None, walked_at, walked_at, ends)
    return Mark(best[0], min(best[1], walked_at) if shape.strategy is Strategy.FIFO else best[1], walked_at, ends)


def _levels(ask: Ask, parameters: dict[str, Any]) -> Iterator[int]:
    level = ask(claim_sql.FIRST_LEVEL, {})[0][0]
    while level is not None:
        yield level
        level = ask(claim_sql.NEXT_LEVEL, parameters | {"level": level})[0][0]


def _first_due(ask: Ask, shape: Shape, parameters: dict[str, Any], start: str) -> str | None:
    """Return when the first task of a priority that suits was due, None where there is none."""
    iso_start = max(parameters["iso_from"], start.replace(" ", "T"))
    found = [
        _first_in(ask, shape, parameters | {"from": start, "until": parameters["spaced_until"]}),
        _first_in(ask, shape, parameters | {"from": iso_start, "until": parameters["iso_until"]}),
    ]
    return min((due for due in found if due is not None), default=None)


def _first_in(ask: Ask, shape: Shape, parameters: dict[str, Any]) -> str | None:
    sql, after = claim_sql.walk(shape), -(2**63)
    while True:
        rows = ask(sql, parameters | {"after": after, "count": CHUNK})
        for row in rows:
            if row["suits"]:
                return str(row["due"])
        if len(rows) < CHUNK:
            return None
        parameters = parameters | {"from": rows[-1]["run_after_utc"]}
        after = rows[-1]["id"]


@dataclass(slots=True)
class Memory:
    """What one worker's claims remember; for one kind of claim at a time."""

    _kind: object = None
    _mark: Mark | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is remembered."""
        return self._mark is None

    def recall(self, kind: object) -> Mark | None:
        """Return the mark of this kind of claim while it holds."""
        if self._mark is not None and (self._kind is not kind or time.monotonic() >= self._mark.ends):
            self._mark = None
        return self._mark

    def keep(self, kind: object, mark: Mark) -> None:
        """Remember a mark; ``kind`` is the same object as long as what is asked for stays the same."""
        self._kind, self._mark = kind, mark


def of_types(ask: Ask, shape: Shape, parameters: dict[str, Any], count: int) -> str | None:
    """Return the next few ids (a JSON list) by way of the worker's types; None where too many of them wait."""
    if not shape.some_types:
        return None
    try:
        few = ask(claim_sql.COUNT_OF_TYPES, parameters | {"count": FEW_OF_TYPES + 1})[0][0]
    except QueueDatabaseError as error:
        if "no such index" in str(error):  # a file of another program may lack it
            return None
        raise
    if few > FEW_OF_TYPES:
        return None
    plain = replace(shape, abroad=False, remembers=False)
    rows = ask(claim_sql.find_of_types(plain), parameters | {"count": count})
    return json.dumps([row[0] for row in rows])
