"""The verb failures: causes for a person and for scripts, and nothing of a queue that commands a terminal."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Call
from tests.helpers.files import copy_sample, make_foreign_queue, run_sql


def test_groups_are_told_the_largest_first(call: Call) -> None:
    done = call("failures")
    assert done.code == 0
    assert [line.split()[0] for line in done.lines] == ["#", "1", "2", "3"]
    assert done.lines[1].split()[2] == "2"
    assert done.lines[1].endswith("disk")
    assert "3 tasks in 2 groups" in done.lines[3]


def test_json_has_all_of_a_group(call: Call, tmp_path: Path) -> None:
    sample = copy_sample(tmp_path / "sample")
    found = call("failures", "--json", db=sample).object
    assert (found["total"], len(found["groups"]), found["rules_version"]) == (59, 5, 1)
    first = found["groups"][0]
    assert (first["signature"], first["count"]) == ("PermanentError: unsupported", 30)
    assert first["statuses"] == {"failed": 29, "dead_letter": 1}
    assert first["first_seen"] == "2026-11-24 02:57:37"
    assert call("failures", "--json", "--limit", "2", db=sample).object["groups"] == found["groups"][:2]


def test_the_ids_of_a_group_are_for_other_verbs(call: Call) -> None:
    assert call("failures", "--ids", "disk").lines == ["6", "5"]
    assert call("failures", "--ids", "1", "--json").object["ids"] == [6, 5]


def test_what_a_group_shares_is_told_with_counts(call: Call, tmp_path: Path) -> None:
    path = make_foreign_queue(tmp_path / "planted.db", 90, status="completed")
    run_sql(path, 'UPDATE task_queue SET payload = \'{"region": "us"}\'')
    sql = "UPDATE task_queue SET status = 'failed', payload = ?, error_message = 'x ' || id WHERE id % 3 = 0"
    run_sql(path, sql, ('{"region": "eu"}',))
    done = call("failures", "--shared", "1", db=path)
    assert done.code == 0
    assert any(line.split()[:8] == ["payload.region", "=", "eu", "30", "of", "30", "0", "of"] for line in done.lines)
    assert any("none passed" in line for line in done.lines)
    found = call("failures", "--shared", "x <n>", "--json", db=path).object
    (trait,) = found["traits"]
    assert trait["trait"] == {"family": "payload", "name": "payload.region", "value": "eu"}
    assert (trait["failed"], trait["passed"], trait["lift"]) == (30, 0, None)


def test_nothing_to_tell_has_its_exit_code(call: Call, tmp_path: Path) -> None:
    unknown = call("failures", "--shared", "no such cause")
    assert (unknown.code, unknown.out) == (4, "")
    assert "no such cause" in unknown.err
    empty = make_foreign_queue(tmp_path / "empty.db", 2)
    done = call("failures", db=empty)
    assert (done.code, done.out, done.err.strip()) == (4, "", "No task has failed.")
    assert call("failures", "--json", db=empty).object["groups"] == []
    alone = call("failures", "--shared", "1")
    assert alone.code == 4
    assert "nothing to compare" in alone.err


def test_a_file_that_is_not_there_is_a_problem_and_is_not_made(call: Call, tmp_path: Path) -> None:
    done = call("failures", "--json", db=tmp_path / "none.db")
    assert done.code == 1
    assert json.loads(done.err)["error"]["kind"] == "not found"
    assert not (tmp_path / "none.db").exists()


def test_a_hostile_error_commands_no_terminal(call: Call, queue: Path) -> None:
    evil = "\x1b]0;t\x07\x1b[31mred\x9b2J\u202eback [bold]x[/bold]"
    run_sql(
        queue, "UPDATE task_queue SET error_message = ?1, locked_by = ?1, type = ?1 WHERE status = 'failed'", (evil,)
    )
    run_sql(
        queue,
        "UPDATE task_queue SET payload = ?, type = ? WHERE status = 'completed'",
        (json.dumps({evil: evil}), evil),
    )
    for arguments in ([], ["--shared", "1"], ["--json"], ["--shared", "1", "--json"], ["--ids", "1"]):
        done = call("failures", *arguments)
        for text in (done.out, done.err):
            assert not set(text) & {"\x1b", "\x9b", "\u202e", "\x07"}
