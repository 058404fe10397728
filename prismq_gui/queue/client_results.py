"""What the client hands back: which tasks were put in, and what became of one.

Owns the records and the errors of waiting and of bulk work. Knows no SQL.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import overload

from prismq_gui.queue.transitions import TERMINAL, Status


@dataclass(frozen=True, slots=True)
class EnqueueResult:
    """The task's id; ``created`` is False where the idempotency key named a task that exists."""

    task_id: int
    created: bool


class EnqueueManyResult(Sequence[EnqueueResult]):
    """What became of each item, in their order: ``len()``, iteration, indexing and slices give ``EnqueueResult``.

    Kept as runs of ids that follow each other: a batch without keys takes 17 bytes, whatever its length.
    ``append`` is for the one who writes the tasks; it is not safe to use from many threads meanwhile.
    """

    def __init__(self) -> None:
        self._first_ids = array("q")
        self._ends = array("q")  # the position behind each run
        self._is_new = bytearray()
        self.created = 0
        """How many tasks were put in."""

    @property
    def existing(self) -> int:
        """How many items named a task that exists by their key, among them those earlier in the same batch."""
        return len(self) - self.created

    @property
    def ids(self) -> Iterator[int]:
        """The task ids, in the order of the items."""
        start = 0
        for first_id, end in zip(self._first_ids, self._ends, strict=True):
            yield from range(first_id, first_id + end - start)
            start = end

    def append(self, first_id: int, count: int, *, created: bool) -> None:
        """Add so many tasks whose ids follow each other."""
        end = len(self)
        self.created += count if created else 0
        if self._ends and self._is_new[-1] == created:
            start = self._ends[-2] if len(self._ends) > 1 else 0
            if self._first_ids[-1] + end - start == first_id:
                self._ends[-1] = end + count
                return
        self._first_ids.append(first_id)
        self._ends.append(end + count)
        self._is_new.append(created)

    def extend(self, other: EnqueueManyResult) -> None:
        """Add what became of further tasks."""
        start = 0
        for first_id, end, is_new in zip(other._first_ids, other._ends, other._is_new, strict=True):
            self.append(first_id, end - start, created=bool(is_new))
            start = end

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> EnqueueResult: ...
    @overload
    def __getitem__(self, index: slice) -> list[EnqueueResult]: ...
    def __getitem__(self, index: int | slice) -> EnqueueResult | list[EnqueueResult]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        position = range(len(self))[index]  # IndexError, and what stands before 0
        run = bisect.bisect_right(self._ends, position)
        start = self._ends[run - 1] if run else 0
        return EnqueueResult(self._first_ids[run] + position - start, bool(self._is_new[run]))

    def __iter__(self) -> Iterator[EnqueueResult]:
        start = 0
        for first_id, end, is_new in zip(self._first_ids, self._ends, self._is_new, strict=True):
            for task_id in range(first_id, first_id + end - start):
                yield EnqueueResult(task_id, bool(is_new))
            start = end

    def __repr__(self) -> str:
        return f"<EnqueueManyResult: {self.created} created, {self.existing} existing>"


class EnqueueManyError(ValueError):
    """An item of a batch is not allowed, or reading the next one failed (then ``__cause__`` is that error).

    Attributes:
        index: The item's place in the batch, from 0.
        reason: What is wrong with it.
        written: What stays in the queue: nothing in one transaction, else the chunks before.
    """

    def __init__(self, index: int, reason: str, written: EnqueueManyResult) -> None:
        self.index = index
        self.reason = reason
        self.written = written
        super().__init__(f"item {index:,}: {reason}. {self.kept}")

    @property
    def kept(self) -> str:
        """What was written, as a sentence."""
        if not self.written:
            return "Nothing was written."
        return f"The first {len(self.written):,} items were put in before and stay; no other was written."


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """What became of a task, or where it stands.

    Attributes:
        task_id: The task.
        status: As the file has it; other programs' own ones too.
        result_json: What its handler returned, as JSON; None where it returned nothing or isn't completed.
        is_result_whole: False where the result was too long to keep, or not JSON: then it is a text of it.
        error: The last error; None where there was none.
        attempts: How often it was claimed.
        finished_at: Naive UTC; None where it isn't finished, or that can't be read.
    """

    task_id: int
    status: str
    result_json: str | None = None
    is_result_whole: bool = True
    error: str | None = None
    attempts: int = 0
    finished_at: datetime | None = None

    @property
    def is_finished(self) -> bool:
        """Whether nothing will happen to it by itself any more."""
        return self.status in TERMINAL

    @property
    def is_completed(self) -> bool:
        """Whether it was done."""
        return self.status == Status.COMPLETED.value


class TaskNotFound(LookupError):  # noqa: N818 (the field's name for it)
    """There is no such task, or it was deleted while it was waited for."""


class WaitTimeout(TimeoutError):  # noqa: N818 (the field's name for it)
    """The time to wait was over before the task was finished; the task goes on. ``outcome`` is where it stands."""

    def __init__(self, message: str, outcome: TaskOutcome) -> None:
        super().__init__(message)
        self.outcome = outcome
