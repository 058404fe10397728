"""Reading and writing the queue's timestamps, in Python and in SQL.

Owns the written form ``YYYY-MM-DD HH:MM:SS`` (UTC, text order is time order) and the
reading of every form found in files: with ``T`` or a space, with or without fraction, ``Z`` or
an offset. Datetimes are naive and UTC throughout, as in PrismQ's own module.
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone
from functools import lru_cache

_FORM = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[ Tt](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(?:([Zz])|([+-])(\d\d):?(\d\d))?",
    re.ASCII,
)


_EPOCH = datetime(1970, 1, 1)


def now_utc() -> datetime:
    """Return the time now as naive UTC, of the same clock as :func:`now_us`."""
    return _EPOCH + timedelta(microseconds=now_us())


def utc_text(moment: datetime) -> str:
    """Return the written form of a moment: naive is taken as UTC, aware is converted.

    Whole seconds: PrismQ's own module reads no fraction after a space, and would stop at the first task that has one.
    """
    if moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return moment.isoformat(sep=" ", timespec="seconds")


def exact_text(moment: datetime) -> str:
    """Return a moment with its microseconds, to compare written forms with; it is never written."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return moment.isoformat(sep=" ", timespec="microseconds")


def utc_text_after(moment: datetime) -> str:
    """Return the written form of the first whole second that is not before a moment: for what must not come early."""
    if moment.tzinfo is not None:  # first: an offset may have a fraction too
        moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
    if moment.microsecond:
        moment += timedelta(microseconds=1_000_000 - moment.microsecond)
    return utc_text(moment)


def now_us() -> int:
    """Return the time now in microseconds since 1970."""
    return time.time_ns() // 1_000


def text_of(moment_us: int) -> str:
    """Return the written form of a moment in microseconds since 1970 (a tenth of what a datetime costs)."""
    return _second_text(moment_us // 1_000_000)


def exact_text_of(moment_us: int) -> str:
    """Return a moment with its microseconds, as :func:`exact_text` does."""
    second, rest_us = divmod(moment_us, 1_000_000)
    return f"{_second_text(second)}.{rest_us:06}"


def text_after(moment_us: int) -> str:
    """Return the written form of the first whole second that is not before a moment."""
    return _second_text(-(-moment_us // 1_000_000))


def now_text() -> str:
    """Return the written form of the time now."""
    return _second_text(time.time_ns() // 1_000_000_000)


@lru_cache(maxsize=256)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def parse_utc(cell: object) -> datetime | None:
    """Read a timestamp of any form found in queue files as naive UTC; None where it can't be read.

    Never raises: 30 February, 24:00, bytes, numbers and None are all None. Digits past the
    microsecond are cut.
    """
    if not isinstance(cell, str) or len(cell) > 64:
        return None
    match = _FORM.fullmatch(cell.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, _zulu, sign, off_hour, off_minute = match.groups()
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0),
            int((fraction or "0")[:6].ljust(6, "0")),
        )  # fmt: skip
        if sign:
            offset = timedelta(hours=int(off_hour), minutes=int(off_minute))
            moment += -offset if sign == "+" else offset
    except (ValueError, OverflowError):
        return None
    return moment


def sql_normalised(column: str) -> str:
    """Return SQL that gives the column in the written form, so that it compares and sorts as time.

    Other offsets than UTC keep milliseconds (SQLite's date functions have no more). NULL where
    the value isn't text of a known form, or names no moment (30 February, 24:00). ``column`` must be
    a column name of ours, never data.
    """
    minute = f"substr({column}, 1, 10) || ' ' || substr({column}, 12, 5)"
    spaced = f"substr({column}, 1, 10) || ' ' || substr({column}, 12{{}})"
    digits = "[0-9][0-9]"
    # What is normalised already comes first: a claim asks this each time, and all the questions below cost it 4 µs.
    plain = f"datetime({column}, '+0 days') IS substr({column}, 1, 19) AND substr({column}, 20) NOT GLOB '*[^.0-9]*'"
    # And before it the whole seconds most programs write, by one call alone (years before 0 are no times of ours).
    whole = f"datetime({column}, '+0 days') IS {column} AND {column} >= '0'"
    return (
        f"CASE WHEN {whole} THEN {column} WHEN {plain} THEN {column} "
        f"WHEN typeof({column}) <> 'text' OR {column} NOT GLOB '????-??-??[ Tt]{digits}:{digits}*' "
        # '+0 days' makes SQLite compute the date anew: without it some versions give 30 February back.
        f"OR strftime('%Y-%m-%d %H:%M', {minute}, '+0 days') IS NOT {minute} THEN NULL "
        f"WHEN {column} GLOB '*+00:00' THEN {spaced.format(f', length({column}) - 17')} "
        f"WHEN {column} GLOB '*[Zz]' THEN {spaced.format(f', length({column}) - 12')} "
        f"WHEN {column} GLOB '*[+-]{digits}:{digits}' THEN strftime('%Y-%m-%d %H:%M:%f', {spaced.format('')}) "
        f"WHEN {column} GLOB '*[+-]{digits}{digits}' THEN strftime('%Y-%m-%d %H:%M:%f', "
        f"{spaced.format(f', length({column}) - 13')} || ':' || substr({column}, -2)) "
        f"ELSE {spaced.format('')} END"
    )


def sql_due(column: str, now: str) -> str:
    """Return a condition that is true once the column's moment has come; false for what can't be read.

    ``now`` is a parameter's name (``:now``) bound to the written form.
    """
    return f"coalesce({sql_normalised(column)} <= {now}, 0)"
