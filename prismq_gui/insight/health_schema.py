"""What of a file's schema differs from the queue's: columns, indexes, triggers, and how far its ids are.

The queue's own schema is made in memory and both are asked the same questions. Must not read rows of tasks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.everything import as_int
from prismq_gui.insight.health_records import Finding
from prismq_gui.insight.health_texts import finding
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.names import shown
from prismq_gui.queue.schema import SCHEMA_STATEMENTS

TABLES = ("task_queue", "workers", "task_logs")
LAST_ID = 2**63 - 1
_NEAR = 2**40  # a thousand tasks a second take 35 years
_GENERATED = (2, 3)
_MOST_TOLD = 50
_Ask = Callable[[str], "list[Row]"]


@dataclass(frozen=True, slots=True)
class _Column:
    type: str
    not_null: bool
    default: str
    key: int
    generated: bool


@dataclass(frozen=True, slots=True)
class _Index:
    columns: tuple[str, ...]
    unique: bool
    partial: bool


@dataclass(frozen=True, slots=True)
class _Table:
    columns: dict[str, _Column]
    indexes: dict[str, _Index]
    sql: str


@lru_cache(maxsize=1)
def _contract() -> dict[str, _Table]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in SCHEMA_STATEMENTS:
            connection.execute(statement).close()
        return {table: _read(table, lambda sql: connection.execute(sql).fetchall()) for table in TABLES}


def _read(table: str, ask: _Ask) -> _Table:
    columns = {
        shown(name).lower(): _Column(
            shown(type).upper(), bool(not_null), _default(default), as_int(key), hidden in _GENERATED
        )
        for _number, name, type, not_null, default, key, hidden in ask(f"PRAGMA table_xinfo({table})")
    }
    indexes = {}
    for _number, name, unique, origin, partial in ask(f"PRAGMA index_list({table})"):
        if origin == "c" and isinstance(name, str):
            indexes[name] = _Index(_parts(name, ask), bool(unique), bool(partial))
    sql = ask(f"SELECT sql FROM sqlite_master WHERE type = 'table' AND lower(name) = '{table}'")
    return _Table(columns, indexes, shown(sql[0][0]) if sql else "")


def _parts(index: str, ask: _Ask) -> tuple[str, ...]:
    quoted = index.replace('"', '""')
    rows = ask(f'PRAGMA index_xinfo("{quoted}")')
    return tuple(f"{shown(row[2]) or '(expression)'}{' DESC' if row[3] else ''}" for row in rows if row[5])


def _default(cell: object) -> str:
    return "" if cell is None else "".join(str(cell).split()).strip("()").lower()


def schema_findings(connection: ReadConnection, layout: Layout) -> Iterator[Finding]:
    """Yield what is wrong with the schema; a handful of statements."""

    def ask(sql: str) -> list[Row]:
        return connection.rows(sql, doing="look at the schema")

    present = {"task_queue": layout.tasks, "workers": layout.workers, "task_logs": layout.logs}
    tables = {table: _read(table, ask) for table in TABLES if present[table]}
    yield from _missing_parts(layout)
    yield from _columns(tables)
    yield from _indexes(connection, tables)
    yield from _triggers(connection)
    yield from _ids(connection, layout)


def _missing_parts(layout: Layout) -> Iterable[Finding]:
    if layout.missing:
        what = f"The file lacks {', '.join(layout.missing)}."
        yield finding("parts-missing", what, len(layout.missing))


def _columns(tables: dict[str, _Table]) -> Iterable[Finding]:
    drift: list[str] = []
    unknown: list[str] = []
    for table, found in tables.items():
        wanted = _contract()[table]
        unknown += [f"{table}.{name}" for name in found.columns if name not in wanted.columns]
        for name, column in found.columns.items():
            if name in wanted.columns and column != wanted.columns[name]:
                drift.append(f"{table}.{name}: {_difference(column, wanted.columns[name])}")
        if "AUTOINCREMENT" in wanted.sql.upper() and "AUTOINCREMENT" not in found.sql.upper():
            drift.append(f"{table}: ids of deleted rows are given anew (no AUTOINCREMENT)")
    if drift:
        differ = "1 part of the schema differs" if len(drift) == 1 else f"{len(drift):,} parts of the schema differ"
        what = f"{differ}: {_told(drift)}."
        yield finding("schema-drift", what, len(drift), details=tuple(drift[:_MOST_TOLD]))
    if unknown:
        what = f"{_many(len(unknown), 'column')} that the queue does not know: {_told(unknown)}."
        yield finding("column-unknown", what, len(unknown), details=tuple(unknown[:_MOST_TOLD]))
    sql = tables["task_queue"].sql if "task_queue" in tables else ""
    if "json_extract" in sql.lower() and "json_valid" not in sql.lower():
        yield finding("schema-plain-json", "The columns region and format fail on a task with unreadable JSON.")


def _difference(found: _Column, wanted: _Column) -> str:
    parts = []
    if found.type != wanted.type:
        parts.append(f"type {found.type or '(none)'} instead of {wanted.type or '(none)'}")
    if found.not_null != wanted.not_null:
        parts.append("may not be empty" if found.not_null else "may be empty")
    if found.default != wanted.default:
        parts.append(f"default {found.default or '(none)'} instead of {wanted.default or '(none)'}")
    if found.key != wanted.key:
        parts.append("is part of the key" if found.key else "is not the key")
    if found.generated != wanted.generated:
        parts.append("is computed" if found.generated else "is not computed")
    return ", ".join(parts)


def _indexes(connection: ReadConnection, tables: dict[str, _Table]) -> Iterable[Finding]:
    missing: list[str] = []
    changed: list[str] = []
    unknown: list[str] = []
    for table, found in tables.items():
        wanted = _contract()[table].indexes
        for name, index in wanted.items():
            if name in found.indexes:
                if found.indexes[name] != index:
                    changed.append(f"{name}: {_described(found.indexes[name])} instead of {_described(index)}")
            elif connection.rows("SELECT 1 FROM sqlite_master WHERE name = ?", (name,), doing="look at the schema"):
                changed.append(f"{name}: it is something else than an index of {table}")
            else:
                missing.append(name)
        others = [name for name in found.indexes if name not in wanted]
        unknown += [f"{name} on {table} {_described(found.indexes[name])}" for name in others]
    if missing:
        yield finding("index-missing", f"{_many(len(missing), 'index', 'indexes')} missing: {_told(missing)}.",
                      len(missing), details=tuple(missing))  # fmt: skip
    if changed:
        what = f"{_many(len(changed), 'index', 'indexes')} not as the queue has them: {_told(changed)}."
        yield finding("index-changed", what, len(changed), details=tuple(changed[:_MOST_TOLD]))
    if unknown:
        what = f"{_many(len(unknown), 'index', 'indexes')} beside the queue's own: {_told(unknown)}."
        yield finding("index-unknown", what, len(unknown), details=tuple(unknown[:_MOST_TOLD]))


def _described(index: _Index) -> str:
    kind = "".join((" UNIQUE" if index.unique else "", " partial" if index.partial else ""))
    return f"({', '.join(index.columns)}){kind}"


def index_states(connection: ReadConnection, layout: Layout) -> dict[str, str]:
    """Return of each index of the contract whether it is ``missing``, ``as wanted`` or ``other``.

    One of a table, or on a column, that the file lacks is ``other``: it cannot be made.
    """
    states = {}
    for table, present in (("task_queue", layout.tasks), ("workers", layout.workers), ("task_logs", layout.logs)):
        found = _read(table, lambda sql: connection.rows(sql, doing="look at the schema")) if present else None
        for name, index in _contract()[table].indexes.items():
            if found is None or not set(index.columns) <= present:
                states[name] = "other"
            elif name in found.indexes:
                states[name] = "as wanted" if found.indexes[name] == index else "other"
            else:
                sql = "SELECT 1 FROM sqlite_master WHERE name = ?"
                taken = connection.rows(sql, (name,), doing="look at the schema")
                states[name] = "other" if taken else "missing"
    return {name: states[name] for name in index_statements()}


def index_statements() -> dict[str, str]:
    """Return the contract's statement for each of its indexes, by name."""
    statements = {}
    for statement in SCHEMA_STATEMENTS:
        words = statement.split()
        if "INDEX" in words[:3]:
            statements[words[words.index("EXISTS") + 1]] = statement.replace(" IF NOT EXISTS", "")
    return statements


