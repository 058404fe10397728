"""Whether an operation is still at work in some process: a lock on a file that goes with the process.

A process that was killed leaves the file behind and the lock not, so nothing is told by clocks or by
numbers of processes, which are given again. Owns these files; touches no database.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _try(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import errno
    import fcntl

    _HELD = frozenset({errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK})

    def _try(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in _HELD  # no locks here: then nothing is told, and the rows' own guards stand
        return True


_SWEPT_AFTER_S = 86_400.0  # who has just made its file may not have locked it yet


def sweep(folder: Path) -> None:
    """Remove the files that killed operations left behind, once they are a day old."""
    for path in folder.glob("operation-*.lock"):
        with suppress(OSError):  # gone meanwhile, or another window holds it (Windows)
            if time.time() - path.stat().st_mtime > _SWEPT_AFTER_S:
                forget_lock(folder, path.name.removeprefix("operation-").removesuffix(".lock"))


def forget_lock(folder: Path, operation_id: str) -> None:
    """Remove the file that a killed operation left behind; one that somebody holds stays."""
    with suppress(OSError):
        lock = LiveLock(folder, operation_id)
        if lock.take():
            lock.leave()


class LiveLock:
    """Held while an operation runs; used in the operation's thread."""

    def __init__(self, folder: Path, operation_id: str) -> None:
        self._path = folder / f"operation-{operation_id}.lock"
        self._handle: int | None = None

    def take(self) -> bool:
        """Take the lock; return False where another process or window runs the operation.

        Raises:
            OSError: The file cannot be made.
        """
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        if not _try(handle):
            os.close(handle)
            return False
        self._handle = handle
        return True

    def is_held(self) -> bool:
        """Whether somebody runs the operation now."""
        if self._handle is not None:
            return True
        try:
            handle = os.open(self._path, os.O_RDWR)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # Windows refuses what another process deletes or holds
        try:
            return not _try(handle)
        finally:
            os.close(handle)

    def leave(self) -> None:
        """Give the lock up and remove its file; idempotent."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        with suppress(OSError):  # on POSIX before it is given up: whoever comes then makes a file of its own
            self._path.unlink()
        os.close(handle)
        with suppress(OSError):  # Windows lets it go only now
            self._path.unlink()
