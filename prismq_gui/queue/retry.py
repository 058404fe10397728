"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter and a cap.

    The delay before attempt n+1 is drawn evenly from 0 to ``min(cap_s, base_s × 2^(n-1))``: spread
    over the whole span, so that tasks which failed together don't come back together (the scheme
    described as "full jitter" in the AWS Architecture Blog, 2015).
    """

    base_s: float = 2.0
    cap_s: float = 600.0

    def delay(self, attempt: int, source: random.Random | None = None) -> timedelta:
        """Return the wait after the failure of this attempt (counted from 1)."""
        longest = min(self.cap_s, self.base_s * 2.0 ** min(max(attempt, 1) - 1, 60))
        return timedelta(seconds=(source or random).uniform(0.0, longest))
