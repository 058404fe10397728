"""Two files compared beside the window: counts, rows, filters, ways to a task, and what is said of odd files."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel

from prismq_gui.insight.compare_records import DifferenceKind
from prismq_gui.views.compare_dialog import CompareDialog
from prismq_gui.views.plan_dialog import Step
from tests.helpers.files import copy_sample, make_foreign_queue, run_sql
from tests.views.fakes import EVIL
from tests.views.window.conftest import Driver

CHANGED, APPEARED, VANISHED = DifferenceKind.CHANGED, DifferenceKind.APPEARED, DifferenceKind.VANISHED


def backed_up(path: Path, name: str = "queue-backup-20261101T120000Z.db") -> Path:
    """Make a whole copy beside a file."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(path.parent / name)) as target:
        source.backup(target)
    return path.parent / name


@pytest.fixture
def old_and_new(sample_db: Path) -> tuple[Path, Path]:
    """The sample, and what it was before some tasks changed, came and went."""
    old = backed_up(sample_db)
    run_sql(sample_db, "UPDATE task_queue SET error_message = ? WHERE id = 2", (EVIL,))
    run_sql(sample_db, "UPDATE task_queue SET priority = 3 WHERE id IN (2, 4, 6)")
    run_sql(sample_db, "DELETE FROM task_logs WHERE task_id = 9")
    run_sql(sample_db, "DELETE FROM task_queue WHERE id = 9")
    run_sql(sample_db, "INSERT INTO task_queue (type, payload) VALUES ('newcomer', '{}')")
    return old, sample_db


def test_vanished_tasks_are_brought_back_with_their_lines_from_the_list(
    driver: Driver, old_and_new: tuple[Path, Path]
) -> None:
    old, new = old_and_new
    driver.open(new)
    dialog = ended(driver, driver.window.commands.compare_files(old, new))
    dialog.show_kind(CHANGED)
    assert not dialog.bring_button.isEnabled()
    dialog.show_kind(VANISHED)
    assert dialog.bring_button.isEnabled()
    dialog.bring_button.click()
    plan = driver.window.commands.plan_dialog
    assert plan is not None
    driver.until(lambda: plan.step is Step.PREVIEW)
    plan.confirm_button.click()
    driver.until(lambda: plan.step is Step.DONE)
    cells = "SELECT id, type, payload, status, created_at_utc FROM task_queue WHERE id = 9"
    assert run_sql(new, cells) == run_sql(old, cells) != []
    lines = "SELECT at_utc, message FROM task_logs WHERE task_id = 9 ORDER BY log_id"
    assert [line for line in run_sql(new, lines) if line in run_sql(old, lines)] == run_sql(old, lines) != []
    plan.close()
    dialog.again_button.click()
    driver.until(lambda: not dialog.is_running)
    assert comparison(dialog)[VANISHED] == 0


def ended(driver: Driver, dialog: CompareDialog) -> CompareDialog:
    driver.until(lambda: not dialog.is_running)
    return dialog


def rows(driver: Driver, dialog: CompareDialog) -> list[tuple[str, ...]]:
    """Return the rows in view, once they are read."""
    shown = range(min(8, dialog.model.rowCount()))
    driver.until(lambda: all(dialog.model.cells(row) is not None for row in shown))
    return [dialog.model.cells(row) or () for row in shown]


def comparison(dialog: CompareDialog) -> dict[DifferenceKind | None, int]:
    """Return the counts on the chips that are shown."""
    return {kind: int(chip.text().split()[-1].replace(",", "")) for kind, chip in dialog.chips.items()
            if not chip.isHidden()}  # fmt: skip


def words_of(dialog: CompareDialog) -> str:
    return " ".join([dialog.sentence.text(), dialog.note.text(), *dialog.empty.texts()])


