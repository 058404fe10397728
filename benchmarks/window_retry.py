"""100,000 tasks retried and taken back in the real window, off screen, while eight workers go on.

    python3 dev.py bench window_retry [--folder DIR]

Prints how long preview, retry and undo took, the window's longest gap between two turns of its event loop in each, and
the longest of all writes of the workers. Each worker puts a task in, claims and completes one, and rests for 20 ms, as
one with a short handler does.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from prismq_gui.app import main_window
from prismq_gui.queue import Claimer, QueueClient, QueueDatabase, settling
from prismq_gui.views.main_window import MainWindow
from prismq_gui.views.plan_dialog import PlanDialog, Step
from tests.helpers.files import make_foreign_queue

TASKS, WORKERS, REST_S, LIMIT_S = 100_000, 8, 0.02, 300.0


def work(path: str, number: int, stop: Any, told: Any) -> None:
    """Be a worker until told to stop; tell the longest write and how many rounds there were."""
    longest, rounds = 0.0, 0

    def timed(write: Callable[[], Any]) -> Any:
        nonlocal longest
        began = time.perf_counter()
        result = write()
        longest = max(longest, time.perf_counter() - began)
        return result

    with closing(QueueDatabase(path)) as database:
        client, claimer = QueueClient(database), Claimer(database)
        while not stop.is_set():
            timed(lambda: client.enqueue("bench", {"n": 1}))
            task = timed(lambda: claimer.claim(f"w{number}", {}, 3_600, ("bench",)))
            if task is not None:
                timed(partial(settling.complete, database, task, None))
            rounds += 1
            stop.wait(REST_S)
    told.put((longest, rounds))


class Gaps:
    """The times between two turns of the event loop."""

    def __init__(self) -> None:
        self._timer = QTimer(interval=2)
        self._timer.timeout.connect(self._on_timer_timeout)
        self._timer.start()
        self._last = time.perf_counter()
        self.longest_ms = 0.0

    def begin(self) -> None:
        """Forget what was."""
        self._last, self.longest_ms = time.perf_counter(), 0.0

    def _on_timer_timeout(self) -> None:
        now = time.perf_counter()
        self.longest_ms = max(self.longest_ms, (now - self._last) * 1_000)
        self._last = now


def wait(fulfilled: Callable[[], Any], limit_s: float = LIMIT_S) -> None:
    """Let the window run until something is so, or so long."""
    loop, timer, deadline = QEventLoop(), QTimer(interval=20), time.monotonic() + limit_s
    timer.timeout.connect(lambda: loop.quit() if fulfilled() or time.monotonic() > deadline else None)
    timer.start()
    loop.exec()
    timer.stop()


def carried_out(window: MainWindow, gaps: Gaps, what: str) -> PlanDialog:
    """Wait for the preview of an operation that was just begun, do it, and print both."""
    began = time.perf_counter()
    wait(lambda: window.commands.plan_dialog is not None and window.commands.plan_dialog.step is Step.PREVIEW)
    dialog = window.commands.plan_dialog
    assert dialog is not None
    print(f"  preview of the {what}: {time.perf_counter() - began:.2f} s, longest gap {gaps.longest_ms:.0f} ms")
    dialog.snapshot.setChecked(False)
    gaps.begin()
    began = time.perf_counter()
    dialog.confirm()
    wait(lambda: dialog.step is Step.DONE)
    assert dialog.report is not None
    took_s = time.perf_counter() - began
    print(f"  {what}: {took_s:.2f} s, longest gap {gaps.longest_ms:.0f} ms. {dialog.report.sentence}")
    gaps.begin()
    return dialog


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=None, help="where the file is made; in memory if not said")
    options = parser.parse_args()
    memory = Path("/dev/shm")
    folder = options.folder or (memory if memory.is_dir() else None)
    app = QApplication([])
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = make_foreign_queue(Path(place) / "queue.db", TASKS, status="failed")
        with main_window(app, Path(place) / "data") as window:
            window.resize(1280, 800)
            window.show()
            window.open_path(path)
            page = window.tasks_page
            wait(lambda: window.session.snapshot is not None and page.model.is_complete)
            page.show_filter(("failed",), (), "")
            wait(lambda: page.model.is_complete and page.model.filter == page.filter())
            stop, told = spawn.Event(), spawn.Queue()
            workers = [spawn.Process(target=work, args=(str(path), each, stop, told)) for each in range(WORKERS)]
            for worker in workers:
                worker.start()
            wait(lambda: False, 4.0)
            gaps = Gaps()
            print(f"{TASKS:,} tasks, {WORKERS} workers at work:")
            window.actions_["retry_matching"].trigger()
            dialog = carried_out(window, gaps, "retry")
            dialog.undo_button.click()
            wait(lambda: window.commands.plan_dialog is not dialog)
            dialog = carried_out(window, gaps, "undo")
            stop.set()
            figures = [told.get() for _worker in workers]
            for worker in workers:
                worker.join()
            dialog.close()
        rounds = sum(each for _longest, each in figures)
        print(
            f"  longest write of a worker: {max(each for each, _rounds in figures) * 1_000:.0f} ms, of {3 * rounds:,}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
