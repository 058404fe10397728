"""Rows come, go and change under a view, which keeps its selection and asks for what it shows alone."""

from array import array
from datetime import timedelta

import pytest
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy
from PySide6.QtWidgets import QTableView

from prismq_gui.insight.filters import TaskColumn, TaskFilter, TaskOrder
from prismq_gui.insight.problems import Problem, ProblemKind
from prismq_gui.insight.states import StatusKind
from prismq_gui.models.columns import NAME_ROLE, STATUS_ROLE
from prismq_gui.models.row_cache import CAPACITY
from prismq_gui.models.row_fetcher import LOOK_AHEAD, MAX_ROWS
from prismq_gui.models.task_table_model import TaskTableModel
from prismq_gui.polling.messages import FeedFailed, Link, LinkState, Table

FLAGS = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows


def ids_of(model) -> list[int]:
    return [model.id_at(row) for row in range(model.rowCount())]


class Selection:
    """A selection over a model, told in ids."""

    def __init__(self, model) -> None:
        self.model = model
        self.selection = QItemSelectionModel(model)

    def select(self, first: int, last: int) -> None:
        index = self.model.index
        self.selection.select(QItemSelection(index(first, 0), index(last, self.model.columnCount() - 1)), FLAGS)

    def ids(self) -> list[int]:
        rows = sorted({row for part in self.selection.selection() for row in range(part.top(), part.bottom() + 1)})
        return [self.model.id_at(row) for row in rows]


@pytest.fixture
def shown(model, source):
    """A model that shows the tasks 100 … 1."""
    source.answer(range(100, 0, -1))
    return model


def test_the_model_keeps_qts_rules_through_all_changes(model, source):
    # Warnings of the tester fail the test by pytest-qt.
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    source.answer(range(100, 50, -1), done=False, progress=0.5)
    source.answer(range(50, 0, -1))
    source.patch(removed=[(90, 5), (3, 1)], inserted=[(0, [101, 102]), (50, [500])])
    source.replace(list(range(80, 0, -1)))
    source.replace(list(range(1, 150)))
    model.set_filter(TaskFilter(text="x"))
    source.answer(array("q", [5, 3, 9]))
    model.set_order(TaskOrder(TaskColumn.TYPE))
    source.answer(array("q", [3, 5, 9]))
    model.data(model.index(0, 0))
    assert ids_of(model) == [3, 5, 9]
    assert tester.model() is model


# -- reading rows


def test_a_row_shows_nothing_until_it_is_read_and_is_asked_for_once(shown, source, qtbot):
    index = shown.index(0, 2)
    assert index.data() is None
    assert shown.cells(1) is None
    qtbot.waitUntil(lambda: bool(source.requests))
    assert [index.data(), len(source.requests)] == [None, 1]
    assert source.requests[0].ids[:2] == (100, 99)
    spy = QSignalSpy(shown.dataChanged)
    source.load()
    assert (spy.count(), spy.at(0)[0].row()) == (1, 0)
    assert index.data() == "Waiting"
    assert index.data(STATUS_ROLE) is StatusKind.WAITING
    assert shown.index(0, 0).data(Qt.ItemDataRole.TextAlignmentRole) == int(
        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    )


def test_a_million_rows_ask_only_for_what_is_looked_at(model, source, qtbot):
    source.answer(range(1_000_000, 0, -1))
    view = QTableView()
    qtbot.addWidget(view)
    view.setModel(model)
    view.verticalHeader().setDefaultSectionSize(24)
    view.resize(800, 600)
    view.show()
    for row in (0, 500_000, 999_999):
        before = len(source.requests)
        view.scrollTo(model.index(row, 0))
        view.repaint()
        qtbot.waitUntil(lambda before=before: len(source.requests) > before)
        source.load()
        assert model.index(row, 0).data() == str(1_000_000 - row)
    assert all(len(request.ids) <= 60 + 2 * LOOK_AHEAD for request in source.requests)


def test_a_look_at_all_rows_is_cut_to_one_request(model, source, qtbot):
    source.answer(range(20_000, 0, -1))
    for row in range(20_000):
        model.cells(row)
    qtbot.waitUntil(lambda: bool(source.requests))
    assert len(source.requests) == 1
    assert len(source.requests[0].ids) <= MAX_ROWS + 2 * LOOK_AHEAD


def test_the_cache_is_bounded(model, source, qtbot):
    source.answer(range(20_000, 0, -1))
    for row in range(0, 20_000, 100):
        before = len(source.requests)
        model.set_visible_rows(row, row + 40)
        model.cells(row)
        qtbot.waitUntil(lambda before=before, row=row: len(source.requests) > before or model.cells(row) is not None)
        source.load()
    assert len(model._fetcher.cache) <= CAPACITY
    assert model.cells(19_900) is not None


