"""What all maintenance of a queue file shares: progress, stop, connections apart, waiting for the lock.

Owns the manners of long work on a file. Each piece of it uses a connection of its own, so that a
program's other threads go on with theirs. Must not know what the work is.
"""

from __future__ import annotations

import os
import random
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import quote_from_bytes

from prismq_gui.queue.database import QueueDatabase, explain, is_busy
from prismq_gui.queue.exceptions import QueueBusyError, QueueDatabaseError
from prismq_gui.queue.write_lock import WriteLock

Cancel = threading.Event | Callable[[], bool]
"""How to stop long work: an event that is set, or a callable that returns True; asked often, so it must be quick."""

LOOK_STEPS = 5_000  # VM steps between two looks at the stop: under 5 ms, with large payloads too
TELL_EVERY_S = 0.25
BUSY_DEADLINE_S = 5.0
_LOOK_IN_LINE_S = 0.05
_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.0005, 0.004


class MaintenanceCancelled(QueueDatabaseError):  # noqa: N818 (not an error: the person's wish)
    """Work that is done whole or not at all was cancelled; the message says what was not changed."""


@dataclass(frozen=True, slots=True)
class MaintenanceProgress:
    """How far long work has come.

    Attributes:
        text: What is being done, in plain words.
        done: How much of ``total``; 0 where SQLite doesn't tell.
        total: 0 where it isn't known beforehand.
    """

    text: str
    done: int = 0
    total: int = 0


Tell = Callable[[MaintenanceProgress], None]


def asks(cancel: Cancel | None) -> Callable[[], bool]:
    """Return the question whether to stop."""
    if cancel is None:
        return lambda: False
    return cancel.is_set if isinstance(cancel, threading.Event) else cancel


def silent(progress: MaintenanceProgress) -> None:
    """Tell nobody."""


def pause(cancel: Cancel | None, seconds: float) -> None:
    """Let others go first for so long; ends at once where a stop event is set."""
    if isinstance(cancel, threading.Event):
        cancel.wait(seconds)
    else:
        time.sleep(seconds)


def existing_file(queue: QueueDatabase | Path | str) -> Path:
    """Return the queue's path.

    Raises:
        QueueDatabaseError: No file is there: maintenance never makes one.
    """
    path = queue.db_path if isinstance(queue, QueueDatabase) else Path(queue)
    if not path.is_file():
        raise QueueDatabaseError(f"There is no queue file {path}. Nothing was made or changed. Check the path.")
    return path


def sqlite_uri(path: Path, mode: str) -> str:
    """Return the URI that opens exactly this file (``ro`` or ``rw``), whatever its name holds, and never makes one.

    All but letters, digits and ``_.-~`` is percent-encoded, so that drive letters and network paths do too.
    """
    name = os.path.abspath(path)  # noqa: PTH100 (resolve() would follow links)
    raw = name.encode("utf-8", "surrogatepass") if sys.platform == "win32" else os.fsencode(name)
    return f"file:{quote_from_bytes(raw, safe='')}?mode={mode}"


def open_reading(path: Path) -> sqlite3.Connection:
    """Open a connection that can't write; text that isn't UTF-8 comes with escapes.

    Raises:
        QueueDatabaseError: It can't be opened.
    """
    try:
        connection = sqlite3.connect(sqlite_uri(path, "ro"), uri=True, timeout=BUSY_DEADLINE_S, isolation_level=None)
    except sqlite3.Error as error:
        raise explain(error, path) from error
    connection.text_factory = lambda data: cast(bytes, data).decode("utf-8", "backslashreplace")
    # Under mmap a file cut short by another program would kill this process.
    connection.execute("PRAGMA mmap_size = 0").close()
    return connection


@contextmanager
def writing_apart(path: Path) -> Iterator[sqlite3.Connection]:
    """Lend a writing connection of its own, which neither waits for a lock by itself nor makes a file.

    The queue's own connections wait in line while they are opened, and that wait can't be cancelled; they
    keep temporary data in memory, where VACUUM's copy could be as large as the queue.

    Raises:
        QueueDatabaseError: It can't be opened.
    """
    try:
        connection = sqlite3.connect(sqlite_uri(path, "rw"), uri=True, timeout=0, isolation_level=None)
    except sqlite3.Error as error:
        raise explain(error, path) from error
    with closing(connection):
        for setting in ("temp_store = FILE", "mmap_size = 0", "cache_size = -20000", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {setting}").close()
        yield connection


@contextmanager
def in_line(path: Path, stop: Callable[[], bool], doing: str, deadline_s: float = BUSY_DEADLINE_S) -> Iterator[None]:
    """Hold the advisory lock of the queue's writers for the block.

    Raises:
        MaintenanceCancelled: While waiting.
        QueueBusyError: The line didn't move in time.
    """
    with closing(WriteLock(path)) as door:
        deadline = time.monotonic() + deadline_s
        try:
            while not door.acquire(min(_LOOK_IN_LINE_S, deadline_s)):
                _give_up(path, stop, doing, deadline)
            yield
        finally:
            door.release()


def when_free(
    connection: sqlite3.Connection,
    sql: str,
    path: Path,
    stop: Callable[[], bool],
    doing: str,
    deadline_s: float = BUSY_DEADLINE_S,
) -> None:
    """Run a statement, again after 0.5 to 4 ms while another connection holds the lock.

    Raises:
        MaintenanceCancelled: While waiting.
        QueueBusyError: The lock wasn't had in time.
        sqlite3.Error: The statement's own.
    """
    deadline = time.monotonic() + deadline_s
    while True:
        try:
            connection.execute(sql).close()
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
        else:
            return
        _give_up(path, stop, doing, deadline)
        time.sleep(random.uniform(_SHORTEST_WAIT_S, _LONGEST_WAIT_S))  # noqa: S311 (spreads waits, hides nothing)


def _give_up(path: Path, stop: Callable[[], bool], doing: str, deadline: float) -> None:
    if stop():
        raise MaintenanceCancelled(f"{doing} of {path} was cancelled while it waited. Nothing was changed.")
    if time.monotonic() >= deadline:
        raise QueueBusyError(
            f"{doing} of {path} was not started: another program held the file all the time. Nothing was changed. "
            "Try again, or stop the workers first."
        )


class Watch:
    """Looks at the stop, and tells how it goes, while one statement runs; used once, in one thread.

    SQLite calls it between its steps. Where the statement was ended by it, ``stopped`` is set, or
    what a callback raised is raised again at the end of the ``with`` block in place of SQLite's error.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        stop: Callable[[], bool],
        tell: Callable[[float], None],
        *,
        tell_every_s: float = TELL_EVERY_S,
        steps: int = LOOK_STEPS,
    ) -> None:
        self.stopped = False
        self._connection = connection
        self._stop = stop
        self._tell = tell
        self._tell_every_s = tell_every_s
        self._steps = steps
        self._started = self._told_at = time.perf_counter()
        self._raised: BaseException | None = None

    def __enter__(self) -> Watch:
        self._connection.set_progress_handler(self._look, self._steps)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._connection.set_progress_handler(None, 0)
        if self._raised is not None:
            raise self._raised

    def _look(self) -> int:
        """Run by SQLite: nothing may be raised here, or it is lost."""
        try:
            now = time.perf_counter()
            if now - self._told_at >= self._tell_every_s:
                self._told_at = now
                self._tell(now - self._started)
            self.stopped = self.stopped or self._stop()
        except BaseException as error:  # noqa: BLE001 (raised again at the end of the block)
            self._raised = error
            return 1
        return int(self.stopped)
