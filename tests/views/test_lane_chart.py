"""The lanes of the workers: bars where they belong, gaps left empty, everything by keys and mouse."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import inf

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from prismq_gui.insight.lanes import Lane, Lanes, Span
from prismq_gui.insight.timeline import Outcome
from prismq_gui.views.lane_bars import MOST_TRACKS, bars_of, span_words, stretch_s, ticks
from prismq_gui.views.lane_panel import LanePanel
from tests.views.fakes import EVIL

NOW = datetime(2026, 3, 1, 12, 0, 0)
WINDOW = timedelta(minutes=10)


def span(id: int, begins_s: float | None, ends_s: float | None = None, **changes) -> Span:
    """A run that began and ended so many seconds ago."""
    ago = [None if each is None else NOW - timedelta(seconds=each) for each in (begins_s, ends_s)]
    outcome = changes.pop("outcome", Outcome.RUNNING if ends_s is None else Outcome.COMPLETED)
    return Span(changes.pop("worker", "a"), id, changes.pop("type", "job"), ago[0], ago[1], outcome, **changes)


def lanes(*each: Lane, notes: tuple[str, ...] = (), covered_from: datetime | None = None) -> Lanes:
    since = NOW - WINDOW
    return Lanes(each, since, NOW, covered_from or since, notes)


TWO = lanes(
    Lane("a", "busy", (span(1, 500, 400), span(2, 200, 100, outcome=Outcome.FAILED), span(3, 50))),
    Lane("b", "silent", ()),
    Lane("c", "idle", (span(2**40, 210, 150, worker="c"),)),
)


@pytest.fixture
def panel(qtbot, theme):
    made = LanePanel(theme)
    qtbot.addWidget(made)
    made.resize(800, 400)
    made.show()
    made.show_lanes(TWO, NOW)
    return made


def test_runs_that_overlap_stand_on_tracks_of_their_own():
    crowd = [span(id, 100 - id / 10, 10) for id in range(20)]
    found = bars_of(lanes(Lane("a", "busy", (*crowd, span(99, 5)))))
    assert [bar.track for bar in found[:MOST_TRACKS]] == list(range(MOST_TRACKS))
    assert max(bar.track for bar in found) == MOST_TRACKS - 1
    assert found[-1].track == 0  # free again
    assert [bar.track for bar in bars_of(lanes(Lane("a", "busy", (span(1, 90, 80), span(2, 70, 60)))))] == [0, 0]


def test_bars_are_cut_at_the_window_and_open_ones_reach_its_end(panel):
    old, now, point, gone = (
        span(1, 6_000, 300),
        span(2, 60),
        span(3, 30, None, outcome=Outcome.UNKNOWN),
        span(4, 900, 800),
    )
    panel.show_lanes(lanes(Lane("a", "busy", (old, now, point, gone))), NOW)
    places = {bar.span.task_id: panel.chart.rect_of(at) for at, bar in enumerate(panel.chart.bars())}
    whole = places[2].right() - places[1].left()
    assert places[1].width() == pytest.approx(whole / 2)
    assert places[2].width() == pytest.approx(whole / 10)
    assert places[3].left() == pytest.approx(places[1].left() + whole * 0.95)
    assert 0 < places[3].width() < 5
    assert places[4].width() == 0
    assert stretch_s(bars_of(lanes(Lane("a", "busy", (span(1, None, 10),))))[0], NOW) == (-inf, -10.0)


def test_words_tell_exact_values_and_what_is_not_known():
    assert "ran 100 s" in span_words(span(1, 500, 400), NOW)
    words = span_words(span(7, 3_600, type=EVIL, lease_until=NOW - timedelta(hours=1), is_inferred=True), NOW)
    assert words.startswith(f"Task 7 – {EVIL}\nrunning – a (inferred)\nfrom ")
    assert "for 1 h so far\nits lease is over since " in words
    assert "from a time that was not read or is not recorded to " in span_words(span(7, None, 10), NOW)
    assert "worker not recorded" in span_words(span(7, 20, 10, worker=""), NOW)


def test_ticks_are_few_and_round():
    found = ticks(NOW - WINDOW, NOW, 6)
    assert 2 <= len(found) <= 6
    assert all(each.second == 0 for each in found)


def test_arrow_keys_go_from_run_to_run_and_tell_each(panel, qtbot):
    chart = panel.chart
    QTest.keyClick(chart, Qt.Key.Key_Right)
    assert chart.current.span.task_id == 1
    assert panel.words.text().startswith("Task 1 – job, completed – a, from ")
    assert chart.accessibleDescription() == panel.words.text()
    QTest.keyClick(chart, Qt.Key.Key_Right)
    QTest.keyClick(chart, Qt.Key.Key_Down)  # over the lane without a run
    assert chart.current.span.task_id == 2**40
    QTest.keyClick(chart, Qt.Key.Key_Up)
    assert chart.current.span.task_id == 2  # the one that began nearest
    QTest.keyClick(chart, Qt.Key.Key_End)
    assert chart.current.span.task_id == 2**40
    with qtbot.waitSignal(panel.task_requested) as asked:
        QTest.keyClick(chart, Qt.Key.Key_Return)
    assert asked.args == [2**40]


def test_a_click_on_a_bar_shows_its_task_and_a_gap_is_none(panel, qtbot):
    chart = panel.chart
    first, second = chart.rect_of(0), chart.rect_of(1)
    gap = QPoint(round((first.right() + second.left()) / 2), round(first.center().y()))
    with qtbot.assertNotEmitted(panel.task_requested, wait=10):
        QTest.mouseClick(chart.viewport(), Qt.MouseButton.LeftButton, pos=gap)
    with qtbot.waitSignal(panel.task_requested) as asked:
        QTest.mouseClick(chart.viewport(), Qt.MouseButton.LeftButton, pos=second.center().toPoint())
    assert asked.args == [2]


def test_the_current_run_stays_current_when_lanes_are_read_anew(panel):
    chart = panel.chart
    QTest.keyClick(chart, Qt.Key.Key_End)
    more = lanes(Lane("0", "idle", (span(50, 90, 80, worker="0"),)), *TWO.lanes)
    panel.show_lanes(more, NOW)
    assert chart.current.span.task_id == 2**40
    panel.show_lanes(lanes(Lane("a", "idle", ())), NOW)
    assert chart.current is None
    assert panel.words.text() == "nothing ran, as far as recorded"


def test_time_moves_bars_to_the_left_without_reading(panel):
    before, running = panel.chart.rect_of(0), panel.chart.rect_of(2)
    panel.tick(NOW + timedelta(minutes=1))
    after = panel.chart.rect_of(0)
    assert after.left() < before.left()
    assert panel.chart.rect_of(2).right() == pytest.approx(running.right())


def test_bars_of_outcomes_differ_in_colour_and_gaps_are_ground(panel, theme):
    chart = panel.chart
    image = chart.viewport().grab().toImage()
    ratio = image.devicePixelRatio()

    def at(x: float, y: float):
        return image.pixelColor(round(x * ratio), round(y * ratio)).name()

    done, failed = chart.rect_of(0), chart.rect_of(1)
    y = done.center().y()
    assert at(done.center().x() + 7, y) != at(failed.center().x() + 7, y)
    ground = {at(x, y) for x in range(round(done.right()) + 4, round(failed.left()) - 4)}
    assert theme.palette.surface in ground
    assert ground <= {theme.palette.surface, theme.palette.border}  # lines of the axis, no bar


def test_the_same_runs_are_a_table(panel, qtbot):
    panel.table_button.click()
    tree = panel.tree
    rows = [[tree.topLevelItem(row).text(column) for column in (0, 1, 5, 6)] for row in range(4)]
    assert rows == [
        ["a", "1", "100 s", "completed"],
        ["a", "2", "100 s", "failed"],
        ["a", "3", "50 s", "running"],
        ["c", str(2**40), "60 s", "completed"],
    ]
    tree.setCurrentItem(tree.topLevelItem(3))
    with qtbot.waitSignal(panel.task_requested) as asked:
        QTest.keyClick(tree, Qt.Key.Key_Return)
    assert asked.args == [2**40]


def test_a_reading_that_fails_keeps_what_is_shown(panel):
    panel.show_problem("The file is busy.")
    assert panel.notes.text() == "This is old, it could not be read anew: The file is busy."
    assert len(panel.chart.bars()) == 4
