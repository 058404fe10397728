"""What our window is compared with, in a process of its own: Qt's QSqlTableModel in a QTableView, and a bare window.

    python _window_rivals.py FILE KIND BEGAN      KIND: bare, watch, rows, tasks

`bare` ends once an empty PySide6 window can be used; `watch` measures the gaps of one until stdin ends; `rows` shows
the first rows until stdin ends; `tasks` goes the same ways as our tour, as far as the time the caller grants. A line of
JSON a step. QSqlTableModel reads in the window's thread: what it does not answer meanwhile is in the gaps.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow, QTableView

from benchmarks._window_files import UNUSUAL
from benchmarks._window_ticks import Ticks, close_with_stdin, memory_mib

MOST_MIB = 4_096  # ten million rows would take some 33 GB


def say(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


def bare(kind: str, began: float) -> int:
    """An empty window: what Python, PySide6 and the display take by themselves."""
    application = QApplication([])
    window = QMainWindow()
    window.move(0, 0)
    window.resize(1580, 940)
    window.show()
    ticks = Ticks(window)

    def usable() -> None:
        say(step="usable", ms=(time.monotonic() - began) * 1000, **memory_mib())
        if kind == "bare":
            window.close()
        else:
            QTimer.singleShot(1_000, window, lambda: (ticks.take(), say(step="ready")))
            close_with_stdin(window)

    QTimer.singleShot(0, window, lambda: QTimer.singleShot(0, window, usable))
    code = application.exec()
    if kind == "watch":
        say(step="watch", **ticks.take(), **memory_mib())
    return code


class Table(QObject):
    """The table, and steps that end once it is painted."""

    def __init__(self, file: str) -> None:
        super().__init__()
        from PySide6.QtSql import QSqlDatabase, QSqlTableModel

        self.window = QMainWindow()
        self.table = QTableView(self.window)
        self.window.setCentralWidget(self.table)
        self.window.move(0, 0)
        self.window.resize(1580, 940)
        database = QSqlDatabase.addDatabase("QSQLITE")
        database.setDatabaseName(file)
        database.setConnectOptions("QSQLITE_OPEN_READONLY;QSQLITE_BUSY_TIMEOUT=5000")
        if not database.open():
            raise SystemExit(database.lastError().text())
        self.model = QSqlTableModel(self.window, database)
        self.model.setTable("task_queue")
        self.model.select()
        self.table.setModel(self.model)
        self.table.viewport().installEventFilter(self)
        self.ticks = Ticks(self)
        self.gave_up = False
        self._on_painted: Callable[[], None] | None = None
        self.window.show()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() is QEvent.Type.Paint and self._on_painted is not None:
            then, self._on_painted = self._on_painted, None
            QTimer.singleShot(0, self, then)
        return False

    def painted(self, then: Callable[[], None]) -> None:
        """Call this after the next paint."""
        self._on_painted = then
        self.table.viewport().update()

    def box(self) -> dict[str, int]:
        place = self.table.viewport().mapToGlobal(QPoint(0, 0))
        return {"x": place.x(), "y": place.y(), "width": 420, "height": self.table.rowHeight(0) * 8}

    # -- steps

    def to_end(self) -> None:
        """Fetch all there is, which is how Qt's own model gets there; give up where memory runs out."""
        fetches = 0
        while self.model.canFetchMore() and not self.gave_up:
            self.model.fetchMore()
            fetches += 1
            self.gave_up = fetches % 100 == 0 and memory_mib()["now_mib"] > MOST_MIB
        self.table.scrollToBottom()

    def filtered(self, condition: str) -> None:
        self.model.setFilter(condition)
        self.model.select()

    def sorted_by(self, column: str) -> None:
        self.model.setSort(self.model.fieldIndex(column), Qt.SortOrder.AscendingOrder)
        self.model.select()

    def steps(self) -> Iterator[tuple[str, Callable[[], None]]]:
        yield "tasks: filter failed", lambda: self.filtered("status = 'failed'")
        yield "tasks: filter queued", lambda: self.filtered("status = 'queued'")
        yield "tasks: filter text unusual, first hits", lambda: self.filtered(f"payload LIKE '%{UNUSUAL}%'")
        yield "tasks: filter failed, taken off", lambda: self.filtered("")
        yield "tasks: sort by finished_at_utc, all", lambda: self.sorted_by("finished_at_utc")
        yield "tasks: back to newest first", lambda: self.sorted_by("id")
        yield "tasks: jump to the end", self.to_end


def show_table(file: str, kind: str, began: float) -> int:
    application = QApplication([])
    table = Table(file)
    steps = table.steps() if kind == "tasks" else iter(())

    def first_rows() -> None:
        say(step="first rows", ms=(time.monotonic() - began) * 1000, **memory_mib(), box=table.box())
        if kind == "rows":
            close_with_stdin(table.window)
        else:
            go_on()

    def go_on() -> None:
        found = next(steps, None)
        if found is None:
            table.window.close()
            return
        name, wish = found
        table.ticks.take()
        started = time.monotonic()

        def told() -> None:
            took_ms = (time.monotonic() - started) * 1000
            say(step=name, ms=None if table.gave_up else took_ms, waited_ms=took_ms, rows=table.model.rowCount(),
                **table.ticks.take(), **memory_mib())  # fmt: skip
            QTimer.singleShot(200, table, go_on)

        wish()
        table.painted(told)

    table.painted(first_rows)
    code = application.exec()
    if kind == "tasks":
        say(step="whole", **table.ticks.whole(), **memory_mib())
    return code


def main(file: str, kind: str, began: str) -> int:
    if kind in ("bare", "watch"):
        return bare(kind, float(began))
    return show_table(file, kind, float(began))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
