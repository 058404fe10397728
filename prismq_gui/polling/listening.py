"""Whether this machine could hear its workers all the time: noticing sleep, and a clock that was set.

Owns the clocks by which that is noticed, and for how long silence is not believed afterwards. Shared by the threads of
one engine: whichever wakes first notices it, so none of them can give a false alarm before.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from prismq_gui.insight.hearing import Gap, GapKind, Hearing
from prismq_gui.queue.timestamps import now_utc

LOOK_MS = 1_000
SLEPT_S = 12.0  # nobody looked for so long: no thread of ours is held up as long, a statement ends after 5 s
JUMP_S = 2.0  # of the wall clock against the steady one between two looks, as the claims have it
READ_S = 5.0  # what was read before a pause is read anew within it
GRACE_S = 30.0  # a worker beats each 15 s at the latest

Clock = Callable[[], float]


def steady() -> float:
    """Return seconds of a clock that nobody sets and that goes on while the machine sleeps."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":  # there time.monotonic() stands still in sleep
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()


class Listening:
    """How silence is judged at the moment; any thread.

    Args:
        wall: Naive UTC.
        clock: Seconds that nobody sets.
    """

    def __init__(self, wall: Callable[[], datetime] = now_utc, clock: Clock = steady) -> None:
        self._wall = wall
        self._clock = clock
        self._lock = threading.Lock()
        self._hearing = Hearing()
        self._wall_at: datetime | None = None
        self._clock_at = self._grace_until = 0.0
        self._unlooked: datetime | None = None
        self._looks_again_at = 0.0  # infinite while it is not looked at

    def now(self) -> datetime:
        """Return the present by the clock that silence is judged by, naive UTC."""
        return self._wall()

    def set_silent_after(self, seconds: float) -> None:
        """Call workers silent after so many seconds from now on."""
        with self._lock:
            self._hearing = replace(self._hearing, silent_after_s=seconds)

    def begin(self) -> None:
        """Look from now on; nobody had to before."""
        with self._lock:
            self._wall_at = None
        self.look()

    def set_looking(self, looking: bool) -> None:
        """Say whether the file is looked at: while it is not, no worker becomes silent, for it may beat unseen."""
        with self._lock:
            if not looking and self._looks_again_at != math.inf:
                self._unlooked, self._looks_again_at = self._wall(), math.inf
            elif looking and self._looks_again_at == math.inf:
                self._looks_again_at = self._clock()

    def look(self) -> Hearing:
        """Notice what became of the clocks since the last look, and return how silence is judged now. Microseconds."""
        with self._lock:
            wall, clock = self._wall(), self._clock()
            if clock >= self._looks_again_at + READ_S:
                self._unlooked, self._looks_again_at = None, 0.0
            gap = None if self._wall_at is None else self._gap(self._wall_at, wall, clock - self._clock_at)
            if gap is not None:
                self._hearing, self._grace_until = replace(self._hearing, gap=gap), clock + GRACE_S
            elif self._hearing.gap is not None and clock >= self._grace_until:
                self._hearing = replace(self._hearing, gap=None)
            self._wall_at, self._clock_at = wall, clock
            return self._hearing if self._unlooked is None else self._with(Gap(GapKind.NOT_LOOKED, self._unlooked))

    def _with(self, unlooked: Gap) -> Hearing:
        slept = self._hearing.gap
        if slept is not None:
            unlooked = replace(slept, from_utc=min(slept.from_utc, unlooked.from_utc))
        return replace(self._hearing, gap=unlooked)

    def _gap(self, before: datetime, wall: datetime, passed_s: float) -> Gap | None:
        """Return what was missed since the last look, together with what was missed shortly before."""
        set_by_s = (wall - before - timedelta(seconds=passed_s)).total_seconds()
        if passed_s >= SLEPT_S:
            gap = Gap(GapKind.SLEPT, before, passed_s)
        elif set_by_s > JUMP_S:
            gap = Gap(GapKind.SET_FORWARD, before, set_by_s)
        elif set_by_s < -JUMP_S:
            gap = Gap(GapKind.SET_BACK, before, -set_by_s)
        else:
            return None
        last = self._hearing.gap  # a machine may wake for moments alone, too short for anybody to beat
        if last is None:
            return gap
        longer = max(last, gap, key=lambda each: each.length_s)  # the one to be told
        return replace(longer, from_utc=min(last.from_utc, before))
