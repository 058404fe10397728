"""All there is to know of each worker: state, heartbeat, what it holds, what it can, and its rates.

Owns facts that do not age: ages and states are computed from them for any moment, without reading the file again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prismq_gui.insight.activity import MOST_LINES, Activity, Span, read_activity
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.hearing import PLAIN, Hearing
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import Cell, TaskRow, WorkerRow
from prismq_gui.insight.names import shown
from prismq_gui.insight.rows import task_rows
from prismq_gui.insight.states import WorkerState, is_running, worker_state
from prismq_gui.insight.timeline_records import Outcome, Source
from prismq_gui.insight.workers import read_workers
from prismq_gui.queue.timestamps import parse_utc

MOST_WORKERS = 200
RATE_WINDOW = timedelta(hours=1)
MOST_CAPABILITIES = 100
READ_CHARACTERS = 4_000  # of the cell, see insight.workers
_VALUE_CHARACTERS = 200
_DONE = frozenset({Outcome.COMPLETED})
_FAILED = frozenset({Outcome.RETRIED, Outcome.FAILED, Outcome.DEAD, Outcome.LEASE_EXPIRED})


@dataclass(frozen=True, slots=True)
class Capability:
    """One thing a worker says it can, as text fit to be shown."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Holding:
    """A running task that names the worker. Times are naive UTC, None where there is none or it cannot be read."""

    task_id: int
    type: str
    status: str
    since: datetime | None
    since_source: Source | None
    lease_until: datetime | None
    raw_lease: Cell

    def held_s(self, now: datetime) -> float | None:
        """Return for how long it is held; None where not known, or where it begins in the future."""
        return _age_s(self.since, now)

    def is_lease_over(self, now: datetime) -> bool:
        """Whether the lease is over; one that cannot be read never ends."""
        return self.lease_until is not None and self.lease_until <= now


@dataclass(frozen=True, slots=True)
class Rates:
    """What a worker ended within the last hour, as far as the log tells.

    ``covered_s`` is the stretch the log was read whole for. ``why_unknown`` says why there are no rates, '' where
    there are. Failed attempts count, whatever became of the task.
    """

    done: int
    failed: int
    covered_s: float
    why_unknown: str = ""

    @property
    def done_per_hour(self) -> float | None:
        """Completed tasks an hour, None where not known."""
        return self._per_hour(self.done)

    @property
    def failed_per_hour(self) -> float | None:
        """Failed attempts an hour, None where not known."""
        return self._per_hour(self.failed)

    def _per_hour(self, count: int) -> float | None:
        return None if self.why_unknown or self.covered_s <= 0 else count * 3600 / self.covered_s


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """One worker. ``holdings`` are the first 20 of ``held`` tasks, by id; ``registered`` means a row of its own.

    ``capabilities_problem`` says why the capabilities cannot be read ('' where they can); ``raw_capabilities`` is the
    cell, cut.
    """

    worker_id: str
    registered: bool
    heartbeat: datetime | None
    raw_heartbeat: Cell
    capabilities: tuple[Capability, ...]
    capabilities_problem: str
    raw_capabilities: Cell
    held: int
    holdings: tuple[Holding, ...]
    rates: Rates
    held_at_least: bool = False

    def heartbeat_age_s(self, now: datetime) -> float | None:
        """Return how long ago it was heard of; None where never or unreadable, 0 for a beat in the future."""
        return None if self.heartbeat is None else max(0.0, (now - self.heartbeat).total_seconds())

    def is_ahead(self, now: datetime) -> bool:
        """Whether its heartbeat lies in the future: its clock, or this one, is wrong."""
        return self.heartbeat is not None and self.heartbeat - now > timedelta(seconds=2)

    def state(self, now: datetime, hearing: Hearing = PLAIN) -> WorkerState:
        """Return busy, idle or silent at a moment, by the one rule for all of the program."""
        return worker_state(self.raw_heartbeat, now, self.held, hearing)


@dataclass(frozen=True, slots=True)
class AllWorkers:
    """The workers by name. ``unassigned`` runs ended in the last hour without a recorded worker."""

    workers: tuple[WorkerFacts, ...]
    unassigned: int
    notes: tuple[str, ...]

    def silent(self, now: datetime, hearing: Hearing = PLAIN) -> tuple[WorkerFacts, ...]:
        """Return the silent ones, the longest silent first; those never heard of before all."""
        found = [worker for worker in self.workers if worker.state(now, hearing) == "silent"]
        return tuple(sorted(found, key=lambda each: (each.heartbeat or datetime.min, each.worker_id)))


