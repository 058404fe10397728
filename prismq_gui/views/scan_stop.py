"""What a list says while it is being read and after that was stopped, and the button that stops it and goes on."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QToolButton, QWidget

from prismq_gui.models.id_table_model import IdTableModel
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.scan_bar import SHOW_AFTER_MS
from prismq_gui.views.status_chips import thousands

NOTHING_SO_FAR = "Stopped: nothing found so far"
LONG_ENOUGH_MS = 2 * SHOW_AFTER_MS  # a button that comes and goes within a moment can't be meant


def scan_words(model: IdTableModel, noun: str) -> str:
    """Return how many rows there are, and how much was looked at where that is not all."""
    count = f"{thousands(model.count)} {noun}{'' if model.count == 1 else 's'}"
    if model.is_complete:
        return count
    share = f"{min(99, int(model.progress * 100))} %"
    if model.is_sorting:
        head = f"first {thousands(model.count)} so far" if model.is_leading else count
        return f"{head} · {'stopped' if model.is_stopped else 'sorting'}: {share} read"
    if model.is_stopped:
        return f"{count} · stopped: {share} looked at"
    return f"{count} so far" + (f" · {share} looked at" if model.progress > 0 else "")


def nothing_so_far(model: IdTableModel, nouns: str) -> str:
    """Return what a stopped search without rows says."""
    return f"{min(99, int(model.progress * 100))} % of the {nouns} were looked at. “Go on” looks at the rest."


class ScanStop(QToolButton):
    """Shown while a model's rows are being read for longer than a moment, and while that is stopped. GUI thread."""

    def __init__(self, theme: Theme, model: IdTableModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._model = model
        set_role(self, "chip")
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._timer = QTimer(self, singleShot=True, interval=LONG_ENOUGH_MS)
        self._timer.timeout.connect(self.show)
        self.clicked.connect(self._on_self_clicked)
        model.progress_changed.connect(self._on_model_progress_changed)
        self._say(stopped=False)
        self.hide()

    def _on_self_clicked(self) -> None:
        if self._model.is_stopped:
            self._model.go_on()
        else:
            self._model.stop()

    def _on_model_progress_changed(self, progress: float, complete: bool) -> None:
        stopped = self._model.is_stopped
        if complete or (progress == 0.0 and not stopped):
            self._timer.stop()
            self.hide()
        elif stopped:
            self._timer.stop()
            self.show()
        elif not self.isVisible() and not self._timer.isActive():
            self._timer.start()
        if stopped != self._is_saying_stopped:
            self._say(stopped=stopped)

    def _say(self, *, stopped: bool) -> None:
        self._is_saying_stopped = stopped
        self.setText(" Go on" if stopped else " Stop")
        self._theme.bind_icon(self, "play" if stopped else "x")
        self.setToolTip(
            "Look at the rest too." if stopped else "Look no further: what was found stays, a sort is given up."
        )
        self.setAccessibleName("Go on reading the list" if stopped else "Stop reading the list")
