"""Putting new rows into a queue: each with an id that nobody has, a key that nobody has, and its log lines.

Owns the choice of ids and the source of such batches. An id is chosen before the row is journaled and checked under
the write lock; where a worker's program took it in between, another one is chosen. The highest one goes in first:
from then on SQLite gives others higher ones, so that the rest of a batch is not raced for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.walking import padded
from prismq_gui.operations.applying import Order, go_on, nothing_done
from prismq_gui.operations.cells import Cells, bound, mark
from prismq_gui.operations.changing import rows_by_key
from prismq_gui.operations.images import LOGS, TASKS, Batch, Columns, LogLine, RowChange, Unit
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import Operation
from prismq_gui.operations.messages import Progress, Report, Wish
from prismq_gui.operations.targets import SkipTally, Targets
from prismq_gui.operations.wording import plain
from prismq_gui.operations.writer import ADD_LOG, ADD_TASK, QueueWriter, ShouldStop
from prismq_gui.queue.timestamps import now_text

MAX_TRIES = 5
RESTLESS = "found each id taken by another program"
NO_IDS_LEFT = "finds no free id: the queue has used the highest one"
_GAPS = (0, 16, 256, 4_096, 65_536, 1_048_576)  # left to others with each try
_HIGHEST = 2**63 - 1
_TOLD_IDS = 20
_DEADLINE_S = 5.0


class NewTask(NamedTuple):
    """A task to be put in. ``origin`` is the task it comes from; ``wished_id`` is taken where it is free."""

    origin: int
    cells: dict[str, Cell]  # without the id
    said: str
    wished_id: int | None = None
    lines: tuple[tuple[int, dict[str, Cell]], ...] = ()  # by their wished log ids, without these and the task's


Portion = tuple[Sequence[NewTask], Sequence[tuple[str, int]]]
"""Tasks to be put in, and the reasons why others (by their origins) are not."""


class _Tally(SkipTally):
    """Counts by origin what is refused by new id."""

    def __init__(self) -> None:
        super().__init__()
        self.origins: dict[int, int] = {}

    def add(self, reason: str, task_id: int) -> None:
        super().add(reason, self.origins.get(task_id, task_id))


class AddSource:
    """New tasks on their way into the queue; used once, in one thread. ``columns``: those that are given."""

    def __init__(
        self,
        wish: Wish,
        who: str,
        operation_id: str,
        total: int,
        portions: Callable[[QueueWriter], Iterator[Portion]],
        columns: tuple[frozenset[str], frozenset[str]] | None = None,
    ) -> None:
        self._wish, self._who, self._operation_id = wish, who, operation_id
        self._make = portions
        self._columns = columns
        self._portions: Iterator[Portion] | None = None
        self._again: list[NewTask] = []
        self._tries: dict[int, int] = {}
        self._made: dict[int, NewTask] = {}
        self.total = total
        self.rights = frozenset({ADD_TASK, ADD_LOG})
        self.skips: SkipTally = _Tally()
        self.new_ids: dict[int, int] = {}
        """The id that each task got, by its origin."""

    def batch(self, writer: QueueWriter) -> Batch | None:
        """Return the next tasks with ids that are free."""
        if self._portions is None:
            self._portions = self._make(writer)
        if self._again:
            tasks, self._again = self._again, []
        else:
            found = next(self._portions, None)
            if found is None:
                return None
            tasks = list(found[0])
            for reason, origin in found[1]:
                self.skips.add(reason, origin)
        columns = self._known_columns(writer)
        placed = self._placed(writer, self._with_free_keys(writer, tasks))
        log_ids = _LogIds(writer, placed, columns[LOGS].names, self._gap(tasks))
        units = [self._unit(task_id, task, columns, log_ids) for task_id, task in placed]
        self._made = dict(placed)
        assert isinstance(self.skips, _Tally)
        self.skips.origins = {task_id: task.origin for task_id, task in placed}
        self.new_ids.update((task.origin, task_id) for task_id, task in placed)
        return Batch(columns, sorted(units, key=lambda unit: -unit.task_id))

    def _known_columns(self, writer: QueueWriter) -> dict[str, Columns]:
        tasks, logs = writer.stored_columns(TASKS), writer.stored_columns(LOGS)
        if self._columns is not None:
            given, given_logs = self._columns
            tasks = tuple(name for name in tasks if name in given)
            logs = tuple(name for name in logs if name in given_logs)
        return {TASKS: Columns(tasks), LOGS: Columns(logs)}

    def _with_free_keys(self, writer: QueueWriter, tasks: Sequence[NewTask]) -> list[NewTask]:
        taken = key_owners(writer.exact_rows, [task.cells.get("idempotency_key") for task in tasks])
        free: list[NewTask] = []
        for task in tasks:
            key = task.cells.get("idempotency_key")
            owner = taken.get(key) if key is not None else None
            if owner is None:
                free.append(task)
                if key is not None:
                    taken[key] = "another one that is put in"
            else:
                self.skips.add(key_taken(owner), task.origin)
        return free

    def _gap(self, tasks: Sequence[NewTask]) -> int:
        return _GAPS[min(max((self._tries.get(task.origin, 0) for task in tasks), default=0), len(_GAPS) - 1)]

    def _placed(self, writer: QueueWriter, tasks: Sequence[NewTask]) -> list[tuple[int, NewTask]]:
        wished = [task.wished_id for task in tasks if task.wished_id is not None]
        there = rows_by_key(writer.rows, TASKS, ("id",), wished)
        last = max([last_id(writer, TASKS, "id"), *wished]) + self._gap(tasks)
        placed = []
        for task in tasks:
            if task.wished_id is not None and task.wished_id not in there:
                placed.append((task.wished_id, task))
            elif last >= _HIGHEST:
                self.skips.add(NO_IDS_LEFT, task.origin)
            else:
                last += 1
                placed.append((last, task))
        return placed

    def _unit(self, task_id: int, task: NewTask, columns: dict[str, Columns], log_ids: _LogIds) -> Unit:
        cells = {**task.cells, "id": task_id}
        changes = [RowChange(TASKS, task_id, None, tuple(cells.get(name) for name in columns[TASKS].names))]
        changes += [RowChange(LOGS, log_id, None, row) for log_id, row in log_ids.of(task_id)]
        details = {
            "operation": self._operation_id, "by": self._who, "action": self._wish.kind.value, "origin": task.origin,
        }  # fmt: skip
        line = LogLine(now_text(), "INFO", f"{task.said} by {self._who}", json.dumps(details, ensure_ascii=False))
        return Unit(task_id, tuple(changes), line)

    def not_changed(self, units: Sequence[Unit], *, moved: bool) -> None:
        """Choose other ids for what found its own taken."""
        for unit in units:
            task = self._made[unit.task_id]
            self.new_ids.pop(task.origin, None)
            tries = self._tries[task.origin] = self._tries.get(task.origin, 0) + moved
            if tries > MAX_TRIES:
                self.skips.add(RESTLESS, unit.task_id)
            else:
                self._again.append(task)

    def told(self, report: Report) -> Report:
        """Return a report with the ids that the tasks got."""
        if not report.changed:
            return report
        ids = sorted(self.new_ids.values())[:_TOLD_IDS]
        more = ", …" if len(self.new_ids) > len(ids) else ""
        return replace(report, facts=(*report.facts, ("Ids", ", ".join(f"#{each}" for each in ids) + more)))


def carry_on(
    order: Order,
    source: AddSource,
    journal: Journal,
    operation: Operation,
    on_progress: Callable[[Progress], None],
    should_stop: ShouldStop,
) -> Report:
    """Do the rest of an operation that was stopped or interrupted; every error is told in the report."""
    try:
        recording = journal.resume(operation)
    except ProblemError as error:
        return nothing_done(order, error.problem)
    if recording is None:
        what = "The operation is being carried out in another window"
        problem = Problem(ProblemKind.REFUSED, what, str(order.path), "Nothing was changed.", "Wait for its end.")
        return nothing_done(order, problem)
    return source.told(go_on(order, source, recording, journal, on_progress, should_stop))


def stored_targets(order: Order, journal: Journal, operation: Operation) -> Targets:
    """Return what the journal holds of the tasks that an operation was to be about.

    Raises:
        ProblemError: The journal cannot be read, or what it holds is not whole.
    """
    try:
        return Targets.restore(order.identity, journal.targets(operation))
    except ValueError:
        what = "What the journal holds of this operation is not whole"
        problem = Problem(ProblemKind.CORRUPT, what, str(journal.path), "Nothing was changed.", "It can be undone.")
        raise ProblemError(problem) from None


def origins_done(path: Path, operation: Operation, new_ids: Collection[int]) -> frozenset[int]:
    """Return which tasks an operation has put in already, by where they come from, as their log lines tell.

    Raises:
        ProblemError: The queue cannot be read.
    """
    found: set[int] = set()
    ids = sorted(new_ids)
    with closing(ReadConnection(path, _DEADLINE_S)) as connection:
        connection.open()
        for at in range(0, len(ids), 256):
            params, marks = padded(ids[at : at + 256])
            sql = f"SELECT details FROM task_logs WHERE task_id IN ({marks}) AND instr(details, ?) > 0"
            sought = f'"operation": "{operation.id}"'
            for (details,) in connection.rows(sql, (*params, sought), doing="look at the log lines"):
                try:
                    origin = json.loads(str(details)).get("origin")
                except (ValueError, AttributeError):  # another program's line that quotes ours
                    continue
                if isinstance(origin, int):
                    found.add(origin)
    return frozenset(found)


class _LogIds:
    """The log lines of new tasks, each with an id that is free; a line that is there already is left out."""

    def __init__(
        self, writer: QueueWriter, placed: Sequence[tuple[int, NewTask]], names: Sequence[str], gap: int
    ) -> None:
        wished = [log_id for _id, task in placed for log_id, _cells in task.lines]
        there = rows_by_key(writer.exact_rows, LOGS, names, wished) if wished else {}
        last = last_id(writer, LOGS, "log_id") + gap if there else 0
        self._found: dict[int, list[tuple[int, Cells]]] = {}
        for task_id, task in placed:
            rows = self._found.setdefault(task_id, [])
            for log_id, cells in task.lines:
                row = _row(names, cells, log_id, task_id)
                if there.get(log_id) == row:
                    continue
                if log_id in there:
                    last += 1
                    row, log_id = _row(names, cells, last, task_id), last  # noqa: PLW2901
                rows.append((log_id, row))

    def of(self, task_id: int) -> list[tuple[int, Cells]]:
        """Return the rows of a task's lines by their ids."""
        return self._found.get(task_id, [])


