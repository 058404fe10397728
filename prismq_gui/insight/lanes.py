"""Lanes: for each worker what it ran in the last minutes, and what it runs now.

Owns the order and the bounds of what is drawn; the reading stands in :mod:`prismq_gui.insight.activity`. A stretch of
a lane without a span is a time in which nothing is recorded: it is left empty, never filled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from prismq_gui.insight.activity import MOST_LINES, Activity, Span, is_within, read_activity
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.hearing import PLAIN, Hearing
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import WorkerRow
from prismq_gui.insight.states import WorkerState, worker_state
from prismq_gui.insight.timeline_records import Outcome
from prismq_gui.insight.workers import read_workers

__all__ = ["DEFAULT_WINDOW", "Lane", "Lanes", "Span", "read_lanes"]

DEFAULT_WINDOW = timedelta(minutes=10)
MOST_LANES = 200
MOST_SPANS = 5_000  # of all lanes; the newest are kept, and what runs


@dataclass(frozen=True, slots=True)
class Lane:
    """One worker's runs, by their beginnings; ``worker`` is '' for runs whose worker is not recorded."""

    worker: str
    state: WorkerState | None
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Lanes:
    """All lanes of a window.

    Attributes:
        lanes: Workers by name, the one without a name last.
        since: The beginning of the window, naive UTC.
        until: Its end: now.
        covered_from: Since when the log was read whole; what lies before it is not known, rather than idle.
        notes: What was left out, and by which rule.
    """

    lanes: tuple[Lane, ...]
    since: datetime
    until: datetime
    covered_from: datetime
    notes: tuple[str, ...]


def read_lanes(
    connection: ReadConnection,
    layout: Layout,
    now: datetime,
    window: timedelta = DEFAULT_WINDOW,
    *,
    activity: Activity | None = None,
    most_lines: int = MOST_LINES,
    hearing: Hearing = PLAIN,
) -> Lanes:
    """Return the lanes of a window that ends now: at most 200 lanes of together 5,000 spans.

    Reads the newest log lines by id (at most 20,000), the running tasks and the newest finished ones: 0.1 to 1 s in
    statements of at most 25 ms, whatever the size of the file. ``activity`` of a longer window may be handed in.

    Raises:
        ProblemError: The file cannot be read.
        ValueError: The window is not positive.
    """
    if window <= timedelta(0):
        raise ValueError(f"window must be a positive span of time, not {window}")
    since = now - window
    if activity is None:
        activity = read_activity(connection, layout, now, window, most_lines=most_lines)
    within = tuple(span for span in activity.spans if is_within(span, since))
    workers = read_workers(connection, layout, MOST_LANES)
    notes = list(activity.notes)
    spans = _bounded(within, notes)
    lanes: dict[str, list[Span]] = {worker.worker_id: [] for worker in workers}
    for span in spans:
        lanes.setdefault(span.worker, []).append(span)
    names = sorted(lanes.keys() - {""})
    if len(names) > MOST_LANES:
        notes.append(f"Of {len(names):,} workers the first {MOST_LANES:,} by name are shown.")
        names = names[:MOST_LANES]
    if lanes.get(""):
        names.append("")
        notes.append("Of runs without a start in the log the worker is not recorded; they stand in the last lane.")
    known = {worker.worker_id: worker for worker in workers}
    shown = tuple(Lane(name, _state(known.get(name), now, hearing), tuple(lanes[name])) for name in names)
    return Lanes(shown, since, now, max(since, activity.covered_from), tuple(notes))


def _bounded(spans: tuple[Span, ...], notes: list[str]) -> list[Span]:
    if len(spans) <= MOST_SPANS:
        return list(spans)
    running = [span for span in spans if span.outcome is Outcome.RUNNING][-MOST_SPANS:]
    over = [span for span in spans if span.outcome is not Outcome.RUNNING]
    kept = over[len(over) - (MOST_SPANS - len(running)) :]
    notes.append(f"Of {len(spans):,} runs the {MOST_SPANS:,} that began last are shown, and those that run.")
    return sorted([*kept, *running], key=lambda span: (span.start or span.end or datetime.min, span.task_id))


def _state(worker: WorkerRow | None, now: datetime, hearing: Hearing) -> WorkerState | None:
    return None if worker is None else worker_state(worker.heartbeat_utc, now, worker.held, hearing)
