"""compare, workers and the timeline of show: what a person and a script read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from prismq_gui.cli import main
from tests.cli.conftest import Call, Done
from tests.helpers.files import run_sql


@pytest.fixture
def compare(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> Done:
        code = main(["compare", *arguments])
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def copied(queue: Path, tmp_path: Path) -> Path:
    run_sql(queue, "PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(shutil.copy(queue, tmp_path / "taken.db"))


def test_compare_tells_what_differs_and_how_one_task_does(compare: Any, queue: Path, copied: Path) -> None:
    run_sql(queue, "UPDATE task_queue SET status = 'completed' WHERE id = 1")
    run_sql(queue, "DELETE FROM task_queue WHERE id = 2")
    done = compare(str(copied), str(queue))
    assert done.code == 0
    assert "only in the older file: #2" in done.out
    assert "changed: #1" in done.out
    found = compare(str(copied), str(queue), "--json").object
    assert (found["same"], found["changed"], found["vanished"]["ids"]) == (6, {"count": 1, "ids": [1]}, [2])
    assert found["columns"] == {"status": 1}
    pair = compare(str(copied), str(queue), "--json", "--task", "1").object
    assert [(each["column"], each["before"], each["after"]) for each in pair["columns"]] == [
        ("status", "queued", "completed")
    ]
    assert "- queued" in compare(str(copied), str(queue), "--task", "1").out


def test_compare_of_the_same_content_has_its_own_code(compare: Any, queue: Path, copied: Path) -> None:
    done = compare(str(queue), str(copied))
    assert done.code == 4
    assert "No task differs" in done.out
    assert compare(str(queue), str(queue)).code == 1
    assert compare(str(queue), str(copied) + "no").code == 1


def test_workers_tells_who_is_silent_and_holds_what(call: Call, queue: Path) -> None:
    run_sql(queue, "INSERT INTO workers VALUES ('w-1', '{\"gpu\": \"\x1b[31mx\"}', '2020-01-01 00:00:00')")
    run_sql(queue, "UPDATE task_queue SET locked_by = 'w-1', lease_until_utc = '2020-01-01 00:01:00' WHERE id = 7")
    done = call("workers")
    assert done.code == 0
    assert done.lines[1].split()[:2] == ["w-1", "silent"]
    assert "#7  video" in done.out
    assert "lease expired" in done.out
    assert "\x1b" not in done.out
    (worker,) = call("workers", "--json").object["workers"]
    assert (worker["state"], worker["held"], worker["holdings"][0]["lease_over"]) == ("silent", 1, True)


def test_workers_of_a_queue_without_any_matches_nothing(call: Call) -> None:
    assert call("workers").code == 4


def test_show_tells_the_timeline_with_its_sources(call: Call, queue: Path) -> None:
    run_sql(
        queue, "INSERT INTO task_logs (task_id, at_utc, level, message, details) VALUES "
        "(4, '2026-01-01 00:00:01', 'INFO', 'mail started by w-9', '{\"attempt\": 1}'), "
        "(4, '2026-01-01 00:00:04', 'ERROR', 'attempt failed', NULL)",
    )  # fmt: skip
    done = call("show", "4")
    assert "attempt 1 on w-9" in done.out
    assert "ran 3 s: failed (TimeoutError: 100%_sure)" in done.out
    (attempt,) = call("show", "4", "--json").object["timeline"]["attempts"]
    assert (attempt["worker"], attempt["outcome"], attempt["sources"]["worker"]) == ("w-9", "failed", "log")


def test_compare_exports_each_difference_as_a_line(compare: Any, queue: Path, copied: Path) -> None:
    run_sql(queue, "UPDATE task_queue SET status = 'completed', error_message = char(27) || '[31m' WHERE id = 1")
    run_sql(queue, "DELETE FROM task_queue WHERE id = 2")
    run_sql(queue, "INSERT INTO task_queue (id, type, payload) VALUES (4000, 'new', '{}')")
    done = compare(str(copied), str(queue), "--ndjson")
    assert done.code == 0
    assert "\x1b" not in done.out
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [(each["kind"], each["before_id"], each["after_id"]) for each in lines] == [
        ("changed", 1, 1), ("appeared", None, 4000), ("vanished", 2, None),
    ]  # fmt: skip
    told = {each["column"]: (each["before"], each["after"]) for each in lines[0]["columns"]}
    assert told["status"] == ("queued", "completed")
    assert told["error_message"] == (None, "\x1b[31m")
    assert {each["column"]: each["after"] for each in lines[1]["columns"]}["type"] == "new"


def test_compare_tells_that_a_copys_wal_is_missing(compare: Any, queue: Path, tmp_path: Path) -> None:
    torn = Path(shutil.copy(queue, tmp_path / "queue - Copy.db"))
    done = compare(str(torn), str(queue))
    assert "queue - Copy.db: There is no -wal beside this file" in done.err
