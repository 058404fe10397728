"""enqueue --lines: a task a line, from a file or a pipe; mistakes named by their line; what stays is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.helpers.files import run_sql
from tests.helpers.processes import python_environment

THERE = 8  # tasks of the queue before


def lines(folder: Path, *rows: object) -> str:
    file = folder / "my tasks ü.ndjson"
    text = "".join((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows)
    file.write_text(text, encoding="utf-8")
    return str(file)


def new_rows(queue: Path, columns: str = "type, payload") -> list[tuple[object, ...]]:
    return run_sql(queue, f"SELECT {columns} FROM task_queue WHERE id > {THERE} ORDER BY id")


def test_each_line_is_a_task_with_its_own_fields(call: Call, queue: Path, tmp_path: Path) -> None:
    file = lines(
        tmp_path,
        {"type": "mail", "payload": {"to": "ž"}, "priority": 5, "max_attempts": 2, "idempotency_key": "k"},
        "",
        {"type": "video", "run_after": "2030-01-01T00:00:00+01:00", "compatibility": {"region": "eu"}},
        {"type": "again", "idempotency_key": "k"},
        {"type": "later", "delay_s": 86400},
    )
    done = call("enqueue", "--lines", file, "--priority", "7", "--json")
    assert (done.code, done.object) == (0, {"created": 3, "existing": 1, "path": str(queue)})
    columns = "type, payload, priority, max_attempts, compatibility, idempotency_key"
    assert new_rows(queue, columns) == [
        ("mail", '{"to": "ž"}', 5, 2, "{}", "k"),
        ("video", "{}", 7, 5, '{"region": "eu"}', None),
        ("later", "{}", 7, 5, "{}", None),
    ]
    wait = "round(julianday(run_after_utc) - julianday(created_at_utc), 3)"
    times = f"CASE type WHEN 'video' THEN substr(run_after_utc, 1, 19) ELSE {wait} END"
    assert new_rows(queue, times) == [(0.0,), ("2029-12-31 23:00:00",), (1.0,)]
    again = call("enqueue", "--lines", file)
    assert again.out == "2 tasks were put into the queue; 2 exist already with their key.\n"


def test_with_a_type_each_line_is_a_payload_kept_letter_by_letter(call: Call, queue: Path, tmp_path: Path) -> None:
    file = lines(tmp_path, '\ufeff{"n":  1.50}', "[1, 1]\r", '{"a": 1, "a": 2}')
    assert call("enqueue", "mail", "--lines", file, "--priority", "3").out == "3 tasks were put into the queue.\n"
    assert new_rows(queue, "type, payload, priority") == [
        ("mail", '{"n":  1.50}', 3), ("mail", "[1, 1]", 3), ("mail", '{"a": 1, "a": 2}', 3),
    ]  # fmt: skip


def test_lines_come_through_a_pipe(queue: Path) -> None:
    text = "".join(json.dumps({"n": number, "text": "ž"}, ensure_ascii=False) + "\n" for number in range(2500))
    done = subprocess.run(
        [sys.executable, "-m", "prismq_gui", "enqueue", "mail", "--lines", "-", "--db", str(queue)],
        input=text.encode("utf-8"), capture_output=True, timeout=60, env=python_environment(), check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.decode().strip()) == (0, "2,500 tasks were put into the queue.")
    assert [json.loads(str(row[1]))["n"] for row in new_rows(queue)] == list(range(2500))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "the line is not JSON"),
        ("5", "each line must be a JSON object with a type"),
        ({"payload": {}}, "each line must be a JSON object with a type"),
        ({"type": "mail", "prio": 1}, "'prio' is no field of a task"),
        ({"type": "mail", "priority": "high"}, "priority must be a whole number"),
        ({"type": "mail", "payload": "text"}, "payload must be JSON"),
        ('{"type": "mail", "payload": {"x": NaN}}', "payload must be JSON"),
        ({"type": "mail", "run_after": "tomorrow"}, "run_after must be a time"),
        ({"type": "mail", "run_after": 5}, "run_after must be a time"),
        ({"type": "mail", "delay_s": -1}, "delay_s must be a number of seconds"),
        ({"type": "mail", "delay_s": 1, "run_after": "2030-01-01 00:00:00"}, "not both"),
        ({"type": ["mail"]}, "type must be a text"),
        ("[" * 5_000_000, "the line is longer than 4,194,304 bytes"),
        ("[" * 100_000, "the line is not JSON"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("more", [[], ["--all-or-nothing"]])
def test_F18_a_bad_line_is_named_and_nothing_is_written(
    call: Call, queue: Path, tmp_path: Path, line: object, said: str, more: list[str]
) -> None:
    file = lines(tmp_path, {"type": "mail"}, "", {"type": "mail"}, line, {"type": "mail"})
    done = call("enqueue", "--lines", file, *more)
    assert done.code == 2
    assert f"line 4 of {file}: " in done.err.replace("\n", " ")
    assert said in done.err
    assert "Nothing was written." in done.err
    assert new_rows(queue) == []


def test_thousands_before_a_bad_line_stay_unless_all_or_nothing(call: Call, queue: Path, tmp_path: Path) -> None:
    file = lines(tmp_path, *({"type": f"t{number}"} for number in range(2300)), "oops")
    done = call("enqueue", "--lines", file, "--all-or-nothing")
    assert done.code == 2
    assert "line 2,301" in done.err
    assert new_rows(queue) == []
    done = call("enqueue", "--lines", file)
    assert "The first 2,000 items were put in before and stay; no other was written." in done.err
    assert len(new_rows(queue)) == 2000


def test_a_line_that_is_not_utf8_is_named(call: Call, queue: Path, tmp_path: Path) -> None:
    file = tmp_path / "latin.ndjson"
    file.write_bytes(b'{"type": "mail"}\n{"type": "\xff"}\n')
    done = call("enqueue", "--lines", str(file))
    assert "line 2 of" in done.err
    assert "the line is not UTF-8" in done.err
    assert new_rows(queue) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "a TYPE is needed, or --lines"),
        (["mail", "--all-or-nothing"], "--all-or-nothing goes with --lines"),
        (["mail", "{}", "--lines", "-"], "with --lines the payloads and keys are in the lines"),
        (["--lines", "-", "--key", "k"], "with --lines the payloads and keys are in the lines"),
        (["--lines", "not there"], "tasks cannot be read from not there"),
        (["--lines", "-", "--compatibility", "[1]"], "--compatibility must be a JSON object"),
    ],
)
def test_arguments_that_do_not_fit_are_told(call: Call, queue: Path, arguments: list[str], said: str) -> None:
    done = call("enqueue", *arguments)
    assert done.code == 2
    assert said in done.err
    assert new_rows(queue) == []


def test_A4_no_queue_is_made_of_a_mistyped_name(call: Call, tmp_path: Path) -> None:
    file = lines(tmp_path, {"type": "mail"})
    assert call("enqueue", "--lines", file, db=tmp_path / "typo.db").code == 1
    assert not (tmp_path / "typo.db").exists()
    assert call("enqueue", "--lines", file, "--create", db=tmp_path / "new.db").code == 0
