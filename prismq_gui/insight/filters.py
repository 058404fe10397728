"""Which rows, in which order: the filters and orders that models, views, CLI and operations share.

Owns the records and their translation to parameterised SQL (``where``). Values are always
parameters; column names come from the enums here and from nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class TaskColumn(Enum):
    """A column of a task that can be shown and sorted by; the value is its stable name in settings."""

    ID = "id"
    TYPE = "type"
    STATUS = "status"
    PRIORITY = "priority"
    ATTEMPTS = "attempts"
    MAX_ATTEMPTS = "max_attempts"
    RUN_AFTER = "run_after_utc"
    LEASE_UNTIL = "lease_until_utc"
    RESERVED = "reserved_at_utc"
    STARTED = "processing_started_utc"
    FINISHED = "finished_at_utc"
    WORKER = "locked_by"
    ERROR = "error_message"
    IDEMPOTENCY_KEY = "idempotency_key"
    CREATED = "created_at_utc"
    UPDATED = "updated_at_utc"


@dataclass(frozen=True, slots=True)
class TaskOrder:
    """A sort of tasks; ties are broken by id in the same direction, so the order is total."""

    column: TaskColumn = TaskColumn.ID
    descending: bool = True


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Tasks by status, by type and by literal text; fields that are empty filter nothing.

    ``text`` is matched literally, ASCII case-insensitively, in type, error message, worker,
    idempotency key and payload, and as a whole number in id. ``%`` and ``_`` mean themselves.
    It is at most 1,000 characters (FAULTS H11).
    """

    statuses: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    text: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it lets every task through."""
        return not (self.statuses or self.types or self.text.strip())


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Log lines by level and literal text (message and details); empty fields filter nothing."""

    levels: tuple[str, ...] = ()
    text: str = ""
    task_id: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it lets every line through."""
        return not (self.levels or self.text.strip() or self.task_id is not None)
