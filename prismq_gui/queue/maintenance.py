"""Vacuum, checkpoint, analyze and optimize of a live queue file.

Owns the care of the file as a whole; changes no task. All of it lines up at the writers' lock
file, gives up where the file stays held, and never makes a file.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from prismq_gui.queue import disk_room
from prismq_gui.queue.database import QueueDatabase, explain, is_busy
from prismq_gui.queue.disk_room import bytes_text
from prismq_gui.queue.exceptions import QueueBusyError, QueueDatabaseError
from prismq_gui.queue.upkeep import (
    BUSY_DEADLINE_S,
    Cancel,
    MaintenanceCancelled,
    MaintenanceProgress,
    Tell,
    Watch,
    asks,
    existing_file,
    in_line,
    silent,
    when_free,
    writing_apart,
)

CHECKPOINT_WAIT_S = 0.25  # a TRUNCATE checkpoint that waits for a reader holds all writers meanwhile
WAL_WARNING_BYTES = 256 * 1024 * 1024
ANALYSIS_LIMIT = 1_000


class CheckpointMode(Enum):
    """How far a checkpoint goes; the value is SQLite's name."""

    PASSIVE = "PASSIVE"
    """Moves what it can without waiting for anybody."""
    FULL = "FULL"
    """Waits for readers of old content, and moves all."""
    RESTART = "RESTART"
    """As FULL; and the next writer starts the WAL from its beginning."""
    TRUNCATE = "TRUNCATE"
    """As RESTART; and cuts the WAL to nothing."""


@dataclass(frozen=True, slots=True)
class CheckpointReport:
    """What a checkpoint did: SQLite's three numbers, and what they mean.

    Attributes:
        busy: SQLite was kept from finishing (never told by PASSIVE, which doesn't try).
        wal_pages: Pages in the WAL; -1 where another checkpoint was running, or the file has no WAL.
        moved_pages: Pages of it that are in the file now.
        wal_bytes: Size of the WAL afterwards.
    """

    mode: CheckpointMode
    busy: bool
    wal_pages: int
    moved_pages: int
    wal_bytes: int

    @property
    def in_the_way(self) -> bool:
        """Whether somebody was in the way: a reader of old content, a writer or another checkpoint."""
        return self.busy or self.moved_pages < self.wal_pages

    @property
    def sentence(self) -> str:
        """What it did, in plain words."""
        return self._what() + self._warning()

    def _what(self) -> str:
        if self.wal_pages < 0:
            return "another checkpoint is running" if self.busy else "the file has no WAL: there was nothing to do"
        if self.moved_pages < self.wal_pages:
            return f"partly done: {self.moved_pages:,} of {self.wal_pages:,} pages, a reader is active"
        if self.busy:
            return f"all {self.wal_pages:,} pages are moved, but the WAL is in use and was not cut"
        return "done"

    def _warning(self) -> str:
        if self.wal_bytes <= WAL_WARNING_BYTES or not self.in_the_way:
            return ""
        return (
            f"; the WAL is large ({bytes_text(self.wal_bytes)}), "
            "since a reader or another process holds an old snapshot: end it, then checkpoint again"
        )


@dataclass(frozen=True, slots=True)
class VacuumReport:
    """What a vacuum did; sizes in bytes of the file itself, times in seconds.

    Attributes:
        bytes_freed: By how much the file is smaller; 0 where ``checkpoint`` couldn't put it in place yet.
        checkpoint: The checkpoint after it: until it is done the file keeps its old size.
        bytes_uncut: What the rewritten file has no use for, but Windows did not cut off (see :func:`uncut_bytes`).
    """

    bytes_before: int
    bytes_after: int
    bytes_freed: int
    checkpoint: CheckpointReport
    elapsed_s: float
    bytes_uncut: int = 0


def checkpoint(
    queue: QueueDatabase | Path | str,
    mode: CheckpointMode = CheckpointMode.TRUNCATE,
    *,
    wait_s: float = CHECKPOINT_WAIT_S,
) -> CheckpointReport:
    """Move the WAL into the file, as far as others let it.

    Args:
        queue: The file.
        mode: How far to go.
        wait_s: How long to wait for others, in all: the writers wait with it.

    Raises:
        QueueDatabaseError: There is no such file, or SQLite refused.
    """
    path = existing_file(queue)
    try:
        with writing_apart(path) as connection:
            return checkpoint_on(connection, path, mode, wait_s=wait_s)
    except sqlite3.Error as error:
        raise explain(error, path) from error


