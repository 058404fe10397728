"""Tell in a few lines what the demo has done, read from its queue file.

Owns the wording. Must not import Qt nor write to the queue.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.reader import QueueReader

if TYPE_CHECKING:
    from prismq_gui.demo.observer import Seen


def summarise(database: Path, seen: Seen | None, wrong: list[str]) -> str:
    """Return the summary; what can't be read is said in its place."""
    lines = ["PrismQ live demo"]
    try:
        lines += _figures(database)
    except ProblemError as error:
        lines.append(f"The queue could not be read: {error.problem.sentence()}")
    if seen is not None:
        lines.append(f"Window:     {seen.title}")
        lines += [f"  {name}: {count} rows" for name, count in seen.rows]
        gaps = seen.gaps
        lines.append(
            f"Event loop: worst gap {gaps.worst_ms:.0f} ms, 99 of 100 under {gaps.p99_ms:.1f} ms ({gaps.ticks} ticks)"
        )
    lines += [f"WRONG:      {line}" for line in wrong]
    return "\n".join(lines) + "\n"


def _figures(database: Path) -> list[str]:
    with closing(QueueReader(database)) as reader:
        facts = reader.open()
        counts = {status: reader.count(status) for status in reader.statuses()}
        workers = reader.workers()
        logs = reader.newest_log_id()
    states = ", ".join(f"{count} {status}" for status, count in sorted(counts.items(), key=lambda pair: -pair[1]))
    names = ", ".join(f"{worker.worker_id} ({worker.held} running)" for worker in workers)
    return [
        f"Tasks:      {sum(counts.values())} ({states})",
        f"Workers:    {len(workers)} ({names})",
        f"Log lines:  {logs}",
        f"File:       {facts.size_bytes / 1024:.0f} KiB, write-ahead log {facts.wal_bytes / 1024:.0f} KiB",
    ]
