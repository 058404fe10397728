"""explain and next: what a person and a script are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.helpers.files import run_sql


def test_explain_tells_the_reason_and_what_it_rests_on(call: Call, queue: Path) -> None:
    run_sql(queue, "INSERT INTO workers VALUES ('w-1', '{\"region\": \"eu\"}', datetime('now'))")
    run_sql(queue, "UPDATE task_queue SET compatibility = '{\"gpu\": true}' WHERE id = 1")
    run_sql(queue, "UPDATE task_queue SET run_after_utc = '2999-01-01T00:00:00Z' WHERE id = 2")
    assert "no live worker matches: w-1 does not meet “gpu”" in call("explain", "1").lines[0]
    assert "Not due until 2999-01-01 00:00:00 UTC" in call("explain", "2").lines[0]
    assert call("explain", "8").lines[0].startswith("Task 8: Completed")
    found = call("explain", "3", "--worker", "w-1", "--json").object
    assert (found["verdict"], found["lines"][0]["place"], found["offer"]["name"]) == ("in line", 1, "w-1")
    assert [(each["worker_id"], each["matches"]) for each in found["workers"]] == [("w-1", True)]


def test_explain_of_no_task_or_no_worker(call: Call) -> None:
    assert call("explain", "99").code == 4
    done = call("explain", "1", "--worker", "w-\x1b[31m")
    assert (done.code, done.out) == (1, "")
    assert "No worker of this name is registered" in done.err
    assert "\x1b" not in done.err


def test_explain_counts_to_the_end_unless_quick(call: Call, queue: Path) -> None:
    run_sql(
        queue, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO task_queue "
        "(type, payload, priority, run_after_utc) SELECT 'mail', '{}', 1, '2020-01-01 00:00:00' FROM n",
    )  # fmt: skip
    run_sql(queue, "INSERT INTO workers VALUES ('w-1', '{}', datetime('now'))")
    assert "20,000 due tasks come first by priority (place 20,001)" in call("explain", "1").lines[0]
    assert "at least" in call("explain", "1", "--quick").lines[0]


def test_next_shows_the_order_of_each_strategy_and_takes_nothing(call: Call, queue: Path) -> None:
    run_sql(queue, "UPDATE task_queue SET run_after_utc = '2020-01-0' || id || ' 00:00:00', priority = 9 - id")
    assert [line.split()[1] for line in call("next").lines[1:]] == ["3", "2", "1"]
    orders = {
        strategy: [each["task_id"] for each in call("next", "--strategy", strategy, "--json").objects]
        for strategy in ("priority", "fifo", "lifo", "weighted_random")
    }
    assert orders["priority"] == [3, 2, 1]
    assert orders["fifo"] == [1, 2, 3]
    assert orders["lifo"] == [3, 2, 1]
    assert sorted(orders["weighted_random"]) == [1, 2, 3]
    drawn = call("next", "--strategy", "weighted_random", "--json", "--capabilities", "{}").objects
    assert sum(each["chance"] for each in drawn) == pytest.approx(1.0)
    taken = call("next", "--types", "mail", "--capabilities", "{}", "--limit", "1", "--json").objects
    assert [each["task_id"] for each in taken] == [2]
    assert run_sql(queue, "SELECT count(*) FROM task_queue WHERE status = 'queued'") == [(3,)]


def test_next_tells_where_nothing_is_due(call: Call, queue: Path) -> None:
    run_sql(queue, "UPDATE task_queue SET run_after_utc = '2999-01-01 00:00:00'")
    done = call("next")
    assert (done.code, done.out) == (4, "")
    assert "Nothing is due" in done.err


@pytest.mark.parametrize(
    "arguments",
    [["--capabilities", "[]"], ["--capabilities", "{"], ["--strategy", "x"], ["--limit", "-1"],
     ["--worker", "a", "--capabilities", "{}"]],
)  # fmt: skip
def test_wrong_arguments_are_wrong_use(call: Call, arguments: list[str]) -> None:
    done = call("next", *arguments)
    assert (done.code, done.out) == (2, "")


def test_next_of_some_types_needs_no_worker(call: Call, queue: Path) -> None:
    found = call("next", "--types", "video", "--json")
    assert [each["type"] for each in found.objects] == ["video"] * len(found.objects)
    assert found.objects
    assert "name it by --worker" in call("explain", "1", "--types", "video").err
