"""The overview: is the queue well, what is wrong, how much is there to do, and how was it before.

Owns where the cards stand and which span of the past is shown. Must not read or judge; it is told once a second.
"""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.models.plain_table_model import PlainTableModel
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.overview_messages import NO_HISTORY, OverviewNews, Span
from prismq_gui.queue.timestamps import now_utc
from prismq_gui.theme import Theme, set_role
from prismq_gui.views import overview_words as words
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.line_chart import READING, ChartData, LineChart
from prismq_gui.views.overview_tiles import Tiles
from prismq_gui.views.plain_text import label, visible
from prismq_gui.views.table_view import BigTableView
from prismq_gui.views.verdict_card import VerdictCard

_SPANS = {
    Span.TEN_MINUTES: "10 min", Span.HOUR: "1 h", Span.SIX_HOURS: "6 h", Span.DAY: "24 h", Span.WEEK: "7 days",
}  # fmt: skip
_NOT_YET = "Nothing is known of this time. It fills while the program watches."
_REBUILDING = "The past is being rebuilt from timestamps…"
_NOT_KEPT = "The past is not kept."
_NO_POINTS = ChartData(0.0, 1.0, (), ())
_BESIDE_STEPS = 190  # as many steps of space wide, the charts stand side by side


class OverviewPage(QScrollArea):
    """The first page. GUI thread. ``reason_followed`` carries a Reason, ``judged`` that the verdict may be new."""

    reason_followed = Signal(object)
    thresholds_requested = Signal()
    judged = Signal()
    state_changed = Signal()

    def __init__(self, theme: Theme, engine: Engine, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._engine = engine
        self._news: OverviewNews | None = None
        self._pages: frozenset[str] = frozenset()
        self.span = Span.HOUR
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Overview")
        self.verdict = VerdictCard(theme, self)
        self.tiles = Tiles(theme, self)
        self.depth_chart = LineChart(theme, "Tasks in the queue", words.exact, self)
        self.flow_chart = LineChart(theme, "Tasks per minute", words.exact, self)
        self.points_model = PlainTableModel(words.POINTS_COLUMNS, self)
        self.points = self._table("overview-points", "Depth and throughput over time", self.points_model)
        self.times_model = PlainTableModel(words.TIMES_COLUMNS, self)
        self.table = self._table("overview-times", "Times by type", self.times_model)
        self.trouble = label("", "small", self, wrap=True)
        self.caption = label("", "muted", self, wrap=True)
        self._lay_out()
        self.verdict.reason_followed.connect(self.reason_followed)
        self.verdict.thresholds_requested.connect(self.thresholds_requested)
        engine.overview.connect(self._on_engine_overview)
        engine.start_overview()
        self.clear()

    def _table(self, name: str, title: str, model: PlainTableModel) -> BigTableView:
        table = BigTableView(self._theme, self)
        table.setObjectName(name)
        table.setAccessibleName(title)
        table.setModel(model)
        table.horizontalHeader().setSectionsClickable(False)
        table.horizontalHeader().setStretchLastSection(False)  # numbers would stand far from their neighbours
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        table.selected_count_changed.connect(lambda _count: self.state_changed.emit())
        return table

    def _lay_out(self) -> None:
        space = self._theme.space
        body = QWidget(self)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(space(3), space(3), space(3), space(3))
        layout.setSpacing(space(3))
        layout.addWidget(self.verdict)
        layout.addWidget(self.tiles)
        layout.addLayout(self._span_bar())
        self._charts = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._charts.setSpacing(space(3))
        for chart in (self.depth_chart, self.flow_chart):
            self._charts.addWidget(self._card(chart), 1)
        layout.addLayout(self._charts, 1)
        self._points_card = self._card(self.points)
        self.points.setMinimumHeight(space(60))
        self._points_card.hide()
        layout.addWidget(self._points_card)
        layout.addWidget(self.trouble)
        layout.addWidget(label("Waiting and running by type", "strong", body))
        layout.addWidget(self.caption)
        self._times_card = self._card(self.table)
        layout.addWidget(self._times_card)
        self.setWidget(body)
        stops = (
            self.verdict, self.verdict.thresholds_button, *self.span_buttons.values(), self.table_button,
            self.depth_chart, self.flow_chart, self.points, self.table,
        )  # fmt: skip
        for before, after in pairwise(stops):
            QWidget.setTabOrder(before, after)

    def _card(self, inner: QWidget) -> QFrame:
        card = QFrame(self)
        set_role(card, "card")
        layout = QVBoxLayout(card)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.addWidget(inner)
        return card

    def _span_bar(self) -> QHBoxLayout:
        bar = QHBoxLayout()
        bar.setSpacing(self._theme.space(1))
        bar.addWidget(label("Past", "strong", self))
        self._spans = QButtonGroup(self)
        self.span_buttons: dict[Span, QToolButton] = {}
        for span, title in _SPANS.items():
            button = self._chip(title, f"Show the last {title}")
            button.clicked.connect(lambda _checked, span=span: self.set_span(span))
            self._spans.addButton(button)
            self.span_buttons[span] = button
            bar.addWidget(button)
        self.hatched = ElidedLabel("small", self)
        bar.addSpacing(self._theme.space(2))
        bar.addWidget(self.hatched, 1)
        bar.addStretch(0)
        self.table_button = self._chip("As a &table", "Show the same values as a table")
        self.table_button.toggled.connect(self._on_table_button_toggled)
        bar.addWidget(self.table_button)
        self.span_buttons[self.span].setChecked(True)
        return bar

    def _chip(self, title: str, name: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(title)
        button.setAccessibleName(name)
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        set_role(button, "chip")
        return button

    # -- what is shown

    def set_pages(self, pages: frozenset[str]) -> None:
        """Say which pages there are that a reason can lead to."""
        self._pages = pages

    def set_span(self, span: Span) -> None:
        """Show so much of the past."""
        self.span = span
        self.span_buttons[span].setChecked(True)
        self.depth_chart.point_at(None)
        self.flow_chart.point_at(None)
        if self.isVisible():
            self._engine.show_past(span)

    def restore_span(self, name: str) -> None:
        """Show the span of a stable name; one that is not known changes nothing."""
        found = next((span for span in Span if span.value == name), None)
        if found is not None:
            self.set_span(found)

    @property
    def problem_count(self) -> int:
        """How many reasons the verdict has."""
        return len(self._news.overview.verdict.reasons) if self._news is not None else 0

    def clear(self) -> None:
        """Show nothing: no file is open, or another one."""
        self._news = None
        self.verdict.show_verdict(None)
        self.tiles.show_overview(None, now_utc())
        self.depth_chart.set_data(_NO_POINTS, READING)
        self.flow_chart.set_data(_NO_POINTS, READING)
        self.points_model.set_rows([])
        self._show_times()
        self.trouble.hide()
        self.judged.emit()

    def _on_engine_overview(self, news: OverviewNews) -> None:
        had_rows = self.times_model.rowCount()
        self._news = news
        self.verdict.show_verdict(news.overview.verdict, self._pages)
        self.judged.emit()
        if not self.isVisible():
            return
        self.tick()
        self._show_past(news)
        self._show_times()
        if had_rows != self.times_model.rowCount():
            self.state_changed.emit()

    def tick(self) -> None:
        """Bring ages up to the moment; once a second."""
        if self._news is not None and self.isVisible():
            now = now_utc()
            self.tiles.show_overview(self._news.overview, now)
            self.caption.setText(words.times_caption(self._news.overview.times, now))

    def _show_past(self, news: OverviewNews) -> None:
        notes = [news.trouble, f"{news.problem.what}. What is shown is of before." if news.problem else ""]
        told = " ".join(visible(note) for note in notes if note)
        self.trouble.setText(told)
        self.trouble.setVisible(bool(told))
        if news.past is None and news.trouble == NO_HISTORY:
            for chart in (self.depth_chart, self.flow_chart):
                chart.set_data(_NO_POINTS, _NOT_KEPT)
        if news.past is None or news.past.span is not self.span:
            return
        empty = _REBUILDING if news.rebuilding else READING if news.awaits_past else _NOT_YET
        depth, flow = words.depth_chart(news.past), words.flow_chart(news.past)
        self.depth_chart.set_data(depth, empty)
        self.flow_chart.set_data(flow, empty)
        rebuilt = any(depth.rebuilt) or any(flow.rebuilt)
        self.hatched.show_text("Hatched: rebuilt from timestamps, not watched" if rebuilt else "")
        if self.table_button.isChecked():
            self.points_model.set_rows(words.points_rows(news.past))

    def _show_times(self) -> None:
        times = self._news.overview.times if self._news is not None else None
        rows = words.times_rows(times.value) if times is not None else []
        self.times_model.set_rows(rows)
        self.caption.setText(words.times_caption(times, now_utc()) if times is not None else "Not known yet.")
        self._times_card.setVisible(bool(rows))
        shown = min(len(rows), 12)
        row_height = self.table.verticalHeader().defaultSectionSize()
        header = self.table.horizontalHeader().sizeHint().height()
        self.table.setFixedHeight(header + row_height * shown + self._theme.space(4))

    def _on_table_button_toggled(self, shown: bool) -> None:
        self._points_card.setVisible(shown)
        if shown and self._news is not None and self._news.past is not None:
            self.points_model.set_rows(words.points_rows(self._news.past))

    def focus_first(self) -> None:
        """Give the focus to the first thing that can be done: a reason's button, else the span."""
        lines = [line.button for line in self.verdict.lines() if not line.button.isHidden()]
        (lines[0] if lines else self.span_buttons[self.span]).setFocus(Qt.FocusReason.OtherFocusReason)

    # -- events

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for the past."""
        super().showEvent(event)
        self._engine.show_past(self.span)
        if self._news is not None:
            self._on_engine_overview(self._news)

    def hideEvent(self, event: QHideEvent) -> None:
        """Ask for the verdict alone."""
        super().hideEvent(event)
        self._engine.show_past(None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Set the charts side by side where there is room."""
        super().resizeEvent(event)
        wide = self.viewport().width() >= self._theme.space(_BESIDE_STEPS)
        direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        self.tiles.set_width(self.viewport().width())
        if self._charts.direction() != direction:
            self._charts.setDirection(direction)
