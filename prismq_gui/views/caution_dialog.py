"""The question before a file is opened that may be harmed by it, or may harm: what it is about, and a safe way out.

Owns the words and buttons. Must not find cautions, nor open a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

from prismq_gui.insight.before_opening import Caution, CautionKind
from prismq_gui.theme import Theme
from prismq_gui.views.plain_text import label, visible


class CautionDialog(QDialog):
    """Enter and Esc do not open. ``confirmed`` carries whether the file is to be read-only. GUI thread."""

    confirmed = Signal(bool)

    def __init__(
        self, theme: Theme, path: Path, cautions: Sequence[Caution], read_only: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Open this file?")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        # On a network drive looking is all that may be done.
        self.read_only = read_only or any(each.kind is CautionKind.NETWORK for each in cautions)
        self.sentences = tuple(label(visible(each.sentence), "", self, wrap=True) for each in cautions)
        self.path_label: QLabel = label(visible(str(path)), "strong", self, wrap=True)
        self.path_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.open_button = QPushButton("Open &read-only" if self.read_only else "Open &all the same", self)
        self.box = QDialogButtonBox(self)
        self.box.addButton(self.open_button, QDialogButtonBox.ButtonRole.ActionRole)
        self.keep_closed_button = self.box.addButton("&Don't open", QDialogButtonBox.ButtonRole.RejectRole)
        self.open_button.setAutoDefault(False)
        self.keep_closed_button.setDefault(True)
        self.open_button.clicked.connect(self._on_open_button_clicked)
        self.box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        margin = theme.space(5)
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(theme.space(3))
        layout.addWidget(label("Open this file?", "title", self))
        for widget in (self.path_label, *self.sentences):
            layout.addWidget(widget)
        layout.addWidget(label("It has not been opened yet.", "muted", self))
        layout.addWidget(self.box)
        self.setMinimumWidth(theme.space(120))
        self.setAccessibleDescription(" ".join(each.sentence for each in cautions))
        self.keep_closed_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_open_button_clicked(self) -> None:
        self.confirmed.emit(self.read_only)
        self.accept()
