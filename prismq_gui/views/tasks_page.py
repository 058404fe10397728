"""The tasks: chips, filter, table and the panel of the current one.

Owns which tasks are asked for, and what stands where there are none. Must not change tasks: it tells what is
selected.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timezone

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.insight.filters import TaskColumn, TaskFilter, TaskOrder
from prismq_gui.insight.messages import TaskDetail
from prismq_gui.insight.payload_columns import PayloadColumn
from prismq_gui.insight.states import state_sentence
from prismq_gui.models.task_table_model import TaskTableModel
from prismq_gui.operations.messages import Matching, Selected
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.known import Known
from prismq_gui.polling.messages import FeedFailed, Snapshot, Table
from prismq_gui.settings import TableLayout
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.column_choice import ColumnChoice
from prismq_gui.views.detail_panel import DetailPanel
from prismq_gui.views.empty_state import EmptyState
from prismq_gui.views.filter_bar import FilterBar, TaskFilterPieces
from prismq_gui.views.filter_line import literal
from prismq_gui.views.filter_note import MOST_SHOWN, FilterNote, whole_text
from prismq_gui.views.plain_text import label, one_line
from prismq_gui.views.scan_bar import ScanBar
from prismq_gui.views.scan_stop import NOTHING_SO_FAR, ScanStop, nothing_so_far, scan_words
from prismq_gui.views.status_chips import StatusChips, thousands
from prismq_gui.views.story_watch import StoryWatch
from prismq_gui.views.tab_order import focus_first_in, tab_in_order
from prismq_gui.views.table_view import BigTableView
from prismq_gui.views.turning_splitter import TurningSplitter

# What tells why a task is where it is stands at the left; the rest is a scroll or the header's menu away.
LAYOUT_AT_FIRST = TableLayout(
    order=("id", "type", "status", "attempts", "error_message", "locked_by", "run_after_utc", "priority"),
    hidden=("processing_started_utc", "finished_at_utc", "reserved_at_utc", "lease_until_utc", "updated_at_utc",
            "idempotency_key"),
    sort_column="id",
)  # fmt: skip
_BESIDE_STEPS = 270  # as many steps of space wide, a task's panel stands beside the table, else below it


class TasksPage(QWidget):
    """All tasks of the file that match. GUI thread.

    ``state_changed`` tells that selection, filter or number of rows may be new; ``menu_requested`` carries a place on
    the screen.
    """

    state_changed = Signal()
    menu_requested = Signal(QPoint)
    recovered = Signal()
    rows_shown = Signal()
    column_refused = Signal(str)  # why a value cannot be a column, '' where it is one now
    task_missing = Signal(object)  # the id of a task that was to be shown

    def __init__(self, theme: Theme, engine: Engine, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._engine = engine
        self._detail_sequence = 0
        self._wanted_id: object = None
        self._seen: tuple[int, int] | None = None
        self.model = TaskTableModel(engine, self)
        self.chips = StatusChips(theme, self)
        self.filter_bar = FilterBar(theme, self)
        self.filter_note = FilterNote(theme, "tasks", self)
        self.scan_bar = ScanBar(theme, self)
        self.scan_stop = ScanStop(theme, self.model, self)
        self.table = BigTableView(theme, self)
        self.columns = ColumnChoice(theme, engine, self.table, self)
        self.detail = DetailPanel(theme, self)
        self.story = StoryWatch(engine.looks, self.detail)
        self.empty = EmptyState(theme, self)
        self._stand_in: QWidget | None = None  # has the keyboard while the table is out of view
        self.held_button = QToolButton(self)
        self.rows_label = label("", "muted", self)
        self._stack = QStackedWidget(self)
        self.splitter = TurningSplitter(theme.space(_BESIDE_STEPS), self)
        self._set_up()
        self._lay_out()
        self._connect()

    def _set_up(self) -> None:
        self.table.setObjectName("tasks")
        self.table.setAccessibleName("Tasks")
        self.table.setModel(self.model)
        self.table.columns.at_first = LAYOUT_AT_FIRST
        self.table.restore_layout(LAYOUT_AT_FIRST)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.held_button.hide()
        self.held_button.setToolTip("Rows stay where they are while you point at them. Click to bring them up to date.")
        set_role(self.held_button, "chip")
        self._theme.bind_icon(self.held_button, "refresh-cw", "accent")
        self.held_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)

    def _lay_out(self) -> None:
        space = self._theme.space
        line = QHBoxLayout()
        line.setSpacing(space(2))
        line.addWidget(self.filter_bar, 1)
        line.addWidget(self.held_button)
        line.addWidget(self.rows_label)
        line.addWidget(self.scan_stop)
        line.addWidget(self.columns.button)
        head = QVBoxLayout()
        head.setContentsMargins(space(3), space(3), space(3), space(2))
        head.setSpacing(space(2))
        head.addWidget(self.chips)
        head.addLayout(line)
        head.addWidget(self.filter_note)
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        self.splitter.addWidget(self._stack)
        self.splitter.addWidget(self.detail)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.restore((space(190), space(60)), (space(60), space(45)))
        self.splitter.turned.connect(self.detail.set_below)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self.scan_bar)
        layout.addWidget(self.splitter, 1)
        tab_in_order(self.filter_bar.search, self.held_button, self.scan_stop, self.columns.button, self.table)

    def _connect(self) -> None:
        self.chips.selection_changed.connect(self._on_filter_changed)
        self.filter_bar.filter_changed.connect(self._on_filter_changed)
        search = self.filter_bar.search
        search.left_down.connect(self.table.enter)
        search.mistake_changed.connect(self._on_search_mistake_changed)
        search.values_wanted.connect(self._engine.request_known_values)
        self._engine.known_values.connect(self._on_engine_known_values)
        self.table.horizontalHeader().sortIndicatorChanged.connect(self._on_header_sort_indicator_changed)
        self.table.visible_rows_changed.connect(self.model.set_visible_rows)
        self.table.current_id_changed.connect(self._on_table_current_id_changed)
        self.table.selected_count_changed.connect(self._on_table_selected_count_changed)
        self.table.row_activated.connect(self._on_table_row_activated)
        self.table.customContextMenuRequested.connect(self._on_table_context_menu_requested)
        self.detail.previous_requested.connect(lambda: self.table.step(-1))
        self.detail.next_requested.connect(lambda: self.table.step(1))
        self.detail.task_requested.connect(self.reveal)
        self.detail.column_requested.connect(self._on_detail_column_requested)
        self.model.progress_changed.connect(self._on_model_progress_changed)
        self.model.count_changed.connect(self._on_model_count_changed)
        self.model.held_changed.connect(self._on_model_held_changed)
        self.model.recovered.connect(self.recovered)
        self.model.dataChanged.connect(self._on_model_data_changed)
        self.held_button.clicked.connect(self.model.show_held)
        self.scan_stop.clicked.connect(self._on_scan_stop_clicked)
        self.empty.action_requested.connect(self.clear_filter)
        self._engine.detail_loaded.connect(self._on_engine_detail_loaded)
        self._engine.feed_failed.connect(self._on_engine_feed_failed)

    # -- what is asked

    def filter(self) -> TaskFilter:
        """Return the filter as it is set."""
        pieces = self.filter_bar.pieces()
        return TaskFilter(self.chips.selected_statuses(), pieces.types, query=self.filter_bar.search.query)

    def set_filter(self, wanted: TaskFilter) -> None:
        """Set chips and fields, and ask once; a literal text is put in quotes."""
        text = wanted.query.text if wanted.query is not None else literal(wanted.text)
        self.show_filter(wanted.statuses, wanted.types, text)

    def show_filter(self, statuses: Sequence[str], types: Sequence[str], text: str) -> None:
        """Set chips and fields, and ask once; ``text`` is of the filter language."""
        self.chips.blockSignals(True)
        self.chips.set_selected_statuses(statuses)
        self.chips.blockSignals(False)
        self.filter_bar.set_pieces(TaskFilterPieces(tuple(types[:1]), text))
        self._on_filter_changed()

    def focus_first(self) -> None:
        """Give the keyboard to the table, or to the first field until there are rows."""
        first = focus_first_in(self, self.table)
        self._stand_in = first if first is not self.table else None

    def clear_filter(self) -> None:
        """Show all tasks."""
        self.set_filter(TaskFilter())
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_text(self, text: str) -> None:
        """Show the tasks of every status and type in which a text stands."""
        self.set_filter(TaskFilter(text=text))
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def reveal(self, task_id: int) -> None:
        """Show one task: in the table where it stands there, else without the filter."""
        if self.table.select_id(task_id):
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        self._wanted_id = task_id
        if not self.filter().is_empty:
            self.clear_filter()
        self._look_for_wanted()

    def _look_for_wanted(self) -> None:
        if self._wanted_id is None:
            return
        if self.table.select_id(self._wanted_id):
            self._wanted_id = None
        elif self.model.is_complete:
            missing, self._wanted_id = self._wanted_id, None
            self.task_missing.emit(missing)

    def _on_filter_changed(self, _what: object = None) -> None:
        self.model.set_filter(self.filter())
        self._show_note()
        self.state_changed.emit()

    def _show_note(self) -> None:
        self.filter_note.tell(self.filter_bar.search.mistake, self.filter())

    def _on_search_mistake_changed(self) -> None:
        self._show_note()
        self.state_changed.emit()

    def _on_engine_known_values(self, known: Known | None) -> None:
        self.filter_bar.search.set_known(known.values if known else None)

    def _on_header_sort_indicator_changed(self, column: int, order: Qt.SortOrder) -> None:
        self.model.sort(column, order)

    def _on_scan_stop_clicked(self) -> None:
        """Show the order there is: that of before, where a sort was given up."""
        self.set_order(self.model.order)

    def set_order(self, order: TaskOrder) -> None:
        """Sort by a column."""
        self.table.set_sort(order.name, order.descending)

    # -- what is selected

    def selected(self) -> Selected:
        """Return the selected tasks."""
        return Selected(self.model.ids_of_rows(self.table.selected_ranges()))

    def matching(self) -> Matching:
        """Return all tasks that match the filter."""
        return Matching(self.filter())

    # -- what is shown

    def take_snapshot(self, snapshot: Snapshot | None) -> None:
        """Show the figures of a poll; None where no file is open."""
        now = time.monotonic()
        is_empty = snapshot is not None and not snapshot.newest_task_id
        total = snapshot.total if snapshot else None
        self.chips.set_counts(snapshot.counts if snapshot else (), now, is_empty=is_empty, total=total)
        self.filter_bar.set_types(snapshot.types if snapshot else ())
        seen = (snapshot.epoch, snapshot.data_generation) if snapshot else None
        if seen != self._seen:
            self._seen = seen
            missing = snapshot.facts.missing_columns if snapshot else ()
            self.table.set_absent(frozenset(name.removeprefix("task_queue.") for name in missing))
            self._ask_detail()
        self._show_state()

    def tick(self) -> None:
        """Bring ages up to the moment; once a second."""
        if self.detail.isVisible():
            self.detail.tick(_now())
            self.story.tick()

    def _on_model_progress_changed(self, progress: float, complete: bool) -> None:
        self.scan_bar.set_progress(progress, complete or self.model.is_stopped)
        self._look_for_wanted()
        self._show_state()
        if complete and not self.model.count:
            self.rows_shown.emit()

    def _on_model_count_changed(self, _count: int) -> None:
        self._look_for_wanted()
        self._show_state()

    def _on_model_data_changed(self) -> None:
        self.rows_shown.emit()

    def _on_model_held_changed(self, count: int) -> None:
        self.held_button.setText(f" {thousands(count)} change{'s' if count != 1 else ''} waiting")
        self.held_button.setVisible(count > 0)

    def _show_state(self) -> None:
        count, selected = self.model.count, self.table.selected_count()
        words = scan_words(self.model, "task")
        self.rows_label.setText(f"{words}, {thousands(selected)} selected" if selected > 1 else words)
        if count or not (self.model.is_complete or self.model.is_stopped):
            self._stack.setCurrentWidget(self.table)
            if self._stand_in is not None and self.window().focusWidget() is self._stand_in:
                self.table.setFocus(Qt.FocusReason.OtherFocusReason)
            self._stand_in = None
        else:
            self._show_empty()
        self.state_changed.emit()

    def _show_empty(self) -> None:
        if self.filter().is_empty:
            text = "Tasks appear here as soon as a program enqueues one."
            self.empty.show_state("inbox", "The queue is empty", text)
        elif self.model.is_stopped:
            self.empty.show_state("filter", NOTHING_SO_FAR, nothing_so_far(self.model, "tasks"), "Clear the filter")
        else:
            text = f"No task of this file fits {one_line(whole_text(self.filter())[:MOST_SHOWN])}"
            self.empty.show_state("filter", "No tasks match", text, "Clear the filter")
        had_focus = self.window().focusWidget() is self.table
        self._stack.setCurrentWidget(self.empty)
        if had_focus:
            self.focus_first()  # Qt would go on to the banner's button

    # -- the panel

    def set_detail_shown(self, shown: bool) -> None:
        """Show or hide the panel."""
        self.detail.setVisible(shown)
        self._ask_detail()

    def _on_table_current_id_changed(self, _id: object) -> None:
        self._ask_detail()

    def _ask_detail(self) -> None:
        wanted = self.table.current_id
        if self.detail.isHidden():
            self.story.show_task(None)
            return
        if not isinstance(wanted, int):
            self._detail_sequence += 1
            self.detail.clear()
            self.story.show_task(None)
            return
        self._detail_sequence += 1
        self.detail.show_loading(wanted)
        self._engine.request_detail(self._detail_sequence, wanted)
        self.story.show_task(wanted)

    def _on_engine_detail_loaded(self, sequence: int, found: TaskDetail | None) -> None:
        wanted = self.table.current_id
        if sequence != self._detail_sequence or not isinstance(wanted, int):
            return
        if found is None:
            self.detail.show_gone(wanted)
            return
        now, hearing = _now(), self._engine.listening.look()
        self.detail.show_detail(found, state_sentence(found.row, now, found.worker, hearing), now)

    def _on_engine_feed_failed(self, failure: FeedFailed) -> None:
        wanted = self.detail.task_id
        if failure.table is Table.TASKS and isinstance(wanted, int) and not self.detail.is_showing_task:
            self.detail.show_problem(wanted, failure.problem.sentence())

    def _on_detail_column_requested(self, column: PayloadColumn) -> None:
        self.column_refused.emit(self.columns.add(column))

    # -- keys and mouse

    def _on_table_selected_count_changed(self, _count: int) -> None:
        self._show_state()

    def _on_table_row_activated(self, _id: object) -> None:
        self.detail.show()
        self._ask_detail()
        self.state_changed.emit()

    def _on_table_context_menu_requested(self, position: QPoint) -> None:
        self.menu_requested.emit(self.table.viewport().mapToGlobal(position))

    def order_name(self) -> TaskColumn:
        """Return the column the tasks are sorted by."""
        return self.model.order.column


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(tzinfo=None)
