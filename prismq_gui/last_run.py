"""Whether the program's last run ended as it should: a mark that each run makes and takes away.

Owns the marks. Several windows run at the same time; a mark counts only when the process that made it is gone.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QLockFile

_FOLDER = "running"


@contextmanager
def run_marked(folder: Path | None) -> Iterator[bool]:
    """Mark this run while inside; yield whether an earlier one ended abnormally: killed, crashed, or the power failed.

    Args:
        folder: The program's own; where it cannot be written nothing is marked, and nothing told.
    """
    mark, ended_abnormally = None, False
    if folder is not None:
        try:
            place = folder / _FOLDER
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            ended_abnormally = _take_away_old(place)
            mark = _locked(place / f"{uuid.uuid4().hex}.mark")
        except OSError:
            mark = None
    try:
        yield ended_abnormally
    finally:
        if mark is not None:
            mark.unlock()


def _locked(path: Path) -> QLockFile | None:
    lock = QLockFile(str(path))
    lock.setStaleLockTime(0)  # never by its age: a window stays open for weeks
    return lock if lock.tryLock(0) else None


def _take_away_old(place: Path) -> bool:
    """Delete the marks of processes that are gone; return whether there was one."""
    found = False
    for path in sorted(place.glob("*.mark")):
        lock = _locked(path)  # Qt takes a mark over when its process is gone
        if lock is not None:
            found = True
            lock.unlock()
    return found
