"""Making journaled changes to rows: each checked under the write lock, and not made where the row moved.

Owns the statements that change rows of a queue. What a unit asks for is done whole or, where one of its
rows is not as its image says, not at all; who asked decides what then becomes of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from prismq_gui.insight.connection import Row
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.sqlite_errors import READ_ERRORS
from prismq_gui.insight.walking import padded
from prismq_gui.operations.cells import Cells, bound, mark
from prismq_gui.operations.images import KEYS, LOGS, TASKS, Columns, RowChange, Unit
from prismq_gui.operations.lenient_json import is_malformed_json, is_refused_by_python
from prismq_gui.operations.writer import QueueWriter

UNREADABLE_JSON = "has JSON that cannot be read, and the file's schema lets no one change it"
KEY_TAKEN = "has an idempotency key that another task has now"
ID_TAKEN = "has an id that another task has now"
REFERRED_TO = "is referred to by another program's table"
NOT_TAKEN_BACK = "was refused by the file's schema"

Read: TypeAlias = "Callable[[str, Sequence[Cell]], list[Row]]"
"""Runs a short reading statement; text that is not UTF-8 comes as it is."""

_LOG = "INSERT INTO task_logs (task_id, at_utc, level, message, details) VALUES (?, ?, ?, ?, ?)"
_AT_ONCE = 512
_LENIENT = " /* lenient JSON */"


class UnitRefusedError(Exception):
    """A unit that SQLite refuses in the middle of it: the transaction is to be rolled back and done without it."""

    def __init__(self, task_id: int, reason: str) -> None:
        super().__init__(reason)
        self.task_id = task_id
        self.reason = reason


@dataclass(slots=True)
class Done:
    """What one transaction did; counted only once it is committed."""

    applied: list[int] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)
    refused: list[tuple[str, int]] = field(default_factory=list)


def change_units(writer: QueueWriter, columns: dict[str, Columns], units: Sequence[Unit]) -> Done:
    """Make the changes of units in the running transaction, of those whose rows are as they were.

    Raises:
        UnitRefusedError: One cannot be changed; the transaction must not be committed.
        ProblemError: What was checked was not found again.
    """
    done = Done()
    stale = _stale(writer, columns, units)
    fresh = [unit for unit in units if unit.task_id not in stale]
    done.stale = [unit.task_id for unit in units if unit.task_id in stale]
    refused = _update(writer, columns, fresh)
    for unit in fresh:
        if unit.task_id in refused:
            done.refused.append((UNREADABLE_JSON, unit.task_id))
            continue
        if unit.changes and (len(unit.changes) > 1 or None in (unit.changes[0].before, unit.changes[0].after)):
            _add_and_delete(writer, columns, unit)
        done.applied.append(unit.task_id)
    writer.change_many(_LOG, ((unit.task_id, *unit.log) for unit in fresh if unit.log and unit.task_id not in refused))
    return done


def absent_columns_refusal(
    columns: Mapping[str, Columns], stored: Callable[[str], Collection[str]], path: Path
) -> Problem | None:
    """Return the refusal of rows with columns that the file has not: SQLite would take their names for texts."""
    for table, wanted in columns.items():
        absent = sorted({*wanted.names} - {*stored(table)})
        if absent:
            what = f"The file has no column {', '.join(absent)} in {table}"
            return Problem(ProblemKind.REFUSED, what, str(path), "Nothing was changed.", "")
    return None


def _stale(writer: QueueWriter, columns: dict[str, Columns], units: Sequence[Unit]) -> set[int]:
    """Return the units with a row that is not as its image says."""
    stale: set[int] = set()
    for table, names in columns.items():
        wanted = [(change, unit.task_id) for unit in units for change in unit.changes if change.table == table]
        rows = rows_by_key(writer.exact_rows, table, names.names, [change.key for change, _id in wanted])
        stale.update(task_id for change, task_id in wanted if rows.get(change.key) != change.before)
    doomed = [unit for unit in units if _deletes_task(unit)]
    if doomed:
        lines = log_counts(writer, [unit.task_id for unit in doomed])
        stale.update(
            unit.task_id
            for unit in doomed
            if lines.get(unit.task_id, 0) != sum(change.table == LOGS for change in unit.changes)
        )
    return stale


def _deletes_task(unit: Unit) -> bool:
    return any(change.table == TASKS and change.after is None for change in unit.changes)


def rows_by_key(read: Read, table: str, names: Sequence[str], keys: Sequence[Cell]) -> dict[Cell, Cells]:
    """Return rows as they are now, by their keys."""
    found: dict[Cell, Cells] = {}
    key, listed = KEYS[table], ", ".join(map(quoted, names))
    for at in range(0, len(keys), _AT_ONCE):
        params, marks = padded(keys[at : at + _AT_ONCE])  # type: ignore[arg-type]  # keys of workers are text
        sql = f"SELECT {key}, {listed} FROM {table} WHERE {key} IN ({marks})"
        found.update((row[0], row[1:]) for row in read(sql, params))
    return found


def log_counts(writer: QueueWriter, ids: Sequence[int]) -> dict[Cell, int]:
    """Return how many log lines tasks have; those without any are left out."""
    found: dict[Cell, int] = {}
    for at in range(0, len(ids), _AT_ONCE):
        params, marks = padded(ids[at : at + _AT_ONCE])
        sql = f"SELECT task_id, count(*) FROM task_logs WHERE task_id IN ({marks}) GROUP BY task_id"
        found.update((row[0], int(str(row[1]))) for row in writer.rows(sql, params))
    return found


def quoted(name: str) -> str:
    """Return a column's name as SQL; a file of another program may have any."""
    return '"' + name.replace('"', '""') + '"'


# -- rows that stay


