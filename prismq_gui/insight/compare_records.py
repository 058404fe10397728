"""The records of a comparison of two queue files."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from prismq_gui.insight.messages import Cell, TextPreview

MOST_IDS = 1_000_000  # kept of each kind: 8 MB; beyond, only the count grows


class DifferenceKind(Enum):
    """What became of a task between the two files."""

    CHANGED = "changed"
    APPEARED = "appeared"
    VANISHED = "vanished"
    REUSED = "reused"
    MOVED = "moved"  # the key of one task names another id in the newer file
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class CompareProgress:
    """How far a comparison is: ``done`` from 0 to 1, what it is at, and what it has found so far."""

    done: float
    text: str
    counts: tuple[tuple[DifferenceKind, int], ...] = ()


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
class Pair:
    """A task of both files, by what became of it; ``changed_fields`` as in :class:`Comparison`, 0 where not known."""

    kind: DifferenceKind
    before_id: int
    after_id: int
    changed_fields: int = 0


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
        fields: The columns that were compared, beside the id.
        changed_fields: Which of them differ in each task of ``changed.ids``: bit 0 is the first one.
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
    fields: tuple[str, ...] = ()
    changed_fields: array[int] = field(default_factory=lambda: array("I"))

    @property
    def total(self) -> int:
        """How many ids were compared."""
        return self.same + sum(tally.count for tally in self._tallies())

    def _tallies(self) -> tuple[IdTally, ...]:
        return (self.appeared, self.vanished, self.changed, self.reused, self.unread)

    def ids_of(self, kind: DifferenceKind) -> tuple[IdTally, IdTally]:
        """Return the ids of a kind in the older and in the newer file, pair by pair."""
        if kind is DifferenceKind.MOVED:
            return self.moved_before or IdTally(), self.moved_after or IdTally()
        tally: IdTally = getattr(self, kind.value)
        return tally, tally

    def pair_at(self, kind: DifferenceKind, place: int) -> Pair:
        """Return one of the pairs of a kind whose ids are kept, counted from 0."""
        before, after = self.ids_of(kind)
        fields = self.changed_fields[place] if kind is DifferenceKind.CHANGED else 0
        return Pair(kind, before.ids[place], after.ids[place], fields)

    @property
    def is_same(self) -> bool:
        """Whether all of both files was compared and nothing differs."""
        return not self.stopped and not any(tally.count for tally in self._tallies())


@dataclass(frozen=True, slots=True)
class Difference:
    """One column of a pair, as each file has it; texts are cut at 64 KiB. ``form_only``: one moment in two forms."""

    column: str
    before: TextPreview
    after: TextPreview
    form_only: bool = False


@dataclass(frozen=True, slots=True)
class PairRow:
    """A pair with its values, each cut short: one a field, in their order; None where a file has no such task.

    ``differing`` are the places of the fields that differ, by what was read or by what was found before.
    """

    pair: Pair
    before: tuple[Cell, ...] | None
    after: tuple[Cell, ...] | None
    differing: tuple[int, ...]
