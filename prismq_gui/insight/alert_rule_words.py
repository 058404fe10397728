"""The rules of alerts as a person reads and writes them: title, meaning, units and limits of each.

Owns the words; how a value is typed is :mod:`prismq_gui.insight.threshold_fields`' part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prismq_gui.insight.alert_rules import HOLD_LIMITS, LEAST_LIMITS, VALUE_LIMITS, RuleKind
from prismq_gui.insight.threshold_fields import Field, Unit

UNITS: Mapping[RuleKind, Unit] = {
    RuleKind.FAILED_RATE: Unit.SHARE, RuleKind.OLDEST_WAITING: Unit.DURATION, RuleKind.DEAD_LETTERS: Unit.COUNT,
    RuleKind.SILENT_WORKER: Unit.DURATION, RuleKind.WAL_SIZE: Unit.SIZE, RuleKind.DISK_FREE: Unit.SIZE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RuleWords:
    """How a rule is called and what it means; its three values as they are typed."""

    title: str
    meaning: str
    raised: Field
    over: Field
    hold: Field = field(
        default_factory=lambda: Field("hold_s", "held for", Unit.DURATION, "0 s: at once.", HOLD_LIMITS)
    )  # fmt: skip


def _words(kind: RuleKind, title: str, meaning: str) -> RuleWords:
    raised, over = ("below", "from") if kind.is_low_bad else ("from", "below")
    limits = VALUE_LIMITS[kind]
    return RuleWords(
        title, meaning, Field("raise_at", f"raised {raised}", UNITS[kind], "", limits),
        Field("clear_at", f"over {over}", UNITS[kind], "", limits),
    )  # fmt: skip


WORDS: Mapping[RuleKind, RuleWords] = {
    kind: _words(kind, title, meaning)
    for kind, title, meaning in (
        (RuleKind.FAILED_RATE, "Many tasks fail",
         "The share of failed ones among the tasks that ended in the last hour."),
        (RuleKind.OLDEST_WAITING, "A task waits for long", "How long the oldest waiting task has been due."),
        (RuleKind.DEAD_LETTERS, "Tasks are given up", "Dead letters of the last hour."),
        (RuleKind.SILENT_WORKER, "A worker is silent",
         "How long a worker was not heard of: one that holds tasks, or was heard of before. Also when tasks are due "
         "and no worker at all is heard of."),
        (RuleKind.WAL_SIZE, "The WAL is large", "The write-ahead log beside the queue file."),
        (RuleKind.DISK_FREE, "The disk is filling up", "The room left on the disk of the queue file."),
    )
}  # fmt: skip
LEAST_FIELD = Field("failed_least", "but not below", Unit.COUNT, "Failures in the last hour.", LEAST_LIMITS)
