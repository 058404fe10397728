"""How a comparison begins, from a menu or from two files that were dropped, and where a task of it is shown.

Must not compare.
"""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from prismq_gui.operations.messages import Selected
from prismq_gui.theme import Severity, Theme
from prismq_gui.views.compare_dialog import CompareDialog
from prismq_gui.views.compare_head import FILE_FILTER

if TYPE_CHECKING:
    from prismq_gui.views.main_window import MainWindow


def ask(window: MainWindow, theme: Theme) -> None:
    """Ask which file the open one is to be compared with, its copies and backups being older."""
    path = window.session.path
    if path is None:
        return
    dialog = QFileDialog(window, f"Compare {path.name} with", str(path.parent), FILE_FILTER)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda name: show(window, theme, Path(name), path))
    dialog.open()


def show(window: MainWindow, theme: Theme, before: Path, after: Path) -> CompareDialog:
    """Compare two files beside the window; an earlier comparison of the window makes room."""
    for earlier in window.findChildren(CompareDialog):
        earlier.close()
    dialog = CompareDialog(theme, window.engine.comparing, before, after, window)
    dialog.task_requested.connect(lambda path, task_id: _show_task(window, path, task_id))
    dialog.bring_back_requested.connect(lambda old, new, ids: _bring_back(window, old, new, ids))
    dialog.show()
    return dialog


def _show_task(window: MainWindow, path: Path, task_id: int) -> None:
    """Show a task in this window if it is its file, else in a window of its own."""
    if window.session.path == path and window.session.is_open:
        window.show_task(task_id)
        window.activateWindow()
    else:
        window.task_window_requested.emit(path, task_id)


def _bring_back(window: MainWindow, backup: Path, queue: Path, ids: array[int]) -> None:
    """Preview that tasks of the older file come back, where the newer one is open here."""
    from prismq_gui.operations.bring_back import bring_back  # noqa: PLC0415 - not of use at each start

    if window.session.path != queue or not window.session.is_open:
        window.notices.message(
            Severity.WARNING, "Not brought back", f"Open {queue} in this window first: nothing was changed."
        )
        return
    window.activateWindow()
    window.commands.bring_back(bring_back(backup), Selected(ids))


def by_age(one: Path, other: Path) -> tuple[Path, Path]:
    """Return two files, the one that was written first before the other."""
    return (one, other) if _written(one) <= _written(other) else (other, one)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
