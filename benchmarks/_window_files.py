"""The queues of `window.py`: made fast, the same each time, and kept for the next run.

Owns the files `window-TASKS-LOGS.db` in a folder and the stamp beside each, which is written last: a file without its
stamp was never finished and is made anew. What a run adds to a file stands behind the ids of the stamp and is taken
out again.

    python benchmarks/_window_files.py FOLDER TASKS LOGS      makes one file and prints where it is
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from prismq_gui.queue.schema import SCHEMA_STATEMENTS

RECIPE = 1
"""Raised when the content changes, so that files of before are made anew."""

TASK_BYTES, LOG_BYTES, SPARE_BYTES = 1_600, 160, 3 << 30
"""Room on the disk for a task and for a line, indexes and sorting included, and what must stay free beside it."""

WORDS = ("timeout", "connection", "reset", "codec", "permanent", "worker", "region", "video", "render", "upload",
         "transcode", "retry", "input", "output")  # fmt: skip
TYPES = ("video.transcode", "video.thumbnail", "mail.send", "report.build", "image.resize", "feed.import", "audit.copy",
         "invoice.print", "search.index", "cache.warm", "user.sync", "audio.mix")  # fmt: skip
FORMATS = ("mp4", "webm", "mkv", "mov", "pdf", "png", "csv")
REGIONS = ("eu", "us", "asia")
ERRORS = ("TimeoutError: no answer from 10.0.{a}.{b} within 30 s", "CodecError: bad frame at {n}",
          "ConnectionResetError: peer 10.0.{a}.{b} closed", "PermanentError: order {n} does not exist")  # fmt: skip
COMMON, UNUSUAL, OLD, NEW = "render", "unusual-word", "needle-old", "needle-new"
"""Words to search for: in nearly every payload, in one of 10,000, in one old task, in one new one."""
EPOCH = datetime(2026, 1, 1)
SPAN_S = 120 * 86_400

TASK_INSERT = (
    "INSERT INTO task_queue (id, type, priority, payload, compatibility, status, attempts, run_after_utc,"
    " lease_until_utc, reserved_at_utc, processing_started_utc, finished_at_utc, locked_by, error_message,"
    " idempotency_key, created_at_utc, updated_at_utc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
LOG_INSERT = "INSERT INTO task_logs (log_id, task_id, at_utc, level, message) VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class QueueFile:
    """A queue as it was made; rows behind ``tasks`` and ``logs`` were added by a run."""

    path: str
    tasks: int
    logs: int
    recipe: int = RECIPE
    size_bytes: int = 0
    made_in_s: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.tasks / 1e6:g} M tasks"


class Clock:
    """Texts of times that only go forward: a minute's text is made once."""

    def __init__(self) -> None:
        self._minute = -1
        self._text = ""

    def text(self, second: int) -> str:
        minute, rest = divmod(second, 60)
        if minute != self._minute:
            self._minute = minute
            self._text = (EPOCH + timedelta(minutes=minute)).strftime("%Y-%m-%d %H:%M:")
        return f"{self._text}{rest:02}"


def text_pool() -> list[str]:
    """Return pieces of words to cut payloads from; each begins at another word."""
    rng = random.Random(1)
    return [" ".join(rng.choices(WORDS, k=330)) for _ in range(997)]


def task_rows(tasks: int) -> Iterator[tuple[object, ...]]:
    """Yield all tasks by id, the same each time. 8 of 100 are waiting or running, 5 have failed."""
    pool, clocks = text_pool(), [Clock(), Clock(), Clock()]
    places = [json.dumps({"region": region}) for region in REGIONS] + ["{}"]
    for number in range(1, tasks + 1):
        mixed = number * 2_654_435_761 & 0xFFFFFFFF
        low = mixed >> 12
        kind = low % 1_000
        second = number * SPAN_S // tasks
        created = clocks[0].text(second)
        begun = ended = locked = lease = error = None
        waiting_until, priority, attempts = created, 100, 1
        if kind < 70:
            # Behind the tasks of the writers: in front of them each claim would walk past all of these.
            status, priority, attempts = "queued", 1_000 + low % 3 * 100, low % 2
            if kind < 30:
                waiting_until = "2035-01-01 00:00:00"
        else:
            begun = clocks[1].text(second + 5 + low % 50)
            locked = f"worker-{low % 20:02}"
            if kind < 72:
                status, lease = "processing", begun
            else:
                ended = clocks[2].text(second + 60 + low % 600)
                status = "completed"
                if kind < 122:
                    status = "failed" if kind < 101 else "dead_letter" if kind < 112 else "cancelled"
                    error = ERRORS[low % 4].format(a=low % 250, b=mixed % 250, n=number)
                    attempts = 1 + low % 5
        # 200 to 2,000 bytes, evenly: the head takes about 80 of them.
        text = pool[mixed % 997][: 145 + (mixed >> 7) % 1_760]
        if number % 10_000 == 5_000:
            text += " " + UNUSUAL
        if number in (7, tasks - 7):
            text += " " + (OLD if number == 7 else NEW)
        payload = f'{{"format": "{FORMATS[low % 7]}", "order": {number}, "size_mb": {mixed % 9_999}, "text": "{text}"}}'
        key = f"order-{number}" if low % 5 == 0 else None
        yield (number, TYPES[low % 12], priority, payload, places[low % 4], status, attempts, waiting_until, lease,
               begun, begun, ended, locked, error, key, created, ended or begun or created)  # fmt: skip


