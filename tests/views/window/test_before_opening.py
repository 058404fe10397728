"""What is asked before a file is opened, what is told of it then, and files that go, move and come back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from prismq_gui.insight import before_opening
from prismq_gui.insight.before_opening import Caution, CautionKind
from prismq_gui.last_run import run_marked
from prismq_gui.polling.messages import LinkState
from prismq_gui.settings import Settings, SettingsStore, merged
from prismq_gui.views import about_dialog, main_window
from prismq_gui.views.about_dialog import AboutDialog
from prismq_gui.views.caution_dialog import CautionDialog
from tests.helpers.files import copy_sample, make_foreign_queue, run_sql
from tests.helpers.processes import ROOT, python_environment
from tests.views.window.conftest import Driver

KNOWN_FAULT = "SQLite 3.x has a known fault in checkpoints."


def asked(driver: Driver) -> CautionDialog:
    """Wait for the question and return it."""

    def found() -> CautionDialog | None:
        return next((each for each in driver.window.findChildren(CautionDialog) if each.isVisible()), None)

    driver.until(lambda: found() is not None)
    dialog = found()
    assert dialog is not None
    return dialog


def about(driver: Driver) -> str:
    """Return what the banner tells of the file itself."""
    banner = driver.window.banner
    driver.until(lambda: not banner.isHidden() and banner.texts()[0].startswith("About "))
    return " ".join(banner.texts())


@pytest.fixture
def on_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A queue file on what the system says is a network drive."""
    if not sys.platform.startswith("linux"):
        pytest.skip("other systems list their mounts elsewhere")
    path = make_foreign_queue(tmp_path / "share" / "q.db", 3)
    mounts = tmp_path / "mounts"
    mounts.write_text(f"srv:/x {os.path.realpath(path.parent)} nfs4 rw 0 0\n", encoding="utf-8")
    monkeypatch.setattr(before_opening, "_MOUNTS", mounts)
    return path


# -- asked before


def test_A8_a_network_drive_asks_first_and_enter_does_not_open(driver: Driver, on_network: Path) -> None:
    driver.window.open_path(on_network)
    dialog = asked(driver)
    assert "WAL is unsafe" in dialog.sentences[0].text()
    assert dialog.path_label.text() == str(on_network)
    assert dialog.path_label.textFormat() == Qt.TextFormat.PlainText
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    driver.until(lambda: driver.window.session.path is None)
    assert driver.window.start_page.isVisible()
    assert sorted(each.name for each in on_network.parent.iterdir()) == ["q.db"]
    assert driver.window.settings.recent_files == ()


def test_A8_a_network_drive_opens_read_only_once_confirmed(driver: Driver, on_network: Path) -> None:
    driver.window.open_path(on_network)
    dialog = asked(driver)
    assert "read-only" in dialog.open_button.text().replace("&", "")
    QTest.mouseClick(dialog.open_button, Qt.MouseButton.LeftButton)
    driver.until(lambda: driver.window.session.is_open and driver.window.tasks_page.model.count == 3)
    assert driver.window.session.read_only
    driver.select_first()
    assert "read-only" in driver.window.actions_.reason("retry")


