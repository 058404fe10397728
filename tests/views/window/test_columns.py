"""Columns chosen in a real window: by keys, from a payload's tree, by the header's menu; and remembered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu

from prismq_gui.insight.payload_columns import payload_column
from prismq_gui.views.columns_dialog import ColumnsDialog
from prismq_gui.views.json_tree import JsonModel
from prismq_gui.views.table_view import BigTableView
from tests.helpers.files import make_foreign_queue, run_sql
from tests.views.window.conftest import Driver

TITLE = payload_column("payload.title")


def dialog_of(driver: Driver) -> ColumnsDialog:
    driver.act("choose_columns")
    window = driver.window
    dialog = (window.logs_page if window.page == "logs" else window.tasks_page).columns.dialog
    assert dialog is not None
    return dialog


def shown(table: BigTableView) -> list[str]:
    """Return the titles of the columns that are shown, from left to right."""
    return [table.columns.title(stretch.column) for stretch in table.columns.stretches()]


def queue(path: Path) -> Path:
    """Make a file of ten tasks whose payloads have a region, in no order."""
    make_foreign_queue(path, 10)
    run_sql(path, "UPDATE task_queue SET payload = json_object('region', substr('jbhcfaigde', id, 1), 'n', id)")
    run_sql(path, "UPDATE task_queue SET payload = json_object('region', ?) WHERE id = 4", ("=<b>c</b>",))
    return path


def test_columns_are_chosen_by_keys_alone_and_at_once(opened: Driver) -> None:
    table = opened.window.tasks_page.table
    first = shown(table)
    assert first[:3] == ["Id", "Type", "Status"]
    dialog = dialog_of(opened)
    QTest.keyClick(dialog.list, Qt.Key.Key_Down)
    QTest.keyClick(dialog.list, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert shown(table)[:3] == ["Id", "Status", "Type"]
    assert dialog.list.currentItem().text() == "Type"
    QTest.keyClick(dialog.list, Qt.Key.Key_Space)
    assert shown(table) == [title for title in first if title != "Type"]
    QTest.keyClick(dialog.list, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    QTest.keyClick(dialog.list, Qt.Key.Key_Space)
    assert shown(table) == first
    for row in range(dialog.list.count()):
        dialog.list.item(row).setCheckState(Qt.CheckState.Unchecked)
    assert len(shown(table)) == 1  # the last one stays
    dialog.reset_button.click()
    assert shown(table) == first
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert opened.window.tasks_page.columns.dialog is None


def test_the_columns_of_log_lines_are_chosen_and_remembered(
    make_window: Callable[..., Driver], sample_db: Path
) -> None:
    driver = make_window().open(sample_db)
    driver.act("show_logs")
    dialog = dialog_of(driver)
    assert not dialog.line.isVisible()  # their details have no columns
    QTest.keyClick(dialog.list, Qt.Key.Key_Space)
    dialog.accept()
    assert shown(driver.window.logs_page.table) == ["Time", "Level", "Task", "Message", "Details"]
    driver.act("show_tasks")
    driver.window.close()
    driver = make_window().open(sample_db)
    assert shown(driver.window.logs_page.table)[0] == "Time"


def test_a_value_of_payloads_is_a_column_sorts_is_copied_and_goes(driver: Driver, tmp_path: Path) -> None:
    driver.open(queue(tmp_path / "q.db"))
    page = driver.window.tasks_page
    dialog = dialog_of(driver)
    driver.until(lambda: "payload.region" in page.columns.paths)
    dialog.line.setFocus()
    QTest.keyClicks(dialog.line, "payload.")
    QTest.keyClick(dialog.line, Qt.Key.Key_Return)
    assert "expected" in dialog.told.text() or "missing" in dialog.told.text()
    dialog.line.clear()
    QTest.keyClicks(dialog.line, "payload.region")
    QTest.keyClick(dialog.line, Qt.Key.Key_Return)
    assert dialog.told.text() == "payload.region is a column now."
    assert dialog.list.currentItem().text() == "payload.region"
    dialog.accept()
    assert "payload.region" in shown(page.table)
    driver.until(lambda: driver.column("payload.region") == [*"edgiaf", "=<b>c</b>", *"hbj"])
    page.table.set_sort("payload.region", False)
    driver.until(lambda: page.model.is_complete and driver.column("payload.region") == ["=<b>c</b>", *"abdefghij"])
    page.table.selectAll()
    assert page.table.copy_selection() == 10
    assert "=<b>c</b>" in QGuiApplication.clipboard().text().split("\n")[0].split("\t")
    dialog = dialog_of(driver)
    dialog.list.setCurrentRow(dialog.names().index("payload.region"))
    QTest.keyClick(dialog.list, Qt.Key.Key_Delete)
    assert "payload.region" not in dialog.names()
    assert page.table.selected_count() == 10
    driver.until(lambda: page.model.is_complete and driver.column("id") == [str(id) for id in range(10, 0, -1)])


def test_a_value_becomes_a_column_from_the_tree_and_leaves_by_the_header(opened: Driver, sample_db: Path) -> None:
    page = opened.window.tasks_page
    opened.select_first()
    opened.until(lambda: page.detail.is_showing_task)
    tree = page.detail.payload.tree
    model = tree.json_model()
    assert isinstance(model, JsonModel)
    tree.setCurrentIndex(model.find(("title",)))
    tree._on_self_context_menu_requested(tree.visualRect(tree.currentIndex()).center())
    action = next(each for each in tree.findChildren(QMenu)[-1].actions() if "column" in each.text())
    action.trigger()
    assert "payload.title" in shown(page.table)
    titles = {
        str(id): json.loads(str(text)).get("title")
        for id, text in run_sql(sample_db, "SELECT id, payload FROM task_queue")
    }
    opened.until(lambda: opened.column("payload.title") == [titles[id] for id in opened.column("id")])
    header = page.table.horizontalHeader()
    place = header.sectionViewportPosition(page.table.column_names.index("payload.title")) + 5
    page.table.columns._on_header_context_menu_requested(QPoint(place, 5))
    remove = page.table.findChildren(QMenu)[-1].actions()[0]
    assert remove.text() == "&Remove payload.title"
    remove.trigger()
    assert "payload.title" not in shown(page.table)


def test_each_file_gets_its_own_values_back(
    make_window: Callable[..., Driver], sample_db: Path, tmp_path: Path
) -> None:
    other = queue(tmp_path / "other ü.db")
    driver = make_window().open(other)
    page = driver.window.tasks_page
    assert page.columns.add(payload_column("payload.region")) == ""
    assert page.columns.add(payload_column("payload.n")) == ""
    page.table.set_sort("payload.n", True)
    driver.open(sample_db)
    driver.until(lambda: page.model.payload_columns == ())
    assert page.columns.add(TITLE) == ""
    driver.window.close()
    driver = make_window().open(other)
    page = driver.window.tasks_page
    driver.until(lambda: shown(page.table)[4:6] == ["payload.region", "payload.n"])
    driver.until(lambda: page.model.order.payload == payload_column("payload.n"))
    driver.open(sample_db)
    driver.until(lambda: page.model.payload_columns == (TITLE,))
    settings = (tmp_path / "data" / "settings.json").read_text(encoding="utf-8")
    assert "payload.title" in settings
    driver.window.saved_views.save("Titles")
    page.columns.remove("payload.title")
    driver.window.saved_views.entries()[0].trigger()
    assert page.model.payload_columns == (TITLE,)
