"""The processes that write the file while `window.py` measures, and the length of its write-ahead log.

Owns the writers from their start to their end, and the thread that looks at the log.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from benchmarks._window_files import COMMON, UNUSUAL
from benchmarks.live import BUSY, OPS
from prismq_gui.queue import Claimer, QueueBusyError, QueueClient, QueueDatabase, settling


def write(path: str, name: str, counters: Any, start: int, stop: Any) -> None:
    """Enqueue, claim and complete in a loop, as benchmarks/live.py; each 1,000th task has words that are looked for."""
    with closing(QueueDatabase(path)) as database:
        client, claimer, done = QueueClient(database), Claimer(database), 0
        while not stop.is_set():
            text = f"{COMMON} {UNUSUAL if done % 1_000 == 500 else 'usual'} {'x' * 180}"
            try:
                client.enqueue("bench", {"text": text})
                task = claimer.claim(name, {}, 3600, ("bench",))
                if task is not None:
                    settling.complete(database, task, None)
            except (QueueBusyError, sqlite3.OperationalError) as error:
                counters[start + BUSY] += 1
                print(f"{name}: {error}", file=sys.stderr, flush=True)
            done += 1
            counters[start + OPS] = done


class Writers:
    """Eight processes that enqueue, claim and complete as fast as they can."""

    def __init__(self, counters: Any, writers: int, file: str) -> None:
        self._counters, self._writers, self._file = counters, writers, file
        self.wal_bytes = 0
        self.strangers: set[int] = set()  # processes seen in a snapshot that are none of this benchmark's
        self._rounds = 0
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._watch_wal, daemon=True)
        self._watch.start()

    def done(self) -> int:
        """Return how many pairs of enqueue and claim + complete there were so far."""
        return sum(self._counters[number * 3 + OPS] for number in range(self._writers))

    def take_wal(self) -> int:
        """Return the greatest length of the write-ahead log since this was asked last, in bytes."""
        found, self.wal_bytes = self.wal_bytes, 0
        return found

    def _watch_wal(self) -> None:
        while not self._ended.wait(0.02):  # more often would take from the processors that are measured
            self.wal_bytes = max(self.wal_bytes, wal_length(self._file))
            self._rounds += 1
            if self._rounds % 25 == 0:
                self.strangers |= {pid for pid in readers_of(self._file) if not is_child(pid)}

    def end(self) -> None:
        self._ended.set()
        self._watch.join()


def wal_length(file: str) -> int:
    """Return how much of the write-ahead log is in use, from its index: the file itself never gets smaller again.

    Only for a process that has no connection to the file: closing the index would drop its locks on POSIX.
    """
    try:
        with Path(f"{file}-shm").open("rb") as index:
            head = index.read(20)
    except FileNotFoundError:
        return 0
    return struct.unpack("=I", head[16:20])[0] * (4_096 + 24) if len(head) == 20 else 0


def readers_of(file: str) -> set[int]:
    """Return the processes that are in a snapshot of the file: one that stays in it lets the log grow without end."""
    try:
        index = os.stat(f"{file}-shm").st_ino
    except FileNotFoundError:
        return set()
    found = set()
    for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
        parts = line.split()
        if parts[1] == "POSIX" and parts[5].endswith(f":{index}") and 123 <= int(parts[6]) <= 127:
            found.add(int(parts[4]))
    return found


def is_child(pid: int) -> bool:
    """Whether a process was started by this one, or by one that was."""
    while pid > 1 and pid != os.getpid():
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[1])
        except OSError:
            return True  # it has ended
    return pid == os.getpid()


@contextmanager
def writing(file: str, writers: int) -> Iterator[Writers]:
    """Have so many writers at work on a file."""
    spawn = multiprocessing.get_context("spawn")
    counters, stop = spawn.RawArray("q", 3 * writers), spawn.Event()
    processes = [spawn.Process(target=write, args=(file, f"bench-{n}", counters, n * 3, stop)) for n in range(writers)]
    for process in processes:
        process.start()
    watcher = Writers(counters, writers, file)
    try:
        until = time.monotonic() + 20
        while writers and min(counters[n * 3 + OPS] for n in range(writers)) == 0 and time.monotonic() < until:
            time.sleep(0.05)  # eight interpreters start
        watcher.take_wal()
        yield watcher
    finally:
        stop.set()
        for process in processes:
            process.join(30)
        watcher.end()
        if watcher.strangers:
            print(
                f"  others read {file} meanwhile: processes {sorted(watcher.strangers)}; the log's size tells nothing"
            )
