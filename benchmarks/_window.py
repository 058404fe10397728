"""The window of `live.py`, in a process of its own: the real one on a queue file, or an empty one as control.

Prints "shown" when it is on screen, closes when stdin ends, and prints what its heartbeat measured as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget

from prismq_gui.demo.heartbeat import Heartbeat

SETTLE_MS = 1_000


class Watch:
    """Measures one window until stdin ends. Opening (its first second) and the time after it are told apart."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self._ended = threading.Event()

    def begin(self, window: QWidget) -> None:
        heartbeat, closer = Heartbeat(window), QTimer(window)
        heartbeat.start()

        def settled() -> None:
            self.figures["opening_worst_ms"] = heartbeat.gaps().worst_ms
            heartbeat.start()

        def look() -> None:
            if self._ended.is_set():
                closer.stop()
                gaps = heartbeat.gaps()
                self.figures |= {"worst_ms": gaps.worst_ms, "p99_ms": gaps.p99_ms, "ticks": gaps.ticks}
                self.figures["cpu_s"] = time.process_time() - self._cpu
                window.close()

        self._cpu = time.process_time()
        QTimer.singleShot(SETTLE_MS, window, settled)
        closer.timeout.connect(look)
        closer.start(50)
        threading.Thread(target=self._wait_for_end, daemon=True).start()
        print("shown", flush=True)

    def _wait_for_end(self) -> None:
        while os.read(0, 4096):
            pass
        self._ended.set()


def main(database: str, kind: str) -> int:
    watch = Watch()
    if kind == "empty":
        application = QApplication([])
        window = QWidget()
        window.resize(1200, 800)
        window.show()
        watch.begin(window)
        code = application.exec()
    else:
        from prismq_gui.app import run_window

        with tempfile.TemporaryDirectory() as folder:
            code = run_window(Path(database), data_dir=Path(folder), on_shown=watch.begin)
    print(json.dumps(watch.figures), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
