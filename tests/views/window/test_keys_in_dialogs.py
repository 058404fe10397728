"""Where the keyboard is in dialogs and pages, and what a key does there."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QSpinBox, QStyle

from prismq_gui.settings import Settings
from prismq_gui.theme import Severity
from prismq_gui.views import memory
from prismq_gui.views.plan_dialog import Step
from tests.helpers.files import make_foreign_queue, run_sql
from tests.views.window.conftest import Driver


def test_a_typed_priority_replaces_the_one_that_stands_there(opened: Driver) -> None:
    opened.filter(statuses=("queued",))
    opened.select_first()
    dialog = opened.preview("set_priority")
    box = dialog.fields.first() if dialog.fields is not None else None
    assert isinstance(box, QSpinBox)
    assert box.hasFocus()
    QTest.keyClicks(box, "7")
    assert box.value() == 7
    opened.until(lambda: dialog.step is Step.PREVIEW and "priority 7" in dialog.sentence.text())
    dialog.reject()


def test_a_deletion_begins_on_going_back_not_on_the_box_that_takes_running_tasks(opened: Driver) -> None:
    opened.filter(statuses=("failed",))
    dialog = opened.preview("delete_matching")
    assert dialog.focusWidget() is dialog.back_button
    QTest.keyClick(dialog.focusWidget(), Qt.Key.Key_Space)
    assert dialog.step is Step.DONE
    assert dialog.report is None


def test_after_an_undo_begun_in_the_history_the_keyboard_is_in_the_history_again(opened: Driver) -> None:
    opened.filter(statuses=("failed",))
    opened.run("retry_matching").reject()
    opened.act("history")
    told = opened.window.commands.history_dialog
    assert told is not None
    opened.until(lambda: told.is_told and told.undo_button.isEnabled())
    told.undo_button.click()
    opened.until(lambda: opened.window.commands.plan_dialog is not None)
    undo = opened.window.commands.plan_dialog
    assert undo is not None
    opened.until(lambda: undo.step is Step.PREVIEW)
    undo.confirm_button.click()
    opened.until(lambda: undo.step is Step.DONE)
    undo.reject()
    opened.until(lambda: QApplication.focusWidget() is told.table)
    told.close()


def test_beside_an_empty_table_the_keyboard_is_on_the_page_and_never_on_what_dismisses_a_message(
    driver: Driver, tmp_path: Path
) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 2, status="failed")
    window = driver.window
    window.notices.keep("told", Severity.INFO, "Something to be known", "It stays.")
    driver.open(path)
    assert window.focusWidget() is window.tasks_page.table
    run_sql(path, "DELETE FROM task_queue")
    driver.act("refresh")
    driver.until(window.tasks_page.empty.isVisible)
    assert window.banner.isVisible()
    assert window.tasks_page.isAncestorOf(window.focusWidget())
    for name in ("alerts", "database", "workers", "failures", "tasks", "logs", "overview"):
        window.banner.dismiss_button.setFocus()
        window.show_page(name)
        assert not window.banner.isAncestorOf(window.focusWidget()), name


def test_the_first_window_leaves_room_for_its_title_bar(driver: Driver) -> None:
    window = driver.window
    theme, room = window._theme, window.screen().availableGeometry()
    memory.restore_geometry(window, Settings(), theme)
    title = window.style().pixelMetric(QStyle.PixelMetric.PM_TitleBarHeight, None, window)
    assert title > 0
    assert window.height() + title <= max(room.height(), window.minimumHeight() + title)
