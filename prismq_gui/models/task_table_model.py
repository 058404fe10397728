"""The tasks of a queue as a table model."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QObject

from prismq_gui.insight.filters import TaskFilter
from prismq_gui.insight.messages import TaskRow
from prismq_gui.insight.payload_columns import MAX_COLUMNS, PayloadColumn
from prismq_gui.models.columns import TASK_COLUMNS, payload_column
from prismq_gui.models.id_table_model import IdTableModel
from prismq_gui.models.render import Rendered, RenderedTask, with_values
from prismq_gui.models.source import Source
from prismq_gui.polling.messages import Table


class TaskTableModel(IdTableModel):
    """All tasks that match a filter, newest first unless sorted otherwise. GUI thread."""

    def __init__(self, source: Source, parent: QObject | None = None) -> None:
        super().__init__(Table.TASKS, TASK_COLUMNS, source, TaskFilter(), parent)

    def task(self, row: int) -> TaskRow | None:
        """Return the task of a row as it was last read, None where it is not in hand."""
        found = self.rendered(row)
        return found.row if isinstance(found, RenderedTask) else None

    # -- values out of payloads

    @property
    def payload_columns(self) -> tuple[PayloadColumn, ...]:
        """The values of payloads that have a column, in the order of the columns."""
        return self._values

    def set_payload_columns(self, wanted: Sequence[PayloadColumn]) -> None:
        """Show these values of payloads, at most 16; columns that stay keep their place, new ones come at the end."""
        asked = list(dict.fromkeys(wanted))[:MAX_COLUMNS]
        for place in reversed(range(len(self._values))):
            if self._values[place] not in asked:
                self._take_out(place)
        new = tuple(each for each in asked if each not in self._values)
        if new:
            self._put_in(new)

    def _take_out(self, place: int) -> None:
        at = len(TASK_COLUMNS) + place
        self.beginRemoveColumns(QModelIndex(), at, at)
        self._set_values((*self._values[:place], *self._values[place + 1 :]))
        self.endRemoveColumns()

    def _put_in(self, new: tuple[PayloadColumn, ...]) -> None:
        at = len(self.columns)
        self.beginInsertColumns(QModelIndex(), at, at + len(new) - 1)
        self._set_values((*self._values, *new))
        self.endInsertColumns()

    def _set_values(self, values: tuple[PayloadColumn, ...]) -> None:
        before, self._values = self._values, values
        self._set_columns((*TASK_COLUMNS, *map(payload_column, values)))

        def changed(row: Rendered) -> Rendered:
            if not isinstance(row, RenderedTask):
                return row
            known = dict(zip(before, row.values, strict=False))
            return with_values(row, tuple(known.get(each) for each in values))

        self._fetcher.cache.change(changed)
        self._fetcher.refresh()
