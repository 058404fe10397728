"""The overview in the real window: badge, keys, where its reasons lead, and what is remembered."""

from __future__ import annotations

from prismq_gui.polling.overview_messages import Span
from tests.helpers.files import make_foreign_queue


def test_the_window_shows_it_with_a_badge_and_follows_a_reason(make_window, sample_db):
    driver = make_window().open(sample_db)
    window = driver.window
    assert window.page == "tasks", "the start page stays the tasks"
    driver.until(lambda: window.overview_page.problem_count >= 4)
    assert window.rail.button("overview").badge_text() == str(window.overview_page.problem_count)
    driver.act("show_overview")
    driver.until(lambda: window.overview_page.tiles.tiles["waiting"].value.text() == "294")
    driver.until(lambda: window.overview_page.depth_chart.data.count)
    leases = next(line for line in window.overview_page.verdict.lines() if "leases" in line.sentence.text())
    leases.button.click()
    assert window.page == "tasks"
    driver.until(lambda: window.tasks_page.model.is_complete and window.tasks_page.model.count == 38)


def test_an_empty_queue_is_well(make_window, tmp_path):
    driver = make_window()
    driver.window.show_page("overview")
    driver.window.open_path(make_foreign_queue(tmp_path / "empty.db"))
    page = driver.window.overview_page
    driver.until(lambda: page.verdict.sentence.text() == "All is well")
    assert page.tiles.tiles["waiting"].value.text() == "0"
    assert page.tiles.tiles["outlook"].value.text() == "nothing to do"
    assert driver.window.rail.button("overview").badge_text() == ""


def test_page_and_span_are_remembered(make_window, sample_db, tmp_path):
    first = make_window(tmp_path / "kept")
    first.window.overview_page.span_buttons[Span.WEEK].click()
    first.window.show_page("overview")
    first.window.close()
    second = make_window(tmp_path / "kept")
    assert second.window.page == "overview"
    assert second.window.overview_page.span is Span.WEEK
    assert second.window.overview_page.span_buttons[Span.WEEK].isChecked()


def test_another_file_shows_nothing_of_the_one_before(make_window, sample_db, tmp_path):
    driver = make_window().open(sample_db)
    window = driver.window
    driver.act("show_overview")
    driver.until(window.overview_page.verdict.lines)
    window.open_path(make_foreign_queue(tmp_path / "other.db", 3))
    assert window.overview_page.verdict.lines() == ()
    assert window.rail.button("overview").badge_text() == ""
    driver.until(lambda: window.overview_page.tiles.tiles["waiting"].value.text() == "3")
