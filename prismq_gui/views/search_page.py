"""The search over everything: one line, what was found in tasks and log lines, and how far it is.

Owns the states of a search and their words. Must not search, nor know other pages: it tells which hit is wanted.
"""

from __future__ import annotations

from enum import Enum

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from prismq_gui.insight.search_scan import ALL_KINDS, SearchKind
from prismq_gui.models.search_model import SearchHitModel
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.searching import SearchFailed, SearchStep
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.empty_state import EmptyState
from prismq_gui.views.filter_bar import SearchLine
from prismq_gui.views.index_bar import IndexBar
from prismq_gui.views.scan_bar import ScanBar
from prismq_gui.views.search_delegate import SearchDelegate
from prismq_gui.views.status_chips import thousands
from prismq_gui.views.table_view import BigTableView

_KINDS: tuple[tuple[str, tuple[SearchKind, ...]], ...] = (
    ("Everything", ALL_KINDS),
    ("Tasks", (SearchKind.TASKS,)),
    ("Log lines", (SearchKind.LOGS,)),
)
_SEARCHED = {
    ALL_KINDS: "No task (error, payload, type, key, worker, id) and no log line (message, details) holds",
    (SearchKind.TASKS,): "No task (error, payload, type, key, worker, id) holds",
    (SearchKind.LOGS,): "No log line (message, details) holds",
}
_AT_FIRST = (
    "Looks through error, payload, type, key, worker and id of all tasks, and through all log lines. "
    "The newest are found first; Enter opens what was found."
)


