"""Looking for damage in a queue file: the three checks of SQLite, bounded and cancellable.

Reads only. While a check runs it holds a snapshot, so that the WAL of a busy queue grows meanwhile.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from prismq_gui.queue.database import QueueDatabase, explain, is_busy
from prismq_gui.queue.upkeep import (
    Cancel,
    MaintenanceCancelled,
    MaintenanceProgress,
    Tell,
    Watch,
    asks,
    existing_file,
    open_reading,
    silent,
)

MOST_FINDINGS = 100
LONGEST_FINDING = 500
ADVICE = (
    "Stop the workers, copy the file and its -wal aside, and restore the newest backup that verifies. "
    "Nothing was repaired."
)
FOREIGN_KEY_ADVICE = "Log lines without their task: they can be deleted; no task is concerned."


class Check(Enum):
    """Which check; the value is SQLite's name."""

    INTEGRITY = "integrity_check"
    """All pages, all rows, all index entries."""
    QUICK = "quick_check"
    """As INTEGRITY but for whether the indexes agree with the tables: several times as fast."""
    FOREIGN_KEYS = "foreign_key_check"
    """Log lines whose task is gone."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found.

    Attributes:
        findings: Plain texts, at most as many as asked for; empty where all is well.
        cut: There are more findings than these.
    """

    check: Check
    findings: tuple[str, ...]
    cut: bool
    elapsed_s: float

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def advice(self) -> str:
        """What to do about the findings; empty where there are none."""
        if self.ok:
            return ""
        return FOREIGN_KEY_ADVICE if self.check is Check.FOREIGN_KEYS else ADVICE


def integrity_check(
    queue: QueueDatabase | Path | str,
    *,
    most: int = MOST_FINDINGS,
    progress: Tell = silent,
    cancel: Cancel | None = None,
) -> CheckReport:
    """Check the whole file; see :func:`run_check`."""
    return run_check(queue, Check.INTEGRITY, most=most, progress=progress, cancel=cancel)


def quick_check(
    queue: QueueDatabase | Path | str,
    *,
    most: int = MOST_FINDINGS,
    progress: Tell = silent,
    cancel: Cancel | None = None,
) -> CheckReport:
    """Check the file without its indexes; see :func:`run_check`."""
    return run_check(queue, Check.QUICK, most=most, progress=progress, cancel=cancel)


def foreign_key_check(
    queue: QueueDatabase | Path | str,
    *,
    most: int = MOST_FINDINGS,
    progress: Tell = silent,
    cancel: Cancel | None = None,
) -> CheckReport:
    """Look for log lines whose task is gone; see :func:`run_check`."""
    return run_check(queue, Check.FOREIGN_KEYS, most=most, progress=progress, cancel=cancel)


def run_check(
    queue: QueueDatabase | Path | str,
    check: Check,
    *,
    most: int = MOST_FINDINGS,
    progress: Tell = silent,
    cancel: Cancel | None = None,
) -> CheckReport:
    """Run one check and return what it found; that the check itself breaks off is a finding too.

    Args:
        queue: The file.
        check: Which one.
        most: How many findings to return, 1 to 10,000.
        progress: Called about four times a second; ``total`` is 0, since SQLite doesn't tell.
        cancel: Ends it within a second.

    Raises:
        ValueError: ``most`` is out of range.
        MaintenanceCancelled: It was stopped.
        QueueBusyError: Another program held the file.
        QueueDatabaseError: There is no such file, or it can't be opened.
    """
    if not 1 <= most <= 10_000:
        raise ValueError(f"most must be between 1 and 10,000, not {most!r}")
    path = existing_file(queue)
    with closing(open_reading(path)) as connection:
        return check_on(connection, path, check, most=most, progress=progress, stop=asks(cancel))


def check_on(
    connection: sqlite3.Connection, path: Path, check: Check, *, most: int, progress: Tell, stop: Callable[[], bool]
) -> CheckReport:
    """Run one check on a connection that is open."""
    started = time.perf_counter()

    def tell(elapsed_s: float) -> None:
        progress(MaintenanceProgress(f"{check.value} of {path.name}, {elapsed_s:.0f} s"))

    tell(0)
    with Watch(connection, stop, tell) as watch:
        try:
            found = _findings(connection, check, most + 1)
        except (sqlite3.Error, UnicodeDecodeError, OverflowError, MemoryError) as error:
            if watch.stopped:
                raise MaintenanceCancelled(f"{check.value} of {path} was cancelled. Nothing was changed.") from None
            if is_busy(error):
                raise explain(error, path) from error
            found = [f"the check broke off: {_plain(error)}"]
    return CheckReport(check, tuple(found[:most]), len(found) > most, time.perf_counter() - started)


def _findings(connection: sqlite3.Connection, check: Check, most: int) -> list[str]:
    if check is Check.FOREIGN_KEYS:
        with closing(connection.execute("PRAGMA foreign_key_check")) as cursor:
            return [_orphan(row) for row in cursor.fetchmany(most)]
    with closing(connection.execute(f"PRAGMA {check.value}({most})")) as cursor:
        # One row may hold several lines; later versions of SQLite tell one a row.
        lines = [line for row in cursor.fetchmany(most) for line in str(row[0]).splitlines()]
    return [line[:LONGEST_FINDING] for line in lines if line != "ok"][:most]


def _orphan(row: tuple[object, ...]) -> str:
    table, rowid, parent, _ = row
    return f"{table}: row {rowid} refers to a row of {parent} that isn't there"[:LONGEST_FINDING]


def _plain(error: Exception) -> str:
    """Return the error's text without what it may quote of a cell."""
    if isinstance(error, MemoryError):
        return "a value is too large for this computer's memory"
    return str(error).partition(" with text")[0][:LONGEST_FINDING]
