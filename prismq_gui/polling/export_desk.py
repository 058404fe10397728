"""Exporting for the window: a thread of its own, so that a long export holds up neither tables nor operations.

Owns the thread; one export at a time. Must not know any format.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal, Slot

from prismq_gui.insight.problems import Problem
from prismq_gui.operations.export import export
from prismq_gui.operations.export_records import ExportProgress, ExportReport, ExportWish
from prismq_gui.polling.threads import Worker, WorkerThread, guarded

PROGRESS_S = 0.1


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Rows of this queue into that file."""

    number: int
    path: Path
    wish: ExportWish


@dataclass(frozen=True, slots=True)
class ExportNews:
    """How an export goes: progress, or in the end its report."""

    request: ExportRequest
    progress: ExportProgress | None = None
    report: ExportReport | None = None


class Exporter(Worker):
    """Lives in a thread of its own. ``news`` carries ExportNews."""

    news = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.stop_up_to = 0  # written in the window's thread
        self._request: ExportRequest | None = None
        self._told_at = 0.0

    def tell_failure(self, problem: Problem) -> None:
        """Tell that an export ended by an error that nothing expected."""
        request = self._request
        if request is not None:
            self.news.emit(ExportNews(request, report=ExportReport(request.wish.target, problem=problem)))

    @Slot(object)
    @guarded
    def run(self, request: ExportRequest) -> None:
        """Export; a report comes even where it was stopped before it began."""
        self._request = request

        def on_progress(progress: ExportProgress) -> None:
            now = time.monotonic()
            if now - self._told_at >= PROGRESS_S:
                self._told_at = now
                self.news.emit(ExportNews(request, progress=progress))

        report = export(
            request.path,
            request.wish,
            on_progress=on_progress,
            should_stop=lambda: self.stopping or request.number <= self.stop_up_to,
        )
        self.news.emit(ExportNews(request, report=report))


class ExportDesk(QObject):
    """Lives in the window's thread; every method returns at once, but :meth:`end`. ``news`` carries ExportNews."""

    news = Signal(object)

    _wanted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._exporter = Exporter()
        self._thread = WorkerThread("export", self._exporter)
        self._number = 0
        self._is_over = False
        self._wanted.connect(self._exporter.run)
        self._exporter.news.connect(self.news)

    def export(self, path: Path, wish: ExportWish) -> int:
        """Begin an export, after the one that runs; return its number, 0 where there are no more."""
        if self._is_over:
            return 0
        if not self._thread.isRunning():
            self._thread.start(QThread.Priority.LowPriority)  # the window and the tables come first
        self._number += 1
        self._wanted.emit(ExportRequest(self._number, path, wish))
        return self._number

    def stop(self) -> None:
        """End what runs and what waits: no file is written."""
        self._exporter.stop_up_to = self._number

    # -- the thread

    def ask_to_end(self) -> None:
        """Have the thread end after what it is at; nothing is heard of it afterwards."""
        self._is_over = True
        self.blockSignals(True)
        self.stop()
        if self._thread.isRunning():
            self._thread.ask_to_end()

    def end(self, deadline: float) -> None:
        """Wait until it has ended; ``deadline`` in ``time.monotonic()`` seconds."""
        if self._thread.isRunning():
            self._thread.end(deadline)
