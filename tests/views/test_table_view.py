"""The table keeps the reader's place, asks for little, and gives plain text away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from prismq_gui.settings import ColumnWidth, TableLayout
from prismq_gui.views.table_view import BigTableView
from tests.views.fakes import COLUMNS, EVIL, ListModel


@pytest.fixture
def table(qtbot, theme) -> Iterator[BigTableView]:
    view = BigTableView(theme)
    qtbot.addWidget(view)
    view.resize(600, 400)
    yield view
    view.setModel(None)


def show(qtbot, view: BigTableView, count: int) -> ListModel:
    model = ListModel(count)
    model.setParent(view)
    view.setModel(model)
    with qtbot.waitExposed(view):
        view.show()
    return model


def top_id(view: BigTableView) -> object:
    return view.id_at(view.rowAt(0))


def point_at(view: BigTableView, row: int = 1) -> None:
    y = view.rowViewportPosition(row) if row < 3 else view.rowHeight(0)
    QTest.mouseMove(view.viewport(), QPoint(20, y + 3))
    QTest.mouseMove(view.viewport(), QPoint(24, y + 4))


# -- scroll anchor


def test_rows_above_do_not_move_what_is_read(qtbot, table):
    model = show(qtbot, table, 500)
    table.verticalScrollBar().setValue(200)
    seen = top_id(table)
    model.insert(0, 503, 502, 501)
    assert top_id(table) == seen
    model.insert(150, 9_001)
    assert top_id(table) == seen
    model.remove(10, 50)
    assert top_id(table) == seen
    assert table.rowViewportPosition(table.row_of(seen)) == 0


def test_rows_below_do_not_move_what_is_read(qtbot, table):
    model = show(qtbot, table, 500)
    table.verticalScrollBar().setValue(200)
    seen = top_id(table)
    model.insert(400, 9_001, 9_002)
    model.remove(450, 5)
    assert top_id(table) == seen


def test_the_top_row_itself_may_go(qtbot, table):
    model = show(qtbot, table, 500)
    table.verticalScrollBar().setValue(200)
    after = table.id_at(203)
    model.remove(198, 5)
    assert top_id(table) == after


def test_at_the_very_top_new_rows_are_followed(qtbot, table):
    model = show(qtbot, table, 500)
    model.insert(0, 501)
    assert top_id(table) == 501


def test_at_the_very_top_the_mouse_holds_the_rows(qtbot, table):
    model = show(qtbot, table, 500)
    point_at(table)
    model.insert(0, 501)
    assert top_id(table) == 500


def test_a_new_order_keeps_the_top_row_and_the_selection(qtbot, table):
    model = show(qtbot, table, 500)
    table.verticalScrollBar().setValue(200)
    table.select_id(295)
    seen = top_id(table)
    model.rearrange(sorted(model.ids, key=lambda id: (id % 7, -id)))
    assert top_id(table) == seen
    assert [table.id_at(first) for first, _ in table.selected_ranges()] == [295]
    assert table.current_id == 295


def test_a_log_that_is_read_at_its_end_goes_on(qtbot, table):
    table.follow_end = True
    model = show(qtbot, table, 500)
    table.scrollToBottom()
    model.insert(500, 9_001, 9_002)
    assert table.visible_rows()[1] == 501
    table.verticalScrollBar().setValue(100)
    seen = top_id(table)
    model.insert(502, 9_003)
    assert top_id(table) == seen


def test_the_first_rows_of_an_empty_table_are_shown_from_the_top(qtbot, table):
    model = show(qtbot, table, 0)
    model.insert(0, 3, 2, 1)
    assert top_id(table) == 3


# -- hold


def test_rows_are_held_while_pointed_at_and_let_go_when_the_mouse_leaves(qtbot, table):
    model = show(qtbot, table, 100)
    point_at(table)
    assert model.holds == [True]
    QGuiApplication.sendEvent(table, QEvent(QEvent.Type.Leave))
    assert model.holds == [True, False]


def test_rows_are_let_go_when_the_mouse_rests(qtbot, table):
    model = show(qtbot, table, 100)
    point_at(table)
    qtbot.waitUntil(lambda: model.holds == [True, False], timeout=10_000)


# -- selection


def test_select_all_of_a_million_rows_is_one_range_and_asks_no_row(qtbot, table):
    model = show(qtbot, table, 1_000_000)
    model.asked = 0
    table.selectAll()
    table.grab()
    assert table.selected_ranges() == [(0, 999_999)]
    assert table.selected_count() == 1_000_000
    assert model.asked < 500, "the header would ask every row whether it is selected"


def test_ranges_are_merged_and_in_order(qtbot, table):
    show(qtbot, table, 100)
    click = [(5, Qt.KeyboardModifier.NoModifier), (7, Qt.KeyboardModifier.ControlModifier)]
    click += [(6, Qt.KeyboardModifier.ControlModifier), (2, Qt.KeyboardModifier.ControlModifier)]
    for row, modifier in click:
        place = QPoint(30, table.rowViewportPosition(row) + 4)
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, modifier, place)
    assert table.selected_ranges() == [(2, 2), (5, 7)]
    assert table.selected_count() == 4


def test_ids_beyond_32_bits_cross_the_signals_whole(qtbot, table):
    model = show(qtbot, table, 3)
    model.insert(0, 2**40)
    with qtbot.waitSignal(table.current_id_changed) as told:
        table.select_id(2**40)
    assert told.args == [2**40]
    with qtbot.waitSignal(table.row_activated) as told:
        QTest.keyClick(table, Qt.Key.Key_Return)
    assert told.args == [2**40]


def test_a_removed_current_row_is_told(qtbot, table):
    model = show(qtbot, table, 3)
    table.select_id(2)
    with qtbot.waitSignal(table.current_id_changed):
        model.remove(0, 3)
    assert table.current_id is None


def test_home_and_end_go_to_the_first_and_last_row(qtbot, table):
    show(qtbot, table, 1_000_000)
    QTest.keyClick(table, Qt.Key.Key_End)
    assert table.current_id == 1
    assert table.visible_rows()[1] == 999_999
    QTest.keyClick(table, Qt.Key.Key_Home)
    assert table.current_id == 1_000_000
    table.step(2)
    assert table.current_id == 999_998


def test_tab_leaves_the_table(qtbot, table):
    show(qtbot, table, 10)
    assert not table.tabKeyNavigation()


# -- clipboard and tooltips


def test_J5_copy_is_plain_text_of_shown_columns_in_their_order(qtbot, table):
    model = show(qtbot, table, 4)
    model.text = EVIL
    table.set_column_hidden("error_message", True)
    table.horizontalHeader().moveSection(1, 0)
    model.missing.add(3)  # not read yet: no made-up row
    table.selectAll()
    QTest.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    data = QGuiApplication.clipboard().mimeData()
    assert data.text().split("\n") == [
        f"{EVIL}\t{id}\t{status}" for id, status in ((4, "queued"), (2, "queued"), (1, "failed"))
    ]
    assert not data.hasHtml()


def test_J1_a_cut_cell_has_its_text_literally_in_the_tooltip(qtbot, table):
    model = show(qtbot, table, 2)
    model.text = EVIL
    table.setColumnWidth(1, 60)
    assert table.tooltip_text(model.index(0, 1)) == EVIL
    table.setColumnWidth(1, 2_000)
    assert table.tooltip_text(model.index(0, 1)) == ""


# -- columns


def test_a_layout_comes_back(qtbot, table, theme):
    show(qtbot, table, 5)
    table.setColumnWidth(0, 123)
    table.set_column_hidden("error_message", True)
    table.horizontalHeader().moveSection(2, 0)
    table.set_sort("type", descending=False)
    saved = table.save_layout()
    other = BigTableView(theme)
    qtbot.addWidget(other)
    other.setModel(table.model())
    other.restore_layout(saved)
    assert other.save_layout() == saved
    assert saved.order == ("status", "id", "type", "error_message")
    assert saved.hidden == ("error_message",)
    assert (saved.sort_column, saved.sort_descending) == ("type", False)
    other.setModel(None)


def test_a_strange_layout_leaves_a_usable_table(qtbot, table):
    show(qtbot, table, 5)
    strange = TableLayout(
        widths=(ColumnWidth("id", 0), ColumnWidth("nothing", 5)), hidden=COLUMNS, order=("nothing", "type", "type")
    )
    table.restore_layout(strange)
    shown = [column for column in range(4) if not table.isColumnHidden(column)]
    assert shown == [0, 1, 2, 3]
    assert table.columnWidth(0) > 10
    assert table.horizontalHeader().logicalIndex(0) == 1


def test_the_last_shown_column_stays(qtbot, table):
    show(qtbot, table, 5)
    for name in COLUMNS:
        table.set_column_hidden(name, True)
    assert not table.isColumnHidden(3)


def test_the_column_menu_hides_and_shows(qtbot, table):
    show(qtbot, table, 5)
    menu = table.column_menu()
    action = next(action for action in menu.actions() if action.text() == "Status")
    assert action.isChecked()
    action.trigger()
    assert table.isColumnHidden(2)
    next(action for action in menu.actions() if "Reset" in action.text()).trigger()
    assert not table.isColumnHidden(2)
    menu.close()


def test_rows_grow_with_the_font(qtbot, table, theme):
    show(qtbot, table, 5)
    assert table.rowHeight(0) >= table.fontMetrics().height() + theme.space(1)


def test_a_row_not_read_yet_is_painted_without_asking_data(qtbot, table):
    model = show(qtbot, table, 50)
    asked = []
    model.data = lambda index, role=0: asked.append((index.row(), role))
    table.viewport().repaint()
    assert [role for _, role in asked if role == Qt.ItemDataRole.DisplayRole] == []
