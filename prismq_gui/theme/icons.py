"""Icons drawn from the program's SVG files in the colour of the moment.

Owns reading, colouring and caching. GUI thread only.
"""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from prismq_gui.resources import resource_path

# Physical pixels: 16, 20 and 24 at 100, 125, 150, 200 and 300 %, so that no size is scaled up.
SIZES_PX = (16, 20, 24, 32, 40, 48, 64, 96)


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


def make_icon(name: str, colour: str, disabled_colour: str) -> QIcon:
    """Return an icon with a normal and a disabled look."""
    icon = QIcon()
    for mode, shade in ((QIcon.Mode.Normal, colour), (QIcon.Mode.Disabled, disabled_colour)):
        renderer = QSvgRenderer(QByteArray(svg_bytes(name, shade)))
        for size_px in SIZES_PX:
            icon.addPixmap(render_pixmap(renderer, size_px), mode)
    return icon
