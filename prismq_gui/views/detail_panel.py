"""All there is to know of one task: its state in a sentence, times, why it is not running, attempts, payload, logs.

Owns showing it and keeping the reader's place through refreshes. Must not read: it is handed a
``TaskDetail`` and a ``TaskStory``.
"""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.insight.messages import TaskDetail
from prismq_gui.models.status_words import full_status_words
from prismq_gui.models.text import cell_text
from prismq_gui.polling.look_wishes import TaskStory
from prismq_gui.theme import Theme, set_role, status_of
from prismq_gui.views.attempt_list import AttemptList
from prismq_gui.views.detail_facts import DetailFacts
from prismq_gui.views.empty_state import EmptyState
from prismq_gui.views.json_tree import JsonView
from prismq_gui.views.log_list import LogList
from prismq_gui.views.plain_text import label, one_line, tooltip
from prismq_gui.views.tab_order import tab_in_order
from prismq_gui.views.text_panel import TextPanel
from prismq_gui.views.why_view import WhyView

WHY, ATTEMPTS, PAYLOAD, COMPATIBILITY, ERROR, LOGS = range(6)


class _Top(QWidget):
    """What stands above the tabs; as high as its width asks, not as its wrapped labels would at their narrowest."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(super().minimumSizeHint().width(), 0)


class DetailPanel(QFrame):
    """Empty, loading, gone, or one task. GUI thread."""

    previous_requested = Signal()
    next_requested = Signal()
    task_requested = Signal(object)  # the id of a task that is ahead in line
    column_requested = Signal(object)  # a PayloadColumn

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._detail: TaskDetail | None = None
        self._task_id: object = None
        self._story: TaskStory | None = None
        self._is_below = False
        set_role(self, "surface")
        self.setAccessibleName("Task")
        self._empty = EmptyState(theme, self)
        self._page = QWidget(self)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._page)
        self._make_header()
        self._make_tabs()
        self._lay_out()
        theme.changed.connect(self._on_theme_changed)
        self.clear()

    # -- building

    def _make_header(self) -> None:
        self._shape = QLabel(self)
        self.title_label = label("", "title", self)
        self.type_label = label("", "muted", self, wrap=True)
        self.sentence_label = label("", "", self, wrap=True)
        self.sentence_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.menu_button = self._button("ellipsis", "What can be done with this task")
        self.previous_button = self._button("chevron-up", "Previous task")
        self.next_button = self._button("chevron-down", "Next task")
        self.previous_button.clicked.connect(self.previous_requested)
        self.next_button.clicked.connect(self.next_requested)
        self.facts = DetailFacts(self._theme, self)

    def _button(self, icon: str, name: str) -> QToolButton:
        button = QToolButton(self)
        button.setToolTip(name)
        button.setAccessibleName(name)
        button.setIconSize(QSize(self._theme.icon_size(), self._theme.icon_size()))
        self._theme.bind_icon(button, icon)
        return button

    def _make_tabs(self) -> None:
        theme = self._theme
        self.why = WhyView(theme, self)
        self.why.task_requested.connect(self.task_requested)
        self.attempts = AttemptList(theme, self)
        self.payload = JsonView(theme, "Payload", self)
        self.compatibility = JsonView(theme, "Compatibility", self)
        self.payload.offer_columns("payload", self.column_requested.emit)
        self.compatibility.offer_columns("compatibility", self.column_requested.emit)
        self.error = TextPanel(theme, "Error", self)
        self.logs = LogList(theme, self)
        self.tabs = QTabWidget(self)
        self.tabs.setDocumentMode(True)
        self.tabs.setIconSize(QSize(self._theme.space(3.5), self._theme.space(3.5)))
        self.tabs.addTab(self.why, "&Why")
        self.tabs.addTab(self.attempts, "Atte&mpts")
        self.tabs.addTab(self.payload, "&Payload")
        self.tabs.addTab(self.compatibility, "&Compatibility")
        self.tabs.addTab(self.error, "&Error")
        self.tabs.addTab(self.logs, "&Logs")
        self.text_button = self._button("braces", "Show payload and compatibility as text")
        self.text_button.setCheckable(True)
        self.text_button.toggled.connect(self._on_text_button_toggled)
        self.tabs.setCornerWidget(self.text_button)
        self.tabs.currentChanged.connect(self._on_tabs_current_changed)
        self.tabs.setCurrentIndex(PAYLOAD)

    def _lay_out(self) -> None:
        space = self._theme.space
        first = QHBoxLayout()
        first.setSpacing(space(2))
        first.addWidget(self._shape)
        first.addWidget(self.title_label, 1)
        first.addWidget(self.menu_button)
        first.addWidget(self.previous_button)
        first.addWidget(self.next_button)
        top = _Top(self)
        head = QVBoxLayout(top)
        head.setContentsMargins(space(3), space(3), space(3), space(3))
        head.setSpacing(space(1.5))
        head.addLayout(first)
        head.addWidget(self.type_label)
        head.addWidget(self.sentence_label)
        head.addSpacing(space(1))
        head.addWidget(self.facts)
        head.addStretch(1)
        set_role(top, "surface")
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(top)
        set_role(scroll, "surface")
        scroll.setAccessibleName("Figures of the task")
        # As a stop after its own pages that hands on to its bar, it would lead round in them for ever.
        self.tabs.setFocusProxy(None)  # type: ignore[arg-type]
        self.tabs.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.tabs.tabBar().setAccessibleName("Parts of the task")
        tab_in_order(self.next_button, scroll, self.tabs.tabBar(), self.text_button)
        self.splitter = QSplitter(Qt.Orientation.Vertical, self._page)
        self.splitter.addWidget(scroll)
        self.splitter.addWidget(self.tabs)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(1)
        self.splitter.setStretchFactor(0, 0)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.splitterMoved.connect(self._on_splitter_moved)
        self._top, self._top_fits = top, True
        page = QVBoxLayout(self._page)
        page.setContentsMargins(0, 0, 0, 0)
        page.addWidget(self.splitter)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._stack)

    # -- what is shown

    def set_below(self, below: bool) -> None:
        """Stand low and wide, figures beside the tabs, or high and narrow, figures above them."""
        self._is_below, self._top_fits = below, True
        self.splitter.setOrientation(Qt.Orientation.Horizontal if below else Qt.Orientation.Vertical)
        self.updateGeometry()
        self._fit_top()

    def _fit_top(self) -> None:
        """Give figures the room they need, at most two thirds, until the person moves the divider."""
        if self._top_fits and self._is_below:
            tabs = max(self._tabs_width(), self.width() * 3 // 5)  # the divider may not have its new width yet
            self.splitter.setSizes([max(0, self.width() - tabs), tabs])
            return
        height = self.splitter.height()
        if self._top_fits and height > 0:
            wanted = self._top.heightForWidth(max(1, self.splitter.width() - 2)) + 2  # the focus has a ring of 1
            top = min(wanted, height * 2 // 3)
            self.splitter.setSizes([top, height - top])

    def _on_splitter_moved(self, _position: int, _index: int) -> None:
        self._top_fits = False

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the figures."""
        super().resizeEvent(event)
        self._fit_top()

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return a width in which no tab's name is cut; without a task less, so that more of the table is seen."""
        hint = super().minimumSizeHint()
        if self._is_below:
            return QSize(self._theme.space(80), self._theme.space(24))
        if not self.is_showing_task:
            return QSize(self._theme.space(55), hint.height())
        return QSize(max(hint.width(), self._tabs_width()), hint.height())

    def _tabs_width(self) -> int:
        """Return the width in which no tab's name is cut."""
        return self.tabs.tabBar().sizeHint().width() + self.text_button.sizeHint().width() + self._theme.space(3)

    @property
    def task_id(self) -> object:
        """The id of the task that is shown or awaited, None without one."""
        return self._task_id

    @property
    def detail(self) -> TaskDetail | None:
        """All of the task that is shown, None while none is."""
        return self._detail

    def clear(self) -> None:
        """Show that no task is chosen."""
        self._forget(None)
        self._say("panel-right", "No task chosen", "Choose a task in the table to see its payload, error and logs.")

    def show_loading(self, task_id: int) -> None:
        """Show that a task is being read; one that is shown already stays until its news come."""
        if task_id != self._task_id or self._detail is None:
            self._forget(task_id)
            self._say("loader", f"Task {task_id}", "Reading…")

    def show_gone(self, task_id: int) -> None:
        """Show that a task no longer exists."""
        self._forget(task_id)
        self._say("file-x", f"Task {task_id} no longer exists", "It was deleted since the table showed it.")

    def show_problem(self, task_id: int, sentence: str) -> None:
        """Show why a task can't be read; nothing of an older reading stays."""
        self._forget(task_id)
        self._say("circle-alert", f"Task {task_id} could not be read", sentence)

    def show_detail(self, detail: TaskDetail, sentence: str, now: datetime) -> None:
        """Show a task; the same one again keeps tab, scroll and what is opened. ``now`` is naive UTC."""
        row = detail.row
        story = self._story
        if row.id != self._task_id or self._detail is None:
            self._forget(row.id)
        is_known = self._detail is not None and self._detail.row == row
        self._detail, self._task_id = detail, row.id
        self.title_label.setText(f"Task {row.id}")
        self.type_label.setText(
            f"{cell_text(row.type) or 'no type'}  ·  {full_status_words(row.status) or 'no status'}"
        )
        if not is_known or self._story is None:
            self.sentence_label.setText(one_line(sentence))
        if story is not None and self._story is None:
            self.show_story(story)  # it came before the task itself
        self._show_shape()
        self.facts.show_detail(detail, now)
        self.payload.show_preview(detail.payload)
        self.compatibility.show_preview(detail.compatibility)
        self._show_error(detail)
        self.logs.show_logs(detail.logs)
        count = f"{len(detail.logs)}{'+' if detail.logs_truncated else ''}"
        self._name_tab(LOGS, f"&Logs ({count})", "The newest lines; there are more." if detail.logs_truncated else "")
        self._stack.setCurrentWidget(self._page)
        self.updateGeometry()
        self.setAccessibleDescription(self.sentence_label.text())
        self._fit_top()

    def show_story(self, story: TaskStory) -> None:
        """Show why the task that is shown or awaited is not running, and its attempts; of another one nothing."""
        if story.task_id != self._task_id:
            return
        self._story = story
        if story.explanation is None or self._detail is None:
            return
        self.why.show_explanation(story.explanation)
        if self.sentence_label.text() != one_line(story.explanation.sentence):
            self.sentence_label.setText(one_line(story.explanation.sentence))
            self.setAccessibleDescription(self.sentence_label.text())
            self._fit_top()
        if story.timeline is not None:
            self.attempts.show_timeline(story.timeline)
            self._name_tab(ATTEMPTS, f"Atte&mpts ({len(story.timeline.attempts)})", "")

    def show_story_problem(self, task_id: object, sentence: str) -> None:
        """Tell why it cannot be said why a task is not running."""
        if task_id == self._task_id:
            self.why.show_problem(sentence)

    def tick(self, now: datetime) -> None:
        """Bring relative times up to the moment; ``now`` is naive UTC."""
        if self._detail is not None:
            self.facts.tick(now)

    def _show_error(self, detail: TaskDetail) -> None:
        error = detail.error
        has_error = error.kind != "null" and bool(error.size_bytes or error.text)
        note = f"the first part of {error.size_bytes:,} bytes" if error.truncated else ""
        if error.kind == "blob":
            note = f"a blob of {error.size_bytes:,} bytes"
        self.error.show_text(error.text if has_error else "No error is recorded.", note if has_error else "")
        self._name_tab(ERROR, "&Error", "")
        self.tabs.setTabIcon(ERROR, self._theme.icon("circle-alert", "danger") if has_error else QIcon())

    def _name_tab(self, tab: int, text: str, tip: str) -> None:
        if self.tabs.tabText(tab) != text:
            self.tabs.setTabText(tab, text)
        self.tabs.setTabToolTip(tab, tooltip(tip))

    def _forget(self, task_id: object) -> None:
        """Drop the task that was shown, and the reader's place in it."""
        self._detail, self._task_id, self._story = None, task_id, None
        self.why.forget()
        self.attempts.forget()
        self._name_tab(ATTEMPTS, "Atte&mpts", "")
        self.payload.forget()
        self.compatibility.forget()

    def _say(self, icon: str, title: str, text: str) -> None:
        self._empty.show_state(icon, title, text)
        self._stack.setCurrentWidget(self._empty)

    def _show_shape(self) -> None:
        if self._detail is not None:
            status = status_of(self._detail.row.status)
            size = self._theme.space(4)
            self._shape.setPixmap(self._theme.status_pixmap(status, size, self.devicePixelRatioF()))
            self._shape.setToolTip(tooltip(full_status_words(self._detail.row.status)))

    @property
    def column_in_view(self) -> str:
        """The column of the file that the tab in view shows; that of the payload where it shows none of its own."""
        return {COMPATIBILITY: "compatibility", ERROR: "error_message"}.get(self.tabs.currentIndex(), "payload")

    def empty_texts(self) -> tuple[str, str]:
        """Return title and text of the page that stands where no task is shown."""
        return self._empty.texts()

    @property
    def is_showing_task(self) -> bool:
        """Whether a task is in view."""
        return self._stack.currentWidget() is self._page

    def _on_text_button_toggled(self, as_text: bool) -> None:
        self.payload.set_as_text(as_text)
        self.compatibility.set_as_text(as_text)

    def _on_tabs_current_changed(self, tab: int) -> None:
        self.text_button.setVisible(tab in (PAYLOAD, COMPATIBILITY))

    def _on_theme_changed(self) -> None:
        self._show_shape()
        if self._detail is not None:
            self._show_error(self._detail)
