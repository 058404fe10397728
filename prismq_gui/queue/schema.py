"""The file's schema and the settings of every writing connection.

Owns the three tables and six indexes; names and columns are fixed, since files are shared with
other programs. Never alters a table that exists.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

from prismq_gui.queue.exceptions import QueueSchemaError

PRAGMAS: dict[str, str | int] = {
    "page_size": 4096,  # only takes effect on a new file before WAL is on, hence first
    "journal_mode": "WAL",
    "synchronous": "NORMAL",
    "busy_timeout": 5000,
    "wal_autocheckpoint": 1000,
    "foreign_keys": "ON",
    "temp_store": "MEMORY",
    "mmap_size": 134217728,
    "cache_size": -20000,
}
"""Settings of every writing connection, in the order they must be made. Times in ms, sizes in bytes or KiB."""

MINIMUM_SQLITE = (3, 35, 0)
ENVIRONMENT_VARIABLE = "PRISMQ_QUEUE_DB_PATH"

SCHEMA_STATEMENTS: tuple[str, ...] = (
    """CREATE TABLE IF NOT EXISTS task_queue (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  type TEXT NOT NULL,
  priority INTEGER NOT NULL DEFAULT 100,
  payload TEXT NOT NULL,
  compatibility TEXT NOT NULL DEFAULT '{}',
  status TEXT NOT NULL DEFAULT 'queued',
  attempts INTEGER NOT NULL DEFAULT 0,
  max_attempts INTEGER NOT NULL DEFAULT 5,
  run_after_utc DATETIME NOT NULL DEFAULT (datetime('now')),
  lease_until_utc DATETIME,
  reserved_at_utc DATETIME,
  processing_started_utc DATETIME,
  finished_at_utc DATETIME,
  locked_by TEXT,
  error_message TEXT,
  idempotency_key TEXT,
  created_at_utc DATETIME NOT NULL DEFAULT (datetime('now')),
  updated_at_utc DATETIME NOT NULL DEFAULT (datetime('now')),
  region TEXT GENERATED ALWAYS AS
    (CASE WHEN json_valid(compatibility) THEN json_extract(compatibility, '$.region') END) VIRTUAL,
  format TEXT GENERATED ALWAYS AS
    (CASE WHEN json_valid(payload) THEN json_extract(payload, '$.format') END) VIRTUAL
)""",
    """CREATE TABLE IF NOT EXISTS workers (
  worker_id TEXT PRIMARY KEY,
  capabilities TEXT NOT NULL,
  heartbeat_utc DATETIME NOT NULL DEFAULT (datetime('now'))
)""",
    """CREATE TABLE IF NOT EXISTS task_logs (
  log_id INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id INTEGER NOT NULL,
  at_utc DATETIME NOT NULL DEFAULT (datetime('now')),
  level TEXT NOT NULL,
  message TEXT,
  details TEXT,
  FOREIGN KEY (task_id) REFERENCES task_queue(id)
)""",
    "CREATE INDEX IF NOT EXISTS ix_task_status_prio_time ON task_queue (status, priority, run_after_utc, id)",
    "CREATE INDEX IF NOT EXISTS ix_task_type_status ON task_queue (type, status)",
    "CREATE INDEX IF NOT EXISTS ix_task_region ON task_queue (region)",
    "CREATE INDEX IF NOT EXISTS ix_task_format ON task_queue (format)",
    "CREATE UNIQUE INDEX IF NOT EXISTS uq_task_idempotency ON task_queue (idempotency_key) "
    "WHERE idempotency_key IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS ix_logs_task ON task_logs (task_id, at_utc)",
)


def default_db_path() -> Path:
    """Return the queue file used when none is named: the environment variable, else the platform's."""
    named = os.environ.get(ENVIRONMENT_VARIABLE, "").strip()
    if named:
        return Path(named)
    if sys.platform == "win32":
        return Path(r"C:\Data\PrismQ\queue\queue.db")
    return Path("/tmp/prismq/queue/queue.db")  # noqa: S108 (fixed by the queue's contract)


def require_sqlite(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Raise QueueSchemaError where SQLite is too old for RETURNING (3.35)."""
    if version < MINIMUM_SQLITE:
        found = ".".join(map(str, version))
        raise QueueSchemaError(
            f"SQLite {found} is too old: the queue needs 3.35 or newer. Nothing was opened. "
            "Use a Python that carries a newer SQLite."
        )