def _triggers(connection: ReadConnection) -> Iterable[Finding]:
    sql = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) IN (?, ?, ?)"
    rows = connection.rows(f"{sql} ORDER BY name", TABLES, doing="look at the schema")
    if rows:
        told = [f"{shown(name)[:60]} on {shown(table)[:60]}" for name, table in rows]
        what = f"{_many(len(told), 'trigger')} of another program: {_told(told)}."
        yield finding("trigger-foreign", what, len(told), details=tuple(told[:_MOST_TOLD]))


def _ids(connection: ReadConnection, layout: Layout) -> Iterable[Finding]:
    has_sequence = connection.rows("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'")
    for table, key, columns in (("task_queue", "id", layout.tasks), ("task_logs", "log_id", layout.logs)):
        if not columns:
            continue
        highest = as_int(connection.value(f"SELECT max({key}) FROM {table}", doing="look at the ids"))
        if has_sequence:
            sql = "SELECT max(seq) FROM sqlite_sequence WHERE name = ? AND typeof(seq) = 'integer'"
            highest = max(highest, as_int(connection.value(sql, (table,), doing="look at the ids")))
        left = LAST_ID - highest
        if left < _NEAR:
            what = f"The ids of {table} are near their end: {highest:,} was given; {left:,} are left."
            yield finding("ids-near-end", what, sample_ids=(highest,) if table == "task_queue" else ())


def _many(count: int, one: str, many: str = "") -> str:
    if count == 1:
        return f"1 {one}"
    return f"{count:,} {many or one + 's'}"


def _told(names: list[str]) -> str:
    return "; ".join(names[:5]) + (f"; and {len(names) - 5:,} more" if len(names) > 5 else "")
