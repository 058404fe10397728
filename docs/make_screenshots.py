"""Make the pictures of the guide from the real program, on a copy of the sample queue.

Usage: python docs/make_screenshots.py [--out FOLDER] [--size WIDTHxHEIGHT]

Needs a display (on a server: xvfb-run). Writes PNG files named by page and theme. Nothing of the person's is touched:
settings, log and queue file lie in a temporary folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PySide6.QtTest import QTest  # noqa: E402
from PySide6.QtWidgets import QApplication, QWidget  # noqa: E402

from prismq_gui.app import capture, main_window  # noqa: E402
from prismq_gui.file_marks import Environment, with_mark  # noqa: E402
from prismq_gui.insight.filters import TaskFilter  # noqa: E402
from prismq_gui.insight.payload_columns import payload_column  # noqa: E402
from prismq_gui.operations.database_records import CareKind  # noqa: E402
from prismq_gui.queue import QueueClient  # noqa: E402
from prismq_gui.theme.theme import Mode  # noqa: E402
from prismq_gui.views.database_pages import DatabasePages  # noqa: E402
from prismq_gui.views.detail_panel import PAYLOAD, WHY  # noqa: E402
from prismq_gui.views.export_dialog import ExportDialog  # noqa: E402
from prismq_gui.views.main_window import MainWindow  # noqa: E402
from prismq_gui.views.plan_dialog import PlanDialog, Step  # noqa: E402
from prismq_gui.views.search_page import SearchState  # noqa: E402

SAMPLE = ROOT / "tests" / "data" / "prismq-sample.db"
MODES: tuple[Mode, ...] = ("light", "dark")
WAIT_S = 20.0


def wait_until(fulfilled: Callable[[], bool], what: str) -> None:
    """Let the window work until something is so."""
    deadline = time.monotonic() + WAIT_S
    while not fulfilled():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        QTest.qWait(5)
    QTest.qWait(200)  # what was painted a moment ago asks for rows and paints again


def scenes(window: MainWindow) -> Iterator[tuple[str, QWidget]]:
    """Bring the window into each state of the guide."""
    tasks = window.tasks_page
    yield "start", window
    window.open_path(SAMPLE_COPY)
    wait_until(lambda: window.session.snapshot is not None and tasks.model.is_complete, "the tasks were not read")
    window.show_page("failures")
    failures = window.failures_page
    wait_until(lambda: failures.model.rowCount() > 0, "no failures")
    failures.table.selectRow(0)
    wait_until(failures.panel.stop_button.isHidden, "what they share was not read")
    yield "failures", window
    yield from explained(window)
    tasks.set_filter(TaskFilter(statuses=("failed",)))
    wait_until(lambda: tasks.model.is_complete and tasks.model.count > 0, "no failed tasks")
    tasks.table.selectRow(0)
    wait_until(lambda: tasks.detail.is_showing_task, "the task was not read")
    yield "tasks", window
    yield from chosen(window)
    yield from acting(window)
    tasks.clear_filter()
    window.show_page("workers")
    lanes = window.workers_page.lanes
    lanes.period.setCurrentIndex(lanes.period.count() - 1)
    wait_until(lambda: bool(lanes.words.text()) and "Reading" not in lanes.words.text(), "the lanes were not read")
    yield "workers", window
    window.show_page("overview")
    overview = window.overview_page
    wait_until(lambda: bool(overview.verdict.lines()) and overview.depth_chart.data.count > 0, "no verdict or no past")
    yield "overview", window
    window.show_page("logs")
    wait_until(lambda: window.logs_page.model.is_complete, "no log lines")
    yield "logs", window
    yield from looked_after(window)
    yield from beside(window)
    window.open_path(SAMPLE_COPY.with_name("missing.db"))
    wait_until(lambda: not window.banner.isHidden(), "no banner")
    yield "not-found", window


def previewed(window: MainWindow) -> PlanDialog:
    """Ask for a retry of all that match, and wait for its preview."""
    window.actions_["retry_matching"].trigger()
    dialog = window.commands.plan_dialog
    assert dialog is not None
    wait_until(lambda: dialog.step is Step.PREVIEW, "no preview")
    return dialog


def acting(window: MainWindow) -> Iterator[tuple[str, QWidget]]:
    """Preview a retry, as it is and in production, do it, and change a shortcut."""
    dialog = previewed(window)
    yield "retry", dialog
    dialog.reject()
    settings = window.settings
    window.settings = replace(settings, file_marks=with_mark((), SAMPLE_COPY, Environment.PRODUCTION, "red"))
    dialog = previewed(window)
    yield "consent", dialog
    dialog.consent.ask(None)
    dialog.confirm()
    window.settings = settings
    wait_until(lambda: dialog.step is Step.DONE, "no report")
    yield "report", dialog
    dialog.reject()
    yield from taken_back(window)
    window.actions_["shortcuts"].trigger()
    keys = window.desk.shortcuts_dialog
    assert keys is not None
    keys.tree.setCurrentItem(keys.rows["retry"])
    keys.recorder.setFocus()
    keys.recorder.setKeySequence("Ctrl+E")
    yield "shortcuts", keys
    keys.reject()


def alerted(window: MainWindow) -> Iterator[tuple[str, QWidget]]:
    """Let a task be given up while the file is watched, and set what is an alert."""
    window.alerts.start()
    wait_until(lambda: window.alerts.raised_count > 0, "nothing was raised")
    with closing(sqlite3.connect(SAMPLE_COPY, isolation_level=None)) as file:
        file.execute(
            "UPDATE task_queue SET status = 'dead_letter', finished_at_utc = datetime('now') "
            "WHERE id = (SELECT min(id) FROM task_queue WHERE status = 'queued')"
        ).close()
    wait_until(lambda: any(not each.quiet for each in window.alerts.entries), "no task was given up")
    window.show_page("alerts")
    window.current_table().selectRow(0)
    yield "alerts", window
    window.alerts.ask()
    dialog = window.alerts.dialog
    assert dialog is not None
    yield "alert-rules", dialog
    dialog.reject()


def chosen_for(window: MainWindow, action: str) -> PlanDialog:
    """Ask for something that is chosen within its preview, and wait for that."""
    window.actions_[action].trigger()
    wait_until(lambda: window.commands.plan_dialog is not None, "no dialog")
    dialog = window.commands.plan_dialog
    assert dialog is not None
    wait_until(lambda: dialog.step is Step.PREVIEW, "no preview")
    return dialog


def taken_back(window: MainWindow) -> Iterator[tuple[str, QWidget]]:
    """Delete, look at other previews with choices, and take the deletion back by the history."""
    tasks = window.tasks_page
    tasks.set_filter(TaskFilter(statuses=("completed",)))
    wait_until(lambda: tasks.model.is_complete and tasks.model.count > 0, "no completed tasks")
    dialog = chosen_for(window, "delete_matching")
    yield "delete", dialog
    dialog.snapshot.setChecked(False)
    dialog.confirm()
    wait_until(lambda: dialog.step is Step.DONE, "no report")
    dialog.reject()
    tasks.set_filter(TaskFilter(statuses=("queued",)))
    wait_until(lambda: tasks.model.is_complete and tasks.model.count > 0, "no waiting tasks")
    dialog = chosen_for(window, "run_at_matching")
    yield "run-at", dialog
    dialog.reject()
    tasks.table.selectRow(2)
    wait_until(lambda: tasks.detail.is_showing_task, "the task was not read")
    dialog = chosen_for(window, "edit")
    editor = dialog.fields.first()  # type: ignore[union-attr]
    editor.setPlainText(editor.toPlainText().replace("{", '{"quality": "high", ', 1))  # type: ignore[attr-defined]
    wait_until(lambda: not dialog.lines.is_empty and dialog.step is Step.PREVIEW, "no preview of the edit")
    yield "edit", dialog
    dialog.reject()
    window.actions_["undo_last"].trigger()
    wait_until(lambda: window.commands.plan_dialog is not None, "no undo")
    undo = window.commands.plan_dialog
    assert undo is not None
    wait_until(lambda: undo.step is Step.PREVIEW, "no preview of the undo")
    yield "undo", undo
    undo.confirm()
    wait_until(lambda: undo.step is Step.DONE, "no report")
    undo.reject()
    window.actions_["history"].trigger()
    history = window.commands.history_dialog
    assert history is not None
    wait_until(lambda: history.model.rowCount() > 2, "no history")
    history.table.selectRow(1)
    yield "history", history
    history.close()


def explained(window: MainWindow) -> Iterator[tuple[str, MainWindow]]:
    """Search everything, and ask of a waiting task why it waits."""
    tasks = window.tasks_page
    window.show_page("search")
    window.search_page.line.setText("timeout")
    window.search_page.search_again()
    wait_until(lambda: window.search_page.state is SearchState.DONE, "the search did not end")
    yield "search", window
    window.show_page("tasks")
    tasks.set_filter(TaskFilter(statuses=("queued",)))
    wait_until(lambda: tasks.model.is_complete and tasks.model.count > 0, "no waiting tasks")
    tasks.table.selectRow(3)
    wait_until(lambda: tasks.detail.is_showing_task, "the task was not read")
    tasks.detail.tabs.setCurrentIndex(WHY)
    wait_until(lambda: "Due since" in tasks.detail.sentence_label.text(), "the task was not explained")
    yield "why", window
    tasks.detail.tabs.setCurrentIndex(PAYLOAD)


def chosen(window: MainWindow) -> Iterator[tuple[str, MainWindow]]:
    """Choose columns, values of payloads among them."""
    tasks = window.tasks_page
    for path in ("payload.title", "payload.format"):
        tasks.columns.add(payload_column(path))
    window.actions_["choose_columns"].trigger()
    columns = tasks.columns.dialog
    assert columns is not None
    wait_until(lambda: bool(tasks.columns.paths), "no paths")
    columns.list.setCurrentRow(columns.names().index("payload.title"))
    yield "columns", columns  # type: ignore[misc]
    columns.accept()
    tasks.columns.reset()


def looked_after(window: MainWindow) -> Iterator[tuple[str, MainWindow]]:
    """Show the file as a file, and what the restore of a backup would do."""
    backup = SAMPLE_COPY.parent / "backups" / "queue-backup-20261101T120000Z.db"
    backup.parent.mkdir()
    make_backup(SAMPLE_COPY, backup)
    yield from alerted(window)
    window.show_page("database")
    page = window.database_page
    page.look(anew=True)
    wait_until(lambda: page.model.rowCount() == 1 and "Path" in page.file_card.lines(), "the file was not looked at")
    page.table.selectRow(0)
    yield "database", window
    dialog = window.commands.care(CareKind.RESTORE, backup)
    assert dialog is not None
    wait_until(lambda: dialog.step is Step.PREVIEW, "no preview of the restore")
    yield "restore", dialog  # type: ignore[misc]
    dialog.reject()
    window.actions_["check_health"].trigger()
    pages = page.window().findChild(DatabasePages)
    assert isinstance(pages, DatabasePages)
    health = pages.health
    wait_until(lambda: not health.stop_button.isVisible() and health.model.rowCount() > 1, "it was not looked")
    health.table.selectRow(1)
    yield "health", window
    pages.tabs.setCurrentIndex(0)


def beside(window: MainWindow) -> Iterator[tuple[str, MainWindow]]:
    """Bring up what lies over or beside the window: thresholds, what comes next, the palette, a comparison."""
    window.thresholds.ask()
    limits = window.thresholds.dialog
    assert limits is not None
    yield "thresholds", limits  # type: ignore[misc]
    limits.reject()
    window.commands.show_next("worker-02")
    upcoming = window.commands.next_dialog
    assert upcoming is not None
    wait_until(lambda: upcoming.is_told, "what comes next was not read")
    yield "next", upcoming  # type: ignore[misc]
    upcoming.close()
    window.show_page("tasks")
    window.actions_["palette"].trigger()
    palette = window.commands.palette_widget
    assert palette is not None
    palette.line.setText("re")
    yield "palette", window
    palette.leave()
    window.actions_["export"].trigger()
    export = next(iter(window.findChildren(ExportDialog)))
    yield "export", export  # type: ignore[misc]
    export.close()
    old = SAMPLE_COPY.with_name("queue-backup-20261101T120000Z.db")
    make_backup(SAMPLE_COPY, old)
    with QueueClient(SAMPLE_COPY) as client:
        for number in range(1, 60):
            client.cancel(number)
        client.enqueue("video.render", {"url": "https://example.org/v/7"})
    dialog = window.commands.compare_files(old, SAMPLE_COPY)
    wait_until(lambda: dialog.model.result is not None, "the files were not compared")
    wait_until(lambda: dialog.details.topLevelItemCount() > 0, "the task was not compared")
    yield "compare", dialog  # type: ignore[misc]
    dialog.close()


def make_backup(source: Path, target: Path) -> None:
    """Copy a queue that is in use, whole, as the program's own backups are."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode=DELETE")


