"""Rows before and after a change: what is journaled, checked under the lock, and turned round by an undo.

Owns these records and their stored form. A unit is what happens whole or not at all: one task, for a
deletion with all of its log lines.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from prismq_gui.insight.messages import Cell
from prismq_gui.operations.cells import Cells, pack, unpack

TASKS, LOGS, WORKERS = "task_queue", "task_logs", "workers"
KEYS = {TASKS: "id", LOGS: "log_id", WORKERS: "worker_id"}
"""The tables whose rows operations change, each with the column that names a row."""

_FORM = 1


class LogLine(NamedTuple):
    """A line for a task's log."""

    at: str
    level: str
    message: str
    details: str


class RowChange(NamedTuple):
    """One row as it was and as it is to be: None where there is no such row."""

    table: str
    key: Cell
    before: Cells | None
    after: Cells | None


class Unit(NamedTuple):
    """The changes that belong together, in the order in which they are made, and the line that tells of them."""

    task_id: int
    changes: tuple[RowChange, ...]
    log: LogLine | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """What the cells of a table's rows are: the first ``fixed`` are looked at alone, the others are written too."""

    names: tuple[str, ...]
    fixed: int = 0


@dataclass(slots=True)
class Batch:
    """Units that are journaled together and then changed in several short transactions."""

    columns: dict[str, Columns]
    units: list[Unit]
    made_at: float = field(default_factory=time.monotonic)

    def store(self) -> bytes:
        """Return the batch in its stored form, without the log lines."""
        tables = list(self.columns)
        tails: dict[Cells, int] = {}
        rows = []
        for unit in self.units:
            for table, key, before, after in unit.changes:
                stored: object = after
                if before is not None and after is not None:
                    # What is written is the same for most rows of an operation: it is stored once.
                    stored = tails.setdefault(after[self.columns[table].fixed :], len(tails))
                rows.append((unit.task_id, tables.index(table), key, before, stored))
        columns = [(name, kept.names, kept.fixed) for name, kept in self.columns.items()]
        return pack([_FORM, columns, list(tails), rows])


def restore(data: bytes) -> Batch:
    """Return a batch from its stored form.

    Raises:
        ValueError: It cannot be read, or a newer program stored it.
    """
    try:
        form, columns, tails, rows = unpack(data)
        if form != _FORM:
            raise ValueError("a newer program stored these rows")
        kept = {str(name): Columns(tuple(names), int(fixed)) for name, names, fixed in columns}
        if not kept.keys() <= KEYS.keys():
            raise ValueError("the stored rows are of another table")
        return Batch(kept, list(_units(list(kept.items()), tails, rows)))
    except (TypeError, IndexError) as error:
        raise ValueError("the stored rows cannot be read") from error


def _units(tables: Sequence[tuple[str, Columns]], tails: Any, rows: Any) -> Iterator[Unit]:  # noqa: ANN401 - JSON
    found: list[RowChange] = []
    last: int | None = None
    for task_id, number, key, before, stored in rows:
        if last is not None and task_id != last:
            yield Unit(last, tuple(found))
            found = []
        last = int(task_id)
        table, columns = tables[number]
        was = None if before is None else tuple(before)
        after = (*was[: columns.fixed], *tails[stored]) if was is not None and isinstance(stored, int) else stored
        found.append(RowChange(table, key, was, None if after is None else tuple(after)))
    if last is not None:
        yield Unit(last, tuple(found))


def turned_round(unit: Unit) -> Unit:
    """Return the changes that take a unit back, in reverse order."""
    changes = (RowChange(table, key, after, before) for table, key, before, after in reversed(unit.changes))
    return Unit(unit.task_id, tuple(changes))


def rows_of(units: Iterable[Unit]) -> int:
    """Return how many rows units change."""
    return sum(len(unit.changes) for unit in units)
