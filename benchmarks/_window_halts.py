"""Whether this process was halted from outside (SIGSTOP): what was measured meanwhile is no figure."""

from __future__ import annotations

import signal

_halts = 0


def _count(_number: int, _frame: object) -> None:
    global _halts  # noqa: PLW0603
    _halts += 1


def watch() -> None:
    """Begin to count; in the main thread."""
    signal.signal(signal.SIGCONT, _count)


def halts() -> int:
    """Return how often it went on after a halt."""
    return _halts
