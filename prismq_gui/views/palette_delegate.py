"""Painting one entry of the command palette: icon, title with the typed letters marked, what is beside it, its key.

All text is painted as text. Must not know what an entry does.
"""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from prismq_gui.theme import Theme
from prismq_gui.views.palette_entries import Match

ENTRY_ROLE = Qt.ItemDataRole.UserRole
_MIDDLE = Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
Index = QModelIndex | QPersistentModelIndex


class PaletteDelegate(QStyledItemDelegate):
    """Paints the rows of a palette. GUI thread."""

    def __init__(self, theme: Theme, view: QListView) -> None:
        super().__init__(view)
        self._theme = theme
        self._view = view

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """Return the height of a row; its width is the list's."""
        return QSize(0, self._view.fontMetrics().height() + self._theme.space(3))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one entry."""
        match = index.data(ENTRY_ROLE)
        if not isinstance(match, Match):
            return
        theme, rect = self._theme, cast(QRect, option.rect)  # type: ignore[attr-defined]
        state = cast(QStyle.StateFlag, option.state)  # type: ignore[attr-defined]
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            chosen = bool(state & QStyle.StateFlag.State_Selected)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("selection" if chosen else "hover"))
            painter.drawRoundedRect(rect, theme.space(1), theme.space(1))
        room = rect.adjusted(theme.space(2), 0, -theme.space(2), 0)
        self._paint_icon(painter, room, match)
        room.setLeft(room.left() + theme.space(6))
        room.setRight(self._paint_key(painter, room, match))
        room.setLeft(self._paint_title(painter, room, match))
        self._paint_beside(painter, room, match)
        painter.restore()

    def _paint_icon(self, painter: QPainter, room: QRect, match: Match) -> None:
        name = "circle-check" if match.entry.is_on else match.entry.icon
        if not name:
            return
        edge = self._theme.icon_size()
        role = "accent" if match.entry.is_on and not match.entry.reason else "muted"
        pixmap = self._theme.pixmap(name, role, edge, self._view)
        painter.drawPixmap(room.left(), room.top() + (room.height() - edge) // 2, pixmap)

    def _paint_key(self, painter: QPainter, room: QRect, match: Match) -> int:
        """Paint the shortcut as a key's cap at the right; return where the rest ends."""
        keys = match.entry.shortcut
        if not keys:
            return room.right()
        font, space = self._theme.font("small"), self._theme.space
        metrics = QFontMetrics(font)
        wide, high = metrics.horizontalAdvance(keys) + space(3), metrics.height() + space(1)
        cap = QRect(room.right() - wide, room.center().y() - high // 2, wide, high)
        painter.setFont(font)
        painter.setBrush(self._theme.colour("window"))
        painter.setPen(self._theme.colour("border"))
        painter.drawRoundedRect(cap, space(1), space(1))
        painter.setPen(self._theme.colour("muted"))
        painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, keys)
        return cap.left() - space(2)

    def _paint_title(self, painter: QPainter, room: QRect, match: Match) -> int:
        """Paint the title, the letters that were typed in the accent's colour and bold; return where it ends."""
        base, bold = self._theme.font("base"), self._theme.font("base")
        bold.setWeight(QFont.Weight.Bold)
        off = bool(match.entry.reason)
        x, places = room.left(), set(match.places)
        title = match.entry.title
        for marked, part in _parts(title, places):
            font = bold if marked else base
            metrics = QFontMetrics(font)
            shown = metrics.elidedText(part, Qt.TextElideMode.ElideRight, max(0, room.right() - x))
            painter.setFont(font)
            painter.setPen(self._theme.colour("muted" if off else "accent" if marked else "text"))
            painter.drawText(QRect(x, room.top(), max(0, room.right() - x), room.height()), _MIDDLE, shown)
            x += metrics.horizontalAdvance(shown)
            if shown != part:
                return room.right()
        return x + self._theme.space(3)

    def _paint_beside(self, painter: QPainter, room: QRect, match: Match) -> None:
        told = f"Off: {match.entry.reason}" if match.entry.reason else match.entry.beside
        if not told or room.width() < self._theme.space(10):
            return
        font = self._theme.font("small")
        painter.setFont(font)
        painter.setPen(self._theme.colour("muted"))
        cut = QFontMetrics(font).elidedText(told, Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room, _RIGHT, cut)


def _parts(title: str, places: set[int]) -> list[tuple[bool, str]]:
    """Return a title as stretches of letters that are marked or not."""
    parts: list[tuple[bool, str]] = []
    for place, letter in enumerate(title):
        marked = place in places
        if parts and parts[-1][0] == marked:
            parts[-1] = (marked, parts[-1][1] + letter)
        else:
            parts.append((marked, letter))
    return parts
