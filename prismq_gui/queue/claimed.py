"""A task as its claimer holds it, and how a claim's row becomes one."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any, NamedTuple

from prismq_gui.queue.timestamps import parse_utc


class ClaimedTask(NamedTuple):
    """A task this worker holds until its lease ends. ``worker_id``, ``attempt`` and ``reserved_at`` are the fence.

    ``reserved_at`` is what the claim wrote: a task that was released is claimed in the same attempt again.
    ``payload`` is the file's text; bytes where that is not UTF-8.
    """

    id: int
    type: str
    payload: str | bytes
    attempt: int
    max_attempts: int
    worker_id: str
    reserved_at: str
    lease_until_utc: str

    @property
    def lease_until(self) -> datetime:
        """When the lease ends, naive UTC."""
        until = parse_utc(self.lease_until_utc)
        assert until is not None
        return until


def task_of(row: sqlite3.Row, parameters: dict[str, Any]) -> ClaimedTask:
    """Return the task of a row that a claim returned."""
    task_id, name, payload, attempt, most = tuple(row)[:5]
    try:
        payload = payload.decode()
    except (AttributeError, UnicodeDecodeError):
        payload = payload or ""
    worker, now, until = parameters["worker"], parameters["now"], parameters["lease_until"]
    # Its own constructor takes 0.4 µs more.
    return tuple.__new__(ClaimedTask, (task_id, text_of_cell(name), payload, attempt, most, worker, now, until))


def text_of_cell(cell: bytes | None) -> str:
    """Return a cell that was read as bytes as text; what is not UTF-8 becomes escapes."""
    return "" if cell is None else cell.decode("utf-8", "backslashreplace")
