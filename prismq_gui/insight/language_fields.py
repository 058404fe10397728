"""The fields that a filter can ask for: names, kinds, what stands behind them.

Owns the vocabulary of the filter language. Must not know SQL beyond the names of columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from prismq_gui.queue.transitions import RUNNING, Status


class Table(Enum):
    """What a filter is about."""

    TASKS = "tasks"
    LOGS = "logs"


class Kind(Enum):
    """How the values of a field are written and compared; the value is what a message calls one of them."""

    NUMBER = "a number"
    NAME = "a name"
    TEXT = "a text"
    TIME = "a time"
    SPAN = "a span of time"
    SIZE = "a size"
    JSON = "a value of the JSON"


EXAMPLES: Final[Mapping[Kind, str]] = {
    Kind.NUMBER: "3, 2.5 or 10..20",
    Kind.NAME: 'a word, "quoted words", with * and ? as wildcards',
    Kind.TEXT: 'a word, "quoted words", with * and ? as wildcards',
    Kind.TIME: "2025-11-05, 2025-11-05T10:30, 10:30, today, yesterday, now-2h or -2h",
    Kind.SPAN: "30s, 5m, 2h, 3d or 1w",
    Kind.SIZE: "500B, 10kB or 2MiB",
    Kind.JSON: 'eu, "quoted words", 3, true or null',
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``has_paths`` marks a JSON text; ``path`` leads into the column's JSON where the field is in it."""

    name: str
    kind: Kind
    column: str
    help: str
    aliases: tuple[str, ...] = ()
    has_paths: bool = False
    path: tuple[str | int, ...] = ()


SIGNATURE: Final = "signature"
"""The field that is no column: what :mod:`~prismq_gui.insight.signatures` makes of an error."""
_TASK_FIELDS: Final = (
    Field("id", Kind.NUMBER, "id", "the task's number"),
    Field("status", Kind.NAME, "status", "queued, running, failed, …; also waiting, dead, done"),
    Field("type", Kind.NAME, "type", "the task's type"),
    Field("priority", Kind.NUMBER, "priority", "lower runs first", ("prio",)),
    Field("attempts", Kind.NUMBER, "attempts", "how often it was tried", ("tries",)),
    Field("max_attempts", Kind.NUMBER, "max_attempts", "how often it may be tried", ("max",)),
    Field("worker", Kind.NAME, "locked_by", "the worker that has or had it", ("locked_by",)),
    Field("error", Kind.TEXT, "error_message", "the error's text", ("error_message",)),
    Field(SIGNATURE, Kind.NAME, "error_message", "the cause a failed or dead task is grouped by", ("cause",)),
    Field("key", Kind.NAME, "idempotency_key", "the idempotency key", ("idempotency_key",)),
    Field("payload", Kind.TEXT, "payload", "the payload's text; payload.a.b[0] is a value in it", has_paths=True),
    Field(
        "compatibility", Kind.TEXT, "compatibility", "what a worker must have; compatibility.gpu is a value in it",
        ("compat",), has_paths=True,
    ),
    Field("region", Kind.JSON, "compatibility", "compatibility.region", path=("region",)),
    Field("format", Kind.JSON, "payload", "payload.format", path=("format",)),
    Field("size", Kind.SIZE, "payload", "how large the payload is"),
    Field("age", Kind.SPAN, "created_at_utc", "how long ago it was created"),
    Field("waited", Kind.SPAN, "", "how long it waited from being due to its start, or waits by now", ("waiting",)),
    Field("ran", Kind.SPAN, "", "how long it ran, or runs by now", ("took",)),
    Field("due", Kind.TIME, "run_after_utc", "when it may run", ("run_after", "run_after_utc")),
    Field("created", Kind.TIME, "created_at_utc", "when it was created", ("created_at", "created_at_utc")),
    Field("updated", Kind.TIME, "updated_at_utc", "when it was changed last", ("updated_at", "updated_at_utc")),
    Field("reserved", Kind.TIME, "reserved_at_utc", "when a worker claimed it", ("reserved_at", "reserved_at_utc")),
    Field(
        "started", Kind.TIME, "processing_started_utc", "when its handler began",
        ("processing_started", "processing_started_utc"),
    ),
    Field("finished", Kind.TIME, "finished_at_utc", "when it ended", ("finished_at", "finished_at_utc")),
    Field("lease", Kind.TIME, "lease_until_utc", "when its lease ends", ("lease_until", "lease_until_utc")),
)  # fmt: skip
_LOG_FIELDS: Final = (
    Field("id", Kind.NUMBER, "log_id", "the line's number", ("log", "log_id")),
    Field("task", Kind.NUMBER, "task_id", "the task's number", ("task_id",)),
    Field("level", Kind.NAME, "level", "DEBUG, INFO, WARNING, ERROR, …"),
    Field("message", Kind.TEXT, "message", "the line's text"),
    Field("details", Kind.TEXT, "details", "the details' text; details.a.b is a value in it", has_paths=True),
    Field("at", Kind.TIME, "at_utc", "when it was written", ("time", "at_utc")),
    Field("age", Kind.SPAN, "at_utc", "how long ago it was written"),
)

FIELDS: Final[Mapping[Table, tuple[Field, ...]]] = {Table.TASKS: _TASK_FIELDS, Table.LOGS: _LOG_FIELDS}
TEXT_COLUMNS: Final[Mapping[Table, tuple[str, ...]]] = {
    Table.TASKS: ("type", "error_message", "locked_by", "idempotency_key", "payload"),
    Table.LOGS: ("message", "details"),
}
"""Where words without a field are looked for."""
KEYS: Final[Mapping[Table, str]] = {Table.TASKS: "id", Table.LOGS: "log_id"}

STATUS_SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "waiting": (Status.QUEUED.value,),
    "pending": (Status.QUEUED.value,),
    "running": tuple(RUNNING),
    "dead": (Status.DEAD_LETTER.value,),
    "done": (Status.COMPLETED.value,),
    "canceled": (Status.CANCELLED.value,),
}
"""Other names for statuses; a status that bears such a name itself is meant too."""

_BY_NAME: Final = {
    table: {name: field for field in fields for name in (field.name, *field.aliases)}
    for table, fields in FIELDS.items()
}


def field_named(table: Table, name: str) -> Field | None:
    """Return the field of a name or alias, in any case; None where there is none."""
    return _BY_NAME[table].get(name.lower())


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name most like one that is not known, '' where none is like it."""
    from difflib import get_close_matches  # noqa: PLC0415 - only when something is wrong

    return next(iter(get_close_matches(name.lower(), list(known), 1, 0.6)), "")


def names_of(table: Table) -> tuple[str, ...]:
    """Return the names of a table's fields, without aliases."""
    return tuple(field.name for field in FIELDS[table])


def nearest_field(table: Table, name: str) -> str:
    """Return the field most like a name, '' where none is."""
    found = nearest(name, _BY_NAME[table])
    return _BY_NAME[table][found].name if found else ""
