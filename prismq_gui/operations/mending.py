"""Mending what the health check found, row by row: planned by reading, journaled, guarded, taken back by an undo.

Owns which rows a mending is about, and the source of its batches. What becomes of a row is
:mod:`~prismq_gui.operations.mending_rows`'; how batches are carried out is :mod:`~prismq_gui.operations.running`'s.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from prismq_gui.insight import health_conditions as conditions
from prismq_gui.insight.health_workers import hear
from prismq_gui.insight.hearing import SILENT_AFTER_S, Hearing
from prismq_gui.insight.messages import WorkerRow
from prismq_gui.insight.reader import QueueReader
from prismq_gui.operations.applying import Order, carry_out
from prismq_gui.operations.changing import rows_by_key
from prismq_gui.operations.images import LOGS, TASKS, WORKERS, Batch, Columns, LogLine, RowChange, Unit
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.mending_index import CODE as INDEX_CODE
from prismq_gui.operations.mending_index import Indexes, make_indexes
from prismq_gui.operations.mending_rows import ALIVE_AGAIN, REMEDIES, Known, Mended
from prismq_gui.operations.messages import OperationKind, Plan, Progress, Report, Wish
from prismq_gui.operations.plan import GONE
from prismq_gui.operations.targets import SkipTally
from prismq_gui.operations.writer import (
    ADD_LOG,
    DELETE_LOG,
    DELETE_WORKER,
    UPDATE_TASK,
    Identity,
    QueueWriter,
    ShouldStop,
)
from prismq_gui.queue.timestamps import now_utc, utc_text

BATCH_ROWS = 2_000  # one commit of the journal for so many
MAX_TRIES = 3  # for a row that moves between two looks and may still be mended
RESTLESS = "changed each time it was about to be"
DEADLINE_S = 5.0
BY_WORKER = frozenset(("worker-silent", "worker-unknown"))


FIXES = (*REMEDIES, INDEX_CODE)
"""The findings that are mended here, each with an undo. The WAL and free pages are the file's care."""


def mend(code: str, *, silent_after_s: float = SILENT_AFTER_S) -> Wish:
    """Wish that what a finding is about be mended.

    Raises:
        ValueError: Nothing mends findings of this code.
    """
    if code not in FIXES:
        raise ValueError(f"there is no fix named {code}")
    silence = (("silent_after_s", silent_after_s),) if code in BY_WORKER | {"worker-gone"} else ()
    return Wish(OperationKind.MEND, (("finding", code), *silence))


@dataclass(slots=True)
class Chosen:
    """The rows of a plan by their keys, in order; filled by the plan, only read afterwards."""

    identity: Identity
    ids: array[int] = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.ids)


def code_of(wish: Wish) -> str:
    """Return the code of the finding that a wish is to mend."""
    return str(wish.value("finding"))


def _silence(wish: Wish) -> Hearing:
    seconds = wish.value("silent_after_s")
    return Hearing(float(seconds) if isinstance(seconds, (int, float)) else SILENT_AFTER_S)


def known(path: Path, wish: Wish, now: datetime) -> tuple[Known, tuple[WorkerRow, ...]]:
    """Return what the remedy knows now, and the workers that it is about."""
    code = code_of(wish)
    if code not in BY_WORKER and code != "worker-gone":
        return Known(now), ()
    with closing(QueueReader(path, deadline_s=DEADLINE_S)) as reader:
        reader.open()
        heard = hear(reader.connection, reader.layout(), now, _silence(wish))
    workers = {
        "worker-silent": heard.silent_holding, "worker-unknown": heard.unknown_holding, "worker-gone": heard.silent_idle
    }[code]  # fmt: skip
    return Known(now, frozenset(row.worker_id for row in workers)), workers


