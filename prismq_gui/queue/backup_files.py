"""The names of backups: made, listed and pruned by them.

Owns the pattern ``<queue's name>-backup-20260131T235959Z.db`` (UTC; ``-2`` and so on before ``.db``
where a second holds more than one). Files of any other name are never touched.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from prismq_gui.queue.exceptions import QueueDatabaseError
from prismq_gui.queue.timestamps import now_utc
from prismq_gui.queue.upkeep import open_reading

RENAME_PATIENCE_S = 3.0
_STAMP = "%Y%m%dT%H%M%SZ"
_SIDE_FILES = ("-wal", "-shm", "-journal", "-lock", "-line")


@dataclass(frozen=True, slots=True)
class BackupFile:
    """A backup found in a folder.

    Attributes:
        made_at: By its name, naive UTC.
        number: Which one of that second, from 1.
        bytes: Its size.
        tasks: How many tasks it holds; None where it can't be read.
    """

    path: Path
    made_at: datetime
    number: int
    bytes: int
    tasks: int | None


@dataclass(frozen=True, slots=True)
class PruneReport:
    """Which backups were deleted, which kept, and which could not be deleted (with the reason)."""

    deleted: tuple[Path, ...]
    kept: tuple[Path, ...]
    failed: tuple[tuple[Path, str], ...]


def backup_folder(db_path: Path) -> Path:
    """Return where backups of a queue lie unless told otherwise: ``backups`` beside it."""
    return Path(os.path.abspath(db_path)).parent / "backups"  # noqa: PTH100 (resolve() would follow links)


def new_name(db_path: Path, folder: Path, *, kind: str = "backup", now: datetime | None = None) -> Path:
    """Return a name that is free in the folder, bearing the time."""
    stem = f"{db_path.stem}-{kind}-{(now or now_utc()).strftime(_STAMP)}"
    number, path = 1, folder / f"{stem}.db"
    while taken(path):
        number += 1
        path = folder / f"{stem}-{number}.db"
    return path


def taken(path: Path) -> bool:
    """Return whether something lies under this name, beside it (a WAL, a journal), or is being made for it."""
    names = (path, *(side_file(path, end) for end in _SIDE_FILES), side_file(path, ".part"))
    return any(os.path.lexists(name) for name in names)


def side_file(path: Path, end: str) -> Path:
    """Return the name of a file beside this one."""
    return path.with_name(path.name + end)


def is_side_file(path: Path, of: Path) -> bool:
    """Return whether the path is the queue itself or one of the files SQLite and we keep beside it."""
    own = {_same(of), *(_same(side_file(of, end)) for end in _SIDE_FILES)}
    return _same(path) in own or (path.exists() and of.exists() and path.samefile(of))


def _same(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))


def list_backups(db_path: Path | str, folder: Path | str | None = None, *, count: bool = True) -> list[BackupFile]:
    """Return the queue's backups in the folder, newest first by name.

    Args:
        db_path: The queue whose backups to list; it needn't exist any more.
        folder: Where they lie; None means ``backups`` beside the queue.
        count: Count the tasks in each, which opens it.

    Raises:
        QueueDatabaseError: The folder can't be read (one that isn't there holds none).
    """
    queue = Path(db_path)
    place = Path(folder) if folder is not None else backup_folder(queue)
    try:
        files = list(place.iterdir()) if place.is_dir() else []
    except OSError as error:
        raise QueueDatabaseError(f"The folder {place} can't be read: {error}. Nothing was changed.") from error
    found = [backup for path in files if (backup := _backup(queue, path, count=count)) is not None]
    return sorted(found, key=lambda backup: (backup.made_at, backup.number), reverse=True)


def _backup(queue: Path, path: Path, *, count: bool) -> BackupFile | None:
    """Return what a file is by its name; None where it is none of the queue's backups."""
    match = re.fullmatch(re.escape(queue.stem) + r"-backup-(\d{8}T\d{6}Z)(?:-([1-9]\d{0,5}))?\.db", path.name, re.ASCII)
    try:
        if match is None or path.is_symlink() or not path.is_file():
            return None
        made_at = datetime.strptime(match.group(1), _STAMP)
        size = path.stat().st_size
    except (OSError, ValueError):  # gone meanwhile; 30 February
        return None
    return BackupFile(path, made_at, int(match.group(2) or 1), size, _task_count(path) if count else None)