def test_after_a_change_the_visible_rows_are_read_again_and_old_text_stays_meanwhile(shown, source, qtbot):
    shown.set_visible_rows(0, 10)
    shown.cells(0)
    qtbot.waitUntil(lambda: bool(source.requests))
    source.load()
    source.statuses[95] = "failed"
    source.change()
    assert shown.cells(5)[2] == "Waiting"
    qtbot.waitUntil(lambda: len(source.requests) == 2)
    spy = QSignalSpy(shown.dataChanged)
    source.load()
    assert shown.cells(5)[2] == "Failed"
    assert [(spy.at(0)[0].row(), spy.at(0)[1].row()), spy.count()] == [(5, 5), 1]


def test_rows_that_came_before_they_were_asked_for_are_not_asked_for(shown, source, qtbot):
    shown.set_visible_rows(0, 10)
    shown.cells(0)
    qtbot.waitUntil(lambda: bool(source.requests))
    source.load()
    source.change()
    source.load()  # what the feed reads by itself where new rows come
    qtbot.wait(200)  # well past the moment in which stale rows are asked for
    assert shown.cells(5)[2] == "Waiting"
    assert len(source.requests) == 1


def test_nothing_is_painted_when_a_change_left_the_visible_rows_alone(shown, source, qtbot):
    shown.set_visible_rows(0, 10)
    shown.cells(0)
    qtbot.waitUntil(lambda: bool(source.requests))
    source.load()
    source.change()
    qtbot.waitUntil(lambda: len(source.requests) == 2)
    spy = QSignalSpy(shown.dataChanged)
    source.load()
    assert spy.count() == 0


def test_a_row_that_is_gone_says_so(shown, source, qtbot):
    source.gone.add(100)
    shown.cells(0)
    qtbot.waitUntil(lambda: bool(source.requests))
    source.load()
    assert shown.cells(0)[:2] == ("100", "(gone)")
    assert "deleted" in shown.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)


def test_rows_that_could_not_be_read_are_asked_for_when_looked_at_again(shown, source, qtbot):
    problem = Problem(ProblemKind.BUSY, "Busy", "", "", "")
    spy, recovered = QSignalSpy(shown.failed), QSignalSpy(shown.recovered)
    shown.cells(0)
    qtbot.waitUntil(lambda: bool(source.requests))
    source.feed_failed.emit(FeedFailed(Table.TASKS, source.queries[-1].generation, problem))
    assert (spy.count(), spy.at(0)[0]) == (1, problem)
    shown.cells(0)
    qtbot.waitUntil(lambda: len(source.requests) == 2)
    source.load()
    assert (shown.cells(0)[0], recovered.count()) == ("100", 1)


# -- changes of structure


def test_selection_and_current_row_survive_a_patch(shown, source):
    chosen = Selection(shown)
    chosen.select(10, 14)
    chosen.selection.setCurrentIndex(shown.index(12, 3), QItemSelectionModel.SelectionFlag.NoUpdate)
    before = chosen.ids()
    spy = QSignalSpy(shown.modelReset)
    source.patch(removed=[(50, 3), (11, 1)], inserted=[(0, [103, 102, 101])])
    assert chosen.ids() == [each for each in before if each != 89]
    assert shown.id_at(chosen.selection.currentIndex().row()) == 88
    assert spy.count() == 0


@pytest.mark.parametrize("size", [60, 100, 140])
def test_selection_and_current_row_follow_their_ids_through_a_replacement(shown, source, size):
    chosen = Selection(shown)
    chosen.select(10, 14)
    chosen.select(99, 99)
    chosen.selection.setCurrentIndex(shown.index(12, 3), QItemSelectionModel.SelectionFlag.NoUpdate)
    new = [1, *range(200, 200 + size - 5), 88, 90, 86, 87]
    spy = QSignalSpy(shown.modelReset)
    source.replace(new)
    assert ids_of(shown) == new
    assert sorted(chosen.ids()) == [1, 86, 87, 88, 90]
    assert shown.id_at(chosen.selection.currentIndex().row()) == 88
    assert chosen.selection.currentIndex().column() == 3
    assert spy.count() == 0


def test_a_current_row_that_is_gone_is_no_other_row(shown, source):
    chosen = Selection(shown)
    chosen.selection.setCurrentIndex(shown.index(99, 0), QItemSelectionModel.SelectionFlag.NoUpdate)
    source.replace(list(range(500, 400, -1)))
    assert not chosen.selection.currentIndex().isValid()


