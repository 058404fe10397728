"""Taking workers off the list that nobody has heard of for long; what they hold stays theirs until its lease is over.

Owns the plan and the source of it. How silence is judged is :mod:`prismq_gui.insight.hearing`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.hearing import SILENT_AFTER_S, Hearing
from prismq_gui.insight.messages import Cell, WorkerRow
from prismq_gui.insight.problems import Problem, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.states import duration_text
from prismq_gui.insight.workers import read_worker
from prismq_gui.operations.applying import Order, carry_out
from prismq_gui.operations.changing import rows_by_key
from prismq_gui.operations.images import WORKERS, Batch, Columns, RowChange, Unit
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.messages import OperationKind, Plan, Progress, Report, Target, Wish, Workers
from prismq_gui.operations.plan import refused_plan, write_refusal
from prismq_gui.operations.refusals import FOREIGN_TRIGGERS
from prismq_gui.operations.targets import SkipTally
from prismq_gui.operations.wording import plain
from prismq_gui.operations.writer import ADD_LOG, DELETE_WORKER, Identity, QueueWriter, ShouldStop
from prismq_gui.queue.timestamps import now_utc, parse_utc

_DEADLINE_S = 5.0
_NAMED_IDS = 20
MOVED = "changed each time it was about to be removed"


def remove_workers(*, silent_after_s: float = SILENT_AFTER_S) -> Wish:
    """Wish that workers be off the list, of those that have been silent for so long."""
    if not silent_after_s > 0:
        raise ValueError("a worker is silent after a time above zero")
    return Wish(OperationKind.REMOVE_WORKER, (("silent_after_s", float(silent_after_s)),))


@dataclass(frozen=True, slots=True)
class Silent:
    """The workers of a plan that can be removed."""

    identity: Identity
    names: tuple[str, ...]


def _hearing(wish: Wish) -> Hearing:
    seconds = wish.value("silent_after_s")
    return Hearing(float(seconds) if isinstance(seconds, (int, float)) else SILENT_AFTER_S)


def why_not(name: str, registered: bool, heartbeat: Cell, wish: Wish, now: datetime) -> str:
    """Return why a worker stays on the list, '' where it can go."""
    if not registered:
        return f"is in no row of the workers ({plain(name)})"
    beat = parse_utc(heartbeat)
    if beat is None or _hearing(wish).is_silent(beat, now):
        return ""
    return f"gave a sign of life {duration_text(now - beat)} ago ({plain(name)})"


def plan_removal(path: Path, wish: Wish, target: Target | None) -> Plan:
    """Return which workers would go, and what they hold, by reading alone.

    Raises:
        ProblemError: The file cannot be read.
    """
    if not isinstance(target, Workers) or not target.names:
        what = "No workers were chosen"
        return refused_plan(wish.kind, path, Problem(ProblemKind.REFUSED, what, str(path), "Nothing was changed.", ""))
    with closing(QueueReader(path, deadline_s=_DEADLINE_S)) as reader:
        facts = reader.open()
        refusal = write_refusal(facts, reader.connection.rows(FOREIGN_TRIGGERS))
        if refusal is not None:
            return refused_plan(wish.kind, path, refusal)
        found = {name: _worker(reader.connection, reader, name) for name in dict.fromkeys(target.names)}
    now, skips, going = now_utc(), SkipTally(), []
    for place, (name, row) in enumerate(found.items(), 1):
        reason = why_not(name, row is not None and row.registered, row.heartbeat_utc if row else None, wish, now)
        if reason:
            skips.add(reason, place)
        else:
            going.append(name)
    return Plan(
        kind=wish.kind, path=path, eligible=len(going), groups=(), skips=skips.skips(), sample=(),
        sentence=_sentence(going, skips), warnings=tuple(_holdings([found[name] for name in going])),
        targets=Silent(Identity.of(path), tuple(going)), values=wish.values,
    )  # fmt: skip


def _worker(connection: ReadConnection, reader: QueueReader, name: str) -> WorkerRow | None:
    return read_worker(connection, reader.layout(), name)


def _sentence(going: Sequence[str], skips: SkipTally) -> str:
    noun = "1 worker" if len(going) == 1 else f"{len(going):,} workers"
    told = f"{noun} will be removed from the list: {', '.join(plain(name) for name in going[:10])}"
    if len(going) > 10:
        told += f" and {len(going) - 10:,} more"
    if not going:
        told = "No worker will be removed"
    reasons = ", ".join(f"{skip.count:,} {skip.reason}" for skip in skips.skips())
    return f"{told}; {skips.total:,} cannot be: {reasons}." if skips.total else f"{told}."


def _holdings(workers: Sequence[WorkerRow | None]) -> Iterator[str]:
    for worker in workers:
        if worker is None or not worker.held:
            continue
        ids = ", ".join(f"#{each}" for each in worker.held_ids[:_NAMED_IDS])
        more = ", …" if worker.held > len(worker.held_ids[:_NAMED_IDS]) else ""
        noun = "1 task" if worker.held == 1 else f"{worker.held:,} tasks"
        yield (
            f"{plain(worker.worker_id)} holds {noun} ({ids}{more}), which stay with it until their leases are over: "
            "release them first if they are to run now."
        )


class RemovalSource:
    """The rows of silent workers on their way out; used once, in one thread."""

    def __init__(self, wish: Wish, names: Sequence[str]) -> None:
        self._wish = wish
        self._left = dict(enumerate(names, 1))
        self._names = dict(self._left)
        self._tries = 0
        self.total = len(names)
        self.rights = frozenset({DELETE_WORKER, ADD_LOG})
        self.skips = SkipTally()

    def batch(self, writer: QueueWriter) -> Batch | None:
        """Return the workers that are silent still."""
        if not self._left:
            return None
        columns = Columns(writer.stored_columns(WORKERS))
        rows = rows_by_key(writer.exact_rows, WORKERS, columns.names, list(self._left.values()))
        units, now = [], now_utc()
        for place, name in self._left.items():
            row = rows.get(name)
            beat = None if row is None else dict(zip(columns.names, row, strict=True)).get("heartbeat_utc")
            reason = why_not(name, row is not None, beat, self._wish, now)
            if reason:
                self.skips.add(reason, place)
            else:
                units.append(Unit(place, (RowChange(WORKERS, name, row, None),)))
        self._left = {}
        return Batch({WORKERS: columns}, units)

    def not_changed(self, units: Sequence[Unit], *, moved: bool) -> None:
        """Look at workers anew: they beat, perhaps."""
        self._tries += moved
        for unit in units:
            if self._tries > 3:
                self.skips.add(MOVED, unit.task_id)
            else:
                self._left[unit.task_id] = self._names[unit.task_id]


def apply_removal(
    order: Order,
    plan: Plan,
    journal: Journal | None,
    on_progress: Callable[[Progress], None],
    should_stop: ShouldStop,
) -> Report:
    """Do what a plan of removal says; every error is told in the report."""
    assert isinstance(plan.targets, Silent)
    source = RemovalSource(plan.wish, plan.targets.names)
    return carry_out(order, source, journal, (), on_progress, should_stop)
