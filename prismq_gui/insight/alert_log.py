"""The log of alerts: a side file of the program's own, shared by all its windows.

Owns its schema, its bound, and which window tells a change: the one that writes it down first. Must never touch a queue
file. Opened for each use and closed again, so that nothing is held while nothing happens.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from prismq_gui.insight.alert_rules import RuleKind
from prismq_gui.insight.alert_words import name_text, sentence
from prismq_gui.insight.alerts import AlertChange, AlertEvent
from prismq_gui.queue.timestamps import exact_text, parse_utc

FILE_NAME = "alerts.db"
MOST_ENTRIES = 1_000
MOST_HOOK_CHARACTERS = 2_000
VERSION = 1
_BUSY_S = 2.0
_APPLICATION_ID = 0x5051414C  # PQAL
_NAME_CHARACTERS = 1_000
_SCHEMA = """
CREATE TABLE alert (id INTEGER PRIMARY KEY AUTOINCREMENT, place TEXT NOT NULL, file TEXT NOT NULL, rule TEXT NOT NULL,
  subject TEXT NOT NULL, sentence TEXT NOT NULL, value REAL, threshold REAL NOT NULL, raised_at TEXT NOT NULL,
  quiet INTEGER NOT NULL, cleared_at TEXT, cleared TEXT NOT NULL DEFAULT '', program TEXT NOT NULL DEFAULT '');
CREATE UNIQUE INDEX alert_open ON alert (place, rule, subject) WHERE cleared_at IS NULL
"""
_ENTRY = "id, file, rule, subject, sentence, value, threshold, raised_at, quiet, cleared_at, cleared, program"
_NO_ROWS: list[tuple[Any, ...]] = []
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One alert as it was told. Times naive UTC; ``cleared_at_utc`` None: it is not over.

    ``quiet``: it was so already when the file was opened. ``program`` says what became of the person's program.
    """

    id: int
    file: str
    kind: RuleKind
    subject: str
    sentence: str
    value: float | None
    threshold: float
    raised_at_utc: datetime
    quiet: bool = False
    cleared_at_utc: datetime | None = None
    cleared: str = ""
    program: str = ""


def place_of(path: Path) -> str:
    """Return what stands for a queue file in the log."""
    return os.path.normcase(os.path.realpath(path))


