"""What the window asks of alerts, without ever waiting.

Owns their thread, and which answers are still wanted.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from prismq_gui.insight.alert_log import AlertLog
from prismq_gui.insight.alert_settings import AlertSettings
from prismq_gui.insight.breath import Breath
from prismq_gui.polling.alert_messages import AlertNews, AlertOpening, ProgramWish
from prismq_gui.polling.alert_watch import AlertWatch
from prismq_gui.polling.overview_messages import OverviewNews
from prismq_gui.polling.threads import WorkerThread


class AlertDesk(QObject):
    """Lives in the window's thread; every method returns at once, but :meth:`end`.

    ``news`` carries AlertNews, or None where no file is open; ``log`` LogEntries, the newest first; ``program_ended``
    ProgramEnd. The log is kept in ``folder``, without one not at all.
    """

    news = Signal(object)
    log = Signal(object)
    program_ended = Signal(object)

    _open_wanted = Signal(object)
    _close_wanted = Signal()
    _pause_wanted = Signal(bool)
    _settings_wanted = Signal(object)
    _overview_told = Signal(object)
    _log_wanted = Signal()
    _forget_wanted = Signal()
    _program_wanted = Signal(object)

    def __init__(self, breath: Breath, folder: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watch = watch = AlertWatch(breath, AlertLog(folder))
        self._thread = WorkerThread("alerts", watch)
        self._is_over = False
        self._open_wanted.connect(watch.open_file)
        self._close_wanted.connect(watch.close_file)
        self._pause_wanted.connect(watch.set_paused)
        self._settings_wanted.connect(watch.set_settings)
        self._overview_told.connect(watch.take_overview)
        self._log_wanted.connect(watch.tell_log)
        self._forget_wanted.connect(watch.forget_log)
        self._program_wanted.connect(watch.run_program)
        watch.news.connect(self._on_watch_news)
        watch.log.connect(self.log)
        watch.program_ended.connect(self.program_ended)
        self._thread.start()

    @property
    def looks(self) -> int:
        """How often the thread of alerts has read the file itself."""
        return self._watch.looks

    def open_file(self, path: Path) -> None:
        """Watch this file from now on; a file that was replaced is opened again this way."""
        self._leave()
        if not self._is_over:
            self._open_wanted.emit(AlertOpening(self._watch.wanted, path))

    def close_file(self) -> None:
        """Watch none."""
        self._leave()
        self._close_wanted.emit()

    def _leave(self) -> None:
        self._watch.wanted += 1  # first, so that what is ended knows it is void
        self._watch.interrupt()
        self.news.emit(None)

    def set_paused(self, paused: bool) -> None:
        """Say whether the person wants a pause; a window that is hidden wants none."""
        self._pause_wanted.emit(paused)

    def set_settings(self, settings: AlertSettings) -> None:
        """Judge and tell by these from now on."""
        self._settings_wanted.emit(settings)

    def take_overview(self, news: OverviewNews) -> None:
        """Judge what the overview has read; it is that of the file that is open."""
        self._overview_told.emit(news.overview)

    def request_log(self) -> None:
        """Have the log told (``log``)."""
        self._log_wanted.emit()

    def forget_log(self) -> None:
        """Forget all entries that are over."""
        self._forget_wanted.emit()

    def run_program(self, wish: ProgramWish) -> None:
        """Run a program to try it (``program_ended``)."""
        self._program_wanted.emit(wish)

    def _on_watch_news(self, news: AlertNews) -> None:
        if news.number == self._watch.wanted:
            self.news.emit(news)

    # -- the thread

    def ask_to_end(self) -> None:
        """Have the thread end after what it is at. Nothing is heard afterwards."""
        self._is_over = True
        self._watch.wanted += 1
        self.blockSignals(True)
        if self._thread.isRunning():
            self._thread.ask_to_end()

    def end(self, deadline: float) -> bool:
        """Wait until the thread has ended; return whether it has.

        Args:
            deadline: In ``time.monotonic()`` seconds.
        """
        return not self._thread.isRunning() or self._thread.end(deadline)
