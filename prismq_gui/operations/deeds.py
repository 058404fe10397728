"""What each operation on tasks does to one task: the one definition that plan, apply and undo go by.

Owns the table of deeds. A deed says from which statuses it may start (by its transition), which columns it
writes with what, and which log line tells of it. It reads and writes nothing itself. A further kind is one
more entry in :data:`DEEDS` and one in :data:`~prismq_gui.operations.wording.VERBS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias

from prismq_gui.insight.messages import Cell
from prismq_gui.operations.edits import AS_WANTED, EDITED, edited
from prismq_gui.operations.messages import OperationKind, Wish
from prismq_gui.operations.wording import plain
from prismq_gui.queue.logs import CANCEL_LEVEL
from prismq_gui.queue.timestamps import now_utc, parse_utc, utc_text
from prismq_gui.queue.transitions import RUNNING, TRANSITIONS, Transition

GUARDS = ("status", "attempts", "locked_by", "updated_at_utc", "reserved_at_utc", "run_after_utc")
"""What tells that a task moved, whatever an operation writes. Times have whole seconds, so none is enough alone."""


class Moment(NamedTuple):
    """The time at which tasks are changed, and its written form."""

    time: datetime
    text: str

    @classmethod
    def now(cls) -> Moment:
        """Return the time now."""
        now = now_utc()
        return cls(now, utc_text(now))


class Task:
    """One task as it is now: its cells by their columns' names."""

    __slots__ = ("_at", "_cells")

    def __init__(self, at: Mapping[str, int], cells: Sequence[Cell]) -> None:
        self._at = at
        self._cells = cells

    def __getitem__(self, column: str) -> Cell:
        return self._cells[self._at[column]]

    def has_live_lease(self, now: Moment) -> bool:
        """Whether a worker may be at work on it."""
        lease = self["lease_until_utc"]
        until = parse_utc(lease) if isinstance(lease, str) else None
        return until is not None and until > now.time


class Written(NamedTuple):
    """What becomes of a task: the cells of the deed's columns (none: the row stays as it is), and its log line."""

    cells: tuple[Cell, ...]
    said: str = ""  # instead of the verb's word
    level: str = "INFO"
    at: str = ""  # instead of now
    details: tuple[tuple[str, str], ...] = ()


Outcome: TypeAlias = "Written | str"
"""A text is the reason why this task cannot be changed."""


@dataclass(frozen=True, slots=True)
class Deed:
    """How one kind of operation changes a task.

    ``reads`` are columns that it looks at beside those of :data:`GUARDS` and those that it writes. ``told`` are
    columns whose old value the log line keeps. ``make`` says what becomes of a task, or why not. ``deletes``: the
    task and its log lines go.
    """

    transition: Transition
    make: Callable[[Wish, Task, Moment], Outcome]
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    deletes: bool = False
    needs: tuple[str, ...] = ()  # names of the wish's values
    seen: tuple[str, ...] = ()
    """Columns, perhaps large ones, that must hold what the plan saw."""

    @property
    def target(self) -> Cell:
        """The status it leads to."""
        return TRANSITIONS[self.transition].target

    @property
    def columns(self) -> tuple[str, ...]:
        """What is kept of a task: what is looked at alone first, then what is written."""
        return (*(name for name in GUARDS if name not in self.writes), *self.writes)

    @property
    def fixed(self) -> int:
        """How many of :attr:`columns` are looked at alone."""
        return len(self.columns) - len(self.writes)


_ENDED = ("status", "updated_at_utc", "finished_at_utc")
_LET_GO = ("lease_until_utc", "reserved_at_utc", "processing_started_utc")


def _retry(_wish: Wish, _task: Task, now: Moment) -> Outcome:
    return Written((TRANSITIONS[Transition.OPERATOR_RETRY].target, now.text, now.text, 0, None, None, None, None, None))


def _cancel(_wish: Wish, _task: Task, now: Moment) -> Outcome:
    return Written((TRANSITIONS[Transition.OPERATOR_CANCEL].target, now.text, now.text))


def _ended_by_force(now: Moment) -> tuple[Cell, ...]:
    return (TRANSITIONS[Transition.OPERATOR_FORCE_CANCEL].target, now.text, now.text, None, None)


def _ask_to_cancel(_wish: Wish, task: Task, now: Moment) -> Outcome:
    """Ask the worker by the line that it looks for; without a lease nobody is there to be asked."""
    if not task.has_live_lease(now):
        return Written(_ended_by_force(now), said="cancelled, since the lease of its worker was over,")
    reserved = parse_utc(task["reserved_at_utc"])
    # A clock that was set back since the claim must not date the request before it.
    at = utc_text(max(now.time, reserved or now.time))
    holder = task["locked_by"]
    name = holder.decode("utf-8", "backslashreplace") if isinstance(holder, bytes) else str(holder or "")
    return Written((), said="asked to be cancelled", level=CANCEL_LEVEL, at=at, details=(("worker", name),))


