"""Putting tasks into the queue and looking one up.

Owns the checks of what may enter: nothing reaches SQL that the file's contract does not allow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.models import Task
from prismq_gui.queue.timestamps import now_utc, utc_text

LONGEST_PAYLOAD_BYTES = 1024 * 1024
DEEPEST_PAYLOAD = 200
_LARGEST_INTEGER = 2**63 - 1

_INSERT = """
INSERT INTO task_queue
  (type, priority, payload, compatibility, max_attempts, run_after_utc, idempotency_key, created_at_utc, updated_at_utc)
VALUES (:type, :priority, :payload, :compatibility, :max_attempts, :run_after, :key, :now, :now)
ON CONFLICT (idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
RETURNING id"""
_COLUMNS = (
    "id, type, priority, payload, compatibility, status, attempts, max_attempts, run_after_utc, lease_until_utc, "
    "reserved_at_utc, processing_started_utc, finished_at_utc, locked_by, error_message, idempotency_key, "
    "created_at_utc, updated_at_utc"
)


@dataclass(frozen=True, slots=True)
class EnqueueResult:
    """The task's id; ``created`` is False where the idempotency key named a task that exists."""

    task_id: int
    created: bool


class QueueClient:
    """Enqueues and looks up tasks; safe to use from many threads, as its database is."""

    def __init__(self, database: QueueDatabase | str | Path | None = None) -> None:
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
        compatibility: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> EnqueueResult:
        """Add a task; the same idempotency key adds none and returns the one that exists.

        Args:
            type: What kind of task it is; picks the handler.
            payload: JSON for the handler, as an object, a list, or JSON text; None is ``{}``.
            priority: Lower runs first.
            run_after: Not before this moment (naive is UTC) or after this delay; None is now.
            max_attempts: How often it may be tried, at least 1.
            compatibility: What a worker must offer, see :mod:`prismq_gui.queue.capabilities`.
            idempotency_key: At most one task has it; '' is as None.

        Raises:
            ValueError: A value isn't allowed; says which field, which value and what is. Nothing is written.
            QueueBusyError: Another program held the file for over 5 s. Nothing is written.
        """
        now = now_utc()
        values = {
            "type": _text("type", type),
            "priority": _integer("priority", priority, -_LARGEST_INTEGER),
            "payload": _json("payload", {} if payload is None else payload),
            "compatibility": _json("compatibility", {} if compatibility is None else compatibility),
            "max_attempts": _integer("max_attempts", max_attempts, 1),
            "run_after": utc_text(_moment(run_after, now)),
            "key": _text("idempotency_key", idempotency_key) if idempotency_key else None,
            "now": utc_text(now),
        }
        row = self.database.execute(_INSERT, values).fetchone()
        if row is not None:
            return EnqueueResult(row["id"], created=True)
        existing = self.database.execute("SELECT id FROM task_queue WHERE idempotency_key = ?", (values["key"],))
        found = existing.fetchone()
        if found is None:  # deleted between the two statements
            return self.enqueue(
                type, payload, priority=priority, run_after=run_after, max_attempts=max_attempts,
                compatibility=compatibility, idempotency_key=idempotency_key,
            )  # fmt: skip
        return EnqueueResult(found["id"], created=False)

    def get(self, task_id: int) -> Task | None:
        """Return the task, or None where there is none of this id (region and format are not read).

        Raises:
            ValueError: The id is no whole number that SQLite can hold.
        """
        _integer("task_id", task_id, -_LARGEST_INTEGER)
        row = self.database.execute(f"SELECT {_COLUMNS} FROM task_queue WHERE id = ?", (task_id,)).fetchone()
        return None if row is None else Task.from_dict(dict(row))

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


def _text(field: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value or len(value) > 1000:
        raise ValueError(f"{field} must be a text of 1 to 1,000 characters without NUL, not {value!r:.100}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{field} holds a lone surrogate, which UTF-8 has no form for: {value!r:.100}") from None
    return value


def _integer(field: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _LARGEST_INTEGER:
        raise ValueError(f"{field} must be a whole number from {least} to 2^63-1, not {value!r:.100}")
    return value


def _moment(value: datetime | timedelta | None, now: datetime) -> datetime:
    if value is None:
        return now
    if isinstance(value, datetime):
        return value
    if isinstance(value, timedelta):
        try:
            return now + value
        except OverflowError:
            pass
    raise ValueError(f"run_after must be a datetime or a timedelta up to the year 9999, not {value!r:.100}")


def _json(field: str, value: object) -> str:
    """Return the value as JSON text, checked for size, depth and what JSON or UTF-8 has no form for."""
    try:
        value = json.loads(value, parse_constant=_no_constant) if isinstance(value, str) else value
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        data = text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{field} must be JSON ({error}); nothing was written") from None
    if not isinstance(value, (Mapping, list)):
        raise ValueError(f"{field} must be a JSON object or list, not {text[:100]}")
    if len(data) > LONGEST_PAYLOAD_BYTES:
        raise ValueError(f"{field} is {len(data):,} bytes; at most {LONGEST_PAYLOAD_BYTES:,} are allowed")
    if _depth(value) > DEEPEST_PAYLOAD:
        raise ValueError(f"{field} is nested deeper than {DEEPEST_PAYLOAD} levels")
    return text


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _depth(value: object) -> int:
    deepest, level = 0, [value]
    while level and deepest <= DEEPEST_PAYLOAD:
        deepest += 1
        inner: list[object] = []
        for item in level:
            if isinstance(item, Mapping):
                inner.extend(item.values())
            elif isinstance(item, (list, tuple)):
                inner.extend(item)
        level = inner
    return deepest
