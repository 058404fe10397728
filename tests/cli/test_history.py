"""release, delete, priority, run-now, run-at, and what the journal lets one do afterwards: history, undo, finish."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from prismq_gui.queue.timestamps import now_utc, utc_text
from tests.cli.conftest import Call, statuses
from tests.helpers.files import run_sql
from tests.operations.helping import exact_rows


@pytest.mark.parametrize(
    ("verb", "arguments", "after"),
    [
        ("release", ["7"], {7: "queued"}),
        ("cancel", ["7", "--force"], {7: "cancelled"}),
        ("cancel", ["7", "--ask"], {7: "cancelled"}),  # it has no lease: there is nobody to ask
        ("delete", ["8", "1"], {1: None, 8: None}),
        ("priority", ["--to", "-5", "1", "4"], {1: "queued", 4: "failed"}),
        ("run-at", ["--at", "2031-01-01T00:00+01:00", "1"], {1: "queued"}),
    ],
)
def test_each_verb_changes_what_it_says_and_undo_takes_it_back(call: Call, queue: Path, verb, arguments, after):
    before = exact_rows(queue, "task_queue")
    done = call(verb, *arguments, "--yes")
    assert done.code == 0, done.err
    assert "To take it back: prismq-gui undo " in done.err
    now = dict(run_sql(queue, "SELECT id, status FROM task_queue"))
    assert {task_id: now.get(task_id) for task_id in after} == after
    assert exact_rows(queue, "task_queue") != before
    undone = call("undo", "--yes")
    assert undone.code == 0, undone.err
    assert exact_rows(queue, "task_queue") == before


def test_run_now_and_run_at_set_the_due_time(call: Call, queue: Path) -> None:
    assert call("run-at", "--delay", "2h", "1", "--yes").code == 0
    (due,) = run_sql(queue, "SELECT run_after_utc FROM task_queue WHERE id = 1")[0]
    hours = timedelta(hours=2)
    assert utc_text(now_utc() + hours - timedelta(minutes=1)) < str(due) <= utc_text(now_utc() + hours)
    done = call("run-now", "1", "2", "--yes", "--json")
    assert done.object["report"]["changed"] == 1
    assert done.object["plan"]["skips"][0]["reason"] == "is due already"


def test_history_tells_each_operation_and_an_undo_by_its_id(call: Call, queue: Path) -> None:
    assert call("history").code == 4
    call("retry", "4", "5", "--yes")
    call("delete", "8", "--yes")
    first, second = call("history", "--json").objects[::-1]
    assert (first["kind"], first["state"], first["changed"], first["can_be_undone"]) == ("retry", "finished", 2, True)
    assert second["kind"] == "delete"
    assert call("history", "--limit", "1").lines[1].startswith(second["id"][:8])
    assert len(call("history", "--all-files").lines) == 3
    dry = call("undo", first["id"][:8], "--dry-run")
    assert dry.lines[0].startswith("2 tasks will be as before the retry of ")
    assert statuses(queue)[3] == "queued"
    assert call("undo", first["id"][:8], "--yes").code == 0
    assert statuses(queue)[3:5] == ["failed", "failed"]
    again = call("undo", first["id"][:8], "--yes")
    assert again.code == 1
    assert "undone already" in again.err
    states = {each["kind"]: each["state"] for each in call("history", "--json").objects}
    assert states == {"retry": "undone", "delete": "finished", "undo": "finished"}


def test_a_task_that_moved_is_told_by_undo_and_left_alone(call: Call, queue: Path) -> None:
    call("retry", "4", "--yes")
    run_sql(queue, "UPDATE task_queue SET status = 'leased', locked_by = 'w1', attempts = 1 WHERE id = 4")
    done = call("undo", "--yes")
    assert done.code == 4
    assert "is now leased by w1" in done.out
    assert statuses(queue)[3] == "leased"


def test_the_last_operation_is_the_last_that_is_still_in_effect(call: Call, queue: Path) -> None:
    call("retry", "4", "--yes")
    (before,) = run_sql(queue, "SELECT priority, updated_at_utc FROM task_queue WHERE id = 3")
    call("priority", "--to", "7", "3", "--yes")
    sql = "UPDATE task_queue SET priority = ?, updated_at_utc = ? WHERE id = 3"  # as a restore leaves it
    run_sql(queue, sql, before)
    dry = call("undo", "--dry-run")
    assert "will be as before the retry of " in dry.out
    assert "1 newer operation" in dry.out
    assert call("undo", "--yes").code == 0
    assert statuses(queue)[3] == "failed"
    assert "as it was before already" in call("undo", "--yes").out  # there is none before that


def test_the_history_of_a_file_that_is_not_there_says_so(call: Call, tmp_path: Path) -> None:
    absent = call("history", db=tmp_path / "nope.db")
    assert absent.code == 4
    assert "There is no file" in absent.err


def test_words_are_of_one_task_where_it_is_one(call: Call) -> None:
    assert "will be taken from its worker and wait" in call("release", "7", "--dry-run").out
    assert "will be deleted, with its log lines" in call("delete", "8", "--dry-run").out
    assert "does not exist" in call("delete", "4000000", "--dry-run").out


def test_nothing_to_undo_or_finish_is_told(call: Call) -> None:
    for verb, word in (("undo", "undone"), ("finish", "finished")):
        done = call(verb, "--yes")
        assert done.code == 1
        assert f"could be {word}" in done.err
    assert call("undo", "0123", "--yes").code == 1


def test_without_a_journal_nothing_is_changed_but_by_no_undo(call: Call, queue: Path, own_folder: Path) -> None:
    own_folder.write_text("in the way", encoding="utf-8")
    done = call("retry", "4", "--yes")
    assert done.code == 1
    assert "journal" in done.err
    assert statuses(queue)[3] == "failed"
    done = call("retry", "4", "--yes", "--no-undo")
    assert done.code == 0
    assert "undo" not in done.err
    assert statuses(queue)[3] == "queued"


def test_the_journal_lies_where_it_is_told_and_never_beside_the_queue(call: Call, queue: Path, tmp_path: Path) -> None:
    names = {each.name for each in queue.parent.iterdir()}
    call("retry", "4", "--yes", "--settings", str(tmp_path / "ä b"))
    assert {each.name for each in (tmp_path / "ä b").iterdir()} <= {"operations.db", "operations.db-journal"}
    assert {each.name for each in queue.parent.iterdir()} <= names | {"queue.db-wal", "queue.db-shm"}
    assert call("undo", "--yes", "--settings", str(tmp_path / "ä b")).code == 0
