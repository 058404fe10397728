"""What a person should know of a file before it is opened, found by names and stat alone.

Owns the cautions: a network drive, another account, an elevated program, a copy by its name, a missing -wal.
Must not open the file: opening is what some of these warn of. Nothing here raises for a path that cannot be looked at.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.layout import Layout, is_network_path
from prismq_gui.queue.transitions import RUNNING

_NETWORK_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "ncpfs", "davfs"})
_MOUNTS = Path("/proc/self/mounts")
# Our own backups: queue-backup-20260131T235959Z.db, and of other kinds.
_BACKUP = re.compile(r".+-[a-z][a-z-]*-\d{8}T\d{6}Z(-\d+)?\.db", re.ASCII)
# What Windows, macOS and people name a copy.
_COPY = re.compile(
    r".+( - (copy|kopie|copie|copia)( \(\d+\))?| copy( \d+)?)(\.\w+)?|copy of .+|.+\.(bak|backup|old|orig)(\d+)?",
    re.IGNORECASE,
)


class CautionKind(Enum):
    """What a caution is about."""

    NETWORK = "network"
    OTHER_ACCOUNT = "another account"
    ELEVATED = "elevated"
    COPY = "copy or backup"


@dataclass(frozen=True, slots=True)
class Caution:
    """One sentence; where ``must_confirm`` the file is opened only once the person said so."""

    kind: CautionKind
    sentence: str
    must_confirm: bool


def cautions(path: Path) -> tuple[Caution, ...]:
    """Return what to tell before opening a file; nothing where it does not exist, which opening tells itself."""
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises where the folder may not be entered
        return ()
    found = [*_network(path), *_account(path)]
    if is_copy(path):
        text = "By its name this is a copy or a backup: it is opened read-only, so that it stays what it is."
        found.append(Caution(CautionKind.COPY, text, must_confirm=False))
    return tuple(found)


def is_copy(path: Path) -> bool:
    """Return whether a file is a copy or a backup of a queue, by its name."""
    name = path.name
    return _BACKUP.fullmatch(name) is not None or _COPY.fullmatch(name) is not None


def lacks_wal(path: Path) -> bool:
    """Return whether no -wal lies beside a file; to be asked before it is opened, which makes one.

    Looking at a copy leaves an empty one beside it, which says no more than none; beside a queue in use one may be
    empty after a checkpoint.
    """
    try:
        size_bytes = os.stat(f"{os.path.realpath(path)}-wal").st_size  # noqa: PTH116 - a string, as SQLite names it
    except (OSError, ValueError):
        return True
    return size_bytes == 0 and is_copy(path)


def missing_wal_notes(connection: ReadConnection, layout: Layout) -> tuple[str, ...]:
    """Return a warning on an open file that had no -wal, where that may be missed: of a copy, or where tasks run.

    The last program that closes a queue in order takes the -wal away, and leaves nothing running.
    """
    if connection.value("PRAGMA journal_mode", doing="read the schema") != "wal":
        return ()
    sql = "SELECT 1 FROM task_queue WHERE status = ? LIMIT 1"
    statuses = RUNNING if layout.has_status_index else ()
    running = any(connection.rows(sql, (status,), doing="look for running tasks") for status in statuses)
    if not running and not is_copy(connection.path):
        return ()
    why = "tasks are running in it" if running else "by its name it is a copy"
    return (
        f"There is no -wal beside this file, but {why}: if it was copied while it was in use, the newest changes are "
        "missing from it. Copy a queue with its -wal, or make a backup.",
    )


def _network(path: Path) -> Iterator[Caution]:
    real = os.path.realpath(path)
    if is_network_path(real) or _is_network_mount(real):
        text = (
            "The file is on a network drive, where WAL is unsafe: two machines can damage it. Open it on the machine "
            "that holds it; here only to look at it, read-only."
        )
        yield Caution(CautionKind.NETWORK, text, must_confirm=True)


def _is_network_mount(real: str) -> bool:
    """Return whether the longest mount point above a path is of a network file system (Linux)."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return kind_of_mount(lines, real) in _NETWORK_SYSTEMS


def kind_of_mount(lines: list[str], real: str) -> str:
    """Return the file system a path lies on, by the lines of /proc/self/mounts; '' where none is found."""
    best, kind = -1, ""
    for line in lines:
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), parts[1])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:  # a later mount hides an earlier one
            best, kind = len(point), parts[2]
    return kind


def _account(path: Path) -> Iterator[Caution]:
    if os.name == "nt":
        if _is_elevated():
            text = (
                "This program runs elevated: the -wal and -shm files it makes may lock out workers that do not. Start "
                "it without administrator rights."
            )
            yield Caution(CautionKind.ELEVATED, text, must_confirm=True)
        return
    try:
        owner = path.stat().st_uid
    except OSError:
        return
    # Root's SQLite gives the files it makes to the owner of the database.
    if owner != os.geteuid() and os.geteuid() != 0 and _makes_files(path):
        text = (
            "The file belongs to another account, and nobody has it open: opening it makes -wal and -shm files that "
            "its owner cannot write, which stops the workers. Open it under that account, or while they run."
        )
        yield Caution(CautionKind.OTHER_ACCOUNT, text, must_confirm=True)


def _makes_files(path: Path) -> bool:
    """Whether opening would leave files beside it: they are not there yet, and the folder can be written."""
    real = os.path.realpath(path)
    return lacks_wal(path) and os.access(os.path.dirname(real), os.W_OK)  # noqa: PTH120 - as SQLite does


def _is_elevated() -> bool:
    import ctypes  # noqa: PLC0415 - Windows alone needs it

    windll = getattr(ctypes, "windll", None)
    return windll is not None and bool(windll.shell32.IsUserAnAdmin())
