"""retry, cancel, enqueue, vacuum and backup: never all by accident, never without consent, told to the last task."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.cli.conftest import Call, statuses
from tests.helpers.files import make_foreign_queue, run_sql
from tests.helpers.hearing import python_that_hears
from tests.helpers.processes import python_environment, wait_until
from tests.helpers.windows import ask_to_stop

BEFORE = ["queued", "queued", "queued", "failed", "failed", "dead_letter", "leased", "completed"]


class Person(io.StringIO):
    """Stands in for a terminal at which somebody answers."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    "arguments",
    [
        ["--yes"],
        ["--yes", "--status", ""],
        ["--yes", "--text", "  "],
        ["--yes", "4", "--status", "failed"],
        ["--yes", "4", "--all"],
        ["--yes", "--all", "--type", "mail"],
        ["--status", "failed"],
        ["--status", "failed", "--json"],
        ["--yes", "four"],
    ],
)
def test_nothing_is_changed_by_an_unclear_wish(call: Call, queue: Path, arguments: list[str]) -> None:
    for verb in ("retry", "cancel"):
        done = call(verb, *arguments)
        assert done.code == 2
        assert "error:" in done.err
    assert statuses(queue) == BEFORE


def test_dry_run_tells_the_plan_and_changes_nothing(call: Call, queue: Path) -> None:
    done = call("retry", "--status", "failed,dead_letter,leased", "--dry-run")
    assert done.code == 0
    assert "3 tasks" in done.lines[0]
    assert "1 is running" in done.lines[0]
    assert statuses(queue) == BEFORE
    plan = call("retry", "--all", "--dry-run", "--json").object
    assert plan["report"] is None
    assert plan["plan"]["eligible"] == 3
    assert sum(skip["count"] for skip in plan["plan"]["skips"]) == 5
    assert statuses(queue) == BEFORE


def test_retry_by_filter_and_by_id(call: Call, queue: Path) -> None:
    done = call("retry", "--status", "failed", "--type", "video", "--yes")
    assert done.code == 0
    assert done.lines[-1] == "1 task was queued again."
    report = call("retry", "4", "6", "7", "999", "--yes", "--json").object["report"]
    assert report["changed"] == 2
    assert statuses(queue) == ["queued"] * 6 + ["leased", "completed"]


def test_cancel_leaves_the_running_alone(call: Call, queue: Path) -> None:
    done = call("cancel", "--all", "--yes")
    assert done.code == 0
    assert statuses(queue) == ["cancelled"] * 3 + BEFORE[3:]
    assert call("cancel", "--all", "--yes").code == 4


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 5), ("\n", 5), ("", 5), ("yeah\n", 5)])
def test_person_is_asked_first(
    call: Call, queue: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Person(answer))
    done = call("retry", "4")
    assert done.code == code
    assert "[y/N]" in done.err
    assert statuses(queue)[3] == ("queued" if code == 0 else "failed")


