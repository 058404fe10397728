"""What a worker can be told beside its handlers: in which order it claims, and which lines it writes."""

from __future__ import annotations

import pytest

from prismq_gui.queue import (
    HandlerRegistry,
    PermanentError,
    QueueClient,
    QueueDatabase,
    QueueWorker,
    RetryPolicy,
    Strategy,
    TaskContext,
)
from tests.helpers.files import run_sql


def lines(db: QueueDatabase, task_id: int) -> list[tuple[object, ...]]:
    return run_sql(db.db_path, "SELECT level, message FROM task_logs WHERE task_id = ? ORDER BY log_id", (task_id,))


@pytest.mark.parametrize(
    ("strategy", "order"),
    [(Strategy.PRIORITY, [2, 0, 1]), (Strategy.FIFO, [0, 1, 2]), ("fifo", [0, 1, 2]), (Strategy.LIFO, [2, 1, 0])],
)
def test_a_worker_claims_in_the_order_of_its_strategy(
    db: QueueDatabase, strategy: Strategy | str, order: list[int]
) -> None:
    registry, ran = HandlerRegistry(), []
    registry.add("job", lambda context: ran.append(context.payload["n"]))
    for number, priority in enumerate((20, 30, 10)):
        QueueClient(db).enqueue("job", {"n": number}, priority=priority)
    assert QueueWorker(db.db_path, registry, strategy=strategy).run(until_empty=True) == 3
    assert ran == order


def test_weighted_random_runs_each_task_once(db: QueueDatabase) -> None:
    registry, ran = HandlerRegistry(), []
    registry.add("job", lambda context: ran.append(context.payload["n"]))
    for number in range(20):
        QueueClient(db).enqueue("job", {"n": number}, priority=number)
    QueueWorker(db.db_path, registry, strategy="weighted_random", concurrency=2).run(until_empty=True)
    assert sorted(ran) == list(range(20))


def test_an_unknown_strategy_is_refused_with_those_there_are(db: QueueDatabase) -> None:
    registry = HandlerRegistry()
    registry.add("job", print)
    with pytest.raises(ValueError, match=r"strategy must be one of \('priority', 'fifo', .*\), not 'newest'"):
        QueueWorker(db.db_path, registry, strategy="newest")


@pytest.mark.parametrize("log_lines", [True, False])
def test_without_log_lines_a_log_has_what_matters_alone(db: QueueDatabase, log_lines: bool) -> None:
    registry = HandlerRegistry()

    @registry.task("quiet")
    def quiet(_context: TaskContext) -> None:
        pass

    @registry.task("talks")
    def talks(context: TaskContext) -> dict[str, int]:
        context.log("half way")
        return {"n": 1}

    @registry.task("fails")
    def fails(context: TaskContext) -> None:
        if context.attempt == 1:
            raise ConnectionError("down")
        raise PermanentError("no use")

    client = QueueClient(db)
    ids = [client.enqueue(name).task_id for name in ("quiet", "talks", "fails")]
    worker = QueueWorker(
        db.db_path, registry, worker_id="w", poll_interval_s=0.01, retry=RetryPolicy(base_s=0.0), log_lines=log_lines
    )
    assert worker.run(until_empty=True) == 4
    started = [("INFO", "{} started by w")] if log_lines else []
    expected = [
        [*started, *([("INFO", "completed")] if log_lines else [])],
        [*started, ("INFO", "half way"), ("INFO", "completed")],  # the line that keeps the result
        [
            *started, ("WARNING", "attempt 1 of 5 failed; next try in 0.0 s"),
            *started, ("ERROR", "failed for good"),
        ],
    ]  # fmt: skip
    for task_id, name, wanted in zip(ids, ("quiet", "talks", "fails"), expected, strict=True):
        assert lines(db, task_id) == [(level, words.format(name)) for level, words in wanted]
    assert [client.result(task_id).status for task_id in ids] == ["completed", "completed", "failed"]
    assert client.result(ids[1]).result_json == '{"n": 1}'
    assert run_sql(db.db_path, "SELECT count(*) FROM task_queue WHERE processing_started_utc IS NULL") == [(0,)]
