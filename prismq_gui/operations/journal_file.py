"""The journal's file: how it is opened, its schema, and the words for what goes wrong with it.

Owns its connection. The file is ours alone and lies in the folder of the person's own data, never beside a
queue. It keeps a rollback journal (TRUNCATE) with synchronous=FULL: a commit is on the disk when it returns;
two windows at once wait for each other's commits, which take milliseconds; rows that are added are written
once (a WAL writes them twice), no file with shared memory lies beside it, and SQLite's WAL-reset bug is not
met. A process that is killed leaves a hot journal, which whoever opens the file next rolls back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from prismq_gui.insight.connection import Row
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.sqlite_errors import READ_ERRORS, translate

FILE_NAME = "operations.db"
VERSION = 1
APPLICATION_ID = 0x50514A31  # "PQJ1"
BUSY_TIMEOUT_S = 10.0
_PRAGMAS = ("journal_mode=TRUNCATE", "synchronous=FULL", "mmap_size=0", "cell_size_check=1")
_STEP_PAGES = 1_024  # of 8 KiB

_SCHEMA = (
    """CREATE TABLE operations (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, path TEXT NOT NULL,
  device TEXT NOT NULL, inode TEXT NOT NULL, who TEXT NOT NULL, kind TEXT NOT NULL, wish TEXT NOT NULL,
  state TEXT NOT NULL, planned INTEGER NOT NULL, changed INTEGER NOT NULL DEFAULT 0, skips TEXT NOT NULL DEFAULT '[]',
  sentence TEXT NOT NULL, problem TEXT NOT NULL DEFAULT '', undoes TEXT NOT NULL DEFAULT '',
  started_utc TEXT NOT NULL, ended_utc TEXT NOT NULL DEFAULT '', bytes INTEGER NOT NULL DEFAULT 0,
  kept INTEGER NOT NULL DEFAULT 1)""",
    # settled: NULL until it is known which units were changed, then those that were not, packed.
    """CREATE TABLE batches (
  operation INTEGER NOT NULL, place INTEGER NOT NULL, units INTEGER NOT NULL,
  settled BLOB, images BLOB NOT NULL, PRIMARY KEY (operation, place))""",
    """CREATE TABLE targets (
  operation INTEGER NOT NULL, place INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (operation, place))""",
)


class JournalFile:
    """One connection to the journal; used in the thread that opened it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self._connection: sqlite3.Connection | None = None

    def open(self, *, write: bool = True) -> bool:
        """Open it, and make it where it is to be written; return False where there is none to read.

        Raises:
            ProblemError: It cannot be opened, or a newer program made it.
        """
        if not write and not self.path.exists():
            return False
        try:
            if write:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            self._prepare()
        except OSError as error:
            what = f"The journal of operations cannot be made ({error.strerror or error.__class__.__name__})"
            raise ProblemError(self.problem(what, ProblemKind.NO_ACCESS)) from None
        except READ_ERRORS as error:
            self.close()
            raise ProblemError(self.translated(error)) from None
        except ProblemError:
            self.close()
            raise
        return True

    def _prepare(self) -> None:
        version = self.rows("PRAGMA user_version")[0][0]
        if version == 0:
            self._make()
        elif version != VERSION:
            what = "The journal of operations was made by a newer version of this program"
            raise ProblemError(self.problem(what, ProblemKind.NEWER))
        for pragma in _PRAGMAS:
            self.rows(f"PRAGMA {pragma}")

    def _make(self) -> None:
        for pragma in ("page_size=8192", "auto_vacuum=INCREMENTAL", f"application_id={APPLICATION_ID}"):
            self.rows(f"PRAGMA {pragma}")
        with self.transaction():
            if self.rows("PRAGMA user_version")[0][0] == 0:  # another window may have made it meanwhile
                for statement in _SCHEMA:
                    self.rows(statement)
                self.rows(f"PRAGMA user_version={VERSION}")

    def close(self) -> None:
        """Close; what was not committed is rolled back. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def rows(self, sql: str, params: Sequence[Cell] = ()) -> list[Row]:
        """Run a statement and return its rows; sqlite3's errors pass through."""
        assert self._connection is not None, "the journal is closed"
        cursor = self._connection.execute(sql, params)
        try:
            return cursor.fetchall()
        finally:
            cursor.close()

    def stream(self, sql: str, params: Sequence[Cell] = ()) -> Iterator[Row]:
        """Yield rows one by one; none is held longer than it is looked at. sqlite3's errors pass through."""
        assert self._connection is not None, "the journal is closed"
        cursor = self._connection.execute(sql, params)
        try:
            while (row := cursor.fetchone()) is not None:
                yield row
        finally:
            cursor.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the journal's write lock for the block; on the disk when it ends, rolled back if it raises.

        Raises:
            ProblemError: It cannot be written.
        """
        try:
            self.rows("BEGIN IMMEDIATE")
            try:
                yield
                self.rows("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self.rows("ROLLBACK")
                raise
        except READ_ERRORS as error:
            raise ProblemError(self.translated(error)) from None

    def give_back(self) -> None:
        """Give free pages back to the system, in steps for which other windows do not wait long."""
        try:
            left = _count(self.rows("PRAGMA freelist_count"))
            while left > _STEP_PAGES:
                self.rows(f"PRAGMA incremental_vacuum({_STEP_PAGES})")
                before, left = left, _count(self.rows("PRAGMA freelist_count"))
                if left >= before:  # the file was made without, by hand
                    break
        except READ_ERRORS as error:
            raise ProblemError(self.translated(error)) from None

    def translated(self, error: BaseException) -> Problem:
        """Return what SQLite said of the journal as a problem."""
        found = translate(error, self.path, doing="write the journal")
        advice = f"{found.advice} Or act without undo.".strip()
        what = f"The journal of operations, without which nothing can be undone, cannot be used ({_lower(found.what)})"
        return Problem(found.kind, what, str(self.path), "Nothing was changed.", advice, found.code)

    def problem(self, what: str, kind: ProblemKind = ProblemKind.FAILED) -> Problem:
        """Return a problem of the journal."""
        return Problem(kind, what, str(self.path), "Nothing was changed.", "Or act without undo.")


def _count(rows: Sequence[Row]) -> int:
    return int(str(rows[0][0]))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
