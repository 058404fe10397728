"""The health check and three fixes with their undo on many tasks, while two other processes commit in a loop.

Prints how long the check took and its longest statement, how many tasks a second a fix and its undo change, and how
long the commits of the others took: without us, while the check reads, and while a fix writes.

Run: ``python benchmarks/health.py [tasks] [folder]``.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.bulk_retry import WRITERS, tell, write_until
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.health import HealthCheck
from prismq_gui.insight.reader import QueueReader
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.mending import mend
from prismq_gui.operations.messages import OperationKind, Plan, Recorded, Report
from prismq_gui.operations.operator import Operator
from tests.helpers.files import make_foreign_queue, run_sql

FILL = """
UPDATE task_queue SET
  payload = json_object('url', 'https://example.org/' || id, 'title', hex(zeroblob(150))),
  status = CASE WHEN id % 10 = 0 THEN 'queued' WHEN id % 100 = 1 THEN 'failed' ELSE 'completed' END,
  run_after_utc = CASE WHEN id % 10 = 0
    THEN strftime('%Y-%m-%dT%H:%M:%S.250000+00:00', 1764000000 + id, 'unixepoch') ELSE run_after_utc END,
  locked_by = CASE WHEN id % 10 THEN 'worker-' || (id % 6) END,
  lease_until_utc = datetime(1764000060 + id, 'unixepoch'), reserved_at_utc = datetime(1764000000 + id, 'unixepoch'),
  processing_started_utc = datetime(1764000000 + id, 'unixepoch'),
  finished_at_utc = datetime(1764000010 + id, 'unixepoch')"""


class Timed(ReadConnection):
    """A connection that knows its longest statement, in seconds."""

    longest_s = 0.0

    def rows(self, *arguments: object, **options: object) -> list[tuple[object, ...]]:  # type: ignore[override]
        began = time.perf_counter()
        try:
            return super().rows(*arguments, **options)  # type: ignore[arg-type]
        finally:
            Timed.longest_s = max(Timed.longest_s, time.perf_counter() - began)


def look(path: Path) -> None:
    """Check the file to its end."""
    with closing(QueueReader(path)) as reader:
        reader._connection = Timed(path, 5.0)
        reader.open()
        began = time.perf_counter()
        check = HealthCheck(reader, budget_s=None)
        for _step in check.steps():
            pass
        took = time.perf_counter() - began
    counts = ", ".join(f"{each.code} {each.count:,}" for each in check.findings if each.count > 1)
    print(f"  check: {took:.1f} s, longest statement {Timed.longest_s * 1000:.0f} ms; {counts}")


def change(path: Path, folder: Path, code: str) -> None:
    """Mend a finding, and take it back."""
    operator = Operator(path, journal=Journal(folder))
    began = time.perf_counter()
    plan = operator.plan(mend(code), None)
    print(f"  {code}: plan of {plan.eligible:,} in {time.perf_counter() - began:.1f} s")
    done = applied(operator, plan)
    applied(operator, operator.plan(OperationKind.UNDO, Recorded(done.operation_id)))


def applied(operator: Operator, plan: Plan) -> Report:
    """Apply a plan, and print how fast."""
    report = operator.apply(plan)
    rate = report.changed / max(report.elapsed_s, 1e-9)
    print(f"    {plan.kind.value}: {report.changed:,} in {report.elapsed_s:.1f} s, {rate:,.0f} a second")
    if report.problem or report.skips:
        print(report.problem, report.skips)
    return report


def beside(path: Path, what: Callable[[], object]) -> list[float]:
    """Return the sorted commit times of the other writers while something is done."""
    context = multiprocessing.get_context("spawn")
    stop, waits = context.Event(), context.Queue()
    ready = [context.Event() for _ in range(WRITERS)]
    processes = [
        context.Process(target=write_until, args=(path, False, each, stop, waits), daemon=True) for each in ready
    ]
    for process in processes:
        process.start()
    for each in ready:
        each.wait(30)
    what()
    stop.set()
    took = sorted(each for _ in processes for each in waits.get())
    for process in processes:
        process.join()
    return took


def main() -> None:
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    memory = Path("/dev/shm")  # what is measured is work and waiting, not the disk
    base = Path(sys.argv[2]) if len(sys.argv) > 2 else memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(dir=base) as folder:
        path = make_foreign_queue(Path(folder) / "queue.db", tasks)
        run_sql(path, FILL)
        run_sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        print(f"{tasks:,} tasks, {path.stat().st_size // 2**20:,} MiB; alone:")
        look(path)
        print(f"beside {WRITERS} writers:")
        tell("  commits without us", beside(path, lambda: time.sleep(3.0)))
        tell("  commits meanwhile", beside(path, lambda: look(path)))
        for code in ("time-iso", "finished-names-worker"):
            took = beside(path, partial(change, path, Path(folder) / "journal", code))
            tell("  commits meanwhile", took)
        print(f"integrity: {run_sql(path, 'PRAGMA integrity_check')[0][0]}")


if __name__ == "__main__":
    main()
