"""How figures are read: short statements, seeks from name to name, stretches of an index.

Owns the SQL of :mod:`prismq_gui.queue.metrics` that walks. Reads only. A cell is read as its bytes: text that is
not UTF-8 would fail the whole statement.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.timestamps import parse_utc
from prismq_gui.queue.transitions import RUNNING

MAX_KINDS = 1_000  # pairs of type and status, and priorities, that are looked at
MAX_RUNNING = 10_000
NAME_CHARACTERS = 200
ROWS_A_STATEMENT = 500
STRETCH = 100_000  # index entries counted a statement: 3 ms
_IDS_A_STREAM = 500
_PRIORITY_PROBES = 100  # entries without a readable time that are passed by in a priority
WAITING = "SELECT id, CAST(run_after_utc AS BLOB) FROM task_queue WHERE status = 'queued'"


class SupportsRows(Protocol):
    """What can run a reading statement and return all its rows."""

    def rows(self, sql: str, params: Sequence[Any] = (), /) -> list[Any]:
        """Run one statement and return its rows."""


Source: TypeAlias = "QueueDatabase | sqlite3.Connection | SupportsRows"


class Run(Protocol):
    """Runs one reading statement and returns all its rows."""

    def __call__(self, sql: str, params: Sequence[Any], /) -> list[Any]:
        """Run it."""


def runner(source: Source) -> Run:
    """Return what runs a statement on the source and fetches all of its rows."""
    if isinstance(source, (QueueDatabase, sqlite3.Connection)):
        connection = source
        return lambda sql, params: [tuple(row) for row in connection.execute(sql, params).fetchall()]
    return source.rows


@dataclass(frozen=True, slots=True)
class Name:
    """A cell of a column of names, by SQLite's type and its bytes, so that exactly it is found again."""

    kind: str
    raw: bytes | None

    @property
    def text(self) -> str:
        """What is shown: bytes that are not UTF-8 as escapes, the rest of a very long name cut."""
        return "" if self.raw is None else self.raw[: 4 * NAME_CHARACTERS].decode("utf-8", "backslashreplace")

    @property
    def mark(self) -> str:
        """The placeholder that stands for exactly this cell when its bytes are bound."""
        return "CAST(? AS TEXT)" if self.kind == "text" else "?"


def has_index(run: Run, name: str) -> bool:
    """Return whether the tasks have the index of this name."""
    return bool(
        run("SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ? AND tbl_name = 'task_queue'", (name,))
    )


def pairs(run: Run) -> list[tuple[Name, Name]] | None:
    """Return the pairs of type and status in use, by one seek each; None where a name is a number."""
    found: list[tuple[Name, Name]] = []
    for kind in hop(run, "type", "1", ()):
        for status in hop(run, "status", f"type IS {kind.mark}", (kind.raw,)):
            found.append((kind, status))
            if {kind.kind, status.kind} - {"text", "blob", "null"}:
                return None
            if len(found) > MAX_KINDS:
                return found
    return found


def hop(run: Run, column: str, condition: str, params: tuple[bytes | None, ...]) -> Iterator[Name]:
    """Yield the distinct cells of a column under a condition, by one seek each."""
    select = f"SELECT typeof({column}), CAST({column} AS BLOB) FROM task_queue INDEXED BY ix_task_type_status "
    tail = f" ORDER BY {column} LIMIT 1"
    rows = run(f"{select} WHERE {condition}{tail}", params)
    while rows:
        name = Name(*rows[0])
        yield name
        if name.raw is None:
            rows = run(f"{select} WHERE {condition} AND {column} IS NOT NULL{tail}", params)
        else:
            rows = run(f"{select} WHERE {condition} AND {column} > {name.mark}{tail}", (*params, name.raw))


def _stretch(kind: Name, status: Name, rest: str) -> str:
    return (
        "SELECT id FROM task_queue INDEXED BY ix_task_type_status "
        f"WHERE type IS {kind.mark} AND status IS {status.mark} AND {rest} LIMIT ?"
    )


