"""A long list of ids in row order, as cheap as the ids allow: ranges where there are no gaps, arrays elsewhere.

Owns the arithmetic of rows and ids. Feeds keep one to find out what changed, models keep one to show.
Spans handed in are shared, never mutated.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from prismq_gui.insight.messages import IdSpan

_SMALL = 4_096  # arrays up to this length are merged with their neighbour, so that segments stay few
_MERGED = 65_536  # but no further: copying half a megabyte takes 50 µs
_BLOCK = 1_024
_AT_ONCE = 16_384  # ids copied in one C call; a million would hold Python's lock for 30 ms


def packed(ids: IdSpan) -> IdSpan:
    """Return ids that are in strict order as a range where they have no gaps."""
    if isinstance(ids, range) or not ids or abs(ids[-1] - ids[0]) + 1 != len(ids):
        return ids
    step = 1 if ids[-1] >= ids[0] else -1
    return range(ids[0], ids[-1] + step, step)


class IdList:
    """Ids by row. Used in one thread at a time; not thread-safe."""

    __slots__ = ("_length", "_segments", "_starts")

    def __init__(self, spans: Iterable[IdSpan] = ()) -> None:
        self._segments: list[IdSpan] = []
        self._starts: list[int] = []
        self._length = 0
        for span in spans:
            self.append(span)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        for segment in self._segments:
            yield from segment

    @property
    def segments(self) -> tuple[IdSpan, ...]:
        """The spans it consists of, in row order."""
        return tuple(self._segments)

    def copy(self) -> IdList:
        """Return a list of its own that shares the spans."""
        made = IdList()
        made._segments, made._starts, made._length = self._segments[:], self._starts[:], self._length
        return made

    def id_at(self, row: int) -> int | None:
        """Return the id in a row, None outside of the list."""
        if not 0 <= row < self._length:
            return None
        place = bisect_right(self._starts, row) - 1
        return self._segments[place][row - self._starts[place]]

    def row_of(self, wanted: int) -> int | None:
        """Return the row of an id, None where it is not in the list.

        A look-up in ranges and in arrays that are in order; else a search (10 ms a million).
        """
        unordered: list[int] = []
        for place, segment in enumerate(self._segments):
            at = _find_ordered(segment, wanted)
            if at is not None:
                return self._starts[place] + at
            if isinstance(segment, array):
                unordered.append(place)
        for place in unordered:
            try:
                return self._starts[place] + self._segments[place].index(wanted)
            except ValueError:
                continue
        return None

    def rows_of(self, wanted: Iterable[int]) -> dict[int, int]:
        """Return the rows of many ids by id; those not in the list are left out."""
        ids = set(wanted)
        if len(ids) <= 16:
            found = {each: self.row_of(each) for each in ids}
            return {each: row for each, row in found.items() if row is not None}
        rows: dict[int, int] = {}
        for start, segment in zip(self._starts, self._segments, strict=True):
            if isinstance(segment, range):
                rows.update((each, start + segment.index(each)) for each in ids if each in segment)
            else:
                rows.update((each, start + at) for each, at in _places(segment, ids))
        return rows

    def slice(self, first: int, stop: int) -> IdSpan:
        """Return the ids of the rows from ``first`` up to, not including, ``stop``."""
        first, stop = max(first, 0), min(stop, self._length)
        parts = list(self.parts(first, stop))
        if not parts:
            return range(0)
        if len(parts) == 1:
            return parts[0]
        joined = array("q")
        for part in parts:
            for at in range(0, len(part), _AT_ONCE):
                joined.extend(part[at : at + _AT_ONCE])
        return joined

    def parts(self, first: int, stop: int) -> Iterator[IdSpan]:
        """Yield the spans of the rows from ``first`` up to, not including, ``stop``."""
        if first >= stop or not self._segments:
            return
        place = max(0, bisect_right(self._starts, first) - 1)
        while place < len(self._segments) and self._starts[place] < stop:
            segment, start = self._segments[place], self._starts[place]
            low, high = max(first - start, 0), min(stop - start, len(segment))
            if low < high:
                yield segment if high - low == len(segment) else segment[low:high]
            place += 1

    def segment_from(self, row: int) -> tuple[IdSpan, int]:
        """Return the span that holds a row, and the row's place in it."""
        place = bisect_right(self._starts, row) - 1
        return self._segments[place], row - self._starts[place]

    def append(self, ids: IdSpan) -> None:
        """Add rows at the end."""
        if not ids:
            return
        if self._segments:
            merged = _merged(self._segments[-1], ids)
            if merged is not None:
                self._segments[-1] = merged
                self._length += len(ids)
                return
        self._segments.append(ids)
        self._starts.append(self._length)
        self._length += len(ids)

    def insert(self, row: int, ids: IdSpan) -> None:
        """Insert rows before a row."""
        if not 0 <= row <= self._length:
            raise IndexError(row)
        if row == self._length:
            self.append(ids)
        elif ids:
            self._rebuild([*self.parts(0, row), ids, *self.parts(row, self._length)])

    def remove(self, row: int, count: int) -> None:
        """Remove ``count`` rows from ``row`` on."""
        if count < 0 or row < 0 or row + count > self._length:
            raise IndexError(row)
        if count:
            self._rebuild([*self.parts(0, row), *self.parts(row + count, self._length)])

    def _rebuild(self, spans: list[IdSpan]) -> None:
        self._segments, self._starts, self._length = [], [], 0
        for span in spans:
            self.append(span)


def _places(segment: array[int], wanted: set[int]) -> Iterator[tuple[int, int]]:
    """Yield the wanted ids in an array with their places; blocks that hold none are passed at the speed of C."""
    for at in range(0, len(segment), _BLOCK):
        block = segment[at : at + _BLOCK]
        if not wanted.isdisjoint(block):
            yield from ((each, at + place) for place, each in enumerate(block) if each in wanted)


def _find_ordered(segment: IdSpan, wanted: int) -> int | None:
    """Return the place of an id in a span that is a range, or an array in ascending or descending order."""
    if isinstance(segment, range):
        return segment.index(wanted) if wanted in segment else None
    at = bisect_left(segment, wanted)
    if at < len(segment) and segment[at] == wanted:
        return at
    low, high = 0, len(segment)
    while low < high:
        middle = (low + high) // 2
        if segment[middle] > wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < len(segment) and segment[low] == wanted else None


def _merged(left: IdSpan, right: IdSpan) -> IdSpan | None:
    """Return two neighbouring spans as one where that is cheap, else None."""
    if isinstance(left, range) and isinstance(right, range):
        return _merged_ranges(left, right)
    small = min(len(left), len(right)) <= _SMALL and len(left) + len(right) <= _MERGED
    if (
        not small
        or (isinstance(left, range) and len(left) > _SMALL)
        or (isinstance(right, range) and len(right) > _SMALL)
    ):
        return None
    joined = array("q", left)
    joined.extend(right)
    return joined


def _merged_ranges(left: range, right: range) -> IdSpan | None:
    step = right.start - left[-1]
    if abs(step) == 1 and all(len(each) == 1 or each.step == step for each in (left, right)):
        return range(left.start, right[-1] + step, step)
    if len(left) + len(right) <= _SMALL // 8:  # two short stretches round a gap
        return array("q", [*left, *right])
    return None
