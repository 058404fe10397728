"""What was found as a table: the order of hits, where late ones go, the mark, and nothing that moves under the eye."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QImage, QPainter
from pytestqt.modeltest import ModelTester

from prismq_gui.insight.search_scan import Hit, SearchKind
from prismq_gui.models.search_model import MatchText, SearchHitModel, marked
from prismq_gui.polling.searching import FoundRow
from prismq_gui.views.row_delegate import Stretch, look_of
from prismq_gui.views.search_delegate import SearchDelegate
from prismq_gui.views.table_view import BigTableView

TASKS, LOGS = SearchKind.TASKS, SearchKind.LOGS


def found(kind: SearchKind, id: int, snippet: str = "a needle here") -> FoundRow:
    return FoundRow(Hit(kind, id, "payload", 0, snippet, 2, 6), "2026-01-02 03:04:05", id)


def keys(model: SearchHitModel) -> list[tuple[SearchKind, int]]:
    return [key for row in range(model.count) if (key := model.id_at(row)) is not None]


def test_hits_stand_as_they_were_found_and_late_ones_among_their_kind(qtmodeltester: ModelTester) -> None:
    model = SearchHitModel()
    qtmodeltester.check(model)
    model.add([found(TASKS, 90), found(TASKS, 50), found(LOGS, 70), found(TASKS, 20)])
    model.add([], [found(TASKS, 95), found(TASKS, 40), found(TASKS, 30), found(LOGS, 10)])
    model.add([found(LOGS, 5)])
    tasks = [id for kind, id in keys(model) if kind is TASKS]
    lines = [id for kind, id in keys(model) if kind is LOGS]
    assert tasks == [95, 90, 50, 40, 30, 20]
    assert lines == [70, 10, 5]
    qtmodeltester.check(model)
    model.clear()
    assert model.count == 0


def test_a_task_and_a_line_of_one_number_are_two_hits(qapp: object) -> None:
    model = SearchHitModel()
    model.add([found(TASKS, 7), found(LOGS, 7)])
    assert model.row_of((TASKS, 7)) == 0
    assert model.row_of((LOGS, 7)) == 1
    assert (model.cells(0) or ("",))[0] == "Task"
    assert (model.cells(1) or ("",))[0] == "Log line"


def test_late_hits_move_nothing_that_the_person_looks_at(theme, qtbot) -> None:
    model = SearchHitModel()
    table = BigTableView(theme, None, SearchDelegate)
    qtbot.addWidget(table)
    table.setModel(model)
    table.resize(600, 300)
    table.show()
    model.add([found(TASKS, id) for id in range(1_000, 0, -2)])
    table.selectRow(300)
    bar = table.verticalScrollBar()
    bar.setValue(290)
    top, chosen = table.id_at(bar.value()), table.current_id
    model.add([], [found(TASKS, id) for id in range(999, 901, -2)])
    assert model.count == 549
    assert table.id_at(bar.value()) == top
    assert table.current_id == chosen
    assert table.selected_ranges() == [(349, 349)]


@pytest.mark.parametrize(
    ("snippet", "start", "length", "match"),
    [
        ("ab needle cd", 3, 6, "needle"),
        ("line\nneedle\x00", 5, 6, "needle"),  # what is written out is longer or as long as it was
        ("\u202eneedle", 1, 6, "needle"),
        ("two\nlines", 2, 4, "o⏎li"),
        ("<b>needle</b>", 3, 6, "needle"),
    ],
)
def test_the_mark_moves_with_what_is_written_out(snippet: str, start: int, length: int, match: str) -> None:
    text = marked(snippet, start, length)
    assert text[text.start : text.start + text.length] == match
    assert "\n" not in text
    assert "\u202e" not in text


def test_a_place_that_cannot_be_told_has_no_mark() -> None:
    assert marked("nothing to mark", 0, 0).length == 0


def test_the_match_stays_in_view_where_the_column_is_narrow(theme) -> None:
    delegate = SearchDelegate(theme)
    text = MatchText("x" * 150 + "needle" + "y" * 50, 150, 6)
    room = delegate.metrics_of(0).averageCharWidth() * 40
    cut = delegate.fitted(text, room)
    assert cut[cut.start : cut.start + cut.length] == "needle"
    assert cut.start < 40
    assert cut.startswith("…")
    assert delegate.fitted(text, room * 100) is text


def painted(delegate: SearchDelegate, text: str) -> set[str]:
    """Return the colours of a painted row."""
    image = QImage(400, 30, QImage.Format.Format_RGB32)
    image.fill(0xFFFFFF)
    painter = QPainter(image)
    cells = ("Task", "1", "payload", "", text)
    delegate.paint_row(painter, image.rect(), cells, (Stretch(4, 0, 400),), "")
    painter.end()
    return {image.pixelColor(x, y).name() for x in range(0, 400, 2) for y in range(0, 30, 2)}


def test_the_match_is_marked_by_the_painter(theme) -> None:
    delegate = SearchDelegate(theme)
    delegate.set_looks([look_of(name, right=False) for name in ("kind", "id", "column", "at", "snippet")])
    ground = theme.colour("warning_ground").name()
    assert ground in painted(delegate, MatchText("a needle here", 2, 6))
    assert ground not in painted(delegate, MatchText("a needle here"))
