"""Retry, cancel and vacuum from the window: preview, confirm, report, and what then stands in the file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from prismq_gui.views.plan_dialog import TWICE_S, Step
from tests.helpers.files import make_foreign_queue, run_sql
from tests.views.window.conftest import Driver


def statuses(path: Path, where: str = "1") -> dict[str, int]:
    rows = run_sql(path, f"SELECT status, count(*) FROM task_queue WHERE {where} GROUP BY status")
    return {str(status): int(count) for status, count in rows}  # type: ignore[call-overload]


def held_enter() -> QKeyEvent:
    return QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier, "\r", autorep=True)


def test_a_failed_task_is_retried_and_queued_in_the_file(opened: Driver, sample_db: Path) -> None:
    opened.filter(statuses=("failed",))
    wanted = opened.select_first()
    dialog = opened.preview("retry")
    assert dialog.confirm_button.text().replace("&", "") == "Retry 1 task"
    assert "will be queued again" in dialog.sentence.text()
    told = dialog.lines.lines()
    assert any(line.startswith("1 × ") for line in told)
    assert any(line.startswith("Attempts: counted from 0 again") for line in told)
    assert "Will be changed: Failed\t1" in told
    assert statuses(sample_db, f"id = {wanted}") == {"failed": 1}
    dialog.confirm_button.click()
    opened.until(lambda: dialog.step is Step.DONE)
    assert dialog.sentence.text() == "1 task was queued again."
    assert statuses(sample_db, f"id = {wanted}") == {"queued": 1}
    dialog.copy_button.click()
    copied = QApplication.clipboard().text()
    assert copied.startswith("1 task was queued again.")
    assert str(sample_db) in copied
    dialog.reject()
    opened.until(lambda: opened.window.commands.plan_dialog is None)
    opened.until(lambda: wanted not in [int(each) for each in opened.column("id")])


def test_all_matching_are_cancelled_and_nothing_else(opened: Driver, sample_db: Path) -> None:
    before = statuses(sample_db)
    kind = str(run_sql(sample_db, "SELECT type FROM task_queue WHERE status = 'queued' LIMIT 1")[0][0])
    waiting = statuses(sample_db, f"type = '{kind}'")["queued"]
    opened.filter(types=(kind,), statuses=("queued",))
    dialog = opened.preview("cancel_matching")
    assert dialog.confirm_button.text().replace("&", "") == f"Cancel {waiting} tasks"
    assert dialog.back_button.hasFocus()
    assert dialog.back_button.isDefault()
    dialog.confirm_button.click()
    opened.until(lambda: dialog.step is Step.DONE)
    assert dialog.report is not None
    assert dialog.report.changed == waiting
    after = statuses(sample_db)
    assert after["cancelled"] == before.get("cancelled", 0) + waiting
    assert after["queued"] == before["queued"] - waiting
    assert after["failed"] == before["failed"]
    dialog.reject()
    opened.until(lambda: opened.chip("Cancelled") == str(after["cancelled"]))


def test_what_cannot_be_changed_is_told_with_the_reason(opened: Driver, sample_db: Path) -> None:
    before = statuses(sample_db)
    opened.filter(statuses=("completed",))
    opened.window.tasks_page.table.selectAll()  # too many for the action itself to say it
    dialog = opened.preview("retry")
    assert dialog.step is Step.DONE
    assert "completed" in dialog.sentence.text()
    assert not dialog.confirm_button.isVisible()
    dialog.reject()
    assert statuses(sample_db) == before


def test_going_back_changes_nothing(opened: Driver, sample_db: Path) -> None:
    before = statuses(sample_db)
    opened.filter(statuses=("failed",))
    dialog = opened.preview("retry_matching")
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    opened.until(lambda: opened.window.commands.plan_dialog is None)
    assert statuses(sample_db) == before


def test_the_file_is_vacuumed(opened: Driver, sample_db: Path) -> None:
    run_sql(sample_db, "DELETE FROM task_logs")
    run_sql(sample_db, "UPDATE task_queue SET payload = '{}'")
    assert int(run_sql(sample_db, "PRAGMA freelist_count")[0][0]) > 0  # type: ignore[call-overload]
    dialog = opened.run("vacuum")
    assert dialog.report is not None
    assert dialog.report.problem is None
    assert int(run_sql(sample_db, "PRAGMA freelist_count")[0][0]) == 0  # type: ignore[call-overload]
    dialog.reject()
    assert opened.column("id")


def test_C12_a_held_enter_and_a_second_click_run_it_once(opened: Driver, sample_db: Path) -> None:
    opened.filter(statuses=("failed",))
    wanted = opened.select_first()
    dialog = opened.preview("retry")
    assert dialog.confirm_button.hasFocus()
    QApplication.sendEvent(dialog.confirm_button, held_enter())
    assert dialog.step is Step.PREVIEW  # the Enter that opened the dialog does not answer it
    QTest.mouseDClick(dialog.confirm_button, Qt.MouseButton.LeftButton)
    dialog.confirm()
    opened.until(lambda: dialog.step is Step.DONE)
    logged = run_sql(
        sample_db, "SELECT count(*) FROM task_logs WHERE task_id = ? AND message LIKE 'retried%'", (wanted,)
    )
    assert logged == [(1,)]
    dialog.reject()


def test_C1_a_task_that_moved_on_is_left_and_told(opened: Driver, sample_db: Path) -> None:
    opened.filter(statuses=("failed",))
    wanted = opened.select_first()
    dialog = opened.preview("retry")
    run_sql(sample_db, "UPDATE task_queue SET status = 'leased', locked_by = 'w2' WHERE id = ?", (wanted,))
    dialog.confirm_button.click()
    opened.until(lambda: dialog.step is Step.DONE)
    assert dialog.report is not None
    assert dialog.report.changed == 0
    assert statuses(sample_db, f"id = {wanted}") == {"leased": 1}
    assert any("leased" in line or "running" in line for line in dialog.lines.lines())
    dialog.reject()


def test_C3_a_file_that_is_locked_is_told_busy_and_nothing_changed(opened: Driver, sample_db: Path) -> None:
    opened.filter(statuses=("failed",))
    opened.select_first()
    before = statuses(sample_db)
    dialog = opened.preview("retry")
    with closing(sqlite3.connect(sample_db, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        dialog.confirm_button.click()
        opened.qtbot.waitUntil(lambda: dialog.step is Step.DONE, timeout=30_000)
        writer.execute("ROLLBACK")
    told = dialog.sentence.text() + dialog.notes.text()
    assert "busy" in told.lower() or "lock" in told.lower()
    assert statuses(sample_db) == before
    assert dialog.again_button.text().replace("&", "") == "Try again"
    dialog.again_button.click()
    opened.until(lambda: dialog.step is Step.DONE)
    assert statuses(sample_db)["queued"] == before["queued"] + 1
    dialog.reject()


def test_stop_ends_after_a_whole_portion(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 60_000, status="failed")
    driver.open(path)
    driver.filter(statuses=("failed",))
    dialog = driver.preview("retry_matching")
    dialog.snapshot.setChecked(False)  # else it might be stopped before the first change
    dialog.confirm_button.click()
    driver.until(lambda: dialog.bar.value() > 0 and dialog.bar.maximum() == 1_000)
    dialog.stop_button.click()
    driver.until(lambda: dialog.step is Step.DONE)
    assert dialog.report is not None
    assert dialog.report.stopped
    assert 0 < dialog.report.changed < 60_000
    assert statuses(path)["queued"] == dialog.report.changed
    dialog.reject()


def test_escape_while_it_runs_stops_and_still_reports(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 60_000, status="failed")
    driver.open(path)
    driver.filter(statuses=("failed",))
    dialog = driver.preview("retry_matching")
    dialog.confirm_button.click()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.isVisible()
    driver.until(lambda: dialog.step is Step.DONE)
    assert dialog.report is not None
    assert dialog.report.changed < 60_000
    dialog.reject()


def test_C10_I5_a_strangers_trigger_is_a_refusal_without_a_button(opened: Driver, sample_db: Path) -> None:
    run_sql(
        sample_db,
        "CREATE TRIGGER spy AFTER UPDATE ON task_queue BEGIN UPDATE task_queue SET priority = 1 WHERE id = new.id; END",
    )
    opened.filter(statuses=("failed",))
    opened.select_first()
    dialog = opened.preview("retry")
    assert dialog.step is Step.DONE
    assert "spy" in dialog.sentence.text() + dialog.notes.text()
    assert not dialog.confirm_button.isVisible()
    dialog.reject()


def test_retry_by_keyboard_alone(opened: Driver, sample_db: Path) -> None:
    window = opened.window
    opened.filter(statuses=("failed",))
    window.tasks_page.table.setFocus()
    QTest.keyClick(window.tasks_page.table, Qt.Key.Key_Home)
    wanted = window.tasks_page.table.current_id
    QTest.keyClick(window.tasks_page.table, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    dialog = window.commands.plan_dialog
    assert dialog is not None
    opened.until(lambda: dialog.step is Step.PREVIEW)
    QTest.keyClick(dialog.confirm_button, Qt.Key.Key_Return)
    opened.until(lambda: dialog.step is Step.DONE)
    assert statuses(sample_db, f"id = {wanted}") == {"queued": 1}
    QTest.qWait(int(TWICE_S * 1_000) + 1)  # one that comes sooner is taken for a second press of the first
    QTest.keyClick(dialog.back_button, Qt.Key.Key_Return)
    opened.until(lambda: window.commands.plan_dialog is None)


@pytest.mark.parametrize("state", ["start", "opening", "scanning", "planning", "preview", "applying", "vacuuming"])
def test_B16_closing_in_any_state_ends_all(driver: Driver, tmp_path: Path, state: str) -> None:
    import time

    path = make_foreign_queue(tmp_path / "q.db", 60_000 if state != "start" else 0, status="failed")
    window = driver.window
    if state == "opening":
        window.open_path(path)
    elif state != "start":
        driver.open(path)
        driver.filter(statuses=("failed",))
    if state == "scanning":
        window.tasks_page.filter_bar.search.setText("nothing has this")
        window.tasks_page.filter_bar.search.settle()
    elif state == "planning":
        driver.act("retry_matching")
    elif state in ("preview", "applying"):
        dialog = driver.preview("retry_matching")
        if state == "applying":
            dialog.confirm_button.click()
            driver.until(lambda: dialog.bar.maximum() == 1_000)
    elif state == "vacuuming":
        driver.preview("vacuum").confirm_button.click()
    started = time.monotonic()
    window.close()
    assert time.monotonic() - started < 2.0
    assert all(thread.isFinished() for thread in window.engine._threads)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:  # whole portions only, nothing is held
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
