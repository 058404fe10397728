"""The walk over two files side by side, by idempotency key: which keys are new, gone, or name a task of another id."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prismq_gui.insight.compare_records import IdTally
from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.walking import Pace

LONGEST_KEY_BYTES = 1_024
MOST_ROWS = 4_096
_INDEX = "uq_task_idempotency"
# Texts alone: numbers sort before them, blobs after. The index is ordered by the bytes of a text.
_SQL = (
    f"SELECT CASE WHEN length(CAST(idempotency_key AS BLOB)) <= {LONGEST_KEY_BYTES} THEN idempotency_key END, id "
    f"FROM task_queue INDEXED BY {_INDEX} "
    "WHERE idempotency_key > CAST(? AS TEXT) AND idempotency_key < x'' ORDER BY idempotency_key LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class KeyComparison:
    """Counts of keys by what became of them; ``before`` and ``after`` are the two ids of a key, pair by pair."""

    appeared: int
    vanished: int
    before: IdTally
    after: IdTally
    notes: tuple[str, ...]
    stopped: bool


def has_key_index(connection: ReadConnection) -> bool:
    """Return whether a file has the contract's unique index of keys, in its order."""
    listed = connection.rows("PRAGMA index_list(task_queue)", doing="look at the indexes")
    if not any(row[1] == _INDEX and row[2] for row in listed):
        return False
    rows = connection.rows(f"PRAGMA index_xinfo({_INDEX})", doing="look at the indexes")
    return [(row[2], row[3], row[4]) for row in rows if row[5]] == [("idempotency_key", 0, "BINARY")]


class _Keys:
    """The keys of one file in order, a stretch at a time; ``connection`` reads text as bytes."""

    def __init__(self, connection: ReadConnection) -> None:
        self.long = self.read = 0
        self._connection = connection
        self._pace = Pace(256, MOST_ROWS)
        self._last = b""

    def stretches(self) -> Iterator[list[tuple[bytes, int]]]:
        """Yield (key, id) of each stretch."""
        while True:
            asked = 0

            def read(size: int) -> list[Row]:
                nonlocal asked
                asked = size
                return self._connection.rows(_SQL, (self._last, size), doing="compare the keys")

            rows = self._pace.run(read)
            self.read += len(rows)
            pairs = [(row[0], row[1]) for row in rows if isinstance(row[0], bytes) and isinstance(row[1], int)]
            self.long += len(rows) - len(pairs)
            yield pairs
            if len(rows) < asked:
                return
            self._last = self._key_of(rows[-1])

    def _key_of(self, row: Row) -> bytes:
        if isinstance(row[0], bytes):
            return row[0]
        whole = self._connection.value("SELECT idempotency_key FROM task_queue WHERE id = ?", (row[1],))
        return whole if isinstance(whole, bytes) else b"\xff"


def compare_keys(
    connections: Sequence[ReadConnection],
    total: int,
    on_progress: Callable[[float], None],
    should_stop: Callable[[], bool],
) -> KeyComparison:
    """Compare the keys of two files that have the index of them; both connections read text as bytes.

    Args:
        connections: Of the older file and of the newer one.
        total: How many tasks there are at most, for the progress.
        on_progress: Takes it, from 0 to 1.
        should_stop: Asked between two stretches.

    Raises:
        ProblemError: A file cannot be read.
    """
    sides = [_Keys(connection) for connection in connections]
    streams = [side.stretches() for side in sides]
    left: list[list[tuple[bytes, int]]] = [[], []]
    is_over = [False, False]
    tally = _Tally()
    stopped = False
    while not stopped and not (all(is_over) and not any(left)):
        for number in (0, 1):
            if not left[number] and not is_over[number]:
                found = next(streams[number], None)
                is_over[number] = found is None
                left[number] = found or []
        ends = [left[number][-1][0] for number in (0, 1) if left[number] and not is_over[number]]
        if any(not left[number] and not is_over[number] for number in (0, 1)):
            continue  # a stretch of long keys alone
        horizon = min(ends) if ends else None
        tally.take(*(_up_to(left, number, horizon) for number in (0, 1)))
        on_progress(min(1.0, max(side.read for side in sides) / max(1, total)))
        stopped = should_stop()
    notes = [f"{max(side.long for side in sides):,} keys of over {LONGEST_KEY_BYTES:,} bytes were not compared."]
    return KeyComparison(
        tally.appeared, tally.vanished, tally.before, tally.after, tuple(notes if any(s.long for s in sides) else ()),
        stopped,
    )  # fmt: skip


def _up_to(left: list[list[tuple[bytes, int]]], number: int, horizon: bytes | None) -> list[tuple[bytes, int]]:
    pairs = left[number]
    at = len(pairs) if horizon is None else bisect_right(pairs, horizon, key=lambda pair: pair[0])
    left[number] = pairs[at:]
    return pairs[:at]


class _Tally:
    """What became of the keys so far."""

    def __init__(self) -> None:
        self.appeared = self.vanished = 0
        self.before, self.after = IdTally(), IdTally()

    def take(self, before: list[tuple[bytes, int]], after: list[tuple[bytes, int]]) -> None:
        """Compare a stretch of both."""
        if before == after:
            return
        olds, news = dict(before), dict(after)
        self.vanished += len(olds.keys() - news.keys())
        self.appeared += len(news.keys() - olds.keys())
        for key, old in olds.items():
            new = news.get(key, old)
            if new != old:
                self.before.add(old)
                self.after.add(new)
