"""Backups of a live queue: one file, whole or not there, verified.

Owns the copying of pages between two databases, by SQLite's backup interface alone: a copy of the
file's bytes would miss the WAL, and opening the file beside SQLite drops this process's locks.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from prismq_gui.queue import disk_room
from prismq_gui.queue.backup_files import (
    backup_folder,
    folder_to_disk,
    is_side_file,
    move_new,
    new_name,
    remove,
    side_file,
    taken,
    to_disk,
)
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.disk_room import bytes_text
from prismq_gui.queue.exceptions import QueueBusyError, QueueDatabaseError
from prismq_gui.queue.upkeep import (
    BUSY_DEADLINE_S,
    Cancel,
    MaintenanceCancelled,
    MaintenanceProgress,
    Tell,
    asks,
    existing_file,
    open_reading,
    silent,
    when_free,
)
from prismq_gui.queue.verifying import verify_backup

PAGES_A_STEP = 1_024  # 4 MiB: about 2 ms
_ROOM_MARGIN = 1.02
_NAP_S = 0.02
_SQLITE_OK, _SQLITE_DONE = 0, 101


@dataclass(frozen=True, slots=True)
class BackupReport:
    """A backup that is there; ``tasks`` is None where it wasn't verified."""

    path: Path
    bytes: int
    tasks: int | None
    elapsed_s: float


def back_up(
    queue: QueueDatabase | Path | str,
    target: Path | str | None = None,
    *,
    pages_a_step: int = PAGES_A_STEP,
    verify: bool = True,
    progress: Tell = silent,
    cancel: Cancel | None = None,
    deadline_s: float = BUSY_DEADLINE_S,
) -> BackupReport:
    """Copy the queue, as it is at one moment, into one file of its own, while others use it.

    The copy is made under a name ending in ``.part`` and gets its own name once it is whole,
    verified and on the disk. While it is made, the WAL of a busy queue grows.

    Args:
        queue: The file.
        target: The backup, a name nobody has yet; None means a name with the time in ``backups`` beside the queue.
        pages_a_step: Pages copied between two looks at the stop.
        verify: Check the copy wholly before it gets its name.
        progress: Called after each step, with pages; and while it is verified.
        cancel: Stops it; no file is left.
        deadline_s: How long it may stand still since another program holds one of the files.

    Raises:
        ValueError: ``pages_a_step`` is below 1.
        MaintenanceCancelled: It was stopped.
        QueueBusyError: Another program held one of the files.
        QueueDatabaseError: The name is taken or the queue's own, there is too little room, a disk
            refused, or the copy is damaged. No file of that name is there.
    """
    path, started = existing_file(queue), time.perf_counter()
    job = CopyJob("The backup", progress, asks(cancel), deadline_s, pages_a_step)
    final = _claim(path, Path(target) if target is not None else None)
    part = side_file(final, ".part")
    job.what = f"The backup {final}"
    try:
        with closing(open_reading(path)) as source:
            snapshot(source, path, job)
            make_file(source, part, job)
        tasks = _verified(part, final, job, cancel) if verify else None
        to_disk(part)
        size = part.stat().st_size
        move_new(part, final)
        folder_to_disk(final.parent)
    except (sqlite3.Error, OSError) as error:
        raise QueueDatabaseError(
            f"The backup {final} failed: {str(error).rstrip('.')}. The queue was not changed; no such backup is there."
        ) from error
    finally:
        _clear(part)
    return BackupReport(final, size, tasks, time.perf_counter() - started)


def _claim(queue: Path, target: Path | None) -> Path:
    """Return the name of a backup, with the ``.part`` beside it made: nobody else makes one of that name then.

    Raises:
        QueueDatabaseError: The name is refused, or the folder can't be written.
    """
    folder = target.parent if target is not None else backup_folder(queue)
    if target is not None:
        refuse_target(queue, target)
    try:
        if target is None:
            folder.mkdir(parents=True, exist_ok=True)
        while True:
            final = target or new_name(queue, folder)
            part = side_file(final, ".part")
            try:
                os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
            except FileExistsError:  # somebody chose the same name in this moment
                if target is not None:
                    raise
                continue
            if not os.path.lexists(final):
                return final
            remove(part)  # somebody has come to the end with it meanwhile
            if target is not None:
                refuse_target(queue, target)
    except (OSError, ValueError) as error:
        raise QueueDatabaseError(
            f"The backup in {folder} can't be made: {error}. The queue was not changed. Choose another place."
        ) from error


