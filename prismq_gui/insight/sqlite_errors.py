"""How SQLite's and Python's error texts map to what a person is told.

Owns the translation of exceptions to :class:`~prismq_gui.insight.problems.Problem`. Works on the
message texts, since Python 3.10 has no ``sqlite_errorname``. Never repeats text that may come from
a cell: messages are quoted only where their form is known to hold none.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from prismq_gui.insight.problems import Problem, ProblemKind

READ_ERRORS = (sqlite3.OperationalError, sqlite3.DatabaseError, UnicodeError, OverflowError, MemoryError)
"""What a read of an untrusted file can raise; caught together wherever one is run."""

_UNTOUCHED = "The file was not changed."


@dataclass(frozen=True, slots=True)
class _Rule:
    text: str  # in lower case, looked for in the message
    kind: ProblemKind
    what: str
    advice: str
    code: str


_RULES = (
    _Rule(
        "file is not a database",
        ProblemKind.NOT_A_DATABASE,
        "Not an SQLite database, or one that is encrypted",
        "Choose another file.",
        "SQLITE_NOTADB",
    ),
    _Rule(
        "unsupported file format",
        ProblemKind.NEWER,
        "The file was written in a format that needs a newer program",
        "Open it with a newer version.",
        "SQLITE_ERROR",
    ),
    _Rule(
        "malformed json",
        ProblemKind.CORRUPT,
        "A task has JSON that cannot be read",
        "The task can be found by the health check and deleted or mended.",
        "SQLITE_ERROR",
    ),
    _Rule(
        "unsafe use of",
        ProblemKind.FAILED,
        "SQLite refuses this file's schema as unsafe; it is not damaged",
        "Use a newer SQLite, or open the file with the program that made it.",
        "SQLITE_CORRUPT",
    ),
    _Rule(
        "malformed database schema",
        ProblemKind.CORRUPT,
        "The file's schema is damaged",
        "Stop the workers, back up the file with its -wal, and restore a backup.",
        "SQLITE_CORRUPT",
    ),
    _Rule(
        "malformed",
        ProblemKind.CORRUPT,
        "The file is damaged, or its WAL is missing or belongs to another file",
        "Do not write to it. Stop the workers, back up all its files, and restore a backup.",
        "SQLITE_CORRUPT",
    ),
    _Rule(
        "database table is locked",
        ProblemKind.BUSY,
        "Another program is changing the file's tables",
        "It is tried again by itself.",
        "SQLITE_LOCKED",
    ),
    _Rule(
        "locked",
        ProblemKind.LOCKED,
        "The file is locked by another program",
        "It is tried again by itself; close the program that holds it if this lasts.",
        "SQLITE_BUSY",
    ),
    _Rule(
        "locking protocol",
        ProblemKind.BUSY,
        "The locks of the file were lost or fought over",
        "Try again; if this lasts, restart this program.",
        "SQLITE_PROTOCOL",
    ),
    _Rule(
        "disk is full",
        ProblemKind.DISK_FULL,
        "The disk is full, or the ids of the file are used up",
        "Look at the free space first.",
        "SQLITE_FULL",
    ),
    _Rule(
        "too big",
        ProblemKind.FAILED,
        "A value in the file is larger than this program reads (64 MiB)",
        "The other tasks can still be read.",
        "SQLITE_TOOBIG",
    ),
    _Rule(
        "not authorized",
        ProblemKind.REFUSED,
        "The file asked for something that reading never needs, and it was refused",
        "Do not trust this file's schema.",
        "SQLITE_AUTH",
    ),
    _Rule(
        "authorization denied",
        ProblemKind.REFUSED,
        "The file asked for something that reading never needs, and it was refused",
        "Do not trust this file's schema.",
        "SQLITE_AUTH",
    ),
    _Rule(
        "prohibited",
        ProblemKind.REFUSED,
        "The file asked for something that reading never needs, and it was refused",
        "Do not trust this file's schema.",
        "SQLITE_AUTH",
    ),
    _Rule(
        "no such table",
        ProblemKind.NOT_A_QUEUE,
        "A table of the queue is missing",
        "Another program may have changed the schema; open the file again.",
        "SQLITE_ERROR",
    ),
    _Rule(
        "no such column",
        ProblemKind.NOT_A_QUEUE,
        "A column of the queue is missing",
        "Another program may have changed the schema; open the file again.",
        "SQLITE_ERROR",
    ),
    _Rule(
        "no such function",
        ProblemKind.REFUSED,
        "The file's schema uses a function that this program does not have (no such function)",
        "Open it with the program that made it.",
        "SQLITE_ERROR",
    ),
    _Rule(
        "schema has changed",
        ProblemKind.BUSY,
        "Another program is changing the file's tables",
        "It is tried again by itself.",
        "SQLITE_SCHEMA",
    ),
    _Rule("out of memory", ProblemKind.FAILED, "There is not enough memory", "Close other programs.", "SQLITE_NOMEM"),
)


def translate(error: BaseException, path: Path | str, *, doing: str, timed_out: bool = False) -> Problem:
    """Return what a person is told about an error.

    Args:
        error: What was raised.
        path: The queue file; its folder and sidecars are looked at (by stat alone) for the cause.
        doing: A verb phrase, "open" or "count the tasks", completing "Could not …".
        timed_out: Whether the progress handler ended the statement at its deadline.
    """
    subject = os.fspath(path)
    if isinstance(error, MemoryError):
        return Problem(
            ProblemKind.FAILED, f"Not enough memory to {doing}", subject, _UNTOUCHED, "Close other programs."
        )
    if isinstance(error, UnicodeEncodeError):
        what = "The text holds characters that no file can hold"
        return Problem(ProblemKind.REFUSED, what, subject, _UNTOUCHED, "Remove them and try again.")
    if isinstance(error, (UnicodeError, OverflowError)):
        what = f"Could not {doing}: a value in the file is not readable"
        return Problem(ProblemKind.CORRUPT, what, subject, _UNTOUCHED, "The other tasks can still be read.")
    if isinstance(error, OSError):
        return _from_os_error(error, subject, doing)
    text = str(error).lower()
    code = str(getattr(error, "sqlite_errorname", "") or "")
    return _from_text(text, code, subject, doing, timed_out)


def _from_text(text: str, code: str, subject: str, doing: str, timed_out: bool) -> Problem:
    if "interrupted" in text:
        return _from_interrupt(subject, doing, timed_out)
    if "readonly" in text or "read-only" in text:
        return _from_readonly(code, subject)
    if "unable to open" in text:
        return _from_cannot_open(code, subject)
    if "disk i/o error" in text:
        return _from_io_error(code, subject)
    for rule in _RULES:
        if rule.text in text:
            return Problem(rule.kind, rule.what, subject, _UNTOUCHED, rule.advice, code or rule.code)
    what = f"Could not {doing}"
    return Problem(ProblemKind.FAILED, what, subject, _UNTOUCHED, "Try again.", code or "SQLITE_ERROR")


def _from_interrupt(subject: str, doing: str, timed_out: bool) -> Problem:
    if timed_out:
        what, advice = f"It took too long to {doing}", "Older values are kept; narrow the filter or try again."
        return Problem(ProblemKind.TOO_SLOW, what, subject, _UNTOUCHED, advice, "SQLITE_INTERRUPT")
    return Problem(ProblemKind.INTERRUPTED, f"Stopped: {doing}", subject, _UNTOUCHED, "", "SQLITE_INTERRUPT")


def _from_os_error(error: OSError, subject: str, doing: str) -> Problem:
    if isinstance(error, FileNotFoundError):
        return _missing(subject)
    kind = ProblemKind.NO_ACCESS if isinstance(error, PermissionError) else ProblemKind.FAILED
    reason = error.strerror or error.__class__.__name__
    return Problem(kind, f"Could not {doing} ({reason})", subject, _UNTOUCHED, "Check the path and your rights to it.")


def _missing(subject: str, code: str = "") -> Problem:
    advice = "It is looked for again by itself."
    return Problem(ProblemKind.MISSING, "The file is gone", subject, "It was not created anew.", advice, code)


def _sidecars(subject: str) -> tuple[str, str]:
    real = os.path.realpath(subject)
    return f"{real}-wal", f"{real}-shm"


def _from_readonly(code: str, subject: str) -> Problem:
    """SQLite needs the -shm file even to read; its own text speaks of writing."""
    folder = os.path.dirname(os.path.realpath(subject))  # noqa: PTH120 - a string, as SQLite names the sidecars
    name = os.path.basename(subject)  # noqa: PTH119
    if code == "SQLITE_READONLY_ROLLBACK" or os.path.exists(f"{os.path.realpath(subject)}-journal"):  # noqa: PTH110
        what = "The last writer crashed in a write, and reading needs its recovery first"
        advice = "Let a program that writes the queue open it once."
        return Problem(ProblemKind.READ_ONLY, what, subject, _UNTOUCHED, advice, code or "SQLITE_READONLY_ROLLBACK")
    if not os.access(folder, os.W_OK):
        what = f"The folder is not writable, and SQLite needs {name}-shm in it even to read"
        advice = "Ask the owner for access, or open a copy of the file."
        return Problem(ProblemKind.NO_ACCESS, what, subject, _UNTOUCHED, advice, code or "SQLITE_READONLY_DIRECTORY")
    what = f"{name}-wal or {name}-shm belongs to another account and cannot be used"
    advice = "Open the file under the account of the workers, or ask for access."
    return Problem(ProblemKind.NO_ACCESS, what, subject, _UNTOUCHED, advice, code or "SQLITE_READONLY")


def _from_cannot_open(code: str, subject: str) -> Problem:
    code = code or "SQLITE_CANTOPEN"
    if not os.path.exists(subject):  # noqa: PTH110
        return _missing(subject, code)
    for each in (subject, *_sidecars(subject)):
        if os.path.exists(each) and not os.access(each, os.R_OK):  # noqa: PTH110
            what = f"Cannot read {os.path.basename(each)}"  # noqa: PTH119
            return Problem(
                ProblemKind.NO_ACCESS, what, subject, _UNTOUCHED, "Ask the owner of the file for access.", code
            )
    folder = os.path.dirname(os.path.realpath(subject))  # noqa: PTH120
    if not os.access(folder, os.W_OK):
        name = os.path.basename(subject)  # noqa: PTH119
        what = f"The folder is not writable, and SQLite needs {name}-shm in it even to read"
        return Problem(
            ProblemKind.NO_ACCESS, what, subject, _UNTOUCHED, "Ask the owner, or open a copy of the file.", code
        )
    what = "The file cannot be opened; another program may hold it"
    return Problem(ProblemKind.NO_ACCESS, what, subject, _UNTOUCHED, "Try again, or check your rights to it.", code)


def _from_io_error(code: str, subject: str) -> Problem:
    if not os.path.exists(subject):  # noqa: PTH110
        return _missing(subject, code or "SQLITE_IOERR")
    if code in ("", "SQLITE_IOERR_SHORT_READ"):
        what = "The file ends too early, or its WAL is missing or belongs to another file"
        advice = "Do not write to it; stop the workers and restore a backup."
        return Problem(ProblemKind.CORRUPT, what, subject, _UNTOUCHED, advice, code or "SQLITE_IOERR")
    what, advice = "The disk or network drive could not be read", "It is tried again by itself; check the drive."
    return Problem(ProblemKind.FAILED, what, subject, _UNTOUCHED, advice, code)
