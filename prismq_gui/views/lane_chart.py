"""Who ran what, when: a lane a worker, painted; time in which nothing is recorded stays empty.

Owns painting, hover and keys. What a bar says stands in :mod:`prismq_gui.views.lane_bars`; the same as a table in
:mod:`prismq_gui.views.lane_panel`. Must not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QToolTip, QWidget

from prismq_gui.insight.lanes import Lanes
from prismq_gui.insight.states import WorkerState
from prismq_gui.insight.timeline_records import Outcome
from prismq_gui.theme import Status, Theme
from prismq_gui.theme.shapes import draw_shape
from prismq_gui.views.attempt_list import OUTCOMES
from prismq_gui.views.lane_bars import Bar, bars_of, clock, lane_name, nearest, span_words, stretch_s, ticks
from prismq_gui.views.plain_text import tooltip

_STATES = {"busy": Status.RUNNING, "idle": Status.WAITING, "silent": Status.FAILED}
NARROWEST = 2.0  # of a run that is shorter than a pixel
MOST_NARROW = 5.0  # below it there is no room for an outline and a shape
_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)


class LaneChart(QAbstractScrollArea):
    """Lanes over the last minutes. GUI thread.

    ``task_requested`` carries the id of a task; ``described`` what the current bar is, in words.
    """

    task_requested = Signal(object)
    described = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.lanes: Lanes | None = None
        self.states: Mapping[str, WorkerState] = {}  # newer than those of the lanes, which are read less often
        self._bars: tuple[Bar, ...] = ()
        self._rects: list[QRectF] = []  # of each bar, before scrolling; without width where it is out of the window
        self._seconds: list[tuple[float, float | None]] = []  # beginning and end of each bar, from the lanes' end
        self._tracks: list[int] = []  # of each lane
        self._tops: list[float] = []  # of each lane, and the end of the last
        self._current: int | None = None
        self._now = datetime.min
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Lanes of the workers: arrow keys go from run to run, Enter shows the task")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setMouseTracking(True)
        theme.changed.connect(self.viewport().update)

    # -- what is shown

    def show_lanes(self, lanes: Lanes | None, now: datetime) -> None:
        """Show lanes; the run that was current stays so. ``now`` is naive UTC."""
        kept = self._bars[self._current].span if self._current is not None else None
        self.lanes = lanes
        self._bars = bars_of(lanes) if lanes is not None else ()
        self._measure()
        same = [
            at
            for at, bar in enumerate(self._bars)
            if kept is not None and (bar.span.task_id, bar.begins) == (kept.task_id, kept.start)
        ]
        self._current = same[0] if same else None
        self.tick(now)
        if kept is not None:
            self._tell_current()

    def tick(self, now: datetime) -> None:
        """Move the window on to a moment, without reading; naive UTC."""
        self._now = now
        self._place()
        self.viewport().update()

    @property
    def period(self) -> tuple[datetime, datetime]:
        """Beginning and end of what is in view, naive UTC."""
        length = self.lanes.until - self.lanes.since if self.lanes is not None else timedelta(minutes=10)
        return self._now - length, self._now

    def bars(self) -> tuple[Bar, ...]:
        """Return all bars, by lane and beginning."""
        return self._bars

    def rect_of(self, at: int) -> QRectF:
        """Return where a bar is painted, in the viewport."""
        return self._rects[at].translated(0, -self.verticalScrollBar().value())

    @property
    def current(self) -> Bar | None:
        """The run the keys are at."""
        return None if self._current is None else self._bars[self._current]

    # -- places

    def _gutter(self) -> float:
        return float(min(self._theme.space(36), self.viewport().width() // 3))

    def _axis(self) -> float:
        return float(self.fontMetrics().height() + self._theme.space(2))

    def _measure(self) -> None:
        """Take from the bars once what is needed to place them each second."""
        lanes = self.lanes
        self._seconds, self._tracks = [], []
        if lanes is None:
            return
        self._tracks = [1] * len(lanes.lanes)
        for bar in self._bars:
            self._tracks[bar.lane] = max(self._tracks[bar.lane], bar.track + 1)
            begins, ends = stretch_s(bar, lanes.until)
            self._seconds.append((begins, ends))

    def _place(self) -> None:
        lanes = self.lanes
        self._rects, self._tops = [], []
        if lanes is None:
            self.verticalScrollBar().setRange(0, 0)
            return
        space = self._theme.space
        top = self._axis()
        for count in self._tracks:
            self._tops.append(top)
            top += max(space(7), count * space(4) + space(3))
        self._tops.append(top)
        left, right = self._gutter(), float(self.viewport().width() - space(3))
        since, until = self.period
        first_s, last_s = (since - lanes.until).total_seconds(), (until - lanes.until).total_seconds()
        scale = (right - left) / (last_s - first_s)
        high, track_high, inset = space(3.5), space(4), space(1.5)
        for bar, (begins_s, ends_s) in zip(self._bars, self._seconds, strict=True):
            ends = left + ((last_s if ends_s is None else min(ends_s, last_s)) - first_s) * scale
            begins = left + (max(begins_s, first_s) - first_s) * scale
            place = self._tops[bar.lane] + inset + bar.track * track_high
            wide = max(NARROWEST, ends - begins) if ends >= left and begins <= right else 0.0
            self._rects.append(QRectF(begins, place, wide, high))
        page = self.viewport().height()
        self.verticalScrollBar().setRange(0, max(0, round(top) - page))
        self.verticalScrollBar().setPageStep(page)
        self.verticalScrollBar().setSingleStep(space(7))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place anew."""
        super().resizeEvent(event)
        self._place()

    def sizeHint(self) -> QSize:
        """Return room for a few lanes."""
        return QSize(self._theme.space(150), self._theme.space(50))

    # -- painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        """Paint lanes, bars and the axis, which stays in view."""
        painter = QPainter(self.viewport())
        painter.fillRect(self.viewport().rect(), self._theme.colour("surface"))
        if self.lanes is None:
            return
        shift = self.verticalScrollBar().value()
        painter.save()
        painter.translate(0, -shift)
        painter.setPen(self._theme.colour("border"))
        for _, place in self._ticks():
            painter.drawLine(QPointF(place, shift), QPointF(place, shift + self.viewport().height()))
        self._paint_lanes(painter, shift)
        for at, rect in enumerate(self._rects):
            if rect.width() > 0 and rect.bottom() >= shift and rect.top() <= shift + self.viewport().height():
                self._paint_bar(painter, at, rect)
        painter.restore()
        self._paint_axis(painter)

    def _paint_lanes(self, painter: QPainter, shift: int) -> None:
        assert self.lanes is not None
        theme, space = self._theme, self._theme.space
        left, right = self._gutter(), float(self.viewport().width() - space(3))
        since, until = self.period
        known = (self.lanes.covered_from - since).total_seconds() / (until - since).total_seconds()
        if known > 0:
            unread = QRectF(left, self._axis(), min(1.0, known) * (right - left), self._tops[-1] - self._axis())
            painter.fillRect(unread, QBrush(theme.colour("border"), Qt.BrushStyle.BDiagPattern))
        for number, lane in enumerate(self.lanes.lanes):
            top, bottom = self._tops[number], self._tops[number + 1]
            if bottom < shift or top > shift + self.viewport().height():
                continue
            painter.setPen(QPen(theme.colour("border")))
            painter.drawLine(QPointF(0, bottom), QPointF(self.viewport().width(), bottom))
            at = QRectF(space(3), top, left - space(5), space(7))
            state = self.states.get(lane.worker, lane.state)
            if state is not None:
                size = space(3)
                mark = QRectF(at.left(), at.center().y() - size / 2, size, size)
                draw_shape(painter, _STATES[state], mark, QColor(theme.palette.status(_STATES[state])))
            at.setLeft(at.left() + space(5))
            painter.setPen(theme.colour("text"))
            name = self.fontMetrics().elidedText(lane_name(lane.worker), Qt.TextElideMode.ElideRight, round(at.width()))
            painter.drawText(at, _MIDDLE, name)

    def _paint_bar(self, painter: QPainter, at: int, rect: QRectF) -> None:
        bar, theme = self._bars[at], self._theme
        status = OUTCOMES[bar.span.outcome]
        colour = QColor(theme.palette.status(status))
        if rect.width() < MOST_NARROW and at != self._current:
            painter.fillRect(rect, colour)
            return
        ground = QColor(colour)
        ground.setAlphaF(0.22)
        radius = theme.space(0.75)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour, 1.0, Qt.PenStyle.DashLine if bar.span.is_inferred else Qt.PenStyle.SolidLine))
        painter.setBrush(ground)
        painter.drawRoundedRect(rect, radius, radius)
        self._paint_expired(painter, bar, rect, colour)
        size = theme.space(2.5)
        if rect.width() >= size + 4:
            shape = QRectF(rect.right() - size - 2, rect.center().y() - size / 2, size, size)
            painter.fillRect(shape, theme.colour("surface"))
            draw_shape(painter, status, shape, colour)
        if at == self._current:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour("text" if self.hasFocus() else "muted"), 2.0))
            painter.drawRoundedRect(rect.adjusted(-2, -2, 2, 2), radius, radius)

    def _paint_expired(self, painter: QPainter, bar: Bar, rect: QRectF, colour: QColor) -> None:
        """Hatch the stretch of a run after its lease was over."""
        until = bar.span.lease_until
        if bar.span.outcome is not Outcome.RUNNING or until is None or until > self._now:
            return
        since, end = self.period
        left, right = self._gutter(), float(self.viewport().width() - self._theme.space(3))
        place = left + max(0.0, (until - since).total_seconds() / (end - since).total_seconds()) * (right - left)
        over = QRectF(max(place, rect.left()), rect.top(), rect.right() - max(place, rect.left()), rect.height())
        if over.width() > 0:
            painter.fillRect(over, QBrush(colour, Qt.BrushStyle.BDiagPattern))

    def _paint_axis(self, painter: QPainter) -> None:
        theme, height = self._theme, self._axis()
        width = self.viewport().width()
        painter.fillRect(QRectF(0, 0, width, height), theme.colour("window"))
        painter.setPen(theme.colour("border"))
        painter.drawLine(QPointF(0, height), QPointF(width, height))
        painter.setPen(theme.colour("muted"))
        room = self._tick_room()
        for moment, place in self._ticks():
            at = QRectF(place - room / 2, 0, room, height)
            if at.right() <= width and at.left() >= 0:
                painter.drawText(at, int(Qt.AlignmentFlag.AlignCenter), clock(moment)[-8:])

    def _tick_room(self) -> float:
        return float(self.fontMetrics().horizontalAdvance("00:00:00") + self._theme.space(6))

    def _ticks(self) -> list[tuple[datetime, float]]:
        """Return round moments and where they stand."""
        left, right = self._gutter(), float(self.viewport().width() - self._theme.space(3))
        since, until = self.period
        most = max(1, int((right - left) // self._tick_room()))
        whole = (until - since) / (right - left)
        return [(each, left + (each - since) / whole) for each in ticks(since, until, most)]

    # -- mouse and keys

    def bar_at(self, point: QPointF) -> int | None:
        """Return the bar under a point of the viewport; the narrow ones are met within a few pixels."""
        if point.y() < self._axis():
            return None
        point = point + QPointF(0, self.verticalScrollBar().value())
        hits = [
            at
            for at, rect in enumerate(self._rects)
            if rect.width() > 0 and rect.adjusted(-2, -1, 2, 1).contains(point)
        ]
        return min(hits, key=lambda at: self._rects[at].width(), default=None)

    def viewportEvent(self, event: QEvent) -> bool:
        """Tell what a bar is while the mouse rests on it."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            at = self.bar_at(QPointF(event.pos()))
            words = tooltip(span_words(self._bars[at].span, self._now)) if at is not None else ""
            QToolTip.showText(event.globalPos(), words, self.viewport())
            return True
        return super().viewportEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show by the pointer what can be clicked."""
        hit = self.bar_at(event.position()) is not None
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if hit else Qt.CursorShape.ArrowCursor)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Make the run under the mouse the current one."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._set_current(self.bar_at(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Show the task of the run that was pressed and released."""
        at = self.bar_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and at is not None and at == self._current:
            self.task_requested.emit(self._bars[at].span.task_id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go from run to run; Enter shows the task."""
        key, current = event.key(), self._current
        last = len(self._bars) - 1
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and current is not None:
            self.task_requested.emit(self._bars[current].span.task_id)
        elif last < 0 or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            super().keyPressEvent(event)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = 1 if key == Qt.Key.Key_Right else -1
            self._set_current(0 if current is None else min(last, max(0, current + step)))
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = 1 if key == Qt.Key.Key_Down else -1
            self._set_current(
                0 if current is None else self._bars.index(nearest(self._bars, self._bars[current], step))
            )
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._set_current(0 if key == Qt.Key.Key_Home else last)
        else:
            super().keyPressEvent(event)

    def _set_current(self, at: int | None) -> None:
        self._current = at
        if at is not None:
            rect, bar = self._rects[at], self.verticalScrollBar()
            if rect.top() - bar.value() < self._axis():
                bar.setValue(round(rect.top() - self._axis()))
            elif rect.bottom() - bar.value() > self.viewport().height():
                bar.setValue(round(rect.bottom() - self.viewport().height()) + 2)
        self._tell_current()
        self.viewport().update()

    def _tell_current(self) -> None:
        words = span_words(self.current.span, self._now).replace("\n", ", ") if self.current is not None else ""
        self.setAccessibleDescription(words)
        self.described.emit(words)
