"""The filter language as arguments of list, logs, retry and cancel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prismq_gui.cli import main
from tests.cli.conftest import Call, statuses
from tests.helpers.files import run_sql


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (["status:failed"], [5, 4]),
        (["status:failed,dead type:vid*"], [6, 5]),
        (["status:failed", "type:video"], [5]),
        (["status:failed", "--type", "mail"], [4]),
        (["error:100%_s"], [4]),
        (["age<2h status:running"], [7]),
        (["--sort", "id:asc", "not status:failed or type:video", "--limit", "2"], [1, 2]),
        (["-status:waiting -status:done"], [7, 6, 5, 4]),
        (["status:nothing"], []),
        ([""], [8, 7, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_list_takes_a_filter(call: Call, arguments: list[str], ids: list[int]) -> None:
    done = call("list", "--json", *arguments)
    assert [task["id"] for task in done.objects] == ids
    assert done.code == (0 if ids else 4)


@pytest.mark.parametrize(
    "words",
    [
        ["--json", "--", "-status:waiting -status:done"],
        ["--json", "--", "-status:waiting", "-status:done"],
        ["-status:waiting -status:done", "--json"],
        ["not status:waiting", "--json", "--", "-status:done"],
    ],
)
def test_a_filter_may_begin_with_a_minus(queue: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(["list", "--db", str(queue), "--limit", "1", *words]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == 7


def test_what_stands_behind_two_minus_signs_is_told_as_it_was_written(call: Call) -> None:
    done = call("completion", "--", "-x")
    assert done.code == 2
    assert "'-x'" in done.err


@pytest.mark.parametrize("verb", ["list", "logs", "retry", "cancel"])
def test_a_mistake_is_shown_with_its_place_and_changes_nothing(call: Call, queue: Path, verb: str) -> None:
    before = statuses(queue)
    done = call(verb, "idd:1 nope", *(["--yes"] if verb in ("retry", "cancel") else []))
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    at = lines.index("  idd:1 nope")
    assert lines[at + 1] == "  ^^^"
    assert "Did you mean “id”?" in lines[at + 2]
    assert statuses(queue) == before


def test_logs_take_a_filter_with_and_without_a_task(call: Call, queue: Path) -> None:
    for task, level, message in ((1, "INFO", "begun"), (1, "ERROR", "no disk"), (2, "error", "no disk")):
        run_sql(queue, "INSERT INTO task_logs (task_id, level, message) VALUES (?, ?, ?)", (task, level, message))
    assert [line["log_id"] for line in call("logs", "--json", "level:error").objects] == [2, 3]
    assert [line["log_id"] for line in call("logs", "--json", "1", "level:error").objects] == [2]
    assert [line["log_id"] for line in call("logs", "--json", "#1").objects] == [1, 2]
    assert [line["log_id"] for line in call("logs", "--json", "task:2 disk").objects] == [3]
    assert [line["log_id"] for line in call("logs", "--json", "age<1h", "--lines", "1").objects] == [3]
    assert call("logs", "level:fatal").code == 4
    assert call("logs", "99999999999999999999").code == 2


def test_tasks_are_changed_by_a_filter(call: Call, queue: Path) -> None:
    plan = call("retry", "status:failed error:100%*", "--dry-run", "--json").object["plan"]
    assert (plan["eligible"], statuses(queue)[3]) == (1, "failed")
    assert call("retry", "status:failed error:100%*", "--yes").code == 0
    assert statuses(queue)[3:5] == ["queued", "failed"]
    assert call("cancel", "type:video", "status:waiting", "--yes").code == 0
    assert statuses(queue)[:3] == ["queued", "queued", "cancelled"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["l2"], "names no field"),
        (["4", "status:failed"], "not both"),
        (["4", "l5"], "not both"),
        (["4", "--status", "failed"], "not both"),
        (["status:failed", "--all"], "leave it out"),
        ([], "no tasks are named"),
        ([""], "no tasks are named"),
    ],
)
def test_nothing_is_chosen_by_accident(call: Call, queue: Path, arguments: list[str], said: str) -> None:
    before = statuses(queue)
    done = call("retry", *arguments, "--yes")
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert statuses(queue) == before
