"""Test an installation from the inside: every layer that packaging can break, on a queue of its own.

Owns the steps and their report, a JSON file. Runs off screen, touches no queue and no settings of the person.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from prismq_gui import __version__
from prismq_gui.insight.filters import TaskFilter, TaskOrder
from prismq_gui.insight.reader import QueueReader
from prismq_gui.queue import QueueClient, QueueDatabase
from prismq_gui.resources import resource_path

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

ROW_TEXT: Final = "selftest.ěščř"
WINDOW_TIMEOUT_S: Final = 20.0


@dataclass(slots=True)
class Result:
    """What was found; written as JSON. ``failed`` maps a step to the error."""

    version: str = __version__
    python: str = sys.version.split()[0]
    system: str = field(default_factory=platform.platform)
    sqlite: str = sqlite3.sqlite_version
    frozen: bool = bool(getattr(sys, "frozen", False))
    facts: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def run_selftest(report: Path) -> int:
    """Run all steps, write the report, return 0 when all passed, else 1."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    result = Result()
    with tempfile.TemporaryDirectory(prefix="PrismQ selftest ", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        steps: tuple[tuple[str, Callable[[Path, Result], None]], ...] = (
            ("queue", _queue), ("read", _read), ("icons", _icons), ("window", _window),
        )  # fmt: skip
        for step, run in steps:
            with _reported(step, result):
                run(folder, result)
    text = {name: getattr(result, name) for name in Result.__slots__}
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(text, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    for step, error in result.failed.items():
        print(f"prismq-gui: selftest: {step}: {error}", file=sys.stderr, flush=True)
    return 1 if result.failed else 0


@contextmanager
def _reported(step: str, result: Result) -> Iterator[None]:
    """Run a step; whatever it raises is its failure, and the next step runs all the same."""
    started = time.monotonic()
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the report is for this
        result.failed[step] = f"{type(error).__name__}: {error}"
    result.facts[f"{step}_ms"] = round((time.monotonic() - started) * 1000)


def _queue(folder: Path, result: Result) -> None:
    with closing(QueueDatabase(folder / "queue.db")) as database:
        database.initialize_schema()
        result.facts["task_id"] = QueueClient(database).enqueue(ROW_TEXT, {"text": "příliš žluťoučký"}).task_id


def _read(folder: Path, result: Result) -> None:
    with closing(QueueReader(folder / "queue.db")) as reader:
        result.facts["journal_mode"] = reader.open().journal_mode
        ids = [task_id for chunk in reader.scan_tasks(TaskFilter(), TaskOrder()) for task_id in chunk.ids]
        result.facts["rows_read"] = [str(row.type) for row in reader.task_rows(ids).values()]
    _demand(result.facts["journal_mode"] == "wal", "the queue is not in WAL mode")
    _demand(result.facts["rows_read"] == [ROW_TEXT], "the enqueued task was not read back")


def _icons(folder: Path, result: Result) -> None:  # noqa: ARG001
    icons = sorted(resource_path("icons").glob("*.svg"))
    result.facts["resources"] = str(resource_path())
    result.facts["icons"] = len(icons)
    _demand(len(icons) > 20, "icons are missing")


def _window(folder: Path, result: Result) -> None:
    """Open the real window on the queue and close it as soon as the row is shown in it."""
    from prismq_gui.app import run_window

    seen: dict[str, Any] = {}
    code = run_window(folder / "queue.db", data_dir=folder / "data", on_shown=lambda window: _look(window, seen))
    result.facts["window"] = seen
    _demand(code == 0, f"the window ended with {code}")
    _demand(bool(seen.get("row")), "the task did not appear in the window within 20 s")


def _look(window: QWidget, seen: dict[str, Any]) -> None:
    from PySide6.QtCore import QTimer, qVersion
    from PySide6.QtGui import QImageReader
    from PySide6.QtWidgets import QApplication, QTableView

    deadline = time.monotonic() + WINDOW_TIMEOUT_S
    timer = QTimer(window)

    def look() -> None:
        texts = [
            str(view.model().index(0, column).data())
            for view in window.findChildren(QTableView)
            if view.model() is not None and view.model().rowCount() > 0
            for column in range(view.model().columnCount())
        ]
        seen["row"] = ROW_TEXT in texts
        if not seen["row"] and time.monotonic() < deadline:
            return
        timer.stop()
        seen["qt"] = qVersion()
        seen["platform"] = QApplication.platformName()
        seen["style"] = QApplication.style().objectName()
        seen["svg"] = b"svg" in [bytes(kind.data()) for kind in QImageReader.supportedImageFormats()]
        seen["icon"] = not window.windowIcon().isNull()
        seen["painted"] = not window.grab().toImage().isNull()
        window.close()

    timer.timeout.connect(look)
    timer.start(50)


def _demand(fulfilled: bool, otherwise: str) -> None:
    if not fulfilled:
        raise AssertionError(otherwise)
