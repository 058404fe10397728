"""A thin bar that tells how much of a list has been read; nothing moves when it comes or goes."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QProgressBar, QWidget

from prismq_gui.theme import Theme

SHOW_AFTER_MS = 200  # shorter readings would only flicker


class ScanBar(QProgressBar):
    """Shown while a list is being read for longer than a moment. GUI thread."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(0, 1_000)
        self.setTextVisible(False)
        self.setFixedHeight(max(2, theme.space(0.75)))
        self.setAccessibleName("Reading the list")
        policy = self.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.setSizePolicy(policy)
        self._timer = QTimer(self, singleShot=True, interval=SHOW_AFTER_MS)
        self._timer.timeout.connect(self.show)
        self.hide()

    def set_progress(self, progress: float, complete: bool) -> None:
        """Show how far it is, from 0 to 1."""
        self.setValue(round(progress * 1_000))
        if complete:
            self._timer.stop()
            self.hide()
        elif not self.isVisible() and not self._timer.isActive():
            self._timer.start()
