"""How long work on a file takes at most: said beforehand, from its size and what a slow disk still reaches.

Owns the rates, in bytes a second. A fast disk copied at 450, checked at 350 and vacuumed at 120 MB/s.
"""

from __future__ import annotations

COPYING, CHECKING, REWRITING = 100e6, 150e6, 40e6


def seconds_text(size: float, rate: float) -> str:
    """Return how long work on so many bytes takes at most, at so many a second."""
    seconds = size / rate
    if seconds < 1:
        return "less than a second"
    return f"up to {seconds:,.0f} s" if seconds < 120 else f"up to {seconds / 60:,.0f} min"
