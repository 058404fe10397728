"""The columns of a big table: header, widths, order, which are shown, and how that is remembered.

Owns the horizontal header. Must not know rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QAbstractItemModel, QItemSelectionModel, QObject, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHeaderView, QMenu, QTableView

from prismq_gui.settings import ColumnWidth, TableLayout
from prismq_gui.theme import Theme
from prismq_gui.views.plain_text import no_mnemonic, one_line
from prismq_gui.views.row_delegate import ColumnLook, RowDelegate, Stretch, look_of

COLUMN_NAME_ROLE = Qt.ItemDataRole.UserRole  # headerData: a column's stable name
_MIDDLE = Qt.AlignmentFlag.AlignVCenter
_USUAL_CHARACTERS = 14


class TableHeader(QHeaderView):
    """A header whose sections move, resize and sort. GUI thread."""

    def __init__(self, parent: QTableView) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setSectionsMovable(True)
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | _MIDDLE)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setStretchLastSection(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)


class TableColumns(QObject):
    """Lays out one table's columns by their stable names. GUI thread."""

    fit_requested = Signal()
    edited = Signal()  # by the person or by a call: widths, order, hidden or sort
    choose_requested = Signal()
    removal_requested = Signal(str)  # a column that is a value of payloads, by its stable name

    def __init__(self, theme: Theme, delegate: RowDelegate, view: QTableView) -> None:
        super().__init__(view)
        self._theme = theme
        self._delegate = delegate
        self._view = view
        self.names: tuple[str, ...] = ()
        self.at_first = TableLayout()  # what a reset goes back to
        self.header = TableHeader(view)
        view.setHorizontalHeader(self.header)
        self.header.customContextMenuRequested.connect(self._on_header_context_menu_requested)
        self.header.sectionResized.connect(self.edited)
        self.header.sectionMoved.connect(self.edited)
        self.header.sortIndicatorChanged.connect(self.edited)

    def take_model(self, model: QAbstractItemModel) -> None:
        """Lay out a new model; the header gets a selection of its own, else Ctrl+A asks it for every row."""
        # Measured: 105 s for a million rows, 0.1 ms with the empty selection.
        self.header.setSelectionModel(QItemSelectionModel(model, self.header))
        self.names = ()
        self.retake(model)

    def retake(self, model: QAbstractItemModel) -> None:
        """Take in that columns came or went; those that stayed keep their place and width."""
        before, self.names = self.names, tuple(self._name(model, column) for column in range(model.columnCount()))
        self._delegate.set_looks([self._look(model, column) for column in range(len(self.names))])
        for column, name in enumerate(self.names):
            if name not in before:
                self._view.setColumnWidth(column, self._default_width(column))

    def _name(self, model: QAbstractItemModel, column: int) -> str:
        name = model.headerData(column, Qt.Orientation.Horizontal, COLUMN_NAME_ROLE)
        return name if isinstance(name, str) else f"column {column}"

    def _look(self, model: QAbstractItemModel, column: int) -> ColumnLook:
        aligned = model.headerData(column, Qt.Orientation.Horizontal, Qt.ItemDataRole.TextAlignmentRole)
        right = isinstance(aligned, int) and bool(aligned & int(Qt.AlignmentFlag.AlignRight))
        return look_of(self.names[column], right=right)

    def title(self, column: int) -> str:
        """Return a column's title as the model gives it."""
        return str(self._view.model().headerData(column, Qt.Orientation.Horizontal) or self.names[column])

    def _default_width(self, column: int) -> int:
        """Return a width that fits what such a column usually holds, in characters of its font."""
        metrics = self._view.fontMetrics()
        columns = getattr(self._view.model(), "columns", ())
        characters = columns[column].width if column < len(columns) else _USUAL_CHARACTERS
        content = characters * metrics.averageCharWidth() + self._theme.space(5)
        return max(content, metrics.horizontalAdvance(self.title(column)) + self._theme.space(9))

    def stretches(self, rect: QRect | None = None) -> tuple[Stretch, ...]:
        """Return the columns in view (all shown ones without a rectangle), from left to right."""
        header, found = self.header, []
        for place in range(header.count()):
            column = header.logicalIndex(place)
            if header.isSectionHidden(column):
                continue
            x, width = header.sectionViewportPosition(column), header.sectionSize(column)
            if rect is None or (x <= rect.right() and x + width > rect.left()):
                found.append(Stretch(column, x, width))
        return tuple(found)

    def set_sort(self, name: str, descending: bool) -> None:
        """Show the sort mark over a column; sorting itself is the model's."""
        if name in self.names:
            order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
            self.header.setSortIndicatorShown(True)
            self.header.setSortIndicator(self.names.index(name), order)

    def set_hidden(self, name: str, hidden: bool) -> None:
        """Hide or show a column; the last one shown stays."""
        if name in self.names and not (hidden and len(self.stretches()) == 1):
            self._view.setColumnHidden(self.names.index(name), hidden)
            self.edited.emit()

    def menu(self) -> QMenu:
        """Return a menu of all columns, ticked where shown, with fitting and resetting below."""
        menu = QMenu(self._view)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for column, name in enumerate(self.names):
            action = menu.addAction(no_mnemonic(one_line(self.title(column))))
            action.setCheckable(True)
            action.setChecked(not self.header.isSectionHidden(column))
            action.toggled.connect(lambda shown, name=name: self.set_hidden(name, not shown))
        menu.addSeparator()
        menu.addAction("&Choose columns…").triggered.connect(self.choose_requested)
        menu.addAction("&Fit columns to their content").triggered.connect(self.fit_requested)
        menu.addAction("&Reset columns").triggered.connect(self.reset)
        return menu

    def reset(self) -> None:
        """Lay the columns out as they are at first; the sort stays."""
        first = self.at_first
        self.restore(replace(first, sort_column=""), first.hidden)

    def shown_order(self) -> tuple[str, ...]:
        """Return the names of all columns from left to right, hidden ones in their places."""
        return tuple(self.names[self.header.logicalIndex(place)] for place in range(len(self.names)))

    def shown_names(self) -> frozenset[str]:
        """Return the names of the columns that are not hidden."""
        return frozenset(self.names[stretch.column] for stretch in self.stretches())

    def move(self, name: str, place: int) -> None:
        """Put a column at a place among all columns, from the left."""
        if name in self.names and 0 <= place < len(self.names):
            self.header.moveSection(self.header.visualIndex(self.names.index(name)), place)

    def _on_header_context_menu_requested(self, position: QPoint) -> None:
        menu, column = self.menu(), self.header.logicalIndexAt(position)
        if 0 <= column < len(self.names) and any(each in self.names[column] for each in ".["):
            name = self.names[column]
            line = menu.actions()[0]
            remove = QAction(f"&Remove {no_mnemonic(one_line(name))}", menu)
            remove.triggered.connect(lambda: self.removal_requested.emit(name))
            menu.insertAction(line, remove)
            menu.insertSeparator(line)
        menu.popup(self.header.mapToGlobal(position))

    def fit(self, rows: Sequence[Sequence[str]]) -> None:
        """Make each column as wide as these rows need, at most half of the view."""
        most = max(self._view.viewport().width() // 2, self._theme.space(20))
        for stretch in self.stretches():
            metrics, column = self._delegate.metrics_of(stretch.column), stretch.column
            texts = [one_line(cells[column][:500]) for cells in rows if column < len(cells)]
            shape = self._theme.space(5) if self._delegate.look(column).shape else 0
            content = max((metrics.horizontalAdvance(text) for text in texts), default=0) + shape
            title = self._view.fontMetrics().horizontalAdvance(self.title(column)) + self._theme.space(4)
            self._view.setColumnWidth(column, min(max(content, title) + self._theme.space(5), most))

    def save(self) -> TableLayout:
        """Return widths, order, hidden columns and sort."""
        header, section = self.header, self.header.sortIndicatorSection()
        is_sorted = header.isSortIndicatorShown() and 0 <= section < len(self.names)
        return TableLayout(
            widths=tuple(
                ColumnWidth(name, self._view.columnWidth(column))
                for column, name in enumerate(self.names)
                if not header.isSectionHidden(column)
            ),
            hidden=tuple(name for column, name in enumerate(self.names) if header.isSectionHidden(column)),
            order=self.shown_order(),
            sort_column=self.names[section] if is_sorted else "",
            sort_descending=header.sortIndicatorOrder() == Qt.SortOrder.DescendingOrder,
        )

    def restore(self, layout: TableLayout, hidden: Sequence[str] = ()) -> None:
        """Lay the columns out as saved; ``hidden`` are those not shown where nothing was saved."""
        columns = {name: column for column, name in enumerate(self.names)}
        widths = {entry.column: entry.width for entry in layout.widths}
        gone = set(layout.hidden if layout.order else hidden)
        if columns.keys() <= gone:
            gone = set()
        order = list(dict.fromkeys(name for name in layout.order if name in columns)) or list(self.names)
        for place, name in enumerate(order):
            self.header.moveSection(self.header.visualIndex(columns[name]), place)
        for name, column in columns.items():
            self._view.setColumnHidden(column, name in gone)
            if name not in gone:
                width = widths.get(name, self._default_width(column))
                self._view.setColumnWidth(column, max(width, self._theme.space(8)))
        if layout.sort_column:
            self.set_sort(layout.sort_column, layout.sort_descending)
        self.edited.emit()
