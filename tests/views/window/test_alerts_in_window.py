"""Alerts reach the person whether the window is seen or not, lead to what they are about, and keep quiet when told."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QProcess, Qt
from PySide6.QtTest import QTest

from prismq_gui.insight.alert_rules import AlertRules, RuleKind
from prismq_gui.insight.alert_settings import AlertSettings
from prismq_gui.insight.alerts import AlertChange, AlertEvent
from prismq_gui.polling import alert_watch
from prismq_gui.queue.timestamps import now_utc
from prismq_gui.settings import Settings, SettingsStore
from prismq_gui.views import alert_centre
from prismq_gui.views.alert_parts import clock_text, minute_of
from prismq_gui.views.alert_program import join_words
from prismq_gui.views.alert_texts import Message, literal, message_of
from tests.helpers.files import make_foreign_queue, run_sql
from tests.views.window.conftest import Driver

PYTHON = os.path.realpath(sys.executable)
BURY = (
    "INSERT INTO task_queue (type, payload, status, finished_at_utc, error_message) "
    "VALUES ('t', '{}', 'dead_letter', datetime('now'), 'boom')"
)
USUAL = AlertRules()
DEAD_ALONE = replace(
    USUAL, **{kind.attribute: replace(rule, on=kind is RuleKind.DEAD_LETTERS) for kind, rule in USUAL.all()}
)


@pytest.fixture
def quick(monkeypatch) -> None:
    """Alerts begin with the file, and looks of their own follow each other at once."""
    monkeypatch.setattr(alert_centre, "START_MS", 0)
    for name, value in (("TICK_MS", 20), ("FIRST_S", 0.0), ("LOOK_S", 0.02), ("NEWS_S", 0.0), ("LOOK_SHARE", 1)):
        monkeypatch.setattr(alert_watch, name, value)


@pytest.fixture
def watched(quick, make_window, tmp_path: Path):
    """Make a window on a small queue, with these settings of alerts, that has looked once."""

    def make(settings: AlertSettings | None = None, name: str = "queue & [*]söhne.db") -> tuple[Driver, Path]:
        SettingsStore(tmp_path / "kept").save(Settings(alerts=settings or AlertSettings(DEAD_ALONE)))
        path = make_foreign_queue(tmp_path / name, 3)
        driver = make_window(tmp_path / "kept").open(path)
        driver.until(lambda: driver.window.alerts.news is not None)
        return driver, path

    return make


def shown_by(driver: Driver) -> list[Message]:
    shown: list[Message] = []
    driver.window.alerts.shown.connect(shown.append)
    return shown


def test_a_hidden_window_tells_an_alert_and_the_list_leads_to_its_tasks(watched):
    driver, path = watched()
    window, shown = driver.window, shown_by(driver)
    window.hide()
    run_sql(path, BURY)
    driver.until(lambda: shown)
    assert shown == [
        Message("Alert: queue & [*]söhne.db", "1 task given up in the last hour.", alarm=True,
                kind=RuleKind.DEAD_LETTERS)
    ]  # fmt: skip
    assert window.rail.button("alerts").badge_text() == "1"
    window.show()
    driver.act("show_alerts")
    page = window._book["alerts"]
    driver.until(lambda: page.model.rowCount() == 1)
    assert "1 alert is raised: Tasks are given up" in page.words.text()
    page.table.selectRow(0)
    assert str(path) in page.details.text()
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert window.page == "tasks"
    driver.until(lambda: window.tasks_page.model.is_complete and window.tasks_page.model.count == 1)
    assert window.tasks_page.filter_bar.search.text() == "status:dead_letter"


def test_what_a_click_on_the_message_leads_to(watched, sample_db):
    driver, _ = watched()
    window = driver.window
    window.hide()
    leads = {RuleKind.SILENT_WORKER: "workers", RuleKind.FAILED_RATE: "failures", RuleKind.WAL_SIZE: "database",
             RuleKind.DISK_FREE: "database", RuleKind.OLDEST_WAITING: "tasks", None: "alerts"}  # fmt: skip
    for kind, page in leads.items():
        window.alerts._on_tray_clicked(Message("", "", alarm=True, kind=kind))
        assert (window.page, window.isVisible()) == (page, True)


def test_in_quiet_hours_nothing_is_shown_the_list_goes_on_and_afterwards_it_is_told(watched):
    quiet = AlertSettings(DEAD_ALONE, quiet=True, quiet_from_min=0, quiet_to_min=0)
    driver, path = watched(quiet)
    window, shown = driver.window, shown_by(driver)
    run_sql(path, BURY)
    driver.until(lambda: window.alerts.entries)
    driver.until(lambda: window.alerts.raised_count == 1)
    assert shown == []
    window.alerts._quiet_timer.timeout.emit()
    assert shown == []
    window.alerts._set(replace(quiet, quiet=False))
    window.alerts._quiet_timer.timeout.emit()
    assert [message.title for message in shown] == ["Alert: queue & [*]söhne.db"]
    assert not window.alerts._quiet_timer.isActive()


def test_messages_can_be_switched_off_or_left_out_when_it_is_over(watched):
    driver, path = watched(AlertSettings(DEAD_ALONE, tell_cleared=False))
    window, shown = driver.window, shown_by(driver)
    run_sql(path, BURY)
    driver.until(lambda: len(shown) == 1)
    run_sql(path, "DELETE FROM task_queue WHERE status = 'dead_letter'")
    driver.until(lambda: window.alerts.entries[0].cleared_at_utc is not None)
    assert len(shown) == 1
    window.alerts._set(AlertSettings(DEAD_ALONE, messages=False))
    run_sql(path, BURY)
    driver.until(lambda: len(window.alerts.entries) == 2)
    assert len(shown) == 1


def test_rules_are_set_by_keys_hold_at_once_and_after_a_new_start(watched, make_window, tmp_path):
    driver, path = watched()
    window = driver.window
    run_sql(path, BURY)
    driver.until(lambda: window.alerts.raised_count == 1)
    window.activateWindow()
    QTest.keyClick(window, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    dialog = window.alerts.dialog
    line = dialog.rules.lines[RuleKind.DEAD_LETTERS]
    line.values[0].setFocus()
    line.values[0].selectAll()
    QTest.keyClicks(line.values[0], "0")
    assert not dialog.save_button.isEnabled()
    assert "1 or more" in line.told.text()
    line.values[0].selectAll()
    QTest.keyClicks(line.values[0], "5")
    line.values[1].selectAll()
    QTest.keyClicks(line.values[1], "6")
    assert "can't be over above" in line.told.text()
    line.values[1].selectAll()
    QTest.keyClicks(line.values[1], "4")
    QTest.keyClick(line.values[1], Qt.Key.Key_Return)
    assert window.alerts.dialog is None
    driver.until(lambda: window.alerts.raised_count == 0)  # one is less than four
    window.close()
    again = make_window(tmp_path / "kept")
    assert (again.window.settings.alerts.rules.dead_letters.raise_at,
            again.window.settings.alerts.rules.dead_letters.clear_at) == (5, 4)  # fmt: skip


def test_what_another_window_sets_holds_here_too(watched, tmp_path):
    driver, path = watched()
    window = driver.window
    run_sql(path, BURY)
    driver.until(lambda: window.alerts.raised_count == 1)
    off = replace(DEAD_ALONE, dead_letters=replace(DEAD_ALONE.dead_letters, on=False))
    store = SettingsStore(tmp_path / "kept")
    store.save(replace(store.load().settings, alerts=AlertSettings(off)))
    driver.until(lambda: window.alerts.raised_count == 0)
    assert window.settings.alerts.rules == off


def test_a_program_is_tried_from_the_dialog_and_one_that_fails_is_told_once(watched):
    driver, path = watched()
    window = driver.window
    driver.act("set_alerts")
    dialog = window.alerts.dialog
    dialog.tabs.setCurrentWidget(dialog.program)
    part = dialog.program
    part.on.click()
    assert not dialog.save_button.isEnabled()
    part.path.setText("python")
    assert "whole path" in dialog.note.text()
    part.path.setText(PYTHON)
    part.arguments.setText('-c "import sys, json; print(json.load(sys.stdin)[sys.argv[1]])" rule')
    part.try_button.click()
    assert not part.try_button.isEnabled()
    driver.until(part.try_button.isEnabled)
    assert "code 0" in part.told.text()
    assert "dead-letters" in part.told.text()
    part.arguments.setText('-c "raise SystemExit(3)"')
    dialog.save_button.click()
    run_sql(path, BURY)
    assert "The program that is to hear of alerts failed" in driver.banner()
    window.banner.dismiss_button.click()
    driver.until(lambda: window.alerts.entries[0].program)
    run_sql(path, "DELETE FROM task_queue WHERE status = 'dead_letter'")
    driver.until(lambda: window.alerts.entries[0].cleared_at_utc is not None)
    run_sql(path, BURY)
    driver.until(lambda: len(window.alerts.entries) == 2 and window.alerts.entries[0].program)
    assert driver.is_quiet()


def test_a_pause_of_the_person_is_told_on_the_page_and_an_alert_of_another_file_is_not_followed(watched, tmp_path):
    driver, path = watched()
    window = driver.window
    run_sql(path, BURY)
    driver.until(lambda: window.alerts.entries)
    driver.open(make_foreign_queue(tmp_path / "other.db", 1))
    driver.until(lambda: window.alerts.news is not None)
    assert window.alerts.raised_count == 0
    driver.act("show_alerts")
    page = window._book["alerts"]
    page.table.selectRow(0)
    page.follow_button.click()
    assert window.page == "alerts"
    assert "another file" in window.status_line.message_label.text()
    driver.act("set_paused")
    assert "Paused" in page.words.text()


def test_J1_names_in_a_message_are_text(tmp_path):
    name = "<img src=file:///etc/passwd>&lt;b\u202e"
    event = AlertEvent(AlertChange.RAISED, RuleKind.SILENT_WORKER, name, 300, 120, now_utc())
    message = message_of(Path("C:/<b>&amp;.db"), [event] * 5)
    assert message is not None
    assert message.title == "5 alerts: <b>&amp;.db"
    assert "and 2 more" in message.text
    assert "\u202e" not in message.text
    assert not set("<>&") & set(literal(message.text + message.title))


WORDS = st.lists(st.text(st.sampled_from("ab \"\\'é\t&"), min_size=1, max_size=8), max_size=5)


@given(WORDS)
def test_arguments_come_back_as_they_were_typed(words):
    assert QProcess.splitCommand(join_words(tuple(words))) == words


@given(st.integers(0, 24 * 60 - 1))
def test_times_of_the_day_come_back_as_they_were_typed(minute):
    assert minute_of(clock_text(minute)) == minute


@pytest.mark.parametrize("text", ["24:00", "7:60", "seven", "", "-1:00", "٧:00", "1:2:3"])
def test_what_is_no_time_of_the_day_is_refused(text):
    assert minute_of(text) is None
