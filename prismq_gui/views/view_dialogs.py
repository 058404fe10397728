"""The dialogs of saved views: one that asks for a name, one that lists them.

Owns the widgets. Must not know how views are kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.settings import MAX_VIEW_NAME
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.fitting import resize_within_screen
from prismq_gui.views.plain_text import label, one_line, tooltip
from prismq_gui.views.tab_order import tab_in_order


class NameDialog(QDialog):
    """Asks for the name of a view. GUI thread. ``named`` carries it."""

    named = Signal(str)

    def __init__(
        self,
        theme: Theme,
        title: str,
        button: str,
        parent: QWidget,
        *,
        replaceable: Sequence[str] = (),
        refused: Sequence[str] = (),
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._button_words = button
        self._replaceable = {name.casefold() for name in replaceable}
        self._refused = {name.casefold() for name in refused}
        self.line = QLineEdit(self)
        self.line.setMaxLength(MAX_VIEW_NAME)
        self.line.setAccessibleName("Name of the view")
        self.line.setPlaceholderText("Name, for example: Timeouts of today")
        self.told = label("", "muted", self, wrap=True)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self.button = QPushButton(button, self)
        set_role(self.button, "primary")
        box.addButton(self.button, QDialogButtonBox.ButtonRole.AcceptRole)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        self.line.textChanged.connect(self._on_line_text_changed)
        layout = QVBoxLayout(self)
        margin = theme.space(5)
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(theme.space(3))
        layout.addWidget(label(title, "title", self))
        layout.addWidget(self.line)
        layout.addWidget(self.told)
        layout.addWidget(box)
        self.setMinimumWidth(theme.space(100))
        self._on_line_text_changed("")

    def _name(self) -> str:
        return one_line(self.line.text()).strip()

    def _on_line_text_changed(self, _text: str) -> None:
        name = self._name().casefold()
        refused = name in self._refused
        self.button.setEnabled(bool(name) and not refused)
        self.button.setText("Replace" if name in self._replaceable else self._button_words)
        words = "Filter, sort and columns of this page are saved."
        if refused:
            words = "Another view of this page has that name."
        elif name in self._replaceable:
            words = "A view of this page has that name; it will be replaced."
        self.told.setText(words)

    def accept(self) -> None:
        """Tell the name, where it can be one."""
        if self.button.isEnabled():
            self.named.emit(self._name())
            super().accept()


class ViewsDialog(QDialog):
    """All views. GUI thread. Signals carry the row of a view: Enter shows it, F2 renames it, Del deletes it."""

    chosen = Signal(int)
    rename_wanted = Signal(int)
    delete_wanted = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Saved views")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.list = QListWidget(self)
        self.list.setAccessibleName("Saved views")
        self.list.itemActivated.connect(lambda _item: self._choose())
        self.list.currentRowChanged.connect(self._on_list_current_row_changed)
        self.told = label("", "muted", self, wrap=True)
        self.show_button = QPushButton("&Show", self)
        self.rename_button = QPushButton("&Rename… (F2)", self)
        self.delete_button = QPushButton("&Delete (Del)", self)
        close = QPushButton("&Close", self)
        set_role(self.show_button, "primary")
        self.show_button.setDefault(True)
        self.show_button.clicked.connect(self._choose)
        self.rename_button.clicked.connect(lambda: self._tell(self.rename_wanted))
        self.delete_button.clicked.connect(lambda: self._tell(self.delete_wanted))
        close.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.space(2))
        for button in (self.rename_button, self.delete_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        for button in (close, self.show_button):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        margin = theme.space(5)
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(theme.space(3))
        layout.addWidget(label("Saved views", "title", self))
        layout.addWidget(self.list, 1)
        tab_in_order(self.list, self.rename_button, self.delete_button, close, self.show_button)
        layout.addWidget(self.told)
        layout.addLayout(buttons)
        resize_within_screen(self, theme.space(130), theme.space(90))

    def show_views(self, views: Sequence[tuple[str, str]]) -> None:
        """Show views, each a name and what it shows; the row that was current stays so."""
        row = max(0, self.list.currentRow())
        self.list.clear()
        for name, words in views:
            item = QListWidgetItem(one_line(name), self.list)
            item.setToolTip(tooltip(words))
            item.setData(Qt.ItemDataRole.UserRole, words)
        self.list.setCurrentRow(min(row, len(views) - 1))
        self._on_list_current_row_changed(self.list.currentRow())
        if not views:
            self.told.setText("No view is saved. Set a filter, then save it from the View menu.")

    def _on_list_current_row_changed(self, row: int) -> None:
        item = self.list.item(row)
        self.told.setText(str(item.data(Qt.ItemDataRole.UserRole)) if item else "")
        for button in (self.show_button, self.rename_button, self.delete_button):
            button.setEnabled(item is not None)

    def _choose(self) -> None:
        row = self.list.currentRow()
        if row >= 0:
            self.accept()
            self.chosen.emit(row)

    def _tell(self, signal: object) -> None:
        row = self.list.currentRow()
        if row >= 0:
            signal.emit(row)  # type: ignore[attr-defined]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Rename on F2, delete on Del."""
        if event.key() == Qt.Key.Key_F2:
            self._tell(self.rename_wanted)
        elif event.key() == Qt.Key.Key_Delete:
            self._tell(self.delete_wanted)
        else:
            super().keyPressEvent(event)
