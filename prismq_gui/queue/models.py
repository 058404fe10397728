"""Tasks, workers and log lines as records; fields are named as the columns.

Datetimes are naive UTC. A value that can't be read as a time is None here; the raw text is the
reader's business.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from prismq_gui.queue.timestamps import parse_utc

_Record = TypeVar("_Record", bound="_RecordBase")


class _RecordBase:
    """What the three records share: to and from plain dictionaries."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values; datetimes as ISO strings."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls: type[_Record], data: Mapping[str, Any]) -> _Record:
        """Make a record from a dictionary or row; both timestamp forms are read, unknown names ignored."""
        keys = set(data.keys())
        known = [field.name for field in fields(cls) if field.name in keys]  # type: ignore[arg-type]
        return cls(**{name: _read(name, data[name]) for name in known})


def _read(name: str, value: object) -> object:
    return parse_utc(value) if name.endswith("_utc") and not isinstance(value, datetime) else value


def _json_object(text: object) -> dict[str, Any]:
    """Return the JSON object in a text; {} where it can't be read or isn't an object."""
    if not isinstance(text, str):
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


@dataclass
class Task(_RecordBase):
    """A row of ``task_queue``."""

    id: int | None = None
    type: str = ""
    priority: int = 100
    payload: str = "{}"
    compatibility: str = "{}"
    status: str = "queued"
    attempts: int = 0
    max_attempts: int = 5
    run_after_utc: datetime | None = None
    lease_until_utc: datetime | None = None
    reserved_at_utc: datetime | None = None
    processing_started_utc: datetime | None = None
    finished_at_utc: datetime | None = None
    locked_by: str | None = None
    error_message: str | None = None
    idempotency_key: str | None = None
    created_at_utc: datetime | None = None
    updated_at_utc: datetime | None = None
    region: str | None = None
    format: str | None = None

    def get_payload_dict(self) -> dict[str, Any]:
        """Return the payload's JSON object; {} where it can't be read."""
        return _json_object(self.payload)

    def get_compatibility_dict(self) -> dict[str, Any]:
        """Return what a worker must match; {} where it can't be read."""
        return _json_object(self.compatibility)


@dataclass
class Worker(_RecordBase):
    """A row of ``workers``."""

    worker_id: str = ""
    capabilities: str = "{}"
    heartbeat_utc: datetime | None = None

    def get_capabilities_dict(self) -> dict[str, Any]:
        """Return the capabilities' JSON object; {} where it can't be read."""
        return _json_object(self.capabilities)


@dataclass
class TaskLog(_RecordBase):
    """A row of ``task_logs``."""

    log_id: int | None = None
    task_id: int = 0
    at_utc: datetime | None = None
    level: str = "INFO"
    message: str | None = None
    details: str | None = None
