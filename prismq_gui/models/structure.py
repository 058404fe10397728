"""How a model's rows come, go and change places without a reset, so that selection and scroll survive.

Owns the list of ids shown. Every change here is told to Qt between its begin and end calls.
"""

from __future__ import annotations

from array import array

from PySide6.QtCore import QAbstractItemModel, QAbstractTableModel, QModelIndex

from prismq_gui.insight.messages import IdSpan
from prismq_gui.polling.ids import IdList
from prismq_gui.polling.messages import IdsPatched

CARRIED_ROWS = 2_000  # selected rows that a layout change carries over; 100,000 take 1.2 s
_HINTED = ("QList<QPersistentModelIndex>", "QAbstractItemModel::LayoutChangeHint")
_BY_ROWS = QAbstractItemModel.LayoutChangeHint.VerticalSortHint


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
        at the tail keeps it from that. Where more rows are selected than can be carried over in time,
        the selection is dropped.
        """
        old = len(self.ids)
        if old == 0:
            for part in new.segments:
                self.append(part)
            return
        if self.is_costly_to_replace():
            self.reset(new)
            return
        longest = max(old + 1, len(new))
        self.insert(old, array("q", [0]) * (longest - old))
        filled = new.copy()
        filled.append(array("q", [0]) * (longest - len(new)))
        self._lay_out(filled, len(new))
        self.remove(len(new), longest - len(new))

    def is_costly_to_replace(self) -> bool:
        """Whether so many rows are selected that carrying each over would be felt."""
        return self._selected_rows() > CARRIED_ROWS

    @property
    def has_selection(self) -> bool:
        """Whether any row is selected."""
        return self._selected_rows() > 0

    def _selected_rows(self) -> int:
        """Return about how many rows are selected, by the corners that Qt keeps of each stretch.

        A current row outside of them may add to it.
        """
        corners = self._model.persistentIndexList()
        last_column = self._model.columnCount() - 1
        tops = sorted(index.row() for index in corners if index.column() == 0)
        bottoms = sorted(index.row() for index in corners if index.column() == last_column)
        total, place, after = 0, 0, -1
        for bottom in bottoms:
            while place < len(tops) and tops[place] <= after:
                place += 1
            if place < len(tops) and tops[place] <= bottom:
                total += bottom - tops[place] + 1
            after = bottom
        return total

    def _lay_out(self, new: IdList, real_rows: int) -> None:
        model = self._model
        # By this hint a selection keeps an index a row, not one a cell.
        model.layoutAboutToBeChanged[_HINTED].emit([], _BY_ROWS)  # type: ignore[index]  # the stubs know no overloads
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
        model.layoutChanged[_HINTED].emit([], _BY_ROWS)  # type: ignore[index]  # the stubs know no overloads
