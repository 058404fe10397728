"""The line at the bottom: the truth about the connection, how many tasks, how large the file.

Owns words and marks. Must not find out anything itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QWidget

from prismq_gui.insight.messages import FileFacts, StatusCount
from prismq_gui.polling.messages import Link, LinkState, Total
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.plain_text import label, tooltip
from prismq_gui.views.status_chips import about, ago, thousands

_WORDS = {
    LinkState.CLOSED: "No file open",
    LinkState.OPENING: "Opening…",
    LinkState.LIVE: "Live",
    LinkState.PAUSED: "Paused",
    LinkState.BUSY: "Busy",
    LinkState.MISSING: "File gone",
    LinkState.BROKEN: "Not readable",
}
_ROLES = {
    LinkState.CLOSED: "muted",
    LinkState.OPENING: "info",
    LinkState.LIVE: "success",
    LinkState.PAUSED: "muted",
    LinkState.BUSY: "warning",
    LinkState.MISSING: "danger",
    LinkState.BROKEN: "danger",
}


def human_bytes(size: int) -> str:
    """Return a size in the unit that makes it readable (1 KiB = 1,024 bytes)."""
    if size < 1024:
        return f"{size} B"
    value = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1000 or unit == "TiB":
            break
    return f"{value:.1f} {unit}" if value < 100 else f"{value:.0f} {unit}"


class LinkMark(QWidget):
    """The shape of a connection's state: disc live, bars paused, ring busy, cross gone."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._state = LinkState.CLOSED
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def set_state(self, state: LinkState) -> None:
        """Show a state."""
        if state is not self._state:
            self._state = state
            self.update()

    def sizeHint(self) -> QSize:
        """Return the size of a mark beside a line of text."""
        edge = self._theme.space(2.5)
        return QSize(edge, edge)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        """Draw the shape."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self._theme.colour(_ROLES[self._state])
        edge = min(self.width(), self.height())
        line = max(1.5, edge / 6)
        inner = QRectF(0, 0, edge, edge).adjusted(line, line, -line, -line)
        painter.setPen(QPen(colour, line))
        if self._state is LinkState.LIVE:
            painter.setBrush(colour)
            painter.drawEllipse(inner)
        elif self._state is LinkState.PAUSED:
            for x in (inner.left() + line / 2, inner.right() - line / 2):
                painter.fillRect(QRectF(x - line * 0.75, inner.top(), line * 1.5, inner.height()), colour)
        elif self._state in (LinkState.MISSING, LinkState.BROKEN):
            painter.drawLine(inner.topLeft(), inner.bottomRight())
            painter.drawLine(inner.topRight(), inner.bottomLeft())
        else:
            painter.drawEllipse(inner)


class StatusLine(QFrame):
    """Link, read-only mark, counts, sizes and notes. Call ``tick`` each second. GUI thread."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._link = Link(LinkState.CLOSED, 0)
        self._changed_at: float | None = None
        set_role(self, "footer")
        self._mark = LinkMark(theme, self)
        self.link_label = label("", "", self)
        self.read_only_icon = QLabel(self)
        self.read_only_label = label("Read-only", "muted", self)
        self.notes_icon = QLabel(self)
        self.notes_label = label("", "muted", self)
        self.message_label = ElidedLabel("muted", self)
        self.counts_label = label("", "muted", self)
        self.size_label = label("", "muted", self)
        self._lay_out()
        theme.changed.connect(self._on_theme_changed)
        self._on_theme_changed()
        self.set_facts(None)
        self.tick(0.0)

    def _lay_out(self) -> None:
        space = self._theme.space
        layout = QHBoxLayout(self)
        layout.setContentsMargins(space(3), space(1), space(3), space(1))
        layout.setSpacing(space(1.5))
        layout.addWidget(self._mark)
        layout.addWidget(self.link_label)
        layout.addSpacing(space(2))
        for widget in (self.read_only_icon, self.read_only_label):
            layout.addWidget(widget)
        layout.addSpacing(space(2))
        for widget in (self.notes_icon, self.notes_label):
            layout.addWidget(widget)
        layout.addSpacing(space(2))
        layout.addWidget(self.message_label, 1)
        layout.addWidget(self.counts_label)
        layout.addSpacing(space(3))
        layout.addWidget(self.size_label)

    def set_link(self, link: Link, now_monotonic: float) -> None:
        """Show the state of the connection."""
        self._link = link
        self._mark.set_state(link.state)
        problem = link.problem
        self.link_label.setToolTip(tooltip(problem.sentence()) if problem else "")
        self.tick(now_monotonic)

    def set_changed_at(self, changed_at: float | None, now_monotonic: float) -> None:
        """Say when the last change was seen, in ``time.monotonic()`` seconds; None: none since the file was opened."""
        self._changed_at = changed_at
        self.tick(now_monotonic)

    def tick(self, now_monotonic: float) -> None:
        """Bring the ages up to the moment."""
        words = _WORDS[self._link.state]
        if self._changed_at is not None and self._link.state not in (LinkState.CLOSED, LinkState.OPENING):
            age = max(0.0, now_monotonic - self._changed_at)
            what = "changed" if self._link.state is LinkState.LIVE else "last change seen"
            words = f"{words}, {what} {f'{age:.1f} s ago' if age < 2 else ago(age)}"
        elif self._link.state is LinkState.LIVE:
            words = f"{words}, no change seen yet"
        if words != self.link_label.text():
            self.link_label.setText(words)

    def set_facts(self, facts: FileFacts | None, read_only: bool = False) -> None:
        """Show sizes, read-only mark and notes of a file; None where none is open."""
        refusal = facts.write_refusal if facts else ""
        for widget in (self.read_only_icon, self.read_only_label):
            widget.setVisible(read_only or bool(refusal))
            widget.setToolTip(tooltip(refusal or "Opened read-only: this window does not write the file."))
        notes = facts.notes if facts else ()
        for widget in (self.notes_icon, self.notes_label):
            widget.setVisible(bool(notes))
            widget.setToolTip(tooltip("\n".join(f"• {note}" for note in notes)))
        self.notes_label.setText(f"{len(notes)} note{'s' if len(notes) != 1 else ''}")
        self.notes_label.setAccessibleDescription(" ".join(notes))
        if facts is None:
            self.size_label.clear()
            self._changed_at = None
            return
        self.size_label.setText(f"Database {human_bytes(facts.size_bytes)}  ·  WAL {human_bytes(facts.wal_bytes)}")
        self.size_label.setToolTip(tooltip(str(facts.path)))

    def set_counts(self, counts: Sequence[StatusCount], *, is_empty: bool = False, total: Total | None = None) -> None:
        """Show how many tasks there are; nothing before the first count, unless the queue is known to be empty."""
        told = total or Total(sum(count.count for count in counts), is_exact=True)
        number = thousands(told.count) if told.is_exact else about(told.count)
        self.counts_label.setText(f"{number} task{'s' if told.count != 1 else ''}" if counts or is_empty else "")

    def show_message(self, text: str) -> None:
        """Show a short sentence until the next one; '' for none."""
        self.message_label.show_text(text)

    def _on_theme_changed(self) -> None:
        edge = self._theme.space(3.5)
        self.read_only_icon.setPixmap(self._theme.pixmap("lock", "muted", edge, self))
        self.notes_icon.setPixmap(self._theme.pixmap("info", "info", edge, self))
