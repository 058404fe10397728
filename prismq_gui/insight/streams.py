"""Ids by status and type straight from an index, in id order, without reading a task.

Within one (type, status) the index ``ix_task_type_status`` holds the ids in order; a filter's
pairs are merged window by window, so that the first page costs a seek a pair.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.names import Name, bound, distinct, hop
from prismq_gui.insight.walking import Bounds, Pace

MAX_PAIRS = 256  # beyond, a seek a pair and window costs more than walking the table
_SMALLEST_FETCH = 64


@dataclass(frozen=True, slots=True)
class Pair:
    """One type and status that some task has."""

    type: Name
    status: Name


def read_pairs(connection: ReadConnection, types: Sequence[Name], statuses: Sequence[Name]) -> list[Pair] | None:
    """Return the pairs that tasks have, of these types and statuses (all where empty); None past the limit."""
    names = list(dict.fromkeys(types)) if types else distinct(connection, "type", MAX_PAIRS + 1)
    pairs: list[Pair] = []
    for name in names:
        wanted = list(dict.fromkeys(statuses)) if statuses else _statuses_of(connection, name)
        pairs += [Pair(name, status) for status in wanted]
        if len(pairs) > MAX_PAIRS:
            return None
    return pairs


def _statuses_of(connection: ReadConnection, type_name: Name) -> list[Name]:
    mark, param = bound(type_name)
    select = f"SELECT status, CAST(status AS BLOB) FROM task_queue INDEXED BY ix_task_type_status WHERE type IS {mark}"
    return hop(connection, select, "status", (param,), MAX_PAIRS + 1)


@dataclass(slots=True)
class _Stream:
    """The ids of one pair, fetched ahead; ``rank`` is the id, negated where the order descends."""

    pair: Pair
    ranks: list[int] = field(default_factory=list)
    exhausted: bool = False


def merged(
    connection: ReadConnection, pairs: Sequence[Pair], bounds: Bounds, *, descending: bool, pace: Pace
) -> Iterator[tuple[list[int], float]]:
    """Yield the ids of all pairs in strict id order, window by window, with the progress."""
    sign = -1 if descending else 1
    streams = [_Stream(pair) for pair in pairs]
    width = bounds.high - bounds.low + 1
    told = (-bounds.high if descending else bounds.low) - 1  # the last rank handed on
    start = told
    while streams:
        share = len([each for each in streams if not each.ranks])
        for stream in streams:
            if not stream.ranks and not stream.exhausted:
                _fetch(connection, stream, told, bounds, sign, pace, share)
        open_ends = [stream.ranks[-1] for stream in streams if not stream.exhausted]
        horizon = min(open_ends) if open_ends else None
        ranks = sorted({rank for stream in streams for rank in _take(stream, told, horizon)})
        if ranks:
            told = ranks[-1]
        streams = [stream for stream in streams if stream.ranks or not stream.exhausted]
        yield [sign * rank for rank in ranks], (told - start) / width if streams else 1.0


def _take(stream: _Stream, told: int, horizon: int | None) -> list[int]:
    """Take from a stream what can be handed on: nothing that another stream might still precede."""
    end = len(stream.ranks) if horizon is None else bisect_right(stream.ranks, horizon)
    ready = stream.ranks[:end]
    del stream.ranks[:end]
    return ready[bisect_left(ready, told + 1) :]


def _fetch(
    connection: ReadConnection, stream: _Stream, told: int, bounds: Bounds, sign: int, pace: Pace, share: int
) -> None:
    after = told + 1
    low, high = (after, bounds.high) if sign > 0 else (bounds.low, -after)
    if low > high:
        stream.exhausted = True
        return
    type_mark, type_param = bound(stream.pair.type)
    status_mark, status_param = bound(stream.pair.status)
    sql = (
        "SELECT id FROM task_queue INDEXED BY ix_task_type_status "
        f"WHERE type IS {type_mark} AND status IS {status_mark} "
        f"AND id BETWEEN ? AND ? ORDER BY id {'ASC' if sign > 0 else 'DESC'} LIMIT ?"
    )
    asked = 0

    def read(size: int) -> list[tuple[Cell, ...]]:
        nonlocal asked
        asked = max(_SMALLEST_FETCH, size // share)
        return connection.rows(sql, (type_param, status_param, low, high, asked), doing="list the matching tasks")

    rows = pace.run(read)
    stream.ranks = [sign * row[0] for row in rows if isinstance(row[0], int)]
    stream.exhausted = len(rows) < asked
