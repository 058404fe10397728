"""What a plan hands to its application: which tasks, each as it was seen.

Owns the compact form (17 bytes a task, so that a million of them take 17 MB) and the tallies of
reasons and kinds, all bounded whatever an untrusted file holds.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from prismq_gui.insight.messages import Cell
from prismq_gui.operations.messages import Group, Skip
from prismq_gui.operations.wording import plain
from prismq_gui.operations.writer import Identity

NO_NUMBER = -(2**63)
"""Stands for a number of attempts that is no whole number (an untrusted file may hold anything)."""

ATTEMPTS_SQL = "CASE WHEN typeof(attempts) = 'integer' THEN attempts END"
"""The attempts as plans see them and as the guard compares them: NULL where they are no whole number."""

MAX_REASONS = 50
MAX_GROUPS = 50
_MAX_KINDS_COUNTED = 10_000
_SAMPLE_IDS = 20


@dataclass(frozen=True, slots=True)
class Seen:
    """One task as the plan saw it."""

    task_id: int
    status: str
    attempts: int | None


class Targets:
    """The eligible tasks of a plan, in order of id, each with status and attempts as seen.

    Filled by ``plan`` in one thread and only read by ``apply`` afterwards, perhaps in another.
    ``identity`` is the file they were seen in.
    """

    def __init__(self, statuses: Sequence[str], identity: Identity) -> None:
        self.identity = identity
        self._names = tuple(statuses)
        self._codes = {name: code for code, name in enumerate(self._names)}
        self._ids = array("q")
        self._statuses = array("B")
        self._attempts = array("q")

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, task_id: int, status: str, attempts: Cell) -> None:
        """Take one more; ``status`` is one of those that the operation may start from."""
        self._ids.append(task_id)
        self._statuses.append(self._codes[status])
        self._attempts.append(attempts if isinstance(attempts, int) else NO_NUMBER)

    def first_ids(self, count: int) -> array[int]:
        """Return the first ids."""
        return self._ids[:count]

    def status_counts(self) -> list[tuple[str, int]]:
        """Return how many there are of each status, the most first."""
        counts = Counter(self._statuses)
        return [(self._names[code], number) for code, number in counts.most_common()]

    def slice(self, start: int, size: int) -> list[Seen]:
        """Return so many tasks from a position on."""
        end = min(start + size, len(self._ids))
        return [
            Seen(self._ids[at], self._names[self._statuses[at]], _number(self._attempts[at]))
            for at in range(start, end)
        ]


def _number(attempts: int) -> int | None:
    return None if attempts == NO_NUMBER else attempts


@dataclass(slots=True)
class _Tally:
    count: int = 0
    ids: list[int] = field(default_factory=list)


class SkipTally:
    """Counts tasks that are not changed by reason; past 50 reasons the rest is counted together."""

    def __init__(self) -> None:
        self._by_reason: dict[str, _Tally] = {}

    def add(self, reason: str, task_id: int) -> None:
        """Count one."""
        if reason not in self._by_reason and len(self._by_reason) >= MAX_REASONS:
            reason = "is in another state that does not allow it"
        tally = self._by_reason.setdefault(reason, _Tally())
        tally.count += 1
        if len(tally.ids) < _SAMPLE_IDS:
            tally.ids.append(task_id)

    def skips(self) -> tuple[Skip, ...]:
        """Return them, the most frequent reason first."""
        ordered = sorted(self._by_reason.items(), key=lambda item: (-item[1].count, item[0]))
        return tuple(Skip(reason, tally.count, tuple(tally.ids)) for reason, tally in ordered)


class GroupTally:
    """Counts tasks by status and type; keeps at most 10,000 kinds and tells the 50 largest."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Cell]] = Counter()
        self._others = 0

    def add(self, status: str, type_cell: Cell) -> None:
        """Count one."""
        key = (status, type_cell)
        if key not in self._counts and len(self._counts) >= _MAX_KINDS_COUNTED:
            self._others += 1
        else:
            self._counts[key] += 1

    def groups(self) -> tuple[Group, ...]:
        """Return the largest groups first."""
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0][0], plain(item[0][1])))
        return tuple(Group(status, plain(kind, 200), count) for (status, kind), count in ordered[:MAX_GROUPS])

    def untold(self) -> int:
        """Return how many tasks are in groups that :meth:`groups` leaves out."""
        told = sum(group.count for group in self.groups())
        return sum(self._counts.values()) + self._others - told
