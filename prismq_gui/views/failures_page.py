"""The failures by cause: a table of groups, and all of the chosen one beside it.

Owns which group is in view, what was asked about it, and which tasks were retried first. Must not act: it tells what
is wanted.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSplitter, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from prismq_gui.insight.failure_messages import FailureGroup
from prismq_gui.insight.filters import TaskFilter
from prismq_gui.models.failure_table_model import FailureTableModel
from prismq_gui.operations.messages import Report, Selected
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.failure_news import FailureNews, GroupIds, SharedNews
from prismq_gui.settings import Settings, TableLayout
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.empty_state import EmptyState
from prismq_gui.views.failure_panel import FIRST, FailurePanel
from prismq_gui.views.failure_table import FailureTable
from prismq_gui.views.scan_bar import ScanBar
from prismq_gui.views.status_chips import thousands

NAME = "failures"
LAYOUT_AT_FIRST = TableLayout(sort_column="count", sort_descending=True)
STATUSES = ("failed", "dead_letter")
_EMPTY = "As soon as a task fails it appears here, grouped with all that failed for the same reason."
_STOPPED = "The comparison was stopped."


@dataclass(frozen=True, slots=True)
class _Tried:
    """Tasks of a group that were retried before the others."""

    ids: tuple[int, ...]
    at: datetime


class FailuresPage(QWidget):
    """All failures of the file. GUI thread.

    ``retry_requested`` carries a Selected and whether these are the first few; ``filter_requested`` a TaskFilter and a
    sentence that says what it lets through.
    """

    state_changed = Signal()
    badge_changed = Signal()
    retry_requested = Signal(object, bool)
    filter_requested = Signal(object, str)

    def __init__(self, theme: Theme, engine: Engine, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = engine.failures
        self._news: FailureNews | None = None
        self._sequence = 0  # of the comparison in view
        self._ids_sequence = 0
        self._tried: dict[str, _Tried] = {}
        self.model = FailureTableModel(self)
        self.table = FailureTable(theme, self)
        self.panel = FailurePanel(theme, self)
        self.empty = EmptyState(theme, self)
        self.words = ElidedLabel("muted", self)
        self.scan_bar = ScanBar(theme, self)
        self.order_button = QToolButton(self)
        self.stop_button = QPushButton("&Stop", self)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self._stack = QStackedWidget(self)
        self._set_up()
        self._lay_out()
        self._connect()
        self.take_news(None)

    def _set_up(self) -> None:
        self.table.setObjectName("failures")
        self.table.setAccessibleName("Failures by cause")
        self.table.setModel(self.model)
        self.table.setSelectionMode(FailureTable.SelectionMode.SingleSelection)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.table.restore_layout(LAYOUT_AT_FIRST)
        self.order_button.hide()
        self.order_button.setToolTip("Rows stay where they are until you sort them. Click to sort them anew.")
        self.order_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.order_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        set_role(self.order_button, "chip")
        self._theme.bind_icon(self.order_button, "refresh-cw", "accent")
        self.stop_button.hide()

    def _lay_out(self) -> None:
        space = self._theme.space
        head = QHBoxLayout()
        head.setContentsMargins(space(3), space(3), space(3), space(2))
        head.setSpacing(space(2))
        head.addWidget(self.words, 1)
        head.addWidget(self.order_button)
        head.addWidget(self.stop_button)
        self.splitter.addWidget(self.table)
        self.splitter.addWidget(self.panel)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([space(120), space(140)])
        self._stack.addWidget(self.splitter)
        self._stack.addWidget(self.empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self.scan_bar)
        layout.addWidget(self._stack, 1)
        order = [self.order_button, self.stop_button, self.table, *self.panel.focus_order()]
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)

    def _connect(self) -> None:
        self._desk.news.connect(self.take_news)
        self._desk.shared.connect(self._on_desk_shared)
        self._desk.ids.connect(self._on_desk_ids)
        self.model.out_of_order_changed.connect(self._on_model_out_of_order_changed)
        self.model.groups_changed.connect(self._on_model_groups_changed)
        self.table.horizontalHeader().sortIndicatorChanged.connect(self.model.sort)
        self.table.current_id_changed.connect(self._on_table_current_id_changed)
        self.table.row_activated.connect(lambda _key: self._show_tasks())
        self.order_button.clicked.connect(self._on_order_button_clicked)
        self.stop_button.clicked.connect(self._on_stop_button_clicked)
        self.panel.tasks_wanted.connect(self._show_tasks)
        self.panel.first_wanted.connect(self._retry_first)
        self.panel.rest_wanted.connect(self._ask_ids)
        self.panel.compare_wanted.connect(self._compare)
        self.panel.stop_wanted.connect(self._stop_comparing)

    # -- what is shown

    @property
    def failed_lately(self) -> int:
        """How many tasks failed within the last hour, else how many groups rise; for the badge."""
        return (self._news.last_hour or self._news.rising) if self._news else 0

    def take_news(self, news: FailureNews | None) -> None:
        """Show what is known of the failures; None where no file is open."""
        if news is None or (self._news is not None and news.number != self._news.number):
            self._tried.clear()
        self._news = news
        self.model.take(news)
        self._show_state()
        self.badge_changed.emit()
        self.state_changed.emit()

    def _show_state(self) -> None:
        news = self._news
        reading = news is not None and news.progress is not None
        progress = news.progress if news else None
        stopped = news is not None and news.stopped
        total = progress.total if progress else 0
        self.scan_bar.set_progress(progress.done / total if progress and total else 0.0, not reading or stopped)
        self.stop_button.setVisible(reading)
        self.stop_button.setText("&Go on reading" if stopped else "&Stop")
        words = state_words(news)
        self.words.show_text(words)
        if news is not None and news.found is not None and not news.groups and not reading:
            self.empty.show_state("circle-check", "Nothing has failed", _EMPTY)
            self._stack.setCurrentWidget(self.empty)
        elif news is not None and news.problem is not None and news.found is None:
            problem = news.problem
            self.empty.show_state("circle-alert", "The failures could not be read", problem.sentence())
            self._stack.setCurrentWidget(self.empty)
        else:
            self._stack.setCurrentWidget(self.splitter)

    def _on_model_groups_changed(self) -> None:
        self._show_group()

    def _on_model_out_of_order_changed(self, count: int) -> None:
        self.order_button.setText(f" {thousands(count)} row{'s' if count != 1 else ''} out of order: sort anew")
        self.order_button.setVisible(count > 0)

    def _on_order_button_clicked(self) -> None:
        self.model.sort_anew()
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_stop_button_clicked(self) -> None:
        if self._news is not None and self._news.stopped:
            self._desk.go_on_reading()
        else:
            self._desk.stop_reading()

    # -- the group in view

    def _on_table_current_id_changed(self, _key: object) -> None:
        self._show_group()
        if self.panel.group is not None:
            self._compare()
        else:
            self._desk.stop_comparing()

    def _show_group(self) -> None:
        group = self.model.group_of(self.table.current_id)
        if group is None or self._news is None:
            self.panel.clear()
            return
        tried = self._tried.get(group.key)
        again = len(set(tried.ids) & set(group.sample_ids)) if tried else 0
        words = tried_words(tried.ids, tried.at, again) if tried else ""
        self.panel.show_group(group, self._news, words, group.count - again)

    def _compare(self) -> None:
        group = self.panel.group
        if group is not None:
            self._sequence = self._desk.compare(group)
            self.panel.show_shared(SharedNews(self._sequence, group.key))

    def _stop_comparing(self) -> None:
        self._desk.stop_comparing()
        self.panel.show_shared(None, _STOPPED)
        self.panel.compare_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_desk_shared(self, news: SharedNews) -> None:
        group = self.panel.group
        if news.sequence == self._sequence and group is not None and news.key == group.key:
            self.panel.show_shared(news)

    # -- what is wanted

    def set_refusal(self, reason: str) -> None:
        """Switch retrying off with a reason, or on with ''."""
        self.panel.set_refusal(reason)

    def _show_tasks(self) -> None:
        group = self.model.group_of(self.table.current_id)
        if group is not None:
            self.filter_requested.emit(filter_of(group), filter_words(group))

    def _retry_first(self) -> None:
        group = self.panel.group
        if group is not None:
            self.retry_requested.emit(Selected(array("q", group.sample_ids[:FIRST])), True)

    def _ask_ids(self) -> None:
        group = self.panel.group
        if group is not None:
            self._ids_sequence = self._desk.request_ids(group)

    def _on_desk_ids(self, found: GroupIds) -> None:
        group = self.panel.group
        if found.sequence != self._ids_sequence or group is None or group.key != found.key:
            return
        tried = self._tried.get(found.key)
        gone = set(tried.ids) if tried else set()
        rest = array("q", [each for each in found.ids if each not in gone])
        self.retry_requested.emit(Selected(rest), False)

    def note_tried(self, target: Selected, report: Report) -> None:
        """Note that the first few tasks of the group in view were retried."""
        if report.changed and self.panel.group is not None:
            self._tried[self.panel.group.key] = _Tried(tuple(target.ids), datetime.now())
            self._show_group()

    # -- remembering

    def restore(self, settings: Settings) -> None:
        """Take columns, sort and divider from the settings."""
        saved = settings.layout(NAME)
        self.table.restore_layout(saved if saved.order else LAYOUT_AT_FIRST)
        sizes = settings.splitter(NAME)
        if len(sizes) == self.splitter.count() and all(sizes):
            self.splitter.setSizes(list(sizes))

    def remembered(self, settings: Settings) -> Settings:
        """Return settings with columns, sort and divider as they are."""
        kept = settings.with_layout(NAME, self.table.save_layout())
        return kept.with_splitter(NAME, tuple(max(0, size) for size in self.splitter.sizes()))

    # -- seen or not

    def showEvent(self, event: QShowEvent) -> None:
        """Keep up closely while somebody looks."""
        super().showEvent(event)
        self._desk.set_seen(True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Keep up for the badge alone."""
        super().hideEvent(event)
        self._desk.set_seen(False)


