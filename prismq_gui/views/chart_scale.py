"""Arithmetic of a chart's axes: round steps, times at round moments, short numbers. Pure functions, no Qt."""

from __future__ import annotations

import math
from datetime import datetime

_STEPS_S = (10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def value_ticks(most: float, lines: int) -> tuple[float, ...]:
    """Return round values from 0 up to the first at or above ``most``, about ``lines`` of them above zero."""
    if most <= 0 or not math.isfinite(most):
        return (0.0, 1.0)
    raw = most / max(1, lines)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    return tuple(step * number for number in range(math.ceil(most / step - 1e-9) + 1))


def short_number(value: float) -> str:
    """Return a number of an axis in at most five characters or so: 1500 as "1.5 k"."""
    for size, unit in _UNITS:
        if abs(value) >= size:
            return f"{value / size:.4g} {unit}"
    return f"{value:.4g}"


def time_ticks(since_s: float, until_s: float, most: int) -> tuple[float, ...]:
    """Return moments at round local times between two, at most about ``most`` of them."""
    span = until_s - since_s
    if span <= 0 or most < 1:
        return ()
    step = next((each for each in _STEPS_S if span / each <= most), _STEPS_S[-1])
    offset = _offset_s(until_s)
    first = math.ceil((since_s + offset) / step) * step - offset
    return tuple(first + number * step for number in range(int((until_s - first) // step) + 1))


def time_text(moment_s: float, *, days: bool, seconds: bool = False) -> str:
    """Return a moment in local time: "14:02", with its day for long spans, with seconds for short ones."""
    local = datetime.fromtimestamp(moment_s)
    clock = f"{local.hour:02}:{local.minute:02}" + (f":{local.second:02}" if seconds else "")
    return f"{local.day} {_MONTHS[local.month - 1]} {clock}" if days else clock


def _offset_s(moment_s: float) -> float:
    offset = datetime.fromtimestamp(moment_s).astimezone().utcoffset()
    return offset.total_seconds() if offset else 0.0
