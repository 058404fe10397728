"""A runnable look at the queue: ``python -m prismq_gui.queue.demo``.

Makes a queue in a temporary folder, adds tasks that succeed, fail once, and fail for good, runs
them with one worker, and prints what became of each. Ends by itself within seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import sys
import tempfile
import threading
from pathlib import Path

from prismq_gui.queue import (
    HandlerRegistry,
    PermanentError,
    QueueClient,
    QueueDatabase,
    QueueWorker,
    RetryPolicy,
    TaskContext,
)

registry = HandlerRegistry()


@registry.task("hash")
def hash_file(context: TaskContext) -> str:
    """Hash a file; a missing one is tried again."""
    return hashlib.sha256(Path(context.payload["path"]).read_bytes()).hexdigest()[:16]


@registry.task("flaky")
def fail_once(context: TaskContext) -> str:
    """Fail in the first attempt, succeed in the second."""
    if context.attempt == 1:
        raise ConnectionError("the first attempt fails, the second succeeds")
    return "recovered"


@registry.task("hopeless")
def give_up(_context: TaskContext) -> None:
    """Fail in a way that no other attempt can mend."""
    raise PermanentError("this can never work, so it is not tried again")


def main() -> int:
    """Run the demo and return the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        with contextlib.suppress(ValueError):
            sys.stdout.reconfigure(errors="replace")  # a Windows console may be cp1252
    with tempfile.TemporaryDirectory(prefix="PrismQ queue demo ") as folder:
        path = Path(folder) / "queue.db"
        with QueueDatabase(path) as db:
            db.initialize_schema()
            client = QueueClient(db)
            client.enqueue("hash", {"path": __file__}, priority=10)
            client.enqueue("hash", {"path": str(Path(folder) / "missing.txt")}, max_attempts=2)
            client.enqueue("flaky")
            client.enqueue("hopeless")
            again = client.enqueue("hash", {"path": __file__}, idempotency_key="once")
            twice = client.enqueue("hash", {"path": __file__}, idempotency_key="once")
            print(f"enqueued into {path}; the same key twice gave task {again.task_id} and {twice.task_id}")
            _work(path)
            _show(db)
    return 0


def _work(path: Path) -> None:
    """Run a worker until nothing is left to run, retries included."""
    stop = threading.Event()
    worker = QueueWorker(path, registry, worker_id="demo-worker", retry=RetryPolicy(base_s=0.2), poll_interval_s=0.05)
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    with QueueDatabase(path) as db:
        while db.execute("SELECT 1 FROM task_queue WHERE finished_at_utc IS NULL LIMIT 1").fetchone():
            stop.wait(0.05)
    stop.set()
    thread.join()


def _show(db: QueueDatabase) -> None:
    for row in db.execute("SELECT id, type, status, attempts, error_message FROM task_queue ORDER BY id").fetchall():
        error = row["error_message"] or ""
        print(f"task {row['id']}: {row['type']:<9} {row['status']:<12} attempts {row['attempts']}  {error}")
        lines = db.execute("SELECT level, message FROM task_logs WHERE task_id = ? ORDER BY log_id", (row["id"],))
        for line in lines.fetchall():
            print(f"    {line['level']:<8} {line['message']}")


if __name__ == "__main__":
    raise SystemExit(main())
