"""The line in which the person types what an operation on a production file asks for.

Owns the line and whether it was given. What must be typed stands in :mod:`prismq_gui.operations.consent`.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from prismq_gui.operations.consent import TypedConsent
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.plain_text import label, visible


class ConsentLine(QLineEdit):
    """Keeps Enter: it must never answer a dialog by its default button."""

    entered = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Tell of Enter, once a press."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()
            if not event.isAutoRepeat():
                self.entered.emit()
        else:
            super().keyPressEvent(event)


class TypedConsentBox(QFrame):
    """Hidden until something is asked for. GUI thread.

    ``changed`` tells that ``is_given`` may be new; ``entered`` that Enter was pressed and it is given.
    """

    changed = Signal()
    entered = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._wanted: TypedConsent | None = None
        self._icon = QLabel(self)
        self.sentence = label("", "strong", self, wrap=True)
        self.line = ConsentLine(self)
        self.line.setMaxLength(300)
        set_role(self, "card")
        layout = QHBoxLayout(self)
        space = theme.space
        layout.setContentsMargins(space(3), space(3), space(3), space(3))
        layout.setSpacing(space(3))
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(space(2))
        words.addWidget(self.sentence)
        words.addWidget(self.line)
        layout.addLayout(words, 1)
        self.line.textChanged.connect(lambda _text: self.changed.emit())
        self.line.entered.connect(self._on_line_entered)
        theme.changed.connect(self._show_icon)
        self._show_icon()
        self.ask(None)

    def ask(self, wanted: TypedConsent | None) -> None:
        """Ask for this to be typed; None: for nothing."""
        self._wanted = wanted
        self.line.clear()
        self.setVisible(wanted is not None)
        if wanted is not None:
            self.sentence.setText(visible(wanted.sentence))
            self.line.setAccessibleName(visible(wanted.sentence))
            self.line.setPlaceholderText(f"Type {visible(wanted.text)}")
        self.changed.emit()

    @property
    def is_asked(self) -> bool:
        """Whether something must be typed."""
        return self._wanted is not None

    @property
    def is_given(self) -> bool:
        """Whether nothing must be typed, or it was."""
        return self._wanted is None or self._wanted.is_given(self.line.text())

    def focus_line(self) -> None:
        """Give the keyboard to the line."""
        self.line.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_line_entered(self) -> None:
        if self.is_given:
            self.entered.emit()

    def _show_icon(self) -> None:
        self._icon.setPixmap(self._theme.pixmap("triangle-alert", "danger", self._theme.space(4), self))
