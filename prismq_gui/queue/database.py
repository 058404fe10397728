"""One queue file, opened for writing: connections, transactions, errors.

Owns the life of a writing connection. Drop-in for PrismQ's own ``QueueDatabase``. Knows nothing
of tasks' meaning: claiming, retrying and so on stand in their own modules.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from prismq_gui.queue.exceptions import QueueBusyError, QueueDatabaseError, QueueSchemaError
from prismq_gui.queue.schema import PRAGMAS, SCHEMA_STATEMENTS, default_db_path, require_sqlite
from prismq_gui.queue.write_lock import WriteLock

TIMEOUT_S = 5.0
_FIRST_WORD = re.compile(r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*([A-Za-z]+)", re.DOTALL)
_WRITING_WORD = re.compile(r"\b(INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
_RETURNING = re.compile(r"\bRETURNING\b", re.IGNORECASE)
_READING = frozenset({"SELECT", "VALUES", "EXPLAIN", "PRAGMA"})
_TRANSACTION = frozenset({"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"})


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


def explain(error: sqlite3.Error, path: Path) -> QueueDatabaseError:
    """Return the queue's error for one of SQLite's, naming the file and what was not changed."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return QueueBusyError(f"The queue {path} is busy: another program held it for over 5 s. Nothing was changed.")
    if "no such table" in text or "no such column" in text or "has no column" in text:
        return QueueSchemaError(f"The queue {path} lacks a table or column: {text}. Nothing was changed.")
    return QueueDatabaseError(f"The queue {path} refused a statement: {text}. Nothing was changed.")


class QueueDatabase:
    """A queue file and its one connection; safe to use from many threads (re-entrant lock).

    Args:
        db_path: The file; None means the environment variable ``PRISMQ_QUEUE_DB_PATH``, else the
            platform's default. Its folder is made when the connection is.

    Raises:
        QueueSchemaError: SQLite is older than 3.35.
    """

    def __init__(self, db_path: str | Path | None = None) -> None:
        require_sqlite()
        self.db_path = Path(db_path) if db_path is not None else default_db_path()
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._door = WriteLock(self.db_path)
        self._depth = 0

    def get_connection(self) -> sqlite3.Connection:
        """Return the connection, made on first use and anew after ``close()``; rows are ``sqlite3.Row``.

        Raises:
            QueueDatabaseError: The folder can't be made, or the file isn't a database.
            QueueBusyError: Another program held the file for over 5 s.
        """
        with self._lock:
            if self._connection is None:
                self._connection = self._open()
            return self._connection

    def initialize_schema(self) -> None:
        """Make the tables and indexes that are missing; changes nothing that is there.

        Raises:
            QueueSchemaError: A table that exists lacks a column the indexes need.
        """
        with self.transaction() as connection:
            for statement in SCHEMA_STATEMENTS:
                try:
                    connection.execute(statement)
                except sqlite3.OperationalError as error:
                    raise explain(error, self.db_path) from error

    def execute(self, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Cursor:
        """Run one statement; a write is committed when this returns, unless a ``transaction()`` is open here.

        Raises:
            QueueDatabaseError: SQLite refused it, or it would open or end a transaction by itself.
            QueueBusyError: Another program held the file for over 5 s.
        """
        word = _first_word(sql)
        if word in _TRANSACTION:
            raise QueueDatabaseError(f"{word} is not run by execute(): use transaction(). Nothing was changed.")
        reading = word in _READING or (word == "WITH" and not _WRITING_WORD.search(sql))
        with self._lock:
            connection = self.get_connection()
            try:
                if reading or self._depth:
                    return _run(connection, sql, params)
                with self._place_in_line():
                    return _run(connection, sql, params)
            except sqlite3.Error as error:
                raise explain(error, self.db_path) from error

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any] | dict[str, Any]]) -> sqlite3.Cursor:
        """Run one writing statement for each row, all in one transaction."""
        with self._lock:
            try:
                if self._depth:
                    return self.get_connection().executemany(sql, rows)
                with self.transaction() as connection:
                    return connection.executemany(sql, rows)
            except sqlite3.Error as error:
                raise explain(error, self.db_path) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock for the block: commit at its end, roll back and re-raise what it raised.

        Raises:
            QueueDatabaseError: One is open already in this thread; the outer one goes on.
            QueueBusyError: Another program held the file for over 5 s.
        """
        with self._lock:
            if self._depth:
                raise QueueDatabaseError(
                    f"A transaction on {self.db_path} is open already; they don't nest. The outer one goes on."
                )
            connection = self.get_connection()
            with self._place_in_line():
                try:
                    connection.execute("BEGIN IMMEDIATE")
                except sqlite3.Error as error:
                    raise explain(error, self.db_path) from error
                self._depth = 1
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
                finally:
                    self._depth = 0

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection to the block, with the lock held; nothing is committed or closed."""
        with self._lock:
            yield self.get_connection()

    def close(self) -> None:
        """Close the connection; the next use makes a new one. Does nothing when closed already."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._door.close()

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
        if not self._door.acquire(TIMEOUT_S):
            raise QueueBusyError(
                f"The queue {self.db_path} is busy: another writer held it for over 5 s. Nothing was changed."
            )
        try:
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
            for name, value in PRAGMAS.items():
                if name != "page_size" or is_new:
                    connection.execute(f"PRAGMA {name} = {value}").fetchall()


def _first_word(sql: str) -> str:
    match = _FIRST_WORD.match(sql)
    return match.group(1).upper() if match else ""


def _run(connection: sqlite3.Connection, sql: str, params: Sequence[Any] | dict[str, Any]) -> sqlite3.Cursor:
    cursor = connection.execute(sql, params)
    if cursor.description is not None and _RETURNING.search(sql):
        # In autocommit such a write isn't committed, and holds the write lock, until its rows are fetched.
        return cast(sqlite3.Cursor, FetchedCursor(cursor))
    return cursor
