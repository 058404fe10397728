"""The hardened read-only connection: how a queue file is opened, and how one short statement is run on it.

Owns every use of :mod:`sqlite3` that touches a live file for reading. Must not write, must not
create a file, and must not open the file by any other means: closing a plain file handle of it
would drop the POSIX locks of this process's connections.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote_from_bytes

from prismq_gui.insight.breath import Breath
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.signature_sql import teach_signature
from prismq_gui.insight.sqlite_errors import READ_ERRORS, translate

Row = tuple[Cell, ...]
Params: TypeAlias = "Sequence[Cell] | Mapping[str, Cell]"
Taught = TypeVar("Taught")

BUSY_FOR_S = 1.0
BUSY_TIMEOUT_S = 1.0  # the first and last writer hold the file for milliseconds; longer waits freeze a poll
PROGRESS_STEPS = 4_000  # VM steps between two looks at the clock: about 0.1 ms
MAX_CELL_BYTES = 64 * 1024 * 1024

_READING_PRAGMAS = frozenset(
    ("data_version", "schema_version", "user_version", "journal_mode", "table_xinfo", "index_list", "index_xinfo")
) | {"page_count", "page_size", "freelist_count", "encoding"}  # what a vacuum would free, and how text is stored
_REFUSED_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})
_ALLOWED_ACTIONS = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE, sqlite3.SQLITE_TRANSACTION}
)
_NOTHING_WRITTEN = "Nothing was written."


def check_path(path: Path | str) -> os.stat_result:
    """Refuse what is no regular file, before SQLite is called.

    Raises:
        ProblemError: NOT_FOUND, NOT_A_FILE, EMPTY or NO_ACCESS.
    """
    name = os.fspath(path)
    if name in ("", ".", ":memory:") or "\0" in name:
        raise ProblemError(_refused_path(name.replace("\0", "␀")))
    try:
        found = os.stat(name)  # noqa: PTH116 - a string: Path() would drop a trailing slash
    except (FileNotFoundError, NotADirectoryError):
        raise ProblemError(
            Problem(
                ProblemKind.NOT_FOUND,
                "File not found",
                name,
                "No file was created.",
                "Check the path, or choose another file.",
            )
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the name is not valid"
        raise ProblemError(
            Problem(
                ProblemKind.NO_ACCESS,
                f"The file cannot be reached ({reason})",
                name,
                "No file was created.",
                "Check the path and your rights to the folder.",
            )
        ) from None
    if not stat.S_ISREG(found.st_mode):
        raise ProblemError(_refused_path(name))
    if found.st_size == 0:
        raise ProblemError(
            Problem(
                ProblemKind.EMPTY,
                "The file is empty and not a queue database",
                name,
                _NOTHING_WRITTEN,
                "Choose another file, or let a PrismQ program create the queue first.",
            )
        )
    return found


def _refused_path(name: str) -> Problem:
    return Problem(
        ProblemKind.NOT_A_FILE,
        "This is not a file that can hold a queue (a folder, a device or an impossible name)",
        name,
        "It was not opened.",
        "Choose a queue database file.",
    )


def sqlite_uri(path: Path | str, mode: str = "ro") -> str:
    """Return an SQLite URI of exactly this file; ``mode`` is ``ro`` or ``rw``, neither of which creates it.

    Every byte that is not a letter, digit or one of ``_.-~`` is percent-encoded, slashes,
    backslashes and colons too, so that no name can be taken for an authority, a query or a
    fragment; SQLite decodes it before it looks. The same form serves drive letters and UNC paths.
    """
    name = os.path.abspath(path)  # noqa: PTH100 - Path.absolute keeps '..'
    raw = name.encode("utf-8", "surrogatepass") if sys.platform == "win32" else os.fsencode(name)
    return f"file:{quote_from_bytes(raw, safe='')}?mode={mode}"


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _source: str | None) -> int:
    """Allow reading alone: mode=ro by itself still lets ATTACH create and write other files."""
    if action in _ALLOWED_ACTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if (second or "").lower() in _REFUSED_FUNCTIONS else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        name = (first or "").lower()
        takes_argument = name.startswith(("table_", "index_"))
        return sqlite3.SQLITE_OK if name in _READING_PRAGMAS and (takes_argument or not second) else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_DENY


def _fetched(connection: sqlite3.Connection, sql: str, params: Params = ()) -> list[Row]:
    cursor = connection.execute(sql, params)
    try:
        return cursor.fetchall()
    finally:
        cursor.close()


def make_own_table(connection: sqlite3.Connection, sql: str = "SELECT 1 FROM json_each('[]')") -> None:
    """Have SQLite make a table of its own, which no file holds: it declares it as if it wrote a schema."""
    connection.set_authorizer(lambda *_what: sqlite3.SQLITE_OK)
    try:
        _fetched(connection, sql)
    finally:
        connection.set_authorizer(_authorize)


def _closed(path: Path) -> Problem:
    return Problem(ProblemKind.FAILED, "The file is closed", str(path), _NOTHING_WRITTEN, "Open it again.")


def decode_text(raw: bytes) -> str:
    r"""Decode a text cell; bytes that are not UTF-8 become ``\xff`` escapes."""
    return raw.decode("utf-8", "backslashreplace")


class ReadConnection:
    """One hardened read-only connection; used in the thread that opened it.

    Only :meth:`interrupt` may be called from another thread. Every statement is fetched whole and
    ended before its rows are returned, so no read transaction outlives a call: an open one would
    starve the writers' checkpoint.
    """

    def __init__(
        self,
        path: Path,
        deadline_s: float,
        breath: Breath | None = None,
        text_factory: Callable[[bytes], str | bytes] = decode_text,
    ) -> None:
        self.path = path
        self._text_factory = text_factory
        self._breath = breath or Breath()
        self._version: Cell = None  # of the data when a pause was last thought of
        self._changed_at = float("-inf")
        self._deadline_s = deadline_s
        self._deadline = 0.0
        self._timed_out = False
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._aside: list[Callable[[], None]] = []
        self._taught: dict[object, Any] = {}

    @property
    def is_open(self) -> bool:
        """Whether it is open."""
        return self._connection is not None

    def open(self) -> None:
        """Open the file read-only.

        Raises:
            ProblemError: The path is refused, or SQLite cannot read the file.
        """
        check_path(self.path)
        try:
            connection = sqlite3.connect(
                sqlite_uri(self.path),
                uri=True,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                cached_statements=256,
            )
        except READ_ERRORS as error:
            raise ProblemError(translate(error, self.path, doing="open")) from None
        try:
            self._harden(connection)
        except READ_ERRORS as error:
            connection.close()
            raise ProblemError(translate(error, self.path, doing="open")) from None
        with self._lock:
            self._connection = connection

    def _harden(self, connection: sqlite3.Connection) -> None:
        connection.text_factory = self._text_factory
        for pragma in ("query_only=1", "cell_size_check=1", "mmap_size=0", "temp_store=2", "cache_size=-8000"):
            connection.execute(f"PRAGMA {pragma}").close()
        if sys.version_info >= (3, 11):
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_CELL_BYTES)
            connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        if sys.version_info >= (3, 12):
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, False)
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_VIEW, False)
        teach_signature(connection)
        connection.set_authorizer(_authorize)
        connection.set_progress_handler(self._is_late, PROGRESS_STEPS)

    def _is_late(self) -> int:
        if time.monotonic() <= self._deadline:
            return 0
        self._timed_out = True
        return 1

    def rows(self, sql: str, params: Params = (), *, doing: str = "read", within_s: float | None = None) -> list[Row]:
        """Run one reading statement and return all its rows; ``within_s`` is a deadline of its own.

        Raises:
            ProblemError: With what SQLite said, translated; TOO_SLOW past the deadline,
                INTERRUPTED after :meth:`interrupt`, FAILED where the connection is closed.
        """
        connection = self._connection
        if connection is None:
            raise ProblemError(_closed(self.path))
        try:
            with self._breath.turn(self._is_changing):
                self._timed_out = False
                self._deadline = time.monotonic() + (self._deadline_s if within_s is None else within_s)
                return _fetched(connection, sql, params)
        except READ_ERRORS as error:
            # `from None`: SQLite and Python quote cell content in some messages.
            raise ProblemError(translate(error, self.path, doing=doing, timed_out=self._timed_out)) from None

    def _is_changing(self) -> bool:
        assert self._connection is not None
        before, self._version = self._version, _fetched(self._connection, "PRAGMA data_version")[0][0]
        if self._version != before:
            self._changed_at = time.monotonic()
        return self._version != before

    @property
    def is_busy(self) -> bool:
        """Whether others have written within the last second, as far as a long reading noticed."""
        return time.monotonic() - self._changed_at < BUSY_FOR_S

    def value(self, sql: str, params: Params = (), *, doing: str = "read") -> Cell:
        """Return the first column of the first row, None where there is no row."""
        rows = self.rows(sql, params, doing=doing)
        return rows[0][0] if rows else None

    def teach(self, tools: Callable[[sqlite3.Connection], Taught]) -> Taught:
        """Give the connection functions of ours that statements call, once; return what made them.

        Raises:
            ProblemError: The connection is closed, or SQLite refuses.
        """
        if self._connection is None:
            raise ProblemError(_closed(self.path))
        if tools not in self._taught:
            try:
                make_own_table(self._connection)
                self._taught[tools] = tools(self._connection)
            except READ_ERRORS as error:
                raise ProblemError(translate(error, self.path, doing="look at the line")) from None
        taught: Taught = self._taught[tools]
        return taught

    def blob_preview(self, table: str, column: str, row_id: int, limit: int) -> tuple[bytes, int] | None:
        """Return a cell's first ``limit`` bytes and its whole size, without reading the rest.

        None where it cannot be done this way: Python before 3.11, a cell that is neither text nor
        blob, or an SQLite that refuses tables with generated columns.
        """
        connection = self._connection
        if connection is None or sys.version_info < (3, 11):
            return None
        try:
            with connection.blobopen(table, column, row_id, readonly=True) as blob:
                return blob.read(limit), len(blob)
        except READ_ERRORS:
            return None

    def blob_piece(self, table: str, column: str, row_id: int, offset: int, limit: int) -> tuple[bytes, int] | None:
        """Return at most ``limit`` bytes of a cell from ``offset`` on, and its size; None as :meth:`blob_preview`."""
        connection = self._connection
        if connection is None or sys.version_info < (3, 11):
            return None
        try:
            turn = self._breath.turn(self._is_changing)
            with turn, connection.blobopen(table, column, row_id, readonly=True) as blob:
                size = len(blob)
                blob.seek(min(offset, size))
                return blob.read(limit), size
        except READ_ERRORS:
            return None

    def interrupt(self) -> None:
        """End the running statement; callable from any thread, harmless when none runs."""
        with self._lock:
            if self._connection is not None:
                self._connection.interrupt()
            for interrupt in self._aside:
                interrupt()

    @contextmanager
    def also_interrupt(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Have :meth:`interrupt` reach something else too (a sort aside) while the block runs."""
        with self._lock:
            self._aside.append(interrupt)
        try:
            yield
        finally:
            with self._lock:
                self._aside.remove(interrupt)

    def close(self) -> None:
        """Close; idempotent."""
        with self._lock:
            connection, self._connection = self._connection, None
            self._taught = {}
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
