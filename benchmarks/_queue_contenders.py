"""The queues that benchmarks/queue_speed.py compares, each behind the same few calls.

Each is used as it comes, with its own settings. The raw loop is what a program tuned by hand does on our schema.
All serialise the task's object themselves; filling a file is plain SQL and is never measured.
"""

from __future__ import annotations

import importlib.util
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from prismq_gui.queue import Claimer, NewTask, QueueClient, QueueDatabase, settling
from prismq_gui.queue.schema import PRAGMAS

TEXT = "x" * 200
TYPE = "bench"
LEASE_S = 3600.0


class Front(Enum):
    """What stands in front of the tasks that wait."""

    NOTHING = "nothing"
    FAR_FUTURE = "500 k far-future tasks"
    PRIORITIES = "1,000 priorities not due"
    OTHER_TYPE = "10 k due tasks of another type"


class Does(Enum):
    """What is measured."""

    CLAIM_AND_COMPLETE = "claim + complete"
    CLAIM = "claim"
    CLAIM_TEN = "claim_many(10)"
    ENQUEUE = "enqueue"
    ENQUEUE_MANY = "enqueue_many(1,000)"


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file holds before a measurement."""

    waiting: int = 10_000
    front: Front = Front.NOTHING


def payload(number: int) -> dict[str, Any]:
    return {"n": number, "text": TEXT}


class Contender:
    """One queue on one file; ``create`` and ``fill`` are for the measuring process, the rest for whoever uses it."""

    name: ClassVar[str]
    package: ClassVar[str | None] = None
    note: ClassVar[str] = ""
    can: ClassVar[frozenset[object]]

    def __init__(self, folder: Path, layout: Layout) -> None:
        self.folder, self.layout = folder, layout
        self.path = folder / "queue.db"
        self.filled = 0

    @classmethod
    def is_there(cls) -> bool:
        return cls.package is None or importlib.util.find_spec(cls.package) is not None

    def create(self) -> None:
        """Make the file."""
        self.open()
        self.close()
        self.fill(self.layout.waiting)

    def fill(self, count: int) -> None:
        """Put so many due tasks in, and carry them over from the WAL: what is measured does not pay for it."""
        if count <= 0:
            return
        with closing(sqlite3.connect(self.path, isolation_level=None, timeout=30)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN IMMEDIATE")
            self._insert(connection, range(self.filled, self.filled + count))
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        self.filled += count

    def _insert(self, connection: sqlite3.Connection, numbers: range) -> None:
        raise NotImplementedError

    def open(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def claim(self) -> Any:
        """Return a handle of the next task, None where there is none."""
        raise NotImplementedError

    def complete(self, handle: Any) -> None:
        """End the task, where the queue knows an end."""

    def next(self, handle: Any) -> Any:
        """End the task (None: there is none yet) and return the next one, as the queue's own worker does."""
        if handle is not None:
            self.complete(handle)
        return self.claim()

    def number(self, handle: Any) -> int:
        """Return which task it is."""
        raise NotImplementedError

    def claim_ten(self) -> int:
        raise NotImplementedError

    def enqueue(self, number: int) -> None:
        raise NotImplementedError

    def enqueue_many(self, numbers: range) -> None:
        raise NotImplementedError


def number_in(text: str) -> int:
    return int(text[6 : text.index(",")])


def texts(numbers: range) -> Iterator[str]:
    return (json.dumps(payload(number)) for number in numbers)


class _OnOurSchema(Contender):
    """A file of ours."""

    def create(self) -> None:
        with QueueDatabase(self.path) as database:
            database.initialize_schema()
        self._put_in_front()
        self.fill(self.layout.waiting)

    def _insert(self, connection: sqlite3.Connection, numbers: range) -> None:
        connection.executemany(
            "INSERT INTO task_queue (type, payload) VALUES (?, ?)", ((TYPE, text) for text in texts(numbers))
        )

    def _put_in_front(self) -> None:
        rows = {
            Front.NOTHING: (0, "1", "0"),
            Front.FAR_FUTURE: (500_000, "1", "'2099-01-01 00:00:00'"),
            Front.PRIORITIES: (1_000, "i - 1001", "'2099-01-01 00:00:00'"),
            Front.OTHER_TYPE: (10_000, "1", "datetime('now', '-1 hour')"),
        }
        count, priority, run_after = rows[self.layout.front]
        if count:
            with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
                connection.execute(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                    "INSERT INTO task_queue (type, payload, priority, run_after_utc) "
                    f'SELECT \'other\', \'{{"n": 0, "text": ""}}\', {priority}, {run_after} FROM n',
                    (count,),
                )


