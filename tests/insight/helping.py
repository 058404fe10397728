"""What the tests of reading share: a reader that is closed again, scans as lists, and a writing process."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from prismq_gui.insight.filters import LogFilter, TaskFilter, TaskOrder
from prismq_gui.insight.problems import Problem, ProblemError
from prismq_gui.insight.reader import QueueReader


@contextmanager
def reading(path: Path, deadline_s: float = 5.0) -> Iterator[QueueReader]:
    with closing(QueueReader(path, deadline_s=deadline_s)) as reader:
        reader.open()
        yield reader


def refusal_of(path: Path) -> Problem:
    """Open what cannot be opened, and return what is told."""
    with closing(QueueReader(path)) as reader, pytest.raises(ProblemError) as caught:
        reader.open()
    return caught.value.problem


def task_ids(reader: QueueReader, wanted: TaskFilter | None = None, order: TaskOrder | None = None) -> list[int]:
    chunks = list(reader.scan_tasks(wanted or TaskFilter(), order or TaskOrder()))
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    progress = [chunk.progress for chunk in chunks]
    assert progress == sorted(progress)
    assert 0 <= progress[0] <= progress[-1] == 1.0
    return [each for chunk in chunks for each in chunk.ids]


def log_ids(reader: QueueReader, wanted: LogFilter | None = None) -> list[int]:
    return [each for chunk in reader.scan_logs(wanted or LogFilter()) for each in chunk.ids]


def checkpoint_from_outside(path: Path) -> int:
    """Return 1 where something held the checkpoint up, 0 where it was free."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        return connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]


@contextmanager
def other_process(path: Path, script: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script in a process of its own; it has `c`, a connection, and must print a line when it is ready."""
    head = f"import sqlite3, sys\nc = sqlite3.connect({str(path)!r}, isolation_level=None, timeout=10)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", head + script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline().strip() == "ready"
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)
        process.stdin.close()
        process.stdout.close()
