"""Whatever a file holds, a cell shows it as text that neither hides nor reorders, and never fails."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtGui import Qt

from prismq_gui.insight.messages import LogRow, TaskRow
from prismq_gui.insight.states import StatusKind
from prismq_gui.models.columns import LOG_COLUMNS, TASK_COLUMNS
from prismq_gui.models.render import render_log, render_task
from prismq_gui.models.status_words import full_status_words, kind_of_words
from prismq_gui.models.text import MAX_CELL, cell_text, one_line
from prismq_gui.models.times import local_time, short_time
from tests.models.conftest import task

KEYS = [column.key for column in TASK_COLUMNS]
CELLS = st.none() | st.integers() | st.floats() | st.binary(max_size=20) | st.text(max_size=400)


def cell(key: str, **cells) -> str:
    return render_task(task(1, **cells)).cells[KEYS.index(key)]


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("two\nlines\r\nof it", "two⏎lines⏎of it"),
        ("a\0b", "a␀b"),
        ("\x1b[31mred", "␛[31mred"),
        ("abc\u202ecba", "abc[U+202E]cba"),
        ("<b>bold</b> & more", "<b>bold</b> & more"),
        ("\\xff stays", "\\xff stays"),
        (b"\x01\x02", "blob 2 B"),
        (None, ""),
        (12345, "12345"),
        (1.5, "1.5"),
        ("žluťoučký 🐎", "žluťoučký 🐎"),
    ],
)
def test_H3_H6_text_is_shown_visibly_and_typed(stored, shown):
    assert cell_text(stored) == shown


def test_H5_a_line_of_a_megabyte_is_cut():
    assert one_line("x" * 1_000_000) == "x" * MAX_CELL + "…"
    assert len(one_line("\0" * 1_000_000)) == MAX_CELL + 1


@given(st.text(max_size=40))
def test_no_control_or_format_character_is_left_in_a_cell(text):
    assert all(each.isprintable() or each == "\u3000" or each.isspace() for each in cell_text(text))
    assert not any(ord(each) < 32 or each in "\u202e\u2066\u200f\u2028" for each in cell_text(text))


@given(st.lists(CELLS, min_size=15, max_size=15))
def test_any_task_is_rendered_with_one_string_a_column(cells):
    rendered = render_task(TaskRow(2**40, *cells))
    assert len(rendered.cells) == len(TASK_COLUMNS)
    assert rendered.cells[0] == str(2**40)
    assert all(isinstance(text, str) and len(text) < 2 * MAX_CELL for text in rendered.cells)
    for column in range(len(TASK_COLUMNS)):
        assert not Qt.mightBeRichText(rendered.tooltip(column))


@given(st.lists(CELLS, min_size=5, max_size=5))
def test_any_log_line_is_rendered_with_one_string_a_column(cells):
    rendered = render_log(LogRow(1, *cells))
    assert len(rendered.cells) == len(LOG_COLUMNS)
    assert all(isinstance(rendered.tooltip(column), str) for column in range(len(LOG_COLUMNS)))


@pytest.mark.parametrize(
    "markup", ["<img src='file:///etc/passwd'>", "&lt;b&gt;", "<!doctype html>", "<?xml version?>"]
)
def test_J1_a_tooltip_is_never_taken_for_html(markup):
    rendered = render_task(task(1, error_message=markup, type=markup * 20, locked_by=markup))
    for key in ("error_message", "type", "locked_by"):
        tip = rendered.tooltip(KEYS.index(key))
        assert not Qt.mightBeRichText(tip)
    assert markup in rendered.tooltip(KEYS.index("type"))


def test_both_written_forms_of_a_time_are_shown_alike():
    now = datetime(2030, 1, 1)
    forms = ("2025-11-05 10:00:00", "2025-11-05T10:00:00.000000+00:00", "2025-11-05T10:00:00Z")
    assert len({short_time(form, now) for form in forms}) == 1
    assert short_time(forms[0], now).startswith("5 Nov 2025 ")


def test_times_are_as_short_as_the_day_allows():
    stored = "2025-11-05 10:00:30"
    local = local_time(stored)
    assert local is not None
    clock = f"{local:%H:%M:%S}"
    assert short_time(stored, local) == clock
    assert short_time(stored, local.replace(month=2, day=1)) == f"{local.day} Nov {clock}"
    assert short_time(stored, local.replace(year=2031)) == f"{local.day} Nov 2025 {clock}"


@pytest.mark.parametrize("stored", ["2026-02-30 00:00:00", "soon", 12345, 1.5, b"\x00\x01"])
def test_H7_a_time_that_cannot_be_read_is_shown_raw_with_a_mark(stored):
    assert cell("run_after_utc", run_after_utc=stored) == f"⚠ {cell_text(stored)}"
    assert "not a time" in render_task(task(1, run_after_utc=stored)).tooltip(KEYS.index("run_after_utc"))


@pytest.mark.parametrize("stored", ["0001-01-01 00:00:00", "9999-12-31 23:59:59"])
def test_H7_years_at_either_end_do_not_fail(stored):
    assert stored[:4].lstrip("0") in cell("created_at_utc", created_at_utc=stored)
    assert "UTC" in render_task(task(1, created_at_utc=stored)).tooltip(KEYS.index("created_at_utc"))


def test_a_times_tooltip_is_full_in_utc_and_local_time():
    tip = render_task(task(1, created_at_utc="2025-11-05T10:00:00.123456+00:00")).tooltip(KEYS.index("created_at_utc"))
    assert "2025-11-05 10:00:00.123456 UTC" in tip
    assert "local time" in tip
    assert "Stored as 2025-11-05T10:00:00.123456+00:00" in tip


def test_attempts_and_their_most_are_one_cell():
    assert cell("attempts", attempts=2, max_attempts=5) == "2 / 5"
    assert cell("attempts", attempts=None, max_attempts=5) == "– / 5"
    assert cell("attempts", attempts=None, max_attempts=None) == ""


@pytest.mark.parametrize(
    ("status", "kind", "words", "stored"),
    [
        ("queued", StatusKind.WAITING, "Waiting", "queued"),
        ("leased", StatusKind.RUNNING, "Running", "leased"),
        ("processing", StatusKind.RUNNING, "Running", "processing"),
        ("failed", StatusKind.FAILED, "Failed", ""),
        ("dead_letter", StatusKind.DEAD, "Dead", "dead_letter"),
        ("paused by hand", StatusKind.OTHER, "paused by hand", ""),
        ("WAITING", StatusKind.OTHER, "“WAITING”", ""),  # of another program: it must not pass for ours
        (7, StatusKind.OTHER, "7", ""),
        (None, StatusKind.OTHER, "", ""),
    ],
)
def test_C16_a_status_is_called_as_on_its_chip_with_the_stored_value_at_hand(status, kind, words, stored):
    rendered = render_task(task(1, status=status))
    assert rendered.kind is kind
    assert rendered.cells[KEYS.index("status")] == words
    assert kind_of_words(words) is kind
    assert full_status_words(status) == (f"{words} ({stored})" if stored else words)
    assert stored in rendered.tooltip(KEYS.index("status"))
    assert rendered.is_running == (status in ("leased", "processing"))
    assert rendered.is_unknown == (kind is StatusKind.OTHER)
