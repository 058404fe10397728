"""The options of the verb ``worker``, on real worker processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.cli import main
from prismq_gui.queue import QueueClient, QueueDatabase
from tests.helpers.files import run_sql
from tests.helpers.processes import python_environment, wait_until
from tests.helpers.windows import ask_to_stop

HANDLERS = """
import os
from pathlib import Path

from prismq_gui.queue import HandlerRegistry
from tests.helpers.windows import hear_ctrl_break

hear_ctrl_break()
registry = HandlerRegistry()


@registry.task("note")
def note(context):
    context.log("ran", n=context.payload["n"])


@registry.task("meet")
def meet(context):
    Path(context.payload["mine"]).touch()
    while not Path(context.payload["other"]).exists():
        context.wait(0.01)
    return os.getpid()


@registry.task("endless")
def endless(context):
    context.log("begun")
    context.wait(3600)
"""
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with handlers and a queue, whose name has a space and an umlaut."""
    folder = tmp_path / "meine Ablage ü"
    folder.mkdir()
    (folder / "my_handlers.py").write_text(HANDLERS, encoding="utf-8")
    with QueueDatabase(folder / "queue.db") as db:
        db.initialize_schema()
    return folder


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start workers in that folder, which are surely gone after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def launch(*options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "prismq_gui", "worker", "my_handlers:registry", "--db", "queue.db", *options]
        started.append(
            subprocess.Popen(
                command,
                cwd=folder,
                env=python_environment(),
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        )
        return started[-1]

    yield launch
    for process in started:
        process.kill()
        process.communicate(timeout=30)


def rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    return run_sql(folder / "queue.db", sql)


def wait_for_all(folder: Path) -> None:
    wait_until(lambda: not rows(folder, "SELECT 1 FROM task_queue WHERE status <> 'completed'"), "all are completed")


def test_strategy_orders_the_tasks_and_log_lines_can_be_left_out(folder: Path, start: Start) -> None:
    with QueueClient(folder / "queue.db") as client:
        for number in range(3):
            client.enqueue("note", {"n": number}, priority=30 - number)
    worker = start("--strategy", "FIFO", "--no-log-lines")
    wait_for_all(folder)
    ask_to_stop(worker)
    assert worker.wait(timeout=30) == 0
    lines = rows(folder, "SELECT message, details FROM task_logs ORDER BY log_id")
    assert [(message, json.loads(str(details))["n"]) for message, details in lines] == [("ran", n) for n in range(3)]


def test_by_default_priority_orders_the_tasks_and_each_has_its_lines(folder: Path, start: Start) -> None:
    with QueueClient(folder / "queue.db") as client:
        for number in range(2):
            client.enqueue("note", {"n": number}, priority=30 - number)
    start("--id", "w")
    wait_for_all(folder)
    lines = rows(folder, "SELECT task_id, message FROM task_logs ORDER BY log_id")
    assert lines == [(task, words) for task in (2, 1) for words in ("note started by w", "ran", "completed")]


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_so_many_run_at_a_time_each_where_it_was_asked_for(folder: Path, start: Start, isolation: str) -> None:
    with closing(QueueClient(folder / "queue.db")) as client:
        sides = [("a", "b"), ("b", "a")]
        ids = [client.enqueue("meet", {"mine": mine, "other": other}).task_id for mine, other in sides]
        worker = start("--concurrency", "2", "--isolation", isolation)
        pids = [int(client.wait(task_id, timeout_s=60).result_json or 0) for task_id in ids]
    if isolation == "thread":
        assert pids[0] == pids[1]
    else:
        assert len({*pids, worker.pid}) == 3


def test_F21_the_grace_lasts_until_the_second_signal_ends_it(folder: Path, start: Start) -> None:
    with QueueClient(folder / "queue.db") as client:
        client.enqueue("endless")
    worker = start("--grace", "3600")
    wait_until(lambda: bool(rows(folder, "SELECT 1 FROM task_logs WHERE message = 'begun'")), "the handler runs")
    ask_to_stop(worker)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(timeout=1)
    ask_to_stop(worker)
    assert worker.wait(timeout=30) == 0
    assert rows(folder, "SELECT status, attempts FROM task_queue") == [("queued", 0)]


def test_F21_without_a_grace_the_first_signal_gives_the_task_back(folder: Path, start: Start) -> None:
    with QueueClient(folder / "queue.db") as client:
        client.enqueue("endless")
    worker = start("--grace", "0")
    wait_until(lambda: bool(rows(folder, "SELECT 1 FROM task_logs WHERE message = 'begun'")), "the handler runs")
    ask_to_stop(worker)
    assert worker.wait(timeout=30) == 0
    assert rows(folder, "SELECT status, attempts FROM task_queue") == [("queued", 0)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--concurrency", "0"], "1 to 256"),
        (["--concurrency", "two"], "whole number"),
        (["--isolation", "container"], "thread"),
        (["--grace", "-1"], "seconds"),
        (["--grace", "nan"], "seconds"),
        (["--strategy", "random"], "weighted-random"),
    ],
)
def test_what_is_not_allowed_is_told_and_nothing_starts(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["worker", "prismq_gui.demo.handlers:registry", *options]) == 2
    assert words in capsys.readouterr().err


def test_help_tells_what_each_signal_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "The first Ctrl-C: no further task is taken" in text
    assert "The second one: they are given back at once" in text
    assert "The third one ends the process now" in text
