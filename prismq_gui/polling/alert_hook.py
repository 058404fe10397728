"""The person's program that hears of alerts: run one at a time, with JSON on its stdin, and never for long.

Owns the process and those that wait. Only what the person's own settings name is run, as a list of words without a
shell; nothing of a queue file ever becomes a word of it.
"""

from __future__ import annotations

import os
import time
from collections import deque

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from prismq_gui.insight.alert_settings import program_mistake
from prismq_gui.insight.problems import Problem
from prismq_gui.polling.alert_messages import ProgramEnd, ProgramWish
from prismq_gui.polling.threads import Worker, guarded

MOST_WAITING = 20
MOST_OUTPUT = 4_096  # bytes that are kept; what follows is read and thrown away, so that the program is never held up
KILL_MS = 500


class AlertHook(Worker):
    """Lives in the thread of alerts, as a part of its worker, and never waits there. ``ended`` carries ProgramEnd."""

    ended = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__()
        self.setParent(parent)
        self._waiting: deque[ProgramWish] = deque()
        self._wish: ProgramWish | None = None
        self._process: QProcess | None = None
        self._output = b""
        self._began_at = 0.0
        self._is_late = False
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._on_timer_timeout)

    def run(self, wish: ProgramWish) -> None:
        """Run a program once those before it have ended."""
        if len(self._waiting) >= MOST_WAITING:
            self.ended.emit(ProgramEnd(wish, ok=False, text=f"It was not run: {MOST_WAITING} alerts wait for it."))
            return
        self._waiting.append(wish)
        self._start_next()

    def stop(self) -> None:
        """End the program that runs, by force, and forget those that wait."""
        self.stopping = True
        self._waiting.clear()
        self._timer.stop()
        process, self._process, self._wish = self._process, None, None
        if process is not None:
            process.blockSignals(True)
            process.kill()
            process.waitForFinished(KILL_MS)
            process.deleteLater()

    def tell_failure(self, problem: Problem) -> None:
        """Tell an error that nothing expected as the end of the program that runs, and go on with the next."""
        if self._process is not None:
            self._process.kill()
        self._end(ok=False, text=problem.sentence())

    def _start_next(self) -> None:
        while self._process is None and self._waiting:
            wish = self._waiting.popleft()
            if mistake := program_mistake(wish.program):
                self.ended.emit(ProgramEnd(wish, ok=False, text=f"It was not run. {mistake}"))
            else:
                self._start(wish)

    def _start(self, wish: ProgramWish) -> None:
        process = self._process = QProcess(self)
        self._wish, self._output, self._is_late, self._began_at = wish, b"", False, time.monotonic()
        process.setProgram(wish.program)
        process.setArguments(list(wish.arguments))
        process.setWorkingDirectory(os.path.dirname(wish.program))  # noqa: PTH120 - as it is written
        process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
        process.started.connect(self._on_process_started)
        process.readyReadStandardOutput.connect(self._on_process_output)
        process.finished.connect(self._on_process_finished)
        process.errorOccurred.connect(self._on_process_error)
        self._timer.start(round(wish.timeout_s * 1_000))
        process.start()  # on Windows Qt gives it no console of its own, so that none flashes up

    @guarded
    def _on_process_started(self) -> None:
        if self._process is not None and self._wish is not None:
            self._process.write(f"{self._wish.line}\n".encode("ascii"))
            self._process.closeWriteChannel()  # once all of it is written

    @guarded
    def _on_process_output(self) -> None:
        if self._process is not None:
            found = self._process.readAllStandardOutput().data()
            self._output = (self._output + found)[:MOST_OUTPUT]

    @guarded
    def _on_timer_timeout(self) -> None:
        self._is_late = True
        if self._process is not None:
            self._process.kill()

    @guarded
    def _on_process_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart and self._process is not None:
            self._end(ok=False, text=f"It could not be started: {self._process.errorString()}.")

    @guarded
    def _on_process_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._on_process_output()
        if self._is_late and self._wish is not None:
            self._end(ok=False, text=f"It was ended by force after {self._wish.timeout_s:g} s.")
        elif status == QProcess.ExitStatus.CrashExit:
            self._end(ok=False, text="It crashed.")
        else:
            after = f"{time.monotonic() - self._began_at:.1f} s"
            self._end(ok=code == 0, text=f"It ended with code {code} after {after}.")

    def _end(self, *, ok: bool, text: str) -> None:
        process, self._process = self._process, None
        wish, self._wish = self._wish, None
        self._timer.stop()
        if process is not None:
            process.deleteLater()
        said = self._output.decode("utf-8", "replace").strip()
        if wish is not None:
            self.ended.emit(ProgramEnd(wish, ok, f"{text} It said: {said}" if said else text))
        self._start_next()
