"""Who reads a queue file for long and so holds its checkpoint back, as the system tells it of locks.

Owns the look at the system's table of locks, which opens nothing of the file: a handle of our own on it would,
when closed, drop the locks of this program's connections. Only Linux has such a table. Must not checkpoint.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LONG_S = 3.0  # a page of rows takes milliseconds
FEWEST_LOOKS = 3
SAMPLES, BETWEEN_SAMPLES_S = 6, 0.003  # somebody who reads often and shortly is not met in every one of them
_READ_MARKS = (123, 127)  # the bytes of the -shm that readers of a snapshot lock, by SQLite's file format
_LOCK = re.compile(
    r"^\d+: POSIX\s+\S+\s+(?:READ|WRITE)\s+(\d+) [0-9a-f]+:[0-9a-f]+:(\d+) (\d+) (\d+|EOF)$", re.MULTILINE
)
_TABLE = Path("/proc/locks")


@dataclass(frozen=True, slots=True)
class LongReader:
    """A process that has held a snapshot of the file for at least so long."""

    pid: int
    name: str
    for_s: float
    is_ours: bool


def reading_now(path: Path) -> frozenset[int] | None:
    """Return the processes that hold a snapshot at this moment; None where the system doesn't tell."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        inode = os.stat(f"{os.path.realpath(path)}-shm").st_ino  # noqa: PTH116 - stat alone opens nothing
    except OSError:
        return frozenset()  # nobody has the file open in WAL mode
    try:
        table = _TABLE.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = set()
    for pid, number, first, last in _LOCK.findall(table):
        end = _READ_MARKS[1] if last == "EOF" else int(last)
        if int(number) == inode and int(first) <= _READ_MARKS[1] and end >= _READ_MARKS[0]:
            found.add(int(pid))
    return frozenset(found - {0})  # 0: of another container


def reading_throughout(path: Path) -> frozenset[int] | None:
    """Return the processes that hold a snapshot in each of some looks within about 20 ms."""
    always = reading_now(path)
    for _ in range(SAMPLES - 1):
        if not always:
            return always
        threading.Event().wait(BETWEEN_SAMPLES_S)
        always &= reading_now(path) or frozenset()
    return always


def process_name(pid: int) -> str:
    """Return what a process is called, '' where that can't be told."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="backslashreplace").strip()
    return ""


class ReaderWatch:
    """Keeps since when each process was met reading. Used in one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._since: dict[int, tuple[float, int]] = {}

    def look(self) -> tuple[LongReader, ...] | None:
        """Return who has read for long, the longest first; None where the system doesn't tell."""
        met, now = reading_throughout(self._path), time.monotonic()
        if met is None:
            return None
        self._since = {pid: (self._since.get(pid, (now, 0))[0], self._since.get(pid, (now, 0))[1] + 1) for pid in met}
        found = [
            LongReader(pid, process_name(pid), now - since, pid == os.getpid())
            for pid, (since, looks) in self._since.items()
            if looks >= FEWEST_LOOKS and now - since >= LONG_S
        ]
        return tuple(sorted(found, key=lambda reader: -reader.for_s))
