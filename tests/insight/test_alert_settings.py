"""What a person sets of alerts: quiet hours by the clock on the wall, and a program that is named whole."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from prismq_gui.insight.alert_settings import AlertSettings, program_mistake


def quiet_minutes(begin: int, end: int) -> set[int]:
    settings = AlertSettings(quiet=True, quiet_from_min=begin, quiet_to_min=end)
    return {minute for minute in range(24 * 60) if settings.is_quiet(minute)}


def test_quiet_hours_go_over_midnight():
    assert quiet_minutes(22 * 60, 7 * 60) == {*range(22 * 60, 24 * 60), *range(7 * 60)}
    assert quiet_minutes(9 * 60, 9 * 60 + 5) == set(range(9 * 60, 9 * 60 + 5))
    assert len(quiet_minutes(60, 60)) == 24 * 60
    assert not AlertSettings(quiet=False, quiet_from_min=0, quiet_to_min=0).is_quiet(0)


@pytest.mark.parametrize("day", [datetime(2026, 3, 28, 12), datetime(2026, 10, 24, 12), datetime(2026, 6, 1, 12)])
def test_quiet_hours_follow_the_clock_on_the_wall_when_it_is_set_for_summer(day):
    try:
        zone = ZoneInfo("Europe/Berlin")
    except ZoneInfoNotFoundError:
        pytest.skip("no time zones here")
    settings = AlertSettings(quiet=True, quiet_from_min=2 * 60 + 15, quiet_to_min=7 * 60)
    begin = day.replace(tzinfo=ZoneInfo("UTC"))
    changes = []
    was = None
    for minute in range(24 * 60):
        local = (begin + timedelta(minutes=minute)).astimezone(zone)
        quiet = settings.is_quiet(local.hour * 60 + local.minute)
        if quiet is not was:
            changes.append((quiet, f"{local:%H:%M}"))
            was = quiet
    assert changes[-1] == (False, "07:00")  # at seven it is loud again, on each of these days
    assert all(time >= "02:15" for quiet, time in changes if quiet)


@pytest.mark.parametrize(
    "wrong",
    [
        {"quiet_from_min": 1_440}, {"quiet": 1}, {"hook_timeout_s": 0}, {"hook_program": "a\0b"},
        {"hook_arguments": "no list"}, {"hook_arguments": ["x"] * 51}, {"hook_arguments": [5]}, {"nonsense": 1},
        {"rules": []}, {"rules": {"nonsense": {}}}, {"hook_timeout_s": True}, {"quiet_to_min": 1.5},
    ],
)  # fmt: skip
def test_J7_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"."):
        AlertSettings.from_dict(wrong)


def test_settings_come_back_from_json_as_they_were():
    settings = AlertSettings(quiet=True, hook=True, hook_program="C:\\Über uns\\x.exe", hook_arguments=("a b", '"'))
    assert AlertSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_a_program_must_be_named_whole_be_there_and_be_a_program(tmp_path):
    assert "No program" in program_mistake(" ")
    assert "whole path" in program_mistake("notify-send")
    assert "no such file" in program_mistake(str(tmp_path / "not there.exe"))
    assert "no file" in program_mistake(str(tmp_path))
    plain = tmp_path / "notes.txt"
    plain.write_text("no program", encoding="utf-8")
    assert program_mistake(str(plain)) != ""
    assert program_mistake(os.path.realpath(sys.executable)) == ""
    assert program_mistake("/a\0b") != ""
