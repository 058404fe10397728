"""The health check in the window: it looks by itself, tells what is wrong, mends it and takes that back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from prismq_gui.polling import health_desk
from prismq_gui.polling.health_desk import Extent, Left
from prismq_gui.queue import QueueClient, QueueDatabase
from prismq_gui.views import health_page
from prismq_gui.views.database_pages import DatabasePages
from prismq_gui.views.health_page import HealthPage
from prismq_gui.views.plan_dialog import PlanDialog, Step
from tests.helpers.files import make_foreign_queue, run_sql
from tests.queue.upkeep_processes import finish, running
from tests.views.window.conftest import Driver

WORKERS = [f"worker-0{number}" for number in range(6)]
ALL = "SELECT * FROM task_queue ORDER BY id"


@pytest.fixture(autouse=True)
def _looks_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_page, "FIRST_S", 0.0)


def pages_of(driver: Driver) -> DatabasePages:
    pages = driver.window._book["database"]
    assert isinstance(pages, DatabasePages)
    return pages


def page_of(driver: Driver) -> HealthPage:
    """Go to the page by the rail, and wait for the look that nobody asked for."""
    driver.window.show_page("database")
    pages = pages_of(driver)
    pages.tabs.setCurrentIndex(1)
    driver.until(lambda: pages.tick() or pages.health.news is not None)
    return pages.health


def chosen(driver: Driver, page: HealthPage, words: str) -> None:
    """Choose the finding that has these words in its sentence."""
    found = [row for row in range(page.model.rowCount()) if words in (page.model.cells(row) or ("",))[2]]
    assert len(found) == 1, (words, [page.model.cells(row) for row in range(page.model.rowCount())])
    page.table.selectRow(found[0])
    driver.until(lambda: page.panel.finding is not None and words in page.panel.finding.sentence)


def previewed(driver: Driver) -> PlanDialog:
    dialog = driver.window.commands.plan_dialog
    assert dialog is not None
    driver.until(lambda: dialog.step in (Step.PREVIEW, Step.DONE))
    assert dialog.step is Step.PREVIEW, dialog.sentence.text()
    return dialog


def looked_again(driver: Driver, page: HealthPage, act: Callable[[], object]) -> None:
    """Do something, and wait for the look that follows."""
    before = page.news
    act()
    driver.until(lambda: page.news is not before)


def test_the_sample_is_looked_at_by_itself_and_all_that_is_wrong_with_it_is_told(
    driver: Driver, sample_db: Path
) -> None:
    page = page_of(driver.open(sample_db))
    assert page.news is not None
    assert page.news.left is None  # whole: it is small, and nobody writes
    told = [page.model.cells(row) for row in range(page.model.rowCount())]
    severities = [cells[0] for cells in told if cells]
    assert severities == sorted(severities, key=["Fault", "Warning", "Note"].index)
    for words, count in (
        ("ISO form", "293"), ("a lease that is over", "38"), ("268 tasks that are over", "268"),
    ):  # fmt: skip
        assert any(cells and words in cells[2] and cells[1] == count for cells in told), (words, told)
    chosen(driver, page, "workers are silent")
    for worker in WORKERS:
        assert worker in page.panel.details.text()
    assert page.panel.details.text().count("holds") == 6
    button = driver.window.rail.button("database")
    assert button.badge_text() == str(page.count)
    assert "need attention" in button.accessibleName()
    assert page.count == sum(severity != "Note" for severity in severities) > 0


def test_a_finding_is_shown_as_tasks_mended_and_taken_back_as_it_was(driver: Driver, sample_db: Path) -> None:
    page = page_of(driver.open(sample_db))
    before = run_sql(sample_db, ALL)
    chosen(driver, page, "268")
    QTest.mouseClick(page.panel.tasks_button, Qt.MouseButton.LeftButton)
    tasks = driver.window.tasks_page
    driver.until(lambda: driver.window.page == "tasks" and tasks.model.is_complete and tasks.model.count == 268)
    driver.window.show_page("database")
    QTest.mouseClick(page.panel.mend_button, Qt.MouseButton.LeftButton)
    dialog = previewed(driver)
    assert "268 tasks" in dialog.confirm_button.text()
    assert run_sql(sample_db, ALL) == before
    dialog.confirm_button.click()
    looked_again(driver, page, lambda: driver.until(lambda: dialog.step is Step.DONE))
    assert run_sql(sample_db, ALL) != before
    assert not any("268" in (page.model.cells(row) or ("",))[2] for row in range(page.model.rowCount()))
    dialog.undo_button.click()
    undo = previewed(driver)
    undo.confirm_button.click()
    looked_again(driver, page, lambda: driver.until(lambda: undo.step is Step.DONE))
    assert run_sql(sample_db, ALL) == before
    chosen(driver, page, "268")
    undo.reject()


def test_C14_in_a_file_opened_read_only_it_looks_and_mending_is_off_with_the_reason(
    driver: Driver, sample_db: Path
) -> None:
    page = page_of(driver.open(sample_db, read_only=True))
    chosen(driver, page, "268")
    assert not page.panel.mend_button.isEnabled()
    assert "read-only" in page.panel.refusal.text()
    assert page.panel.tasks_button.isEnabled()


def test_beside_busy_writers_rows_are_left_alone_until_it_is_asked_and_a_look_is_stopped(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_foreign_queue(tmp_path / "Wärter & Söhne" / "queue.db", 500)
    monkeypatch.setattr(health_desk, "UNASKED_BYTES", 0)
    page = page_of(driver.open(path))
    assert page.news is not None
    assert page.news.left is Left.LARGE
    assert "The file is large" in page.words.text()
    monkeypatch.undo()
    with running("write_on", path) as worker:
        driver.until(lambda: page.look(Extent.UNASKED) or _ended(driver, page) is Left.BUSY)
        assert "Others are writing" in page.words.text()
        looked_again(driver, page, page.look_button.click)
        assert page.news.left is None
        page.look(Extent.WHOLE)
        page.stop_button.click()
        driver.until(lambda: not page.stop_button.isVisible())
        assert page.look_button.isEnabled()
        finish(worker)


def _ended(driver: Driver, page: HealthPage) -> Left | None:
    driver.until(lambda: not page.stop_button.isVisible())
    assert page.news is not None
    return page.news.left


def test_a_sound_queue_says_what_was_looked_at(driver: Driver, tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with closing(QueueDatabase(path)) as database:
        database.initialize_schema()
        QueueClient(database).enqueue("mail.send", {})
    page = page_of(driver.open(path))
    assert page.news is not None
    assert {finding.code for finding in page.news.findings} <= {"sqlite-fault"}  # this machine's, not the queue's
    assert page.head.text().startswith("Nothing is wrong")
    assert "leases" in page.words.toolTip()
    page._on_desk_news(replace(page.news, findings=()))  # as with an SQLite that is well
    assert page.empty.isVisible()
    title, text = page.empty.texts()
    assert title == "Nothing is wrong"
    assert "leases" in text
    assert driver.window.rail.button("database").badge_text() == ""


def test_all_of_it_is_reached_by_the_keyboard_and_named(driver: Driver, sample_db: Path) -> None:
    driver.open(sample_db)
    driver.act("check_health")
    page = pages_of(driver).health
    driver.until(lambda: page.news is not None)
    chosen(driver, page, "38 tasks are running")
    page.focus_first()
    met: list[QWidget] = []
    for _ in range(60):
        focus = driver.window.focusWidget()
        assert focus is not None
        met.append(focus)
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    wanted = [page.table, page.panel.mend_button, page.panel.tasks_button, page.panel.copy_button,
              *page.panel.id_buttons[:20]]  # fmt: skip
    order = [met.index(each) for each in wanted]
    assert order == sorted(order)
    assert page.look_button in met
    assert all(each.accessibleName() or each.text() for each in wanted)
    shown = page.panel.id_buttons[0].text().lstrip("#")
    QTest.keyClick(page.panel.id_buttons[0], Qt.Key.Key_Space)
    driver.until(lambda: driver.window.tasks_page.table.current_id == int(shown))
