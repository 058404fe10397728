"""What changed between two lists of ids, as few spans of rows as possible.

Pure functions, run in a feed's thread. Equal stretches are compared in blocks, at the speed of
memory, and each step is short: a long one would hold Python's lock and with it the window.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from prismq_gui.insight.messages import IdSpan
from prismq_gui.polling.ids import IdList
from prismq_gui.polling.messages import Span

MAX_SPANS = 64  # more single changes cost a view more than one layout change
_BLOCK = 4_096
_NEAR = 1_024  # how far an id is looked for that does not stand where it stood


@dataclass(slots=True)
class Difference:
    """Rows to remove (descending, of the old list) and to insert (ascending, of the new one)."""

    removed: list[Span] = field(default_factory=list)
    inserted: list[Span] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether the lists are equal."""
        return not (self.removed or self.inserted)


def difference(old: IdList, new: IdList) -> Difference | None:
    """Return how to make ``old`` into ``new``; None where that takes too many spans or rows changed places."""
    gone: list[tuple[int, int]] = []  # [first, stop) rows of old
    come: list[tuple[int, int]] = []  # [first, stop) rows of new
    i = j = 0
    while True:
        equal = _equal_length(old, i, new, j)
        i, j = i + equal, j + equal
        if i >= len(old) or j >= len(new):
            break
        removed, inserted = _step(old, i, new, j)
        _extend(gone, i, removed)
        _extend(come, j, inserted)
        i, j = i + removed, j + inserted
        if len(gone) + len(come) > MAX_SPANS:
            return None
    _extend(gone, i, len(old) - i)
    _extend(come, j, len(new) - j)
    if len(gone) + len(come) > MAX_SPANS or _moved(old, gone, new, come):
        return None
    return Difference(
        [Span(first, stop - first) for first, stop in reversed(gone)],
        [Span(first, stop - first, new.slice(first, stop)) for first, stop in come],
    )


def _extend(spans: list[tuple[int, int]], first: int, count: int) -> None:
    if count <= 0:
        return
    if spans and spans[-1][1] == first:
        spans[-1] = (spans[-1][0], first + count)
    else:
        spans.append((first, first + count))


def _step(old: IdList, i: int, new: IdList, j: int) -> tuple[int, int]:
    """Return how many rows to remove and to insert where the lists differ, until they meet again."""
    ahead_old = old.slice(i, i + _NEAR)
    ahead_new = new.slice(j, j + _NEAR)
    inserted = _index(ahead_new, ahead_old[0])
    removed = _index(ahead_old, ahead_new[0])
    if inserted is not None and (removed is None or inserted <= removed):
        return 0, inserted
    if removed is not None:
        return removed, 0
    return _until_known(ahead_old, ahead_new), _until_known(ahead_new, ahead_old)


def _until_known(ids: IdSpan, others: IdSpan) -> int:
    """Return how many ids stand before the first that the other stretch holds too."""
    known = set(others)
    for count, each in enumerate(ids):
        if each in known:
            return count
    return len(ids)


def _index(ids: IdSpan, wanted: int) -> int | None:
    try:
        return ids.index(wanted)
    except ValueError:
        return None


def _equal_length(old: IdList, i: int, new: IdList, j: int) -> int:
    """Return how many rows are equal from ``i`` in the old list and ``j`` in the new one on."""
    start = i
    while i < len(old) and j < len(new):
        left, at_left = old.segment_from(i)
        right, at_right = new.segment_from(j)
        width = min(len(left) - at_left, len(right) - at_right)
        same = _equal_prefix(left, at_left, right, at_right, width)
        i, j = i + same, j + same
        if same < width:
            break
    return i - start


def _equal_prefix(left: IdSpan, at_left: int, right: IdSpan, at_right: int, width: int) -> int:
    if left is right and at_left == at_right:
        return width
    if isinstance(left, range) and isinstance(right, range):
        if left[at_left] != right[at_right]:
            return 0
        return width if left.step == right.step else 1
    same = 0
    while same < width:
        size = min(_BLOCK, width - same)
        one = _block(left, at_left + same, size)
        other = _block(right, at_right + same, size)
        if one != other:
            return same + next(place for place in range(size) if one[place] != other[place])
        same += size
    return width


def _block(ids: IdSpan, at: int, size: int) -> IdSpan:
    part = ids[at : at + size]
    return array("q", part) if isinstance(part, range) else part


def _moved(old: IdList, gone: list[tuple[int, int]], new: IdList, come: list[tuple[int, int]]) -> bool:
    """Whether an id was taken out at one place and put in at another: its selection would be lost."""
    if not gone or not come:
        return False
    left = IdList(part for first, stop in gone for part in old.parts(first, stop))
    return any(_touches(left, part) for first, stop in come for part in new.parts(first, stop))


def _touches(left: IdList, part: IdSpan) -> bool:
    for segment in left.segments:
        small, large = (segment, part) if len(segment) <= len(part) else (part, segment)
        if isinstance(large, range):
            if isinstance(small, range) and (max(small) < min(large) or min(small) > max(large)):
                continue
            if any(each in large for each in small):
                return True
        elif not set(large).isdisjoint(small):
            return True
    return False
