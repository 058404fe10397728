"""Where the bars of a lane chart stand, and what each says in words; pure functions and records, nothing is painted.

Owns the stacking of runs that overlap and the wording of one run. A run whose beginning or end is not recorded says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from prismq_gui.insight.lanes import Lane, Lanes, Span
from prismq_gui.insight.timeline_records import Outcome
from prismq_gui.models.times import short_time
from prismq_gui.queue.timestamps import exact_text
from prismq_gui.views.plain_text import one_line
from prismq_gui.views.times import duration

MOST_TRACKS = 8  # runs of one worker at a time that stand below each other; more share the last track
_TICKS_S = (1, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400)
_NOBODY = "worker not recorded"


@dataclass(frozen=True, slots=True)
class Bar:
    """One run on its track. Times are naive UTC; ``ends`` is None while it runs or where its end is not recorded."""

    lane: int
    track: int
    span: Span
    begins: datetime | None
    ends: datetime | None


def bars_of(lanes: Lanes) -> tuple[Bar, ...]:
    """Return the bars of all lanes, by lane and then by beginning."""
    return tuple(bar for number, lane in enumerate(lanes.lanes) for bar in _bars_of(number, lane))


def _bars_of(number: int, lane: Lane) -> Iterator[Bar]:
    free: list[datetime] = []  # until when each track is taken
    spans = sorted(lane.spans, key=lambda each: (each.start or datetime.min, each.task_id))
    for span in spans:
        start = span.start or datetime.min
        end = datetime.max if span.outcome is Outcome.RUNNING else (span.end or start)
        track = next((at for at, until in enumerate(free) if until <= start), len(free))
        if track >= MOST_TRACKS:
            track = MOST_TRACKS - 1
        if track == len(free):
            free.append(end)
        else:
            free[track] = max(free[track], end)
        yield Bar(number, track, span, span.start, span.end)


def stretch_s(bar: Bar, until: datetime) -> tuple[float, float | None]:
    """Return where a bar begins and ends in seconds after a moment; None: it runs on.

    One without a known beginning began before all that is in view; one without a known end is a moment.
    """
    begins = (bar.begins - until).total_seconds() if bar.begins is not None else -inf
    if bar.span.outcome is Outcome.RUNNING:
        return begins, None
    return begins, (bar.ends - until).total_seconds() if bar.ends is not None else begins


def lane_name(worker: str) -> str:
    """Return a lane's name; runs without a recorded worker have one too."""
    return one_line(worker) if worker else _NOBODY


def span_words(span: Span, now: datetime) -> str:
    """Return all that is known of a run, a line each; plain text."""
    lines = [f"Task {span.task_id}{f' – {one_line(span.type)}' if span.type else ''}"]
    lines.append(f"{span.outcome.value} – {lane_name(span.worker)}{' (inferred)' if span.is_inferred else ''}")
    begins = _clock(span.start) if span.start else "a time that was not read or is not recorded"
    if span.outcome is Outcome.RUNNING:
        lines.append(f"from {begins}")
        if span.start is not None and now >= span.start:
            lines.append(f"for {duration((now - span.start).total_seconds())} so far")
        if span.lease_until is not None and span.lease_until <= now:
            lines.append(f"its lease is over since {_clock(span.lease_until)}")
    else:
        lines.append(f"from {begins} to {_clock(span.end) if span.end else 'a time that is not recorded'}")
        if span.start is not None and span.end is not None and span.end >= span.start:
            lines.append(f"ran {duration((span.end - span.start).total_seconds())}")
    return "\n".join(lines)


def ticks(since: datetime, until: datetime, most: int) -> tuple[datetime, ...]:
    """Return round moments of local time within a window, at most so many, naive UTC."""
    whole_s = (until - since).total_seconds()
    step_s = next((each for each in _TICKS_S if whole_s / each <= max(1, most)), _TICKS_S[-1])
    first = since - timedelta(seconds=since.timestamp() % step_s) + timedelta(seconds=step_s)
    found: list[datetime] = []
    while first <= until and len(found) < 100:
        found.append(first)
        first += timedelta(seconds=step_s)
    return tuple(found)


def clock(moment: datetime) -> str:
    """Return the local time of day of a moment in naive UTC."""
    return _clock(moment)


def _clock(moment: datetime) -> str:
    return short_time(exact_text(moment))


def nearest(bars: Sequence[Bar], bar: Bar, step: int) -> Bar:
    """Return the bar of the next lane up or down that has any, the one that begins nearest; itself without one."""
    lanes = sorted({each.lane for each in bars})
    place = lanes.index(bar.lane) + step
    if not 0 <= place < len(lanes):
        return bar
    begins = bar.begins or datetime.min
    within = [each for each in bars if each.lane == lanes[place]]
    return min(within, key=lambda each: abs((each.begins or datetime.min) - begins))
