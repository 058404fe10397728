"""All keys of the program, by the menu their actions stand in."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHeaderView, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from prismq_gui.actions.registry import ACTIONS, MENUS
from prismq_gui.theme import Theme
from prismq_gui.views.fitting import resize_within_screen

# Keys of the widgets themselves.
_MORE = (
    ("In a table", "Home / End", "First and last row"),
    ("In a table", "Enter", "Open the row: the task's panel, a line's task, a worker's tasks"),
    ("In a table", "Shift+arrows", "Select several rows"),
    ("In a table", "Menu key", "Actions for the selection"),
    ("In the filter line", "Enter", "Filter at once, or take the offer that is chosen"),
    ("In the filter line", "Tab", "Take the chosen or the first offer"),
    ("In the filter line", "Ctrl+Space", "Offer what may come next"),
    ("In the filter line", "Down", "Go through the offers, without any to what was found"),
    ("In the filter line", "Esc", "Close the offers, then empty the line"),
    ("In the list of columns", "Space", "Show or hide the column"),
    ("In the list of columns", "Alt+Up / Alt+Down", "Move it to the left or right"),
    ("In the list of columns", "Del", "Take the column of a payload's value away"),
    ("In the command palette", "Enter", "Do what is chosen"),
    ("In the command palette", "Down / Up", "Choose"),
    ("In the command palette", "Esc", "Close it; the keyboard is where it was before"),
    ("In a comparison", "Enter", "Show the task in its file"),
    ("On the chips", "Space, Ctrl+Space", "Choose a status alone, or beside the others"),
)


class ShortcutsDialog(QDialog):
    """A list of keys. GUI thread."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.tree = QTreeWidget(self)
        self.tree.setColumnCount(2)
        self.tree.setHeaderLabels(["Action", "Keys"])
        self.tree.setRootIsDecorated(False)
        self.tree.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        self.tree.setAccessibleName("Keyboard shortcuts")
        self._fill()
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        box.rejected.connect(self.reject)
        box.button(QDialogButtonBox.StandardButton.Close).setDefault(True)
        layout = QVBoxLayout(self)
        margin = theme.space(4)
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(theme.space(3))
        layout.addWidget(self.tree)
        layout.addWidget(box)
        resize_within_screen(self, theme.space(130), theme.space(140))

    def _fill(self) -> None:
        for place in MENUS:
            rows = [
                (record.title.replace("&", "").removesuffix("…"), ", ".join(_native(keys) for keys in record.shortcuts))
                for record in ACTIONS
                if place in record.places and record.shortcuts
            ]
            self._section(place.value.replace("&", "").replace("/", " › "), rows)
        for title in dict.fromkeys(title for title, _keys, _what in _MORE):
            self._section(title, [(what, keys) for where, keys, what in _MORE if where == title])
        self.tree.expandAll()

    def _section(self, title: str, rows: list[tuple[str, str]]) -> None:
        if not rows:
            return
        section = QTreeWidgetItem([title])
        font = section.font(0)
        font.setBold(True)
        section.setFont(0, font)
        section.setFlags(Qt.ItemFlag.ItemIsEnabled)
        section.addChildren([QTreeWidgetItem(list(row)) for row in rows])
        self.tree.addTopLevelItem(section)


def _native(keys: str) -> str:
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)
