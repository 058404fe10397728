"""The state of a queue file as a file: sizes, pages, WAL, who has it open, and what is large in it.

Owns looks that stay cheap however large the file is: nothing is counted, and what reads pages has a deadline. Reads
only; what would need a checkpoint is not found out here.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection, make_own_table
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.versions import sqlite_note, sqlite_version
from prismq_gui.insight.wal_readers import LongReader, ReaderWatch
from prismq_gui.insight.windows_users import windows_users
from prismq_gui.queue.disk_room import free_bytes
from prismq_gui.queue.holders import processes
from prismq_gui.queue.timestamps import sql_normalised

AUTOCHECKPOINT_PAGES = 1_000  # of the queue's own writers, a setting of theirs that no file holds
DEADLINE_S = 0.5
HOLDERS_EVERY_S = 10.0  # the look through all processes takes some milliseconds
TABLES_EVERY_S = 60.0
TABLES_WITHIN_S = 0.05
LARGEST_LOOKED_INTO = 64 * 1024 * 1024  # bytes; each page is read
MOST_TABLES = 6
MAX_NAME = 120
MOST_WORKERS = 5
WORKERS_WITHIN_S = 0.05


@dataclass(frozen=True, slots=True)
class TableSize:
    """A table or index, and the bytes of its pages."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """The file as it stands; sizes in bytes, 0 where the sidecar does not exist.

    Attributes:
        real_path: Where a link leads, the path itself without one.
        written_at: Seconds since 1970 of the last write that the file system knows of.
        free_on_disk: None where it can't be told.
        holders: In words, which processes have the file open and which workers beat in the last minute; at most so
            many seconds old as they are looked for.
        readers: Who holds a snapshot for long; None where the system doesn't tell.
        tables: The largest ones; empty where that is not known cheaply.
        cost_s: What the look took.
    """

    path: Path
    real_path: Path
    size_bytes: int
    wal_bytes: int
    written_at: float
    journal_mode: str
    page_size: int
    pages: int
    free_pages: int
    encoding: str
    user_version: int
    sqlite_version: str
    sqlite_note: str
    free_on_disk: int | None
    holders: tuple[str, ...]
    readers: tuple[LongReader, ...] | None
    tables: tuple[TableSize, ...]
    cost_s: float = 0.0

    @property
    def is_wal(self) -> bool:
        """Whether the file is in WAL mode."""
        return self.journal_mode.lower() == "wal"

    @property
    def wal_limit_bytes(self) -> int:
        """Up to what size a WAL is as usual: twice what the queue's own writers let it grow to."""
        return 2 * AUTOCHECKPOINT_PAGES * max(self.page_size, 512)


