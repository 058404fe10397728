"""The contenders of `charts.py`: the same chart of three lines, one filled, by four means; run as a process of its own.

Prints one JSON object: CPU per frame, start, memory. Each draws axes with labels, a grid and a legend.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

WIDTH, HEIGHT = 900, 260
POINTS = 360  # an hour in stretches of 10 s
SERIES = ("waiting", "completed/min", "failed/min")
COLORS = ("#0072b2", "#e69f00", "#cc79a7")  # Okabe and Ito: told apart by the colour-blind
Frame = Callable[[int], None]


def values(series: int, shift: int) -> list[float]:
    return [60 + 40 * math.sin((i + shift) / (17 + 9 * series)) + (i * 7 + shift) % 5 for i in range(POINTS)]


def painter_chart() -> tuple[object, Frame]:
    from PySide6.QtCore import QPointF, QRectF, Qt
    from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
    from PySide6.QtWidgets import QWidget

    class Chart(QWidget):
        def __init__(self) -> None:
            super().__init__()
            self.series: list[list[float]] = [values(i, 0) for i in range(3)]
            self.pens = [QPen(QColor(color), 1.5) for color in COLORS]
            if os.environ.get("CHARTS_DASHES"):  # not all of the others can: left out of the comparison
                self.pens[1].setStyle(Qt.PenStyle.DashLine)
                self.pens[2].setStyle(Qt.PenStyle.DotLine)

        def paintEvent(self, _event: QPaintEvent) -> None:
            painter = QPainter(self)
            area = QRectF(48, 24, self.width() - 60, self.height() - 48)
            self._axes(painter, area)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for number, series in enumerate(self.series):
                self._line(painter, area, series, self.pens[number], filled=number == 0)

        def _axes(self, painter: QPainter, area: QRectF) -> None:
            palette = self.palette()
            for step in range(6):
                y = area.bottom() - area.height() * step / 5
                painter.setPen(palette.mid().color())
                painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
                painter.setPen(palette.text().color())
                box = QRectF(0, y - 8, area.left() - 6, 16)
                painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(step * 25))
                x = area.left() + area.width() * step / 5
                painter.drawText(QRectF(x - 30, area.bottom() + 4, 60, 16), Qt.AlignmentFlag.AlignCenter, f"{step}0")
            for number, name in enumerate(SERIES):
                painter.setPen(self.pens[number])
                painter.drawLine(QPointF(60 + 150 * number, 12), QPointF(80 + 150 * number, 12))
                painter.setPen(palette.text().color())
                painter.drawText(QPointF(86 + 150 * number, 16), name)

        def _line(self, painter: QPainter, area: QRectF, series: list[float], pen: QPen, *, filled: bool) -> None:
            dx, dy = area.width() / (POINTS - 1), area.height() / 125
            left, bottom = area.left(), area.bottom()
            line = [QPointF(left + i * dx, bottom - value * dy) for i, value in enumerate(series)]
            if filled:
                color = QColor(pen.color())
                color.setAlpha(50)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(color)
                painter.drawPolygon([*line, area.bottomRight(), area.bottomLeft()])
            painter.setPen(pen)
            painter.drawPolyline(line)

    chart = Chart()

    def frame(shift: int) -> None:
        chart.series = [values(i, shift) for i in range(3)]
        chart.update()

    return chart, frame


def qtcharts_chart() -> tuple[object, Frame]:
    from PySide6.QtCharts import QAreaSeries, QChart, QChartView, QLineSeries, QValueAxis
    from PySide6.QtCore import QPointF, Qt
    from PySide6.QtGui import QColor, QPainter, QPen

    chart = QChart()
    x, y = QValueAxis(), QValueAxis()
    x.setRange(0, POINTS)
    y.setRange(0, 125)
    chart.addAxis(x, Qt.AlignmentFlag.AlignBottom)
    chart.addAxis(y, Qt.AlignmentFlag.AlignLeft)
    lines = [QLineSeries() for _ in SERIES]
    kept: list[object] = [x, y]
    for number, line in enumerate(lines):
        line.setPen(QPen(QColor(COLORS[number]), 1.5))
        shown = QAreaSeries(line) if number == 0 else line
        shown.setName(SERIES[number])
        chart.addSeries(shown)
        shown.attachAxis(x)
        shown.attachAxis(y)
        kept.append(shown)
    view = QChartView(chart)
    view.setRenderHint(QPainter.RenderHint.Antialiasing)
    view.kept = (kept, lines)  # type: ignore[attr-defined]

    def frame(shift: int) -> None:
        for number, line in enumerate(lines):
            line.replace([QPointF(i, value) for i, value in enumerate(values(number, shift))])

    return view, frame


QML = """
import QtQuick
import QtGraphs
GraphsView {
  axisX: ValueAxis { min: 0; max: %d }
  axisY: ValueAxis { min: 0; max: 125 }
  LineSeries { objectName: "s0"; width: 1.5; color: "%s" }
  LineSeries { objectName: "s1"; width: 1.5; color: "%s" }
  LineSeries { objectName: "s2"; width: 1.5; color: "%s" }
}"""


def qtgraphs_chart() -> tuple[object, Frame]:
    from PySide6.QtCore import QObject, QPointF, QUrl
    from PySide6.QtGraphs import QLineSeries
    from PySide6.QtQuickWidgets import QQuickWidget

    folder = Path(os.environ["CHARTS_FOLDER"])
    (folder / "chart.qml").write_text(QML % (POINTS, *COLORS), encoding="utf-8")
    view = QQuickWidget()
    view.setResizeMode(QQuickWidget.ResizeMode.SizeRootObjectToView)
    view.setSource(QUrl.fromLocalFile(str(folder / "chart.qml")))
    if view.errors():
        raise RuntimeError("; ".join(error.toString() for error in view.errors()))
    lines = [view.rootObject().findChild(QObject, f"s{i}") for i in range(3)]
    assert all(isinstance(line, QLineSeries) for line in lines)

    def frame(shift: int) -> None:
        for number, line in enumerate(lines):
            line.replace([QPointF(i, value) for i, value in enumerate(values(number, shift))])

    return view, frame


def pyqtgraph_chart() -> tuple[object, Frame]:
    import pyqtgraph

    pyqtgraph.setConfigOptions(antialias=True, background="w", foreground="k")
    view = pyqtgraph.PlotWidget()
    view.setYRange(0, 125, padding=0)
    view.setXRange(0, POINTS, padding=0)
    view.showGrid(x=False, y=True)
    view.addLegend()
    curves = []
    for number, name in enumerate(SERIES):
        pen = pyqtgraph.mkPen(COLORS[number], width=1.5)
        filling = {"fillLevel": 0, "brush": (0, 114, 178, 50)} if number == 0 else {}
        curves.append(view.plot(values(number, 0), pen=pen, name=name, **filling))

    def frame(shift: int) -> None:
        for number, curve in enumerate(curves):
            curve.setData(values(number, shift))

    return view, frame


CONTENDERS: dict[str, Callable[[], tuple[object, Frame]]] = {
    "QPainter": painter_chart, "QtCharts": qtcharts_chart, "QtGraphs": qtgraphs_chart, "pyqtgraph": pyqtgraph_chart,
}  # fmt: skip


def resident_mib() -> float:
    try:
        text = Path("/proc/self/statm").read_text(encoding="ascii")
    except OSError:
        return float("nan")
    return int(text.split()[1]) * os.sysconf("SC_PAGESIZE") / 1024**2


def paint(app: QApplication) -> None:
    """Let the events of one update run; a QQuickWidget paints a moment later. Waiting takes no CPU."""
    for _ in range(2):
        app.processEvents()  # the program's own loop does not run here: an update is what is timed
        time.sleep(0.008)  # half a frame: a scene is drawn after the events that ask for it
    app.processEvents()  # the frame that was drawn meanwhile


def main(arguments: Sequence[str]) -> int:
    from PySide6.QtWidgets import QApplication, QWidget

    app = QApplication([])
    bare = QWidget()
    bare.show()
    app.processEvents()  # what any window costs belongs to none of them
    memory, started = resident_mib(), time.process_time()
    view, frame = CONTENDERS[arguments[0]]()
    assert isinstance(view, QWidget)
    view.resize(WIDTH, HEIGHT)
    view.show()
    for shift in range(5):
        frame(shift)
        paint(app)
    start_ms, costs = (time.process_time() - started) * 1_000, []
    began = time.perf_counter()
    for shift in range(int(arguments[1])):
        before = time.process_time()
        values_s = time.process_time()
        for number in range(3):
            values(number, shift)
        values_s = time.process_time() - values_s
        frame(shift)
        paint(app)
        # Making the values costs each of them the same, twice here: it is taken off.
        costs.append((time.process_time() - before - 2 * values_s) * 1_000)
    image = view.grab()
    if len(arguments) > 2:
        image.save(arguments[2])
    picture = image.toImage()
    colors = {picture.pixel(x, y) for x in range(0, picture.width(), 7) for y in range(0, picture.height(), 5)}
    found = {
        "cpu_ms": statistics.median(costs), "p95_ms": sorted(costs)[int(len(costs) * 0.95)], "start_ms": start_ms,
        "mib": resident_mib() - memory, "wall_s": time.perf_counter() - began, "colors": len(colors),
    }  # fmt: skip
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
