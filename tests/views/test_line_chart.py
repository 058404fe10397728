"""A line chart tells exact values by mouse and key, draws gaps as gaps, and says what was rebuilt."""

from __future__ import annotations

import math

import pytest
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from prismq_gui.theme import DARK, LIGHT, contrast
from prismq_gui.theme.chart_colours import chart_colours
from prismq_gui.views.chart_paint import MARKERS, PENS, Plot, broken
from prismq_gui.views.chart_scale import short_number, time_ticks, value_ticks
from prismq_gui.views.line_chart import UNKNOWN, ChartData, LineChart, Series

START = 1_790_000_000.0


def data(*values: float | None, rebuilt: int = 0, name: str = "Waiting") -> ChartData:
    flags = tuple(at < rebuilt for at in range(len(values)))
    return ChartData(START, 60.0, (Series(name, values),), flags)


@pytest.fixture
def chart(qtbot, theme) -> LineChart:
    made = LineChart(theme, "Depth", lambda value: f"{value:,.0f}")
    qtbot.addWidget(made)
    made.resize(600, 260)
    with qtbot.waitExposed(made):
        made.show()
    made.activateWindow()
    return made


def value(chart: LineChart) -> str:
    return chart.legend()[0][1]


def inked(chart: LineChart, colour: str, left: float, right: float) -> bool:
    """Whether a colour is seen within a part of the plot, given in stretches."""
    plot = chart._plot()
    image: QImage = chart.grab().toImage()
    area = QRectF(plot.left(left), plot.room.top(), plot.left(right) - plot.left(left), plot.room.height()).toRect()
    return any(
        image.pixelColor(x, y).name() == colour
        for x in range(area.left(), area.right())
        for y in range(area.top(), area.bottom() + 1)
    )


def test_without_a_cursor_the_latest_known_value_is_told(chart):
    chart.set_data(data(5, 7, None))
    assert value(chart) == "7"
    assert "latest: Waiting 7" in chart.accessibleDescription()


def test_the_mouse_tells_the_value_under_it(chart):
    chart.set_data(data(*range(100)))
    plot = chart._plot()
    QTest.mouseMove(chart, QPoint(round(plot.x(30)), 100))
    assert value(chart) == "30"


def test_arrow_keys_go_from_stretch_to_stretch(chart):
    chart.set_data(data(10, 20, 30, 40))
    chart.setFocus()
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert value(chart) == "40"
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert value(chart) == "30"
    assert "Waiting 30" in chart.accessibleDescription()
    QTest.keyClick(chart, Qt.Key.Key_Home)
    assert value(chart) == "10"
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert value(chart) == "10", "there is nothing before the first"
    QTest.keyClick(chart, Qt.Key.Key_End)
    QTest.keyClick(chart, Qt.Key.Key_Right)
    assert value(chart) == "40"
    QTest.keyClick(chart, Qt.Key.Key_Escape)
    assert chart.pointed is None


def test_a_gap_is_told_as_not_known_and_never_as_zero(chart):
    chart.set_data(data(10, None, 0))
    chart.point_at(1)
    assert value(chart) == UNKNOWN
    chart.point_at(2)
    assert value(chart) == "0"


def test_a_line_breaks_at_a_gap():
    plot = Plot(QRectF(0, 0, 100, 100), START, 60.0, 5, 10.0)
    assert [len(part) for part in broken(plot, (1, 2, None, 4, None))] == [2, 1]


def test_nothing_is_drawn_where_nothing_is_known(chart):
    colour = chart_colours(LIGHT)[0]
    chart.set_data(data(*([5.0] * 10), *([None] * 10), *([5.0] * 10)))
    assert inked(chart, colour, 2, 8)
    assert not inked(chart, colour, 11, 19)


def test_what_was_rebuilt_is_hatched_and_told(chart):
    chart.set_data(data(*([5.0] * 20), rebuilt=10))
    assert inked(chart, LIGHT.border, 1, 9)
    chart.point_at(3)
    assert "rebuilt" in chart.moment_text()
    chart.point_at(15)
    assert "rebuilt" not in chart.moment_text()


def test_the_cursor_stays_at_its_moment_as_the_points_go_on(chart):
    chart.set_data(data(10, 20, 30, 40))
    chart.point_at(2)
    chart.set_data(ChartData(START + 60, 60.0, (Series("Waiting", (20, 30, 40, 50)),), (False,) * 4))
    assert value(chart) == "30"
    chart.set_data(ChartData(START + 600, 60.0, (Series("Waiting", (1, 2)),), (False,) * 2))
    assert chart.pointed is None


@pytest.mark.parametrize("size", [(1, 1), (40, 30), (160, 120), (2_560, 1_200)])
@pytest.mark.parametrize("values", [(), (None,), (0.0,), (1e15, 0.0), (1e-9, None)])
def test_any_size_and_any_number_can_be_drawn(chart, size, values):
    chart.set_data(data(*values), "Nothing is known")
    chart.setMinimumSize(1, 1)
    chart.resize(*size)
    chart.grab()
    QTest.mouseMove(chart, QPoint(0, 0))
    chart.grab()


def test_lines_differ_without_colour():
    assert len(set(PENS)) == len(set(MARKERS)) == 4


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_lines_are_seen_on_their_ground(palette):
    assert all(contrast(colour, palette.surface) >= 3 for colour in chart_colours(palette))


@pytest.mark.parametrize("most", [0, 1e-6, 0.3, 1, 7, 99, 100, 101, 294, 1_234_567, 1e15, math.inf])
def test_the_axis_begins_at_zero_and_reaches_the_largest_value(most):
    ticks = value_ticks(most, 4)
    assert ticks[0] == 0
    assert ticks[-1] >= most or most == math.inf
    assert 2 <= len(ticks) <= 6


def test_times_stand_at_round_moments():
    ticks = time_ticks(START, START + 3_600, 6)
    assert 2 <= len(ticks) <= 7
    assert {tick % 600 for tick in ticks} == {0}


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0"), (0.25, "0.25"), (999, "999"), (1_500, "1.5 k"), (2e6, "2 M"), (3e12, "3 T")]
)
def test_numbers_of_the_axis_are_short(number, words):
    assert short_number(number) == words
