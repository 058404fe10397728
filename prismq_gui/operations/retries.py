"""Retries that do not come all at once: spread over a time, or a few first and the rest once these passed.

Owns the wish, when each task is due, which are the first, and the look at what became of them. Nothing is queued
with a time far away: the rest of a staged retry is not touched until it is its turn, so that a kill in between leaves
failed tasks failed, and an operation in the journal that can be finished or taken back.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.walking import padded
from prismq_gui.operations.deeds import DEEDS, Moment, Task, Written
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import Operation, State
from prismq_gui.operations.messages import OperationKind, Wish
from prismq_gui.operations.recovery import applied_before
from prismq_gui.operations.retry_facts import step_s
from prismq_gui.operations.targets import Seen, Targets
from prismq_gui.operations.tasks import TaskSource
from prismq_gui.queue.timestamps import now_utc, utc_text
from prismq_gui.queue.transitions import RUNNING, Status

LONGEST_SPREAD = timedelta(days=365)
MOST_FIRST = 1_000
_DEADLINE_S = 5.0
_DUE_AT = DEEDS[OperationKind.RETRY].writes.index("run_after_utc")


def retry(*, over: timedelta | None = None, per_minute: int | None = None, first: int | None = None) -> Wish:
    """Wish that tasks be queued again: at once, spread over a time, or so many a minute; and ``first`` so many alone.

    Raises:
        ValueError: A number is not allowed; says what is.
    """
    values: list[tuple[str, int | float]] = []
    if over is not None and per_minute is not None:
        raise ValueError("a retry is spread over a time, or by a number a minute, not both")
    if over is not None:
        if not timedelta(seconds=1) <= over <= LONGEST_SPREAD:
            raise ValueError("a retry can be spread over a second up to 365 days")
        values.append(("over_s", over.total_seconds()))
    if per_minute is not None:
        if not 1 <= per_minute <= 1_000_000:
            raise ValueError("a retry can be spread by 1 to 1,000,000 tasks a minute")
        values.append(("per_minute", per_minute))
    if first is not None:
        if not 1 <= first <= MOST_FIRST:
            raise ValueError(f"1 to {MOST_FIRST:,} tasks can be retried first")
        values.append(("first", first))
    return Wish(OperationKind.RETRY, tuple(values))


def first_targets(targets: Targets, first: int) -> Targets:
    """Return the first ones: spread over all of them, so that they speak for old and new tasks."""
    made = Targets(targets.identity)
    for at in range(first):
        (seen,) = targets.slice(at * len(targets) // first, 1)
        made.add(seen.task_id, seen.status, seen.attempts, seen.worker, seen.digest)
    return made


class SpreadSource(TaskSource):
    """Tasks that are queued again one after the other in time; used once, in one thread.

    The n-th task of the plan is due n steps after the start, in whole seconds. Where an operation is finished later,
    the rest goes on at the same pace from then on.
    """

    def __init__(
        self,
        wish: Wish,
        targets: Targets,
        who: str,
        operation_id: str,
        without: Collection[int] = frozenset(),
        started: datetime | None = None,
    ) -> None:
        super().__init__(wish, targets, who, operation_id, without)
        self._all = targets
        self._step_s = step_s(wish, len(targets))
        now = now_utc()
        self._start = max(started or now, now - timedelta(seconds=len(without) * self._step_s))

    def _outcome(self, seen: Seen, task: Task | None, now: Moment) -> Written | None:
        written = super()._outcome(seen, task, now)
        if written is None:
            return None
        due = self._start + timedelta(seconds=int(self._all.place_of(seen.task_id) * self._step_s))
        at = utc_text(due)
        cells = (*written.cells[:_DUE_AT], at, *written.cells[_DUE_AT + 1 :])
        return written._replace(cells=cells, said=f"retried, to run at {at} UTC,")


def task_source(
    wish: Wish,
    targets: Targets,
    who: str,
    operation_id: str,
    without: Collection[int] = frozenset(),
    started: datetime | None = None,
) -> TaskSource:
    """Return what changes the tasks of a plan, at the pace that was wished."""
    if wish.kind is OperationKind.RETRY and step_s(wish, len(targets)):
        return SpreadSource(wish, targets, who, operation_id, without, started)
    return TaskSource(wish, targets, who, operation_id, without)


# -- what became of the first ones


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What became of the first tasks of a staged retry, and how many wait for that."""

    passed: tuple[int, ...]
    failed: tuple[int, ...]
    running: tuple[int, ...]
    waiting: tuple[int, ...]
    tried: tuple[int, ...]  # waiting again after a try that failed
    other: tuple[int, ...]  # cancelled, deleted, of an unknown status
    rest: int

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to them."""
        return not (self.running or self.waiting or self.tried)

    @property
    def all_passed(self) -> bool:
        """Whether each of them is completed."""
        return bool(self.passed) and self.is_over and not (self.failed or self.other)

    @property
    def sentence(self) -> str:
        """What became of them, in plain words."""
        words = (
            (self.passed, "passed"), (self.failed, "failed"), (self.running, "run"), (self.waiting, "wait"),
            (self.tried, "failed once more and wait for another try"), (self.other, "were cancelled or are gone"),
        )  # fmt: skip
        total = sum(len(ids) for ids, _word in words)
        told = ", ".join(f"{len(ids):,} {word}" for ids, word in words if ids)
        end = "" if not self.rest else f"; {self.rest:,} more are not touched yet"
        return f"Of the first {total:,}: {told or 'none is left'}{end}."


def look_at_first(journal: Journal, operation: Operation, path: Path) -> FirstLook:
    """Return what became of the first tasks of a staged retry, by short reading alone.

    Raises:
        ProblemError: The queue or the journal cannot be read.
    """
    ids = sorted(applied_before(journal, operation))
    found: dict[str, list[int]] = {name: [] for name in ("passed", "failed", "running", "waiting", "tried", "other")}
    with closing(ReadConnection(path, _DEADLINE_S)) as connection:
        connection.open()
        for at in range(0, len(ids), 256):
            some = ids[at : at + 256]
            params, marks = padded(some)
            sql = f"SELECT id, status, attempts FROM task_queue WHERE id IN ({marks})"
            rows = {row[0]: row[1:] for row in connection.rows(sql, params, doing="look at the first tasks")}
            for task_id in some:
                status, attempts = rows.get(task_id, (None, None))
                found[_fate(status, attempts)].append(task_id)
    lists = {name: tuple(each) for name, each in found.items()}
    return FirstLook(**lists, rest=max(0, operation.planned - operation.changed))


def _fate(status: object, attempts: object) -> str:
    if status == Status.QUEUED.value:
        return "tried" if isinstance(attempts, int) and attempts > 0 else "waiting"
    if status in RUNNING:
        return "running"
    fates = {Status.COMPLETED.value: "passed", Status.FAILED.value: "failed", Status.DEAD_LETTER.value: "failed"}
    return fates.get(str(status), "other")


def is_staged(operation: Operation) -> bool:
    """Whether an operation is a staged retry whose rest is still to come, the first tasks killed in between or not."""
    is_open = operation.state in (State.STAGED, State.INTERRUPTED, State.STOPPED) and operation.has_targets
    return is_open and operation.kind is OperationKind.RETRY and dict(operation.values).get("first") is not None
