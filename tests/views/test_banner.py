"""A problem is told in four parts, as plain text, with what can be done."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from prismq_gui.insight.problems import Problem, ProblemKind
from prismq_gui.theme import Severity
from prismq_gui.views.banner import Banner
from prismq_gui.views.empty_state import EmptyState
from tests.views.fakes import EVIL


@pytest.fixture
def banner(qtbot, theme) -> Banner:
    made = Banner(theme)
    qtbot.addWidget(made)
    return made


PROBLEM = Problem(
    ProblemKind.MISSING,
    "The database is missing",
    r"C:\Müller & Söhne\q.db",
    "Nothing was written.",
    "Wait.",
    "SQLITE_X",
)


def test_it_is_hidden_until_there_is_something_to_tell(banner):
    assert banner.isHidden()
    banner.show_problem(PROBLEM)
    assert not banner.isHidden()


def test_all_parts_of_a_problem_are_told(banner):
    banner.show_problem(PROBLEM)
    assert banner.texts() == (
        r"The database is missing: C:\Müller & Söhne\q.db",
        "Nothing was written. Wait. (SQLITE_X)",
    )
    assert banner.severity is Severity.DANGER
    assert PROBLEM.what in banner.accessibleName()


def test_busy_is_a_warning(banner):
    banner.show_problem(Problem(ProblemKind.BUSY, "Busy", "", "", ""))
    assert banner.severity is Severity.WARNING
    assert banner.texts() == ("Busy", "")


def test_J1_every_label_shows_markup_literally(banner, qtbot):
    banner.show_problem(Problem(ProblemKind.FAILED, EVIL, EVIL, EVIL, EVIL, EVIL))
    for label in banner.findChildren(QLabel):
        if label.text():
            assert label.textFormat() is Qt.TextFormat.PlainText
            assert EVIL in label.text()


def test_buttons_tell_what_is_wanted(qtbot, banner):
    banner.show_problem(PROBLEM)
    for button, signal in (
        (banner.retry_button, banner.retry_requested),
        (banner.open_button, banner.open_requested),
        (banner.dismiss_button, banner.dismissed),
    ):
        with qtbot.waitSignal(signal):
            button.click()
    assert banner.isHidden()


def test_buttons_that_cannot_help_are_not_there(banner):
    banner.show_problem(PROBLEM, can_retry=False)
    assert not banner.retry_button.isVisibleTo(banner)
    assert banner.open_button.isVisibleTo(banner)
    banner.show_message(Severity.SUCCESS, "Done")
    assert not banner.open_button.isVisibleTo(banner)


def test_it_wraps_when_narrow(banner):
    banner.show_problem(PROBLEM)
    assert banner.heightForWidth(250) > banner.heightForWidth(1_200)


def test_an_empty_state_says_what_to_do(qtbot, theme):
    state = EmptyState(theme)
    qtbot.addWidget(state)
    state.show_state("inbox", EVIL, "Open one.", "Open && see", "Demo")
    assert state.texts() == (EVIL, "Open one.")
    assert all(label.textFormat() is Qt.TextFormat.PlainText for label in state.findChildren(QLabel) if label.text())
    for signal, index in ((state.action_requested, 0), (state.second_action_requested, 1)):
        with qtbot.waitSignal(signal):
            state.buttons()[index].click()
