"""Saving the payload, compatibility or error of a task to a file: asks where, shows how far it is, tells the end.

Owns the question and the progress. Must not know how a cell is read.
"""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QProgressDialog, QWidget

from prismq_gui.insight.cell_file import Saved
from prismq_gui.polling.look_wishes import LookKind, SaveWish
from prismq_gui.polling.looking import Look, LookDesk, LookFailed
from prismq_gui.views.plain_text import one_line

_SHOWN_AFTER_MS = 500
_STEPS = 1_000
_FILTERS = {"error_message": "Text (*.txt);;All files (*)"}
_JSON = "JSON (*.json);;All files (*)"
_ENDINGS = {"error_message": ".txt"}


class ValueSaver(QObject):
    """One for a window. GUI thread. ``told`` carries a sentence for the status line, ``failed`` a Problem."""

    told = Signal(str)
    failed = Signal(object)

    def __init__(self, desk: LookDesk, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk = desk
        self._window = parent
        self._number = 0
        self._wish: SaveWish | None = None
        self.progress: QProgressDialog | None = None
        desk.told.connect(self._on_desk_told)
        desk.failed.connect(self._on_desk_failed)

    def ask(self, task_id: int, column: str, queue: Path) -> None:
        """Ask for a file, then save into it."""
        name = f"{queue.stem} task {task_id} {column.removesuffix('_message')}{_ENDINGS.get(column, '.json')}"
        start = str(queue.parent / re.sub(r'[<>:"/\\|?*]', "_", name))
        title = f"Save the {column.replace('_', ' ')} of task {task_id}"
        chosen, _filter = QFileDialog.getSaveFileName(self._window, title, start, _FILTERS.get(column, _JSON))
        if chosen:
            self.save(task_id, column, Path(chosen))

    def save(self, task_id: int, column: str, target: Path) -> None:
        """Save into this file, in place of what is saved at the moment."""
        self._end()
        self._wish = SaveWish(task_id, column, target)
        self._number = self._desk.ask(self._wish)
        if self._number == 0:
            return
        progress = QProgressDialog(f"Saving to {one_line(target.name)}…", "&Stop", 0, _STEPS, self._window)
        progress.setWindowTitle("Save to a file")
        progress.setWindowModality(Qt.WindowModality.WindowModal)
        progress.setMinimumDuration(_SHOWN_AFTER_MS)
        progress.setAutoClose(False)
        progress.setAutoReset(False)
        progress.setValue(0)
        progress.canceled.connect(self._on_progress_canceled)
        self.progress = progress

    def _on_desk_told(self, look: Look) -> None:
        if look.kind is not LookKind.SAVE or look.number != self._number or not isinstance(look.answer, Saved):
            return
        saved = look.answer
        if saved.done_bytes < saved.total_bytes:
            if self.progress is not None:
                self.progress.setValue(_STEPS * saved.done_bytes // saved.total_bytes)
            return
        self._end()
        self.told.emit(f"Saved {saved.total_bytes:,} bytes to {one_line(str(saved.target))}.")

    def _on_desk_failed(self, failure: LookFailed) -> None:
        if failure.kind is LookKind.SAVE and failure.number == self._number:
            self._end()
            self.failed.emit(failure.problem)

    def _on_progress_canceled(self) -> None:
        wish = self._wish
        self._desk.stop(LookKind.SAVE)
        self._end()
        if wish is not None:
            self.told.emit(f"Stopped. {one_line(wish.target.name)} was not written.")

    def _end(self) -> None:
        self._number = 0
        progress, self.progress = self.progress, None
        if progress is not None:
            progress.canceled.disconnect(self._on_progress_canceled)
            progress.close()
            progress.deleteLater()
