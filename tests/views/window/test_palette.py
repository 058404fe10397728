"""The command palette as a person uses it: by keys alone, with the reason for what is off, all text as text."""

from __future__ import annotations

import subprocess
import sys

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from prismq_gui.actions.registry import ACTIONS
from prismq_gui.views.compare_dialog import CompareDialog
from prismq_gui.views.palette import Palette
from tests.helpers.files import make_foreign_queue, run_sql
from tests.helpers.processes import ROOT, python_environment
from tests.views.fakes import EVIL
from tests.views.window.conftest import Driver

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def palette_of(driver: Driver, key: Qt.Key = Qt.Key.Key_K, modifiers: Qt.KeyboardModifier = CONTROL) -> Palette:
    """Open the palette by its key and return it."""
    driver.window.activateWindow()
    driver.until(driver.window.isActiveWindow)
    QTest.keyClick(driver.window, key, modifiers)
    (found,) = driver.window.findChildren(Palette)
    assert found.isVisible()
    return found


def titles(palette: Palette) -> list[str]:
    return [match.entry.title for match in palette.model.matches]


def entry(palette: Palette, title: str):
    return next(match.entry for match in palette.model.matches if match.entry.title == title)


def choose(palette: Palette, typed: str) -> None:
    QTest.keyClicks(palette.line, typed)
    QTest.keyClick(palette.line, Qt.Key.Key_Return)


def test_every_action_is_listed_with_its_key_and_the_reason_where_it_is_off(driver: Driver) -> None:
    palette = palette_of(driver)
    keys = {match.entry.key for match in palette.model.matches}
    assert keys >= {each.id for each in ACTIONS} - {"palette"}
    retry = entry(palette, "Retry…")
    assert (retry.reason, retry.shortcut) == ("Open a queue file first.", "Ctrl+R")
    QTest.keyClicks(palette.line, "retry")
    QTest.keyClick(palette.line, Qt.Key.Key_Return)
    assert palette.isVisible()  # what is off stays, and says why
    assert palette.foot.text() == "Off: Open a queue file first."


def test_what_was_done_last_stands_first_also_after_a_restart(make_window, sample_db) -> None:
    first = make_window().open(sample_db)
    for typed in ("go fail", "go work"):
        choose(palette_of(first), typed)
    assert first.window.page == "workers"
    assert titles(palette_of(first))[:2] == ["Go to Workers", "Go to Failures"]
    first.window.close()
    assert titles(palette_of(make_window()))[:2] == ["Go to Workers", "Go to Failures"]


def test_escape_closes_and_gives_the_keyboard_back(opened: Driver) -> None:
    line = opened.window.tasks_page.filter_bar.search
    line.setFocus()
    line.setText("status:failed")
    palette = palette_of(opened, Qt.Key.Key_P, CONTROL | SHIFT)
    assert QApplication.focusWidget() is palette.line
    QTest.keyClick(palette.line, Qt.Key.Key_Escape)
    assert palette.isHidden()
    assert QApplication.focusWidget() is line
    assert line.text() == "status:failed"
    choose(palette_of(opened, Qt.Key.Key_P, CONTROL | SHIFT), "select all")  # there, not in the table
    assert line.selectedText() == "status:failed"


def test_no_key_reaches_the_window_while_it_is_open(opened: Driver) -> None:
    opened.select_first()
    palette = palette_of(opened)
    for key in (Qt.Key.Key_R, Qt.Key.Key_W, Qt.Key.Key_2):  # retry, close the file, go to the workers
        QTest.keyClick(palette.line, key, CONTROL)
    assert opened.window.commands.plan_dialog is None
    assert opened.window.session.path is not None
    assert opened.window.page == "tasks"
    QTest.keyClick(palette.line, Qt.Key.Key_K, CONTROL)
    assert palette.isHidden()


def test_a_click_beside_it_closes_it_and_the_button_opens_it(driver: Driver) -> None:
    QTest.mouseClick(driver.window.top_bar.palette_button, Qt.MouseButton.LeftButton)
    (palette,) = driver.window.findChildren(Palette)
    assert palette.isVisible()
    assert "Ctrl+K" in driver.window.top_bar.palette_button.text()
    QTest.mouseClick(palette, Qt.MouseButton.LeftButton, pos=QPoint(5, palette.height() - 5))
    assert palette.isHidden()


def test_a_number_goes_to_the_task_and_a_name_to_the_worker(opened: Driver) -> None:
    palette = palette_of(opened)
    for typed in ("task 123", "#123", "123", "go to task 123"):
        palette.line.setText(typed)
        assert titles(palette)[0] == "Go to task 123"
    QTest.keyClick(palette.line, Qt.Key.Key_Return)
    opened.until(lambda: opened.window.tasks_page.table.current_id == 123)
    choose(palette_of(opened), "task 99999")
    opened.until(lambda: opened.window.status_line.message_label.text() == "There is no task 99999")
    choose(palette_of(opened), "w03")
    assert opened.window.page == "workers"
    assert opened.window.workers_page.table.current_id == "worker-03"


def test_any_text_can_be_searched_for_everywhere(opened: Driver) -> None:
    palette = palette_of(opened)
    QTest.keyClicks(palette.line, "codec x265")
    assert titles(palette)[-1] == "Search everything for “codec x265”"
    QTest.keyClick(palette.line, Qt.Key.Key_Up)  # from the first to the last
    QTest.keyClick(palette.line, Qt.Key.Key_Return)
    opened.until(lambda: opened.window.page == "search" and opened.window.search_page.line.text() == "codec x265")


def test_views_and_recent_files_are_found_by_their_names(opened: Driver, sample_db, tmp_path) -> None:
    opened.filter(statuses=("failed",))
    opened.window.saved_views.save("Fehler & Ärger")
    opened.window.tasks_page.clear_filter()
    choose(palette_of(opened), "arger")
    opened.until(lambda: opened.window.tasks_page.filter().statuses == ("failed",))
    other = make_foreign_queue(tmp_path / "other" / "yesterday.db", 3)
    opened.window.open_path(other)
    opened.until(lambda: str(other) in opened.window.settings.recent_files)
    palette = palette_of(opened)
    assert entry(palette, "Open queue.db").beside == str(sample_db.parent)
    choose(palette, "comp queue")
    (dialog,) = opened.window.findChildren(CompareDialog)
    assert dialog.paths == (sample_db, other)


def test_J1_names_of_the_queue_are_shown_as_text(driver: Driver, sample_db) -> None:
    run_sql(sample_db, "UPDATE workers SET worker_id = ? WHERE worker_id = 'worker-03'", (EVIL,))
    driver.open(sample_db)
    driver.until(lambda: EVIL in [driver.window.workers_page.model.id_at(row) for row in range(9)])
    palette = palette_of(driver)
    QTest.keyClicks(palette.line, "bold")
    shown = titles(palette)
    assert f"Open worker {EVIL}" in shown
    assert palette.foot.textFormat() == Qt.TextFormat.PlainText
    pixmap = palette.grab()
    assert not pixmap.isNull()


def test_it_costs_the_start_of_the_window_nothing() -> None:
    code = (
        "import sys, prismq_gui.app\n"
        "print([name for name in sys.modules if 'palette' in name or 'fuzzy' in name or 'compar' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=python_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
