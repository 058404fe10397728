"""Rows are painted from prepared strings, in the colours and shapes of the theme, and fast."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QImage, QPainter

from prismq_gui.theme import LIGHT, Status
from prismq_gui.views.row_delegate import RowDelegate, Stretch, look_of
from prismq_gui.views.table_view import BigTableView
from tests.views.fakes import ListModel


@pytest.fixture
def delegate(theme) -> RowDelegate:
    made = RowDelegate(theme)
    made.set_looks([look_of("id", right=True), look_of("status", right=False), look_of("type", right=False)])
    return made


def painted(delegate: RowDelegate, cells, ground: str = "", width: int = 100) -> QImage:
    image = QImage(3 * width, delegate.row_height(), QImage.Format.Format_ARGB32)
    image.fill(0xFFFFFFFF)
    painter = QPainter(image)
    stretches = [Stretch(column, column * width, width) for column in range(3)]
    delegate.paint_row(painter, QRect(0, 0, 3 * width, image.height()), cells, stretches, ground)
    painter.end()
    return image


def inked(image: QImage, left: int, right: int) -> list[int]:
    """The columns of pixels in which something is drawn."""
    ground = image.pixel(left, 0)
    return [x for x in range(left, right) if any(image.pixel(x, y) != ground for y in range(image.height()))]


def colours(image: QImage) -> set[str]:
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}


def test_numbers_stand_at_the_right_and_text_at_the_left(delegate):
    image = painted(delegate, ("7", "", "job"))
    assert min(inked(image, 0, 100)) > 70
    assert min(inked(image, 200, 300)) < 220


def test_a_status_has_its_shape_in_its_colour(delegate):
    assert LIGHT.failed in colours(painted(delegate, ("", "Failed", "")))
    assert LIGHT.failed not in colours(painted(delegate, ("", "Waiting", "")))
    assert LIGHT.other in colours(painted(delegate, ("", "on hold", "")))


def test_A20_a_column_that_the_file_lacks_shows_a_dash_and_no_empty_cell(delegate):
    plain = painted(delegate, ("7", "", "–"))
    assert painted(delegate, ("7", "", "")) != plain
    delegate.set_absent(frozenset({2}))
    assert painted(delegate, ("7", "", "")) == plain
    assert painted(delegate, ("7", "", "job")) != plain


def test_long_texts_stay_in_their_column(delegate, theme):
    image = painted(delegate, ("", "", "wide " * 500))
    assert max(inked(image, 200, 300)) < 300 - theme.space(1)
    assert inked(image, 0, 200) == []


def test_a_line_of_a_megabyte_costs_no_more_than_its_beginning(delegate):
    begun = time.process_time()
    painted(delegate, ("", "", "x" * 1_000_000))
    assert time.process_time() - begun < 2, "it was 15 s when laid out whole"


def test_H3_controls_and_reordering_are_drawn_as_signs(delegate):
    assert painted(delegate, ("", "", "a\u202eb")) == painted(delegate, ("", "", "a[U+202E]b"))


def test_both_fonts_stand_on_one_line(theme):
    delegate = RowDelegate(theme)
    delegate.set_looks([look_of("type", right=False), look_of("message", right=False), look_of("type", right=False)])
    image = painted(delegate, ("xxxx", "xxxx", ""))
    ground = image.pixel(299, 0)
    ends = [
        max(y for y in range(image.height()) if any(image.pixel(x, y) != ground for x in range(left, left + 100)))
        for left in (0, 100)
    ]
    assert ends[0] == ends[1]


def test_a_missing_row_is_marked_as_not_read(delegate):
    assert inked(painted(delegate, None), 0, 100)


def test_grounds_differ(delegate):
    seen = [colours(painted(delegate, ("", "", ""), ground)) for ground in ("", "hover", "selection")]
    assert seen == [{"#ffffff"}, {LIGHT.hover}, {LIGHT.selection}]


def test_markup_is_drawn_literally(delegate):
    bold, plain = painted(delegate, ("", "", "<b>i</b>")), painted(delegate, ("", "", "i"))
    assert len(inked(bold, 200, 300)) > 3 * len(inked(plain, 200, 300))


def test_states_and_levels_have_shapes_too():
    assert look_of("state", right=False).shape("silent") is Status.FAILED
    assert look_of("level", right=False).shape("error") is Status.FAILED
    assert look_of("level", right=False).shape("INFO") is None
    assert look_of("type", right=False).shape is None


def test_a_scrolled_frame_is_painted_without_data_and_in_time(qtbot, theme):
    """Measured: 3 to 5 ms of CPU a frame of 40 × 10; the bound leaves room for a loaded machine."""
    view = BigTableView(theme)
    qtbot.addWidget(view)
    model = ListModel(1_000_000)
    model.setParent(view)
    view.setModel(model)
    view.resize(1_200, 1_000)
    with qtbot.waitExposed(view):
        view.show()
    costs = []
    for step in range(30):
        begun = time.process_time()
        view.verticalScrollBar().setValue(1_000 + 3 * step)
        view.viewport().repaint()
        costs.append(time.process_time() - begun)
    assert sorted(costs)[len(costs) // 2] < 0.016
    view.setModel(None)