class Apart(_OnOurSchema):
    """Ours, with a write for the end of a task and another for the next claim, as the loop tuned by hand does it."""

    name = "PrismQ, two writes"
    can = frozenset([*Front, *Does])

    def open(self) -> None:
        self._database = QueueDatabase(self.path)
        self._claimer, self._client = Claimer(self._database), QueueClient(self._database)
        self._types = (TYPE,) if self.layout.front is Front.OTHER_TYPE else ()
        self._worker = f"worker {id(self)}"

    def close(self) -> None:
        self._database.close()

    def claim(self) -> Any:
        return self._claimer.claim(self._worker, {}, LEASE_S, self._types)

    def complete(self, handle: Any) -> None:
        settling.complete(self._database, handle, None, log=False)

    def number(self, handle: Any) -> int:
        return number_in(handle.payload)

    def claim_ten(self) -> int:
        taken = len(self._claimer.claim_many(self._worker, 10, {}, LEASE_S, self._types))
        if taken < 10:
            raise SystemExit(f"{self.name} ran out of tasks in {self.folder}: too few were put in.")
        return taken

    def enqueue(self, number: int) -> None:
        self._client.enqueue(TYPE, payload(number))

    def enqueue_many(self, numbers: range) -> None:
        self._client.enqueue_many(NewTask(TYPE, payload(number)) for number in numbers)


class Ours(Apart):
    """Ours as its worker does it: the end of a task and the next claim are one write."""

    name = "PrismQ"

    def next(self, handle: Any) -> Any:
        if handle is not None:
            settle = partial(settling.complete, self._database, handle, None, log=False)
            handle = self._claimer.settle_and_claim(settle, self._worker, {}, LEASE_S, self._types)
        return handle if handle is not None else self.claim()


class Raw(_OnOurSchema):
    """The loop tuned by hand: one connection, constant statements, one autocommit write a claim and one an end."""

    name = "raw"
    can = frozenset([*Front, *Does]) - {Does.CLAIM_TEN}
    _CLAIM = """UPDATE task_queue SET status = 'leased', locked_by = ?, attempts = attempts + 1, lease_until_utc = ?,
  reserved_at_utc = ?, updated_at_utc = ?
WHERE id = (SELECT id FROM task_queue WHERE status = 'queued' AND run_after_utc <= ?{}
  ORDER BY priority, run_after_utc, id LIMIT 1) AND status = 'queued'
RETURNING id, type, payload, attempts"""
    _CLAIM_ANY, _CLAIM_TYPE = _CLAIM.format(""), _CLAIM.format(" AND type = 'bench'")
    _END = """UPDATE task_queue SET status = 'completed', locked_by = NULL, lease_until_utc = NULL, finished_at_utc = ?,
  updated_at_utc = ? WHERE id = ? AND status = 'leased' AND locked_by = ? AND attempts = ?"""
    _PUT = """INSERT INTO task_queue
  (type, priority, payload, compatibility, max_attempts, run_after_utc, created_at_utc, updated_at_utc)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""

    def open(self) -> None:
        self._connection = connection = sqlite3.connect(self.path, isolation_level=None, cached_statements=256)
        for name, value in PRAGMAS.items():
            if name != "page_size":
                connection.execute(f"PRAGMA {name} = {value}").fetchall()
        self._execute = connection.execute
        self._sql = self._CLAIM_TYPE if self.layout.front is Front.OTHER_TYPE else self._CLAIM_ANY

    def close(self) -> None:
        self._connection.close()

    def claim(self) -> Any:
        now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
        rows = self._execute(self._sql, ("w", now, now, now, now)).fetchall()
        return rows[0] if rows else None

    def complete(self, handle: Any) -> None:
        now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
        self._execute(self._END, (now, now, handle[0], "w", handle[3]))

    def number(self, handle: Any) -> int:
        return number_in(handle[2])

    def enqueue(self, number: int) -> None:
        now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
        self._execute(self._PUT, (TYPE, 100, json.dumps(payload(number)), "{}", 5, now, now, now))

    def enqueue_many(self, numbers: range) -> None:
        now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
        self._execute("BEGIN IMMEDIATE")
        self._connection.executemany(self._PUT, [(TYPE, 100, text, "{}", 5, now, now, now) for text in texts(numbers)])
        self._execute("COMMIT")
