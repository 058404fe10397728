"""Rows of the queue as prepared strings. Pure functions: called in a feed's thread, off the window's.

Owns what a cell reads like. Must never raise: cells come from an untrusted file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from prismq_gui.insight.messages import Cell, LogRow, TaskRow
from prismq_gui.insight.payload_columns import Found, PayloadValue
from prismq_gui.insight.states import StatusKind, status_kind
from prismq_gui.models.columns import LOG_COLUMNS, TASK_COLUMNS
from prismq_gui.models.status_words import status_words
from prismq_gui.models.text import MAX_CELL, cell_text, cell_tooltip, plain
from prismq_gui.models.times import short_time, time_tooltip
from prismq_gui.polling.messages import Table


@dataclass(frozen=True, slots=True)
class RenderedTask:
    """A task ready to be shown: one string a column of ``TASK_COLUMNS``. ``row`` is for tooltips and actions."""

    id: int
    cells: tuple[str, ...]
    kind: StatusKind
    row: TaskRow
    values: tuple[PayloadValue, ...] = ()  # their cells follow those of the columns

    @property
    def is_running(self) -> bool:
        """Whether a worker has it."""
        return self.kind is StatusKind.RUNNING

    @property
    def is_unknown(self) -> bool:
        """Whether its status is none of ours."""
        return self.kind is StatusKind.OTHER

    def tooltip(self, column: int) -> str:
        """Return a cell's whole text, '' where the cell shows it all; plain text, never markup."""
        if column >= len(TASK_COLUMNS):
            place = column - len(TASK_COLUMNS)
            return _VALUE_TOOLTIPS.get(self.values[place].found, "") if place < len(self.values) else ""
        column_of = TASK_COLUMNS[column]
        return _tooltip(column_of.key, column_of.title, self.cells[column], getattr(self.row, column_of.key))


@dataclass(frozen=True, slots=True)
class RenderedLog:
    """A log line ready to be shown: one string a column of ``LOG_COLUMNS``."""

    id: int
    cells: tuple[str, ...]
    kind: StatusKind
    row: LogRow

    def tooltip(self, column: int) -> str:
        """Return a cell's whole text, '' where the cell shows it all; plain text, never markup."""
        column_of = LOG_COLUMNS[column]
        return _tooltip(column_of.key, column_of.title, self.cells[column], getattr(self.row, column_of.key))


class Rendered(Protocol):
    """A row ready to be shown."""

    @property
    def cells(self) -> tuple[str, ...]:
        """One string a column."""

    @property
    def kind(self) -> StatusKind:
        """What its status means."""

    def tooltip(self, column: int) -> str:
        """Return a cell's whole text as plain text."""


def render_task(row: TaskRow, now: datetime | None = None, values: tuple[PayloadValue, ...] = ()) -> RenderedTask:
    """Prepare a task for ``TASK_COLUMNS`` and for values of its payload; ``now`` is local time, by default the present.

    A value that cannot be had is a mark in brackets.
    """
    now = datetime.now() if now is None else now
    return RenderedTask(
        row.id,
        (
            str(row.id),
            cell_text(row.type),
            status_words(row.status),
            cell_text(row.priority),
            _attempts(row.attempts, row.max_attempts),
            short_time(row.run_after_utc, now),
            short_time(row.created_at_utc, now),
            short_time(row.processing_started_utc, now),
            short_time(row.finished_at_utc, now),
            cell_text(row.locked_by),
            cell_text(row.error_message),
            short_time(row.reserved_at_utc, now),
            short_time(row.lease_until_utc, now),
            short_time(row.updated_at_utc, now),
            cell_text(row.idempotency_key),
            *map(value_text, values),
        ),
        status_kind(row.status),
        row,
        values,
    )


def with_values(task: RenderedTask, values: tuple[PayloadValue | None, ...]) -> RenderedTask:
    """Return a task with other values of its payload; None is one that has not been read yet."""
    cells = (*task.cells[: len(TASK_COLUMNS)], *("" if each is None else value_text(each) for each in values))
    known = tuple(PayloadValue(Found.NOTHING) if each is None else each for each in values)
    return replace(task, cells=cells, values=known)


def value_text(value: PayloadValue) -> str:
    """Return a value of a payload as one line, or a mark where it could not be looked for."""
    return cell_text(value.cell) if value.found is Found.VALUE else _VALUE_MARKS.get(value.found, "")


_VALUE_MARKS = {Found.TOO_LARGE: "(too large)", Found.NO_JSON: "(no JSON)"}
_VALUE_TOOLTIPS = {
    Found.TOO_LARGE: "It is over 1 MiB: too large to be looked into for a list.",
    Found.NO_JSON: "It is no JSON, or is nested too deeply.",
}


def render_log(row: LogRow, now: datetime | None = None) -> RenderedLog:
    """Prepare a log line for ``LOG_COLUMNS``; ``now`` is local time, the present by default."""
    cells = (
        str(row.log_id),
        short_time(row.at_utc, now),
        cell_text(row.level),
        cell_text(row.task_id),
        cell_text(row.message),
        "" if row.details == "{}" else cell_text(row.details),
    )
    return RenderedLog(row.log_id, cells, _log_kind(row.level), row)


RENDERERS: dict[Table, Callable[..., object]] = {Table.TASKS: render_task, Table.LOGS: render_log}
"""What the composition root hands to the engine."""


def _attempts(attempts: Cell, most: Cell) -> str:
    if attempts is None and most is None:
        return ""
    return f"{cell_text(attempts) or '–'} / {cell_text(most) or '–'}"


def _log_kind(level: Cell) -> StatusKind:
    name = level.upper() if isinstance(level, str) else ""
    return StatusKind.FAILED if name in ("ERROR", "CRITICAL", "FATAL") else StatusKind.OTHER


def _tooltip(key: str, title: str, shown: str, cell: Cell) -> str:
    if key.endswith("_utc"):
        return time_tooltip(title, cell)
    if key == "status" and shown != cell_text(cell):
        return f"{shown}: stored as “{cell_text(cell)}”"
    if not isinstance(cell, str) or (shown == cell and len(cell) <= MAX_CELL // 6):
        return f"{title}:\n{plain(cell)}" if isinstance(cell, bytes) else ""
    return cell_tooltip(title, cell)