class SearchState(Enum):
    """How it stands with the search."""

    IDLE = "idle"
    SEARCHING = "searching"
    WAITING = "waiting"  # so much was found that it goes on only when asked
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class SearchPage(QWidget):
    """Line, chips, hits and the index's switch. GUI thread.

    ``task_requested`` and ``line_requested`` carry ids as Python objects; ``index_switched`` whether one is wanted.
    """

    task_requested = Signal(object)
    line_requested = Signal(object)
    index_switched = Signal(bool)
    state_changed = Signal()

    def __init__(self, theme: Theme, engine: Engine, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = engine.search
        self.state = SearchState.IDLE
        self._number = -1
        self._text = ""
        self._kinds: tuple[SearchKind, ...] = ALL_KINDS
        self._progress = 0.0
        self._trouble = ""
        self.model = SearchHitModel(self)
        self.line = SearchLine(theme, "Search all tasks and log lines", self)
        self.kind_buttons = tuple(self._kind_button(name) for name, _kinds in _KINDS)
        self.stop_button = QPushButton("&Stop", self)
        self.more_button = QPushButton("&Go on", self)
        self.words = ElidedLabel("muted", self)
        self.scan_bar = ScanBar(theme, self)
        self.table = BigTableView(theme, self, SearchDelegate)
        self.empty = EmptyState(theme, self)
        self.index_bar = IndexBar(theme, self)
        self._stack = QStackedWidget(self)
        self._set_up()
        self._lay_out()
        self._connect()
        self._show_state()

    def _kind_button(self, name: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(name)
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.setAccessibleName(f"Search {name.lower()}")
        set_role(button, "chip")
        return button

    def _set_up(self) -> None:
        self.table.setObjectName("search")
        self.table.setAccessibleName("What was found")
        self.table.setModel(self.model)
        self.table.horizontalHeader().setSectionsClickable(False)  # hits stand in the order they were found
        self.scan_bar.setAccessibleName("Searching")
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        for number, button in enumerate(self.kind_buttons):
            self._group.addButton(button, number)
        self.kind_buttons[0].setChecked(True)
        self.stop_button.setToolTip("End the search; what was found stays")
        self.more_button.setToolTip("Look for more")

    def _lay_out(self) -> None:
        space = self._theme.space
        head = QHBoxLayout()
        head.setContentsMargins(space(3), space(3), space(3), space(2))
        head.setSpacing(space(2))
        head.addWidget(self.line, 1)
        for button in self.kind_buttons:
            head.addWidget(button)
        below = QHBoxLayout()
        below.setContentsMargins(space(3), 0, space(3), space(2))
        below.setSpacing(space(2))
        below.addWidget(self.words, 1)
        below.addWidget(self.more_button)
        below.addWidget(self.stop_button)
        for each in (self.more_button, self.stop_button):  # nothing moves when one comes or goes
            policy = each.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            each.setSizePolicy(policy)
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addLayout(below)
        layout.addWidget(self.scan_bar)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self.index_bar)

    def _connect(self) -> None:
        self.line.text_settled.connect(self._on_line_text_settled)
        self.line.returnPressed.connect(self._on_line_return_pressed)
        self.line.left_down.connect(self.table.enter)
        self._group.idClicked.connect(self._on_group_id_clicked)
        self.stop_button.clicked.connect(self.stop)
        self.more_button.clicked.connect(self.go_on)
        self.table.row_activated.connect(self._on_table_row_activated)
        self.table.selected_count_changed.connect(lambda _count: self.state_changed.emit())
        self.empty.action_requested.connect(self._on_empty_action_requested)
        self.index_bar.switched.connect(self.index_switched)
        self._desk.stepped.connect(self._on_desk_stepped)
        self._desk.failed.connect(self._on_desk_failed)
        self._desk.index_told.connect(self.index_bar.show_status)

    # -- searching

    def focus_search(self) -> None:
        """Put the cursor into the line and select what is in it."""
        self.line.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.line.selectAll()

    def search_again(self) -> None:
        """Look for the text anew: rows may have come since."""
        self._search(self.line.text().strip())

    def stop(self) -> None:
        """Stop; what was found stays."""
        if self.state is SearchState.WAITING:
            self._enter(SearchState.STOPPED)
        self._desk.stop()

    def go_on(self) -> None:
        """Look for more than there were when it paused."""
        if self.state is SearchState.WAITING:
            self._enter(SearchState.SEARCHING)
            self._desk.go_on()

    def forget(self) -> None:
        """Show nothing found: another file is open, or none."""
        self._number = -1
        self.model.clear()
        self._enter(SearchState.IDLE)

    def _search(self, text: str) -> None:
        self._text, self._kinds = text, _KINDS[self._group.checkedId()][1]
        self._progress, self._trouble = 0.0, ""
        self.model.clear()
        if not text:
            self._desk.stop()
            self._number = -1
            self._enter(SearchState.IDLE)
            return
        self._number = self._desk.search(text, self._kinds)
        self._enter(SearchState.SEARCHING if self._number else SearchState.IDLE)

    def _on_line_text_settled(self, text: str) -> None:
        if text.strip() != self._text or self.state is SearchState.IDLE:
            self._search(text.strip())

    def _on_line_return_pressed(self) -> None:
        if self.state not in (SearchState.SEARCHING, SearchState.WAITING):
            self.search_again()

    def _on_group_id_clicked(self, _id: int) -> None:
        self.search_again()

    def _on_empty_action_requested(self) -> None:
        self.line.clear()
        self.focus_search()

    def _on_desk_stepped(self, step: SearchStep) -> None:
        if step.number != self._number:
            return
        self.model.add(step.rows, step.late)
        self._progress = step.progress
        if step.done:
            self._enter(SearchState.STOPPED if step.was_stopped else SearchState.DONE)
        elif self.state is not SearchState.STOPPED:
            self._enter(SearchState.WAITING if step.waits else SearchState.SEARCHING)

    def _on_desk_failed(self, failure: SearchFailed) -> None:
        if failure.number == self._number:
            self._trouble = failure.problem.sentence()
            self._enter(SearchState.FAILED)

    def _on_table_row_activated(self, key: object) -> None:
        if not isinstance(key, tuple):
            return
        kind, id = key
        (self.task_requested if kind is SearchKind.TASKS else self.line_requested).emit(id)

    # -- what is shown

    def _enter(self, state: SearchState) -> None:
        self.state = state
        self._show_state()
        self.state_changed.emit()

    def _show_state(self) -> None:
        runs = self.state in (SearchState.SEARCHING, SearchState.WAITING)
        self.scan_bar.set_progress(self._progress, not runs)
        self.stop_button.setVisible(runs)
        self.more_button.setVisible(self.state is SearchState.WAITING)
        self.words.show_text(self._sentence())
        self.words.setAccessibleName(self.words.text())
        if self.model.count or self.state is SearchState.SEARCHING:
            self._stack.setCurrentWidget(self.table)
            return
        self._show_empty()
        self._stack.setCurrentWidget(self.empty)

    def _show_empty(self) -> None:
        shown = self._text if len(self._text) <= 200 else f"{self._text[:200]}…"
        if self.state is SearchState.DONE:
            self.empty.show_state("search", "Nothing found", f"{_SEARCHED[self._kinds]} “{shown}”.", "Clear")
        elif self.state is SearchState.STOPPED:
            text = f"{self._progress:.0%} was searched before it was stopped. Enter in the line searches again."
            self.empty.show_state("search", "Stopped before anything was found", text)
        elif self.state is SearchState.FAILED:
            self.empty.show_state("triangle-alert", "The search could not be ended", self._trouble)
        else:
            self.empty.show_state("search", "Search everything", _AT_FIRST)

    def _sentence(self) -> str:
        count = self.model.count
        hits = f"{thousands(count)} hit{'s' if count != 1 else ''}"
        if self.state is SearchState.SEARCHING:
            return f"Searching, {self._progress:.0%}: {hits} so far"
        if self.state is SearchState.WAITING:
            return f"{hits} so far, {self._progress:.0%} searched: go on, or make the text longer"
        if self.state is SearchState.STOPPED:
            return f"Stopped at {self._progress:.0%}: {hits}"
        if self.state is SearchState.FAILED:
            return f"{hits}, then: {self._trouble}"
        return hits if self.state is SearchState.DONE and count else ""
