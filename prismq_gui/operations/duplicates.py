"""Putting tasks in from the window: duplicates of those that are there, edited or not, and wholly new ones.

Owns these wishes, the plan of a new task, and where the rows come from. How rows get in is
:mod:`~prismq_gui.operations.adding`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.hearing import PLAIN, Hearing
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.operations.adding import (
    AddSource,
    NewTask,
    Portion,
    carry_on,
    key_owners,
    key_taken,
    origins_done,
    stored_targets,
)
from prismq_gui.operations.applying import Order, carry_out, nothing_done
from prismq_gui.operations.cells import exact_text
from prismq_gui.operations.changing import rows_by_key
from prismq_gui.operations.deeds import DEEDS, Moment, Task, Written
from prismq_gui.operations.edits import CHANGED_MEANWHILE, EDITED, digest
from prismq_gui.operations.images import TASKS
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import Operation
from prismq_gui.operations.messages import (
    Group,
    OperationKind,
    Plan,
    Progress,
    Report,
    Target,
    Wish,
)
from prismq_gui.operations.plan import GONE, plan_tasks, refused_plan, write_refusal
from prismq_gui.operations.refusals import FOREIGN_TRIGGERS
from prismq_gui.operations.retry_facts import matching_workers
from prismq_gui.operations.targets import Targets
from prismq_gui.operations.tasks import BATCH_BYTES, sizes_of
from prismq_gui.operations.wording import plain
from prismq_gui.operations.writer import Identity, QueueWriter, ShouldStop
from prismq_gui.queue.payloads import TaskRules, check_text
from prismq_gui.queue.timestamps import now_text
from prismq_gui.queue.transitions import Status

_DEADLINE_S = 5.0
_AT_ONCE = 200
_FRESH = (
    "lease_until_utc", "reserved_at_utc", "processing_started_utc", "finished_at_utc", "locked_by", "error_message",
)  # fmt: skip


def duplicate(*, key: str = "", edits: Wish | None = None) -> Wish:
    """Wish for new tasks like those that are chosen: queued, with no attempts, due at once, without their keys.

    Args:
        key: The idempotency key of the new one, where one task is chosen.
        edits: What is other about them: a wish to edit.

    Raises:
        ValueError: The key is none, or the wish no edit.
    """
    if edits is not None and edits.kind is not OperationKind.EDIT:
        raise ValueError("a duplicate can be edited, and nothing else")
    values = edits.values if edits is not None else ()
    if key:
        values = (*values, ("key", check_text("idempotency_key", key)))
    return Wish(OperationKind.DUPLICATE, values)


def enqueue(
    type: str,
    payload: str = "{}",
    *,
    priority: int = 100,
    run_after: datetime | timedelta | None = None,
    max_attempts: int = 5,
    compatibility: str = "{}",
    key: str = "",
) -> Wish:
    """Wish for a new task; texts are JSON, times naive UTC.

    Raises:
        ValueError: The queue would not take it; says which field and what is allowed.
    """
    row = TaskRules().row(type, payload, priority, run_after, max_attempts, compatibility, key, None)
    names = ("type", "priority", "payload", "compatibility", "max_attempts", "run_after_utc", "idempotency_key")
    given = zip(names, row, strict=True)
    return Wish(OperationKind.ENQUEUE, tuple((name, cell) for name, cell in given if cell is not None))


# -- a new task


def plan_new_task(path: Path, wish: Wish, hearing: Hearing = PLAIN) -> Plan:
    """Return what putting a task in would do, by reading alone.

    Raises:
        ProblemError: The file cannot be read.
    """
    values = dict(wish.values)
    with closing(QueueReader(path, deadline_s=_DEADLINE_S)) as reader:
        facts = reader.open()
        with closing(ReadConnection(path, _DEADLINE_S, text_factory=exact_text)) as connection:
            connection.open()
            refusal = write_refusal(facts, connection.rows(FOREIGN_TRIGGERS))
            key = values.get("idempotency_key")
            owner = key_owners(connection.rows, [key]).get(key) if key is not None else None
        if refusal is None and owner is not None:
            advice = "Give another key, or none."
            what = f"The new task {key_taken(owner)}: {plain(key)}"
            refusal = Problem(ProblemKind.REFUSED, what, str(path), "Nothing was added.", advice)
        if refusal is not None:
            return refused_plan(wish.kind, path, refusal)
        workers = matching_workers(reader, {str(values.get("compatibility")): 1}, hearing)
    due = values.get("run_after_utc")
    when = "can be claimed at once" if due is None else f"not run before {plain(due)} UTC"
    return Plan(
        kind=wish.kind, path=path, eligible=1, skips=(), sample=(), targets=Identity.of(path), values=wish.values,
        groups=(Group(Status.QUEUED.value, plain(values.get("type"), 200), 1),),
        sentence=f"1 task of type {plain(values.get('type'))} will be put into the queue and {when}.",
        facts=(("Workers", workers),),
    )  # fmt: skip


def plan_duplicates(path: Path, wish: Wish, target: Target, should_stop: ShouldStop) -> Plan:
    """Return which tasks would be duplicated; a key that cannot be given is told in the refusal.

    Raises:
        ProblemError: The file cannot be read; INTERRUPTED where ``should_stop`` said so.
    """
    plan = plan_tasks(path, wish, target, should_stop)
    key = wish.value("key")
    if key is None or plan.refusal is not None:
        return plan
    what = ""
    if plan.eligible > 1:
        what = f"An idempotency key is one task's, and {plan.eligible:,} would get it"
    else:
        with closing(ReadConnection(path, _DEADLINE_S, text_factory=exact_text)) as connection:
            connection.open()
            owner = key_owners(connection.rows, [key]).get(key)
        if owner is not None:
            what = f"The new task {key_taken(owner)}: {plain(key)}"
    if not what:
        return plan
    problem = Problem(ProblemKind.REFUSED, what, str(path), "Nothing was added.", "Give another key, or none.")
    return refused_plan(wish.kind, path, problem)


def _new_task(wish: Wish) -> Iterator[Portion]:
    now = now_text()
    cells: dict[str, Cell] = {"run_after_utc": now, **dict(wish.values), **_queued(now)}
    yield [NewTask(0, cells, "put into the queue")], ()


def _queued(now: str) -> dict[str, Cell]:
    fresh: dict[str, Cell] = dict.fromkeys(_FRESH)
    return {**fresh, "status": Status.QUEUED.value, "attempts": 0, "created_at_utc": now, "updated_at_utc": now}


# -- duplicates


def _duplicates(
    wish: Wish, targets: Targets, writer: QueueWriter, without: Collection[int] = frozenset()
) -> Iterator[Portion]:
    deed = DEEDS[OperationKind.DUPLICATE]
    names = writer.stored_columns(TASKS)
    at = {name: place for place, name in enumerate(names)}
    for start in range(0, len(targets), _AT_ONCE):
        some = targets.slice(start, _AT_ONCE)
        wanted = [seen.task_id for seen in some if seen.task_id not in without]
        for group in _by_size(writer, wanted):
            rows = rows_by_key(writer.exact_rows, TASKS, names, group)
            digests = {seen.task_id: seen.digest for seen in some}
            made: list[NewTask] = []
            reasons: list[tuple[str, int]] = []
            for task_id in group:
                row = rows.get(task_id)
                outcome = GONE if row is None else deed.make(wish, Task(at, row), Moment.now())
                if row is None or not isinstance(outcome, Written):
                    reasons.append((str(outcome), task_id))
                elif digest(row[at[name]] for name in EDITED) != digests[task_id]:
                    reasons.append((CHANGED_MEANWHILE, task_id))
                else:
                    made.append(_like(wish, task_id, dict(zip(names, row, strict=True)), outcome.cells))
            yield made, reasons


def _like(wish: Wish, task_id: int, row: dict[str, Cell], edited: Sequence[Cell]) -> NewTask:
    now = now_text()
    key = wish.value("key")
    cells = {**row, **dict(zip(EDITED, edited, strict=True)), **_queued(now), "run_after_utc": now}
    return NewTask(task_id, {**cells, "idempotency_key": key}, f"duplicated from task {task_id}")


def _by_size(writer: QueueWriter, ids: Sequence[int]) -> Iterator[list[int]]:
    """Yield ids in groups whose rows are held in a few MB."""
    sizes = sizes_of(writer, ids, EDITED)
    group: list[int] = []
    held = 0
    for task_id in ids:
        size = sizes.get(task_id, 0)
        if group and held + size > BATCH_BYTES:
            yield group
            group, held = [], 0
        group.append(task_id)
        held += size
    if group:
        yield group


def apply_new_tasks(
    order: Order,
    plan: Plan,
    journal: Journal | None,
    on_progress: Callable[[Progress], None],
    should_stop: ShouldStop,
) -> Report:
    """Do what a plan of new tasks says; every error is told in the report."""
    wish, targets = plan.wish, plan.targets

    def portions(writer: QueueWriter) -> Iterator[Portion]:
        return _duplicates(wish, targets, writer) if isinstance(targets, Targets) else _new_task(wish)

    source = AddSource(wish, order.who, order.operation_id, plan.eligible, portions)
    stored = targets.store() if isinstance(targets, Targets) else ()
    return source.told(carry_out(order, source, journal, stored, on_progress, should_stop))


def finish_duplicates(
    order: Order,
    operation: Operation,
    new_ids: Collection[int],
    journal: Journal,
    on_progress: Callable[[Progress], None],
    should_stop: ShouldStop,
) -> Report:
    """Put the duplicates in that an interrupted operation did not; every error is told in the report."""
    try:
        targets = stored_targets(order, journal, operation)
        done = origins_done(order.path, operation, new_ids)
    except ProblemError as error:
        return nothing_done(order, error.problem)

    def portions(writer: QueueWriter) -> Iterator[Portion]:
        return _duplicates(order.wish, targets, writer, done)

    source = AddSource(order.wish, order.who, order.operation_id, len(targets) - len(done), portions)
    return carry_on(order, source, journal, operation, on_progress, should_stop)