def make(app: QApplication, mode: Mode, out: Path, size: tuple[int, int], data: Path) -> None:
    """Write the pictures of one theme."""
    with main_window(app, data) as window:
        window.commands.theme_light() if mode == "light" else window.commands.theme_dark()
        window.resize(*size)
        window.show()
        for name, shown in scenes(window):
            wait_until(lambda: True, "")
            path = out / f"{name}-{mode}.png"
            if not capture(shown, path):
                raise OSError(f"could not write {path}")
            print(path)


def main() -> int:
    """Make all pictures; return the exit code."""
    global SAMPLE_COPY  # noqa: PLW0603
    os.environ["LOGNAME"] = "ann"  # who acts in the pictures, and where
    socket.gethostname = lambda: "desk"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--size", default="1280x800")
    options = parser.parse_args()
    wide, high = (int(part) for part in options.size.split("x"))
    app = QApplication(sys.argv[:1])
    with tempfile.TemporaryDirectory(prefix="PrismQ pictures ") as name:
        for mode in MODES:
            folder = Path(name) / mode
            folder.mkdir()
            SAMPLE_COPY = Path(shutil.copy(SAMPLE, folder / "queue.db"))
            make(app, mode, options.out, (wide, high), folder / "settings")
    return 0


SAMPLE_COPY = SAMPLE

if __name__ == "__main__":
    sys.exit(main())
