"""The gaps of an event loop, step by step, and how much of each the loop's own thread computed.

Owns one timer in the thread that is measured. Used by all windows of `window.py` alike.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QWidget

from benchmarks._window_halts import halts

INTERVAL_MS = 5


class Ticks(QObject):
    """A timer that should fire every 5 ms. A gap is the time from tick to tick beyond that."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: list[float] = []
        self._step: list[float] = []
        self._worst_own = 0.0
        self._last = self._last_cpu = 0.0
        self._halts = halts()
        self._timer = QTimer(self, timerType=Qt.TimerType.PreciseTimer, interval=INTERVAL_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now, cpu = time.perf_counter(), time.thread_time()
        if self._halts != halts():
            self._halts, self._last = halts(), 0.0
        if self._last:
            gap = max(0.0, (now - self._last) * 1000 - INTERVAL_MS)
            if not self._step or gap > max(self._step):
                self._worst_own = (cpu - self._last_cpu) * 1000
            self._step.append(gap)
        self._last, self._last_cpu = now, cpu

    def stop(self) -> None:
        self._timer.stop()

    def take(self) -> dict[str, float]:
        """Return the figures since this was asked last; ``worst_own_ms`` is this thread's CPU within the worst gap."""
        # The gap that is open belongs to this step.
        self._tick()
        figures = summed_up(self._step) | {"worst_own_ms": self._worst_own}
        self._all += self._step
        self._step, self._worst_own = [], 0.0
        return figures

    def whole(self) -> dict[str, float]:
        """Return the figures of all steps."""
        return summed_up(self._all + self._step)


def summed_up(gaps: list[float]) -> dict[str, float]:
    ordered = sorted(gaps) or [0.0]
    return {"worst_ms": ordered[-1], "p99_ms": ordered[int(len(ordered) * 0.99)], "ticks": len(gaps)}


def close_with_stdin(window: QWidget) -> None:
    """Close the window when whoever started this process closes its stdin."""
    threading.Thread(target=lambda: (sys.stdin.read(), QTimer.singleShot(0, window, window.close)), daemon=True).start()


def memory_mib() -> dict[str, float]:
    """Return what this process holds now and held at most; of that alone what no other process could share."""
    found: dict[str, Any] = {}
    with Path("/proc/self/status").open(encoding="utf-8") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name in ("VmHWM", "VmRSS", "RssAnon"):
                found[name] = int(rest.split()[0]) / 1024
    return {"peak_mib": found["VmHWM"], "now_mib": found["VmRSS"], "anonymous_mib": found["RssAnon"]}
