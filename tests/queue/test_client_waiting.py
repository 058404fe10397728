"""Looking tasks up, cancelling them, and waiting for what becomes of them, while others work on the file."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from prismq_gui.queue import (
    CancelOutcome,
    Claimer,
    QueueClient,
    QueueDatabase,
    QueueDatabaseError,
    TaskNotFound,
    TaskOutcome,
    WaitTimeout,
    settling,
)
from tests.queue.client_processes import finish, go, launch

PATIENCE_S = 30.0


@contextmanager
def waiting(client: QueueClient, task_id: int, timeout_s: float = PATIENCE_S) -> Iterator[Future[TaskOutcome]]:
    """Wait in a thread; the block begins once it has looked at the task and slept at least once."""
    looked_twice, looks = threading.Event(), []

    def on_statement(sql: str) -> None:
        if "data_version" in sql:
            looks.append(sql)
            if len(looks) == 3:
                looked_twice.set()

    client.database.get_connection().set_trace_callback(on_statement)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(client.wait, task_id, timeout_s, 0.01)
        assert looked_twice.wait(PATIENCE_S)
        assert not future.done()
        yield future
    client.database.get_connection().set_trace_callback(None)


@pytest.fixture
def other(db: QueueDatabase) -> Iterator[QueueDatabase]:
    """Another program's connection to the same file."""
    with QueueDatabase(db.db_path) as database:
        yield database


def claim(db: QueueDatabase) -> Any:
    task = Claimer(db).claim("w1", lease_seconds=600)
    assert task is not None
    return task


def test_wait_returns_what_another_process_made_of_the_task(db: QueueDatabase) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("sum", [40, 2]).task_id
    worker = launch("complete_one", db.db_path)
    with waiting(client, task_id) as future:
        go(worker)
        outcome = future.result(PATIENCE_S)
    assert finish(worker) == task_id
    assert (outcome.task_id, outcome.status, outcome.attempts, outcome.error) == (task_id, "completed", 1, None)
    assert outcome.is_finished
    assert outcome.is_completed
    assert outcome.is_result_whole
    assert json.loads(outcome.result_json or "") == {"sum": 42, "word": "ž"}
    task = client.get(task_id)
    assert task is not None
    assert outcome.finished_at == task.finished_at_utc
    assert client.wait(task_id, 0) == outcome == client.result(task_id)


def fail(db: QueueDatabase) -> None:
    settling.fail(db, claim(db), "ValueError: no url")


def bury(db: QueueDatabase) -> None:
    settling.bury(db, claim(db), "OSError: gone")


def cancel(db: QueueDatabase) -> None:
    assert QueueClient(db).cancel(1, "the operator").outcome is CancelOutcome.CANCELLED


def complete_silently(db: QueueDatabase) -> None:
    settling.complete(db, claim(db), log=False)


@pytest.mark.parametrize(
    ("end", "status", "error"),
    [
        (fail, "failed", "ValueError: no url"),
        (bury, "dead_letter", "OSError: gone"),
        (cancel, "cancelled", None),
        (complete_silently, "completed", None),
    ],
)
@pytest.mark.parametrize("through_the_same_connection", [False, True])
def test_wait_ends_with_every_end(
    db: QueueDatabase,
    other: QueueDatabase,
    end: Callable[[QueueDatabase], None],
    status: str,
    error: str | None,
    through_the_same_connection: bool,
) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    with waiting(client, task_id) as future:
        end(db if through_the_same_connection else other)
        outcome = future.result(PATIENCE_S)
    assert (outcome.status, outcome.error, outcome.result_json, outcome.is_result_whole) == (status, error, None, True)
    assert outcome.is_finished
    assert outcome.is_completed == (status == "completed")
    assert outcome.finished_at is not None


def test_a_retry_is_no_end(db: QueueDatabase, other: QueueDatabase) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    with waiting(client, task_id) as future:
        settling.retry_later(other, claim(other), "busy", timedelta(seconds=-2))  # due at once
        settling.complete(other, claim(other), "at last")
        outcome = future.result(PATIENCE_S)
    assert (outcome.attempts, outcome.error, outcome.result_json) == (2, None, '"at last"')


