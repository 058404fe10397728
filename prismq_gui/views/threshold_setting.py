"""The thresholds in force: taken from the settings, handed to the engine, changed by the dialog.

Owns when they are handed on. What they mean is insight's part, how they are kept settings'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from prismq_gui.file_thresholds import own, with_own
from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.settings import Settings
from prismq_gui.theme import Theme

if TYPE_CHECKING:
    from prismq_gui.views.main_window import MainWindow
    from prismq_gui.views.thresholds_dialog import ThresholdsDialog


class ThresholdSetting(QObject):
    """One for a window. GUI thread. ``keep`` takes settings that are to be remembered."""

    def __init__(self, window: MainWindow, theme: Theme, keep: Callable[[Settings], None]) -> None:
        super().__init__(window)
        self._window = window
        self._theme = theme
        self._keep = keep
        self._in_force: Thresholds | None = None
        self.dialog: ThresholdsDialog | None = None
        window.session.changed.connect(self.apply)

    def apply(self) -> None:
        """Hand on what holds for the file that is wanted; before it is open, so that nothing is judged by others."""
        wanted = self._window.settings.thresholds_of(self._window.session.path)
        if wanted != self._in_force:
            self._in_force = wanted
            self._window.engine.set_thresholds(wanted)

    def ask(self) -> None:
        """Show the dialog; the one that is open already where there is one."""
        if self.dialog is not None:
            self.dialog.raise_()
            self.dialog.activateWindow()
            return
        from prismq_gui.views.thresholds_dialog import ThresholdsDialog  # noqa: PLC0415 - only when asked for

        settings, path = self._window.settings, self._window.session.path
        name = path.name if path is not None else ""
        dialog = ThresholdsDialog(
            self._theme, settings.thresholds, own(settings.file_thresholds, path), name, self._window
        )
        dialog.chosen.connect(lambda thresholds, for_file: self._set(path if for_file else None, thresholds))
        dialog.finished.connect(self._on_dialog_finished)
        self.dialog = dialog
        dialog.open()

    def _set(self, path: Path | None, thresholds: Thresholds | None) -> None:
        settings = self._window.settings
        if path is None:
            settings = replace(settings, thresholds=thresholds or Thresholds())
        else:
            settings = replace(settings, file_thresholds=with_own(settings.file_thresholds, path, thresholds))
        self._keep(settings)
        self.apply()

    def _on_dialog_finished(self, _result: int) -> None:
        self.dialog = None
