"""The size of a dialog when it opens: what it would like, within what the screen has.

Must not know any dialog.
"""

from __future__ import annotations

from PySide6.QtWidgets import QStyle, QWidget


def resize_within_screen(window: QWidget, wide: int, high: int) -> None:
    """Give a window this size, or as much of it as its screen has beside bars and the window's own frame."""
    screen = window.screen()
    if screen is None:
        window.resize(wide, high)
        return
    room = screen.availableGeometry()
    title = window.style().pixelMetric(QStyle.PixelMetric.PM_TitleBarHeight, None, window)
    frame = window.style().pixelMetric(QStyle.PixelMetric.PM_MdiSubWindowFrameWidth, None, window)
    window.resize(min(wide, room.width() - 2 * frame), min(high, room.height() - title - 2 * frame))
