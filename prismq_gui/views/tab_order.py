"""The order in which Tab goes through widgets: as they stand, not as they were made.

Must not know any page.
"""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget


def focus_first_in(page: QWidget, table: QWidget) -> QWidget | None:
    """Give the keyboard to the table of a page, or where that is out of view to the first widget that can have it.

    Returns the one that has it, None where nothing in the page can.
    """
    stop: QWidget | None = table if table.isVisibleTo(page) else page.nextInFocusChain()
    while stop is not None and stop is not page:
        takes = stop.focusPolicy() & Qt.FocusPolicy.TabFocus
        if takes and stop.isEnabled() and page.isAncestorOf(stop) and stop.isVisibleTo(page):
            stop.setFocus(Qt.FocusReason.OtherFocusReason)
            return stop
        stop = stop.nextInFocusChain()
    return None


def tab_in_order(*stops: QWidget) -> None:
    """Let Tab go from each of these to the next."""
    for before, after in pairwise(stops):
        QWidget.setTabOrder(before, after)
