"""The records of a comparison of two queue files."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from prismq_gui.insight.messages import TextPreview

MOST_IDS = 1_000_000  # kept of each kind: 8 MB; beyond, only the count grows


@dataclass(frozen=True, slots=True)
class CompareProgress:
    """How far a comparison is: ``done`` from 0 to 1, and what it is at."""

    done: float
    text: str


OnProgress = Callable[[CompareProgress], None]


@dataclass(slots=True)
class IdTally:
    """How many, and the ids of the first million of them, ascending; grows while a comparison runs."""

    count: int = 0
    ids: array[int] = field(default_factory=lambda: array("q"))

    def add(self, task_id: int) -> None:
        """Count one."""
        self.count += 1
        if len(self.ids) < MOST_IDS:
            self.ids.append(task_id)

    @property
    def is_cut(self) -> bool:
        """Whether there are more than ids are kept."""
        return self.count > len(self.ids)


@dataclass(frozen=True, slots=True)
class ColumnCount:
    """In how many of the changed tasks a column differs."""

    column: str
    count: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between an old file (``before``) and a new one (``after``).

    By id: ``appeared`` only the new file has, ``vanished`` only the old one; ``changed`` is the same task with other
    values; ``reused`` is an id that bears another task in each (made at another moment, of another key or type).
    By key: ``keys_appeared`` and ``keys_vanished`` count idempotency keys that only one file has; ``moved_before`` and
    ``moved_after``, pair by pair, are the ids of one key that differ; all None where keys could not be compared.

    Attributes:
        columns: In how many changed tasks each column differs, the most frequent first.
        not_compared: Columns that one file alone has, named with the file, left out.
        unread: Tasks with a value too large to be read, of which the rest is the same.
        notes: What to know of it: files that were written meanwhile, what was left out.
        stopped: It was stopped; what is told is of the part that was compared.
    """

    before: Path
    after: Path
    same: int
    appeared: IdTally
    vanished: IdTally
    changed: IdTally
    reused: IdTally
    columns: tuple[ColumnCount, ...]
    keys_appeared: int | None
    keys_vanished: int | None
    moved_before: IdTally | None
    moved_after: IdTally | None
    not_compared: tuple[str, ...]
    unread: IdTally
    notes: tuple[str, ...]
    stopped: bool
    elapsed_s: float

    @property
    def is_same(self) -> bool:
        """Whether all of both files was compared and nothing differs."""
        tallies = (self.appeared, self.vanished, self.changed, self.reused, self.unread)
        return not self.stopped and not any(tally.count for tally in tallies)


@dataclass(frozen=True, slots=True)
class Difference:
    """One column of a pair, as each file has it; texts are cut at 64 KiB. ``form_only``: one moment in two forms."""

    column: str
    before: TextPreview
    after: TextPreview
    form_only: bool = False
