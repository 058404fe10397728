"""Retention: deletes finished tasks of a certain age, with their logs.

Owns the deletion of tasks by age. Works in short transactions with pauses, so that workers never wait long, and
repeats each guard in the WHERE of its write. Both timestamp forms count; what has no readable
time is kept.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prismq_gui.queue.database import QueueDatabase, explain
from prismq_gui.queue.exceptions import QueueBusyError, QueueDatabaseError, QueueSchemaError
from prismq_gui.queue.stale import refuse_foreign_triggers
from prismq_gui.queue.timestamps import exact_text, now_utc, sql_due, sql_normalised
from prismq_gui.queue.transitions import TERMINAL, Status
from prismq_gui.queue.upkeep import (
    Cancel,
    MaintenanceProgress,
    Tell,
    asks,
    existing_file,
    open_reading,
    pause,
    silent,
)

CHUNK_ROWS = 500
SHORTEST_PAUSE_S = 0.005
_FIRST_LOOK_ROWS, _FEWEST_LOOK_ROWS, _MOST_LOOK_ROWS = 2_000, 200, 20_000
_LOOK_AIM_S = 0.05

# Some programs leave finished_at_utc empty: then the last change counts, which is never earlier.
_ENDED_TIME = f"CASE WHEN finished_at_utc IS NULL THEN {sql_normalised('updated_at_utc')} " + (
    f"ELSE {sql_normalised('finished_at_utc')} END"
)
_CHOSEN = "status IN (SELECT value FROM json_each(:statuses))"
_IS_OLD = (
    f"(CASE WHEN finished_at_utc IS NULL THEN {sql_due('updated_at_utc', ':before')} "
    f"ELSE {sql_due('finished_at_utc', ':before')} END)"
)
_LOOK = f"""
SELECT id, CASE WHEN NOT {_CHOSEN} THEN 0 WHEN {_IS_OLD} THEN 1 WHEN {_ENDED_TIME} IS NULL THEN 2 ELSE 0 END AS verdict
FROM task_queue WHERE id > :after AND id <= :last ORDER BY id LIMIT :rows"""
_LOG_COUNTS = """
SELECT task_id, count(*) AS lines FROM task_logs WHERE task_id IN (SELECT value FROM json_each(?)) GROUP BY task_id"""
_LOG_COUNT = "SELECT count(*) FROM task_logs WHERE task_id IN (SELECT value FROM json_each(?))"
_STATUS_COUNTS = """
SELECT status, count(*) FROM task_queue WHERE id IN (SELECT value FROM json_each(?)) GROUP BY status"""
_DOOMED = f"SELECT id FROM task_queue WHERE id IN (SELECT value FROM json_each(:ids)) AND {_CHOSEN} AND {_IS_OLD}"
_DELETE_LOGS = f"DELETE FROM task_logs WHERE task_id IN ({_DOOMED})"
_DELETE_SOME_LOGS = f"""
DELETE FROM task_logs WHERE log_id IN (
  SELECT log_id FROM task_logs WHERE task_id IN ({_DOOMED}) ORDER BY log_id LIMIT :lines)"""
_DELETE_TASKS = f"DELETE FROM task_queue WHERE id IN ({_DOOMED})"


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """What retention did.

    Attributes:
        tasks: Tasks deleted.
        logs: Log lines deleted.
        without_time: Tasks of the chosen statuses without a readable time: kept.
        refused: Ids of old tasks that SQLite would not delete (malformed JSON under an index, or another
            program's table refers to them), at most 100.
        stopped: It was stopped before all was looked at; what is counted is done for good.
    """

    tasks: int
    logs: int
    without_time: int
    refused: tuple[int, ...]
    stopped: bool
    elapsed_s: float


def delete_finished(
    db: QueueDatabase,
    older_than: timedelta,
    *,
    statuses: Collection[str] = (Status.COMPLETED.value,),
    progress: Tell = silent,
    cancel: Cancel | None = None,
    now: datetime | None = None,
) -> RetentionReport:
    """Delete tasks that ended longer ago than this, with their logs.

    At most 500 rows a transaction; a task goes in one transaction with its logs. Of a task with more
    log lines than that the oldest go first, and the task with the last of them.

    Args:
        db: The queue.
        older_than: How long ago they ended, at least.
        statuses: Finished ones only: completed, failed, dead_letter, cancelled.
        progress: Called after each look; counts ids.
        cancel: Stops it between two transactions.
        now: The time, for tests and for a cut that several runs share.

    Raises:
        ValueError: The age is negative, or a status isn't a finished one.
        QueueSchemaError: The log table has no index by task: each deletion would read all of it.
        QueueDatabaseError: There is no such file, a foreign trigger would run, or SQLite refused; what was
            deleted before that stays deleted, and the message tells how many.
    """
    if older_than < timedelta(0):
        raise ValueError(f"older_than must not be negative, but is {older_than!r}")
    chosen = sorted({_finished(status) for status in statuses})
    existing_file(db)
    _require_log_index(db)
    return _Retention(db, chosen, (now or now_utc()) - older_than, progress, cancel).run()


@dataclass(frozen=True, slots=True)
class RetentionCount:
    """What retention would delete.

    Attributes:
        tasks: By status, the largest first.
        logs: Log lines of theirs.
        without_time: As in :class:`RetentionReport`.
        stopped: It was stopped before all was looked at; then there are at least so many.
    """

    tasks: tuple[tuple[str, int], ...]
    logs: int
    without_time: int
    stopped: bool

    @property
    def total(self) -> int:
        """All tasks."""
        return sum(count for _, count in self.tasks)


def count_finished(
    queue: QueueDatabase | Path | str,
    older_than: timedelta,
    *,
    statuses: Collection[str] = (Status.COMPLETED.value,),
    progress: Tell = silent,
    cancel: Cancel | None = None,
    now: datetime | None = None,
) -> RetentionCount:
    """Count what :func:`delete_finished` would delete, by the same rules and in short looks; changes nothing.

    Raises:
        ValueError: The age is negative, or a status isn't a finished one.
        QueueDatabaseError: There is no such file, or it can't be read.
    """
    if older_than < timedelta(0):
        raise ValueError(f"older_than must not be negative, but is {older_than!r}")
    chosen, path, stop = sorted({_finished(status) for status in statuses}), existing_file(queue), asks(cancel)
    guard = {"statuses": json.dumps(chosen), "before": exact_text((now or now_utc()) - older_than)}
    try:
        with closing(open_reading(path)) as connection:
            return _Count(connection, guard).run(progress, stop)
    except sqlite3.Error as error:
        raise explain(error, path) from error


class _Count:
    """One walk over all tasks; used once, in one thread."""

    def __init__(self, connection: sqlite3.Connection, guard: dict[str, str]) -> None:
        self._connection = connection
        self._guard = guard
        self._rows = _FIRST_LOOK_ROWS
        self._tasks: Counter[str] = Counter()
        self._logs = self._without_time = 0

    def run(self, progress: Tell, stop: Callable[[], bool]) -> RetentionCount:
        first, last = self._connection.execute("SELECT min(id), max(id) FROM task_queue").fetchone()
        after = first - 1 if last is not None else 0
        while last is not None and after < last and not stop():
            started = time.perf_counter()
            found = self._connection.execute(
                _LOOK, self._guard | {"after": after, "last": last, "rows": self._rows}
            ).fetchall()
            if not found:
                break
            after = found[-1][0]
            self._without_time += sum(verdict == 2 for _, verdict in found)
            self._add([task_id for task_id, verdict in found if verdict == 1])
            took_s = time.perf_counter() - started
            self._rows = min(_MOST_LOOK_ROWS, max(_FEWEST_LOOK_ROWS, int(self._rows * _LOOK_AIM_S / max(took_s, 1e-4))))
            progress(MaintenanceProgress(f"{self._tasks.total():,} tasks found", after - first + 1, last - first + 1))
        return RetentionCount(tuple(self._tasks.most_common()), self._logs, self._without_time, stop())

    def _add(self, ids: list[int]) -> None:
        if ids:
            text = json.dumps(ids)
            self._tasks.update(dict(self._connection.execute(_STATUS_COUNTS, (text,)).fetchall()))
            self._logs += self._connection.execute(_LOG_COUNT, (text,)).fetchone()[0]


def _finished(status: str) -> str:
    value = status.value if isinstance(status, Status) else status
    if value not in TERMINAL:
        raise ValueError(f"statuses may hold {', '.join(TERMINAL)}, not {value!r}: only finished tasks are deleted")
    return value


def _require_log_index(db: QueueDatabase) -> None:
    sql = (
        "SELECT 1 FROM pragma_index_list('task_logs') AS i, pragma_index_info(i.name) AS c "
        "WHERE c.seqno = 0 AND c.name = 'task_id' LIMIT 1"
    )
    if db.execute(sql).fetchone() is None:
        raise QueueSchemaError(
            f"{db.db_path} has no index of the log lines by task (ix_logs_task), or no log table: each deletion would "
            "read all of them while the workers wait. Nothing was changed. Make it first: initialize_schema()."
        )


class _Retention:
    """One run of retention; used once, in one thread."""

    def __init__(
        self, db: QueueDatabase, statuses: list[str], before: datetime, progress: Tell, cancel: Cancel | None
    ) -> None:
        self._db = db
        self._guard = {"statuses": json.dumps(statuses), "before": exact_text(before)}
        self._progress = progress
        self._cancel = cancel
        self._stop = asks(cancel)
        self._rows = _FIRST_LOOK_ROWS
        self._tasks = self._logs = self._without_time = 0
        self._refused: list[int] = []

    def run(self) -> RetentionReport:
        started, stopped = time.perf_counter(), False
        try:
            for ids in self._old():
                for pack, lines in self._packs(ids):
                    if self._stop():
                        stopped = True
                        break
                    self._delete(pack, lines)
                stopped = stopped or self._stop()
                if stopped:
                    break
        except QueueDatabaseError as error:
            if not self._tasks and not self._logs:
                raise
            done = f"{self._tasks:,} tasks and {self._logs:,} log lines were deleted before that, for good."
            raise type(error)(f"{str(error).replace('Nothing was changed', 'This step was undone')} {done}") from error
        elapsed_s = time.perf_counter() - started
        refused = tuple(self._refused[:100])
        return RetentionReport(self._tasks, self._logs, self._without_time, refused, stopped, elapsed_s)

    def _old(self) -> Iterator[list[int]]:
        """Walk over all tasks by id in short statements, so that no snapshot is held; yield the old ones."""
        first, last = self._db.execute("SELECT min(id), max(id) FROM task_queue").fetchone()
        if last is None:
            return
        after = first - 1
        while after < last:
            started = time.perf_counter()
            values = self._guard | {"after": after, "last": last, "rows": self._rows}
            found = self._db.execute(_LOOK, values).fetchall()
            took_s = time.perf_counter() - started
            self._rows = min(_MOST_LOOK_ROWS, max(_FEWEST_LOOK_ROWS, int(self._rows * _LOOK_AIM_S / max(took_s, 1e-4))))
            if not found:
                break
            after = found[-1]["id"]
            self._without_time += sum(row["verdict"] == 2 for row in found)
            yield [row["id"] for row in found if row["verdict"] == 1]
            text = f"{self._tasks:,} tasks and {self._logs:,} log lines deleted"
            self._progress(MaintenanceProgress(text, after - first + 1, last - first + 1))

    def _packs(self, ids: list[int]) -> Iterator[tuple[list[int], int]]:
        """Yield ids whose rows fit into one transaction, with how many log lines they have."""
        lines = {row["task_id"]: row["lines"] for row in self._db.execute(_LOG_COUNTS, (json.dumps(ids),)).fetchall()}
        pack: list[int] = []
        rows = 0
        for task_id in ids:
            own = 1 + lines.get(task_id, 0)
            if pack and rows + own > CHUNK_ROWS:
                yield pack, rows - len(pack)
                pack, rows = [], 0
            pack.append(task_id)
            rows += own
        if pack:
            yield pack, rows - len(pack)

    def _delete(self, pack: list[int], lines: int) -> None:
        values = self._guard | {"ids": json.dumps(pack)}
        if len(pack) == 1 and not self._shorten_log(values, lines):
            return
        try:
            logs, tasks = self._write(_DELETE_LOGS, values, _DELETE_TASKS)
        except QueueBusyError:
            raise
        except QueueDatabaseError as error:
            if "malformed JSON" not in str(error) and "FOREIGN KEY" not in str(error):
                raise
            self._one_by_one(pack)
            return
        self._logs += logs
        self._tasks += tasks

    def _shorten_log(self, values: dict[str, Any], lines: int) -> bool:
        """Delete the oldest lines of a task with very many, until the rest fits; False where it was stopped."""
        while lines >= CHUNK_ROWS:
            if self._stop():
                return False
            deleted, _ = self._write(_DELETE_SOME_LOGS, values | {"lines": CHUNK_ROWS})
            if deleted == 0:  # it isn't old any more: retried meanwhile
                break
            self._logs += deleted
            lines -= deleted
        return True

    def _one_by_one(self, pack: list[int]) -> None:
        """Delete what can be deleted where one row of the pack can't."""
        if len(pack) == 1:
            self._refused += pack
            return
        middle = len(pack) // 2
        for half in (pack[:middle], pack[middle:]):
            self._delete(half, 0)

    def _write(self, sql: str, values: dict[str, Any], then: str | None = None) -> tuple[int, int]:
        """Run one transaction, then let the workers go first for as long as it took."""
        started = time.perf_counter()
        with self._db.transaction():
            refuse_foreign_triggers(self._db)
            first = self._db.execute(sql, values).rowcount
            second = self._db.execute(then, values).rowcount if then else 0
        pause(self._cancel, max(SHORTEST_PAUSE_S, time.perf_counter() - started))
        return first, second
