"""The frozen records of acting: what is wanted, what will be, how far it is, what was done.

They speak of tasks and outcomes, never of tables or SQL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TypeAlias

from prismq_gui.insight.filters import TaskFilter
from prismq_gui.insight.messages import IdSpan, TaskRow
from prismq_gui.insight.problems import Problem


class OperationKind(Enum):
    """What an operator can do; the value is its stable name in logs and on the command line."""

    RETRY = "retry"
    CANCEL = "cancel"
    VACUUM = "vacuum"


@dataclass(frozen=True, slots=True)
class Selected:
    """These tasks, by id."""

    ids: IdSpan


@dataclass(frozen=True, slots=True)
class Matching:
    """All tasks that match a filter. An empty filter is refused unless ``all_tasks`` names the wish."""

    filter: TaskFilter
    all_tasks: bool = False


Target: TypeAlias = Selected | Matching


@dataclass(frozen=True, slots=True)
class Group:
    """So many tasks of one status and type."""

    status: str
    type: str
    count: int


@dataclass(frozen=True, slots=True)
class Skip:
    """So many tasks that are not, or were not, changed, for one reason; the first 20 ids as a sample."""

    reason: str
    count: int
    sample_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Plan:
    """What an operation will do, computed by reading alone, by the same rules as applying it.

    ``targets`` holds the eligible ids with status and attempts as seen; it is opaque to all but
    ``operations``. ``sentence`` says in plain words what will be; ``warnings`` name risks (running
    tasks, workers that will wait). ``facts`` are labelled figures for the dialog (size, free space).
    """

    kind: OperationKind
    path: Path
    eligible: int
    groups: tuple[Group, ...]
    skips: tuple[Skip, ...]
    sample: tuple[TaskRow, ...]
    sentence: str
    warnings: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    refusal: Problem | None = None
    targets: object = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an operation is. ``total`` is 0 where it is not known (vacuum)."""

    kind: OperationKind
    done: int
    total: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What was done. ``stopped`` means the person stopped it: whole chunks only, the rest untouched."""

    kind: OperationKind
    path: Path
    changed: int
    skips: tuple[Skip, ...]
    stopped: bool
    elapsed_s: float
    sentence: str
    operation_id: str
    problem: Problem | None = None
    facts: tuple[tuple[str, str], ...] = ()
