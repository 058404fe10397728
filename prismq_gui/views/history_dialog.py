"""What was done to the tasks of the open file, the newest first: each with its outcome, to be taken back or finished.

Owns the list, the details, and why something cannot be done. Must not read the journal nor do anything: a desk does.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from prismq_gui.actions.build import ActionSet
from prismq_gui.models.plain_table_model import PlainTableModel
from prismq_gui.operations.journal_records import Operation, State
from prismq_gui.operations.messages import Report
from prismq_gui.polling.act_desk import ActDesk
from prismq_gui.polling.runner import HistoryTold
from prismq_gui.theme import Theme, set_role
from prismq_gui.views import history_words as words
from prismq_gui.views.empty_state import EmptyState
from prismq_gui.views.fitting import resize_within_screen
from prismq_gui.views.plain_text import label, tooltip, visible
from prismq_gui.views.plan_lines import PlanLines
from prismq_gui.views.plan_words import state_words
from prismq_gui.views.tab_order import tab_in_order
from prismq_gui.views.table_view import BigTableView

LOOK_EVERY_MS = 2_000  # other windows and the command line write the journal too


class HistoryDialog(QDialog):
    """Beside the window. GUI thread. ``undo_requested`` carries an id, ``finish_requested`` an Operation."""

    undo_requested = Signal(str)
    finish_requested = Signal(object)

    def __init__(self, theme: Theme, desk: ActDesk, actions: ActionSet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._actions = actions
        self._operations: tuple[Operation, ...] = ()
        self.is_told = False
        self.setWindowTitle("History of operations")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.model = PlainTableModel(words.COLUMNS, self)
        self.table = BigTableView(theme, self)
        self.empty = EmptyState(theme, self)
        self._icon = QLabel(self)
        self.sentence = label("", "strong", self, wrap=True)
        self.outcome = label("", "", self, wrap=True)
        self.lines = PlanLines(theme, self)
        self.reason = label("", "muted", self, wrap=True)
        self.copy_button = QPushButton("Co&py", self)
        self.finish_button = QPushButton("&Finish…", self)
        self.undo_button = QPushButton("&Undo…", self)
        self.close_button = QPushButton("Close", self)
        self._details = QWidget(self)
        self._stack = QStackedWidget(self)
        self._timer = QTimer(self, interval=LOOK_EVERY_MS)
        self._set_up()
        self._lay_out()
        self._connect()

    def _set_up(self) -> None:
        self.table.setModel(self.model)
        self.table.setObjectName("history")
        self.table.setAccessibleName("Operations, the newest first")
        self.table.horizontalHeader().setSectionsClickable(False)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.lines.setAccessibleName("All that is known of the operation")
        for button in (self.copy_button, self.finish_button, self.undo_button, self.close_button):
            button.setAutoDefault(False)
        set_role(self.undo_button, "primary")

    def _lay_out(self) -> None:
        space = self._theme.space
        head = QHBoxLayout()
        head.setSpacing(space(3))
        head.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        texts = QVBoxLayout()
        texts.setSpacing(space(1))
        texts.addWidget(self.sentence)
        texts.addWidget(self.outcome)
        head.addLayout(texts, 1)
        details = QVBoxLayout(self._details)
        details.setContentsMargins(0, space(3), 0, 0)
        details.setSpacing(space(2))
        details.addLayout(head)
        details.addWidget(self.lines, 1)
        splitter = QSplitter(Qt.Orientation.Vertical, self)
        splitter.addWidget(self.table)
        splitter.addWidget(self._details)
        splitter.setChildrenCollapsible(False)
        splitter.setSizes([space(60), space(70)])
        self._stack.addWidget(splitter)
        self._stack.addWidget(self.empty)
        foot = QHBoxLayout()
        foot.setSpacing(space(2))
        foot.addWidget(self.copy_button)
        foot.addWidget(self.reason, 1)
        for button in (self.finish_button, self.undo_button, self.close_button):
            foot.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(space(4), space(4), space(4), space(4))
        layout.setSpacing(space(3))
        layout.addWidget(self._stack, 1)
        layout.addLayout(foot)
        tab_in_order(
            self.table, self.lines, self.copy_button, self.finish_button, self.undo_button, self.close_button
        )  # fmt: skip
        resize_within_screen(self, space(210), space(150))

    def _connect(self) -> None:
        self.table.current_id_changed.connect(lambda _id: self._show_chosen())
        self.table.row_activated.connect(lambda _id: self._on_undo_button_clicked())
        self.copy_button.clicked.connect(self.copy)
        self.finish_button.clicked.connect(self._on_finish_button_clicked)
        self.undo_button.clicked.connect(self._on_undo_button_clicked)
        self.close_button.clicked.connect(self.close)
        self._timer.timeout.connect(self.look_for_news)
        self._desk.history.connect(self._on_desk_history)
        self._desk.reported.connect(self._on_desk_reported)
        self._actions["undo_last"].changed.connect(self._show_buttons)

    def start(self) -> None:
        """Show what is known as soon as it is."""
        self._say("loader", "Looking into the journal…", "")
        self._show_chosen()
        self.show()
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        self._timer.start()
        self.look()

    def take_keyboard(self) -> None:
        """Be in front, with the keyboard in the list."""
        self.activateWindow()
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def look(self) -> None:
        """Have it told anew."""
        self._desk.look_back()

    def look_for_news(self) -> None:
        """Have it told where it is new, or of another file."""
        self._desk.look_back(only_news=True)

    # -- what is told

    def _on_desk_history(self, told: HistoryTold) -> None:
        self.is_told = True
        self._operations = told.operations
        had = self.table.current_id
        self.model.set_rows(words.rows_of(told.operations))
        if told.problem is not None:
            self._say("circle-alert", "The journal cannot be read", told.problem.sentence())
        elif self._desk.journal_folder is None:
            text = "There is no folder for your own data, so nothing is kept and nothing can be undone."
            self._say("circle-alert", "There is no journal", text)
        elif not told.operations:
            text = "What you do to tasks of this file is listed here, and can be taken back from here."
            self._say("history", "Nothing was done yet", text)
        else:
            self._stack.setCurrentIndex(0)
            if had is None or self.model.row_of(had) is None:
                self.table.selectRow(0)
        self._show_chosen()

    def _on_desk_reported(self, _report: Report) -> None:
        self.look()

    def _say(self, icon: str, title: str, text: str) -> None:
        self.empty.show_state(icon, title, text)
        self._stack.setCurrentWidget(self.empty)

    def chosen(self) -> Operation | None:
        """Return the operation that is chosen."""
        wanted = self.table.current_id
        return next((each for each in self._operations if each.id == wanted), None)

    def _show_chosen(self) -> None:
        chosen = self.chosen()
        self._details.setVisible(chosen is not None)
        if chosen is not None:
            icon, role = state_words(chosen.state.value)[1:]
            self._icon.setPixmap(self._theme.pixmap(icon, role, self._theme.space(5), self))
            self.sentence.setText(visible(words.name_of(chosen)))
            self.outcome.setText(visible(words.outcome_of(chosen)))
            sections = words.sections_of(chosen, self._operations)
            self.lines.show_sections(sections)
            self.setAccessibleDescription(f"{self.sentence.text()}. {self.outcome.text()}")
        self._show_buttons()

    def _show_buttons(self) -> None:
        chosen = self.chosen()
        off = self._actions.reason("undo_last")  # the file may not be written, or another operation runs
        undo = off or words.undo_refusal(chosen) if chosen is not None else "Choose an operation."
        finish = off or words.finish_refusal(chosen) if chosen is not None else "Choose an operation."
        for button, refusal in ((self.undo_button, undo), (self.finish_button, finish)):
            button.setEnabled(not refusal)
            button.setToolTip(tooltip(refusal))
        self.finish_button.setVisible(chosen is not None and not words.finish_refusal(chosen))
        self.copy_button.setEnabled(chosen is not None)
        self.reason.setText(visible(undo if chosen is not None else ""))

    # -- what is wanted

    def _on_undo_button_clicked(self) -> None:
        chosen = self.chosen()
        if chosen is not None and self.undo_button.isEnabled():
            self.undo_requested.emit(chosen.id)

    def _on_finish_button_clicked(self) -> None:
        chosen = self.chosen()
        if chosen is not None and chosen.state is not State.RUNNING:
            self.finish_requested.emit(chosen)

    def copy(self) -> None:
        """Put all that is known of the chosen operation on the clipboard as plain text."""
        chosen = self.chosen()
        if chosen is not None:
            QGuiApplication.clipboard().setText(words.operation_text(chosen, self._operations))