def test_C3_busy_file_is_told_by_its_own_code(call: Call, queue: Path) -> None:
    with closing(sqlite3.connect(queue, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = call("retry", "4", "--yes", "--json")
        other.execute("ROLLBACK")
    assert done.code == 3
    assert json.loads(done.err)["error"]["kind"] == "busy"
    assert statuses(queue) == BEFORE


def test_C8_interrupted_change_stops_between_portions_and_says_so(tmp_path: Path) -> None:
    many = make_foreign_queue(tmp_path / "many.db", tasks=60_000)
    process = subprocess.Popen(
        python_that_hears("-m", "prismq_gui", "cancel", "--all", "--yes", "--json", "--db", str(many)),
        env=python_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )  # fmt: skip
    with process:
        wait_until(lambda: cancelled(many) > 0, "the first portion is done")
        with closing(sqlite3.connect(many, isolation_level=None, timeout=30)) as other:
            other.execute("BEGIN IMMEDIATE")  # from here on it waits for the lock, and can't come to its end
            if sys.platform == "win32":
                ask_to_stop(process)  # by Ctrl-Break: a Ctrl-C goes to all of a console, the tests too
            else:
                process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
            other.execute("ROLLBACK")
    assert "Traceback" not in err
    report = json.loads(out)["report"]
    assert (process.returncode, report["stopped"]) == (130, True)
    assert report["changed"] == cancelled(many) < 60_000


@pytest.mark.skipif(sys.platform == "win32", reason="it has no pseudo-terminal that Python can open")
def test_bar_is_shown_on_a_terminal_and_leaves_the_result_alone(tmp_path: Path) -> None:
    import pty

    many = make_foreign_queue(tmp_path / "[bold]many[/bold].db", tasks=5_000)
    try:
        here, there = pty.openpty()
    except OSError as error:  # a container without /dev/pts
        pytest.skip(f"this system gives no pseudo-terminal: {error}")
    command = [sys.executable, "-m", "prismq_gui", "cancel", "--all", "--yes", "--json", "--db", str(many)]
    with subprocess.Popen(
        command, env=python_environment(TERM="xterm", COLUMNS="100"), stdout=subprocess.PIPE, stderr=there
    ) as process:
        os.close(there)
        shown = bytearray()
        with suppress(OSError), os.fdopen(here, "rb", buffering=0) as terminal:  # Linux ends a terminal by an error
            while part := terminal.read(4_096):
                shown += part
        assert process.stdout is not None
        out = process.stdout.read()
    assert process.returncode == 0
    assert b"of 5,000 done" in shown
    assert b"\x1b" not in out
    assert json.loads(out)["report"]["changed"] == 5_000


def cancelled(path: Path) -> int:
    rows = run_sql(path, "SELECT count(*) FROM task_queue WHERE status = 'cancelled'")
    return int(str(rows[0][0]))


def test_reader_that_ended_early_is_no_success_of_a_change(queue: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "prismq_gui", "retry", "4", "--yes", "--db", str(queue)],
        env=python_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()
        assert process.wait(timeout=60) == 1
    assert "has ended" in told
    assert "Traceback" not in told


def test_enqueue_puts_a_task_in_with_all_it_was_given(call: Call, queue: Path) -> None:
    arguments = ["mail", '{"to": "ž"}', "--priority", "5", "--max-attempts", "2", "--key", "k1"]
    done = call(
        "enqueue", *arguments, "--at", "2030-01-01T00:00:00+01:00", "--compatibility", '{"region": "eu"}', "--json"
    )
    assert (done.code, done.object["created"]) == (0, True)
    row = run_sql(
        queue,
        "SELECT type, payload, priority, max_attempts, run_after_utc, compatibility FROM task_queue WHERE id = ?",
        (done.object["task_id"],),
    )  # fmt: skip
    assert row == [("mail", '{"to": "ž"}', 5, 2, "2029-12-31 23:00:00", '{"region": "eu"}')]
    again = call("enqueue", *arguments, "--json")
    assert (again.code, again.object["created"], again.object["task_id"]) == (0, False, done.object["task_id"])


def test_enqueue_reads_its_payload_from_a_file(call: Call, queue: Path, tmp_path: Path) -> None:
    file = tmp_path / "my payload.json"
    file.write_bytes(b'\xef\xbb\xbf[1, "\xc5\x99"]')
    assert call("enqueue", "mail", "--payload-file", str(file)).code == 0
    assert run_sql(queue, "SELECT payload FROM task_queue WHERE id = 9") == [('[1, "ř"]',)]


@pytest.mark.parametrize(
    "arguments",
    [
        ["mail", "{"],
        ["mail", "5"],
        [""],
        ["mail", "--max-attempts", "0"],
        ["mail", "--delay", "0"],
        ["mail", "--at", "tomorrow"],
        ["mail", "--delay", "1h", "--at", "2030-01-01 00:00:00"],
        ["mail", "--compatibility", "[1]"],
        ["mail", "{}", "--payload-file", "x"],
        ["mail", "--payload-file", "not there"],
    ],
)
def test_what_is_no_task_is_refused_before_anything_is_written(call: Call, queue: Path, arguments: list[str]) -> None:
    assert call("enqueue", *arguments).code == 2
    assert statuses(queue) == BEFORE


def test_A4_enqueue_makes_no_queue_of_a_mistyped_name_or_another_programs_file(call: Call, tmp_path: Path) -> None:
    assert call("enqueue", "mail", db=tmp_path / "typo.db").code == 1
    assert not (tmp_path / "typo.db").exists()
    other = tmp_path / "other.db"
    run_sql(other, "CREATE TABLE notes (text)")
    before = other.read_bytes()
    for more in ([], ["--create"]):
        done = call("enqueue", "mail", *more, db=other)
        assert done.code == 1
        assert "task_queue" in done.err
    assert other.read_bytes() == before
    assert call("enqueue", "mail", "--create", db=tmp_path / "new folder" / "new.db").code == 0
    assert statuses(tmp_path / "new folder" / "new.db") == ["queued"]


def test_vacuum_frees_what_is_free(call: Call, tmp_path: Path) -> None:
    large = make_foreign_queue(tmp_path / "large.db", tasks=20_000)
    run_sql(large, "DELETE FROM task_queue WHERE id > 100")
    size = large.stat().st_size
    assert call("vacuum", db=large).code == 2  # nobody can be asked
    assert call("vacuum", "--dry-run", db=large).code == 0
    assert large.stat().st_size >= size
    done = call("vacuum", "--yes", "--json", db=large)
    assert (done.code, done.object["report"]["problem"]) == (0, None)
    assert large.stat().st_size < size
    assert len(statuses(large)) == 100


def test_backup_is_whole_and_overwrites_nothing(call: Call, queue: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy of ü.db"
    done = call("backup", str(target), "--json")
    assert (done.code, done.object["tasks"], done.object["path"]) == (0, 8, str(target))
    assert statuses(target) == BEFORE
    run_sql(queue, "DELETE FROM task_queue")
    again = call("backup", str(target))
    assert again.code == 1
    assert statuses(target) == BEFORE
