"""``stats --overview`` judges by a file of thresholds and by what is typed, and says what it cannot read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Call


def reasons(call: Call, *options: str) -> set[str]:
    found = call("stats", "--overview", "--json", *options)
    assert found.code == 0, found.err
    return {reason["code"] for reason in found.object["verdict"]["reasons"]}


def test_a_file_says_how_to_judge_and_what_is_typed_goes_before_it(call: Call, tmp_path: Path):
    file = tmp_path / "Schwellen ü.json"
    file.write_text('{"dead_letters": 5}', encoding="utf-8")
    assert "dead-letters" in reasons(call, "--settings", str(tmp_path))
    assert "dead-letters" not in reasons(call, "--thresholds", str(file))
    assert "dead-letters" in reasons(call, "--thresholds", str(file), "--threshold", "dead-letters=1")


@pytest.mark.parametrize("text", ['{"dead_letters": 0}', '{"x": 1}', "[]", "no json", "\x00"])
def test_a_file_without_thresholds_is_refused_by_its_name(call: Call, tmp_path: Path, text: str):
    file = tmp_path / "bad.json"
    file.write_text(text, encoding="utf-8")
    found = call("stats", "--overview", "--thresholds", str(file))
    assert found.code == 2
    assert "bad.json" in found.err


def test_settings_that_cannot_be_read_are_told_and_left_where_they_are(call: Call, tmp_path: Path):
    (tmp_path / "settings.json").write_text(json.dumps({"thresholds": {"dead_letters": -1}}), encoding="utf-8")
    found = call("stats", "--overview", "--settings", str(tmp_path))
    assert found.code == 0
    assert "settings.json" in found.err
    assert [each.name for each in tmp_path.glob("settings*")] == ["settings.json"]


def test_a_mistake_names_what_may_be_typed(call: Call):
    assert "silent-after" in call("stats", "--overview", "--threshold", "x=1").err
    assert "add --overview" in call("stats", "--threshold", "dead-letters=1").err
