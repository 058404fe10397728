"""The lanes of the last minutes with their legend, and the same runs as a table.

Owns switching between both and the length of the window. Must not read: it is handed lanes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.insight.lanes import Lanes, Span
from prismq_gui.insight.timeline_records import Outcome
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.attempt_list import INFERRED, OUTCOMES
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.flow_layout import FlowLayout
from prismq_gui.views.lane_bars import clock, lane_name
from prismq_gui.views.lane_chart import LaneChart
from prismq_gui.views.plain_text import label, one_line, tooltip
from prismq_gui.views.times import duration

WINDOWS = {
    "Last 5 minutes": timedelta(minutes=5),
    "Last 10 minutes": timedelta(minutes=10),
    "Last 30 minutes": timedelta(minutes=30),
    "Last hour": timedelta(hours=1),
}
_LEGEND = (
    (Outcome.RUNNING, "running"),
    (Outcome.COMPLETED, "completed"),
    (Outcome.FAILED, "failed"),
    (Outcome.DEAD, "no attempts left"),
    (Outcome.RELEASED, "given back"),
    (Outcome.CANCELLED, "cancelled"),
    (Outcome.UNKNOWN, "lease expired, or not recorded"),
)
_TITLES = ("Worker", "Task", "Type", "From", "To", "Ran", "Outcome")
_TASK = int(Qt.ItemDataRole.UserRole)


class LanePanel(QWidget):
    """Chart or table of the last minutes. GUI thread. ``task_requested`` carries an id."""

    task_requested = Signal(object)
    period_changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._now = datetime.min
        self._idle_words = "Reading what they did…"
        set_role(self, "surface")
        self.chart = LaneChart(theme, self)
        self.tree = QTreeWidget(self)
        set_role(self.tree, "columns")
        self.period = QComboBox(self)
        self.table_button = QToolButton(self)
        self.words = ElidedLabel("muted", self)
        self.notes = ElidedLabel("small", self)
        self._stack = QStackedWidget(self)
        self._set_up()
        self._lay_out()
        self.chart.described.connect(self._on_chart_described)
        self.chart.task_requested.connect(self.task_requested)
        self.tree.itemActivated.connect(lambda item: self.task_requested.emit(item.data(1, _TASK)[0]))
        self.table_button.toggled.connect(self._on_table_button_toggled)
        self.period.currentIndexChanged.connect(lambda _index: self.period_changed.emit())
        theme.changed.connect(self._on_theme_changed)
        self.show_lanes(None, datetime.min)

    def _set_up(self) -> None:
        self.period.addItems(list(WINDOWS))
        self.period.setCurrentIndex(1)
        self.period.setAccessibleName("How far back the lanes go")
        self.table_button.setText("As a table")
        self.table_button.setCheckable(True)
        set_role(self.table_button, "chip")
        self.table_button.setToolTip("Show the same runs as a table")
        self.tree.setColumnCount(len(_TITLES))
        self.tree.setHeaderLabels(list(_TITLES))
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.tree.setFrameShape(QTreeWidget.Shape.NoFrame)
        self.tree.setAccessibleName("Runs of the last minutes")
        self._stack.addWidget(self.chart)
        self._stack.addWidget(self.tree)

    def _lay_out(self) -> None:
        space = self._theme.space
        head = QHBoxLayout()
        head.setContentsMargins(space(3), space(2), space(3), space(2))
        head.setSpacing(space(2))
        head.addWidget(label("Who ran what", "strong", self))
        head.addWidget(self.words, 1)
        head.addWidget(self.table_button)
        head.addWidget(self.period)
        self.legend = QWidget(self)
        flow = FlowLayout(self.legend, space(1))
        self._marks: list[tuple[QLabel, Outcome]] = []
        for outcome, text in _LEGEND:
            mark = QLabel(self.legend)
            self._marks.append((mark, outcome))
            flow.addWidget(mark)
            flow.addWidget(label(f"{text}  ", "small", self.legend))
        flow.addWidget(label("hatched: on a lease that is over, or not read", "small", self.legend))
        foot = QVBoxLayout()
        foot.setContentsMargins(space(3), space(1.5), space(3), space(1.5))
        foot.addWidget(self.legend)
        foot.addWidget(self.notes)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self._stack, 1)
        layout.addLayout(foot)
        self._on_theme_changed()

    def window_length(self) -> timedelta:
        """Return how far back the lanes shall go."""
        return WINDOWS[self.period.currentText()]

    def kept(self) -> tuple[int, int]:
        """Return what to remember of how they are shown."""
        return self.period.currentIndex(), int(self.table_button.isChecked())

    def restore(self, kept: tuple[int, ...]) -> None:
        """Show them as they were when this was remembered; anything else changes nothing."""
        if len(kept) == 2 and 0 <= kept[0] < self.period.count():
            self.period.setCurrentIndex(kept[0])
            self.table_button.setChecked(kept[1] == 1)

    def show_lanes(self, lanes: Lanes | None, now: datetime) -> None:
        """Show lanes; None: they are not read yet. ``now`` is naive UTC."""
        self._now = now
        self.chart.show_lanes(lanes, now)
        if lanes is None:
            self._idle_words = "Reading what they did…"
        else:
            count = len(self.chart.bars())
            self._idle_words = (
                f"{count:,} run{'s' if count != 1 else ''}" if count else "nothing ran, as far as recorded"
            )
        notes = " ".join(lanes.notes) if lanes is not None else ""
        self.notes.show_text(notes)
        self.notes.setVisible(bool(notes))
        if self.chart.current is None:
            self.words.show_text(self._idle_words)
        self._fill_tree()

    def show_problem(self, sentence: str) -> None:
        """Tell that they could not be read; what was shown stays."""
        self.notes.show_text(f"This is old, it could not be read anew: {sentence}")
        self.notes.show()
        if self.chart.lanes is None:
            self._idle_words = "They could not be read."
            self.words.show_text(self._idle_words)

    def tick(self, now: datetime) -> None:
        """Move the window on; naive UTC."""
        self._now = now
        if self.chart.lanes is not None and self._stack.currentWidget() is self.chart:
            self.chart.tick(now)

    def _fill_tree(self) -> None:
        if self._stack.currentWidget() is not self.tree:
            return
        bar = self.tree.verticalScrollBar()
        at, row = bar.value(), self.tree.indexOfTopLevelItem(self.tree.currentItem())
        was_empty = self.tree.topLevelItemCount() == 0
        self.tree.clear()
        items = []
        for each in self.chart.bars():
            span = each.span
            ran = (span.end or self._now) - span.start if span.start is not None else None
            known = ran is not None and (span.end is not None or span.outcome is Outcome.RUNNING)
            item = QTreeWidgetItem(
                [
                    lane_name(span.worker),
                    f"{span.task_id}",
                    one_line(span.type),
                    clock(span.start) if span.start else "–",
                    clock(span.end) if span.end else "–",
                    duration(ran.total_seconds()) if known and ran is not None else "–",
                    self._outcome(span),
                ]
            )
            item.setData(1, _TASK, (span.task_id,))  # not a Qt int
            item.setIcon(6, self._theme.status_icon(OUTCOMES[span.outcome]))
            item.setToolTip(0, tooltip(span.worker))
            items.append(item)
        self.tree.addTopLevelItems(items)
        if was_empty:
            for column in range(len(_TITLES)):
                self.tree.resizeColumnToContents(column)
                self.tree.setColumnWidth(column, self.tree.columnWidth(column) + self._theme.space(3))
        if 0 <= row < len(items):
            self.tree.setCurrentItem(items[row])
        bar.setValue(at)

    def _outcome(self, span: Span) -> str:
        words = f"{span.outcome.value}{INFERRED if span.is_inferred else ''}"
        until = span.lease_until
        over = span.outcome is Outcome.RUNNING and until is not None and until <= self._now
        return f"{words}, its lease is over" if over else words

    def _on_table_button_toggled(self, as_table: bool) -> None:
        self._stack.setCurrentWidget(self.tree if as_table else self.chart)
        self.legend.setVisible(not as_table)
        self._fill_tree()
        self.tick(self._now)
        if self.isVisible():
            self._stack.currentWidget().setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_chart_described(self, words: str) -> None:
        self.words.show_text(words or self._idle_words)

    def _on_theme_changed(self) -> None:
        size = self._theme.space(3)
        for mark, outcome in self._marks:
            mark.setPixmap(self._theme.status_pixmap(OUTCOMES[outcome], size, self.devicePixelRatioF()))
            mark.setFixedSize(QSize(size, self.fontMetrics().height()))
        self._fill_tree()
