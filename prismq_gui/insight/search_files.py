"""The side file of the full-text index: where it lies, whose it is, how it is opened and deleted.

Owns the file's name, its schema and version, the sign by which a queue file is known again, and the signature by which
it is known to be unchanged. The index lies in a folder of this account alone, never in the queue file.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VERSION: Final = 1  # of the side file's schema; a file of another version is deleted and built anew
FOLDER: Final = "search"
_SIDECARS: Final = ("", "-wal", "-shm", "-journal")
_DELETE_TRIES, _DELETE_WAIT_S = 10, 0.05  # Windows refuses while another window reads from it
_WAL_HEADER, _FRAME_HEADER = 32, 24
_QUIET_S = 2.5  # FAT writes times in steps of 2 s; two writes within a step look like one

SCHEMA: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    # A digest a block of rows as they were indexed, by which changed ones are found.
    "CREATE TABLE blocks (kind TEXT, block INTEGER, digest INTEGER, PRIMARY KEY (kind, block)) WITHOUT ROWID",
    # Blocks that the index cannot speak for: a cell too large, or no UTF-8.
    "CREATE TABLE always (kind TEXT, block INTEGER, PRIMARY KEY (kind, block)) WITHOUT ROWID",
    # Blocks that changed since they were indexed.
    "CREATE TABLE dirty (kind TEXT, block INTEGER, PRIMARY KEY (kind, block)) WITHOUT ROWID",
    # The first created rows of batches, by which a file is known again.
    "CREATE TABLE samples (kind TEXT, id INTEGER, digest INTEGER, PRIMARY KEY (kind, id)) WITHOUT ROWID",
    *(
        f"CREATE VIRTUAL TABLE words_{kind} USING fts5(text, tokenize = 'trigram', detail = none, content = '', "
        "columnsize = 0)"
        for kind in ("tasks", "logs")
    ),
)


def index_path(queue: Path, folder: Path) -> Path:
    """Return the side file of a queue file within the program's folder."""
    real = os.path.normcase(os.path.realpath(queue))
    name = hashlib.sha256(real.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return folder / FOLDER / f"{name}.db"


def drop_mark(side: Path) -> Path:
    """Return the file whose presence asks whoever has the index open to close and delete it."""
    return side.with_name(f"{side.name}.drop")


def has_trigrams() -> bool:
    """Return whether this SQLite can hold the index at all."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE t USING fts5(x, tokenize = 'trigram', detail = none)").close()
    except sqlite3.Error:
        return False
    finally:
        connection.close()
    return True


def connect(side: Path, *, create: bool = False) -> sqlite3.Connection | None:
    """Open the side file; None where there is none that this program can use.

    Raises:
        sqlite3.Error: It is corrupt or locked.
        OSError: It cannot be made.
    """
    if create:
        side.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(OSError):  # a folder that was there already, of a careless umask
            side.parent.chmod(0o700)
        # SQLite gives its -wal and -shm the rights of the file: nobody else may read what tasks carry.
        os.close(os.open(side, os.O_RDWR | os.O_CREAT, 0o600))
    elif not side.is_file():
        return None
    # Who looks waits for nobody: the file can be scanned.
    connection = sqlite3.connect(side, timeout=2.0 if create else 0.1, isolation_level=None)
    try:
        if create:
            _prepare(connection)
        elif connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            connection.close()
            return None
        connection.execute("PRAGMA cache_size = -16000").close()
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and version != VERSION:
        raise sqlite3.DatabaseError("the index is of another version")
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "wal_autocheckpoint = 2000"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    if not tables:
        connection.execute("BEGIN IMMEDIATE").close()
        for statement in SCHEMA:
            connection.execute(statement).close()
        for kind in ("tasks", "logs"):
            # Larger batches in memory before they are written: fewer parts to be merged.
            sql = f"INSERT INTO words_{kind} (words_{kind}, rank) VALUES ('hashsize', 8388608)"
            connection.execute(sql).close()
        connection.execute(f"PRAGMA user_version = {VERSION}").close()
        connection.execute("COMMIT").close()


def size_bytes(side: Path) -> int:
    """Return how much room the index takes on the disk."""
    total = 0
    for end in _SIDECARS:
        with suppress(OSError):
            total += side.with_name(side.name + end).stat().st_size
    return total


def delete(side: Path) -> bool:
    """Delete the index with its sidecars; False where another window holds it, which then deletes it."""
    for attempt in range(_DELETE_TRIES):
        left = []
        for end in _SIDECARS:
            part = side.with_name(side.name + end)
            try:
                part.unlink(missing_ok=True)
            except OSError:
                left.append(part)
        if not left:
            return True
        if attempt < _DELETE_TRIES - 1:
            time.sleep(_DELETE_WAIT_S)
    return False


@dataclass(frozen=True, slots=True)
class Identity:
    """Which file a path leads to."""

    device: int
    inode: int
    created_ns: int

    def text(self) -> str:
        """Return it as it is kept."""
        return f"{self.device}:{self.inode}:{self.created_ns}"


def identify(queue: Path) -> Identity:
    """Return which file a path leads to.

    Raises:
        OSError: There is none.
    """
    found = queue.stat()
    created = getattr(found, "st_birthtime_ns", 0)
    if not created and sys.platform == "win32":
        created = found.st_ctime_ns
    return Identity(found.st_dev, found.st_ino, int(created))


def signature(queue: Path) -> str:
    """Return a text that stays the same only while nobody commits to the file; '' where that cannot be told.

    A commit adds frames to the write-ahead log, or begins it anew with other salts: its header, the number of valid
    frames and the last one's checksum say how far it is, whatever the clock does. Without a log the time of the last
    change must do, once it is some seconds old. The queue file itself is never opened here: to close it would drop
    SQLite's locks on it.
    """
    real = os.path.realpath(queue)
    try:
        main = os.stat(real)  # noqa: PTH116 - a string, as the sidecars are named
        if os.path.exists(f"{real}-journal"):  # noqa: PTH110 - a writer without a log is at work
            return ""
        log = _log_state(f"{real}-wal")
    except OSError:
        return ""
    if not stat.S_ISREG(main.st_mode) or (not log and abs(time.time() - main.st_mtime) < _QUIET_S):
        return ""
    return f"{main.st_dev}:{main.st_ino}:{main.st_size}:{main.st_mtime_ns}:{log}"


def _log_state(path: str) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return ""
    try:
        size = os.fstat(handle).st_size
        header = os.read(handle, _WAL_HEADER)
        if len(header) < _WAL_HEADER:
            return ""
        page = int.from_bytes(header[8:12], "big")
        salts, step = header[16:24], _FRAME_HEADER + page
        low, high, last = 0, max(0, (size - _WAL_HEADER) // step), b""
        while low < high:  # the valid frames come first
            middle = (low + high + 1) // 2
            os.lseek(handle, _WAL_HEADER + (middle - 1) * step, os.SEEK_SET)
            frame = os.read(handle, _FRAME_HEADER)
            if frame[8:16] == salts:
                low, last = middle, frame
            else:
                high = middle - 1
        return f"{header.hex()}:{low}:{last.hex()}"
    finally:
        os.close(handle)
