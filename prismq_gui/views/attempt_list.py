"""The timeline of a task: what happened when, an entry an attempt or event, oldest first.

Owns the wording of entries; what is concluded rather than recorded is marked so. Must not read.
"""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QBrush, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

from prismq_gui.insight.timeline_records import Attempt, Event, EventKind, Outcome, Source, Timeline
from prismq_gui.models.times import short_time
from prismq_gui.queue.timestamps import exact_text
from prismq_gui.theme import Status, Theme
from prismq_gui.views.plain_text import one_line, tooltip
from prismq_gui.views.times import duration

INFERRED = " (inferred)"
OUTCOMES = {
    Outcome.RUNNING: Status.RUNNING,
    Outcome.COMPLETED: Status.COMPLETED,
    Outcome.RETRIED: Status.FAILED,
    Outcome.FAILED: Status.FAILED,
    Outcome.DEAD: Status.DEAD,
    Outcome.RELEASED: Status.WAITING,
    Outcome.LEASE_EXPIRED: Status.OTHER,
    Outcome.CANCELLED: Status.CANCELLED,
    Outcome.UNKNOWN: Status.OTHER,
}
_EVENTS = {
    EventKind.CREATED: "Created",
    EventKind.DUE: "Due",
    EventKind.ATTEMPT: "Attempt",
    EventKind.CANCEL_REQUESTED: "Cancel requested",
    EventKind.CANCELLED: "Cancelled",
    EventKind.BURIED: "Made a dead letter",
    EventKind.RETRIED: "Queued again",
    EventKind.RELEASED: "Given back",
    EventKind.CHANGED: "Changed",
}


class AttemptList(QListWidget):
    """Attempts, events and notes as lines of plain text. GUI thread."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._timeline: Timeline | None = None
        self.setAccessibleName("Timeline of attempts")
        self.setFrameShape(QListWidget.Shape.NoFrame)
        self.setWordWrap(True)
        self.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setIconSize(QSize(theme.space(3), theme.space(3)))
        self.setSpacing(theme.space(0.5))
        theme.changed.connect(self._on_theme_changed)

    def forget(self) -> None:
        """Show nothing of an older task."""
        self._timeline = None
        self.clear()

    def show_timeline(self, found: Timeline) -> None:
        """Show a task's life; the same one again is left as it is, a longer one keeps the place."""
        if found == self._timeline:
            return
        bar = self.verticalScrollBar()
        at, row = bar.value(), self.currentRow()
        self._timeline = found
        self.clear()
        for _, item in sorted([*self._attempts(found), *self._events(found)], key=lambda each: each[0]):
            self.addItem(item)
        for note in found.notes:
            item = QListWidgetItem(self._theme.icon("info", "info"), one_line(note.sentence))
            item.setForeground(QBrush(self._theme.colour("muted")))
            self.addItem(item)
        if row >= 0:
            self.setCurrentRow(min(row, self.count() - 1))
        bar.setValue(at)

    def texts(self) -> list[str]:
        """Return what stands in each line."""
        return [self.item(row).text() for row in range(self.count())]

    def _attempts(self, found: Timeline) -> list[tuple[tuple[datetime, int, int], QListWidgetItem]]:
        made = []
        last = datetime.min
        for place, attempt in enumerate(found.attempts):
            last = max(last, attempt.claimed_at or attempt.started_at or attempt.ended_at or last)
            item = QListWidgetItem(self._theme.status_icon(OUTCOMES[attempt.outcome]), attempt_words(attempt))
            item.setToolTip(tooltip(attempt_words(attempt)))
            made.append(((last, 1, place), item))
        return made

    def _events(self, found: Timeline) -> list[tuple[tuple[datetime, int, int], QListWidgetItem]]:
        made = []
        last = datetime.min
        for place, event in enumerate(found.events):
            if event.kind is EventKind.ATTEMPT:
                continue
            last = max(last, event.at or last)
            item = QListWidgetItem(self._theme.icon("info", "muted"), event_words(event))
            item.setForeground(QBrush(self._theme.colour("muted")))
            made.append(((last, 0, place), item))
        return made

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy the selected lines as plain text."""
        if event.matches(QKeySequence.StandardKey.Copy):
            rows = sorted(self.row(item) for item in self.selectedItems())
            QGuiApplication.clipboard().setText("\n".join(self.item(row).text() for row in rows))
            event.accept()
        else:
            super().keyPressEvent(event)

    def _on_theme_changed(self) -> None:
        found, self._timeline = self._timeline, None
        if found is not None:
            self.show_timeline(found)


def attempt_words(attempt: Attempt) -> str:
    """Return an attempt in two or three lines of plain text."""
    sources = attempt.sources
    number = f"Attempt {attempt.number}{_mark(sources.number)}" if attempt.number is not None else "An attempt"
    first = f"{number}: {attempt.outcome.value}{_mark(sources.outcome)}"
    if attempt.worker:
        first += f" – {one_line(attempt.worker)}{_mark(sources.worker)}"
    times = []
    if attempt.waited_s is not None:
        guessed = sources.claimed_at if attempt.claimed_at is not None else sources.started_at
        times.append(f"waited {duration(attempt.waited_s)}{_mark(guessed, sources.due_at)}")
    began, source = (
        (attempt.started_at, sources.started_at) if attempt.started_at else (attempt.claimed_at, sources.claimed_at)
    )
    if began is not None:
        times.append(f"began {short_time(exact_text(began))}{_mark(source)}")
    if attempt.ran_s is not None:
        times.append(f"ran {duration(attempt.ran_s)}{_mark(sources.ended_at)}")
    elif attempt.outcome is not Outcome.RUNNING:
        times.append("how long it ran is not known")
    lines = [first, ", ".join(times)]
    if attempt.error:
        lines.append(f"{one_line(attempt.error)}{_mark(sources.error)}")
    return "\n".join(line for line in lines if line)


def event_words(event: Event) -> str:
    """Return an event on one line."""
    when = short_time(exact_text(event.at)) if event.at is not None else "at a time that cannot be read"
    by = f" by {one_line(event.by)}" if event.by else ""
    text = f": {one_line(event.text[:200])}" if event.text else ""
    return f"{_EVENTS[event.kind]} {when}{by}{_mark(event.source)}{text}"


def _mark(*sources: Source | None) -> str:
    return INFERRED if Source.INFERRED in sources else ""
