"""What the window asks of the failures of the open file, without ever waiting.

Owns the thread that groups them, started with the first file, and which answers are still wanted.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from prismq_gui.insight.breath import Breath
from prismq_gui.insight.failure_messages import FailureGroup
from prismq_gui.polling.failure_news import FailureNews, FailuresOpening, GroupIds, GroupRequest, SharedNews
from prismq_gui.polling.failure_watch import FailureWatch
from prismq_gui.polling.threads import WorkerThread


class FailureDesk(QObject):
    """Lives in the window's thread; every method returns at once, but :meth:`end`.

    ``news`` carries FailureNews, or None where no file is open; ``shared`` SharedNews and ``ids`` GroupIds, of the
    newest request alone.
    """

    news = Signal(object)
    shared = Signal(object)
    ids = Signal(object)

    _open_wanted = Signal(object)
    _close_wanted = Signal()
    _pause_wanted = Signal(bool)
    _seen_wanted = Signal(bool)
    _change_told = Signal()
    _go_on_wanted = Signal()
    _look_wanted = Signal()
    _compare_wanted = Signal(object)
    _ids_wanted = Signal(object)

    def __init__(self, breath: Breath | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watch = FailureWatch(breath)
        self._thread = WorkerThread("failures", self._watch)
        self._ids_sequence = 0
        self._is_over = False
        watch = self._watch
        self._open_wanted.connect(watch.open_file)
        self._close_wanted.connect(watch.close_file)
        self._pause_wanted.connect(watch.set_paused)
        self._seen_wanted.connect(watch.set_seen)
        self._change_told.connect(watch.note_change)
        self._go_on_wanted.connect(watch.go_on)
        self._look_wanted.connect(watch.look_now)
        self._compare_wanted.connect(watch.compare)
        self._ids_wanted.connect(watch.tell_ids)
        watch.news.connect(self._on_watch_news)
        watch.shared.connect(self._on_watch_shared)
        watch.ids.connect(self._on_watch_ids)

    # -- the file

    def open_file(self, path: Path) -> None:
        """Group the failures of this file from now on; a file that was replaced is opened again this way."""
        self._leave()
        if self._is_over:
            return
        if not self._thread.isRunning():
            self._thread.start()
        self._open_wanted.emit(FailuresOpening(self._watch.wanted, path))

    def close_file(self) -> None:
        """Group those of none."""
        self._leave()
        self._close_wanted.emit()

    def _leave(self) -> None:
        self._watch.wanted += 1  # first, so that what is ended knows it is void
        self._watch.shared_wanted += 1
        self._watch.reading_stopped = False
        self._watch.interrupt()
        self.news.emit(None)

    def note_change(self) -> None:
        """The file has changed."""
        self._change_told.emit()

    def look_now(self) -> None:
        """Look for changes now, whatever it costs."""
        self._look_wanted.emit()

    # -- reading

    def set_paused(self, paused: bool) -> None:
        """Stop to look for changes, or look again."""
        self._pause_wanted.emit(paused)

    def set_seen(self, seen: bool) -> None:
        """Keep up closely while somebody looks, else for the badge alone."""
        self._seen_wanted.emit(seen)

    def stop_reading(self) -> None:
        """Stop the first reading; what was read stays."""
        self._watch.reading_stopped = True
        self._go_on_wanted.emit()  # it then tells that it has stopped

    def go_on_reading(self) -> None:
        """Go on where it was stopped."""
        self._watch.reading_stopped = False
        self._go_on_wanted.emit()

    # -- one group

    def compare(self, group: FailureGroup) -> int:
        """Find out what a group's tasks share (``shared``), in place of the request before; return its sequence."""
        self._watch.shared_wanted += 1
        sequence = self._watch.shared_wanted
        self._compare_wanted.emit(GroupRequest(self._watch.wanted, sequence, group))
        return sequence

    def stop_comparing(self) -> None:
        """Void the request that runs; nothing more is heard of it."""
        self._watch.shared_wanted += 1

    def request_ids(self, group: FailureGroup) -> int:
        """Have the ids of a group's tasks told (``ids``); return the sequence of the request."""
        self._ids_sequence += 1
        self._ids_wanted.emit(GroupRequest(self._watch.wanted, self._ids_sequence, group))
        return self._ids_sequence

    # -- answers

    def _on_watch_news(self, news: FailureNews) -> None:
        if news.number == self._watch.wanted:
            self.news.emit(news)

    def _on_watch_shared(self, news: SharedNews) -> None:
        if news.sequence == self._watch.shared_wanted:
            self.shared.emit(news)

    def _on_watch_ids(self, found: GroupIds) -> None:
        if found.sequence == self._ids_sequence:
            self.ids.emit(found)

    # -- the thread

    def ask_to_end(self) -> None:
        """Have the thread end after what it is at. Nothing is heard afterwards."""
        self._is_over = True
        self._watch.wanted += 1
        self._watch.shared_wanted += 1
        self.blockSignals(True)
        if self._thread.isRunning():
            self._thread.ask_to_end()

    def end(self, deadline: float) -> bool:
        """Wait until the thread has ended; return whether it has.

        Args:
            deadline: In ``time.monotonic()`` seconds.
        """
        return not self._thread.isRunning() or self._thread.end(deadline)
