"""The one table of legal status changes, and the reason for each refusal.

Workers, previews, bulk actions and undo all ask here, and each write repeats the guard in its
WHERE (:func:`sql_sources`). Existing files hold other habits too: some programs leave running
tasks ``leased``, some mark exhausted and cancelled tasks ``failed``; unknown statuses are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Status(str, Enum):
    """The statuses of a task; the value is what the file holds."""

    QUEUED = "queued"
    LEASED = "leased"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    DEAD_LETTER = "dead_letter"
    CANCELLED = "cancelled"


RUNNING: tuple[str, ...] = (Status.LEASED.value, Status.PROCESSING.value)
"""Claimed by a worker: both mean running, since some programs never set ``processing``."""

TERMINAL: tuple[str, ...] = (
    Status.COMPLETED.value,
    Status.FAILED.value,
    Status.DEAD_LETTER.value,
    Status.CANCELLED.value,
)
"""Nothing will happen to the task by itself any more."""


class Transition(Enum):
    """A change of status; the value is its stable name in logs."""

    CLAIM = "claim"
    START = "start"
    COMPLETE = "complete"
    RETRY_LATER = "retry later"
    FAIL = "fail"
    BURY = "bury"
    RELEASE = "release"
    CANCEL = "cancel"
    OPERATOR_RETRY = "operator retry"
    OPERATOR_CANCEL = "operator cancel"
    OPERATOR_ASK_TO_CANCEL = "operator asks to cancel"
    OPERATOR_FORCE_CANCEL = "operator cancel by force"
    OPERATOR_RELEASE = "operator release"
    OPERATOR_DELETE = "operator delete"
    OPERATOR_PRIORITY = "operator priority"
    OPERATOR_SCHEDULE = "operator schedule"
    OPERATOR_EDIT = "operator edit"
    OPERATOR_DUPLICATE = "operator duplicate"


@dataclass(frozen=True, slots=True)
class Rule:
    """From which statuses a transition may start, and where it leads.

    ``target`` is None where the status stays as it is, or the task goes. ``any_status``: unknown ones too.
    """

    sources: tuple[str, ...]
    target: str | None
    any_status: bool = False


TRANSITIONS: Mapping[Transition, Rule] = MappingProxyType(
    {
        Transition.CLAIM: Rule((Status.QUEUED.value,), Status.LEASED.value),
        Transition.START: Rule((Status.LEASED.value,), Status.PROCESSING.value),
        Transition.COMPLETE: Rule(RUNNING, Status.COMPLETED.value),
        Transition.RETRY_LATER: Rule(RUNNING, Status.QUEUED.value),
        Transition.FAIL: Rule(RUNNING, Status.FAILED.value),
        Transition.BURY: Rule(RUNNING, Status.DEAD_LETTER.value),
        Transition.RELEASE: Rule(RUNNING, Status.QUEUED.value),
        # By the worker that holds it, on request; or by anyone once the lease is over.
        Transition.CANCEL: Rule(RUNNING, Status.CANCELLED.value),
        Transition.OPERATOR_RETRY: Rule(
            (Status.FAILED.value, Status.DEAD_LETTER.value, Status.CANCELLED.value), Status.QUEUED.value
        ),
        Transition.OPERATOR_CANCEL: Rule((Status.QUEUED.value,), Status.CANCELLED.value),
        # The worker is asked and ends the task itself, so the status stays; without a lease there is nobody to ask.
        Transition.OPERATOR_ASK_TO_CANCEL: Rule(RUNNING, None),
        Transition.OPERATOR_FORCE_CANCEL: Rule(RUNNING, Status.CANCELLED.value),
        Transition.OPERATOR_RELEASE: Rule(RUNNING, Status.QUEUED.value),
        Transition.OPERATOR_DELETE: Rule(tuple(status.value for status in Status), None, any_status=True),
        Transition.OPERATOR_PRIORITY: Rule(
            (Status.QUEUED.value, Status.FAILED.value, Status.DEAD_LETTER.value, Status.CANCELLED.value), None
        ),
        Transition.OPERATOR_SCHEDULE: Rule((Status.QUEUED.value,), None),
        # Of a running one the worker has the old text: whoever wishes that must name it.
        Transition.OPERATOR_EDIT: Rule(tuple(status.value for status in Status), None),
        Transition.OPERATOR_DUPLICATE: Rule(tuple(status.value for status in Status), None),
    }
)

_STATE_WORDS = {
    Status.QUEUED.value: "is waiting in the queue",
    Status.LEASED.value: "is running",
    Status.PROCESSING.value: "is running",
    Status.COMPLETED.value: "is completed already",
    Status.FAILED.value: "has failed for good",
    Status.DEAD_LETTER.value: "is a dead letter",
    Status.CANCELLED.value: "is cancelled already",
}


def legal_sources(transition: Transition) -> tuple[str, ...]:
    """Return the statuses this transition may start from."""
    return TRANSITIONS[transition].sources


def may(transition: Transition, status: object) -> bool:
    """Whether a task of this status may take this transition."""
    rule = TRANSITIONS[transition]
    return rule.any_status or status in rule.sources


def refusal(transition: Transition, status: object) -> str:
    """Return in plain words why a task of this status may not take this transition; '' where it may."""
    if may(transition, status):
        return ""
    if not isinstance(status, str):
        return "has a status that is not text"
    return _STATE_WORDS.get(status, f"has the unknown status '{status[:60]}'")


def sql_sources(transition: Transition) -> str:
    """Return the guard every write of this transition repeats in its WHERE: ``status IN (…)``."""
    if TRANSITIONS[transition].any_status:
        return "1"
    names = ", ".join(f"'{source}'" for source in TRANSITIONS[transition].sources)
    return f"status IN ({names})"
