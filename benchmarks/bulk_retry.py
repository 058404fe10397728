"""Retry 100,000 failed tasks while two other processes commit in a loop, and take it back.

Prints how long each operation took and how long the commits of the others took, without it and
meanwhile: retried without a journal and with one, and the undo of that, for two kinds of other writers:

- paced: 1 ms of other work between two commits, SQLite's own busy handler (another program's workers);
- tight: nothing in between, jittered tries of 1 to 8 ms. With SQLite's own handler two such loops
  starve each other for seconds, whether we are there or not, and nothing could be told from it.

Run: ``python benchmarks/bulk_retry.py [tasks] [folder]``.
"""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from prismq_gui.insight.filters import TaskFilter
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.messages import Matching, OperationKind, Recorded, Report
from prismq_gui.operations.operator import Operator
from tests.helpers.files import make_foreign_queue, run_sql

WRITERS = 2


def write_until(
    path: Path, tight: bool, started: Event, stop: Event, waits: multiprocessing.Queue[list[float]]
) -> None:
    """Commit one small task after another; put the seconds each commit took."""
    took = []
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0 if tight else 5)) as connection:
        connection.execute("PRAGMA synchronous=NORMAL")
        while not stop.is_set():
            began = time.perf_counter()
            insert(connection, tight)
            took.append(time.perf_counter() - began)
            started.set()
            if not tight:
                time.sleep(0.001)  # the paced writer: up to a thousand commits a second
    waits.put(took)


def insert(connection: sqlite3.Connection, tight: bool) -> None:
    """Commit one task; a tight writer waits for the lock by tries of its own."""
    while True:
        try:
            connection.execute("INSERT INTO task_queue (type, payload) VALUES ('other', '{}')")
        except sqlite3.OperationalError:
            if not tight:
                raise
            time.sleep(random.uniform(0.001, 0.008))  # the tight writer's own tries for the lock
        else:
            return


def retry(operator: Operator) -> Report:
    """Retry all that failed."""
    began = time.perf_counter()
    plan = operator.plan(OperationKind.RETRY, Matching(TaskFilter(statuses=("failed",))))
    print(f"  plan of {plan.eligible:,} tasks: {time.perf_counter() - began:.2f} s")
    return operator.apply(plan)


def undo(operator: Operator) -> Report:
    """Take the last operation back."""
    began = time.perf_counter()
    plan = operator.plan(OperationKind.UNDO, Recorded(operator.history()[0].id))
    print(f"  plan of the undo of {plan.eligible:,} tasks: {time.perf_counter() - began:.2f} s")
    return operator.apply(plan)


def measure(path: Path, *, tight: bool, operate: Callable[[], Report] | None) -> list[float]:
    """Return the sorted commit times of the other writers while the operation runs, or for a while without it."""
    context = multiprocessing.get_context("spawn")
    stop, waits = context.Event(), context.Queue()
    ready = [context.Event() for _ in range(WRITERS)]
    processes = [context.Process(target=write_until, args=(path, tight, each, stop, waits)) for each in ready]
    for process in processes:
        process.start()
    for each in ready:
        each.wait(30)
    if operate is not None:
        report = operate()
        print(
            f"  {report.kind.value}: {report.sentence} {report.elapsed_s:.2f} s, "
            f"{report.changed / report.elapsed_s:,.0f} tasks a second"
        )
        if report.problem:
            print(report.problem.sentence())
    else:
        time.sleep(3.0)  # the control: what the writers wait without us, over about as long
    stop.set()
    took = sorted(each for _ in processes for each in waits.get())
    for process in processes:
        process.join()
    return took


def tell(name: str, took: list[float]) -> None:
    """Print how long the other writers' commits took."""
    p99 = took[int(len(took) * 0.99)]
    print(f"{name}: {len(took):,} commits, p99 {p99 * 1000:.1f} ms, worst {took[-1] * 1000:.1f} ms")


def main() -> None:
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    memory = Path("/dev/shm")  # what is measured is waiting, not the disk
    base = Path(sys.argv[2]) if len(sys.argv) > 2 else memory if memory.is_dir() else None
    for tight in (False, True):
        with tempfile.TemporaryDirectory(dir=base) as folder:
            path = make_foreign_queue(Path(folder) / "queue.db", tasks, status="failed")
            print(f"{WRITERS} other writers, {'tight' if tight else 'paced'}")
            tell("  without the operation", measure(path, tight=tight, operate=None))
            journaled = Operator(path, journal=Journal(Path(folder) / "data"))
            tell("  meanwhile", measure(path, tight=tight, operate=partial(retry, journaled)))
            tell("  meanwhile", measure(path, tight=tight, operate=partial(undo, journaled)))
            print("  and without a journal:")
            tell("  meanwhile", measure(path, tight=tight, operate=partial(retry, Operator(path))))
            print(f"  integrity: {run_sql(path, 'PRAGMA integrity_check')[0][0]}")


if __name__ == "__main__":
    main()
