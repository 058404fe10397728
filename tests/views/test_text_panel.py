"""Texts of the file are shown literally and never freeze the window."""

from __future__ import annotations

import time

import pytest
from PySide6.QtGui import QFontInfo

from prismq_gui.views.plain_text import label, no_mnemonic, one_line, tooltip, visible
from prismq_gui.views.text_panel import MAX_CHARACTERS, TextPanel, prepare
from tests.views.fakes import EVIL


@pytest.fixture
def panel(qtbot, theme) -> TextPanel:
    made = TextPanel(theme, "Error")
    qtbot.addWidget(made)
    made.resize(400, 200)
    with qtbot.waitExposed(made):
        made.show()
    return made


def test_J1_markup_is_text(panel):
    panel.show_text(EVIL)
    assert panel.toPlainText() == EVIL


def test_H3_controls_are_seen(panel):
    panel.show_text("a\x00b\x1b[31m\u202ec\td\r\ne")
    assert panel.toPlainText() == "a␀b␛[31m[U+202E]c\td\ne"


def test_H5_a_line_of_a_megabyte_is_capped_and_quick(panel):
    begun = time.process_time()
    panel.show_text("x" * 1_000_000)
    panel.grab()
    assert time.process_time() - begun < 3, "it was 15 s for 200,000 characters when wrapped"
    shown = panel.toPlainText()
    assert len(shown) < MAX_CHARACTERS + 200
    assert "934,464 more characters are not shown" in shown
    assert panel.lineWrapMode() is TextPanel.LineWrapMode.NoWrap


def test_endless_lines_are_broken_and_nothing_is_lost():
    assert prepare("y" * 50_000).replace("\n", "") == "y" * 50_000
    assert prepare("") == ""
    assert prepare("a\n\nb") == "a\n\nb"


def test_the_same_text_again_keeps_the_place(panel):
    text = "\n".join(f"line {i}" for i in range(500))
    panel.show_text(text)
    panel.verticalScrollBar().setValue(200)
    panel.show_text(text)
    assert panel.verticalScrollBar().value() == 200
    panel.show_text(text + "\none more")
    assert panel.verticalScrollBar().value() == 200, "it only grew"
    panel.show_text("another\n" + text)
    assert panel.verticalScrollBar().value() == 0


def test_a_note_stands_below(panel):
    panel.show_text("error", "the first part of 9 bytes")
    assert panel.toPlainText() == "error\n\n[the first part of 9 bytes]"


def test_it_is_read_only_takes_no_drops_and_is_of_fixed_pitch(panel):
    assert panel.isReadOnly()
    assert not panel.acceptDrops()
    assert QFontInfo(panel.font()).fixedPitch()


def test_helpers_of_plain_text(qtbot, theme):
    assert tooltip("") == ""
    assert tooltip(EVIL).count("<") == 2, "only the paragraph of its own"
    assert len(tooltip("x" * 100_000)) < 2_100
    assert no_mnemonic("a & b") == "a && b"
    assert one_line("a\nb") != "a\nb"
    assert visible("plain ä 漢") == "plain ä 漢"
    made = label(EVIL, wrap=True)
    qtbot.addWidget(made)
    assert made.sizeHint().width() > 0
    assert made.text() == EVIL
