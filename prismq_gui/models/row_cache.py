"""The rows a table has in hand: rendered, by id, bounded, each marked with how old it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prismq_gui.models.render import Rendered

CAPACITY = 4_096  # rows: some ten screens and their surroundings, about 8 MB


class RowCache:
    """Rendered rows by id; the oldest loaded go first. GUI thread."""

    __slots__ = ("_fresh", "_rows", "capacity")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._rows: dict[int, Rendered] = {}
        self._fresh: set[int] = set()

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, wanted: int) -> Rendered | None:
        """Return a row, stale or not; None where it is not in hand."""
        return self._rows.get(wanted)

    def has(self, wanted: int) -> bool:
        """Whether a row is in hand, stale or not."""
        return wanted in self._rows

    def is_fresh(self, wanted: int) -> bool:
        """Whether a row is in hand and was read since the data last changed."""
        return wanted in self._fresh

    def put(self, rows: Iterable[tuple[int, Rendered]]) -> list[int]:
        """Take rows just read; return the ids of those that look different from before."""
        changed = []
        for each, row in rows:
            old = self._rows.pop(each, None)
            self._rows[each] = row  # to the end: dicts keep the order of insertion
            self._fresh.add(each)
            if old is None or old.cells != row.cells:
                changed.append(each)
        while len(self._rows) > self.capacity:
            oldest = next(iter(self._rows))
            del self._rows[oldest]
            self._fresh.discard(oldest)
        return changed

    def drop(self, ids: Iterable[int]) -> None:
        """Forget rows that are gone."""
        for each in ids:
            self._rows.pop(each, None)
            self._fresh.discard(each)

    def mark_stale(self) -> None:
        """Keep the rows to look at, but have them read again when they are wanted."""
        self._fresh.clear()

    def change(self, changed: Callable[[Rendered], Rendered]) -> None:
        """Have all rows look otherwise until they are read again."""
        self._rows = {each: changed(row) for each, row in self._rows.items()}
        self.mark_stale()

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self._fresh.clear()
