"""The values of the filter language: how each kind is written, read and written again.

Pure: no file, no SQL. Times stay as they were written (``today``, ``now-2h``) until somebody says what time it is
(:class:`Clock`), so that a filter that is kept means the same tomorrow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Final, TypeAlias

from prismq_gui.insight.language_fields import Kind
from prismq_gui.queue.timestamps import now_utc

MAX_DIGITS = 40
EPOCH = datetime(1970, 1, 1)  # naive and UTC, as everywhere here
_MICROSECOND: Final = timedelta(microseconds=1)


class Wild(Enum):
    """A wildcard in a pattern."""

    MANY = "*"
    ONE = "?"


Piece: TypeAlias = "str | Wild"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text with wildcards; pieces of text never touch each other, and none is empty but a lone one."""

    pieces: tuple[Piece, ...]

    @property
    def literal(self) -> str | None:
        """The text where there is no wildcard, else None."""
        return "".join(map(str, self.pieces)) if all(isinstance(piece, str) for piece in self.pieces) else None


@dataclass(frozen=True, slots=True)
class Number:
    """A number; one that SQLite's integers cannot hold is a float."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Amount:
    """A span in microseconds or a size in bytes, and the unit it was written in."""

    value: int
    unit: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as it was written: ``base`` is a word, a date, a date with a time or a time of day."""

    base: str
    shift_us: int = 0
    unit: str = "s"


@dataclass(frozen=True, slots=True)
class Scalar:
    """What a value in JSON is compared with: a text, and what its spelling means besides (a number, true, null)."""

    pattern: Pattern
    number: int | float | None = None
    word: str = ""


Bound: TypeAlias = "Number | Amount | Moment"


@dataclass(frozen=True, slots=True)
class Range:
    """From one to another, both included; an open end is None."""

    low: Bound | None
    high: Bound | None


Value: TypeAlias = "Pattern | Number | Amount | Moment | Scalar | Range"

