"""Measure the gaps of an event loop: a timer that should fire every few milliseconds, and how late it was.

Owns the timer and the figures. Must not do anything else: what it does itself would be in the figure.
"""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QTimer

INTERVAL_MS = 5
MOST_TICKS = 1_000_000  # over an hour; older ticks are kept, later ones only move the worst


@dataclass(frozen=True, slots=True)
class Gaps:
    """How long the event loop answered nothing, in ms, over so many ticks."""

    worst_ms: float
    p99_ms: float
    ticks: int


class Heartbeat(QObject):
    """Counts from the first tick after ``start``; lives in the thread whose event loop is measured."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._gaps_ms = array("d")
        self._worst_ms = 0.0
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._on_timer_timeout)

    def start(self) -> None:
        """Begin, and forget what was measured before."""
        self._gaps_ms = array("d")
        self._worst_ms = 0.0
        self._last = 0.0
        self._timer.start()

    def stop(self) -> None:
        """End."""
        self._timer.stop()

    def gaps(self) -> Gaps:
        """Return the figures so far. A gap is the time from tick to tick beyond the interval."""
        ordered = sorted(self._gaps_ms)
        p99 = ordered[int(len(ordered) * 0.99)] if ordered else 0.0
        return Gaps(self._worst_ms, p99, len(ordered))

    def _on_timer_timeout(self) -> None:
        now = time.perf_counter()
        if self._last:
            gap = max(0.0, (now - self._last) * 1000 - INTERVAL_MS)
            self._worst_ms = max(self._worst_ms, gap)
            if len(self._gaps_ms) < MOST_TICKS:
                self._gaps_ms.append(gap)
        self._last = now
