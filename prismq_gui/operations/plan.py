"""Planning: which tasks an operation would change, which not and why. Reads alone.

Owns the preview, computed by the same table of transitions that the application obeys. Every read
is a short statement, so that a plan over a million tasks never starves the writers' checkpoint.

A clash of idempotency keys cannot arise when a task is queued again: the key is unique over all
rows, whatever their status, and neither operation touches it. So no plan looks for one.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.filters import TaskColumn, TaskOrder
from prismq_gui.insight.hearing import PLAIN, Hearing
from prismq_gui.insight.layout import read_layout
from prismq_gui.insight.messages import Cell, FileFacts, IdSpan
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.states import duration_text
from prismq_gui.insight.walking import padded
from prismq_gui.operations.cells import RawText, exact_text
from prismq_gui.operations.deeds import DEEDS, Moment, Task
from prismq_gui.operations.edits import EDITED, digest, task_changes
from prismq_gui.operations.messages import (
    Matching,
    OperationKind,
    Plan,
    Recorded,
    Selected,
    Target,
    TaskChange,
    Wish,
    Workers,
)
from prismq_gui.operations.refusals import (
    FOREIGN_TRIGGERS,
    access_refusal,
    no_log_index_refusal,
    read_only_refusal,
    triggers_refusal,
)
from prismq_gui.operations.retry_facts import retry_facts
from prismq_gui.operations.targets import GroupTally, SkipTally, Targets
from prismq_gui.operations.wording import plain, plan_sentence, verb_of
from prismq_gui.operations.writer import Identity, ShouldStop
from prismq_gui.queue.timestamps import now_utc, parse_utc
from prismq_gui.queue.transitions import RUNNING, Status, may, refusal

GONE = "no longer exists"
_ABSENT = "does not exist"  # nothing tells whether it ever did
READ_AT_ONCE = 512  # rows a statement: 1 to 3 ms, far from holding anyone up
_BULKY_AT_ONCE = 16  # with their payloads, of up to a megabyte each
_SAMPLE = 10
_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class _Found:
    """What reading the chosen tasks gave."""

    targets: Targets
    groups: GroupTally
    skips: SkipTally
    live_leases: int
    running: int


def plan_tasks(path: Path, wish: Wish, target: Target, should_stop: ShouldStop, hearing: Hearing = PLAIN) -> Plan:
    """Return what an operation on tasks will do; a file or wish that is refused is told in ``refusal``.

    Raises:
        ProblemError: The file cannot be read, or INTERRUPTED where the person stopped it.
    """
    kind, deed = wish.kind, DEEDS[wish.kind]
    if isinstance(target, Recorded | Workers):
        raise TypeError(f"{kind.value} is done to tasks alone")
    if isinstance(target, Matching) and target.filter.is_empty and not target.all_tasks:
        return refused_plan(kind, path, empty_filter(path))
    absent = [name for name in deed.needs if wish.value(name) is None]
    if absent:
        raise ValueError(f"{kind.value} needs {', '.join(absent)}")
    with closing(QueueReader(path, deadline_s=_DEADLINE_S)) as reader:
        facts = reader.open()
        identity = _identity(path)
        with closing(ReadConnection(path, _DEADLINE_S, text_factory=exact_text)) as connection:
            connection.open()
            refused = write_refusal(facts, connection.rows(FOREIGN_TRIGGERS))
            if refused is None and deed.deletes and not read_layout(connection).has_log_index:
                refused = no_log_index_refusal(path)
            if refused is not None:
                return refused_plan(kind, path, refused)
            look = _Look(connection, wish, Targets(identity), should_stop)
            found = look.at(_chosen(reader, target, should_stop))
        return replace(_told(reader, facts, wish, target, found, hearing), diffs=tuple(look.diffs))


def refused_plan(kind: OperationKind, path: Path, problem: Problem) -> Plan:
    """Return a plan that does nothing and says why."""
    return Plan(kind, path, 0, (), (), (), problem.sentence(), refusal=problem)


def write_refusal(facts: FileFacts, triggers: Sequence[Row]) -> Problem | None:
    """Return why the file must not be written, None where it may."""
    if facts.write_refusal:
        return read_only_refusal(facts.path, facts.write_refusal)
    return access_refusal(facts.path) or triggers_refusal(triggers, facts.path)


def stopped_problem(path: Path) -> Problem:
    """Return the problem for a preview that the person stopped."""
    return Problem(ProblemKind.INTERRUPTED, "The preview was stopped", str(path), "Nothing was changed.", "")


def empty_filter(path: Path) -> Problem:
    """Return the refusal of a filter that is empty by accident."""
    return Problem(
        ProblemKind.REFUSED,
        "The filter is empty, and would choose every task",
        str(path),
        "Nothing was changed.",
        "Filter first, or ask for all tasks by that name.",
    )


def _identity(path: Path) -> Identity:
    try:
        return Identity.of(path)
    except OSError:
        problem = Problem(ProblemKind.MISSING, "The file is gone", str(path), "It was not created anew.", "")
        raise ProblemError(problem) from None


def _chosen(reader: QueueReader, target: Selected | Matching, should_stop: ShouldStop) -> Iterator[Sequence[int]]:
    """Yield the chosen ids, each once, ascending, in portions; empty ones while a filter still searches."""
    if isinstance(target, Selected):
        yield from _portions(_ascending(target.ids))
        return
    for chunk in reader.scan_tasks(target.filter, TaskOrder(TaskColumn.ID, descending=False)):
        if should_stop():
            return  # the reader of these portions asks again, and tells it
        yield from _portions(chunk.ids)


def _ascending(ids: IdSpan) -> Sequence[int]:
    if isinstance(ids, range):
        return ids if ids.step > 0 else ids[::-1]
    return array("q", sorted(set(ids)))


def _portions(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for at in range(0, len(ids), READ_AT_ONCE):
        yield ids[at : at + READ_AT_ONCE]


class _Look:
    """A walk over the chosen tasks that finds which may be changed; used once, in one thread."""

    def __init__(self, connection: ReadConnection, wish: Wish, targets: Targets, should_stop: ShouldStop) -> None:
        self._connection = connection
        self._wish = wish
        self._deed = DEEDS[wish.kind]
        self._targets = targets
        self._should_stop = should_stop
        self._skips = SkipTally()
        self.diffs: list[TaskChange] = []
        self._now = Moment.now()
        self._today = self._now.time.strftime("%Y-%m-%d")
        names = {"id": None, "status": None, "attempts": None, "type": None, "locked_by": None, "lease_until_utc": None}
        self._names = tuple(names | dict.fromkeys((*self._deed.columns, *self._deed.reads, *self._deed.told)))
        self._at = {name: place for place, name in enumerate(self._names)}

    def at(self, portions: Iterable[Sequence[int]]) -> _Found:
        """Look at all of them."""
        groups = GroupTally()
        live_leases = running = 0
        for ids in portions:
            _check_stop(self._connection.path, self._should_stop)
            rows = self._rows(ids)
            for task_id in ids:
                task = self._eligible(task_id, rows.get(task_id))
                if task is None:
                    continue
                groups.add(task["status"], task["type"])
                running += task["status"] in RUNNING
                # Both written forms begin with the date: most leases, long over, need no parsing.
                lease = task["lease_until_utc"]
                live_leases += isinstance(lease, str) and lease >= self._today and task.has_live_lease(self._now)
        _check_stop(self._connection.path, self._should_stop)
        return _Found(self._targets, groups, self._skips, live_leases, running)

    def _eligible(self, task_id: int, row: Row | None) -> Task | None:
        """Take a task among those that will be changed, or note why not."""
        if row is None:
            self._skips.add(_ABSENT, task_id)
            return None
        task = Task(self._at, row)
        status = task["status"]
        if not may(self._deed.transition, status):
            known = plain(status) if isinstance(status, str | RawText) else status
            self._skips.add(refusal(self._deed.transition, known), task_id)
            return None
        outcome = self._deed.make(self._wish, task, self._now)
        if isinstance(outcome, str):
            self._skips.add(outcome, task_id)
            return None
        worker = task["locked_by"] if status in RUNNING else None
        seen = digest(task[name] for name in self._deed.seen) if self._deed.seen else ""
        if not self._targets.add(task_id, status, task["attempts"], worker, seen):
            self._skips.add("is one of too many different kinds; choose fewer at once", task_id)
            return None
        if seen and len(self._targets) <= _SAMPLE:
            before, after = (task[name] for name in EDITED), outcome.cells[-len(EDITED) :]
            self.diffs += task_changes(task_id, tuple(before), after)
        return task

    def _rows(self, ids: Sequence[int]) -> dict[Cell, Row]:
        found: dict[Cell, Row] = {}
        at_once = _BULKY_AT_ONCE if self._deed.seen else READ_AT_ONCE
        for at in range(0, len(ids), at_once):
            params, marks = padded(ids[at : at + at_once])
            sql = f"SELECT {', '.join(self._names)} FROM task_queue WHERE id IN ({marks})"
            found.update((row[0], row) for row in self._connection.rows(sql, params, doing="look at the tasks"))
        return found


def _check_stop(path: Path, should_stop: ShouldStop) -> None:
    if should_stop():
        raise ProblemError(stopped_problem(path))


def _told(reader: QueueReader, facts: FileFacts, wish: Wish, target: Target, found: _Found, hearing: Hearing) -> Plan:
    eligible = len(found.targets)
    ids = found.targets.first_ids(_SAMPLE)
    rows = reader.task_rows(ids) if eligible else {}
    skips = found.skips.skips()
    chosen = "selected" if isinstance(target, Selected) else "matching"
    untold = found.groups.untold()
    return Plan(
        kind=wish.kind,
        path=facts.path,
        eligible=eligible,
        groups=found.groups.groups(),
        skips=skips,
        sample=tuple(rows[task_id] for task_id in ids if task_id in rows),
        sentence=plan_sentence(verb_of(wish), eligible, found.targets.status_counts(), skips, chosen),
        warnings=tuple(_warnings(reader, facts, wish.kind, found, hearing)) if eligible else (),
        facts=((("Tasks of further types", f"{untold:,}"),) if untold else ())
        + (retry_facts(reader, wish, found.targets, hearing) if wish.kind is OperationKind.RETRY else ()),
        targets=found.targets,
        values=wish.values,
    )


_AT_WORK = "if a worker is still at work on such a task, "
_MAY_RUN_TWICE = {
    OperationKind.RETRY: f"{_AT_WORK}it will be done twice.",
    OperationKind.RELEASE: f"{_AT_WORK}it will be done twice, since another one can claim it at once.",
    OperationKind.CANCEL: f"{_AT_WORK}it goes on to the end.",
    OperationKind.FORCE_CANCEL: f"{_AT_WORK}that is lost.",
    OperationKind.DELETE: f"{_AT_WORK}it goes on to the end, and its result is not recorded.",
}
"""What a lease that has not run out means for these."""


def _warnings(
    reader: QueueReader, facts: FileFacts, kind: OperationKind, found: _Found, hearing: Hearing
) -> Iterator[str]:
    will_wait = kind in (OperationKind.RETRY, OperationKind.RELEASE, OperationKind.RUN_NOW)
    if will_wait and not _has_live_worker(reader, hearing):
        span = duration_text(timedelta(seconds=hearing.silent_after_s))
        yield f"No worker has given a sign of life in the last {span}: the tasks will wait until one starts."
    if kind is OperationKind.FORCE_CANCEL and found.running:
        yield (
            "A worker that is still at work on such a task is not stopped: it goes on to the end of its handler, "
            "and what it has done outside of the queue stays done. Its result is not recorded."
        )
    if kind is OperationKind.EDIT:
        yield from _edit_warnings(dict(found.targets.status_counts()))
    if found.live_leases and kind in _MAY_RUN_TWICE:
        subject = "1 of these tasks has" if found.live_leases == 1 else f"{found.live_leases:,} of these tasks have"
        yield f"{subject} a lease that has not run out: {_MAY_RUN_TWICE[kind]}"
    if facts.journal_mode.lower() != "wal":
        yield f"The file is not in WAL mode ({facts.journal_mode}): workers and readers wait for each portion."


def _edit_warnings(statuses: dict[Cell, int]) -> Iterator[str]:
    running = sum(statuses.get(status, 0) for status in RUNNING)
    if running:
        yield f"{running:,} of these tasks run: the worker has the old text, the new one counts if it is tried again."
    completed = statuses.get(Status.COMPLETED.value, 0)
    if completed:
        yield f"{completed:,} of these tasks are completed: what they ran with is then told by the journal alone."


def _has_live_worker(reader: QueueReader, hearing: Hearing) -> bool:
    now = now_utc()
    return any(not hearing.is_silent(parse_utc(worker.heartbeat_utc), now) for worker in reader.workers())
