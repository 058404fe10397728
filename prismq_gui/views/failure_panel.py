"""All of one group of failures: its error, its figures, what its tasks share, and what can be done with them.

Owns the words and the buttons. Must not ask nor act: it tells what is wanted.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from prismq_gui.insight.failure_messages import FailureGroup
from prismq_gui.insight.shared_traits import SharedTraits
from prismq_gui.models.failure_table_model import local_text, shares_text, trend_text, workers_text
from prismq_gui.models.status_words import status_words
from prismq_gui.models.trait_table_model import TraitTableModel, sentence_of
from prismq_gui.polling.failure_news import FailureNews, SharedNews
from prismq_gui.theme import Theme
from prismq_gui.views.empty_state import EmptyState
from prismq_gui.views.flow_layout import FlowLayout
from prismq_gui.views.plain_text import label, tooltip, visible
from prismq_gui.views.scan_bar import ScanBar
from prismq_gui.views.table_view import BigTableView
from prismq_gui.views.text_panel import TextPanel

FIRST = 5  # tasks that are retried before the others
MAX_TITLE = 300
LEAST_LINES, MOST_LINES = 2, 12  # of the error
LEAST_TRAIT = 40  # spaces
MOST_ROWS = 12  # of what they share; more are scrolled to
NOTHING_SHARED = "Nothing jumps out: what they share, passed tasks share as well, or chance explains it."


class FailurePanel(QWidget):
    """Shows one group. GUI thread."""

    tasks_wanted = Signal()
    first_wanted = Signal()
    rest_wanted = Signal()
    compare_wanted = Signal()
    stop_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._group: FailureGroup | None = None
        self._result: SharedTraits | None = None
        self._refusal = ""
        self._resized = QTimer(self, singleShot=True, interval=0)  # once the layout has its new widths
        self._resized.timeout.connect(self._fit_columns)
        self.title = label("", "strong", self, wrap=True)
        self.facts = label("", "muted", self, wrap=True)
        self.tasks_button = QPushButton("Sho&w these tasks", self)
        self.first_button = QPushButton(self)
        self.rest_button = QPushButton(self)
        self.copy_button = QPushButton("Co&py", self)
        self.tried = label("", "", self, wrap=True)
        self.sample = TextPanel(theme, "Error text of a sample", self)
        self.sample_title = label("Error", "small", self)
        self.shared_title = label("What they share", "strong", self)
        self.compare_button = QPushButton("Compare a&gain", self)
        self.stop_button = QPushButton("&Stop", self)
        self.bar = ScanBar(theme, self)
        self.bar.setAccessibleName("Comparing with tasks that passed")
        self.shared_words = label("", "muted", self, wrap=True)
        self.traits = TraitTableModel(self)
        self.table = BigTableView(theme, self)
        self.notes = label("", "small", self, wrap=True)
        self._set_up()
        self._lay_out()
        self.clear()

    def _set_up(self) -> None:
        self.table.setAccessibleName("What they share")
        self.table.setModel(self.traits)
        self.table.horizontalHeader().setSectionsClickable(False)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.copy_button.setToolTip(tooltip("Copy cause, figures, error and what they share as plain text"))
        self.tasks_button.clicked.connect(self.tasks_wanted)
        self.first_button.clicked.connect(self.first_wanted)
        self.rest_button.clicked.connect(self.rest_wanted)
        self.copy_button.clicked.connect(self.copy)
        self.compare_button.clicked.connect(self.compare_wanted)
        self.stop_button.clicked.connect(self.stop_wanted)

    def _lay_out(self) -> None:
        space = self._theme.space
        buttons = FlowLayout(spacing=space(2))
        for button in (self.tasks_button, self.first_button, self.rest_button, self.copy_button):
            buttons.addWidget(button)
        shared = QHBoxLayout()
        shared.setSpacing(space(2))
        shared.addWidget(self.shared_title, 1)
        shared.addWidget(self.stop_button)
        shared.addWidget(self.compare_button)
        inside = QWidget(self)
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(space(4), space(3), space(4), space(3))
        layout.setSpacing(space(2))
        for widget in (self.title, self.facts):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        layout.addWidget(self.tried)
        layout.addSpacing(space(1))
        layout.addWidget(self.sample_title)
        layout.addWidget(self.sample)
        layout.addSpacing(space(1))
        layout.addLayout(shared)
        layout.addWidget(self.bar)
        layout.addWidget(self.shared_words)
        layout.addWidget(self.table)
        layout.addWidget(self.notes)
        layout.addStretch(1)
        self.area = QScrollArea(self)
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QScrollArea.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidget(inside)
        self.hint = EmptyState(self._theme, self)
        words = "Choose a cause in the table to see its error and what its tasks share."
        self.hint.show_state("triangle-alert", "No cause chosen", words)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.area)
        whole.addWidget(self.hint)
        self.setMinimumWidth(space(75))

    # -- one group

    @property
    def group(self) -> FailureGroup | None:
        """The group in view."""
        return self._group

    def clear(self) -> None:
        """Show none."""
        self._group = None
        self.area.hide()
        self.hint.show()
        self.show_shared(None)

    def show_group(self, group: FailureGroup, news: FailureNews, tried: str, rest: int) -> None:
        """Show a group's figures; ``tried`` tells of those retried first, ``rest`` is how many are left."""
        self._group = group
        self.title.setText(visible(_cut(group.signature)))
        self.facts.setText("\n".join(facts_of(group, news)))
        self.sample.show_text(group.sample_text)
        self._fit_sample()
        newest = group.sample_ids[0] if group.sample_ids else None
        self.sample_title.setText(f"Error of task {newest}, the newest" if newest is not None else "Error")
        self.tried.setText(tried)
        self.tried.setVisible(bool(tried))
        few = min(FIRST, group.count)
        all_few = group.count <= FIRST
        self.first_button.setText(f"&Retry {few} first…")
        self.first_button.setVisible(not all_few)
        self.rest_button.setText(rest_words(group.count, rest, tried=bool(tried)))
        self.rest_button.setVisible(rest > 0)
        self._show_refusal()
        self.hint.hide()
        self.area.show()

    def set_refusal(self, reason: str) -> None:
        """Switch retrying off with a reason, or on with ''."""
        if reason != self._refusal:
            self._refusal = reason
            self._show_refusal()

    def _show_refusal(self) -> None:
        told = f"\nOff: {self._refusal}" if self._refusal else ""
        self.first_button.setEnabled(not self._refusal)
        self.rest_button.setEnabled(not self._refusal)
        first = f"Queue the {FIRST} newest again, after a preview, to see whether the cause is gone"
        self.first_button.setToolTip(tooltip(f"{first}{told}"))
        self.rest_button.setToolTip(tooltip(f"Queue them again, after a preview{told}"))

    # -- what they share

    def show_shared(self, news: SharedNews | None, words: str = "") -> None:
        """Show a comparison: under way, done, or why there is none; None with ``words`` for one that is not asked."""
        result = news.result if news else None
        running = news is not None and result is None and news.problem is None
        self._result = result
        self.stop_button.setVisible(running)
        self.compare_button.setVisible(not running)
        share = news.progress.done / news.progress.total if news and news.progress and news.progress.total else 0.0
        self.bar.set_progress(share, complete=not running)
        if running:
            words = "Comparing with tasks of the same types that passed…"
        elif news is not None and news.problem is not None:
            words = news.problem.sentence()
        elif result is not None:
            words = result_words(result)
        self.shared_words.setText(visible(words))
        self.shared_words.setVisible(bool(words))
        self.traits.show_traits(result.traits if result else ())
        self.table.setVisible(bool(result and result.traits))
        self._fit_table()
        notes = "\n".join(result.notes) if result else ""
        self.notes.setText(visible(notes))
        self.notes.setVisible(bool(notes))

    def _fit_sample(self) -> None:
        """Give the error as much height as it has lines, within bounds: it scrolls in itself."""
        lines = min(max(self.sample.blockCount(), LEAST_LINES), MOST_LINES)
        rest = self._theme.space(5) + self.sample.horizontalScrollBar().sizeHint().height()
        self.sample.setFixedHeight(lines * QFontMetrics(self._theme.font("mono")).lineSpacing() + rest)

    def _fit_table(self) -> None:
        rows = min(max(self.traits.rowCount(), 1), MOST_ROWS)
        rest = self.table.horizontalHeader().sizeHint().height() + self.table.horizontalScrollBar().sizeHint().height()
        self.table.setFixedHeight(rows * self.table.verticalHeader().defaultSectionSize() + rest + self._theme.space(1))
        self._resized.start()

    def _fit_columns(self) -> None:
        """Give counts and measure what they need, and the trait the rest: it is the one that may be cut."""
        if not self.table.isVisibleTo(self) or not self.traits.rowCount():
            return
        self.table.fit_columns()
        trait, failed, passed, _ = (self.table.columnWidth(column) for column in range(self.traits.columnCount()))
        metrics = self.table.fontMetrics()
        measures = [(self.traits.cells(row) or ("",))[-1] for row in range(self.traits.rowCount())]
        # The last column is as wide as there is room, whatever it needs.
        needed = max(metrics.horizontalAdvance(each) for each in measures) + self._theme.space(5)
        room = self.table.viewport().width() - failed - passed - needed
        self.table.setColumnWidth(0, max(min(trait, self._theme.space(LEAST_TRAIT)), min(trait, room)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the columns to the new width."""
        super().resizeEvent(event)
        self._resized.start()

    def copy(self) -> None:
        """Put all that is shown on the clipboard as plain text."""
        QGuiApplication.clipboard().setText(self.as_text())

    def as_text(self) -> str:
        """Return all that is shown as plain text."""
        if self._group is None:
            return ""
        parts = [self.title.text(), self.facts.text(), visible(self._group.sample_text), self.shared_words.text()]
        if self._result is not None:
            parts += [sentence_of(each) for each in self._result.traits] + [self.notes.text()]
        return "\n\n".join(part for part in parts if part)

    def focus_order(self) -> list[QWidget]:
        """Return what the keyboard reaches, in order."""
        return [
            self.tasks_button, self.first_button, self.rest_button, self.copy_button, self.sample, self.stop_button,
            self.compare_button, self.table,
        ]  # fmt: skip

    def labels(self) -> list[QLabel]:
        """Return the labels that show text of the file."""
        return [self.title, self.facts, self.shared_words, self.notes, self.tried]


def facts_of(group: FailureGroup, news: FailureNews) -> list[str]:
    """Return the figures of a group, a line each."""
    count = f"{group.count:,} task{'s' if group.count != 1 else ''}"
    return [
        f"{count}: {shares_text(group.statuses, 9, status_words)}",
        f"{trend_text(group, news)}",
        f"First seen {local_text(group.first_seen)}, last seen {local_text(group.last_seen)}",
        f"Types: {shares_text(group.types, 6)}",
        f"Workers: {workers_text(group, 6)}",
    ]


def rest_words(count: int, rest: int, *, tried: bool) -> str:
    """Return what the button that retries all, or all that are left, says."""
    if tried:
        return f"Retry the &other {rest:,}…"
    return f"Retry &all {count:,}…" if count > 1 else "Retry th&is one…"


def result_words(result: SharedTraits) -> str:
    """Return what a comparison stands on, and that nothing was found where nothing was."""
    if not result.passed_sample:
        return "" if result.notes else NOTHING_SHARED
    stands = (
        f"Compared {result.failed_sample:,} failed with {result.passed_sample:,} passed tasks of the same types; "
        f"{result.tested:,} traits tested."
    )
    return stands if result.traits else f"{NOTHING_SHARED} {stands}"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TITLE else f"{text[:MAX_TITLE]}…"
