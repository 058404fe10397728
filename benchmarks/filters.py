"""Filters and sorts that no index serves, on a file that eight processes write all the while.

Each is read as the window reads it: in short statements, with pauses for the writers. Told are the time to the first
rows and to all of them, the longest statement, what the writers did meanwhile against just before, and the memory.

    python3 dev.py bench filters [--tasks 1000000] [--logs 5000000] [--writers 8] [--limit 120] [--folder DIR]

The file is that of `window.py`; what the writers add is taken out again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._window_files import QueueFile, make_or_reuse, tidy
from benchmarks.live import OPS, wal_size, write
from prismq_gui.insight import connection as reading
from prismq_gui.insight.breath import Breath
from prismq_gui.insight.filters import TaskColumn, TaskFilter, TaskOrder
from prismq_gui.insight.language import parse
from prismq_gui.insight.reader import QueueReader
from prismq_gui.polling.ids import IdList

HERE = Path(__file__).parent
QUIET_S = 3.0
"""How long the writers are watched before each reading."""
BY_ID = TaskOrder()
CASES = (
    ("created>2035-01-01", BY_ID),  # none: the whole table is walked over
    ("created<2026-01-15", BY_ID),  # the oldest eighth: what is newest first begins far from the newest
    ("worker:worker-03", BY_ID),
    ("attempts>=5", BY_ID),
    ("ran>10m", BY_ID),
    ("payload.size_mb>9990", BY_ID),
    ("unusual-word", BY_ID),
    ("status:completed worker:worker-03 attempts:1", BY_ID),
    ("status:failed error:codec", BY_ID),
    ("", TaskOrder(TaskColumn.FINISHED)),
    ("", TaskOrder(TaskColumn.ATTEMPTS)),
    ("", TaskOrder(TaskColumn.WORKER, descending=False)),
)


@dataclass(slots=True)
class Case:
    """One reading; times in seconds, None where it did not come so far within the limit."""

    name: str
    first_s: float | None = None
    all_s: float | None = None
    rows: int = 0
    share: float = 0.0
    worst_statement_s: float = 0.0
    statements: int = 0
    writers_ratio: float | None = None
    rss_mib: float = 0.0
    memory_mib: float = 0.0
    wal_mib: float = 0.0


class Watch:
    """The longest statement and their number, by wrapping the one function that runs them."""

    def __init__(self) -> None:
        self.worst_s, self.count = 0.0, 0
        self._run = reading._fetched
        reading._fetched = self  # type: ignore[assignment]  # for the length of this program

    def __call__(self, *asked: Any) -> Any:
        began = time.perf_counter()
        try:
            return self._run(*asked)
        finally:
            self.worst_s, self.count = max(self.worst_s, time.perf_counter() - began), self.count + 1


@contextmanager
def writers(path: Path, count: int) -> Iterator[Any]:
    """Have so many processes write; yields a function that tells how much they have done."""
    spawn = multiprocessing.get_context("spawn")
    counters, stop = spawn.RawArray("q", 3 * max(1, count)), spawn.Event()
    processes = [spawn.Process(target=write, args=(str(path), f"w-{n}", counters, n * 3, stop)) for n in range(count)]
    for process in processes:
        process.start()
    try:
        if count:
            time.sleep(3)  # interpreters start
        yield lambda: sum(counters[n * 3 + OPS] for n in range(count))
    finally:
        stop.set()
        for process in processes:
            process.join(60)


def read(path: Path, text: str, order: TaskOrder, limit_s: float, done: Any, watch: Watch) -> Case:
    """Read one list as a window has it in the end."""
    case = Case(f"{text or 'all'}, by {order.column.value}" if order != BY_ID else text)
    before, began = done(), time.perf_counter()
    time.sleep(QUIET_S)  # what is measured is what they do in this time
    quiet = (done() - before) / (time.perf_counter() - began)
    with closing(QueueReader(path, breath=Breath())) as reader:
        reader.open()
        found = IdList()
        base, watch.worst_s, watch.count = rss_mib(), 0.0, 0
        before, began = done(), time.perf_counter()
        for chunk in reader.scan_tasks(TaskFilter(query=parse(text)), order, soon=True):
            found.insert(0 if chunk.above else len(found), chunk.ids)
            took = time.perf_counter() - began
            if case.first_s is None and (chunk.ids or chunk.leading):
                case.first_s = took
            case.share, case.rss_mib = chunk.progress, max(case.rss_mib, rss_mib())
            case.wal_mib = max(case.wal_mib, wal_size(path) / 2**20)
            if took > limit_s:
                break
        else:
            case.all_s = time.perf_counter() - began
        took = time.perf_counter() - began
        case.writers_ratio = (done() - before) / took / quiet if quiet and took > 1.0 else None
        case.rows, case.worst_statement_s, case.statements = len(found), watch.worst_s, watch.count
        case.memory_mib = max(0.0, case.rss_mib - base)
    return case


def rss_mib() -> float:
    """Return what this process holds in memory, 0 where the system does not say it in a file."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def row(case: Case) -> str:
    """Return a line of the table."""
    first = "none" if case.first_s is None else f"{case.first_s * 1000:,.0f} ms"
    whole = f"{case.share:.0%} looked at" if case.all_s is None else f"{case.all_s:.1f} s"
    ratio = "–" if case.writers_ratio is None else f"{case.writers_ratio:.2f}"
    return (
        f"| `{case.name}` | {case.rows:,} | {first} | {whole} | {case.worst_statement_s * 1000:.0f} ms | {ratio} "
        f"| {case.wal_mib:.0f} MiB | {case.memory_mib:.0f} MiB |"
    )


def measure(file: QueueFile, options: argparse.Namespace) -> list[Case]:
    watch, found = Watch(), []
    print("| filter | rows | first | all | longest statement | writers | WAL | memory |\n" + "|---" * 8 + "|")
    with writers(Path(file.path), options.writers) as done:
        for text, order in CASES:
            if options.only and not any(word in f"{text} {order.column.value}" for word in options.only):
                continue
            found.append(read(Path(file.path), text, order, options.limit, done, watch))
            print(row(found[-1]), flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--logs", type=int, default=5_000_000)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--limit", type=float, default=120.0, help="seconds a reading may take")
    parser.add_argument("--only", nargs="*", default=[], help="readings in whose name one of these stands")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the file is kept")
    options = parser.parse_args()
    file = make_or_reuse(options.folder, options.tasks, options.logs)
    try:
        found = measure(file, options)
    finally:
        tidy(file)
    output = HERE / "out" / f"filters-{options.tasks}.json"
    output.parent.mkdir(exist_ok=True)
    machine = f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    told = {"machine": machine, "sqlite": sqlite3.sqlite_version, "writers": options.writers}
    output.write_text(json.dumps(told | {"cases": [asdict(case) for case in found]}, indent=1), encoding="utf-8")
    print(f"figures in {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
