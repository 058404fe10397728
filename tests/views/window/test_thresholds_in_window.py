"""Thresholds are set by keys alone, hold at once, are kept for all files or for one, and the command line has them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from prismq_gui.cli import main
from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.insight.verdict import Code
from tests.helpers.files import make_foreign_queue, run_sql
from tests.views.window.conftest import Driver


@pytest.fixture
def sample_db(sample_db: Path) -> Path:
    """The sample, last used two days ago, whatever day it is: 30 days is the longest silence that can be allowed."""
    run_sql(sample_db, "UPDATE workers SET heartbeat_utc = datetime('now', '-2 days')")
    return sample_db


def codes(driver: Driver) -> set[Code]:
    news = driver.window.overview_page._news
    return {reason.code for reason in news.overview.verdict.reasons} if news is not None else set()


def test_thresholds_set_by_keys_hold_at_once_and_after_a_new_start(
    make_window, sample_db: Path, tmp_path: Path, capsys
) -> None:
    driver = make_window(tmp_path / "kept").open(sample_db)
    window = driver.window
    driver.act("show_overview")
    driver.until(lambda: {Code.NOBODY_WORKS, Code.SILENT_WORKERS} <= codes(driver))
    silent_before = window.workers_page.silent_count
    window.activateWindow()
    window.overview_page.verdict.thresholds_button.setFocus()
    QTest.keyClick(window.overview_page.verdict.thresholds_button, Qt.Key.Key_Space)
    dialog = window.thresholds.dialog
    assert dialog is not None
    line = dialog.lines[0]
    QTest.keyClicks(line.edit, "30")  # it is selected
    assert not dialog.save_button.isEnabled()
    assert "lacks its unit" in line.told.text()
    assert "lacks its unit" in line.edit.accessibleDescription()
    QTest.keyClicks(line.edit, " d")
    assert dialog.save_button.isEnabled()
    QTest.keyClick(line.edit, Qt.Key.Key_Return)
    assert window.thresholds.dialog is None
    driver.until(lambda: codes(driver) and not codes(driver) & {Code.NOBODY_WORKS, Code.SILENT_WORKERS})
    driver.until(lambda: window.workers_page.silent_count == 0 < silent_before)
    driver.until(lambda: window.rail.button("workers").badge_text() == "")
    window.close()

    assert main(["stats", "--overview", "--json", "--db", str(sample_db), "--settings", str(tmp_path / "kept")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["thresholds"]["silent_after_s"] == 30 * 86_400
    assert "silent-workers" not in {reason["code"] for reason in told["verdict"]["reasons"]}

    again = make_window(tmp_path / "kept")
    again.window.open_path(sample_db)
    again.until(lambda: Code.WAITS_LONG in codes(again))
    assert Code.SILENT_WORKERS not in codes(again)


def test_a_file_may_have_thresholds_of_its_own_and_give_them_up(make_window, sample_db: Path, tmp_path: Path) -> None:
    driver = make_window(tmp_path / "kept").open(sample_db)
    window = driver.window
    driver.until(lambda: Code.SILENT_WORKERS in codes(driver))
    driver.act("set_thresholds")
    dialog = window.thresholds.dialog
    dialog.for_file.click()
    dialog.lines[0].edit.setText("20 d")
    dialog.save_button.click()
    driver.until(lambda: codes(driver) and Code.SILENT_WORKERS not in codes(driver))
    assert window.settings.thresholds == Thresholds()

    window.open_path(make_foreign_queue(tmp_path / "other.db", 1))
    driver.until(lambda: window.session.is_open and window.session.path.name == "other.db")
    assert window.engine.listening.look().silent_after_s == 120

    driver.open(sample_db)
    driver.act("set_thresholds")
    dialog = window.thresholds.dialog
    assert dialog.for_file.isChecked()
    dialog.reset_button.click()
    assert dialog.lines[0].edit.text() == "2 min"
    dialog.save_button.click()
    assert window.settings.file_thresholds == ()
    driver.until(lambda: Code.SILENT_WORKERS in codes(driver))


def test_escape_changes_nothing(driver: Driver) -> None:
    driver.act("set_thresholds")
    dialog = driver.window.thresholds.dialog
    assert not dialog.for_file.isEnabled(), "no file is open"
    dialog.lines[0].edit.setText("5 min")
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert driver.window.settings.thresholds == Thresholds()
    assert driver.window.thresholds.dialog is None