def test_while_nobody_writes_the_task_is_looked_at_once(db: QueueDatabase) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    said: list[str] = []
    db.get_connection().set_trace_callback(said.append)
    with pytest.raises(WaitTimeout):
        client.wait(task_id, 0.05, 0.001)
    db.get_connection().set_trace_callback(None)
    assert sum("data_version" in sql for sql in said) >= 2
    assert sum("task_queue" in sql for sql in said) == 1


def test_wait_says_where_the_task_stands_when_the_time_is_over(db: QueueDatabase) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    claim(db)
    with pytest.raises(TimeoutError, match=r"was not finished within 0 s: it is leased, claimed 1 times") as caught:
        client.wait(task_id, 0)
    assert isinstance(caught.value, WaitTimeout)
    assert caught.value.outcome == client.result(task_id)
    assert not caught.value.outcome.is_finished
    assert caught.value.outcome.finished_at is None
    db.execute("UPDATE task_queue SET status = 'paused by us'")
    with pytest.raises(WaitTimeout, match="it is paused by us"):
        client.wait(task_id, 0)


def test_a_task_that_is_deleted_meanwhile_is_told(db: QueueDatabase, other: QueueDatabase) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    with waiting(client, task_id) as future:
        other.execute("DELETE FROM task_queue")
        with pytest.raises(TaskNotFound, match=r"deleted while it was waited for; it was queued before"):
            future.result(PATIENCE_S)
    for look in (client.result, client.wait):
        with pytest.raises(TaskNotFound, match=f"There is no task {task_id} in .*never was"):
            look(task_id)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps an open file from being replaced")
def test_A7_a_file_that_is_replaced_meanwhile_is_told(db: QueueDatabase) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    with waiting(client, task_id) as future:
        db.db_path.rename(db.db_path.with_name("moved.db"))
        with pytest.raises(QueueDatabaseError, match="deleted or replaced while task"):
            future.result(PATIENCE_S)


def test_waiting_where_no_change_could_be_seen_is_refused(db: QueueDatabase) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    with pytest.raises(QueueDatabaseError, match=r"transaction .* is open in this thread"), db.transaction():
        client.wait(task_id, PATIENCE_S)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((1, -1), "timeout_s"), ((1, float("nan")), "timeout_s"), ((1, float("inf")), "timeout_s"),
        ((1, "5"), "timeout_s"), ((1, True), "timeout_s"), ((1, 1, 0), "poll_interval_s"),
        ((1, 1, 61), "poll_interval_s"), ((1, 1, None), "poll_interval_s"), (("1", 1), "task_id"),
        ((2**63, 1), "task_id"), ((1.0, 1), "task_id"),
    ],
)  # fmt: skip
def test_what_wait_may_not_be_given_is_named(db: QueueDatabase, arguments: Any, said: str) -> None:
    QueueClient(db).enqueue("job")
    with pytest.raises(ValueError, match=f"{said} must be a"):
        QueueClient(db).wait(*arguments)


def test_a_result_is_that_of_the_last_run_and_not_a_handlers_own_line(db: QueueDatabase) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    task = claim(db)
    settling.write_task_log(db, task_id, "INFO", "completed", {"attempt": 1, "result": "not this"})
    settling.complete(db, task, [1, None, {"ü": 1.5}])
    assert client.result(task_id).result_json == '[1, null, {"ü": 1.5}]'
    db.execute("UPDATE task_queue SET status = 'queued', finished_at_utc = NULL")
    assert client.result(task_id).result_json is None
    settling.complete(db, claim(db), "second")
    assert client.result(task_id).result_json == '"second"'


def test_a_result_that_was_cut_or_was_not_json_says_so(db: QueueDatabase) -> None:
    client = QueueClient(db)
    for value, start in (("x" * 100_000, '"xxx'), (float("nan"), '"nan'), ({"a": ["y" * 200_000]}, '"{')):
        task_id = client.enqueue("job").task_id
        settling.complete(db, claim(db), value)
        outcome = client.result(task_id)
        assert outcome.is_completed
        assert not outcome.is_result_whole
        assert outcome.result_json is not None
        assert outcome.result_json.startswith(start)