@pytest.mark.parametrize("new", [[*range(100, 40, -1), *range(300, 340)], [*range(150, 0, -1)], [5, 4, 900]])
def test_all_rows_selected_does_not_select_rows_that_came_later(shown, source, new):
    chosen = Selection(shown)
    chosen.select(0, 99)
    source.replace(new)
    assert sorted(chosen.ids()) == sorted(each for each in new if each <= 100)


def test_a_replacement_waits_for_a_very_large_selection_to_end(model, source):
    source.answer(range(10_000, 0, -1))
    chosen = Selection(model)
    chosen.select(0, 4_999)
    spy = QSignalSpy(model.held_changed)
    source.replace(list(range(1, 9_001)))
    source.patch(removed=[(0, 1)])
    assert (model.count, model.id_at(0), chosen.ids()[0]) == (10_000, 10_000, 10_000)
    assert [spy.at(place)[0] for place in range(spy.count())] == [1_000, 1_001]
    chosen.selection.clearSelection()
    source.change()
    assert (model.count, model.id_at(0)) == (8_999, 2)
    assert spy.at(spy.count() - 1)[0] == 0


def test_what_waits_is_shown_when_the_person_asks_for_it(model, source):
    source.answer(range(10_000, 0, -1))
    chosen = Selection(model)
    chosen.select(0, 4_999)
    source.replace(list(range(1, 9_001)))
    model.show_held()
    assert (model.count, model.id_at(0), chosen.ids()) == (9_000, 1, [])


def test_another_order_drops_a_very_large_selection_rather_than_freeze(model, source):
    source.answer(range(10_000, 0, -1))
    chosen = Selection(model)
    chosen.select(0, 4_999)
    model.set_order(TaskOrder(TaskColumn.TYPE))
    source.answer(array("q", range(1, 10_001)))
    assert (model.id_at(0), chosen.ids()) == (1, [])


def test_single_rows_far_apart_are_no_large_selection(model, source):
    source.answer(range(10_000, 0, -1))
    chosen = Selection(model)
    for row in (0, 5_000, 9_999):
        chosen.select(row, row)
    source.replace([1, 5_000, *range(10_000, 9_000, -1)])
    assert sorted(chosen.ids()) == [1, 5_000, 10_000]


def test_at_midnight_the_times_in_view_are_told_anew(shown, source, qtbot):
    shown.set_visible_rows(0, 10)
    shown.cells(0)
    qtbot.waitUntil(lambda: bool(source.requests))
    source.load()
    shown._day -= timedelta(days=1)
    shown._day_timer.timeout.emit()
    qtbot.waitUntil(lambda: len(source.requests) == 2)


def test_scroll_stays_where_rows_come_in_above_and_below(shown, source, qtbot):
    view = QTableView()
    qtbot.addWidget(view)
    view.setModel(shown)
    view.resize(400, 200)
    view.show()
    view.scrollTo(shown.index(60, 0), QTableView.ScrollHint.PositionAtTop)
    place = view.verticalScrollBar().value()
    source.patch(removed=[(95, 2)], inserted=[(98, [700, 701])])
    source.change()
    assert view.verticalScrollBar().value() == place


def test_rows_wait_while_the_person_points_at_them_but_their_text_does_not(shown, source, qtbot):
    shown.set_visible_rows(0, 10)
    shown.cells(0)
    qtbot.waitUntil(lambda: bool(source.requests))
    source.load()
    spy = QSignalSpy(shown.held_changed)
    shown.hold(True)
    source.patch(inserted=[(0, [101])])
    source.patch(removed=[(50, 2)])
    assert (shown.id_at(0), shown.count) == (100, 100)
    assert [spy.at(place)[0] for place in range(spy.count())] == [1, 3]
    source.statuses[100] = "failed"
    source.change()
    qtbot.waitUntil(lambda: len(source.requests) == 2)
    source.load()
    assert shown.cells(0)[2] == "Failed"
    shown.hold(False)
    assert (shown.id_at(0), shown.count) == (101, 99)
    assert spy.at(spy.count() - 1)[0] == 0


def test_rows_at_the_end_come_even_while_held(shown, source):
    shown.hold(True)
    source.patch(inserted=[(100, [500, 501])])
    assert shown.id_at(101) == 501


def test_a_patch_for_other_rows_asks_anew_instead_of_showing_wrong_ones(shown, source):
    source.patch(removed=[(99, 5)])
    assert shown.count == 100
    assert len(source.queries) == 2


# -- queries


