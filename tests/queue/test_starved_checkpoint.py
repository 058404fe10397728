"""A reader that never ends keeps the WAL growing until there is no room: what is told then, and what helps.

The limit on the size of files stands for a small disk; POSIX alone has it.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from prismq_gui.queue import CheckpointMode, QueueClient, QueueDatabase, checkpoint
from tests.helpers.files import run_sql

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")

ROOM = 6_000_000  # more than the WAL takes where it can start over, which is after 1,000 pages of 4 KiB
PROGRAM = """
import json, resource, signal, sys
from prismq_gui.queue import QueueClient, QueueDatabaseError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
done, error = 0, None
with QueueClient(sys.argv[1]) as client:
    task_id = client.enqueue("job", {"text": ""}).task_id
    try:
        for number in range(120):
            sql = "UPDATE task_queue SET payload = ? WHERE id = ?"
            client.database.execute(sql, (json.dumps({"n": number, "text": chr(97 + number % 26) * 100_000}), task_id))
            done += 1
    except QueueDatabaseError as failure:
        error = str(failure)
print(json.dumps([task_id, done, error]))
"""


def write(path: Path) -> tuple[int, int, str | None]:
    """Change one task 120 times, which writes 12 MB, and return its id, how often that went well, and the error."""
    command = [sys.executable, "-c", PROGRAM, str(path), str(ROOM)]
    ran = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    task_id, done, error = json.loads(ran.stdout)
    return task_id, done, error


def test_G2_a_disk_filled_by_a_starved_checkpoint_is_told_and_freed_once_the_reader_ends(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with QueueDatabase(path) as db:
        db.initialize_schema()
        QueueClient(db).enqueue("job")
        assert write(path)[1:] == (120, None)  # nobody holds the checkpoint up: there is room enough
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN").close()
            assert reader.execute("SELECT count(*) FROM task_queue").fetchone() == (2,)
            task_id, done, error = write(path)
            assert 0 < done < 120
            assert error is not None
            assert str(path) in error
            assert "Nothing was changed." in error
            kept = run_sql(path, "SELECT json_extract(payload, '$.n') FROM task_queue WHERE id = ?", (task_id,))
            assert kept == [(done - 1,)]
            held = checkpoint(db, CheckpointMode.TRUNCATE)
            assert held.in_the_way
            assert held.wal_bytes > 4_500_000
            assert "reader" in held.sentence
        freed = checkpoint(db, CheckpointMode.TRUNCATE)
        assert (freed.in_the_way, freed.wal_bytes) == (False, 0)
        assert write(path)[1:] == (120, None)
        assert run_sql(path, "PRAGMA integrity_check") == [("ok",)]
