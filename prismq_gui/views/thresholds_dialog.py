"""The dialog of thresholds: when the verdict calls something a problem, for all files or for this one alone.

Owns the lines, and what is said of each. How a value is read stands in
:mod:`prismq_gui.insight.threshold_fields`; must not know settings.
"""

from __future__ import annotations

import re
from itertools import pairwise

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.insight.threshold_fields import FIELDS, Field, text_of, value_of
from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.fitting import resize_within_screen
from prismq_gui.views.plain_text import label, no_mnemonic, one_line

_MOST_NAME = 40  # characters of a file's name on a button


class _Line:
    """One threshold: its title, what is typed, and below it what it means or what is wrong."""

    def __init__(self, theme: Theme, field: Field, dialog: ThresholdsDialog, grid: QGridLayout, row: int) -> None:
        self.field = field
        self.mistake = ""
        self._dialog = dialog
        self.title = label(field.title, "", dialog)
        self.edit = QLineEdit(dialog)
        self.edit.setAccessibleName(field.title.removeprefix("… "))
        self.edit.setFixedWidth(theme.space(28))
        self.told = label("", "small", dialog, wrap=True)
        self.edit.textChanged.connect(self._on_edit_text_changed)
        grid.addWidget(self.title, row, 0)
        grid.addWidget(self.edit, row, 1)
        grid.addWidget(self.told, row, 2)

    def show_value(self, thresholds: Thresholds) -> None:
        self.edit.setText(text_of(self.field, getattr(thresholds, self.field.name)))
        self._check()

    def value(self) -> float | None:
        try:
            return value_of(self.field, self.edit.text())
        except ValueError:
            return None

    def _on_edit_text_changed(self, _text: str) -> None:
        self._check()
        self._dialog.check()

    def _check(self) -> None:
        try:
            value_of(self.field, self.edit.text())
            self.mistake = ""
        except ValueError as error:
            self.mistake = one_line(str(error))
        words = self.mistake or f"{self.field.meaning} {self._limits()}"
        if self.told.text() != words:
            self.told.setText(words)
            set_role(self.told, "error" if self.mistake else "small")
        self.edit.setAccessibleDescription(words)

    def _limits(self) -> str:
        default = text_of(self.field, getattr(Thresholds(), self.field.name))
        words = f"Usually {default}; {self.field.range_text}."
        return re.sub(r"(?<=\d) (?=[%A-Za-z]{1,3}\b|%)", "\u00a0", words)  # a number stays with its unit


class ThresholdsDialog(QDialog):
    """Beside the window. GUI thread.

    ``chosen`` carries the Thresholds and whether they are for this file alone; None: this file has those of all.
    """

    chosen = Signal(object, bool)

    def __init__(
        self, theme: Theme, shared: Thresholds, own: Thresholds | None, file: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._shared = shared
        self._own = own
        self.setWindowTitle("Thresholds of the verdict")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.for_all = QRadioButton("For &all files", self)
        self.for_file = QRadioButton("", self)
        self.note = label("", "muted", self, wrap=True)
        self.reset_button = QPushButton("", self)
        self.cancel_button = QPushButton("Cancel", self)
        self.save_button = QPushButton("&Save", self)
        self.lines: list[_Line] = []
        self._set_up(file)
        self._lay_out(theme)
        self.for_file.toggled.connect(self._on_for_file_toggled)
        self.reset_button.clicked.connect(lambda: self._show(self._fallback()))
        self.cancel_button.clicked.connect(self.reject)
        self.save_button.clicked.connect(self.accept)
        (self.for_file if own is not None else self.for_all).setChecked(True)
        self._on_for_file_toggled(self.for_file.isChecked())
        self.lines[0].edit.setFocus(Qt.FocusReason.OtherFocusReason)
        self.lines[0].edit.selectAll()

    def _set_up(self, file: str) -> None:
        name = one_line(file)
        short = name if len(name) <= _MOST_NAME else f"{name[:_MOST_NAME]}…"
        self.for_file.setText(f"For this &file alone: {no_mnemonic(short)}" if file else "For this &file alone")
        self.for_file.setEnabled(bool(file))
        set_role(self.save_button, "primary")
        self.save_button.setDefault(True)
        for button in (self.reset_button, self.cancel_button):
            button.setAutoDefault(False)

    def _lay_out(self, theme: Theme) -> None:
        space = theme.space
        body = QWidget(self)
        grid = QGridLayout(body)
        grid.setContentsMargins(0, 0, space(2), 0)
        grid.setHorizontalSpacing(space(3))
        grid.setVerticalSpacing(space(2))
        grid.setColumnStretch(2, 1)
        self.lines += [_Line(theme, field, self, grid, row) for row, field in enumerate(FIELDS)]
        grid.setRowStretch(len(self.lines), 1)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        foot = QHBoxLayout()
        foot.setSpacing(space(2))
        foot.addWidget(self.reset_button)
        foot.addStretch(1)
        foot.addWidget(self.cancel_button)
        foot.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(space(5), space(5), space(5), space(5))
        layout.setSpacing(space(3))
        layout.addWidget(label("When is something a problem?", "title", self))
        scopes = QHBoxLayout()
        scopes.setSpacing(space(4))
        scopes.addWidget(self.for_all)
        scopes.addWidget(self.for_file)
        scopes.addStretch(1)
        layout.addLayout(scopes)
        layout.addWidget(scroll, 1)
        layout.addWidget(self.note)
        layout.addLayout(foot)
        stops = (self.for_all, self.for_file, *(line.edit for line in self.lines), self.reset_button,
                 self.cancel_button, self.save_button)  # fmt: skip
        for before, after in pairwise(stops):
            QWidget.setTabOrder(before, after)
        for line in self.lines:  # one that Tab goes to is scrolled into view by Qt only where it is in the area
            line.title.setBuddy(line.edit)
        resize_within_screen(self, space(216), space(160))

    # -- what is shown

    def _fallback(self) -> Thresholds:
        return self._shared if self.for_file.isChecked() else Thresholds()

    def _on_for_file_toggled(self, for_file: bool) -> None:
        self.reset_button.setText("&Reset to those of all files" if for_file else "&Reset to defaults")
        self._show((self._own or self._shared) if for_file else self._shared)

    def _show(self, thresholds: Thresholds) -> None:
        for line in self.lines:
            line.show_value(thresholds)
        self.check()

    def check(self) -> None:
        """Say what keeps it from being saved, or what saving means."""
        wrong = [line for line in self.lines if line.mistake]
        self.save_button.setEnabled(not wrong)
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            words = f"Not saved yet: “{wrong[0].edit.accessibleName()}”{more} must be corrected first."
        elif self.for_file.isChecked():
            words = "They hold for this file, whatever is set for all files, and for “stats --overview” too."
        elif self._own is not None:
            words = "The file that is open has thresholds of its own, which go on to hold for it."
        else:
            words = "They hold at once, and for “stats --overview” too."
        self.note.setText(words)

    def accept(self) -> None:
        """Tell what is set, where all of it can be."""
        values = {line.field.name: line.value() for line in self.lines}
        if any(value is None for value in values.values()):
            return
        thresholds = Thresholds.from_dict(dict(values))
        for_file = self.for_file.isChecked()
        self.chosen.emit(None if for_file and thresholds == self._shared else thresholds, for_file)
        super().accept()
