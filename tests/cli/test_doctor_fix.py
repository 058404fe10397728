"""doctor --fix and the thresholds of silence, as a script uses them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.operations.mending import FIXES
from prismq_gui.settings import Settings, SettingsStore
from tests.cli.conftest import Call
from tests.helpers.files import copy_sample, make_foreign_queue, run_sql


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    return copy_sample(tmp_path / "sample")


def test_a_finding_is_mended_and_taken_back_by_its_code(call: Call, sample: Path, tmp_path: Path) -> None:
    journal = ("--settings", str(tmp_path / "my data"))
    late = "SELECT count(*) FROM task_queue WHERE run_after_utc GLOB '*T*'"
    dry = call("doctor", "--fix", "time-iso", "--dry-run", "--json", *journal, db=sample)
    assert dry.code == 0
    assert dry.object["plan"]["eligible"] == 293
    assert run_sql(sample, late) == [(293,)]
    done = call("doctor", "--fix", "time-iso", "--yes", *journal, db=sample)
    assert done.code == 0, done.err
    assert "293 tasks were given times in the plain form" in done.out
    assert "prismq-gui undo" in done.out + done.err
    assert run_sql(sample, late) == [(0,)]
    again = call("doctor", "--fix", "time-iso", "--yes", *journal, db=sample)
    assert again.code == 4
    assert "nothing to be mended" in again.out
    undone = call("undo", "--yes", *journal, db=sample)
    assert undone.code == 0, undone.err
    assert run_sql(sample, late) == [(293,)]


def test_what_cannot_be_mended_names_what_can(call: Call, sample: Path) -> None:
    for code in ("json-payload", "nonsense"):
        done = call("doctor", "--fix", code, "--yes", db=sample)
        assert done.code == 2
        assert "time-iso" in done.err
    assert run_sql(sample, "SELECT count(*) FROM task_logs") == [(637,)]


def test_mending_words_need_a_fix_and_somebody_to_ask(call: Call, sample: Path) -> None:
    for arguments in (("--yes",), ("--dry-run",), ("--fix", "time-iso", "--json")):
        assert call("doctor", *arguments, db=sample).code == 2


def test_the_wal_is_moved_and_free_pages_go(call: Call, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", tasks=1)
    run_sql(path, "CREATE TABLE x (y)")
    run_sql(path, "INSERT INTO x VALUES (zeroblob(6000000))")
    run_sql(path, "DROP TABLE x")
    size = path.stat().st_size
    done = call("doctor", "--fix", "wal-large", "--yes", "--json", db=path)
    assert done.code == 0
    assert done.object["report"]["problem"] is None
    assert call("doctor", "--fix", "fragmented", "--yes", db=path).code == 0
    assert path.stat().st_size < size


def test_each_fix_that_a_finding_names_is_taken(call: Call, sample: Path, tmp_path: Path) -> None:
    findings = call("doctor", "--fast", "--json", db=sample).object["findings"]
    for each in findings:
        if each["fix"]:
            assert each["fix"] in FIXES
            journal = ("--settings", str(tmp_path / "my data"))
            assert call("doctor", "--fix", each["fix"], "--dry-run", *journal, db=sample).code == 0


@pytest.mark.parametrize(("after", "silent"), [("1m", True), ("1h", False)])
def test_silence_is_told_by_the_threshold_that_is_given(call: Call, tmp_path: Path, after: str, silent: bool) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", tasks=1)
    run_sql(path, "INSERT INTO workers VALUES ('w', '{}', datetime('now', '-10 minutes'))")
    run_sql(
        path,
        "UPDATE task_queue SET status = 'processing', locked_by = 'w', lease_until_utc = datetime('now', '+1 hour')",
    )
    given = ("--silent-after", after)
    found = {each["code"] for each in call("doctor", "--fast", "--json", *given, db=path).object["findings"]}
    assert ("worker-silent" in found) is silent
    (worker,) = call("workers", "--json", *given, db=path).object["workers"]
    assert worker["state"] == ("silent" if silent else "busy")
    assert ("silent" in call("explain", "1", *given, db=path).out) is silent


def test_silence_is_told_as_the_window_was_set(call: Call, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "queue.db", tasks=1)
    run_sql(path, "INSERT INTO workers VALUES ('w', '{}', datetime('now', '-10 minutes'))")
    folder = tmp_path / "portable"
    SettingsStore(folder).save(replace(Settings(), thresholds=Thresholds(silent_after_s=3600.0)))
    (worker,) = call("workers", "--json", db=path).object["workers"]
    assert worker["state"] == "silent"
    (worker,) = call("workers", "--json", "--settings", str(folder), db=path).object["workers"]
    assert worker["state"] == "idle"
    assert call("doctor", "--fast", "--settings", str(folder), db=path).code == 0
