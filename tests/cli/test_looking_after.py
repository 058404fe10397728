"""stats, doctor, completion, and the start of a verb: what is told, what is loaded, what is not."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import prismq_gui.queue
from prismq_gui.cli import main
from prismq_gui.commands.command import VERBS, Exit
from tests.cli.conftest import Call
from tests.helpers.files import copy_sample, make_foreign_queue, run_sql
from tests.helpers.processes import python_environment, run_program

NOW = datetime.now(timezone.utc).replace(tzinfo=None)
SHOWN = [verb for verb, (_module, help) in VERBS.items() if help]
GOOD = ["list", "show", "logs", "stats", "doctor", "enqueue", "retry", "cancel", "vacuum", "backup"]


def test_stats_tell_what_the_file_holds(call: Call, queue: Path) -> None:
    done = call("stats", "--json")
    found = done.object
    assert done.code == 0
    assert found["depth"]["by_status"] == {"queued": 3, "failed": 2, "dead_letter": 1, "leased": 1, "completed": 1}
    assert found["depth"]["total"] == 8
    assert found["success_rate"] == 0.25
    assert found["waiting"] is None
    assert found["oldest_waiting"]["task_id"] == 1
    text = call("stats").out
    assert "8 tasks" in text
    assert "25.0% succeeded" in text


def test_H12_stats_of_an_empty_queue(call: Call, tmp_path: Path) -> None:
    done = call("stats", db=make_foreign_queue(tmp_path / "empty.db"))
    assert done.code == 0
    assert "0 tasks" in done.out
    assert "No task is due" in done.out


@pytest.mark.parametrize("window", ["0", "-1h", "1y", "", "h", "1e3"])
def test_window_is_a_span_of_time(call: Call, window: str) -> None:
    assert call("stats", f"--window={window}").code == 2


def codes(done_object: dict[str, object]) -> set[object]:
    findings = done_object["findings"]
    assert isinstance(findings, list)
    return {finding["code"] for finding in findings if finding["severity"] != "note"}


def test_doctor_calls_a_good_queue_healthy(call: Call, tmp_path: Path) -> None:
    good = make_foreign_queue(tmp_path / "good.db", tasks=10)
    run_sql(good, "INSERT INTO workers VALUES ('alive', '{}', datetime('now'))")
    run_sql(
        good, "UPDATE task_queue SET status = 'leased', locked_by = 'alive', "
        "lease_until_utc = datetime('now', '+1 hour') WHERE id = 1"
    )  # fmt: skip
    done = call("doctor", "--json", db=good)
    assert (done.code, done.object["healthy"], codes(done.object)) == (0, True, set())
    assert "is healthy" in call("doctor", db=good).out


SICK = {
    "index-missing": "DROP INDEX ix_task_region",
    "lease-expired": "UPDATE task_queue SET status = 'processing', "
    "lease_until_utc = '2020-01-01T00:00:00Z' WHERE id = 1",
    "lease-unreadable": "UPDATE task_queue SET status = 'leased', lease_until_utc = 'soon' WHERE id = 1",
    "worker-unknown": "UPDATE task_queue SET status = 'leased', locked_by = 'gone', "
    "lease_until_utc = datetime('now', '+1 hour') WHERE id = 1",
    "time-iso": "UPDATE task_queue SET run_after_utc = '2026-01-01T00:00:00+00:00' WHERE id = 2",
    "time-unreadable": "UPDATE task_queue SET run_after_utc = 'tomorrow' WHERE id = 2",
}


@pytest.mark.parametrize("code", SICK)
def test_doctor_finds_each_fault_and_says_what_mends_it(call: Call, tmp_path: Path, code: str) -> None:
    sick = make_foreign_queue(tmp_path / "sick.db", tasks=5)
    run_sql(sick, SICK[code])
    done = call("doctor", "--json", "--fast", db=sick)
    assert done.code == 4
    assert done.object["healthy"] is False
    assert code in codes(done.object)
    (finding,) = [each for each in done.object["findings"] if each["code"] == code]
    assert finding["advice"]
    assert finding["sample_ids"] in ([1], [2], [])
    assert f"[{code}]" in call("doctor", "--fast", db=sick).out


def test_doctor_finds_an_index_of_other_columns(call: Call, tmp_path: Path) -> None:
    sick = make_foreign_queue(tmp_path / "sick.db", tasks=5)
    run_sql(sick, "DROP INDEX ix_task_type_status")
    run_sql(sick, "CREATE INDEX ix_task_type_status ON task_queue (status, type)")
    assert codes(call("doctor", "--json", "--fast", db=sick).object) == {"index-changed"}


def test_D13_doctor_finds_a_large_wal(call: Call, tmp_path: Path) -> None:
    sick = make_foreign_queue(tmp_path / "sick.db", tasks=5)
    with Path(f"{sick}-wal").open("wb") as wal:
        wal.truncate(300 * 1024 * 1024)
    assert "wal-large" in codes(call("doctor", "--json", "--fast", db=sick).object)


def test_D11_doctor_finds_damage(call: Call, tmp_path: Path) -> None:
    sick = make_foreign_queue(tmp_path / "sick.db", tasks=5_000)
    assert call("doctor", "--json", db=sick).code == 0
    with sick.open("r+b") as file:
        file.seek(sick.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xa5" * 4096)
    done = call("doctor", "--json", db=sick)
    assert done.code == 4
    assert "damage" in codes(done.object)
    assert "restore" in done.out


def test_doctor_changes_nothing(call: Call, tmp_path: Path) -> None:
    sample = copy_sample(tmp_path / "sample")
    before = sample.read_bytes()
    assert call("doctor", db=sample).code == 4
    assert sample.read_bytes() == before


def test_no_verb_loads_qt_nor_a_bar_it_does_not_show(queue: Path) -> None:
    """All in one process, since what one loads stays: the first that loads any of them is named."""
    more = {"show": ["4"], "enqueue": ["mail"], "retry": ["4", "--yes"], "cancel": ["1", "--yes"], "vacuum": ["--yes"]}
    code = (
        "import json, sys; from prismq_gui.cli import main\n"
        "for verb, *more in json.loads(sys.argv[1]):\n"
        "    code = main([verb, *more, '--db', sys.argv[2]])\n"
        "    loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "    unwanted = loaded & {'PySide6', 'shiboken6', 'rich', 'typer', 'asyncio', 'unittest'}\n"
        "    print('after', verb, code, sorted(unwanted), file=sys.stderr)"
    )
    calls = json.dumps([[verb, *more.get(verb, [])] for verb in GOOD])
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-W", "error", "-c", code, calls, str(queue)],
        env=python_environment(), capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    told = [line.split(" ", 3) for line in done.stderr.splitlines() if line.startswith("after ")]
    assert [(verb, code in ("0", "4"), loaded) for _, verb, code, loaded in told] == [
        (verb, True, "[]") for verb in GOOD
    ], done.stderr


def test_listing_loads_neither_workers_nor_operations() -> None:
    code = (
        "import sys; from prismq_gui.cli import main; main(['list', '--db', 'nowhere.db']); "
        "print(*sorted(sys.modules), file=sys.stdout)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=python_environment(), capture_output=True, encoding="utf-8", check=True
    )
    loaded = set(done.stdout.split())
    assert "prismq_gui.insight.reader" in loaded
    assert not loaded & {"prismq_gui.queue.worker", "multiprocessing", "prismq_gui.operations.operator", "logging"}


def test_every_public_name_of_the_queue_is_where_type_checkers_look_for_it() -> None:
    source = Path(prismq_gui.queue.__file__).read_text(encoding="utf-8")
    told = {
        alias.name: node.module
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("prismq_gui.queue.")
        for alias in node.names
    }
    assert set(told) == set(prismq_gui.queue.__all__)
    for name, module in told.items():
        assert getattr(prismq_gui.queue, name) is getattr(sys.modules[str(module)], name)
    with pytest.raises(AttributeError, match="no_such_name"):
        prismq_gui.queue.no_such_name  # noqa: B018


@pytest.mark.parametrize("verb", SHOWN)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    text = capsys.readouterr().out
    for code in Exit:
        assert f"{code.value} " in text
    assert "--json" in text
    assert main(["--help"]) == 0
    assert f"\n  {verb} " in capsys.readouterr().out


def test_completion_of_bash_completes(tmp_path: Path) -> None:
    script = run_program("completion", "bash").stdout
    (tmp_path / "completion.bash").write_text(script, encoding="utf-8")
    for words, expected in (
        (["prismq-gui", "ret"], "retry"), (["prismq-gui", "doctor", "--fa"], "--fast"),
        (["prismq-gui", "list", "--status", "dead"], "dead_letter"),
        (["prismq-gui", "completion", "power"], "powershell"),
    ):  # fmt: skip
        quoted = " ".join(f"'{word}'" for word in words)
        code = (
            f"source completion.bash; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _prismq_gui; "
            'echo "${COMPREPLY[@]}"'
        )
        try:
            done = subprocess.run(
                ["bash", "--norc", "-c", code], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
            )
        except FileNotFoundError:
            pytest.skip("there is no bash here")
        assert done.stdout.strip() == expected, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_names_every_verb_and_none_that_is_hidden(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(verb in script for verb in SHOWN)
    assert "demo-producer" not in script
    assert "--dry-run" in script or "-l dry-run" in script


def test_worker_takes_its_handlers_as_an_argument(tmp_path: Path) -> None:
    (tmp_path / "my_handlers.py").write_text(
        "from prismq_gui.queue import HandlerRegistry\nregistry = HandlerRegistry()\n"
        "@registry.task('job')\ndef job(context):\n    return {}\n",
        encoding="utf-8",
    )
    done = run_program("worker", "my_handlers:registry", "--db", "q.db", "--until-stdin-closes", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"exit_code": 0}
    assert main(["worker", "a:b", "--handlers", "c:d"]) == 2


def test_rates_are_of_the_window(call: Call, queue: Path) -> None:
    for minutes in (5, 20, 90):  # NOW is when this file was imported, some minutes ago
        run_sql(
            queue,
            "INSERT INTO task_queue (type, payload, status, finished_at_utc) VALUES ('mail', '{}', 'completed', ?)",
            (str(NOW - timedelta(minutes=minutes)),),
        )  # fmt: skip
    assert call("stats", "--json").object["throughput"]["completed"] == 2
    assert call("stats", "--json", "--window", "2h").object["throughput"]["completed"] == 3
