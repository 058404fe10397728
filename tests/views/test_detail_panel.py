"""One task in full; a refresh keeps the reader's place, another task begins anew."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from prismq_gui.insight.messages import WorkerRow
from prismq_gui.views.detail_panel import ATTEMPTS, ERROR, LOGS, WHY, DetailPanel
from prismq_gui.views.times import duration, relative, shown
from tests.views.fakes import EVIL, detail, log, task_row, text

NOW = datetime(2025, 11, 5, 12, 0)


@pytest.fixture
def panel(qtbot, theme) -> DetailPanel:
    made = DetailPanel(theme)
    qtbot.addWidget(made)
    made.resize(420, 700)
    with qtbot.waitExposed(made):
        made.show()
    return made


def words(panel: DetailPanel) -> str:
    return "\n".join(label.text() for label in panel.findChildren(QLabel) if label.isVisible())


def test_it_begins_empty_and_says_what_to_do(panel):
    assert panel.task_id is None
    assert "Choose a task" in panel.empty_texts()[1]


def test_a_task_is_shown_with_all_there_is(panel):
    panel.show_detail(detail(), "Failed after 3 attempts.", NOW)
    shown_words = words(panel)
    for part in ("Task 7", "video.render  ·  Failed", "Failed after 3 attempts.", "3 of 5", "region eu, format mp4"):
        assert part in shown_words
    assert panel.payload.is_tree
    assert panel.error.toPlainText() == "ValueError: no\n  at line 3"
    assert panel.logs.topLevelItemCount() == 2
    assert panel.tabs.tabText(LOGS) == "&Logs (2)"
    assert not panel.tabs.tabIcon(ERROR).isNull()


def test_times_are_local_relative_and_utc_in_the_tooltip(panel):
    panel.show_detail(detail(), "", NOW)
    assert "59 min ago" in words(panel), "finished in the ISO form"
    assert "2 h ago" in words(panel), "created in the space form"
    tips = [label.toolTip() for label in panel.facts.findChildren(QLabel)]
    assert any("2025-11-05 11:00:00.500000 UTC" in tip for tip in tips)
    panel.tick(datetime(2025, 11, 6, 12, 0))
    assert "1 d 2 h ago" in words(panel)
    assert "Lease until" not in words(panel), "a time that there is not is not shown"


def test_H7_H8_strange_times_are_marked(panel):
    row = task_row(run_after_utc="2026-02-30 10:00:00", created_at_utc="2025-11-05 13:00:00", updated_at_utc=12345)
    panel.show_detail(detail(row), "", NOW)
    assert "⚠ 2026-02-30 10:00:00" in words(panel)
    assert "⚠ 12345" in words(panel)
    assert "1 h ahead of the clock" in words(panel)


def test_H7_the_ends_of_the_calendar(panel):
    row = task_row(created_at_utc="0001-01-01 00:00:00", finished_at_utc="9999-12-31 23:59:59")
    panel.show_detail(detail(row), "", NOW)
    assert "0001-01-01" in words(panel)


def test_H6_cells_of_any_type(panel):
    row = task_row(type=b"\x00\x01", status=None, priority="high", attempts=None, max_attempts=2.5, locked_by=7)
    panel.show_detail(detail(row), "", NOW)
    assert "blob 2 B" in words(panel)
    assert "no status" in words(panel)


def test_J1_everything_is_literal(panel):
    row = task_row(
        type=EVIL, status=EVIL, locked_by=EVIL, idempotency_key=EVIL, error_message=EVIL, created_at_utc=EVIL
    )
    logs = (log(1, EVIL, EVIL, EVIL),)
    made = detail(row, error=text(EVIL), region=EVIL, format=EVIL, logs=logs, payload=text(EVIL))
    panel.show_detail(made, EVIL, NOW)
    for one in panel.findChildren(QLabel):
        assert not one.text() or one.textFormat() is Qt.TextFormat.PlainText, one.text()
        assert "<img" not in one.toolTip()
    assert words(panel).count(EVIL) >= 5
    assert panel.error.toPlainText() == EVIL
    item = panel.logs.topLevelItem(0)
    assert item.text(2) == EVIL
    assert "<img" not in item.toolTip(2) + item.child(0).toolTip(2)


def test_a_refresh_keeps_tab_opened_paths_and_scroll(panel):
    many = {f"key{i}": i for i in range(60)} | {"inner": {"x": 1}}
    errors = "\n".join(f"frame {i}" for i in range(300))
    first = detail(payload=text(json.dumps(many)), error=text(errors), logs=tuple(log(i) for i in range(300)))
    panel.show_detail(first, "", NOW)
    tree = panel.payload.tree
    tree.setExpanded(tree.model().find(("inner",)), True)
    panel.tabs.setCurrentIndex(LOGS)
    panel.error.verticalScrollBar().setValue(100)
    panel.logs.verticalScrollBar().setValue(20)
    panel.show_loading(7)
    assert panel.is_showing_task, "a refresh does not blink"
    second = replace(first, logs=(*first.logs, log(300)), payload=text(json.dumps(many | {"new": 1})))
    panel.show_detail(second, "", NOW)
    assert panel.tabs.currentIndex() == LOGS
    assert tree.isExpanded(tree.model().find(("inner",)))
    assert panel.error.verticalScrollBar().value() == 100
    assert panel.logs.verticalScrollBar().value() == 20
    assert panel.logs.topLevelItemCount() == 301


def test_logs_that_are_read_at_their_end_go_on(panel):
    first = detail(logs=tuple(log(i) for i in range(300)))
    panel.show_detail(first, "", NOW)
    panel.tabs.setCurrentIndex(LOGS)
    panel.logs.scrollToBottom()
    panel.show_detail(replace(first, logs=(*first.logs, log(300), log(301))), "", NOW)
    bar = panel.logs.verticalScrollBar()
    assert bar.value() == bar.maximum()


def test_another_task_begins_anew_but_on_the_same_tab(panel):
    panel.show_detail(detail(), "", NOW)
    panel.tabs.setCurrentIndex(ERROR)
    panel.show_loading(8)
    assert not panel.is_showing_task
    assert panel.task_id == 8
    panel.show_detail(detail(task_row(id=8), error=text(None), logs=()), "", NOW)
    assert panel.tabs.currentIndex() == ERROR
    assert panel.error.toPlainText() == "No error is recorded."
    assert panel.tabs.tabIcon(ERROR).isNull()
    assert panel.logs.topLevelItemCount() == 0


def test_a_task_that_is_gone_or_unreadable_leaves_nothing_of_it(panel):
    panel.show_detail(detail(), "", NOW)
    panel.show_gone(7)
    assert panel.empty_texts()[0] == "Task 7 no longer exists"
    panel.show_detail(detail(), "", NOW)
    panel.show_problem(7, "The file is busy.")
    assert panel.empty_texts() == ("Task 7 could not be read", "The file is busy.")
    panel.clear()
    assert panel.task_id is None
    panel.tick(NOW)


def test_ids_beyond_32_bits(panel):
    panel.show_detail(detail(task_row(id=2**40)), "", NOW)
    assert f"Task {2**40}" in words(panel)


def test_H4_a_cut_error_says_how_much_there_is(panel):
    panel.show_detail(detail(error=text("x" * 65_536, size_bytes=500_000_000, truncated=True)), "", NOW)
    assert "the first part of 500,000,000 bytes" in panel.error.toPlainText()


def test_a_worker_without_a_row_is_marked(panel):
    ghost = WorkerRow("w-9", None, None, 1, (7,), registered=False)
    panel.show_detail(detail(task_row(locked_by="w-9"), worker=ghost), "", NOW)
    assert "w-9 (not registered)" in words(panel)


def test_previous_next_and_text_buttons(qtbot, panel):
    panel.show_detail(detail(), "", NOW)
    with qtbot.waitSignal(panel.previous_requested):
        panel.previous_button.click()
    with qtbot.waitSignal(panel.next_requested):
        panel.next_button.click()
    panel.text_button.click()
    assert not panel.payload.is_tree
    panel.tabs.setCurrentIndex(LOGS)
    assert not panel.text_button.isVisible()


def test_no_tab_is_cut_at_the_smallest_width(panel):
    panel.show_detail(detail(logs_truncated=True), "", NOW)
    panel.resize(panel.minimumSizeHint().width(), 600)
    bar = panel.tabs.tabBar()
    assert bar.width() >= bar.sizeHint().width()


def test_what_has_the_focus_is_ringed(qtbot, panel, theme):
    panel.show_detail(detail(), "", NOW)
    panel.activateWindow()
    accent = theme.colour("accent")
    for tab, part in ((WHY, panel.why), (ATTEMPTS, panel.attempts), (ERROR, panel.error), (LOGS, panel.logs)):
        panel.tabs.setCurrentIndex(tab)
        part.clearFocus()
        assert part.grab().toImage().pixelColor(0, part.height() // 2) != accent
        part.setFocus()
        qtbot.waitUntil(part.hasFocus)
        assert part.grab().toImage().pixelColor(0, part.height() // 2) == accent


def test_without_a_task_it_leaves_room_to_the_table(panel):
    panel.show_detail(detail(), "", NOW)
    with_task = panel.minimumSizeHint().width()
    panel.clear()
    assert panel.minimumSizeHint().width() < with_task * 2 // 3


def test_a_new_theme_recolours_what_is_shown(panel, theme):
    panel.show_detail(detail(), "", NOW)
    theme.mode = "dark"
    assert panel.logs.topLevelItemCount() == 2
    assert panel.is_showing_task


def test_durations_in_words():
    given = (0, 9.94, 59, 119, 120, 3_599, 3_600, 5_400, 86_399, 90_000, 86_400 * 400, -5)
    assert [duration(each) for each in given] == [
        "0.0 s", "9.9 s", "59 s", "119 s", "2 min", "59 min", "1 h", "1 h 30 min", "23 h 59 min", "1 d 1 h", "400 d",
        "0.0 s",
    ]  # fmt: skip
    assert relative(NOW, NOW) == "now"
    assert relative(datetime(2025, 11, 5, 13), NOW) == "in 1 h"
    assert shown("Due", None).absolute == "–"
