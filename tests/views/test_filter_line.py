"""The filter line: what is typed is read, what cannot be read is marked, and offers are taken by keys."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from prismq_gui.insight.completion import KnownValues
from prismq_gui.insight.filters import LogFilter, TaskFilter
from prismq_gui.insight.language import FilterSyntaxError, Table, parse
from prismq_gui.views.filter_line import FilterLine, literal
from prismq_gui.views.filter_note import FilterNote, whole_text
from tests.views.fakes import EVIL


@pytest.fixture
def line(qtbot, theme) -> FilterLine:
    window = QWidget()
    qtbot.addWidget(window)
    made = FilterLine(theme, Table.TASKS, "Filter", window)
    made.set_known(KnownValues(statuses=("failed",), types=("video.render", "audio mix", EVIL), paths=(("region",),)))
    layout = QVBoxLayout(window)
    layout.addWidget(made)
    layout.addWidget(QLineEdit(window))
    layout.addStretch(1)
    window.resize(800, 500)
    with qtbot.waitExposed(window):
        window.show()
    window.activateWindow()
    made.setFocus()
    qtbot.waitUntil(made.hasFocus)
    made.kept = window  # it is deleted with its last reference
    return made


def labels(line: FilterLine) -> list[str]:
    return [each.label for each in line.offers.offers]


def test_what_is_typed_becomes_the_filter(qtbot, line):
    with qtbot.waitSignal(line.text_settled):
        QTest.keyClicks(line, "status:failed attempts>=2")
    assert line.query == parse("status:failed attempts>=2", local=True)


def test_a_mistake_keeps_the_filter_before(line):
    line.setText("status:failed")
    line.settle()
    before = line.query
    told = []
    line.text_settled.connect(told.append)
    line.setText("status:failed attempts>=many")
    line.settle()
    assert isinstance(line.mistake, FilterSyntaxError)
    assert line.text()[line.mistake.start : line.mistake.end] == "many"
    assert "at character 25" in line.accessibleDescription()
    assert line.query is before
    assert line.settled_text == "status:failed"
    assert told == []
    line.setText("status:failed")
    line.settle()
    assert line.mistake is None
    assert told == []  # it is the filter in force already


def test_the_mistake_is_underlined_where_it_is(line):
    line.setText("status:failed statsu:x")
    line.setCursorPosition(0)
    clean = line.grab().toImage()
    line.settle()
    assert line.mistake is not None
    marked = line.grab().toImage()
    changed = [
        x
        for x in range(clean.width())
        if any(clean.pixel(x, y) != marked.pixel(x, y) for y in range(2, clean.height() - 2))
    ]
    assert changed
    start = line.cursorRect().center().x() * marked.devicePixelRatio()
    before = line.fontMetrics().horizontalAdvance("status:failed ") * marked.devicePixelRatio()
    assert min(changed) >= start + before - 3


def test_names_are_offered_and_tab_takes_the_first(line):
    QTest.keyClicks(line, "sta")
    assert line.offers.isVisible()
    assert labels(line)[0] == "status"
    QTest.keyClick(line, Qt.Key.Key_Tab)
    assert line.text() == "status:"
    assert line.hasFocus()
    assert "failed" in labels(line)


def test_that_a_value_is_missing_is_not_told_while_values_are_offered(qtbot, line):
    QTest.keyClicks(line, "status:")
    with qtbot.assertNotEmitted(line.mistake_changed, wait=600):
        pass
    QTest.keyClick(line, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: line.mistake is not None)


def test_enter_takes_only_what_is_chosen(line):
    QTest.keyClicks(line, "type:vid")
    QTest.keyClick(line, Qt.Key.Key_Down)
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert line.text() == "type:video.render"
    line.clear()
    QTest.keyClicks(line, "err")
    assert line.offers.isVisible()
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert line.text() == "err"  # a word to look for, not the field
    assert not line.offers.isVisible()
    assert line.settled_text == "err"


def test_escape_closes_the_offers_and_then_empties(line):
    QTest.keyClicks(line, "sta")
    QTest.keyClick(line, Qt.Key.Key_Escape)
    assert not line.offers.isVisible()
    assert line.text() == "sta"
    QTest.keyClick(line, Qt.Key.Key_Escape)
    assert line.text() == ""


def test_a_value_that_needs_quotes_gets_them_and_can_be_taken_back(line):
    QTest.keyClicks(line, "type:aud")
    QTest.keyClick(line, Qt.Key.Key_Tab)
    assert line.text() == 'type:"audio mix"'
    QTest.keyClick(line, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert line.text() == "type:aud"


def test_ctrl_space_offers_in_an_empty_line_and_tab_without_offers_leaves(line):
    QTest.keyClick(line, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
    assert "status" in labels(line)
    QTest.keyClick(line, Qt.Key.Key_Escape)
    QTest.keyClick(line, Qt.Key.Key_Tab)
    assert not line.hasFocus()


def test_offers_stay_within_the_window_and_go_with_the_focus(line):
    QTest.keyClick(line, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
    assert line.window().rect().contains(line.offers.geometry())
    line.clearFocus()
    assert not line.offers.isVisible()


def test_offers_go_along_when_the_line_gets_narrower(line):
    """As it does while one types, when the words beside it tell how much was found."""
    QTest.keyClicks(line, "st")
    line.resize(line.width() - 100, line.height())
    assert line.offers.isVisible()
    assert line.offers.width() <= line.width()


def test_down_goes_through_the_offers_and_else_to_the_results(qtbot, line):
    QTest.keyClicks(line, "sta")
    with qtbot.assertNotEmitted(line.left_down):
        QTest.keyClick(line, Qt.Key.Key_Down)
    assert line.offers.current is not None
    QTest.keyClick(line, Qt.Key.Key_Up)
    assert line.offers.current is None
    QTest.keyClick(line, Qt.Key.Key_Escape)
    with qtbot.waitSignal(line.left_down):
        QTest.keyClick(line, Qt.Key.Key_Down)


@pytest.mark.parametrize("text", ["50% _off\\", "a:b", "(x)", 'say "no"', "or", "-not", EVIL, "Ünïcode ✓"])
def test_a_literal_text_is_found_as_it_is(text):
    (leaf,) = [parse(literal(text)).root]
    assert leaf is not None
    assert leaf.pattern.literal == text


def test_a_literal_text_that_no_line_can_hold_is_cut():
    assert literal("a\0b") == "a"
    assert literal("\ud800") == ""
    parse(literal('"' * 5_000))


def test_the_note_tells_what_is_asked_for_together(qtbot, theme):
    note = FilterNote(theme, "tasks")
    qtbot.addWidget(note)
    note.tell(None, TaskFilter(("failed",)))
    assert note.told.text() == ""
    note.tell(None, TaskFilter(("failed", "an odd one"), ("a.b",), query=parse("x or y")))
    assert note.told.text() == 'Together: status:failed,"an odd one" type:a.b (x or y)'
    assert note.told.textFormat() == Qt.TextFormat.PlainText


@pytest.mark.parametrize(
    "wanted",
    [
        TaskFilter(("failed", "dead_letter"), (EVIL,), query=parse("error:a or error:b")),
        TaskFilter((), ("a,b",), text='"x" and y'),
        LogFilter(("ERROR", "info"), query=parse("task:4 or task:5", Table.LOGS)),
    ],
)
def test_the_whole_filter_as_text_can_be_read_again(wanted):
    table = Table.TASKS if isinstance(wanted, TaskFilter) else Table.LOGS
    assert not parse(whole_text(wanted), table).is_empty
