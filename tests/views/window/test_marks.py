"""A file marked as production: told in words in every window, and what is large or dangerous must be typed first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from prismq_gui.file_marks import Environment, FileMark, mark_of, merged_marks, with_mark
from prismq_gui.theme.marks import MARK_COLOURS, mark_colours
from prismq_gui.theme.tokens import contrast
from prismq_gui.views.plan_dialog import Step
from tests.helpers.files import run_sql
from tests.views.window.conftest import Driver


def mark(driver: Driver, environment: Environment) -> None:
    driver.act("mark_file")
    dialog = driver.window.desk.mark_dialog
    assert dialog is not None
    dialog.buttons[environment].setChecked(True)
    QTest.keyClick(dialog.buttons[environment], Qt.Key.Key_Return)
    assert driver.window.desk.mark_dialog is None


def test_a_mark_is_told_in_words_in_every_window_and_belongs_to_the_path(
    make_window: Callable[..., Driver], sample_db: Path, tmp_path: Path
) -> None:
    here, other = make_window().open(sample_db), make_window().open(sample_db)
    assert here.window.top_bar.badge.isHidden()
    mark(here, Environment.PRODUCTION)
    other.window.desk.look()
    for each in (here, other):
        assert each.window.top_bar.badge.isVisible()
        assert each.window.top_bar.badge.text() == "Production"
        assert "production" in each.window.top_bar.badge.accessibleName()
    again = make_window()
    again.window.open_path(sample_db)
    assert again.window.top_bar.badge.text() == "Production"  # before it is read: nobody takes it for another file
    again.window.open_path(tmp_path / "missing.db")
    assert again.window.top_bar.badge.isHidden()


def test_a_bulk_in_production_waits_for_its_count_and_a_chosen_task_does_not(opened: Driver, sample_db: Path) -> None:
    mark(opened, Environment.PRODUCTION)
    opened.filter(statuses=("failed",))
    opened.select_first()
    dialog = opened.preview("retry")
    assert dialog.consent.isHidden()
    assert dialog.confirm_button.isEnabled()
    dialog.reject()
    opened.until(lambda: opened.window.commands.plan_dialog is None)
    dialog = opened.preview("retry_matching")
    failed = int(str(run_sql(sample_db, "SELECT count(*) FROM task_queue WHERE status = 'failed'")[0][0]))
    assert dialog.consent.line.hasFocus()
    for typed in ("", str(failed + 1)):
        dialog.consent.line.setText(typed)
        QTest.keyClick(dialog.consent.line, Qt.Key.Key_Return)  # neither begins, nor leaves by the default button
        dialog.confirm()
        assert dialog.step is Step.PREVIEW
        assert not dialog.confirm_button.isEnabled()
    QTest.keyClick(dialog.consent.line, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(dialog.consent.line, str(failed))
    assert dialog.confirm_button.isEnabled()
    QTest.keyClick(dialog.consent.line, Qt.Key.Key_Return)
    opened.until(lambda: dialog.step is Step.DONE)
    assert dialog.report is not None
    assert dialog.report.changed == failed
    assert dialog.consent.isHidden()
    dialog.reject()


def test_a_vacuum_needs_the_name_in_production_alone(opened: Driver, sample_db: Path) -> None:
    run_sql(sample_db, "DELETE FROM task_logs")
    for environment, asked in ((Environment.STAGING, False), (Environment.PRODUCTION, True)):
        mark(opened, environment)
        dialog = opened.preview("vacuum")
        assert dialog.confirm_button.isEnabled() != asked
        dialog.consent.line.setText(sample_db.name.upper())
        assert dialog.confirm_button.isEnabled()
        dialog.reject()
        opened.until(lambda: opened.window.commands.plan_dialog is None)


@pytest.mark.parametrize("colour", MARK_COLOURS)
@pytest.mark.parametrize("dark", [False, True])
def test_the_name_on_each_colour_can_be_read(colour: str, dark: bool) -> None:
    assert contrast(*mark_colours(colour, dark=dark)) >= 4.5


def test_marks_of_two_windows_are_joined_and_production_is_forgotten_last(tmp_path: Path) -> None:
    one, two = tmp_path / "one.db", tmp_path / "two.db"
    before = with_mark((), one, Environment.STAGING, "amber")
    here, there = with_mark(before, two, Environment.PRODUCTION, "red"), with_mark(before, one, Environment.NONE, "red")
    joined = merged_marks(there, before, here)
    assert mark_of(joined, two).environment is Environment.PRODUCTION
    assert mark_of(joined, one).environment is Environment.NONE
    for number in range(150):
        joined = with_mark(joined, tmp_path / f"{number}.db", Environment.DEVELOPMENT, "green")
    assert isinstance(joined[0], FileMark)
    assert mark_of(joined, two).environment is Environment.PRODUCTION
    assert len(joined) == 100
