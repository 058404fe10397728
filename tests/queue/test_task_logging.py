"""Standard logging into a task's log: of the handler's thread alone, in order, and never the task's failure."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator

import pytest

from prismq_gui.queue import HandlerRegistry, QueueClient, QueueDatabase, QueueWorker, TaskContext, TaskLogHandler
from tests.helpers.files import run_sql


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.Logger("standing alone", logging.DEBUG)  # pytest's own handler raises what a record can't tell
    yield made
    for handler in list(made.handlers):
        made.removeHandler(handler)
        handler.close()


def work(db: QueueDatabase, handler: object, **options: object) -> None:
    registry = HandlerRegistry()
    registry.add("job", handler)  # type: ignore[arg-type]
    settings = {"worker_id": "w", "poll_interval_s": 0.01} | options
    QueueWorker(db.db_path, registry, **settings).run(until_empty=True)  # type: ignore[arg-type]


def lines(db: QueueDatabase) -> list[tuple[object, ...]]:
    return run_sql(db.db_path, "SELECT level, message FROM task_logs ORDER BY log_id")[1:]


def test_records_of_the_handlers_thread_go_to_its_task_in_order(db: QueueDatabase, logger: logging.Logger) -> None:
    logger.addHandler(TaskLogHandler(batch=100))

    def handler(context: TaskContext) -> None:
        logger.info("one of %d", 3)
        logger.debug("below the level")
        context.log("two")
        try:
            raise KeyError("x")
        except KeyError:
            logger.exception("three")
        logger.info("four")
        other = threading.Thread(target=logger.info, args=("of another thread",))
        other.start()
        other.join()

    QueueClient(db).enqueue("job")
    work(db, handler)
    logger.info("of no task")
    assert lines(db) == [
        ("INFO", "one of 3"), ("INFO", "two"), ("ERROR", "three"), ("INFO", "four"), ("INFO", "completed"),
    ]  # fmt: skip
    details = json.loads(str(run_sql(db.db_path, "SELECT details FROM task_logs WHERE message = 'three'")[0][0]))
    assert details["logger"] == logger.name
    assert "KeyError: 'x'" in details["traceback"]


def test_tasks_that_run_side_by_side_keep_their_lines_apart(db: QueueDatabase, logger: logging.Logger) -> None:
    logger.addHandler(TaskLogHandler())
    together = threading.Barrier(2)

    def handler(context: TaskContext) -> None:
        for step in range(5):
            together.wait(20)
            logger.info("task %d step %d", context.task_id, step)

    for _ in range(2):
        QueueClient(db).enqueue("job")
    work(db, handler, concurrency=2)
    for task_id in (1, 2):
        own = run_sql(db.db_path, "SELECT message FROM task_logs WHERE task_id = ? ORDER BY log_id", (task_id,))
        assert [text for (text,) in own[1:-1]] == [f"task {task_id} step {step}" for step in range(5)]


def test_a_warning_is_written_at_once_and_what_waits_within_a_turn(db: QueueDatabase, logger: logging.Logger) -> None:
    logger.addHandler(TaskLogHandler(batch=100))
    seen = []

    def handler(_context: TaskContext) -> None:
        logger.info("held back")
        seen.append(lines(db))
        logger.warning("urgent")
        seen.append(lines(db))
        logger.info("later")
        while ("INFO", "later") not in lines(db):  # the keeper writes it
            pass

    QueueClient(db).enqueue("job")
    work(db, handler, lease_seconds=0.3)
    assert seen == [[], [("INFO", "held back"), ("WARNING", "urgent")]]
    assert lines(db)[-2:] == [("INFO", "later"), ("INFO", "completed")]


def test_a_full_batch_is_written(db: QueueDatabase, logger: logging.Logger) -> None:
    logger.addHandler(TaskLogHandler(batch=2))
    seen = []

    def handler(_context: TaskContext) -> None:
        for number in range(3):
            logger.info("line %d", number)
            seen.append(len(lines(db)))

    QueueClient(db).enqueue("job")
    work(db, handler)
    assert seen == [0, 2, 2]


class Chatty:
    """Logs while it is being told."""

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger

    def __str__(self) -> str:
        self.logger.info("inside")
        return "told"


def test_a_record_that_logs_while_it_is_told_does_not_run_for_ever(db: QueueDatabase, logger: logging.Logger) -> None:
    logger.addHandler(TaskLogHandler())
    QueueClient(db).enqueue("job")
    work(db, lambda _context: logger.info("%s", Chatty(logger)))
    assert lines(db) == [("INFO", "told"), ("INFO", "completed")]


def test_a_record_that_cannot_be_told_fails_no_task(
    db: QueueDatabase, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logger.addHandler(TaskLogHandler())

    def handler(_context: TaskContext) -> None:
        logger.info("%d", "no number")
        logger.info("after it")

    QueueClient(db).enqueue("job")
    work(db, handler)
    assert lines(db) == [("INFO", "after it"), ("INFO", "completed")]
    assert "Logging error" in capsys.readouterr().err


def test_a_formatter_that_was_set_is_used(db: QueueDatabase, logger: logging.Logger) -> None:
    carrier = TaskLogHandler("DEBUG")
    carrier.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logger.addHandler(carrier)
    QueueClient(db).enqueue("job")
    work(db, lambda _context: logger.debug("hello"))
    assert lines(db)[0] == ("DEBUG", f"{logger.name}: hello")
