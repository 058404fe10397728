"""The workers of the queue: what state each is in and what it holds."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from prismq_gui.models.worker_table_model import WorkerTableModel
from prismq_gui.polling.messages import Snapshot
from prismq_gui.theme import Theme
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.empty_state import EmptyState
from prismq_gui.views.status_chips import thousands
from prismq_gui.views.table_view import BigTableView


class WorkersPage(QWidget):
    """All workers. GUI thread. ``worker_requested`` carries the name of the one whose tasks are wanted."""

    worker_requested = Signal(object)
    state_changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = WorkerTableModel(self)
        self.table = BigTableView(theme, self)
        self.table.setObjectName("workers")
        self.table.setAccessibleName("Workers")
        self.table.setModel(self.model)
        self.table.horizontalHeader().setSectionsClickable(False)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.table.row_activated.connect(self.worker_requested)
        self.table.selected_count_changed.connect(lambda _count: self.state_changed.emit())
        self.words = ElidedLabel("muted", self)
        self.empty = EmptyState(theme, self)
        text = "A worker appears here as soon as it reports to this queue or claims a task."
        self.empty.show_state("users", "No workers", text)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        space = theme.space
        head = QHBoxLayout()
        head.setContentsMargins(space(3), space(3), space(3), space(3))
        head.addWidget(self.words, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self._stack, 1)
        self.take_snapshot(None)

    @property
    def silent_count(self) -> int:
        """How many workers have not been heard of for a while."""
        return self.model.silent_count

    def take_snapshot(self, snapshot: Snapshot | None) -> None:
        """Show the workers of a poll; None where no file is open."""
        if snapshot is None:
            self.model.clear()
        else:
            self.model.take(snapshot)
        self._stack.setCurrentWidget(self.table if self.model.rowCount() else self.empty)
        self._truncated = snapshot is not None and snapshot.workers_truncated
        self._show_words()

    def tick(self) -> None:
        """Bring ages up to the moment; once a second."""
        self.model.tick()
        self._show_words()

    def _show_words(self) -> None:
        count, silent = self.model.rowCount(), self.silent_count
        words = f"{thousands(count)} worker{'s' if count != 1 else ''}"
        if silent:
            words += f", {thousands(silent)} silent for more than 2 minutes"
        if self._truncated:
            words += "; there are more, only the first are shown"
        self.words.show_text(f"{words}. Enter shows what one has worked on." if count else "")
