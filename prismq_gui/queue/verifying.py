"""Whether a file is a whole queue that can be restored: looked at before anything is done with it.

Reads only. The file is untrusted: whatever it holds, the answer is a list of problems.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from prismq_gui.queue.checking import MOST_FINDINGS, Check, check_on
from prismq_gui.queue.database import explain, is_busy
from prismq_gui.queue.exceptions import QueueDatabaseError
from prismq_gui.queue.transitions import RUNNING
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

KNOWN_USER_VERSION = 0
_SMALLEST_FILE_BYTES = 512  # the smallest page
_COLUMNS: dict[str, tuple[str, ...]] = {
    "task_queue": (
        "id", "type", "priority", "payload", "compatibility", "status", "attempts", "max_attempts", "run_after_utc",
        "lease_until_utc", "reserved_at_utc", "processing_started_utc", "finished_at_utc", "locked_by",
        "error_message", "idempotency_key", "created_at_utc", "updated_at_utc",
    ),
    "workers": ("worker_id", "capabilities", "heartbeat_utc"),
    "task_logs": ("log_id", "task_id", "at_utc", "level", "message", "details"),
}  # fmt: skip
_COUNTS = (
    "SELECT (SELECT count(*) FROM task_queue), (SELECT count(*) FROM task_logs), (SELECT count(*) FROM workers), "
    + (f"(SELECT count(*) FROM task_queue WHERE status IN ({', '.join(repr(status) for status in RUNNING)}))")
)


@dataclass(frozen=True, slots=True)
class Verification:
    """What a file was found to be; counts and sizes are 0 where ``problems`` came before them.

    Attributes:
        problems: Why it should not be restored; empty where all is well.
        running: Tasks that were leased or processing when the file was made.
        page_size: In bytes.
    """

    path: Path
    problems: tuple[str, ...]
    tasks: int = 0
    logs: int = 0
    workers: int = 0
    running: int = 0
    page_size: int = 0
    pages: int = 0

    @property
    def ok(self) -> bool:
        """Whether it is a whole queue."""
        return not self.problems


def verify_backup(
    path: Path | str, *, quick: bool = False, progress: Tell = silent, cancel: Cancel | None = None
) -> Verification:
    """Look whether a file is a whole queue of a known version: header, tables, all pages and indexes.

    Args:
        path: The file.
        quick: Leave the indexes out: several times as fast.
        progress: Called about four times a second.
        cancel: Ends it within a second.

    Raises:
        MaintenanceCancelled: It was stopped.
        QueueBusyError: Another program held the file.
        QueueDatabaseError: There is no such file.
    """
    file = existing_file(path)
    try:
        size = file.stat().st_size
    except OSError as error:
        raise QueueDatabaseError(f"{file} can't be read: {error}. Nothing was changed.") from error
    if size < _SMALLEST_FILE_BYTES:
        return Verification(file, (f"it is no database: it has {size} bytes",))
    try:
        with closing(open_reading(file)) as connection:
            return _look(connection, file, quick, progress, asks(cancel))
    except (sqlite3.Error, UnicodeDecodeError, OverflowError, MemoryError) as error:
        if is_busy(error):
            raise explain(error, file) from error
        return Verification(file, (f"it can't be read: {str(error).partition(' with text')[0]}",))


def _look(
    connection: sqlite3.Connection, file: Path, quick: bool, progress: Tell, stop: Callable[[], bool]
) -> Verification:
    page_size, pages, version = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "user_version")
    )
    problems = _schema_problems(connection)
    if version > KNOWN_USER_VERSION:
        problems.append(f"its schema version {version} is newer than this program knows")
    if problems:
        return Verification(file, tuple(problems), page_size=page_size, pages=pages)
    check = Check.QUICK if quick else Check.INTEGRITY
    report = check_on(connection, file, check, most=MOST_FINDINGS, progress=progress, stop=stop)
    if any("malformed JSON" in text for text in report.findings):
        # Not damage: one task whose JSON can't be read, in a file that computes columns from it.
        with _lenient_json(connection):
            report = check_on(connection, file, check, most=MOST_FINDINGS, progress=progress, stop=stop)
    if not report.ok:
        return Verification(
            file, tuple(f"damaged: {text}" for text in report.findings), page_size=page_size, pages=pages
        )
    with Watch(connection, stop, lambda _: progress(MaintenanceProgress(f"counting {file.name}"))) as watch:
        try:
            tasks, logs, workers, running = connection.execute(_COUNTS).fetchone()
        except sqlite3.Error:
            if not watch.stopped:
                raise
            raise MaintenanceCancelled(f"Verifying {file} was cancelled. Nothing was changed.") from None
    return Verification(file, (), tasks, logs, workers, running, page_size, pages)


@contextmanager
def _lenient_json(connection: sqlite3.Connection) -> Iterator[None]:
    """Let json_extract() give NULL for malformed JSON on this connection, in statements made from now on."""
    with closing(sqlite3.connect(":memory:")) as aside:

        def extract(document: object, json_path: object) -> str | int | float | None:
            sql = "SELECT CASE WHEN json_valid(?) THEN json_extract(?, ?) END"
            found: str | int | float | None = aside.execute(sql, (document, document, json_path)).fetchone()[0]
            return found

        connection.create_function("json_extract", 2, extract, deterministic=True)
        yield


def _schema_problems(connection: sqlite3.Connection) -> list[str]:
    problems = []
    for table, columns in _COLUMNS.items():
        found = {str(row[1]).lower() for row in connection.execute(f"PRAGMA table_xinfo({table})").fetchall()}
        if not found:
            problems.append(f"it is no queue: the table {table} is missing")
        elif not found.issuperset(columns):
            lacking = ", ".join(name for name in columns if name not in found)
            problems.append(f"its table {table} lacks {lacking}")
    return problems
