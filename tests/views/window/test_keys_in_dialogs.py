"""Where the keyboard is in dialogs and pages, and what a key does there."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QSpinBox

from prismq_gui.views.plan_dialog import Step
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