def state_words(news: FailureNews | None) -> str:
    """Return how much there is, how far it was read, and what could not be told."""
    if news is None or news.found is None:
        return "" if news is None or news.problem else "Reading the failures…"
    found, count = news.found, len(news.groups)
    words = (
        f"{found.total:,} failed task{'s' if found.total != 1 else ''} in {count:,} cause{'s' if count != 1 else ''}"
    )
    if news.progress is not None:
        of = f" of about {news.progress.total:,}" if news.progress.total > found.total else ""
        words = f"{words} so far{of}{'; stopped' if news.stopped else ''}"
    notes = " ".join(found.notes)
    old = f"What is shown may be old: {news.problem.sentence()}" if news.problem else ""
    return ". ".join(part for part in (words, old, notes) if part)


def tried_words(ids: tuple[int, ...], at: datetime, again: int) -> str:
    """Return what became of the tasks retried first, as far as it shows here."""
    count = len(ids)
    if again:
        fate = f"{again:,} of them {'has' if again == 1 else 'have'} failed again for the same reason"
    else:
        fate = "none of them has failed again for the same reason so far"
    return f"{count:,} task{'s were' if count != 1 else ' was'} retried first at {at:%H:%M:%S}; {fate}."


def filter_of(group: FailureGroup) -> TaskFilter:
    """Return the filter of a group: exactly its tasks, also those that fail for it later.

    Of the errors past the limit of groups, which have no cause in common, it is all that failed.
    """
    if group.is_others:
        return TaskFilter(STATUSES)
    from prismq_gui.insight.language import parse  # noqa: PLC0415 - not before one asks
    from prismq_gui.insight.language_nodes import quoted  # noqa: PLC0415 - as above

    return TaskFilter(query=parse(f"signature={quoted(group.signature)}"))


def filter_words(group: FailureGroup) -> str:
    """Return a sentence that says what the filter of a group lets through."""
    if group.is_others:
        return "Shown by filter: all failed and dead tasks, since these errors have no cause in common."
    return "Shown by filter: the failed and dead tasks of this cause."
