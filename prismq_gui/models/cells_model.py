"""What all small table models share: columns, titles, alignment, and cells that are strings prepared by row.

Owns the answers that are the same for each of them. A model says which rows there are and what stands in them.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from prismq_gui.models.columns import NAME_ROLE, Column

Index = QModelIndex | QPersistentModelIndex

ROOT = QModelIndex()
DISPLAY = int(Qt.ItemDataRole.DisplayRole)
ACCESSIBLE = int(Qt.ItemDataRole.AccessibleTextRole)
TOOLTIP = int(Qt.ItemDataRole.ToolTipRole)
TEXT_ROLES = (DISPLAY, ACCESSIBLE)
_ALIGNMENT = int(Qt.ItemDataRole.TextAlignmentRole)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


class CellsModel(QAbstractTableModel):
    """A table of strings by row. GUI thread. What stands in it a kind of it says."""

    def __init__(self, columns: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)

    def cells(self, row: int) -> tuple[str, ...] | None:
        """Return a row's strings in column order; None where there is no such row, or it is not in hand."""
        raise NotImplementedError

    def more(self, row: int, column: int, role: int) -> object:  # noqa: ARG002 - kinds of it have use for them
        """Return what a cell that exists has for a role beyond text and alignment; may answer those too."""
        return None

    def tell_rows(self, first: int, last: int) -> None:
        """Tell that these rows changed, all of their columns."""
        self.dataChanged.emit(self.index(first, 0), self.index(last, len(self.columns) - 1))

    # -- Qt

    def columnCount(self, parent: Index = ROOT) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = DISPLAY) -> object:
        """Return what a cell shows; never an error."""
        row, column = index.row(), index.column()
        if not (0 <= row < self.rowCount() and 0 <= column < len(self.columns)):
            return None
        told = self.more(row, column, role)
        if told is not None:
            return told
        if role in TEXT_ROLES:
            cells = self.cells(row)
            return None if cells is None else str(cells[column])
        return self._alignment(column) if role == _ALIGNMENT else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = DISPLAY) -> object:
        """Return a column's title, stable name or alignment."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role in TEXT_ROLES:
            return column.title
        if role == NAME_ROLE:
            return column.key
        return self._alignment(section) if role == _ALIGNMENT else None

    def _alignment(self, column: int) -> int:
        return _RIGHT if self.columns[column].numeric else _LEFT
