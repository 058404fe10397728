"""Handlers in processes of their own: what comes back, what is ended by force, and that no worker dies of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prismq_gui.queue import HandlerRegistry, QueueClient, QueueDatabase, QueueWorker, RetryPolicy, request_cancel
from prismq_gui.queue import handler_process as handler_process_module
from prismq_gui.queue.handler_process import exit_words
from tests.helpers.files import run_sql
from tests.helpers.processes import is_alive
from tests.queue.process_handlers import make_registry

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="process groups and SIGTERM are of POSIX")


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler_process_module, "LAST_CHANCE_S", 0.2)
    monkeypatch.setattr(handler_process_module, "KILL_AFTER_S", 1.0)


def make_worker(db: QueueDatabase, **options: object) -> QueueWorker:
    registry = options.pop("registry", None) or make_registry()
    settings = {
        "worker_id": "w", "isolation": "process", "poll_interval_s": 0.01, "lease_seconds": 0.6, "grace_s": 0,
        "retry": RetryPolicy(base_s=0.0),
    }  # fmt: skip
    return QueueWorker(db.db_path, registry, **(settings | options))  # type: ignore[arg-type]


def work(db: QueueDatabase, **options: object) -> int:
    return make_worker(db, **options).run(until_empty=True)


def state(db: QueueDatabase, task_id: int) -> tuple[str, int, str]:
    task = QueueClient(db).get(task_id)
    assert task is not None
    return task.status, task.attempts, task.error_message or ""


def details_of(db: QueueDatabase, message: str) -> dict[str, object]:
    row = db.execute("SELECT details FROM task_logs WHERE message = ? ORDER BY log_id DESC", (message,)).fetchone()
    return dict(json.loads(row[0]))


def wait_for_line(db: QueueDatabase, message: str) -> dict[str, object]:
    while not run_sql(db.db_path, "SELECT 1 FROM task_logs WHERE message = ?", (message,)):
        pass
    return details_of(db, message) if db.execute(
        "SELECT 1 FROM task_logs WHERE message = ? AND details IS NOT NULL", (message,)
    ).fetchone() else {}  # fmt: skip


@pytest.fixture
def running(db: QueueDatabase) -> Iterator[Callable[..., threading.Event]]:
    """Start a worker in a thread; it is told to end at the end of the test."""
    threads, stops = [], []

    def start(**options: object) -> threading.Event:
        stop = threading.Event()
        thread = threading.Thread(target=make_worker(db, **options).run, args=(stop,))
        thread.start()
        threads.append(thread)
        stops.append(stop)
        return stop

    yield start
    for stop, thread in zip(stops, threads, strict=True):
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def test_result_and_log_lines_come_back_and_the_process_is_used_again(db: QueueDatabase) -> None:
    ids = [QueueClient(db).enqueue("answer", {"n": n}).task_id for n in (1, 2)]
    assert work(db) == 2
    assert [state(db, task_id) for task_id in ids] == [("completed", 1, "")] * 2
    rows = db.execute("SELECT level, message, details FROM task_logs WHERE task_id = ? ORDER BY log_id", (ids[1],))
    lines = [tuple(row) for row in rows]
    assert [line[:2] for line in lines] == [
        ("INFO", "answer started by w"), ("DEBUG", "half way"), ("INFO", "from logging: 2"), ("INFO", "completed"),
    ]  # fmt: skip
    assert json.loads(lines[1][2]) == {"n": 2}
    results = [
        json.loads(row[0])["result"]
        for row in db.execute("SELECT details FROM task_logs WHERE message = 'completed' ORDER BY log_id")
    ]
    assert [result["double"] for result in results] == [2, 4]
    assert results[0]["pid"] == results[1]["pid"] != os.getpid()
    assert not is_alive(results[0]["pid"])  # it ends with its worker


def test_errors_come_back_with_their_traceback(db: QueueDatabase) -> None:
    transient = QueueClient(db).enqueue("fall_over", max_attempts=2).task_id
    permanent = QueueClient(db).enqueue("give_up").task_id
    registered = QueueClient(db).enqueue("not_there").task_id
    left = QueueClient(db).enqueue("leave", max_attempts=1).task_id
    odd = QueueClient(db).enqueue("odd_result").task_id
    work(db)
    assert state(db, transient) == ("dead_letter", 2, "ConnectionError: refused")
    assert state(db, permanent) == ("failed", 1, "PermanentError: unsupported")
    assert state(db, registered) == ("failed", 1, "FileNotFoundError: gone")
    assert state(db, left) == ("dead_letter", 1, "SystemExit: 3")
    assert state(db, odd)[0] == "completed"
    trace = details_of(db, "attempt 1 of 2 failed; next try in 0.0 s")["traceback"]
    assert "in fall_over" in str(trace)


def test_F5_a_process_that_dies_is_a_failed_attempt_and_the_worker_goes_on(db: QueueDatabase) -> None:
    vanished = QueueClient(db).enqueue("vanish", max_attempts=2, priority=1).task_id
    crashed = QueueClient(db).enqueue("crash", max_attempts=1, priority=1).task_id
    good = QueueClient(db).enqueue("answer", {"n": 4}).task_id
    assert work(db) == 4
    words = "HandlerCrashed: the process of '{}' ended by itself: {}"
    assert state(db, vanished) == ("dead_letter", 2, words.format("vanish", "exit code 7"))
    assert state(db, crashed)[:2] == ("dead_letter", 1)
    if sys.platform != "win32":
        assert state(db, crashed)[2] == words.format("crash", "killed by SIGKILL (exit code -9)")
    assert state(db, good)[0] == "completed"


def test_a_handler_that_takes_too_long_is_ended_by_force(db: QueueDatabase) -> None:
    deaf = QueueClient(db).enqueue("deaf", max_attempts=1).task_id
    polite = QueueClient(db).enqueue("polite", max_attempts=1).task_id
    work(db, registry=make_registry(timeout_s=0.5))
    assert state(db, deaf) == (
        "dead_letter", 1, "TaskTimeout: deaf took longer than 0.5 s; its process was ended",
    )  # fmt: skip
    assert state(db, polite) == ("dead_letter", 1, "TaskTimeout: polite took longer than allowed")
    assert not is_alive(int(str(details_of(db, "deaf")["pid"])))


def test_a_cancelled_handler_ends_itself_or_is_ended_by_force(
    db: QueueDatabase, running: Callable[..., threading.Event]
) -> None:
    deaf, polite = (QueueClient(db).enqueue(type).task_id for type in ("deaf", "polite"))
    running(concurrency=2)
    pid = int(str(wait_for_line(db, "deaf")["pid"]))
    wait_for_line(db, "waiting")
    for task_id in (deaf, polite):
        request_cancel(db, task_id, "anna")
    while [state(db, task_id)[0] for task_id in (deaf, polite)] != ["cancelled"] * 2:
        pass
    assert not is_alive(pid)
    assert run_sql(db.db_path, "SELECT count(*) FROM task_logs WHERE message = 'tidied up'") == [(1,)]


def test_F3_a_handler_whose_lease_was_lost_is_ended_and_its_task_left_alone(
    db: QueueDatabase, running: Callable[..., threading.Event], capsys: pytest.CaptureFixture[str]
) -> None:
    QueueClient(db).enqueue("deaf")
    running()
    pid = int(str(wait_for_line(db, "deaf")["pid"]))
    run_sql(db.db_path, "UPDATE task_queue SET locked_by = 'thief', lease_until_utc = '2999-01-01 00:00:00'")
    while is_alive(pid):
        pass
    later = QueueClient(db).enqueue("answer", {"n": 1}).task_id
    while state(db, later)[0] != "completed":
        pass
    assert run_sql(db.db_path, "SELECT status, locked_by FROM task_queue WHERE id = 1") == [("processing", "thief")]
    assert "Task 1 is no longer held by w" in capsys.readouterr().err


def test_F21_a_stopping_worker_gives_back_what_its_processes_ran(
    db: QueueDatabase, running: Callable[..., threading.Event]
) -> None:
    deaf, polite = (QueueClient(db).enqueue(type).task_id for type in ("deaf", "polite"))
    stop = running(concurrency=2)
    pid = int(str(wait_for_line(db, "deaf")["pid"]))
    wait_for_line(db, "waiting")
    stop.set()
    while [state(db, task_id) for task_id in (deaf, polite)] != [("queued", 0, "")] * 2:
        pass
    assert not is_alive(pid)


@POSIX_ONLY
def test_finally_blocks_run_before_the_process_is_killed(db: QueueDatabase, tmp_path: Path) -> None:
    QueueClient(db).enqueue("tidy", {"file": str(tmp_path / "done")}, max_attempts=1)
    work(db, registry=make_registry(timeout_s=0.2))
    assert (tmp_path / "done").read_text(encoding="utf-8") == "tidied up"


def test_a_process_killed_from_outside_is_its_tasks_failure_alone(
    db: QueueDatabase, running: Callable[..., threading.Event]
) -> None:
    task_id = QueueClient(db).enqueue("deaf", max_attempts=1).task_id
    running()
    pid = int(str(wait_for_line(db, "deaf")["pid"]))
    os.kill(pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    while state(db, task_id)[0] != "dead_letter":
        pass
    assert ("exit code 15" if sys.platform == "win32" else "killed by SIGKILL") in state(db, task_id)[2]


def test_a_handler_that_another_process_cannot_find_is_refused_at_once(db: QueueDatabase) -> None:
    registry = HandlerRegistry()
    registry.add("job", lambda _context: None, isolation="process")
    with pytest.raises(ValueError, match="can't run in a process of its own"):
        QueueWorker(db.db_path, registry)
    with pytest.raises(ValueError, match="isolation must be one of"):
        registry.add("other", print, isolation="container")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="isolation must be one of"):
        QueueWorker(db.db_path, make_registry(), isolation="fork")  # type: ignore[arg-type]


def test_exit_codes_are_told_in_words() -> None:
    assert exit_words(None) == "its exit code is unknown"
    assert exit_words(3) == "exit code 3"
    assert exit_words(0xC0000005) == "exit code 3221225477 (0xC0000005)"


UNGUARDED = """
import sys
from tests.queue.process_handlers import make_registry
from prismq_gui.queue import QueueWorker
QueueWorker(sys.argv[1], make_registry(), worker_id="w", isolation="process").run(until_empty=True)
"""


def test_a_main_program_without_a_guard_is_told_and_starts_no_second_worker(db: QueueDatabase, tmp_path: Path) -> None:
    task_id = QueueClient(db).enqueue("answer", {"n": 1}, max_attempts=1).task_id
    script = tmp_path / "no guard.py"
    script.write_text(UNGUARDED, encoding="utf-8")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-X", "utf8", str(script), str(db.db_path)], env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True, text=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Put the start of the worker behind: if __name__ == '__main__':" in done.stderr
    status, attempts, error = state(db, task_id)
    assert (status, attempts) == ("dead_letter", 1)
    assert "ended before its handler could start" in error
    started = run_sql(db.db_path, "SELECT count(*) FROM task_logs WHERE message LIKE '%started by%'")
    assert started == [(1,)]
