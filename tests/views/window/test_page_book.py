"""Pages are made when they are needed: nothing of them is lost by that, and nothing is late."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prismq_gui.settings import SettingsStore
from prismq_gui.views.page_book import NAMES
from tests.views.window.conftest import Driver


def test_a_window_closed_at_once_forgets_nothing_of_pages_it_never_made(
    make_window: Callable[..., Driver], tmp_path: Path
) -> None:
    data = tmp_path / "Einstellungen ü"
    with_views = make_window(data)
    window = with_views.window
    window.show_page("logs")
    window.logs_page.show_filter(("ERROR",), "disk")
    window.workers_page.table.horizontalHeader().resizeSection(0, 333)
    window.show_page("tasks")
    window.close()
    kept = SettingsStore(data).load().settings
    assert kept.filter.levels == ("ERROR",)
    again = make_window(data, show=False)
    again.window.close()
    after = SettingsStore(data).load().settings
    assert after.filter == kept.filter
    assert [after.layout(name) for name in ("logs", "workers")] == [kept.layout(name) for name in ("logs", "workers")]
    assert 333 in [each.width for each in after.layout("workers").widths]


def test_the_rail_tells_of_pages_that_nobody_has_opened(opened: Driver) -> None:
    def badges() -> dict[str, str]:
        return {name: opened.window.rail.button(name).badge_text() for name in ("overview", "workers")}

    opened.until(lambda: badges()["workers"] == "6" and badges()["overview"] not in ("", "0"))
    assert opened.window.page == "tasks"


def test_a_page_chosen_before_the_rest_is_made_shows_the_file(driver: Driver, sample_db: Path) -> None:
    window = driver.window
    window.open_path(sample_db)
    driver.until(lambda: window.session.is_open)
    for name in NAMES:
        window.show_page(name)
    driver.until(lambda: window.logs_page.model.is_complete and window.logs_page.model.count > 0)
    driver.until(lambda: window.workers_page.model.rowCount() == 6)
    driver.until(lambda: window.failures_page.model.rowCount() == 5)
    driver.until(lambda: window.overview_page.problem_count > 0)