def test_old_rows_stay_until_the_first_of_the_new_query(shown, source):
    shown.set_filter(TaskFilter(statuses=("failed",)))
    assert (shown.count, shown.progress, shown.is_complete) == (100, 0.0, False)
    source.answer(range(0), done=False, progress=0.3)
    assert (shown.count, shown.progress) == (100, 0.3)
    source.answer(array("q", [77, 5]), done=False, progress=0.6)
    assert ids_of(shown) == [77, 5]
    source.answer(array("q", [3]))
    assert (ids_of(shown), shown.is_complete) == ([77, 5, 3], True)


def test_a_query_without_matches_empties_the_table(shown, source):
    shown.set_filter(TaskFilter(text="nothing"))
    source.answer(range(0))
    assert (shown.count, shown.is_complete) == (0, True)


def test_answers_to_an_older_query_are_void(shown, source):
    old = source.queries[-1]
    shown.set_filter(TaskFilter(text="a"))
    shown.set_filter(TaskFilter(text="b"))
    newest = source.queries.pop()
    source.answer(range(5, 0, -1))
    assert shown.count == 100
    source.queries.append(newest)
    source.answer(range(7, 0, -1))
    assert shown.count == 7
    assert old.generation < newest.generation


def test_another_order_keeps_the_selection(shown, source):
    chosen = Selection(shown)
    chosen.select(3, 5)
    shown.sort(5, Qt.SortOrder.AscendingOrder)
    assert source.queries[-1].order == TaskOrder(TaskColumn.RUN_AFTER, descending=False)
    source.answer(array("q", [95, *range(1, 95)]), done=False)
    source.answer(array("q", [*range(96, 101)]))
    assert sorted(chosen.ids()) == [95, 96, 97]
    assert shown.row_of(95) == 0


def test_another_filter_drops_the_selection(shown, source):
    chosen = Selection(shown)
    chosen.select(0, 99)
    shown.set_filter(TaskFilter(text="a"))
    source.answer(range(50, 0, -1))
    assert chosen.ids() == []


def test_the_same_question_is_not_asked_twice(shown, source):
    shown.set_filter(TaskFilter())
    shown.set_order(TaskOrder())
    assert len(source.queries) == 1
    shown.requery()
    assert len(source.queries) == 2


def test_rows_of_one_file_never_stand_under_the_name_of_another(shown, source, qtbot):
    shown.cells(0)
    qtbot.waitUntil(lambda: bool(source.requests))
    source.link.emit(Link(LinkState.OPENING, 2))
    assert shown.count == 0
    source.load()  # late, of the file before
    source.opened.emit(None)
    source.answer(range(100, 0, -1))
    assert shown.cells(0) is None


def test_selected_ids_are_taken_by_ranges_not_row_by_row(model, source):
    source.answer(range(10_000_000, 0, -1))
    assert model.ids_of_rows([(0, 9_999_999)]) == range(10_000_000, 0, -1)
    assert list(model.ids_of_rows([(1, 2), (9_999_999, 9_999_999)])) == [9_999_999, 9_999_998, 1]
    assert len(model.ids_of_rows([])) == 0


def test_headers_have_titles_and_stable_names(shown):
    titles = [shown.headerData(column, Qt.Orientation.Horizontal) for column in range(shown.columnCount())]
    names = [shown.headerData(column, Qt.Orientation.Horizontal, NAME_ROLE) for column in range(shown.columnCount())]
    assert titles[:11] == [
        "Id",
        "Type",
        "Status",
        "Priority",
        "Attempts",
        "Due",
        "Created",
        "Started",
        "Finished",
        "Worker",
        "Error",
    ]
    assert len(set(names)) == len(names)
    assert {"id", "locked_by", "run_after_utc"} <= set(names)


def test_ids_beyond_32_bits_are_shown_and_found(model, source, qtbot):
    source.answer(array("q", [2**40, 2]))
    model.cells(0)
    qtbot.waitUntil(lambda: bool(source.requests))
    source.load()
    assert model.cells(0)[0] == str(2**40)
    assert model.row_of(2**40) == 0


def test_a_cell_that_does_not_exist_is_empty(shown):
    assert shown.data(QModelIndex()) is None
    assert shown.data(shown.index(0, 0), Qt.ItemDataRole.DecorationRole) is None
    assert shown.rowCount(shown.index(0, 0)) == 0
    assert shown.id_at(100) is None
    assert shown.row_of(4_711) is None


def test_a_model_before_any_file_is_empty(source):
    model = TaskTableModel(source)
    assert (model.count, model.is_complete, source.queries) == (0, False, [])
