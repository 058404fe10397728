"""What went wrong, in the four parts a person needs, and how SQLite's own words map to them.

Owns the record every error reaches the window, the CLI and the log as. Must not show text of a
queue file's cells: SQLite quotes them in some messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ProblemKind(Enum):
    """What kind of trouble it is; the window picks the banner's colour and buttons by it."""

    NOT_FOUND = "not found"
    MISSING = "missing"  # was there, is gone
    EMPTY = "empty"
    NOT_A_FILE = "not a file"
    NOT_A_DATABASE = "not a database"
    NOT_A_QUEUE = "not a queue"
    NEWER = "newer than this program"
    CORRUPT = "corrupt"
    BUSY = "busy"
    LOCKED = "locked by another program"
    NO_ACCESS = "no access"
    READ_ONLY = "read-only"
    DISK_FULL = "disk full"
    TOO_SLOW = "took too long"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Problem:
    """One error as the person reads it: what happened, to what, what was not changed, what to do.

    All fields are plain text (never markup). ``code`` is SQLite's own name for the error
    (``SQLITE_NOTADB``) or empty where SQLite had no part in it.
    """

    kind: ProblemKind
    what: str
    subject: str
    unchanged: str
    advice: str
    code: str = ""

    def sentence(self) -> str:
        """Return the whole as one paragraph of plain text."""
        parts = [
            f"{self.what}: {self.subject}." if self.subject else f"{self.what}.",
            self.unchanged,
            self.advice,
        ]
        text = " ".join(part for part in parts if part)
        return f"{text} ({self.code})" if self.code else text


class ProblemError(Exception):
    """An error that already knows how it is told; carries its :class:`Problem`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence())
        self.problem = problem