def _row(names: Sequence[str], cells: dict[str, Cell], log_id: int, task_id: int) -> Cells:
    return tuple({**cells, "log_id": log_id, "task_id": task_id}.get(name) for name in names)


def last_id(writer: QueueWriter, table: str, key: str) -> int:
    """Return the highest id that a table has or, where SQLite counts them, has had."""
    found = writer.rows(f"SELECT max({key}) FROM {table}")[0][0]
    highest = found if isinstance(found, int) else 0
    if writer.rows("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"):
        for (seq,) in writer.rows("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)):
            highest = max(highest, seq) if isinstance(seq, int) else highest
    return highest


def key_owners(read: Callable[[str, Sequence[Cell]], list[tuple[Cell, ...]]], keys: Sequence[Cell]) -> dict[Cell, Cell]:
    """Return which tasks have these idempotency keys."""
    wanted = [key for key in dict.fromkeys(keys) if key is not None]
    found: dict[Cell, Cell] = {}
    for at in range(0, len(wanted), 256):
        some = wanted[at : at + 256]
        sql = (
            "SELECT idempotency_key, id FROM task_queue WHERE idempotency_key IS NOT NULL "
            f"AND idempotency_key IN ({', '.join(map(mark, some))})"
        )
        found.update((row[0], row[1]) for row in read(sql, bound(some)))
    return found


def key_taken(owner: Cell) -> str:
    """Return the reason for a key that another task has."""
    return f"has the idempotency key of {f'task #{owner}' if isinstance(owner, int) else plain(owner)}"
