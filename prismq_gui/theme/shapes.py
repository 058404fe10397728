"""The shape of each status: told apart without colour.

Owns the outlines only. A ring waits, a triangle runs, a tick is done, a cross failed, a filled
square is dead, a dash is cancelled, a diamond is something this program does not know.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from prismq_gui.insight.states import StatusKind as Status


def _lines(*points: tuple[float, float]) -> QPainterPath:
    path = QPainterPath(QPointF(*points[0]))
    for point in points[1:]:
        path.lineTo(QPointF(*point))
    return path


def _ring() -> QPainterPath:
    path = QPainterPath()
    path.addEllipse(QRectF(0.16, 0.16, 0.68, 0.68))
    return path


def _cross() -> QPainterPath:
    path = _lines((0.2, 0.2), (0.8, 0.8))
    path.addPath(_lines((0.8, 0.2), (0.2, 0.8)))
    return path


def _polygon(*points: tuple[float, float]) -> QPainterPath:
    path = QPainterPath()
    path.addPolygon(QPolygonF([QPointF(*point) for point in points]))
    path.closeSubpath()
    return path


# (outline in the unit square, whether it is filled)
_SHAPES = {
    Status.WAITING: (_ring, False),
    Status.RUNNING: (lambda: _polygon((0.24, 0.12), (0.88, 0.5), (0.24, 0.88)), True),
    Status.COMPLETED: (lambda: _lines((0.14, 0.54), (0.4, 0.8), (0.88, 0.24)), False),
    Status.FAILED: (_cross, False),
    Status.DEAD: (lambda: _polygon((0.14, 0.14), (0.86, 0.14), (0.86, 0.86), (0.14, 0.86)), True),
    Status.CANCELLED: (lambda: _lines((0.12, 0.5), (0.88, 0.5)), False),
    Status.OTHER: (lambda: _polygon((0.5, 0.06), (0.94, 0.5), (0.5, 0.94), (0.06, 0.5)), False),
}


def draw_shape(painter: QPainter, status: Status, rect: QRectF, colour: QColor) -> None:
    """Draw the shape of a status into a square."""
    outline, filled = _SHAPES[status]
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(rect.topLeft())
    painter.scale(rect.width(), rect.height())
    pen = QPen(colour, 0.08 if filled else 0.17)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(colour if filled else Qt.BrushStyle.NoBrush)
    painter.drawPath(outline())
    painter.restore()


def shape_pixmap(status: Status, size: int, ratio: float, colour: str) -> QPixmap:
    """Return the shape as a pixmap of ``size`` device-independent pixels at a device pixel ratio."""
    pixmap = QPixmap(max(1, round(size * ratio)), max(1, round(size * ratio)))
    pixmap.fill(Qt.GlobalColor.transparent)
    pixmap.setDevicePixelRatio(ratio)
    painter = QPainter(pixmap)
    draw_shape(painter, status, QRectF(0, 0, size, size), QColor(colour))
    painter.end()
    return pixmap