@pytest.mark.parametrize("details", ["not JSON", "[1]", "{}", None, "[" * 100_000, b"\xff"])
def test_a_completed_line_of_another_program_is_borne(db: QueueDatabase, details: Any) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    settling.complete(db, claim(db), "x")
    db.execute("UPDATE task_logs SET details = ?", (details,))
    assert client.result(task_id) == TaskOutcome(
        task_id, "completed", attempts=1, finished_at=client.result(task_id).finished_at
    )


@pytest.mark.parametrize("finished", ["2026-01-02T03:04:05Z", "2026-01-02 03:04:05", "soon", 5, None])
def test_other_programs_times_are_read(db: QueueDatabase, finished: Any) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    db.execute("UPDATE task_queue SET status = 'completed', finished_at_utc = ?", (finished,))
    outcome = client.wait(task_id, 0)
    is_readable = isinstance(finished, str) and finished != "soon"
    assert outcome.finished_at == (datetime(2026, 1, 2, 3, 4, 5) if is_readable else None)


def test_get_many_returns_those_there_are_in_the_order_asked_for(db: QueueDatabase) -> None:
    client = QueueClient(db)
    client.enqueue_many({"type": f"t{number}"} for number in range(1, 1201))
    wanted = [1200, 5, 9999, 700, 5, *range(1, 1100)]
    found = client.get_many(iter(wanted))
    assert list(found) == [each for each in dict.fromkeys(wanted) if each <= 1200]
    assert all(task.id == task_id and task.type == f"t{task_id}" for task_id, task in found.items())
    assert client.get_many([]) == {}
    for bad in ("1", None, 2**63, True, 1.0):
        with pytest.raises(ValueError, match="task_id must be a whole number"):
            client.get_many([1, bad])  # type: ignore[list-item]


def test_H2_text_that_is_not_utf8_is_read_with_escapes(db: QueueDatabase) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job", {"a": "ž"}).task_id
    db.execute("UPDATE task_queue SET status = 'failed', error_message = CAST(X'61FF62' AS TEXT)")
    for _ in range(2):
        task = client.get(task_id)
        assert task is not None
        assert (task.error_message, task.get_payload_dict()) == ("a\\xffb", {"a": "ž"})
        assert client.result(task_id).error == "a\\xffb"
        with pytest.raises(Exception, match="UTF-8"):  # others on the same connection see what SQLite says
            db.execute("SELECT error_message FROM task_queue").fetchall()


@pytest.mark.parametrize("table", ["task_queue", "task_logs"])
def test_a_file_without_its_tables_is_told(db: QueueDatabase, table: str) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    settling.complete(db, claim(db), "x")
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute(f"DROP TABLE {table}")
    with pytest.raises(QueueDatabaseError, match=f"lacks a table or column: no such table: {table}"):
        client.result(task_id)


def test_cancel_ends_a_waiting_task_asks_the_worker_of_a_running_one_and_leaves_a_finished_one(
    db: QueueDatabase,
) -> None:
    client = QueueClient(db)
    waiting_id, running_id = client.enqueue("later", run_after=timedelta(1)).task_id, client.enqueue("job").task_id
    task = claim(db)
    assert client.cancel(running_id).outcome is CancelOutcome.REQUESTED
    assert client.cancel(running_id).outcome is CancelOutcome.ALREADY_REQUESTED
    assert client.cancel(waiting_id, who="Jára & co.").outcome is CancelOutcome.CANCELLED
    settling.complete(db, task)
    assert client.cancel(running_id).outcome is CancelOutcome.REFUSED
    assert client.cancel(99).outcome is CancelOutcome.NOT_FOUND
    lines = db.execute("SELECT message FROM task_logs ORDER BY log_id").fetchall()
    assert "@" in lines[0]["message"]
    assert "Jára & co." in lines[1]["message"]
    assert client.result(waiting_id).status == "cancelled"
    for nobody in (" ", ""):
        with pytest.raises(ValueError, match="who"):
            client.cancel(waiting_id, who=nobody)
