"""list, show and logs: what a person and a script read, and that nothing of a queue commands a terminal."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.helpers.files import make_foreign_queue, run_sql
from tests.helpers.processes import python_environment, run_program, wait_until

EVIL = "\x1b]0;title\x07\x1b[31mred\x9b2J\u202eback\r\n[bold]x[/bold]\x7f\ud800".encode("utf-8", "surrogatepass")


def evil_queue(path: Path) -> None:
    run_sql(
        path, "INSERT INTO task_queue (type, payload, status, error_message, locked_by, idempotency_key) "
        "VALUES (CAST(?1 AS TEXT), ?2, CAST(?1 AS TEXT), CAST(?1 AS TEXT), CAST(?1 AS TEXT), CAST(?1 AS TEXT))",
        (EVIL, '{"a": "\x9b2J\u202e\x7f"}'),
    )  # fmt: skip
    run_sql(
        path, "INSERT INTO task_logs (task_id, level, message, details) "
        "SELECT max(id), CAST(?1 AS TEXT), CAST(?1 AS TEXT), CAST(?1 AS TEXT) FROM task_queue", (EVIL,)
    )  # fmt: skip


def test_list_shows_the_newest_first(call: Call) -> None:
    done = call("list")
    assert done.code == 0
    assert [line.split()[0] for line in done.lines] == ["id", *"87654321"]
    assert done.lines[5].split()[:3] == ["4", "failed", "mail"]


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (["--status", "failed,dead_letter"], [6, 5, 4]),
        (["--status", "failed", "--status", "dead_letter", "--type", "video"], [6, 5]),
        (["--text", "100%_s"], [4]),
        (["--text", "100__s"], []),
        (["--sort", "id:asc", "--limit", "3"], [1, 2, 3]),
        (["--sort", "type", "--type", "mail,video", "--limit", "4"], [1, 2, 4, 8]),
        (["--sort", "status:desc", "--limit", "2", "--text", ""], [3, 2]),
        (["--limit", "0", "--status", "nothing like it"], []),
    ],
)
def test_list_takes_filters_order_and_limit(call: Call, arguments: list[str], ids: list[int]) -> None:
    done = call("list", "--json", *arguments)
    assert [task["id"] for task in done.objects] == ids
    assert done.code == (0 if ids else 4)


@pytest.mark.parametrize("arguments", [["--sort", "payload"], ["--sort", "id:up"], ["--limit", "-1"], ["--limit", "x"]])
def test_wrong_arguments_are_wrong_use(call: Call, arguments: list[str]) -> None:
    done = call("list", *arguments)
    assert (done.code, done.out) == (2, "")
    assert "expected" in done.err


def test_list_streams_every_task_of_a_large_queue(call: Call, tmp_path: Path) -> None:
    large = make_foreign_queue(tmp_path / "large.db", tasks=3_000)
    done = call("list", "--json", "--limit", "0", "--sort", "id:asc", db=large)
    assert [task["id"] for task in done.objects] == list(range(1, 3_001))


def test_empty_queue_is_told(call: Call, tmp_path: Path) -> None:
    done = call("list", db=make_foreign_queue(tmp_path / "empty.db"))
    assert (done.code, done.out) == (4, "")
    assert "empty" in done.err


def test_missing_file_is_told_and_not_made(call: Call, tmp_path: Path) -> None:
    for verb in ("list", "logs", "stats", "doctor", "backup"):
        done = call(verb, db=tmp_path / "no\x1b[31m.db")
        assert (done.code, done.out) == (1, "")
        assert "No file was created" in done.err
        assert "\x1b" not in done.err
    assert list(tmp_path.glob("no*")) == []


def test_errors_are_json_where_json_was_asked_for(call: Call, tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_bytes(b"no database at all, but long enough to be looked at" * 40)
    done = call("list", "--json", db=tmp_path / "junk.db")
    assert (done.code, done.out) == (1, "")
    error = json.loads(done.err)["error"]
    assert error["kind"] == "not a database"
    assert error["sentence"]


def test_show_tells_state_error_and_log(call: Call, queue: Path) -> None:
    run_sql(queue, "INSERT INTO task_logs (task_id, level, message) VALUES (4, 'ERROR', 'first try')")
    done = call("show", "4")
    assert done.code == 0
    assert done.lines[0].startswith("Task 4: Failed")
    assert "TimeoutError: 100%_sure" in done.out
    assert "first try" in done.out
    found = call("show", "#4", "--json").object
    assert (found["id"], found["payload"], found["logs"][0]["message"]) == (4, "{}", "first try")
    assert found["error_message"] == "TimeoutError: 100%_sure"


def test_show_of_no_task_matches_nothing(call: Call) -> None:
    assert call("show", "99").code == 4
    assert call("show", "9223372036854775807").code == 4
    assert call("show", "9223372036854775808").code == 2


def test_H3_nothing_of_a_queue_commands_the_terminal(call: Call, queue: Path) -> None:
    evil_queue(queue)
    for arguments in (
        ["list"], ["show", "9"], ["logs"], ["stats"], ["doctor"], ["retry", "9", "--yes"], ["cancel", "9", "--yes"],
        ["list", "--json"], ["show", "9", "--json"], ["logs", "--json"], ["stats", "--json"], ["doctor", "--json"],
    ):  # fmt: skip
        done = call(*arguments)
        for text in (done.out, done.err):
            bad = [
                each for each in text if (each < " " and each != "\n") or "\x7f" <= each < "\xa0" or each == "\u202e"
            ]
            assert bad == [], (arguments, bad)
        if "--json" in arguments:
            assert done.out.isascii()
            assert done.objects


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_narrow_console_gets_every_row(queue: Path, encoding: str) -> None:
    run_sql(queue, "UPDATE task_queue SET type = '黒猫 ☃ ž', error_message = 'ř'")
    run_sql(queue, "INSERT INTO task_logs (task_id, level, message) VALUES (1, 'INFO', '黒猫')")
    for arguments in (["list"], ["show", "4"], ["logs"], ["stats"], ["doctor"], ["retry", "--all", "--yes"]):
        done = run_program(*arguments, "--db", str(queue), PYTHONIOENCODING=f"{encoding}:strict", PYTHONUTF8="0")
        assert done.returncode in (0, 4), (arguments, done.stderr)
        assert "Traceback" not in done.stderr
        if arguments[0] != "doctor":
            assert r"\u9ed2" in done.stdout, arguments


def test_reader_that_has_had_enough_ends_a_listing_cleanly(tmp_path: Path) -> None:
    large = make_foreign_queue(tmp_path / "large.db", tasks=20_000)
    command = [sys.executable, "-m", "prismq_gui", "list", "--json", "--limit", "0", "--db", str(large)]
    process = subprocess.Popen(
        command, env=python_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["id"] == 20_000
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 0


def test_logs_show_the_last_lines_by_task_level_and_text(call: Call, queue: Path) -> None:
    lines = [
        (1 + number % 3, "ERROR" if number % 400 == 7 else "INFO", f"line {number} {'ä' if number == 11 else ''}")
        for number in range(1_200)
    ]
    with closing(sqlite3.connect(queue)) as connection, connection:
        connection.executemany("INSERT INTO task_logs (task_id, level, message) VALUES (?, ?, ?)", lines)

    def numbers(*arguments: str) -> list[int]:
        return [int(line["message"].split()[1]) for line in call("logs", "--json", *arguments).objects]

    assert numbers() == list(range(1_150, 1_200))
    assert numbers("--lines", "2") == [1_198, 1_199]
    assert numbers("--lines", "0") == list(range(1_200))
    assert numbers("--level", "error", "--lines", "2") == [407, 807]
    assert numbers("--text", "ä") == [11]
    assert numbers("2", "--lines", "3") == [1_192, 1_195, 1_198]
    assert call("logs", "--text", "nowhere").code == 4


def test_logs_follow_what_other_programs_write_until_interrupted(queue: Path, tmp_path: Path) -> None:
    run_sql(queue, "INSERT INTO task_logs (task_id, level, message) VALUES (1, 'INFO', 'old one')")
    output = tmp_path / "followed.txt"
    with output.open("wb") as file:
        flags = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
        process = subprocess.Popen(
            [sys.executable, "-m", "prismq_gui", "logs", "--follow", "--db", str(queue)],
            env=python_environment(PYTHONIOENCODING="utf-8"), stdout=file, stderr=subprocess.STDOUT,
            creationflags=flags,
        )  # fmt: skip

    def shown() -> str:
        return output.read_text(encoding="utf-8")

    try:
        wait_until(lambda: "old one" in shown(), "the old line is shown")
        for number in range(3):
            run_sql(queue, f"INSERT INTO task_logs (task_id, level, message) VALUES (2, 'INFO', 'new {number}')")
        wait_until(lambda: "new 2" in shown(), "the new lines are shown")
        if sys.platform != "win32":
            import signal

            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0
            assert "Traceback" not in shown()
    finally:
        process.kill()
        process.wait()
    assert [shown().count(f"new {number}") for number in range(3)] == [1, 1, 1]
    assert shown().count("old one") == 1


def test_export_writes_what_a_filter_chooses_and_tells_it(call: Call, queue: Path, tmp_path: Path) -> None:
    target = tmp_path / "failed ä.csv"
    done = call("export", "status:failed", "--out", str(target), "--json")
    assert done.code == 0
    assert done.object["rows"] == len(target.read_text("utf-8-sig").splitlines()) - 1
    assert call("export", "--out", str(target)).code == 1
    assert call("export", "--out", str(target), "--overwrite").code == 0
    assert call("export", "--out", str(tmp_path / "no ending")).code == 2
    run_sql(queue, "INSERT INTO task_logs (task_id, level, message) VALUES (1, 'ERROR', 'x')")
    assert call("export", "level:ERROR", "--logs", "--out", str(tmp_path / "lines.ndjson")).code == 0
    assert call("export", "--level", "ERROR", "--out", str(tmp_path / "x.csv")).code == 2
    assert call("export", "status:failde", "--out", str(tmp_path / "none.csv")).code == 4
