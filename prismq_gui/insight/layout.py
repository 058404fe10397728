"""What of the queue's schema a file has: columns, indexes, notes for the person.

Owns the check that a file is a queue at all. Must not query the file's views nor its generated
columns: both run expressions of whoever wrote the file.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.filters import TaskColumn
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind

KNOWN_USER_VERSION = 0

TASK_COLUMNS = tuple(column.value for column in TaskColumn)
_SYNCING_SERVICES = ("OneDrive", "Dropbox", "Google Drive", "iCloud Drive", "iCloudDrive", "Nextcloud", "ownCloud")
_NEEDED_COLUMNS = ("id", "type", "status")
_OTHER_TASK_COLUMNS = ("payload", "compatibility")
_WORKER_COLUMNS = ("worker_id", "capabilities", "heartbeat_utc")
_LOG_COLUMNS = ("log_id", "task_id", "at_utc", "level", "message", "details")


@dataclass(frozen=True, slots=True)
class Layout:
    """The tables, columns and indexes of one file. An empty set of columns means: no such table."""

    tasks: frozenset[str]
    workers: frozenset[str]
    logs: frozenset[str]
    has_status_index: bool
    has_type_status_index: bool
    has_log_index: bool
    missing: tuple[str, ...]
    schema_version: int


def read_layout(connection: ReadConnection) -> Layout:
    """Read the schema and check that it is a queue's.

    Raises:
        ProblemError: NOT_A_QUEUE where task_queue is missing, is not a table, or lacks its key columns.
    """
    schema_version = connection.value("PRAGMA schema_version", doing="read the schema")
    _check_is_table(connection)
    tasks = _columns(connection, "task_queue")
    absent = [name for name in _NEEDED_COLUMNS if name not in tasks]
    if absent:
        raise _not_a_queue(connection.path, f"task_queue has no column {', '.join(absent)}")
    if not _has_integer_key(connection, "task_queue", "id"):
        raise _not_a_queue(connection.path, "The column id of task_queue is not its INTEGER PRIMARY KEY")
    workers = _columns(connection, "workers") if _is_real_table(connection, "workers") else frozenset()
    logs = _columns(connection, "task_logs") if _is_real_table(connection, "task_logs") else frozenset()
    if "worker_id" not in workers:
        workers = frozenset()
    if "log_id" not in logs or not _has_integer_key(connection, "task_logs", "log_id"):
        logs = frozenset()
    return Layout(
        tasks=tasks,
        workers=workers,
        logs=logs,
        has_status_index=_has_index(
            connection, "task_queue", "ix_task_status_prio_time", ("status", "priority", "run_after_utc", "id")
        ),
        has_type_status_index=_has_index(connection, "task_queue", "ix_task_type_status", ("type", "status")),
        has_log_index=bool(logs) and _has_index(connection, "task_logs", "ix_logs_task", ("task_id", "at_utc")),
        missing=_missing(tasks, workers, logs),
        schema_version=schema_version if isinstance(schema_version, int) else 0,
    )


def notes_for(path: Path, layout: Layout, journal_mode: str, *, is_copy: bool = False) -> tuple[str, ...]:
    """Return the sentences a person should know about this file before trusting or changing it.

    Args:
        path: Of the file.
        layout: Of the file.
        journal_mode: As SQLite names it.
        is_copy: It is a copy or a backup by its name.
    """
    notes = []
    tables = [name for name in layout.missing if "." not in name]
    if tables:
        notes.append(f"This file has no table {' and no '.join(tables)}: what would stand there is not known.")
    columns = [name for name in layout.missing if "." in name]
    if columns:
        notes.append(f"This file lacks {', '.join(columns)}; those fields show as “–”.")
    if journal_mode.lower() != "wal" and not is_copy:  # nobody works on a backup
        notes.append(
            f"Not in WAL mode ({journal_mode}): reading can hold up the workers, and they can hold up reading."
        )
    links = path.stat().st_nlink
    if links > 1:
        notes.append(
            f"The file has {links} names (hard links): opened under another name its -wal would be missed. "
            "Use one name only."
        )
    real = os.path.realpath(path)
    if os.path.islink(path):  # noqa: PTH114
        notes.append(f"This is a link; the real file, with its -wal and -shm beside it, is {real}.")
    if is_network_path(real):
        notes.append("The file is on a network drive, where WAL is not safe: open it on the machine that holds it.")
    service = syncing_service(real)
    if service:
        notes.append(
            f"The file lies in a folder that {service} copies: it copies the database without its -wal, so what it "
            "has is not to be trusted, and it can hold the file. Keep queues in a folder that is not synchronised."
        )
    if has_wal_reset_bug(sqlite3.sqlite_version_info):
        notes.append(
            f"SQLite {sqlite3.sqlite_version} has a known fault in checkpoints (the WAL-reset bug, mended in 3.51.3): "
            "this program never issues the kind of checkpoint that meets it."
        )
    return tuple(notes)


def write_refusal(layout: Layout, user_version: int, *, is_copy: bool = False) -> str:
    """Return why this file must not be written by this program, '' where it may.

    Args:
        layout: Of the file.
        user_version: Of its schema.
        is_copy: It is a copy or a backup by its name.
    """
    if is_copy:
        return (
            "By its name the file is a copy or a backup: it is only read, so that it stays what it is. Restore it, or "
            "rename it to use it as a queue."
        )
    if user_version > KNOWN_USER_VERSION:
        return f"The file has the schema version {user_version}, newer than this program knows: it is only read."
    lacking = [name for name in layout.missing if name.startswith("task_queue.")]
    if lacking or "task_logs" in layout.missing:
        return "The file lacks parts of the queue's schema that writing needs: it is only read."
    return ""


def has_wal_reset_bug(version: tuple[int, int, int] | tuple[int, ...]) -> bool:
    """Return whether this SQLite version has the WAL-reset bug: 3.7.0 to 3.51.2, but 3.44.6 and 3.50.7 on."""
    if not (3, 7, 0) <= version < (3, 51, 3):
        return False
    mended = {(3, 44): 6, (3, 50): 7}.get((version[0], version[1]))
    return mended is None or version[2] < mended


def is_network_path(path: str) -> bool:
    r"""Return whether a Windows path names another machine: ``\\server\share``, ``\\wsl$``, a mapped drive."""
    if os.name != "nt":
        return False
    text = path.replace("/", "\\")
    if text.startswith("\\\\"):
        return not text.startswith(("\\\\?\\", "\\\\.\\")) or text.upper().startswith("\\\\?\\UNC\\")
    return _is_remote_drive(text[:2])


def syncing_service(path: str) -> str:
    """Return the service whose folder, by its name, a file lies in; '' where it lies in none that is known."""
    for part in path.replace("\\", "/").split("/")[:-1]:
        for service in _SYNCING_SERVICES:
            name = part.casefold().replace(" ", "")
            key = service.casefold().replace(" ", "")
            # "OneDrive - Firma", "Dropbox (privat)"; not "onedriver".
            if name == key or (name.startswith(key) and not name[len(key)].isalnum()):
                return service
    return ""


def _is_remote_drive(drive: str) -> bool:
    import ctypes  # noqa: PLC0415 - Windows alone needs it

    windll = getattr(ctypes, "windll", None)
    return windll is not None and windll.kernel32.GetDriveTypeW(f"{drive}\\") == 4  # DRIVE_REMOTE


def _not_a_queue(path: Path, what: str) -> ProblemError:
    advice = "Choose the queue's own file; this database belongs to another program."
    return ProblemError(
        Problem(ProblemKind.NOT_A_QUEUE, what, str(path), "The file was only looked at and not changed.", advice)
    )


def _check_is_table(connection: ReadConnection) -> None:
    if _is_real_table(connection, "task_queue"):
        return
    found = connection.value(
        "SELECT count(*) FROM sqlite_master WHERE name = 'task_queue' COLLATE NOCASE", doing="read the schema"
    )
    raise _not_a_queue(connection.path, "task_queue is not a table" if found else "No task_queue table")


def _is_real_table(connection: ReadConnection, table: str) -> bool:
    """Return whether it is a table with rows of its own: views and virtual tables have no root page."""
    return bool(
        connection.rows(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE AND rootpage > 0",
            (table,),
            doing="read the schema",
        )
    )


def _columns(connection: ReadConnection, table: str) -> frozenset[str]:
    rows = connection.rows(f"PRAGMA table_xinfo({table})", doing="read the schema")
    return frozenset(str(row[1]).lower() for row in rows)


def _has_integer_key(connection: ReadConnection, table: str, column: str) -> bool:
    """Return whether the column is the row's key (then it holds whole numbers, whoever wrote them)."""
    rows = connection.rows(f"PRAGMA table_xinfo({table})", doing="read the schema")
    keys = [(str(row[1]).lower(), str(row[2]).upper()) for row in rows if row[5]]
    return keys == [(column, "INTEGER")]


def _has_index(connection: ReadConnection, table: str, name: str, columns: tuple[str, ...]) -> bool:
    """Return whether the whole, ascending index of the contract is there under its name."""
    for row in connection.rows(f"PRAGMA index_list({table})", doing="read the schema"):
        if row[1] == name and not row[4]:
            parts = connection.rows(f"PRAGMA index_xinfo({name})", doing="read the schema")
            return tuple(part[2] for part in parts if part[5]) == columns and not any(part[3] for part in parts)
    return False


def _missing(tasks: frozenset[str], workers: frozenset[str], logs: frozenset[str]) -> tuple[str, ...]:
    missing = [f"task_queue.{name}" for name in (*TASK_COLUMNS, *_OTHER_TASK_COLUMNS) if name not in tasks]
    for table, found, wanted in (("workers", workers, _WORKER_COLUMNS), ("task_logs", logs, _LOG_COLUMNS)):
        missing += [f"{table}.{name}" for name in wanted if name not in found] if found else [table]
    return tuple(missing)
