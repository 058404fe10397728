"""The queue at the door: two advisory lock files beside the database that line writers up.

SQLite's own lock is still taken inside; these only make waiting fair, and keep the
checkpoints of our writers from overlapping, which SQLite before 3.51.3 does not survive reliably
(the WAL-reset bug). Programs that do not know the lock files are kept apart by SQLite as ever.
A lock goes with its process, however that ends. Never touches the database file itself.

Whoever holds the door (``-lock``) writes. Who wants it next holds the head of the line (``-line``) and looks
at the door now and then; all others sleep until the system hands them the head, in the order they came. A writer goes
on for a turn, as long as nobody gets in between two of its writes: a change of the holder costs it its cache.

In files in memory, 4 and 16 processes that write as fast as they can, two writes a task, as a share of a loop without
a line, which lets one process go on for 2 s: 0.75 and 0.74; when all of them looked at the door now and then it was
0.62 and 0.39, and when all slept at the door, each write being handed to the next, 0.65 and 0.69. Who is first in line
leaves a writer its turn from the first write on, if it used its last one; before, every fourth turn ended after a write
or three, and the slowest of 16 processes wrote 0.53 to 0.73 of what the fastest did in 2 s, since then 0.77 to 0.81.
"""

from __future__ import annotations

import _thread
import contextlib
import errno
import mmap
import os
import sys
import threading
import time
from pathlib import Path

TURN_S = 0.03  # how long one writer may go on before it lets others first
_SHORTEST_TURN_S = 0.004
_ROUND_S = 0.15  # the more of them write without a pause, the shorter their turns: all get theirs in this time
_BREATH_S = 0.0001  # between two writes of one who does nothing else: 10 to 20 µs were seen
_LEAST_STREAK = 3  # so many such writes on end: who has handlers to run does not get there
_STREAMING_S = 0.0005  # since its last write: then it goes on
_SHORTEST_NAP_S = 0.00005  # of the first in line
_LONGEST_NAP_S = 0.001
_LONGEST_LOOK_AWAY_S = 0.002  # while the holder goes on: it may stop at any time
_ENDS, _LAST, _TURNS, _STREAK, _TURN = range(5)
_NUMBERS = 5
_NOW = -1.0  # in place of the time of the last write: it is at one
_MOST_TURNS = 2.0**52  # past it adding one changes nothing; anything may stand in the file
_MOST_OTHERS = 1_000
_NOTICE_BYTES = 8 * _NUMBERS
_LINE_NAP_S = 0.002  # of the others, where no thread can be had that sleeps
_PATIENCE_S = 1.0  # in line: a process that was suspended at its head must not keep all others out for good

