"""What is typed and chosen is told once the typing pauses, literally."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from prismq_gui.views.filter_bar import (
    ALL_TYPES,
    FilterBar,
    LogFilterBar,
    LogFilterPieces,
    TaskFilterPieces,
)
from tests.views.fakes import EVIL


@pytest.fixture
def bar(qtbot, theme) -> FilterBar:
    made = FilterBar(theme)
    qtbot.addWidget(made)
    made.set_types(("video.render", "audio.mix", EVIL))
    with qtbot.waitExposed(made):
        made.show()
    return made


def choose_type(bar: FilterBar, text: str) -> None:
    line = bar.type_box.lineEdit()
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, text)
    QTest.keyClick(line, Qt.Key.Key_Return)


def test_typing_is_told_once_when_it_pauses(qtbot, bar):
    told = []
    bar.filter_changed.connect(told.append)
    QTest.keyClicks(bar.search, "50%_off")
    assert told == []
    qtbot.waitUntil(lambda: told != [])
    assert told == [TaskFilterPieces(text="50%_off")]


def test_enter_tells_at_once_and_emptying_too(bar):
    told = []
    bar.filter_changed.connect(told.append)
    QTest.keyClicks(bar.search, "abc")
    QTest.keyClick(bar.search, Qt.Key.Key_Return)
    QTest.keyClick(bar.search, Qt.Key.Key_Escape)
    assert told == [TaskFilterPieces(text="abc"), TaskFilterPieces()]


def test_H11_the_text_is_at_most_two_thousand_characters(bar):
    bar.search.setText("x" * 60_000)
    bar.search.settle()
    assert len(bar.pieces().text) == 2_000


def test_a_type_is_chosen_from_the_list(qtbot, bar):
    with qtbot.waitSignal(bar.filter_changed) as told:
        bar.type_box.activated.emit(2)
    assert told.args == [TaskFilterPieces(types=("audio.mix",))]
    assert bar.type_box.currentText() == "audio.mix"


def test_a_type_is_typed_even_if_the_list_does_not_hold_it(bar):
    choose_type(bar, "rare.type")
    assert bar.pieces().types == ("rare.type",)
    choose_type(bar, ALL_TYPES)
    assert bar.pieces().types == ()


def test_new_types_leave_what_is_chosen_and_typed(bar):
    choose_type(bar, "audio.mix")
    bar.type_box.lineEdit().setText("aud")
    bar.set_types(("zzz", "audio.mix"))
    assert bar.pieces().types == ("audio.mix",)
    assert bar.type_box.currentText() == "aud"


def test_types_of_the_file_are_shown_literally(bar):
    assert bar.type_box.itemText(3) == EVIL
    bar.type_box.activated.emit(3)
    assert bar.pieces().types == (EVIL,)


def test_pieces_can_be_set_without_telling(qtbot, bar):
    pieces = TaskFilterPieces(("video.render",), "timeout")
    with qtbot.assertNotEmitted(bar.filter_changed):
        bar.set_pieces(pieces)
    assert bar.pieces() == pieces
    assert bar.type_box.currentText() == "video.render"


def test_log_levels_and_text(qtbot, theme):
    bar = LogFilterBar(theme)
    qtbot.addWidget(bar)
    told = []
    bar.filter_changed.connect(told.append)
    error = next(each for each in bar.level_buttons if each.text() == "Error")
    error.click()
    bar.search.setText("boom")
    bar.search.settle()
    assert told == [LogFilterPieces(("ERROR",)), LogFilterPieces(("ERROR",), "boom")]
    bar.set_pieces(LogFilterPieces(("INFO",), ""))
    assert bar.pieces() == LogFilterPieces(("INFO",), "")
    assert len(told) == 2
    bar.set_levels(("DEBUG", "INFO"))
    assert told[-1].levels == ("DEBUG", "INFO")
