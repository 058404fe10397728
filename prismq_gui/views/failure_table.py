"""The table of groups, with the course of each painted into its row."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent

from prismq_gui.insight.failure_messages import FailureGroup, Trend
from prismq_gui.models.failure_table_model import TREND, FailureTableModel
from prismq_gui.theme import Theme
from prismq_gui.views.table_view import BigTableView


class FailureTable(BigTableView):
    """Rows as any big table's; beside the word of the trend stand its hours as columns. GUI thread."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows, then the hours of those in view."""
        super().paintEvent(event)
        model = self.model()
        if not isinstance(model, FailureTableModel):
            return
        stretch = next((each for each in self._columns.stretches(event.rect()) if each.column == TREND), None)
        if stretch is None:
            return
        space = self._theme.space
        metrics = QFontMetrics(self._theme.font("base"))
        word = max(metrics.horizontalAdvance(trend.value) for trend in Trend)
        left = stretch.x + word + space(4)
        width = stretch.x + stretch.width - space(2) - left
        if width < space(6):
            return
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        height = self.verticalHeader().defaultSectionSize()
        first, last = self.visible_rows()
        for row in range(first, last + 1):
            group = model.group(row)
            if group is not None:
                top = self.rowViewportPosition(row)
                rect = QRectF(left, top + space(1), width, height - 2 * space(1))
                paint_hours(painter, rect, group.buckets, colour_of(group, self._theme), self._theme.colour("border"))


def colour_of(group: FailureGroup, theme: Theme) -> QColor:
    """Return the colour of a group's course: that of a warning where it rises."""
    return theme.colour("danger" if group.trend is Trend.RISING else "muted")


def paint_hours(painter: QPainter, rect: QRectF, counts: Sequence[int], colour: QColor, ground: QColor) -> None:
    """Paint counts as columns on a line, the highest as high as there is room; a count above 0 is always seen."""
    most = max(counts, default=0)
    base = round(rect.bottom())
    painter.fillRect(QRectF(rect.left(), base, rect.width(), 1), ground)
    if not most:
        return
    step = rect.width() / len(counts)
    for number, count in enumerate(counts):
        if count:
            high = max(2.0, rect.height() * count / most)
            corner = QPointF(round(rect.left() + number * step), base - round(high))
            wide = max(1.0, round(step) - (1 if step >= 3 else 0))
            painter.fillRect(QRectF(corner, QPointF(corner.x() + wide, base)), colour)
