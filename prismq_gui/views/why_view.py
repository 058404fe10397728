"""Why a task is not running, in full: when it is due, its place in line, who is ahead, which workers there are.

Owns the words for a line that is still counted. Must not read or reason: it is handed an Explanation.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QScrollArea, QToolButton, QVBoxLayout, QWidget

from prismq_gui.insight.explanations import Explanation, Line, Upcoming, WorkerMatch
from prismq_gui.models.times import short_time
from prismq_gui.queue.claim_sql import Strategy
from prismq_gui.queue.timestamps import exact_text
from prismq_gui.theme import Status, Theme, set_role
from prismq_gui.views.flow_layout import FlowLayout
from prismq_gui.views.plain_text import label, one_line
from prismq_gui.views.tab_order import tab_in_order

MOST_WORKERS = 20
STRATEGIES = {
    Strategy.PRIORITY: "By priority",
    Strategy.FIFO: "First in, first out",
    Strategy.LIFO: "Last in, first out",
    Strategy.WEIGHTED_RANDOM: "Weighted random",
}
_STATES = {"busy": Status.RUNNING, "idle": Status.WAITING, "silent": Status.FAILED}


def line_words(line: Line) -> str:
    """Return a place in line in words; one that is not counted to the end says so."""
    if line.strategy is Strategy.WEIGHTED_RANDOM:
        chance = f"{(line.chance or 0.0) * 100:.3g} %"
        if line.counted:
            return f"{chance} to be drawn next, {line.ahead:,} others are in the draw"
        return f"less than {chance} to be drawn next, more than {line.ahead:,} others, counting…"
    if line.place is None:
        return f"more than {line.ahead:,} ahead, counting…"
    return "next: none is ahead" if not line.ahead else f"place {line.place:,}: {line.ahead:,} ahead"


class _Section(QWidget):
    """A heading and lines of text, hidden while there are none. GUI thread."""

    def __init__(self, theme: Theme, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._title = title
        self._lines: list[tuple[QLabel, QLabel]] = []
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.space(2))
        self._grid.setVerticalSpacing(theme.space(1))
        self._grid.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.space(1))
        layout.addWidget(label(title, "muted", self))
        layout.addLayout(self._grid)

    def show_lines(self, lines: Sequence[tuple[str, str]], marks: Sequence[Status] = ()) -> None:
        """Show pairs of a name ('' for none) and words; with marks, a status' shape stands before each."""
        while len(self._lines) < len(lines):
            name, words = label("", "", self), label("", "", self, wrap=True)
            words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            row = len(self._lines)
            self._grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(words, row, 1)
            self._lines.append((name, words))
        for row, (name, words) in enumerate(self._lines):
            shown = row < len(lines)
            if shown:
                title, text = lines[row]
                if marks:
                    ratio = self.devicePixelRatioF()
                    name.setPixmap(self._theme.status_pixmap(marks[row], self._theme.space(3.5), ratio))
                else:
                    name.setText(title)
                words.setText(one_line(text))
                words.setAccessibleName(one_line(f"{title or self._title}: {text}"))
            name.setVisible(shown and (bool(marks) or bool(lines[row][0])))
            words.setVisible(shown)
        self.setVisible(bool(lines))

    def texts(self) -> list[str]:
        """Return the words in view."""
        return [words.text() for _, words in self._lines if not words.isHidden()]


