"""What the tests of the history share: a queue with tasks of chosen times, a clock, and a history kept of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from prismq_gui.insight.history import History, Point, Sample, Total
from prismq_gui.insight.reader import QueueReader
from tests.helpers.files import run_sql

START = datetime(2026, 3, 1, 12, 0, 0)
START_S = int((START - datetime(1970, 1, 1)).total_seconds())
HOUR = 3_600


@dataclass
class Clock:
    """A clock that a test sets."""

    now_s: float = START_S

    def __call__(self) -> float:
        return self.now_s


@contextmanager
def keeping(folder: Path, queue: Path, clock: Callable[[], float]) -> Iterator[tuple[History, QueueReader]]:
    with ExitStack() as stack:
        reader = stack.enter_context(closing(QueueReader(queue)))
        reader.open()
        history = stack.enter_context(closing(History(folder, clock)))
        history.open(queue, reader.connection, reader.newest_task_id())
        yield history, reader


def text(second: float) -> str:
    return str(datetime(1970, 1, 1) + timedelta(seconds=int(second)))


def add(queue: Path, created_s: float, status: str = "queued", finished_s: float | None = None, *, log: bool = True,
        error: str | None = None) -> int:  # fmt: skip
    run_sql(
        queue, "INSERT INTO task_queue (type, payload, status, created_at_utc, finished_at_utc, error_message) "
        "VALUES ('job', '{}', ?, ?, ?, ?)",
        (status, text(created_s), None if finished_s is None else text(finished_s), error),
    )  # fmt: skip
    task_id = run_sql(queue, "SELECT max(id) FROM task_queue")[0][0]
    assert isinstance(task_id, int)
    if finished_s is not None and log:
        log_end(queue, task_id, finished_s)
    return task_id


def log_end(queue: Path, task_id: int, at_s: float) -> None:
    sql = "INSERT INTO task_logs (task_id, at_utc, level, message) VALUES (?, ?, 'INFO', 'done')"
    run_sql(queue, sql, (task_id, text(at_s)))


def watch(history: History, clock: Clock, seconds: int, *, per_s: int = 2, waiting: int = 10) -> None:
    """Look each second at a queue where tasks come and go evenly."""
    for _ in range(seconds):
        clock.now_s += 1
        done = int(clock.now_s - START_S) * per_s
        history.note(
            Sample(clock.now_s, waiting, 1, 1_000 + done, Total(done, clock.now_s), Total(0, clock.now_s),
                   Total(0, clock.now_s))
        )  # fmt: skip


def rebuild(history: History, reader: QueueReader, unfinished: int | None = 0) -> int:
    return len(list(history.rebuild(reader.connection, reader.layout(), unfinished)))


def by_start(found: tuple[Point, ...]) -> dict[int, Point]:
    return {point.start_s: point for point in found}
