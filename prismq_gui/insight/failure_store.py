"""Which task is in which group: 16 bytes a failed task, in blocks that can be compared with the file.

Owns the columns and their order by id. Knows neither texts nor SQL; lives in the thread of its reader.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import compress

from prismq_gui.insight.walking import MAX_INT, MIN_INT

BLOCK_ROWS = 8_192  # compared with the file in one statement of about 1 ms
_MASK, _FACTOR = 0x7FFFFFFF, 1_640_531_527
CHECK_SQL = f"sum((((id & {_MASK}) * {_FACTOR}) >> 15) & 4294967295)"
"""A checksum over ids that SQLite and :func:`checksum` agree on; products and sums stay within 64 bits."""


def checksum(ids: array[int]) -> int:
    """Return what :data:`CHECK_SQL` gives for these ids."""
    return sum((((each & _MASK) * _FACTOR) >> 15) & 0xFFFFFFFF for each in ids)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of a task. ``time_s`` is in seconds since 1970, 0 where unknown."""

    group: int
    time_s: int
    worker: int


@dataclass(slots=True)
class _Block:
    ids: array[int] = field(default_factory=lambda: array("q"))
    groups: array[int] = field(default_factory=lambda: array("H"))
    times: array[int] = field(default_factory=lambda: array("I"))
    workers: array[int] = field(default_factory=lambda: array("H"))
    check: int | None = None

    def columns(self) -> tuple[array[int], array[int], array[int], array[int]]:
        return self.ids, self.groups, self.times, self.workers

    def part(self, rows: slice) -> _Block:
        return _Block(self.ids[rows], self.groups[rows], self.times[rows], self.workers[rows])


@dataclass(frozen=True, slots=True)
class Stretch:
    """A range of ids, and what the store has in it."""

    low: int
    high: int
    count: int
    check: int


class PairStore:
    """The failed tasks of one type and status, by id."""

    def __init__(self) -> None:
        self._blocks = [_Block()]
        self._firsts = [MIN_INT]  # where each block begins; the first takes all below it too

    def __len__(self) -> int:
        return sum(len(block.ids) for block in self._blocks)

    def put(self, task_id: int, entry: Entry) -> None:
        """Take a task that is not there yet."""
        number = self._number(task_id)
        block = self._blocks[number]
        at = bisect_left(block.ids, task_id)
        values = (task_id, entry.group, entry.time_s, entry.worker)
        for column, value in zip(block.columns(), values, strict=True):
            column.insert(at, value)
        block.check = None
        if len(block.ids) >= 2 * BLOCK_ROWS:
            self._split(number)

    def get(self, task_id: int) -> Entry | None:
        """Return what is kept of a task, None where it is not there."""
        block, at = self._place(task_id)
        return None if at is None else Entry(block.groups[at], block.times[at], block.workers[at])

    def take(self, task_id: int) -> Entry | None:
        """Take a task out and return what was kept of it, None where it was not there."""
        block, at = self._place(task_id)
        if at is None:
            return None
        entry = Entry(block.groups[at], block.times[at], block.workers[at])
        for column in block.columns():
            del column[at]
        block.check = None
        return entry

    def stretches(self) -> list[Stretch]:
        """Return ranges of ids that cover all there can be, each with its count and checksum."""
        found = []
        for number, block in enumerate(self._blocks):
            last = number + 1 == len(self._blocks)
            if block.check is None:
                block.check = checksum(block.ids)
            high = MAX_INT if last else self._firsts[number + 1] - 1
            found.append(Stretch(self._firsts[number], high, len(block.ids), block.check))
        return found

    def ids_between(self, low: int, high: int) -> set[int]:
        """Return the ids from ``low`` to ``high``."""
        found: set[int] = set()
        for number in range(self._number(low), self._number(high) + 1):
            ids = self._blocks[number].ids
            found.update(ids[bisect_left(ids, low) : bisect_right(ids, high)])
        return found

    def ids_of(self, group: int) -> Iterator[array[int]]:
        """Yield the ids of a group in ascending order, block by block."""
        for block in self._blocks:
            chosen = array("q", compress(block.ids, map(group.__eq__, block.groups)))
            if chosen:
                yield chosen

    def entries(self) -> Iterator[tuple[array[int], array[int], array[int]]]:
        """Yield ids, groups and times of each block."""
        for block in self._blocks:
            yield block.ids, block.groups, block.times

    def _number(self, task_id: int) -> int:
        return bisect_right(self._firsts, task_id) - 1

    def _place(self, task_id: int) -> tuple[_Block, int | None]:
        block = self._blocks[self._number(task_id)]
        at = bisect_left(block.ids, task_id)
        return block, at if at < len(block.ids) and block.ids[at] == task_id else None

    def _split(self, number: int) -> None:
        block = self._blocks[number]
        upper = block.part(slice(BLOCK_ROWS, None))
        self._blocks[number] = block.part(slice(BLOCK_ROWS))
        self._blocks.insert(number + 1, upper)
        self._firsts.insert(number + 1, upper.ids[0])
