"""Which rows, in which order: the filters and orders that models, views, CLI and operations share.

Owns the records and their translation to parameterised SQL (``where``). Values are always
parameters; column names come from the enums here and from nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from prismq_gui.insight.messages import Cell
from prismq_gui.insight.names import Aliases, Name, bound
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind

if TYPE_CHECKING:
    from prismq_gui.insight.language_nodes import Query
    from prismq_gui.insight.payload_columns import PayloadColumn

MAX_TEXT = 1_000
_TASK_TEXT_COLUMNS: tuple[str, ...] = ("type", "error_message", "locked_by", "idempotency_key", "payload")
_LOG_TEXT_COLUMNS: tuple[str, ...] = ("message", "details")
_LIKE_SPECIAL = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})
_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


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
    """A sort of tasks; ties are broken by id in the same direction, so the order is total.

    Where ``payload`` is given, tasks are sorted by that value and ``column`` does not count.
    """

    column: TaskColumn = TaskColumn.ID
    descending: bool = True
    payload: PayloadColumn | None = None

    @property
    def is_by_id(self) -> bool:
        """Whether it is the order of ids."""
        return self.column is TaskColumn.ID and self.payload is None

    @property
    def name(self) -> str:
        """The stable name of what is sorted by."""
        return self.column.value if self.payload is None else self.payload.name


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Tasks by status, by type, by literal text and by a parsed filter; fields that are empty filter nothing.

    ``text`` is matched literally, ASCII case-insensitively, in type, error message, worker,
    idempotency key and payload, and as a whole number in id. ``%`` and ``_`` mean themselves.
    It is at most 1,000 characters.
    """

    statuses: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    text: str = ""
    query: Query | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it lets every task through."""
        return not (self.statuses or self.types or self.text.strip()) and _is_empty(self.query)


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Log lines by level, literal text (message and details) and a parsed filter; empty fields filter nothing."""

    levels: tuple[str, ...] = ()
    text: str = ""
    task_id: int | None = None
    query: Query | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it lets every line through."""
        return not (self.levels or self.text.strip() or self.task_id is not None) and _is_empty(self.query)


def _is_empty(query: Query | None) -> bool:
    return query is None or query.is_empty


@dataclass(frozen=True, slots=True)
class Condition:
    """An SQL condition (``1`` where it lets everything through) and its parameters in order."""

    sql: str
    params: tuple[Cell, ...] = ()


def where(
    wanted: TaskFilter | LogFilter,
    columns: Collection[str] | None = None,
    *,
    leave_out: Collection[str] = (),
    aliases: Aliases | None = None,
) -> Condition:
    """Translate a filter to a condition over the bare column names of its table.

    Args:
        wanted: The filter.
        columns: The columns the file has; None means all of them. A filter by one it lacks matches nothing,
            a text is not looked for in it.
        leave_out: Columns not to look for the text in.
        aliases: The cells behind names of statuses and types that are not simply that text.

    Raises:
        ProblemError: REFUSED where the text is longer than 1,000 characters.
    """
    if isinstance(wanted, TaskFilter):
        text_columns, key = _TASK_TEXT_COLUMNS, "id"
        known = aliases or {}
        lists: list[tuple[str, tuple[Name, ...]]] = [
            ("status", resolved(wanted.statuses, "status", known)),
            ("type", resolved(wanted.types, "type", known)),
        ]
    else:
        text_columns, key = _LOG_TEXT_COLUMNS, ""
        lists = [("task_id", () if wanted.task_id is None else (wanted.task_id,)), ("level", wanted.levels)]
    parts = [_one_of(name, values, columns) for name, values in lists if values]
    text = checked_text(wanted.text)
    if text:
        searched = [name for name in text_columns if _has(name, columns) and name not in leave_out]
        parts.append(_contains(text, searched, key))
    if not _is_empty(wanted.query):
        parts.append(_parsed(wanted, columns, leave_out, aliases))
    if not parts:
        return Condition("1")
    return Condition(" AND ".join(part.sql for part in parts), tuple(p for part in parts for p in part.params))


def asks(query: Query | None, column: str) -> bool:
    """Return whether a parsed filter asks for a type or status."""
    if query is None:
        return False
    from prismq_gui.insight.language_choice import Choice  # noqa: PLC0415 - only where there is a query

    return column in Choice(query).columns


def _parsed(
    wanted: TaskFilter | LogFilter, columns: Collection[str] | None, leave_out: Collection[str], aliases: Aliases | None
) -> Condition:
    """Translate the parsed filter; the language is imported by whoever uses it."""
    from prismq_gui.insight.language_fields import Table  # noqa: PLC0415 - a tenth of what starting a command takes
    from prismq_gui.insight.language_sql import query_condition  # noqa: PLC0415 - as above

    assert wanted.query is not None
    table = Table.TASKS if isinstance(wanted, TaskFilter) else Table.LOGS
    if wanted.query.table is not table:
        raise ValueError(f"a filter of {wanted.query.table.value} cannot filter {table.value}")
    return query_condition(wanted.query, columns, leave_out=leave_out, aliases=aliases)


def checked_text(text: str) -> str:
    """Return a filter's text without surrounding space.

    Raises:
        ProblemError: REFUSED where it is longer than 1,000 characters.
    """
    text = text.strip()
    if len(text) > MAX_TEXT:
        raise ProblemError(
            Problem(
                ProblemKind.REFUSED,
                f"The text to look for is too long ({len(text):,} characters; at most {MAX_TEXT:,})",
                "",
                "The filter was not changed.",
                "Use a shorter part of it.",
            )
        )
    return text


def _has(name: str, columns: Collection[str] | None) -> bool:
    return columns is None or name in columns


def resolved(names: Collection[str], column: str, aliases: Aliases) -> tuple[Name, ...]:
    """Return the cells behind names of a column; a name without an alias is a text."""
    known = aliases.get(column, {})
    return tuple(cell for name in names for cell in known.get(name, (name,)))


def _one_of(name: str, values: Collection[Name], columns: Collection[str] | None) -> Condition:
    if not _has(name, columns):
        return Condition("0")
    pairs = [bound(value) for value in values if value is not None]
    sql = f"{name} IN ({', '.join(mark for mark, _ in pairs)})"
    if None in values:
        sql = f"({sql} OR {name} IS NULL)"
    return Condition(sql, tuple(param for _, param in pairs))


def _contains(text: str, columns: Collection[str], key: str) -> Condition:
    """Literal and ASCII case-insensitive. A cell is looked at up to its first NUL character.

    LIKE takes a third of the time of ``instr(lower(…))`` (96 against 244 ms for 300,000 payloads of
    300 bytes), but its pattern ends at a NUL: only a text with one is looked for the slow way.
    """
    if "\0" in text:
        parts = [f"instr(lower({name}), ?) > 0" for name in columns]
        params: list[Cell] = [text.translate(_ASCII_LOWER)] * len(parts)
    else:
        parts = [f"CAST({name} AS TEXT) LIKE ? ESCAPE '\\'" for name in columns]
        params = [f"%{text.translate(_LIKE_SPECIAL)}%"] * len(parts)
    if key and text.isascii() and text.isdigit() and len(text) <= 18:
        parts.append(f"{key} = ?")
        params.append(int(text))
    return Condition(f"({' OR '.join(parts)})" if parts else "0", tuple(params))
