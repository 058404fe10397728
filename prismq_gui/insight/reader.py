"""The reader of a queue file: what every other room asks, in one class.

Owns the life of the read-only connection and the watch over the file's identity. How each
question is answered stands in the modules beside it.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from prismq_gui.insight.before_opening import is_copy, lacks_wal, missing_wal_notes
from prismq_gui.insight.breath import Breath
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.counting import count_few, count_steps
from prismq_gui.insight.everything import as_int
from prismq_gui.insight.filters import Condition, LogFilter, TaskFilter, TaskOrder, asks, where
from prismq_gui.insight.layout import Layout, notes_for, read_layout, write_refusal
from prismq_gui.insight.log_scan import scan_logs
from prismq_gui.insight.messages import Cell, Change, FileFacts, IdChunk, LogRow, TaskDetail, TaskRow, WorkerRow
from prismq_gui.insight.names import Aliases, Name, aliases_of, as_name, distinct, shown
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.rows import log_rows, task_detail, task_rows
from prismq_gui.insight.scan import TaskScan
from prismq_gui.insight.walking import Bounds, Pace, Walk, read_bounds
from prismq_gui.insight.workers import read_worker, read_workers

if TYPE_CHECKING:
    from prismq_gui.insight.completion import KnownValues
    from prismq_gui.insight.payload_columns import PayloadColumn, PayloadValue

_MAX_STATUSES = 1_000
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class _Identity:
    """Which file a path leads to: device and inode (on Windows volume and file index)."""

    device: int
    inode: int


class QueueReader:
    """Reads one queue file; made, used and closed in one thread.

    Only :meth:`interrupt` may be called from another. Every method is one or a few short
    statements, each with a deadline; none holds a snapshot when it returns, and every error is a
    :class:`~prismq_gui.insight.problems.ProblemError`.
    """

    def __init__(self, path: Path, *, deadline_s: float = 5.0, breath: Breath | None = None) -> None:
        self._path = Path(path)
        self._connection = ReadConnection(self._path, deadline_s, breath)
        self._layout: Layout | None = None
        self._identity: _Identity | None = None
        self._data_version: Cell = None
        self._user_version = 0
        self._journal_mode = ""
        self._notes: tuple[str, ...] = ()
        self._wal_note: tuple[str, ...] = ()
        self._aliases: dict[str, dict[str, tuple[Name, ...]]] = {}

    def open(self) -> FileFacts:
        """Open the file read-only and check that it is a queue.

        Raises:
            ProblemError: It is not there, not a file, not a database, not a queue, or not readable.
        """
        self.close()
        lacked_wal = lacks_wal(self._path)  # before: opening makes one
        try:
            self._connection.open()
            self._identity = _identify(self._path)
            self._inspect()
            self._data_version = self._connection.value("PRAGMA data_version")
            self._wal_note = missing_wal_notes(self._connection, self._known()) if lacked_wal else ()
            return self.facts()
        except OSError as error:
            self.close()
            raise ProblemError(_gone(self._path)) from error
        except ProblemError:
            self.close()
            raise

    def close(self) -> None:
        """Close; idempotent."""
        self._connection.close()
        self._layout = None
        self._aliases = {}

    @property
    def connection(self) -> ReadConnection:
        """The connection, for questions that have a module of their own; used in the reader's thread alone."""
        return self._connection

    def layout(self) -> Layout:
        """Return which tables, columns and indexes the file has."""
        return self._known()

    def interrupt(self) -> None:
        """End the running statement, which raises INTERRUPTED; callable from any thread."""
        self._connection.interrupt()

    def check(self) -> Change:
        """Return what happened to the file since the last look; takes microseconds.

        After REPLACED the reader must be closed and opened anew. After MISSING it may be asked
        again: the file may come back.

        Raises:
            ProblemError: SQLite cannot read the file, or its schema changed and is no queue's any more.
        """
        try:
            now = _identify(self._path)
        except OSError:
            return Change.MISSING
        if now != self._identity:
            return Change.REPLACED
        version = self._connection.value("PRAGMA data_version", doing="look for changes")
        if version == self._data_version:
            return Change.UNCHANGED
        schema_version = self._connection.value("PRAGMA schema_version", doing="look for changes")
        if self._layout is None or schema_version != self._layout.schema_version:
            self._inspect()
        self._data_version = version
        return Change.CHANGED

    def _inspect(self) -> None:
        self._layout = None
        self._layout = read_layout(self._connection)
        user_version = self._connection.value("PRAGMA user_version", doing="read the schema")
        self._user_version = user_version if isinstance(user_version, int) else 0
        self._journal_mode = str(self._connection.value("PRAGMA journal_mode", doing="read the schema"))
        self._notes = notes_for(self._path, self._layout, self._journal_mode, is_copy=is_copy(self._path))

    def _known(self) -> Layout:
        if self._layout is None:
            what = "The file is closed, or it is no queue any more"
            raise ProblemError(
                Problem(ProblemKind.NOT_A_QUEUE, what, str(self._path), "It was not changed.", "Open it again.")
            )
        return self._layout

    def facts(self) -> FileFacts:
        """Return the file as it stands; sizes are looked at anew."""
        layout = self._known()
        try:
            size = self._path.stat().st_size
        except OSError:
            raise ProblemError(_gone(self._path)) from None
        return FileFacts(
            path=self._path,
            size_bytes=size,
            wal_bytes=_size(f"{os.path.realpath(self._path)}-wal"),
            journal_mode=self._journal_mode,
            user_version=self._user_version,
            missing_columns=layout.missing,
            notes=(*self._wal_note, *self._notes),
            write_refusal=write_refusal(layout, self._user_version, is_copy=is_copy(self._path)),
        )

    def statuses(self) -> tuple[str, ...]:
        """Return the statuses that tasks have, unknown ones as they are."""
        return self._names("status", _MAX_STATUSES, indexed=self._known().has_status_index)

    def types(self, limit: int = 200) -> tuple[str, ...]:
        """Return the types that tasks have, at most ``limit``."""
        return self._names("type", limit, indexed=self._known().has_type_status_index)

    def _names(self, column: str, limit: int, *, indexed: bool) -> tuple[str, ...]:
        if indexed:
            names = distinct(self._connection, column, limit)
        else:
            sql = f"SELECT DISTINCT {column}, CAST({column} AS BLOB) FROM task_queue LIMIT ?"
            rows = self._connection.rows(sql, (limit,), doing="list the kinds")
            names = [as_name(row[0], row[1]) for row in rows]
        self._aliases[column] = aliases_of(names)
        return tuple(dict.fromkeys(shown(name) for name in names))

    def _known_aliases(self, wanted: TaskFilter) -> Aliases:
        """Return what is behind the names in a filter, looked up once: hops over an index, about a millisecond.

        Without the index it is a walk over the table; where that takes too long, names are only texts.
        """
        self._known()
        for column, names, look in (("status", wanted.statuses, self.statuses), ("type", wanted.types, self.types)):
            if (names or asks(wanted.query, column)) and column not in self._aliases:
                try:
                    look()
                except ProblemError as error:
                    if error.problem.kind is not ProblemKind.TOO_SLOW:
                        raise
                    self._aliases[column] = {}
        return self._aliases

    def count(self, status: str) -> int:
        """Return how many tasks have a status."""
        return sum(self.count_steps(status))

    def count_few(self) -> dict[str, int] | None:
        """Return how many tasks have each status, all of one moment; None where one short statement is not enough."""
        found = count_few(self._connection, self._known())
        if found is None or len(found) > _MAX_STATUSES:
            return None
        self._aliases["status"] = aliases_of(name for name, _count in found)
        counts: dict[str, int] = {}
        for name, count in found:
            counts[shown(name)] = counts.get(shown(name), 0) + count
        return counts

    def count_steps(self, status: str) -> Iterator[int]:
        """Yield parts of how many tasks have a status, each counted in one short statement."""
        layout = self._known()
        for cell in self._aliases.get("status", {}).get(status, (status,)):
            yield from count_steps(self._connection, layout, cell)

    def workers(self, limit: int = 200) -> tuple[WorkerRow, ...]:
        """Return at most ``limit`` workers with what they hold."""
        return read_workers(self._connection, self._known(), limit)

    def newest_task_id(self) -> int:
        """Return the largest task id, 0 where there is none."""
        self._known()
        return as_int(self._connection.value("SELECT max(id) FROM task_queue", doing="find the newest task"))

    def newest_log_id(self) -> int:
        """Return the largest log id, 0 where there is none."""
        if not self._known().logs:
            return 0
        return as_int(self._connection.value("SELECT max(log_id) FROM task_logs", doing="find the newest log line"))

    def task_rows(self, ids: Sequence[int]) -> dict[int, TaskRow]:
        """Return the tasks of these ids that exist, in the order asked."""
        return task_rows(self._connection, self._known(), ids)

    def log_rows(self, ids: Sequence[int]) -> dict[int, LogRow]:
        """Return the log lines of these ids that exist, in the order asked."""
        return log_rows(self._connection, self._known(), ids)

    def task_detail(self, task_id: int) -> TaskDetail | None:
        """Return all there is to know of one task, None where it does not exist."""
        layout = self._known()
        row = task_rows(self._connection, layout, (task_id,)).get(task_id)
        if row is None:
            return None
        owner = shown(row.locked_by)
        worker = read_worker(self._connection, layout, owner) if owner else None
        return task_detail(self._connection, layout, task_id, worker)

    def ask(self, question: Callable[[ReadConnection, Layout], _Answer]) -> _Answer:
        """Let another module of this room read on the open connection, in short statements of its own."""
        return question(self._connection, self._known())

    def known_values(self) -> KnownValues:
        """Return the values that a filter can be completed with; a handful of short statements."""
        from prismq_gui.insight.completion import KnownValues, payload_paths, recent_levels  # noqa: PLC0415 - seldom

        layout = self._known()
        return KnownValues(
            statuses=self.statuses(),
            types=self.types(),
            workers=tuple(worker.worker_id for worker in self.workers()),
            levels=recent_levels(self._connection, layout),
            paths=payload_paths(self._connection, layout),
        )

    def payload_values(
        self, columns: Sequence[PayloadColumn], ids: Sequence[int]
    ) -> dict[int, tuple[PayloadValue, ...]]:
        """Return values out of the payloads of these tasks, a tuple in the columns' order for each that exists."""
        from prismq_gui.insight.payload_columns import payload_values  # noqa: PLC0415 - only where there are such columns

        return payload_values(self._connection, self._known(), columns, ids)

    def scan_tasks(self, filter: TaskFilter, order: TaskOrder, *, soon: bool = False) -> Iterator[IdChunk]:
        """Yield the ids of the matching tasks in order; the last chunk is done.

        Args:
            filter: Which tasks.
            order: In which order.
            soon: Somebody waits for the first: chunks may be ``above``, and a sort tells what is ``leading``.
        """
        aliases = self._known_aliases(filter)
        return TaskScan(self._connection, self._known(), filter, order, aliases, soon=soon).chunks()

    def scan_logs(self, filter: LogFilter, *, again: bool = False) -> Iterator[IdChunk]:
        """Yield the ids of the matching log lines, ascending; the last chunk is done.

        Args:
            filter: Which lines.
            again: They are shown already: better in short statements than soon.
        """
        return scan_logs(self._connection, self._known(), filter, again=again)

    def tasks_after(self, filter: TaskFilter, task_id: int, limit: int) -> array[int]:
        """Return the ids of matching tasks newer than one, ascending, at most ``limit``."""
        layout = self._known()
        aliases = self._known_aliases(filter)
        narrow = where(filter, layout.tasks, leave_out=("payload", "error_message"), aliases=aliases)
        condition = where(filter, layout.tasks, aliases=aliases)
        return self._after("task_queue", "id", (condition, narrow), task_id, limit)

    def logs_after(self, filter: LogFilter, log_id: int, limit: int) -> array[int]:
        """Return the ids of matching log lines newer than one, ascending, at most ``limit``."""
        layout = self._known()
        if not layout.logs:
            return array("q")
        narrow = where(filter, layout.logs, leave_out=("message", "details"))
        return self._after("task_logs", "log_id", (where(filter, layout.logs), narrow), log_id, limit)

    def _after(
        self, table: str, key: str, conditions: tuple[Condition, Condition], last: int, limit: int
    ) -> array[int]:
        found = array("q")
        bounds = read_bounds(self._connection, table, key)
        if bounds is None or bounds.high <= last or limit <= 0:
            return found
        walk = Walk(table, key, Bounds(max(bounds.low, last + 1), bounds.high), False, *conditions)
        for rows, _progress in walk.steps(self._connection, Pace()):
            found.extend(row[0] for row in rows[: limit - len(found)] if isinstance(row[0], int))
            if len(found) >= limit:
                break
        return found


def _identify(path: Path) -> _Identity:
    found = path.stat()
    return _Identity(found.st_dev, found.st_ino)


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _gone(path: Path) -> Problem:
    return Problem(
        ProblemKind.MISSING,
        "The file is gone",
        str(path),
        "It was not created anew.",
        "It is looked for again by itself.",
    )
