"""Times as the detail panel shows them: absolute in local time, and relative to now.

Owns wording only; the reading of both stored forms lies below. A value that can't be read is shown
as it is, with a mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from prismq_gui.insight.messages import Cell
from prismq_gui.models.text import cell_text
from prismq_gui.models.times import UNREADABLE, local_time, time_tooltip
from prismq_gui.queue.timestamps import parse_utc

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


@dataclass(frozen=True, slots=True)
class ShownTime:
    """One stored time in words. ``moment`` is naive UTC, None where there is none or it can't be read."""

    absolute: str
    tooltip: str
    moment: datetime | None = None


def duration(seconds: float) -> str:
    """Return a length of time in at most two units; never negative."""
    seconds = max(0.0, seconds)
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{int(seconds)} s"
    whole = int(seconds)
    for index, (length, unit) in enumerate(_UNITS):
        if whole < length:
            continue
        text = f"{whole // length:,} {unit}"
        if index + 1 < len(_UNITS):
            below, below_unit = _UNITS[index + 1]
            rest = whole % length // below
            text = f"{text} {rest} {below_unit}" if rest else text
        return text
    return f"{whole} s"


def relative(moment: datetime, now: datetime) -> str:
    """Return "3 min ago" or "in 2 h", both naive UTC."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"{duration(seconds)} ago" if seconds > 0 else f"in {duration(-seconds)}"


def shown(title: str, cell: Cell) -> ShownTime:
    """Return a stored time in words, ``title`` names it in the tooltip; never raises."""
    if cell is None or cell == "":
        return ShownTime("–", "")
    tip, local = time_tooltip(title, cell), local_time(cell)
    if local is None:
        return ShownTime(f"{UNREADABLE}{cell_text(cell)}", tip)
    return ShownTime(local.isoformat(sep=" ", timespec="seconds"), tip, parse_utc(cell))
