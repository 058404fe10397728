"""The part of the dialog of alerts about the person's program. Must not ask the disk: its path may be on a network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QProcess, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.insight.alert_settings import TIMEOUT_LIMITS_S, AlertSettings, path_mistake
from prismq_gui.insight.threshold_fields import Field, Unit
from prismq_gui.theme import Theme
from prismq_gui.views.alert_parts import ValueEdit
from prismq_gui.views.plain_text import label

_TIMEOUT = Field("hook_timeout_s", "Ended by force after", Unit.DURATION, "", TIMEOUT_LIMITS_S)


class ProgramPart(QWidget):
    """The person's program that hears of alerts."""

    changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mistake = ""
        self.on = QCheckBox("&Run a program for each alert, and when it is over", self)
        self.path = QLineEdit(self)
        self.browse_button = QPushButton("&Browse…", self)
        self.arguments = QLineEdit(self)
        self.timeout = ValueEdit(theme, _TIMEOUT, _TIMEOUT.title, self)
        self.in_quiet = QCheckBox("In qu&iet hours too", self)
        self.try_button = QPushButton("&Try it", self)
        self.told = label("", "small", self, wrap=True)
        self._lay_out(theme)
        for edit in (self.path, self.arguments, self.timeout):
            edit.textChanged.connect(self._on_changed)
        for box in (self.on, self.in_quiet):
            box.toggled.connect(self._on_changed)
        self.browse_button.clicked.connect(self._browse)

    def _lay_out(self, theme: Theme) -> None:
        space = theme.space
        self.path.setAccessibleName("Program, its whole path")
        self.arguments.setAccessibleName("Arguments")
        self.arguments.setPlaceholderText('words apart by spaces; "of more words" in quotes')
        for button in (self.browse_button, self.try_button):
            button.setAutoDefault(False)
        grid = QGridLayout()
        grid.setHorizontalSpacing(space(2))
        grid.setVerticalSpacing(space(2))
        grid.setColumnStretch(1, 1)
        for row, (name, widget) in enumerate(
            (("Program", self.path), ("Arguments", self.arguments), (_TIMEOUT.title, self.timeout))
        ):
            grid.addWidget(label(name, "muted", self), row, 0)
            grid.addWidget(widget, row, 1)
        grid.addWidget(self.browse_button, 0, 2)
        row_of_try = QHBoxLayout()
        row_of_try.addWidget(self.try_button)
        row_of_try.addStretch(1)
        words = (
            "It is started without a shell and gets one line of JSON on its stdin: event, rule, file, value, threshold "
            "and a sentence. Its output is kept in the list of alerts. “Try it” runs it now, with an alert made up."
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, space(3), 0, space(3))
        layout.setSpacing(space(2))
        layout.addWidget(self.on)
        layout.addWidget(label(words, "small", self, wrap=True))
        layout.addLayout(grid)
        layout.addWidget(self.in_quiet)
        layout.addLayout(row_of_try)
        layout.addWidget(self.told)
        layout.addStretch(1)

    def show_settings(self, settings: AlertSettings) -> None:
        """Show what is set."""
        self.on.setChecked(settings.hook)
        self.path.setText(settings.hook_program)
        self.arguments.setText(join_words(settings.hook_arguments))
        self.timeout.show_value(settings.hook_timeout_s)
        self.in_quiet.setChecked(settings.hook_in_quiet)
        self.told.setText("")
        self._on_changed()

    def put_into(self, settings: AlertSettings) -> AlertSettings:
        """Return the settings with what is set here."""
        return replace(
            settings, hook=self.on.isChecked(), hook_program=self.path.text().strip(),
            hook_arguments=tuple(QProcess.splitCommand(self.arguments.text())),
            hook_timeout_s=self.timeout.value() or settings.hook_timeout_s, hook_in_quiet=self.in_quiet.isChecked(),
        )  # fmt: skip

    def _on_changed(self, *_value: object) -> None:
        self.mistake = self.timeout.mistake()
        try:
            self.put_into(AlertSettings())
        except ValueError:
            self.mistake = "Program or arguments are too long, or too many."
        if self.on.isChecked() and not self.mistake:
            self.mistake = path_mistake(self.path.text().strip())
        self.try_button.setEnabled(bool(self.path.text().strip()) and not self.timeout.mistake())
        self.changed.emit()

    def _browse(self) -> None:
        dialog = QFileDialog(self, "Choose the program", str(Path(self.path.text()).parent))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.path.setText(str(Path(name))))
        dialog.open()


def join_words(words: tuple[str, ...]) -> str:
    """Return words as one line; Qt's ``splitCommand`` gives them back, but for empty ones."""
    return " ".join(_quoted(word) for word in words if word)


def _quoted(word: str) -> str:
    text = word.replace('"', '"""')
    return f'"{text}"' if any(each.isspace() for each in word) else text
