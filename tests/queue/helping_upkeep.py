"""What the tests of maintenance share: files with finished tasks, looks at them from outside, a disk that is small."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from prismq_gui.queue import QueueDatabase
from tests.helpers.files import FOREIGN_SCHEMA, run_sql
from tests.queue.upkeep_processes import LONG_AGO

__all__ = ["LONG_AGO", "content", "fill", "kill_points", "malformed_queue", "outside", "small_disk", "sound"]


def kill_points(*points: float, everywhere: Collection[float]) -> list[object]:
    """Parameters of a test that kills at each point: all on Linux and on Windows, those ``everywhere`` under Wine too.

    There a process takes a second to start, and CI leaves out what is slow.
    """
    assert set(everywhere) < set(points)
    return [point if point in everywhere else pytest.param(point, marks=pytest.mark.slow) for point in points]


def fill(
    db: QueueDatabase,
    tasks: int,
    *,
    status: str = "completed",
    ended: str = "2025-01-01 00:00:00.000000",
    payload_bytes: int = 900,
) -> None:
    """Add equal tasks with a log line each."""
    first = db.execute("SELECT coalesce(max(id), 0) FROM task_queue").fetchone()[0]
    db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
        "INSERT INTO task_queue (type, payload, status, finished_at_utc) "
        "SELECT 'job', '{\"x\": \"' || hex(randomblob(?)) || '\"}', ?, ? FROM n",
        (tasks, payload_bytes // 2, status, ended),
    )
    db.execute(
        "INSERT INTO task_logs (task_id, level, message) SELECT id, 'INFO', 'm' FROM task_queue WHERE id > ?", (first,)
    )


def malformed_queue(path: Path) -> Path:
    """A file whose plain generated column makes SQLite refuse much of its first row: the column came later."""
    column = "format TEXT GENERATED ALWAYS AS (json_extract(payload, '$.format')) VIRTUAL"
    bare = FOREIGN_SCHEMA.replace(f",\n  {column}", "").replace(
        "CREATE INDEX ix_task_format ON task_queue (format);\n", ""
    )
    with outside(path) as connection:
        connection.executescript(bare)
        connection.executemany(
            "INSERT INTO task_queue (type, payload, status, finished_at_utc) "
            "VALUES ('job', ?, 'completed', '2025-01-01 00:00:00')",
            [("{broken",), ("{}",)],
        )
        connection.execute(f"ALTER TABLE task_queue ADD COLUMN {column}")
    return path


def content(path: Path) -> list[list[tuple[object, ...]]]:
    """Every row of the three tables, by plain SQL."""
    tables = (
        "SELECT * FROM task_queue ORDER BY id",
        "SELECT * FROM task_logs ORDER BY log_id",
        "SELECT * FROM workers",
    )
    return [run_sql(path, sql) for sql in tables]


def sound(path: Path) -> bool:
    """Whether SQLite finds nothing wrong."""
    return run_sql(path, "PRAGMA integrity_check") == [("ok",)] and not run_sql(path, "PRAGMA foreign_key_check")


def outside(path: Path, timeout_s: float = 0) -> closing[sqlite3.Connection]:
    """A connection of another program, in autocommit mode."""
    return closing(sqlite3.connect(path, isolation_level=None, timeout=timeout_s))


@contextmanager
def small_disk(folder: Path, size_kib: int) -> Iterator[Path]:
    """A disk of its own that fills up; skips the test where none can be mounted."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root on Linux can mount a small disk")
    place = folder / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("no small disk can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
