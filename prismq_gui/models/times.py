"""Stored times as a table shows them: local, absolute and short, both written forms alike.

Pure functions; a value that cannot be read is shown as it is, with a mark.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from prismq_gui.insight.messages import Cell
from prismq_gui.models.text import cell_text, plain, visible
from prismq_gui.queue.timestamps import parse_utc

UNREADABLE = "⚠ "
# strftime's %b would follow the locale of the process.
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def short_time(cell: Cell, now: datetime | None = None) -> str:
    """Return "14:02:11" for today, "24 Nov 14:02:11" for this year, else with the year; '' for NULL.

    Args:
        cell: The raw cell.
        now: Local time; the present by default.
    """
    if cell is None or cell == "":
        return ""
    local = local_time(cell)
    if local is None:
        return UNREADABLE + cell_text(cell)
    now = datetime.now() if now is None else now
    clock = f"{local.hour:02}:{local.minute:02}:{local.second:02}"
    if local.date() == now.date():
        return clock
    day = f"{local.day} {_MONTHS[local.month - 1]}"
    return f"{day} {clock}" if local.year == now.year else f"{day} {local.year:04} {clock}"


def local_time(cell: Cell) -> datetime | None:
    """Return a stored time as naive local time, None where it is none."""
    if not isinstance(cell, str):
        return None  # an int in a date column is shown as it is
    moment = parse_utc(cell)
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=timezone.utc).astimezone().replace(tzinfo=None)
    except (OverflowError, OSError, ValueError):  # years at either end of the calendar
        return moment


def time_tooltip(title: str, cell: Cell) -> str:
    """Return a stored time in full, UTC and local, and as it is stored."""
    if cell is None or cell == "":
        return ""
    stored = f"Stored as {visible(plain(cell)[:200])}"
    moment = parse_utc(cell) if isinstance(cell, str) else None
    if moment is None:
        return f"{title}: not a time\n{stored}"
    lines = [f"{title}:", f"{moment:%Y-%m-%d %H:%M:%S.%f} UTC"]
    try:
        local = moment.replace(tzinfo=timezone.utc).astimezone()
        lines.append(f"{local:%Y-%m-%d %H:%M:%S} local time (UTC{_offset(local.utcoffset())})")
    except (OverflowError, OSError, ValueError):
        lines.append("outside of the local calendar")
    return "\n".join([*lines, stored])


def _offset(offset: timedelta | None) -> str:
    minutes = round((offset or timedelta()).total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
