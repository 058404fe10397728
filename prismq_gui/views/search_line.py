"""A line of literal text to look for, told when the typing pauses.

Owns the wait while typing. Must not query.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from prismq_gui.theme import Theme

DEBOUNCE_MS = 250
MAX_TEXT = 1_000  # characters; longer patterns are too complex for a search


class SearchLine(QLineEdit):
    """A line of literal text that tells its text when the typing pauses, or at once on Enter."""

    text_settled = Signal(str)
    left_down = Signal()
    """The Down key: on to what was found."""

    def __init__(self, theme: Theme, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._told = ""
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(placeholder)
        self.setMaxLength(MAX_TEXT)
        mark = QAction(self)
        theme.bind_icon(mark, "search", "muted")
        self.addAction(mark, QLineEdit.ActionPosition.LeadingPosition)
        self._timer = QTimer(self, singleShot=True, interval=DEBOUNCE_MS)
        self._timer.timeout.connect(self.settle)
        self.textChanged.connect(self._on_self_text_changed)
        self.returnPressed.connect(self.settle)

    def _on_self_text_changed(self, text: str) -> None:
        if text:
            self.setClearButtonEnabled(True)  # not before: Qt loads its picture then
            self._timer.start()
        else:
            self.settle()  # an emptied line shows everything at once

    def settle(self) -> None:
        """Tell the text now where it has changed."""
        self._timer.stop()
        if self.text() != self._told:
            self._told = self.text()
            self.text_settled.emit(self._told)

    @property
    def settled_text(self) -> str:
        """The text as it was last told."""
        return self._told

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Empty the line on Escape; the second Escape goes on to the window. Down leaves for the results."""
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            event.accept()
        elif event.key() == Qt.Key.Key_Down:
            self.settle()
            self.left_down.emit()
            event.accept()
        else:
            super().keyPressEvent(event)
