"""One moment's view of the line, as a worker's claim would find it: what is due, what suits, in which order.

Owns the walk over the index in short statements, each over a few thousand entries, resumed where the last one ended;
no snapshot outlives a statement. The definitions are the claim's own (:mod:`prismq_gui.queue.claim_reading`). As a
claim does first, it gives back in thought what is held on leases that are over.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from prismq_gui.insight.claim_keys import (
    Candidate,
    Key,
    Level,
    LevelText,
    Reversed,
    bound,
    by_due,
    candidate,
    is_on,
    level_of,
    level_order,
)
from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.explanations import Offer
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.insight.walking import Pace
from prismq_gui.queue import claim_reading, claim_sql
from prismq_gui.queue.claim_reading import MAX_ID, Stream
from prismq_gui.queue.claim_sql import Shape, Strategy
from prismq_gui.queue.claim_tools import ClaimTools
from prismq_gui.queue.claiming import LOOK_AHEAD
from prismq_gui.queue.timestamps import exact_text

_End: TypeAlias = "tuple[Cell, Cell] | None"  # where a stretch ended: time and id; None where the stream did
Found = TypeVar("Found")

FIRST_LISTED, MOST_LISTED = 64, 2_048  # entries a statement: 5 ms
ROWS_AT_FIRST = 512
MOST_ROWS = 4_096  # index entries a statement: 5 ms, 20 for a worker, whose tasks' rows must be read
_DOING = "look at the line"


class ClaimView:
    """The line at a moment, for a worker or for all; used in the connection's thread.

    Args:
        connection: An open one.
        now: Naive UTC.
        offer: The worker; None counts every task that is due.
        types: Without an offer: only tasks of these types (none named: all).
    """

    def __init__(
        self, connection: ReadConnection, now: datetime, offer: Offer | None = None, types: tuple[str, ...] = ()
    ) -> None:
        self.looked_at = 0  # entries of the index that were listed
        self._connection = connection
        self.offer = offer
        self.tools = connection.teach(ClaimTools)
        self.careful = self._needs_care()
        self.shape = Shape(Strategy.PRIORITY, bool(offer and offer.types), self.careful)
        moment = exact_text(now)
        self.bounds = claim_sql.bounds(moment)
        ahead = claim_sql.bounds(moment, exact_text(now + LOOK_AHEAD))
        if self._is_due_abroad(ahead):
            self.bounds = ahead
        self.parameters: dict[str, Cell] = {**self.bounds, **_offered(offer)}
        self._types = ""
        if types and offer is None:
            self.parameters["types"] = json.dumps(list(types))
            self._types = " AND type IN (SELECT value FROM json_each(:types))"
        self.rescued, self.buried = self._expired()
        condition = claim_reading.is_one(None if offer is None else self.shape, careful=self.careful)
        self._condition = f"({condition}{self._types})" if self._types else condition
        self._given_back: list[Candidate] | None = None
        self._pace = Pace(ROWS_AT_FIRST, MOST_ROWS)

    def ask(self, sql: str, parameters: dict[str, Cell] | None = None) -> list[Row]:
        """Run one of the claim's reading statements."""
        return self._connection.rows(sql, self.parameters | (parameters or {}), doing=_DOING)

    def _needs_care(self) -> bool:
        """Whether malformed JSON can stand in this file and stop a claim: plain computed columns without an index.

        With the index SQLite refuses such rows when they are written.
        """
        text = self._connection.value(claim_reading.GENERATED, doing=_DOING)
        plain = isinstance(text, str) and "json_extract" in text.lower() and "json_valid" not in text.lower()
        if not plain:
            return False
        indexed = [self._connection.rows(f"PRAGMA index_xinfo(ix_task_{name})") for name in ("region", "format")]
        return not all(indexed)

    def _is_due_abroad(self, bounds: dict[str, str]) -> bool:
        try:
            return bool(self._connection.rows(claim_sql.DUE_ABROAD, bounds, doing=_DOING))
        except ProblemError as error:
            if error.problem.kind is not ProblemKind.TOO_SLOW:
                raise
            return True  # to look further costs time, and is never wrong

    def _expired(self) -> tuple[list[int], frozenset[int]]:
        """Return what the next claim gives back, and what it buries instead."""
        rows = self.ask(claim_reading.EXPIRED)
        ids = [row[0] for row in rows if isinstance(row[0], int)]
        if self.careful:  # of these SQLite refuses every change
            ids = [each for each in ids if self.json_is_readable(each)]
        buried = frozenset(row[0] for row in rows if row[1] and row[0] in ids and isinstance(row[0], int))
        return [each for each in ids if each not in buried], buried

    def json_is_readable(self, task_id: int) -> bool:
        """Whether a task's payload and compatibility are JSON; too large ones are taken to be."""
        try:
            rows = self._connection.rows(claim_reading.JSON_READABLE, {"id": task_id}, doing=_DOING)
        except ProblemError as error:
            if error.problem.code != "SQLITE_TOOBIG":
                raise
            return True
        return bool(rows and rows[0][0])

    @property
    def rescued_json(self) -> str:
        """The tasks that the next claim gives back, for ``:rescued``."""
        return json.dumps(self.rescued)

    @property
    def drawing_shape(self) -> Shape:
        """The shape of a claim by lot."""
        return replace(self.shape, strategy=Strategy.WEIGHTED_RANDOM)

    def rows_of(self, ids: list[int]) -> list[Row]:
        """Return the rows of these tasks, as :func:`candidate` takes them."""
        return self.ask(claim_reading.ROWS, {"ids": json.dumps(ids)})

    # -- priorities

    def levels(self) -> Iterator[Level]:
        """Yield the priorities in use, the first one first, by a seek each."""
        waiting = self._waiting_levels()
        rescued = sorted({each.key.level for each in self.given_back()}, key=level_order)
        last = None
        for level in heapq.merge(waiting, rescued, key=level_order):
            if level != last:
                yield level
            last = level

    def _waiting_levels(self) -> Iterator[Level]:
        level = level_of(*self.ask(claim_reading.first_level())[0])
        while level is not None:
            yield level
            sql = claim_reading.next_level(as_text=isinstance(level, LevelText))
            level = level_of(*self.ask(sql, {"level": bound(level)})[0])

    def given_back(self) -> list[Candidate]:
        """Return what is held on leases that are over and would be in line, in no order."""
        if self._given_back is None:
            self._given_back = self._read_given_back() if self.rescued else []
        return self._given_back

    def _read_given_back(self) -> list[Candidate]:
        sql = claim_reading.rescued(None if self.offer is None else self.shape, careful=self.careful) + self._types
        rows = self.ask(sql, {"rescued": self.rescued_json})
        return [found for row in rows if (found := candidate(row, given_back=True)) is not None]

    # -- counting

    def count(self, level: Level, key: Key | None = None, side: str = "") -> Iterator[tuple[int, int]]:
        """Yield for one short statement after another how many entries of a priority it saw, and how many are in line.

        Args:
            level: The priority.
            key: With ``side``: only those before ('<') or after ('>') this task, in order of due times.
            side: '' counts all.
        """
        earliest = key.due if key is not None and side == ">" else None
        latest = key.due if key is not None and side == "<" else None
        extra: dict[str, Cell] = {} if key is None else {"due": key.due, "due_id": key.task_id}
        for stream in claim_reading.streams(level, self.bounds, earliest, latest):
            yield from self._count_stream(stream, extra, side)
        if self.rescued:
            yield 0, sum(1 for each in self.given_back() if each.key.level == level and is_on(side, each.key, key))

    def _count_stream(self, stream: Stream, extra: dict[str, Cell], side: str) -> Iterator[tuple[int, int]]:
        as_text = isinstance(stream.level, LevelText)

        def read(span: dict[str, Cell], *, ties: bool) -> tuple[tuple[int, int], _End]:
            sql = claim_reading.count(self._condition, as_text=as_text, ties=ties, before=side)
            rows = self._pace.run(lambda size: self.ask(sql, extra | span | {"size": size}))
            seen, hits, at, last = rows[0]
            end = None if at is None else (at, last)
            return (seen if isinstance(seen, int) else 0, hits if isinstance(hits, int) else 0), end

        return _walked(stream, read, down=False)

    # -- listing

    def in_order(self, strategy: Strategy) -> Iterator[Candidate | None]:
        """Yield what a claim would come to, first to last; None after each short statement that found nothing.

        Not for WEIGHTED_RANDOM, where there is no order.
        """
        if strategy is Strategy.PRIORITY:
            for level in self.levels():
                yield from self._merged([level], down=False)
        else:
            yield from self._merged(list(self.levels()), down=strategy is Strategy.LIFO)

    def anyhow(self) -> Iterator[Candidate | None]:
        """Yield everything that is in line, in no order a claim has; None as above."""
        for level in self.levels():
            yield from self._merged([level], down=False)

    def _merged(self, levels: list[Level], *, down: bool) -> Iterator[Candidate | None]:
        """Merge the streams by their heads, as a claim does; what a stream owes a search for is yielded as None."""
        sources = [
            self._listed(stream, down=down) for level in levels for stream in claim_reading.streams(level, self.bounds)
        ]
        back = sorted((each for each in self.given_back() if each.key.level in levels), key=by_due, reverse=down)
        sources.append(iter(back))
        heads: list[tuple[Any, int, Candidate]] = []
        for number, source in enumerate(sources):
            yield from _push(heads, number, source, down=down)
        while heads:
            _, number, found = heapq.heappop(heads)
            yield found
            yield from _push(heads, number, sources[number], down=down)

    def _listed(self, stream: Stream, *, down: bool) -> Iterator[Candidate | None]:
        """Yield the tasks of a stream in the order of the index, None after each statement that found none."""
        as_text = isinstance(stream.level, LevelText)
        # Those to be buried are shown too.
        condition = self._condition if self.offer is None else claim_reading.look(self.shape)
        pace = Pace(FIRST_LISTED, MOST_LISTED)

        def read(span: dict[str, Cell], *, ties: bool) -> tuple[list[Candidate], _End]:
            asked = 0

            def listed(size: int) -> list[Row]:
                nonlocal asked
                asked = size
                return self.ask(sql, span | {"size": size})

            sql = claim_reading.rows(condition, as_text=as_text, ties=ties, down=down)
            rows = pace.run(listed)
            self.looked_at += len(rows)
            end = (rows[-1][2], rows[-1][0]) if len(rows) == asked else None
            return [found for row in rows if row[7] and (found := candidate(row)) is not None], end

        for found in _walked(stream, read, down=down):
            yield from found or (None,)


