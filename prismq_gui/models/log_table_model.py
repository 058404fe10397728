"""The log lines of a queue as a table model."""

from __future__ import annotations

from PySide6.QtCore import QObject

from prismq_gui.insight.filters import LogFilter
from prismq_gui.insight.messages import LogRow
from prismq_gui.models.columns import LOG_COLUMNS
from prismq_gui.models.id_table_model import IdTableModel
from prismq_gui.models.render import RenderedLog
from prismq_gui.models.source import Source
from prismq_gui.polling.messages import Table


class LogTableModel(IdTableModel):
    """All log lines that match a filter, oldest first: the tail is at the bottom. GUI thread."""

    def __init__(self, source: Source, parent: QObject | None = None) -> None:
        super().__init__(Table.LOGS, LOG_COLUMNS, source, LogFilter(), parent)

    def line(self, row: int) -> LogRow | None:
        """Return the log line of a row as it was last read, None where it is not in hand."""
        found = self.rendered(row)
        return found.row if isinstance(found, RenderedLog) else None
