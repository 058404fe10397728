"""The frozen records of the overview that cross from its thread to the window."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from prismq_gui.insight.history import Point
from prismq_gui.insight.overview import Overview
from prismq_gui.insight.problems import Problem

NO_HISTORY = "No folder for the program's own data was found, so no history is kept."


class Span(Enum):
    """How much of the past is shown; the value is its stable name in settings.

    The widths of its points follow what the history keeps: seconds for two hours, minutes for seven days, then hours.
    """

    TEN_MINUTES = "10min"
    HOUR = "1h"
    SIX_HOURS = "6h"
    DAY = "24h"
    WEEK = "7d"

    @property
    def seconds(self) -> int:
        """Its length."""
        return _LENGTHS[self][0]

    @property
    def width_s(self) -> int:
        """The length of one point."""
        return _LENGTHS[self][1]


_LENGTHS = {
    Span.TEN_MINUTES: (600, 10),
    Span.HOUR: (3_600, 60),
    Span.SIX_HOURS: (6 * 3_600, 120),
    Span.DAY: (24 * 3_600, 600),
    Span.WEEK: (7 * 24 * 3_600, 3_600),
}


@dataclass(frozen=True, slots=True)
class Past:
    """The points of a span, oldest first, without a hole: what is not known is a point that is a gap."""

    span: Span
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class OverviewNews:
    """The overview as judged just now; ``epoch`` as in Snapshot.

    ``past`` is None where nobody looks at it or no history is kept (``trouble`` says why). ``rebuilding``: it is being
    filled from timestamps. ``problem``: a part could not be read anew; what was read before stays. ``awaits_past``: the
    past was not looked at since the file was opened, so that what is missing of it says nothing yet.
    """

    epoch: int
    overview: Overview
    past: Past | None = None
    trouble: str = ""
    rebuilding: bool = False
    problem: Problem | None = None
    awaits_past: bool = False
