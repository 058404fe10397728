"""The dialog that marks a file: what it is for, and in which colour the window says so.

Owns the choice and its words. Must not know settings.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.file_marks import COLOURS, Environment, FileMark
from prismq_gui.theme import Theme, set_role
from prismq_gui.theme.marks import mark_colours
from prismq_gui.views.fitting import resize_within_screen
from prismq_gui.views.mark_badge import MarkBadge
from prismq_gui.views.plain_text import label, one_line
from prismq_gui.views.tab_order import tab_in_order

_TITLES = {
    Environment.NONE: "&Not marked", Environment.DEVELOPMENT: "&Development", Environment.STAGING: "&Staging",
    Environment.PRODUCTION: "&Production",
}  # fmt: skip
_MEANINGS = {
    Environment.NONE: "The bar at the top names the file alone.",
    Environment.DEVELOPMENT: "The bar at the top says so. Nothing else changes.",
    Environment.STAGING: "The bar at the top says so. Nothing else changes.",
    Environment.PRODUCTION: (
        "The bar at the top says so. What may lose something, is for more than 1,000 tasks or for all that match a "
        "filter must be confirmed by typing how many tasks it is for, or the file's name."
    ),
}


class MarkDialog(QDialog):
    """Beside the window. GUI thread. ``chosen`` carries the Environment and the name of a colour."""

    chosen = Signal(object, str)

    def __init__(self, theme: Theme, name: str, mark: FileMark, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setWindowTitle("Mark this file")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.file_label = label(one_line(name), "strong", self, wrap=True)
        self._group = QButtonGroup(self)
        self.buttons = {each: QRadioButton(title, self) for each, title in _TITLES.items()}
        self.colour = QComboBox(self)
        self.badge = MarkBadge(theme, self)
        self.badge.setEnabled(False)
        self.badge.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.meaning = label("", "muted", self, wrap=True)
        self.cancel_button = QPushButton("Cancel", self)
        self.save_button = QPushButton("&Mark the file", self)
        for name_, icon in ((each, self._swatch(each)) for each in COLOURS):
            self.colour.addItem(icon, name_.capitalize(), name_)
        self.colour.setAccessibleName("Colour")
        self._lay_out()
        for button in self.buttons.values():
            self._group.addButton(button)
            button.toggled.connect(self._on_button_toggled)
        self.colour.currentIndexChanged.connect(lambda _row: self._show())
        self.cancel_button.clicked.connect(self.reject)
        self.save_button.clicked.connect(self.accept)
        self.buttons[mark.environment].setChecked(True)
        self.colour.setCurrentIndex(COLOURS.index(mark.colour))
        self._show()
        self.buttons[mark.environment].setFocus(Qt.FocusReason.OtherFocusReason)

    def _swatch(self, colour: str) -> QIcon:
        edge = self._theme.space(3)
        pixmap = QPixmap(edge * 2, edge * 2)
        pixmap.setDevicePixelRatio(2.0)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(mark_colours(colour, dark=self._theme.is_dark)[0]))
        painter.drawEllipse(0, 0, edge, edge)
        painter.end()
        return QIcon(pixmap)

    def _lay_out(self) -> None:
        space = self._theme.space
        line = QHBoxLayout()
        line.setSpacing(space(2))
        title = label("&Colour", "", self)
        title.setTextFormat(Qt.TextFormat.AutoText)  # else its letter is no key
        title.setBuddy(self.colour)
        line.addWidget(title)
        line.addWidget(self.colour)
        line.addSpacing(space(3))
        line.addWidget(self.badge)
        line.addStretch(1)
        foot = QHBoxLayout()
        foot.setSpacing(space(2))
        foot.addStretch(1)
        foot.addWidget(self.cancel_button)
        foot.addWidget(self.save_button)
        set_role(self.save_button, "primary")
        self.save_button.setDefault(True)
        self.cancel_button.setAutoDefault(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(space(5), space(5), space(5), space(5))
        layout.setSpacing(space(3))
        layout.addWidget(label("What is this file for?", "title", self))
        layout.addWidget(self.file_label)
        for button in self.buttons.values():
            layout.addWidget(button)
        layout.addLayout(line)
        layout.addWidget(self.meaning)
        layout.addStretch(1)
        layout.addLayout(foot)
        self.meaning.setMinimumHeight(3 * self.meaning.fontMetrics().lineSpacing())
        self.meaning.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        tab_in_order(*self.buttons.values(), self.colour, self.cancel_button, self.save_button)
        resize_within_screen(self, space(110), space(92))

    @property
    def environment(self) -> Environment:
        """What is chosen."""
        return next(each for each, button in self.buttons.items() if button.isChecked())

    def _on_button_toggled(self, checked: bool) -> None:
        if checked:
            self.colour.setCurrentIndex(COLOURS.index(self.environment.usual_colour))
            self._show()

    def _show(self) -> None:
        environment = self.environment
        self.colour.setEnabled(environment is not Environment.NONE)
        self.badge.show_mark(FileMark("", environment, str(self.colour.currentData())))
        self.meaning.setText(_MEANINGS[environment])
        self.setAccessibleDescription(self.meaning.text())

    def accept(self) -> None:
        """Tell what was chosen."""
        self.chosen.emit(self.environment, str(self.colour.currentData()))
        super().accept()
