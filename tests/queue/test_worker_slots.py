"""A worker with several slots: side by side, cared for all at once, and ended in stages."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prismq_gui.queue import (
    HandlerRegistry,
    LeaseLost,
    PermanentError,
    QueueClient,
    QueueDatabase,
    QueueDatabaseError,
    QueueWorker,
    RetryPolicy,
    TaskContext,
)
from tests.helpers.files import run_sql


def make_worker(db: QueueDatabase, handler: object, **options: object) -> QueueWorker:
    registry = HandlerRegistry()
    registry.add("job", handler)  # type: ignore[arg-type]
    settings = {"worker_id": "w", "poll_interval_s": 0.01, "retry": RetryPolicy(base_s=0.0)} | options
    return QueueWorker(db.db_path, registry, **settings)  # type: ignore[arg-type]


def states(db: QueueDatabase) -> list[tuple[object, ...]]:
    return run_sql(db.db_path, "SELECT status, attempts FROM task_queue ORDER BY id")


def enqueue(db: QueueDatabase, count: int, **options: object) -> None:
    for number in range(count):
        QueueClient(db).enqueue("job", {"n": number}, **options)  # type: ignore[arg-type]


@pytest.fixture
def in_thread() -> Iterator[Callable[..., threading.Thread]]:
    """Run something in a thread that must have ended by the end of the test."""
    threads = []

    def start(target: Callable[..., object], **arguments: object) -> threading.Thread:
        thread = threading.Thread(target=target, kwargs=arguments)
        thread.start()
        threads.append(thread)
        return thread

    yield start
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_so_many_tasks_run_side_by_side_and_each_once(db: QueueDatabase) -> None:
    together, runs, guard = threading.Barrier(3), [], threading.Lock()

    def handler(context: TaskContext) -> None:
        together.wait(20)  # passes only where three run at the same time
        with guard:
            runs.append(context.task_id)

    enqueue(db, 30)
    assert make_worker(db, handler, concurrency=3).run(until_empty=True) == 30
    assert sorted(runs) == list(range(1, 31))
    assert states(db) == [("completed", 1)] * 30


@pytest.mark.parametrize("concurrency", [0, -1, 257, True, "2", 1.5])
def test_a_number_of_slots_that_makes_no_sense_is_refused(db: QueueDatabase, concurrency: object) -> None:
    with pytest.raises(ValueError, match="concurrency must be"):
        make_worker(db, print, concurrency=concurrency)
    with pytest.raises(ValueError, match="grace_s must not"):
        make_worker(db, print, grace_s=-1)


def test_the_leases_of_all_held_tasks_are_renewed_and_a_lost_one_is_told_to_its_handler_alone(
    db: QueueDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    enqueue(db, 3)
    together, together_again, ends = threading.Barrier(3), threading.Barrier(2), {}

    def leases() -> list[tuple[object, ...]]:
        return run_sql(db.db_path, "SELECT lease_until_utc FROM task_queue WHERE locked_by = 'w' ORDER BY id")

    def handler(context: TaskContext) -> None:
        if together.wait(20) == 0:
            run_sql(db.db_path, "UPDATE task_queue SET locked_by = 'thief' WHERE id = 2")
        together.wait(20)
        if context.task_id == 2:
            assert context.lost.wait(20)
            ends[2] = "lost"
            context.check()
        before = leases()
        while any(old >= new for old, new in zip(before, leases(), strict=True)):
            context.check()
        together_again.wait(20)
        ends[context.task_id] = "lost" if context.lost.is_set() else "renewed"

    make_worker(db, handler, concurrency=3, lease_seconds=0.6).run(until_empty=True)
    assert ends == {1: "renewed", 2: "lost", 3: "renewed"}
    assert states(db) == [("completed", 1), ("processing", 1), ("completed", 1)]
    assert "Task 2 is no longer held by w" in capsys.readouterr().err


def test_a_handler_that_leaves_by_sys_exit_has_failed_and_its_slot_goes_on(db: QueueDatabase) -> None:
    enqueue(db, 4, max_attempts=1)
    assert make_worker(db, lambda _context: sys.exit(3), concurrency=2).run(until_empty=True) == 4
    assert states(db) == [("dead_letter", 1)] * 4
    assert run_sql(db.db_path, "SELECT DISTINCT error_message FROM task_queue") == [("SystemExit: 3",)]


def test_errors_registered_as_permanent_are_not_tried_again_and_a_type_has_its_own_backoff(db: QueueDatabase) -> None:
    registry = HandlerRegistry()

    @registry.task("missing", permanent=(FileNotFoundError,))
    def missing(_context: TaskContext) -> None:
        raise FileNotFoundError("video.mp4")

    @registry.task("patient", retry=RetryPolicy(base_s=1e6, cap_s=1e6))
    def patient(_context: TaskContext) -> None:
        raise ConnectionError

    for type in ("missing", "patient"):
        QueueClient(db).enqueue(type)
    assert QueueWorker(db.db_path, registry, retry=RetryPolicy(base_s=0.0)).run(until_empty=True) == 2
    assert states(db) == [("failed", 1), ("queued", 1)]
    assert not issubclass(FileNotFoundError, PermanentError)


def test_F21_running_tasks_have_the_grace_time_to_end(
    db: QueueDatabase, in_thread: Callable[..., threading.Thread]
) -> None:
    enqueue(db, 3)
    together, stop = threading.Barrier(3), threading.Event()

    def handler(context: TaskContext) -> None:
        together.wait(20)
        assert context.stopping.wait(20)
        context.check()  # within the grace: nothing to give back yet

    thread = in_thread(make_worker(db, handler, concurrency=2, grace_s=60).run, stop=stop)
    together.wait(20)
    stop.set()
    thread.join(30)
    assert states(db) == [("completed", 1), ("completed", 1), ("queued", 0)]  # and nothing more was claimed


def test_F21_what_has_not_ended_within_the_grace_is_given_back_uncounted(
    db: QueueDatabase, in_thread: Callable[..., threading.Thread]
) -> None:
    enqueue(db, 2)
    together, stop = threading.Barrier(3), threading.Event()

    def handler(context: TaskContext) -> None:
        together.wait(20)
        context.wait(3600)

    thread = in_thread(make_worker(db, handler, concurrency=2, grace_s=0.2).run, stop=stop)
    together.wait(20)
    stop.set()
    thread.join(30)
    assert states(db) == [("queued", 0)] * 2


@pytest.mark.parametrize("concurrency", [1, 2])
def test_F21_the_second_wish_ends_the_grace(
    db: QueueDatabase, in_thread: Callable[..., threading.Thread], concurrency: int
) -> None:
    enqueue(db, 1)
    started, stop, at_once = threading.Event(), threading.Event(), threading.Event()

    def handler(context: TaskContext) -> None:
        started.set()
        context.wait(3600)

    worker = make_worker(db, handler, concurrency=concurrency, grace_s=3600)
    thread = in_thread(worker.run, stop=stop, at_once=at_once)
    assert started.wait(20)
    stop.set()
    at_once.set()
    thread.join(30)
    assert states(db) == [("queued", 0)]


def test_what_is_held_can_be_given_back_from_another_thread(
    db: QueueDatabase, in_thread: Callable[..., threading.Thread], capsys: pytest.CaptureFixture[str]
) -> None:
    enqueue(db, 1)
    started, released, stop = threading.Event(), threading.Event(), threading.Event()

    def handler(_context: TaskContext) -> None:
        started.set()
        stop.set()
        released.wait(20)

    worker = make_worker(db, handler)
    thread = in_thread(worker.run, stop=stop)
    assert started.wait(20)
    worker.give_back()
    assert states(db) == [("queued", 0)]
    released.set()
    thread.join(30)
    assert states(db) == [("queued", 0)]  # the late result is refused
    assert "Task 1 is no longer held by w" in capsys.readouterr().err


def test_a_lease_lost_elsewhere_is_a_handlers_failure_like_any_other(db: QueueDatabase) -> None:
    def handler(_context: TaskContext) -> None:
        raise LeaseLost("of a task of another queue")

    enqueue(db, 1, max_attempts=1)
    make_worker(db, handler).run(until_empty=True)
    assert states(db) == [("dead_letter", 1)]


@pytest.mark.parametrize("concurrency", [1, 2])
def test_what_strikes_the_worker_itself_gives_the_task_back(db: QueueDatabase, concurrency: int) -> None:
    enqueue(db, 1)

    def handler(_context: TaskContext) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_worker(db, handler, concurrency=concurrency).run()
    assert states(db) == [("queued", 0)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets nobody move an open file")
def test_F24_all_slots_end_once_the_file_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with QueueDatabase(path) as db:
        db.initialize_schema()
        enqueue(db, 1)
        worker = make_worker(db, lambda _context: path.rename(tmp_path / "moved.db"), concurrency=4, lease_seconds=0.15)
        with pytest.raises(QueueDatabaseError, match="deleted or replaced while w had it open"):
            worker.run()
    assert not path.exists()


def test_a_policy_of_waits_that_makes_no_sense_is_refused() -> None:
    for value in (-1, float("nan"), float("inf"), 1e9, "1", True):
        with pytest.raises(ValueError, match="base_s must be between 0 and"):
            RetryPolicy(base_s=value)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="cap_s must be between 0 and"):
            RetryPolicy(cap_s=value)  # type: ignore[arg-type]
