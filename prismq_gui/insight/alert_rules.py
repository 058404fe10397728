"""The rules of alerts: what each watches, from which value on it is raised and below which it is over.

Owns their defaults, limits and the form they are kept in. Judges nothing: that is :mod:`prismq_gui.insight.alerts`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from enum import Enum

_MIB = 1024 * 1024
_DAY_S = 86_400.0
_MANY = 10**12


class RuleKind(Enum):
    """What a rule watches; the value is its stable name."""

    FAILED_RATE = "failed-rate"
    OLDEST_WAITING = "oldest-waiting"
    DEAD_LETTERS = "dead-letters"
    SILENT_WORKER = "silent-worker"
    WAL_SIZE = "wal-size"
    DISK_FREE = "disk-free"

    @property
    def is_low_bad(self) -> bool:
        """Whether it is raised below its value, as room on a disk is, not from it on."""
        return self is RuleKind.DISK_FREE

    @property
    def attribute(self) -> str:
        """Its name in :class:`AlertRules`."""
        return self.value.replace("-", "_")


_WHOLE = frozenset({RuleKind.DEAD_LETTERS, RuleKind.WAL_SIZE, RuleKind.DISK_FREE})
VALUE_LIMITS: Mapping[RuleKind, tuple[float, float]] = {
    RuleKind.FAILED_RATE: (0.001, 1), RuleKind.OLDEST_WAITING: (1, 365 * _DAY_S), RuleKind.DEAD_LETTERS: (1, _MANY),
    RuleKind.SILENT_WORKER: (30, 30 * _DAY_S), RuleKind.WAL_SIZE: (_MIB, 2**50), RuleKind.DISK_FREE: (_MIB, 2**50),
}  # fmt: skip
HOLD_LIMITS = (0.0, _DAY_S)
LEAST_LIMITS = (1, _MANY)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, its values in the unit of its kind.

    It is raised when its value has been bad for ``hold_s`` (``raise_at`` or more; for the room on a disk less than
    that), and over when it has been good for ``hold_s`` (below ``clear_at``; the room that much or more).
    """

    raise_at: float
    clear_at: float
    hold_s: float = 60.0
    on: bool = True


@dataclass(frozen=True, slots=True)
class AlertRules:
    """All rules. A share of fewer failures than ``failed_least`` within the hour is chance, and 0.

    Raises:
        ValueError: A value is no number, out of its limits, or the second one is on the wrong side of the first.
    """

    failed_rate: Rule = Rule(0.1, 0.05)
    oldest_waiting: Rule = Rule(3_600.0, 2_880.0)
    dead_letters: Rule = Rule(1, 1, 0.0)
    silent_worker: Rule = Rule(120.0, 60.0, 30.0)
    wal_size: Rule = Rule(256 * _MIB, 192 * _MIB)
    disk_free: Rule = Rule(1024 * _MIB, 1280 * _MIB)
    failed_least: int = 10

    def __post_init__(self) -> None:
        for kind, rule in self.all():
            _check(kind, rule)
        _number("failed_least", self.failed_least, LEAST_LIMITS, whole=True)

    def all(self) -> Iterator[tuple[RuleKind, Rule]]:
        """Yield each kind with its rule."""
        for kind in RuleKind:
            yield kind, self[kind]

    def __getitem__(self, kind: RuleKind) -> Rule:
        """Return the rule of a kind."""
        found = getattr(self, kind.attribute)
        assert isinstance(found, Rule)
        return found

    def to_dict(self) -> dict[str, object]:
        """Return all values by name, fit for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> AlertRules:
        """Make them from names and values as JSON holds them; what is absent has its default.

        Raises:
            ValueError: A name is unknown, or a value is not allowed.
        """
        if unknown := set(values) - {each.name for each in fields(cls)}:
            raise ValueError(f"there is no rule {min(map(str, unknown))!r}")
        made = {name: value if name == "failed_least" else _rule(name, value) for name, value in values.items()}
        return cls(**made)  # type: ignore[arg-type]  # __post_init__ checks each


def _rule(name: str, value: object) -> Rule:
    if not isinstance(value, dict) or not {"raise_at", "clear_at"} <= set(value) <= {f.name for f in fields(Rule)}:
        raise ValueError(f"{name} is not a rule")
    return Rule(**value)


def _check(kind: RuleKind, rule: Rule) -> None:
    whole = kind in _WHOLE
    _number(f"{kind.attribute}.raise_at", rule.raise_at, VALUE_LIMITS[kind], whole=whole)
    _number(f"{kind.attribute}.clear_at", rule.clear_at, VALUE_LIMITS[kind], whole=whole)
    _number(f"{kind.attribute}.hold_s", rule.hold_s, HOLD_LIMITS)
    if not isinstance(rule.on, bool):
        raise ValueError(f"{kind.attribute}.on must be true or false")
    if (rule.clear_at < rule.raise_at) if kind.is_low_bad else (rule.clear_at > rule.raise_at):
        raise ValueError(f"{kind.attribute}.clear_at is on the wrong side of raise_at")


def _number(name: str, value: object, limits: tuple[float, float], *, whole: bool = False) -> None:
    wanted = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, wanted) or not math.isfinite(value):
        raise ValueError(f"{name} must be a {'whole ' if whole else ''}number, not {value!r}")
    if not limits[0] <= value <= limits[1]:
        raise ValueError(f"{name} must be from {limits[0]:g} to {limits[1]:g}, not {value!r}")
