"""What an operation on tasks changes, row by row: the source of its batches.

Owns the step from a plan's targets to rows before and after. What the plan saw is looked at again here,
and once more under the write lock, so that whatever happened since is told and never overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from itertools import accumulate

from prismq_gui.insight.messages import Cell
from prismq_gui.insight.walking import padded
from prismq_gui.operations.cells import Cells
from prismq_gui.operations.changing import quoted, rows_by_key
from prismq_gui.operations.deeds import DEEDS, Moment, Task, Written
from prismq_gui.operations.edits import CHANGED_MEANWHILE, digest
from prismq_gui.operations.images import LOGS, TASKS, Batch, Columns, LogLine, RowChange, Unit
from prismq_gui.operations.messages import Wish
from prismq_gui.operations.plan import GONE
from prismq_gui.operations.running import MAX_CHUNK
from prismq_gui.operations.targets import Seen, SkipTally, Targets
from prismq_gui.operations.wording import VERBS, plain
from prismq_gui.operations.writer import ADD_LOG, CHANGE_TASKS, DELETE_LOG, DELETE_TASK, QueueWriter
from prismq_gui.queue.transitions import RUNNING

BATCH_TASKS = MAX_CHUNK  # one commit of the journal for so many, made while the workers have the lock
BATCH_BYTES = 4 * 1024 * 1024  # of deleted rows, which are held whole
MAX_LOG_LINES = 20_000  # of one deleted task: they go in one transaction, in about 0.1 s
MAX_TRIES = 3  # for a task that moves between two looks and may still be changed (a worker renews its lease)

RESTLESS = "changed each time it was about to be"
TOO_MANY_LINES = f"has more than {MAX_LOG_LINES:,} log lines"


class TaskSource:
    """The tasks of a plan on their way to be changed; used once, in one thread.

    ``without`` are tasks that the operation changed before it was interrupted.
    """

    def __init__(
        self, wish: Wish, targets: Targets, who: str, operation_id: str, without: Collection[int] = frozenset()
    ) -> None:
        self._wish = wish
        self._deed = DEEDS[wish.kind]
        self._verb = VERBS[wish.kind]
        self._targets = targets
        self._who = who
        self._operation_id = operation_id
        self._without = without
        self._next = 0
        self._again: list[Seen] = []
        self._tries: dict[int, int] = {}
        self._seen: dict[int, Seen] = {}
        self._lines: dict[tuple[object, ...], tuple[str, str]] = {}
        self.skips = SkipTally()

    @property
    def total(self) -> int:
        """How many tasks are to be changed."""
        return len(self._targets) - len(self._without)

    @property
    def rights(self) -> frozenset[tuple[int, str]]:
        """What the writing connection must be allowed."""
        return frozenset({DELETE_TASK, DELETE_LOG, ADD_LOG}) if self._deed.deletes else CHANGE_TASKS

    def batch(self, writer: QueueWriter) -> Batch | None:
        """Return the next tasks as they are now and as they are to be."""
        some = self._some()
        if some is None:
            return None
        self._lines.clear()
        now = Moment.now()
        self._seen = {each.task_id: each for each in some}
        return self._deletions(writer, some, now) if self._deed.deletes else self._updates(writer, some, now)

    def _some(self) -> list[Seen] | None:
        if self._again:
            some, self._again = self._again[:BATCH_TASKS], self._again[BATCH_TASKS:]
            return some
        if self._next >= len(self._targets):
            return None
        some = self._targets.slice(self._next, BATCH_TASKS)
        self._next += len(some)
        return [each for each in some if each.task_id not in self._without] if self._without else some

    def not_changed(self, units: Sequence[Unit], *, moved: bool) -> None:
        """Have units looked at anew; one that moves each time is given up."""
        for unit in units:
            tries = self._tries[unit.task_id] = self._tries.get(unit.task_id, 0) + moved
            if tries > MAX_TRIES:
                self.skips.add(RESTLESS, unit.task_id)
            else:
                self._again.append(self._seen[unit.task_id])

    # -- rows that stay

    def _updates(self, writer: QueueWriter, some: Sequence[Seen], now: Moment) -> Batch:
        some = self._fitting(writer, some) if self._deed.seen else some
        kept = Columns(self._deed.columns, self._deed.fixed)
        names = tuple(dict.fromkeys((*kept.names, *self._deed.reads, *self._deed.told, "max_attempts")))
        at = {name: place for place, name in enumerate(names)}
        rows = rows_by_key(writer.exact_rows, TASKS, names, [each.task_id for each in some])
        width = len(kept.names)
        units = []
        for each in some:
            row = rows.get(each.task_id)
            task = Task(at, row or ())
            written = self._outcome(each, task if row else None, now)
            if row is None or written is None:
                continue
            before = row[:width]
            after = (*before[: kept.fixed], *written.cells) if written.cells else before
            change = RowChange(TASKS, each.task_id, before, after)
            units.append(Unit(each.task_id, (change,), self._line(task, written, now)))
        return Batch({TASKS: kept}, units)

    def _fitting(self, writer: QueueWriter, some: Sequence[Seen]) -> Sequence[Seen]:
        """Return as many of the next tasks as are held in a few MB; the others come later."""
        sizes = sizes_of(writer, [each.task_id for each in some], self._deed.seen)
        for place, held in enumerate(accumulate(sizes.get(each.task_id, 0) for each in some)):
            if place and held > BATCH_BYTES:
                self._again = [*some[place:], *self._again]
                return some[:place]
        return some

    def _outcome(self, seen: Seen, task: Task | None, now: Moment) -> Written | None:
        """Return what is to become of a task, None where it is left alone; that is noted."""
        reason = moved_since(seen, task)
        if (
            task is not None
            and not reason
            and seen.digest
            and digest(task[name] for name in self._deed.seen) != seen.digest
        ):
            reason = CHANGED_MEANWHILE
        if task is not None and not reason:
            outcome = self._deed.make(self._wish, task, now)
            if isinstance(outcome, Written):
                return outcome
            reason = outcome
        self.skips.add(reason, seen.task_id)
        return None

    def _line(self, task: Task, written: Written, now: Moment) -> LogLine:
        """Return a task's log line; each text is made once (made for each task they were half of the hold)."""
        names = ("status", "attempts", *self._deed.told)
        most = task["max_attempts"]
        key = (written.said, written.details, most, *map(task.__getitem__, names))
        if key not in self._lines:
            told = [(name, task[name]) for name in names]
            was = f"was {plain(told[0][1])} after {plain(told[1][1])} of {plain(most)} attempts"
            was += "".join(f", {name.removesuffix('_utc')} {plain(cell)}" for name, cell in told[2:])
            message = f"{written.said or self._verb.logged} by {self._who} ({was})"
            details = {
                "operation": self._operation_id,
                "by": self._who,
                "action": self._wish.kind.value,
                "from": {name: cell if isinstance(cell, int) else _plain(cell) for name, cell in told},
                **dict(written.details),
            }
            self._lines[key] = message, json.dumps(details, ensure_ascii=False)
        message, text = self._lines[key]
        return LogLine(written.at or now.text, written.level, message, text)

    # -- rows that go

    def _deletions(self, writer: QueueWriter, some: Sequence[Seen], now: Moment) -> Batch:
        """Return the next tasks with their log lines, as many as are held in a few MB; the others come later."""
        sizes = _sizes(writer, [each.task_id for each in some])
        fitting: list[Seen] = []
        held = 0
        for place, each in enumerate(some):
            lines, size = sizes.get(each.task_id, (0, 0))
            if lines > MAX_LOG_LINES:
                self.skips.add(TOO_MANY_LINES, each.task_id)
                continue
            held += size
            if fitting and held > BATCH_BYTES:
                self._again = [*some[place:], *self._again]
                break
            fitting.append(each)
        return self._images(writer, fitting, now)

    def _images(self, writer: QueueWriter, some: Sequence[Seen], now: Moment) -> Batch:
        columns = {table: Columns(writer.stored_columns(table)) for table in (LOGS, TASKS)}
        names = columns[TASKS].names
        at = {name: place for place, name in enumerate(names)}
        ids = [each.task_id for each in some]
        rows = rows_by_key(writer.exact_rows, TASKS, names, ids)
        lines = lines_of(writer, columns[LOGS].names, ids)
        units = []
        for each in some:
            row = rows.get(each.task_id)
            if self._outcome(each, Task(at, row) if row else None, now) is None or row is None:
                continue
            changes = [RowChange(LOGS, key, cells, None) for key, cells in lines.get(each.task_id, ())]
            units.append(Unit(each.task_id, (*changes, RowChange(TASKS, each.task_id, row, None))))
        return Batch(columns, units)


