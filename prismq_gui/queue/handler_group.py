"""A handler's process together with whatever programs it starts, so that all of them can be ended.

POSIX: the process group that the process leads, see ``handler_child``. Windows: a job object, which the system ends
too when the worker dies. Owns no process, only the hold on the group; each object belongs to one thread.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from multiprocessing.context import SpawnProcess

ENDED_BY_WORKER = 143  # as a shell shows SIGTERM


class HandlerGroup:
    """The hold on one process and all that it starts, but for what leaves by itself (``setsid``, breakaway)."""

    def __init__(self) -> None:
        self._leader: int | None = None  # POSIX: the group's number, once the process leads it
        self._job: int | None = None  # Windows: the job's handle

    def adopt(self, process: SpawnProcess) -> None:
        """Take hold of a process just started; on Windows before its handler can start anything.

        A system that grants no job leaves the process alone in the hold: it is ended by itself then.
        """
        self.let_go()
        if sys.platform == "win32":
            self._job = _windows_job(process.sentinel)

    def leads(self, process: SpawnProcess) -> None:
        """Say that the process has made itself the leader of its group (POSIX)."""
        if sys.platform != "win32":
            self._leader = process.pid

    def terminate(self) -> None:
        """Ask all of the group to end, where the system can ask (POSIX)."""
        self._signal(kill=False)

    def kill(self) -> None:
        """End all of the group that is left."""
        self._signal(kill=True)
        if sys.platform == "win32" and self._job is not None:
            _kernel().TerminateJobObject(self._job, ENDED_BY_WORKER)

    def let_go(self) -> None:
        """Leave what the process has started to itself; does nothing twice."""
        self._leader = None
        if sys.platform == "win32" and self._job is not None:
            job, self._job = self._job, None
            _limit(job, 0)  # else closing would end them
            _kernel().CloseHandle(job)

    def _signal(self, *, kill: bool) -> None:
        # The number stays the group's own for as long as anybody is in it.
        if sys.platform != "win32" and self._leader is not None:
            with contextlib.suppress(OSError):
                os.killpg(self._leader, signal.SIGKILL if kill else signal.SIGTERM)


def kill_own_group() -> None:
    """End this process and all that it has started: the worker is gone (on Windows the system has seen to it)."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _EXTENDED_LIMITS = 9  # JobObjectExtendedLimitInformation
    _KILL_ON_CLOSE, _BREAKAWAY_OK = 0x2000, 0x0800

    class _BasicLimits(ctypes.Structure):
        _fields_ = (
            ("per_process_time", ctypes.c_int64), ("per_job_time", ctypes.c_int64), ("flags", wintypes.DWORD),
            ("smallest_working_set", ctypes.c_size_t), ("largest_working_set", ctypes.c_size_t),
            ("processes", wintypes.DWORD), ("affinity", ctypes.c_size_t), ("priority", wintypes.DWORD),
            ("scheduling", wintypes.DWORD),
        )  # fmt: skip

    class _ExtendedLimits(ctypes.Structure):
        _fields_ = (
            ("basic", _BasicLimits), ("io_counters", ctypes.c_uint64 * 6), ("process_memory", ctypes.c_size_t),
            ("job_memory", ctypes.c_size_t), ("process_peak", ctypes.c_size_t), ("job_peak", ctypes.c_size_t),
        )  # fmt: skip

    def _kernel() -> ctypes.WinDLL:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = wintypes.HANDLE
        kernel.CreateJobObjectW.argtypes = (ctypes.c_void_p, wintypes.LPCWSTR)
        kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
        kernel.SetInformationJobObject.argtypes = (wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD)
        kernel.TerminateJobObject.argtypes = (wintypes.HANDLE, wintypes.UINT)
        kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
        return kernel

    def _windows_job(process: int) -> int | None:
        """Return a job that holds the process (given by its handle) and ends with its last handle, which is ours."""
        kernel = _kernel()
        job = kernel.CreateJobObjectW(None, None)
        if not job:
            return None
        if _limit(job, _KILL_ON_CLOSE | _BREAKAWAY_OK) and kernel.AssignProcessToJobObject(job, process):
            return int(job)
        kernel.CloseHandle(job)
        return None

    def _limit(job: int, flags: int) -> bool:
        limits = _ExtendedLimits()
        limits.basic.flags = flags
        size = ctypes.sizeof(limits)
        return bool(_kernel().SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), size))
