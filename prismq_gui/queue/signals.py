"""How a worker is told to end: signals, and the stages of a graceful stop.

First signal: claim nothing more, let running tasks finish for a grace time, then give them back.
Second: give them back now. Third: end the process at once; what it held runs again when its lease ends.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from types import FrameType

SIGNAL_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last is Windows' Ctrl-Break


class EndNow(SystemExit):
    """Raised in the main thread by the last signal; a handler's own ``sys.exit()`` is something else."""


def install_signal_handlers(stop: threading.Event, at_once: threading.Event | None = None) -> None:
    """Set ``stop`` on Ctrl-C, SIGTERM and Windows' Ctrl-Break, ``at_once`` on the second, end the process on the next.

    Without ``at_once`` the second signal ends the process. Belongs to the main thread.
    """
    stages = [stop] if at_once is None else [stop, at_once]
    left = iter(stages)

    def on_signal(number: int, _frame: FrameType | None) -> None:
        stage = next(left, None)
        if stage is None:
            raise EndNow(128 + number)
        _set_elsewhere(stage)

    for name in SIGNAL_NAMES:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), on_signal)


def _set_elsewhere(event: threading.Event) -> None:
    """Set an event from a signal handler.

    Not in this thread: the signal may have struck it inside ``event.wait()``, holding the lock that ``set()``
    needs. Not by ``threading.Thread`` either, whose start takes a lock of its own.
    """
    try:
        _thread.start_new_thread(event.set, ())
    except RuntimeError:  # no further thread can be had (the interpreter is ending, or a limit)
        event.set()


class Stopping:
    """The stages of one worker's stop, asked from any of its threads.

    Args:
        stop: Set by whoever wants the worker to end.
        at_once: Set to have running tasks given back now; None makes one.
        grace_s: How long running tasks may go on after ``stop``.
    """

    def __init__(self, stop: threading.Event, at_once: threading.Event | None, grace_s: float) -> None:
        self.stop = stop
        self.at_once = at_once or threading.Event()
        self._grace_s = grace_s
        self._seen_at: float | None = None

    def is_over(self) -> bool:
        """Whether running tasks must be given back now.

        The grace begins when this is first asked after the stop: the keeper asks at each of its turns.
        """
        if self.at_once.is_set():
            return True
        if not self.stop.is_set():
            return False
        if self._seen_at is None:
            self._seen_at = time.monotonic()
        return time.monotonic() - self._seen_at >= self._grace_s
