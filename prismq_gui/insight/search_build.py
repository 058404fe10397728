"""Building the full-text index and keeping it up, in the background and within a share of one core.

Owns the loop, its pauses, and what becomes of a side file that is of no use: it is deleted and built anew. What a slice
of work is stands in ``search_work``. One builder a side file: a lock sees to that.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import disk_usage
from typing import Final

from prismq_gui.insight import search_files as files
from prismq_gui.insight.breath import Breath
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.layout import read_layout
from prismq_gui.insight.search_index import LIMIT_BYTES, IndexState, IndexStatus
from prismq_gui.insight.search_work import TAIL_ROWS, Anew, Gone, NoRoomWithin, Unable, Work
from prismq_gui.queue.write_lock import WriteLock

SHARE: Final = 0.1  # of one core
IDLE_S: Final = 2.0
_LIVE_FACTOR: Final = 5  # while others write, a round over what is indexed takes so much less of the core
_TELL_EVERY_S: Final = 1.0
_ROOM_BYTES: Final = 256 * 1024 * 1024  # that the index leaves free on the disk
_MOST_FAILURES: Final = 3
_LOCKED_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Run:
    should_stop: Callable[[], bool]
    wait: Callable[[float], object]
    on_status: Callable[[IndexStatus], None]
    until_complete: bool


class IndexBuilder:
    """Builds the index of one queue file; :meth:`run` is the whole of it, in the thread that calls it."""

    def __init__(
        self,
        queue: Path,
        folder: Path,
        *,
        share: float = SHARE,
        limit_bytes: int = LIMIT_BYTES,
        tail_rows: int = TAIL_ROWS,
        breath: Breath | None = None,
    ) -> None:
        self._queue = Path(queue)
        self._side = files.index_path(self._queue, folder)
        self._share = share
        self._limit_bytes = limit_bytes
        self._tail_rows = tail_rows
        self._breath = breath
        self._told = IndexStatus(IndexState.OFF, self._side)

    def run(
        self,
        *,
        should_stop: Callable[[], bool] = lambda: False,
        wait: Callable[[float], object] = time.sleep,
        on_status: Callable[[IndexStatus], None] = lambda _status: None,
        until_complete: bool = False,
    ) -> IndexStatus:
        """Build until asked to stop, or until there is nothing left to do; return how it stands then.

        Trouble with the side file ends in a status with a note, never in an error: one that is corrupt or of another
        version is built anew.

        Args:
            should_stop: Asked after each slice of work, which takes some tens of milliseconds.
            wait: Called for each pause, in seconds; an event's ``wait`` lets a stop end the pause.
            on_status: Told about once a second.
            until_complete: Return when all is indexed, or the limit is reached.

        Raises:
            ProblemError: The queue file cannot be read. The index keeps what it has.
        """
        if not files.has_trigrams():
            note = "This SQLite has no full-text index by trigrams; searches read the file itself."
            return self._status(IndexState.UNAVAILABLE, note)
        try:
            self._side.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            return self._status(IndexState.UNAVAILABLE, f"The folder of the index cannot be made ({error.strerror}).")
        lock = WriteLock(self._side)
        if not lock.acquire(0.0):
            lock.close()
            return replace(self._status(IndexState.ELSEWHERE), note="Another window builds it; this one uses it too.")
        try:
            return self._tries(_Run(should_stop, wait, on_status, until_complete))
        finally:
            lock.release()
            lock.close()

    def _tries(  # noqa: PLR0911 - an end for each way it may end
        self,
        run: _Run,
    ) -> IndexStatus:
        """Build; where the side file is of no use, delete it and build anew, a few times."""
        if files.drop_mark(self._side).exists():
            files.delete(self._side)
            with suppress(OSError):
                files.drop_mark(self._side).unlink()
        reason, failures = "", 0
        while failures < _MOST_FAILURES:
            try:
                with self._opened() as work:
                    return self._loop(work, run)
            except Gone:
                files.delete(self._side)
                with suppress(OSError):
                    files.drop_mark(self._side).unlink(missing_ok=True)
                return self._status(IndexState.OFF, "The index was switched off.")
            except NoRoomWithin:
                pass
            except Unable as error:
                return self._status(IndexState.UNAVAILABLE, f"{error}; searches read the file itself.")
            except Anew:
                reason, failures = "it belonged to another state of the file", failures + 1
            except sqlite3.Error as error:
                if _is_full(error):
                    return self._no_room()
                reason, failures = "it could not be read", failures + 1
                if "locked" in str(error).lower():  # by a backup program: no reason to throw it away
                    reason = "another program holds it"
                    run.wait(_LOCKED_S)
                    continue
            except OSError as error:
                return self._status(IndexState.UNAVAILABLE, f"The index cannot be written ({error.strerror}).")
            if run.should_stop():
                return self._status(IndexState.OFF)
            if not files.delete(self._side):
                reason = "another program holds it"
                break
        return self._status(IndexState.UNAVAILABLE, f"The index was given up: {reason}. Searches read the file itself.")

    @contextmanager
    def _opened(self) -> Iterator[Work]:
        connection = ReadConnection(self._queue, 5.0, self._breath)
        connection.open()
        try:
            layout = read_layout(connection)
            identity = files.identify(self._queue).text()
            side = files.connect(self._side, create=True)
            assert side is not None
            try:
                yield Work(connection, layout, side, self._side, identity, self._limit_bytes, self._tail_rows)
            finally:
                side.close()
        finally:
            connection.close()

    def _loop(
        self,
        work: Work,
        run: _Run,
    ) -> IndexStatus:
        work.begin(files.signature(self._queue) if work.is_logged() else "")
        told = 0.0
        while True:
            began = time.thread_time()
            work.check(self._queue, files.signature(self._queue) if work.is_logged() else "")
            state = self._room(work)
            if state is None:
                state = work.slice(eager=run.until_complete)
            if state is None or time.monotonic() - told >= _TELL_EVERY_S:
                told = time.monotonic()
                self._told = work.tell(state or IndexState.BUILDING)
                run.on_status(self._told)
            if run.should_stop() or state is IndexState.NO_ROOM:
                break
            idle = state in (IndexState.COMPLETE, IndexState.FULL)
            if idle and run.until_complete:
                break
            used = time.thread_time() - began
            pause = used * (1 / self._share - 1) * (_LIVE_FACTOR if work.is_live_round else 1)
            run.wait(max(pause, IDLE_S) if idle else pause)
        self._told = work.tell(state or IndexState.BUILDING)
        run.on_status(self._told)
        return self._told

    def _room(self, work: Work) -> IndexState | None:
        with suppress(OSError):
            if disk_usage(self._side.parent).free < _ROOM_BYTES:
                work.note = "The disk is nearly full: the index was stopped, and searches read the rest themselves."
                return IndexState.NO_ROOM
        return None

    def _no_room(self) -> IndexStatus:
        note = "The disk is full: the index was stopped, and searches read the rest themselves."
        return self._status(IndexState.NO_ROOM, note)

    def _status(self, state: IndexState, note: str = "") -> IndexStatus:
        size = files.size_bytes(self._side)
        return replace(self._told, state=state, size_bytes=size, limit_bytes=self._limit_bytes, note=note)


def _is_full(error: sqlite3.Error) -> bool:
    return "full" in str(error).lower()
