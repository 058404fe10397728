"""When a queue will be empty, or that it grows; said only where enough is known.

Owns the arithmetic; reads nothing. The formula, over the stretches of the last minutes in which both flows are known:

    a = arrived / span_s              d = finished / span_s           net = d − a
    φ = max(1, Σ (netᵢ·spanᵢ − net·spanᵢ)² / Σ (arrivedᵢ + finishedᵢ) · n / (n − 1))
    u = 1.96 · √(φ · (arrived + finished + 1)) / span_s

``a`` and ``d`` are taken for Poisson counts, whose difference has the variance arrived + finished; ``φ`` widens it
where the stretches differ by more than that (bursts, batches). ``net ± u`` holds the true rate in about 95 of 100
cases while the flow stays as it was. All of it above zero: the queue drains, in depth / net seconds, between
depth / (net + u) and depth / (net − u). All of it below: it grows. Zero within it: it holds level where u is small
beside the flow, else nothing can be told yet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from prismq_gui.insight.states import duration_text

WINDOW_S = 600.0
LEAST_SPAN_S = 60.0  # less would be told from the start of a batch
LEAST_EVENTS = 10
Z = 1.96
LEVEL_SHARE = 0.1  # of the flow: what is uncertain by less, and may be zero, is called level
MOST_S = 30 * 86_400.0  # rates of the last minutes tell nothing of months


class Outlook(Enum):
    """What will become of the depth."""

    EMPTY = "empty"
    DRAINS = "drains"
    GROWS = "grows"
    LEVEL = "level"
    STANDS = "stands"  # nothing arrives and nothing finishes, though there are tasks
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Flow:
    """What arrived and what ended (completed, failed, cancelled) in a stretch of ``span_s`` seconds."""

    span_s: float
    arrived: float
    finished: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """The outlook. Rates are per second, None where unknown; ``net_per_s`` above zero drains the queue.

    ``drains_in_s`` lies between ``soonest_s`` and ``latest_s`` (None: no end in sight within 30 days).
    """

    outlook: Outlook
    depth: int | None
    span_s: float = 0.0
    arrives_per_s: float | None = None
    finishes_per_s: float | None = None
    net_per_s: float | None = None
    uncertain_per_s: float | None = None
    drains_in_s: float | None = None
    soonest_s: float | None = None
    latest_s: float | None = None
    why: str = ""

    @property
    def text(self) -> str:
        """The outlook as a tile shows it."""
        if self.outlook is Outlook.DRAINS:
            return _drains(self)
        if self.outlook is Outlook.GROWS:
            return _grows(self)
        if self.outlook is Outlook.STANDS:
            return f"no change in {duration_text(timedelta(seconds=self.span_s))}"
        if self.outlook is Outlook.UNKNOWN:
            return f"can't tell yet: {self.why}" if self.why else "can't tell yet"
        return "nothing to do" if self.outlook is Outlook.EMPTY else "holds level"


def forecast(depth: int | None, flows: Iterable[Flow]) -> Forecast:
    """Return the outlook of a queue with ``depth`` unfinished tasks.

    Args:
        depth: Tasks that wait or run; None where that is not known.
        flows: The stretches of about the last ten minutes in which both flows are known, in any order.
    """
    known = [flow for flow in flows if flow.span_s > 0 and flow.arrived >= 0 and flow.finished >= 0]
    span_s = sum(flow.span_s for flow in known)
    if depth is None:
        return Forecast(Outlook.UNKNOWN, None, span_s, why="the tasks are not counted yet")
    if depth <= 0:
        return Forecast(Outlook.EMPTY, 0, span_s)
    if span_s < LEAST_SPAN_S:
        return Forecast(Outlook.UNKNOWN, depth, span_s, why=f"watched for {int(span_s)} s only")
    arrived, finished = sum(flow.arrived for flow in known), sum(flow.finished for flow in known)
    net = (finished - arrived) / span_s
    uncertain = Z * math.sqrt(_dispersion(known, net) * (arrived + finished + 1)) / span_s
    rates = (arrived / span_s, finished / span_s, net, uncertain)
    if arrived + finished < LEAST_EVENTS:
        if not finished and not arrived:
            return Forecast(Outlook.STANDS, depth, span_s, *rates)
        return Forecast(Outlook.UNKNOWN, depth, span_s, *rates, why="too few tasks came or went")
    return _judged(depth, span_s, rates)


def _dispersion(flows: Sequence[Flow], net_per_s: float) -> float:
    """Return how many times more the stretches differ than Poisson counts would; never below 1."""
    events = sum(flow.arrived + flow.finished for flow in flows)
    if len(flows) < 3 or not events:
        return 1.0
    square = sum((flow.finished - flow.arrived - net_per_s * flow.span_s) ** 2 for flow in flows)
    return max(1.0, square / events * len(flows) / (len(flows) - 1))


def _judged(depth: int, span_s: float, rates: tuple[float, float, float, float]) -> Forecast:
    arrives, finishes, net, uncertain = rates
    if net - uncertain > 0:
        within = depth / net
        if within > MOST_S:
            return Forecast(Outlook.DRAINS, depth, span_s, *rates)
        latest = depth / (net - uncertain)
        return Forecast(
            Outlook.DRAINS,
            depth,
            span_s,
            *rates,
            within,
            depth / (net + uncertain),
            None if latest > MOST_S else latest,
        )
    if net + uncertain < 0:
        return Forecast(Outlook.GROWS, depth, span_s, *rates)
    if uncertain <= LEVEL_SHARE * max(arrives, finishes):
        return Forecast(Outlook.LEVEL, depth, span_s, *rates)
    return Forecast(Outlook.UNKNOWN, depth, span_s, *rates, why="it swings too much")


def _drains(found: Forecast) -> str:
    if found.drains_in_s is None or found.soonest_s is None:
        return "clears in more than 30 days"
    about = duration_text(timedelta(seconds=found.drains_in_s))
    soonest = duration_text(timedelta(seconds=found.soonest_s))
    latest = "30 days or more" if found.latest_s is None else duration_text(timedelta(seconds=found.latest_s))
    return f"clears in {about}" + ("" if soonest == about == latest else f" ({soonest} to {latest})")


def _grows(found: Forecast) -> str:
    per_hour = -(found.net_per_s or 0.0) * 3_600
    return f"growing by {per_hour:,.0f}/h" if per_hour >= 1 else "growing"
