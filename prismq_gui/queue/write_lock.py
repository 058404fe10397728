"""The queue at the door: an advisory lock file beside the database that lines writers up.

SQLite's own lock is still taken inside; this one only makes waiting fair, and keeps the
checkpoints of our writers from overlapping, which SQLite before 3.51.3 does not survive reliably
(the WAL-reset bug). Programs that do not know the lock file are kept apart by SQLite as ever.
The lock goes with its process, however that ends. Never touches the database file itself.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time
from pathlib import Path

SHORTEST_NAP_S = 0.00005
LONGEST_NAP_S = 0.012
LONGEST_YIELD_S = 0.002
# The more wait, the less often each looks: a wait as the last is slept through in so many naps. Whoever looks while
# the holder is between two writes ends its turn, and each change of the holder costs it what it had in its cache.
# In files in memory, 4 and 16 processes (share of a loop without a line, which lets one process go on for 2 s):
# looks each ms at most 0.58 and 0.21, as here 0.63 and 0.34, up to 20 ms 0.63 and 0.30. Slowest to fastest process
# 0.77 and 0.59, longest claim 55 and 144 ms.
NAPS_A_WAIT = 6
CONTENDED_FOR_S = 0.05
TURN_S = 0.010  # how long one writer may go on before it lets others first: at each write would cost a nap a write

if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        os.lseek(handle, 0, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)


class WriteLock:
    """One writer's place in line; used by one thread at a time (its owner's lock sees to that).

    Where the lock file can't be made (a folder without write access, an odd file system) it lets
    everyone through: the database is then guarded by SQLite alone.
    """

    def __init__(self, db_path: Path) -> None:
        self.path = db_path.with_name(db_path.name + "-lock")
        self._handle: int | None = None
        self._unusable = db_path.name == ":memory:"  # nobody else can see it: no line to stand in
        self._contended_until = 0.0
        self._turn_began = 0.0
        self._waited_s = 0.0  # the last time

    def acquire(self, timeout_s: float) -> bool:
        """Take the lock, waiting at most so many seconds; False where the time ran out."""
        handle = self._handle
        if handle is None:
            handle = self._open()
            if handle is None:
                return True
        if self._contended_until and self._is_turn_over():
            # Let those who wait go first: without it the holder, already running, takes it again.
            time.sleep(random.uniform(0, LONGEST_YIELD_S))  # noqa: S311 (fairness, not secrecy)
            self._turn_began = time.monotonic()
        if _try_lock(handle):
            return True
        return self._wait(handle, timeout_s)

    def _wait(self, handle: int, timeout_s: float) -> bool:
        """Try again and again until the time is over; the more wait, the less often each tries."""
        began = time.monotonic()
        longest_s = min(LONGEST_NAP_S, max(LONGEST_NAP_S / 6, self._waited_s / NAPS_A_WAIT))
        while True:
            time.sleep(random.uniform(SHORTEST_NAP_S, longest_s))  # noqa: S311 (fairness, not secrecy)
            if _try_lock(handle):
                break
            if time.monotonic() - began >= timeout_s:
                return False
        self._turn_began = time.monotonic()
        self._waited_s = self._turn_began - began
        self._contended_until = self._turn_began + CONTENDED_FOR_S
        return True

    def _is_turn_over(self) -> bool:
        clock = time.monotonic()
        if clock >= self._contended_until:
            self._contended_until = 0.0
            return False
        return clock - self._turn_began > TURN_S

    def release(self) -> None:
        """Give the lock back; harmless where it isn't held."""
        if self._handle is not None:
            try:
                _unlock(self._handle)
            except OSError:  # Windows, where it wasn't held; should it be held after all, closing ends it
                self.close()

    def close(self) -> None:
        """Close the lock file; it stays on the disk, empty, for the others."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                os.close(self._handle)
            self._handle = None

    def _open(self) -> int | None:
        if self._handle is None and not self._unusable:
            try:
                self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError:
                self._unusable = True
        return self._handle
