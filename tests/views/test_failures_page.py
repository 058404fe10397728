"""The page of failures in the real window: five causes of the sample, what they share, and what is done about it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from prismq_gui.insight.failure_messages import FailureGroup, Failures, ReadingProgress, Share, Trend
from prismq_gui.models.failure_table_model import TREND, FailureTableModel
from prismq_gui.polling.failure_news import FailureNews
from prismq_gui.views.failure_panel import FIRST
from prismq_gui.views.failures_page import FailuresPage, filter_of
from prismq_gui.views.plan_dialog import Step
from tests.helpers.files import make_foreign_queue, run_sql
from tests.views.fakes import EVIL
from tests.views.window.conftest import Driver, driver, make_window, opened  # noqa: F401

NOW = datetime(2026, 11, 24, 12, 0)


def show(driver: Driver) -> FailuresPage:  # noqa: F811
    """Go to the page and wait until all failures are read."""
    driver.act("show_failures")
    page = driver.window.failures_page
    driver.until(lambda: page.isVisible() and page._news is not None and page._news.progress is None)
    driver.until(lambda: page._news is not None and page._news.found is not None)
    return page


def choose(driver: Driver, cause: str) -> FailuresPage:  # noqa: F811
    """Choose the group of a cause and wait for what its tasks share."""
    page = show(driver)
    row = next(row for row in range(page.model.rowCount()) if cell(page, row, "signature").startswith(cause))
    page.table.selectRow(row)
    driver.until(lambda: page.panel.stop_button.isHidden() and not page.panel.shared_words.isHidden())
    return page


def cell(page: FailuresPage, row: int, name: str) -> str:
    cells = page.model.cells(row)
    assert cells is not None
    return cells[page.table.column_names.index(name)]


def column(page: FailuresPage, name: str) -> list[str]:
    return [cell(page, row, name) for row in range(page.model.rowCount())]


def planted(path: Path) -> Path:
    """38 failed tasks of one region and 200 passed ones of all regions."""
    make_foreign_queue(path)
    tasks = [("failed", "boom 12", "eu")] * 38
    tasks += [("completed", None, ("eu", "us", "ap", "af")[n % 20 // 5] if n % 20 else "eu") for n in range(200)]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO task_queue (type, payload, status, error_message, finished_at_utc) "
            "VALUES ('video', ?, ?, ?, datetime('now'))",
            [(json.dumps({"region": region}), status, error) for status, error, region in tasks],
        )
        connection.execute("COMMIT")
    return path


def group(name: str, count: int, **changes: object) -> FailureGroup:
    fields = {
        "key": name, "signature": f"Error{name}: <n>", "count": count, "statuses": (Share("failed", count),),
        "types": (Share("job", count),), "workers": (), "workers_known": 0, "workers_inferred": 0,
        "first_seen": NOW - timedelta(hours=5), "last_seen": NOW, "trend": Trend.STEADY,
        "buckets": (1,) * 24, "sample_ids": (9, 8, 7), "sample_text": f"Error{name}: 12",
    }  # fmt: skip
    return FailureGroup(**(fields | changes))  # type: ignore[arg-type]


def news(*groups: FailureGroup, progress: ReadingProgress | None = None) -> FailureNews:
    total = sum(each.count for each in groups)
    return FailureNews(1, Failures(groups, total, progress is None, NOW, timedelta(hours=24), 1), progress)


# -- the sample


def test_the_sample_falls_into_its_five_causes(opened: Driver) -> None:  # noqa: F811
    page = show(opened)
    assert column(page, "count") == ["30", "9", "8", "7", "5"]
    assert column(page, "signature") == [
        "PermanentError: unsupported", "Cancelled by user", "ValueError: bad codec <quoted>",
        "TimeoutError: <duration>", "ConnectionResetError: [Errno <n>]",
    ]  # fmt: skip
    assert cell(page, 0, "statuses") == "Failed 29, Dead 1"
    assert page.words.text() == "59 failed tasks in 5 causes"
    assert not page.empty.isVisible()


def test_a_chosen_group_is_told_in_full_by_keys_alone(opened: Driver) -> None:  # noqa: F811
    page = show(opened)
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Home)
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    QTest.keyClick(page.table, Qt.Key.Key_Down)
    assert page.panel.title.text() == "ValueError: bad codec <quoted>"
    assert "ValueError: bad codec 'x265'" in page.panel.sample.toPlainText()
    assert page.panel.facts.text().startswith("8 tasks: Failed")
    opened.until(lambda: "Compared 8 failed with" in page.panel.shared_words.text())
    reached = []
    QTest.keyClick(page.table, Qt.Key.Key_Tab)
    for _ in range(12):
        focus = QApplication.focusWidget()
        reached.append(focus)
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    wanted = [each for each in page.panel.focus_order() if each.isVisible()]
    assert [each for each in reached if each in wanted][: len(wanted)] == wanted
    assert all(each.accessibleName() or getattr(each, "text", str)() for each in wanted)


def test_show_these_tasks_filters_the_tasks_and_says_so(opened: Driver) -> None:  # noqa: F811
    page = choose(opened, "ValueError")
    page.panel.tasks_button.click()
    window = opened.window
    assert window.page == "tasks"
    opened.until(lambda: window.tasks_page.model.is_complete and window.tasks_page.model.count == 8)
    assert window.tasks_page.filter_bar.search.text() == 'signature="ValueError: bad codec <quoted>"'
    assert all("bad codec" in text for text in opened.column("error_message"))


def test_a_few_are_retried_first_and_then_the_rest(opened: Driver, sample_db: Path) -> None:  # noqa: F811
    page = choose(opened, "PermanentError")
    newest = list(page.panel.group.sample_ids[:FIRST])  # type: ignore[union-attr]
    page.panel.first_button.click()
    dialog = opened.window.commands.plan_dialog
    assert dialog is not None
    opened.until(lambda: dialog.step is Step.PREVIEW)
    assert dialog.confirm_button.text() == "&Retry 5 tasks"
    dialog.confirm()
    opened.until(lambda: dialog.step is Step.DONE)
    dialog.reject()
    retried = run_sql(sample_db, "SELECT id FROM task_queue WHERE status = 'queued' AND error_message LIKE 'Perm%'")
    queued = {row[0] for row in run_sql(sample_db, "SELECT id FROM task_queue WHERE status = 'queued'")}
    assert set(newest) <= queued, retried
    opened.until(lambda: cell(page, 0, "count") == "25")
    assert "5 tasks were retried first" in page.panel.tried.text()
    assert "none of them has failed again" in page.panel.tried.text()
    assert page.panel.rest_button.text() == "Retry the &other 25…"

    run_sql(
        sample_db,
        "UPDATE task_queue SET status = 'failed', error_message = 'PermanentError: unsupported' WHERE id IN (?, ?)",
        (newest[0], newest[1]),
    )
    opened.until(lambda: "2 of them have failed again" in page.panel.tried.text())
    page.panel.rest_button.click()
    opened.until(lambda: opened.window.commands.plan_dialog is not None)
    dialog = opened.window.commands.plan_dialog
    assert dialog is not None
    opened.until(lambda: dialog.step is Step.PREVIEW)
    assert dialog.confirm_button.text() == "&Retry 25 tasks"
    dialog.reject()


def test_retrying_is_off_with_the_reason_in_a_file_opened_read_only(driver: Driver, sample_db: Path) -> None:  # noqa: F811
    driver.open(sample_db, read_only=True)
    page = choose(driver, "PermanentError")
    assert not page.panel.first_button.isEnabled()
    assert not page.panel.rest_button.isEnabled()
    assert "read-only" in page.panel.rest_button.toolTip()
    assert page.panel.tasks_button.isEnabled()


# -- what they share


def test_what_they_share_is_told_with_the_counts_of_both_sides(driver: Driver, tmp_path: Path) -> None:  # noqa: F811
    path = planted(tmp_path / "Fehler ü" / "queue.db")
    driver.open(path)
    page = choose(driver, "boom")
    traits = page.panel.traits
    passed = int(str(run_sql(path, "SELECT count(*) FROM task_queue WHERE status = 'completed' "
                                   "AND payload LIKE '%\"eu\"%'")[0][0]))  # fmt: skip
    assert traits.cells(0)[:3] == ("payload.region = eu", "38 of 38", f"{passed} of 200")  # type: ignore[index]
    assert "times, at least" in traits.cells(0)[3]  # type: ignore[index]
    page.panel.copy_button.click()
    copied = QApplication.clipboard().text()
    assert "38 of 38 failed tasks have it" in copied
    assert "boom 12" in copied


def test_a_fresh_failure_makes_the_badge(driver: Driver, tmp_path: Path) -> None:  # noqa: F811
    path = planted(tmp_path / "queue.db")
    driver.open(path)
    button = driver.window.rail.button("failures")
    driver.until(lambda: button.badge_text() == "38")  # while another page is in view
    assert driver.window.page == "tasks"
    assert "38 need attention" in button.accessibleName()
    driver.window.session.close_file()
    assert button.badge_text() == ""


def test_nothing_has_failed_says_what_would_be_here(driver: Driver, tmp_path: Path) -> None:  # noqa: F811
    path = make_foreign_queue(tmp_path / "queue.db", 3)
    driver.open(path)
    page = show(driver)
    assert page.empty.isVisible()
    assert page.empty.texts()[0] == "Nothing has failed"
    assert "appears here" in page.empty.texts()[1]
    run_sql(path, "UPDATE task_queue SET status = 'failed', error_message = 'x' WHERE id = 1")
    driver.until(lambda: page.table.isVisible() and page.model.rowCount() == 1)


def test_J1_text_of_the_queue_is_literal(driver: Driver, tmp_path: Path) -> None:  # noqa: F811
    path = make_foreign_queue(tmp_path / "queue.db", 2, type=EVIL)
    run_sql(path, "UPDATE task_queue SET status = 'failed', error_message = ?", (EVIL + "\x1b[31m\u202e",))
    driver.open(path)
    page = show(driver)
    page.table.selectRow(0)
    driver.until(lambda: bool(page.panel.title.text()))
    for each in page.panel.labels():
        assert each.textFormat() == Qt.TextFormat.PlainText
    assert "<b>bold</b>" in page.panel.sample.toPlainText()
    assert "\u202e" not in page.panel.sample.toPlainText()
    assert "<b>bold</b>" in cell(page, 0, "types")


# -- the order of the rows


@pytest.fixture
def model(qapp: QApplication) -> FailureTableModel:
    return FailureTableModel()


def rows(model: FailureTableModel) -> list[str | None]:
    return [model.id_at(row) for row in range(model.rowCount())]


def test_the_order_changes_only_on_demand(model: FailureTableModel) -> None:
    model.take(news(group("a", 5), group("b", 3)))
    model.take(news(group("b", 9), group("a", 5), group("c", 7)))
    assert rows(model) == ["a", "b", "c"]
    assert [model.cells(row)[0] for row in range(3)] == ["5", "9", "7"]  # type: ignore[index]
    assert model.out_of_order == 3
    model.sort_anew()
    assert rows(model) == ["b", "c", "a"]
    assert model.out_of_order == 0
    model.sort(0, Qt.SortOrder.AscendingOrder)
    assert rows(model) == ["a", "c", "b"]


def test_nothing_moves_while_it_is_pointed_at(model: FailureTableModel) -> None:
    model.take(news(group("a", 5), group("b", 3)))
    model.hold(True)
    model.take(news(group("b", 9)))
    assert rows(model) == ["a", "b"]
    model.hold(False)
    assert rows(model) == ["b"]


def test_the_first_reading_stands_in_order_and_keeps_the_chosen_group(model: FailureTableModel) -> None:
    model.take(news(group("a", 5), progress=ReadingProgress(5, 100)))
    kept = model.index(0, 0)
    from PySide6.QtCore import QPersistentModelIndex

    kept = QPersistentModelIndex(kept)
    model.take(news(group("b", 50), group("a", 6)))
    assert rows(model) == ["b", "a"]
    assert kept.row() == 1


def test_a_hint_offers_to_sort_anew(opened: Driver, sample_db: Path) -> None:  # noqa: F811
    page = show(opened)
    assert page.order_button.isHidden()
    run_sql(sample_db, "UPDATE task_queue SET status = 'queued' WHERE status = 'failed' AND error_message LIKE 'Perm%'")
    opened.until(lambda: cell(page, 0, "count") == "1")
    assert cell(page, 0, "signature") == "PermanentError: unsupported"
    assert page.order_button.isVisible()
    page.order_button.click()
    assert cell(page, 4, "signature") == "PermanentError: unsupported"
    assert page.order_button.isHidden()


def test_a_rising_course_is_painted_in_another_colour_than_a_steady_one(opened: Driver) -> None:  # noqa: F811
    page = show(opened)
    theme = opened.window._theme

    def colours() -> set[str]:
        shot: QImage = page.table.viewport().grab().toImage()
        ratio = shot.devicePixelRatio()
        x = page.table.columnViewportPosition(TREND)
        height = page.table.rowHeight(0)
        found = set()
        for dx in range(page.table.columnWidth(TREND) // 2, page.table.columnWidth(TREND) - 1):
            for y in range(height):
                point = QPoint(round((x + dx) * ratio), round(y * ratio))
                found.add(shot.pixelColor(point).name())
        return found

    assert theme.colour("danger").name() not in colours()
    page.model.take(news(group("a", 24, trend=Trend.RISING)))
    assert theme.colour("danger").name() in colours()


# -- which tasks


def test_errors_past_the_limit_have_no_cause_to_filter_by() -> None:
    wanted = filter_of(group("a", 1, is_others=True))
    assert (wanted.query, wanted.statuses) == (None, ("failed", "dead_letter"))


def test_layout_comes_back(make_window: Callable[..., Driver], sample_db: Path, tmp_path: Path) -> None:  # noqa: F811
    driver = make_window(tmp_path / "d").open(sample_db)  # noqa: F811
    page = show(driver)
    page.table.set_sort("last_seen", True)
    page.table.set_column_hidden("workers", True)
    driver.act("show_tasks")
    driver.window.close()
    page = show(make_window(tmp_path / "d").open(sample_db))
    assert page.table.save_layout().sort_column == "last_seen"
    assert "workers" in page.table.save_layout().hidden
