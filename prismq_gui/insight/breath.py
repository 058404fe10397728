"""Pauses between reads, so that the writers of a live file can start its log over.

SQLite begins the write-ahead log anew only when a writer finds all of it checkpointed and no reader in an older
snapshot. Statements in close order leave no such moment: the log grows for as long as the reading lasts. Owns the
reckoning of how long this program has read on end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BURST_S = 0.010  # eight writers in memory add 1 MB to the log in that time, a quarter of an autocheckpoint
GAP_S = 0.004  # a commit with its checkpoint, and the next writer's begin; a thread's time slice on a full machine


class Breath:
    """Shared by all connections of this program that read one file; callable from their threads."""

    def __init__(self, pause: Callable[[float], object] = time.sleep) -> None:
        self._pause = pause
        self._lock = threading.Lock()
        self._reading = 0
        self._began = self._ended = 0.0

    @contextmanager
    def turn(self, is_changing: Callable[[], bool]) -> Iterator[None]:
        """Read in this block; before it wait a moment if too long was read on end while others write.

        Args:
            is_changing: Whether somebody wrote since it was asked last.
        """
        if self._is_long() and is_changing():
            self._pause(GAP_S)
        with self._lock:
            now = time.perf_counter()
            if not self._reading and now - self._ended >= GAP_S:
                self._began = now
            self._reading += 1
        try:
            yield
        finally:
            with self._lock:
                self._reading -= 1
                self._ended = time.perf_counter()

    def _is_long(self) -> bool:
        with self._lock:
            now = time.perf_counter()
            is_on = self._reading > 0 or now - self._ended < GAP_S
            return is_on and now - self._began >= BURST_S