class DatabaseLooker:
    """Looks at one file again and again, each look with a connection of its own. Used in one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._watch = ReaderWatch(path)
        self._holders: tuple[str, ...] = ()
        self._reading: frozenset[int] = frozenset()
        self._holders_at = self._tables_at = float("-inf")
        self._tables: tuple[TableSize, ...] = ()
        self._connection: ReadConnection | None = None

    def look(self, *, anew: bool = False) -> DatabaseFacts:
        """Return the facts; ``anew`` looks again at what is usually kept for some seconds.

        Raises:
            ProblemError: The file cannot be read.
        """
        started = time.perf_counter()
        if anew:
            self._holders_at = self._tables_at = float("-inf")
        with closing(ReadConnection(self.path, DEADLINE_S)) as connection:
            self._connection = connection
            try:
                return self._facts(connection, started)
            finally:
                self._connection = None

    def interrupt(self) -> None:
        """End the running statement; callable from any thread."""
        connection = self._connection
        if connection is not None:
            connection.interrupt()

    def _facts(self, connection: ReadConnection, started: float) -> DatabaseFacts:
        connection.open()
        values = {name: connection.value(f"PRAGMA {name}", doing="look at the file") for name in _PRAGMAS}
        size, wal, written_at = _sizes(self.path)
        self._look_at_tables(connection, size)
        readers = self._watch.look()
        pids = frozenset(each.pid for each in readers or ())
        if pids != self._reading:
            self._reading, self._holders_at = pids, float("-inf")  # somebody came or went: who is there now?
        real = Path(os.path.realpath(self.path))
        free = None
        with suppress(OSError):
            free = free_bytes(real.parent)
        return DatabaseFacts(
            path=self.path, real_path=real, size_bytes=size, wal_bytes=wal, written_at=written_at,
            journal_mode=str(values["journal_mode"]), page_size=_int(values["page_size"]),
            pages=_int(values["page_count"]), free_pages=_int(values["freelist_count"]),
            encoding=str(values["encoding"]), user_version=_int(values["user_version"]),
            sqlite_version=sqlite_version(), sqlite_note=sqlite_note(), free_on_disk=free,
            holders=self._who(connection), readers=readers, tables=self._tables, cost_s=time.perf_counter() - started,
        )  # fmt: skip

    def _who(self, connection: ReadConnection) -> tuple[str, ...]:
        if time.monotonic() - self._holders_at >= HOLDERS_EVERY_S:
            self._holders = in_use_by(connection)
            self._holders_at = time.monotonic()
        return self._holders

    def _look_at_tables(self, connection: ReadConnection, size: int) -> None:
        if size > LARGEST_LOOKED_INTO:
            self._tables = ()
        elif time.monotonic() - self._tables_at >= TABLES_EVERY_S:
            self._tables_at = time.monotonic()
            self._tables = largest_tables(connection)


_IS_TABLE = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND lower(name) = 'workers'"
_BEATS = f"""
SELECT substr(worker_id, 1, {MAX_NAME}) FROM workers
WHERE {sql_normalised("heartbeat_utc")} > strftime('%Y-%m-%d %H:%M:%f', 'now', '-60 seconds') LIMIT {MOST_WORKERS}"""


def in_use_by(connection: ReadConnection) -> tuple[str, ...]:
    """Return in words which processes have the file open and which workers beat in the last minute, as far as known.

    The file is untrusted: what would take long to read of it is left out.
    """
    workers: list[str] = []
    with suppress(ProblemError):
        if connection.value(_IS_TABLE, doing="look for workers"):
            rows = connection.rows(_BEATS, doing="look for workers", within_s=WORKERS_WITHIN_S)
            workers = [f"worker {name}" for (name,) in rows if isinstance(name, str)]
    return (*processes(connection.path), *windows_users(connection.path), *workers)


_PRAGMAS = ("journal_mode", "page_size", "page_count", "freelist_count", "encoding", "user_version")
_NAMED_SO = "SELECT count(*) FROM sqlite_master WHERE lower(name) = 'dbstat'"
_TABLE_SIZES = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT ?"


def largest_tables(connection: ReadConnection) -> tuple[TableSize, ...]:
    """Return the largest tables and indexes; nothing where SQLite can't tell, or not within a twentieth of a second."""
    try:
        if connection.value(_NAMED_SO, doing="look at the tables"):
            return ()  # the file has something of its own by that name
        connection.teach(_make_dbstat)
        rows = connection.rows(_TABLE_SIZES, (MOST_TABLES,), doing="look at the tables", within_s=TABLES_WITHIN_S)
    except ProblemError:
        return ()
    return tuple(TableSize(str(name)[:MAX_NAME], _int(size)) for name, size in rows)


def _make_dbstat(connection: sqlite3.Connection) -> None:
    make_own_table(connection, "SELECT 1 FROM dbstat LIMIT 0")


def _sizes(path: Path) -> tuple[int, int, float]:
    """Return the sizes of file and WAL, and when one of them was written last."""
    found = path.stat()
    size, written_at = found.st_size, found.st_mtime
    with suppress(OSError):
        wal = Path(f"{os.path.realpath(path)}-wal").stat()
        return size, wal.st_size, max(written_at, wal.st_mtime) if wal.st_size else written_at
    return size, 0, written_at


def _int(cell: Cell) -> int:
    return cell if isinstance(cell, int) else 0
