"""Ids on their way to the window: gathered into a few signals a second, in as few spans as possible."""

from __future__ import annotations

from collections.abc import Iterator

from prismq_gui.insight.messages import IdSpan
from prismq_gui.polling.ids import IdList

INTERVAL_S = 0.05


class Batches:
    """Collects ids until it is time; the first go at once, so that a table fills without delay."""

    def __init__(self) -> None:
        self._ids = IdList()
        self._started_at: float | None = None
        self.has_told = False
        """Whether any ids were taken yet."""

    def add(self, ids: IdSpan) -> None:
        """Take the next ids."""
        self._ids.append(ids)

    def is_due(self, now: float) -> bool:
        """Whether something should be told now (``time.monotonic()`` seconds); progress alone as well."""
        if self._started_at is None:
            self._started_at = now
        if self._ids and not self.has_told:
            return True
        return now - self._started_at >= INTERVAL_S

    def take(self, now: float) -> Iterator[IdSpan]:
        """Yield what was gathered, at least one span (it may be empty)."""
        self._started_at = now
        self.has_told = self.has_told or len(self._ids) > 0
        spans, self._ids = self._ids.segments, IdList()
        yield from spans or (range(0),)
