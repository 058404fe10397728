"""Putting tasks into the queue, looking them up, cancelling them, waiting for what becomes of them.

Owns the client. What may enter is checked in ``payloads``, before SQL; batches are written by ``client_bulk``,
and ``client_reading`` looks what became of a task.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from prismq_gui.queue.client_results import EnqueueManyResult, EnqueueResult, TaskOutcome
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import QueueDatabaseError, QueueSchemaError
from prismq_gui.queue.models import Task
from prismq_gui.queue.payloads import LONGEST_PAYLOAD_BYTES, NewTask, TaskRules, check_integer
from prismq_gui.queue.timestamps import now_text

if TYPE_CHECKING:
    from prismq_gui.queue.cancelling import CancelResult

__all__ = ["EnqueueResult", "QueueClient"]

_LARGEST_ID = 2**63 - 1
_CHUNK_SIZE = 1000
_PAUSE_S = 0.002  # a writer that waits looks for the lock once a millisecond

# Plain places, not ?1: Python 3.12.0 to 3.12.3 take numbered ones for named, and warn.
_INSERT = """
INSERT INTO task_queue
  (created_at_utc, updated_at_utc, type, priority, payload, compatibility, max_attempts, run_after_utc, idempotency_key)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_INSERT_KEYED = f"{_INSERT} ON CONFLICT (idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING RETURNING id"
_FIND_KEY = "SELECT id FROM task_queue WHERE idempotency_key = ?"


