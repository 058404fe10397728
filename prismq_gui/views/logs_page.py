"""The log lines of all tasks: the tail, followed until the person scrolls up.

Owns following and the filter of the lines. Must not know tasks: it tells which one is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from prismq_gui.insight.filters import LogFilter
from prismq_gui.models.log_table_model import LogTableModel
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.known import Known
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.column_choice import ColumnChoice
from prismq_gui.views.empty_state import EmptyState
from prismq_gui.views.filter_bar import LogFilterBar, LogFilterPieces
from prismq_gui.views.filter_line import literal
from prismq_gui.views.filter_note import MOST_SHOWN, FilterNote, whole_text
from prismq_gui.views.plain_text import label, one_line
from prismq_gui.views.scan_bar import ScanBar
from prismq_gui.views.scan_stop import NOTHING_SO_FAR, ScanStop, nothing_so_far, scan_words
from prismq_gui.views.tab_order import tab_in_order
from prismq_gui.views.table_view import BigTableView


class LogsPage(QWidget):
    """All log lines that match, the newest at the bottom. GUI thread. ``task_requested`` carries a task's id."""

    task_requested = Signal(object)
    state_changed = Signal()
    recovered = Signal()

    def __init__(self, theme: Theme, engine: Engine, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._engine = engine
        self._following = True
        self._wanted_id: int | None = None  # a line that is to be shown as soon as the list has it
        self._has_log = True
        self.model = LogTableModel(engine, self)
        self.filter_bar = LogFilterBar(theme, self)
        self.filter_note = FilterNote(theme, "log lines", self)
        self.follow_button = QToolButton(self)
        self.rows_label = label("", "muted", self)
        self.scan_bar = ScanBar(theme, self)
        self.scan_stop = ScanStop(theme, self.model, self)
        self.table = BigTableView(theme, self)
        self.columns = ColumnChoice(theme, engine, self.table, self)
        self.empty = EmptyState(theme, self)
        self._stack = QStackedWidget(self)
        self._set_up()
        self._lay_out()
        self._connect()

    def _set_up(self) -> None:
        self.table.setObjectName("logs")
        self.table.setAccessibleName("Log lines")
        self.table.setModel(self.model)
        self.table.horizontalHeader().setSectionsClickable(False)  # lines stand in the order they were written
        self.follow_button.setText(" Follow")
        self.follow_button.setCheckable(True)
        self.follow_button.setChecked(True)
        self.follow_button.setToolTip("Stay at the newest line. Scrolling up pauses it.")
        self.follow_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.follow_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        set_role(self.follow_button, "chip")
        self._theme.bind_icon(self.follow_button, "chevron-down")

    def _lay_out(self) -> None:
        space = self._theme.space
        line = QHBoxLayout()
        line.setSpacing(space(2))
        line.addWidget(self.filter_bar, 1)
        line.addWidget(self.rows_label)
        line.addWidget(self.scan_stop)
        line.addWidget(self.follow_button)
        line.addWidget(self.columns.button)
        head = QVBoxLayout()
        head.setContentsMargins(space(3), space(3), space(3), space(2))
        head.setSpacing(space(2))
        head.addLayout(line)
        head.addWidget(self.filter_note)
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self.scan_bar)
        layout.addWidget(self._stack, 1)
        tab_in_order(
            self.filter_bar.search, self.scan_stop, self.follow_button, self.columns.button, self.table,
        )  # fmt: skip

    def _connect(self) -> None:
        self.filter_bar.filter_changed.connect(self._on_filter_changed)
        search = self.filter_bar.search
        search.left_down.connect(self.table.enter)
        search.mistake_changed.connect(self._show_note)
        search.values_wanted.connect(self._engine.request_known_values)
        self._engine.known_values.connect(self._on_engine_known_values)
        self.table.visible_rows_changed.connect(self.model.set_visible_rows)
        self.table.row_activated.connect(self._on_table_row_activated)
        self.table.selected_count_changed.connect(lambda _count: self.state_changed.emit())
        bar = self.table.verticalScrollBar()
        bar.valueChanged.connect(self._on_bar_value_changed)
        bar.rangeChanged.connect(self._on_bar_range_changed)
        self.follow_button.clicked.connect(self.set_following)
        self.model.progress_changed.connect(self._on_model_progress_changed)
        self.model.count_changed.connect(self._on_model_count_changed)
        self.model.recovered.connect(self.recovered)
        self.empty.action_requested.connect(self.clear_filter)

    # -- following

    @property
    def is_following(self) -> bool:
        """Whether the newest line stays in view."""
        return self._following

    def set_following(self, following: bool) -> None:
        """Stay at the newest line, or where the reader is."""
        self._following = following
        self.follow_button.setChecked(following)
        if following:
            self._to_end()

    def _to_end(self) -> None:
        bar = self.table.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _on_bar_value_changed(self, value: int) -> None:
        at_end = value >= self.table.verticalScrollBar().maximum()
        if at_end != self._following:
            self._following = at_end
            self.follow_button.setChecked(at_end)

    def _on_bar_range_changed(self, _least: int, most: int) -> None:
        if self._following:
            self.table.verticalScrollBar().setValue(most)

    # -- filter

    def filter(self) -> LogFilter:
        """Return the filter as it is set."""
        pieces = self.filter_bar.pieces()
        return LogFilter(pieces.levels, query=self.filter_bar.search.query)

    def set_filter(self, wanted: LogFilter) -> None:
        """Set the fields, and ask once; a literal text is put in quotes."""
        self.show_filter(wanted.levels, wanted.query.text if wanted.query is not None else literal(wanted.text))

    def show_filter(self, levels: Sequence[str], text: str) -> None:
        """Set the fields, and ask once; ``text`` is of the filter language."""
        self.filter_bar.set_pieces(LogFilterPieces(tuple(levels), text))
        self._on_filter_changed()

    def clear_filter(self) -> None:
        """Show all lines."""
        self.set_filter(LogFilter())

    def _on_filter_changed(self, _what: object = None) -> None:
        self.model.set_filter(self.filter())
        self._show_note()
        self.state_changed.emit()

    def _show_note(self) -> None:
        self.filter_note.tell(self.filter_bar.search.mistake, self.filter())

    def _on_engine_known_values(self, known: Known | None) -> None:
        self.filter_bar.search.set_known(known.values if known else None)

    def reveal(self, log_id: int) -> None:
        """Show one line: where it stands among those that match, else without the filter."""
        self.set_following(False)
        self._wanted_id = log_id
        if not self._find_wanted() and not self.filter().is_empty:
            self.clear_filter()
            self._find_wanted()

    def _find_wanted(self) -> bool:
        found = self._wanted_id is not None and self.table.select_id(self._wanted_id)
        if found:
            self._wanted_id = None
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        return found

    # -- what is shown

    def _on_model_progress_changed(self, progress: float, complete: bool) -> None:
        self.scan_bar.set_progress(progress, complete or self.model.is_stopped)
        if not self._find_wanted() and complete:
            self._wanted_id = None
        self._show_state()

    def _on_model_count_changed(self, _count: int) -> None:
        self._show_state()

    def set_missing(self, names: Sequence[str]) -> None:
        """Say which tables and columns the file lacks."""
        self._has_log = "task_logs" not in names
        self.table.set_absent(frozenset(name.removeprefix("task_logs.") for name in names))
        self._show_state()

    def _show_state(self) -> None:
        count = self.model.count
        self.rows_label.setText(scan_words(self.model, "line"))
        if count or not (self.model.is_complete or self.model.is_stopped):
            self._stack.setCurrentWidget(self.table)
        elif self.model.is_stopped:
            self.empty.show_state("filter", NOTHING_SO_FAR, nothing_so_far(self.model, "lines"), "Clear the filter")
            self._stack.setCurrentWidget(self.empty)
        elif self.filter().is_empty:
            text = "What workers log about their tasks appears here." if self._has_log else "This file has no log."
            self.empty.show_state("scroll-text", "No log lines", text)
            self._stack.setCurrentWidget(self.empty)
        else:
            text = f"No log line fits {one_line(whole_text(self.filter())[:MOST_SHOWN])}"
            self.empty.show_state("filter", "No lines match", text, "Clear the filter")
            self._stack.setCurrentWidget(self.empty)
        self.state_changed.emit()

    def _on_table_row_activated(self, id: object) -> None:
        line = self.model.line(self.table.row_of(id))
        if line is not None and isinstance(line.task_id, int):
            self.task_requested.emit(line.task_id)
