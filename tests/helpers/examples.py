"""How many examples a property is tried on: few enough for every run, more where somebody asks for more."""

from __future__ import annotations

import os

from hypothesis import settings

_TIMES = float(os.environ.get("PRISMQ_EXAMPLES", "1"))


def examples(count: int) -> settings:
    """Try a property on this many examples, times the environment variable ``PRISMQ_EXAMPLES`` (1)."""
    return settings(max_examples=max(1, round(count * _TIMES)), deadline=None)
