"""A task's place among those that wait, as the file's index and a claim sort them; pure, for cells of any type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from prismq_gui.insight.connection import Row
from prismq_gui.insight.messages import Cell


@dataclass(frozen=True, slots=True)
class LevelText:
    """A priority that is text, by its bytes: it need not be UTF-8."""

    raw: bytes


Level: TypeAlias = "int | float | bytes | LevelText"
"""A priority; the column takes any type."""


@dataclass(frozen=True, slots=True)
class Key:
    """What decides about a task's place: its priority, when it is due as text, its id."""

    level: Level
    due: bytes
    task_id: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A task that a claim would come to."""

    key: Key
    used_up: bool
    given_back: bool = False


def level_of(kind: Cell, value: Cell, raw: Cell) -> Level | None:
    """Return a priority as it was read: its type, its value, its bytes. None for NULL."""
    if kind == "text" and isinstance(raw, bytes):
        return LevelText(raw)
    return None if isinstance(value, str) else value


def level_order(level: Level) -> tuple[int, Any]:
    """Return what sorts priorities as the file's index does: numbers, texts, blobs."""
    if isinstance(level, LevelText):
        return 1, level.raw
    return (2, level) if isinstance(level, bytes) else (0, level)


def candidate(row: Row, *, given_back: bool = False) -> Candidate | None:
    """Return the task of a row, None where its priority is NULL or its id no number."""
    task_id, due, _written, used_up, kind, value, raw = row[:7]
    level = level_of(kind, value, raw)
    if level is None or not isinstance(task_id, int):
        return None
    return Candidate(Key(level, due if isinstance(due, bytes) else b"", task_id), bool(used_up), given_back)


def bound(level: object) -> Cell:
    """Return a priority as a parameter."""
    return level.raw if isinstance(level, LevelText) else level  # type: ignore[return-value]


def by_due(found: Candidate) -> tuple[bytes, int]:
    """Return what sorts the tasks of a priority as a claim does."""
    return found.key.due, found.key.task_id


class Reversed:
    """A key that sorts the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: tuple[bytes, int]) -> None:
        self.value = value

    def __lt__(self, other: Reversed) -> bool:
        return other.value < self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reversed) and self.value == other.value

    __hash__ = None  # type: ignore[assignment]


def is_on(side: str, one: Key, other: Key | None) -> bool:
    """Whether a task stands before ('<') or after ('>') another of its priority; '' is anywhere."""
    if not side or other is None:
        return True
    first, second = (one.due, one.task_id), (other.due, other.task_id)
    return first < second if side == "<" else first > second
