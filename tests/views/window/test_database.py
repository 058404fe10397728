"""The page of the database: true figures beside real workers, and care that says what it did and what it did not."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from prismq_gui.file_marks import Environment, with_mark
from prismq_gui.insight import wal_readers
from prismq_gui.operations import database_care
from prismq_gui.operations.database_records import CareKind
from prismq_gui.polling import database_desk, threads
from prismq_gui.queue import QueueDatabase, back_up
from prismq_gui.settings import SettingsStore
from prismq_gui.views.compare_dialog import CompareDialog
from prismq_gui.views.database_dialog import CareDialog
from prismq_gui.views.database_page import CARE, DatabasePage
from prismq_gui.views.plan_dialog import Step
from tests.helpers.files import FOREIGN_SCHEMA, copy_sample, make_foreign_queue, run_sql
from tests.helpers.readers import long_reader
from tests.queue.helping_upkeep import content, sound
from tests.queue.upkeep_processes import finish, running
from tests.views.window.conftest import Driver

WRITING = ("checkpoint", "vacuum", "optimize", "analyze", "delete_finished", "release_leases", "restore")
READING = ("check_integrity", "check_log_lines", "back_up")
ONLY_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells of locks")


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_desk, "LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(database_desk, "REST_FACTOR", 0)
    monkeypatch.setattr(wal_readers, "LONG_S", 0.1)


def page_of(driver: Driver) -> DatabasePage:
    """Go to the page and wait for what it tells."""
    driver.window.show_page("database")
    page = driver.window.database_page
    driver.until(lambda: "Path" in page.file_card.lines())
    return page


def previewed(driver: Driver, kind: CareKind, source: Path | None = None) -> CareDialog:
    dialog = driver.window.commands.care(kind, source)
    assert dialog is not None
    driver.until(lambda: dialog.step in (Step.PREVIEW, Step.DONE))
    return dialog


def done(driver: Driver, dialog: CareDialog) -> CareDialog:
    """Confirm, type the name that is asked for, and wait for the report."""
    if dialog.plan is not None and dialog.plan.name_to_type:
        dialog.options.name.setText(dialog.plan.name_to_type)
    assert dialog.confirm_button.isEnabled(), dialog.notes.text()
    QTest.mouseClick(dialog.confirm_button, Qt.MouseButton.LeftButton)
    driver.until(lambda: dialog.step is Step.DONE)
    return dialog


def left(driver: Driver, dialog: CareDialog) -> None:
    dialog.back_button.click()
    driver.until(lambda: driver.window.commands.care_dialog is None)


def said(dialog: CareDialog) -> str:
    return " ".join([dialog.sentence.text(), dialog.notes.text(), *dialog.lines.lines()])


def reopened(driver: Driver) -> None:
    window = driver.window
    driver.until(lambda: window.session.snapshot is not None and window.tasks_page.model.is_complete)


# -- what is told


def test_the_figures_follow_the_file_while_a_worker_writes(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "Wärter & Söhne" / "queue.db", 50)
    page = page_of(driver.open(path))
    assert page.file_card.lines()["Path"] == str(path)
    assert page.format_card.lines()["Journal mode"] == "WAL"
    before = page.head.text()
    with running("write_on", path) as worker:
        driver.until(lambda: page.tick() or page.head.text() != before)
        finish(worker)
    assert "queue.db: " in page.head.text()


def test_B3_D3_looking_keeps_no_snapshot_and_is_never_in_the_way_of_a_checkpoint(
    driver: Driver, tmp_path: Path
) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", 500)
    page = page_of(driver.open(path))
    told: list[object] = []
    driver.window.engine.database.told.connect(told.append)
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as outside:
        for _ in range(8):
            outside.execute("UPDATE task_queue SET priority = priority + 1")
            count = len(told)
            driver.until(lambda count=count: page.tick() or len(told) > count)
            # Others of the window's threads read too, each for milliseconds: again at most some times.
            answers = [outside.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] for _ in range(50)]
            assert 0 in answers
    assert "Nothing blocks a checkpoint" in page.wal_card.sentence.text() or sys.platform != "linux"


@ONLY_LINUX
def test_D1_a_reader_that_blocks_a_checkpoint_is_named_and_is_not_this_program(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", 50)
    page = page_of(driver.open(path))
    with long_reader(path) as pid:
        run_sql(path, "UPDATE task_queue SET priority = 7")
        driver.until(lambda: page.tick() or "A reader is active" in page.wal_card.sentence.text())
        assert f"process {pid} " in page.wal_card.sentence.text()
        assert "It is not this program." in page.wal_card.details.text()
        dialog = done(driver, previewed(driver, CareKind.CHECKPOINT))
        assert "a reader is active" in dialog.sentence.text()
        assert "partly done" in dialog.sentence.text() or "was not cut" in dialog.sentence.text()
        assert "It is not this program" in said(dialog)
        assert f"process {pid} " in said(dialog)
        left(driver, dialog)
    dialog = done(driver, previewed(driver, CareKind.CHECKPOINT))
    assert dialog.sentence.text() == "The WAL was moved into the file and cut."
    assert Path(f"{path}-wal").stat().st_size == 0
    driver.until(lambda: page.tick() or "Nothing blocks" in page.wal_card.sentence.text())
    left(driver, dialog)


def test_C14_what_would_write_is_off_with_the_reason_and_the_rest_is_not(driver: Driver, sample_db: Path) -> None:
    page = page_of(driver.open(sample_db, read_only=True))
    before = sample_db.read_bytes()
    actions = driver.window.actions_
    for id in WRITING:
        assert not actions[id].isEnabled(), id
        assert actions.reason(id), id
    assert all(actions[id].isEnabled() for id in READING)
    assert not page.care_buttons["checkpoint"].isEnabled()
    assert "read-only" in page.care_buttons["checkpoint"].toolTip()
    dialog = previewed(driver, CareKind.CHECKPOINT)  # as if the file had become read-only meanwhile
    assert not dialog.confirm_button.isEnabled()
    left(driver, dialog)
    dialog = done(driver, previewed(driver, CareKind.BACKUP))
    assert dialog.report is not None
    assert dialog.report.verified
    assert sample_db.read_bytes() == before
    left(driver, dialog)


def test_all_of_the_page_is_reached_by_tab_and_named_and_a_backup_is_opened_and_compared(
    driver: Driver, sample_db: Path
) -> None:
    backup = back_up(sample_db).path
    page = page_of(driver.open(sample_db))
    driver.until(lambda: page.model.rowCount() == 1)
    page.table.selectRow(0)
    page.focus_first()
    met: list[QWidget] = []
    for _ in range(30):
        focus = driver.window.focusWidget()
        assert focus is not None
        met.append(focus)
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    wanted = [*page.care_buttons.values(), page.back_up_button, page.restore_other_button, page.folder_button,
              page.table, page.verify_button, page.open_button, page.compare_button, page.restore_button]  # fmt: skip
    order = [met.index(each) for each in wanted]
    assert order == sorted(order)
    assert all(each.accessibleName() for each in wanted)
    assert len(page.care_buttons) == len(CARE)
    with driver.qtbot.waitSignal(driver.window.new_window_requested) as asked:
        QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert asked.args == [backup]
    QTest.keyClick(page.compare_button, Qt.Key.Key_Space)
    [comparison] = driver.window.findChildren(CompareDialog)
    assert comparison.paths == (backup, sample_db)
    driver.until(lambda: comparison.model.result is not None)
    comparison.close()


# -- backup and restore


def test_E9_E13_a_queue_is_backed_up_and_restored_through_the_page_though_the_window_reads_it(
    driver: Driver, tmp_path: Path
) -> None:
    path = copy_sample(tmp_path / "Ablage ü")
    page = page_of(driver.open(path))
    dialog = done(driver, previewed(driver, CareKind.BACKUP))
    made = dialog.report.made if dialog.report is not None else None
    assert made is not None
    assert made.parent == path.parent / "backups"
    assert sound(made)
    left(driver, dialog)
    driver.until(lambda: page.model.rowCount() == 1)
    assert page.model.cells(0)[2] == "made and verified"  # type: ignore[index]
    before = content(path)
    run_sql(path, "DELETE FROM task_logs")
    run_sql(path, "DELETE FROM task_queue WHERE id > 300")
    driver.window.activateWindow()
    driver.until(driver.window.isActiveWindow)
    page.table.setFocus(Qt.FocusReason.TabFocusReason)  # which chooses the newest
    QTest.mouseClick(page.restore_button, Qt.MouseButton.LeftButton)
    restore = driver.window.commands.care_dialog
    assert restore is not None
    driver.until(lambda: restore.step is Step.PREVIEW)
    assert not restore.confirm_button.isEnabled()  # until the name is typed
    restore.options.name.setText("queue.d")
    assert not restore.confirm_button.isEnabled()
    QTest.keyClick(restore.options.name, Qt.Key.Key_Return)
    assert restore.step is Step.PREVIEW
    QTest.keyClicks(restore.options.name, "b")
    QTest.keyClick(restore.options.name, Qt.Key.Key_Return)
    driver.until(lambda: restore.step is Step.DONE)
    assert restore.report is not None
    assert restore.report.problem is None
    assert content(path) == before
    assert "38 tasks were running" in restore.notes.text()
    assert not restore.leases_button.isHidden()
    [kept] = path.parent.glob("queue-before-restore-*.db")
    assert run_sql(kept, "SELECT count(*) FROM task_queue") == [(300,)]
    reopened(driver)
    driver.until(lambda: driver.window.tasks_page.model.count == 600)
    assert driver.is_quiet()  # that the window let the file go is no trouble of the file's
    assert driver.window.page == "database"
    driver.until(lambda: page.tick() or page.model.rowCount() == 1)
    restore.leases_button.click()  # not done by itself: asked for
    driver.until(lambda: driver.window.commands.care_dialog not in (None, restore))
    leases = driver.window.commands.care_dialog
    assert leases is not None
    driver.until(lambda: leases.step is Step.PREVIEW)
    assert "38" in leases.sentence.text()
    left(driver, leases)
    assert content(path) == before


def test_E10_a_restore_is_refused_while_a_worker_has_the_file_open_and_works_once_it_has_ended(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", 40)
    backup = back_up(path).path
    driver.open(path)
    with running("hold_open", path) as worker, monkeypatch.context() as patch:
        patch.setattr(database_care, "RESTORE_WAIT_S", 1.0)
        dialog = previewed(driver, CareKind.RESTORE, backup)
        assert "stop them first" in dialog.notes.text() or sys.platform != "linux"
        done(driver, dialog)
        assert dialog.sentence.text() == "The queue was not restored."
        assert "other programs have it open" in dialog.notes.text()
        assert "Nothing was changed" in dialog.notes.text()
        if sys.platform == "linux":
            assert f"process {worker.pid} " in dialog.notes.text()
        left(driver, dialog)
        reopened(driver)  # the window goes on with the file as it was
        finish(worker)
    run_sql(path, "DELETE FROM task_queue")
    dialog = done(driver, previewed(driver, CareKind.RESTORE, backup))
    assert dialog.report is not None
    assert dialog.report.is_well, said(dialog)
    assert run_sql(path, "SELECT count(*) FROM task_queue") == [(40,)]
    left(driver, dialog)


def _junk(path: Path) -> None:
    path.write_bytes(b"no database at all" * 300)


def _newer(path: Path) -> None:
    make_foreign_queue(path, 3)
    run_sql(path, "PRAGMA user_version = 7")


def _other_pages(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA page_size = 8192")
        for statement in FOREIGN_SCHEMA.split(";"):
            connection.execute(statement)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(_junk, "is not a database"), (_newer, "schema version 7 is newer"), (_other_pages, "pages of 8,192 bytes")],
)
def test_E7_E8_E12_what_cannot_be_restored_is_refused_in_the_preview(
    driver: Driver, tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", 5)
    bad = tmp_path / "bad.db"
    spoil(bad)
    driver.open(path)
    dialog = previewed(driver, CareKind.RESTORE, bad)
    assert words in said(dialog)
    assert not dialog.confirm_button.isEnabled()
    assert dialog.options.name.isHidden()
    left(driver, dialog)
    assert [each.name for each in tmp_path.glob("*before-restore*")] == []
    assert driver.window.session.is_open


def test_a_queue_that_can_no_longer_be_read_is_restored_all_the_same(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", 12)
    backup = back_up(path).path
    for end in ("-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    path.write_bytes(b"\0garbage" * 2_000)
    driver.window.open_path(path)
    driver.banner()
    assert not driver.window.session.is_open
    assert driver.window.actions_["restore"].isEnabled()
    dialog = previewed(driver, CareKind.RESTORE, backup)
    assert "set aside" in dialog.notes.text()
    done(driver, dialog)
    assert dialog.report is not None
    assert dialog.report.is_well, said(dialog)
    reopened(driver)
    assert driver.window.tasks_page.model.count == 12
    left(driver, dialog)


def test_E5_the_folder_of_backups_is_remembered_and_no_name_is_overwritten(
    make_window: Callable[..., Driver], tmp_path: Path
) -> None:
    path, elsewhere = make_foreign_queue(tmp_path / "queue.db", 4), tmp_path / "Andere Ablage"
    elsewhere.mkdir()
    taken = elsewhere / "mine.db"
    taken.write_bytes(b"precious")
    driver = make_window().open(path)
    page = page_of(driver)
    driver.window.commands.keep_backup_folder(path, elsewhere)
    dialog = previewed(driver, CareKind.BACKUP)
    assert Path(dialog.options.target.text()).parent == elsewhere
    dialog.options.set_target(str(taken))
    driver.until(lambda: dialog.step is Step.PREVIEW and dialog.plan is not None and dialog.plan.refusal is not None)
    assert "exists already" in said(dialog)
    assert not dialog.confirm_button.isEnabled()
    dialog.options.set_target(str(elsewhere / "queue-backup-20260101T000000Z.db"))
    driver.until(dialog.confirm_button.isEnabled)
    done(driver, dialog)
    left(driver, dialog)
    assert taken.read_bytes() == b"precious"
    driver.until(lambda: page.model.rowCount() == 1)
    driver.window.close()
    assert SettingsStore(tmp_path / "data").load().note == ""
    second = make_window()
    second.window.show_page("tasks")  # the page of the database was in view last
    again = page_of(second.open(path))
    driver.until(lambda: again.model.rowCount() == 1)
    assert again.folder == elsewhere


# -- checks, stop, deletion


def test_D9_D11_a_check_is_stopped_at_once_and_findings_are_plain_text_with_advice(
    driver: Driver, tmp_path: Path
) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", 3_000)
    run_sql(path, "PRAGMA foreign_keys = OFF")
    run_sql(
        path,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) "
        "INSERT INTO task_logs (task_id, level, message) SELECT 900000 + i, '<b>x', 'm' FROM n",
    )
    driver.open(path)
    dialog = previewed(driver, CareKind.INTEGRITY)
    dialog.confirm()
    dialog.stop_button.click()
    driver.until(lambda: dialog.step is Step.DONE)
    assert dialog.report is not None
    assert dialog.report.stopped
    assert dialog.sentence.text() == "Stopped. The file was not checked to the end."
    left(driver, dialog)
    dialog = done(driver, previewed(driver, CareKind.FOREIGN_KEYS))
    assert dialog.sentence.text() == "At least 100 findings. Nothing was changed."
    assert "they can be deleted" in dialog.notes.text()
    assert dialog.lines.lines()[0] == "The first 100 findings"
    assert sum("isn't there" in line for line in dialog.lines.lines()) == 100
    left(driver, dialog)


def test_D12_a_check_that_breaks_off_is_a_finding(driver: Driver, tmp_path: Path) -> None:
    from tests.queue.helping_upkeep import malformed_queue

    driver.open(malformed_queue(tmp_path / "queue.db"))
    dialog = done(driver, previewed(driver, CareKind.INTEGRITY))
    assert "the check broke off: malformed JSON" in said(dialog)
    assert "Stop the workers" in dialog.notes.text()
    left(driver, dialog)


def test_C8_a_deletion_is_stopped_on_a_true_count_and_a_vacuum_from_the_page_gives_its_room_back(
    driver: Driver, tmp_path: Path
) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", 30_000, status="completed")
    run_sql(path, "UPDATE task_queue SET finished_at_utc = '2020-01-01 00:00:00'")
    page = page_of(driver.open(path))
    dialog = previewed(driver, CareKind.RETENTION)
    dialog.options.backup_first.setChecked(False)
    driver.until(lambda: dialog.step is Step.PREVIEW and "No backup is made before" in dialog.notes.text())
    dialog.confirm()
    driver.until(lambda: "deleted" in dialog.progress_label.text())
    QTest.mouseClick(dialog.stop_button, Qt.MouseButton.LeftButton)
    driver.until(lambda: dialog.step is Step.DONE)
    assert dialog.report is not None
    assert dialog.report.stopped
    [(rest,)] = run_sql(path, "SELECT count(*) FROM task_queue")
    assert isinstance(rest, int)
    assert 0 < rest < 30_000
    assert dialog.sentence.text() == f"Stopped: {30_000 - rest:,} tasks were deleted, with 0 log lines."
    left(driver, dialog)
    driver.until(lambda: page.tick() or ": 0 free pages" not in page.file_card.lines()["A vacuum would free"])
    page.care_buttons["vacuum"].click()
    vacuum = driver.window.commands.plan_dialog
    assert vacuum is not None
    driver.until(lambda: vacuum.step is Step.PREVIEW)
    vacuum.confirm()
    driver.until(lambda: vacuum.step is Step.DONE)
    driver.until(lambda: page.tick() or ": 0 free pages" in page.file_card.lines()["A vacuum would free"])
    vacuum.reject()
    assert run_sql(path, "SELECT count(*) FROM task_queue") == [(rest,)]
    assert sound(path)


@pytest.mark.parametrize("kind", [CareKind.INTEGRITY, CareKind.BACKUP, CareKind.RETENTION, CareKind.RESTORE])
def test_B16_closing_the_window_ends_what_runs_and_leaves_the_file_whole(
    driver: Driver, tmp_path: Path, kind: CareKind
) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", 40_000, status="completed")
    run_sql(path, "UPDATE task_queue SET finished_at_utc = '2020-01-01 00:00:00'")
    source = back_up(path).path if kind is CareKind.RESTORE else None
    driver.open(path)
    dialog = previewed(driver, kind, source)
    dialog.options.name.setText(path.name)
    dialog.confirm()
    driver.until(lambda: dialog.step is Step.DONE or dialog.progress_label.text())
    driver.window.close()
    assert threads.alive() == []
    assert sound(path)
    assert list(tmp_path.rglob("*.part")) == []
    if kind is not CareKind.RETENTION:  # what was deleted of it before stays so
        assert run_sql(path, "SELECT count(*) FROM task_queue") == [(40_000,)]


def test_old_tasks_go_after_a_backup_as_the_preview_counted_while_a_worker_writes(
    driver: Driver, tmp_path: Path
) -> None:
    path = tmp_path / "queue.db"
    with closing(QueueDatabase(path)) as db:
        db.initialize_schema()
    run_sql(
        path,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200) "
        "INSERT INTO task_queue (type, payload, status, finished_at_utc) "
        "SELECT 'job', '{}', iif(i % 3, 'completed', 'failed'), '2020-01-01 00:00:00' FROM n",
    )
    driver.open(path)
    window = driver.window
    marks = with_mark(window.settings.file_marks, path, Environment.PRODUCTION, "red")
    window.commands.settings_chosen.emit(replace(window.settings, file_marks=marks))
    with running("write_on", path) as worker:
        dialog = previewed(driver, CareKind.RETENTION)
        assert "800 finished tasks" in dialog.sentence.text()
        dialog.options.statuses["failed"].setChecked(True)
        driver.until(lambda: dialog.step is Step.PREVIEW and "1,200" in dialog.sentence.text())
        assert dialog.options.backup_first.isChecked()
        assert "can't be taken back" in dialog.notes.text()
        assert not dialog.confirm_button.isEnabled()  # of a production file the number must be typed
        dialog.options.name.setText("1200")
        done(driver, dialog)
        written = int(finish(worker))
    assert dialog.report is not None
    assert dialog.report.is_well, said(dialog)
    assert dialog.sentence.text() == "1,200 tasks were deleted, with 0 log lines."
    assert run_sql(path, "SELECT count(*), count(DISTINCT type) FROM task_queue") == [(written, 1)]
    [backup] = (tmp_path / "backups").glob("*.db")
    assert run_sql(backup, "SELECT count(*) FROM task_queue WHERE type = 'job'") == [(1_200,)]
    left(driver, dialog)