def checkpoint_on(
    connection: sqlite3.Connection, path: Path, mode: CheckpointMode, *, wait_s: float = CHECKPOINT_WAIT_S
) -> CheckpointReport:
    """Checkpoint on a connection that is open; sqlite3's errors other than busy pass through."""
    deadline = time.monotonic() + wait_s
    try:
        with in_line(path, lambda: False, "The checkpoint", wait_s):
            left_ms = max(0, int((deadline - time.monotonic()) * 1000))
            connection.execute(f"PRAGMA busy_timeout = {left_ms}").close()
            try:
                busy, pages, moved = connection.execute(f"PRAGMA wal_checkpoint({mode.value})").fetchone()
            finally:
                connection.execute("PRAGMA busy_timeout = 0").close()
    except QueueBusyError:  # the line did not move in time
        busy, pages, moved = 1, -1, -1
    except sqlite3.OperationalError as error:
        if not is_busy(error):
            raise
        busy, pages, moved = 1, -1, -1
    return CheckpointReport(mode, bool(busy), pages, moved, wal_bytes(path))


def wal_bytes(path: Path) -> int:
    """Return the size of the WAL file, 0 where there is none."""
    with suppress(OSError):
        return Path(f"{os.path.realpath(path)}-wal").stat().st_size
    return 0


def vacuum(
    queue: QueueDatabase | Path | str,
    *,
    progress: Tell = silent,
    cancel: Cancel | None = None,
    deadline_s: float = BUSY_DEADLINE_S,
) -> VacuumReport:
    """Rewrite the file without its free pages; writers wait meanwhile, readers don't.

    It can be cancelled while SQLite rewrites the content into a temporary file, no longer while that
    copy is put back (2 of 3 s at 350 MiB).

    Args:
        queue: The file.
        progress: Called about four times a second; ``total`` is 0, since SQLite doesn't tell.
        cancel: Stops it; the file is then as it was.
        deadline_s: How long to wait for the write lock.

    Raises:
        MaintenanceCancelled: It was stopped; nothing was changed.
        QueueBusyError: Another program held the file; nothing was changed.
        QueueDatabaseError: Too little room on the disk (told beforehand), or SQLite refused.
    """
    path, stop, started = existing_file(queue), asks(cancel), time.perf_counter()
    require_room(path)
    try:
        with writing_apart(path) as connection:
            progress(MaintenanceProgress("Checkpoint"))
            checkpoint_on(connection, path, CheckpointMode.TRUNCATE)
            before = path.stat().st_size
            progress(MaintenanceProgress("Waiting for the write lock"))
            _rewrite(connection, path, stop, progress, deadline_s)
            progress(MaintenanceProgress("Checkpoint"))
            done = checkpoint_on(connection, path, CheckpointMode.TRUNCATE)
            uncut = 0 if done.in_the_way else uncut_bytes(connection, path)
    except sqlite3.Error as error:
        raise explain(error, path) from error
    after = path.stat().st_size
    return VacuumReport(before, after, max(0, before - after), done, time.perf_counter() - started, uncut)


def uncut_bytes(connection: sqlite3.Connection, path: Path) -> int:
    """Return by how much the file is larger than its content, after a checkpoint that nobody was in the way of.

    Windows cuts no file that a program has mapped into memory, as workers and other writers have; SQLite
    passes over that in silence.
    """
    pages, page_size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return max(0, path.stat().st_size - int(pages) * int(page_size))


def uncut_words(uncut: int) -> str:
    """Return in words what remains of a file that could not be cut."""
    return (
        f"{bytes_text(uncut)} more could not be cut off, since workers or other programs have the file open: "
        "new tasks will fill them, or vacuum again once those have ended"
    )


