"""Filters and sorts that take long, in a real window: what it says meanwhile, and Stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from prismq_gui.insight import walking
from prismq_gui.insight.filters import TaskFilter
from prismq_gui.insight.language import parse
from prismq_gui.views.status_chips import thousands
from tests.helpers.files import make_foreign_queue, run_sql
from tests.views.window.conftest import Driver

TASKS = 20_000


@pytest.fixture
def slow(driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """A window on a file of which each statement reads one task: as slow as a file five hundred times its size."""
    path = make_foreign_queue(tmp_path / "q.db", tasks=TASKS, type="mail")
    run_sql(path, "UPDATE task_queue SET attempts = id % 7")
    driver.open(path)
    monkeypatch.setattr(walking, "TARGET_S", 0.0)
    return driver


def test_a_long_sort_says_how_far_it_is_shows_what_leads_and_is_given_up(slow: Driver) -> None:
    page = slow.window.tasks_page
    header = page.table.horizontalHeader()
    names = page.table.column_names
    before = slow.column("id")[:10]
    page.table.set_sort("attempts", descending=True)
    slow.until(lambda: page.scan_stop.isVisible() and page.model.is_leading)
    assert "sorting: " in page.rows_label.text()
    assert page.rows_label.text().startswith("first ")
    assert page.scan_bar.isVisible()
    slow.until(lambda: set(slow.column("attempts")[:10]) == {"6 / 5"})
    page.scan_stop.click()
    slow.until(lambda: page.model.is_complete)
    slow.until(lambda: slow.column("id")[:10] == before)
    assert names[header.sortIndicatorSection()] == "id"
    assert page.rows_label.text() == f"{thousands(TASKS)} tasks"
    assert not page.scan_stop.isVisible()


def test_a_long_filter_is_stopped_keeps_what_it_found_and_goes_on(
    slow: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = slow.window.tasks_page
    page.set_filter(TaskFilter(query=parse("attempts>3")))
    slow.until(page.scan_stop.isVisible)
    assert "looked at" in page.rows_label.text()
    page.scan_stop.click()
    slow.until(lambda: page.model.is_stopped)
    found = page.model.count
    assert 0 < found < TASKS * 3 // 7
    assert "stopped: " in page.rows_label.text()
    assert not page.scan_bar.isVisible()
    assert page.scan_stop.text().strip() == "Go on"
    monkeypatch.undo()
    page.scan_stop.click()
    slow.until(lambda: page.model.is_complete)
    assert page.model.count == sum(each % 7 > 3 for each in range(1, TASKS + 1))
    assert not page.scan_stop.isVisible()
