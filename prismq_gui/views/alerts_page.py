"""The page of alerts: how it stands now, and the list of all that was told, with what each was about.

Owns how they are shown. Must not judge, nor read the log: the centre hands it on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from prismq_gui.models.plain_table_model import PlainTableModel
from prismq_gui.queue.timestamps import now_utc
from prismq_gui.theme import Theme, set_role
from prismq_gui.views import alert_texts as texts
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.empty_state import EmptyState
from prismq_gui.views.plain_text import label, tooltip, visible
from prismq_gui.views.tab_order import tab_in_order
from prismq_gui.views.table_view import BigTableView

if TYPE_CHECKING:
    from prismq_gui.insight.alert_log import LogEntry
    from prismq_gui.models.plain_table_model import PlainRow
    from prismq_gui.views.alert_centre import AlertCentre


class AlertsPage(QWidget):
    """The page. GUI thread. ``paused`` of the session is handed in with :meth:`set_paused`."""

    state_changed = Signal()

    def __init__(self, theme: Theme, centre: AlertCentre, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._centre = centre
        self._paused = False
        self._entries: tuple[LogEntry, ...] | None = None
        self._rows: dict[LogEntry, PlainRow] = {}
        self.model = PlainTableModel(texts.COLUMNS, self)
        self.table = BigTableView(theme, self)
        self.words = ElidedLabel("muted", self)
        self.trouble = label("", "error", self, wrap=True)
        self.details = label("", "", self, wrap=True)
        self.follow_button = self._chip("Show", "external-link", "Show what the chosen alert is about (Enter)")
        self.rules_button = self._chip("Set alerts…", "settings", "Say what is an alert, and how it is told")
        self.forget_button = self._chip("Clear", "eraser", "Forget all alerts that are over")
        self.empty = EmptyState(theme, self)
        self._stack = QStackedWidget(self)
        self._set_up()
        self._lay_out()
        centre.changed.connect(self._show)
        self._show()

    def _chip(self, text: str, icon: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(f" {text}")  # Qt sets the icon too close
        button.setAccessibleName(text.rstrip("…"))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setIconSize(QSize(self._theme.icon_size(), self._theme.icon_size()))
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.setToolTip(tooltip(tip))
        self._theme.bind_icon(button, icon)
        set_role(button, "chip")
        return button

    def _set_up(self) -> None:
        self.table.setObjectName("alerts")
        self.table.setAccessibleName("Alerts, the newest first")
        self.table.setModel(self.model)
        self.table.horizontalHeader().setSectionsClickable(False)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.table.selected_count_changed.connect(lambda _count: self._show_chosen())
        self.table.row_activated.connect(lambda _key: self._follow())
        self.details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.follow_button.clicked.connect(self._follow)
        self.rules_button.clicked.connect(self._centre.ask)
        self.forget_button.clicked.connect(self._centre.forget)
        self.empty.action_requested.connect(self._centre.ask)
        text = (
            "What goes wrong with the queue is told once when it begins and once when it is over: many failures, long "
            "waits, tasks given up, silent workers, a large WAL, a full disk. It is listed here then."
        )
        self.empty.show_state("bell", "No alerts so far", text, "Set alerts…")

    def _lay_out(self) -> None:
        space = self._theme.space
        foot = QFrame(self)
        inside = QVBoxLayout(foot)
        inside.setContentsMargins(space(3), space(2), space(3), space(3))
        inside.addWidget(self.details)
        whole = QWidget(self)
        lower = QVBoxLayout(whole)
        lower.setContentsMargins(0, 0, 0, 0)
        lower.setSpacing(0)
        lower.addWidget(self.table, 1)
        lower.addWidget(foot)
        self._list = whole
        self._stack.addWidget(whole)
        self._stack.addWidget(self.empty)
        bar = QHBoxLayout()
        bar.setContentsMargins(space(3), space(3), space(3), space(3))
        bar.setSpacing(space(2))
        bar.addWidget(self.words, 1)
        for button in (self.follow_button, self.rules_button, self.forget_button):
            bar.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(bar)
        self.trouble.setContentsMargins(space(3), 0, space(3), space(2))
        layout.addWidget(self.trouble)
        layout.addWidget(self._stack, 1)
        tab_in_order(self.table, self.follow_button, self.rules_button, self.forget_button)

    # -- what is shown

    def set_paused(self, paused: bool) -> None:
        """Say whether the person wants a pause, in which nothing is raised."""
        self._paused = paused
        self._show_words()

    def tick(self) -> None:
        """Bring ages up to the moment; once a second."""
        if self.isVisible():
            self._show_words()

    def _show(self) -> None:
        entries = self._centre.entries
        if entries is not self._entries:  # it is told every few seconds that nothing has changed
            self._entries = entries
            self._rows = {each: self._rows.get(each) or texts.row(each) for each in entries}
            self.model.set_rows(list(self._rows.values()))
            self._stack.setCurrentWidget(self._list if entries else self.empty)
            self.forget_button.setEnabled(any(entry.cleared_at_utc is not None for entry in entries))
        trouble = self._centre.news.trouble if self._centre.news is not None else ""
        self.trouble.setText(visible(trouble))
        self.trouble.setVisible(bool(trouble))
        self._show_words()
        self._show_chosen()

    def _show_words(self) -> None:
        self.words.show_text(texts.head(self._centre.news, self._centre.settings.rules, self._paused, now_utc()))

    def _show_chosen(self) -> None:
        entry = self._chosen()
        self.follow_button.setEnabled(entry is not None)
        words = texts.details(entry) if entry is not None else "Choose an alert to read all of it."
        if words != self.details.text():
            self.details.setText(words)

    def _chosen(self) -> LogEntry | None:
        key = self.table.current_id
        return next((entry for entry in self._entries or () if entry.id == key), None)

    def _follow(self) -> None:
        entry = self._chosen()
        if entry is not None:
            self._centre.follow_entry(entry)
