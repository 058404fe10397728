"""The overview says what is wrong and leads there, shows no false zero, and remembers what was chosen."""

from __future__ import annotations

from datetime import timedelta

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from prismq_gui.insight.history import Point
from prismq_gui.insight.history_points import Source
from prismq_gui.insight.overview import Figure, Overview
from prismq_gui.insight.verdict import Code, Page, Reason, Severity, Verdict
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.messages import Table
from prismq_gui.polling.overview_messages import NO_HISTORY, OverviewNews, Past, Span
from prismq_gui.queue.timestamps import now_utc
from prismq_gui.views import overview_words as words
from prismq_gui.views.overview_page import OverviewPage
from tests.views.fakes import EVIL

SILENT = Reason(Code.SILENT_WORKERS, Severity.WARNING, "w-1 silent for 2 h holding 3 tasks", Page.WORKERS)
EXPIRED = Reason(
    Code.EXPIRED_LEASES, Severity.FAULT, "3 tasks run on leases that are over", Page.TASKS, "status:processing"
)


def overview(*reasons: Reason, unknown: tuple[str, ...] = (), **figures: object) -> Overview:
    parts = dict.fromkeys(
        ("waiting", "running", "oldest", "rates", "failures", "leases", "workers", "times", "forecast"), Figure()
    )
    verdict = Verdict("x", reasons[0].severity if reasons else None, reasons, unknown)
    return Overview(at_utc=now_utc(), verdict=verdict, **{**parts, **figures})


@pytest.fixture
def page(qtbot, theme) -> OverviewPage:
    engine = Engine(dict.fromkeys(Table, lambda row: row))
    made = OverviewPage(theme, engine)
    made.set_pages(frozenset({"tasks", "workers"}))
    qtbot.addWidget(made)
    made.resize(1_000, 700)
    with qtbot.waitExposed(made):
        made.show()
    yield made
    engine.shutdown()
    engine.deleteLater()


def tell(page: OverviewPage, *reasons: Reason, past: Past | None = None, **more: object) -> None:
    page._engine.overview.emit(OverviewNews(1, overview(*reasons, **more), past))


def test_before_anything_was_read_nothing_is_zero(page):
    assert "Not looked at yet" in page.verdict.sentence.text()
    assert {tile.value.text() for tile in page.tiles.tiles.values()} == {words.UNKNOWN}
    assert all("not known" in tile.accessibleName() for tile in page.tiles.tiles.values())
    tell(page, unknown=("workers",))
    assert {tile.value.text() for tile in page.tiles.tiles.values()} == {words.UNKNOWN}
    assert "workers" in page.verdict.unknown.text()


def test_a_figure_that_is_old_says_so(page):
    now = now_utc()
    tell(page, waiting=Figure(1_234_567, now), running=Figure(0, now - timedelta(minutes=10)))
    tiles = page.tiles.tiles
    assert (tiles["waiting"].value.text(), tiles["waiting"].note.text()) == ("1,234,567", "")
    assert (tiles["running"].value.text(), tiles["running"].note.text()) == ("0", "as of 10 min ago")


def test_reasons_are_reached_and_followed_by_keys_alone(page, qtbot):
    tell(page, EXPIRED, SILENT)
    page.activateWindow()
    page.focus_first()
    button = page.verdict.lines()[0].button
    assert page.focusWidget() is button
    assert EXPIRED.sentence[0] in button.accessibleName()
    with qtbot.waitSignal(page.reason_followed) as followed:
        QTest.keyClick(button, Qt.Key.Key_Space)
    assert followed.args == [EXPIRED]
    qtbot.waitUntil(page.verdict.lines()[1].button.isVisible)
    page.focusNextChild()
    assert page.focusWidget() is page.verdict.lines()[1].button
    page.focusNextChild()
    assert page.focusWidget() is page.verdict.thresholds_button
    page.focusNextChild()
    assert page.focusWidget() is page.span_buttons[Span.TEN_MINUTES]


def test_a_reason_that_stays_keeps_its_button_and_the_focus(page):
    tell(page, SILENT)
    page.activateWindow()
    button = page.verdict.lines()[0].button
    button.setFocus()
    tell(page, EXPIRED, SILENT)
    assert page.verdict.lines()[0].sentence.text().startswith("3 tasks run")
    assert page.verdict.lines()[1].button is button
    assert page.focusWidget() is button
    tell(page)
    assert page.verdict.lines() == ()


def test_a_reason_whose_page_is_not_there_has_no_button(page):
    tell(page, Reason(Code.WAL_LARGE, Severity.WARNING, "the WAL has grown", Page.DATABASE))
    assert page.verdict.lines()[0].button.isHidden()


def test_text_from_the_queue_stays_text(page):
    tell(page, Reason(Code.FAILING, Severity.FAULT, f"3 failed, most {EVIL}", Page.TASKS, "", (EVIL,)))
    line = page.verdict.lines()[0]
    assert line.sentence.textFormat() == Qt.TextFormat.PlainText
    assert line.details.textFormat() == Qt.TextFormat.PlainText


def past(*points: Point) -> Past:
    return Past(Span.HOUR, points)


def test_points_become_lines_and_a_table_of_the_same_values(page):
    start = 1_790_000_000
    points = (
        Point(start, 60, unfinished=9.0, depth_source=Source.REBUILT, completed_per_s=0.5, flow_source=Source.REBUILT),
        Point(start + 60, 60),
        Point(start + 120, 60, 4.0, 2.0, 6.0, Source.WATCHED, 1.0, 0.0, 0.0, 0.0, Source.WATCHED),
    )
    tell(page, past=past(*points))
    depth, flow = page.depth_chart.data, page.flow_chart.data
    assert {series.name: series.values for series in depth.series} == {
        "Unfinished": (9.0, None, 6.0), "Waiting": (None, None, 4.0), "Running": (None, None, 2.0),
    }  # fmt: skip
    assert flow.series[1].values == (30.0, None, 0.0)
    assert depth.rebuilt == (True, False, False)
    assert "rebuilt" in page.hatched.text()
    page.table_button.click()
    rows = [page.points_model.cells(row) for row in range(page.points_model.rowCount())]
    assert rows[0][1:4] == ("6", "4", "2")
    assert rows[1][1:] == ("–",) * 7 + ("not known",)
    assert rows[2][5:] == ("30", "–", "–", "rebuilt")


def test_nothing_known_of_the_past_says_what_will_be_and_not_before_it_was_looked_at(page):
    nothing = past(Point(0, 60), Point(60, 60))
    for awaits, rebuilding, word in ((True, False, "Reading"), (True, True, "rebuilt"), (False, False, "Nothing is")):
        news = OverviewNews(1, overview(), nothing, rebuilding=rebuilding, awaits_past=awaits)
        page._engine.overview.emit(news)
        assert word in page.depth_chart.accessibleDescription()
    page._engine.overview.emit(OverviewNews(1, overview(), None, NO_HISTORY))
    assert "not kept" in page.flow_chart.accessibleDescription()
    tell(page, past=nothing)
    assert page.depth_chart.accessibleDescription()
    assert page.depth_chart.legend()[0][1] == "not known"


@pytest.mark.parametrize("size", [(560, 300), (1_024, 700), (2_560, 1_440)])
def test_any_size_is_laid_out_without_a_scroll_sideways(page, size):
    tell(page, EXPIRED, SILENT, waiting=Figure(10**15, now_utc()))
    page.setMinimumSize(1, 1)
    page.resize(*size)
    page.grab()
    assert page.widget().width() <= page.viewport().width()