SPAN_UNITS: Final = {
    "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000,
}  # fmt: skip
SIZE_UNITS: Final = {
    "B": 1, "kB": 1_000, "KiB": 1_024, "MB": 1_000_000, "MiB": 1_048_576, "GB": 1_000_000_000, "GiB": 1_073_741_824,
}  # fmt: skip
UNITS: Final = {Kind.SPAN: SPAN_UNITS, Kind.SIZE: SIZE_UNITS}
_SPAN_NAMES: Final = {
    **{name: name for name in SPAN_UNITS},
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"), **dict.fromkeys(("min", "mins", "minutes"), "m"),
    **dict.fromkeys(("hour", "hours"), "h"), **dict.fromkeys(("day", "days"), "d"),
    **dict.fromkeys(("week", "weeks"), "w"),
}  # fmt: skip
_SIZE_NAMES: Final = {name.lower(): name for name in SIZE_UNITS}
_DAYS: Final = {"yesterday": -1, "today": 0, "tomorrow": 1}
_MAX_AMOUNT: Final = 2**62

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)([A-Za-z]+)", re.ASCII)
_WORD_TIME = re.compile(r"(now|yesterday|today|tomorrow)?([+-].+)?", re.ASCII | re.IGNORECASE | re.DOTALL)
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?([Zz]|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_CLOCK = re.compile(r"(\d\d?):(\d\d)(?::(\d\d))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it is, and whether times and days without a zone are this machine's (else UTC)."""

    now: datetime
    local: bool = False


@dataclass(frozen=True, slots=True)
class Interval:
    """From ``low`` to before ``high``; an open end is None."""

    low: int | None = None
    high: int | None = None


def make_pattern(pieces: list[Piece]) -> Pattern:
    """Return the pattern of pieces, texts that touch joined and runs of stars made one."""
    made: list[Piece] = []
    for piece in pieces:
        last = made[-1] if made else None
        if isinstance(piece, str) and isinstance(last, str):
            made[-1] = last + piece
        elif piece == "" or (piece is Wild.MANY and last is Wild.MANY):
            continue
        else:
            made.append(piece)
    return Pattern(tuple(made) or ("",))


def read_number(text: str) -> Number | None:
    """Return the number that a text writes, None where it is none."""
    if not _NUMBER.fullmatch(text) or len(text) > MAX_DIGITS:
        return None
    value: int | float = float(text)
    if text.lstrip("+-").isdigit():
        value = int(text) if -(2**63) <= int(text) < 2**63 else value
    elif isinstance(value, float) and abs(value) < 2**53 and value.is_integer():
        value = int(value)
    return None if value in (float("inf"), float("-inf")) else Number(value)


def read_amount(text: str, kind: Kind) -> Amount | None:
    """Return the span (``90s``, ``1h30m``, ``1.5d``) or size (``10kB``) that a text writes, None where it is none."""
    names, units = (_SPAN_NAMES, SPAN_UNITS) if kind is Kind.SPAN else (_SIZE_NAMES, SIZE_UNITS)
    parts = list(_PART.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text or len(text) > MAX_DIGITS:
        return None
    if kind is Kind.SIZE and len(parts) > 1:
        return None
    total, unit = Decimal(0), ""
    for part in parts:
        unit = names.get(part[2].lower(), "")
        if not unit:
            return None
        total += Decimal(part[1]) * units[unit]
    value = int(total)
    if value >= _MAX_AMOUNT:
        return None
    # A third of a week has no end in weeks: it is kept in the smallest unit, so that it is written as it is meant.
    exact = Decimal(_decimal(value, units[unit])) * units[unit] == value
    return Amount(value, unit if exact else next(iter(units)))


def _decimal(value: int, unit: int) -> str:
    text = f"{Decimal(value) / unit:.9f}"
    return text.rstrip("0").rstrip(".")


def read_moment(text: str) -> Moment | None:
    """Return the time that a text writes, None where it is none or names no moment (30 February)."""
    word = _WORD_TIME.fullmatch(text)
    if word and text:
        base, shift = (word[1] or "now").lower(), word[2]
        if not shift:
            return Moment(base)
        span = read_amount(shift[1:], Kind.SPAN)
        if span is None:
            return None
        return Moment(base, -span.value if shift[0] == "-" else span.value, span.unit if span.value else "s")
    if _CLOCK.fullmatch(text):
        text = text if text[2] == ":" else f"0{text}"
    elif _DATE.fullmatch(text):
        text = text.upper().replace(" ", "T")
    moment = Moment(text)
    try:
        _within(moment, EPOCH, local=False)
    except (ValueError, OverflowError):
        return None
    return moment


def read_scalar(pattern: Pattern, *, bare: bool) -> Scalar:
    """Return what a value in JSON is compared with; ``bare``: it was written without quotes."""
    text = pattern.literal
    if text is None or not bare:
        return Scalar(pattern)
    number = read_number(text)
    if number is not None:
        return Scalar(pattern, number.value)
    return Scalar(pattern, word=text.lower() if text.lower() in ("true", "false", "null") else "")


def format_amount(amount: Amount, kind: Kind) -> str:
    """Return the written form of a span or size, in its unit."""
    return f"{_decimal(amount.value, UNITS[kind][amount.unit])}{amount.unit}"


def format_moment(moment: Moment) -> str:
    """Return the written form of a time."""
    if not moment.shift_us:
        return moment.base
    sign = "-" if moment.shift_us < 0 else "+"
    return f"{moment.base}{sign}{format_amount(Amount(abs(moment.shift_us), moment.unit), Kind.SPAN)}"


def format_number(value: int | float) -> str:
    """Return the written form of a number."""
    return repr(value)


def moment_interval(moment: Moment, clock: Clock) -> Interval:
    """Return from when to when a time is, in microseconds since 1970: a day is a day long, ``now`` a microsecond."""
    try:
        start, end = _within(moment, clock.now, local=clock.local)
    except (ValueError, OverflowError):  # past the year 9999, or before the year 1
        start = end = datetime.max if moment.shift_us >= 0 else datetime.min
    return Interval(micros(start), micros(end))


def micros(moment: datetime) -> int:
    """Return a naive UTC moment in microseconds since 1970."""
    return (moment - EPOCH) // _MICROSECOND


def bound_text(moment_us: int) -> str:
    """Return the shortest text that sorts before all written forms of this moment and after all of earlier ones.

    ``10:30`` comes before ``10:30:00``, and that before ``10:30:00.000000``: all three may stand in a file.
    """
    try:
        text = (EPOCH + timedelta(microseconds=moment_us)).isoformat(" ")
    except OverflowError:
        return "9999-12-31 24" if moment_us > 0 else ""
    if "." in text:
        return text.rstrip("0")
    return text.removesuffix(":00") if text.endswith(":00") else text


def clock_now(*, local: bool = False) -> Clock:
    """Return the clock of this moment."""
    return Clock(now_utc(), local)


def _within(moment: Moment, now: datetime, *, local: bool) -> tuple[datetime, datetime]:
    """Return the first moment and the first one after, naive UTC."""
    shift = timedelta(microseconds=moment.shift_us)
    if moment.base == "now":
        return now + shift, now + shift + _MICROSECOND
    here = _to_local(now) if local else now
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    if moment.base in _DAYS:
        start = midnight + timedelta(days=_DAYS[moment.base])
        if moment.shift_us:
            return _to_utc(start, local) + shift, _to_utc(start, local) + shift + _MICROSECOND
        return _to_utc(start, local), _to_utc(start + timedelta(days=1), local)
    clock = _CLOCK.fullmatch(moment.base)
    if clock:
        start = midnight.replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0))
        return _to_utc(start, local), _to_utc(start + timedelta(seconds=1 if clock[3] else 60), local)
    return _dated(moment.base, local)


def _dated(text: str, local: bool) -> tuple[datetime, datetime]:
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("no time of a known form")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    start = datetime(
        int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0),
        int((fraction or "0").ljust(6, "0")),
    )  # fmt: skip
    end = _end(start, month, day, hour, second, fraction)
    if zone and zone.upper() != "Z":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6])) * (1 if zone[0] == "+" else -1)
        return start - offset, end - offset
    return (start, end) if zone else (_to_utc(start, local), _to_utc(end, local))


def _end(
    start: datetime, month: str | None, day: str | None, hour: str | None, second: str | None, fraction: str | None
) -> datetime:
    """Return the first moment after a time that is written no further than this; the last one there is, at the end."""
    try:
        if month is None:
            return start.replace(year=start.year + 1)
        if day is None:
            return (start + timedelta(days=31)).replace(day=1)
        if fraction:
            return start + timedelta(microseconds=10 ** (6 - len(fraction)))
        return start + timedelta(seconds=1 if second else 60 if hour else 86_400)
    except (ValueError, OverflowError):
        return datetime.max


def _to_utc(moment: datetime, local: bool) -> datetime:
    """Return a moment of this machine's zone as UTC; as it is where the system cannot say (Windows before 1970)."""
    if not local:
        return moment
    try:
        return moment.astimezone(timezone.utc).replace(tzinfo=None)
    except (OSError, OverflowError, ValueError):
        return moment


def _to_local(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=timezone.utc).astimezone().replace(tzinfo=None)
    except (OSError, OverflowError, ValueError):
        return moment
