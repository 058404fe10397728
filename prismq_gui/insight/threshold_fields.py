"""The thresholds of the verdict as a person writes them: title, unit, limits and meaning of each.

Owns the words and the reading of what is typed (``2 min``, ``10 %``, ``256 MiB``). Judges nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from prismq_gui.insight.thresholds import LIMITS, Thresholds

_SPACES = str.maketrans("", "", " \t\u00a0\u2009\u202f")
_NUMBER = re.compile(r"((?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{0,9})?)([a-z%]*)", re.ASCII)


class Unit(Enum):
    """What a threshold is measured in."""

    DURATION = "duration"
    SHARE = "share"
    COUNT = "count"
    SIZE = "size"


_DURATIONS = {"s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "days": 86_400.0,
              "day": 86_400.0, "w": 604_800.0}  # fmt: skip
_SIZES = {"kib": 1024.0, "kb": 1024.0, "k": 1024.0, "mib": 1024.0**2, "mb": 1024.0**2, "m": 1024.0**2,
          "gib": 1024.0**3, "gb": 1024.0**3, "g": 1024.0**3, "tib": 1024.0**4, "tb": 1024.0**4, "t": 1024.0**4,
          "b": 1.0}  # fmt: skip
_UNITS = {
    Unit.DURATION: _DURATIONS, Unit.SIZE: _SIZES, Unit.SHARE: {"%": 0.01, "": 1.0},
    Unit.COUNT: {"": 1.0, "task": 1.0, "tasks": 1.0},
}  # fmt: skip
_EXAMPLES = {
    Unit.DURATION: "a duration such as 90 s, 2 min, 1 h or 3 d",
    Unit.SHARE: "a share such as 10 %",
    Unit.COUNT: "a whole number such as 25",
    Unit.SIZE: "a size such as 256 MiB or 1 GiB",
}
_SHOWN_DURATIONS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_SHOWN_SIZES = ((1024**4, "TiB"), (1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"), (1, "B"))


@dataclass(frozen=True, slots=True)
class Field:
    """One threshold: its name in :class:`Thresholds`, how it is called, and what it means.

    ``limits`` are its own where it is none of those.
    """

    name: str
    title: str
    unit: Unit
    meaning: str
    limits: tuple[float, float] | None = None

    @property
    def range(self) -> tuple[float, float]:
        """The least and the greatest value allowed."""
        return self.limits or LIMITS[self.name]

    @property
    def range_text(self) -> str:
        """The limits in words."""
        low, high = self.range
        if self.unit in (Unit.COUNT, Unit.SIZE):  # the highest means nothing to anybody
            return f"{text_of(self, low)} or more"
        return f"from {text_of(self, low)} to {text_of(self, high)}"


FIELDS: tuple[Field, ...] = (
    Field("silent_after_s", "A worker is silent after", Unit.DURATION,
          "Without a heartbeat for longer. It counts everywhere: in the verdict, in the table of workers, in "
          "explanations. Workers beat each 15 s at the latest."),
    Field("oldest_waiting_s", "A task has waited too long after", Unit.DURATION, "Since it became due."),
    Field("error_rate", "Too many fail from", Unit.SHARE, "Of the tasks that completed or failed in the last hour."),
    Field("error_least", "… but not below", Unit.COUNT, "Failures in the last hour: a share of few is chance."),
    Field("one_cause", "One cause is told from", Unit.COUNT, "Failures of the same signature in the last hour."),
    Field("dead_letters", "Given up tasks are told from", Unit.COUNT, "Dead letters of the last hour."),
    Field("expired_leases", "Leases that are over are told from", Unit.COUNT, "Running tasks whose lease has ended."),
    Field("backlog_least", "A backlog that grows is told from", Unit.COUNT, "Waiting tasks; a smaller one may grow."),
    Field("wal_bytes", "The WAL is large from", Unit.SIZE, "The write-ahead log beside the queue file."),
    Field("clear_share", "A reason goes below", Unit.SHARE, "Of its threshold; nearer to 100 % it may flicker."),
    Field("clear_hold_s", "… when it has stayed there for", Unit.DURATION, "0 s: at once."),
)  # fmt: skip


def field_of(name: str) -> Field:
    """Return the field of a name as a person may write it: ``silent-after``, ``silent_after_s``.

    Raises:
        ValueError: There is none; the text names all.
    """
    wanted = name.strip().lower().replace("-", "_")
    for field in FIELDS:
        if wanted in (field.name, short_name(field).replace("-", "_")):
            return field
    raise ValueError(f"there is no threshold “{name}”; there are {', '.join(map(short_name, FIELDS))}")


def short_name(field: Field) -> str:
    """Return the name to be typed: without its unit, with hyphens."""
    return field.name.removesuffix("_s").removesuffix("_bytes").replace("_", "-")


def text_of(field: Field, value: float) -> str:
    """Return a value as it is typed; :func:`value_of` gives it back."""
    if field.unit is Unit.COUNT:
        return f"{int(value):,}"
    if field.unit is Unit.SHARE:
        return f"{_plain(value * 100)} %"
    steps = _SHOWN_DURATIONS if field.unit is Unit.DURATION else _SHOWN_SIZES
    for size, unit in steps:
        # The largest unit in which it is a whole number, or one with a half or a quarter.
        if value >= size and (value / size * 4).is_integer():
            return f"{_plain(value / size)} {unit}"
    return f"{_plain(value)} {steps[-1][1]}"


def value_of(field: Field, text: str) -> float:
    """Return what is typed, within the limits.

    Raises:
        ValueError: It cannot be read, or is out of the limits; the text says what is expected.
    """
    compact = text.translate(_SPACES).lower()
    match = _NUMBER.fullmatch(compact)
    units = _UNITS[field.unit]
    factor = units.get(match[2]) if match else None
    if match is None or (factor is None and match[2]):
        raise ValueError(f"“{text.strip()[:40]}” is not {_EXAMPLES[field.unit]}." if compact else _expected(field))
    if factor is None:
        raise ValueError(f"“{text.strip()[:40]}” lacks its unit: write {_EXAMPLES[field.unit]}.")
    number = float(match[1].replace(",", ""))
    if field.unit is Unit.SHARE and not match[2]:  # 0.1 and 10 are both written for a tenth
        factor = 0.01 if number > 1 else 1.0
    value = round(number * factor, 9)
    low, high = field.range
    if not low <= value <= high:
        too_large = value > high and field.unit in (Unit.COUNT, Unit.SIZE)
        raise ValueError("It is too large." if too_large else f"It must be {field.range_text}.")
    if field.unit in (Unit.COUNT, Unit.SIZE):
        if not value.is_integer():
            raise ValueError(f"“{text.strip()[:40]}” is not {_EXAMPLES[field.unit]}.")
        return int(value)
    return value


def changed(thresholds: Thresholds, typed: dict[str, str]) -> Thresholds:
    """Return thresholds with those that are typed, by name.

    Raises:
        ValueError: A name is unknown, or a value is not allowed; the text says which.
    """
    values: dict[str, object] = dict(thresholds.to_dict())
    for name, text in typed.items():
        field = field_of(name)
        try:
            values[field.name] = value_of(field, text)
        except ValueError as error:
            raise ValueError(f"{short_name(field)}: {error}") from None
    return Thresholds.from_dict(values)


def _expected(field: Field) -> str:
    return f"Write {_EXAMPLES[field.unit]}."


def _plain(number: float) -> str:
    text = f"{number:,.6f}".rstrip("0").rstrip(".")
    return text or "0"
