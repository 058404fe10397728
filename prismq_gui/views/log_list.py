"""The log lines of one task, oldest first; new ones are added below without moving what is read."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QTreeWidget, QTreeWidgetItem, QWidget

from prismq_gui.insight.messages import LogRow
from prismq_gui.models.text import cell_text, plain
from prismq_gui.theme import Theme
from prismq_gui.views.plain_text import one_line, tooltip
from prismq_gui.views.times import shown

# Marks beside the colour, so that a level is told without it.
_LEVELS = {
    "DEBUG": ("·", "muted"),
    "INFO": ("●", "info"),
    "WARNING": ("▲", "warning"),
    "ERROR": ("✖", "danger"),
    "CRITICAL": ("✖", "danger"),
}
MAX_MESSAGE = 500  # characters in the line; the tooltip shows more


class LogList(QTreeWidget):
    """Time, level, message; details open below a line. GUI thread."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: tuple[LogRow, ...] = ()
        self.setColumnCount(3)
        self.setHeaderHidden(True)
        self.setUniformRowHeights(True)
        self.setRootIsDecorated(True)
        self.setIndentation(theme.space(4))
        self.setFrameShape(QTreeWidget.Shape.NoFrame)
        self.setSelectionMode(QTreeWidget.SelectionMode.ExtendedSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setAccessibleName("Log lines")
        theme.changed.connect(self._on_theme_changed)

    def show_logs(self, logs: Sequence[LogRow]) -> None:
        """Show the lines; those that were shown already stay as they are."""
        rows = tuple(sorted(logs, key=lambda row: row.log_id))
        known = len(self._shown)
        if not known or rows[:known] != self._shown:
            if rows == self._shown:
                return
            self.clear()
            known = 0
        bar = self.verticalScrollBar()
        at_end, was = bar.value() == bar.maximum(), bar.value()
        self.addTopLevelItems([self._item(row) for row in rows[known:]])
        self._shown = rows
        if known == 0:
            self._fit()
        if at_end and known:
            self.scrollToBottom()
        else:
            bar.setValue(was if known else 0)

    def _fit(self) -> None:
        for column in (0, 1):
            self.resizeColumnToContents(column)

    def _item(self, row: LogRow) -> QTreeWidgetItem:
        time = shown("Time", row.at_utc)
        level = cell_text(row.level)
        mark, role = _LEVELS.get(level.upper(), ("◆", "text"))
        message = plain(row.message)
        item = QTreeWidgetItem([time.absolute, f"{mark} {level}", one_line(message[:MAX_MESSAGE])])
        item.setForeground(0, QBrush(self._theme.colour("muted")))
        item.setForeground(1, QBrush(self._theme.colour(role)))
        item.setFont(2, self._theme.font("mono"))
        item.setToolTip(0, tooltip(time.tooltip))
        item.setToolTip(2, tooltip(message))
        if row.details not in (None, "", "{}"):
            below = QTreeWidgetItem(["", "", cell_text(row.details)])
            below.setForeground(2, QBrush(self._theme.colour("muted")))
            below.setFont(2, self._theme.font("mono"))
            below.setToolTip(2, tooltip(plain(row.details)))
            item.addChild(below)
        return item

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy the selected lines as plain text."""
        if event.matches(QKeySequence.StandardKey.Copy):
            lines = ["\t".join(item.text(column) for column in range(3)) for item in self.selectedItems()]
            QGuiApplication.clipboard().setText("\n".join(lines))
            event.accept()
        else:
            super().keyPressEvent(event)

    def _on_theme_changed(self) -> None:
        rows, self._shown = self._shown, ()
        self.clear()
        self.show_logs(rows)
