"""The columns of the tasks as each queue file had them: remembered by file, put back when it is opened.

Owns which file the columns in view are of. A file that has no values of payloads as columns has no layout of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from prismq_gui.file_thresholds import file_name
from prismq_gui.settings import NamedLayout, Settings, TableLayout

if TYPE_CHECKING:
    from pathlib import Path

    from prismq_gui.insight.messages import FileFacts
    from prismq_gui.views.main_window import MainWindow
    from prismq_gui.views.tasks_page import TasksPage

MAX_FILES = 100
_PREFIX = "tasks of "  # the name of a layout goes on with what stands for the file


class FileColumns(QObject):
    """One for a tasks page. GUI thread."""

    def __init__(self, window: MainWindow, page: TasksPage) -> None:
        super().__init__(page)
        self._window = window
        self._page = page
        self._file: Path | None = None
        window.session.opened.connect(self._on_session_opened)
        page.columns.changed.connect(self._on_columns_changed)
        if window.session.is_open and window.session.path is not None:
            self._take(window.session.path)

    def _on_session_opened(self, facts: FileFacts) -> None:
        path = self._window.session.path or facts.path
        if path != self._file:
            self._window.keep_layouts(self.remembered(self._window.settings).layouts)
            self._take(path)

    def _take(self, path: Path) -> None:
        """Show the columns that a file had last; values of another file's payloads go."""
        self._file = None  # what changes now is no wish of the person
        saved = self._window.settings.layout(_name(path))
        if saved.order:
            self._page.columns.restore(saved)
        elif self._page.model.payload_columns:
            self._page.columns.restore(without_payloads(self._page.table.save_layout(), self._page))
        self._file = path

    def _on_columns_changed(self) -> None:
        if self._file is not None:
            self._window.keep_layouts(self.remembered(self._window.settings).layouts)

    def remembered(self, settings: Settings) -> Settings:
        """Return the settings with the columns of the file in view."""
        if self._file is None:
            return settings
        name = _name(self._file)
        kept = [entry for entry in settings.layouts if entry.page != name]
        if self._page.model.payload_columns:
            kept.append(NamedLayout(name, self._page.table.save_layout()))
        own = [entry for entry in kept if entry.page.startswith(_PREFIX)]
        kept = [entry for entry in kept if entry not in own[: max(0, len(own) - MAX_FILES)]]
        return replace(settings, layouts=tuple(kept))


def _name(path: Path) -> str:
    return f"{_PREFIX}{file_name(path)}"


def without_payloads(layout: TableLayout, page: TasksPage) -> TableLayout:
    """Return a layout without the values of payloads."""
    gone = {column.name for column in page.model.payload_columns}
    is_sorted = layout.sort_column not in gone
    return replace(
        layout,
        widths=tuple(entry for entry in layout.widths if entry.column not in gone),
        hidden=tuple(name for name in layout.hidden if name not in gone),
        order=tuple(name for name in layout.order if name not in gone),
        sort_column=layout.sort_column if is_sorted else "id",
        sort_descending=layout.sort_descending if is_sorted else True,
    )
