"""Planning a mending: which rows a finding is about now, and what would become of each. Reads alone.

Owns the choice of the rows, by the conditions that counted them, and what a plan tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from prismq_gui.insight import health_conditions as conditions
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.filters import Condition
from prismq_gui.insight.health_workers import running_ids
from prismq_gui.insight.messages import Cell, TaskRow, WorkerRow
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.walking import Pace, Walk, read_bounds
from prismq_gui.operations.cells import exact_text
from prismq_gui.operations.changing import rows_by_key
from prismq_gui.operations.images import LOGS, TASKS
from prismq_gui.operations.mending import BATCH_ROWS, BY_WORKER, DEADLINE_S, Chosen, code_of, known
from prismq_gui.operations.mending_index import CODE as INDEX_CODE
from prismq_gui.operations.mending_index import plan_indexes
from prismq_gui.operations.mending_rows import REMEDIES, Known, Mended, Remedy
from prismq_gui.operations.messages import OperationKind, Plan, Wish
from prismq_gui.operations.plan import refused_plan, stopped_problem, write_refusal
from prismq_gui.operations.refusals import FOREIGN_TRIGGERS
from prismq_gui.operations.targets import GroupTally
from prismq_gui.operations.wording import plain
from prismq_gui.operations.writer import Identity, ShouldStop
from prismq_gui.queue.timestamps import now_utc

_SAMPLE = 10
_EXAMPLES = 3
_MOST_WORKERS = 20
_TOLD_CHANGES = frozenset(conditions.TIME_COLUMNS)
_RUNNING = BY_WORKER | {"lease-expired", "lease-iso"}
_CONDITIONS = {
    "time-iso": f"{conditions.QUEUED} AND {conditions.is_abroad('run_after_utc')}",
    "finished-names-worker": conditions.FINISHED_NAMES_WORKER,
    "log-orphan": conditions.LOG_ORPHAN,
    "time-iso-elsewhere": " OR ".join(
        (
            f"(NOT {conditions.QUEUED} AND {conditions.is_abroad('run_after_utc')})",
            f"(NOT {conditions.IS_RUNNING} AND {conditions.is_abroad('lease_until_utc')})",
            *(conditions.is_abroad(name) for name in conditions.TIME_COLUMNS if name not in conditions.NO_EARLIER),
        )
    ),
}


def plan_mending(path: Path, wish: Wish, should_stop: ShouldStop) -> Plan:
    """Return what mending would change, by reading alone and by the same rules as applying it.

    Raises:
        ProblemError: The file cannot be read; INTERRUPTED where ``should_stop`` said so.
    """
    if code_of(wish) == INDEX_CODE:
        return plan_indexes(path, wish)
    knows, workers = known(path, wish, now_utc())
    remedy = REMEDIES[code_of(wish)]
    with closing(QueueReader(path, deadline_s=DEADLINE_S)) as reader:
        facts = reader.open()
        chosen = Chosen(Identity.of(path))
        with closing(ReadConnection(path, DEADLINE_S, text_factory=exact_text)) as connection:
            connection.open()
            refused = write_refusal(facts, connection.rows(FOREIGN_TRIGGERS))
            if refused is not None:
                return refused_plan(OperationKind.MEND, path, refused)
            look = _Look(connection, remedy, knows, chosen)
            for ids in _ids(connection, wish, workers):
                if should_stop():
                    raise ProblemError(stopped_problem(path))
                look.at(ids)
        rows = reader.task_rows(chosen.ids[:_SAMPLE]) if remedy.table == TASKS else {}
    return look.plan(path, wish, tuple(rows.values()), workers)


def _ids(connection: ReadConnection, wish: Wish, workers: Sequence[WorkerRow]) -> Iterator[list[int]]:
    """Yield the keys of the rows that may be mended, in portions; of workers the numbers of their rows."""
    code = code_of(wish)
    if code == "worker-gone":
        for worker in workers:
            sql = "SELECT rowid FROM workers WHERE worker_id = ? AND typeof(worker_id) = 'text'"
            yield [row[0] for row in connection.rows(sql, (worker.worker_id,)) if isinstance(row[0], int)]
        return
    if code in _RUNNING:
        found, _cut = running_ids(connection)
        yield from (found[at : at + BATCH_ROWS] for at in range(0, len(found), BATCH_ROWS))
        return
    table, key = (LOGS, "log_id") if code == "log-orphan" else (TASKS, "id")
    bounds = read_bounds(connection, table, key)
    if bounds is None:
        return
    condition = Condition(f"({_CONDITIONS[code]})", ())
    # By key: by the index of statuses each stretch would look at all that wait, 0.3 s of 100,000.
    walk = Walk(f"{table} NOT INDEXED", key, bounds, False, condition, condition)
    for rows, _progress in walk.steps(connection, Pace()):
        ids = [row[0] for row in rows if isinstance(row[0], int)]
        yield from (ids[at : at + BATCH_ROWS] for at in range(0, len(ids), BATCH_ROWS))
        if not ids:
            yield []


class _Look:
    """A walk over the rows that a finding is about, which decides about each as applying will."""

    def __init__(self, connection: ReadConnection, remedy: Remedy, knows: Known, chosen: Chosen) -> None:
        self._connection = connection
        self._remedy = remedy
        self._knows = knows
        self._chosen = chosen
        self._groups = GroupTally()
        self._buried = 0
        self._examples: list[tuple[str, str]] = []

    def at(self, ids: Sequence[int]) -> None:
        """Look at some of them."""
        if self._remedy.make is None:
            self._chosen.ids.extend(ids)
            return
        names = (*self._remedy.columns, "type")
        rows = rows_by_key(self._read, TASKS, names, ids)
        for task_id in ids:
            cells = rows.get(task_id)
            if cells is None:
                continue
            row = dict(zip(names, cells, strict=True))
            mended = self._remedy.make(row, self._knows)
            if isinstance(mended, Mended):
                self._chosen.ids.append(task_id)
                self._groups.add(row["status"], row["type"])
                self._buried += mended.said.startswith("made a dead letter")
                if len(self._examples) < _EXAMPLES:
                    self._examples += self._changes(task_id, row, mended)

    def _changes(self, task_id: int, row: Mapping[str, Cell], mended: Mended) -> Iterator[tuple[str, str]]:
        """Yield what becomes of a task's times, which no count tells."""
        for column, cell in zip(self._remedy.writes, mended.cells, strict=True):
            if column in _TOLD_CHANGES and row[column] != cell and self._remedy.is_about_times:
                yield f"#{task_id} {column.removesuffix('_utc')}", f"{plain(row[column])} → {plain(cell)}"

    def _read(self, sql: str, params: Sequence[Cell]) -> list[tuple[Cell, ...]]:
        return self._connection.rows(sql, params, doing="look at the rows")

    def plan(self, path: Path, wish: Wish, sample: tuple[TaskRow, ...], workers: Sequence[WorkerRow]) -> Plan:
        """Return what was found, as a plan."""
        count, remedy = len(self._chosen), self._remedy
        sentence = f"{remedy.count(count)} will {remedy.will}."
        if self._buried:
            sentence += f" {self._buried:,} of them become dead letters: no attempts are left."
        if not count:
            sentence = f"There is nothing to be mended: no {remedy.noun[0]} is so any more."
        return Plan(
            kind=OperationKind.MEND, path=path, eligible=count, groups=self._groups.groups(), skips=(), sample=sample,
            sentence=sentence, warnings=(remedy.risk,) if remedy.risk and count else (),
            facts=(*_facts(workers), *self._examples[:_EXAMPLES]), targets=self._chosen, values=wish.values,
        )  # fmt: skip


def _facts(workers: Sequence[WorkerRow]) -> Iterator[tuple[str, str]]:
    for worker in workers[:_MOST_WORKERS]:
        beat = "never, or not in a readable way" if worker.heartbeat_utc is None else plain(worker.heartbeat_utc)
        held = f"holds {worker.held:,}, " if worker.held else ""
        yield f"Worker {plain(worker.worker_id)}", f"{held}heard of last: {beat}"
    if len(workers) > _MOST_WORKERS:
        yield "Further workers", f"{len(workers) - _MOST_WORKERS:,}"
