"""The field that takes one press of keys, to make a shortcut of it.

Owns which keys end or leave recording. Must not know actions, nor which keys may be used.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QKeySequenceEdit, QLineEdit, QWidget

_PLAIN = (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)


class KeyRecorder(QKeySequenceEdit):
    """One press of keys. Enter, Esc, Backspace, Tab and Shift+Tab alone are never recorded. GUI thread."""

    accepted = Signal()
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMaximumSequenceLength(1)
        line = self.findChild(QLineEdit)
        if line is not None:
            line.setPlaceholderText("Press the new keys here")
        self.setAccessibleName("New keys")

    def event(self, event: QEvent) -> bool:
        """Let Tab go on: the base records it."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            key, held = event.key(), event.modifiers()
            if key == Qt.Key.Key_Tab and held in _PLAIN:
                return self.focusNextPrevChild(True)
            if key == Qt.Key.Key_Backtab:
                return self.focusNextPrevChild(False)
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Record, or end recording by a key alone."""
        key, is_plain = event.key(), event.modifiers() in _PLAIN
        if is_plain and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.accepted.emit()
        elif is_plain and key == Qt.Key.Key_Escape:
            self.left.emit()
        elif is_plain and key in (Qt.Key.Key_Backspace, Qt.Key.Key_Delete):
            self.clear()
        else:
            super().keyPressEvent(event)
            return
        event.accept()

    def keys(self) -> str:
        """Return what was pressed, in portable words; '' before anything was."""
        return self.keySequence().toString(QKeySequence.SequenceFormat.PortableText)