class WhyView(QScrollArea):
    """All that a verdict rests on. GUI thread. ``task_requested`` carries the id of a task ahead."""

    task_requested = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._explanation: Explanation | None = None
        self.setAccessibleName("Why is it not running")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        body = QWidget(self)
        set_role(self, "surface")
        set_role(body, "surface")
        self.sentence = label("", "muted", body, wrap=True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.notes = _Section(theme, "Note", body)
        self.due = _Section(theme, "Due", body)
        self.lines = _Section(theme, "Place in line", body)
        self.ahead = QWidget(body)
        self.workers = _Section(theme, "Workers", body)
        self._links: list[QToolButton] = []
        self._flow = FlowLayout(self.ahead, theme.space(1))
        self._ahead_label = label("First ahead of it", "muted", self.ahead)
        self._flow.addWidget(self._ahead_label)
        space = theme.space
        layout = QVBoxLayout(body)
        layout.setContentsMargins(space(3), space(3), space(3), space(3))
        layout.setSpacing(space(3))
        for widget in (self.sentence, self.due, self.lines, self.ahead, self.workers, self.notes):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.setWidget(body)
        theme.changed.connect(self._on_theme_changed)
        self.forget()

    def forget(self) -> None:
        """Show nothing of an older task."""
        self._explanation = None
        self.sentence.setText("Reading…")
        self.sentence.show()
        for section in (self.due, self.lines, self.workers, self.notes):
            section.show_lines(())
        self._show_links(())
        self.verticalScrollBar().setValue(0)

    def show_explanation(self, found: Explanation) -> None:
        """Show why; the same task again keeps scroll and focus."""
        self._explanation = found
        self.sentence.hide()  # the panel shows it above, whichever tab is in view
        self.setAccessibleDescription(one_line(found.sentence))
        self.due.show_lines(_due_lines(found))
        self.lines.show_lines([(STRATEGIES[line.strategy], line_words(line)) for line in found.lines])
        self._show_links(found.first)
        shown = found.workers[:MOST_WORKERS]
        words = [("", text) for text in _worker_words(found)[: len(shown)]]
        self.workers.show_lines(words, [_STATES[worker.state] for worker in shown])
        self.notes.show_lines([("", text) for text in _notes(found)])
        if not (found.due or found.details):
            self.sentence.setText("There is nothing more to tell.")
            self.sentence.show()

    def show_problem(self, sentence: str) -> None:
        """Tell that it could not be read; what was told before stays and is marked as old."""
        if self._explanation is None:
            self.sentence.setText(one_line(sentence))
        else:
            self.notes.show_lines([("", f"This is old, it could not be read anew: {sentence}")])

    def _show_links(self, first: Sequence[Upcoming]) -> None:
        for number, each in enumerate(first):
            if number == len(self._links):
                self._links.append(self._link(number))
            button = self._links[number]
            button.setText(f"#{each.task_id}")
            button.setAccessibleName(f"Show task {each.task_id}, which is ahead")
            button.show()
        for button in self._links[len(first) :]:
            button.hide()
        self.ahead.setVisible(bool(first))

    def _link(self, number: int) -> QToolButton:
        button = QToolButton(self.ahead)
        set_role(button, "chip")
        button.clicked.connect(partial(self._on_link_clicked, number))
        self._flow.addWidget(button)
        tab_in_order(self._links[-1] if self._links else self, button)  # it is made later than all else of the window
        return button

    def links(self) -> list[QToolButton]:
        """Return the buttons of the tasks ahead that are in view."""
        return [button for button in self._links if not button.isHidden()]

    def _on_link_clicked(self, number: int) -> None:
        if self._explanation is not None and number < len(self._explanation.first):
            self.task_requested.emit(self._explanation.first[number].task_id)

    def _on_theme_changed(self) -> None:
        if self._explanation is not None:
            self.show_explanation(self._explanation)


def _split(found: Explanation) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the details on time and the like, and those of the workers; between them stand lines and first ones."""
    workers = len(found.workers)
    before = len(found.details) - workers - len(found.lines) - bool(found.first)
    return found.details[: max(0, before)], found.details[len(found.details) - workers :]


def _due_lines(found: Explanation) -> list[tuple[str, str]]:
    if found.due is None:
        return []
    if found.due.due_utc is None:
        return [("", "its time cannot be read")]
    return [("", f"{short_time(exact_text(found.due.due_utc))}{'' if found.due.is_due else ', not yet'}")]


def _worker_words(found: Explanation) -> list[str]:
    return [text.removesuffix(".") for text in _split(found)[1]]


def _notes(found: Explanation) -> list[str]:
    notes = list(_split(found)[0])
    left: tuple[WorkerMatch, ...] = found.workers[MOST_WORKERS:]
    if left:
        notes.append(f"{len(left):,} more workers are on the page Workers.")
    return notes