class MendSource:
    """The rows of a plan on their way to be mended; used once, in one thread."""

    def __init__(self, path: Path, wish: Wish, chosen: Chosen, who: str, operation_id: str) -> None:
        self._path = path
        self._wish = wish
        self._code = code_of(wish)
        self._remedy = REMEDIES[self._code]
        self._chosen = chosen
        self._who = who
        self._operation_id = operation_id
        self._next = 0
        self._again: list[int] = []
        self._tries: dict[int, int] = {}
        self.skips = SkipTally()
        self.total = len(chosen)
        changes = {TASKS: UPDATE_TASK, LOGS: DELETE_LOG, WORKERS: DELETE_WORKER}
        self.rights = frozenset({changes[self._remedy.table], ADD_LOG})

    def batch(self, writer: QueueWriter) -> Batch | None:
        """Return the next rows as they are now and as they are to be."""
        ids = self._some()
        if ids is None:
            return None
        knows, _workers = known(self._path, self._wish, now_utc())
        if self._remedy.make is None:
            return self._deletions(writer, ids, knows)
        kept = Columns(self._remedy.columns, len(self._remedy.fixed))
        rows = rows_by_key(writer.exact_rows, TASKS, kept.names, ids)
        units = []
        for task_id in ids:
            cells = rows.get(task_id)
            mended = GONE if cells is None else self._remedy.make(dict(zip(kept.names, cells, strict=True)), knows)
            if cells is None or not isinstance(mended, Mended):
                self.skips.add(str(mended), task_id)
                continue
            after = (*cells[: kept.fixed], *mended.cells)
            change = RowChange(TASKS, task_id, cells, after)
            units.append(Unit(task_id, (change,), self._line(mended, knows.now)))
        return Batch({TASKS: kept}, units)

    def _some(self) -> list[int] | None:
        if self._again:
            some, self._again = self._again, []
            return some
        if self._next >= len(self._chosen):
            return None
        some = list(self._chosen.ids[self._next : self._next + BATCH_ROWS])
        self._next += len(some)
        return some

    def _line(self, mended: Mended, now: datetime) -> LogLine:
        details = {
            "operation": self._operation_id, "by": self._who, "action": self._wish.kind.value, "finding": self._code,
            **dict(mended.told),
        }  # fmt: skip
        message = f"{mended.said}; mended by {self._who}"
        return LogLine(utc_text(now), mended.level, message, json.dumps(details, ensure_ascii=False))

    def _deletions(self, writer: QueueWriter, ids: Sequence[int], knows: Known) -> Batch:
        table = self._remedy.table
        columns = Columns(writer.stored_columns(table))
        if table == WORKERS:
            marks = ", ".join("?" * len(ids))
            found = writer.exact_rows(f"SELECT rowid, worker_id FROM workers WHERE rowid IN ({marks})", ids)
            keys = {row[0]: row[1] for row in found}
        else:
            orphans = f"SELECT log_id FROM task_logs WHERE log_id IN ({', '.join('?' * len(ids))}) "
            keys = {row[0]: row[0] for row in writer.rows(f"{orphans} AND {conditions.LOG_ORPHAN}", ids)}
        rows = rows_by_key(writer.exact_rows, table, columns.names, list(keys.values()))
        units = []
        for each in ids:
            key = keys.get(each)
            if key is None:
                self.skips.add(GONE, each)
            elif table == WORKERS and key not in knows.silent:
                self.skips.add(ALIVE_AGAIN, each)
            else:
                units.append(Unit(each, (RowChange(table, key, rows[key], None),)))
        return Batch({table: columns}, units)

    def not_changed(self, units: Sequence[Unit], *, moved: bool) -> None:
        """Have units looked at anew; one that moves each time is given up."""
        for unit in units:
            tries = self._tries[unit.task_id] = self._tries.get(unit.task_id, 0) + moved
            if tries > MAX_TRIES:
                self.skips.add(RESTLESS, unit.task_id)
            else:
                self._again.append(unit.task_id)


def apply_mending(
    order: Order,
    plan: Plan,
    journal: Journal | None,
    on_progress: Callable[[Progress], None],
    should_stop: ShouldStop,
) -> Report:
    """Do what a plan of mending says; every error is told in the report."""
    if isinstance(plan.targets, Indexes):
        order = replace(order, identity=plan.targets.identity)
        return make_indexes(order, plan.targets.names, journal, on_progress, should_stop)
    assert isinstance(plan.targets, Chosen)
    order = replace(order, identity=plan.targets.identity)
    source = MendSource(order.path, plan.wish, plan.targets, order.who, order.operation_id)
    return carry_out(order, source, journal, (), on_progress, should_stop)