class AlertLog:
    """The log in a folder; None: nothing is kept. Any one thread. Never raises for the file's sake.

    ``trouble`` is a sentence where the last use failed, or '' where it did not.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / FILE_NAME
        self.trouble = "" if folder is not None else "No folder for the program's own data was found: no log is kept."

    def note(self, path: Path, event: AlertEvent) -> int | None:
        """Write a change down; return the entry's number, None where another window has told it already.

        Where it cannot be written the number is 0: it is to be told all the same.
        """
        write = _raise if event.change is AlertChange.RAISED else _clear
        unwritten: int | None = 0
        return self._use(lambda file: write(file, path, event), unwritten)

    def note_program(self, number: int, text: str) -> None:
        """Write down what became of the program that was run for an entry."""
        sql = "UPDATE alert SET program = ? WHERE id = ?"
        self._use(lambda file: file.execute(sql, (text[:MOST_HOOK_CHARACTERS], number)).close(), None)

    def open_of(self, path: Path) -> tuple[tuple[RuleKind, str], ...]:
        """Return what is raised of a queue file as far as the log knows."""
        sql = "SELECT rule, subject FROM alert WHERE place = ? AND cleared_at IS NULL"
        rows = self._use(lambda file: _rows(file, sql, (place_of(path),)), _NO_ROWS)
        return tuple((_KINDS[rule], str(subject)) for rule, subject in rows if rule in _KINDS)

    def entries(self, limit: int = MOST_ENTRIES) -> tuple[LogEntry, ...]:
        """Return the newest entries, the newest first."""
        sql = f"SELECT {_ENTRY} FROM alert ORDER BY id DESC LIMIT ?"
        rows = self._use(lambda file: _rows(file, sql, (limit,)), _NO_ROWS)
        found = (_entry(row) for row in rows)
        return tuple(each for each in found if each is not None)

    def forget(self) -> None:
        """Forget all that is over."""
        self._use(lambda file: file.execute("DELETE FROM alert WHERE cleared_at IS NOT NULL").close(), None)

    def _use(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        if self._path is None:
            return otherwise
        try:
            with _opened(self._path) as file:
                found = work(file)
        except (sqlite3.Error, OSError, ValueError, TypeError) as error:
            self.trouble = self._trouble(error)
            return otherwise
        self.trouble = ""
        return found

    def _trouble(self, error: Exception) -> str:
        assert self._path is not None
        reason = getattr(error, "strerror", None) or str(error) or error.__class__.__name__
        words = f"The log of alerts could not be used ({reason})"
        if not _is_damage(error):
            return f"{words}: {self._path}. Alerts are told all the same."
        bad = self._path.with_name(f"{FILE_NAME}.bad")
        try:
            Path(f"{self._path}-journal").unlink(missing_ok=True)
            self._path.replace(bad)
        except OSError:
            return f"{words}: {self._path}. It could not be set aside; delete it."
        return f"The log of alerts was damaged; it is kept as {bad.name}, and a new one is begun."


_KINDS = {kind.value: kind for kind in RuleKind}


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file, made where it is missing, in one transaction; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with closing(sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)) as file:
        file.execute("BEGIN IMMEDIATE").close()
        try:
            _check_schema(file)
            yield file
            file.execute("COMMIT").close()
        except BaseException:
            with suppress(sqlite3.Error):
                if file.in_transaction:
                    file.execute("ROLLBACK").close()
            raise


def _check_schema(file: sqlite3.Connection) -> None:
    version = _rows(file, "PRAGMA user_version")[0][0]
    if version == VERSION:
        return
    if version > VERSION:
        raise ValueError("it was written by a newer version of this program")
    if _rows(file, "SELECT count(*) FROM sqlite_master")[0][0]:
        raise sqlite3.DatabaseError("malformed: it is no log of this program")
    for statement in _SCHEMA.split(";"):
        file.execute(statement).close()
    file.execute(f"PRAGMA application_id = {_APPLICATION_ID}").close()
    file.execute(f"PRAGMA user_version = {VERSION}").close()


def _rows(file: sqlite3.Connection, sql: str, params: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    with closing(file.execute(sql, params)) as cursor:
        return cursor.fetchall()


def _raise(file: sqlite3.Connection, path: Path, event: AlertEvent) -> int | None:
    sql = (
        "INSERT INTO alert (place, file, rule, subject, sentence, value, threshold, raised_at, quiet) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    )
    values = (place_of(path), str(path), event.kind.value, _kept(event.subject), sentence(event), event.value,
              event.threshold, exact_text(event.at_utc), event.quiet)  # fmt: skip
    with closing(file.execute(sql, values)) as cursor:
        if not cursor.rowcount:
            return None
        number = cursor.lastrowid
    old = "DELETE FROM alert WHERE id <= (SELECT max(id) FROM alert) - ? AND cleared_at IS NOT NULL"
    file.execute(old, (MOST_ENTRIES,)).close()
    most = "DELETE FROM alert WHERE id NOT IN (SELECT id FROM alert ORDER BY id DESC LIMIT ?)"
    file.execute(most, (2 * MOST_ENTRIES,)).close()  # of files that are never opened again
    return number


def _clear(file: sqlite3.Connection, path: Path, event: AlertEvent) -> int | None:
    where = "place = ? AND rule = ? AND subject = ? AND cleared_at IS NULL"
    key = (place_of(path), event.kind.value, _kept(event.subject))
    found = _rows(file, f"SELECT id FROM alert WHERE {where}", key)
    if not found:
        return None
    sql = f"UPDATE alert SET cleared_at = ?, cleared = ? WHERE {where}"
    file.execute(sql, (exact_text(event.at_utc), sentence(event), *key)).close()
    return int(found[0][0])


def _kept(subject: str) -> str:
    """Return a name as it is kept: text that SQLite takes, and that names the same worker each time."""
    return subject[:_NAME_CHARACTERS].encode("utf-8", "backslashreplace").decode("utf-8")


def _entry(row: tuple[Any, ...]) -> LogEntry | None:
    """Return an entry, None where somebody else has written into it what this program never does."""
    number, file, rule, subject, words, value, threshold, raised, quiet, cleared_at, cleared, program = row
    raised_at = parse_utc(raised)
    texts = (file, rule, subject, words, cleared, program)
    if rule not in _KINDS or raised_at is None or not all(isinstance(each, str) for each in texts):
        return None
    if not isinstance(threshold, (int, float)) or not isinstance(value, (int, float, type(None))):
        return None
    return LogEntry(
        int(number), file, _KINDS[rule], subject, name_text(words, 400), value, threshold, raised_at, bool(quiet),
        None if cleared_at is None else parse_utc(cleared_at), name_text(cleared, 400), program,
    )  # fmt: skip


def _is_damage(error: Exception) -> bool:
    text = str(error).lower()
    parts = ("malformed", "not a database", "no such table", "no such column", "disk image")
    return isinstance(error, sqlite3.DatabaseError) and any(part in text for part in parts)
