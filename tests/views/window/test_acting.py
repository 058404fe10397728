"""Acting from the window and taking it back: choices, reports with Undo, the history, what was cut off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from prismq_gui.operations.messages import OperationKind
from prismq_gui.operations.operator import Operator
from prismq_gui.views.history_dialog import HistoryDialog
from prismq_gui.views.plan_dialog import PlanDialog, Step
from tests.helpers.files import make_foreign_queue, run_sql
from tests.operations.helping import exact_rows, plan_status
from tests.views.window.conftest import Driver

ROOT = Path(__file__).parents[3]
CONTROL = Qt.KeyboardModifier.ControlModifier

CUT_OFF = """
import os, sys
from pathlib import Path
from prismq_gui.insight.filters import TaskFilter
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.messages import Matching, OperationKind
from prismq_gui.operations.operator import Operator
operator = Operator(Path(sys.argv[1]), who="ann@desk", journal=Journal(Path(sys.argv[2])))
plan = operator.plan(OperationKind.RETRY, Matching(TaskFilter(statuses=("failed",))))
operator.apply(plan, on_progress=lambda progress: os._exit(9) if progress.done >= 500 else None)
"""


def plan_dialog(driver: Driver, but: PlanDialog | None = None) -> PlanDialog:
    """Wait for a preview or refusal, and return its dialog."""
    driver.until(lambda: driver.window.commands.plan_dialog not in (None, but))
    dialog = driver.window.commands.plan_dialog
    assert dialog is not None
    driver.until(lambda: dialog.step in (Step.PREVIEW, Step.DONE))
    return dialog


def confirm(driver: Driver, dialog: PlanDialog) -> PlanDialog:
    """Confirm a preview and wait for the report."""
    assert dialog.step is Step.PREVIEW, dialog.sentence.text()
    dialog.confirm_button.click()
    driver.until(lambda: dialog.step is Step.DONE)
    return dialog


def history(driver: Driver) -> HistoryDialog:
    """Show the history and wait until it is told."""
    driver.act("history")
    dialog = driver.window.commands.history_dialog
    assert dialog is not None
    driver.until(lambda: dialog.is_told)
    return dialog


def test_what_was_retried_by_keyboard_is_taken_back_from_its_report(opened: Driver, sample_db: Path) -> None:
    before = exact_rows(sample_db, "task_queue")
    opened.filter(statuses=("failed",))
    table = opened.window.tasks_page.table
    table.setFocus()
    QTest.keyClick(table, Qt.Key.Key_Home)
    QTest.keyClick(table, Qt.Key.Key_R, CONTROL)
    dialog = plan_dialog(opened)
    QTest.keyClick(dialog.confirm_button, Qt.Key.Key_Return)
    opened.until(lambda: dialog.step is Step.DONE)
    assert exact_rows(sample_db, "task_queue") != before
    QTest.keyClick(dialog, Qt.Key.Key_U, Qt.KeyboardModifier.AltModifier)
    undo = plan_dialog(opened, dialog)
    assert "1 task will be as before the retry" in undo.sentence.text()
    assert undo.lines.lines()[0].startswith("Waiting (queued) → Failed")
    QTest.keyClick(undo.confirm_button, Qt.Key.Key_Return)
    opened.until(lambda: undo.step is Step.DONE)
    assert exact_rows(sample_db, "task_queue") == before
    undo.reject()


def test_deleted_tasks_come_back_with_their_log_lines(opened: Driver, sample_db: Path) -> None:
    tasks, lines = exact_rows(sample_db, "task_queue"), exact_rows(sample_db, "task_logs")
    opened.filter(statuses=("failed",))
    dialog = confirm(opened, opened.preview("delete_matching"))
    assert dialog.report is not None
    assert dialog.report.changed > 1
    dialog.reject()
    assert len(exact_rows(sample_db, "task_logs")) < len(lines)
    opened.act("undo_last")
    undo = confirm(opened, plan_dialog(opened))
    undo.reject()
    assert exact_rows(sample_db, "task_queue") == tasks
    assert set(lines) <= set(exact_rows(sample_db, "task_logs"))


def test_the_history_takes_back_what_has_not_moved_and_an_undo_is_undone(opened: Driver, sample_db: Path) -> None:
    opened.filter(statuses=("failed",))
    confirm(opened, opened.preview("retry_matching")).reject()
    ids = run_sql(sample_db, "SELECT DISTINCT task_id FROM task_logs WHERE message LIKE 'retried%'")
    moved = ids[0][0]
    run_sql(sample_db, "UPDATE task_queue SET status = 'leased', locked_by = 'w2' WHERE id = ?", (moved,))
    retried = exact_rows(sample_db, "task_queue")
    told = history(opened)
    assert told.model.cells(0)[1] == "Retry"
    told.undo_button.click()
    undo = plan_dialog(opened)
    assert any("w2" in line for line in undo.lines.lines())
    confirm(opened, undo).reject()
    assert undo.report is not None
    assert undo.report.changed == len(ids) - 1
    assert run_sql(sample_db, "SELECT status, locked_by FROM task_queue WHERE id = ?", (moved,)) == [("leased", "w2")]
    opened.until(lambda: told.model.rowCount() == 2 and told.model.cells(1)[4] == "Partly taken back")
    assert told.model.cells(0)[1] == "Undo of retry"
    told.table.selectRow(0)
    told.undo_button.click()
    confirm(opened, plan_dialog(opened)).reject()
    assert exact_rows(sample_db, "task_queue") == retried
    told.close()


@pytest.mark.parametrize("way", ["finish", "take back"])
def test_what_was_cut_off_is_offered_at_opening_and_ends_either_way(driver: Driver, tmp_path: Path, way: str) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 3_000, status="failed")
    before = exact_rows(path, "task_queue")
    killed = subprocess.run([sys.executable, "-c", CUT_OFF, str(path), str(tmp_path / "data")], cwd=ROOT, check=False)
    assert killed.returncode == 9
    changed = run_sql(path, "SELECT count(*) FROM task_queue WHERE status = 'queued'")[0][0]
    assert 0 < changed < 3_000
    driver.open(path)
    banner = driver.window.banner
    driver.until(lambda: "cut off" in banner.texts()[0])
    assert f"{changed:,} of 3,000 tasks were changed" in banner.texts()[1]
    wanted = next(each for each in banner.action_buttons if each.text().replace("&", "").lower().startswith(way))
    wanted.click()
    dialog = confirm(driver, plan_dialog(driver))
    assert dialog.report is not None
    assert dialog.report.problem is None
    dialog.reject()
    if way == "finish":
        assert run_sql(path, "SELECT status, count(*) FROM task_queue GROUP BY status") == [("queued", 3_000)]
    else:
        assert exact_rows(path, "task_queue") == before
    driver.until(lambda: driver.window.banner.isHidden() or "cut off" not in driver.window.banner.texts()[0])


def test_C12_enter_after_a_digit_plans_anew_and_a_second_one_runs_it_once(
    opened: Driver, sample_db: Path, monkeypatch
) -> None:
    monkeypatch.setattr("prismq_gui.views.plan_dialog.TWICE_S", 60.0)
    opened.filter(statuses=("queued",))
    wanted = opened.select_first()
    opened.until(lambda: opened.window.tasks_page.model.task(0) is not None)
    dialog = opened.preview("set_priority")
    assert dialog.fields is not None
    box = dialog.fields.first()
    assert box.hasFocus()
    box.selectAll()
    QTest.keyClicks(box, "1")
    opened.until(lambda: "priority 1 (lower runs first)" in dialog.sentence.text())
    QTest.keyClicks(box, "7")
    QTest.keyClick(box, Qt.Key.Key_Return)  # before the pause that plans it
    assert dialog.step is Step.PLANNING
    opened.until(lambda: dialog.step is Step.PREVIEW)
    assert "priority 17 (lower runs first)" in dialog.sentence.text()
    for _press in range(2):
        focus = dialog.focusWidget()
        assert focus is not None
        QTest.keyClick(focus, Qt.Key.Key_Return)
    opened.until(lambda: dialog.step is Step.DONE)
    QTest.keyClick(dialog.back_button, Qt.Key.Key_Return)
    assert dialog.isVisible()  # its report is not closed by one press too many
    assert dialog.sentence.text() == "1 task was given priority 17."
    assert run_sql(sample_db, "SELECT priority FROM task_queue WHERE id = ?", (wanted,)) == [(17,)]
    said = "SELECT count(*) FROM task_logs WHERE task_id = ? AND message LIKE '%priority 17%'"
    assert run_sql(sample_db, said, (wanted,)) == [(1,)]
    dialog.reject()


def test_a_task_is_put_off_to_a_moment_of_either_clock(opened: Driver, sample_db: Path) -> None:
    opened.filter(statuses=("queued",))
    wanted = opened.select_first()
    dialog = opened.preview("run_at")
    fields = dialog.fields
    assert fields is not None
    fields.zone.setCurrentIndex(1)
    fields.moment.setDateTime(fields.moment.dateTime().addDays(400))
    chosen = fields.moment.dateTime().toString("yyyy-MM-dd HH:mm:ss")
    fields.settle()
    fields.zone.setCurrentIndex(0)  # the same moment, as it is called here
    opened.until(lambda: dialog.step is Step.PREVIEW and chosen in dialog.sentence.text())
    confirm(opened, dialog).reject()
    assert run_sql(sample_db, "SELECT run_after_utc FROM task_queue WHERE id = ?", (wanted,)) == [(chosen,)]


def test_where_the_journal_cannot_be_written_nothing_is_done_until_that_is_wanted(
    opened: Driver, sample_db: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "data" / "operations.db"
    journal.write_bytes(b"this is no journal of ours, but a text of some length" * 40)
    opened.filter(statuses=("failed",))
    wanted = opened.select_first()
    dialog = confirm(opened, opened.preview("retry"))
    assert "operations.db" in dialog.notes.text()
    assert run_sql(sample_db, "SELECT status FROM task_queue WHERE id = ?", (wanted,)) == [("failed",)]
    assert dialog.again_button.text().replace("&", "") == "Do it without undo"
    dialog.again_button.click()
    opened.until(lambda: dialog.step is Step.DONE)
    assert run_sql(sample_db, "SELECT status FROM task_queue WHERE id = ?", (wanted,)) == [("queued",)]
    assert dialog.undo_button.isHidden()
    dialog.reject()
    told = history(opened)
    assert "operations.db" in " ".join(told.empty.texts())
    told.close()


def test_C16_of_an_unknown_status_only_delete_is_offered_with_the_reason(opened: Driver, sample_db: Path) -> None:
    run_sql(sample_db, "UPDATE task_queue SET status = 'sleeping' WHERE id = 5")
    opened.window.session.refresh()
    opened.window.show_task(5)
    actions = opened.window.actions_
    opened.until(lambda: not actions["retry"].isEnabled())
    ids = ("retry", "cancel", "ask_to_cancel", "force_cancel", "release", "run_now", "run_at", "set_priority")
    for id in ids:
        assert "unknown status 'sleeping'" in actions.reason(id), id
    assert actions["delete"].isEnabled()


def test_the_panel_of_a_task_has_the_menu_of_that_task_alone(opened: Driver) -> None:
    page = opened.window.tasks_page
    page.table.selectRow(2)
    opened.until(lambda: page.detail.is_showing_task)
    page.table.selectAll()
    page.detail.menu_button.click()
    menu = QApplication.activePopupWidget()
    assert menu is not None
    names = [each.objectName() for each in menu.actions()]
    assert {"retry", "delete", "set_priority"} <= set(names)
    assert page.table.selected_count() == 1
    assert page.table.current_id == page.detail.task_id
    menu.close()


def test_a_change_of_another_program_is_no_undo_of_ours(opened: Driver, sample_db: Path) -> None:
    plan = plan_status(sample_db, OperationKind.RETRY, "failed")
    Operator(sample_db, who="bob@elsewhere").apply(plan)
    opened.act("undo_last")
    opened.until(lambda: "nothing to undo" in opened.window.status_line.message_label.text())
    assert opened.window.commands.plan_dialog is None


def test_a_payload_is_edited_only_as_json_with_the_change_shown_and_taken_back(opened: Driver, sample_db: Path) -> None:
    before = exact_rows(sample_db, "task_queue")
    opened.filter(statuses=("queued",))
    wanted = opened.select_first()
    opened.act("edit")
    dialog = plan_dialog(opened)
    editor = dialog.fields.editors["payload"]  # type: ignore[union-attr]
    opened.until(editor.hasFocus)
    assert not dialog.confirm_button.isEnabled()
    editor.setPlainText('{"a": }')
    opened.until(lambda: "line 1, column 7" in dialog.sentence.text())
    assert not dialog.confirm_button.isEnabled()
    editor.setPlainText('{"a": 1}')
    opened.until(dialog.confirm_button.isEnabled)
    assert any(f"#{wanted} payload.a: nothing → 1" in line for line in dialog.lines.lines())
    confirm(opened, dialog)
    assert run_sql(sample_db, "SELECT payload FROM task_queue WHERE id = ?", (wanted,)) == [('{"a": 1}',)]
    dialog.undo_button.click()
    confirm(opened, plan_dialog(opened, dialog)).reject()
    assert exact_rows(sample_db, "task_queue") == before


def test_a_few_are_retried_first_and_the_history_finishes_the_rest(opened: Driver, sample_db: Path) -> None:
    opened.filter(statuses=("failed",))
    count = run_sql(sample_db, "SELECT count(*) FROM task_queue WHERE status = 'failed'")[0][0]
    dialog = opened.preview("retry_matching")
    assert dialog.confirm_button.hasFocus()
    dialog.fields.way.setCurrentIndex(3)  # type: ignore[union-attr]
    dialog.fields.settle()  # type: ignore[union-attr]
    opened.until(lambda: dialog.step is Step.PREVIEW)
    confirm(opened, dialog).reject()
    left = "SELECT count(*) FROM task_queue WHERE status = 'failed'"
    assert run_sql(sample_db, left) == [(count - 5,)]
    told = history(opened)
    opened.until(told.finish_button.isVisible)
    told.finish_button.click()
    confirm(opened, plan_dialog(opened, dialog)).reject()
    assert run_sql(sample_db, left) == [(0,)]
    told.close()


def test_a_new_task_is_put_in_and_taken_out_again(opened: Driver, sample_db: Path) -> None:
    before = exact_rows(sample_db, "task_queue")
    dialog = opened.preview("enqueue")
    fields = dialog.fields
    fields.type.setCurrentText("video.render")  # type: ignore[union-attr]
    fields.payload.setPlainText('{"url": "https://example.org"}')  # type: ignore[union-attr]
    opened.until(dialog.confirm_button.isEnabled)
    confirm(opened, dialog)
    made = run_sql(sample_db, "SELECT type, payload, status FROM task_queue ORDER BY id DESC LIMIT 1")
    assert made == [("video.render", '{"url": "https://example.org"}', "queued")]
    dialog.undo_button.click()
    confirm(opened, plan_dialog(opened, dialog)).reject()
    assert exact_rows(sample_db, "task_queue") == before


def test_a_silent_worker_gives_back_what_it_holds_and_leaves_the_list(opened: Driver, sample_db: Path) -> None:
    held = "SELECT count(*) FROM task_queue WHERE locked_by = ? AND status IN ('leased', 'processing')"
    name = run_sql(sample_db, "SELECT locked_by FROM task_queue WHERE status IN ('leased', 'processing')")[0][0]
    before, workers = exact_rows(sample_db, "task_queue"), exact_rows(sample_db, "workers")
    assert isinstance(name, str)
    opened.act("show_workers")
    page = opened.window.workers_page
    opened.until(lambda: page.table.select_id(name))
    page.release_button.click()
    confirm(opened, plan_dialog(opened)).reject()
    assert run_sql(sample_db, held, (name,)) == [(0,)]
    opened.act("undo_last")
    confirm(opened, plan_dialog(opened)).reject()
    assert exact_rows(sample_db, "task_queue") == before
    page.remove_button.click()
    dialog = plan_dialog(opened)
    assert dialog.confirm_button.text().replace("&", "") == "Remove 1 worker"
    confirm(opened, dialog)
    assert len(exact_rows(sample_db, "workers")) == len(workers) - 1
    dialog.undo_button.click()
    confirm(opened, plan_dialog(opened, dialog)).reject()
    assert sorted(exact_rows(sample_db, "workers")) == sorted(workers)