def test_A10_another_accounts_file_asks_first(driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(os, "geteuid"):
        pytest.skip("Windows tells no owner")
    path = make_foreign_queue(tmp_path / "theirs" / "q.db", 3)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    driver.window.open_path(path)
    dialog = asked(driver)
    assert "another account" in dialog.sentences[0].text()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    driver.until(lambda: driver.window.session.path is None)
    assert [each.name for each in path.parent.iterdir()] == ["q.db"]  # nothing that its owner cannot write

    driver.window.open_path(path)
    QTest.mouseClick(asked(driver).open_button, Qt.MouseButton.LeftButton)
    driver.until(lambda: driver.window.session.is_open)
    assert not driver.window.session.read_only


def test_J1_the_question_shows_names_literally(theme, qtbot) -> None:
    evil = "<b>q</b><img src='hostname'>.db"
    dialog = CautionDialog(theme, Path(evil), [Caution(CautionKind.ELEVATED, "<b>x</b>", must_confirm=True)], False)
    qtbot.addWidget(dialog)
    labels = dialog.findChildren(QLabel)
    assert {each.textFormat() for each in labels} == {Qt.TextFormat.PlainText}
    assert dialog.path_label.text() == evil
    assert dialog.keep_closed_button.isDefault()
    assert not dialog.open_button.autoDefault()


def test_a_file_at_home_asks_nothing(opened: Driver) -> None:
    assert not opened.window.findChildren(CautionDialog)


# -- told of the file


def test_A16_a_copy_opens_read_only_with_the_warning_of_its_missing_wal(driver: Driver, tmp_path: Path) -> None:
    path = copy_sample(tmp_path, "queue - Copy.db")
    before = path.read_bytes()
    driver.open(path)
    told = about(driver)
    assert "no -wal beside this file" in told
    assert "copy or a backup" in told
    driver.select_first()
    assert "copy" in driver.window.actions_.reason("retry")
    driver.window.banner.dismiss_button.click()
    assert driver.window.banner.isHidden()
    run_sql(tmp_path / "queue - Copy.db", "SELECT 1")
    assert path.read_bytes() == before


def test_A17_links_are_told_with_the_real_path(driver: Driver, tmp_path: Path) -> None:
    real = make_foreign_queue(tmp_path / "real" / "q.db", 1)
    link = tmp_path / "link.db"
    try:
        link.symlink_to(real)
    except OSError:
        pytest.skip("links need a right that this account lacks")
    driver.open(link)
    assert str(real) in about(driver)
    os.link(real, tmp_path / "real" / "other.db")
    driver.open(real)
    assert "2 names (hard links)" in about(driver)


def test_A19_a_newer_schema_is_read_and_every_write_is_off_with_the_reason(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 3)
    run_sql(path, "PRAGMA user_version = 99")
    driver.open(path)
    assert "newer than this program" in about(driver)
    driver.select_first()
    driver.filter(text="job")
    for id in ("retry", "cancel", "retry_matching", "cancel_matching", "vacuum"):
        assert not driver.window.actions_[id].isEnabled()
        assert "99" in driver.window.actions_.reason(id)
    assert driver.window.top_bar.read_only_label.isVisible()


def test_A20_an_older_file_tells_what_it_lacks_where_it_would_stand(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 3)
    run_sql(path, "ALTER TABLE task_queue DROP COLUMN error_message")
    run_sql(path, "DROP TABLE task_logs")
    driver.open(path)
    told = about(driver)
    assert "lacks task_queue.error_message" in told
    assert "no table task_logs" in told
    driver.window.show_page("logs")
    driver.until(lambda: driver.window.logs_page.empty.texts() == ("No log lines", "This file has no log."))
    driver.window.open_path(make_foreign_queue(tmp_path / "whole.db", 3))
    driver.until(lambda: "appears here" in driver.window.logs_page.empty.texts()[1])


def test_A22_a_fault_of_sqlite_is_told_once_and_stands_in_about(
    make_window: Callable[..., Driver], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main_window, "sqlite_note", lambda: KNOWN_FAULT)
    monkeypatch.setattr(about_dialog, "sqlite_note", lambda: KNOWN_FAULT)
    path, data = make_foreign_queue(tmp_path / "q.db", 1), tmp_path / "once"
    first = make_window(data)
    first.window.open_first(path)
    assert KNOWN_FAULT in first.banner()
    first.act("about")
    (dialog,) = first.window.findChildren(AboutDialog)
    assert KNOWN_FAULT in [each.text() for each in dialog.findChildren(QLabel)]
    dialog.reject()
    first.window.close()
    second = make_window(data)
    second.window.open_first(path)
    second.until(lambda: second.window.session.is_open and second.window.tasks_page.model.is_complete)
    assert second.window.banner.isHidden()


# -- files that go and come back


def test_B5_a_replaced_file_drops_what_was_selected(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 5, wal=False)
    driver.open(path)
    driver.window.tasks_page.table.selectAll()
    driver.until(driver.window.actions_["cancel"].isEnabled)
    make_foreign_queue(tmp_path / "other.db", 7, wal=False).replace(path)
    assert "replaced" in driver.banner()
    driver.until(lambda: driver.window.tasks_page.model.count == 7)
    assert driver.window.tasks_page.table.selected_count() == 0
    assert "Select" in driver.window.actions_.reason("cancel")


def test_B7_nothing_can_be_changed_while_the_file_is_moved_away(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "q.db", 5, wal=False)
    driver.open(path)
    driver.filter(text="job")
    driver.select_first()
    ids = ("run_at", "cancel", "retry_matching", "cancel_matching", "vacuum")
    driver.until(lambda: all(driver.window.actions_[id].isEnabled() for id in ids))
    path.rename(tmp_path / "moved.db")
    driver.until(lambda: driver.window.session.link.state is LinkState.MISSING)
    for id in ids:
        assert not driver.window.actions_[id].isEnabled()
        assert "gone" in driver.window.actions_.reason(id)
    assert not path.exists()
    (tmp_path / "moved.db").rename(path)
    driver.until(lambda: all(driver.window.actions_[id].isEnabled() for id in ids))


def test_B8_a_folder_that_is_gone_leaves_the_window_alive_and_it_reconnects(driver: Driver, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "drive" / "q.db", 5, wal=False)
    driver.open(path)
    (tmp_path / "drive").rename(tmp_path / "pulled out")
    assert "gone" in driver.banner()
    window = driver.window
    for page in ("show_workers", "show_logs", "show_search", "show_tasks"):
        driver.act(page)
        assert window.page == page.removeprefix("show_")
    assert window.tasks_page.model.count == 5
    driver.act("refresh")
    assert not (tmp_path / "drive").exists()
    (tmp_path / "pulled out").rename(tmp_path / "drive")
    run_sql(path, "INSERT INTO task_queue (type, payload) VALUES ('new', '{}')")
    driver.until(lambda: window.session.link.state is LinkState.LIVE and window.tasks_page.model.count == 6)
    assert driver.is_quiet()


# -- runs and windows beside each other

RUN = """
import sys
from pathlib import Path
from prismq_gui.last_run import run_marked
with run_marked(Path(sys.argv[1])) as abnormal:
    print(abnormal, flush=True)
    sys.stdin.readline()
"""


def running(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder)], cwd=ROOT, env=python_environment(), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_B10_a_run_that_was_killed_is_told_at_the_next_start_and_only_then(tmp_path: Path) -> None:
    first, second = running(tmp_path), running(tmp_path)
    assert (said(first), said(second)) == ("False", "False")  # a window that still runs has not ended abnormally
    first.kill()
    first.wait(30)
    with run_marked(tmp_path) as abnormal:
        assert abnormal
    with run_marked(tmp_path) as abnormal:
        assert not abnormal
    second.communicate("\n", timeout=30)
    with run_marked(tmp_path) as abnormal:
        assert not abnormal
    for process in (first, second):
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


