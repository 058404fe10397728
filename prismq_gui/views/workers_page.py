"""The workers of the queue: what state each is in, what it holds and gets done, and what it ran of late.

Owns when the lanes are asked for: while the page is in view and the file has changed, never more than a tenth of the
time. Must not read.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal, SignalInstance
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from prismq_gui.insight.hearing import Hearing
from prismq_gui.models.worker_table_model import WorkerTableModel
from prismq_gui.polling.look_wishes import LookKind, RecentWork, WorkWish
from prismq_gui.polling.looking import Look, LookDesk, LookFailed
from prismq_gui.polling.messages import Snapshot
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.empty_state import EmptyState
from prismq_gui.views.lane_panel import LanePanel
from prismq_gui.views.plain_text import tooltip
from prismq_gui.views.status_chips import thousands
from prismq_gui.views.tab_order import tab_in_order
from prismq_gui.views.table_view import BigTableView
from prismq_gui.views.times import duration

AGAIN_S = 2.0
UNCHANGED_S = 60.0  # a file that nobody wrote to: only what falls out of the window is new
COST_SHARE = 10


class WorkersPage(QWidget):
    """All workers. GUI thread. ``worker_requested`` carries the name of the one whose tasks are wanted.

    ``next_requested`` carries the name of the worker whose next tasks are wanted ('' is any), ``task_requested`` an id;
    ``release_requested`` and ``remove_requested`` the name of a worker whose tasks are to be taken, or who is to go.
    """

    worker_requested = Signal(object)
    next_requested = Signal(object)
    task_requested = Signal(object)
    release_requested = Signal(str)
    remove_requested = Signal(str)
    state_changed = Signal()

    def __init__(self, theme: Theme, desk: LookDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._number = 0
        self._runs = self._is_told = self._has_changed = False
        self._asked_at = self._cost_s = 0.0
        self._sizes: tuple[int, ...] = ()
        self._is_placed = False  # before the page is seen, the divider stands nowhere yet
        self._seen: tuple[int, int] | None = None
        self.model = WorkerTableModel(self)
        self.table = BigTableView(theme, self)
        self.lanes = LanePanel(theme, self)
        self.words = ElidedLabel("muted", self)
        self.release_button = QToolButton(self)
        self.remove_button = QToolButton(self)
        self.next_button = QToolButton(self)
        self._refusal = ""
        self.empty = EmptyState(theme, self)
        self._stack = QStackedWidget(self)
        self.splitter = QSplitter(Qt.Orientation.Vertical, self)
        self._set_up()
        self._lay_out(theme)
        desk.told.connect(self._on_desk_told)
        desk.failed.connect(self._on_desk_failed)
        self.take_snapshot(None)

    def _set_up(self) -> None:
        self.table.setObjectName("workers")
        self.table.setAccessibleName("Workers")
        self.table.setModel(self.model)
        self.table.horizontalHeader().setSectionsClickable(False)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.table.row_activated.connect(self.worker_requested)
        self.table.selected_count_changed.connect(lambda _count: self.state_changed.emit())
        self.table.current_id_changed.connect(lambda _id: self._show_buttons())
        release, remove = "Give back what the chosen worker holds", "Take the chosen worker off the list, if silent"
        for button, words, tip, wanted in (
            (self.release_button, "Release its tasks…", release, self.release_requested),
            (self.remove_button, "Remove…", remove, self.remove_requested),
        ):
            button.setText(words)
            button.setStatusTip(tip)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            set_role(button, "chip")
            button.clicked.connect(partial(self._want, wanted))
        self.next_button.setText("What comes next…")
        set_role(self.next_button, "chip")
        self.next_button.setToolTip("Show what the chosen worker would take next")
        self.next_button.clicked.connect(self._on_next_button_clicked)
        self.lanes.task_requested.connect(self.task_requested)
        self.lanes.period_changed.connect(self._on_lanes_period_changed)
        text = "A worker appears here as soon as it reports to this queue or claims a task."
        self.empty.show_state("users", "No workers", text)

    def _lay_out(self, theme: Theme) -> None:
        space = theme.space
        self.splitter.addWidget(self.table)
        self.splitter.addWidget(self.lanes)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setSizes([space(60), space(80)])
        self._stack.addWidget(self.splitter)
        self._stack.addWidget(self.empty)
        head = QHBoxLayout()
        head.setContentsMargins(space(3), space(3), space(3), space(3))
        head.setSpacing(space(2))
        head.addWidget(self.words, 1)
        for button in (self.release_button, self.remove_button, self.next_button):
            head.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self._stack, 1)
        lanes = self.lanes
        tab_in_order(
            self.release_button,
            self.remove_button,
            self.next_button,
            self.table,
            lanes.table_button,
            lanes.period,
            lanes.chart,
            lanes.tree,
        )

    @property
    def silent_count(self) -> int:
        """How many workers have not been heard of for a while."""
        return self.model.silent_count

    def take_snapshot(self, snapshot: Snapshot | None) -> None:
        """Show the workers of a poll; None where no file is open."""
        seen = (snapshot.epoch, snapshot.data_generation) if snapshot is not None else None
        if snapshot is None or (self._seen is not None and snapshot.epoch != self._seen[0]):
            self._forget()
        self._has_changed = self._has_changed or seen != self._seen
        self._seen = seen
        if snapshot is None:
            self.model.clear()
        else:
            self.model.take(snapshot, *self._heard())
        self._stack.setCurrentWidget(self.splitter if self.model.rowCount() else self.empty)
        if not self._is_placed:
            QTimer.singleShot(0, self, self._place_divider)
        self.next_button.setEnabled(snapshot is not None)
        self._show_buttons()
        self._truncated = snapshot is not None and snapshot.workers_truncated
        self._show_words()
        self._ask_if_due()

    def _heard(self) -> tuple[datetime, Hearing]:
        """Return the moment, and how silence is judged at it."""
        return self._desk.listening.now(), self._desk.listening.look()

    def tick(self) -> None:
        """Bring ages up to the moment; once a second."""
        self.model.tick(*self._heard())
        self._show_words()
        if self.isVisible():
            self.lanes.chart.states = self.model.states()
            self.lanes.tick(_now())
            self._ask_if_due()

    def showEvent(self, event: QShowEvent) -> None:
        """Read what workers did; nobody looked before."""
        super().showEvent(event)
        QTimer.singleShot(0, self, self._place_divider)  # once the page has its height
        self._ask_if_due()

    def kept_sizes(self) -> tuple[int, ...]:
        """Return where the divider stands, empty where it has stood nowhere."""
        return tuple(max(0, size) for size in self.splitter.sizes()) if self._is_placed else self._sizes

    def restore_sizes(self, sizes: tuple[int, ...]) -> None:
        """Put the divider where it was, as soon as the page is seen."""
        if len(sizes) == self.splitter.count() and any(sizes):
            self._sizes = sizes

    def _place_divider(self) -> None:
        if self._is_placed or not self.splitter.isVisible():
            return
        self._is_placed = True
        if self._sizes:
            self.splitter.setSizes(list(self._sizes))

    # -- what workers did

    def _forget(self) -> None:
        self._is_told = self._runs = False
        self._asked_at = self._cost_s = 0.0
        self._number = 0
        self._desk.stop(LookKind.WORK)
        self.model.set_facts(None)
        self.lanes.show_lanes(None, _now())

    def _ask_if_due(self) -> None:
        if self._seen is None or self._runs or not self.isVisible() or (self._is_told and self._desk.paused):
            return
        rest_s = max(AGAIN_S if self._has_changed else UNCHANGED_S, COST_SHARE * self._cost_s)
        if not self._is_told or time.monotonic() - self._asked_at >= rest_s:
            self._ask()

    def _ask(self) -> None:
        self._asked_at, self._has_changed = time.monotonic(), False
        self._number = self._desk.ask(WorkWish(self.lanes.window_length()))
        self._runs = self._number > 0

    def _on_lanes_period_changed(self) -> None:
        if self._seen is not None:
            self._ask()

    def _on_desk_told(self, look: Look) -> None:
        if look.kind is not LookKind.WORK or look.number != self._number:
            return
        if look.done:
            self._runs = False
        elif isinstance(look.answer, RecentWork):
            self._is_told, self._cost_s = True, look.answer.cost_s
            now = _now()
            self.model.set_facts(look.answer.facts, now)
            self._show_words()
            self.lanes.show_lanes(look.answer.lanes, now)

    def _on_desk_failed(self, failure: LookFailed) -> None:
        if failure.kind is LookKind.WORK and failure.number == self._number:
            self._runs, self._is_told = False, True
            self.lanes.show_problem(failure.problem.sentence())

    # -- words

    def _on_next_button_clicked(self) -> None:
        name = self.table.current_id
        self.next_requested.emit(name if isinstance(name, str) else "")

    def set_refusal(self, refusal: str) -> None:
        """Tell why nothing may be changed now, '' where it may."""
        self._refusal = refusal
        self._show_buttons()

    def _show_buttons(self) -> None:
        chosen = isinstance(self.table.current_id, str)
        off = self._refusal or ("" if chosen else "Choose a worker first.")
        for button in (self.release_button, self.remove_button):
            button.setEnabled(not off)
            button.setToolTip(tooltip(f"{button.statusTip()}\nOff: {off}" if off else button.statusTip()))

    def _want(self, wanted: SignalInstance) -> None:
        name = self.table.current_id
        if isinstance(name, str):
            wanted.emit(name)

    def _show_words(self) -> None:
        count, silent = self.model.rowCount(), self.silent_count
        words = f"{thousands(count)} worker{'s' if count != 1 else ''}"
        if silent:
            words += f", {thousands(silent)} silent for more than {duration(self.model.hearing.silent_after_s)}"
        if self._truncated:
            words += "; there are more, only the first are shown"
        gap = self.model.hearing.gap
        if gap is not None and gap.sentence and self.model.is_awaiting:
            words += f"; {gap.sentence}"
        words = "; ".join([words, *self.model.superlatives()])
        self.words.show_text(f"{words}. Enter shows what one has worked on." if count else "")


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(tzinfo=None)