def read_worker_facts(
    connection: ReadConnection,
    layout: Layout,
    now: datetime,
    *,
    activity: Activity | None = None,
    most_lines: int = MOST_LINES,
) -> AllWorkers:
    """Return at most 200 workers, those included that only a running task names.

    0.2 to 1 s, nearly all of it the newest log lines for the rates; statements of at most 25 ms.

    Args:
        connection: An open connection.
        layout: Of its file.
        now: Naive UTC.
        activity: What was read for the lanes already, of an hour at most; None reads it.
        most_lines: Log lines to read at most.

    Raises:
        ProblemError: The file cannot be read.
    """
    found = read_workers(connection, layout, MOST_WORKERS + 1)
    rows = task_rows(connection, layout, [task_id for worker in found for task_id in worker.held_ids])
    if activity is None:
        activity = read_activity(connection, layout, now, RATE_WINDOW, most_lines=most_lines)
    ended = [span for span in activity.spans if _counts(span, activity)]
    done = Counter(span.worker for span in ended if span.outcome in _DONE)
    failed = Counter(span.worker for span in ended if span.outcome in _FAILED)
    covered_s = (now - activity.covered_from).total_seconds()
    notes = list(activity.notes)
    if len(found) > MOST_WORKERS:
        notes.append(f"Only the first {MOST_WORKERS:,} workers by name are shown.")
    unknown = _why_unknown(layout, activity, ended)
    workers = [
        _facts(worker, rows, Rates(done[worker.worker_id], failed[worker.worker_id], covered_s, unknown))
        for worker in found[:MOST_WORKERS]
    ]
    return AllWorkers(tuple(workers), done[""] + failed[""], tuple(notes))


def _counts(span: Span, activity: Activity) -> bool:
    return span.end is not None and span.end >= activity.covered_from and span.outcome in _DONE | _FAILED


def _why_unknown(layout: Layout, activity: Activity, ended: Sequence[Span]) -> str:
    if not layout.logs:
        return "The file has no log, and a finished task does not name its worker."
    if not activity.has_starts and any(not span.worker for span in ended):
        return "The log has no lines of starts, and a finished task does not name its worker."
    return ""


def _facts(worker: WorkerRow, rows: dict[int, TaskRow], rates: Rates) -> WorkerFacts:
    capabilities, problem = read_capabilities(worker.capabilities)
    held = [rows[task_id] for task_id in worker.held_ids if task_id in rows]
    # A task that was let go between the two reads is held no more.
    holdings = tuple(_holding(row) for row in held if is_running(row.status))
    return WorkerFacts(
        worker.worker_id, worker.registered, parse_utc(worker.heartbeat_utc), worker.heartbeat_utc, capabilities,
        problem, worker.capabilities, worker.held, holdings, rates, worker.held_at_least,
    )  # fmt: skip


def _holding(row: TaskRow) -> Holding:
    claimed, started = parse_utc(row.reserved_at_utc), parse_utc(row.processing_started_utc)
    since = claimed or started
    return Holding(
        row.id, shown(row.type), shown(row.status), since, Source.COLUMN if since else None,
        parse_utc(row.lease_until_utc), row.lease_until_utc,
    )  # fmt: skip


def read_capabilities(cell: Cell) -> tuple[tuple[Capability, ...], str]:
    """Return what a cell of capabilities says, by name, and why it cannot be read ('' where it can); never raises."""
    if cell is None:
        return (), ""
    if not isinstance(cell, str):
        return (), "they are no text"
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        return (), "they are no JSON that can be read" if len(cell) < READ_CHARACTERS else "they are too long"
    if not isinstance(found, dict):
        return (), "they are no JSON object"
    pairs = [Capability(_short(name), _short(_text(found[name]))) for name in sorted(found)[:MOST_CAPABILITIES]]
    left = len(found) - len(pairs)
    return tuple(pairs), f"{left:,} more are not shown" if left else ""


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return "(too deep to be shown)"


def _short(text: str) -> str:
    return text if len(text) <= _VALUE_CHARACTERS else f"{text[: _VALUE_CHARACTERS - 1]}…"


def _age_s(since: datetime | None, now: datetime) -> float | None:
    seconds = None if since is None else (now - since).total_seconds()
    return None if seconds is None or seconds < 0 else seconds
