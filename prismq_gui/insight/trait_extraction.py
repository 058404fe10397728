"""What one task is like, as a set of traits that another task may share.

Owns the kinds of traits and their bounds: depth, keys, lengths. Pure functions of a task's cells, which are untrusted:
whatever they hold, nothing raises and nothing grows past the bounds.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import islice
from typing import Any

from prismq_gui.insight.messages import Cell

PAYLOAD_BYTES = 16 * 1024  # larger ones are known by their size alone
MAX_DEPTH = 4
MAX_KEYS = 64  # of one object
MAX_ELEMENTS = 8  # of one list
MAX_TRAITS = 400  # of one task
VALUE_CHARACTERS = 80
PRESENT = "(present)"
_SIZES = (1, 4, 16, 64, 256, 1_024, 16_384)  # KiB
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,15}://(?:[^\s/@]{1,200}@)?([^\s/:?#]{1,200})")
_ENDING = re.compile(r"[^?#]*(\.[A-Za-z0-9]{1,6})$")


class Family(Enum):
    """What a trait is read from; tasks where that cannot be read are left out of its counts."""

    TASK = "task"
    FORM = "form"  # whether the payload is JSON
    PAYLOAD = "payload"
    COMPATIBILITY = "compatibility"
    WORKER = "worker"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class TraitKey:
    """A trait: the worker is worker-3, the payload's region is eu. Plain text of an untrusted file."""

    family: Family
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class SampledTask:
    """What is read of a task to compare it. ``payload`` is None where it is larger than is read."""

    id: int
    type: str
    priority: Cell
    attempts: Cell
    at: datetime | None
    worker: str
    payload: bytes | None
    payload_bytes: int
    compatibility: bytes | None


def traits_of(task: SampledTask) -> tuple[set[TraitKey], set[Family]]:
    """Return a task's traits, and the families that could be read."""
    found = set(_task_traits(task))
    known = {Family.TASK}
    if task.worker:
        known.add(Family.WORKER)
        found.add(TraitKey(Family.WORKER, "worker", task.worker))
    if task.at is not None:
        known.add(Family.TIME)
        found.add(TraitKey(Family.TIME, "hour (UTC)", f"{task.at.hour:02d}"))
        found.add(TraitKey(Family.TIME, "weekday (UTC)", _DAYS[task.at.weekday()]))
    if task.payload is not None:
        known.add(Family.FORM)
        form = "JSON" if _read(task.payload) is not None else "not readable as JSON"
        found.add(TraitKey(Family.FORM, "payload is", form))
    for family, raw in ((Family.PAYLOAD, task.payload), (Family.COMPATIBILITY, task.compatibility)):
        content = _read(raw)
        if content is not None:
            known.add(family)
            walk = _inside(family, family.value, content[0], MAX_DEPTH)
            found.update(islice(walk, MAX_TRAITS))
    return found, known


def _task_traits(task: SampledTask) -> Iterator[TraitKey]:
    yield TraitKey(Family.TASK, "payload size", size_class(task.payload_bytes))
    for name, value in (("priority", task.priority), ("attempts", task.attempts)):
        if isinstance(value, int):
            yield TraitKey(Family.TASK, name, str(value))


def size_class(size_bytes: int) -> str:
    """Return the class of a size."""
    below = "0"
    for limit in _SIZES:
        if size_bytes < limit * 1_024:
            return f"{below} to {limit} KiB"
        below = str(limit)
    return f"over {below} KiB"


def _read(raw: bytes | None) -> tuple[Any] | None:
    """Return what a JSON text holds, None where it is none that is read."""
    if raw is None:
        return None
    try:
        return (json.loads(raw),)
    except (ValueError, RecursionError):
        return None


def _inside(family: Family, path: str, value: Any, depth: int) -> Iterator[TraitKey]:  # noqa: ANN401 (any JSON)
    if isinstance(value, dict):
        if depth:
            for key, inner in islice(value.items(), MAX_KEYS):
                name = f"{path}.{_short(key, 60)}"
                yield TraitKey(family, name, PRESENT)
                yield from _inside(family, name, inner, depth - 1)
    elif isinstance(value, list):
        yield TraitKey(family, f"{path} elements", str(len(value)) if len(value) < 4 else "4 or more")
        if depth:
            for inner in value[:MAX_ELEMENTS]:
                yield from _inside(family, f"{path}[]", inner, depth - 1)
    else:
        yield TraitKey(family, path, _short(_scalar(value)))
        yield from _derived(family, path, value)


def _derived(family: Family, path: str, value: str | float | bool | None) -> Iterator[TraitKey]:
    """Yield what values that differ may still share: a host, an ending, a size."""
    if isinstance(value, str) and len(value) <= 4_096:
        host = _URL.match(value)
        if host:
            yield TraitKey(family, f"{path} host", _short(host[1].lower()))
        ending = _ENDING.match(value[-300:]) if "." in value[-7:] else None
        if ending:
            yield TraitKey(family, f"{path} ends in", ending[1].lower())
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield TraitKey(family, f"{path} magnitude", _magnitude(value))


def _magnitude(value: float) -> str:
    """Return the power of ten that a number lies in."""
    try:
        size = abs(float(value))
    except OverflowError:
        size = math.inf
    if not math.isfinite(size):
        return "beyond all"
    if size < 1:
        return "below 1"
    power = math.floor(math.log10(size))
    return f"{'-' if value < 0 else ''}1e{power} and up"


def _scalar(value: str | float | bool | None) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return value if isinstance(value, str) else repr(value) if isinstance(value, float) else _whole(value)


def _whole(value: int) -> str:
    return str(value) if value.bit_length() <= 128 else "(a very large number)"


def _short(text: str, characters: int = VALUE_CHARACTERS) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
