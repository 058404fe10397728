"""A small table of prepared strings with a key a row, changed in place, so that place and selection survive."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from prismq_gui.models.columns import NAME_ROLE, Column

Index = QModelIndex | QPersistentModelIndex

_ROOT = QModelIndex()
_DISPLAY = int(Qt.ItemDataRole.DisplayRole)
_TEXT_ROLES = (_DISPLAY, int(Qt.ItemDataRole.AccessibleTextRole))
_ALIGNMENT = int(Qt.ItemDataRole.TextAlignmentRole)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


@dataclass(frozen=True, slots=True)
class PlainRow:
    """One row: what it is known by, and its texts in column order."""

    key: Hashable
    cells: tuple[str, ...]


class PlainTableModel(QAbstractTableModel):
    """A few hundred rows at most. GUI thread."""

    def __init__(self, columns: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._rows: list[PlainRow] = []

    def set_rows(self, rows: Sequence[PlainRow]) -> None:
        """Show these rows: those with a key that stays keep their place, only what differs is told."""
        keys = {row.key for row in rows}
        for at in range(len(self._rows) - 1, -1, -1):
            if self._rows[at].key not in keys:
                self.beginRemoveRows(_ROOT, at, at)
                del self._rows[at]
                self.endRemoveRows()
        kept = {row.key for row in self._rows}
        if [row.key for row in self._rows] != [row.key for row in rows if row.key in kept]:
            self.beginResetModel()  # they changed places
            self._rows = list(rows)
            self.endResetModel()
            return
        changed = []
        for at, row in enumerate(rows):
            if at < len(self._rows) and self._rows[at].key == row.key:
                if self._rows[at] != row:
                    self._rows[at] = row
                    changed.append(at)
                continue
            self.beginInsertRows(_ROOT, at, at)
            self._rows.insert(at, row)
            self.endInsertRows()
        if changed:
            self.dataChanged.emit(self.index(changed[0], 0), self.index(changed[-1], len(self.columns) - 1))

    def id_at(self, row: int) -> Hashable | None:
        """Return the key of a row."""
        return self._rows[row].key if 0 <= row < len(self._rows) else None

    def row_of(self, id: Hashable) -> int | None:
        """Return the row of a key."""
        return next((at for at, row in enumerate(self._rows) if row.key == id), None)

    def cells(self, row: int) -> tuple[str, ...] | None:
        """Return a row's strings in column order."""
        return self._rows[row].cells if 0 <= row < len(self._rows) else None

    # -- Qt

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _ROOT) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = _DISPLAY) -> object:
        """Return what a cell shows; never an error."""
        row, column = index.row(), index.column()
        if not (0 <= row < len(self._rows) and 0 <= column < len(self.columns)):
            return None
        if role in _TEXT_ROLES:
            return self._rows[row].cells[column]
        return (_RIGHT if self.columns[column].numeric else _LEFT) if role == _ALIGNMENT else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _DISPLAY) -> object:
        """Return a column's title, stable name or alignment."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role in _TEXT_ROLES:
            return column.title
        if role == NAME_ROLE:
            return column.key
        if role == _ALIGNMENT:
            return _RIGHT if column.numeric else _LEFT
        return None
