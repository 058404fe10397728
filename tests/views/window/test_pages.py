"""Logs, workers, start page and the small dialogs, in the real window."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog

from prismq_gui.insight.filters import LogFilter
from prismq_gui.queue import QueueClient, QueueDatabase
from prismq_gui.views.about_dialog import AboutDialog
from prismq_gui.views.shortcuts_dialog import ShortcutsDialog
from tests.helpers.files import make_foreign_queue, run_sql
from tests.views.window.conftest import Driver


def add_lines(path: Path, count: int, *, level: str = "INFO", text: str = "line") -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO task_logs (task_id, level, message) VALUES (1, ?, ?)",
            [(level, f"{text} {number}") for number in range(count)],
        )
        connection.execute("COMMIT")


def show_logs(driver: Driver, path: Path, lines: int) -> None:
    driver.open(path)
    driver.act("show_logs")
    driver.until(lambda: driver.window.logs_page.model.count == lines)


def at_end(driver: Driver) -> bool:
    bar = driver.window.logs_page.table.verticalScrollBar()
    return bar.maximum() > 0 and bar.value() == bar.maximum()


def test_the_tail_is_followed_until_the_person_scrolls_up(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 1)
    add_lines(path, 200)
    show_logs(driver, path, 200)
    page = driver.window.logs_page
    driver.until(lambda: at_end(driver))
    assert page.follow_button.isChecked()
    add_lines(path, 50)
    driver.until(lambda: page.model.count == 250 and at_end(driver))

    page.table.verticalScrollBar().setValue(10)
    assert not page.is_following
    assert not page.follow_button.isChecked()
    add_lines(path, 50)
    driver.until(lambda: page.model.count == 300)
    assert page.table.verticalScrollBar().value() == 10

    page.follow_button.click()
    assert page.is_following
    driver.until(lambda: at_end(driver))


def test_lines_by_level_and_text(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 1)
    add_lines(path, 10)
    add_lines(path, 3, level="ERROR", text="broken")
    show_logs(driver, path, 13)
    page = driver.window.logs_page
    page.filter_bar.set_levels(("ERROR",))
    driver.until(lambda: page.model.is_complete and page.model.count == 3)
    page.set_filter(LogFilter(text="nothing has this"))
    driver.until(page.empty.isVisible)
    assert page.empty.texts()[0] == "No lines match"
    page.empty.action_requested.emit()
    driver.until(lambda: page.model.count == 13)


def test_a_log_line_leads_to_a_task_that_the_filter_hid(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 5)
    add_lines(path, 1)
    driver.open(path)
    driver.filter(statuses=("failed",))
    driver.act("show_logs")
    page = driver.window.logs_page
    driver.until(lambda: page.model.count == 1 and page.model.cells(0) is not None)
    page.table.setFocus()
    page.table.selectRow(0)
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert driver.window.page == "tasks"
    driver.until(lambda: driver.window.tasks_page.table.current_id == 1)
    assert driver.window.tasks_page.filter().is_empty


def test_no_workers_and_no_lines_say_so(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 1)
    driver.open(path)
    driver.act("show_workers")
    assert driver.window.workers_page.empty.isVisible()
    driver.act("show_logs")
    driver.until(driver.window.logs_page.empty.isVisible)


def test_a_silent_worker_is_told_at_the_rail(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 1)
    run_sql(
        path, "INSERT INTO workers (worker_id, capabilities, heartbeat_utc) VALUES ('w', '{}', '2020-01-01 00:00:00')"
    )
    run_sql(path, "INSERT INTO workers (worker_id, capabilities) VALUES ('awake', '{}')")
    driver.open(path)
    driver.until(lambda: driver.window.rail.button("workers").badge_text() == "1")
    assert "1 silent" in driver.window.workers_page.words.text()


def test_the_usual_queue_is_offered_where_it_exists(driver: Driver, tmp_path: Path) -> None:
    start = driver.window.start_page
    assert start.default_button.isHidden()
    with closing(QueueDatabase(tmp_path / "default" / "queue.db")) as database:
        database.initialize_schema()
        QueueClient(database).enqueue("hello", {})
    start.refresh_default()
    with driver.qtbot.waitSignal(driver.window.first_rows_shown, timeout=10_000):
        start.default_button.click()
    assert driver.column("type") == ["hello"]


def test_the_demo_is_only_asked_for(driver: Driver) -> None:
    driver.window.demo_requested.disconnect()
    with driver.qtbot.waitSignal(driver.window.demo_requested, timeout=1_000):
        driver.window.start_page.demo_button.click()


def dialog_of(driver: Driver, kind: type[QDialog]) -> QDialog:
    found = driver.window.findChildren(kind)
    assert len(found) == 1
    return found[0]


def test_keys_are_listed_and_versions_copied(opened: Driver) -> None:
    opened.act("shortcuts")
    keys = dialog_of(opened, ShortcutsDialog)
    texts = [item.text(1) for item in keys.tree.findItems("", Qt.MatchFlag.MatchContains | Qt.MatchFlag.MatchRecursive)]
    assert {"Ctrl+O", "Ctrl+R", "F5", "Ctrl+P", "Ctrl+F", "Ctrl+3"} <= set(texts)
    QTest.keyClick(keys, Qt.Key.Key_Escape)
    opened.act("about")
    about = dialog_of(opened, AboutDialog)
    about.copy_facts()
    assert "SQLite: 3." in QApplication.clipboard().text()
    QTest.keyClick(about, Qt.Key.Key_Escape)


def test_the_panel_can_be_put_away_and_comes_back_on_enter(opened: Driver) -> None:
    page = opened.window.tasks_page
    opened.act("toggle_detail")
    assert page.detail.isHidden()
    opened.select_first()
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert page.detail.isVisible()
    opened.until(lambda: page.detail.is_showing_task)
    assert opened.window.actions_["toggle_detail"].isChecked()


def test_rows_are_held_while_pointed_at_and_the_pill_brings_them(opened: Driver, sample_db: Path) -> None:
    page = opened.window.tasks_page
    shown = opened.column("id")
    page.model.hold(True)
    run_sql(sample_db, "INSERT INTO task_queue (type, payload) VALUES ('brand.new', '{}')")
    opened.until(page.held_button.isVisible)
    assert page.held_button.text().strip() == "1 change waiting"
    assert opened.column("id") == shown
    page.held_button.click()
    opened.until(lambda: opened.column("type")[0] == "brand.new")
    assert page.held_button.isHidden()


def test_select_all_tells_how_many(opened: Driver) -> None:
    page = opened.window.tasks_page
    page.table.setFocus()
    opened.act("select_all")
    assert page.table.selected_count() == page.model.count
    assert f"{page.model.count} selected" in page.rows_label.text()


def test_the_down_key_goes_from_the_search_line_to_the_first_row_found(opened: Driver) -> None:
    driver, page = opened, opened.window.tasks_page
    driver.filter(text="TimeoutError")
    driver.window.activateWindow()
    page.filter_bar.focus_search()
    driver.until(page.filter_bar.search.hasFocus)
    QTest.keyClick(page.filter_bar.search, Qt.Key.Key_Down)
    driver.until(page.table.hasFocus)
    assert page.table.current_id == page.model.id_at(0)
    assert page.table.selected_count() == 1
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    assert page.table.current_id == page.model.id_at(1)
    page.filter_bar.focus_search()
    QTest.keyClick(page.filter_bar.search, Qt.Key.Key_Down)  # back to where one was
    assert page.table.current_id == page.model.id_at(1)
