"""The icon beside the clock, and the messages that come from it.

Owns when the icon is there: from the first message on, until the window closes. Where the desktop has no such place it
does nothing.
"""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMenu, QSystemTrayIcon, QWidget

from prismq_gui.views.alert_texts import Message, literal

SHOWN_MS = 10_000


class AlertTray(QObject):
    """One for a window. GUI thread. ``clicked`` carries the Message that was shown last, or None."""

    clicked = Signal(object)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._icon: QSystemTrayIcon | None = None
        self._menu: QMenu | None = None
        self._last: Message | None = None

    def show(self, message: Message) -> bool:
        """Show a message; return whether there is a place for it."""
        if not QSystemTrayIcon.isSystemTrayAvailable() or not QSystemTrayIcon.supportsMessages():
            return False
        icon = self._shown()
        self._last = message
        title, text = message.title, message.text
        if sys.platform != "win32":  # there it is plain text
            title, text = literal(title), literal(text)
        kind = QSystemTrayIcon.MessageIcon.Warning if message.alarm else QSystemTrayIcon.MessageIcon.Information
        icon.showMessage(title, text, kind, SHOWN_MS)
        return True

    def tell_count(self, raised: int) -> None:
        """Say in the icon's tooltip how much is raised; nothing of a queue file stands there."""
        if self._icon is not None:
            words = "1 alert is raised" if raised == 1 else f"{raised} alerts are raised" if raised else "no alert"
            self._icon.setToolTip(f"PrismQ: {words}")

    def close(self) -> None:
        """Take the icon away."""
        icon, self._icon = self._icon, None
        if icon is not None:
            icon.hide()
            icon.deleteLater()
        menu, self._menu = self._menu, None
        if menu is not None:
            menu.deleteLater()

    def _shown(self) -> QSystemTrayIcon:
        if self._icon is None:
            icon = self._icon = QSystemTrayIcon(self._window.windowIcon(), self)
            self._menu = QMenu(self._window)
            self._menu.addAction("Show &alerts").triggered.connect(lambda _checked: self.clicked.emit(None))
            self._menu.addAction("&Hide this icon").triggered.connect(lambda _checked: self.close())
            icon.setContextMenu(self._menu)
            icon.messageClicked.connect(lambda: self.clicked.emit(self._last))
            icon.activated.connect(self._on_icon_activated)
            icon.show()
        return self._icon

    def _on_icon_activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason == QSystemTrayIcon.ActivationReason.Trigger:
            self.clicked.emit(None)
