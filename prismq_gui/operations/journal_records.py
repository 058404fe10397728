"""The frozen records of the journal: what an operation was, what became of it, what can be done about it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path

from prismq_gui.insight.messages import Cell
from prismq_gui.operations.messages import OperationKind, Skip, Wish


def file_name(path: Path) -> str:
    """Return the name under which the journal knows a queue file: absolute, links followed, text in any case."""
    return os.fsencode(path.resolve()).decode("utf-8", "backslashreplace")


class State(Enum):
    """What became of an operation; the value is its stable name in the journal and on the command line."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    STAGED = "staged"
    """The first tasks are done, the rest waits for how these end."""
    UNDONE = "undone"
    PARTLY_UNDONE = "partly undone"


UNFINISHED = frozenset({State.STOPPED, State.FAILED, State.INTERRUPTED, State.STAGED})
"""Part of it was done: it can be finished, or taken back."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as the journal tells it.

    Times are UTC in the written form. ``planned`` and ``changed`` count tasks. ``undoes`` is the id of the
    operation that this one takes back. ``problem`` is the sentence of what ended it. ``bytes`` is what its
    rows take; without them (``is_kept`` is False) it cannot be undone any more.
    """

    id: str
    number: int
    path: Path
    who: str
    kind: OperationKind | None  # None: of a newer program
    kind_name: str
    values: tuple[tuple[str, Cell], ...]
    state: State
    planned: int
    changed: int
    skips: tuple[Skip, ...]
    sentence: str
    problem: str
    undoes: str
    started_utc: str
    ended_utc: str
    bytes: int
    is_kept: bool
    has_targets: bool
    device: str
    inode: str

    @property
    def wish(self) -> Wish | None:
        """What was wanted, None where a newer program wanted it."""
        return None if self.kind is None else Wish(self.kind, self.values)

    def wish_value(self, name: str) -> Cell:
        """Return a value of the wish by its name, None where it has none."""
        return dict(self.values).get(name)

    @property
    def can_be_undone(self) -> bool:
        """Whether an undo has something to do."""
        busy = self.state in (State.RUNNING, State.UNDONE)
        return self.is_kept and not busy and (self.changed > 0 or self.state is State.INTERRUPTED)

    @property
    def can_be_finished(self) -> bool:
        """Whether the rest of it can be done."""
        return self.state in UNFINISHED and (self.has_targets or bool(self.undoes))


@dataclass(frozen=True, slots=True)
class Keeping:
    """For how long, and how much, a journal keeps.

    ``images``: the rows that undoing needs; ``history``: the lines that tell of an operation. The last
    operation that ended is kept whole whatever its size, and one that runs is never touched.
    """

    images: timedelta = timedelta(days=30)
    images_bytes: int = 1024 * 1024 * 1024
    history: timedelta = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is recorded of an operation before its first change."""

    id: str
    path: Path
    device: int
    inode: int
    who: str
    wish: Wish
    planned: int
    sentence: str
    undoes: str = ""
