"""A chart of lines over time, painted by hand: gaps stay gaps, exact values by mouse and by keys.

Owns how points are drawn and told. Must not know what they mean: it takes names, values and how they were come by.
The choice against chart libraries is told in docs/charts.md.
"""

# ruff: noqa: N802 -- overrides of Qt

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from prismq_gui.theme import Theme
from prismq_gui.theme.chart_colours import chart_colours
from prismq_gui.views.chart_paint import MARKERS, PENS, Plot, draw_marker, paint_axes, paint_grounds, paint_lines
from prismq_gui.views.chart_scale import time_text

UNKNOWN = "not known"
REBUILT = "rebuilt"


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name and a value a stretch, None where it is not known."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class ChartData:
    """Lines over stretches of equal width. ``rebuilt`` says which stretches were not watched but worked out later."""

    since_s: float
    width_s: float
    series: tuple[Series, ...]
    rebuilt: tuple[bool, ...]

    @property
    def count(self) -> int:
        """How many stretches there are."""
        return len(self.rebuilt)


READING = "Reading…"
_NO_DATA = ChartData(0.0, 1.0, (), ())


class LineChart(QWidget):
    """At most four lines. GUI thread. ``pointed_changed`` carries the number of the stretch under the cursor, or None.

    ``tell`` words a value exactly; the legend shows the values of the cursor, without one the latest that are known.
    """

    pointed_changed = Signal(object)

    def __init__(self, theme: Theme, title: str, tell: Callable[[float], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._title = title
        self._tell = tell
        self._data = _NO_DATA
        self._cursor: int | None = None
        self._empty_text = READING
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(title)
        theme.changed.connect(self.update)

    # -- what is shown

    def set_data(self, data: ChartData, empty_text: str = "") -> None:
        """Show these points; the cursor stays at its moment. ``empty_text`` is told where nothing is known."""
        moment = None if self._cursor is None else self._data.since_s + self._cursor * self._data.width_s
        same_width = self._data.width_s == data.width_s
        self._data, self._empty_text = data, empty_text
        cursor = round((moment - data.since_s) / data.width_s) if moment is not None and same_width else None
        self._cursor = cursor if cursor is not None and 0 <= cursor < data.count else None
        self._describe()
        self.update()

    @property
    def data(self) -> ChartData:
        """The points as shown."""
        return self._data

    @property
    def pointed(self) -> int | None:
        """The stretch whose values are told; None: the latest known."""
        return self._cursor

    def point_at(self, cursor: int | None) -> None:
        """Tell the values of a stretch."""
        if cursor != self._cursor:
            self._cursor = cursor
            self._describe()
            self.update()
            self.pointed_changed.emit(cursor)

    def legend(self) -> tuple[tuple[str, str], ...]:
        """Return each line's name and the value told of it."""
        return tuple((series.name, self._value(series)) for series in self._data.series)

    def _value(self, series: Series) -> str:
        if self._cursor is not None:
            value = series.values[self._cursor]
        else:
            value = next((each for each in reversed(series.values) if each is not None), None)
        return UNKNOWN if value is None else self._tell(value)

    def moment_text(self) -> str:
        """Return which stretch the cursor is on, '' without one."""
        if self._cursor is None:
            return ""
        data, days = self._data, self._data.count * self._data.width_s > 86_400
        start = data.since_s + self._cursor * data.width_s
        fine = data.width_s < 60
        until = time_text(start + data.width_s, days=False, seconds=fine)
        told = f"{time_text(start, days=days, seconds=fine)} – {until}"
        return f"{told}, {REBUILT}" if data.rebuilt[self._cursor] else told

    def _has_values(self) -> bool:
        return any(value is not None for series in self._data.series for value in series.values)

    def _describe(self) -> None:
        values = ", ".join(f"{name} {value}" for name, value in self.legend())
        when = self.moment_text() or "latest"
        is_told = values and (self._has_values() or not self._empty_text)
        text = f"{when}: {values}." if is_told else self._empty_text
        if text != self.accessibleDescription():
            self.setAccessibleDescription(text)

    # -- input

    def _plot(self) -> Plot:
        metrics = QFontMetricsF(self._theme.font("small"))
        step = self._theme.space(1)
        top = step * 2 + QFontMetricsF(self._theme.font("base")).height() + self._legend_lines() * (
            metrics.height() + step
        )  # fmt: skip
        left = metrics.horizontalAdvance("888.8 M") + 2 * step
        room = QRectF(self.rect()).adjusted(left, top + 2 * step, -2 * step, -(metrics.height() + 2 * step))
        known = [value for series in self._data.series for value in series.values if value is not None]
        return Plot(room, self._data.since_s, self._data.width_s, self._data.count, max(known, default=0.0))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell the stretch under the mouse."""
        self.point_at(self._plot().stretch_at(event.position().x()))

    def leaveEvent(self, event: QEvent) -> None:
        """Tell the latest again."""
        super().leaveEvent(event)
        if not self.hasFocus():
            self.point_at(None)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Tell the latest again."""
        super().focusOutEvent(event)
        self.point_at(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go from stretch to stretch by the arrows, to the ends by Home and End; Escape tells the latest."""
        last = self._data.count - 1
        at = self._cursor
        moves = {
            Qt.Key.Key_Left: (last if at is None else at) - (at is not None),
            Qt.Key.Key_Right: last if at is None else at + 1,
            Qt.Key.Key_PageUp: (last if at is None else at) - 10,
            Qt.Key.Key_PageDown: last if at is None else at + 10,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        key = Qt.Key(event.key())
        if key in moves and last >= 0:
            self.point_at(min(max(moves[key], 0), last))
        elif key == Qt.Key.Key_Escape and at is not None:
            self.point_at(None)
        else:
            super().keyPressEvent(event)

    # -- painting

    def sizeHint(self) -> QSize:
        """Return a size at which lines can be told apart."""
        return QSize(self._theme.space(110), self._theme.space(58))

    def minimumSizeHint(self) -> QSize:
        """Return the least size that still shows a line."""
        return QSize(self._theme.space(60), self._theme.space(44))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw ground, grid, lines, cursor and legend."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_head(painter)
        plot = self._plot()
        if plot.room.width() > 0 and plot.room.height() > 0:
            paint_grounds(painter, plot, self._data.rebuilt, self._theme)
            paint_axes(painter, plot, self._theme)
            if self._has_values():
                colours = chart_colours(self._theme.palette)
                values = [series.values for series in self._data.series]
                paint_lines(painter, plot, values, colours, self._cursor)
                self._paint_cursor(painter, plot)
            elif self._empty_text:
                painter.setPen(self._theme.colour("muted"))
                painter.setFont(self._theme.font())
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(plot.room, int(flags), self._empty_text)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(self._theme.colour("accent"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _paint_cursor(self, painter: QPainter, plot: Plot) -> None:
        if self._cursor is not None:
            painter.setPen(QPen(self._theme.colour("border_strong"), 1))
            x = plot.x(self._cursor)
            painter.drawLine(QPointF(x, plot.room.top()), QPointF(x, plot.room.bottom()))

    def _paint_head(self, painter: QPainter) -> None:
        step = self._theme.space(1)
        font = self._theme.font()
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(self._theme.colour("text"))
        line = QRectF(self.rect()).adjusted(2 * step, step, -2 * step, 0)
        line.setHeight(QFontMetricsF(font).height())
        painter.drawText(line, int(Qt.AlignmentFlag.AlignLeft), self._title)
        small = self._theme.font("small")
        painter.setFont(small)
        painter.setPen(self._theme.colour("muted"))
        painter.drawText(line, int(Qt.AlignmentFlag.AlignRight), self.moment_text())
        colours = chart_colours(self._theme.palette)
        height = QFontMetricsF(small).height()
        for number, x, y, text in self._legend_places():
            top = line.bottom() + step + y * (height + step)
            middle = QPointF(x + 3 * step, top + height / 2)
            pen = QPen(self._theme.colour("text"), 2)
            pen.setColor(colours[number])
            pen.setStyle(PENS[number])
            painter.setPen(pen)
            painter.drawLine(middle - QPointF(3 * step, 0), middle + QPointF(3 * step, 0))
            draw_marker(painter, MARKERS[number], middle, step * 0.9, colours[number])
            painter.setPen(self._theme.colour("text"))
            painter.drawText(QPointF(x + 7 * step, top + QFontMetricsF(small).ascent()), text)

    def _legend_places(self) -> Iterator[tuple[int, float, int, str]]:
        """Yield number, left edge, line and text of each entry, set as words are set."""
        metrics, step = QFontMetricsF(self._theme.font("small")), self._theme.space(1)
        x, line = 2.0 * step, 0
        for number, (name, value) in enumerate(self.legend()):
            text = f"{name} {value}"
            width = 7 * step + metrics.horizontalAdvance(text) + 4 * step
            if x > 2 * step and x + width > self.width():
                x, line = 2.0 * step, line + 1
            yield number, x, line, text
            x += width

    def _legend_lines(self) -> int:
        return max((line + 1 for _, _, line, _ in self._legend_places()), default=1)
