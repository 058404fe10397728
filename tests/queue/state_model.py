"""A queue in plain Python: what the file must hold after any sequence of actions. Knows no SQL.

Written from the documented rules alone. Every status change goes through :meth:`Model.move`, which also asks the
table of legal transitions: the model itself may not do what the queue must not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prismq_gui.queue import TRANSITIONS, ClaimedTask, Strategy, Transition

RUNNING = ("leased", "processing")
FINISHED = ("completed", "failed", "dead_letter", "cancelled")


@dataclass(slots=True)
class ModelTask:
    """One task as it must be; ``due`` and ``ahead`` never change while it waits: all times lie far off.

    Attributes:
        run_after: The file's text.
        due: Its time has come.
        ahead: It has, although its text lies ahead of now (an offset east of UTC).
        holder: The claim that may settle it; a text where another program holds it.
        expired: Its lease is over.
        asked: Its running claim was asked to end.
        lines: How many log lines it has.
    """

    id: int
    type: str
    priority: int
    run_after: str
    due: bool
    max_attempts: int = 5
    needs: Mapping[str, Any] = field(default_factory=dict)
    ahead: bool = False
    status: str = "queued"
    attempts: int = 0
    holder: ClaimedTask | str | None = None
    locked_by: str | None = None
    expired: bool = False
    asked: bool = False
    lines: int = 0


def meets(needs: Mapping[str, Any], offers: Mapping[str, Any]) -> bool:
    """Whether every key is there with a value in common, where a list stands for any of its elements."""

    def values(cell: object) -> list[str]:
        return [repr(each) for each in (cell if isinstance(cell, list) else [cell])]

    return all(key in offers and set(values(need)) & set(values(offers[key])) for key, need in needs.items())


def due_text(text: str, today: str) -> str:
    """Return the text tasks are ordered by: today's ISO forms are merged in, those of other days stay as they are."""
    return text.replace("T", " ") if text >= f"{today}T" else text


class Model:
    """All tasks."""

    def __init__(self) -> None:
        self.tasks: dict[int, ModelTask] = {}
        self.keys: dict[str, int] = {}

    def add(self, task: ModelTask, key: str | None = None) -> None:
        assert task.id > max(self.tasks, default=0), "an id was given twice"
        self.tasks[task.id] = task
        if key:
            self.keys[key] = task.id

    def move(self, task: ModelTask, transition: Transition) -> None:
        rule = TRANSITIONS[transition]
        assert task.status in rule.sources, f"{transition} from {task.status}"
        task.status = rule.target

    def candidates(
        self, strategy: Strategy, types: Sequence[str], offers: Mapping[str, Any], today: str
    ) -> list[ModelTask]:
        """Return what may be claimed, the next first."""
        found = [
            task
            for task in self.tasks.values()
            if task.status == "queued" and task.due and (not types or task.type in types) and meets(task.needs, offers)
        ]
        if strategy is Strategy.PRIORITY:
            return sorted(found, key=lambda task: (task.priority, due_text(task.run_after, today), task.id))
        return sorted(
            found, key=lambda task: (due_text(task.run_after, today), task.id), reverse=strategy is Strategy.LIFO
        )

    def expected_claims(self, candidates: Sequence[ModelTask], count: int) -> tuple[list[ModelTask], list[ModelTask]]:
        """Return which of the candidates are claimed, and which on the way are buried: their attempts are used up."""
        claimed: list[ModelTask] = []
        buried: list[ModelTask] = []
        for task in candidates:
            if len(claimed) == count:
                break
            (buried if task.attempts > 0 and task.attempts >= task.max_attempts else claimed).append(task)
        return claimed, buried

    def claim(self, task: ModelTask, claim: ClaimedTask) -> None:
        self.move(task, Transition.CLAIM)
        task.attempts += 1
        task.holder, task.locked_by = claim, claim.worker_id
        task.expired = task.asked = False

    def bury_untried(self, task: ModelTask) -> None:
        self.move(task, Transition.CLAIM)
        self.move(task, Transition.BURY)
        task.locked_by = None  # another program may have left one
        task.lines += 1

    def holds(self, claim: ClaimedTask) -> bool:
        """Whether this claim may settle its task."""
        return self.tasks[claim.id].holder is claim

    def held(self) -> list[ClaimedTask]:
        """Return the claims that may settle their tasks."""
        return [task.holder for task in self.tasks.values() if isinstance(task.holder, ClaimedTask)]

    def end(self, task: ModelTask, transition: Transition, *, line: bool = True) -> None:
        """Take the task from its holder."""
        self.move(task, transition)
        task.holder = task.locked_by = None
        task.expired = task.asked = False
        task.lines += line

    def expired(self) -> list[ModelTask]:
        return [task for task in self.tasks.values() if task.status in RUNNING and task.expired]

    def rescue(self) -> int:
        """Give back all whose lease is over; return how many."""
        expired = self.expired()
        for task in expired:
            used_up = task.attempts >= max(1, task.max_attempts)
            self.end(task, Transition.BURY if used_up else Transition.RELEASE)
        return len(expired)
