"""Painting the text around a match, with the match marked; where the column is narrow, the match stays in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter

from prismq_gui.models.search_model import SEARCH_COLUMNS, MatchText
from prismq_gui.views.row_delegate import ColumnLook, RowDelegate, Stretch

_SNIPPET = next(place for place, column in enumerate(SEARCH_COLUMNS) if column.key == "snippet")
_BEFORE_SHARE = 0.3  # of the column's width that the text before a match may take


class SearchDelegate(RowDelegate):
    """Paints the rows of a search. GUI thread."""

    def set_looks(self, looks: Sequence[ColumnLook]) -> None:
        """Say how each column is painted; the text is of fixed pitch."""
        super().set_looks([replace(look, mono=True) if place == _SNIPPET else look for place, look in enumerate(looks)])

    def _paint_text(self, painter: QPainter, top: int, height: int, stretch: Stretch, text: str) -> None:
        if isinstance(text, MatchText) and text.length:
            left, width = stretch.x + self._padding, stretch.width - 2 * self._padding
            text = self.fitted(text, width)
            metrics = self._metrics[True]
            begin = metrics.horizontalAdvance(text[: text.start])
            end = min(width, metrics.horizontalAdvance(text[: text.start + text.length]))
            if end > begin:
                room = (height - metrics.height()) / 2
                rect = QRectF(left + begin - 1, top + room - 1, end - begin + 2, metrics.height() + 2)
                painter.setPen(self._theme.colour("warning"))  # a mark also for who sees no difference of ground
                painter.setBrush(self._theme.colour("warning_ground"))
                painter.drawRoundedRect(rect, 2, 2)
                painter.setPen(self._text_pen)
        super()._paint_text(painter, top, height, stretch, text)

    def fitted(self, text: MatchText, width: int) -> MatchText:
        """Return the text without so much of its beginning that the match is in a column of this width."""
        metrics = self._metrics[True]
        if metrics.horizontalAdvance(text[: text.start + text.length]) <= width:
            return text
        kept = max(0, int(width * _BEFORE_SHARE / max(1, metrics.averageCharWidth())) - 1)
        dropped = text.start - kept
        if dropped <= 0:
            return text
        return MatchText(f"…{text[dropped:]}", text.start - dropped + 1, text.length)
