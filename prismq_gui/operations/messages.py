"""The frozen records of acting: what is wanted, what will be, how far it is, what was done.

They speak of tasks and outcomes, never of tables or SQL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Final, TypeAlias

from prismq_gui.insight.filters import TaskFilter
from prismq_gui.insight.messages import Cell, IdSpan, TaskRow
from prismq_gui.insight.problems import Problem
from prismq_gui.queue.timestamps import utc_text


class OperationKind(Enum):
    """What an operator can do; the value is its stable name in logs and on the command line."""

    RETRY = "retry"
    CANCEL = "cancel"
    ASK_TO_CANCEL = "ask-to-cancel"
    FORCE_CANCEL = "force-cancel"
    RELEASE = "release"
    DELETE = "delete"
    PRIORITY = "priority"
    RUN_NOW = "run-now"
    RUN_AT = "run-at"
    MEND = "mend"
    EDIT = "edit"
    DUPLICATE = "duplicate"
    ENQUEUE = "enqueue"
    BRING_BACK = "bring-back"
    REMOVE_WORKER = "remove-worker"
    UNDO = "undo"
    VACUUM = "vacuum"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted: a kind of operation, with the values that this kind needs, by name.

    Made by functions that know what a kind needs (:func:`set_priority`…). A kind that needs nothing may be
    given as the kind alone wherever a wish is expected.
    """

    kind: OperationKind
    values: tuple[tuple[str, Cell], ...] = ()

    @classmethod
    def of(cls, wish: Wish | OperationKind) -> Wish:
        """Return the wish that a kind alone stands for."""
        return cls(wish) if isinstance(wish, OperationKind) else wish

    def value(self, name: str) -> Cell:
        """Return a value by its name, None where it is not given."""
        return dict(self.values).get(name)


def set_priority(priority: int) -> Wish:
    """Wish for another priority; lower runs first.

    Raises:
        ValueError: SQLite holds no such number.
    """
    if not -(2**63) <= priority < 2**63:
        raise ValueError(f"a priority must be within 64 bits, but is {priority}")
    return Wish(OperationKind.PRIORITY, (("priority", priority),))


def run_at(moment: datetime) -> Wish:
    """Wish that waiting tasks be due at a moment; naive is UTC."""
    return Wish(OperationKind.RUN_AT, (("at", utc_text(moment)),))


def delete(*, even_if_running: bool = False) -> Wish:
    """Wish that tasks be gone, with their log lines; ``even_if_running``: those with a live lease too."""
    return Wish(OperationKind.DELETE, (("even_if_running", int(even_if_running)),))


@dataclass(frozen=True, slots=True)
class Selected:
    """These tasks, by id."""

    ids: IdSpan


@dataclass(frozen=True, slots=True)
class Matching:
    """All tasks that match a filter. An empty filter is refused unless ``all_tasks`` names the wish."""

    filter: TaskFilter
    all_tasks: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """What an operation in the journal changed, by the operation's id; for UNDO alone."""

    operation_id: str


@dataclass(frozen=True, slots=True)
class Workers:
    """These workers, by name; for REMOVE_WORKER alone."""

    names: tuple[str, ...]


LAST: Final = "last"  # stands for the id of the last operation that is still in effect, where one is to be undone

Target: TypeAlias = Selected | Matching | Recorded | Workers


@dataclass(frozen=True, slots=True)
class Group:
    """So many tasks of one status and type; ``becomes`` is the status that an undo gives them, '' for the others."""

    status: str
    type: str
    count: int
    becomes: str = ""


@dataclass(frozen=True, slots=True)
class Skip:
    """So many tasks that are not, or were not, changed, for one reason; the first 20 ids as a sample."""

    reason: str
    count: int
    sample_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """What becomes of a place in JSON, as short texts; "" where nothing stands there. ``$`` is all of it."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class TaskChange:
    """What an edit does to one column of a task."""

    task_id: int
    column: str
    changes: tuple[FieldChange, ...]


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
    values: tuple[tuple[str, Cell], ...] = ()
    """Those of the wish."""
    diffs: tuple[TaskChange, ...] = ()
    """What an edit changes in the tasks of the sample."""

    @property
    def wish(self) -> Wish:
        """What was wanted."""
        return Wish(self.kind, self.values)


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
    can_be_undone: bool = False
    """Whether the journal holds what undoing it needs."""
