"""Taking an operation back: what has not moved since becomes as it was, what has is told and left alone.

Owns the check of each row against what the operation left, the preview of an undo and the source of its
batches. An undo is an operation like any other: journaled, guarded, stoppable, and it can be undone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.operations.cells import Cells, exact_text
from prismq_gui.operations.changing import ID_TAKEN, KEY_TAKEN, Read, absent_columns_refusal, is_key_taken, rows_by_key
from prismq_gui.operations.images import LOGS, TASKS, WORKERS, Batch, Columns, LogLine, RowChange, Unit, turned_round
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import Operation, State
from prismq_gui.operations.messages import OperationKind, Plan, Recorded
from prismq_gui.operations.plan import GONE, refused_plan, stopped_problem, write_refusal
from prismq_gui.operations.refusals import FOREIGN_TRIGGERS
from prismq_gui.operations.targets import GroupTally, SkipTally
from prismq_gui.operations.tasks import lines_of
from prismq_gui.operations.wording import REMOVED, plain, reasons_text, verb_of
from prismq_gui.operations.writer import (
    ADD_LOG,
    ADD_TASK,
    ADD_WORKER,
    DELETE_LOG,
    DELETE_TASK,
    DELETE_WORKER,
    ORPHAN_LOGS,
    UPDATE_TASK,
    Identity,
    QueueWriter,
    ShouldStop,
)
from prismq_gui.queue.timestamps import now_utc, utc_text
from prismq_gui.queue.transitions import RUNNING

AS_BEFORE = "is as it was before already"
THERE_AGAIN = "is there again already"
LOG_ORPHAN = "log-orphan"  # the finding whose rows foreign keys would refuse to take back
IS_BACK = frozenset({AS_BEFORE, THERE_AGAIN})
"""The reasons of tasks that an undo has nothing more to do for."""

ONLY_ASKED = "was only asked to end, which cannot be taken back"

_DEADLINE_S = 5.0
_SAMPLE = 10
_RIGHTS = frozenset({UPDATE_TASK, ADD_TASK, DELETE_TASK, ADD_LOG, DELETE_LOG, ADD_WORKER, DELETE_WORKER})


def check(read: Read, columns: dict[str, Columns], units: Sequence[Unit]) -> dict[int, str]:
    """Return the units that cannot be changed as they say, each with the reason."""
    reasons: dict[int, str] = {}
    for table, names in columns.items():
        wanted = [(change, unit) for unit in units for change in unit.changes if change.table == table]
        rows = rows_by_key(read, table, names.names, [change.key for change, _unit in wanted])
        for change, unit in wanted:
            reason = _why_not(read, names, change, rows.get(change.key))
            if reason and (table == TASKS or unit.task_id not in reasons):
                reasons[unit.task_id] = reason
    return reasons


def _why_not(read: Read, columns: Columns, change: RowChange, row: Cells | None) -> str:
    """Return why a row cannot be changed from ``before`` to ``after``, '' where it can."""
    if row == change.before:
        if change.before == change.after:
            return ONLY_ASKED
        is_new_task = row is None and change.table == TASKS and change.after is not None
        if is_new_task and is_key_taken(read, _cell(columns, change.after, "idempotency_key")):
            return KEY_TAKEN
        return ""
    if row == change.after:
        return AS_BEFORE if change.before is not None else THERE_AGAIN
    if row is None:
        return GONE
    taken = THERE_AGAIN if change.table == WORKERS else ID_TAKEN
    return taken if change.before is None else _moved(columns, change.before, row)


def _cell(columns: Columns, cells: Cells | None, name: str) -> Cell:
    return cells[columns.names.index(name)] if cells is not None and name in columns.names else None


def _moved(columns: Columns, left: Cells, row: Cells) -> str:
    """Return how a task moved since an operation left it."""
    then = dict(zip(columns.names, left, strict=True))
    now = dict(zip(columns.names, row, strict=True))
    if now.get("status") != then.get("status"):
        status, worker = now.get("status"), now.get("locked_by")
        owner = f" by {plain(worker)}" if status in RUNNING and worker is not None else ""
        return f"is now {plain(status)}{owner}"
    if now.get("attempts") != then.get("attempts"):
        return "was tried again meanwhile"
    changed = [name.removesuffix("_utc") for name in columns.names if now[name] != then[name]]
    return f"was changed meanwhile ({', '.join(changed)})"


class UndoSource:
    """The rows of a recorded operation on their way back, the last ones first; used once, in one thread.

    ``without`` are the tasks that were taken back before this undo was interrupted.
    """

    def __init__(
        self,
        journal: Journal,
        operation: Operation,
        who: str,
        operation_id: str,
        without: Collection[int] = frozenset(),
    ) -> None:
        self._batches = _turned_round(journal, operation, without)
        self._writer: QueueWriter | None = None
        self._again: list[Unit] = []
        self._columns: dict[str, Columns] = {}
        self._said = f"taken back by {who} (undo of {operation.kind_name} of {operation.started_utc})"
        self._details = json.dumps(
            {"operation": operation_id, "by": who, "action": OperationKind.UNDO.value, "undoes": operation.id},
            ensure_ascii=False,
        )
        self.total = max(0, operation.changed - len(without))
        orphans = origin(journal, operation).wish_value("finding") == LOG_ORPHAN
        self.rights = _RIGHTS | {ORPHAN_LOGS} if orphans else _RIGHTS
        self.skips = SkipTally()

    def batch(self, writer: QueueWriter) -> Batch | None:
        """Return the next rows that are as the operation left them, and as they were before."""
        self._writer = writer
        if self._again:
            units, self._again = self._again, []
        else:
            found = next(self._batches, None)
            if found is None:
                return None
            self._columns, units = found
        refusal = absent_columns_refusal(self._columns, writer.stored_columns, writer.path)
        if refusal is not None:
            raise ProblemError(refusal)
        # A deletion takes the lines along that the task has got since: none of them is lost.
        doomed = [unit.task_id for unit in units if _deletes(unit)]
        if doomed:
            lines = lines_of(writer, self._columns[LOGS].names, doomed)
            units = [_with_lines(unit, lines.get(unit.task_id, [])) if _deletes(unit) else unit for unit in units]
        reasons = check(writer.exact_rows, self._columns, units)
        for unit in units:
            if unit.task_id in reasons:
                self.skips.add(reasons[unit.task_id], unit.task_id)
        at = utc_text(now_utc())
        line = LogLine(at, "INFO", self._said, self._details)
        ready = [
            Unit(unit.task_id, unit.changes, line if _leaves_task(unit) else None)
            for unit in units
            if unit.task_id not in reasons
        ]
        return Batch(self._columns, ready)

    def not_changed(self, units: Sequence[Unit], *, moved: bool) -> None:
        """Say why units were left alone, or have them looked at anew where their time alone had passed."""
        if not moved:
            self._again += units
            return
        assert self._writer is not None
        reasons = check(self._writer.exact_rows, self._columns, units)
        for unit in units:
            self.skips.add(reasons.get(unit.task_id, "was changed meanwhile"), unit.task_id)


def _turned_round(
    journal: Journal, operation: Operation, without: Collection[int]
) -> Iterator[tuple[dict[str, Columns], list[Unit]]]:
    """Yield what takes an operation back, batch by batch, the last one first."""
    for stored in journal.batches(operation, newest_first=True):
        unapplied = stored.unapplied or frozenset()
        units = [
            turned_round(unit)
            for unit in stored.batch.units  # upwards: so SQLite adds rows faster
            if unit.task_id not in unapplied and unit.task_id not in without
        ]
        columns = stored.batch.columns
        if any(_deletes(unit) for unit in units) and LOGS not in columns:
            raise ProblemError(_unreadable(journal.path))
        yield columns, units


def _unreadable(path: Path) -> Problem:
    what = "What the journal holds of this operation is not whole"
    return Problem(ProblemKind.CORRUPT, what, str(path), "Nothing was changed.", "")


def _deletes(unit: Unit) -> bool:
    return any(change.table == TASKS and change.after is None for change in unit.changes)


def _leaves_task(unit: Unit) -> bool:
    return any(change.table == TASKS and change.after is not None for change in unit.changes)


def origin(journal: Journal, operation: Operation) -> Operation:
    """Return the operation that an undo, or an undo of an undo, is about in the end."""
    while operation.undoes:
        before = journal.operation(operation.undoes)
        if before is None:
            break
        operation = before
    return operation


def _with_lines(unit: Unit, lines: Sequence[tuple[Cell, Cells]]) -> Unit:
    task = tuple(change for change in unit.changes if change.table != LOGS)
    return Unit(unit.task_id, (*(RowChange(LOGS, key, cells, None) for key, cells in lines), *task))


# -- the preview


def undo_refusal(operation: Operation | None, path: Path) -> Problem | None:
    """Return why an operation cannot be undone, None where there is something to undo."""
    if operation is None:
        return _refused("There is no such operation in the journal", path)
    what = advice = ""
    if operation.state is State.RUNNING:
        what, advice = "The operation is still running", "Stop it first, or wait for its end."
    elif operation.state is State.UNDONE:
        what, advice = "The operation was undone already", "To have it again, undo the undo."
    elif not operation.is_kept:
        what = "The rows of this operation are no longer kept, so it cannot be undone"
    elif not same_file(operation, path):
        what = f"The operation was on another file than this one (then {operation.path})"
        advice = "Open the file that it was on."
    elif not operation.can_be_undone:
        what = "The operation changed nothing that could be undone"
    return _refused(what, path, advice) if what else None


def same_file(operation: Operation, path: Path) -> bool:
    """Return whether an operation was on this very file, whatever it is called now."""
    try:
        identity = Identity.of(path)
    except OSError:
        return False
    return (operation.device, operation.inode) == (str(identity.device), str(identity.inode))


def _refused(what: str, path: Path, advice: str = "") -> Problem:
    return Problem(ProblemKind.REFUSED, what, str(path), "Nothing was changed.", advice)


def plan_undo(path: Path, journal: Journal, operation: Operation | None, should_stop: ShouldStop) -> Plan:
    """Return what an undo would take back, and what not and why, by reading alone.

    Raises:
        ProblemError: The queue or the journal cannot be read; INTERRUPTED where ``should_stop`` said so.
    """
    refusal = undo_refusal(operation, path)
    if refusal is not None or operation is None:
        return refused_plan(OperationKind.UNDO, path, refusal or _refused("There is no such operation", path))
    with closing(QueueReader(path, deadline_s=_DEADLINE_S)) as reader:
        facts = reader.open()
        with closing(ReadConnection(path, _DEADLINE_S, text_factory=exact_text)) as connection:
            connection.open()
            refused = write_refusal(facts, connection.rows(FOREIGN_TRIGGERS))
            if refused is not None:
                return refused_plan(OperationKind.UNDO, path, refused)
            look = _Look(connection, should_stop)
            look.at(_turned_round(journal, operation, frozenset()))
            if look.refusal is not None:
                return refused_plan(OperationKind.UNDO, path, look.refusal)
        rows = reader.task_rows(look.sample)
        sample = tuple(rows[task_id] for task_id in look.sample if task_id in rows)
    return look.plan(path, operation, sample)


class _Look:
    """A walk over the rows of an operation that counts what can be taken back."""

    def __init__(self, connection: ReadConnection, should_stop: ShouldStop) -> None:
        self._connection = connection
        self._should_stop = should_stop
        self._groups, self._skips = GroupTally(), SkipTally()
        self._eligible = self._going = 0
        self.sample: list[int] = []
        self.refusal: Problem | None = None

    def at(self, batches: Iterator[tuple[dict[str, Columns], list[Unit]]]) -> None:
        """Look at all of them."""
        for columns, units in batches:
            if self._should_stop():
                raise ProblemError(stopped_problem(self._connection.path))
            self.refusal = absent_columns_refusal(columns, self._stored, self._connection.path)
            if self.refusal is not None:
                return
            reasons = check(self._read, columns, [unit for unit in units if not _deletes(unit)])
            reasons |= self._doomed(columns, [unit for unit in units if _deletes(unit)])
            for unit in units:
                if unit.task_id in reasons:
                    self._skips.add(reasons[unit.task_id], unit.task_id)
                    continue
                self._eligible += 1
                self._going += _deletes(unit)
                self._groups.add(*_statuses(columns, unit))
                if len(self.sample) < _SAMPLE and any(change.table == TASKS for change in unit.changes):
                    self.sample.append(unit.task_id)

    def _read(self, sql: str, params: Sequence[Cell]) -> list[Cells]:
        return self._connection.rows(sql, params, doing="look at the tasks")

    def _stored(self, table: str) -> set[str]:
        return {str(row[1]) for row in self._connection.rows(f"PRAGMA table_xinfo({table})") if row[6] == 0}

    def _doomed(self, columns: dict[str, Columns], units: Sequence[Unit]) -> dict[int, str]:
        """Look at tasks that will go: their lines go along as they are then."""
        tasks = [_with_lines(unit, ()) for unit in units]
        return check(self._read, {TASKS: columns[TASKS]}, tasks) if tasks else {}

    def plan(self, path: Path, operation: Operation, sample: Sequence[object]) -> Plan:
        """Return what was found, as a plan."""
        skips = self._skips.skips()
        what = f"the {operation.kind_name} of {operation.started_utc} UTC by {plain(operation.who)}"
        nouns = ("task", "tasks") if operation.wish is None else verb_of(operation.wish).noun
        noun = f"{self._eligible:,} {nouns[self._eligible != 1]}"
        sentence = f"{noun} will be as before {what}"
        if self._going == self._eligible:
            whose = "its" if self._eligible == 1 else "their"
            sentence = f"{noun} that came by {what} will be removed again, with {whose} log lines"
        if self._skips.total:
            sentence += f"; {self._skips.total:,} will not, since {reasons_text(skips)}"
        if not self._eligible:
            sentence = f"Nothing of {what} can be taken back"
            sentence += f": {reasons_text(skips)}" if skips else ""
        return Plan(
            kind=OperationKind.UNDO,
            path=path,
            eligible=self._eligible,
            groups=self._groups.groups(),
            skips=skips,
            sample=tuple(sample),  # type: ignore[arg-type]
            sentence=f"{sentence}.",
            targets=Recorded(operation.id),
            values=(("operation", operation.id),),
        )


def _statuses(columns: dict[str, Columns], unit: Unit) -> tuple[Cell, str, str]:
    """Return the status that a task has now, '' where it is gone, no type, and the one that it will have."""
    for change in unit.changes:
        if change.table == TASKS:
            now = "" if change.before is None else _cell(columns[TASKS], change.before, "status")
            then = REMOVED if change.after is None else plain(_cell(columns[TASKS], change.after, "status"))
            return now, "", then
    return "", "", ""
