"""While rows are being found or sorted: what is shown, what stays, and what Stop leaves."""

from __future__ import annotations

from array import array

import pytest
from PySide6.QtCore import QItemSelectionModel

from prismq_gui.insight.filters import TaskColumn, TaskFilter, TaskOrder
from tests.models.test_id_table_model import Selection, ids_of

BY_ATTEMPTS = TaskOrder(TaskColumn.ATTEMPTS, descending=True)
NONE = array("q")


@pytest.fixture
def sorting(model, source):
    """A model that shows the tasks 100 … 1 and was asked for another order, of which a third was read."""
    source.answer(range(100, 0, -1))
    model.set_order(BY_ATTEMPTS)
    source.answer(NONE, done=False, progress=0.3)
    return model


def test_a_sort_shows_what_leads_as_far_as_it_has_read(sorting, source):
    assert sorting.is_sorting
    assert ids_of(sorting) == list(range(100, 0, -1))
    source.answer(NONE, done=False, progress=0.4, leading=array("q", [7, 9]))
    assert (ids_of(sorting), sorting.is_leading) == ([7, 9], True)
    source.answer(NONE, done=False, progress=0.5, leading=array("q", [3, 7, 9]))
    assert ids_of(sorting) == [3, 7, 9]
    source.answer(array("q", [3, 7, *range(8, 101)]))
    assert ids_of(sorting) == [3, 7, *range(8, 101)]
    assert not sorting.is_leading
    assert not sorting.is_sorting


@pytest.mark.parametrize("amid", ["pointing", "selected", "scrolled"])
def test_no_row_moves_under_somebody_who_is_amid_them(sorting, source, amid):
    selection = Selection(sorting)
    if amid == "pointing":
        sorting.hold(True)
    elif amid == "selected":
        selection.select(4, 4)
    else:
        sorting.set_visible_rows(12, 40)
    source.answer(NONE, done=False, progress=0.4, leading=array("q", [7, 9]))
    assert ids_of(sorting) == list(range(100, 0, -1))
    assert not sorting.is_leading
    source.answer(range(1, 101))
    assert ids_of(sorting) == list(range(1, 101))
    assert selection.ids() == ([96] if amid == "selected" else [])


def test_the_current_row_alone_keeps_no_sort_from_being_shown(sorting, source):
    selection = QItemSelectionModel(sorting)  # a table makes its first row current when it gets the keyboard
    selection.setCurrentIndex(sorting.index(0, 0), QItemSelectionModel.SelectionFlag.NoUpdate)
    source.answer(NONE, done=False, progress=0.4, leading=array("q", [7, 9]))
    assert ids_of(sorting) == [7, 9]


@pytest.mark.parametrize("leading", [None, array("q", [7, 9])])
def test_a_stopped_sort_returns_to_the_order_before(sorting, source, leading):
    source.answer(NONE, done=False, progress=0.4, leading=leading)
    sorting.stop()
    assert sorting.order == TaskOrder() == source.queries[-1].order
    assert source.pauses == []
    source.answer(range(100, 0, -1))
    assert ids_of(sorting) == list(range(100, 0, -1))
    assert sorting.is_complete
    assert not sorting.is_leading


def test_a_second_stop_leads_out_of_an_order_that_takes_long_too(sorting, source):
    source.answer(range(1, 101))
    sorting.set_order(TaskOrder(TaskColumn.ERROR))
    sorting.stop()
    assert sorting.order == BY_ATTEMPTS
    sorting.stop()
    assert sorting.order == TaskOrder()


def test_a_stopped_filter_keeps_what_was_found_and_goes_on_when_told(model, source):
    source.answer(range(100, 0, -1))
    model.set_filter(TaskFilter(text="x"))
    source.answer(array("q", [90, 80]), done=False, progress=0.2)
    model.stop()
    assert [(each.generation, each.stopped) for each in source.pauses] == [(source.queries[-1].generation, True)]
    source.answer(array("q", [75]), done=False, progress=0.25, stopped=True)
    assert (ids_of(model), model.is_stopped, model.is_complete) == ([90, 80, 75], True, False)
    model.stop()
    assert len(source.pauses) == 1, "it is stopped already"
    model.go_on()
    assert not source.pauses[-1].stopped
    source.answer(NONE, done=False, progress=0.25)
    assert not model.is_stopped
    source.answer(array("q", [3]))
    assert (ids_of(model), model.is_complete) == ([90, 80, 75, 3], True)


def test_a_stopped_filter_that_found_nothing_shows_nothing_old(model, source):
    source.answer(range(100, 0, -1))
    model.set_filter(TaskFilter(text="x"))
    source.answer(NONE, done=False, progress=0.2)
    assert model.count == 100
    source.answer(NONE, done=False, progress=0.3, stopped=True)
    assert model.count == 0
    assert model.is_stopped


def test_a_stopped_sort_of_another_filter_keeps_what_led(model, source):
    source.answer(range(100, 0, -1))
    model.set_order(BY_ATTEMPTS)
    source.answer(range(1, 101))
    selection = Selection(model)
    selection.select(4, 4)
    model.set_filter(TaskFilter(text="x"))
    source.answer(NONE, done=False, progress=0.3, leading=array("q", [7, 9]))
    assert ids_of(model) == [7, 9], "rows of another filter go, whoever is amid them"
    model.stop()
    source.answer(NONE, done=False, progress=0.3, stopped=True)
    assert (ids_of(model), model.is_leading) == ([7, 9], True)
    model.set_filter(TaskFilter())
    source.answer(range(1, 101))
    assert model.count == 100
    assert not model.is_stopped
