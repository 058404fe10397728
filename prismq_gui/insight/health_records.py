"""What the health check finds, as records: findings, how far it is, and how bad each finding is.

Plain text and numbers alone, frozen, fit for a window, a script and a log. Reads nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SAMPLE_IDS = 20


class Severity(Enum):
    """How bad a finding is. A note alone does not make a queue unhealthy."""

    FAULT = "fault"
    WARNING = "warning"
    NOTE = "note"


_RANK = {Severity.FAULT: 0, Severity.WARNING: 1, Severity.NOTE: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth to be known.

    ``code`` is its stable name. ``count`` is how many there are, at least that many where ``at_least``. ``sentence``
    says what was found, ``meaning`` what that is, ``cost`` what it costs, ``advice`` what mends it, '' where nothing
    need be. ``fix`` is the code to give to the mending, '' where none is done by itself. ``details`` are lines of
    plain text (which columns, which workers), ``sample_ids`` the ids of up to 20 tasks, ``filter`` a text of the
    filter language that shows them all, '' where it cannot.
    """

    code: str
    severity: Severity
    sentence: str
    advice: str = ""
    count: int = 1
    at_least: bool = False
    sample_ids: tuple[int, ...] = ()
    meaning: str = ""
    cost: str = ""
    fix: str = ""
    filter: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """How far a check is: what is looked at, and how much of it, from 0 to 1."""

    text: str
    share: float


def by_severity(found: list[Finding]) -> tuple[Finding, ...]:
    """Return findings, the worst first, else in their order."""
    return tuple(sorted(found, key=lambda finding: _RANK[finding.severity]))


def is_healthy(found: tuple[Finding, ...]) -> bool:
    """Whether there is nothing but notes."""
    return all(finding.severity is Severity.NOTE for finding in found)