def _plain(cell: Cell) -> str | None:
    return None if cell is None else plain(cell)


def moved_since(seen: Seen, task: Task | None) -> str:
    """Return what happened to a task since the plan saw it, '' where it is as it was."""
    if task is None:
        return GONE
    status, worker = task["status"], task["locked_by"]
    running = status in RUNNING
    if status != seen.status:
        owner = f" by {plain(worker)}" if running and worker is not None else ""
        return f"is now {plain(status)}{owner}"
    attempts = task["attempts"]
    if (attempts if isinstance(attempts, int) else None) != seen.attempts:
        return "was tried again meanwhile"
    return f"is now held by {plain(worker)}" if running and worker != seen.worker else ""


def lines_of(writer: QueueWriter, names: Sequence[str], ids: Sequence[int]) -> dict[Cell, list[tuple[Cell, Cells]]]:
    """Return the log lines of tasks with their ids, by task and in order."""
    found: dict[Cell, list[tuple[Cell, Cells]]] = {}
    listed = ", ".join(map(quoted, names))
    for at in range(0, len(ids), MAX_CHUNK):
        params, marks = padded(ids[at : at + MAX_CHUNK])
        sql = f"SELECT task_id, log_id, {listed} FROM task_logs WHERE task_id IN ({marks}) ORDER BY log_id"
        for row in writer.exact_rows(sql, params):
            found.setdefault(row[0], []).append((row[1], row[2:]))
    return found


