"""Versions and licences, and what is known against the SQLite in use."""

from __future__ import annotations

import platform

from PySide6.QtCore import Qt, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from prismq_gui import __version__
from prismq_gui.insight.versions import sqlite_note, sqlite_version
from prismq_gui.theme import Theme
from prismq_gui.views.plain_text import label


class AboutDialog(QDialog):
    """Plain facts, copied by a button for a report. GUI thread."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About PrismQ")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.facts = (
            ("PrismQ", __version__),
            ("Python", platform.python_version()),
            ("Qt", qVersion() or ""),
            ("SQLite", sqlite_version()),
            ("System", platform.platform()),
        )
        layout = QVBoxLayout(self)
        margin = theme.space(5)
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(theme.space(3))
        layout.addWidget(label("PrismQ", "title", self))
        words = "Watches and manages a task queue in one SQLite file, while its workers use it."
        layout.addWidget(label(words, "", self, wrap=True))
        layout.addLayout(self._facts(theme))
        note = sqlite_note()
        if note:
            layout.addWidget(label(note, "muted", self, wrap=True))
        licences = "Icons: Lucide, ISC licence. Window: Qt for Python, LGPL 3."
        layout.addWidget(label(licences, "muted", self, wrap=True))
        layout.addWidget(self._buttons())
        self.setMinimumWidth(theme.space(110))

    def _facts(self, theme: Theme) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.space(4))
        grid.setColumnStretch(1, 1)
        for row, (name, value) in enumerate(self.facts):
            grid.addWidget(label(name, "muted", self), row, 0)
            shown: QLabel = label(value, "", self)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(shown, row, 1)
        return grid

    def _buttons(self) -> QDialogButtonBox:
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        copy = box.addButton("&Copy", QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(self.copy_facts)
        box.rejected.connect(self.reject)
        box.button(QDialogButtonBox.StandardButton.Close).setDefault(True)
        return box

    def copy_facts(self) -> None:
        """Put the facts on the clipboard."""
        QGuiApplication.clipboard().setText("\n".join(f"{name}: {value}" for name, value in self.facts))
