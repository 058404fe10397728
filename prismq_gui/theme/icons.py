"""Icons drawn from the program's SVG files in the colour of the moment.

Owns reading, colouring and caching. GUI thread only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from prismq_gui.resources import resource_path

# Device-independent pixels. Each is drawn for the screens there are alone: for all usual scales the icons of a window
# would take 50 ms of its start.
SIZES = (16, 20, 24)


def svg_bytes(name: str, colour: str) -> bytes:
    """Return an icon's SVG with its strokes in ``colour``."""
    text = resource_path("icons", f"{name}.svg").read_text(encoding="utf-8")
    return text.replace("currentColor", colour).encode("utf-8")


def render_pixmap(renderer: QSvgRenderer, size_px: int) -> QPixmap:
    """Render an SVG into a square of physical pixels."""
    pixmap = QPixmap(size_px, size_px)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(0, 0, size_px, size_px))
    painter.end()
    return pixmap


def make_icon(name: str, colour: str, disabled_colour: str, ratios: Iterable[float] = (1.0,)) -> QIcon:
    """Return an icon with a normal and a disabled look, sharp on screens with these numbers of pixels to a point."""
    icon = QIcon()
    sizes_px = sorted({math.ceil(size * ratio) for ratio in ratios for size in SIZES})
    for mode, shade in ((QIcon.Mode.Normal, colour), (QIcon.Mode.Disabled, disabled_colour)):
        renderer = QSvgRenderer(QByteArray(svg_bytes(name, shade)))
        for size_px in sizes_px:
            icon.addPixmap(render_pixmap(renderer, size_px), mode)
    return icon


def make_pixmap(name: str, colour: str, size: int, ratio: float) -> QPixmap:
    """Return an icon as a pixmap of ``size`` device-independent pixels, each of them ``ratio`` physical ones wide."""
    pixmap = render_pixmap(QSvgRenderer(QByteArray(svg_bytes(name, colour))), math.ceil(size * ratio))
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