def count(run: Run, kind: Name, status: Name) -> int:
    """Count the tasks of a type and status, a stretch of the index a statement."""
    sql = f"SELECT count(*), max(id) FROM ({_stretch(kind, status, 'id > ? ORDER BY id')})"
    total, last = 0, -(2**63)
    while True:
        found: int
        found, last = run(sql, (kind.raw, status.raw, last, STRETCH))[0]
        total += found
        if found < STRETCH:
            return total


def ids_down(run: Run, kind: Name, status: Name) -> Iterator[int]:
    """Yield the ids of a type and status, the newest first."""
    sql = _stretch(kind, status, "id <= ? ORDER BY id DESC")
    last = 2**63 - 1
    while True:
        ids = [row[0] for row in run(sql, (kind.raw, status.raw, last, _IDS_A_STREAM))]
        yield from ids
        if len(ids) < _IDS_A_STREAM:
            return
        last = ids[-1] - 1


def priorities(run: Run) -> list[Any]:
    """Return the distinct priorities of the queued tasks, one more than are looked at where there are too many."""
    found: list[Any] = []
    sql = "SELECT priority FROM task_queue WHERE status = 'queued' AND priority > ? ORDER BY priority LIMIT 1"
    if run("SELECT 1 FROM task_queue WHERE status = 'queued' AND priority IS NULL LIMIT 1", ()):
        found.append(None)
    rows = run("SELECT priority FROM task_queue WHERE status = 'queued' ORDER BY priority LIMIT 1 OFFSET 0", ())
    rows = rows if not found else run(sql, (-math.inf,))
    while rows and len(found) <= MAX_KINDS:
        found.append(rows[0][0])
        rows = run(sql, (found[-1],))
    return found


def first_of_priority(run: Run, priority: object) -> tuple[list[Any], bool]:
    """Return the entries of a priority among which the oldest is, and whether it surely is.

    Within a date the form with a space sorts before the ones with a T: the first entry, and the first with a T of
    its date, are the only ones that can be the oldest.
    """
    after = f"{WAITING} AND priority IS ? AND run_after_utc >= ? AND run_after_utc < ? ORDER BY run_after_utc LIMIT ?"
    rows = run(after, (priority, "0000", ":", 1))
    if rows and moment(rows[0][1]) is None:
        rows = run(after, (priority, "0000", ":", _PRIORITY_PROBES))
        rows = [row for row in rows if moment(row[1]) is not None][:1]
        if not rows:
            return [], False
    if not rows:
        return [], True
    date = rows[0][1].decode()[:10]
    for letter in "Tt":
        rows += run(after, (priority, date + letter, date + chr(ord(letter) + 1), 1))
    return rows, True


def moment(cell: bytes | None) -> datetime | None:
    """Read a timestamp from a cell's bytes, None where it names none."""
    return None if cell is None else parse_utc(cell[:100].decode("utf-8", "replace"))


def held(run: Run) -> tuple[dict[str, int], bool]:
    """Return how many running tasks name each worker, and whether all were read."""
    ids: list[int] = []
    complete = True
    for status in RUNNING:
        found = run("SELECT id FROM task_queue WHERE status = ? LIMIT ?", (status, MAX_RUNNING + 1))
        complete = complete and len(found) <= MAX_RUNNING
        ids += [row[0] for row in found[:MAX_RUNNING]]
    held: Counter[str] = Counter()
    for at in range(0, len(ids), ROWS_A_STATEMENT):
        part = ids[at : at + ROWS_A_STATEMENT]
        sql = f"SELECT CAST(locked_by AS BLOB) FROM task_queue WHERE id IN ({', '.join('?' * len(part))})"
        held.update(Name("text", row[0]).text for row in run(sql, part) if row[0] is not None)
    return dict(held), complete
