"""What tests need on Windows, and where Wine, which stands in for it on other machines, is not like it."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys


def under_wine() -> bool:
    """Tell whether this Windows is Wine: only its system library says so."""
    return sys.platform == "win32" and hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")


def ask_to_stop(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Send the signal that asks a worker to stop: SIGTERM, and Ctrl-Break on Windows.

    Wine 8 sends no Ctrl-Break (its server implements Ctrl-C alone), so there it is Ctrl-C.
    """
    if sys.platform == "win32":
        process.send_signal(signal.CTRL_C_EVENT if under_wine() else signal.CTRL_BREAK_EVENT)
    else:
        process.send_signal(signal.SIGTERM)


def take_console() -> None:
    """Under Wine, give this process a console: without one it can send nothing to its children."""
    if sys.platform == "win32" and under_wine():
        kernel = ctypes.WinDLL("kernel32")
        kernel.FreeConsole()
        kernel.AllocConsole()


def hear_ctrl_c() -> None:
    """Under Wine, let this process hear Ctrl-C again, which a process in a group of its own does not."""
    if sys.platform == "win32" and under_wine():
        ctypes.WinDLL("kernel32").SetConsoleCtrlHandler(None, False)
