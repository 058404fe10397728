"""The dialog to choose columns: which are shown, in which order, and which values of payloads have one.

Owns the widgets; each change is made in the table at once. Must not know how a table is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QStringListModel, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCompleter,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.theme import Theme, set_role
from prismq_gui.views.fitting import resize_within_screen
from prismq_gui.views.plain_text import label, one_line, tooltip
from prismq_gui.views.tab_order import tab_in_order

if TYPE_CHECKING:
    from prismq_gui.views.column_choice import ColumnChoice

_NAME = Qt.ItemDataRole.UserRole
_HINT = "For example payload.region, payload.video.codec or payload.files[0]."
_FULL = 2_000  # characters, as many as the language takes


class ColumnList(QListWidget):
    """The columns from left to right, ticked where shown. Keys: Space, Alt+Up, Alt+Down, Del. GUI thread."""

    def __init__(self, dialog: ColumnsDialog) -> None:
        super().__init__(dialog)
        self._dialog = dialog
        self.setAccessibleName("Columns from left to right")
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setUniformItemSizes(True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the column, or take one of a payload away; the rest as usual."""
        is_alt = event.modifiers() == Qt.KeyboardModifier.AltModifier
        if is_alt and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._dialog.move_current(-1 if event.key() == Qt.Key.Key_Up else 1)
        elif event.key() == Qt.Key.Key_Delete:
            self._dialog.remove_current()
        else:
            super().keyPressEvent(event)
            return
        event.accept()


