"""Look at the demo's window from inside: event loop gaps, rows shown, a picture; close it when its time is over.

Lives in the window's thread. Must not read the queue file.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QAbstractItemView, QWidget

from prismq_gui.demo.heartbeat import Gaps, Heartbeat


@dataclass(frozen=True, slots=True)
class Seen:
    """What the window showed at the end: gaps of its event loop, rows by table, title, where the picture lies."""

    gaps: Gaps
    rows: tuple[tuple[str, int], ...]
    title: str
    screenshot: Path | None


class Observer:
    """Watches one window, from its first showing to its closing."""

    def __init__(self, seconds: float | None, screenshot: Path | None) -> None:
        self.seen: Seen | None = None
        self._seconds = seconds
        self._screenshot = screenshot
        self._window: QWidget | None = None
        self._heartbeat: Heartbeat | None = None
        self._told_to_end = False

    @contextmanager
    def ended_by_signals(self) -> Iterator[None]:
        """Close the window on Ctrl-C, SIGTERM and Ctrl-Break during the block, or as soon as it is shown.

        Nothing is raised where a signal strikes: that may be anywhere, half-way through making the window too.
        """
        names = [name for name in ("SIGTERM", "SIGINT", "SIGBREAK") if hasattr(signal, name)]
        if threading.current_thread() is not threading.main_thread():
            names = []  # signals are the main thread's business
        before = {name: signal.signal(getattr(signal, name), self._on_signal) for name in names}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(getattr(signal, name), handler)

    def watch(self, window: QWidget) -> None:
        """Begin; called once by the program when its window is shown."""
        self._window = window
        self._heartbeat = Heartbeat(window)
        self._heartbeat.start()
        if self._told_to_end:
            QTimer.singleShot(0, window, self._on_time_over)  # once its event loop runs
        elif self._seconds is not None:
            QTimer.singleShot(int(self._seconds * 1000), window, self._on_time_over)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        # Python runs this between two ticks of the heartbeat, in the window's thread.
        self._told_to_end = True
        self._on_time_over()

    def _on_time_over(self) -> None:
        window, heartbeat = self._window, self._heartbeat
        if window is None or heartbeat is None:
            return
        self._window = None
        heartbeat.stop()
        gaps = heartbeat.gaps()
        if self._screenshot is not None:
            self._screenshot.parent.mkdir(parents=True, exist_ok=True)
            if not window.grab().save(str(self._screenshot)):
                self._screenshot = None
        self.seen = Seen(gaps, _rows(window), window.windowTitle(), self._screenshot)
        window.close()


def _rows(window: QWidget) -> tuple[tuple[str, int], ...]:
    """Return the rows of each named table in the window."""
    views = [view for view in window.findChildren(QAbstractItemView) if view.objectName() and view.model() is not None]
    return tuple((view.objectName(), view.model().rowCount()) for view in views)
