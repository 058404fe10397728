"""How a model's rows come, go and change places without a reset, so that selection and scroll survive.

Owns the list of ids shown. Every change here is told to Qt between its begin and end calls.
"""

from __future__ import annotations

from array import array

from PySide6.QtCore import QAbstractTableModel, QModelIndex

from prismq_gui.insight.messages import IdSpan
from prismq_gui.polling.ids import IdList
from prismq_gui.polling.messages import IdsPatched

PRECISE_ROWS = 50_000  # up to here a selection of all rows is carried over row by row


class Structure:
    """The rows of one model. GUI thread."""

    def __init__(self, model: QAbstractTableModel) -> None:
        self._model = model
        self.ids = IdList()

    def append(self, ids: IdSpan) -> None:
        """Add rows at the end."""
        self.insert(len(self.ids), ids)

    def insert(self, row: int, ids: IdSpan) -> None:
        """Insert rows before a row."""
        if not ids:
            return
        self._model.beginInsertRows(QModelIndex(), row, row + len(ids) - 1)
        self.ids.insert(row, ids)
        self._model.endInsertRows()

    def remove(self, row: int, count: int) -> None:
        """Remove ``count`` rows from ``row`` on."""
        if count <= 0:
            return
        self._model.beginRemoveRows(QModelIndex(), row, row + count - 1)
        self.ids.remove(row, count)
        self._model.endRemoveRows()

    def reset(self, ids: IdList) -> None:
        """Show other rows; selection and scroll are lost."""
        self._model.beginResetModel()
        self.ids = ids
        self._model.endResetModel()

    def fits(self, patch: IdsPatched) -> bool:
        """Whether a patch was made for the rows shown."""
        length = len(self.ids)
        for span in patch.removed:
            if span.row < 0 or span.row + span.count > length:
                return False
        length -= sum(span.count for span in patch.removed)
        for span in patch.inserted:
            if span.ids is None or not 0 <= span.row <= length:
                return False
            length += len(span.ids)
        return True

    def patch(self, patch: IdsPatched) -> None:
        """Apply a patch that fits: from the bottom up what goes, from the top down what comes."""
        if patch.replacement is not None:
            self.replace(IdList([patch.replacement]))
            return
        for span in patch.removed:
            self.remove(span.row, span.count)
        for span in patch.inserted:
            if span.ids is not None:
                self.insert(span.row, span.ids)

    def replace(self, new: IdList) -> None:
        """Show the new list; persistent indexes (selection, current row) follow their ids, those of gone ones end.

        The number of rows is made equal at the tail, around one layout change. Qt takes a selection of
        all rows for "all, whatever comes", which would select tasks that nobody selected; one row more
        at the tail keeps it from that. Beyond 50,000 rows it would make an index a row; there such a
        selection is dropped.
        """
        old = len(self.ids)
        if old == 0:
            for part in new.segments:
                self.append(part)
            return
        if old > PRECISE_ROWS and self._all_selected(old):
            self.reset(new)
            return
        longest = max(old + 1, len(new))
        self.insert(old, array("q", [0]) * (longest - old))
        filled = new.copy()
        filled.append(array("q", [0]) * (longest - len(new)))
        self._lay_out(filled, len(new))
        self.remove(len(new), longest - len(new))

    def _all_selected(self, rows: int) -> bool:
        places = {index.row() for index in self._model.persistentIndexList()}
        return 0 in places and rows - 1 in places

    def _lay_out(self, new: IdList, real_rows: int) -> None:
        model = self._model
        model.layoutAboutToBeChanged.emit()
        kept = model.persistentIndexList()
        id_of = {row: self.ids.id_at(row) for row in {index.row() for index in kept}}
        rows = new.rows_of(each for each in id_of.values() if each is not None)
        self.ids = new
        moved = []
        for index in kept:
            each = id_of[index.row()]
            row = rows.get(each, -1) if each is not None else -1
            moved.append(model.index(row, index.column()) if 0 <= row < real_rows else QModelIndex())
        model.changePersistentIndexList(kept, moved)
        model.layoutChanged.emit()
