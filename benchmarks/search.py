"""What a search costs with the index and without it, and what the index costs.

Makes a queue of its own (tasks with 250 bytes of payload, log lines), then measures the first hit and all hits of
rare and common words by scan and by index, the rate and size of the index, the share of a core that its builder takes
in the background, and the rate of four writers beside it: without it, with the builder, with a scan in a loop.

    python3 dev.py bench search [--quick] [--tasks 1000000] [--logs 5000000] [--seconds 6] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import random
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from prismq_gui.insight.breath import Breath
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.search import ALL_KINDS, search
from prismq_gui.insight.search_build import IndexBuilder
from prismq_gui.insight.search_index import IndexStatus
from prismq_gui.queue import Claimer, QueueClient, QueueDatabase, settling

HERE = Path(__file__).parent
WORDS = ["timeout", "connection", "reset", "codec", "permanent", "worker", "region", "video", "render", "upload"]
WORDS += ["transcode", "failed", "retry", "input", "output"]
NEEDLES = {
    "common": "render",
    "one in 1,000": "unusual-word",
    "one, new": "needle-new",
    "one, old": "needle-old",
    "none": "no such words at all",
    "a number": "",  # of the order in the middle
    "two letters": "zq",
}


def make_queue(path: Path, tasks: int, logs: int) -> float:
    """Fill a queue and return its size in MB."""
    rng = random.Random(1)
    with closing(QueueDatabase(path)) as queue:
        queue.initialize_schema()

        def payload(number: int) -> str:
            text = " ".join(rng.choices(WORDS, k=12))
            if number % 1_000 == 500:
                text += " unusual-word"
            if number in (7, tasks - 7):
                text += " needle-old" if number == 7 else " needle-new"
            name = uuid.UUID(int=rng.getrandbits(128))
            return json.dumps({"order": number, "id": str(name), "path": f"C:\\Data\\{number}.mp4", "text": text})

        def line(number: int) -> tuple[int, str, str]:
            host = f"10.0.{rng.randrange(255)}.{rng.randrange(255)}"
            texts = ("enqueued", f"started by worker-{rng.randrange(20):02}", f"done in {rng.random():.3f} s")
            text = rng.choice((*texts, f"TimeoutError: no answer from {host}"))
            return number * tasks // logs + 1, "INFO", text

        for begin in range(0, tasks, 50_000):
            with queue.transaction() as connection:
                connection.executemany(
                    "INSERT INTO task_queue (type, payload, priority, status) VALUES ('bench', ?, 1000, 'completed')",
                    ((payload(n),) for n in range(begin, min(tasks, begin + 50_000))),
                )
        for begin in range(0, logs, 200_000):
            with queue.transaction() as connection:
                connection.executemany(
                    "INSERT INTO task_logs (task_id, level, message) VALUES (?, ?, ?)",
                    (line(n) for n in range(begin, min(logs, begin + 200_000))),
                )
    return path.stat().st_size / 1e6


def ask(path: Path, text: str, folder: Path | None, *, thorough: bool = True) -> dict[str, float]:
    """Search once, in a fresh connection."""
    with closing(QueueReader(path)) as reader:
        reader.open()
        began, cpu, first, count = time.perf_counter(), time.thread_time(), float("nan"), 0
        for chunk in search(
            reader.connection, reader.layout(), text, ALL_KINDS, index_folder=folder, thorough=thorough
        ):
            if chunk.hits and not count:
                first = (time.perf_counter() - began) * 1e3
            count += len(chunk.hits)
        return {"first_ms": first, "all_ms": (time.perf_counter() - began) * 1e3,
                "cpu_ms": (time.thread_time() - cpu) * 1e3, "hits": count}  # fmt: skip


def compare(path: Path, folder: Path, tasks: int) -> list[dict[str, Any]]:
    found = []
    for name, needle in NEEDLES.items():
        text = needle or f'"order": {tasks // 2},'
        scan = ask(path, text, None)
        proven = ask(path, text, folder)
        with closing(sqlite3.connect(path)) as connection:  # a commit: nothing is proven any more
            connection.execute("UPDATE workers SET heartbeat_utc = heartbeat_utc")
            connection.execute("INSERT OR REPLACE INTO workers VALUES ('bench', '{}', datetime('now'))")
            connection.commit()
            live = ask(path, text, folder)
        found.append({"needle": name, "scan": scan, "index": proven, "index, file changed": live})
        for way in ("scan", "index", "index, file changed"):
            one = found[-1][way]
            print(
                f"{name:14} {way:20} first {one['first_ms']:8.1f} ms, all {one['all_ms']:9.1f} ms, {one['hits']:,} hits"
            )
        time.sleep(3)  # a file written within 2.5 s proves nothing (FAT keeps times in steps of 2 s)
        IndexBuilder(path, folder, share=1.0).run(until_complete=True)  # a round proves it again
    return found


def build(path: Path, folder: Path, text_mb: float) -> dict[str, Any]:
    began, cpu = time.perf_counter(), time.thread_time()
    status = IndexBuilder(path, folder, share=1.0).run(until_complete=True, wait=lambda _seconds: None)
    took, used = time.perf_counter() - began, time.thread_time() - cpu
    print(f"built in {used:.1f} s of a core ({took:.1f} s): {text_mb / used:.1f} MB of the file a second, "
          f"{status.size_bytes / 1e6:.0f} MB, {status.size_bytes / 1e6 / text_mb:.2f} of the file")  # fmt: skip
    return {"cpu_s": used, "wall_s": took, "file_mb": text_mb, "index_mb": status.size_bytes / 1e6}


def write(path: str, name: str, done: Any, number: int, stop: Any) -> None:
    """Enqueue, claim and complete in a loop."""
    with closing(QueueDatabase(path)) as database:
        client, claimer = QueueClient(database), Claimer(database)
        while not stop.is_set():
            client.enqueue("live", {"text": "x" * 200})
            task = claimer.claim(name, {}, 3600, ("live",))
            if task is not None:
                settling.complete(database, task, None)
            done[number] += 1


class Beside(threading.Thread):
    """Builds the index, or scans, beside the writers; measures the share of a core it takes."""

    def __init__(self, what: str, path: Path, folder: Path) -> None:
        super().__init__()
        self.share = 0.0
        self._what, self._path, self._folder = what, path, folder
        self._stop_it = threading.Event()

    def run(self) -> None:
        began, cpu = time.perf_counter(), time.thread_time()
        if self._what == "builder":
            IndexBuilder(self._path, self._folder, breath=Breath()).run(
                should_stop=self._stop_it.is_set, wait=self._stop_it.wait
            )
        elif self._what == "scan":
            with closing(QueueReader(self._path)) as reader:
                reader.open()
                while not self._stop_it.is_set():
                    for _ in search(reader.connection, reader.layout(), "nothing", should_stop=self._stop_it.is_set):
                        pass
        self.share = (time.thread_time() - cpu) / (time.perf_counter() - began)

    def end(self) -> None:
        self._stop_it.set()
        self.join()


def beside_writers(path: Path, folder: Path, seconds: float, turns: int) -> dict[str, Any]:
    spawn = multiprocessing.get_context("spawn")
    done, stop = spawn.RawArray("q", 4), spawn.Event()
    processes = [spawn.Process(target=write, args=(str(path), f"w-{n}", done, n, stop)) for n in range(4)]
    for process in processes:
        process.start()
    rates: dict[str, list[float]] = {"nothing": [], "builder": [], "scan": []}
    shares: list[float] = []
    wal = dict.fromkeys(rates, 0)
    try:
        time.sleep(2)  # the writers start their interpreters
        for turn in range(turns):
            for what in rates if turn % 2 == 0 else reversed(rates):
                beside = Beside(what, path, folder)
                beside.start()
                before, began = sum(done), time.perf_counter()
                while time.perf_counter() - began < seconds:
                    wal[what] = max(wal[what], os.stat(f"{path}-wal").st_size)
                    time.sleep(0.02)
                rates[what].append((sum(done) - before) / (time.perf_counter() - began))
                beside.end()
                if what == "builder":
                    shares.append(beside.share)
    finally:
        stop.set()
        for process in processes:
            process.join(30)
    found: dict[str, Any] = {"rates": rates, "builder_share": statistics.median(shares), "wal_bytes": wal}
    for what in ("builder", "scan"):
        ratios = [with_it / bare for with_it, bare in zip(rates[what], rates["nothing"], strict=True)]
        found[f"{what}_ratio"] = statistics.median(ratios)
        print(f"writers with {what} / without: {found[f'{what}_ratio']:.3f} ({min(ratios):.3f} to {max(ratios):.3f}); "
              f"WAL up to {wal[what] / 2**20:.1f} MiB (without {wal['nothing'] / 2**20:.1f})")  # fmt: skip
    print(f"share of a core that the builder took: {found['builder_share']:.3f}")
    return found


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    path, cache = folder / "queue.db", folder / "cache"
    size = make_queue(path, options.tasks, options.logs)
    print(f"{options.tasks:,} tasks, {options.logs:,} log lines, {size:.0f} MB", flush=True)
    time.sleep(3)  # a file that changed within the last seconds cannot be proven to be unchanged
    found: dict[str, Any] = {"tasks": options.tasks, "logs": options.logs, "build": build(path, cache, size)}
    found["searches"] = compare(path, cache, options.tasks)
    status = background(path, folder / "other", options.seconds)
    found["in the background"] = {"tasks_share": status.tasks_share, "size": status.size_bytes}
    found["writers"] = beside_writers(path, folder / "third", options.seconds, options.turns)
    return found


def background(path: Path, folder: Path, seconds: float) -> IndexStatus:
    """Build for some seconds as the window does, nobody else at work."""
    stop = threading.Event()
    threading.Timer(seconds, stop.set).start()
    began, cpu = time.perf_counter(), time.thread_time()
    status = IndexBuilder(path, folder).run(should_stop=stop.is_set, wait=stop.wait)
    share = (time.thread_time() - cpu) / (time.perf_counter() - began)
    print(f"in the background alone: {share:.3f} of a core, {status.tasks_share:.1%} of the tasks in {seconds:.0f} s")
    return status


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="100,000 tasks and 400,000 lines")
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--logs", type=int, default=5_000_000)
    parser.add_argument("--seconds", type=float, default=6.0, help="length of a round beside the writers")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    if options.quick:
        options.tasks, options.logs, options.seconds = 100_000, 400_000, 4.0
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = measure(options, Path(folder))
    found["machine"] = f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    found["sqlite"] = sqlite3.sqlite_version
    output = HERE / "out" / "search.json"
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"figures in {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
