"""What stands where there is nothing to show: why, and what to do next."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from prismq_gui.theme import Theme, set_role
from prismq_gui.views.plain_text import label, no_mnemonic, visible


class EmptyState(QWidget):
    """An icon, a title, a sentence and at most two buttons. GUI thread."""

    action_requested = Signal()
    second_action_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        # By width. Qt asks 34 times a poll beside busy writers, as the chips above change: a sixth of what that cost.
        self._hints: dict[int, QSize] = {}
        self._icon_name = "inbox"
        self._icon = QLabel(self)
        self._icon.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._title = label("", "title", self, wrap=True)
        self._text = label("", "muted", self, wrap=True)
        for one in (self._title, self._text):
            one.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._button, self._second = QPushButton(self), QPushButton(self)
        set_role(self._button, "primary")
        self._button.clicked.connect(self.action_requested)
        self._second.clicked.connect(self.second_action_requested)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.space(2))
        buttons.addStretch(1)
        buttons.addWidget(self._button)
        buttons.addWidget(self._second)
        buttons.addStretch(1)
        layout = self._layout = QVBoxLayout(self)
        margin = theme.space(6)
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(theme.space(2))
        layout.addStretch(2)
        layout.addWidget(self._icon)
        for widget in (self._title, self._text):
            widget.setMaximumWidth(theme.space(125))  # longer lines end in a single word, and are harder to read
            line = QHBoxLayout()
            line.addStretch(1)
            line.addWidget(widget, 1_000)
            line.addStretch(1)
            layout.addLayout(line)
        layout.addSpacing(theme.space(2))
        layout.addLayout(buttons)
        layout.addStretch(3)
        theme.changed.connect(self._on_theme_changed)
        self.show_state("inbox", "", "")

    def show_state(self, icon: str, title: str, text: str, button: str = "", second: str = "") -> None:
        """Say what there is not, why, and what can be done."""
        self._hints.clear()
        self._icon_name = icon
        self._title.setText(visible(title))
        self._text.setText(visible(text))
        self._text.setVisible(bool(text))
        for widget, words in ((self._button, button), (self._second, second)):
            widget.setText(no_mnemonic(words))
            widget.setVisible(bool(words))
        self.setAccessibleName(f"{title}. {text}")
        self._on_theme_changed()

    def buttons(self) -> tuple[QPushButton, QPushButton]:
        """Return the two buttons, shown or not."""
        return self._button, self._second

    def texts(self) -> tuple[str, str]:
        """Return title and text as shown."""
        return self._title.text(), self._text.text()

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the room for the words alone: the icon goes where there is no more."""
        if self.width() not in self._hints:
            hint = super().minimumSizeHint()
            self._hints[self.width()] = QSize(hint.width(), min(hint.height(), self._height(with_icon=False)))
        return self._hints[self.width()]

    def event(self, event: QEvent) -> bool:
        """Reckon the room anew once anything in here takes another."""
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self._hints.clear()
        return super().event(event)

    def _height(self, *, with_icon: bool) -> int:
        layout, space = self._layout, self._theme.space
        whole = layout.totalHeightForWidth(max(self.width(), space(75)))
        icon = 0 if with_icon else space(10)
        return whole - icon if not self._icon.isHidden() else whole + space(10) - icon

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the icon where there is room for it."""
        super().resizeEvent(event)
        self._hints.clear()
        self._icon.setVisible(self.height() >= self._height(with_icon=True))

    def _on_theme_changed(self) -> None:
        self._hints.clear()
        self._icon.setPixmap(self._theme.pixmap(self._icon_name, "muted", self._theme.space(8), self))
