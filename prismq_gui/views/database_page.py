"""The file as a file: its size and pages, who holds up a checkpoint, what can be done for it, and its backups.

Owns where the cards stand, when the file is looked at (while the page is in view), and what is known of each backup.
Must not read nor do anything: a desk does.
"""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.actions.build import ActionSet
from prismq_gui.actions.registry import Place
from prismq_gui.models.plain_table_model import PlainTableModel
from prismq_gui.operations.database_records import CareKind, CareReport
from prismq_gui.polling.database_desk import DatabaseDesk, LookTold
from prismq_gui.polling.messages import Snapshot
from prismq_gui.queue.backup_files import BackupFile, backup_folder
from prismq_gui.theme import Severity, Theme, set_role
from prismq_gui.views import database_words as words
from prismq_gui.views.database_cards import LinesCard, WalCard
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.flow_layout import FlowLayout
from prismq_gui.views.plain_text import label, tooltip, visible
from prismq_gui.views.tab_order import tab_in_order
from prismq_gui.views.table_view import BigTableView

CARE = ("checkpoint", "vacuum", "optimize", "analyze", "check_integrity", "check_log_lines", "delete_finished")
_BESIDE_STEPS = 170  # as many steps of space wide, the cards stand side by side
_MOST_ROWS = 8


