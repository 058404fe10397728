"""Whether indexes of searches are kept, and where: taken from the settings, handed to the engine and the search page.

Owns the folder. Must not make an index, nor read a file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from prismq_gui.settings import Settings

if TYPE_CHECKING:
    from prismq_gui.views.main_window import MainWindow
    from prismq_gui.views.search_page import SearchPage


class IndexSetting(QObject):
    """One for a window. GUI thread. ``keep`` takes settings that are to be remembered."""

    def __init__(self, window: MainWindow, keep: Callable[[Settings], None]) -> None:
        super().__init__(window)
        self._window = window
        self._keep = keep
        self.folder: Path | None = None

    def start(self, page: SearchPage) -> None:
        """Keep an index of the file that is open, where that is wanted and there is a folder for it."""
        wanted = self._window.settings.search_index
        self._window.engine.search.index_folder = self.folder
        page.index_bar.set_has_folder(self.folder is not None)
        page.index_bar.set_on(wanted)
        self._window.engine.search.set_index_on(wanted)

    def switch(self, on: bool) -> None:
        """Keep indexes from now on, or none."""
        self._keep(replace(self._window.settings, search_index=on))
        self._window.engine.search.set_index_on(on)
