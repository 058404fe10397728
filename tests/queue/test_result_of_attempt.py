"""A result is that of the attempt which completed the task, whatever else happened within the same second."""

from __future__ import annotations

from prismq_gui.queue import Claimer, QueueClient, QueueDatabase, settling
from prismq_gui.queue.claimed import ClaimedTask
from prismq_gui.queue.logs import write_log
from tests.helpers.files import run_sql


def claim(db: QueueDatabase) -> ClaimedTask:
    task = Claimer(db).claim("w", lease_seconds=600)
    assert task is not None
    return task


def make_it_one_second(db: QueueDatabase) -> None:
    """Let all that happened have happened within one second."""
    run_sql(db.db_path, "UPDATE task_logs SET at_utc = '2026-01-01 00:00:00'")
    run_sql(db.db_path, "UPDATE task_queue SET finished_at_utc = '2026-01-01 00:00:00'")


def put_back(db: QueueDatabase) -> None:
    """Queue a completed task again, as programs do that know no rule against it."""
    run_sql(db.db_path, "UPDATE task_queue SET status = 'queued', finished_at_utc = NULL")


def test_an_earlier_attempts_result_is_not_that_of_one_that_returned_nothing(db: QueueDatabase) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    settling.complete(db, claim(db), {"of": "the first"})
    make_it_one_second(db)
    assert client.result(task_id).result_json == '{"of": "the first"}'
    put_back(db)
    settling.complete(db, claim(db), log=False)
    make_it_one_second(db)
    assert (client.result(task_id).attempts, client.result(task_id).result_json) == (2, None)


def test_each_attempts_own_result_is_given(db: QueueDatabase) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    for attempt in (1, 2):
        settling.complete(db, claim(db), {"of": attempt})
        make_it_one_second(db)
        assert client.result(task_id).result_json == f'{{"of": {attempt}}}'
        put_back(db)


def test_what_a_handler_says_in_the_same_words_is_no_result(db: QueueDatabase) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    task = claim(db)
    write_log(db, task_id, "INFO", "completed", {"result": "a step"})
    settling.complete(db, task, log=False)
    make_it_one_second(db)
    assert client.result(task_id).result_json is None


def test_a_late_line_in_the_same_words_hides_no_result(db: QueueDatabase) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    settling.complete(db, claim(db), "done")
    write_log(db, task_id, "INFO", "completed", {"step": 3})
    write_log(db, task_id, "INFO", "completed")
    make_it_one_second(db)
    assert client.result(task_id).result_json == '"done"'


def test_a_result_too_long_to_keep_is_still_that_of_its_attempt(db: QueueDatabase) -> None:
    client = QueueClient(db)
    task_id = client.enqueue("job").task_id
    settling.complete(db, claim(db), "x" * 100_000)
    make_it_one_second(db)
    outcome = client.result(task_id)
    assert (outcome.result_json or "").startswith('"x')
    assert not outcome.is_result_whole
