"""Workers: what becomes of each task, fencing, stopping, dying."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from prismq_gui.queue import (
    ClaimedTask,
    Claimer,
    HandlerRegistry,
    LeaseLost,
    PermanentError,
    QueueClient,
    QueueDatabase,
    QueueWorker,
    RetryPolicy,
    TaskContext,
    TaskTimeout,
    install_signal_handlers,
    settling,
)
from prismq_gui.queue.heartbeat import Keeper
from prismq_gui.queue.logs import shorten
from prismq_gui.queue.signals import SIGNAL_NAMES
from prismq_gui.queue.timestamps import now_utc
from tests.helpers.files import run_sql
from tests.queue.processes import launch

AT_ONCE = RetryPolicy(base_s=0.0)


def work(db: QueueDatabase, registry: HandlerRegistry, **arguments: object) -> int:
    options = {"worker_id": "w", "retry": AT_ONCE, "poll_interval_s": 0.01} | arguments
    return QueueWorker(db.db_path, registry, **options).run(until_empty=True)  # type: ignore[arg-type]


def state(db: QueueDatabase, task_id: int) -> tuple[str, int, str | None]:
    task = QueueClient(db).get(task_id)
    assert task is not None
    return task.status, task.attempts, task.error_message


def log_of(db: QueueDatabase, task_id: int) -> list[tuple[str, str]]:
    rows = db.execute("SELECT level, message FROM task_logs WHERE task_id = ? ORDER BY log_id", (task_id,))
    return [(row["level"], row["message"]) for row in rows]


def claim(db: QueueDatabase, worker: str = "w1") -> ClaimedTask:
    task = Claimer(db).claim(worker)
    assert task is not None
    return task


def test_a_task_that_succeeds_is_completed_with_its_log(db: QueueDatabase) -> None:
    registry = HandlerRegistry()

    @registry.task("job", timeout_s=60)
    def handler(context: TaskContext) -> object:
        context.log("half way", "DEBUG", done=context.payload["n"], odd=object)
        context.check()
        context.wait(0.001)
        return {"answer": 42}

    task_id = QueueClient(db).enqueue("job", {"n": 1}).task_id
    other = QueueClient(db).enqueue("unknown").task_id
    assert work(db, registry, capabilities={"region": "eu"}) == 1
    assert state(db, task_id) == ("completed", 1, None)
    assert state(db, other)[0] == "queued"  # no handler here: left to other workers
    assert log_of(db, task_id) == [("INFO", "job started by w"), ("DEBUG", "half way"), ("INFO", "completed")]
    details = db.execute("SELECT details FROM task_logs ORDER BY log_id DESC").fetchone()[0]
    assert json.loads(details)["result"] == {"answer": 42}
    assert db.execute("SELECT capabilities FROM workers WHERE worker_id = 'w'").fetchone()[0] == '{"region": "eu"}'


def test_errors_are_tried_again_until_the_attempts_are_used_up(db: QueueDatabase) -> None:
    registry = HandlerRegistry()

    def handler(context: TaskContext) -> None:
        raise ConnectionError(f"refused {context.attempt}") if context.attempt < 3 else RuntimeError

    registry.add("job", handler)
    task_id = QueueClient(db).enqueue("job", max_attempts=3).task_id
    assert work(db, registry) == 3
    assert state(db, task_id) == ("dead_letter", 3, "RuntimeError")
    assert ("WARNING", "attempt 1 of 3 failed; next try in 0.0 s") in log_of(db, task_id)
    trace = db.execute("SELECT details FROM task_logs WHERE level = 'WARNING'").fetchone()[0]
    assert "ConnectionError: refused 1" in json.loads(trace)["traceback"]


def test_a_permanent_error_is_not_tried_again(db: QueueDatabase) -> None:
    registry = HandlerRegistry()

    @registry.task("job")
    def handler(_context: TaskContext) -> None:
        raise PermanentError("unsupported")

    task_id = QueueClient(db).enqueue("job").task_id
    assert work(db, registry) == 1
    assert state(db, task_id) == ("failed", 1, "PermanentError: unsupported")


def test_a_handler_that_takes_too_long_times_out_at_its_next_check(db: QueueDatabase) -> None:
    registry = HandlerRegistry()

    @registry.task("job", timeout_s=0.01)
    def handler(context: TaskContext) -> None:
        context.wait(30)

    task_id = QueueClient(db).enqueue("job", max_attempts=1).task_id
    work(db, registry)
    assert state(db, task_id) == ("dead_letter", 1, "TaskTimeout: job took longer than allowed")
    assert issubclass(TaskTimeout, Exception)


def test_F19_a_payload_that_is_not_json_fails_its_task_and_the_worker_goes_on(db: QueueDatabase) -> None:
    registry = HandlerRegistry()
    registry.add("job", lambda _context: None)
    db.execute("INSERT INTO task_queue (type, payload) VALUES ('job', '{broken'), ('job', x'ff')")
    good = QueueClient(db).enqueue("job").task_id
    assert work(db, registry) == 3
    assert state(db, good)[0] == "completed"
    for task_id in (1, 2):
        assert state(db, task_id)[0] == "failed"
        assert "payload is not JSON" in str(state(db, task_id)[2])


def test_a_type_without_a_handler_fails_where_it_was_asked_for(db: QueueDatabase) -> None:
    registry = HandlerRegistry()
    registry.add("job", lambda _context: None)
    task_id = QueueClient(db).enqueue("other").task_id
    work(db, registry, types=["other"])
    assert state(db, task_id) == ("failed", 1, "PermanentError: no handler for the type 'other'")
    with pytest.raises(ValueError, match="no handlers"):
        QueueWorker(db.db_path, HandlerRegistry())


def test_a_registry_refuses_what_makes_no_sense() -> None:
    registry = HandlerRegistry()
    registry.add("job", lambda _context: None)
    with pytest.raises(ValueError, match="already"):
        registry.add("job", lambda _context: None)
    with pytest.raises(ValueError, match="positive"):
        registry.add("other", lambda _context: None, timeout_s=0)


def test_a_stopping_worker_gives_its_task_back_uncounted(db: QueueDatabase) -> None:
    registry, stop, started = HandlerRegistry(), threading.Event(), threading.Event()

    @registry.task("job")
    def handler(context: TaskContext) -> None:
        started.set()
        context.wait(60)

    task_id = QueueClient(db).enqueue("job").task_id
    worker = QueueWorker(db.db_path, registry, worker_id="w", poll_interval_s=0.01, grace_s=0)
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    assert started.wait(20)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert state(db, task_id) == ("queued", 0, None)
    assert log_of(db, task_id)[-1] == ("INFO", "released by w: the worker is stopping")
    assert claim(db, "next").id == task_id


def test_F3_F4_who_lost_the_lease_cannot_settle_the_task_any_more(db: QueueDatabase) -> None:
    QueueClient(db).enqueue("job")
    slept = claim(db, "w1")
    settling.start(db, slept)
    db.execute("UPDATE task_queue SET lease_until_utc = '2020-01-01 00:00:00'")
    owner = claim(db, "w1")  # a restarted worker may have the same id: the attempt tells them apart
    assert owner.attempt == 2
    before = run_sql(db.db_path, "SELECT * FROM task_queue")
    lines = run_sql(db.db_path, "SELECT count(*) FROM task_logs")
    for late in (
        lambda: settling.complete(db, slept),
        lambda: settling.fail(db, slept, "x"),
        lambda: settling.bury(db, slept, "x"),
        lambda: settling.retry_later(db, slept, "x", timedelta(0)),
        lambda: settling.release(db, slept, "x"),
        lambda: settling.renew(db, slept, 60),
        lambda: settling.start(db, slept),
    ):
        with pytest.raises(LeaseLost, match="no longer held by w1 in attempt 1"):
            late()
    assert run_sql(db.db_path, "SELECT * FROM task_queue") == before
    assert run_sql(db.db_path, "SELECT count(*) FROM task_logs") == lines
    settling.complete(db, owner)


@pytest.mark.parametrize("column", ["locked_by", "attempts", "reserved_at_utc", "status"])
def test_F3_each_part_of_the_fence_holds_by_itself(db: QueueDatabase, column: str) -> None:
    QueueClient(db).enqueue("job")
    task = claim(db)
    value = {"attempts": 7, "status": "queued"}.get(column, "another")
    db.execute(f"UPDATE task_queue SET {column} = ?", (value,))
    for write in (lambda: settling.complete(db, task), lambda: settling.renew(db, task, 60)):
        with pytest.raises(LeaseLost):
            write()
    assert run_sql(db.db_path, f"SELECT {column} FROM task_queue") == [(value,)]


def test_F4_a_claim_that_was_released_is_not_revived_by_the_same_workers_next_one(db: QueueDatabase) -> None:
    QueueClient(db).enqueue("job")
    first = claim(db, "w1")
    settling.release(db, first, "stopping")
    second = claim(db, "w1")
    assert (second.id, second.attempt) == (first.id, first.attempt)  # a release counts no attempt
    with pytest.raises(LeaseLost):
        settling.complete(db, first)
    settling.complete(db, second)


def test_a_handler_is_told_that_its_lease_was_lost_and_its_result_is_dropped(
    db: QueueDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = HandlerRegistry()

    @registry.task("job")
    def handler(context: TaskContext) -> None:
        run_sql(db.db_path, "UPDATE task_queue SET locked_by = 'thief'")
        assert context.lost.wait(20)
        context.check()

    task_id = QueueClient(db).enqueue("job").task_id
    work(db, registry, lease_seconds=0.3)
    assert run_sql(db.db_path, "SELECT status, locked_by FROM task_queue WHERE id = ?", (task_id,)) == [
        ("processing", "thief")
    ]
    assert f"Task {task_id} is no longer held by w" in capsys.readouterr().err


def test_the_lease_is_renewed_while_a_handler_runs(db: QueueDatabase) -> None:
    registry, renewed = HandlerRegistry(), []

    @registry.task("job")
    def handler(context: TaskContext) -> None:
        first = run_sql(db.db_path, "SELECT lease_until_utc FROM task_queue")
        while (now := run_sql(db.db_path, "SELECT lease_until_utc FROM task_queue")) == first:
            context.wait(0.01)
        renewed.append(now > first)

    QueueClient(db).enqueue("job")
    work(db, registry, lease_seconds=0.3)
    assert renewed == [True]


def test_F12_a_heartbeat_is_committed_and_a_lost_database_stops_no_keeper(db: QueueDatabase, tmp_path: Path) -> None:
    keeper = Keeper(db.db_path, "w", {"gpu": 1}, 0.3)
    keeper.start()
    while not run_sql(db.db_path, "SELECT 1 FROM workers WHERE worker_id = 'w'"):
        pass
    keeper.stop()
    broken = Keeper(tmp_path / "no such table.db", "w", {}, 0.15)
    broken.start()
    while not (tmp_path / "no such table.db").exists():
        pass
    broken.stop()
    assert not broken.is_alive()


def test_F27_long_texts_are_cut_with_a_mark() -> None:
    cut = shorten("é" * 100_000)
    assert len(cut.encode("utf-8")) <= 64 * 1024
    assert cut.endswith("… [cut: 200000 bytes in all]")
    assert shorten("short \ud800") == "short \\ud800"


def test_delays_grow_are_capped_and_spread() -> None:
    policy, source = RetryPolicy(base_s=1, cap_s=8), random.Random(1)
    longest = [max(policy.delay(attempt, source).total_seconds() for _ in range(300)) for attempt in (1, 2, 3, 10, 999)]
    assert [round(value) for value in longest] == [1, 2, 4, 8, 8]
    assert min(policy.delay(10, source).total_seconds() for _ in range(300)) < 1


def test_a_busy_file_is_told_and_tried_again(
    db: QueueDatabase, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prismq_gui.queue import database as database_module

    monkeypatch.setattr(database_module, "TIMEOUT_S", 0.05)
    registry = HandlerRegistry()
    registry.add("job", lambda _context: None)
    QueueClient(db).enqueue("job")
    worker = QueueWorker(db.db_path, registry)
    with db.transaction():
        assert worker.run_once() is False
    assert "busy" in capsys.readouterr().err
    assert worker.run_once() is True
    worker.close()


@pytest.fixture
def signals_put_back() -> Iterator[None]:
    before = {name: signal.getsignal(getattr(signal, name)) for name in SIGNAL_NAMES if hasattr(signal, name)}
    yield
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


@pytest.mark.usefixtures("signals_put_back")
def test_F21_signals_stop_then_give_back_then_end() -> None:
    stop, at_once = threading.Event(), threading.Event()
    install_signal_handlers(stop, at_once)
    signal.raise_signal(signal.SIGTERM)
    assert stop.wait(20)
    assert not at_once.is_set()
    signal.raise_signal(signal.SIGINT)
    assert at_once.wait(20)
    with pytest.raises(SystemExit) as ended:
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.code == 128 + signal.SIGTERM


@pytest.mark.usefixtures("signals_put_back")
def test_without_an_event_for_it_the_second_signal_ends() -> None:
    stop = threading.Event()
    install_signal_handlers(stop)
    signal.raise_signal(signal.SIGTERM)
    assert stop.wait(20)
    with pytest.raises(SystemExit):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("signals_put_back")
def test_a_signal_that_strikes_inside_a_wait_for_its_event_does_not_hang() -> None:
    stop = threading.Event()
    install_signal_handlers(stop)
    with stop._cond:  # what wait() holds for a moment
        signal.raise_signal(signal.SIGTERM)
    assert stop.wait(20)


@pytest.mark.slow
def test_F1_F2_a_killed_worker_loses_nothing(db: QueueDatabase) -> None:
    task_id = QueueClient(db).enqueue("job", {"keep": "me"}).task_id
    victim = launch("hang", db.db_path, 1.0)
    assert victim.stdin is not None
    assert victim.stdout is not None
    victim.stdin.write("go\n")
    victim.stdin.flush()
    assert victim.stdout.readline() == "ready\n"
    assert victim.stdout.readline() == "started\n"
    os.kill(victim.pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    victim.communicate(timeout=20)
    assert state(db, task_id)[0] == "processing"
    claimer, found, end = Claimer(db), None, now_utc() + timedelta(seconds=60)
    while found is None and now_utc() < end:
        claimer.rescue()
        found = claimer.claim("heir")
    assert found is not None
    assert (found.id, found.attempt) == (task_id, 2)
    assert json.loads(found.payload) == {"keep": "me"}


def test_the_demo_runs_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    from prismq_gui.queue import demo

    assert demo.main() == 0
    shown = capsys.readouterr().out
    assert "task 3: flaky     completed    attempts 2" in shown
    assert "PermanentError: this can never work" in shown


def test_the_demo_runs_as_a_module() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "prismq_gui.queue.demo"], cwd=Path(__file__).parents[2], capture_output=True,
        text=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "the same key twice gave task 5 and 5" in result.stdout
