"""Who has a queue file open, as far as can be told: for the text of a refusal, never for a decision.

Whether somebody has it open is for SQLite's own locks to say.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

from prismq_gui.queue.exceptions import QueueDatabaseError
from prismq_gui.queue.timestamps import sql_normalised
from prismq_gui.queue.upkeep import Watch, open_reading

MOST_NAMED = 5
_FRESH_S = 60
_WORKERS_WITHIN_S = 0.5
_FRESH = f"""
SELECT worker_id FROM workers
WHERE {sql_normalised("heartbeat_utc")} > strftime('%Y-%m-%d %H:%M:%f', 'now', '-{_FRESH_S} seconds')
ORDER BY worker_id LIMIT {MOST_NAMED}"""


def holders(path: Path) -> tuple[str, ...]:
    """Return in words which processes have the file open, and which workers beat in the last minute.

    Processes are told on Linux alone, and only those of this account (all of them for root).
    """
    return (*processes(path), *_workers(path))


def processes(path: Path) -> list[str]:
    """Return in words which processes have the file open, as far as can be told; reads nothing of the file."""
    if not sys.platform.startswith("linux"):
        return []
    wanted = {os.path.realpath(path) + end for end in ("", "-wal", "-shm")}
    found = []
    with suppress(OSError):
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and _has_open(process, wanted):
                own = ", this program itself" if int(process.name) == os.getpid() else ""
                found.append(f"process {process.name} ({_name(process)}{own})")
    return found[:MOST_NAMED]


def _has_open(process: Path, wanted: set[str]) -> bool:
    with suppress(OSError):  # another account's process, or one that ended meanwhile
        for handle in (process / "fd").iterdir():
            with suppress(OSError):
                if os.readlink(handle) in wanted:  # noqa: PTH115 (as text)
                    return True
    return False


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="backslashreplace").strip()
    except OSError:
        return "ended meanwhile"


def _workers(path: Path) -> list[str]:
    try:
        with closing(open_reading(path)) as connection:
            connection.execute("PRAGMA busy_timeout = 100").close()
            deadline = time.monotonic() + _WORKERS_WITHIN_S  # the file may hold a view of that name, without end
            with Watch(connection, lambda: time.monotonic() > deadline, lambda _elapsed_s: None):
                return [f"worker {name}" for (name,) in connection.execute(_FRESH).fetchall()]
    except (sqlite3.Error, QueueDatabaseError):
        return []
