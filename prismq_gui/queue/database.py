"""One queue file, opened for writing: connections, transactions, errors.

Owns the life of a writing connection. Drop-in for PrismQ's own ``QueueDatabase``. Knows nothing
of tasks' meaning: claiming, retrying and so on stand in their own modules.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, cast

from prismq_gui.queue import forking
from prismq_gui.queue.exceptions import QueueBusyError, QueueDatabaseError, QueueSchemaError, as_both
from prismq_gui.queue.schema import PRAGMAS, SCHEMA_STATEMENTS, default_db_path, require_sqlite
from prismq_gui.queue.write_lock import WriteLock

TIMEOUT_S = 5.0
_Tools = TypeVar("_Tools")
_Result = TypeVar("_Result")
_FIRST_WORD = re.compile(r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*([A-Za-z]+)", re.DOTALL)
_WRITING_WORD = re.compile(r"\b(INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
_RETURNING = re.compile(r"\bRETURNING\b", re.IGNORECASE)
_READING = frozenset({"SELECT", "VALUES", "EXPLAIN", "PRAGMA"})
_TRANSACTION = frozenset({"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"})
_BUSY_TEXTS = ("database is locked", "database table is locked", "database schema is locked")
_LACKING_TEXTS = ("no such table", "no such column", "has no column named")
_LARGEST_ID = 2**63 - 1
# Two statements in one string: sqlite3.Warning before Python 3.12, which is no sqlite3.Error.
_SQLITE_ERRORS = (sqlite3.Error, sqlite3.Warning)


class FetchedCursor:
    """The rows of a write with RETURNING, fetched already, so that the write is committed.

    Has the reading half of ``sqlite3.Cursor``.
    """

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self.description = cursor.description
        self._rows: Iterator[Any] = iter(cursor.fetchall())
        self.rowcount: int = cursor.rowcount
        self.lastrowid: int | None = cursor.lastrowid

    def fetchone(self) -> Any:  # noqa: ANN401 (as sqlite3.Cursor)
        """Return the next row, or None."""
        return next(self._rows, None)

    def fetchmany(self, size: int = 1) -> list[Any]:
        """Return up to ``size`` further rows."""
        return list(itertools.islice(self._rows, size))

    def fetchall(self) -> list[Any]:
        """Return all further rows."""
        return list(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def close(self) -> None:
        """Do nothing: there is no statement left to close."""


def is_busy(error: BaseException) -> bool:
    """Return whether SQLite says that another connection holds the file (a column may be named locked_by)."""
    return isinstance(error, sqlite3.OperationalError) and str(error).startswith(_BUSY_TEXTS)


def explain(error: Exception, path: Path) -> QueueDatabaseError:
    """Return the queue's error for one of SQLite's, naming the file and what was not changed."""
    text = str(error).rstrip(".")
    if is_busy(error):
        return QueueBusyError(f"The queue {path} is busy: another program held it for over 5 s. Nothing was changed.")
    if any(known in text for known in _LACKING_TEXTS):
        return QueueSchemaError(f"The queue {path} lacks a table or column: {text}. Nothing was changed.")
    if text.startswith("Could not decode to UTF-8"):
        text = text.partition(" with text")[0]  # what follows is a cell's content
    return QueueDatabaseError(f"The queue {path} refused a statement: {text}. Nothing was changed.")


class QueueDatabase:
    """A queue file and its one connection; safe to use from many threads (re-entrant lock).

    Args:
        db_path: The file; None means the environment variable ``PRISMQ_QUEUE_DB_PATH``, else the
            platform's default. Its folder is made when the connection is.
        synchronous: ``"FULL"`` has each commit on the disk before it returns, so that a power cut loses none;
            ``"NORMAL"`` may lose the last ones, never the file. None is as :data:`PRAGMAS` says: NORMAL.

    Raises:
        QueueSchemaError: SQLite is older than 3.35.
        ValueError: ``synchronous`` is something else.
    """

    def __init__(self, db_path: str | Path | None = None, *, synchronous: str | None = None) -> None:
        require_sqlite()
        if synchronous not in (None, "NORMAL", "FULL"):
            raise ValueError(f"synchronous must be 'NORMAL' or 'FULL', not {synchronous!r:.100}. Nothing was opened.")
        self.synchronous = synchronous
        self.db_path = Path(db_path) if db_path is not None else default_db_path()
        self.lock = threading.RLock()
        """Held during each use; hold it to make two uses one."""
        self._connection: sqlite3.Connection | None = None
        self._door = WriteLock(self.db_path)
        self._depth = 0
        self._tools: dict[object, tuple[sqlite3.Connection, object]] = {}
        self._identity: tuple[int, int] | None = None
        forking.watch(self)

    def get_connection(self) -> sqlite3.Connection:
        """Return the connection, made on first use and anew after ``close()``; rows are ``sqlite3.Row``.

        Raises:
            QueueDatabaseError: The folder can't be made, or the file isn't a database.
            QueueBusyError: Another program held the file for over 5 s.
        """
        with self.lock:
            if self._connection is None:
                self._connection = self._open()
            return self._connection

    @property
    def open_connection(self) -> sqlite3.Connection | None:
        """The connection, None while there is none."""
        return self._connection

    def initialize_schema(self) -> None:
        """Make the tables and indexes that are missing; changes nothing that is there.

        Raises:
            QueueSchemaError: A table that exists lacks a column the indexes need.
        """
        with self.transaction():
            for statement in SCHEMA_STATEMENTS:
                self.execute(statement)

    def execute(self, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Cursor:
        """Run one statement; a write is committed when this returns, unless a ``transaction()`` is open here.

        Raises:
            QueueDatabaseError: SQLite refused it, or it would open or end a transaction by itself.
            QueueBusyError: Another program held the file for over 5 s.
        """
        kind = _kind_of(sql)
        if kind.word in _TRANSACTION:
            raise QueueDatabaseError(f"{kind.word} is not run by execute(): use transaction(). Nothing was changed.")
        with self.lock:
            connection = self.get_connection()
            if kind.reads or self._depth:
                with self._explained():
                    return _run(connection, sql, params, kind)
            with self._place_in_line(), self._explained():
                return _run(connection, sql, params, kind)

    def write(self, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[Any]:
        """Run one writing statement, committed when this returns, and return its rows.

        As ``execute``, without its questions (2 µs of a claim's 40): ``sql`` is a constant that writes.
        """
        with self.lock:
            connection = self._connection or self.get_connection()
            if self._depth:
                try:  # as _explained(), without a context manager's 1 µs
                    return connection.execute(sql, params).fetchall()
                except _SQLITE_ERRORS as error:
                    raise self.explain(error) from error
            try:  # around acquire() too: an interrupt on its way back must not keep the lock
                if not self._door.acquire(TIMEOUT_S):
                    raise self._kept_out()
                return connection.execute(sql, params).fetchall()
            except _SQLITE_ERRORS as error:
                raise self.explain(error) from error
            finally:
                self._door.release()

    def change(self, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> int:
        """Run one writing statement without RETURNING as ``write`` does, and return how many rows it changed."""
        return self._change(sql, params).rowcount

    def insert(self, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> int:
        """Run an INSERT of one row as ``change`` does, and return its id (RETURNING costs 2.5 µs more)."""
        return cast(int, self._change(sql, params).lastrowid)

    def _change(self, sql: str, params: Sequence[Any] | dict[str, Any]) -> sqlite3.Cursor:
        with self.lock:
            connection = self._connection or self.get_connection()
            if self._depth:
                try:
                    return connection.execute(sql, params)
                except _SQLITE_ERRORS as error:
                    raise self.explain(error) from error
            try:
                if not self._door.acquire(TIMEOUT_S):
                    raise self._kept_out()
                return connection.execute(sql, params)
            except _SQLITE_ERRORS as error:
                raise self.explain(error) from error
            finally:
                self._door.release()

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any] | dict[str, Any]]) -> sqlite3.Cursor:
        """Run one writing statement for each row, all in one transaction."""
        with self.lock:
            if self._depth:
                with self._explained():
                    return self.get_connection().executemany(sql, rows)
            with self.transaction() as connection, self._explained():
                return connection.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock for the block: commit at its end, roll back and re-raise what it raised.

        An error of a statement run on the connection itself is SQLite's and a QueueDatabaseError at once.

        Raises:
            QueueDatabaseError: One is open already in this thread; the outer one goes on.
            QueueBusyError: Another program held the file for over 5 s.
        """
        with self.lock:
            if self._depth:
                raise QueueDatabaseError(
                    f"A transaction on {self.db_path} is open already; they don't nest. The outer one goes on."
                )
            connection = self.get_connection()
            with self._place_in_line():
                # BEGIN stands inside: an interrupt right after it must find the way to ROLLBACK too.
                try:
                    with self._explained():
                        connection.execute("BEGIN IMMEDIATE")
                    self._depth = 1
                    yield connection
                    with self._explained():
                        connection.execute("COMMIT")
                except _SQLITE_ERRORS as error:
                    raise as_both(error, self.explain(error)) from error
                finally:
                    self._depth = 0
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")

    def together(self, work: Callable[[], _Result]) -> _Result:
        """Do ``work`` in one transaction and return what it returns; joins the one that is open in this thread.

        What it raises rolls back what it wrote (where it joined: what the outer transaction wrote, if it passes
        on there). As ``transaction``, a little cheaper. ``work`` may use the connection itself: SQLite's errors are
        explained.

        Raises:
            QueueBusyError: Another program held the file for over 5 s.
        """
        with self.lock:
            connection = self._connection or self.get_connection()
            if self._depth:
                try:
                    return work()
                except _SQLITE_ERRORS as error:
                    raise self.explain(error) from error
            try:
                if not self._door.acquire(TIMEOUT_S):
                    raise self._kept_out()
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    self._depth = 1
                    result = work()
                    connection.execute("COMMIT")
                finally:
                    self._depth = 0
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
            except _SQLITE_ERRORS as error:
                raise self.explain(error) from error
            finally:
                self._door.release()
            return result

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection to the block, with the lock held; nothing is committed or closed.

        An error of a statement run on it is SQLite's and a QueueDatabaseError at once.
        """
        with self.lock:
            try:
                yield self.get_connection()
            except _SQLITE_ERRORS as error:
                raise as_both(error, self.explain(error)) from error

    def tools(self, make: Callable[[sqlite3.Connection], _Tools]) -> _Tools:
        """Return what ``make`` made for this connection, made once; all users of the connection share it."""
        with self.lock:
            connection = self.get_connection()
            known = self._tools.get(make)
            if known is None or known[0] is not connection:
                self._tools[make] = known = (connection, make(connection))
            return cast(_Tools, known[1])

    def close(self) -> None:
        """Close the connection; the next use makes a new one. Does nothing when closed already.

        Raises:
            QueueDatabaseError: A transaction is open in this thread; it goes on.
        """
        with self.lock:
            if self._depth:
                raise QueueDatabaseError(f"A transaction on {self.db_path} is open: end it before close(). It goes on.")
            if self._connection is not None:
                self._connection.close()
                self._connection = None
                self._tools.clear()
            self._door.close()

    def forget_connection(self) -> object:
        """Forget the connection without closing it and return it: this process was forked, and it is the parent's."""
        forgotten = (self._connection, self._door)
        self.lock = threading.RLock()  # another thread of the parent may hold the one there was
        self._connection, self._depth = None, 0
        self._tools.clear()
        self._door = WriteLock(self.db_path)
        return forgotten

    def is_same_file(self) -> bool:
        """Whether the path still leads to the file that was opened; True while none is open."""
        return self._identity is None or self._identity == _identity_of(self.db_path)

    def explain(self, error: Exception) -> QueueDatabaseError:
        """Return the queue's error for one of SQLite's; tells used-up ids from a full disk."""
        if "is full" in str(error) and self._ids_used_up():
            return QueueDatabaseError(
                f"The queue {self.db_path} can take no further task or log line: its id space is exhausted "
                f"(the id {_LARGEST_ID} is in use). The disk is not full. Nothing was changed."
            )
        return explain(error, self.db_path)

    def _ids_used_up(self) -> bool:
        with contextlib.suppress(*_SQLITE_ERRORS):
            sql = "SELECT 1 FROM sqlite_sequence WHERE seq = ? AND name IN ('task_queue', 'task_logs')"
            return self.get_connection().execute(sql, (_LARGEST_ID,)).fetchone() is not None
        return False

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite's errors into the queue's."""
        started = time.monotonic()
        try:
            yield
        except _SQLITE_ERRORS as error:
            if is_busy(error) and time.monotonic() - started < TIMEOUT_S / 2:
                # SQLite waits for a lock, but gives up at once where waiting can't help (BUSY_SNAPSHOT).
                raise QueueBusyError(
                    f"The queue {self.db_path} was changed by another program while rows of an earlier statement "
                    "were still unread here. Nothing was changed. Fetch all rows before writing."
                ) from error
            raise self.explain(error) from error

    def _kept_out(self) -> QueueBusyError:
        return QueueBusyError(
            f"The queue {self.db_path} is busy: another writer held it for over 5 s. Nothing was changed."
        )

    def __enter__(self) -> QueueDatabase:
        self.get_connection()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _place_in_line(self) -> Iterator[None]:
        """Hold the advisory lock of the writers for the block."""
        try:  # around acquire() too: an interrupt on its way back must not keep the lock
            if not self._door.acquire(TIMEOUT_S):
                raise self._kept_out()
            yield
        finally:
            self._door.release()

    def _open(self) -> sqlite3.Connection:
        try:
            self.db_path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self.db_path, timeout=TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=256
            )
        except (OSError, sqlite3.Error, ValueError) as error:
            raise QueueDatabaseError(
                f"The queue {self.db_path} can't be opened: {error}. Nothing was changed."
            ) from error
        try:
            connection.row_factory = sqlite3.Row
            self._configure(connection)
            self._identity = _identity_of(self.db_path)
        except BaseException as error:
            connection.close()
            self._door.close()
            if isinstance(error, sqlite3.Error):
                raise explain(error, self.db_path) from error
            raise
        return connection

    def _configure(self, connection: sqlite3.Connection) -> None:
        """Make the nine settings; the change to WAL waits its turn, for SQLite does not wait there."""
        with self._place_in_line():
            is_new = connection.execute("PRAGMA page_count").fetchone()[0] == 0
            settings = PRAGMAS if self.synchronous is None else PRAGMAS | {"synchronous": self.synchronous}
            for name, value in settings.items():
                if name == "journal_mode":
                    _turn_on_wal(connection)
                elif name != "page_size" or is_new:
                    connection.execute(f"PRAGMA {name} = {value}").fetchall()


def _turn_on_wal(connection: sqlite3.Connection) -> None:
    """Turn WAL on; SQLite does not wait for other connections there, so this does, up to the timeout."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode = {PRAGMAS['journal_mode']}").fetchall()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= deadline:
                raise
            time.sleep(random.uniform(0.001, 0.008))  # noqa: S311 (fairness, not secrecy)
        else:
            return


def _identity_of(path: Path) -> tuple[int, int] | None:
    """Return which file a path leads to (device and inode), None where it leads to none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a statement does: its first word, whether it only reads, whether it may return rows of a write."""

    word: str
    reads: bool
    returns: bool


@lru_cache(maxsize=256)
def _kind_of(sql: str) -> _Kind:
    """Look at a statement once: searching the claim's 3 KB each time cost more (98 µs) than running it (41 µs)."""
    match = _FIRST_WORD.match(sql)
    word = match.group(1).upper() if match else ""
    reads = word in _READING or (word == "WITH" and not _WRITING_WORD.search(sql))
    return _Kind(word, reads, _RETURNING.search(sql) is not None)


def _run(
    connection: sqlite3.Connection, sql: str, params: Sequence[Any] | dict[str, Any], kind: _Kind
) -> sqlite3.Cursor:
    cursor = connection.execute(sql, params)
    if kind.returns and not kind.reads and cursor.description is not None:
        # In autocommit such a write isn't committed, and holds the write lock, until its rows are fetched.
        return cast(sqlite3.Cursor, FetchedCursor(cursor))
    return cursor
