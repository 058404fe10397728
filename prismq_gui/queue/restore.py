"""Restoring a queue from a backup: the content goes into the live file in one transaction.

Owns the replacing of a queue's whole content. Never copies a file over one that SQLite may have
open, and never over a WAL: SQLite's backup interface writes into the file itself, so that a crash
at any moment leaves the old content. Only what SQLite can't read at all is set aside by its name.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from prismq_gui.queue.backup import PAGES_A_STEP, CopyJob, make_file, require_room
from prismq_gui.queue.backup_files import folder_to_disk, is_side_file, move_new, new_name, remove, side_file, to_disk
from prismq_gui.queue.disk_room import ROOM_FACTOR
from prismq_gui.queue.exceptions import QueueBusyError, QueueDatabaseError
from prismq_gui.queue.holders import holders
from prismq_gui.queue.upkeep import (
    BUSY_DEADLINE_S,
    Cancel,
    Tell,
    asks,
    existing_file,
    in_line,
    open_reading,
    silent,
    sqlite_uri,
    when_free,
)
from prismq_gui.queue.verifying import Verification, verify_backup

_UNREADABLE_TEXTS = ("file is not a database", "database disk image is malformed", "malformed database schema")


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was restored.

    Attributes:
        old: The file that holds the old content; None where there was none.
        tasks: Tasks in the queue now.
        running: How many of them were running when the backup was made: their leases are from the past, and
            they are given back once those are over. Nothing was done about them.
        workers: Workers of that time; they are silent until they beat again.
    """

    path: Path
    old: Path | None
    tasks: int
    running: int
    workers: int
    elapsed_s: float


def restore_backup(
    queue: Path | str,
    source: Path | str,
    *,
    while_open: bool = False,
    pages_a_step: int = PAGES_A_STEP,
    progress: Tell = silent,
    cancel: Cancel | None = None,
    deadline_s: float = BUSY_DEADLINE_S,
) -> RestoreReport:
    """Give a queue the content of a backup, whole or not at all; the old content is kept beside it.

    The old content lies in ``<name>-before-restore-<UTC time>.db`` afterwards, which pruning never touches.

    Args:
        queue: The queue's file; it may be missing.
        source: The backup; it is verified first.
        while_open: Allow others to have the file open: readers see the old content until they read anew. A
            worker that runs a task meanwhile finds another task of that id, or none.
        pages_a_step: Pages copied between two looks at the stop.
        progress: Called after each step, with pages; and while the backup is verified.
        cancel: Stops it; the queue is then as it was.
        deadline_s: How long to wait for others.

    Raises:
        ValueError: ``pages_a_step`` is below 1.
        MaintenanceCancelled: It was stopped.
        QueueBusyError: Others have the file open, or write; the message names them as far as can be told.
        QueueDatabaseError: The backup is refused, or the old content can't be kept. The queue is as it was.
    """
    path, backup, started = Path(queue), existing_file(source), time.perf_counter()
    if is_side_file(backup, path):
        raise QueueDatabaseError(f"{backup} is the queue itself or a file of it. Nothing was changed. Choose a backup.")
    found = verify_backup(backup, progress=progress, cancel=cancel)
    if not found.ok:
        raise QueueDatabaseError(
            f"{backup} was not restored: {'; '.join(found.problems[:3])}. "
            f"The queue {path} was not touched. Choose another backup."
        )
    job = CopyJob(f"The restore of {path}", progress, asks(cancel), deadline_s, pages_a_step)
    try:
        old = _Restore(path, backup, found, job).run(while_open=while_open)
    except (sqlite3.Error, OSError) as error:
        raise QueueDatabaseError(
            f"The restore of {path} from {backup} failed: {str(error).rstrip('.')}. "
            "The queue's content was not changed."
        ) from error
    return RestoreReport(path, old, found.tasks, found.running, found.workers, time.perf_counter() - started)


