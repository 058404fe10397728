"""Values of payloads as columns of the tasks: cells come, stay and go with their columns."""

from __future__ import annotations

from PySide6.QtCore import Qt

from prismq_gui.insight.filters import TaskOrder
from prismq_gui.insight.payload_columns import Found, PayloadColumn, PayloadValue
from prismq_gui.models.columns import TASK_COLUMNS
from prismq_gui.models.render import render_task
from prismq_gui.models.task_table_model import TaskTableModel
from tests.models.conftest import FakeSource, task

A, B, C = (PayloadColumn((name,)) for name in "abc")
FIRST = len(TASK_COLUMNS)


def shown(model: TaskTableModel, row: int = 0) -> tuple[str, ...]:
    return (model.cells(row) or ())[FIRST:]


def filled(model: TaskTableModel, source: FakeSource, qtbot) -> None:
    """Show three tasks and read them with the values of A and B."""
    source.answer(range(3, 0, -1))
    model.set_visible_rows(0, 2)
    model.set_payload_columns([A, B])
    qtbot.waitUntil(lambda: bool(source.requests) and source.requests[-1].columns == (A, B))
    source.load()
    assert shown(model) == ("3 payload.a", "3 payload.b")


def test_columns_stand_at_the_end_under_their_paths(model, source, qtbot):
    filled(model, source, qtbot)
    assert model.columnCount() == FIRST + 2
    titles = [model.headerData(column, Qt.Orientation.Horizontal) for column in range(FIRST, FIRST + 2)]
    assert titles == ["payload.a", "payload.b"]
    assert source.requests[-1].ids == (3, 2, 1)
    model.sort(FIRST + 1, Qt.SortOrder.AscendingOrder)
    assert source.queries[-1].order == TaskOrder(descending=False, payload=B)
    assert not source.queries[-1].order.is_by_id


def test_what_is_known_of_a_column_that_stays_stays_in_view(model, source, qtbot):
    filled(model, source, qtbot)
    asked = len(source.requests)
    model.set_payload_columns([B, C])
    assert shown(model) == ("3 payload.b", "")
    qtbot.waitUntil(lambda: len(source.requests) > asked)
    source.load_request(source.requests[asked - 1])  # the answer to an older question comes late
    assert shown(model) == ("3 payload.b", "")
    source.load()
    assert shown(model) == ("3 payload.b", "3 payload.c")
    model.set_payload_columns([])
    assert shown(model) == ()
    assert model.columnCount() == FIRST


def test_there_are_at_most_16_and_each_once(model):
    model.set_payload_columns([PayloadColumn((f"k{number % 20}",)) for number in range(40)])
    assert [column.name for column in model.payload_columns] == [f"payload.k{number}" for number in range(16)]


def test_what_cannot_be_looked_into_is_a_mark_that_says_why():
    values = tuple(PayloadValue(found, "<b>1</b>" if found is Found.VALUE else None) for found in Found)
    rendered = render_task(task(1), values=values)
    assert rendered.cells[FIRST:] == ("<b>1</b>", "", "(too large)", "(no JSON)")
    tips = [rendered.tooltip(column) for column in range(FIRST, FIRST + 5)]
    assert tips[:2] == ["", ""]
    assert "1 MiB" in tips[2]
    assert "no JSON" in tips[3]
    assert tips[4] == ""
