"""The menu of the files that were open last, as the settings remember them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction

from prismq_gui.actions.registry import Place
from prismq_gui.views.plain_text import no_mnemonic, one_line, tooltip

if TYPE_CHECKING:
    from prismq_gui.views.main_window import MainWindow


def fill_menu(window: MainWindow) -> None:
    """Put an entry for each file above what empties the list."""
    menu = window.actions_.menu(Place.RECENT)
    keep = window.actions_["clear_recent"]
    for old in menu.actions():
        if old is not keep and not old.isSeparator():
            menu.removeAction(old)
            old.deleteLater()
    for number, text in enumerate(window.settings.recent_files, start=1):
        path = Path(text)
        name, folder = no_mnemonic(one_line(path.name)), no_mnemonic(one_line(str(path.parent)))
        entry = QAction(f"&{number % 10} {name}  —  {folder}", menu)
        entry.setToolTip(tooltip(text))
        entry.triggered.connect(lambda _checked, path=path: window.open_path(path))
        menu.insertAction(menu.actions()[-1] if number == 1 else keep, entry)
