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
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.filters import TaskColumn, TaskOrder
from prismq_gui.insight.messages import Cell, FileFacts, IdSpan
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.walking import padded
from prismq_gui.operations.messages import Matching, OperationKind, Plan, Selected, Target
from prismq_gui.operations.refusals import FOREIGN_TRIGGERS, access_refusal, read_only_refusal, triggers_refusal
from prismq_gui.operations.targets import ATTEMPTS_SQL, GroupTally, SkipTally, Targets
from prismq_gui.operations.wording import VERBS, plain, plan_sentence
from prismq_gui.operations.writer import Identity, ShouldStop
from prismq_gui.queue.timestamps import now_utc, parse_utc
from prismq_gui.queue.transitions import TRANSITIONS, Transition, may, refusal

GONE = "no longer exists"
SILENT_AFTER = timedelta(minutes=2)
READ_AT_ONCE = 512  # rows a statement: 1 to 3 ms, far from holding anyone up
_SAMPLE = 10
_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class _Found:
    """What reading the chosen tasks gave."""

    targets: Targets
    groups: GroupTally
    skips: SkipTally
    live_leases: int


def plan_tasks(path: Path, kind: OperationKind, target: Target, should_stop: ShouldStop) -> Plan:
    """Return what an operation on tasks will do; a file or wish that is refused is told in ``refusal``.

    Raises:
        ProblemError: The file cannot be read, or INTERRUPTED where the person stopped it.
    """
    if isinstance(target, Matching) and target.filter.is_empty and not target.all_tasks:
        return refused_plan(kind, path, _empty_filter(path))
    with closing(QueueReader(path, deadline_s=_DEADLINE_S)) as reader:
        facts = reader.open()
        identity = _identity(path)
        with closing(ReadConnection(path, _DEADLINE_S)) as connection:
            connection.open()
            refused = write_refusal(facts, connection.rows(FOREIGN_TRIGGERS))
            if refused is not None:
                return refused_plan(kind, path, refused)
            transition = VERBS[kind].transition
            ids = _chosen(reader, target, should_stop)
            found = _look(connection, transition, Targets(TRANSITIONS[transition].sources, identity), ids, should_stop)
        return _told(reader, facts, kind, target, found)


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


def _empty_filter(path: Path) -> Problem:
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


def _chosen(reader: QueueReader, target: Target, should_stop: ShouldStop) -> Iterator[Sequence[int]]:
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


def _look(
    connection: ReadConnection,
    transition: Transition,
    targets: Targets,
    portions: Iterable[Sequence[int]],
    should_stop: ShouldStop,
) -> _Found:
    groups, skips = GroupTally(), SkipTally()
    now = now_utc()
    today = now.strftime("%Y-%m-%d")
    live_leases = 0
    for ids in portions:
        _check_stop(connection.path, should_stop)
        rows = _rows(connection, ids)
        for task_id in ids:
            row = rows.get(task_id)
            if row is None:
                skips.add(GONE, task_id)
                continue
            _id, status, attempts, kind, lease = row
            if not isinstance(status, str) or not may(transition, status):
                skips.add(refusal(transition, plain(status)), task_id)
                continue
            targets.add(task_id, status, attempts)
            groups.add(status, kind)
            # Both written forms begin with the date: most leases, long over, need no parsing.
            if isinstance(lease, str) and lease >= today and (until := parse_utc(lease)) and until > now:
                live_leases += 1
    _check_stop(connection.path, should_stop)
    return _Found(targets, groups, skips, live_leases)


def _check_stop(path: Path, should_stop: ShouldStop) -> None:
    if should_stop():
        raise ProblemError(stopped_problem(path))


def _rows(connection: ReadConnection, ids: Sequence[int]) -> dict[Cell, Row]:
    params, marks = padded(ids)
    sql = f"SELECT id, status, {ATTEMPTS_SQL}, type, lease_until_utc FROM task_queue WHERE id IN ({marks})"
    return {row[0]: row for row in connection.rows(sql, params, doing="look at the tasks")}


def _told(reader: QueueReader, facts: FileFacts, kind: OperationKind, target: Target, found: _Found) -> Plan:
    eligible = len(found.targets)
    ids = found.targets.first_ids(_SAMPLE)
    rows = reader.task_rows(ids) if eligible else {}
    skips = found.skips.skips()
    chosen = "selected" if isinstance(target, Selected) else "matching"
    untold = found.groups.untold()
    return Plan(
        kind=kind,
        path=facts.path,
        eligible=eligible,
        groups=found.groups.groups(),
        skips=skips,
        sample=tuple(rows[task_id] for task_id in ids if task_id in rows),
        sentence=plan_sentence(kind, eligible, found.targets.status_counts(), skips, chosen),
        warnings=tuple(_warnings(reader, facts, kind, found)) if eligible else (),
        facts=(("Tasks of further types", f"{untold:,}"),) if untold else (),
        targets=found.targets,
    )


def _warnings(reader: QueueReader, facts: FileFacts, kind: OperationKind, found: _Found) -> Iterator[str]:
    if kind is OperationKind.RETRY and not _has_live_worker(reader):
        yield "No worker has given a sign of life in the last 2 minutes: the tasks will wait until one starts."
    if found.live_leases:
        subject = "1 of these tasks has" if found.live_leases == 1 else f"{found.live_leases:,} of these tasks have"
        yield (
            f"{subject} a lease that has not run out: "
            "if a worker is still at work on such a task, it will be done twice."
        )
    if facts.journal_mode.lower() != "wal":
        yield f"The file is not in WAL mode ({facts.journal_mode}): workers and readers wait for each portion."


def _has_live_worker(reader: QueueReader) -> bool:
    since = now_utc() - SILENT_AFTER
    beats = (parse_utc(worker.heartbeat_utc) for worker in reader.workers())
    return any(beat is not None and beat >= since for beat in beats)
