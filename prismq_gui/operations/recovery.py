"""Finding out what an operation did that was killed: the queue itself tells, row by row.

Owns the judgement of a batch whose end was never noted. Each changed task has a log line with the
operation's id, written in the same transaction; a deleted one is gone. Reads the queue, writes the journal.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.walking import padded
from prismq_gui.operations.cells import Cells, exact_text
from prismq_gui.operations.changing import rows_by_key
from prismq_gui.operations.images import TASKS, Batch, RowChange, Unit
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import Operation, State
from prismq_gui.operations.live import forget_lock
from prismq_gui.operations.wording import interrupted_sentence, verb_of

_DEADLINE_S = 5.0
_AT_ONCE = 256


def settled(journal: Journal, operation: Operation, path: Path) -> Operation:
    """Return an operation with what it truly changed; where it was killed, look and note it in the journal.

    Raises:
        ProblemError: The queue or the journal cannot be read.
    """
    if operation.state is not State.INTERRUPTED or not operation.is_kept:
        return operation
    found: list[tuple[int, Collection[int]]] = []
    changed = 0
    for part in journal.outline(operation):
        unapplied: Collection[int] | None = part.unapplied
        if unapplied is None:
            batch = journal.batch(operation, part.place)
            applied = _applied(path, operation.id, batch)
            unapplied = [unit.task_id for unit in batch.units if unit.task_id not in applied]
            found.append((part.place, unapplied))
        changed += part.units - len(unapplied)
    if not found and changed == operation.changed and operation.ended_utc:
        return operation  # it was looked at before
    wish = operation.wish
    told = interrupted_sentence(verb_of(wish), changed, operation.planned) if wish else operation.sentence
    journal.settle(operation, found, changed, told)
    forget_lock(journal.folder, operation.id)
    return journal.operation(operation.id) or operation


def applied_before(journal: Journal, operation: Operation) -> frozenset[int]:
    """Return the tasks that an operation has changed so far."""
    return frozenset(
        unit.task_id
        for stored in journal.batches(operation)
        for unit in stored.batch.units
        if unit.task_id not in (stored.unapplied or ())
    )


def _applied(path: Path, operation_id: str, batch: Batch) -> set[int]:
    """Return the units of a batch that were changed, as the queue tells."""
    with closing(ReadConnection(path, _DEADLINE_S, text_factory=exact_text)) as connection:
        connection.open()
        applied: set[int] = set()
        for at in range(0, len(batch.units), _AT_ONCE):
            units = batch.units[at : at + _AT_ONCE]
            logged = _logged(connection, operation_id, [unit.task_id for unit in units])
            doomed = [(unit, change) for unit in units for change in unit.changes if _goes(change)]
            left = _left(connection, doomed)
            applied.update(unit.task_id for unit in units if unit.task_id in logged)
            applied.update(unit.task_id for unit, change in doomed if change.key not in left)
            applied.update(_apart(connection, batch, [unit for unit in units if not _has_task(unit)]))
    return applied


def _has_task(unit: Unit) -> bool:
    return not unit.changes or any(change.table == TASKS for change in unit.changes)


def _apart(connection: ReadConnection, batch: Batch, units: Sequence[Unit]) -> set[int]:
    """Return those units about no task, which no log line tells of, whose rows are as they were to be."""

    def read(sql: str, params: Sequence[Cell]) -> list[Cells]:
        return connection.rows(sql, params, doing="look at the rows")

    applied = {unit.task_id for unit in units}
    for table, columns in batch.columns.items():
        wanted = [(unit.task_id, change) for unit in units for change in unit.changes if change.table == table]
        rows = rows_by_key(read, table, columns.names, [change.key for _id, change in wanted])
        applied -= {unit_id for unit_id, change in wanted if rows.get(change.key) != change.after}
    return applied


def _goes(change: RowChange) -> bool:
    return change.table == TASKS and change.after is None


def _left(connection: ReadConnection, doomed: Sequence[tuple[Unit, RowChange]]) -> dict[Cell, Cells]:
    def read(sql: str, params: Sequence[Cell]) -> list[Cells]:
        return connection.rows(sql, params, doing="look at the tasks")

    return rows_by_key(read, TASKS, ("id",), [change.key for _unit, change in doomed])


def _logged(connection: ReadConnection, operation_id: str, ids: Sequence[int]) -> set[Cell]:
    params, marks = padded(ids)
    sql = f"SELECT DISTINCT task_id FROM task_logs WHERE task_id IN ({marks}) AND instr(details, ?) > 0"
    sought = f'"operation": "{operation_id}"'
    return {row[0] for row in connection.rows(sql, (*params, sought), doing="look at the log lines")}
