"""Cancelling: at once, by request, refused; the request is durable and meant for one claim alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from prismq_gui.queue import (
    CancelOutcome,
    ClaimedTask,
    Claimer,
    HandlerRegistry,
    LeaseLost,
    QueueClient,
    QueueDatabase,
    QueueWorker,
    RetryPolicy,
    TaskCancelled,
    TaskContext,
    request_cancel,
    settling,
)
from prismq_gui.queue.cancelling import _REQUEST, end_cancelled, find_request
from prismq_gui.queue.timestamps import now_utc, utc_text
from tests.helpers.files import make_foreign_queue, run_sql


def claim(db: QueueDatabase, worker: str = "w1") -> ClaimedTask:
    task = Claimer(db).claim(worker)
    assert task is not None
    return task


def row(db: QueueDatabase, task_id: int = 1) -> tuple[object, ...]:
    return run_sql(db.db_path, "SELECT status, attempts, locked_by FROM task_queue WHERE id = ?", (task_id,))[0]


def lines(db: QueueDatabase) -> list[tuple[object, ...]]:
    return run_sql(db.db_path, "SELECT level, message FROM task_logs ORDER BY log_id")


@pytest.fixture
def working(db: QueueDatabase) -> Iterator[Callable[[object], threading.Event]]:
    """Start a worker with this handler for ``job`` in a thread; ended after the test."""
    threads, stops = [], []

    def start(handler: object, **options: object) -> threading.Event:
        registry, stop = HandlerRegistry(), threading.Event()
        registry.add("job", handler)  # type: ignore[arg-type]
        settings = {"worker_id": "w", "poll_interval_s": 0.01, "lease_seconds": 0.3, "grace_s": 0,
                    "retry": RetryPolicy(base_s=0.0)} | options  # fmt: skip
        worker = QueueWorker(db.db_path, registry, **settings)  # type: ignore[arg-type]
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        threads.append(thread)
        stops.append(stop)
        return stop

    yield start
    for stop, thread in zip(stops, threads, strict=True):
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def test_a_waiting_task_is_cancelled_at_once(db: QueueDatabase) -> None:
    task_id = QueueClient(db).enqueue("job").task_id
    result = request_cancel(db, task_id, "anna@pc")
    assert (result.outcome, result.reason) == (CancelOutcome.CANCELLED, "task 1 was waiting and will not run")
    assert row(db) == ("cancelled", 0, None)
    assert run_sql(db.db_path, "SELECT finished_at_utc IS NOT NULL FROM task_queue") == [(1,)]
    assert lines(db) == [("INFO", "cancelled by anna@pc while it was waiting")]
    assert Claimer(db).claim("w") is None


@pytest.mark.parametrize(
    ("status", "why"),
    [("completed", "is completed already"), ("failed", "has failed for good"), ("dead_letter", "is a dead letter"),
     ("cancelled", "is cancelled already"), ("paused", "has the unknown status 'paused'")],
)  # fmt: skip
def test_a_finished_or_unknown_task_is_refused_with_the_reason(db: QueueDatabase, status: str, why: str) -> None:
    QueueClient(db).enqueue("job")
    db.execute("UPDATE task_queue SET status = ?", (status,))
    result = request_cancel(db, 1, "anna")
    assert (result.outcome, result.reason) == (CancelOutcome.REFUSED, f"task 1 {why}")
    assert row(db)[0] == status
    assert lines(db) == []


def test_there_must_be_a_task_and_somebody_who_asks(db: QueueDatabase) -> None:
    assert request_cancel(db, 99, "anna").outcome is CancelOutcome.NOT_FOUND
    for task_id, who in ((2**63, "anna"), (True, "anna"), ("1", "anna"), (1, " "), (1, None)):
        with pytest.raises(ValueError, match="must"):
            request_cancel(db, task_id, who)  # type: ignore[arg-type]


def test_a_running_task_is_asked_once_and_the_request_is_a_line_in_the_file(db: QueueDatabase) -> None:
    QueueClient(db).enqueue("job")
    task = claim(db)
    assert find_request(db, task) is None
    first, second = request_cancel(db, 1, "anna"), request_cancel(db, 1, "bert")
    assert (first.outcome, second.outcome) == (CancelOutcome.REQUESTED, CancelOutcome.ALREADY_REQUESTED)
    assert "its worker w1 was asked" in first.reason
    assert lines(db) == [("CANCEL", "anna asked to cancel it")]
    assert row(db) == ("leased", 1, "w1")
    with QueueDatabase(db.db_path) as other:
        assert find_request(other, task) == "anna asked to cancel it"
    plan = run_sql(db.db_path, f"EXPLAIN QUERY PLAN {_REQUEST}", {"id": 1, "reserved": "x", "worker": "w"})
    assert [step[3] for step in plan] == ["SEARCH task_logs USING INDEX ix_logs_task (task_id=? AND at_utc>?)"]


def test_a_request_is_meant_for_one_claim_alone(db: QueueDatabase) -> None:
    QueueClient(db).enqueue("job")
    first = claim(db)
    request_cancel(db, 1, "anna")
    settling.release(db, first, "stopping")
    second = claim(db, "w2")
    assert find_request(db, second) is None
    assert request_cancel(db, 1, "anna").outcome is CancelOutcome.REQUESTED


def test_F20_a_clock_set_back_since_the_claim_does_not_lose_the_request(db: QueueDatabase) -> None:
    QueueClient(db).enqueue("job")
    ahead = utc_text(now_utc() + timedelta(hours=1))
    claim(db)
    db.execute("UPDATE task_queue SET reserved_at_utc = ?", (ahead,))
    task = ClaimedTask(1, "job", "{}", 1, 5, "w1", ahead, now_utc())
    request_cancel(db, 1, "anna")
    assert find_request(db, task) == "anna asked to cancel it"


@pytest.mark.parametrize("lease", ["2020-01-01 00:00:00", "2020-01-01T00:00:00+00:00"])
def test_a_running_task_whose_lease_is_over_is_cancelled_at_once(db: QueueDatabase, lease: str) -> None:
    QueueClient(db).enqueue("job")
    task = claim(db)
    db.execute("UPDATE task_queue SET lease_until_utc = ?", (lease,))
    assert request_cancel(db, 1, "anna").outcome is CancelOutcome.CANCELLED
    assert row(db) == ("cancelled", 1, None)
    with pytest.raises(LeaseLost):
        settling.complete(db, task)


def test_a_task_of_another_program_is_asked_too(tmp_path: object) -> None:
    path = make_foreign_queue(tmp_path / "fremd.db", 1, status="leased")  # type: ignore[operator]
    run_sql(path, "UPDATE task_queue SET locked_by = CAST(x'ff' AS TEXT), lease_until_utc = '2999-01-01T00:00:00Z', "
                  "reserved_at_utc = '2025-11-05T10:00:00.123456+00:00'")  # fmt: skip
    with QueueDatabase(path) as db:
        result = request_cancel(db, 1, "anna")
    assert result.outcome is CancelOutcome.REQUESTED
    assert "\\xff" in result.reason


@pytest.mark.parametrize("column", ["locked_by", "attempts", "reserved_at_utc", "status"])
def test_F3_each_part_of_the_fence_keeps_a_cancel_out(db: QueueDatabase, column: str) -> None:
    QueueClient(db).enqueue("job")
    task = claim(db)
    value = {"attempts": 7, "status": "queued"}.get(column, "another")
    db.execute(f"UPDATE task_queue SET {column} = ?", (value,))
    with pytest.raises(LeaseLost, match="no longer held by w1"):
        end_cancelled(db, task, "anna asked to cancel it")
    assert run_sql(db.db_path, f"SELECT {column} FROM task_queue") == [(value,)]
    assert lines(db) == []


def test_a_running_handler_is_told_and_its_task_ends_as_cancelled(
    db: QueueDatabase, working: Callable[..., threading.Event]
) -> None:
    started, raised = threading.Event(), []

    def handler(context: TaskContext) -> None:
        started.set()
        try:
            context.wait(3600)
        except TaskCancelled as error:
            raised.append(str(error))
            raise

    QueueClient(db).enqueue("job")
    working(handler)
    assert started.wait(20)
    assert request_cancel(db, 1, "anna").outcome is CancelOutcome.REQUESTED
    while row(db) != ("cancelled", 1, None):
        pass
    assert raised == ["anna asked to cancel it"]
    assert lines(db)[-2:] == [
        ("CANCEL", "anna asked to cancel it"),
        ("INFO", "cancelled by w: anna asked to cancel it"),
    ]
    error = run_sql(db.db_path, "SELECT error_message, finished_at_utc IS NOT NULL FROM task_queue")
    assert error == [("cancelled: anna asked to cancel it", 1)]


def test_a_handler_that_finishes_anyway_has_completed_its_task(
    db: QueueDatabase, working: Callable[..., threading.Event]
) -> None:
    started = threading.Event()

    def handler(context: TaskContext) -> str:
        started.set()
        assert context.cancelled.wait(20)
        return "done"

    QueueClient(db).enqueue("job")
    working(handler)
    assert started.wait(20)
    request_cancel(db, 1, "anna")
    while row(db)[0] != "completed":
        pass


def test_an_error_after_the_request_is_kept_and_not_tried_again(
    db: QueueDatabase, working: Callable[..., threading.Event]
) -> None:
    def handler(_context: TaskContext) -> None:
        request_cancel(db, 1, "anna")  # the keeper does not see it before the handler ends
        raise ConnectionError("cut off")

    QueueClient(db).enqueue("job")
    working(handler, lease_seconds=60)
    while row(db) != ("cancelled", 1, None):
        pass
    details = run_sql(db.db_path, "SELECT details FROM task_logs ORDER BY log_id DESC LIMIT 1")[0][0]
    assert json.loads(str(details))["error"] == "ConnectionError: cut off"
    assert "cut off" in json.loads(str(details))["traceback"]


def test_a_stopping_worker_cancels_what_it_was_asked_to_and_gives_back_the_rest(
    db: QueueDatabase, working: Callable[..., threading.Event]
) -> None:
    started = threading.Barrier(3)

    def handler(context: TaskContext) -> None:
        started.wait(20)
        context.wait(3600)

    for _ in range(2):
        QueueClient(db).enqueue("job")
    stop = working(handler, lease_seconds=60, concurrency=2)
    started.wait(20)
    request_cancel(db, 2, "anna")
    stop.set()
    while (row(db, 1)[0], row(db, 2)[0]) != ("queued", "cancelled"):
        pass


def test_a_handler_that_says_so_itself_has_failed_an_attempt(
    db: QueueDatabase, working: Callable[..., threading.Event]
) -> None:
    def handler(_context: TaskContext) -> None:
        raise TaskCancelled("I'd rather not")

    QueueClient(db).enqueue("job", max_attempts=2)
    working(handler)
    while row(db) != ("dead_letter", 2, None):
        pass


def test_a_handlers_own_log_line_never_cancels_its_task(
    db: QueueDatabase, working: Callable[..., threading.Event]
) -> None:
    def handler(context: TaskContext) -> None:
        context.log("the user cancelled the order", "CANCEL")
        raise ConnectionError

    QueueClient(db).enqueue("job", max_attempts=1)
    working(handler)
    while row(db)[0] != "dead_letter":
        pass
    assert ("INFO", "the user cancelled the order") in lines(db)