if sys.platform == "win32":
    import ctypes
    import msvcrt

    _LOCKFILE_FAIL_IMMEDIATELY = 1
    _LOCKFILE_EXCLUSIVE_LOCK = 2
    # What says that somebody else has the lock: ERROR_LOCK_VIOLATION, ERROR_IO_PENDING. Anything else says that there
    # are no locks here: then there is no line.
    _HELD = frozenset({33, 997})

    class _Overlapped(ctypes.Structure):
        """OVERLAPPED of the Windows API: from where on to lock."""

        _fields_ = (
            ("internal", ctypes.c_void_p),
            ("internal_high", ctypes.c_void_p),
            ("offset", ctypes.c_uint32),
            ("offset_high", ctypes.c_uint32),
            ("event", ctypes.c_void_p),
        )

    _lock_file_ex = ctypes.WinDLL("kernel32", use_last_error=True).LockFileEx
    _lock_file_ex.argtypes = (
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32,
        ctypes.POINTER(_Overlapped),
    )  # fmt: skip
    _lock_file_ex.restype = ctypes.c_int

    def _try_lock(handle: int) -> bool:
        flags = _LOCKFILE_EXCLUSIVE_LOCK | _LOCKFILE_FAIL_IMMEDIATELY
        if _lock_file_ex(msvcrt.get_osfhandle(handle), flags, 0, 1, 0, ctypes.byref(_Overlapped())):
            return True
        return ctypes.get_last_error() not in _HELD  # msvcrt.locking tells no reason under Wine

    def _lock(handle: int) -> bool:
        """Sleep until the lock is ours (msvcrt's own waiting looks once a second, ten times)."""
        where = _Overlapped()
        system_handle = msvcrt.get_osfhandle(handle)
        return bool(_lock_file_ex(system_handle, _LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, ctypes.byref(where)))

    def _unlock(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    # What says that somebody else has the lock. Anything else says that there are no locks here: then there is no line.
    _HELD = frozenset({errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK})

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in _HELD
        return True

    def _lock(handle: int) -> bool:
        """Sleep until the lock is ours."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            return False
        return True

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)


class WriteLock:
    """One writer's place in line; used by one thread at a time (its owner's lock sees to that).

    Where the lock files can't be made (a folder without write access, an odd file system) it lets
    everyone through: the database is then guarded by SQLite alone.
    """

    def __init__(self, db_path: Path) -> None:
        self.path = db_path.with_name(db_path.name + "-lock")
        self.line_path = db_path.with_name(db_path.name + "-line")
        self._door: int | None = None
        self._line: int | None = None
        self._unusable = db_path.name == ":memory:"  # nobody else can see it: no line to stand in
        self._notice = _Notice()
        self._turn_ends = 0.0
        self._writes_on_end = False  # in its last turn: then its next one is left to it from the first write on
        self._head: int | None = None  # a handle that holds the head of the line

    def acquire(self, timeout_s: float) -> bool:
        """Take the lock, waiting at most so many seconds; False where the time ran out."""
        door = self._door
        if door is None:
            door = self._open()
            if door is None:
                return True
        # In its turn a writer goes on past the line, unless the first in line got in between.
        now = time.perf_counter()
        if now < self._turn_ends and _try_lock(door):
            times = self._notice.times
            streak = times[_STREAK] + 1 if now - times[_LAST] < _BREATH_S else 0
            times[_STREAK], times[_LAST] = streak, _NOW
            self._writes_on_end = streak >= _LEAST_STREAK
            return True
        return self._in_line(door, timeout_s)

    def release(self) -> None:
        """Give the lock back; harmless where it isn't held."""
        if self._head is not None:
            self._leave_head()
        if self._door is not None:
            self._notice.times[_LAST] = time.perf_counter()
            try:
                _unlock(self._door)
            except OSError:  # Windows, where it wasn't held; should it be held after all, closing ends it
                self.close()

    def close(self) -> None:
        """Close the lock files; they stay on the disk for the others."""
        if self._head is not None:
            self._leave_head()
        self._notice.close()
        for handle in (self._door, self._line):
            if handle is not None:
                with contextlib.suppress(OSError):
                    os.close(handle)
        self._door = self._line = None

    def _in_line(self, door: int, timeout_s: float) -> bool:
        """Take the head of the line, then the door.

        The head is given back with the door: were it free at once, the writer whose turn has just ended would take
        it before the system has woken the next in line.
        """
        deadline = time.perf_counter() + timeout_s
        turns_before = self._notice.times[_TURNS]
        line = self._line
        assert line is not None
        self._head = line if _try_lock(line) else _head_of_line(self.line_path, min(timeout_s, _PATIENCE_S))
        if self._at_head(door, deadline):
            now = time.perf_counter()
            times = self._notice.times
            times[_STREAK], times[_LAST] = _LEAST_STREAK if self._writes_on_end else 0, _NOW
            self._writes_on_end = False
            times[_ENDS] = self._turn_ends = now + self._notice.next_turn_s(turns_before)
            return True
        self._leave_head()
        return False

    def _at_head(self, door: int, deadline: float) -> bool:
        """Look at the door until it is free; a holder who writes without a pause has the whole turn."""
        times, nap_s = self._notice.times, _SHORTEST_NAP_S
        while True:
            now = time.perf_counter()
            rest_s, last = times[_ENDS] - now, times[_LAST]
            goes_on = last == _NOW or 0 <= now - last < _STREAMING_S
            if goes_on and 0 < rest_s <= TURN_S and times[_STREAK] >= _LEAST_STREAK:
                time.sleep(min(rest_s, _LONGEST_LOOK_AWAY_S))
                continue
            if _try_lock(door):
                return True
            if now >= deadline:
                return False
            time.sleep(nap_s)
            nap_s = min(2 * nap_s, _LONGEST_NAP_S) if rest_s < -TURN_S else _SHORTEST_NAP_S

    def _leave_head(self) -> None:
        head, self._head = self._head, None
        if head is None:
            return
        if head == self._line:
            with contextlib.suppress(OSError):
                _unlock(head)
        else:
            _let_go(head)

    def _open(self) -> int | None:
        if self._unusable:
            return None
        try:
            self._line = os.open(self.line_path, os.O_RDWR | os.O_CREAT, 0o666)
            self._door = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            self.close()
            self._unusable = True
            return None
        self._notice.open(self._door)
        return self._door