class DatabasePage(QScrollArea):
    """The page. GUI thread.

    ``backup_wanted`` carries what is to be done with a backup and its path; ``folder_requested``: another folder of
    backups is to be chosen; ``health_requested``: what is wrong is to be looked for.
    """

    backup_wanted = Signal(object, object)
    open_requested = Signal(object)
    compare_requested = Signal(object)
    folder_requested = Signal()
    health_requested = Signal()
    state_changed = Signal()

    def __init__(self, theme: Theme, desk: DatabaseDesk, actions: ActionSet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._actions = actions
        self._folder: Path | None = None
        self._written_at = 0.0
        self._backups: tuple[BackupFile, ...] = ()
        self._states: dict[Path, str] = {}
        self._told: LookTold | None = None
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Database")
        self.head = label("", "title", self, wrap=True)
        self.trouble = label("", "", self, wrap=True)
        self.file_card = LinesCard(theme, "File", self)
        self.format_card = LinesCard(theme, "Format", self)
        self.wal_card = WalCard(theme, self)
        self.care_buttons = {id: self._care_button(id) for id in CARE}
        self.history_button = self._care_button("history", Place.EDIT)
        self.model = PlainTableModel(words.BACKUP_COLUMNS, self)
        self.table = BigTableView(theme, self)
        self.newest = ElidedLabel("muted", self)
        self.folder_words = ElidedLabel("small", self)
        self.folder_button = self._chip("Folder…", "folder-open")
        self.back_up_button = self._care_button("back_up")
        self.restore_other_button = self._care_button("restore")
        self.verify_button = self._chip("Verify…", "circle-check")
        self.open_button = self._chip("Open read-only", "lock")
        self.compare_button = self._chip("Compare", "git-compare")
        self.restore_button = self._chip("Restore…", "rotate-ccw")
        self._set_up()
        self._lay_out()
        desk.told.connect(self._on_desk_told)
        self._actions["restore"].changed.connect(self._show_restore)
        self._actions["refresh"].triggered.connect(lambda _checked: self.look(anew=True))
        self.clear()

    def _care_button(self, id: str, place: Place = Place.DATABASE) -> QToolButton:
        button = self._actions.button(id, self, place=place)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        set_role(button, "chip")
        return button

    def _chip(self, text: str, icon: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(f" {text}")  # Qt sets the icon too close
        button.setAccessibleName(text.rstrip("…"))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setIconSize(QSize(self._theme.icon_size(), self._theme.icon_size()))
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._theme.bind_icon(button, icon)
        set_role(button, "chip")
        return button

    def _set_up(self) -> None:
        self.table.setObjectName("backups")
        self.table.setAccessibleName("Backups of this file")
        self.table.setModel(self.model)
        self.table.horizontalHeader().setSectionsClickable(False)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.table.selected_count_changed.connect(lambda _count: self._show_buttons())
        self.table.row_activated.connect(lambda _key: self._open())
        self.table.installEventFilter(self)
        self.folder_button.clicked.connect(self.folder_requested)
        self.verify_button.clicked.connect(lambda: self._want(CareKind.VERIFY))
        self.restore_button.clicked.connect(lambda: self._want(CareKind.RESTORE))
        self.open_button.clicked.connect(self._open)
        self.compare_button.clicked.connect(self._compare)
        for button, tip in (
            (self.folder_button, "Choose the folder where the backups of this file lie; it is remembered"),
            (self.verify_button, "Read the chosen backup wholly and check it"),
            (self.open_button, "Open the chosen backup in a window of its own, which never writes it (Enter)"),
            (self.compare_button, "Find what differs between the chosen backup and this file"),
        ):
            button.setToolTip(tooltip(tip))

    def _lay_out(self) -> None:
        space = self._theme.space
        body = QWidget(self)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(space(3), space(3), space(3), space(3))
        layout.setSpacing(space(3))
        layout.addWidget(self.head)
        layout.addWidget(self.trouble)
        self._cards = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._cards.setSpacing(space(3))
        for card in (self.file_card, self.format_card):
            self._cards.addWidget(card, 1)
        layout.addLayout(self._cards)
        layout.addWidget(self.wal_card)
        care = FlowLayout(spacing=space(2))
        for button in self.care_buttons.values():
            care.addWidget(button)
        care.addWidget(self.history_button)
        layout.addWidget(label("Look after the file", "strong", body))
        layout.addLayout(care)
        layout.addWidget(label("Backups", "strong", body))
        layout.addLayout(self._backup_bar())
        self._table_card = QFrame(self)
        set_role(self._table_card, "card")
        inside = QVBoxLayout(self._table_card)
        inside.setContentsMargins(1, 1, 1, 1)
        inside.addWidget(self.table)
        layout.addWidget(self._table_card)
        chosen = FlowLayout(spacing=space(2))
        for each in (self.verify_button, self.open_button, self.compare_button, self.restore_button):
            chosen.addWidget(each)
        layout.addLayout(chosen)
        layout.addStretch(1)
        self.setWidget(body)
        tab_in_order(
            *self.care_buttons.values(), self.history_button, self.back_up_button, self.restore_other_button,
            self.folder_button, self.table,
            self.verify_button, self.open_button, self.compare_button, self.restore_button,
        )  # fmt: skip

    def _backup_bar(self) -> QVBoxLayout:
        space = self._theme.space
        first = QHBoxLayout()
        first.setSpacing(space(2))
        for button in (self.back_up_button, self.restore_other_button, self.folder_button):
            first.addWidget(button)
        first.addWidget(self.newest, 1)
        bar = QVBoxLayout()
        bar.setSpacing(space(1))
        bar.addLayout(first)
        bar.addWidget(self.folder_words)
        return bar

    # -- the file

    @property
    def folder(self) -> Path | None:
        """Where the backups of the open file lie; None without a file."""
        path = self._desk.path
        return self._folder or backup_folder(path) if path is not None else None

    def set_folder(self, folder: Path | None) -> None:
        """List the backups of this folder; None is the usual one, beside the file."""
        self._folder = folder
        self.look(anew=True)

    def clear(self) -> None:
        """Show nothing: no file is open, or another one."""
        self._told = None
        self._backups, self._states = (), {}
        self.head.setText("Looking at the file…")
        self.trouble.hide()
        for card in (self.file_card, self.format_card):
            card.show_lines([])
        self.wal_card.show_words(words.WalWords(Severity.INFO, "Not looked at yet."))
        self._show_backups()

    def take_snapshot(self, snapshot: Snapshot | None) -> None:
        """Forget what was shown where no file is open, or another one."""
        if snapshot is None:
            self.clear()

    def look(self, *, anew: bool = False) -> None:
        """Have the file looked at, where somebody sees the page and it is time; ``anew``: now."""
        folder = self.folder
        if folder is not None and self.isVisible():
            self._desk.look(folder, anew=anew)

    def tick(self) -> None:
        """Bring ages up to the moment; once a second."""
        if self.isVisible():
            if self._told is not None and self._told.facts is not None:
                self.file_card.show_lines(words.file_lines(self._told.facts, time.time()))
            self.look()

    def _on_desk_told(self, told: LookTold) -> None:
        problem = told.problem.sentence() if told.problem is not None else ""
        if problem and self._told is not None:
            problem += " What is shown is of before."
        self.trouble.setText(visible(" ".join(each for each in (problem, told.trouble) if each)))
        self.trouble.setVisible(bool(problem or told.trouble))
        if told.backups is not None and told.folder == self.folder:
            self._backups = told.backups
            self._show_backups()
        facts = told.facts
        if facts is None:
            return  # what is shown is of before, and the trouble says so
        self._told = told
        self.head.setText(visible(words.head(facts)))
        self.file_card.show_lines(words.file_lines(facts, time.time()))
        self.format_card.show_lines(words.format_lines(facts))
        self.wal_card.show_words(words.wal_words(facts))

    # -- backups

    def _show_backups(self) -> None:
        self.model.set_rows(words.backup_rows(self._backups, self._states))
        self.newest.show_text(words.age_of_newest(self._backups))
        self.folder_words.show_text(f"In {self.folder}" if self.folder is not None else "")
        self._table_card.setVisible(bool(self._backups))
        row_height = self.table.verticalHeader().defaultSectionSize()
        header = self.table.horizontalHeader().sizeHint().height()
        shown = min(max(len(self._backups), 1), _MOST_ROWS)
        self.table.setFixedHeight(header + row_height * shown + self._theme.space(4))
        self._show_buttons()

    def _show_buttons(self) -> None:
        chosen = self._chosen() is not None
        for button in (self.verify_button, self.open_button, self.compare_button, self.restore_button):
            button.setVisible(bool(self._backups))
        for button in (self.verify_button, self.open_button, self.compare_button):
            button.setEnabled(chosen)
        self._show_restore()
        self.state_changed.emit()

    def _show_restore(self) -> None:
        refusal = self._actions.reason("restore")
        self.restore_button.setEnabled(self._chosen() is not None and not refusal)
        self.restore_button.setToolTip(tooltip(refusal or "Give the queue the content of the chosen backup"))

    def _chosen(self) -> Path | None:
        key = self.table.current_id
        return Path(key) if isinstance(key, str) and self.table.selected_count() == 1 else None

    def _want(self, kind: CareKind) -> None:
        if (chosen := self._chosen()) is not None:
            self.backup_wanted.emit(kind, chosen)

    def _open(self) -> None:
        if (chosen := self._chosen()) is not None:
            self.open_requested.emit(chosen)

    def _compare(self) -> None:
        if (chosen := self._chosen()) is not None:
            self.compare_requested.emit(chosen)

    def note_done(self, report: CareReport | None) -> None:
        """Take in what was done: a backup that was made or verified, and the file as it is now."""
        if report is not None:
            if report.wish.kind is CareKind.VERIFY and report.wish.source is not None and not report.stopped:
                self._states[report.wish.source] = "verified: whole" if report.verified else "verified: not sound"
            elif report.made is not None and report.verified:
                self._states[report.made] = "made and verified"
            self._show_backups()
        self.look(anew=True)

    # -- events

    def focus_first(self) -> None:
        """Give the focus to the first thing that can be done."""
        for button in (*self.care_buttons.values(), self.back_up_button):
            if button.isEnabled():
                button.setFocus(Qt.FocusReason.OtherFocusReason)
                return
        self.folder_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Choose the newest backup where the keyboard comes to the list and none is chosen."""
        if watched is self.table and isinstance(event, QFocusEvent) and event.gotFocus():
            by_mouse = event.reason() == Qt.FocusReason.MouseFocusReason
            if not by_mouse and not self.table.selected_count() and self._backups:
                self.table.selectRow(0)
        return super().eventFilter(watched, event)

    def showEvent(self, event: QShowEvent) -> None:
        """Look at the file; nobody looked before."""
        super().showEvent(event)
        self.look(anew=self._told is None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Set the cards side by side where there is room."""
        super().resizeEvent(event)
        wide = self.viewport().width() >= self._theme.space(_BESIDE_STEPS)
        direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        if self._cards.direction() != direction:
            self._cards.setDirection(direction)
