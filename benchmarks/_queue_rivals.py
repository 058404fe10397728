"""Other queues on SQLite, for benchmarks/queue_speed.py: packages of the extra ``bench``, never the program's."""

from __future__ import annotations

import itertools
import json
import pickle
import sqlite3
import time
import warnings
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks._queue_contenders import (
    TEXT,
    Apart,
    Contender,
    Does,
    Front,
    Layout,
    Ours,
    Raw,
    number_in,
    payload,
    texts,
)


class HueyStorage(Contender):
    """Huey's file alone, without its tasks: bytes in, bytes out."""

    name, package = "huey, storage alone", "huey"
    note = "the claim takes the row away: no lease, no end"
    can = frozenset({Front.NOTHING, Front.FAR_FUTURE, Does.CLAIM_AND_COMPLETE, Does.CLAIM, Does.ENQUEUE})

    def open(self) -> None:
        self._storage: Any = import_module("huey.storage").SqliteStorage("bench", filename=str(self.path))

    def close(self) -> None:
        self._storage.close()

    def create(self) -> None:
        super().create()
        if self.layout.front is Front.FAR_FUTURE:
            with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
                connection.execute(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000) "
                    "INSERT INTO schedule (queue, data, timestamp) SELECT 'bench', x'7b7d', 4e9 FROM n"
                )

    def _insert(self, connection: sqlite3.Connection, numbers: range) -> None:
        connection.executemany(
            "INSERT INTO task (queue, data, priority) VALUES ('bench', ?, 0)",
            ((text.encode(),) for text in texts(numbers)),
        )

    def claim(self) -> Any:
        return self._storage.dequeue()

    def number(self, handle: Any) -> int:
        return number_in(bytes(handle).decode())

    def enqueue(self, number: int) -> None:
        self._storage.enqueue(json.dumps(payload(number)).encode())


class Huey(HueyStorage):
    """What huey's worker does with a task that does nothing, without results."""

    name = "huey"
    _MOST_DIFFERENT = 100_000  # making a message costs 20 µs; a file with more holds one message again and again

    def open(self) -> None:
        self._huey: Any = import_module("huey").SqliteHuey("bench", filename=str(self.path), results=False)
        self._task = self._huey.task(name="bench")(_do_nothing)
        self._storage = self._huey.storage

    def _insert(self, connection: sqlite3.Connection, numbers: range) -> None:
        if not hasattr(self, "_huey"):
            self.open()
        many = len(numbers) > self._MOST_DIFFERENT
        blobs = (self._huey.serialize_task(self._task.s(each, TEXT)) for each in (numbers[:1] if many else numbers))
        rows = itertools.repeat((next(blobs),), len(numbers)) if many else ((blob,) for blob in blobs)
        connection.executemany("INSERT INTO task (queue, data, priority) VALUES ('bench', ?, 0)", rows)

    def claim(self) -> Any:
        return self._huey.dequeue()

    def complete(self, handle: Any) -> None:
        self._huey.execute(handle)

    def number(self, handle: Any) -> int:
        return int(handle.args[0])

    def enqueue(self, number: int) -> None:
        self._task(number, TEXT)


def _do_nothing(number: int, text: str) -> None:
    pass


class LiteQueue(Contender):
    name, package = "litequeue", "litequeue"
    note = "no lease: a crash leaves the task locked"
    can = frozenset({Front.NOTHING, Does.CLAIM_AND_COMPLETE, Does.CLAIM, Does.ENQUEUE, Does.ENQUEUE_MANY})

    def open(self) -> None:
        self._queue: Any = import_module("litequeue").LiteQueue(self.path)

    def close(self) -> None:
        self._queue.conn.close()

    def _insert(self, connection: sqlite3.Connection, numbers: range) -> None:
        at = time.time_ns()
        connection.executemany(
            "INSERT INTO [Queue] (data, message_id, status, in_time) VALUES (?, ?, 0, ?)",
            ((text, f"0{number:031x}", at) for number, text in zip(numbers, texts(numbers), strict=True)),
        )

    def claim(self) -> Any:
        return self._queue.pop()

    def complete(self, handle: Any) -> None:
        self._queue.done(handle.message_id)

    def number(self, handle: Any) -> int:
        return number_in(handle.data)

    def enqueue(self, number: int) -> None:
        self._queue.put(json.dumps(payload(number)))

    def enqueue_many(self, numbers: range) -> None:
        with self._queue.transaction(mode="IMMEDIATE"):
            for number in numbers:
                self._queue.put(json.dumps(payload(number)))


class PersistAck(Contender):
    name, package = "persist-queue (ack)", "persistqueue"
    note = "no lease; two processes may get the same task"
    can = frozenset({Front.NOTHING, Does.CLAIM_AND_COMPLETE, Does.CLAIM, Does.ENQUEUE})
    _table, _columns, _values = "ack_queue_default", "data, timestamp, status", "?, 0, 0"

    def __init__(self, folder: Path, layout: Layout) -> None:
        super().__init__(folder, layout)
        self.path = folder / "data.db"

    def open(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            package = import_module("persistqueue")
        self._empty: type[Exception] = package.Empty
        self._queue: Any = self._make(package)

    def _make(self, package: Any) -> Any:
        return package.SQLiteAckQueue(str(self.folder), auto_commit=True, auto_resume=False)

    def close(self) -> None:
        self._queue.close()

    def _insert(self, connection: sqlite3.Connection, numbers: range) -> None:
        connection.executemany(
            f"INSERT INTO {self._table} ({self._columns}) VALUES ({self._values})",
            ((pickle.dumps(text),) for text in texts(numbers)),
        )

    def claim(self) -> Any:
        try:
            return self._queue.get(block=False, raw=True)
        except self._empty:
            return None

    def complete(self, handle: Any) -> None:
        self._queue.ack(id=handle["pqid"])

    def number(self, handle: Any) -> int:
        return number_in(handle["data"])

    def enqueue(self, number: int) -> None:
        self._queue.put(json.dumps(payload(number)))


class PersistFifo(PersistAck):
    name = "persist-queue (FIFO)"
    note = "the claim takes the row away; two processes may get the same task"
    _table, _columns, _values = "queue_default", "data, timestamp", "?, 0"

    def _make(self, package: Any) -> Any:
        return package.FIFOSQLiteQueue(str(self.folder), auto_commit=True)

    def complete(self, handle: Any) -> None:
        pass


ALL: tuple[type[Contender], ...] = (Ours, Apart, Raw, Huey, HueyStorage, LiteQueue, PersistAck, PersistFifo)
