"""Python's garbage is collected in the window's thread alone while threads of ours run.

Python collects cycles in whichever thread allocates next. A cycle that holds widgets, timers or event loops must not
be destroyed in the poll thread: Qt allows that in the thread an object lives in, and nowhere else.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QObject, QTimer

INTERVAL_MS = 250


class GarbageTimer(QTimer):
    """Collects when as much has gathered as Python itself would wait for. Lives in the window's thread.

    Measured with the sample open (43,000 objects): 12 ms for all generations, 1.4 ms for the younger two.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setInterval(INTERVAL_MS)
        self.timeout.connect(self._on_self_timeout)
        self._thresholds = gc.get_threshold()

    def _on_self_timeout(self) -> None:
        counts = gc.get_count()
        for generation in (2, 1, 0):  # a collection of a generation includes the younger ones
            if counts[generation] > self._thresholds[generation]:
                gc.collect(generation)
                return


@contextmanager
def collected_here() -> Iterator[None]:
    """Collect garbage in this thread only, until the end of the block."""
    was_enabled = gc.isenabled()
    gc.disable()
    timer = GarbageTimer()
    timer.start()
    try:
        yield
    finally:
        timer.stop()
        timer.deleteLater()
        if was_enabled:
            gc.enable()
