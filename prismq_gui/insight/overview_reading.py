"""The reads of the overview that no other module has: failures of the last hour, leases that are over, recent flows.

Owns short statements with limits, in steps; each generator yields between two and returns what it found.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.counting import count_steps
from prismq_gui.insight.forecast import WINDOW_S, Flow
from prismq_gui.insight.health import EXPIRED_GRACE
from prismq_gui.insight.history import flows_of
from prismq_gui.insight.history_points import Rebuilt, points
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.rebuilding import MINUTE_S, Minute, begin, steps
from prismq_gui.insight.verdict import Cause
from prismq_gui.insight.walking import padded
from prismq_gui.queue import metrics_reading as reading
from prismq_gui.queue.timestamps import parse_utc
from prismq_gui.queue.transitions import RUNNING

MOST_FAILURES = 2_000
MOST_RUNNING = 10_000
MOST_CAUSES = 100
MOST_FLOW_ROWS = 20_000
_ROWS_AT_ONCE = 64  # 1 to 2 ms with errors of some size
_ERROR_CHARACTERS = 4_096
_FAILED = ("failed", "dead_letter")


@dataclass(frozen=True, slots=True)
class Failures:
    """Tasks that failed within the window, the dead ones included and the cancelled left out.

    ``at_least``: only the newest 2,000 failed tasks by id were looked at.
    """

    failed: int
    dead: int
    causes: tuple[Cause, ...]
    window_s: float
    at_least: bool


@dataclass(frozen=True, slots=True)
class FailedTasks:
    """What failed within the window when it was read: when, whether it is dead, and its cause."""

    tasks: tuple[tuple[datetime, bool, str], ...]
    cut: bool

    def within(self, now: datetime, window: timedelta) -> Failures:
        """Return what of it lies within the window now, which must not be before it was read."""
        found = [(is_dead, cause) for moment, is_dead, cause in self.tasks if now - moment <= window]
        causes = Counter(cause for _, cause in found)
        told = tuple(Cause(text, number) for text, number in causes.most_common(MOST_CAUSES))
        return Failures(len(found), sum(is_dead for is_dead, _ in found), told, window.total_seconds(), self.cut)


@dataclass(frozen=True, slots=True)
class Leases:
    """Running tasks whose lease has been over for more than a minute; ``at_least`` where not all were looked at."""

    running: int
    expired: int
    at_least: bool


def count(connection: ReadConnection, layout: Layout, statuses: Sequence[str]) -> Generator[None, None, int]:
    """Count the tasks of some statuses."""
    total = 0
    for status in statuses:
        for part in count_steps(connection, layout, status):
            total += part
            yield
    return total


def failures(
    connection: ReadConnection, layout: Layout, signature: Callable[[Cell], str], now: datetime, window: timedelta
) -> Generator[None, None, FailedTasks | None]:
    """Read what failed within the window; None where the file lacks what tells."""
    if not {"finished_at_utc", "updated_at_utc", "error_message"} <= layout.tasks or not layout.has_type_status_index:
        return None
    ids, cut = _newest_failed(connection)
    if ids is None:
        return None
    yield
    found: list[tuple[datetime, bool, str]] = []
    # With +status the rows are looked up by their ids. Else SQLite walks all failed ones by their index, for each 64
    # ids: 80 ms with ten million tasks instead of 0.07.
    sql = (
        f"SELECT coalesce(finished_at_utc, updated_at_utc), status, substr(error_message, 1, {_ERROR_CHARACTERS}) "
        "FROM task_queue WHERE id IN ({}) AND +status IN ('failed', 'dead_letter')"
    )
    for at in range(0, len(ids), _ROWS_AT_ONCE):
        params, marks = padded(ids[at : at + _ROWS_AT_ONCE])
        for when, status, error in connection.rows(sql.format(marks), params, doing="look at the failed tasks"):
            moment = parse_utc(when)
            if moment is None or now - moment > window or _was_cancelled(status, error):
                continue
            found.append((moment, status == "dead_letter", signature(error)))
        yield
    return FailedTasks(tuple(found), cut)


def _newest_failed(connection: ReadConnection) -> tuple[list[int] | None, bool]:
    run = reading.runner(connection)
    pairs = reading.pairs(run)
    if pairs is None:
        return None, False
    over = [pair for pair in pairs[: reading.MAX_KINDS] if pair[1].text in _FAILED]
    merged = heapq.merge(*(reading.ids_down(run, kind, status) for kind, status in over), reverse=True)
    ids = [task_id for _, task_id in zip(range(MOST_FAILURES), merged, strict=False)]
    return ids, next(merged, None) is not None or len(pairs) > reading.MAX_KINDS


def _was_cancelled(status: Cell, error: Cell) -> bool:
    return status == "failed" and isinstance(error, str) and error.lower().startswith("cancelled by")


def leases(connection: ReadConnection, layout: Layout, now: datetime) -> Generator[None, None, Leases | None]:
    """Look at the leases of the running tasks; None where the file has none."""
    if "lease_until_utc" not in layout.tasks:
        return None
    ids: list[int] = []
    cut = False
    for status in RUNNING:
        sql = "SELECT id FROM task_queue WHERE status = ? LIMIT ?"
        rows = connection.rows(sql, (status, MOST_RUNNING + 1), doing="look at the running tasks")
        cut = cut or len(rows) > MOST_RUNNING
        ids += [row[0] for row in rows[:MOST_RUNNING] if isinstance(row[0], int)]
        yield
    expired = 0
    for at in range(0, len(ids), _ROWS_AT_ONCE):
        params, marks = padded(ids[at : at + _ROWS_AT_ONCE])
        sql = f"SELECT lease_until_utc FROM task_queue WHERE id IN ({marks}) AND +status IN ('leased', 'processing')"
        for (cell,) in connection.rows(sql, params, doing="look at the leases"):
            until = parse_utc(cell)
            expired += until is not None and until + EXPIRED_GRACE < now
        yield
    return Leases(len(ids), expired, cut)


def recent_flows(connection: ReadConnection, layout: Layout, now_s: float) -> Generator[None, None, tuple[Flow, ...]]:
    """Read the whole minutes of the last ten back from timestamps; nothing where more happened than can be read."""
    progress = begin(now_s, WINDOW_S + MINUTE_S)
    minutes: dict[int, Minute] = {}
    for step in steps(connection, layout, progress, most_tasks=MOST_FLOW_ROWS, most_logs=MOST_FLOW_ROWS):
        for start, minute in step.minutes.items():
            minutes.setdefault(start, Minute()).add(minute)
        progress = step.progress
        yield
    past = Rebuilt(progress.top_s, None, progress.arrived_from_s, progress.finished_from_s, minutes)
    return flows_of(points(progress.floor_s, progress.top_s, MINUTE_S, {}, [past]))
