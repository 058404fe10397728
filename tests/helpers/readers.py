"""A program beside us that reads a queue for long: it holds the content of one moment until it is told to go on."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM task_queue").fetchall()
print("ready", flush=True)
sys.stdin.readline()
connection.close()
"""


@contextlib.contextmanager
def long_reader(path: Path) -> Iterator[int]:
    """Hold a snapshot of a file in another process for the block; yields its process id."""
    command = [sys.executable, "-c", _HOLD, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process.pid
        finally:
            process.communicate("go\n", timeout=30)