def sizes_of(writer: QueueWriter, ids: Sequence[int], columns: Sequence[str]) -> dict[Cell, int]:
    """Return how many bytes these columns of tasks take."""
    if not ids:
        return {}
    params, marks = padded(ids)
    rows = writer.rows(f"SELECT id, {_bytes_sql(columns)} FROM task_queue WHERE id IN ({marks})", params)
    return {row[0]: int(str(row[1])) for row in rows}


def _sizes(writer: QueueWriter, ids: Sequence[int]) -> dict[Cell, tuple[int, int]]:
    """Return how many log lines tasks have, and how many bytes they and the tasks take."""
    found: dict[Cell, tuple[int, int]] = {}
    task_bytes = _bytes_sql(writer.stored_columns(TASKS))
    log_bytes = _bytes_sql(writer.stored_columns(LOGS))
    for at in range(0, len(ids), MAX_CHUNK):
        params, marks = padded(ids[at : at + MAX_CHUNK])
        sql = f"SELECT id, {task_bytes} FROM task_queue WHERE id IN ({marks})"
        found.update((row[0], (0, int(str(row[1])))) for row in writer.rows(sql, params))
        sql = f"SELECT task_id, count(*), sum({log_bytes}) FROM task_logs WHERE task_id IN ({marks}) GROUP BY task_id"
        for task_id, lines, size in writer.rows(sql, params):
            if task_id in found:
                found[task_id] = int(str(lines)), found[task_id][1] + int(str(size))
    return found


def _bytes_sql(columns: Sequence[str]) -> str:
    return " + ".join(f"coalesce(length(CAST({quoted(name)} AS BLOB)), 0) + 8" for name in columns)