class _Notice:
    """What the holder has put up at the door: when its turn ends, when it last wrote, its streak; turns up to now.

    Numbers in memory that all writers share: the lock file's first bytes; times are of the system's clock since it
    started. They say how long to sleep, and nothing more: nobody's safety depends on them.
    """

    def __init__(self) -> None:
        self.times: memoryview[float] | list[float] = [0.0] * _NUMBERS
        self._map: mmap.mmap | None = None

    def open(self, handle: int) -> None:
        """Share the numbers; where that can't be, they are nobody's but ours."""
        try:
            if os.fstat(handle).st_size < _NOTICE_BYTES:
                os.ftruncate(handle, _NOTICE_BYTES)
            self._map = mmap.mmap(handle, _NOTICE_BYTES)
        except (OSError, ValueError):
            return
        self.times = memoryview(self._map).cast("d")

    def close(self) -> None:
        """Share them no more."""
        if self._map is not None:
            assert isinstance(self.times, memoryview)
            self.times.release()
            self.times = [0.0] * _NUMBERS
            self._map.close()
            self._map = None

    def next_turn_s(self, turns_before: float) -> float:
        """Count the turn that begins and return how long it is: one share of a round of all who had theirs meanwhile.

        It grows by small steps alone: as all begin at once, none knows yet how many there are.
        """
        turns = self.times[_TURNS]
        if not 0 <= turns < _MOST_TURNS:
            turns = turns_before = 0.0
        self.times[_TURNS] = turns + 1
        others = turns - turns_before
        if not 0 <= others <= _MOST_OTHERS:
            others = 0.0
        last_s = self.times[_TURN]
        if not _SHORTEST_TURN_S <= last_s <= TURN_S:
            last_s = TURN_S
        turn_s = min(TURN_S, max(_SHORTEST_TURN_S, min(_ROUND_S / (others + 1), last_s * 1.05)))
        self.times[_TURN] = turn_s
        return turn_s


def _let_go(handle: int) -> None:
    """Unlock and close: closing alone unlocks some time later on Windows."""
    with contextlib.suppress(OSError):
        _unlock(handle)
    os.close(handle)


def _head_of_line(path: Path, seconds: float) -> int | None:
    """Wait for the head of the line; return the handle that holds it, None where it was not to be had in that time."""
    try:
        place = _Place(path)
    except (OSError, RuntimeError):  # no handle or no thread is to be had: as the interpreter ends, there is none
        time.sleep(min(seconds, _LINE_NAP_S))
        return None
    try:
        place.wait(seconds)
    except BaseException:
        head = place.leave()
        if head is not None:
            _let_go(head)
        raise
    return place.leave()


class _Place:
    """A place in line, kept by a thread that sleeps there: no system lets one wait for a lock so long and no longer.

    The thread has a handle of its own, which it closes where nobody waits any more once it comes to the head.

    Raises:
        OSError: There is no handle to be had.
        RuntimeError: There is no thread to be had.
    """

    def __init__(self, path: Path) -> None:
        self._settled = threading.Lock()
        self._settled.acquire()
        self._guard = threading.Lock()
        self._is_ours = False
        self._is_left = False
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _thread.start_new_thread(self._sleep, ())  # threading.Thread takes twice as long: 50 µs
        except RuntimeError:
            os.close(self._handle)
            raise

    def wait(self, seconds: float) -> None:
        """Wait for the head of the line, or so long."""
        self._settled.acquire(timeout=min(seconds, threading.TIMEOUT_MAX))

    def leave(self) -> int | None:
        """Wait no more; return the handle that holds the head of the line, which is the caller's then, or None."""
        with self._guard:
            self._is_left = True
            return self._handle if self._is_ours else None

    def _sleep(self) -> None:
        locked = _lock(self._handle)
        try:
            with self._guard:
                self._is_ours = locked and not self._is_left
                if not self._is_ours:
                    _let_go(self._handle)
        finally:
            self._settled.release()  # whatever happens: else the writer waits out its time
