"""Putting in many tasks: read, checked and written in chunks, of which no more than one is held in memory.

Owns the statements of a batch. 100 rows a statement take half of what a statement a row does (4.0 and 7.5 µs a row):
AUTOINCREMENT writes its counter once a statement.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from typing import NoReturn

from prismq_gui.queue.client_results import EnqueueManyError, EnqueueManyResult
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import QueueDatabaseError
from prismq_gui.queue.payloads import FIELDS, LARGEST_INTEGER, NewTask, Row, TaskRules, check_integer
from prismq_gui.queue.timestamps import now_text

CHUNK_SIZE = 1000
LONGEST_CHUNK = 8 * 1024 * 1024  # characters of payload, after which a chunk is full
PAUSE_S = 0.002  # a writer that waits looks for the lock once a millisecond
_ROWS_A_STATEMENT = 100
_KEYS_A_STATEMENT = 500
_PARAMETERS_A_ROW = 7  # 701 in all: SQLite takes 32,766 since 3.32, and 999 where it is built so
_MOST_CHUNK = 1_000_000
_LONGEST_PAUSE_S = 3600.0

_COLUMNS = (
    "created_at_utc, updated_at_utc, type, priority, payload, compatibility, max_attempts, run_after_utc, "
    "idempotency_key"
)
_ONE = f"INSERT INTO task_queue ({_COLUMNS}) VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, coalesce(?7, ?1), ?8) RETURNING id"
_LAST_ID = (
    "SELECT max(coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'task_queue'), 0), "
    "coalesce((SELECT max(id) FROM task_queue), 0))"
)
_TRIGGERS = "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'task_queue' COLLATE NOCASE LIMIT 1"
_SAVEPOINT = "prismq_enqueue_many"
_NUMBERED = re.compile(r"\?(\d+)")
# Python 3.12.0 to 3.12.3 takes ?1 for a name, and warns of names without a mapping. Plain places alone cost 40 % more.
_NUMBERS_ARE_NAMES = (3, 12, 0) <= sys.version_info[:3] < (3, 12, 4)
_Statement = tuple[str, tuple[object, ...], int]  # with its values, and how many rows it inserts


@lru_cache(maxsize=_ROWS_A_STATEMENT)
def _insert(rows: int) -> str:
    values = ", ".join(
        f"(?1, ?1, ?{at}, ?{at + 1}, ?{at + 2}, ?{at + 3}, ?{at + 4}, coalesce(?{at + 5}, ?1), ?{at + 6})"
        for at in range(2, 2 + rows * _PARAMETERS_A_ROW, _PARAMETERS_A_ROW)
    )
    return f"INSERT INTO task_queue ({_COLUMNS}) VALUES {values}"


@lru_cache(maxsize=_ROWS_A_STATEMENT)
def _insert_alike(rows: int) -> str:
    values = ", ".join(f"(?1, ?1, ?2, ?3, ?{at}, ?4, ?5, ?1, NULL)" for at in range(6, 6 + rows))
    return f"INSERT INTO task_queue ({_COLUMNS}) VALUES {values}"


@lru_cache(maxsize=64)
def _find(keys: int) -> str:
    places = ", ".join("?" * keys)
    return (
        "SELECT idempotency_key, id FROM task_queue "
        f"WHERE idempotency_key IS NOT NULL AND idempotency_key IN ({places})"
    )


def _placed(sql: str, values: tuple[object, ...]) -> tuple[str, tuple[object, ...]]:
    """Return a statement with numbered places as this Python binds it without a warning."""
    if not _NUMBERS_ARE_NAMES:
        return sql, values
    plain, order = _in_order(sql)
    return plain, tuple([values[number] for number in order])


@lru_cache(maxsize=64)
def _in_order(sql: str) -> tuple[str, tuple[int, ...]]:
    """Return a statement with plain places, and which value belongs to each."""
    return _NUMBERED.sub("?", sql), tuple(int(number) - 1 for number in _NUMBERED.findall(sql))


class _Chunk:
    """Checked tasks that are written together: their payloads alone as long as all else is the same.

    Tasks that are alike save 1.6 of 7.6 µs each: nothing but the payload is checked and bound.
    """

    __slots__ = ("_first", "_head", "_rows", "_rules", "payloads", "size")

    def __init__(self, rules: TaskRules) -> None:
        self._rules = rules
        self._first: NewTask | None = None  # what the others are compared with, while they are alike
        self._head: Row | None = None
        self._rows: list[Row] | None = None
        self.payloads: list[str] = []
        self.size = 0  # characters of payload

    def add(self, task: NewTask) -> None:
        """Check a task and add it; raises ValueError where it isn't allowed."""
        first = self._first
        if (
            first is not None
            and task.type is first.type  # by identity: 1, 1.0 and True are equal
            and task.priority is first.priority
            and task.max_attempts is first.max_attempts
            and task.run_after is None
            and task.compatibility is None
            and task.idempotency_key is None
        ):
            payload = self._rules.payload(task.payload)
        else:
            payload = self._add_row(task)
        self.payloads.append(payload)
        self.size += len(payload)

    def _add_row(self, task: NewTask) -> str:
        row = self._rules.row(
            task.type, task.payload, task.priority, task.run_after, task.max_attempts, task.compatibility,
            task.idempotency_key, None,
        )  # fmt: skip
        if not self.payloads and task.run_after is None and task.compatibility is None and row[6] is None:
            self._first, self._head = task, row
        else:
            self._rows = self.rows()
            self._rows.append(row)
            self._first = None
        return row[2]

    def keys(self) -> list[str]:
        """Return the idempotency keys."""
        return [] if self._rows is None else [row[6] for row in self._rows if row[6] is not None]

    def rows(self) -> list[Row]:
        """Return all values of each task."""
        if self._rows is not None:
            return self._rows
        head = self._head
        return [] if head is None else [(*head[:2], payload, *head[3:]) for payload in self.payloads]

    def statements(self, now: str) -> Iterator[_Statement]:
        """Return what inserts all of them; ``now`` is the file's text of now."""
        head = self._head
        if self._rows is not None or head is None:
            yield from _inserts(self.rows(), now)
            return
        for start in range(0, len(self.payloads), _ROWS_A_STATEMENT):
            part = self.payloads[start : start + _ROWS_A_STATEMENT]
            yield _insert_alike(len(part)), (now, head[0], head[1], head[3], head[4], *part), len(part)


