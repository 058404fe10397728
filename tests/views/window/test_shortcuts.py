"""Shortcuts chosen by keyboard alone: in force at once, in every window, and at the next start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from prismq_gui.settings import SettingsStore
from prismq_gui.views.main_window import MainWindow
from prismq_gui.views.palette_entries import entries
from prismq_gui.views.shortcuts_dialog import ShortcutsDialog
from tests.views.window.conftest import Driver

CONTROL = Qt.KeyboardModifier.ControlModifier


def opened_dialog(window: MainWindow) -> ShortcutsDialog:
    window.actions_["shortcuts"].trigger()
    dialog = window.desk.shortcuts_dialog
    assert dialog is not None
    return dialog


def record(dialog: ShortcutsDialog, title: str, key: Qt.Key, held: Qt.KeyboardModifier = CONTROL) -> None:
    """Find an action and give it keys, as a person does without a mouse."""
    dialog.search.setFocus()
    dialog.search.clear()
    QTest.keyClicks(dialog.search, title)
    QTest.keyClick(dialog.search, Qt.Key.Key_Down)
    assert dialog.focusWidget() is dialog.tree
    QTest.keyClick(dialog.tree, Qt.Key.Key_Return)
    assert dialog.focusWidget() is dialog.recorder
    QTest.keyClick(dialog.recorder, key, held)


@pytest.fixture
def windows(make_window: Callable[..., Driver]) -> tuple[MainWindow, MainWindow]:
    return make_window().window, make_window().window


def test_keys_that_were_taken_hold_at_once_and_everywhere(
    windows: tuple[MainWindow, MainWindow], make_window: Callable[..., Driver]
) -> None:
    here, other = windows
    dialog = opened_dialog(here)
    record(dialog, "refresh", Qt.Key.Key_P)
    assert "“Pause” in the View menu" in dialog.note.text()
    assert here.actions_["refresh"].shortcut().toString() == "F5"
    QTest.keyClick(dialog.recorder, Qt.Key.Key_Return)
    assert [here.actions_[id].shortcut().toString() for id in ("refresh", "set_paused")] == ["Ctrl+P", ""]
    assert "(Ctrl+P)" in here.actions_["refresh"].toolTip()
    assert "Ctrl+P" not in here.actions_["set_paused"].toolTip() + here.top_bar.live_button.toolTip()
    assert {entry.key: entry.shortcut for entry in entries(here)}["refresh"] == "Ctrl+P"
    dialog.search.setText("no such action")
    assert not dialog.recorder.isEnabled()  # a key is never given to what is not in view
    record(dialog, "view workers", Qt.Key.Key_F6, Qt.KeyboardModifier.NoModifier)
    QTest.keyClick(dialog.recorder, Qt.Key.Key_Return)
    assert "(F6)" in here.rail.button("workers").toolTip()
    dialog.reject()
    other.desk.look()
    assert "(Ctrl+P)" in other.actions_["refresh"].toolTip()
    assert "(F6)" in other.rail.button("workers").toolTip()
    assert make_window().window.actions_["refresh"].shortcut().toString() == "Ctrl+P"


def test_what_text_fields_need_is_refused_and_usual_keys_come_back(driver: Driver) -> None:
    window = driver.window
    dialog = opened_dialog(window)
    record(dialog, "refresh", Qt.Key.Key_V)
    assert "pastes" in dialog.note.text()
    QTest.keyClick(dialog.recorder, Qt.Key.Key_Return)
    assert window.actions_["refresh"].shortcut().toString() == "F5"
    QTest.keyClick(dialog.recorder, Qt.Key.Key_J, CONTROL)
    QTest.keyClick(dialog.recorder, Qt.Key.Key_Escape)  # leaves recording, not the dialog
    assert dialog.isVisible()
    QTest.keyClick(dialog.tree, Qt.Key.Key_Delete)
    assert window.actions_["refresh"].shortcut().isEmpty()
    dialog.reset_button.click()
    assert window.actions_["refresh"].shortcut().toString() == "F5"
    record(dialog, "palette", Qt.Key.Key_J)
    dialog.set_button.click()
    record(dialog, "refresh", Qt.Key.Key_F6, Qt.KeyboardModifier.NoModifier)
    dialog.add_button.click()
    assert [each.toString() for each in window.actions_["refresh"].shortcuts()] == ["F5", "F6"]
    assert "Ctrl+J" in window.top_bar.palette_button.text()
    dialog.reset_all_button.click()
    assert [each.toString() for each in window.actions_["palette"].shortcuts()] == ["Ctrl+K", "Ctrl+Shift+P"]
    assert window.settings.own_keys == ()
    dialog.reject()


def test_J7_keys_in_a_tampered_file_are_left_out_and_told(make_window: Callable[..., Driver], tmp_path: Path) -> None:
    make_window(tmp_path / "data").window.close()
    path = SettingsStore(tmp_path / "data").path
    assert path is not None
    text = path.read_text(encoding="utf-8")
    own = '"own_keys": [{"action": "refresh", "keys": ["Hyper+Q"]}, {"action": "retry", "keys": ["F6"]}]'
    path.write_text(text.replace('"own_keys": []', own), encoding="utf-8")
    window = make_window(tmp_path / "data").window
    assert window.actions_["refresh"].shortcut().toString() == "F5"
    assert window.actions_["retry"].shortcut().toString() == "F6"
    assert "Hyper+Q" in " ".join(window.banner.texts())