def _force_cancel(_wish: Wish, task: Task, now: Moment) -> Outcome:
    return Written(_ended_by_force(now), said=f"cancelled by force while {plain(task['locked_by'])} held it,")


def _release(_wish: Wish, task: Task, now: Moment) -> Outcome:
    """Give a task back as its worker does: as if this attempt had not been."""
    attempts = task["attempts"]
    left = max(0, attempts - 1) if isinstance(attempts, int) else attempts
    cells = (TRANSITIONS[Transition.OPERATOR_RELEASE].target, now.text, left, None, None, None, None)
    return Written(cells, said=f"taken from {plain(task['locked_by'])} and given back")


def _delete(wish: Wish, task: Task, now: Moment) -> Outcome:
    if task["status"] in RUNNING and not wish.value("even_if_running") and task.has_live_lease(now):
        return "is running, with a lease that has not run out"
    return Written(())


def _priority(wish: Wish, task: Task, now: Moment) -> Outcome:
    priority = wish.value("priority")
    if task["priority"] == priority:
        return "has this priority already"
    return Written((now.text, priority), said=f"given priority {plain(priority)}")


def _run_now(_wish: Wish, task: Task, now: Moment) -> Outcome:
    due = parse_utc(task["run_after_utc"])
    if due is not None and due <= now.time:
        return "is due already"
    return Written((now.text, now.text), said="made due at once")


def _run_at(wish: Wish, task: Task, now: Moment) -> Outcome:
    at = wish.value("at")
    if task["run_after_utc"] == at:
        return "is due then already"
    return Written((now.text, at), said=f"put off until {plain(at)} UTC")


def _edit(wish: Wish, task: Task, now: Moment) -> Outcome:
    if task["status"] in RUNNING and not wish.value("even_if_running"):
        return "is running, and its worker has the old text already"
    made = edited(wish, *(task[name] for name in EDITED))
    return made if isinstance(made, str) else Written((now.text, *made.cells), said=made.said)


def _duplicate(wish: Wish, task: Task, _now: Moment) -> Outcome:
    """Return the edited cells of the new task; the one that is there stays."""
    cells = tuple(task[name] for name in EDITED)
    made = edited(wish, *cells)
    if isinstance(made, str) and made != AS_WANTED:
        return made
    return Written(cells if isinstance(made, str) else made.cells)


_SCHEDULED = ("updated_at_utc", "run_after_utc")

DEEDS: dict[OperationKind, Deed] = {
    # Payload, error and key stay as they are.
    OperationKind.RETRY: Deed(
        Transition.OPERATOR_RETRY,
        _retry,
        ("status", "updated_at_utc", "run_after_utc", "attempts", *_LET_GO, "finished_at_utc", "locked_by"),
    ),
    OperationKind.CANCEL: Deed(Transition.OPERATOR_CANCEL, _cancel, _ENDED),
    OperationKind.ASK_TO_CANCEL: Deed(
        Transition.OPERATOR_ASK_TO_CANCEL, _ask_to_cancel, (*_ENDED, "lease_until_utc", "locked_by")
    ),
    OperationKind.FORCE_CANCEL: Deed(
        Transition.OPERATOR_FORCE_CANCEL, _force_cancel, (*_ENDED, "lease_until_utc", "locked_by")
    ),
    OperationKind.RELEASE: Deed(
        Transition.OPERATOR_RELEASE, _release, ("status", "updated_at_utc", "attempts", *_LET_GO, "locked_by")
    ),
    OperationKind.DELETE: Deed(
        Transition.OPERATOR_DELETE, _delete, reads=("lease_until_utc",), deletes=True, needs=("even_if_running",)
    ),
    OperationKind.PRIORITY: Deed(
        Transition.OPERATOR_PRIORITY,
        _priority,
        ("updated_at_utc", "priority"),
        told=("priority",),
        needs=("priority",),
    ),
    OperationKind.EDIT: Deed(Transition.OPERATOR_EDIT, _edit, ("updated_at_utc", *EDITED), seen=EDITED),
    OperationKind.DUPLICATE: Deed(Transition.OPERATOR_DUPLICATE, _duplicate, seen=EDITED, reads=EDITED),
    OperationKind.RUN_NOW: Deed(Transition.OPERATOR_SCHEDULE, _run_now, _SCHEDULED, told=("run_after_utc",)),
    OperationKind.RUN_AT: Deed(
        Transition.OPERATOR_SCHEDULE, _run_at, _SCHEDULED, told=("run_after_utc",), needs=("at",)
    ),
}