def _inserts(rows: Sequence[Row], now: str) -> Iterator[_Statement]:
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        part = rows[start : start + _ROWS_A_STATEMENT]
        yield _insert(len(part)), (now, *chain.from_iterable(part)), len(part)


class BulkWriter:
    """Writes one batch; used once, by one thread.

    Raises:
        ValueError: The chunk size or the pause isn't allowed.
    """

    def __init__(
        self, db: QueueDatabase, rules: TaskRules, *, chunk_size: int, in_one_transaction: bool, pause_s: float
    ) -> None:
        check_integer("chunk_size", chunk_size, 1, _MOST_CHUNK)
        if isinstance(pause_s, bool) or not isinstance(pause_s, (int, float)) or not 0 <= pause_s <= _LONGEST_PAUSE_S:
            raise ValueError(f"pause_s must be a number of seconds from 0 to 3,600, not {pause_s!r:.100}")
        self._db = db
        self._rules = rules
        self._chunk_size = chunk_size
        self._is_whole = in_one_transaction
        self._pause_s = pause_s
        self._result = EnqueueManyResult()

    def run(self, tasks: Iterable[NewTask | Mapping[str, object]]) -> EnqueueManyResult:
        """Write all tasks and return what became of each.

        Raises:
            EnqueueManyError: An item isn't allowed, or the next one could not be read.
            QueueDatabaseError: The file could not be written.
        """
        chunks = self._chunks(iter(tasks))
        first = next(chunks, None)  # before the lock is taken: a batch of one chunk holds it for its writes alone
        if first is None:
            return self._result
        if not self._is_whole:
            for chunk in chain([first], chunks):
                self._write_part(chunk)
            return self._result
        with self._whole():
            for chunk in chain([first], chunks):
                self._write(chunk, self._result)
        return self._result

    def _write_part(self, chunk: _Chunk) -> None:
        done = len(self._result)
        if done and self._pause_s:
            time.sleep(self._pause_s)  # other writers get the lock between two chunks
        part = EnqueueManyResult()
        try:
            with self._db.transaction():
                self._write(chunk, part)
        except QueueDatabaseError as error:
            if not done:
                raise
            kept = f"The first {done:,} items of the batch had been put in before and stay."
            raise type(error)(f"{error} {kept}") from error
        self._result.extend(part)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Make the block one transaction, or a part, to be taken back alone, of the one that is open in this thread."""
        with self._db.connection() as connection:
            if not connection.in_transaction:
                with self._db.transaction():
                    yield
                return
            connection.execute(f"SAVEPOINT {_SAVEPOINT}")
            try:
                yield
            except BaseException:
                if connection.in_transaction:  # SQLite ends the whole of it where the disk is full
                    connection.execute(f"ROLLBACK TO {_SAVEPOINT}")
                    connection.execute(f"RELEASE {_SAVEPOINT}")
                raise
            connection.execute(f"RELEASE {_SAVEPOINT}")

    def _chunks(self, tasks: Iterator[NewTask | Mapping[str, object]]) -> Iterator[_Chunk]:
        """Read and check the items; each chunk is full by rows or by characters of payload."""
        chunk = _Chunk(self._rules)
        index = 0
        while True:
            try:
                item = next(tasks)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001 (whatever the caller's iterable raises)
                self._refuse(index, f"the item could not be read ({type(error).__name__}: {error})", error)
            try:
                chunk.add(item if item.__class__ is NewTask else _new_task(item))
            except ValueError as error:
                self._refuse(index, str(error), None)
            index += 1
            if len(chunk.payloads) >= self._chunk_size or chunk.size >= LONGEST_CHUNK:
                yield chunk
                chunk = _Chunk(self._rules)
        if chunk.payloads:
            yield chunk

    def _refuse(self, index: int, reason: str, cause: BaseException | None) -> NoReturn:
        raise EnqueueManyError(index, reason, EnqueueManyResult() if self._is_whole else self._result) from cause

    def _write(self, chunk: _Chunk, result: EnqueueManyResult) -> None:
        """Write a chunk within the transaction that is open."""
        keys = chunk.keys()
        if keys:
            self._write_keyed(chunk.rows(), keys, result)
        elif self._has_triggers():
            self._insert_each(chunk.rows(), result)
        else:
            self._insert_all(chunk.statements(now_text()), result)

    def _write_keyed(self, rows: list[Row], keys: list[str], result: EnqueueManyResult) -> None:
        known = self._known(list(dict.fromkeys(keys)))
        fresh: list[Row] = []
        places, is_first = [], []  # for each row: where it stands in ``fresh``, -1 where its task exists
        pending: dict[str, int] = {}
        for row in rows:
            key = row[6]
            place = -1 if key in known else pending.get(key, len(fresh)) if key is not None else len(fresh)
            places.append(place)
            is_first.append(place == len(fresh))
            if place == len(fresh):
                fresh.append(row)
                if key is not None:
                    pending[key] = place
        inserted = EnqueueManyResult()
        if self._has_triggers():
            self._insert_each(fresh, inserted)
        else:
            self._insert_all(_inserts(fresh, now_text()), inserted)
        ids = list(inserted.ids)
        for row, place, is_new in zip(rows, places, is_first, strict=True):
            result.append(ids[place] if place >= 0 else known[row[6]], 1, created=is_new)

    def _known(self, keys: list[str]) -> dict[str | None, int]:
        """Return which of the keys have a task; in this transaction nobody adds another."""
        found: dict[str | None, int] = {}
        for start in range(0, len(keys), _KEYS_A_STATEMENT):
            part = keys[start : start + _KEYS_A_STATEMENT]
            found.update((row[0], row[1]) for row in self._db.execute(_find(len(part)), part).fetchall())
        return found

    def _has_triggers(self) -> bool:
        """Whether a trigger may add tasks of its own between ours, so that ids need not follow each other."""
        return self._db.execute(_TRIGGERS).fetchone() is not None

    def _insert_each(self, rows: list[Row], result: EnqueueManyResult) -> None:
        now = now_text()
        for row in rows:
            result.append(self._db.write(*_placed(_ONE, (now, *row)))[0][0], 1, created=True)

    def _insert_all(self, statements: Iterator[_Statement], result: EnqueueManyResult) -> None:
        last_id = self._db.execute(_LAST_ID).fetchone()[0]
        for sql, values, count in statements:
            if isinstance(last_id, int) and last_id > LARGEST_INTEGER - count:  # SQLite calls it a full disk
                raise QueueDatabaseError(
                    f"The queue {self._db.db_path} can take no {count} further tasks: its id space is exhausted (the "
                    f"id {last_id} is in use). The disk is not full. Nothing was changed."
                )
            new_last_id = self._db.insert(*_placed(sql, values))
            if new_last_id - count != last_id:
                raise QueueDatabaseError(
                    f"The queue {self._db.db_path} did not number new tasks one after the other (the last one was "
                    f"{last_id!r:.40}, now it is {new_last_id}). Nothing was changed. Run the integrity check."
                )
            last_id = new_last_id
            result.append(last_id - count + 1, count, created=True)


def _new_task(item: object) -> NewTask:
    if isinstance(item, NewTask):
        return item
    if not isinstance(item, Mapping):
        raise ValueError(f"a NewTask or a mapping of its fields is expected, not {type(item).__name__}")
    unknown = [name for name in item if name not in FIELDS]
    if unknown:
        raise ValueError(f"{unknown[0]!r:.100} is no field of a task; they are {', '.join(FIELDS)}")
    if "type" not in item:
        raise ValueError("type is missing")
    return NewTask(**item)
