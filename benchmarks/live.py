"""What the open window costs a busy queue, and what a busy queue costs the window.

Eight processes enqueue, claim and complete as fast as they can. Interleaved rounds on the same file: without a window,
with an empty Qt window (the control: what any window's event loop suffers on this machine), with the real one.
Targets: writers' rate with / without >= 0.95, worst gap under 50 ms, no busy error, WAL bounded.

    python3 dev.py bench live [--seconds 10] [--rounds 2] [--writers 8] [--tasks 10000] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from prismq_gui.queue import Claimer, QueueBusyError, QueueClient, QueueDatabase, settling

HERE = Path(__file__).parent
KINDS = ("none", "empty", "window")
OPS, BUSY, WORST_US = range(3)


@dataclass
class Round:
    """One round: pairs of enqueue and claim + complete a second, of all writers together."""

    kind: str
    rate: float
    wal_bytes: int
    slowest_share: float
    figures: dict[str, float] = field(default_factory=dict)


def write(path: str, name: str, counters: Any, start: int, stop: Any) -> None:
    """A writer's process. ``counters`` is shared memory: done, busy errors, longest operation in µs."""
    with closing(QueueDatabase(path)) as database:
        client, claimer = QueueClient(database), Claimer(database)
        while not stop.is_set():
            before = time.perf_counter()
            try:
                client.enqueue("bench", {"text": "x" * 200})
                task = claimer.claim(name, {}, 3600, ("bench",))
                if task is not None:
                    settling.complete(database, task, None)
            except (QueueBusyError, sqlite3.OperationalError) as error:
                counters[start + BUSY] += 1
                print(f"{name}: {error}", file=sys.stderr, flush=True)
            counters[start + OPS] += 1
            took_us = int((time.perf_counter() - before) * 1e6)
            counters[start + WORST_US] = max(counters[start + WORST_US], took_us)


def run_round(kind: str, database: Path, seconds: float, counters: Any, writers: int) -> Round:
    """Measure one round; the window is up and has settled before it begins and closes after it."""
    window = None
    if kind != "none":
        window = subprocess.Popen(
            [sys.executable, str(HERE / "_window.py"), str(database), kind], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip
        assert window.stdout is not None
        if window.stdout.readline().strip() != "shown":
            raise SystemExit("the window did not come up")
    time.sleep(1.5)  # writers and window settle: what opening costs is measured by itself
    before = [counters[i * 3 + OPS] for i in range(writers)]
    began, wal_bytes = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        wal_bytes = max(wal_bytes, wal_size(database))
        time.sleep(0.02)  # looking more often would take from the two processors that are measured
    elapsed = time.perf_counter() - began
    done = [counters[i * 3 + OPS] - before[i] for i in range(writers)]
    figures = {}
    if window is not None:
        output, _ = window.communicate(timeout=60)
        figures = json.loads(output.splitlines()[-1])
    return Round(kind, sum(done) / elapsed, wal_bytes, min(done) / (max(done) or 1), figures)


def wal_size(database: Path) -> int:
    try:
        return os.stat(f"{database}-wal").st_size
    except FileNotFoundError:
        return 0


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    database = folder / "queue.db"
    with closing(QueueDatabase(database)) as queue:
        queue.initialize_schema()
        with queue.transaction() as connection:
            connection.executemany(
                # Behind the tasks that are claimed: in front, each claim would walk past all of them (33 pairs a
                # second instead of 2,000), and what is compared would be that walk.
                "INSERT INTO task_queue (type, payload, priority) VALUES (?, ?, 1000)",
                (("waiting", json.dumps({"n": n, "text": "y" * 300})) for n in range(options.tasks)),
            )
    spawn = multiprocessing.get_context("spawn")
    counters, stop = spawn.RawArray("q", 3 * options.writers), spawn.Event()
    processes = [
        spawn.Process(target=write, args=(str(database), f"w-{n}", counters, n * 3, stop))
        for n in range(options.writers)
    ]
    rounds: list[Round] = []
    for process in processes:
        process.start()
    try:
        time.sleep(2)  # eight interpreters start
        for number in range(options.rounds):
            for kind in KINDS if number % 2 == 0 else reversed(KINDS):  # ABC CBA: what drifts, drifts for all
                rounds.append(run_round(kind, database, options.seconds, counters, options.writers))
                print(describe(rounds[-1]), flush=True)
    finally:
        stop.set()
        for process in processes:
            process.join(30)
    with closing(QueueDatabase(database)) as queue:
        integrity = queue.execute("PRAGMA integrity_check").fetchone()[0]
    busy = sum(counters[n * 3 + BUSY] for n in range(options.writers))
    longest = max(counters[n * 3 + WORST_US] for n in range(options.writers)) / 1000
    return summary(rounds) | {"busy_errors": busy, "longest_write_ms": longest, "integrity": integrity}


def describe(one: Round) -> str:
    gaps = f", worst gap {one.figures['worst_ms']:.1f} ms, p99 {one.figures['p99_ms']:.2f} ms" if one.figures else ""
    return f"{one.kind:7} {one.rate:8.0f} pairs/s, WAL up to {one.wal_bytes / 2**20:.1f} MiB{gaps}"


def summary(rounds: list[Round]) -> dict[str, Any]:
    """Ratios turn by turn (each round with the bare one beside it), their median and spread, and the worst gaps."""
    found: dict[str, Any] = {"rounds": [asdict(one) for one in rounds]}
    by_kind = {kind: [one for one in rounds if one.kind == kind] for kind in KINDS}
    for kind in ("empty", "window"):
        ratios = [one.rate / bare.rate for one, bare in zip(by_kind[kind], by_kind["none"], strict=True)]
        found[f"{kind}_ratio"] = {"median": statistics.median(ratios), "least": min(ratios), "most": max(ratios)}
        for name in ("worst_ms", "p99_ms", "opening_worst_ms"):
            found[f"{kind}_{name}"] = max(one.figures[name] for one in by_kind[kind])
    found["wal_max_bytes"] = {kind: max(one.wal_bytes for one in by_kind[kind]) for kind in KINDS}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a round")
    parser.add_argument("--rounds", type=int, default=2, help="turns of all three kinds")
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--tasks", type=int, default=10_000, help="tasks waiting that nobody claims")
    memory = Path("/dev/shm")  # a disk's fsync would drown what is compared
    parser.add_argument("--folder", type=Path, default=memory if memory.is_dir() else None)
    options = parser.parse_args()
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY") and sys.platform.startswith("linux"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = measure(options, Path(folder))
    found["machine"] = f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    found["sqlite"] = sqlite3.sqlite_version
    output = HERE / "out" / "live.json"
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps(found, indent=1), encoding="utf-8")
    for kind in ("empty", "window"):
        ratio = found[f"{kind}_ratio"]
        print(f"writers with {kind:6} / without: {ratio['median']:.3f} ({ratio['least']:.3f} to {ratio['most']:.3f}); "
              f"event loop worst {found[kind + '_worst_ms']:.1f} ms, p99 {found[kind + '_p99_ms']:.2f} ms, "
              f"opening {found[kind + '_opening_worst_ms']:.1f} ms")  # fmt: skip
    print(f"busy errors {found['busy_errors']}, longest write {found['longest_write_ms']:.0f} ms, "
          f"integrity {found['integrity']}; figures in {output}")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
