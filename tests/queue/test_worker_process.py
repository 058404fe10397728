"""A worker as a process: signals in stages, handlers that will not end, and kill -9 again and again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from prismq_gui.queue import Claimer, QueueClient, QueueDatabase
from tests.helpers.files import run_sql
from tests.helpers.windows import ask_to_stop
from tests.queue.worker_processes import launch_worker

CONTROL_C_EXIT = 0xC000013A  # how Windows ends a process that has no ear for Ctrl-C or Ctrl-Break
Launch = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def launch(db: QueueDatabase) -> Iterator[Launch]:
    """Start workers that are surely gone, with their pipes, after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(**options: object) -> subprocess.Popen[str]:
        started.append(launch_worker(db.db_path, **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=30)


def wait_for_line(db: QueueDatabase, message: str, process: subprocess.Popen[str]) -> None:
    while not run_sql(db.db_path, "SELECT 1 FROM task_logs WHERE message = ?", (message,)):
        assert process.poll() is None, process.communicate()[1]


def state(db: QueueDatabase) -> list[tuple[object, ...]]:
    return run_sql(db.db_path, "SELECT status, attempts FROM task_queue ORDER BY id")


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_F21_a_signal_gives_the_task_back_after_the_grace(db: QueueDatabase, launch: Launch, isolation: str) -> None:
    QueueClient(db).enqueue("polite")
    process = launch(grace_s=0.1, isolation=isolation)
    wait_for_line(db, "waiting", process)
    ask_to_stop(process)
    assert process.wait(timeout=30) == 0
    assert state(db) == [("queued", 0)]
    assert run_sql(db.db_path, "SELECT 1 FROM task_logs WHERE message = 'tidied up'") == [(1,)]


def test_F21_the_second_signal_gives_it_back_at_once(db: QueueDatabase, launch: Launch) -> None:
    QueueClient(db).enqueue("polite")
    process = launch(grace_s=3600)
    wait_for_line(db, "waiting", process)
    ask_to_stop(process)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    ask_to_stop(process)
    assert process.wait(timeout=30) == 0
    assert state(db) == [("queued", 0)]


def test_F21_a_handler_that_never_checks_is_ended_with_its_process_and_its_task_given_back(
    db: QueueDatabase, launch: Launch
) -> None:
    QueueClient(db).enqueue("busy")
    process = launch(grace_s=0)
    wait_for_line(db, "busy", process)
    ask_to_stop(process)
    assert process.wait(timeout=30) == 1
    assert state(db) == [("queued", 0)]
    assert "a handler did not end in time; its task is given back" in process.communicate()[1]


def test_F21_the_third_signal_ends_the_process_and_the_lease_is_left_to_end(db: QueueDatabase, launch: Launch) -> None:
    QueueClient(db).enqueue("busy")
    process = launch(grace_s=3600)
    wait_for_line(db, "busy", process)
    while process.poll() is None:
        ask_to_stop(process)
        with suppress(subprocess.TimeoutExpired):  # on Windows those that come while one is looked at are one with it
            process.wait(timeout=0.05)
    # The signal after the last may meet an interpreter that is ending already.
    stop = signal.SIGBREAK if sys.platform == "win32" else signal.SIGTERM
    assert process.returncode in {128 + stop, -signal.SIGTERM, CONTROL_C_EXIT}
    assert state(db) == [("processing", 1)]


@pytest.mark.skipif(sys.platform == "win32", reason="there the group is sent Ctrl-Break by the tests above")
def test_a_signal_to_the_whole_group_does_not_fail_the_tasks_of_its_processes(
    db: QueueDatabase, launch: Launch
) -> None:
    QueueClient(db).enqueue("polite")
    process = launch(grace_s=0.1, isolation="process")
    wait_for_line(db, "waiting", process)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=30) == 0
    assert state(db) == [("queued", 0)]


KILLS, LEASE_S, AHEAD = int(os.environ.get("PRISMQ_FIRE_KILLS", "12")), 0.5, 40


@pytest.fixture
def feeding(db: QueueDatabase, tmp_path: Path) -> Iterator[Callable[[], int]]:
    """Keep tasks waiting until called, which tells how many there were in all."""
    enough, ids = threading.Event(), []
    payload = {"db": str(db.db_path), "journal": str(tmp_path / "journal")}
    (tmp_path / "journal").mkdir()

    def feed() -> None:
        with QueueClient(db.db_path) as client:
            while not enough.wait(0.01):
                waiting = run_sql(db.db_path, "SELECT count(*) FROM task_queue WHERE status = 'queued'")[0][0]
                for _ in range(AHEAD - int(str(waiting))):
                    ids.append(client.enqueue("journaled", payload, max_attempts=1000).task_id)

    def end() -> int:
        enough.set()
        thread.join(30)
        return len(ids)

    thread = threading.Thread(target=feed)
    thread.start()
    yield end
    end()


@pytest.mark.slow
def test_F1_F6_workers_killed_mid_task_again_and_again_lose_nothing_and_never_share_a_lease(
    db: QueueDatabase, launch: Launch, feeding: Callable[[], int], tmp_path: Path
) -> None:
    kinds = [{"isolation": "process", "concurrency": 2}, {"concurrency": 2}, {}]
    crew = [launch(lease_seconds=LEASE_S, **kind) for kind in kinds]
    for kill in range(KILLS):
        victim = kill % len(crew)
        output = crew[victim].stdout
        assert output is not None
        for _ in range(random.randint(1, 3)):
            if output.readline() != "started\n":  # now it is in the midst of a task
                pytest.fail(f"a worker ended by itself: {crew[victim].communicate()[1]}")
        crew[victim].kill()
        if kill < KILLS - len(crew):
            crew[victim] = launch(lease_seconds=LEASE_S, **kinds[victim])
    tasks = feeding()
    survivor = launch(lease_seconds=LEASE_S)
    claimer = Claimer(db)
    while {status for status, _ in state(db)} != {"completed"}:
        claimer.rescue()
        assert survivor.poll() is None
    _check_journal(db, tmp_path / "journal", tasks)


def _check_journal(db: QueueDatabase, journal: Path, tasks: int) -> None:
    runs: dict[int, list[list[object]]] = defaultdict(list)
    pages = [page.read_text(encoding="utf-8") for page in journal.iterdir()]
    for run in map(json.loads, filter(None, pages)):  # one that was killed before it wrote leaves an empty page
        runs[run[0]].append(run)
    assert sorted(runs) == list(range(1, tasks + 1))
    assert sum(len(again) - 1 for again in runs.values()) > 0  # some did run again
    for again in runs.values():
        assert len({run[1] for run in again}) == len(again)  # no attempt ran twice
        for _task, _attempt, worker, _reserved, _until, holder in again:
            assert worker == holder
        for before, after in pairwise(sorted(again, key=lambda run: int(str(run[1])))):
            assert str(after[3]) >= str(before[4]), "claimed before the lease of the one before was over"
    once = "SELECT count(*), count(DISTINCT task_id) FROM task_logs WHERE message = 'completed'"
    assert run_sql(db.db_path, once) == [(tasks, tasks)]
    assert run_sql(db.db_path, "PRAGMA integrity_check") == [("ok",)]
