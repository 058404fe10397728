"""Chips tell live counts and choose statuses, by mouse and by key."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from prismq_gui.insight.messages import StatusCount
from prismq_gui.polling.messages import Total
from prismq_gui.theme import DARK
from prismq_gui.views.status_chips import StatusChips, ago
from tests.views.fakes import EVIL

CTRL = Qt.KeyboardModifier.ControlModifier
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def chips(qtbot, theme) -> StatusChips:
    made = StatusChips(theme)
    qtbot.addWidget(made)
    made.resize(900, 60)
    with qtbot.waitExposed(made):
        made.show()
    return made


def texts(chips: StatusChips) -> dict[str, str]:
    return {chip.title: chip.text().strip() for chip in chips.chips()}


def chip(chips: StatusChips, title: str):
    return next(each for each in chips.chips() if each.title == title)


def click(chips: StatusChips, title: str, modifier=NONE) -> None:
    QTest.mouseClick(chip(chips, title), Qt.MouseButton.LeftButton, modifier)


def test_the_total_is_told_and_not_the_sum_of_counts_of_several_moments(chips):
    counts = (StatusCount("queued", 24_500, 0.0), StatusCount("failed", 38_500, 0.0))
    chips.set_counts(counts, 1.0, total=Total(50_000, is_exact=False))
    assert texts(chips)["All"] == "All  ≈\u202f50,000"
    chips.set_counts(counts, 1.0, total=Total(50_000, is_exact=True))
    assert texts(chips)["All"] == "All  50,000"


def test_before_the_first_count_no_number_is_shown(chips):
    assert all(text.endswith("…") for text in texts(chips).values())
    assert "not counted yet" in chip(chips, "Failed").toolTip()


def test_counts_are_shown_with_their_age(chips):
    chips.set_counts((StatusCount("failed", 1_234_567, 97.0), StatusCount("queued", 2, 100.0)), 100.0)
    assert texts(chips)["Failed"] == "Failed  1,234,567"
    assert "counted 3 s ago" in chip(chips, "Failed").toolTip()
    assert texts(chips)["All"] == "All  1,234,569"
    assert texts(chips)["Dead"].endswith(" 0"), "the others were counted and there is none"


def test_an_empty_queue_has_none_of_each_status(chips):
    chips.set_counts((), 1.0, is_empty=True)
    assert {text.split()[-1] for text in texts(chips).values()} == {"0"}


def test_counts_that_are_gone_are_unknown_again(chips):
    chips.set_counts((StatusCount("failed", 5, 0.0),), 1.0)
    chips.set_counts((), 2.0)
    assert texts(chips)["Failed"].endswith("…")


def test_leased_and_processing_are_both_running(qtbot, chips):
    chips.set_counts((StatusCount("leased", 19, 0.0), StatusCount("processing", 19, 0.0)), 1.0)
    assert texts(chips)["Running"].endswith("38")
    with qtbot.waitSignal(chips.selection_changed) as told:
        click(chips, "Running")
    assert told.args == [("leased", "processing")]


def test_J1_an_unknown_status_is_shown_as_it_is(chips):
    chips.set_counts((StatusCount(EVIL, 3, 0.0), StatusCount("queued", 1, 0.0)), 1.0)
    made = chip(chips, EVIL)
    assert made.text().strip() == f"{EVIL.replace('&', '&&')}  3"
    assert "&lt;img" in made.toolTip()
    assert "<img" not in made.toolTip()


def test_an_unknown_status_that_ends_loses_its_chip_unless_chosen(chips):
    chips.set_counts((StatusCount("on hold", 3, 0.0), StatusCount("odd", 1, 0.0)), 1.0)
    click(chips, "on hold")
    chips.set_counts((StatusCount("queued", 1, 0.0),), 1.0)
    assert "odd" not in texts(chips)
    assert texts(chips)["on hold"].endswith(" 0")
    assert chips.selected_statuses() == ("on hold",)


def test_two_unknown_statuses_that_end_at_once_both_go(chips):
    chips.set_counts(tuple(StatusCount(name, 1, 0.0) for name in ("a", "b", "c")), 1.0)
    chips.set_counts((StatusCount("queued", 1, 0.0),), 1.0)
    assert not {"a", "b", "c"} & texts(chips).keys()


def test_an_unknown_status_named_as_a_chip_of_ours_is_one_of_its_own(chips):
    chips.set_counts((StatusCount("All", 4, 0.0), StatusCount("Failed", 2, 0.0), StatusCount("failed", 1, 0.0)), 1.0)
    assert [each.statuses for each in chips.chips()][-2:] == [("All",), ("Failed",)]


def test_a_click_chooses_one_and_ctrl_several(qtbot, chips):
    click(chips, "Failed")
    assert chips.selected_statuses() == ("failed",)
    click(chips, "Dead", CTRL)
    assert chips.selected_statuses() == ("failed", "dead_letter")
    click(chips, "Failed", CTRL)
    assert chips.selected_statuses() == ("dead_letter",)
    click(chips, "Dead")
    assert chips.selected_statuses() == (), "the only one again: all"
    assert chip(chips, "All").isChecked()


def test_the_same_choice_is_not_told_again(qtbot, chips):
    click(chips, "Failed")
    with qtbot.assertNotEmitted(chips.selection_changed):
        chips.set_selected_statuses(("failed",))


def test_keys_choose_and_move(chips):
    chip(chips, "Waiting").setFocus()
    QTest.keyClick(chip(chips, "Waiting"), Qt.Key.Key_Right)
    assert chip(chips, "Running").hasFocus()
    QTest.keyClick(chip(chips, "Running"), Qt.Key.Key_Space)
    assert chips.selected_statuses() == ("leased", "processing")
    QTest.keyClick(chip(chips, "Running"), Qt.Key.Key_Left)
    assert chip(chips, "Waiting").hasFocus()


def test_chips_wrap_when_narrow_and_no_text_is_clipped(qtbot, chips):
    chips.set_counts((StatusCount("failed", 123_456_789, 0.0),), 1.0)
    wide = chips.heightForWidth(2_000)
    assert chips.heightForWidth(250) > 2 * wide
    chips.resize(250, chips.heightForWidth(250))
    for each in chips.chips():
        assert each.geometry().right() <= 250
        assert each.width() >= each.fontMetrics().horizontalAdvance(each.text()) + each.iconSize().width() * (
            not each.icon().isNull()
        )


def test_shapes_change_colour_with_the_theme(chips, theme):
    theme.mode = "dark"
    image = chip(chips, "Failed").icon().pixmap(12, 12).toImage()
    found = {
        image.pixelColor(x, y).name() for x in range(12) for y in range(12) if image.pixelColor(x, y).alpha() > 250
    }
    assert DARK.failed in found


def test_ages_in_words():
    assert [ago(each) for each in (0.2, 3, 119, 120, 7_200, 200_000)] == [
        "just now",
        "3 s ago",
        "119 s ago",
        "2 min ago",
        "2 h ago",
        "2 d ago",
    ]
