"""A small window, or a large one at 200 %: all columns that tell why, and no control out of reach."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QToolButton

from prismq_gui.views.page_book import NAMES
from tests.views.window.conftest import Driver


def shown_columns(driver: Driver) -> set[str]:
    """The columns that stand wholly in view."""
    table = driver.window.tasks_page.table
    right = table.viewport().width()
    return {
        table.column_names[each.column] for each in table.columns.stretches() if each.x >= 0 and each.x + 90 <= right
    }


def test_beside_a_chosen_task_the_table_still_tells_what_went_wrong(opened: Driver) -> None:
    window, page = opened.window, opened.window.tasks_page
    opened.select_first()
    opened.until(lambda: page.detail.is_showing_task)
    for wide, below in ((1280, False), (1024, True), (800, True), (1280, False)):
        window.resize(wide, 700)
        opened.until(lambda wide=wide: page.width() in range(wide - 200, wide - 40))
        assert page.splitter.is_below == below
        assert {"id", "type", "status", "attempts", "error_message"} <= shown_columns(opened)
        assert page.detail.isVisible()


def test_each_way_keeps_the_sizes_it_was_given(make_window: Callable[..., Driver], sample_db: Path) -> None:
    first = make_window().open(sample_db)
    page = first.window.tasks_page
    page.splitter.setSizes([600, 500])
    beside = page.splitter.sizes()
    first.window.resize(900, 700)
    first.until(lambda: page.splitter.is_below)
    page.splitter.setSizes([150, 300])
    below = page.splitter.sizes()
    first.window.resize(1280, 800)
    first.until(lambda: not page.splitter.is_below)
    assert page.splitter.sizes() == pytest.approx(beside, abs=3)
    first.window.close()
    again = make_window().window
    assert again.settings.splitter("tasks") == pytest.approx(tuple(beside), abs=3)
    assert again.settings.splitter("tasks below") == pytest.approx(tuple(below), abs=3)


def test_every_page_fits_into_800_by_480_and_no_button_is_cut(opened: Driver) -> None:
    window = opened.window
    window.resize(800, 480)
    for name in NAMES:
        window.show_page(name)
        opened.until(lambda: window.width() == 800 and window.rail.width() < 80)
        hint = window.minimumSizeHint()
        assert (hint.width(), hint.height()) <= (800, 480), name
        assert hint.height() <= 480, name
        for button in window.top_bar.findChildren(QToolButton):
            if button.isVisible():
                assert button.width() >= button.minimumSizeHint().width(), (name, button.accessibleName())
                assert window.top_bar.rect().contains(button.geometry()), (name, button.accessibleName())
    assert window.rail.width() < 80
    assert all(button.toolTip() and button.accessibleName() for button in map(window.rail.button, window.rail.names()))
