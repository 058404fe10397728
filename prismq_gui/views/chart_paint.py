"""What a line chart is painted with: pens, markers, axes, grounds and lines that break where nothing is known.

Owns the drawing of each piece into a plot. Must not know widgets or what is plotted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from prismq_gui.theme import Theme
from prismq_gui.views.chart_scale import short_number, time_text, time_ticks, value_ticks

PENS = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)
MARKERS = ("circle", "square", "triangle", "diamond")
_LINE_PX = 2.0


@dataclass(frozen=True, slots=True)
class Plot:
    """Where stretches and values lie. ``most`` is the largest value."""

    room: QRectF
    since_s: float
    width_s: float
    count: int
    most: float

    @property
    def top(self) -> float:
        """The value at the upper edge."""
        return self.ticks()[-1]

    def ticks(self) -> tuple[float, ...]:
        """Return the values that have a line."""
        return value_ticks(self.most, 4 if self.room.height() > 100 else 2)

    def left(self, stretch: float) -> float:
        """Return where a stretch begins."""
        return self.room.left() + self.room.width() * stretch / max(1, self.count)

    def x(self, stretch: int) -> float:
        """Return the middle of a stretch."""
        return self.left(stretch + 0.5)

    def y(self, value: float) -> float:
        """Return the height of a value."""
        return self.room.bottom() - self.room.height() * min(value / self.top, 1.0)

    def stretch_at(self, x: float) -> int | None:
        """Return the stretch at a place, the nearest one beside the plot; None without any."""
        if not self.count or self.room.width() <= 0:
            return None
        at = int((x - self.room.left()) / self.room.width() * self.count)
        return min(max(at, 0), self.count - 1)


def paint_grounds(painter: QPainter, plot: Plot, rebuilt: Sequence[bool], theme: Theme) -> None:
    """Hatch the stretches that were rebuilt, not watched."""
    brush = QBrush(theme.colour("border"), Qt.BrushStyle.BDiagPattern)
    for first, last in _runs(rebuilt):
        left = plot.left(first)
        painter.fillRect(QRectF(left, plot.room.top(), plot.left(last + 1) - left, plot.room.height()), brush)


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    first = None
    for at, flag in enumerate([*flags, False]):
        if flag and first is None:
            first = at
        elif not flag and first is not None:
            yield first, at - 1
            first = None


def paint_axes(painter: QPainter, plot: Plot, theme: Theme) -> None:
    """Draw the grid and name values and times."""
    font, step, room = theme.font("small"), theme.space(1), plot.room
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    for value in plot.ticks():
        y = round(plot.y(value)) + 0.5
        painter.setPen(QPen(theme.colour("border"), 1))
        painter.drawLine(QLineF(room.left(), y, room.right(), y))
        painter.setPen(theme.colour("muted"))
        place = QRectF(0, y - metrics.height() / 2, room.left() - step, metrics.height())
        painter.drawText(place, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), short_number(value))
    if not plot.count:
        return
    until = plot.since_s + plot.count * plot.width_s
    days = until - plot.since_s > 2 * 86_400
    wide = metrics.horizontalAdvance(time_text(until, days=days)) * 1.6
    for moment in time_ticks(plot.since_s, until, max(1, int(room.width() / wide))):
        x = plot.left((moment - plot.since_s) / plot.width_s)
        text = time_text(moment, days=days)
        half = metrics.horizontalAdvance(text) / 2 + 1
        place = QRectF(min(x - half, room.right() + step - 2 * half), room.bottom() + step, 2 * half, metrics.height())
        painter.setPen(QPen(theme.colour("border"), 1))
        painter.drawLine(QLineF(x, room.bottom(), x, room.bottom() + step))
        painter.setPen(theme.colour("muted"))
        painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), text)


def paint_lines(
    painter: QPainter, plot: Plot, lines: Sequence[Sequence[float | None]], colours: Sequence[str], cursor: int | None
) -> None:
    """Draw each line with its own pen, and its marker at the cursor or at its end."""
    for number, values in enumerate(lines):
        pen = QPen(QColor(colours[number]), _LINE_PX, PENS[number])
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        for points in broken(plot, values):
            if len(points) == 1:  # alone between two gaps: a dot, or it would not be seen
                draw_marker(painter, MARKERS[number], points[0], _LINE_PX, colours[number])
                continue
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolyline(QPolygonF(points))
        at = cursor if cursor is not None else _last_known(values)
        value = values[at] if at is not None else None
        if at is not None and value is not None:
            draw_marker(painter, MARKERS[number], QPointF(plot.x(at), plot.y(value)), 3.5, colours[number])


def broken(plot: Plot, values: Sequence[float | None]) -> Iterator[list[QPointF]]:
    """Yield the points of each part of a line between two gaps."""
    part: list[QPointF] = []
    for at, value in enumerate(values):
        if value is not None:
            part.append(QPointF(plot.x(at), plot.y(value)))
        elif part:
            yield part
            part = []
    if part:
        yield part


def _last_known(values: Sequence[float | None]) -> int | None:
    return next((at for at in range(len(values) - 1, -1, -1) if values[at] is not None), None)


def draw_marker(painter: QPainter, shape: str, middle: QPointF, radius: float, colour: str) -> None:
    """Draw a filled shape."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    if shape == "circle":
        painter.drawEllipse(middle, radius, radius)
        return
    corners = {
        "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
        "triangle": ((0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)),
        "diamond": ((0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)),
    }[shape]
    painter.drawPolygon(QPolygonF([middle + QPointF(x * radius, y * radius) for x, y in corners]))
