"""Writes that the system refuses at any point: the error is told, nothing is half done, and the queue goes on.

The limit on the size of files is set in a process of its own: a write past it fails as on a broken disk. POSIX alone
has it; what is proven is our way and SQLite's through the error, which is the same on Windows.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from prismq_gui.queue import QueueClient, QueueDatabase
from tests.helpers.files import run_sql

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")

PROGRAM = """
import json, resource, signal, sys
from prismq_gui.queue import Claimer, QueueClient, QueueDatabase, QueueDatabaseError, settling
path, limit = sys.argv[1], int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with QueueDatabase(path) as db:
    client, claimer = QueueClient(db), Claimer(db)
    client.enqueue("job", {"text": "first"})
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    done, errors = {"enqueued": 1, "completed": 0}, []
    for number in range(40):
        for step in ("enqueued", "completed"):
            try:
                if step == "enqueued":
                    client.enqueue("job", {"n": number, "text": "x" * 900})
                else:
                    task = claimer.claim("w")
                    if task is None:
                        continue
                    settling.complete(db, task)
            except QueueDatabaseError as error:
                errors.append(str(error))
            else:
                done[step] += 1
        if len(errors) >= 3:
            break
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    client.enqueue("job", {"text": "there is room again"})
    done["enqueued"] += 1
print(json.dumps([done, errors]))
"""


@pytest.mark.parametrize("room", [0, 1, 4_000, 4_200, 9_000, 20_000, 33_000, 60_001, 100_000])
def test_G3_a_write_that_fails_at_any_point_is_told_and_changes_nothing(tmp_path: Path, room: int) -> None:
    path = tmp_path / "queue.db"
    with QueueDatabase(path) as db:
        db.initialize_schema()
        QueueClient(db).enqueue("job")
        wal = Path(f"{path}-wal").stat().st_size
        command = [sys.executable, "-c", PROGRAM, str(path), str(wal + room)]
        ran = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    done, errors = json.loads(ran.stdout)
    assert errors
    assert all("Nothing was changed." in error for error in errors)
    assert run_sql(path, "SELECT count(*) FROM task_queue") == [(1 + done["enqueued"],)]
    assert run_sql(path, "SELECT count(*) FROM task_queue WHERE status = 'completed'") == [(done["completed"],)]
    assert run_sql(path, "SELECT count(*) FROM task_logs WHERE message = 'completed'") == [(done["completed"],)]
    assert run_sql(path, "PRAGMA integrity_check") == [("ok",)]
    assert run_sql(path, "PRAGMA foreign_key_check") == []
