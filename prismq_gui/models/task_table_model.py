"""The tasks of a queue as a table model."""

from __future__ import annotations

from PySide6.QtCore import QObject

from prismq_gui.insight.filters import TaskFilter
from prismq_gui.insight.messages import TaskRow
from prismq_gui.models.columns import TASK_COLUMNS
from prismq_gui.models.id_table_model import IdTableModel
from prismq_gui.models.render import RenderedTask
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
