"""The writing connection of an operation: how a live file is opened for change, and by which rules.

Owns every writing use of :mod:`sqlite3` by an operator. Must not create a file, convert its journal
mode, set its page size, or let code that came with the file (triggers) run. One operation opens it,
does its work in short transactions and closes it.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

from prismq_gui.insight.connection import Row, decode_text, sqlite_uri
from prismq_gui.insight.layout import has_wal_reset_bug
from prismq_gui.insight.messages import Cell, FileFacts
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.sqlite_errors import READ_ERRORS, translate
from prismq_gui.operations.cells import exact_text
from prismq_gui.operations.images import KEYS
from prismq_gui.operations.lenient_json import LenientJson
from prismq_gui.operations.refusals import (
    FOREIGN_TRIGGERS,
    access_refusal,
    busy_problem,
    read_only_refusal,
    triggers_refusal,
)
from prismq_gui.queue.write_lock import WriteLock

ShouldStop = Callable[[], bool]

BUSY_DEADLINE_S = 5.0
CHECKPOINT_TIMEOUT_MS = 250  # a TRUNCATE checkpoint that waits for a reader holds all writers meanwhile
WAL_LIMIT_BYTES = 8 * 1024 * 1024  # 2 x the 1,000 pages at which the queue's own writers checkpoint

# Between two tries for the lock. With 1 to 8 ms, 100,000 tasks against two writers that hold the lock
# nearly all the time took 10.6 s, with 0.2 to 2 ms 5.4 s.
_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.0005, 0.004
_LOOK_AT_STOP_S = 0.05
_REFUSED_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})
UPDATE_TASK = (sqlite3.SQLITE_UPDATE, "task_queue")
ADD_TASK = (sqlite3.SQLITE_INSERT, "task_queue")
DELETE_TASK = (sqlite3.SQLITE_DELETE, "task_queue")
ADD_LOG = (sqlite3.SQLITE_INSERT, "task_logs")
DELETE_LOG = (sqlite3.SQLITE_DELETE, "task_logs")
ADD_WORKER = (sqlite3.SQLITE_INSERT, "workers")
DELETE_WORKER = (sqlite3.SQLITE_DELETE, "workers")
ORPHAN_LOGS = (-1, "task_logs")
"""No change of its own: log lines without a task may come back, which foreign keys would refuse."""
CHANGE_TASKS: frozenset[tuple[int, str]] = frozenset({UPDATE_TASK, ADD_LOG})
"""What most operations may write."""

_FREE_ACTIONS = frozenset(
    {
        sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE, sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_SAVEPOINT,
    }
)  # fmt: skip
_PRAGMAS_WHILE_GUARDED = frozenset({"wal_checkpoint", "busy_timeout"})

# The queue's nine PRAGMAs but: journal_mode and page_size are the file's, not ours; busy_timeout is 0
# since BEGIN and COMMIT are tried again by our own jittered waits (fair among many writers, where
# SQLite's are not); mmap_size is 0 since under mmap a file cut short by another program kills this
# process. synchronous and wal_autocheckpoint depend on the file and on SQLite: see _settings().
_PRAGMAS = ("mmap_size=0", "cache_size=-20000", "cell_size_check=1")


class Stopped(Exception):  # noqa: N818 - not an error: the person's wish
    """The person stopped the operation while it waited for the lock."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which file a path leads to: device and inode (on Windows volume and file index)."""

    device: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Identity:
        """Look at the file.

        Raises:
            OSError: It is gone or cannot be reached.
        """
        found = path.stat()
        return cls(found.st_dev, found.st_ino)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint did: pages in the WAL and pages moved into the file; -1 where another one was running."""

    busy: bool
    wal_pages: int
    moved_pages: int

    @property
    def sentence(self) -> str:
        """What it did, in plain words."""
        if self.wal_pages < 0 and self.busy:
            return "another checkpoint is running"
        if self.busy and self.moved_pages < self.wal_pages:
            return f"partly done: {self.moved_pages:,} of {self.wal_pages:,} pages, a reader is active"
        if self.busy:
            return f"all {self.wal_pages:,} pages are moved, but the WAL is in use and was not cut"
        return "done"


def is_busy(error: BaseException) -> bool:
    """Return whether SQLite gave up since another connection holds a lock."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error).lower()


