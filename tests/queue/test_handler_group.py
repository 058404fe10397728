"""What handlers in processes start is ended with them, however that comes, and left alone where they are done."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from prismq_gui.queue import QueueClient, QueueDatabase, QueueWorker, RetryPolicy
from prismq_gui.queue import handler_process as handler_process_module
from tests.helpers.files import run_sql
from tests.helpers.processes import is_alive, wait_until
from tests.queue.process_handlers import busy, make_registry
from tests.queue.worker_processes import launch_worker


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler_process_module, "LAST_CHANCE_S", 0.2)
    monkeypatch.setattr(handler_process_module, "KILL_AFTER_S", 1.0)


def make_worker(db: QueueDatabase) -> QueueWorker:
    registry = make_registry()
    registry.add("too slow", busy, timeout_s=0.2)
    return QueueWorker(
        db.db_path, registry, worker_id="w", isolation="process", poll_interval_s=0.01, grace_s=0,
        retry=RetryPolicy(base_s=0.0),
    )  # fmt: skip


def programs(path: Path) -> list[int]:
    """Return the ids of the programs that handlers have started."""
    sql = "SELECT json_extract(details, '$.pid') FROM task_logs WHERE message = 'started' ORDER BY log_id"
    return [int(str(row[0])) for row in run_sql(path, sql)]


def status(db: QueueDatabase) -> object:
    return run_sql(db.db_path, "SELECT status FROM task_queue")[0][0]


def wait_for_its_end(pid: int) -> None:
    wait_until(lambda: not is_alive(pid), "the program has ended")


def test_a_timeout_ends_what_the_handler_has_started(db: QueueDatabase) -> None:
    QueueClient(db).enqueue("leave_running", priority=1)  # apart, since starting a program may take longer than 0.2 s
    slow = QueueClient(db).enqueue("too slow", max_attempts=1).task_id
    make_worker(db).run(until_empty=True)
    (pid,) = programs(db.db_path)
    wait_for_its_end(pid)
    assert QueueClient(db).result(slow).error == "TaskTimeout: too slow took longer than 0.2 s; its process was ended"


def test_a_crash_ends_what_the_handler_has_started(db: QueueDatabase) -> None:
    QueueClient(db).enqueue("deserter", max_attempts=1)
    make_worker(db).run(until_empty=True)
    (pid,) = programs(db.db_path)
    wait_for_its_end(pid)
    assert status(db) == "dead_letter"


def test_F21_a_stop_ends_what_the_handler_has_started(db: QueueDatabase) -> None:
    QueueClient(db).enqueue("parent")
    stop = threading.Event()
    thread = threading.Thread(target=make_worker(db).run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: bool(programs(db.db_path)), "the program runs")
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()
    (pid,) = programs(db.db_path)
    wait_for_its_end(pid)
    assert status(db) == "queued"


def test_F1_a_worker_that_is_killed_leaves_no_program_of_its_handlers(db: QueueDatabase) -> None:
    QueueClient(db).enqueue("parent")
    worker = launch_worker(db.db_path, isolation="process")
    try:
        wait_until(lambda: bool(programs(db.db_path)) or worker.poll() is not None, "the program runs")
    finally:
        worker.kill()
        errors = worker.communicate(timeout=30)[1]
    found = programs(db.db_path)
    assert found, errors
    wait_for_its_end(found[0])


def test_what_a_handler_that_is_done_left_running_goes_on(db: QueueDatabase) -> None:
    QueueClient(db).enqueue("leave_running")
    make_worker(db).run(until_empty=True)
    (pid,) = programs(db.db_path)
    try:
        assert status(db) == "completed"
        assert is_alive(pid)
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_for_its_end(pid)