def log_rows(tasks: int, logs: int) -> Iterator[tuple[object, ...]]:
    """Yield all log lines by id, the tasks of their times."""
    clock = Clock()
    for number in range(1, logs + 1):
        mixed = number * 2_654_435_761 & 0xFFFFFFFF
        task = (number - 1) * tasks // logs + 1
        kind, level = (mixed >> 9) % 50, "INFO"
        if kind == 0:
            level, message = "ERROR", f"TimeoutError: no answer from 10.0.{mixed % 250}.{kind} within 30 s"
        elif kind < 4:
            level, message = "WARNING", f"slow: {mixed % 9_000} ms for part {task % 900}"
        elif kind < 20:
            message = f"claimed by worker-{mixed % 20:02}"
        else:
            message = f"part {mixed % 900} of order {task} done in {mixed % 4_000} ms"
        yield number, task, clock.text(number * SPAN_S // logs), level, message


def file_path(folder: Path, tasks: int, logs: int) -> Path:
    return folder / f"window-{tasks}-{logs}.db"


def kept(folder: Path, tasks: int, logs: int) -> QueueFile | None:
    """Return the file of an earlier run, if it was finished and is of this recipe."""
    path = file_path(folder, tasks, logs)
    stamp = path.with_suffix(".json")
    if not stamp.is_file() or not path.is_file():
        return None
    found = QueueFile(**json.loads(stamp.read_text(encoding="utf-8")))
    return QueueFile(**(asdict(found) | {"path": str(path)})) if found.recipe == RECIPE else None


def make_or_reuse(folder: Path, tasks: int, logs: int) -> QueueFile:
    """Return the file for so many rows, as it was made: what an earlier run added is taken out."""
    found = kept(folder, tasks, logs)
    if found is None:
        found = make(folder, tasks, logs)
    tidy(found)
    return found


def tidy(file: QueueFile) -> None:
    """Take out what runs have added."""
    with closing(sqlite3.connect(file.path, isolation_level=None, timeout=30)) as connection:
        for table, key, last in (("task_logs", "log_id", file.logs), ("task_queue", "id", file.tasks)):
            while connection.execute(
                f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {key} > ? LIMIT 20000)", (last,)
            ).rowcount:
                pass
            connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (last, table))
        connection.execute("DELETE FROM workers WHERE worker_id NOT LIKE 'worker-%'")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def make(folder: Path, tasks: int, logs: int) -> QueueFile:
    """Make a file anew and stamp it; refuse where the disk hasn't the room."""
    need = tasks * TASK_BYTES + logs * LOG_BYTES + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < need:
        raise SystemExit(
            f"{tasks:,} tasks and {logs:,} lines need {need / 1e9:.0f} GB, and {folder} has {free / 1e9:.0f} GB free. "
            "Nothing was made. Choose another --folder, or fewer --tasks and --logs."
        )
    path = file_path(folder, tasks, logs)
    for old in (path.with_suffix(".json"), path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        old.unlink(missing_ok=True)
    began = time.perf_counter()
    os.environ["SQLITE_TMPDIR"] = str(folder)  # where indexes are sorted: a small /tmp would be filled
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        fill(connection, tasks, logs)
    found = QueueFile(str(path), tasks, logs, RECIPE, path.stat().st_size, time.perf_counter() - began)
    path.with_suffix(".json").write_text(json.dumps(asdict(found)), encoding="utf-8")
    return found


def fill(connection: sqlite3.Connection, tasks: int, logs: int) -> None:
    """Insert all in order, then make the indexes: each is sorted once and written from front to back."""
    for setting in ("page_size=4096", "journal_mode=OFF", "synchronous=OFF", "cache_size=-400000", "temp_store=FILE"):
        connection.execute(f"PRAGMA {setting}")
    tables = [text for text in SCHEMA_STATEMENTS if text.startswith("CREATE TABLE")]
    for text in tables:
        connection.execute(text)
    connection.execute("BEGIN")
    connection.executemany(TASK_INSERT, task_rows(tasks))
    connection.executemany(
        "INSERT INTO workers VALUES (?, ?, '2026-05-01 00:00:00')",
        ((f"worker-{n:02}", json.dumps({"region": REGIONS[n % 3]})) for n in range(20)),
    )
    connection.execute("COMMIT")
    say(f"{tasks:,} tasks")
    connection.execute("BEGIN")
    connection.executemany(LOG_INSERT, log_rows(tasks, logs))
    connection.execute("COMMIT")
    say(f"{logs:,} log lines")
    for text in SCHEMA_STATEMENTS:
        if text not in tables:
            connection.execute(text)
            say(text.split(" ON ")[0])
    connection.execute("PRAGMA journal_mode=WAL")


def say(text: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    made = make_or_reuse(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    print(f"{made.path}: {made.size_bytes / 1e9:.1f} GB, made in {made.made_in_s:.0f} s")
