"""Queue files for tests: a copy of the real sample, and files of any size made by plain SQL.

Made without `prismq_gui.queue`, as another PrismQ program would, so that reading is tested
against foreign files too.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

SAMPLE = Path(__file__).parents[1] / "data" / "prismq-sample.db"

FOREIGN_SCHEMA = """
CREATE TABLE task_queue (
  id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, priority INTEGER NOT NULL DEFAULT 100,
  payload TEXT NOT NULL, compatibility TEXT NOT NULL DEFAULT '{}', status TEXT NOT NULL DEFAULT 'queued',
  attempts INTEGER NOT NULL DEFAULT 0, max_attempts INTEGER NOT NULL DEFAULT 5,
  run_after_utc DATETIME NOT NULL DEFAULT (datetime('now')), lease_until_utc DATETIME, reserved_at_utc DATETIME,
  processing_started_utc DATETIME, finished_at_utc DATETIME, locked_by TEXT, error_message TEXT,
  idempotency_key TEXT, created_at_utc DATETIME NOT NULL DEFAULT (datetime('now')),
  updated_at_utc DATETIME NOT NULL DEFAULT (datetime('now')),
  region TEXT GENERATED ALWAYS AS (json_extract(compatibility, '$.region')) VIRTUAL,
  format TEXT GENERATED ALWAYS AS (json_extract(payload, '$.format')) VIRTUAL);
CREATE TABLE workers (worker_id TEXT PRIMARY KEY, capabilities TEXT NOT NULL,
  heartbeat_utc DATETIME NOT NULL DEFAULT (datetime('now')));
CREATE TABLE task_logs (log_id INTEGER PRIMARY KEY AUTOINCREMENT, task_id INTEGER NOT NULL,
  at_utc DATETIME NOT NULL DEFAULT (datetime('now')), level TEXT NOT NULL, message TEXT, details TEXT,
  FOREIGN KEY (task_id) REFERENCES task_queue(id));
CREATE INDEX ix_task_status_prio_time ON task_queue (status, priority, run_after_utc, id);
CREATE INDEX ix_task_type_status ON task_queue (type, status);
CREATE INDEX ix_task_region ON task_queue (region);
CREATE INDEX ix_task_format ON task_queue (format);
CREATE UNIQUE INDEX uq_task_idempotency ON task_queue (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX ix_logs_task ON task_logs (task_id, at_utc);
"""


def copy_sample(folder: Path, name: str = "queue.db") -> Path:
    """Copy the sample queue file, written by another PrismQ program, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(SAMPLE, folder / name))


def make_foreign_queue(
    path: Path, tasks: int = 0, *, status: str = "queued", type: str = "job", wal: bool = True
) -> Path:
    """Make a queue file as another program makes it, with ``tasks`` equal tasks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if wal:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(FOREIGN_SCHEMA)
        connection.execute("BEGIN")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO task_queue (type, payload, status) SELECT ?, '{\"n\": ' || i || '}', ? FROM n WHERE ? > 0",
            (tasks, type, status, tasks),
        )
        connection.execute("COMMIT")
    return path


def run_sql(path: Path, sql: str, params: tuple[object, ...] | dict[str, object] = ()) -> list[tuple[object, ...]]:
    """Run one statement on a queue file from outside, committed, and return its rows."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
        return connection.execute(sql, params).fetchall()
