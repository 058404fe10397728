"""How alerts reach the person: message, taskbar, badge and list; and the way from there to what they are about.

Owns when they are shown, and what is told after quiet hours. Judging, log and the person's program are the engine's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication

from prismq_gui.settings import Settings
from prismq_gui.theme import Severity, Theme

if TYPE_CHECKING:
    from prismq_gui.insight.alert_log import LogEntry
    from prismq_gui.insight.alert_rules import RuleKind
    from prismq_gui.insight.alert_settings import AlertSettings
    from prismq_gui.insight.alerts import AlertEvent
    from prismq_gui.polling.alert_messages import AlertNews, ProgramEnd
    from prismq_gui.views.alert_dialog import AlertDialog
    from prismq_gui.views.alert_texts import Message
    from prismq_gui.views.alert_tray import AlertTray
    from prismq_gui.views.main_window import MainWindow

START_MS = 3_000  # after a file was opened: the first rows and the other pages come before
QUIET_MS = 30_000
_NOTICE = "alert program"
_PROGRAM_CHARACTERS = 200


class AlertCentre(QObject):
    """One for a window. GUI thread. ``keep`` takes settings that are to be remembered.

    ``shown`` carries each Message that was to be shown, ``changed`` tells that ``news`` or ``entries`` may be new.
    """

    shown = Signal(object)
    changed = Signal()

    def __init__(self, window: MainWindow, theme: Theme, keep: Callable[[Settings], None]) -> None:
        super().__init__(window)
        self._window = window
        self._theme = theme
        self._keep = keep
        self._is_started = False
        self._tray: AlertTray | None = None
        self._missed: dict[tuple[RuleKind, str], AlertEvent] = {}  # raised in quiet hours, and not over yet
        self._program_failed = False  # and that is told
        self._in_force: AlertSettings | None = None
        self.news: AlertNews | None = None
        self.entries: tuple[LogEntry, ...] = ()
        self.dialog: AlertDialog | None = None
        self._start_timer = QTimer(self, singleShot=True, interval=START_MS)
        self._start_timer.timeout.connect(self.start)
        self._quiet_timer = QTimer(self, interval=QUIET_MS)
        self._quiet_timer.timeout.connect(self._on_quiet_timer_timeout)
        window.session.opened.connect(self._on_session_opened)
        window.session.changed.connect(self._on_session_changed)

    @property
    def settings(self) -> AlertSettings:
        """What is set."""
        return self._window.settings.alerts

    @property
    def raised_count(self) -> int:
        """How many alerts are raised for the open file."""
        return len(self.news.raised) if self.news is not None else 0

    # -- the engine's part

    def start(self) -> None:
        """Have the open file watched, and those after it; once."""
        if self._is_started:
            return
        self._is_started = True
        desk = self._window.engine.alerts
        desk.news.connect(self._on_desk_news)
        desk.log.connect(self._on_desk_log)
        desk.program_ended.connect(self._on_desk_program_ended)
        self.apply()
        desk.set_paused(self._window.session.paused)
        desk.request_log()

    def stop(self) -> None:
        """Show nothing more: the window closes."""
        self._start_timer.stop()
        self._quiet_timer.stop()
        if self._tray is not None:
            self._tray.close()

    def _on_session_opened(self, _facts: object) -> None:
        if not self._is_started:
            self._start_timer.start()

    def _on_session_changed(self) -> None:
        if self._is_started:
            self._window.engine.alerts.set_paused(self._window.session.paused)

    def _on_desk_news(self, news: AlertNews | None) -> None:
        if news is None:
            self._missed.clear()
        self.news = news
        if news is not None:
            self._missed = {key: event for key, event in self._missed.items() if key in news.raised}
            self._show_loud(news)
        if self._tray is not None:
            self._tray.tell_count(self.raised_count)
        self._window.show_badges()
        self.changed.emit()

    def _on_desk_log(self, entries: tuple[LogEntry, ...]) -> None:
        self.entries = entries
        self.changed.emit()

    def forget(self) -> None:
        """Forget all entries of the log that are over."""
        self.start()
        self._window.engine.alerts.forget_log()

    # -- showing

    def _show_loud(self, news: AlertNews) -> None:
        from prismq_gui.insight.alerts import AlertChange  # noqa: PLC0415 - with the first look
        from prismq_gui.polling.alert_watch import is_quiet_now  # noqa: PLC0415 - as above

        settings = self.settings
        loud = [event for event in news.told if not event.quiet]
        if not settings.tell_cleared:
            loud = [event for event in loud if event.change is AlertChange.RAISED]
        if not loud or not settings.messages:
            return
        if is_quiet_now(settings):
            raised = {(event.kind, event.subject): event for event in loud if event.change is AlertChange.RAISED}
            self._missed |= raised
            self._quiet_timer.start()
        else:
            self._show(loud)

    def _show(self, events: Sequence[AlertEvent]) -> None:
        from prismq_gui.views.alert_texts import message_of  # noqa: PLC0415 - not of use at each start
        from prismq_gui.views.alert_tray import AlertTray  # noqa: PLC0415 - as above

        message = message_of(self.news.path, events) if self.news is not None else None
        if message is None:
            return
        if self._tray is None:
            self._tray = AlertTray(self._window)
            self._tray.clicked.connect(self._on_tray_clicked)
        if not self._tray.show(message):
            self._window.status_line.show_message(f"{message.title}: {message.text}")
        if message.alarm:
            QApplication.alert(self._window)
        self.shown.emit(message)

    def _on_quiet_timer_timeout(self) -> None:
        from prismq_gui.polling.alert_watch import is_quiet_now  # noqa: PLC0415 - as above

        if is_quiet_now(self.settings):
            return
        self._quiet_timer.stop()
        missed, self._missed = tuple(self._missed.values()), {}
        if self.settings.messages:
            self._show(missed)

    def _on_tray_clicked(self, message: Message | None) -> None:
        window = self._window
        window.setWindowState((window.windowState() & ~Qt.WindowState.WindowMinimized) | Qt.WindowState.WindowActive)
        window.show()
        window.raise_()
        window.activateWindow()
        if message is not None and message.kind is not None:
            self.follow(message.kind, message.text)
        else:
            window.show_page("alerts")

    # -- where it leads

    def follow(self, kind: RuleKind, words: str = "") -> None:
        """Show what an alert of the open file is about."""
        from prismq_gui.insight.alert_words import place_of  # noqa: PLC0415 - only when asked for
        from prismq_gui.insight.filters import TaskFilter  # noqa: PLC0415 - as above
        from prismq_gui.insight.language import parse  # noqa: PLC0415 - as above

        place = place_of(kind)
        if place.filter:
            self._window.show_tasks_by(TaskFilter(query=parse(place.filter)), words or place.filter)
        else:
            self._window.show_page(place.page.value)

    def follow_entry(self, entry: LogEntry) -> None:
        """Show what an entry of the log is about, where it is of the open file."""
        path = self._window.session.path
        if path is None or os.path.normcase(entry.file) != os.path.normcase(path):
            self._window.status_line.show_message(f"That alert is of another file; open it first: {entry.file}")
            return
        self.follow(entry.kind, f"{entry.sentence}.")
        if entry.subject and self._window.page == "workers":
            self._window.workers_page.table.select_id(entry.subject)

    # -- what is set

    def ask(self) -> None:
        """Show the dialog; the one that is open already where there is one."""
        if self.dialog is not None:
            self.dialog.raise_()
            self.dialog.activateWindow()
            return
        from prismq_gui.views.alert_dialog import AlertDialog  # noqa: PLC0415 - only when asked for

        self.start()
        dialog = AlertDialog(self._theme, self.settings, self._window)
        dialog.chosen.connect(self._set)
        dialog.try_wanted.connect(self._window.engine.alerts.run_program)
        self._window.engine.alerts.program_ended.connect(dialog.note_program)
        dialog.finished.connect(self._on_dialog_finished)
        self.dialog = dialog
        dialog.open()

    def apply(self) -> None:
        """Put in force what is set, here or by another window."""
        if self._is_started and self.settings != self._in_force:
            self._in_force = self.settings
            self._forget_failure(True)
            self._window.engine.alerts.set_settings(self.settings)
            self.changed.emit()

    def _set(self, settings: AlertSettings) -> None:
        self._keep(replace(self._window.settings, alerts=settings))
        self.apply()

    def _on_dialog_finished(self, _result: int) -> None:
        if self.dialog is not None:
            self._window.engine.alerts.program_ended.disconnect(self.dialog.note_program)
        self.dialog = None

    def _on_desk_program_ended(self, end: ProgramEnd) -> None:
        """Tell in the banner that the program fails, until it is dismissed or the program goes well again."""
        if end.wish.test:
            return
        if end.ok or self._program_failed:
            self._forget_failure(end.ok)
            return
        self._program_failed = True
        text = f"{end.wish.program}. {end.text[:_PROGRAM_CHARACTERS]} The alert itself was told."
        self._window.notices.keep(_NOTICE, Severity.WARNING, "The program that is to hear of alerts failed", text)

    def _forget_failure(self, is_over: bool) -> None:
        if is_over:
            self._program_failed = False
            self._window.notices.drop(_NOTICE)
