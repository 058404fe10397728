"""What an alert says, where it leads, and its form as JSON for programs.

Owns the words. Names of workers come from the queue file: they are cut, and nothing in them is invisible.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from prismq_gui.insight.alert_rule_words import UNITS
from prismq_gui.insight.alert_rules import RuleKind
from prismq_gui.insight.alerts import AlertChange, AlertEvent
from prismq_gui.insight.states import duration_text
from prismq_gui.insight.threshold_fields import Unit
from prismq_gui.insight.verdict_records import Page
from prismq_gui.queue.disk_room import bytes_text
from prismq_gui.queue.timestamps import exact_text

JSON_VERSION = 1
_NAME_CHARACTERS = 60
_JSON_NAME_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the window an alert can be looked into; ``filter`` is text of the filter language."""

    page: Page
    filter: str = ""


_PLACES = {
    RuleKind.FAILED_RATE: Place(Page.FAILURES),
    RuleKind.OLDEST_WAITING: Place(Page.TASKS, "status:queued"),
    RuleKind.DEAD_LETTERS: Place(Page.TASKS, "status:dead_letter"),
    RuleKind.SILENT_WORKER: Place(Page.WORKERS),
    RuleKind.WAL_SIZE: Place(Page.DATABASE),
    RuleKind.DISK_FREE: Place(Page.DATABASE),
}


def place_of(kind: RuleKind) -> Place:
    """Return where an alert of a kind leads."""
    return _PLACES[kind]


def sentence(event: AlertEvent) -> str:
    """Return what has happened, without its full stop."""
    if event.value is None:
        return "the rule was switched off"
    if event.change is AlertChange.RAISED:
        return _raised(event.kind, event.subject, event.value)
    return _cleared(event.kind, event.subject, event.value)


def _raised(kind: RuleKind, subject: str, value: float) -> str:
    if kind is RuleKind.SILENT_WORKER and not subject:
        return f"tasks are due, and no worker was heard of for {value_text(kind, value)}"
    return _RAISED[kind].format(value=value_text(kind, value), tasks=_tasks(value), name=name_text(subject))


def _cleared(kind: RuleKind, subject: str, value: float) -> str:
    if kind is RuleKind.SILENT_WORKER and not subject:
        return "a worker is heard of again, or nothing is due"
    words = _AT_ZERO.get(kind, "") if not value else ""
    return words or _CLEARED[kind].format(value=value_text(kind, value), tasks=_tasks(value), name=name_text(subject))


_RAISED = {
    RuleKind.FAILED_RATE: "{value} of the tasks that ended in the last hour failed",
    RuleKind.OLDEST_WAITING: "the oldest waiting task has been due for {value}",
    RuleKind.DEAD_LETTERS: "{tasks} given up in the last hour",
    RuleKind.SILENT_WORKER: "{name} has been silent for {value}",
    RuleKind.WAL_SIZE: "the WAL has grown to {value}",
    RuleKind.DISK_FREE: "{value} are left on the disk of the queue file",
}
_CLEARED = {
    **_RAISED,
    RuleKind.SILENT_WORKER: "{name} is heard of again, or holds nothing and is taken for gone",
    RuleKind.WAL_SIZE: "the WAL has {value}",
    RuleKind.DISK_FREE: "{value} are free again",
}
_AT_ZERO = {
    RuleKind.FAILED_RATE: "few tasks fail again",
    RuleKind.OLDEST_WAITING: "no task is due",
    RuleKind.DEAD_LETTERS: "no task was given up in the last hour",
}


def value_text(kind: RuleKind, value: float) -> str:
    """Return a value of a rule in words."""
    if UNITS[kind] is Unit.SHARE:
        return f"{value:.0%}" if value >= 0.01 or not value else f"{value:.1%}"
    if UNITS[kind] is Unit.DURATION:
        return duration_text(timedelta(seconds=min(max(value, 0.0), 1e9)))
    return bytes_text(int(value)) if UNITS[kind] is Unit.SIZE else f"{int(value):,}"


def name_text(text: str, limit: int = _NAME_CHARACTERS) -> str:
    """Return text of the file on one line, without what a terminal or a label would obey."""
    line = "".join(each if each.isprintable() else "\ufffd" for each in text[: limit + 1])
    return f"{line[:limit]}…" if len(line) > limit else line


def _tasks(count: float) -> str:
    return "1 task" if count == 1 else f"{int(count):,} tasks"


def as_json(event: AlertEvent, file: str, *, test: bool = False) -> str:
    """Return an alert as one line of JSON, ASCII alone.

    Args:
        event: What has changed.
        file: Of the queue.
        test: Whether it was made up to try a program with.
    """
    place = place_of(event.kind)
    values = {
        "version": JSON_VERSION, "event": event.change.value, "rule": event.kind.value,
        "worker": event.subject[:_JSON_NAME_CHARACTERS], "file": file, "value": event.value,
        "threshold": event.threshold, "unit": _JSON_UNITS[UNITS[event.kind]], "sentence": sentence(event),
        "filter": place.filter, "at_utc": exact_text(event.at_utc), "test": test,
    }  # fmt: skip
    return json.dumps(values, ensure_ascii=True)


_JSON_UNITS = {Unit.SHARE: "share", Unit.DURATION: "seconds", Unit.COUNT: "tasks", Unit.SIZE: "bytes"}
