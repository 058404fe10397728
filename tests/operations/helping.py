"""What the tests of acting share: short names for plans, and looks at a file from outside."""

from __future__ import annotations

import sqlite3
import tempfile
from array import array
from contextlib import closing
from pathlib import Path

from prismq_gui.insight.filters import TaskFilter
from prismq_gui.operations.messages import Matching, OperationKind, Plan, Report, Selected
from prismq_gui.operations.operator import Operator
from tests.helpers.files import run_sql

RETRY, CANCEL, VACUUM = OperationKind.RETRY, OperationKind.CANCEL, OperationKind.VACUUM
WHO = "ann@desk"


def plan_ids(path: Path, kind: OperationKind, *ids: int) -> Plan:
    return Operator(path, who=WHO).plan(kind, Selected(array("q", ids)))


def plan_status(path: Path, kind: OperationKind, status: str) -> Plan:
    return Operator(path, who=WHO).plan(kind, Matching(TaskFilter(statuses=(status,))))


def apply(plan: Plan, **callbacks) -> Report:
    return Operator(plan.path, who=WHO).apply(plan, **callbacks)


def statuses(path: Path) -> dict[object, object]:
    return dict(run_sql(path, "SELECT status, count(*) FROM task_queue GROUP BY status"))


def columns(path: Path, table: str) -> list[str]:
    return [str(row[1]) for row in run_sql(path, f"PRAGMA table_xinfo({table})")]


def all_rows(path: Path) -> dict[int, dict[str, object]]:
    """Every column of every task, generated ones included."""
    names = columns(path, "task_queue")
    rows = run_sql(path, f"SELECT {', '.join(names)} FROM task_queue")
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


def folder_in_memory() -> tempfile.TemporaryDirectory[str]:
    """A folder that waits for no disk where the system has one: for tests that make hundreds of files or commits."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)


def exact_rows(path: Path, table: str) -> list[tuple[object, ...]]:
    """Every stored column of every row with its type, byte for byte, in order of the key."""
    names = [str(row[1]) for row in run_sql(path, f"PRAGMA table_xinfo({table})") if row[6] == 0]
    cells = ", ".join(
        f'typeof("{name}"), CAST("{name}" AS BLOB)' for name in (each.replace('"', '""') for each in names)
    )
    return run_sql(path, f"SELECT {cells} FROM {table} ORDER BY rowid")


def integrity(path: Path) -> object:
    return run_sql(path, "PRAGMA integrity_check")[0][0]


def open_outside(path: Path) -> closing[sqlite3.Connection]:
    """A connection of another program, in autocommit mode, that never waits."""
    return closing(sqlite3.connect(path, isolation_level=None, timeout=0))