class ColumnsDialog(QDialog):
    """Applies each change at once. GUI thread."""

    def __init__(self, theme: Theme, choice: ColumnChoice, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Columns")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._choice = choice
        self.list = ColumnList(self)
        self.list.setSpacing(theme.space(0.5))
        self.up_button = QPushButton("Move &up", self)
        self.down_button = QPushButton("Move &down", self)
        self.remove_button = QPushButton("Re&move", self)
        self.reset_button = QPushButton("&Reset", self)
        self.close_button = QPushButton("&Close", self)
        self.line = QLineEdit(self)
        self.add_button = QPushButton("&Add", self)
        self.told = label("", "muted", self, wrap=True)
        self._known = QStringListModel(self)
        self._set_up()
        self._lay_out(theme)
        self._connect()
        self._show()
        self.show_paths(choice.paths)
        self.list.setFocus(Qt.FocusReason.OtherFocusReason)

    def _set_up(self) -> None:
        for button, tip in (
            (self.up_button, "Move the column to the left (Alt+Up)"),
            (self.down_button, "Move the column to the right (Alt+Down)"),
            (self.remove_button, "Take the column of a value away (Del)"),
            (self.reset_button, "Show the columns as they are at first"),
        ):
            button.setToolTip(tip)
            button.setAutoDefault(False)
        self.add_button.setAutoDefault(False)
        self.close_button.setDefault(True)
        set_role(self.close_button, "primary")
        self.line.setMaxLength(_FULL)
        self.line.setPlaceholderText("payload.region")
        self.line.setAccessibleName("Value of the payload to show as a column")
        self.line.setClearButtonEnabled(True)
        completer = QCompleter(self._known, self)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        set_role(completer.popup(), "offers")
        self.line.setCompleter(completer)

    def _lay_out(self, theme: Theme) -> None:
        space = theme.space
        side = QVBoxLayout()
        side.setSpacing(space(2))
        for button in (self.up_button, self.down_button, self.remove_button):
            side.addWidget(button)
        side.addStretch(1)
        side.addWidget(self.reset_button)
        add = QHBoxLayout()
        add.setSpacing(space(2))
        add.addWidget(self.line, 1)
        add.addWidget(self.add_button)
        grid = QGridLayout(self)
        margin = space(5)
        grid.setContentsMargins(margin, margin, margin, margin)
        grid.setSpacing(space(3))
        grid.addWidget(label("Columns", "title", self), 0, 0, 1, 2)
        grid.addWidget(self.list, 1, 0)
        grid.addLayout(side, 1, 1)
        self._adding = QWidget(self)
        adding = QVBoxLayout(self._adding)
        adding.setContentsMargins(0, 0, 0, 0)
        adding.setSpacing(space(1.5))
        name = label("Value of the payload as a column", "", self)
        name.setBuddy(self.line)
        adding.addWidget(name)
        adding.addLayout(add)
        adding.addWidget(self.told)
        grid.addWidget(self._adding, 2, 0, 1, 2)
        self._adding.setVisible(self._choice.model is not None)
        self.remove_button.setVisible(self._choice.model is not None)
        grid.addWidget(self.close_button, 3, 1)
        tab_in_order(self.reset_button, self.line, self.add_button, self.close_button)
        resize_within_screen(self, space(110), space(120))

    def _connect(self) -> None:
        self.up_button.clicked.connect(lambda: self.move_current(-1))
        self.down_button.clicked.connect(lambda: self.move_current(1))
        self.remove_button.clicked.connect(self.remove_current)
        self.reset_button.clicked.connect(self._on_reset_button_clicked)
        self.close_button.clicked.connect(self.accept)
        self.add_button.clicked.connect(self._add)
        self.line.returnPressed.connect(self._on_line_return_pressed)
        self.line.textEdited.connect(lambda _text: self.told.setText(_HINT))
        self.list.itemChanged.connect(self._on_list_item_changed)
        self.list.currentRowChanged.connect(self._show_buttons)
        self.list.model().rowsMoved.connect(self._on_list_rows_moved)

    # -- what is shown

    def show_paths(self, paths: Sequence[str]) -> None:
        """Offer these values, which occur in payloads."""
        self._known.setStringList([one_line(path) for path in paths])
        self.told.setText(_HINT)

    def names(self) -> tuple[str, ...]:
        """Return the columns as they stand in the list."""
        return tuple(str(self.list.item(row).data(_NAME)) for row in range(self.list.count()))

    def _show(self, current: str = "") -> None:
        """Show the columns as the table has them."""
        columns = self._choice.table.columns
        self.list.blockSignals(True)
        self.list.clear()
        shown = columns.shown_names()
        for name in columns.shown_order():
            item = QListWidgetItem(one_line(columns.title(columns.names.index(name))), self.list)
            item.setData(_NAME, name)
            item.setToolTip(tooltip(name))
            item.setFlags(
                Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable
                | Qt.ItemFlag.ItemIsDragEnabled
            )  # fmt: skip
            item.setCheckState(Qt.CheckState.Checked if name in shown else Qt.CheckState.Unchecked)
        names = self.names()
        self.list.setCurrentRow(names.index(current) if current in names else 0)
        self.list.blockSignals(False)
        self._show_buttons()

    def _current(self) -> str:
        item = self.list.currentItem()
        return str(item.data(_NAME)) if item is not None else ""

    def _show_buttons(self, _row: int = 0) -> None:
        row = self.list.currentRow()
        self.up_button.setEnabled(row > 0)
        self.down_button.setEnabled(0 <= row < self.list.count() - 1)
        self.remove_button.setEnabled(self._choice.is_removable(self._current()))

    # -- changes

    def _on_list_item_changed(self, item: QListWidgetItem) -> None:
        name, table = str(item.data(_NAME)), self._choice.table
        table.set_column_hidden(name, item.checkState() != Qt.CheckState.Checked)
        if item.checkState() != Qt.CheckState.Checked and name in table.columns.shown_names():
            self._show(name)  # the last one shown stays
            self.told.setText("One column stays.")

    def move_current(self, rows: int) -> None:
        """Move the current column by so many places."""
        name, place = self._current(), self.list.currentRow() + rows
        if name and 0 <= place < self.list.count():
            self._choice.table.columns.move(name, place)
            self._show(name)

    def _on_list_rows_moved(self, _from: QModelIndex, _first: int, _last: int, _to: QModelIndex, _row: int) -> None:
        for place, name in enumerate(self.names()):
            self._choice.table.columns.move(name, place)
        self._show_buttons()

    def remove_current(self) -> None:
        """Take the current column away where it is a value of payloads."""
        name, row = self._current(), self.list.currentRow()
        if self._choice.is_removable(name):
            self._choice.remove(name)
            names = self._choice.table.columns.shown_order()
            self._show(names[min(row, len(names) - 1)])

    def _on_reset_button_clicked(self) -> None:
        self._choice.reset()
        self._show()

    def _on_line_return_pressed(self) -> None:
        if self.line.text().strip():
            self.line.completer().popup().hide()
            self._add()

    def _add(self) -> None:
        from prismq_gui.insight.language import FilterSyntaxError  # noqa: PLC0415 - not before one is typed
        from prismq_gui.insight.payload_columns import payload_column  # noqa: PLC0415 - as above

        try:
            column = payload_column(self.line.text())
        except FilterSyntaxError as error:
            self.told.setText(one_line(f"{error.message} {error.hint}".strip()))
            self.line.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        refusal = self._choice.add(column)
        self.told.setText(refusal or f"{one_line(column.name)} is a column now.")
        if not refusal:
            self.line.clear()
            QTimer.singleShot(0, self.line.clear)  # an offer that was chosen is put in once more
            self._show(column.name)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Stay open on Enter in the line; else as any dialog."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.focusWidget() is self.line:
            event.accept()  # it was the line's, not the default button's
        else:
            super().keyPressEvent(event)
