"""What a plan hands to its application: which tasks, each as it was seen.

Owns the compact form (20 bytes a task, so that a million of them take 20 MB) and the tallies of
reasons and kinds, all bounded whatever an untrusted file holds.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from prismq_gui.insight.messages import Cell
from prismq_gui.operations.cells import pack, unpack
from prismq_gui.operations.messages import Group, Skip
from prismq_gui.operations.wording import plain
from prismq_gui.operations.writer import Identity

NO_NUMBER = -(2**63)
"""Stands for a number of attempts that is no whole number (an untrusted file may hold anything)."""

MAX_REASONS = 50
MAX_GROUPS = 50
_MAX_KINDS_COUNTED = 10_000
_SAMPLE_IDS = 20


_PORTION = 32_768  # tasks stored together
_PLACES = "H"  # a code of a status or worker
_MAX_NAMES = 65_000


@dataclass(frozen=True, slots=True)
class Seen:
    """One task as the plan saw it; ``worker`` is told of running tasks alone."""

    task_id: int
    status: Cell
    attempts: int | None
    worker: Cell = None
    digest: str = ""
    """Stands for the content that the plan saw, where the operation is guarded by it."""


class _Names:
    """Few distinct cells, each with a code."""

    def __init__(self, names: Sequence[Cell] = ()) -> None:
        self.names = list(names)
        self._codes = {name: code for code, name in enumerate(self.names)}

    def code(self, name: Cell) -> int | None:
        """Return a cell's code, None where there are too many distinct ones."""
        code = self._codes.get(name)
        if code is None and len(self.names) < _MAX_NAMES:
            code = self._codes[name] = len(self.names)
            self.names.append(name)
        return code


class Targets:
    """The eligible tasks of a plan, in order of id, each with status, attempts and worker as seen.

    Filled by ``plan`` in one thread and only read by ``apply`` afterwards, perhaps in another.
    ``identity`` is the file they were seen in.
    """

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._statuses = _Names()
        self._workers = _Names((None,))
        self._ids = array("q")
        self._status_codes = array(_PLACES)
        self._worker_codes = array(_PLACES)
        self._attempts = array("q")
        self._digests = array("Q")  # of all tasks, or of none

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, task_id: int, status: Cell, attempts: Cell, worker: Cell = None, digest: str = "") -> bool:
        """Take one more; return False where its status or worker is one too many to be told apart."""
        status_code = self._statuses.code(status)
        worker_code = self._workers.code(worker)
        if status_code is None or worker_code is None:
            return False
        self._ids.append(task_id)
        self._status_codes.append(status_code)
        self._worker_codes.append(worker_code)
        self._attempts.append(attempts if isinstance(attempts, int) else NO_NUMBER)
        if digest:
            self._digests.append(int(digest, 16))
        return True

    def place_of(self, task_id: int) -> int:
        """Return how many of the tasks have a lower id."""
        return bisect_left(self._ids, task_id)

    def first_ids(self, count: int) -> array[int]:
        """Return the first ids."""
        return self._ids[:count]

    def status_counts(self) -> list[tuple[Cell, int]]:
        """Return how many there are of each status, the most first."""
        counts = Counter(self._status_codes)
        return [(self._statuses.names[code], number) for code, number in counts.most_common()]

    def slice(self, start: int, size: int) -> list[Seen]:
        """Return so many tasks from a position on."""
        statuses, workers = self._statuses.names, self._workers.names
        return [
            Seen(
                self._ids[at],
                statuses[self._status_codes[at]],
                _number(self._attempts[at]),
                workers[self._worker_codes[at]],
                f"{self._digests[at]:016x}" if self._digests else "",
            )
            for at in range(start, min(start + size, len(self._ids)))
        ]

    def store(self) -> Iterator[bytes]:
        """Yield the tasks in their stored form, in portions."""
        for start in range(0, len(self._ids), _PORTION):
            end = start + _PORTION
            numbers = (
                _steps(self._ids[start:end]),
                self._status_codes[start:end],
                self._worker_codes[start:end],
                self._attempts[start:end],
                self._digests[start:end],
            )
            yield pack([self._statuses.names, self._workers.names, *(each.tobytes() for each in numbers)])

    @classmethod
    def restore(cls, identity: Identity, portions: Iterable[bytes]) -> Targets:
        """Return tasks from their stored form.

        Raises:
            ValueError: It cannot be read.
        """
        made = cls(identity)
        for portion in portions:
            statuses, workers, *raw = unpack(portion)
            steps, status_codes, worker_codes, attempts = (array(form, b"") for form in ("q", _PLACES, _PLACES, "q"))
            for numbers, data in zip((steps, status_codes, worker_codes, attempts, made._digests), raw, strict=False):
                numbers.frombytes(data)
            if len({len(steps), len(status_codes), len(worker_codes), len(attempts)}) != 1:
                raise ValueError("the stored tasks are not whole")
            made._statuses, made._workers = _Names(statuses), _Names(workers)
            made._ids.extend(accumulate(steps, _wrapped_sum))
            made._status_codes.extend(status_codes)
            made._worker_codes.extend(worker_codes)
            made._attempts.extend(attempts)
        return made


def _steps(ids: array[int]) -> array[int]:
    """Return the distances between ids, of 1 mostly: a million take some KiB then."""
    return array("q", map(_wrapped_difference, ids, (0, *ids)))


def _wrapped_sum(one: int, other: int) -> int:
    return (one + other + 2**63) % 2**64 - 2**63


def _wrapped_difference(one: int, other: int) -> int:
    return _wrapped_sum(one, -other)


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
        self.total = 0

    def add(self, reason: str, task_id: int) -> None:
        """Count one."""
        self.total += 1
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
        self._counts: Counter[tuple[Cell, Cell, str]] = Counter()
        self._others = 0

    def add(self, status: Cell, type_cell: Cell, becomes: str = "") -> None:
        """Count one; ``becomes`` is the status that it will have, where that is told."""
        key = (status, type_cell, becomes)
        if key not in self._counts and len(self._counts) >= _MAX_KINDS_COUNTED:
            self._others += 1
        else:
            self._counts[key] += 1

    def groups(self) -> tuple[Group, ...]:
        """Return the largest groups first."""
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], plain(item[0][0]), plain(item[0][1])))
        return tuple(
            Group(plain(status), plain(kind, 200), count, becomes)
            for (status, kind, becomes), count in ordered[:MAX_GROUPS]
        )

    def untold(self) -> int:
        """Return how many tasks are in groups that :meth:`groups` leaves out."""
        told = sum(group.count for group in self.groups())
        return sum(self._counts.values()) + self._others - told
