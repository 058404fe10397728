"""A small table of prepared strings with a key a row, changed in place, so that place and selection survive."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject

from prismq_gui.models.cells_model import ROOT, CellsModel, Index
from prismq_gui.models.columns import Column


@dataclass(frozen=True, slots=True)
class PlainRow:
    """One row: what it is known by, and its texts in column order."""

    key: Hashable
    cells: tuple[str, ...]


class PlainTableModel(CellsModel):
    """A few hundred rows at most. GUI thread."""

    def __init__(self, columns: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(columns, parent)
        self._rows: list[PlainRow] = []

    def set_rows(self, rows: Sequence[PlainRow]) -> None:
        """Show these rows: those with a key that stays keep their place, only what differs is told."""
        keys = {row.key for row in rows}
        for at in range(len(self._rows) - 1, -1, -1):
            if self._rows[at].key not in keys:
                self.beginRemoveRows(ROOT, at, at)
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
            self.beginInsertRows(ROOT, at, at)
            self._rows.insert(at, row)
            self.endInsertRows()
        if changed:
            self.tell_rows(changed[0], changed[-1])

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

    def rowCount(self, parent: Index = ROOT) -> int:
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self._rows)
