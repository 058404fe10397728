"""Tell a child process that its parent is gone: its stdin, a pipe from the parent, ends.

Owns one daemon thread that waits for that end. Works on Windows too, where no signal tells it.
"""

from __future__ import annotations

import os
import sys
import threading


def stop_when_stdin_closes(*stops: threading.Event, grace_s: float) -> None:
    """Set the events when stdin ends, and end the process the hard way if it is still there after the grace.

    A program without stdin (a windowed one started by hand) is not watched.
    """
    if sys.stdin is None:
        return
    descriptor = sys.stdin.fileno()

    def watch() -> None:
        try:
            # os.read and not sys.stdin.read: the interpreter locks that object when it ends, and a daemon
            # thread still in it would abort the process.
            while os.read(descriptor, 4096):
                pass
        except OSError:
            pass  # closed under us: the end as well
        for stop in stops:
            stop.set()
        gone = threading.Timer(grace_s, os._exit, args=(1,))
        gone.daemon = True
        gone.start()

    threading.Thread(target=watch, name="stdin-watch", daemon=True).start()
