"""Which programs have a file open, as the Restart Manager of Windows tells it: the one way without rights of one's own.

Owns the call of that library; asks only, and restarts nothing. For words alone, never for a decision: what can't be
told is left out. Of no use on other systems.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path

MOST = 5
_KEY_CHARACTERS = 33  # CCH_RM_SESSION_KEY + 1
_MORE_DATA = 234  # ERROR_MORE_DATA: there are more than there was room for


class _Process(ctypes.Structure):
    """RM_PROCESS_INFO; its times are two halves of 32 bits."""

    _fields_ = (
        ("pid", ctypes.c_uint32), ("started_low", ctypes.c_uint32), ("started_high", ctypes.c_uint32),
        ("name", ctypes.c_uint16 * 256), ("service", ctypes.c_uint16 * 64), ("kind", ctypes.c_int32),
        ("status", ctypes.c_uint32), ("session", ctypes.c_uint32), ("can_restart", ctypes.c_int32),
    )  # fmt: skip


def windows_users(path: Path) -> tuple[str, ...]:
    """Return in words who has the file open; nothing where Windows doesn't tell."""
    if sys.platform != "win32":
        return ()
    try:
        manager = ctypes.WinDLL("rstrtmgr")
        session, key = ctypes.c_uint32(), ctypes.create_unicode_buffer(_KEY_CHARACTERS)
        if manager.RmStartSession(ctypes.byref(session), 0, key) != 0:
            return ()
        try:
            return _told(manager, session, path)
        finally:
            manager.RmEndSession(session)
    except (OSError, AttributeError):  # no such library or function
        return ()


def _told(manager: ctypes.CDLL, session: ctypes.c_uint32, path: Path) -> tuple[str, ...]:
    names = (ctypes.c_wchar_p * 1)(os.path.realpath(path))
    if manager.RmRegisterResources(session, 1, names, 0, None, 0, None) != 0:
        return ()
    needed, count, reasons = ctypes.c_uint32(), ctypes.c_uint32(MOST), ctypes.c_uint32()
    found = (_Process * MOST)()
    answer = manager.RmGetList(session, ctypes.byref(needed), ctypes.byref(count), found, ctypes.byref(reasons))
    return words_of(found[: min(count.value, MOST)]) if answer in (0, _MORE_DATA) else ()


def words_of(found: Sequence[_Process]) -> tuple[str, ...]:
    """Return a process in words, each."""
    told = []
    for each in found:
        name = bytes(each.name).decode("utf-16-le", "replace").partition("\0")[0]
        own = ", this program itself" if each.pid == os.getpid() else ""
        told.append(f"process {each.pid} ({name or 'without a name'}{own})")
    return tuple(told)
