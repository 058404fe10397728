"""Waiting for other processes in tests: on a condition, never for a time."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    """Look at a condition 20 times a second until it holds; fail the test, naming it, when it never does."""
    never = threading.Event()
    for _ in range(int(timeout_s * 20)):
        if condition():
            return
        never.wait(0.05)
    raise AssertionError(f"did not come true within {timeout_s:g} s: {what}")


def is_alive(pid: int) -> bool:
    """Tell whether a process runs (one that has ended and waits to be reaped does not)."""
    if sys.platform == "win32":
        return _runs_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):  # it ended just now, or this system has no /proc
        return not Path("/proc/self").exists()
    return status.rsplit(")", 1)[1].split()[0] != "Z"


def _runs_on_windows(pid: int) -> bool:
    """Ask the system itself: os.kill(pid, 0) would send Ctrl-C there, and Wine's tasklist knows no filter."""
    synchronize, timed_out = 0x00100000, 0x102
    kernel = ctypes.WinDLL("kernel32")
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = kernel.OpenProcess(synchronize, False, pid)
    if not handle:
        return False
    running = kernel.WaitForSingleObject(ctypes.c_void_p(handle), 0) == timed_out
    kernel.CloseHandle(ctypes.c_void_p(handle))
    return running


def python_environment(**extra: str) -> dict[str, str]:
    """The environment of a child that must find this checkout from any folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen", **extra}


def run_program(*arguments: str, cwd: Path | None = None, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m prismq_gui`` to its end."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "prismq_gui", *arguments], cwd=cwd, env=python_environment(**extra),
        stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace", check=False, timeout=110,
    )  # fmt: skip
