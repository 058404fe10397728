"""The dialog of alerts: which rules there are, how and when they are told, and the program that hears of them.

Owns the lines and what is said of each. Runs nothing: to try the program is a wish that the engine carries out.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QTabWidget, QVBoxLayout, QWidget

from prismq_gui.insight.alert_rules import RuleKind
from prismq_gui.insight.alert_settings import AlertSettings, path_mistake
from prismq_gui.insight.alert_words import as_json
from prismq_gui.insight.alerts import AlertChange, AlertEvent
from prismq_gui.polling.alert_messages import ProgramEnd, ProgramWish
from prismq_gui.queue.timestamps import now_utc
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.alert_parts import RulesPart, TellingPart
from prismq_gui.views.alert_program import ProgramPart
from prismq_gui.views.fitting import resize_within_screen
from prismq_gui.views.plain_text import label, visible

_TEST_FILE = "test.db"


class AlertDialog(QDialog):
    """Beside the window. GUI thread. ``chosen`` carries AlertSettings, ``try_wanted`` ProgramWish."""

    chosen = Signal(object)
    try_wanted = Signal(object)

    def __init__(self, theme: Theme, settings: AlertSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tried: ProgramWish | None = None
        self.setWindowTitle("Alerts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.tabs = QTabWidget(self)
        self.rules = RulesPart(theme, self)
        self.telling = TellingPart(theme, self)
        self.program = ProgramPart(theme, self)
        self.note = label("", "muted", self, wrap=True)
        self.reset_button = QPushButton("&Reset to defaults", self)
        self.cancel_button = QPushButton("Cancel", self)
        self.save_button = QPushButton("&Save", self)
        self._lay_out(theme)
        for part in (self.rules, self.telling, self.program):
            part.changed.connect(self.check)
        self.program.try_button.clicked.connect(self._try)
        self.reset_button.clicked.connect(lambda: self._show(AlertSettings()))
        self.cancel_button.clicked.connect(self.reject)
        self.save_button.clicked.connect(self.accept)
        self._show(settings)
        self.rules.focus_first()

    def _lay_out(self, theme: Theme) -> None:
        space = theme.space
        self.tabs.addTab(self.rules, "R&ules")
        self.tabs.addTab(self.telling, "&Messages")
        self.tabs.addTab(self.program, "&Program")
        set_role(self.save_button, "primary")
        self.save_button.setDefault(True)
        for button in (self.reset_button, self.cancel_button):
            button.setAutoDefault(False)
        foot = QHBoxLayout()
        foot.setSpacing(space(2))
        foot.addWidget(self.reset_button)
        foot.addStretch(1)
        foot.addWidget(self.cancel_button)
        foot.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(space(5), space(5), space(5), space(5))
        layout.setSpacing(space(3))
        layout.addWidget(label("What is an alert, and who hears of it?", "title", self))
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.note)
        layout.addLayout(foot)
        resize_within_screen(self, space(200), space(163))

    def _show(self, settings: AlertSettings) -> None:
        for part in (self.rules, self.telling, self.program):
            part.show_settings(settings)
        self.check()

    def check(self) -> None:
        """Say what keeps it from being saved, or what saving means."""
        mistakes = [part.mistake for part in (self.rules, self.telling, self.program) if part.mistake]
        self.save_button.setEnabled(not mistakes)
        words = "They hold at once, for all files, and in all windows within a second of being seen."
        self.note.setText(visible(f"Not saved yet: {mistakes[0]}" if mistakes else words))

    def settings(self) -> AlertSettings | None:
        """Return what is set, None where something of it can't be."""
        rules = self.rules.rules()
        if rules is None or self.telling.mistake or self.program.mistake:
            return None
        return self.program.put_into(self.telling.put_into(AlertSettings(rules)))

    def accept(self) -> None:
        """Tell what is set, where all of it can be."""
        settings = self.settings()
        if settings is not None:
            self.chosen.emit(settings)
            super().accept()

    # -- trying the program

    def _try(self) -> None:
        found = self.program.put_into(AlertSettings())
        mistake = path_mistake(found.hook_program)
        if mistake:
            self.program.told.setText(visible(mistake))
            return
        event = AlertEvent(AlertChange.RAISED, RuleKind.DEAD_LETTERS, "", 1, 1, now_utc())
        line = as_json(event, _TEST_FILE, test=True)
        self._tried = ProgramWish(found.hook_program, found.hook_arguments, found.hook_timeout_s, line, test=True)
        self.program.try_button.setEnabled(False)
        self.program.told.setText("It runs…")
        self.try_wanted.emit(self._tried)

    def note_program(self, end: ProgramEnd) -> None:
        """Say what became of the program that was tried."""
        if end.wish == self._tried:
            self._tried = None
            self.program.try_button.setEnabled(True)
            self.program.told.setText(visible(end.text))
