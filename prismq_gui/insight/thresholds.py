"""From when on something is a problem: the numbers of the verdict that a person can set.

Owns their defaults, their limits, and their form as JSON. Judges nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a rule of the verdict speaks. Times in seconds; ``clear_share`` and ``clear_hold_s`` are the hysteresis.

    A reason that is told stays until its value has been below ``clear_share`` of the threshold for ``clear_hold_s``.

    Raises:
        ValueError: A value is no number, or out of its limits; the text names it.
    """

    silent_after_s: float = 120.0
    error_rate: float = 0.1  # of what completed or failed within the last hour
    error_least: int = 10  # failures of the last hour: below, a rate is chance
    one_cause: int = 25  # failures of one signature within the last hour
    oldest_waiting_s: float = 3_600.0
    dead_letters: int = 1  # within the last hour
    expired_leases: int = 1
    backlog_least: int = 100  # tasks: a smaller backlog that grows is no problem
    wal_bytes: int = 256 * _MIB
    clear_share: float = 0.8
    clear_hold_s: float = 30.0

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            wanted = int if name in _WHOLE else (int, float)
            if isinstance(value, bool) or not isinstance(value, wanted) or not math.isfinite(value):
                raise ValueError(f"{name} must be a {'whole ' if name in _WHOLE else ''}number, not {value!r}")
            if not low <= value <= high:
                raise ValueError(f"{name} must be from {low:g} to {high:g}, not {value!r}")

    def to_dict(self) -> dict[str, float]:
        """Return all values by name, fit for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Thresholds:
        """Make them from names and values as JSON holds them; what is absent has its default.

        Raises:
            ValueError: A name is unknown, or a value is not allowed.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(str(name) for name in values if name not in known)
        if unknown:
            raise ValueError(f"there is no threshold {unknown[0]!r}; there are {', '.join(sorted(known))}")
        return cls(**values)  # type: ignore[arg-type]  # __post_init__ checks each


_WHOLE = frozenset({"error_least", "one_cause", "dead_letters", "expired_leases", "backlog_least", "wal_bytes"})
_DAY_S = 86_400.0
_MANY = 10**12
LIMITS: Mapping[str, tuple[float, float]] = {
    "silent_after_s": (1, 30 * _DAY_S), "error_rate": (0.001, 1), "error_least": (1, _MANY), "one_cause": (1, _MANY),
    "oldest_waiting_s": (1, 365 * _DAY_S), "dead_letters": (1, _MANY), "expired_leases": (1, _MANY),
    "backlog_least": (0, _MANY), "wal_bytes": (_MIB, 2**50), "clear_share": (0.1, 1), "clear_hold_s": (0, _DAY_S),
}  # fmt: skip
