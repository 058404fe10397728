"""A bar that tells of one problem: what, to which file, what was not changed, what to do.

Owns showing it; never a dialog, so that the last good data stay in view. Must not decide what a
retry is: it tells that one is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from prismq_gui.insight.problems import Problem, ProblemKind
from prismq_gui.theme import Severity, Theme
from prismq_gui.views.flow_layout import FlowLayout
from prismq_gui.views.plain_text import label, visible

_WARNINGS = {
    ProblemKind.BUSY,
    ProblemKind.LOCKED,
    ProblemKind.TOO_SLOW,
    ProblemKind.INTERRUPTED,
    ProblemKind.READ_ONLY,
    ProblemKind.REFUSED,
    ProblemKind.EMPTY,
}
_ICONS = {
    Severity.INFO: "info",
    Severity.SUCCESS: "circle-check",
    Severity.WARNING: "triangle-alert",
    Severity.DANGER: "circle-alert",
}


def severity_of(problem: Problem) -> Severity:
    """Return how loudly a problem is told."""
    return Severity.WARNING if problem.kind in _WARNINGS else Severity.DANGER


class Banner(QFrame):
    """Hidden until there is something to tell. GUI thread. ``action_requested`` carries the place of a button."""

    retry_requested = Signal()
    open_requested = Signal()
    dismissed = Signal()
    action_requested = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._severity = Severity.INFO
        self._icon = QLabel(self)
        self._title = label("", "strong", self, wrap=True)
        self._text = label("", "", self, wrap=True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.retry_button = QPushButton("&Retry", self)
        self.open_button = QPushButton("&Open another file…", self)
        self.action_buttons: list[QPushButton] = []
        self.dismiss_button = QToolButton(self)
        self.dismiss_button.setAccessibleName("Dismiss this message")
        self.dismiss_button.setToolTip("Dismiss this message")
        self.dismiss_button.setIconSize(QSize(theme.icon_size(), theme.icon_size()))
        theme.bind_icon(self.dismiss_button, "x")
        self.retry_button.clicked.connect(self.retry_requested)
        self.open_button.clicked.connect(self.open_requested)
        self.dismiss_button.clicked.connect(self._on_dismiss_button_clicked)
        self._lay_out()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        theme.changed.connect(self._on_theme_changed)
        self.hide()

    def _lay_out(self) -> None:
        space = self._theme.space
        buttons = QWidget(self)
        flow = FlowLayout(buttons, space(2))
        flow.addWidget(self.retry_button)
        flow.addWidget(self.open_button)
        self._buttons, self._flow = buttons, flow
        words = QVBoxLayout()
        words.setSpacing(space(1))
        for widget in (self._title, self._text, buttons):
            words.addWidget(widget)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(space(3), space(2.5), space(2), space(2.5))
        layout.setSpacing(space(2.5))
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words, 1)
        layout.addWidget(self.dismiss_button, 0, Qt.AlignmentFlag.AlignTop)

    def show_problem(self, problem: Problem, *, can_retry: bool = True, can_open: bool = True) -> None:
        """Tell a problem, with the buttons that can help."""
        title = f"{problem.what}: {problem.subject}" if problem.subject else problem.what
        text = " ".join(part for part in (problem.unchanged, problem.advice) if part)
        if problem.code:
            text = f"{text} ({problem.code})" if text else problem.code
        self._show(severity_of(problem), title, text, can_retry, can_open)

    def show_message(self, severity: Severity, title: str, text: str = "", actions: Sequence[str] = ()) -> None:
        """Tell something that is no problem, for example what was done; ``actions`` name what can be done about it."""
        self._show(severity, title, text, False, False, actions)

    def _show(
        self, severity: Severity, title: str, text: str, can_retry: bool, can_open: bool, actions: Sequence[str] = ()
    ) -> None:
        self._severity = severity
        self._title.setText(visible(title))
        self._text.setText(visible(text))
        self._text.setVisible(bool(text))
        self.retry_button.setVisible(can_retry)
        self.open_button.setVisible(can_open)
        self._name_actions(actions)
        self._buttons.setVisible(can_retry or can_open or bool(actions))
        self.setProperty("banner", severity.value)
        self.style().unpolish(self)
        self.style().polish(self)
        self._on_theme_changed()
        self.setAccessibleName(f"{title}. {text}")
        self.show()

    def _name_actions(self, actions: Sequence[str]) -> None:
        """Show one button an action, of those there are and new ones."""
        while len(self.action_buttons) < len(actions):
            button = QPushButton(self._buttons)
            button.clicked.connect(partial(self.action_requested.emit, len(self.action_buttons)))
            self._flow.addWidget(button)
            self.action_buttons.append(button)
        for at, button in enumerate(self.action_buttons):
            button.setVisible(at < len(actions))
            button.setText(actions[at] if at < len(actions) else "")

    def dismiss(self) -> None:
        """Hide it without telling."""
        self.hide()

    def sizeHint(self) -> QSize:
        """Return the height that its words take at its width, not at the narrowest one."""
        hint = super().sizeHint()
        return QSize(hint.width(), self._height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return as much: its words are never cut."""
        hint = super().minimumSizeHint()
        return QSize(hint.width(), self._height())

    def _height(self) -> int:
        return self.heightForWidth(max(self.width(), self._theme.space(120)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Take the height of the new width."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.updateGeometry()

    def texts(self) -> tuple[str, str]:
        """Return title and text as shown."""
        return self._title.text(), self._text.text()

    @property
    def severity(self) -> Severity:
        """How loudly the present message is told."""
        return self._severity

    def _on_dismiss_button_clicked(self) -> None:
        self.hide()
        self.dismissed.emit()

    def _on_theme_changed(self) -> None:
        name = _ICONS[self._severity]
        self._icon.setPixmap(self._theme.pixmap(name, self._severity.value, self._theme.space(5), self))
