"""When a worker counts as silent: the one rule of the table, the verdict, the explanations and the badges.

Owns the rule, and what becomes of it after a time in which nobody could beat or be heard: the machine slept, its clock
was set, or the file was not looked at. Pure records and arithmetic; who notices such a time hands it in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

SILENT_AFTER_S = 120.0
_SURELY_SLEPT_S = 120.0  # a program that is stopped or starved for so long is rare


class GapKind(Enum):
    """Why nothing could be heard."""

    SLEPT = "slept"
    SET_FORWARD = "set forward"
    SET_BACK = "set back"
    NOT_LOOKED = "not looked"


@dataclass(frozen=True, slots=True)
class Gap:
    """A time that says nothing about workers. ``from_utc`` is the last moment they were seen before it, naive UTC.

    ``length_s`` is how long it was, or by how much the clock was set; never negative.
    """

    kind: GapKind
    from_utc: datetime
    length_s: float = 0.0

    @property
    def sentence(self) -> str:
        """What happened, and what is waited for, without a full stop; '' where nobody looked."""
        what = _WHAT.get(self.kind, "")
        if self.kind is GapKind.SLEPT and self.length_s < _SURELY_SLEPT_S:
            what = "nothing could be heard for"  # it may have been too busy
        return f"{what} {_length(self.length_s)}; waiting for heartbeats" if what else ""


_WHAT = {
    GapKind.SLEPT: "the computer slept for",
    GapKind.SET_FORWARD: "the clock was set forward by",
    GapKind.SET_BACK: "the clock was set back by",
}


@dataclass(frozen=True, slots=True)
class Hearing:
    """How silence is judged at the moment. ``gap`` is there until its grace is over."""

    silent_after_s: float = SILENT_AFTER_S
    gap: Gap | None = None

    def judged_at(self, now: datetime) -> datetime:
        """Return the moment (naive UTC) by which heartbeats and leases are judged: the last one before a gap."""
        return now if self.gap is None else min(now, self.gap.from_utc)

    def is_silent(self, beat: datetime | None, now: datetime) -> bool:
        """Whether a worker whose last readable heartbeat (naive UTC) is this one counts as silent."""
        return beat is None or (self.judged_at(now) - beat).total_seconds() > self.silent_after_s

    def is_awaited(self, beat: datetime | None, now: datetime) -> bool:
        """Whether a worker would count as silent but for the gap."""
        return beat is not None and not self.is_silent(beat, now) and (now - beat).total_seconds() > self.silent_after_s


PLAIN = Hearing()


def _length(seconds: float) -> str:
    span = timedelta(seconds=round(seconds))
    for unit, name in ((timedelta(days=1), "days"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min")):
        if span >= (2 if name == "days" else 1) * unit:
            return f"{span // unit:,} {name}"
    return f"{max(0, span.seconds)} s"