def refuse_target(queue: Path, target: Path) -> None:
    """Refuse a name for a backup that is the queue's own, or that something has already.

    Raises:
        QueueDatabaseError: It is refused.
    """
    if is_side_file(target, queue):
        raise QueueDatabaseError(f"{target} is the queue itself or a file of it. Nothing was copied. Use another name.")
    if taken(target):
        raise QueueDatabaseError(
            f"{target} exists already, or a file that belongs to one of that name (-wal, -journal, .part). "
            "Nothing was copied or overwritten. Use another name."
        )


@dataclass(slots=True)
class CopyJob:
    """One copying of pages, and how it is stopped; used once, in one thread.

    Attributes:
        what: The subject of its messages.
        deadline_s: How long no page may move.
        done: The last page is there, and committed: nothing is taken back any more.
    """

    what: str
    tell: Tell
    stop: Callable[[], bool]
    deadline_s: float
    pages_a_step: int = PAGES_A_STEP
    done: bool = False
    _moved_at: float = 0.0

    def __post_init__(self) -> None:
        if self.pages_a_step < 1:
            raise ValueError(f"pages_a_step must be 1 or more, not {self.pages_a_step!r}")

    def run(self, source: sqlite3.Connection, target: sqlite3.Connection) -> None:
        """Copy all pages; sqlite3's errors pass through.

        Raises:
            MaintenanceCancelled: It was stopped.
            QueueBusyError: No page moved for too long.
        """
        self.done, self._moved_at = False, time.monotonic()
        source.backup(target, pages=self.pages_a_step, progress=self._step, sleep=_NAP_S)

    def _step(self, status: int, remaining: int, total: int) -> None:
        """Run by sqlite3 after each step, also one that found a file locked: it would try again for ever."""
        self.done = status == _SQLITE_DONE
        if not self.done and self.stop():
            raise MaintenanceCancelled(f"{self.what} was cancelled. Nothing was changed.")
        now = time.monotonic()
        if status in (_SQLITE_OK, _SQLITE_DONE):
            self._moved_at = now
            self.tell(MaintenanceProgress("Copying", total - remaining, total))
        elif now - self._moved_at >= self.deadline_s:
            raise QueueBusyError(
                f"{self.what} was given up: another program held a file for over {self.deadline_s:g} s. "
                "Nothing was changed. Try again, or stop the workers first."
            )


def snapshot(source: sqlite3.Connection, path: Path, job: CopyJob) -> None:
    """Hold the content of this moment: without it each foreign commit would start the copy anew."""
    source.execute("PRAGMA busy_timeout = 0").close()
    source.execute("BEGIN").close()
    when_free(source, "SELECT count(*) FROM sqlite_master", path, job.stop, job.what, job.deadline_s)


def make_file(source: sqlite3.Connection, part: Path, job: CopyJob) -> None:
    """Copy a database into a new file that needs no WAL beside it; sqlite3's errors pass through.

    Raises:
        QueueDatabaseError: There is too little room; and as :meth:`CopyJob.run`.
    """
    pages, page_size = (source.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    require_room(job.what, part.parent, int(pages * page_size * _ROOM_MARGIN))
    with closing(sqlite3.connect(part, timeout=0, isolation_level=None)) as target:
        # What fails midway is deleted, so a journal would be for nothing; the disk is waited for at the end.
        target.execute("PRAGMA journal_mode = OFF").fetchall()
        target.execute("PRAGMA synchronous = OFF").close()
        job.run(source, target)
    with closing(sqlite3.connect(part, timeout=0, isolation_level=None)) as target:
        when_free(target, "PRAGMA journal_mode = DELETE", part, job.stop, job.what, job.deadline_s)


def require_room(what: str, folder: Path, needed: int) -> None:
    """Look for room in a folder before the work starts.

    Raises:
        QueueDatabaseError: There is too little, or no such folder.
    """
    try:
        free = disk_room.free_bytes(folder)
    except OSError as error:
        raise QueueDatabaseError(f"{what} can't be made: {error}. Nothing was changed.") from error
    if free < needed:
        raise QueueDatabaseError(
            f"{what} was not started: it needs {bytes_text(needed)} in {folder}, where {bytes_text(free)} are free. "
            "Nothing was changed. Make room first."
        )


def _verified(part: Path, final: Path, job: CopyJob, cancel: Cancel | None) -> int:
    """Return how many tasks the copy holds.

    Raises:
        QueueDatabaseError: It is damaged.
    """
    found = verify_backup(part, progress=job.tell, cancel=cancel)
    if not found.ok:
        raise QueueDatabaseError(
            f"The backup {final} was not kept, since its content is not sound: {'; '.join(found.problems[:3])}. "
            "The queue was not changed. Check the queue; a copy without verification can be made all the same."
        )
    return found.tasks


def _clear(part: Path) -> None:
    """Delete what is left of an unfinished copy."""
    for end in ("", "-journal", "-wal", "-shm"):
        with suppress(OSError):
            remove(side_file(part, end))