class QueueWriter:
    """One writing connection for one operation; opened, used and closed in one thread.

    ``guarded`` (the default) lets it make the changes in ``rights`` and nothing else (to update tasks and
    append log lines, unless told): an authorizer refuses every other write, every write that comes from a
    trigger, and ATTACH. Without it the connection is for VACUUM, which makes tables of its own aside.
    """

    def __init__(self, path: Path, *, guarded: bool = True, rights: frozenset[tuple[int, str]] = CHANGE_TASKS) -> None:
        self.path = path
        self._rights = rights
        self.autocheckpoint_pages = 0
        self._guarded = guarded
        self._connection: sqlite3.Connection | None = None
        self._checkpoint_above_bytes = WAL_LIMIT_BYTES
        self._line: WriteLock | None = None
        self._lenient = LenientJson()
        self._columns: dict[str, tuple[str, ...]] = {}

    def __enter__(self) -> QueueWriter:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Open the file for writing; what the reader refuses is refused with the same words.

        Raises:
            ProblemError: The file is refused, must not be written, or has a foreign trigger.
        """
        facts = self._look()
        try:
            connection = sqlite3.connect(sqlite_uri(self.path, "rw"), uri=True, timeout=1.0, isolation_level=None)
        except READ_ERRORS as error:
            raise ProblemError(translate(error, self.path, doing="open for writing")) from None
        self._connection = connection
        line = WriteLock(self.path)
        self._line = line if line.path.exists() else None
        try:
            connection.text_factory = decode_text
            keys = f"foreign_keys={'OFF' if ORPHAN_LOGS in self._rights else 'ON'}"
            for pragma in (keys, *_PRAGMAS, *self._settings(facts), "busy_timeout=0"):
                connection.execute(f"PRAGMA {pragma}").close()
            if self._guarded:
                refusal = triggers_refusal(self.rows(FOREIGN_TRIGGERS), self.path)
                if refusal is not None:
                    raise ProblemError(refusal)  # noqa: TRY301 - closed below in every case
                self._columns = {table: self._read_columns(table) for table in KEYS}
                connection.set_authorizer(partial(_authorize, self._rights))
        except ProblemError:
            self.close()
            raise
        except READ_ERRORS as error:
            self.close()
            raise ProblemError(translate(error, self.path, doing="open for writing")) from None

    def _read_columns(self, table: str) -> tuple[str, ...]:
        rows = self.rows(f"PRAGMA table_xinfo({table})")
        return tuple(str(row[1]) for row in rows if row[6] == 0)

    def _look(self) -> FileFacts:
        reader = QueueReader(self.path)
        try:
            facts = reader.open()
        finally:
            reader.close()
        if facts.write_refusal:
            raise ProblemError(read_only_refusal(self.path, facts.write_refusal))
        refusal = access_refusal(self.path)
        if refusal is not None:
            raise ProblemError(refusal)
        return facts

    def _settings(self, facts: FileFacts) -> tuple[str, ...]:
        """Return the PRAGMAs that depend on the file and on SQLite.

        SQLite's automatic checkpoints are PASSIVE: in versions with the WAL-reset bug one that
        races another connection's commit can corrupt an index. There ours are off, and
        :meth:`shorten_wal` makes TRUNCATE ones, which hold the write lock and so cannot race a
        commit. NORMAL is safe in WAL mode alone. VACUUM's copy goes to a temporary file: in
        memory it could be as large as the queue.
        """
        self.autocheckpoint_pages = 0 if has_wal_reset_bug(sqlite3.sqlite_version_info) else 1_000
        synchronous = "NORMAL" if facts.journal_mode.lower() == "wal" else "FULL"
        return (
            f"wal_autocheckpoint={self.autocheckpoint_pages}",
            f"synchronous={synchronous}",
            f"temp_store={'MEMORY' if self._guarded else 'FILE'}",
        )

    def close(self) -> None:
        """Close; what was not committed is rolled back. Idempotent."""
        connection, self._connection = self._connection, None
        line, self._line = self._line, None
        if connection is not None:
            connection.close()
        self._lenient.close()
        if line is not None:
            line.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection."""
        if self._connection is None:
            raise ProblemError(
                Problem(ProblemKind.FAILED, "The file is closed", str(self.path), "Nothing was changed.", "Try again.")
            )
        return self._connection

    def exact_rows(self, sql: str, params: Sequence[Cell] = ()) -> list[Row]:
        """Run a statement and return all its rows, text that is not UTF-8 as it is; sqlite3's errors pass through."""
        connection = self.connection
        try:
            # sqlite3's own decoding takes a fifth of what a function of Python does, and refuses what is not UTF-8.
            connection.text_factory = str
            try:
                return self.rows(sql, params)
            except sqlite3.OperationalError as error:
                if "decode" not in str(error).lower():
                    raise
            connection.text_factory = exact_text
            return self.rows(sql, params)
        finally:
            connection.text_factory = decode_text

    def stored_columns(self, table: str) -> tuple[str, ...]:
        """Return the columns of a table that are stored, as the file has them when it was opened."""
        return self._columns[table]

    def rows(self, sql: str, params: Sequence[Cell] = ()) -> list[Row]:
        """Run a statement and return all its rows; sqlite3's errors pass through."""
        cursor = self.connection.execute(sql, params)
        try:
            return cursor.fetchall()
        finally:
            cursor.close()

    def change(self, sql: str, params: Sequence[Cell] = ()) -> int:
        """Run a changing statement and return how many rows it changed; sqlite3's errors pass through."""
        cursor = self.connection.execute(sql, params)
        try:
            return cursor.rowcount
        finally:
            cursor.close()

    def change_or_undo(self, sql: str, params: Sequence[Cell] = ()) -> int:
        """Do as :meth:`change`, and leave nothing of it where it fails.

        A change of one row that fails at an expression in an index is not taken back by SQLite itself: entries of
        other indexes are gone by then, and a second try finds the file corrupt.
        """
        self.change("SAVEPOINT attempt")
        try:
            changed = self.change(sql, params)
        except sqlite3.Error:
            if self.connection.in_transaction:  # after some errors SQLite has rolled back all
                self.change("ROLLBACK TO attempt")
                self.change("RELEASE attempt")
            raise
        self.change("RELEASE attempt")
        return changed

    def change_many(self, sql: str, params: Iterable[Sequence[Cell]]) -> None:
        """Run a changing statement for each set of parameters; sqlite3's errors pass through."""
        self.connection.executemany(sql, params).close()

    def let_malformed_json_be(self) -> None:
        """From now on newly worded statements take malformed JSON for NULL instead of failing at it."""
        self._lenient.install(self.connection)

    @contextmanager
    def transaction(self, should_stop: ShouldStop) -> Iterator[None]:
        """Hold the write lock for the block; committed whole at its end, rolled back whole if it raises.

        Raises:
            Stopped: While waiting for the lock; nothing was begun.
            ProblemError: BUSY where the lock was not had within 5 s.
        """
        deadline = time.monotonic() + BUSY_DEADLINE_S
        with self._place_in_line(should_stop, deadline):
            self._when_free("BEGIN IMMEDIATE", should_stop, deadline)
            try:
                yield
                # In WAL mode a commit never waits; with a rollback journal it does, for readers.
                self._when_free("COMMIT", lambda: False, time.monotonic() + BUSY_DEADLINE_S)
            except BaseException:
                # SQLite has rolled back by itself after some errors (disk full).
                if self.connection.in_transaction:
                    with suppress(sqlite3.Error):
                        self.connection.execute("ROLLBACK").close()
                raise

    def run_alone(self, sql: str, should_stop: ShouldStop) -> None:
        """Run one statement that makes a write transaction of its own (VACUUM) as soon as the lock is free.

        Raises:
            Stopped: While waiting for the lock.
            ProblemError: BUSY where the lock was not had within 5 s.
            sqlite3.Error: The statement's own.
        """
        deadline = time.monotonic() + BUSY_DEADLINE_S
        with self._place_in_line(should_stop, deadline):
            self._when_free(sql, should_stop, deadline)

    @contextmanager
    def _place_in_line(self, should_stop: ShouldStop, deadline: float) -> Iterator[None]:
        """Hold the advisory lock of the queue's own writers for the block, where they keep one.

        The lock file is theirs to make: none appears beside the file of another program.
        """
        line = self._line
        if line is None:
            yield
            return
        while not line.acquire(_LOOK_AT_STOP_S):
            if should_stop():
                raise Stopped
            if time.monotonic() > deadline:
                raise ProblemError(busy_problem(self.path, BUSY_DEADLINE_S))
        try:
            yield
        finally:
            line.release()

    def _when_free(self, sql: str, should_stop: ShouldStop, deadline: float) -> None:
        """Run a statement, again after 0.5 to 4 ms while another connection holds the lock, until the deadline."""
        while True:
            try:
                self.connection.execute(sql).close()
            except sqlite3.OperationalError as error:
                if not is_busy(error):
                    raise
            else:
                return
            if should_stop():
                raise Stopped
            if time.monotonic() > deadline:
                raise ProblemError(busy_problem(self.path, BUSY_DEADLINE_S))
            time.sleep(random.uniform(_SHORTEST_WAIT_S, _LONGEST_WAIT_S))  # noqa: S311 - spreads waits, hides nothing

    def wal_bytes(self) -> int:
        """Return the size of the WAL file, 0 where there is none."""
        try:
            return Path(f"{os.path.realpath(self.path)}-wal").stat().st_size
        except OSError:
            return 0

    def checkpoint(self, timeout_ms: int = CHECKPOINT_TIMEOUT_MS) -> Checkpoint:
        """Move the WAL into the file and cut it to nothing, as far as readers let it.

        It waits at most ``timeout_ms`` in all, since writers wait with it.
        """
        self.rows(f"PRAGMA busy_timeout={timeout_ms}")
        try:
            with self._place_in_line(lambda: False, time.monotonic() + timeout_ms / 1000):
                busy, wal_pages, moved = self.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0]
        except ProblemError:  # the line did not move in time
            return Checkpoint(True, -1, -1)
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
            return Checkpoint(True, -1, -1)
        finally:
            self.rows("PRAGMA busy_timeout=0")
        return Checkpoint(bool(busy), _int(wal_pages), _int(moved))

    def shorten_wal(self) -> None:
        """Checkpoint where the WAL has outgrown its limit and SQLite does not do it by itself here.

        A reader may hold it up: then the next try waits until the WAL has doubled.
        """
        size = self.wal_bytes()
        if self.autocheckpoint_pages or size <= self._checkpoint_above_bytes:
            return
        busy = self.checkpoint(timeout_ms=20).busy
        self._checkpoint_above_bytes = size * 2 if busy else WAL_LIMIT_BYTES


def _int(cell: Cell) -> int:
    return cell if isinstance(cell, int) else -1


def _authorize(
    rights: frozenset[tuple[int, str]],
    action: int,
    first: str | None,
    second: str | None,
    database: str | None,
    source: str | None,
) -> int:
    """Allow reading, and the changes in ``rights``; nothing from a trigger or view, nothing elsewhere."""
    is_change = action in (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE)
    if is_change and source is not None:
        return sqlite3.SQLITE_DENY
    if action in _FREE_ACTIONS:
        return sqlite3.SQLITE_OK
    name = (first or "").lower()
    allowed = False
    if is_change:
        allowed = database == "main" and (action, name) in rights
    elif action == sqlite3.SQLITE_FUNCTION:
        allowed = (second or "").lower() not in _REFUSED_FUNCTIONS
    elif action == sqlite3.SQLITE_PRAGMA:
        allowed = name in _PRAGMAS_WHILE_GUARDED
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
