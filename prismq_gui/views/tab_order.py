"""The order in which Tab goes through widgets: as they stand, not as they were made.

Must not know any page.
"""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtWidgets import QWidget


def tab_in_order(*stops: QWidget) -> None:
    """Let Tab go from each of these to the next."""
    for before, after in pairwise(stops):
        QWidget.setTabOrder(before, after)