class QueueClient:
    """Enqueues, looks up, cancels and waits; safe to use from many threads, as its database is.

    Args:
        database: The queue, or its path; None is the default path. A database that is handed in stays open.
        max_payload_bytes: How long the JSON text of a payload may be, in UTF-8.

    Raises:
        ValueError: The limit is no whole number from 2 to 256 MiB.
    """

    def __init__(
        self,
        database: QueueDatabase | str | Path | None = None,
        *,
        max_payload_bytes: int = LONGEST_PAYLOAD_BYTES,
    ) -> None:
        self._rules = TaskRules(max_payload_bytes)
        self._owns = not isinstance(database, QueueDatabase)
        self.database = database if isinstance(database, QueueDatabase) else QueueDatabase(database)

    def enqueue(
        self,
        type: str,
        payload: Mapping[str, Any] | list[Any] | str | None = None,
        *,
        priority: int = 100,
        run_after: datetime | timedelta | None = None,
        max_attempts: int = 5,
        compatibility: Mapping[str, Any] | str | None = None,
        idempotency_key: str | None = None,
    ) -> EnqueueResult:
        """Add a task; the same idempotency key adds none and returns the one that exists.

        Args:
            type: What kind of task it is; picks the handler.
            payload: JSON for the handler, as an object, a list, or JSON text, which is kept letter by letter; None
                is ``{}``. See :mod:`prismq_gui.queue.payloads`.
            priority: Lower runs first.
            run_after: Not before this moment (naive is UTC) or after this delay; None is now.
            max_attempts: How often it may be tried, at least 1.
            compatibility: What a worker must offer, see :mod:`prismq_gui.queue.capabilities`; at most 64 KiB.
            idempotency_key: At most one task has it; '' is as None.

        Raises:
            ValueError: A value isn't allowed; says which field, which value and what is. Nothing is written.
            QueueBusyError: Another program held the file for over 5 s. Nothing is written.
        """
        now = now_text()
        try:
            row = self._rules.row(
                type, payload, priority, run_after, max_attempts, compatibility, idempotency_key, now
            )  # fmt: skip
        except ValueError as error:
            raise ValueError(f"{error}. Nothing was written.") from None
        if row[6] is None:
            return EnqueueResult(self.database.insert(_INSERT, (now, now, *row)), True)
        return self._enqueue_keyed((now, now, *row), row[6])

    def _enqueue_keyed(self, values: tuple[object, ...], key: str) -> EnqueueResult:
        while True:
            try:
                inserted = self.database.write(_INSERT_KEYED, values)
            except QueueDatabaseError as error:
                if "ON CONFLICT clause does not match" not in str(error):
                    raise
                raise QueueSchemaError(
                    f"The queue {self.database.db_path} has no unique index on idempotency_key, so the key "
                    f"{key!r:.100} can't be kept to one task. Nothing was changed. initialize_schema() makes the index."
                ) from error
            if inserted:
                return EnqueueResult(inserted[0][0], created=True)
            found = self.database.execute(_FIND_KEY, (key,)).fetchone()
            if found is not None:  # else it was deleted between the two statements
                return EnqueueResult(found[0], created=False)

    def enqueue_many(
        self,
        tasks: Iterable[NewTask | Mapping[str, Any]],
        *,
        in_one_transaction: bool = True,
        chunk_size: int = _CHUNK_SIZE,
        pause_s: float = _PAUSE_S,
    ) -> EnqueueManyResult:
        """Add any number of tasks, read from the iterable as they are written: memory holds one chunk.

        In one transaction all go in or none, and no other writer gets on from the second chunk to the end (they give
        up after 5 s; 100,000 small tasks take about 1 s): an iterable that is slow, or one of many more tasks, is
        better put in by chunks, each of which is a transaction of its own. Within ``database.transaction()`` it is a
        part of that one, which alone is taken back where an item fails.

        Args:
            tasks: :class:`NewTask` records, or mappings with the arguments of :meth:`enqueue` as keys.
            in_one_transaction: False writes by chunks: what was written before a failure stays.
            chunk_size: How many tasks are written at once, from 1 to 1,000,000.
            pause_s: How long to let other writers on between chunks that are transactions.

        Returns:
            What became of each item, in order. An idempotency key that exists, or came earlier in the batch, adds none.

        Raises:
            EnqueueManyError: A ValueError: an item isn't allowed, or reading the next one raised. Says which and why;
                has ``index``, and in ``written`` what stays in the queue.
            QueueBusyError: Another program held the file for over 5 s; says what stays.
        """
        from prismq_gui.queue.client_bulk import BulkWriter  # noqa: PLC0415 - most programs put in one at a time

        writer = BulkWriter(
            self.database, self._rules, chunk_size=chunk_size, in_one_transaction=in_one_transaction, pause_s=pause_s
        )
        return writer.run(tasks)

    def get(self, task_id: int) -> Task | None:
        """Return the task, or None where there is none of this id (region and format are not read).

        Raises:
            ValueError: The id is no whole number that SQLite can hold.
        """
        return self.get_many((task_id,)).get(task_id)

    def get_many(self, task_ids: Iterable[int]) -> dict[int, Task]:
        r"""Return the tasks there are by their ids, in the order asked for; 500 are read a statement.

        Text that is not UTF-8 is read with its odd bytes as ``\xNN``.

        Raises:
            ValueError: An id is no whole number that SQLite can hold.
        """
        from prismq_gui.queue.client_reading import read_tasks  # noqa: PLC0415 - a program may only enqueue

        return read_tasks(self.database, [check_integer("task_id", each, -_LARGEST_ID) for each in task_ids])

    def cancel(self, task_id: int, who: str | None = None) -> CancelResult:
        """Cancel a waiting task at once, ask the worker of a running one to end it, refuse a finished one.

        Args:
            task_id: The task.
            who: Who asks, for the task's log; None is the account and machine.

        Raises:
            ValueError: The id is no whole number that SQLite can hold, or ``who`` is blank. Nothing was changed.
            QueueBusyError: Another program held the file for over 5 s. Nothing was changed.
        """
        from prismq_gui.queue.cancelling import request_cancel  # noqa: PLC0415 - brings in the claim

        return request_cancel(self.database, task_id, _user_at_host() if who is None else who)

    def result(self, task_id: int) -> TaskOutcome:
        """Return where a task stands now, with its handler's result where it is completed.

        Raises:
            TaskNotFound: There is no such task.
            ValueError: The id is no whole number that SQLite can hold.
        """
        from prismq_gui.queue.client_reading import read_outcome  # noqa: PLC0415 - as above

        return read_outcome(self.database, check_integer("task_id", task_id, -_LARGEST_ID))

    def wait(self, task_id: int, timeout_s: float | None = None, poll_interval_s: float = 0.1) -> TaskOutcome:
        """Wait until a task is finished (completed, failed, dead letter or cancelled) and return what became of it.

        While nobody writes to the file a look costs 10 µs and reads no table. A task of a status that other programs
        made up never counts as finished; :meth:`result` looks once and never waits.

        Args:
            task_id: The task.
            timeout_s: How long to wait at most, from 0; None is as long as it takes.
            poll_interval_s: How long to sleep between looks, at most a minute; the first ones are shorter.

        Raises:
            WaitTimeout: A TimeoutError: the time was over; the task goes on. Its ``outcome`` is where it stands.
            TaskNotFound: There is no such task, or it was deleted meanwhile.
            QueueDatabaseError: The file was deleted or replaced meanwhile, or this thread has a transaction open, in
                which it would never see what workers do.
            ValueError: The id or a time isn't allowed.
        """
        from prismq_gui.queue.client_reading import wait_for  # noqa: PLC0415 - as above

        return wait_for(self.database, check_integer("task_id", task_id, -_LARGEST_ID), timeout_s, poll_interval_s)

    def close(self) -> None:
        """Close the database, where this client opened it."""
        if self._owns:
            self.database.close()

    def __enter__(self) -> QueueClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _user_at_host() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such account, no variables, no pwd module (Windows)
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
