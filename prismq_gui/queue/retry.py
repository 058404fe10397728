"""How long to wait before the next attempt."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import timedelta

LONGEST_DELAY_S = 365 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter and a cap.

    The delay before attempt n+1 is drawn evenly from 0 to ``min(cap_s, base_s × 2^(n-1))``: spread
    over the whole span, so that tasks which failed together don't come back together (the scheme
    described as "full jitter" in the AWS Architecture Blog, 2015).

    Raises:
        ValueError: A value is negative, no number, or over a year.
    """

    base_s: float = 2.0
    cap_s: float = 600.0

    def __post_init__(self) -> None:
        for name, value in (("base_s", self.base_s), ("cap_s", self.cap_s)):
            valid = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
            if not valid or not 0 <= value <= LONGEST_DELAY_S:
                raise ValueError(f"{name} must be between 0 and {LONGEST_DELAY_S:.0f} seconds, not {value!r:.100}")

    def longest_s(self, attempt: int) -> float:
        """Return the longest wait after the failure of this attempt (counted from 1), in seconds."""
        return min(self.cap_s, self.base_s * 2.0 ** min(max(attempt, 1) - 1, 60))

    def delay(self, attempt: int, source: random.Random | None = None) -> timedelta:
        """Return the wait after the failure of this attempt (counted from 1)."""
        return timedelta(seconds=(source or random).uniform(0.0, self.longest_s(attempt)))
