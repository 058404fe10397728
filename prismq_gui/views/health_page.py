"""What is wrong with the queue: a table of findings, the worst first, and all of the chosen one beside it.

Owns when it is looked: once by itself after a file was opened, then when it is asked for, and after something was
mended. Must not look nor mend: a desk does, and the window's commands.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from prismq_gui.actions.build import ActionSet
from prismq_gui.insight.filters import TaskFilter
from prismq_gui.insight.health_records import Finding
from prismq_gui.insight.hearing import Hearing
from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.models.plain_table_model import PlainTableModel
from prismq_gui.operations.database_records import CareReport
from prismq_gui.operations.mending import mend
from prismq_gui.operations.messages import OperationKind, Report
from prismq_gui.polling.health_desk import Extent, HealthDesk, HealthNews
from prismq_gui.theme import Theme, set_role
from prismq_gui.views import health_words as words
from prismq_gui.views.empty_state import EmptyState
from prismq_gui.views.health_panel import HealthPanel
from prismq_gui.views.plain_text import label, tooltip, visible
from prismq_gui.views.scan_bar import ScanBar
from prismq_gui.views.table_view import BigTableView
from prismq_gui.views.turning_splitter import TurningSplitter

FIRST_S = 5.0  # after a file was opened: tables and overview come before
AGAIN_S = 5.0  # a look that took no longer is repeated by itself once something was mended
_BESIDE_STEPS = 190  # as many steps of space wide, table and finding stand side by side
_CHANGES = (OperationKind.MEND, OperationKind.UNDO, OperationKind.VACUUM)


@dataclass(frozen=True, slots=True)
class Judging:
    """What findings are judged by, as it is when it is asked."""

    hearing: Callable[[], Hearing]
    limits: Callable[[], Thresholds]


class HealthPage(QWidget):
    """The page. GUI thread.

    ``filter_requested`` carries a TaskFilter and a sentence that says what it lets through, ``mend_requested`` a Wish,
    ``badge_changed`` tells that :attr:`count` is new.
    """

    state_changed = Signal()
    badge_changed = Signal()
    filter_requested = Signal(object, str)
    mend_requested = Signal(object)
    task_requested = Signal(int)

    def __init__(
        self, theme: Theme, desk: HealthDesk, actions: ActionSet, judging: Judging, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._judging = judging
        self.paused = False
        self._news: HealthNews | None = None  # of the last look that ended
        self._findings: dict[object, Finding] = {}
        self._is_old = False
        self._due_at: float | None = None
        self.head = label("", "title", self)
        self.words = label("", "muted", self, wrap=True)
        self.progress = label("", "muted", self)
        self.look_button = QPushButton(f"Loo&k{words.LOOK.removeprefix('Look')}", self)
        self.stop_button = QPushButton("&Stop", self)
        self.bar = ScanBar(theme, self)
        self.model = PlainTableModel(words.COLUMNS, self)
        self.table = BigTableView(theme, self)
        self.panel = HealthPanel(theme, actions, self)
        self.empty = EmptyState(theme, self)
        self.splitter = TurningSplitter(theme.space(_BESIDE_STEPS), self)
        self._stack = QStackedWidget(self)
        self._set_up()
        self._lay_out()
        self._connect()
        self._on_desk_news(None)

    def _set_up(self) -> None:
        self.setAccessibleName("Health")
        self.table.setObjectName("health")
        self.table.setAccessibleName("Findings, the worst first")
        self.table.setModel(self.model)
        self.table.setSelectionMode(BigTableView.SelectionMode.SingleSelection)
        self.table.horizontalHeader().setSectionsClickable(False)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.bar.setAccessibleName("Looking for what is wrong")
        self.words.setToolTip(tooltip(words.LOOKED_AT))
        set_role(self.look_button, "primary")
        tip = "Look at all of the file: leases, workers, schema, times, JSON and log lines; nothing is changed"
        self.look_button.setToolTip(tooltip(tip))
        self.stop_button.setToolTip(tooltip("Stop the look; what it found by now is shown"))

    def _lay_out(self) -> None:
        space = self._theme.space
        texts = QVBoxLayout()
        texts.setSpacing(space(1))
        texts.addWidget(self.head)
        texts.addWidget(self.words)
        first = QHBoxLayout()
        first.setContentsMargins(space(3), space(3), space(3), space(2))
        first.setSpacing(space(2))
        first.addLayout(texts, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(space(2))
        for each in (self.progress, self.stop_button, self.look_button):
            buttons.addWidget(each)
        beside = QVBoxLayout()
        beside.addLayout(buttons)
        beside.addStretch(1)
        first.addLayout(beside)
        self.splitter.addWidget(self.table)
        self.splitter.addWidget(self.panel)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([space(140), space(120)])
        self._stack.addWidget(self.splitter)
        self._stack.addWidget(self.empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(first)
        layout.addWidget(self.bar)
        layout.addWidget(self._stack, 1)
        order: list[QWidget] = [self.stop_button, self.look_button, self.table, *self.panel.focus_order()]
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)

    def _connect(self) -> None:
        self._desk.news.connect(self._on_desk_news)
        self.look_button.clicked.connect(lambda: self.look(Extent.USUAL))
        self.stop_button.clicked.connect(self._on_stop_button_clicked)
        self.table.current_id_changed.connect(lambda _key: self._show_chosen())
        self.table.row_activated.connect(lambda _key: self._show_tasks())
        self.panel.tasks_wanted.connect(self._show_tasks)
        self.panel.mend_wanted.connect(self._mend)
        self.panel.further_wanted.connect(lambda: self.look(Extent.WHOLE))
        self.panel.task_wanted.connect(self.task_requested)

    # -- looking

    @property
    def news(self) -> HealthNews | None:
        """What the last look found."""
        return self._news

    @property
    def count(self) -> int:
        """How many faults and warnings there are."""
        return words.to_be_told(self._news)

    def look(self, extent: Extent) -> None:
        """Look now, so far."""
        self._due_at = None
        self._desk.look(extent, self._judging.hearing(), self._judging.limits())
        self._show_state()

    def tick(self) -> None:
        """Look once after a file was opened, and bring ages up to the moment; once a second."""
        if self._desk.path is None or self.paused:
            return
        if self._news is None and not self._desk.is_looking:
            now = time.monotonic()
            self._due_at = self._due_at or now + FIRST_S
            if now >= self._due_at:
                self.look(Extent.UNASKED)
        if self.isVisible():
            self._show_words()

    def note_done(self, report: Report) -> None:
        """Take in an operation that may have mended something."""
        if report.kind in _CHANGES:
            self._look_again()

    def note_care(self, report: CareReport | None) -> None:
        """Take in care that may have mended something."""
        if report is not None and report.wish.kind.writes:
            self._look_again()

    def _look_again(self) -> None:
        """Repeat a short look; a long one is old from now on."""
        news = self._news
        if news is None:
            return
        if news.took_s <= AGAIN_S and not self._desk.is_looking:
            self.look(news.extent)
        else:
            self._is_old = True
            self._show_words()

    def _on_stop_button_clicked(self) -> None:
        self.stop_button.setEnabled(False)
        self._desk.stop()

    def _on_desk_news(self, news: HealthNews | None) -> None:
        if news is not None and news.step is not None:
            self.bar.set_progress(news.step.share, complete=False)
            self.progress.setText(f"{news.step.share:.0%}  {news.step.text}")
            return
        self._news, self._is_old, self._due_at = news, False, None
        findings = news.findings if news is not None else ()
        rows = words.rows(findings)
        had_focus = self.table.hasFocus()
        self._findings = {row.key: each for row, each in zip(rows, findings, strict=True)}
        self.model.set_rows(rows)
        if rows and self.table.current_id not in self._findings:
            self.table.selectRow(0)
        self._show_state()
        self._show_chosen()
        if had_focus and not rows:
            self.look_button.setFocus(Qt.FocusReason.OtherFocusReason)
        self.badge_changed.emit()
        self.state_changed.emit()

    # -- what is shown

    def _show_state(self) -> None:
        news, is_looking = self._news, self._desk.is_looking
        if is_looking and self.look_button.hasFocus():
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        self.stop_button.setVisible(is_looking)
        self.stop_button.setEnabled(True)
        self.look_button.setEnabled(not is_looking)
        self.progress.setText("")
        self.bar.set_progress(0.0, complete=not is_looking)
        if news is None:
            text = f"It is looked once by itself soon after a file was opened. “{words.LOOK}” looks now."
            self.empty.show_state("list-checks", words.head(None, is_looking=is_looking), text)
        elif not news.findings:
            self.empty.show_state(*words.empty(news))
        self._stack.setCurrentWidget(self.splitter if news is not None and news.findings else self.empty)
        self._show_words()

    def _show_words(self) -> None:
        self.head.setText(words.head(self._news, is_looking=self._desk.is_looking))
        told = visible(words.state(self._news, datetime.now(), is_old=self._is_old))
        if told != self.words.text():
            self.words.setText(told)

    def _chosen(self) -> Finding | None:
        return self._findings.get(self.table.current_id)

    def _show_chosen(self) -> None:
        self.panel.show_finding(self._chosen(), self._news.extent if self._news is not None else Extent.UNASKED)

    # -- what is wanted

    def _show_tasks(self) -> None:
        finding = self._chosen()
        if finding is None or not finding.filter:
            return
        from prismq_gui.insight.language import parse  # noqa: PLC0415 - not before one asks

        self.filter_requested.emit(TaskFilter(query=parse(finding.filter)), f"Shown by filter: {finding.sentence}")

    def _mend(self) -> None:
        finding = self._chosen()
        if finding is not None:
            self.mend_requested.emit(mend(finding.fix, silent_after_s=self._judging.hearing().silent_after_s))

    # -- events

    def focus_first(self) -> None:
        """Give the focus to the table, or to the button that looks."""
        first = self.table if self._findings else self.look_button
        first.setFocus(Qt.FocusReason.OtherFocusReason)
