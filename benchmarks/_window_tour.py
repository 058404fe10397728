"""Our window, in a process of its own, taken through what a person does with a large queue, with a clock in hand.

    python _window_tour.py FILE KIND BEGAN     BEGAN: the monotonic clock just before this process was started

KIND: `start` ends once the window can be used, `rows` once the first rows are painted and stdin ends (tasks oldest
first, so that the same rows stand there each time), `idle` measures its CPU for 20 s, `watch` its gaps until stdin
ends, `tasks`, `sorts` and `logs` are tours. Prints a line of JSON a step. A step's time ends after the paint in which
all rows in view are there.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
gc.disable()  # as the command line does while it imports the window

from PySide6.QtCore import QEvent, QObject, QPoint, QTimer
from PySide6.QtWidgets import QApplication

from benchmarks._window_files import COMMON, OLD, UNUSUAL
from benchmarks._window_halts import halts, watch
from benchmarks._window_ticks import Ticks, close_with_stdin, memory_mib
from prismq_gui.app import run_window
from prismq_gui.insight.filters import LogFilter, TaskColumn, TaskFilter, TaskOrder
from prismq_gui.models.status_words import status_words
from prismq_gui.settings import NamedLayout, Settings, SettingsStore
from prismq_gui.views.main_window import MainWindow
from prismq_gui.views.search_page import SearchState
from prismq_gui.views.table_view import BigTableView
from prismq_gui.views.tasks_page import LAYOUT_AT_FIRST

WAIT_S = float(os.environ.get("WINDOW_BENCH_WAIT_S", "120"))
FRAMES = 150
Wait = tuple[Callable[[], bool], float]


def say(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


class Tour(QObject):
    """Runs steps: each is a wish and what must be seen for it to be done. GUI thread."""

    def __init__(self, window: MainWindow, steps: Callable[[Tour], Iterator[Wait]]) -> None:
        super().__init__(window)
        self.window = window
        self.ticks = Ticks(self)
        self._steps = steps(self)
        self._done: Callable[[], bool] | None = None
        self._until = 0.0
        self.was_reached = True
        for page in (window.tasks_page, window.logs_page, window.search_page):
            page.table.viewport().installEventFilter(self)
        self._after_paint = QTimer(self, singleShot=True, interval=0)
        self._after_paint.timeout.connect(self._look)
        self._now_and_then = QTimer(self, interval=25)  # for what ends without a paint
        self._now_and_then.timeout.connect(self._look)
        self._now_and_then.start()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() is QEvent.Type.Paint:
            self._after_paint.start()
        return False

    def _look(self) -> None:
        if self._done is not None:
            reached = self._done()
            if not reached and time.monotonic() < self._until:
                return
            self.was_reached = reached
        try:
            self._done, limit_s = next(self._steps)
        except StopIteration:
            self._done = lambda: False
            self._until = float("inf")
            self._now_and_then.stop()
            self.window.close()
            return
        self._until = time.monotonic() + limit_s

    def be_quiet(self) -> None:
        """Measure no gaps, and look once a second."""
        self.ticks.stop()
        self._now_and_then.setInterval(1_000)

    # -- steps

    def step(self, name: str, wish: Callable[[], object], done: Callable[[], bool], limit_s: float = WAIT_S,
             **more: Callable[[], object]) -> Iterator[Wait]:  # fmt: skip
        """Do something, wait until it is seen, and tell how long that took and what the event loop did meanwhile."""
        self.ticks.take()
        began, before = time.monotonic(), halts()
        wish()
        yield done, limit_s
        took_ms = (time.monotonic() - began) * 1000
        say(step=name, ms=took_ms if self.was_reached else None, waited_ms=took_ms,
            halts=halts() - before, **self.ticks.take(), **memory_mib(),
            **{key: value() for key, value in more.items()})  # fmt: skip

    def rest(self, seconds: float) -> Iterator[Wait]:
        """Let the window be for a moment."""
        until = time.monotonic() + seconds
        yield lambda: time.monotonic() >= until, seconds + 1


def are_painted(table: BigTableView, has: Callable[[tuple[str, ...]], bool] | None = None) -> bool:
    """Whether all rows in view are there, and each as it should be."""
    first, last = table.visible_rows()
    if last < first:
        return False
    model = table.model()
    rows = [model.rendered(row) for row in range(first, last + 1)]
    return all(row is not None for row in rows) and (has is None or all(has(row.cells) for row in rows))


def scrolling(tour: Tour, name: str, table: BigTableView, by: int) -> Iterator[Wait]:
    """Scroll frame by frame, letting the loop turn in between; CPU of the window's thread a frame."""
    bar = table.verticalScrollBar()
    tour.ticks.take()
    paint_ms, began_cpu, frames = [], time.thread_time(), [0]
    bar.setValue(bar.maximum() // 3)

    def frame() -> None:
        before = time.thread_time()
        bar.setValue(bar.value() + by)
        table.viewport().repaint()
        paint_ms.append((time.thread_time() - before) * 1000)
        frames[0] += 1

    timer = QTimer(tour, interval=16)
    timer.timeout.connect(frame)
    timer.start()
    yield lambda: frames[0] >= FRAMES, 30
    timer.stop()
    paint_ms.sort()
    first, last = table.visible_rows()
    say(step=name, frame_ms=paint_ms[len(paint_ms) // 2], frame_p95_ms=paint_ms[int(len(paint_ms) * 0.95)],
        thread_a_frame_ms=(time.thread_time() - began_cpu) * 1000 / frames[0], rows_in_view=last - first + 1,
        columns=sum(not table.isColumnHidden(at) for at in range(table.model().columnCount())),
        **tour.ticks.take(), **memory_mib())  # fmt: skip


def jumps(tour: Tour, table: BigTableView, where: str) -> Iterator[Wait]:
    """Drag the scroll bar to the end, the middle, other places, and back."""
    bar = table.verticalScrollBar()
    places = {"to the end": 1.0, "to the middle": 0.5, "to a fifth": 0.2, "to the start": 0.0}
    for name, share in places.items():
        yield from tour.step(f"{where}: jump {name}", lambda share=share: bar.setValue(int(bar.maximum() * share)),
                             lambda: are_painted(table))  # fmt: skip
        yield from tour.rest(0.2)


def tasks_tour(tour: Tour) -> Iterator[Wait]:
    page = tour.window.tasks_page
    model, table = page.model, page.table
    status = [column.key for column in model.columns].index("status")
    yield from tour.step("tasks: all listed", lambda: None, lambda: model.is_complete, count=lambda: model.count)
    yield from tour.rest(1.0)
    yield from jumps(tour, table, "tasks")
    for name in ("failed", "completed", "queued"):
        wanted = TaskFilter(statuses=(name,))
        before = model._shown_generation

        def is_first_page(name: str = name, before: int = before) -> bool:
            # A queued task is claimed within a second here, and stays listed until the list is made again.
            shown = status_words(name)
            has = None if name == "queued" else lambda cells: cells[status] == shown
            return model._shown_generation != before and are_painted(table, has)

        yield from tour.step(f"tasks: filter {name}", lambda wanted=wanted: page.set_filter(wanted), is_first_page)
        yield from tour.step(f"tasks: filter {name}, 3 s more", lambda: None, lambda: model.is_complete, 3,
                             count=lambda: model.count, progress=lambda: model.progress)  # fmt: skip
        yield from tour.step(f"tasks: filter {name}, taken off", page.clear_filter, lambda: model.progress > 0
                             and are_painted(table))  # fmt: skip
        yield from tour.step(f"tasks: filter {name}, 2 s after", lambda: None, lambda: model.is_complete, 2,
                             count=lambda: model.count, progress=lambda: model.progress)  # fmt: skip
    before = model._shown_generation
    yield from tour.step("tasks: filter text unusual, first hits", lambda: page.set_filter(TaskFilter(text=UNUSUAL)),
                         lambda: model._shown_generation != before and are_painted(table))  # fmt: skip
    yield from tour.step("tasks: filter text unusual, 3 s more", lambda: None, lambda: model.is_complete, 3,
                         count=lambda: model.count, progress=lambda: model.progress)  # fmt: skip
    page.clear_filter()
    yield from tour.rest(1.0)
    yield from scrolling(tour, "tasks: scroll by 3 rows", table, 3)
    yield from scrolling(tour, "tasks: scroll by a page", table, table.visible_rows()[1] - table.visible_rows()[0])
    yield from searches(tour)


def searches(tour: Tour) -> Iterator[Wait]:
    """Search everything without an index: first hits, three seconds of streaming, Stop."""
    page = tour.window.search_page
    tour.window.show_page("search")
    for word, limit_s in ((COMMON, 10.0), (UNUSUAL, 10.0), (OLD, 5.0)):

        def ask(word: str = word) -> None:
            page.line.setText(word)
            page.search_again()

        yield from tour.step(f"search: {word}, first hits", ask, lambda: page.model.count > 0, limit_s,
                             progress=lambda: page._progress)  # fmt: skip
        yield from tour.step(f"search: {word}, 3 s more", lambda: None, lambda: page.state is SearchState.DONE, 3,
                             hits=lambda: page.model.count, progress=lambda: page._progress)  # fmt: skip
        yield from tour.step(f"search: {word}, Stop", page.stop, lambda: page.state
                             in (SearchState.STOPPED, SearchState.DONE), 10)  # fmt: skip
    tour.window.show_page("tasks")


def sorts_tour(tour: Tour) -> Iterator[Wait]:
    page = tour.window.tasks_page
    model, table = page.model, page.table
    yield lambda: model.is_complete, WAIT_S
    orders = (TaskOrder(TaskColumn.STATUS), TaskOrder(TaskColumn.PRIORITY), TaskOrder(TaskColumn.FINISHED),
              TaskOrder(TaskColumn.ATTEMPTS, descending=True))  # fmt: skip
    for order in orders:
        name = f"tasks: sort by {order.column.value}"
        seen = model._shown_generation

        def is_shown(seen: int = seen) -> bool:
            return model._shown_generation != seen and are_painted(table)

        yield from tour.step(f"{name}, first rows", lambda order=order: page.set_order(order), is_shown,
                             progress=lambda: model.progress)  # fmt: skip
        yield from tour.step(f"{name}, all", lambda: None, lambda: model.is_complete, progress=lambda: model.progress)
    newest_first = TaskOrder(TaskColumn.ID, descending=True)
    yield from tour.step("tasks: back to newest first", lambda: page.set_order(newest_first), lambda: model.is_complete)


def logs_tour(tour: Tour) -> Iterator[Wait]:
    page = tour.window.logs_page
    model, table = page.model, page.table
    level = [column.key for column in model.columns].index("level")
    yield from tour.rest(2.0)
    yield from tour.step("logs: first rows", lambda: tour.window.show_page("logs"), lambda: are_painted(table))
    yield from tour.step("logs: all listed", lambda: None, lambda: model.is_complete, count=lambda: model.count)
    page.set_following(False)
    yield from jumps(tour, table, "logs")
    yield from tour.step("logs: filter ERROR", lambda: page.set_filter(LogFilter(levels=("ERROR",))),
                         lambda: are_painted(table, lambda cells: cells[level] == "ERROR"))  # fmt: skip
    yield from tour.step("logs: filter ERROR, 3 s more", lambda: None, lambda: model.is_complete, 3,
                         count=lambda: model.count, progress=lambda: model.progress)  # fmt: skip
    yield from tour.step("logs: filter text, first hits", lambda: page.set_filter(LogFilter(text="part 777 of")),
                         lambda: model.progress > 0 and are_painted(table))  # fmt: skip
    yield from tour.step("logs: all again", page.clear_filter, lambda: model.is_complete)
    yield from scrolling(tour, "logs: scroll by 3 rows", table, 3)


def watch_tour(tour: Tour) -> Iterator[Wait]:
    """Let the window be until stdin ends."""
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    model = tour.window.tasks_page.model
    yield from tour.step("tasks: all listed", lambda: None, lambda: model.is_complete, count=lambda: model.count)
    yield from tour.rest(1.0)
    tour.ticks.take()
    say(step="ready")
    yield from tour.step("watch", lambda: None, ended.is_set, float("inf"))


def idle_tour(tour: Tour) -> Iterator[Wait]:
    """What an open window costs while nothing happens to the file, without the ticks of this measurement."""
    tour.be_quiet()
    yield lambda: tour.window.tasks_page.model.is_complete, WAIT_S
    yield from tour.rest(float(os.environ.get("WINDOW_BENCH_SETTLE_S", "90")))
    for page in ("tasks", "overview"):
        tour.window.show_page(page)
        yield from tour.rest(4.0)
        before, began = time.process_time(), time.monotonic()
        yield from tour.rest(20.0)
        share = (time.process_time() - before) / (time.monotonic() - began)
        say(step=f"idle: {page}", cpu_share=share, **memory_mib())


TOURS = {"tasks": tasks_tour, "sorts": sorts_tour, "logs": logs_tour, "watch": watch_tour, "idle": idle_tour}


def rows_box(table: BigTableView) -> dict[str, int]:
    """Return where on the screen the first eight rows stand, without the columns that change while tasks run."""
    viewport = table.viewport()
    place = viewport.mapToGlobal(QPoint(0, 0))
    return {"x": place.x(), "y": place.y(), "width": min(420, viewport.width()), "height": table.rowHeight(0) * 8}


def on_shown(window: MainWindow, kind: str, began: float) -> None:
    """Begin to measure once the window is on the screen."""

    def usable() -> None:
        say(step="usable", ms=(time.monotonic() - began) * 1000, **memory_mib())
        if kind == "start":
            window.close()

    def rows_shown() -> None:
        took_ms = (time.monotonic() - began) * 1000
        gaps = tour.ticks.take() if tour is not None else {}
        say(step="first rows", ms=took_ms, box=rows_box(window.tasks_page.table), **gaps, **memory_mib())
        if kind == "rows":
            close_with_stdin(window)

    window.move(0, 0)
    window.resize(1580, 940)
    QTimer.singleShot(0, window, lambda: QTimer.singleShot(0, window, usable))
    window.first_rows_shown.connect(rows_shown)
    tour = Tour(window, TOURS[kind]) if kind in TOURS else None
    if tour is not None:
        QApplication.instance().aboutToQuit.connect(lambda: say(step="whole", **tour.ticks.whole(), **memory_mib()))


def main(file: str, kind: str, began: str) -> int:
    watch()
    gc.enable()
    with tempfile.TemporaryDirectory() as folder:
        if kind == "rows":
            layout = replace(LAYOUT_AT_FIRST, sort_descending=False)
            SettingsStore(Path(folder)).save(Settings(layouts=(NamedLayout("tasks", layout),)))
        path = Path(file) if file != "-" else None
        return run_window(path, data_dir=Path(folder), on_shown=lambda window: on_shown(window, kind, float(began)))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