def test_compare_with_tells_what_is_new_gone_and_changed_and_leads_to_the_task(driver: Driver, old_and_new) -> None:
    old, new = old_and_new
    driver.open(new)
    driver.act("compare")
    (chooser,) = driver.window.findChildren(QFileDialog)
    chooser.fileSelected.emit(str(old))
    chooser.reject()
    (dialog,) = driver.window.findChildren(CompareDialog)
    ended(driver, dialog)
    assert comparison(dialog) == {None: 5, CHANGED: 3, APPEARED: 1, VANISHED: 1}
    shown = rows(driver, dialog)
    assert [row[:2] for row in shown] == [
        ("± Changed", "2"), ("± Changed", "4"), ("± Changed", "6"), ("+ Appeared", "601"), ("− Vanished", "9"),
    ]  # fmt: skip
    assert "priority: " in shown[1][3]
    assert " → 3" in shown[1][3]
    assert shown[3][2] == "newcomer"

    dialog.table.select_id((CHANGED, 0))
    driver.until(lambda: dialog.details.topLevelItemCount() == 2)
    dialog.table.select_id((CHANGED, 1))
    assert not dialog.details.isEnabled()  # it shows the task before until this one is read
    dialog.table.select_id((CHANGED, 0))
    driver.until(lambda: dialog.details.isEnabled() and dialog.details.topLevelItemCount() == 2)
    fields = {item.text(0): item for item in (dialog.details.topLevelItem(at) for at in (0, 1))}
    assert fields["error_message"].text(2) == EVIL  # as text
    assert "&lt;b&gt;" in fields["error_message"].toolTip(2)
    assert {each.textFormat() for each in dialog.findChildren(QLabel) if each.text()} == {Qt.TextFormat.PlainText}

    dialog.show_buttons[1].click()
    driver.until(lambda: driver.window.tasks_page.table.current_id == 2)
    dialog.table.select_id((VANISHED, 0))
    assert not dialog.show_buttons[1].isEnabled()
    with driver.qtbot.waitSignal(driver.window.task_window_requested) as heard:
        QTest.keyClick(dialog.table, Qt.Key.Key_Return)  # the newer file has it no more
    assert heard.args == [old, 9]


def test_kinds_and_fields_choose_what_is_listed(driver: Driver, old_and_new) -> None:
    dialog = ended(driver, driver.window.commands.compare_files(*old_and_new))
    dialog.chips[VANISHED].click()
    assert [row[1] for row in rows(driver, dialog)] == ["9"]
    place = next(at for at in range(dialog.field_box.count()) if dialog.field_box.itemText(at).startswith("error"))
    assert dialog.field_box.itemText(place) == "error_message  1"
    dialog.field_box.setCurrentIndex(place)
    dialog.field_box.activated.emit(place)
    driver.until(lambda: dialog.model.id_at(0) == (CHANGED, 0) and dialog.model.rowCount() == 1)
    assert dialog.chips[CHANGED].isChecked()
    assert [row[1] for row in rows(driver, dialog)] == ["2"]
    dialog.chips[None].click()
    assert dialog.model.rowCount() == 5

    dialog.head.swap_button.click()
    ended(driver, dialog)
    assert comparison(dialog)[VANISHED] == 1
    assert rows(driver, dialog)[3][:3] == ("+ Appeared", "9", rows(driver, dialog)[3][2])
    dialog.command_button.click()
    command = QGuiApplication.clipboard().text()
    assert command.startswith("prismq-gui compare ")
    assert command.endswith("--ndjson > differences.ndjson")
    assert command.index("queue.db") < command.index("queue-backup")


def test_two_dropped_files_are_compared_the_older_first(driver: Driver, old_and_new) -> None:
    old, new = old_and_new
    os.utime(old, (1_700_000_000, 1_700_000_000))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in (new, old)])
    event = QDropEvent(
        QPoint(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    driver.window.dropEvent(event)
    (dialog,) = driver.window.findChildren(CompareDialog)
    assert dialog.paths == (old, new)
    assert driver.window.session.path is None  # nothing was opened for it


def test_odd_files_are_told_in_words_and_another_one_may_be_chosen(driver: Driver, sample_db: Path, tmp_path) -> None:
    empty, none = make_foreign_queue(tmp_path / "empty.db"), make_foreign_queue(tmp_path / "none.db")
    notes = tmp_path / "notes.db"
    run_sql(notes, "CREATE TABLE notes (x)")
    torn = copy_sample(tmp_path / "c", "queue - Copy.db")
    dialog = ended(driver, driver.window.commands.compare_files(notes, sample_db))
    assert "notes.db" in words_of(dialog)
    assert "task_queue" in words_of(dialog)
    assert not dialog.show_buttons[0].isEnabled()
    told = {
        (empty, none): "Both files are queues without any task.",
        (empty, sample_db): "The older file holds no task; the other one 600 tasks.",
        (backed_up(sample_db, "same.db"), sample_db): "No task differs: all 600 are the same.",
        (torn, sample_db): "queue - Copy.db: There is no -wal beside this file",
        (sample_db, sample_db): "Both names lead to the same file",
        (tmp_path / "gone.db", sample_db): "File not found",
    }
    for paths, words in told.items():
        dialog.compare(*paths)
        assert words in words_of(ended(driver, dialog)), paths


def test_a_window_that_closes_ends_its_comparison(driver: Driver, tmp_path: Path) -> None:
    old = make_foreign_queue(tmp_path / "old.db", 60_000)
    dialog = driver.window.commands.compare_files(old, Path(shutil.copy(old, tmp_path / "new.db")))
    assert dialog.is_running
    driver.window.close()
    assert not driver.window.engine.comparing._thread.isRunning()