def _rewrite(
    connection: sqlite3.Connection, path: Path, stop: Callable[[], bool], progress: Tell, deadline_s: float
) -> None:
    """Run VACUUM; where it fails midway, cut the WAL that it left behind."""

    def tell(elapsed_s: float) -> None:
        progress(MaintenanceProgress(f"Rewriting the file, {elapsed_s:.0f} s"))

    failure: sqlite3.Error | None = None
    with in_line(path, stop, "The vacuum", deadline_s), Watch(connection, stop, tell) as watch:
        try:
            when_free(connection, "VACUUM", path, stop, "The vacuum", deadline_s)
        except sqlite3.Error as error:
            if watch.stopped:
                raise MaintenanceCancelled(f"The vacuum of {path} was cancelled. The file is as it was.") from None
            failure = error
    if failure is not None:
        with suppress(sqlite3.Error):
            checkpoint_on(connection, path, CheckpointMode.TRUNCATE)
        raise explain(failure, path) from failure


def require_room(path: Path) -> None:
    """Look for the room a vacuum needs, before it starts.

    Raises:
        QueueDatabaseError: There is too little.
    """
    beside, temp = Path(os.path.realpath(path)).parent, disk_room.temp_folder()
    room = disk_room.vacuum_room(
        path.stat().st_size + wal_bytes(path),
        disk_room.free_bytes(beside),
        disk_room.free_bytes(temp),
        same_volume=disk_room.same_volume(beside, temp),
    )
    if not room.enough:
        raise QueueDatabaseError(f"{path}: {room_words(room)}. It was not started. Make room first.")


def room_words(room: disk_room.VacuumRoom) -> str:
    """Return in words what a vacuum needs and what is free."""
    both = " (both on one volume)" if room.together else ""
    return (
        f"Too little room for a vacuum: it needs {bytes_text(room.needed)} beside the file and again for temporary "
        f"files; free are {bytes_text(room.beside)} beside the file and {bytes_text(room.temp)} "
        f"for temporary files{both}"
    )


def analyze(
    queue: QueueDatabase | Path | str,
    *,
    limit: int = ANALYSIS_LIMIT,
    progress: Tell = silent,
    cancel: Cancel | None = None,
    deadline_s: float = BUSY_DEADLINE_S,
) -> None:
    """Gather the figures by which SQLite chooses its indexes; writers wait meanwhile.

    Args:
        queue: The file.
        limit: About how many rows to look at an index; 0 means all of them, which takes long.
        progress: Called about four times a second.
        cancel: Stops it; the figures are then as they were.
        deadline_s: How long to wait for the write lock.

    Raises:
        ValueError: The limit is below 0.
        MaintenanceCancelled: It was stopped.
        QueueDatabaseError: As :func:`vacuum`.
    """
    if limit < 0:
        raise ValueError(f"limit must be 0 (all rows) or more, not {limit!r}")
    _run_one(queue, "ANALYZE", limit, "The analysis", progress, cancel, deadline_s)


def optimize(
    queue: QueueDatabase | Path | str, *, cancel: Cancel | None = None, deadline_s: float = BUSY_DEADLINE_S
) -> None:
    """Let SQLite renew the figures that have grown stale, if any: cheap, for regular use.

    Raises:
        MaintenanceCancelled: It was stopped.
        QueueDatabaseError: As :func:`vacuum`.
    """
    _run_one(queue, "PRAGMA optimize", ANALYSIS_LIMIT, "The optimization", silent, cancel, deadline_s)


def _run_one(
    queue: QueueDatabase | Path | str,
    sql: str,
    limit: int,
    doing: str,
    progress: Tell,
    cancel: Cancel | None,
    deadline_s: float,
) -> None:
    path, stop = existing_file(queue), asks(cancel)

    def tell(elapsed_s: float) -> None:
        progress(MaintenanceProgress(f"{doing} runs, {elapsed_s:.0f} s"))

    try:
        with writing_apart(path) as connection:
            connection.execute(f"PRAGMA analysis_limit = {int(limit)}").close()
            with in_line(path, stop, doing, deadline_s), Watch(connection, stop, tell) as watch:
                try:
                    when_free(connection, sql, path, stop, doing, deadline_s)
                except sqlite3.Error:
                    if not watch.stopped:
                        raise
                    raise MaintenanceCancelled(f"{doing} of {path} was cancelled. Nothing was changed.") from None
    except sqlite3.Error as error:
        raise explain(error, path) from error
