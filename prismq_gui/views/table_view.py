"""One table for millions of rows: paints from prepared strings, keeps its place, never asks every row.

Owns selection, keyboard, column layout, scroll anchor and the hold under the mouse. Must not know
which rows there are or where they come from: any model of ids will do
(:class:`~prismq_gui.views.table_rows.IdTable`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QRect,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QGuiApplication,
    QHelpEvent,
    QHideEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView, QToolTip, QWidget

from prismq_gui.settings import TableLayout
from prismq_gui.theme import Theme
from prismq_gui.views.plain_text import tooltip
from prismq_gui.views.row_delegate import RowDelegate, Stretch, displayed, prepared
from prismq_gui.views.table_columns import TableColumns
from prismq_gui.views.table_rows import copied_lines, ranges_of, selection_of

HOLD_MS = 2_000  # after the mouse has moved or been pressed over the rows


class BigTableView(QTableView):
    """A table over a model of ids. GUI thread.

    ``row_activated`` and ``current_id_changed`` carry ids as Python objects (None: no row).
    """

    row_activated = Signal(object)
    current_id_changed = Signal(object)
    selected_count_changed = Signal(object)  # a Python int: Qt's has 32 bits
    layout_edited = Signal()
    choose_requested = Signal()  # the columns, in a dialog
    visible_rows_changed = Signal(int, int)  # first and last row in view

    def __init__(self, theme: Theme, parent: QWidget | None = None, delegate: type[RowDelegate] = RowDelegate) -> None:
        super().__init__(parent)
        self._theme = theme
        self._delegate = delegate(theme, self)
        self._hover_row = -1
        self._held = False
        self._current_id: object = None
        self._seen_rows = (-1, -1)
        self._top_id: object = None
        self._following = False
        self._at_end = False
        self.follow_end = False  # whether a view that stands at the last row goes on to new ones
        self.setItemDelegate(self._delegate)
        self._set_up_view()
        self._columns = TableColumns(theme, self._delegate, self)
        self._columns.edited.connect(self.layout_edited)
        self._columns.fit_requested.connect(self.fit_columns)
        self._columns.choose_requested.connect(self.choose_requested)
        self._hold_timer = QTimer(self, singleShot=True, interval=HOLD_MS)
        self._hold_timer.timeout.connect(self._on_hold_timer_timeout)
        self.activated.connect(self._on_self_activated)
        theme.changed.connect(self._on_theme_changed)
        self._on_theme_changed()

    def _set_up_view(self) -> None:
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)  # Tab leaves the table
        self.setCornerButtonEnabled(False)
        self.setDragDropMode(QAbstractItemView.DragDropMode.NoDragDrop)
        self.setMouseTracking(True)
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)

    # -- model

    def setModel(self, model: QAbstractItemModel | None) -> None:
        """Show a model; the header gets a selection of its own, else it asks each row on Ctrl+A (105 s a million)."""
        self._disconnect_model()
        super().setModel(model)
        if model is None:
            return
        self._columns.take_model(model)
        model.rowsAboutToBeInserted.connect(self._on_model_rows_about_to_be_inserted)
        model.rowsInserted.connect(self._on_model_rows_inserted)
        model.rowsRemoved.connect(self._on_model_rows_removed)
        model.layoutAboutToBeChanged.connect(self._on_model_layout_about_to_be_changed)
        model.layoutChanged.connect(self._on_model_layout_changed)
        model.modelReset.connect(self._on_model_reset)
        model.columnsInserted.connect(self._on_model_columns_changed)
        model.columnsRemoved.connect(self._on_model_columns_changed)
        selection = self.selectionModel()
        selection.currentRowChanged.connect(self._on_selection_current_row_changed)
        selection.selectionChanged.connect(self._on_selection_changed)
        self._hover_row = -1
        self._seen_rows = (-1, -1)
        self._tell_current()

    def _disconnect_model(self) -> None:
        model = self.model()
        if model is None:
            return
        model.rowsAboutToBeInserted.disconnect(self._on_model_rows_about_to_be_inserted)
        model.rowsInserted.disconnect(self._on_model_rows_inserted)
        model.rowsRemoved.disconnect(self._on_model_rows_removed)
        model.layoutAboutToBeChanged.disconnect(self._on_model_layout_about_to_be_changed)
        model.layoutChanged.disconnect(self._on_model_layout_changed)
        model.modelReset.disconnect(self._on_model_reset)
        model.columnsInserted.disconnect(self._on_model_columns_changed)
        model.columnsRemoved.disconnect(self._on_model_columns_changed)

    def id_at(self, row: int) -> object:
        """Return the id in a row, None where there is none."""
        read = getattr(self.model(), "id_at", None)
        if not callable(read) or not 0 <= row < self.row_count():
            return None
        return cast(object, read(row))

    def row_of(self, id: object) -> int:
        """Return the row of an id, -1 where it is not in the table."""
        read = getattr(self.model(), "row_of", None)
        row = read(id) if callable(read) and id is not None else None
        return row if isinstance(row, int) else -1

    def row_count(self) -> int:
        """Return how many rows the model has."""
        model = self.model()
        return model.rowCount() if model is not None else 0

    # -- selection

    @property
    def current_id(self) -> object:
        """The id of the current row, None without one."""
        return self._current_id

    def selected_ranges(self) -> list[tuple[int, int]]:
        """Return the selected rows as (first, last), ascending and without overlap; never one by one."""
        selection = self.selectionModel()
        if selection is None:
            return []
        return ranges_of(selection.selection())

    def selected_count(self) -> int:
        """Return how many rows are selected."""
        return sum(last - first + 1 for first, last in self.selected_ranges())

    def select_id(self, id: object) -> bool:
        """Make the row of an id current and the only one selected; return whether it is in the table."""
        row = self.row_of(id)
        if row < 0:
            return False
        self.selectRow(row)
        self.scrollTo(self.model().index(row, self._first_column()))
        return True

    def step(self, rows: int) -> None:
        """Move the current row by so many rows, as the arrow keys do."""
        count = self.row_count()
        if count:
            row = min(max(self.currentIndex().row() + rows, 0), count - 1)
            self.selectRow(row)
            self.scrollTo(self.model().index(row, self._first_column()))

    def enter(self) -> None:
        """Take the keyboard, and select the current row or else the first where nothing is selected."""
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        if not self.selected_count():
            self.step(0)  # Qt has made the first row current by now, but not selected it

    def _first_column(self) -> int:
        shown = self._columns.stretches()
        return shown[0].column if shown else 0

    def _on_selection_current_row_changed(self, _current: QModelIndex, _previous: QModelIndex) -> None:
        self._tell_current()

    def _on_selection_changed(self, _selected: QItemSelection, _deselected: QItemSelection) -> None:
        self.selected_count_changed.emit(self.selected_count())

    def _tell_current(self) -> None:
        current = self.currentIndex()
        id = self.id_at(current.row()) if current.isValid() else None
        if id != self._current_id:
            self._current_id = id
            self.current_id_changed.emit(id)

    def _on_self_activated(self, index: QModelIndex) -> None:
        id = self.id_at(index.row())
        if id is not None:
            self.row_activated.emit(id)

    def _on_model_columns_changed(self) -> None:
        """Take columns in that came or went; rows that are selected are so with all of their columns."""
        self._columns.retake(self.model())
        chosen = selection_of(self.model(), self.selected_ranges())
        self.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self.layout_edited.emit()
        self.viewport().update()

    # -- scroll anchor

    def _on_model_rows_about_to_be_inserted(self, _parent: QModelIndex, first: int, _last: int) -> None:
        bar = self.verticalScrollBar()
        at_end = first == self.row_count() and bar.value() >= bar.maximum()
        self._at_end = self.follow_end and at_end and not self._pointed_at()

    def _on_model_rows_inserted(self, _parent: QModelIndex, first: int, last: int) -> None:
        if self._at_end:
            self._scroll_to_row(self.row_count())
            return
        top = self.verticalScrollBar().value()
        if first > top or self.row_count() == last - first + 1:
            return
        if top == 0 and not self.follow_end and not self._pointed_at():
            return  # at the very top: follow the new rows
        self._scroll_to_row(top + last - first + 1)

    def _on_model_rows_removed(self, _parent: QModelIndex, first: int, last: int) -> None:
        top = self.verticalScrollBar().value()
        if first < top:
            self._scroll_to_row(max(first, top - (last - first + 1)))
        self._tell_current()

    def _on_model_layout_about_to_be_changed(self) -> None:
        top = self.verticalScrollBar().value()
        self._following = top == 0 and not self._pointed_at()
        self._top_id = self.id_at(top)

    def _on_model_layout_changed(self) -> None:
        row = -1 if self._following else self.row_of(self._top_id)
        if row >= 0:
            self._scroll_to_row(row)
        self._tell_current()

    def _on_model_reset(self) -> None:
        self._hover_row = -1
        self._tell_current()
        self.selected_count_changed.emit(0)

    def _scroll_to_row(self, row: int) -> None:
        self.updateGeometries()  # the bar's range first, else the new value is cut to the old one
        self.verticalScrollBar().setValue(row)
        self.viewport().update()

    def visible_rows(self) -> tuple[int, int]:
        """Return first and last row in view, (0, -1) for none."""
        count = self.row_count()
        if not count:
            return 0, -1
        first = max(0, self.rowAt(0))
        height = max(1, self.verticalHeader().defaultSectionSize())
        return first, min(count - 1, first + self.viewport().height() // height)

    def _tell_visible_rows(self) -> None:
        seen = self.visible_rows()
        if seen != self._seen_rows:
            self._seen_rows = seen
            self.visible_rows_changed.emit(*seen)

    # -- hold while pointed at

    def _pointed_at(self) -> bool:
        return self._held

    def _touch(self) -> None:
        self._hold_timer.start()
        self._set_held(True)

    def _set_held(self, held: bool) -> None:
        if held == self._held:
            return
        self._held = held
        hold = getattr(self.model(), "hold", None)
        if callable(hold):
            hold(held)

    def _on_hold_timer_timeout(self) -> None:
        self._set_held(False)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Mark the row under the mouse and hold the rows."""
        self._touch()
        self._set_hover(self.rowAt(event.position().toPoint().y()))
        super().mouseMoveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Hold the rows, then select as usual; a click below the last row selects nothing."""
        self._touch()
        super().mousePressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Let go of the rows."""
        self._hold_timer.stop()
        self._set_held(False)
        self._set_hover(-1)
        super().leaveEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Let go of the rows."""
        self._hold_timer.stop()
        self._set_held(False)
        super().hideEvent(event)

    def _set_hover(self, row: int) -> None:
        if row != self._hover_row:
            for changed in (row, self._hover_row):
                self._update_row(changed)
            self._hover_row = row

    def _update_row(self, row: int) -> None:
        if row >= 0:
            height = self.rowHeight(row)
            self.viewport().update(0, self.rowViewportPosition(row), self.viewport().width(), height)

    # -- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows that need it, each in one pass."""
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), self._theme.colour("surface"))
        model, count = self.model(), self.row_count()
        first = self.rowAt(event.rect().top())
        if model is None or not count or first < 0:
            return
        stretches = self._columns.stretches(event.rect())
        height = self.verticalHeader().defaultSectionSize()
        y, width = self.rowViewportPosition(first), self.viewport().width()
        last = min(count - 1, first + (event.rect().bottom() - y) // height)
        selected = self.selected_ranges()
        chosen = "selection" if self.hasFocus() else "selection_idle"
        for row in range(first, last + 1):
            ground = chosen if any(low <= row <= high for low, high in selected) else ""
            if not ground and row == self._hover_row:
                ground = "hover"
            rect = QRect(0, y, width, height)
            self._delegate.paint_row(painter, rect, self._cells(model, row, stretches), stretches, ground)
            y += height
        self._paint_current(painter, first, last, height)
        self._tell_visible_rows()

    def _cells(self, model: QAbstractItemModel, row: int, stretches: Sequence[Stretch]) -> Sequence[str] | None:
        cells = prepared(model, row)  # also tells the model that the row is wanted
        if cells is None and not hasattr(model, "cells"):
            cells = displayed(model, row, [stretch.column for stretch in stretches])
        return cells

    def _paint_current(self, painter: QPainter, first: int, last: int, height: int) -> None:
        row = self.currentIndex().row()
        if self.hasFocus() and first <= row <= last:
            painter.fillRect(
                QRect(0, self.rowViewportPosition(row), max(2, self._theme.space(0.5)), height),
                self._theme.colour("accent"),
            )

    def _on_theme_changed(self) -> None:
        height = self._delegate.row_height()
        self.verticalHeader().setMinimumSectionSize(height)
        self.verticalHeader().setDefaultSectionSize(height)
        self.viewport().update()

    def viewportEvent(self, event: QEvent) -> bool:
        """Show a cut cell's whole text as a tooltip, literally."""
        if event.type() == QEvent.Type.ToolTip:
            self._show_tooltip(cast(QHelpEvent, event))
            return True
        return super().viewportEvent(event)

    def _show_tooltip(self, event: QHelpEvent) -> None:
        index = self.indexAt(event.pos())
        text = tooltip(self.tooltip_text(index)) if index.isValid() else ""
        QToolTip.showText(event.globalPos(), text, self.viewport(), self.visualRect(index))

    def tooltip_text(self, index: QModelIndex) -> str:
        """Return the plain text to show over a cell: the model's own, else the text where it is cut."""
        own = index.data(Qt.ItemDataRole.ToolTipRole)
        if isinstance(own, str) and own:
            return own
        text = str(index.data(Qt.ItemDataRole.DisplayRole) or "")
        return text if self._delegate.is_cut(text, index.column(), self.columnWidth(index.column())) else ""

    # -- keyboard and clipboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy, activate, go to the first and last row; the rest as usual."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_selection()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._on_self_activated(self.currentIndex())
        elif event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End) and not event.modifiers() & _EXTENDING:
            self.step(-self.row_count() if event.key() == Qt.Key.Key_Home else self.row_count())
        else:
            super().keyPressEvent(event)
            return
        event.accept()

    def copy_selection(self) -> int:
        """Put the selected rows that have been read on the clipboard as plain text; return how many."""
        columns = [stretch.column for stretch in self._columns.stretches()]
        lines = copied_lines(self.model(), self.selected_ranges(), columns)
        if lines:
            QGuiApplication.clipboard().setText("\n".join(lines))
        return len(lines)

    # -- columns

    @property
    def columns(self) -> TableColumns:
        """The columns, for what lets a person choose them."""
        return self._columns

    @property
    def column_names(self) -> tuple[str, ...]:
        """The stable names of the model's columns."""
        return self._columns.names

    def set_sort(self, column_name: str, descending: bool) -> None:
        """Show the sort mark over a column, by its stable name; sorting itself is the model's."""
        self._columns.set_sort(column_name, descending)

    def set_absent(self, column_names: frozenset[str]) -> None:
        """Say which columns the file lacks, by their stable names."""
        names = self._columns.names
        if self._delegate.set_absent(frozenset(at for at, name in enumerate(names) if name in column_names)):
            self.viewport().update()  # told with each poll: painted for nothing, all rows of a busy queue were twice

    def set_column_hidden(self, column_name: str, hidden: bool) -> None:
        """Hide or show a column by its stable name; the last one shown stays."""
        self._columns.set_hidden(column_name, hidden)

    def show_column(self, name: str) -> None:
        """Scroll until a column is in view, by its stable name."""
        if name in self.column_names and self.row_count():
            index = self.model().index(max(0, self.currentIndex().row(), self.visible_rows()[0]), 0)
            self.scrollTo(index.siblingAtColumn(self.column_names.index(name)))

    def column_menu(self) -> QMenu:
        """Return a menu of all columns, ticked where shown; it deletes itself when closed."""
        return self._columns.menu()

    def fit_columns(self) -> None:
        """Make each column as wide as the rows in view need."""
        first, last = self.visible_rows()
        stretches, model = self._columns.stretches(), self.model()
        rows = [self._cells(model, row, stretches) for row in range(first, last + 1)]
        self._columns.fit([cells for cells in rows if cells is not None])

    def save_layout(self) -> TableLayout:
        """Return widths, order, hidden columns and sort, by stable names."""
        return self._columns.save()

    def restore_layout(self, layout: TableLayout, *, hidden: Sequence[str] = ()) -> None:
        """Lay the columns out as saved; ``hidden`` are those not shown where nothing was saved."""
        self._columns.restore(layout, hidden)


_EXTENDING = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier
