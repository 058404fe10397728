"""Both written forms are one moment, in Python and in SQL; nothing unreadable ever raises."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismq_gui.queue.timestamps import exact_text, now_utc, parse_utc, sql_due, sql_normalised, utc_text

MOMENTS = st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30))


def ask_sql(expression: str, **parameters: object) -> object:
    with closing(sqlite3.connect(":memory:")) as connection:
        return connection.execute(f"SELECT {expression} FROM (SELECT :value AS moment)", parameters).fetchone()[0]


@given(MOMENTS)
def test_what_is_written_is_read_back(moment: datetime) -> None:
    assert parse_utc(utc_text(moment)) == moment.replace(microsecond=0)
    assert parse_utc(exact_text(moment)) == moment


@given(MOMENTS, MOMENTS)
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    assert (exact_text(one) < exact_text(other)) == (one < other)
    assert utc_text(min(one, other)) <= utc_text(max(one, other))


@given(MOMENTS, st.sampled_from(["{}+00:00", "{}Z", "{}"]))
def test_both_forms_are_the_same_moment_in_python_and_sql(moment: datetime, form: str) -> None:
    text = form.format(moment.isoformat())
    assert parse_utc(text) == moment
    normalised = ask_sql(sql_normalised("moment"), value=text)
    assert parse_utc(normalised) == moment
    assert "T" not in str(normalised)


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_offsets_are_counted(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=timezone.utc).astimezone(timezone(timedelta(minutes=minutes)))
    assert parse_utc(aware.isoformat()) == moment
    for text in (
        aware.isoformat(),
        str(aware),
        aware.isoformat().lower(),
        aware.isoformat()[:-3] + f"{abs(minutes) % 60:02d}",
    ):
        assert parse_utc(text) == moment
        read = parse_utc(ask_sql(sql_normalised("moment"), value=text))
        assert read is not None
        assert abs(read - moment) < timedelta(milliseconds=2)
    assert utc_text(aware) == utc_text(moment)


@given(st.one_of(st.none(), st.integers(), st.floats(), st.binary(), st.text(), st.booleans()))
def test_anything_else_is_none_and_never_raises(value: object) -> None:
    assert parse_utc(value) is None or isinstance(value, str)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "2026-02-30 00:00:00",
        "2026-01-01 24:00:00",
        "0001-01-01T00:00:00+10:00",
        "9999-12-31 23:59:59-01:00",
        "x" * 80,
    ],
)
def test_impossible_times_are_none(value: str) -> None:
    assert parse_utc(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "2026-02-30 00:00:00",
        "2026-02-30T00:00:00Z",
        "2026-01-01 24:00:00",
        "2026-13-01 00:00",
        "2026-01-01",
        "x" * 80,
    ],
)
def test_impossible_times_are_null_in_sql_too(value: str) -> None:
    assert ask_sql(sql_normalised("moment"), value=value) is None


def test_a_moment_is_past_exactly_from_its_instant_on() -> None:
    for text in ("2026-11-24 10:00:00.500000", "2026-11-24T10:00:00.500000+00:00", "2026-11-24T12:00:00.500+02:00"):
        assert ask_sql(sql_due("moment", ":now"), value=text, now="2026-11-24 10:00:00.499999") == 0
        assert ask_sql(sql_due("moment", ":now"), value=text, now="2026-11-24 10:00:00.500001") == 1
    for unreadable in ("soon", 1700000000, None, b"2026-11-24 10:00:00"):
        assert ask_sql(sql_due("moment", ":now"), value=unreadable, now="2026-11-24 10:00:00.500001") == 0


def test_now_is_naive_utc() -> None:
    assert now_utc().tzinfo is None
    assert abs(now_utc() - datetime.now(timezone.utc).replace(tzinfo=None)) < timedelta(seconds=5)
