"""Which operations on a production file need more than a click: the count, or the file's name, typed.

Owns the rule and its words, for the window and the command line alike. Must not know how a file is marked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from prismq_gui.operations.messages import Matching, OperationKind, Plan, Target

LARGE = 1_000  # tasks; more of them can't be looked over beforehand
_DANGEROUS = frozenset({"delete", "force-cancel", "retention", "restore", "vacuum"})
_BETWEEN_DIGITS = re.compile(r"[\s.,'’_\u00a0\u202f]")


@dataclass(frozen=True, slots=True)
class TypedConsent:
    """What must be typed before an operation may begin, and the sentence that asks for it."""

    text: str
    sentence: str
    is_count: bool = True

    def is_given(self, typed: str) -> bool:
        """Whether this was typed: a count with or without signs between its digits, a name in any capitals."""
        if self.is_count:
            return _BETWEEN_DIGITS.sub("", typed) == _BETWEEN_DIGITS.sub("", self.text)
        return typed.strip().casefold() == self.text.strip().casefold()


def is_dangerous(kind: OperationKind) -> bool:
    """Whether an operation loses something, or takes it from a worker, whatever its size."""
    return kind.value.replace("_", "-") in _DANGEROUS


def consent_for(
    path: Path, *, in_production: bool, dangerous: bool, count: int | None = None, matching: bool = False
) -> TypedConsent | None:
    """Return what must be typed, None where a click is enough.

    Args:
        path: The queue file.
        in_production: Whether the person marked it so.
        dangerous: Whether it loses something, or takes it from a worker.
        count: How many tasks, None where that says nothing (vacuum, restore).
        matching: Whether it is for all that match a filter, seen or not.
    """
    if not in_production or not (dangerous or matching or (count or 0) > LARGE):
        return None
    if count:
        sentence = f"This file is marked as production. Type {count:,}, the number of tasks, to go on."
        return TypedConsent(f"{count:,}", sentence)
    name = path.name or str(path)
    return TypedConsent(name, f"This file is marked as production. Type its name, {name}, to go on.", is_count=False)


def consent_for_plan(
    plan: Plan, target: Target | None, *, in_production: bool, dangerous: bool = False
) -> TypedConsent | None:
    """Return what must be typed before a plan is applied; ``dangerous`` where it is so beside what its kind says."""
    return consent_for(
        plan.path,
        in_production=in_production,
        dangerous=dangerous or is_dangerous(plan.kind),
        count=plan.eligible if target is not None or plan.kind is OperationKind.MEND else None,
        matching=isinstance(target, Matching),
    )
