"""What tests need on Windows, and where Wine, which stands in for it on other machines, is not like it.

Wine 8 has two gaps on the way of a Ctrl-Break: its server passes on Ctrl-C alone (GenerateConsoleCtrlEvent then fails
by ERROR_INVALID_HANDLE), and its C runtime makes no SIGBREAK of the event. Between them all is as on Windows: the
process is entered at ``kernelbase.CtrlRoutine``, which calls the handlers, the last one first.
"""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from collections.abc import Callable

CTRL_BREAK = 1
_heard: list[Callable[[int], int]] = []  # the system keeps no reference to what it calls


def under_wine() -> bool:
    """Tell whether this Windows is Wine: only its system library says so."""
    return sys.platform == "win32" and hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")


def ask_to_stop(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Send the signal that asks a worker to stop: SIGTERM, and Ctrl-Break to the worker's group on Windows."""
    if sys.platform != "win32":
        process.send_signal(signal.SIGTERM)
    elif under_wine():
        for pid in (process.pid, *_descendants(process.pid)):
            _enter(pid, CTRL_BREAK)
    else:
        process.send_signal(signal.CTRL_BREAK_EVENT)


def hear_ctrl_break() -> None:
    """Under Wine, let this process hear Ctrl-Break as SIGBREAK, as the C runtime of Windows does by itself."""
    if sys.platform == "win32" and under_wine() and not _heard:
        kernel = ctypes.WinDLL("kernel32")
        # There a process in a new group ignores each event, on Windows Ctrl-C alone.
        kernel.SetConsoleCtrlHandler(None, False)
        _heard.append(ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint)(_on_event))
        kernel.SetConsoleCtrlHandler(_heard[0], True)


def _on_event(event: int) -> int:
    """Pass Ctrl-Break on, in the thread that the system made for it; True where it is dealt with."""
    if sys.platform != "win32" or event != CTRL_BREAK or signal.getsignal(signal.SIGBREAK) is signal.SIG_DFL:
        return False  # the system's own handler then ends the process
    signal.raise_signal(signal.SIGBREAK)
    return True


def _enter(pid: int, event: int) -> None:
    """Start the thread in a process that Windows itself starts there for a console's event.

    The libraries of Wine stand at the same address in each process.
    """
    everything = 0x1F0FFF
    kernel = _kernel()
    process = kernel.OpenProcess(everything, False, pid)
    if not process:  # it has ended
        return
    routine = kernel.GetProcAddress(kernel.GetModuleHandleW("kernelbase"), b"CtrlRoutine")
    thread = kernel.CreateRemoteThread(process, None, 0, routine, event, 0, None)
    for handle in (thread, process):
        kernel.CloseHandle(handle)


def _kernel() -> ctypes.CDLL:
    """Return the system's library with functions that take and give pointers whole."""
    assert sys.platform == "win32"
    kernel, pointer = ctypes.WinDLL("kernel32"), ctypes.c_void_p
    for name in ("OpenProcess", "GetModuleHandleW", "GetProcAddress", "CreateRemoteThread", "CreateToolhelp32Snapshot"):
        getattr(kernel, name).restype = pointer
    kernel.GetModuleHandleW.argtypes = [ctypes.c_wchar_p]
    kernel.GetProcAddress.argtypes = [pointer, ctypes.c_char_p]
    kernel.CreateRemoteThread.argtypes = [pointer, pointer, ctypes.c_size_t, pointer, pointer, ctypes.c_uint, pointer]
    kernel.CloseHandle.argtypes = [pointer]
    return kernel


class _ProcessEntry(ctypes.Structure):
    """PROCESSENTRY32W."""

    _fields_ = (
        ("size", ctypes.c_uint32), ("usage", ctypes.c_uint32), ("pid", ctypes.c_uint32), ("heap", ctypes.c_size_t),
        ("module", ctypes.c_uint32), ("threads", ctypes.c_uint32), ("parent", ctypes.c_uint32),
        ("priority", ctypes.c_int32), ("flags", ctypes.c_uint32), ("name", ctypes.c_wchar * 260),
    )  # fmt: skip


def _descendants(pid: int) -> list[int]:
    """Return what a process has started, and what these have: its group, to whom the event goes."""
    every_process = 0x2
    kernel = _kernel()
    snapshot = ctypes.c_void_p(kernel.CreateToolhelp32Snapshot(every_process, 0))
    entry, children = _ProcessEntry(ctypes.sizeof(_ProcessEntry)), dict[int, list[int]]()
    more = kernel.Process32FirstW(snapshot, ctypes.byref(entry))
    while more:
        children.setdefault(entry.parent, []).append(entry.pid)
        more = kernel.Process32NextW(snapshot, ctypes.byref(entry))
    kernel.CloseHandle(snapshot)
    found = list(children.get(pid, []))
    for each in found:  # grows meanwhile
        found += children.get(each, [])
    return found
