"""Times as the person reads them: absolute in local time, relative, and UTC for the tooltip.

Owns wording only; the parsing of both stored forms is the queue's. A value that can't be read is
shown as it is, with a mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from prismq_gui.insight.messages import Cell
from prismq_gui.queue.timestamps import parse_utc
from prismq_gui.views.plain_text import one_line

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
    for index, (length, unit) in enumerate(_UNITS):
        if seconds >= 2 * length or (index < 2 and seconds >= length):
            whole, rest = divmod(int(seconds), length)
            if index == 2 or rest == 0:
                return f"{whole} {unit}"
            below, below_unit = _UNITS[index + 1]
            return f"{whole} {unit} {rest // below} {below_unit}" if rest >= below else f"{whole} {unit}"
    return f"{int(seconds // 60)} min"


def relative(moment: datetime, now: datetime) -> str:
    """Return "3 min ago" or "in 2 h", both naive UTC."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"{duration(seconds)} ago" if seconds > 0 else f"in {duration(-seconds)}"


def shown(cell: Cell) -> ShownTime:
    """Return a stored time in words; never raises."""
    if cell is None or cell == "":
        return ShownTime("–", "")
    moment = parse_utc(cell)
    if moment is None:
        raw = cell.hex() if isinstance(cell, bytes) else str(cell)
        return ShownTime(f"{one_line(raw[:60])} (not a time)", f"Stored as {raw[:200]}")
    stored = f"Stored as {cell!s}"
    try:
        local = moment.replace(tzinfo=timezone.utc).astimezone()
    except (OverflowError, OSError, ValueError):  # years at either end of the calendar
        return ShownTime(f"{moment:%Y-%m-%d %H:%M:%S} UTC", stored, moment)
    offset = local.utcoffset() or timedelta()
    return ShownTime(
        f"{local:%Y-%m-%d %H:%M:%S}", f"{moment:%Y-%m-%d %H:%M:%S.%f} UTC (local is {offset_text(offset)})", moment
    )


def offset_text(offset: timedelta) -> str:
    """Return an offset from UTC as ``UTC+01:00``."""
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"UTC{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
