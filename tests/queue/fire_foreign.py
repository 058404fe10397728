"""A program of somebody else's that uses a queue file by plain SQL, as PrismQ's own did.

It compares times as text, writes whole seconds, leaves running tasks ``leased``, leaves ``locked_by`` set, and marks
what is cancelled ``failed``. As a process: ``python -m tests.queue.fire_foreign FILE NAME`` works until nothing waits.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

CLAIMABLE = "status = 'queued' AND run_after_utc <= datetime('now')"


class ForeignProgram:
    """One connection that knows nothing of ours."""

    def __init__(self, path: Path, name: str) -> None:
        self.connection = sqlite3.connect(path, timeout=20, isolation_level=None)
        self.name = name

    def enqueue(self, priority: int = 100) -> int:
        sql = "INSERT INTO task_queue (type, payload, priority) VALUES ('job', '{}', ?)"
        return self.connection.execute(sql, (priority,)).lastrowid or 0

    def claim(self, lease: str = "+60 seconds") -> int | None:
        self.connection.execute("BEGIN IMMEDIATE")
        row = self.connection.execute(
            f"SELECT id FROM task_queue WHERE {CLAIMABLE} ORDER BY priority, id LIMIT 1"
        ).fetchone()
        if row is not None:
            self.connection.execute(
                "UPDATE task_queue SET status = 'leased', locked_by = ?, attempts = attempts + 1, "
                "reserved_at_utc = datetime('now'), lease_until_utc = datetime('now', ?), "
                "updated_at_utc = datetime('now') WHERE id = ?", (self.name, lease, row[0]),
            )  # fmt: skip
        self.connection.execute("COMMIT")
        return None if row is None else int(row[0])

    def end(self, task_id: int, status: str, error: str | None = None) -> int:
        """Finish a task it holds; return whether it held it."""
        return self.connection.execute(
            "UPDATE task_queue SET status = ?, error_message = ?, finished_at_utc = datetime('now'), "
            "updated_at_utc = datetime('now') WHERE id = ? AND status = 'leased' AND locked_by = ?",
            (status, error, task_id, self.name),
        ).rowcount

    def cancel(self, task_id: int) -> int:
        return self.connection.execute(
            "UPDATE task_queue SET status = 'failed', error_message = 'Cancelled by user', "
            "finished_at_utc = datetime('now') WHERE id = ? AND status = 'queued'", (task_id,),
        ).rowcount  # fmt: skip

    def rescue(self) -> int:
        return self.connection.execute(
            "UPDATE task_queue SET status = 'queued', locked_by = NULL, lease_until_utc = NULL "
            "WHERE status = 'leased' AND lease_until_utc < datetime('now')"
        ).rowcount

    def close(self) -> None:
        self.connection.close()


if __name__ == "__main__":
    program = ForeignProgram(Path(sys.argv[1]), sys.argv[2])
    print("ready", flush=True)
    sys.stdin.readline()
    done = []
    while (claimed := program.claim()) is not None:
        done.append(claimed)
        assert program.end(claimed, "completed") == 1
    program.close()
    print(json.dumps(done))
