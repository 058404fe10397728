"""Which columns a table has and shows: what a person chooses by the dialog, the header's menu or the task's panel.

Owns adding and taking away values of payloads as columns, and the dialog while it is open. Must not read: which paths
occur is told it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QToolButton, QWidget

from prismq_gui.insight.payload_columns import MAX_COLUMNS, PayloadColumn
from prismq_gui.models.task_table_model import TaskTableModel
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.known import Known
from prismq_gui.settings import TableLayout
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.table_view import BigTableView

if TYPE_CHECKING:
    from prismq_gui.views.columns_dialog import ColumnsDialog

DOCUMENTS = ("payload", "compatibility")  # the texts of a task in whose JSON there are values


class ColumnChoice(QObject):
    """The columns of one page's table. GUI thread. ``changed`` tells that other values of payloads have columns."""

    changed = Signal()

    def __init__(self, theme: Theme, engine: Engine, table: BigTableView, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._engine = engine
        self._table = table
        self._window = parent
        self._paths: tuple[str, ...] = ()
        self.dialog: ColumnsDialog | None = None
        self.button = QToolButton(parent)
        self.button.setAccessibleName("Choose columns")
        self.button.setToolTip("Choose columns")
        self.button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        set_role(self.button, "chip")
        theme.bind_icon(self.button, "columns-3")
        self.button.clicked.connect(self.choose)
        table.choose_requested.connect(self.choose)
        table.columns.removal_requested.connect(self.remove)
        engine.known_values.connect(self._on_engine_known_values)

    @property
    def table(self) -> BigTableView:
        """The table whose columns they are."""
        return self._table

    @property
    def model(self) -> TaskTableModel | None:
        """The model that can show values of payloads, None where the table has none."""
        model = self._table.model()
        return model if isinstance(model, TaskTableModel) else None

    @property
    def paths(self) -> tuple[str, ...]:
        """The values that occur in the newest payloads, as columns are named."""
        return self._paths

    def _on_engine_known_values(self, known: Known | None) -> None:
        names = [PayloadColumn(path).name for path in known.values.paths] if known else []
        self._paths = tuple(names)
        if self.dialog is not None:
            self.dialog.show_paths(self._paths)

    # -- values of payloads

    def add(self, column: PayloadColumn) -> str:
        """Show a value of the payloads as a column, at the left of what is in view; return '' or why it cannot be."""
        model = self.model
        if model is None:
            return "This table has no payloads."
        if column not in model.payload_columns:
            if len(model.payload_columns) >= MAX_COLUMNS:
                return f"There are {MAX_COLUMNS} such columns already; take one away first."
            model.set_payload_columns((*model.payload_columns, column))
            self._table.columns.move(column.name, self._place_for_new())
            self.changed.emit()
        self._table.set_column_hidden(column.name, False)
        self._table.show_column(column.name)
        return ""

    def _place_for_new(self) -> int:
        """Return the place after the last shown column that is no value of a payload; the error is too wide for it."""
        names = self._table.columns.shown_order()
        return names.index("error_message") if "error_message" in names else len(names) - 1

    def remove(self, name: str) -> None:
        """Take the column of a value of payloads away."""
        model = self.model
        if model is None or name not in {column.name for column in model.payload_columns}:
            return
        if model.order.name == name:
            self._table.set_sort("id", True)
        model.set_payload_columns([column for column in model.payload_columns if column.name != name])
        self.changed.emit()

    def is_removable(self, name: str) -> bool:
        """Whether a column is a value of payloads."""
        return self.model is not None and name in {column.name for column in self.model.payload_columns}

    def restore(self, layout: TableLayout) -> None:
        """Lay the columns out as saved, those of payloads among them; others of payloads go."""
        if self.model is not None:
            self.model.set_payload_columns(columns_in(layout))
        self._table.restore_layout(layout)

    def reset(self) -> None:
        """Lay the columns out as they are at first, without any of payloads."""
        if self.model is not None:
            for column in self.model.payload_columns:
                self.remove(column.name)
        self._table.columns.reset()

    # -- the dialog

    def choose(self) -> None:
        """Let the person choose the columns."""
        if self.dialog is not None:
            return
        from prismq_gui.views.columns_dialog import ColumnsDialog  # noqa: PLC0415 - not before one asks

        if self.model is not None:
            self._engine.request_known_values()
        self.dialog = ColumnsDialog(self._theme, self, self._window)
        self.dialog.finished.connect(self._on_dialog_finished)
        self.dialog.open()

    def _on_dialog_finished(self, _result: int) -> None:
        self.dialog = None
        self._table.setFocus(Qt.FocusReason.OtherFocusReason)


def columns_in(layout: TableLayout) -> list[PayloadColumn]:
    """Return the values of payloads that a layout names, as far as they can be read."""
    from prismq_gui.insight.language import FilterSyntaxError  # noqa: PLC0415 - only where one is named
    from prismq_gui.insight.payload_columns import payload_column  # noqa: PLC0415 - as above

    found = []
    for name in layout.order:
        if name.startswith(tuple(f"{document}{after}" for document in DOCUMENTS for after in ".[")):
            try:
                found.append(payload_column(name))
            except FilterSyntaxError:
                continue  # not written by this program
    return found
