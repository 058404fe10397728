"""The mark of a file as a badge: its colour and its name, never the colour alone. A click changes it."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolButton, QWidget

from prismq_gui.file_marks import UNMARKED, Environment, FileMark
from prismq_gui.theme import Theme
from prismq_gui.theme.marks import mark_colours


class MarkBadge(QToolButton):
    """Hidden while the file is not marked. GUI thread."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._mark = UNMARKED
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFont(theme.font("small"))
        self.show_mark(UNMARKED)

    def show_mark(self, mark: FileMark) -> None:
        """Show a mark, or nothing where the file has none."""
        self._mark = mark
        self.setVisible(mark.environment is not Environment.NONE)
        self.setText(mark.environment.words)
        self.setAccessibleName(f"This file is marked as {mark.environment.value}: change the mark")
        self.setToolTip(f"This file is marked as {mark.environment.value}. Click to change that.")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Return room for the name within round ends."""
        metrics, space = QFontMetrics(self._theme.font("small")), self._theme.space
        return QSize(metrics.horizontalAdvance(self.text()) + space(5), metrics.height() + space(1.5))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return as much: a mark is never cut."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        """Draw the ground, the name, and a ring while it has the keyboard."""
        ground, text = mark_colours(self._mark.colour, dark=self._theme.is_dark)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ring = self._theme.colour("text") if self.hasFocus() else QColor(ground)
        painter.setPen(QPen(ring, 2 if self.hasFocus() else 1))
        painter.setBrush(QColor(ground))
        rect = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.drawRoundedRect(rect, rect.height() / 2, rect.height() / 2)
        painter.setFont(self._theme.font("small"))
        painter.setPen(QColor(text))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, self.text())
