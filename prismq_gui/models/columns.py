"""What a table's columns are: stable name, title, usual width, and what they are sorted by."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt

from prismq_gui.insight.filters import TaskColumn
from prismq_gui.insight.payload_columns import PayloadColumn

NAME_ROLE = int(Qt.ItemDataRole.UserRole)
"""``headerData``: a column's stable name."""
STATUS_ROLE = int(Qt.ItemDataRole.UserRole) + 1
"""``data``: a :class:`prismq_gui.insight.states.StatusKind`."""
ID_ROLE = int(Qt.ItemDataRole.UserRole) + 2
"""``data``: the row's id as a Python object."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``width`` is in characters; ``sorts_by`` is None where the table cannot be sorted by it."""

    key: str
    title: str
    width: int = 14
    numeric: bool = False
    sorts_by: TaskColumn | PayloadColumn | None = None


TASK_COLUMNS = (
    Column("id", "Id", 9, numeric=True, sorts_by=TaskColumn.ID),
    Column("type", "Type", 20, sorts_by=TaskColumn.TYPE),
    Column("status", "Status", 13, sorts_by=TaskColumn.STATUS),
    Column("priority", "Priority", 8, numeric=True, sorts_by=TaskColumn.PRIORITY),
    Column("attempts", "Attempts", 8, numeric=True, sorts_by=TaskColumn.ATTEMPTS),
    Column("run_after_utc", "Due", 18, sorts_by=TaskColumn.RUN_AFTER),
    Column("created_at_utc", "Created", 18, sorts_by=TaskColumn.CREATED),
    Column("processing_started_utc", "Started", 18, sorts_by=TaskColumn.STARTED),
    Column("finished_at_utc", "Finished", 18, sorts_by=TaskColumn.FINISHED),
    Column("locked_by", "Worker", 18, sorts_by=TaskColumn.WORKER),
    Column("error_message", "Error", 40, sorts_by=TaskColumn.ERROR),
    Column("reserved_at_utc", "Claimed", 18, sorts_by=TaskColumn.RESERVED),
    Column("lease_until_utc", "Lease until", 18, sorts_by=TaskColumn.LEASE_UNTIL),
    Column("updated_at_utc", "Updated", 18, sorts_by=TaskColumn.UPDATED),
    Column("idempotency_key", "Idempotency key", 24, sorts_by=TaskColumn.IDEMPOTENCY_KEY),
)
"""Attempts and the most allowed are one column, "2 / 5"."""


def payload_column(column: PayloadColumn) -> Column:
    """Return the column of a value in payloads: its path is its name and its title."""
    return Column(column.name, column.name, 16, sorts_by=column)


LOG_COLUMNS = (
    Column("log_id", "Id", 9, numeric=True),
    Column("at_utc", "Time", 18),
    Column("level", "Level", 9),
    Column("task_id", "Task", 9, numeric=True),
    Column("message", "Message", 60),
    Column("details", "Details", 40),
)

WORKER_COLUMNS = (
    Column("worker_id", "Worker", 24),
    Column("state", "State", 10),
    Column("heartbeat_utc", "Heartbeat", 14),
    Column("held", "Holds", 7, numeric=True),
    Column("held_for", "Held for", 10, numeric=True),
    Column("held_ids", "Tasks held", 24),
    Column("done_per_hour", "Done / h", 8, numeric=True),
    Column("failed_per_hour", "Failed / h", 8, numeric=True),
    Column("capabilities", "Capabilities", 40),
)
