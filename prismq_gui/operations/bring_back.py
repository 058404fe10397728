"""Bringing chosen tasks back from a backup: which can come, under which id, with which key and log lines.

Owns the look at both files and the rows that come. The backup is opened read-only, never attached to the queue's
connection; how rows get in is :mod:`~prismq_gui.operations.adding`'s.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.filters import TaskColumn, TaskOrder
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.walking import is_about_size, padded
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
from prismq_gui.operations.changing import quoted, rows_by_key
from prismq_gui.operations.images import LOGS, TASKS
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import Operation
from prismq_gui.operations.messages import (
    Matching,
    OperationKind,
    Plan,
    Progress,
    Report,
    Selected,
    Target,
    Wish,
)
from prismq_gui.operations.plan import empty_filter, refused_plan, stopped_problem, write_refusal
from prismq_gui.operations.refusals import FOREIGN_TRIGGERS
from prismq_gui.operations.targets import GroupTally, SkipTally, Targets
from prismq_gui.operations.tasks import MAX_LOG_LINES
from prismq_gui.operations.wording import plain, reasons_text
from prismq_gui.operations.writer import Identity, QueueWriter, ShouldStop
from prismq_gui.queue.transitions import RUNNING, Status

THERE = "is in the queue already"
NOT_IN_BACKUP = "is not in the backup"
TOO_LARGE = "is too large to be read"
_DEADLINE_S = 5.0
_AT_ONCE = 64  # tasks with their payloads and lines, of the backup
_SAMPLE = 10
_SAME = ("type", "created_at_utc", "idempotency_key")  # what a task keeps all its life


def bring_back(backup: Path, *, with_logs: bool = True) -> Wish:
    """Wish that tasks of a backup be in the queue again, as they were there; the target chooses in the backup."""
    return Wish(OperationKind.BRING_BACK, (("backup", str(backup)), ("logs", int(with_logs))))


@dataclass(slots=True)
class Chosen:
    """The tasks that can come back, by their ids in the backup; filled by the plan, only read afterwards."""

    identity: Identity
    backup: Identity
    ids: array[int] = field(default_factory=lambda: array("q"))


def _backup_of(wish: Wish) -> Path:
    return Path(str(wish.value("backup")))


# -- the plan


def plan_bring_back(path: Path, wish: Wish, target: Target | None, should_stop: ShouldStop) -> Plan:
    """Return which tasks would come back and which not and why, by reading both files alone.

    Raises:
        ProblemError: A file cannot be read or is no queue; INTERRUPTED where ``should_stop`` said so.
    """
    backup = _backup_of(wish)
    if not isinstance(target, Selected | Matching):
        return refused_plan(wish.kind, path, _refused("No tasks of the backup were chosen", path))
    if isinstance(target, Matching) and target.filter.is_empty and not target.all_tasks:
        return refused_plan(wish.kind, path, empty_filter(backup))
    with closing(QueueReader(path, deadline_s=_DEADLINE_S)) as queue, closing(QueueReader(backup)) as old:
        facts = queue.open()
        with closing(ReadConnection(path, _DEADLINE_S, text_factory=exact_text)) as there:
            there.open()
            refusal = write_refusal(facts, there.rows(FOREIGN_TRIGGERS))
            if refusal is None and _identity(backup) == Identity.of(path):
                refusal = _refused("The backup is the queue itself", path)
            if refusal is not None:
                return refused_plan(wish.kind, path, refusal)
            old.open()
            with closing(ReadConnection(backup, _DEADLINE_S, text_factory=exact_text)) as here:
                here.open()
                look = _Look(here, there, Chosen(Identity.of(path), Identity.of(backup)))
                for ids in _ids(old, target):
                    if should_stop():
                        raise ProblemError(stopped_problem(path))
                    look.at(ids)
        rows = old.task_rows(look.chosen.ids[:_SAMPLE])
        return look.plan(path, wish, old, tuple(rows.values()))


def _ids(old: QueueReader, target: Selected | Matching) -> Iterator[Sequence[int]]:
    if isinstance(target, Selected):
        ids = array("q", sorted(set(target.ids)))
        yield from (ids[at : at + 256] for at in range(0, len(ids), 256))
        return
    for chunk in old.scan_tasks(target.filter, TaskOrder(TaskColumn.ID, descending=False)):
        yield from (chunk.ids[at : at + 256] for at in range(0, len(chunk.ids), 256))


class _Look:
    """A walk over the chosen tasks of the backup that finds which can come."""

    def __init__(self, backup: ReadConnection, queue: ReadConnection, chosen: Chosen) -> None:
        self._backup, self._queue = backup, queue
        self.chosen = chosen
        self._groups, self._skips = GroupTally(), SkipTally()
        self._new_ids = self._running = self._waiting = 0
        self._keys: set[Cell] = set()

    def at(self, ids: Sequence[int]) -> None:
        """Look at some of them."""
        names = (*_SAME, "status")
        rows = rows_by_key(self._backup.rows, TASKS, names, ids)
        there = rows_by_key(self._queue.rows, TASKS, _SAME, ids)
        owners = key_owners(self._queue.rows, [row[2] for row in rows.values()])
        for task_id in ids:
            row = rows.get(task_id)
            reason = why_not(row, there.get(task_id), owners)
            if row is None or reason:
                self._skips.add(reason, task_id)
                continue
            self.chosen.ids.append(task_id)
            self._new_ids += task_id in there
            self._groups.add(row[3], row[0])
            self._running += row[3] in RUNNING
            self._waiting += row[3] == Status.QUEUED.value

    def plan(self, path: Path, wish: Wish, old: QueueReader, sample: tuple[object, ...]) -> Plan:
        """Return what was found, as a plan."""
        count, skips = len(self.chosen.ids), self._skips.skips()
        noun = "1 task" if count == 1 else f"{count:,} tasks"
        sentence = f"{noun} of {plain(_backup_of(wish).name)} will be in the queue again, as they were"
        if not count:
            sentence = f"None of the chosen tasks of {plain(_backup_of(wish).name)} can be brought back"
        if skips:
            sentence += (
                f"; {self._skips.total:,} cannot: {reasons_text(skips)}" if count else f": {reasons_text(skips)}"
            )
        facts = [("Under their old ids", f"{count - self._new_ids:,}")]
        if self._new_ids:
            facts.append(("Under new ids, since others have theirs", f"{self._new_ids:,}"))
        return Plan(
            kind=wish.kind, path=path, eligible=count, groups=self._groups.groups(), skips=skips,
            sample=sample, sentence=f"{sentence}.", warnings=tuple(self._warnings(wish, old)) if count else (),  # type: ignore[arg-type]
            facts=tuple(facts) if count else (), targets=self.chosen, values=wish.values,
        )  # fmt: skip

    def _warnings(self, wish: Wish, old: QueueReader) -> Iterator[str]:
        if self._waiting:
            yield f"{self._waiting:,} of them were waiting: a worker can claim them as soon as they are due."
        if self._running:
            yield (
                f"{self._running:,} of them were running when the backup was made: once their lease is over a worker "
                "takes them anew, though they may have been completed since."
            )
        if wish.value("logs") and not old.layout().has_log_index:
            yield "The backup has no index of its log lines by task: they are left out."


def why_not(row: Sequence[Cell] | None, there: Sequence[Cell] | None, owners: dict[Cell, Cell]) -> str:
    """Return why a task of a backup cannot come back, '' where it can; rows hold what a task keeps all its life."""
    if row is None:
        return NOT_IN_BACKUP
    if there is not None and tuple(there) == tuple(row[: len(_SAME)]):
        return THERE
    owner = owners.get(row[2]) if row[2] is not None else None
    return "" if owner is None else key_taken(owner)


def _refused(what: str, path: Path) -> Problem:
    return Problem(ProblemKind.REFUSED, what, str(path), "Nothing was changed.", "Choose the backup and tasks in it.")


# -- bringing them


def apply_bring_back(
    order: Order,
    plan: Plan,
    journal: Journal | None,
    on_progress: Callable[[Progress], None],
    should_stop: ShouldStop,
) -> Report:
    """Do what a plan says; every error is told in the report."""
    chosen = plan.targets
    assert isinstance(chosen, Chosen)
    stored = Targets(chosen.identity)
    for task_id in chosen.ids:
        stored.add(task_id, "", 0)

    def run(source: AddSource) -> Report:
        return source.told(carry_out(order, source, journal, stored.store(), on_progress, should_stop))

    return _with_backup(order, chosen, run)


def finish_bring_back(
    order: Order,
    operation: Operation,
    new_ids: Collection[int],
    journal: Journal,
    on_progress: Callable[[Progress], None],
    should_stop: ShouldStop,
) -> Report:
    """Bring the tasks that an interrupted operation did not; every error is told in the report."""
    try:
        targets = stored_targets(order, journal, operation)
        done = origins_done(order.path, operation, new_ids)
    except ProblemError as error:
        return nothing_done(order, error.problem)
    ids = array("q", (each.task_id for each in targets.slice(0, len(targets)) if each.task_id not in done))
    chosen = Chosen(order.identity, _identity(_backup_of(order.wish)) or Identity(0, 0), ids)
    return _with_backup(
        order, chosen, lambda source: carry_on(order, source, journal, operation, on_progress, should_stop)
    )


def _with_backup(order: Order, chosen: Chosen, run: Callable[[AddSource], Report]) -> Report:
    """Open the backup and run the source of the chosen tasks."""
    wish, backup = order.wish, _backup_of(order.wish)
    with closing(ReadConnection(backup, _DEADLINE_S, text_factory=exact_text)) as old:
        try:
            if _identity(backup) != chosen.backup:
                return nothing_done(order, _refused("Another file has been put in the backup's place", backup))
            with closing(QueueReader(backup)) as reader:
                reader.open()
                with_logs = bool(wish.value("logs")) and reader.layout().has_log_index
            old.open()
            columns = tuple(_stored_columns(old, table) for table in (TASKS, LOGS))
        except ProblemError as error:
            return nothing_done(order, error.problem)

        def portions(writer: QueueWriter) -> Iterator[Portion]:
            tasks, logs = (
                tuple(name for name in writer.stored_columns(table) if name in given)
                for table, given in zip((TASKS, LOGS), columns, strict=True)
            )
            rows = _Rows(old, writer, tasks, logs if with_logs else (), plain(backup.name))
            for at in range(0, len(chosen.ids), _AT_ONCE):
                yield rows.portion(chosen.ids[at : at + _AT_ONCE])

        source = AddSource(
            wish, order.who, order.operation_id, len(chosen.ids), portions,
            (frozenset(columns[0]), frozenset(columns[1])),
        )  # fmt: skip
        return run(source)


def _identity(path: Path) -> Identity | None:
    try:
        return Identity.of(path)
    except OSError:
        return None


def _stored_columns(connection: ReadConnection, table: str) -> tuple[str, ...]:
    rows = connection.rows(f"PRAGMA table_xinfo({table})", doing="look at the columns")
    return tuple(str(row[1]) for row in rows if row[6] == 0)


class _Rows:
    """Reads the rows of a backup with their log lines, as far as the queue has their columns."""

    def __init__(
        self, old: ReadConnection, writer: QueueWriter, tasks: Sequence[str], logs: Sequence[str], name: str
    ) -> None:
        self._old, self._writer = old, writer
        self._tasks, self._logs = tasks, logs
        self._name = name

    def portion(self, ids: Sequence[int]) -> Portion:
        """Return some tasks, looked at anew; where one cannot be read the others are."""
        try:
            return self._read(ids)
        except ProblemError as error:
            if not is_about_size(error):
                raise
        if len(ids) == 1:
            return [], [(TOO_LARGE, ids[0])]
        half = len(ids) // 2
        first, second = self.portion(ids[:half]), self.portion(ids[half:])
        return [*first[0], *second[0]], [*first[1], *second[1]]

    def _read(self, ids: Sequence[int]) -> Portion:
        rows = rows_by_key(self._old.rows, TASKS, self._tasks, ids)
        there = rows_by_key(self._writer.exact_rows, TASKS, _SAME, ids)
        lines = self._lines(ids)
        made: list[NewTask] = []
        reasons: list[tuple[str, int]] = []
        for task_id in ids:
            row = rows.get(task_id)
            cells = {} if row is None else dict(zip(self._tasks, row, strict=True))
            kept = None if row is None else [cells.get(name) for name in _SAME]
            reason = why_not(kept, there.get(task_id), {})  # keys are looked at where the row gets in
            own = lines.get(task_id, ())
            if not reason and len(own) > MAX_LOG_LINES:
                reason = f"has more than {MAX_LOG_LINES:,} log lines"
            if reason:
                reasons.append((reason, task_id))
            else:
                made.append(NewTask(task_id, cells, f"brought back from {self._name}", task_id, tuple(own)))
        return made, reasons

    def _lines(self, ids: Sequence[int]) -> dict[Cell, list[tuple[int, dict[str, Cell]]]]:
        found: dict[Cell, list[tuple[int, dict[str, Cell]]]] = {}
        if not self._logs:
            return found
        params, marks = padded(ids)
        listed = ", ".join(map(quoted, self._logs))
        most = MAX_LOG_LINES * 4
        sql = f"SELECT task_id, log_id, {listed} FROM task_logs WHERE task_id IN ({marks}) ORDER BY log_id LIMIT {most}"
        rows = self._old.rows(sql, params, doing="read the log lines")
        if len(rows) == most and len(ids) > 1:
            half = len(ids) // 2
            return {**self._lines(ids[:half]), **self._lines(ids[half:])}
        for row in rows:
            if isinstance(row[1], int):
                found.setdefault(row[0], []).append((row[1], dict(zip(self._logs, row[2:], strict=True))))
        return found
