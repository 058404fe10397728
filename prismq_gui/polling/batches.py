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
        self._sent_at: float | None = None

    @property
    def has_told(self) -> bool:
        """Whether anything was taken yet."""
        return self._sent_at is not None

    def add(self, ids: IdSpan) -> None:
        """Take the next ids."""
        self._ids.append(ids)

    def is_due(self, now: float) -> bool:
        """Whether something should be told now (``time.monotonic()`` seconds)."""
        if self._sent_at is None:
            return len(self._ids) > 0
        return now - self._sent_at >= INTERVAL_S

    def take(self, now: float) -> Iterator[IdSpan]:
        """Yield what was gathered, at least one span (it may be empty)."""
        self._sent_at = now
        spans, self._ids = self._ids.segments, IdList()
        yield from spans or (range(0),)
