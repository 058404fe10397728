"""edit, duplicate, bring-back, remove-worker, paced and staged retries, snapshots: plan, consent, report, undo."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from prismq_gui.queue.backup import back_up
from prismq_gui.queue.timestamps import now_utc, utc_text
from tests.cli.conftest import Call, statuses
from tests.helpers.files import run_sql


def test_edit_shows_what_differs_and_undo_takes_it_back(call: Call, queue: Path) -> None:
    run_sql(queue, """UPDATE task_queue SET payload = '{"region" : "us"}' WHERE id = 4""")
    wish = ("edit", "4", "--set", 'payload.region="eu"', "--set", "payload.n=1", "--max-attempts", "9")
    dry = call(*wish, "--dry-run")
    assert dry.code == 0
    assert '  #4 payload.region: "us" → "eu"' in dry.lines
    assert "  #4 payload.n: – → 1" in dry.lines
    assert "  #4 max_attempts: 5 → 9" in dry.lines
    done = call(*wish, "--yes", "--json")
    assert done.object["report"]["changed"] == 1
    assert done.object["plan"]["diffs"][0]["changes"][0] == {"path": "$.region", "before": '"us"', "after": '"eu"'}
    assert run_sql(queue, "SELECT payload FROM task_queue WHERE id = 4") == [('{"region" : "eu", "n": 1}',)]
    assert call("undo", "--yes").code == 0
    assert run_sql(queue, "SELECT payload, max_attempts FROM task_queue WHERE id = 4") == [('{"region" : "us"}', 5)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing is to be edited"),
        (("--payload", "{"), "payload must be JSON"),
        (("--set", "payload.region=eu"), "payload.region must be JSON"),
        (("--set", "payload.region"), "--set needs PLACE=JSON"),
        (("--set", "payload=1"), "A path into the payload is expected"),
        (("--max-attempts", "0"), "max_attempts must be a whole number from 1"),
    ],
)
def test_an_edit_that_cannot_be_is_wrong_use(call: Call, queue: Path, arguments: tuple[str, ...], words: str) -> None:
    done = call("edit", "4", *arguments, "--yes")
    assert done.code == 2
    assert words in done.err


def test_a_running_task_is_edited_only_by_name_and_a_payload_comes_from_a_file(
    call: Call, queue: Path, tmp_path: Path
) -> None:
    file = tmp_path / "neu ü.json"
    file.write_text('{"whole" : 1}', encoding="utf-8")
    assert call("edit", "7", "--payload-file", str(file), "--yes").code == 4
    done = call("edit", "7", "--payload-file", str(file), "--even-if-running", "--yes")
    assert done.code == 0
    assert "the worker has the old text" in done.err
    assert run_sql(queue, "SELECT payload FROM task_queue WHERE id = 7") == [('{"whole" : 1}',)]


def test_duplicate_puts_in_tasks_like_those_that_are_there(call: Call, queue: Path) -> None:
    done = call("duplicate", "status:failed", "--set", "payload.again=true", "--yes")
    assert done.code == 0
    assert done.lines[-1] == "  Ids: #9, #10"
    assert run_sql(queue, "SELECT type, payload, status FROM task_queue WHERE id > 8") == [
        ("mail", '{"again": true}', "queued"), ("video", '{"again": true}', "queued"),
    ]  # fmt: skip
    assert call("duplicate", "4", "--key", "once", "--yes").code == 0
    clash = call("duplicate", "5", "--key", "once", "--yes")
    assert clash.code == 1
    assert "task #11" in clash.err


def test_bring_back_takes_what_is_missing_from_a_backup(call: Call, queue: Path, tmp_path: Path) -> None:
    backup = str(back_up(queue, tmp_path / "gestern.db").path)
    assert call("delete", "status:failed", "--yes", "--snapshot").code == 0
    assert len(list((queue.parent / "backups").glob("*-snapshot-*.db"))) == 1
    plan = call("bring-back", backup, "--missing", "--dry-run")
    assert plan.lines[0] == "2 tasks of gestern.db will be in the queue again, as they were."
    assert call("bring-back", backup, "4", "--yes").code == 0
    assert call("bring-back", backup, "status:failed", "--yes").code == 0
    assert statuses(queue).count("failed") == 2
    assert call("bring-back", backup, "4", "--yes").code == 4
    assert call("bring-back", backup, "--missing", "4", "--yes").code == 2


def test_remove_worker_takes_silent_ones_alone(call: Call, queue: Path) -> None:
    for name, beat in (("w1", now_utc() - timedelta(hours=1)), ("w2", now_utc())):
        run_sql(queue, "INSERT INTO workers VALUES (?, '{}', ?)", (name, utc_text(beat)))
    done = call("remove-worker", "w1", "w2", "--yes")
    assert done.code == 0
    assert "1 worker was removed from the list." in done.lines
    assert run_sql(queue, "SELECT worker_id FROM workers") == [("w2",)]
    assert call("undo", "--yes").code == 0
    assert run_sql(queue, "SELECT count(*) FROM workers") == [(2,)]


def test_a_paced_retry_tells_when_the_last_is_due(call: Call, queue: Path) -> None:
    done = call("retry", "status:failed", "--over", "10m", "--dry-run")
    assert "2 failed tasks will be queued again, spread over 10 min." in done.lines
    assert any(line.startswith("  Last due: 5 min after the first (about ") for line in done.lines)
    assert call("retry", "status:failed", "--over", "10m", "--per-minute", "3", "--yes").code == 2
    assert call("retry", "status:failed", "--wait", "1m", "--yes").code == 2


def test_a_staged_retry_goes_on_when_the_first_passed(call: Call, queue: Path) -> None:
    first = call("retry", "status:failed,dead_letter", "--first", "1", "--yes", "--json").object["report"]
    assert first["changed"] == 1
    operation = first["operation_id"][:8]
    early = call("retry", "--staged", operation, "--yes")
    assert early.code == 4
    assert early.lines == ["Of the first 1: 1 wait; 2 more are not touched yet."]
    assert "the rest was not touched" in early.err
    run_sql(queue, "UPDATE task_queue SET status = 'completed' WHERE id = 4")
    late = call("retry", "--staged", operation, "--wait", "5s", "--yes")
    assert late.code == 0
    assert statuses(queue)[3:6] == ["completed", "queued", "queued"]
    assert call("retry", "--staged", operation, "--yes").code == 1