def _task_count(path: Path) -> int | None:
    try:
        with closing(open_reading(path)) as connection:
            count: int = connection.execute("SELECT count(*) FROM task_queue").fetchone()[0]
    except (sqlite3.Error, QueueDatabaseError):
        return None
    return count


def prune_backups(
    db_path: Path | str,
    folder: Path | str | None = None,
    *,
    keep_newest: int | None = None,
    keep_younger_than: timedelta | None = None,
    now: datetime | None = None,
) -> PruneReport:
    """Delete backups that neither rule keeps; the newest is always kept, and files of other names are.

    Args:
        db_path: The queue whose backups to prune.
        folder: Where they lie; None means ``backups`` beside the queue.
        keep_newest: Keep so many, by the order of their names.
        keep_younger_than: Keep those younger by their names, and those from the future (a clock was set back).
        now: The time, for tests.

    Raises:
        ValueError: No rule is given, or one below 1 or negative.
        QueueDatabaseError: The folder can't be read.
    """
    if keep_newest is None and keep_younger_than is None:
        raise ValueError("give keep_newest, keep_younger_than or both: without a rule nothing is pruned")
    if keep_newest is not None and keep_newest < 1:
        raise ValueError(f"keep_newest must be 1 or more, not {keep_newest!r}")
    if keep_younger_than is not None and keep_younger_than < timedelta(0):
        raise ValueError(f"keep_younger_than must not be negative, but is {keep_younger_than!r}")
    backups = list_backups(db_path, folder, count=False)
    since = (now or now_utc()) - keep_younger_than if keep_younger_than is not None else None
    kept, deleted, failed = [], [], []
    for place, backup in enumerate(backups):
        young = since is not None and backup.made_at >= since
        if place < max(1, keep_newest or 0) or young:
            kept.append(backup.path)
            continue
        try:
            remove(backup.path)
        except OSError as error:
            failed.append((backup.path, str(error)))
        else:
            deleted.append(backup.path)
    return PruneReport(tuple(deleted), tuple(kept), tuple(failed))


def remove(path: Path, patience_s: float = 0.3) -> None:
    """Delete a file that may be gone already, again for a moment where a scanner holds it (Windows).

    Raises:
        OSError: It can't be deleted.
    """
    _patiently(lambda: path.unlink(missing_ok=True), patience_s)


def move_new(source: Path, target: Path, patience_s: float = RENAME_PATIENCE_S) -> None:
    """Give a file a name that nobody has yet, again for a moment where a scanner holds it (Windows).

    Raises:
        FileExistsError: Something has that name.
        OSError: It can't be renamed.
    """

    def move() -> None:
        if os.name == "nt":
            source.rename(target)  # refuses a name that is taken
            return
        try:
            os.link(source, target)  # refuses a name that is taken, where rename() overwrites
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if os.path.lexists(target):
                raise FileExistsError(f"{target} exists") from None
            source.replace(target)
        else:
            source.unlink()

    _patiently(move, patience_s)


def _patiently(act: Callable[[], None], patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            act()
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.02)  # a virus scanner lets a new file go by itself, and Windows tells nobody when
        else:
            return


def to_disk(path: Path) -> None:
    """Wait until a file, and its name in the folder, are on the disk.

    Must not be called for a file that this process has open in SQLite: closing it drops the locks there.

    Raises:
        OSError: The disk refused.
    """
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    folder_to_disk(path.parent)


def folder_to_disk(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; Windows sees to that by itself.

    Raises:
        OSError: The disk refused.
    """
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