def _walked(stream: Stream, read: Callable[..., tuple[Found, _End]], *, down: bool) -> Iterator[Found]:
    """Yield what is read of a stream, a stretch at a time: first those of one time, then those beyond it."""
    at: Cell = stream.high if down else stream.low
    after: Cell = MAX_ID if down else stream.low_id
    until = stream.low if down else stream.high
    ties = after != MAX_ID or down
    while True:
        span: dict[str, Cell] = {"level": bound(stream.level), "from": at, "after": after, "until": until}
        found, end = read(span, ties=ties)
        yield found
        if end is not None:
            (at, after), ties = end, True
        elif ties:
            ties = False
        else:
            return


def _offered(offer: Offer | None) -> dict[str, Cell]:
    if offer is None:
        return {}
    types: dict[str, Cell] = {"types": json.dumps(list(offer.types))} if offer.types else {}
    return {"capabilities": offer.capabilities_json, **types}


def _push(
    heads: list[tuple[Any, int, Candidate]], number: int, source: Iterator[Candidate | None], *, down: bool
) -> Iterator[None]:
    """Put the next task of a stream among the heads; yield None for each statement that found none."""
    for found in source:
        if found is None:
            yield None
            continue
        key = by_due(found)
        heapq.heappush(heads, (Reversed(key) if down else key, number, found))
        return