def test_B10_the_window_tells_it_behind_what_is_worse(driver: Driver, tmp_path: Path) -> None:
    driver.window.tell_abnormal_end(tmp_path / "log.txt")
    assert "ended abnormally" in driver.banner()
    driver.window.open_path(tmp_path / "missing.db")
    driver.until(lambda: "missing.db" in driver.banner())
    driver.act("close_file")
    driver.until(lambda: "ended abnormally" in driver.banner())
    driver.window.banner.dismiss_button.click()
    assert driver.window.banner.isHidden()


def test_where_nothing_can_be_written_no_run_is_marked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with run_marked(tmp_path / "file") as abnormal:
        assert not abnormal
    with run_marked(None) as abnormal:
        assert not abnormal


def test_two_windows_keep_what_the_other_remembers(make_window: Callable[..., Driver], tmp_path: Path) -> None:
    data = tmp_path / "both"
    one, two = copy_sample(tmp_path, "one.db"), copy_sample(tmp_path, "two.db")
    first, second = make_window(data), make_window(data)
    for made, path in ((first, one), (second, two)):
        made.window.open_path(path)
        made.until(lambda made=made: made.window.session.is_open)
    first.act("theme_dark")
    second.window.close()
    kept = SettingsStore(data).load().settings
    assert kept.theme == "dark"
    assert set(kept.recent_files) == {str(one), str(two)}
    first.act("clear_recent")
    first.window.close()
    assert SettingsStore(data).load().settings.recent_files == ()


def test_only_what_changed_here_is_written_over_another_windows_settings() -> None:
    before = Settings(theme="light", recent_files=("a",), last_file="a")
    kept = Settings(theme="dark", recent_files=("b", "a"), last_file="b")
    now = before.with_recent("c")
    after = merged(kept, before, now)
    assert (after.theme, after.last_file) == ("dark", "c")
    assert after.recent_files == ("c", "b", "a")


def test_open_in_a_new_window_is_asked_of_the_program_and_leaves_this_one(opened: Driver, sample_db: Path) -> None:
    from PySide6.QtWidgets import QFileDialog

    opened.act("open_in_new_window")
    (dialog,) = opened.window.findChildren(QFileDialog)
    with opened.qtbot.waitSignal(opened.window.new_window_requested) as heard:
        dialog.fileSelected.emit(str(sample_db))
    assert heard.args == [sample_db]
    assert opened.window.session.path == sample_db
    dialog.reject()