def _update(writer: QueueWriter, columns: dict[str, Columns], units: Sequence[Unit]) -> set[int]:
    """Write the rows that stay, those that are to be alike in one statement; return the units SQLite refused."""
    groups: dict[tuple[str, Cells, Cells], list[RowChange]] = {}
    for unit in units:
        for change in unit.changes:
            table, _key, before, after = change
            if before is None or after is None or before == after:
                continue
            guard = _guard(columns[table], before) if table == TASKS else ()
            groups.setdefault((table, after[columns[table].fixed :], guard), []).append(change)
    refused: set[int] = set()
    for (table, tail, guard), changes in groups.items():
        statement = _Update(writer, table, columns[table], tail, guard)
        refused.update(statement.run([change.key for change in changes]))
    return refused


def _guard(columns: Columns, before: Cells) -> Cells:
    """Return the cells that the WHERE repeats: status, attempts and worker as they were seen."""
    return tuple(before[columns.names.index(name)] for name in _GUARDS if name in columns.names)


_GUARDS = ("status", "attempts", "locked_by")


class _Update:
    """One statement for rows that are to be alike and were alike in what the WHERE repeats."""

    def __init__(self, writer: QueueWriter, table: str, columns: Columns, tail: Cells, guard: Cells) -> None:
        self._writer = writer
        self._table = table
        self._tail, self._guard = bound(tail), bound(guard)
        names = columns.names[columns.fixed :]
        self._sets = ", ".join(f"{quoted(name)} = {mark(cell)}" for name, cell in zip(names, tail, strict=True))
        guards = [name for name in _GUARDS if name in columns.names] if guard else []
        self._where = "".join(f" AND {name} IS {mark(cell)}" for name, cell in zip(guards, guard, strict=True))

    def run(self, keys: Sequence[Cell]) -> list[int]:
        """Write the rows; return those that SQLite refused for their JSON."""
        refused: list[int] = []
        for at in range(0, len(keys), _AT_ONCE):
            some = keys[at : at + _AT_ONCE]
            if not self._written(some):
                refused += [int(str(key)) for key in some if not self._written_alone(key)]
        return refused

    def _written(self, keys: Sequence[Cell], remark: str = "") -> bool:
        params, marks = padded(keys)  # type: ignore[arg-type]
        # NOT INDEXED: by key; SQLite would else think of walking all tasks of the status.
        sql = (
            f"UPDATE {self._table} NOT INDEXED SET {self._sets} "
            f"WHERE {KEYS[self._table]} IN ({marks}){self._where}{remark}"
        )
        try:
            changed = self._writer.change_or_undo(sql, (*self._tail, *params, *self._guard))
        except READ_ERRORS as error:
            if is_malformed_json(error) or is_refused_by_python(error):
                return False
            raise
        if changed != len(keys):  # cannot be while the write lock is held; if it is, nothing of it may stay
            what = f"{changed:,} of {len(keys):,} rows were found again in one transaction"
            path = str(self._writer.path)
            raise ProblemError(Problem(ProblemKind.FAILED, what, path, "", "Check the file's integrity."))
        return True

    def _written_alone(self, key: Cell) -> bool:
        if self._written([key]):
            return True
        self._writer.let_malformed_json_be()
        return self._written([key], _LENIENT)


# -- rows that come and go


def _add_and_delete(writer: QueueWriter, columns: dict[str, Columns], unit: Unit) -> None:
    for change in unit.changes:
        if change.after is None and change.before is not None:
            _run(writer, unit, f"DELETE FROM {change.table} WHERE {KEYS[change.table]} = ?", (change.key,))
        elif change.before is None and change.after is not None:
            if change.table == TASKS:
                _check_key(writer, columns[TASKS], unit, change.after)
            marks = tuple(map(mark, change.after))
            _run(writer, unit, _insertion(change.table, columns[change.table].names, marks), bound(change.after))


@lru_cache(maxsize=64)
def _insertion(table: str, names: tuple[str, ...], marks: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(map(quoted, names))}) VALUES ({', '.join(marks)})"


def _check_key(writer: QueueWriter, columns: Columns, unit: Unit, cells: Cells) -> None:
    key = cells[columns.names.index("idempotency_key")] if "idempotency_key" in columns.names else None
    if is_key_taken(writer.rows, key):
        raise UnitRefusedError(unit.task_id, KEY_TAKEN)


def is_key_taken(read: Read, key: Cell) -> bool:
    """Return whether a task has this idempotency key."""
    sql = f"SELECT 1 FROM task_queue WHERE idempotency_key = {mark(key)} LIMIT 1"
    return key is not None and bool(read(sql, bound([key])))


def _run(writer: QueueWriter, unit: Unit, sql: str, params: Sequence[Cell]) -> None:
    """Run a statement that changes one row; malformed JSON is let be.

    Raises:
        UnitRefusedError: SQLite refuses it.
    """
    for attempt, statement in enumerate(_wordings(writer, sql)):
        try:
            changed = writer.change_or_undo(statement, params)
        except sqlite3.IntegrityError:
            reason = REFERRED_TO if sql.startswith("DELETE") else NOT_TAKEN_BACK
            raise UnitRefusedError(unit.task_id, reason) from None
        except READ_ERRORS as error:
            if not (is_malformed_json(error) or is_refused_by_python(error)):
                raise
            if attempt:
                raise UnitRefusedError(unit.task_id, UNREADABLE_JSON) from None
        else:
            if changed != 1:
                raise UnitRefusedError(unit.task_id, NOT_TAKEN_BACK)
            return


def _wordings(writer: QueueWriter, sql: str) -> Iterator[str]:
    yield sql
    writer.let_malformed_json_be()
    yield sql + _LENIENT
