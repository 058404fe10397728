"""The search over everything in the real window: from the key to the task or the line, and what is said on the way."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from prismq_gui.settings import SettingsStore
from prismq_gui.views.search_page import SearchState
from tests.helpers.files import copy_sample, make_foreign_queue, run_sql
from tests.views.window.conftest import Driver


def seek(driver: Driver, text: str, *, state: SearchState = SearchState.DONE) -> None:
    """Search as a person does: the key, the text, Enter; wait for the end."""
    driver.act("show_search")
    page = driver.window.search_page
    driver.until(page.isVisible)
    QTest.keyClicks(page.line, text)
    QTest.keyClick(page.line, Qt.Key.Key_Return)
    driver.until(lambda: page.state is state)


def with_lines(path: Path, count: int) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO task_logs (task_id, level, message) VALUES (?, 'INFO', ?)",
            [(1 + number % 3, f"line number {number} of many") for number in range(count)],
        )
        connection.execute("COMMIT")
    return path


def test_the_key_leads_to_the_line_and_a_hit_to_its_task(opened: Driver, sample_db: Path) -> None:
    seek(opened, "TimeoutError")
    page = opened.window.search_page
    newest = run_sql(sample_db, "SELECT max(id), count(*) FROM task_queue WHERE error_message LIKE '%TimeoutError%'")[0]
    assert page.words.text() == f"{newest[1]} hits"
    QTest.keyClick(page.line, Qt.Key.Key_Down)
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    window = opened.window
    opened.until(lambda: window.page == "tasks" and window.tasks_page.table.current_id == newest[0])


def test_a_hit_in_a_log_line_leads_to_that_line_whatever_the_filter(driver: Driver, tmp_path: Path) -> None:
    path = with_lines(make_foreign_queue(tmp_path / "q.db", 3), 3_000)
    driver.open(path)
    driver.window.logs_page.filter_bar.set_levels(("ERROR",))
    seek(driver, "number 1234 of")
    page = driver.window.search_page
    QTest.keyClick(page.line, Qt.Key.Key_Down)
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    logs = driver.window.logs_page
    driver.until(lambda: driver.window.page == "logs" and logs.table.current_id == 1_235)
    assert not logs.is_following
    first, last = logs.table.visible_rows()
    assert first <= logs.table.currentIndex().row() <= last


def test_nothing_found_says_what_was_searched_in_plain_text(opened: Driver) -> None:
    seek(opened, "<b>nowhere</b>")
    page = opened.window.search_page
    opened.until(page.empty.isVisible)
    title, text = page.empty.texts()
    assert title == "Nothing found"
    assert "payload" in text
    assert "message" in text
    assert "<b>nowhere</b>" in text
    page.kind_buttons[2].click()
    opened.until(lambda: page.state is SearchState.DONE)
    assert "payload" not in page.empty.texts()[1]
    page.empty.buttons()[0].click()
    assert page.state is SearchState.IDLE
    assert page.line.text() == ""


def test_only_tasks_or_only_lines_are_searched_where_that_is_chosen(driver: Driver, tmp_path: Path) -> None:
    path = with_lines(make_foreign_queue(tmp_path / "q.db", 3), 5)
    run_sql(path, "UPDATE task_queue SET error_message = 'of many' WHERE id = 2")
    driver.open(path)
    page = driver.window.search_page
    seek(driver, "of many")
    assert page.model.count == 6
    for button, count in ((page.kind_buttons[1], 1), (page.kind_buttons[2], 5), (page.kind_buttons[0], 6)):
        button.click()
        driver.until(lambda: page.state is SearchState.DONE)
        assert page.model.count == count


def test_a_search_that_is_stopped_keeps_what_it_found(driver: Driver, tmp_path: Path) -> None:
    path = with_lines(make_foreign_queue(tmp_path / "q.db", 200_000), 1)
    driver.open(path)
    page = driver.window.search_page
    driver.act("show_search")
    page.line.setText("nowhere in any of these")
    page.line.settle()
    driver.until(lambda: page.state is SearchState.SEARCHING and page.stop_button.isVisible())
    page.stop_button.click()
    driver.until(lambda: page.state is not SearchState.SEARCHING)
    assert page.state is SearchState.STOPPED
    assert "Stopped" in page.empty.texts()[0]
    assert not page.stop_button.isVisible()
    page.line.setText("line number 0")
    page.line.settle()
    driver.until(lambda: page.state is SearchState.DONE)
    assert page.model.count == 1


def test_H11_wildcards_and_quotes_are_only_themselves(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 3)
    run_sql(path, "UPDATE task_queue SET error_message = ? WHERE id = 2", ("100 % of 'x_y' \\ done",))
    driver.open(path)
    for text, count in (("% of '", 1), ("x_y", 1), ("xzy", 0), ("\\ d", 1)):
        driver.window.search_page.line.clear()
        seek(driver, text)
        assert driver.window.search_page.model.count == count, text


def test_another_file_forgets_what_was_found_in_the_one_before(opened: Driver, tmp_path: Path) -> None:
    seek(opened, "TimeoutError")
    page = opened.window.search_page
    assert page.model.count
    other = copy_sample(tmp_path, "other.db")
    opened.window.open_path(other)
    opened.until(lambda: opened.window.session.is_open and opened.window.session.path == other)
    assert page.model.count == 0
    assert page.state is SearchState.IDLE
    opened.act("refresh")
    opened.until(lambda: page.state is SearchState.DONE and page.model.count > 0)


def test_the_index_is_off_until_it_is_wanted_and_the_switch_is_remembered(
    driver: Driver, sample_db: Path, tmp_path: Path
) -> None:
    window, cache = driver.window, tmp_path / "cache"
    window.use_index_folder(cache)
    driver.open(sample_db)
    bar = window.search_page.index_bar
    assert not bar.switch.isChecked()
    assert "1 GiB" in bar.words.text()
    assert not cache.exists()
    driver.act("show_search")
    bar.switch.click()
    driver.until(lambda: bar.words.text().startswith("Up to date"))
    assert SettingsStore(tmp_path / "data").load().settings.search_index
    assert list(cache.rglob("*.db"))
    seek(driver, "TimeoutError")
    assert window.search_page.model.count == 16
    bar.switch.click()
    driver.until(lambda: not list(cache.rglob("*.db")))
    assert not SettingsStore(tmp_path / "data").load().settings.search_index


def test_a_window_with_an_index_under_way_closes_at_once(driver: Driver, tmp_path: Path) -> None:
    window = driver.window
    window.use_index_folder(tmp_path / "cache")
    driver.open(make_foreign_queue(tmp_path / "q.db", 200_000))
    window.search_page.index_bar.switch.click()
    driver.until(lambda: window.search_page.index_bar.words.text().startswith("Being built"))
    window.close()
    assert not window.engine.search._index_thread.isRunning()
