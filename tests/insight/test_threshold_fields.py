"""Thresholds are typed with units, come back as they were shown, and a mistake is told in words."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.insight.threshold_fields import FIELDS, Unit, changed, field_of, short_name, text_of, value_of
from prismq_gui.insight.thresholds import LIMITS, Thresholds

SILENT, SHARE, COUNT, WAL = (field_of(name) for name in ("silent-after", "error-rate", "dead-letters", "wal"))


def test_every_threshold_can_be_set():
    assert {field.name for field in FIELDS} == {field.name for field in fields(Thresholds)}
    assert len({short_name(field) for field in FIELDS}) == len(FIELDS)


@given(st.data())
def test_what_is_shown_is_read_back(data):
    field = data.draw(st.sampled_from(FIELDS))
    low, high = LIMITS[field.name]
    if field.unit in (Unit.COUNT, Unit.SIZE):
        value: float = data.draw(st.integers(int(low), int(min(high, 10**12))))
    else:
        value = round(data.draw(st.floats(low, high)), 3)
    assert value_of(field, text_of(field, value)) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (SILENT, "90s", 90), (SILENT, " 2 min ", 120), (SILENT, "1.5 h", 5_400), (SILENT, "2 D", 172_800),
        (SHARE, "10 %", 0.1), (SHARE, "0.1", 0.1), (SHARE, "25", 0.25), (SHARE, "12.5\u00a0%", 0.125),
        (COUNT, "1,000", 1_000), (COUNT, "3 tasks", 3), (WAL, "1 GiB", 1024**3), (WAL, "512mb", 512 * 1024**2),
    ],
)  # fmt: skip
def test_values_are_read_in_the_forms_people_write(field, text, value):
    assert value_of(field, text) == value


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        (SILENT, "120", "lacks its unit"), (SILENT, "soon", "not a duration such as 90 s"), (SILENT, "", "Write a"),
        (SILENT, "31 d", "from 1 s to 30 d"), (SILENT, "-5 s", "not a duration"), (SHARE, "300 %", "0.1 % to 100 %"),
        (COUNT, "1.5", "whole number"), (COUNT, "0", "1 or more"), (COUNT, "9" * 14, "too large"),
        (COUNT, "٣", "whole number"), (WAL, "5 min", "size such as"), (WAL, "1e400", "size such as"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_words(field, text, words):
    with pytest.raises(ValueError, match=words):
        value_of(field, text)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    for field in (SILENT, SHARE, COUNT, WAL):
        with suppress(ValueError):
            assert LIMITS[field.name][0] <= value_of(field, text) <= LIMITS[field.name][1]


def test_some_can_be_changed_by_name():
    found = changed(Thresholds(), {"silent-after": "5 min", "dead_letters": "7"})
    assert found == Thresholds(silent_after_s=300, dead_letters=7)
    with pytest.raises(ValueError, match="no threshold “x”; there are silent-after"):
        changed(Thresholds(), {"x": "1"})
