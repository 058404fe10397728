"""The verdict on a queue: one sentence, and a line for each reason with a button that leads to where it is seen.

Owns the widgets of the reasons; keeps them while a reason stays, so that the focus is never lost. Must not judge.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from prismq_gui.insight.health import Severity as Weight
from prismq_gui.insight.verdict import Code, Page, Reason, Verdict
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.plain_text import label, tooltip, visible

_ICONS = {Weight.FAULT: ("octagon-x", "danger"), Weight.WARNING: ("triangle-alert", "warning"),
          Weight.NOTE: ("info", "info")}  # fmt: skip
_MOST_DETAILS = 3
_DESTINATIONS = {
    Page.TASKS: "Show tasks", Page.FAILURES: "Show failures", Page.WORKERS: "Show workers", Page.LOGS: "Show logs",
    Page.DATABASE: "Show database", Page.OVERVIEW: "Show",
}  # fmt: skip


class _ReasonLine(QWidget):
    """One reason: its weight, its sentence with some details, and where it leads."""

    followed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._reason: Reason | None = None
        self.icon = QLabel(self)
        self.sentence = label("", "", self, wrap=True)
        self.details = label("", "small", self, wrap=True)
        self.button = QPushButton(self)
        self.button.clicked.connect(lambda: self.followed.emit(self._reason))
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addWidget(self.sentence)
        texts.addWidget(self.details)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, theme.space(1), 0, 0)
        layout.setSpacing(theme.space(2))
        layout.addWidget(self.icon)
        layout.addLayout(texts, 1)
        layout.addWidget(self.button)

    def show_reason(self, reason: Reason, can_follow: bool) -> None:
        self._reason = reason
        sentence = visible(reason.sentence[:1].upper() + reason.sentence[1:])
        self.sentence.setText(f"{sentence}.")
        further = [visible(each) for each in reason.details if each != reason.sentence]
        cut = f"; and {len(further) - _MOST_DETAILS} more" if len(further) > _MOST_DETAILS else ""
        self.details.setText("; ".join(further[:_MOST_DETAILS]) + cut)
        self.details.setVisible(bool(further))
        self.details.setToolTip(tooltip("\n".join(further)) if cut else "")
        self.button.setText(_DESTINATIONS[reason.page])
        self.button.setVisible(can_follow)
        self.button.setAccessibleName(f"{_DESTINATIONS[reason.page]}: {reason.severity.value}, {sentence}")
        self.paint_icon()

    def paint_icon(self) -> None:
        if self._reason is not None:
            name, role = _ICONS[self._reason.severity]
            self.icon.setPixmap(self._theme.pixmap(name, role, self._theme.icon_size(), self))


class VerdictCard(QFrame):
    """The verdict. GUI thread. ``reason_followed`` carries the Reason whose button was pressed."""

    reason_followed = Signal(object)
    thresholds_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "card")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # no stop of Tab, but a place in its order
        self._theme = theme
        self._lines: dict[Code, _ReasonLine] = {}
        self._head_icon = ("loader", "muted")
        self._icon = QLabel(self)
        self.sentence = label("", "title", self, wrap=True)
        self.unknown = label("", "muted", self, wrap=True)
        self.thresholds_button = QToolButton(self)
        self.thresholds_button.setText("Set t&hresholds…")
        self.thresholds_button.setToolTip("Say from when on something is a problem")
        self.thresholds_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        set_role(self.thresholds_button, "chip")
        self.thresholds_button.clicked.connect(self.thresholds_requested)
        head = QHBoxLayout()
        head.setSpacing(theme.space(2))
        head.addWidget(self._icon)
        head.addWidget(self.sentence, 1)
        head.addWidget(self.thresholds_button)
        self._layout = QVBoxLayout(self)
        margin = theme.space(3)
        self._layout.setContentsMargins(margin, margin, margin, margin)
        self._layout.setSpacing(theme.space(1))
        self._layout.addLayout(head)
        self._layout.addWidget(self.unknown)
        theme.changed.connect(self._paint_icons)
        self.show_verdict(None)

    def lines(self) -> tuple[_ReasonLine, ...]:
        """Return the reasons as shown, the worst first."""
        found = []
        for at in range(self._layout.count()):
            item = self._layout.itemAt(at)
            widget = item.widget() if item is not None else None
            if isinstance(widget, _ReasonLine):
                found.append(widget)
        return tuple(found)

    def show_verdict(self, verdict: Verdict | None, pages: frozenset[str] = frozenset()) -> None:
        """Show a verdict, None where there is none yet; ``pages`` are those that a reason can lead to."""
        reasons = verdict.reasons if verdict is not None else ()
        self.sentence.setText(_head(verdict))
        self.setAccessibleName(visible(verdict.sentence) if verdict is not None else self.sentence.text())
        self.unknown.setText(_unknown(verdict))
        self.unknown.setVisible(bool(self.unknown.text()))
        wanted = [reason.code for reason in reasons]
        for code in [code for code in self._lines if code not in wanted]:
            line = self._lines.pop(code)
            self._layout.removeWidget(line)
            line.hide()
            line.deleteLater()
        for at, reason in enumerate(reasons, start=1):
            line = self._lines.get(reason.code) or self._make_line(reason.code)
            if self._layout.indexOf(line) != at:
                self._layout.removeWidget(line)
                self._layout.insertWidget(at, line)
            line.show_reason(reason, reason.page.value in pages)
        self._level_buttons()
        self._order_keys()
        self._head_icon = _head_icon(verdict)
        self._paint_icons()

    def _level_buttons(self) -> None:
        """Give all buttons the width of the widest, so that they stand in one column."""
        buttons = [line.button for line in self.lines()]
        widest = max((button.sizeHint().width() for button in buttons), default=0)
        for button in buttons:
            button.setMinimumWidth(widest)

    def _order_keys(self) -> None:
        """Let Tab go through the reasons from the worst on; later ones would come after all else of the page."""
        before: QWidget = self
        for line in self.lines():
            QWidget.setTabOrder(before, line.button)
            before = line.button
        QWidget.setTabOrder(before, self.thresholds_button)

    def _make_line(self, code: Code) -> _ReasonLine:
        line = self._lines[code] = _ReasonLine(self._theme, self)
        line.followed.connect(self.reason_followed)
        return line

    def _paint_icons(self) -> None:
        name, role = self._head_icon
        self._icon.setPixmap(self._theme.pixmap(name, role, self._theme.space(5), self))
        for line in self._lines.values():
            line.paint_icon()


def _head(verdict: Verdict | None) -> str:
    if verdict is None:
        return "Not looked at yet"
    if verdict.reasons:
        return "1 problem" if len(verdict.reasons) == 1 else f"{len(verdict.reasons)} problems"
    if verdict.awaited:
        return verdict.sentence
    return "No problem found so far" if verdict.unknown and not verdict.sentence.startswith("Not") else verdict.sentence


def _unknown(verdict: Verdict | None) -> str:
    if verdict is None or verdict.sentence.startswith("Not looked"):
        return ""
    unknown = f"Not known yet: {', '.join(verdict.unknown)}." if verdict.unknown else ""
    awaited = f"{verdict.awaited[:1].upper()}{verdict.awaited[1:]}." if verdict.awaited and verdict.reasons else ""
    return f"{awaited} {unknown}".strip()


def _head_icon(verdict: Verdict | None) -> tuple[str, str]:
    if verdict is not None and verdict.severity is not None:
        return _ICONS[verdict.severity]
    return ("circle-check", "success") if verdict is not None and verdict.is_well else ("loader", "muted")
