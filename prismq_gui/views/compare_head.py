"""Which two files are compared: names and folders, and the ways to choose others."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QGridLayout, QPushButton, QWidget

from prismq_gui.theme import Theme
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.plain_text import label

FILE_FILTER = "Queue files (*.db *.sqlite *.sqlite3);;All files (*)"


class CompareHead(QWidget):
    """GUI thread. ``chosen`` carries the older file and the newer one."""

    chosen = Signal(object, object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._paths: tuple[Path, Path] | None = None
        self.names = (ElidedLabel("strong", self), ElidedLabel("strong", self))
        self.folders = (ElidedLabel("muted", self), ElidedLabel("muted", self))
        self.swap_button = QPushButton("S&wap", self)
        self.other_button = QPushButton("Other &file…", self)
        self.swap_button.setToolTip("Take the newer file for the older one")
        self.other_button.setToolTip("Choose another file in place of the older one")
        self.swap_button.clicked.connect(self._on_swap_button_clicked)
        self.other_button.clicked.connect(self.choose_other)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.space(3))
        grid.setVerticalSpacing(theme.space(1))
        for row, title in enumerate(("Older", "Newer")):
            grid.addWidget(label(title, "muted", self), row, 0)
            grid.addWidget(self.names[row], row, 1)
            grid.addWidget(self.folders[row], row, 2)
        grid.setColumnStretch(1, 2)
        grid.setColumnStretch(2, 3)
        buttons = ((self.swap_button, "arrow-left-right"), (self.other_button, "folder-open"))
        for column, (button, icon) in enumerate(buttons, 3):
            theme.bind_icon(button, icon)
            button.setIconSize(QSize(theme.icon_size(), theme.icon_size()))
            button.setAutoDefault(False)
            grid.addWidget(button, 0, column, 2, 1, Qt.AlignmentFlag.AlignVCenter)

    def show_paths(self, before: Path, after: Path) -> None:
        """Show which files they are."""
        self._paths = (before, after)
        for place, path in enumerate(self._paths):
            self.names[place].show_text(path.name)
            self.folders[place].show_text(str(path.parent))

    def _on_swap_button_clicked(self) -> None:
        if self._paths is not None:
            self.chosen.emit(self._paths[1], self._paths[0])

    def choose_other(self) -> None:
        """Ask for another older file."""
        if self._paths is None:
            return
        before, after = self._paths
        dialog = QFileDialog(self, "Compare with another queue file", str(before.parent), FILE_FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.chosen.emit(Path(name), after))
        dialog.open()