class _Restore:
    """One restore from a backup that is sound; used once, in one thread."""

    def __init__(self, path: Path, backup: Path, found: Verification, job: CopyJob) -> None:
        self._path = path
        self._real = Path(os.path.realpath(path))  # what is renamed is the file, not a link to it
        self._backup = backup
        self._found = found
        self._job = job

    def run(self, *, while_open: bool) -> Path | None:
        """Restore; return where the old content lies."""
        size = int(self._found.pages * self._found.page_size * ROOM_FACTOR)
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            require_room(self._job.what, self._path.parent, size)
            return self._put_new_file()
        require_room(self._job.what, self._path.parent, size + self._path.stat().st_size)
        try:
            self._probe()
            with self._opened(while_open=while_open) as target:
                return self._into(target)
        except sqlite3.DatabaseError as error:
            if not _is_unreadable(error):
                raise
            return self._put_new_file()

    def _probe(self) -> None:
        """Read a little; raise where SQLite can't. A writing connection would delete the WAL of such a file."""
        with closing(open_reading(self._path)) as connection:
            connection.execute("PRAGMA busy_timeout = 0").close()
            try:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            except sqlite3.DatabaseError as error:
                if _is_unreadable(error):
                    raise  # anything else is met again, with its own words

    @contextmanager
    def _opened(self, *, while_open: bool) -> Iterator[sqlite3.Connection]:
        """Lend a writing connection; alone with the file unless others may have it open."""
        path, job = self._path, self._job
        with closing(sqlite3.connect(sqlite_uri(path, "rw"), uri=True, timeout=0, isolation_level=None)) as target:
            target.execute("PRAGMA mmap_size = 0").close()
            if not while_open:
                # Kept by the connection until it is closed; had only where no other connection has read the file.
                # Waited for outside of the line: the workers go on meanwhile.
                target.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
                self._begin(target)
            with in_line(path, job.stop, job.what, job.deadline_s):
                if while_open:
                    self._begin(target)
                yield target

    def _begin(self, target: sqlite3.Connection) -> None:
        """Wait until the write lock can be had, and give it back: the copying takes it by itself."""
        try:
            when_free(target, "BEGIN EXCLUSIVE", self._path, self._job.stop, self._job.what, self._job.deadline_s)
        except QueueBusyError:
            target.close()  # or this program would be among those named
            raise QueueBusyError(self._refusal()) from None
        target.execute("COMMIT").close()

    def _refusal(self) -> str:
        known = holders(self._path)
        named = f": {', '.join(known)}" if known else "; which ones can't be told here"
        return (
            f"The queue {self._path} was not restored: other programs have it open{named}. Nothing was changed. "
            "Stop the workers and close the other windows first, then try again."
        )

    def _into(self, target: sqlite3.Connection) -> Path:
        """Keep the old content, then copy the backup into the live file in one transaction."""
        page_size = target.execute("PRAGMA page_size").fetchone()[0]
        empty = target.execute("PRAGMA page_count").fetchone()[0] == 0
        if page_size != self._found.page_size and not empty:
            raise QueueDatabaseError(
                f"{self._backup} has pages of {self._found.page_size} bytes, the queue {self._path} of {page_size}: "
                "SQLite can't put the one into the other. Nothing was changed. Move the queue's files aside, then "
                "restore to the same name."
            )
        old = self._keep_old(target)
        try:
            with closing(open_reading(self._backup)) as source:
                self._job.run(source, target)
        except BaseException:
            if not self._job.done:  # the queue still holds all that the copy does
                remove(old)
            raise
        with suppress(sqlite3.Error):  # where a reader is in the way the next checkpoint does it
            target.execute("PRAGMA busy_timeout = 250").close()
            target.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return old

    def _keep_old(self, target: sqlite3.Connection) -> Path:
        """Copy the content there is into a file of its own, on the disk.

        Raises:
            QueueDatabaseError: It can't be kept; nothing was changed.
        """
        old = new_name(self._path, self._path.parent, kind="before-restore")
        part = side_file(old, ".part")
        try:
            make_file(target, part, self._job)
            to_disk(part)
            move_new(part, old)
            folder_to_disk(old.parent)
        except (sqlite3.Error, OSError) as error:
            if _is_unreadable(error):
                raise  # it is set aside by its name instead
            raise QueueDatabaseError(
                f"The queue {self._path} was not restored: its present content can't be kept in {old}: {error}. "
                "Nothing was changed."
            ) from error
        finally:
            remove(part)
        return old

    def _put_new_file(self) -> Path | None:
        """Make the file anew where there is none, or where SQLite can't read what is there.

        What lies there, a WAL too, is set aside under one dated name before.
        """
        aside = new_name(self._path, self._real.parent, kind="before-restore")
        part = side_file(aside, ".part")
        try:
            with closing(open_reading(self._backup)) as source:
                make_file(source, part, self._job)
            to_disk(part)
            with in_line(self._path, self._job.stop, self._job.what, self._job.deadline_s):
                self._refuse_users()
                moved = self._set_aside(aside)
                move_new(part, self._real)
            folder_to_disk(self._real.parent)
        except PermissionError as error:
            if os.name != "nt":  # there it means that somebody has the file open
                raise
            raise QueueBusyError(f"{self._refusal()} ({error})") from error
        finally:
            remove(part)
        return aside if moved else None

    def _refuse_users(self) -> None:
        """Refuse where a process is known to have the file open; Windows itself refuses to rename such a file."""
        known = [name for name in holders(self._path) if name.startswith("process")]
        if known:
            raise QueueBusyError(self._refusal())

    def _set_aside(self, aside: Path) -> bool:
        """Rename the queue's files; all back again where one can't be."""
        moved: list[tuple[Path, Path]] = []
        try:
            for end in ("-wal", "-shm", "-journal", ""):
                source, target = side_file(self._real, end), side_file(aside, end)
                if os.path.lexists(source):
                    move_new(source, target)
                    moved.append((source, target))
        except OSError:
            for source, target in reversed(moved):
                move_new(target, source)
            raise
        return any(source == self._real for source, _ in moved)


def _is_unreadable(error: Exception) -> bool:
    return isinstance(error, sqlite3.DatabaseError) and str(error).startswith(_UNREADABLE_TEXTS)
