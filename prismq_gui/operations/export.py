"""Exporting tasks or log lines of a live queue into a file: streamed, stoppable, whole or not there at all.

Owns the reading in short statements, and the new file until it bears its name. Never writes to the queue. Rows are as
each was when it was read: a snapshot held for a whole export would starve the writers' checkpoint.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PureWindowsPath

from prismq_gui.insight.cell_file import refuse_own_file
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.filters import LogFilter, TaskFilter
from prismq_gui.insight.layout import TASK_COLUMNS, Layout
from prismq_gui.insight.messages import Cell, IdChunk, IdSpan
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.walking import Pace, is_about_size, padded
from prismq_gui.operations.cells import Cells, exact_text
from prismq_gui.operations.export_formats import Sheet, make_sheet
from prismq_gui.operations.export_records import ExportFormat, ExportProgress, ExportReport, ExportWish

CUT_BYTES = 64 * 1024
EXISTS = "There is a file of this name already"
_DEADLINE_S = 5.0
_SOON_S = 0.5  # for a statement of several rows: what takes longer holds values too large to be had together
_MOST_ROWS = 256
_MOST_LINES = 5_000
_SAMPLE = 20
_LONG = ("payload", "compatibility", "error_message", "message", "details")
_TASKS = ("id", *(name for name in TASK_COLUMNS if name != "id"), "payload", "compatibility")
_LOGS = ("log_id", "task_id", "at_utc", "level", "message", "details")
_DEVICES = re.compile(r"(?:CON|PRN|AUX|NUL|COM[1-9¹²³]|LPT[1-9¹²³]|CONIN\$|CONOUT\$)(?:\s*\..*)?", re.IGNORECASE)
_NOTHING = "No file was written; the queue was not changed."

OnProgress = Callable[[ExportProgress], None]
ShouldStop = Callable[[], bool]


class _Stopped(Exception):  # noqa: N818 - not an error: the person's wish
    pass


def export(
    path: Path,
    wish: ExportWish,
    *,
    on_progress: OnProgress = lambda _progress: None,
    should_stop: ShouldStop = lambda: False,
) -> ExportReport:
    """Write the rows that a filter chooses into a new file and return what became of it; every error is told in it."""
    began = time.perf_counter()
    report = ExportReport(wish.target)
    try:
        check_target(path, wish)
        report = _written(path, wish, on_progress, should_stop)
    except _Stopped:
        report = replace(report, stopped=True)
    except ProblemError as error:
        report = replace(report, problem=error.problem)
    except sqlite3.Error as error:
        report = replace(report, problem=_of_target(wish.target, str(error)))
    except OSError as error:
        report = replace(report, problem=_of_target(wish.target, error.strerror or type(error).__name__))
    return replace(report, elapsed_s=time.perf_counter() - began)


def check_target(path: Path, wish: ExportWish) -> None:
    """Refuse a file that is not to be written, before anything is read.

    Raises:
        ProblemError: It is one of the queue's own, a device of Windows, a folder, or there already.
    """
    target = wish.target
    name = PureWindowsPath(target.name).name.rstrip(" .")
    if not target.name or _DEVICES.fullmatch(name):
        raise ProblemError(_problem("That is no name for a file (Windows keeps it for a device)", target, _CHOOSE))
    refuse_own_file(path, target)
    if target.is_dir():
        raise ProblemError(_problem("There is a folder of this name", target, _CHOOSE))
    if target.exists() and not wish.overwrite:
        raise ProblemError(_problem(EXISTS, target, "Choose another name, or agree that it goes."))


_CHOOSE = "Choose another name."


def _problem(what: str, target: Path, advice: str) -> Problem:
    return Problem(ProblemKind.REFUSED, what, str(target), _NOTHING, advice)


def _of_target(target: Path, reason: str) -> Problem:
    what = f"The file can't be written ({reason})"
    return Problem(ProblemKind.FAILED, what, str(target), _NOTHING, "Choose another folder, or make room.")


def _written(path: Path, wish: ExportWish, on_progress: OnProgress, should_stop: ShouldStop) -> ExportReport:
    target = wish.target
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:60]}.", suffix=".part", dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        with closing(QueueReader(path, deadline_s=_DEADLINE_S)) as reader:
            reader.open()
            with closing(ReadConnection(path, _DEADLINE_S, text_factory=exact_text)) as connection:
                connection.open()
                layout = reader.ask(lambda _connection, layout: layout)
                report = _Export(reader, connection, layout, wish, part).run(on_progress, should_stop)
        _put_on_disk(part)
        size = part.stat().st_size
        part.replace(target)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return replace(report, size_bytes=size)


def _put_on_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


class _Export:
    """One export on its way; used once, in one thread."""

    def __init__(
        self, reader: QueueReader, connection: ReadConnection, layout: Layout, wish: ExportWish, part: Path
    ) -> None:
        self._reader = reader
        self._connection = connection
        self._layout = layout
        self._wish = wish
        self._part = part
        self._columns = {
            "task_queue": tuple(name for name in _TASKS if name in layout.tasks),
            "task_logs": tuple(name for name in _LOGS if name in layout.logs),
        }
        self._table = "task_queue" if wish.is_tasks else "task_logs"
        self._pace = Pace(16, _MOST_ROWS)
        self._rows = self._lines = self._gone = 0
        self._cut: dict[int, None] = {}
        self._cut_count = 0

    def run(self, on_progress: OnProgress, should_stop: ShouldStop) -> ExportReport:
        """Write all rows; return what was written."""
        if not self._columns[self._table]:
            what = f"This file has no table {self._table}"
            raise ProblemError(Problem(ProblemKind.REFUSED, what, str(self._connection.path), _NOTHING, ""))
        sheet = make_sheet(self._wish.format, self._part, self._columns[self._table])
        try:
            done = 0.0
            for chunk in self._chunks():
                for at in self._portions(chunk.ids, sheet, should_stop):
                    share = at / len(chunk.ids) if len(chunk.ids) else 1.0
                    on_progress(ExportProgress(self._rows, done + (chunk.progress - done) * share))
                if should_stop():
                    raise _Stopped
                done = chunk.progress
            sheet.finish()
        finally:
            sheet.close()
        return ExportReport(
            self._wish.target, self._rows, self._lines, 0, self._gone, sheet.refused, tuple(self._cut)[:_SAMPLE],
            self._cut_count, without_logs=self._lacks_lines,
        )  # fmt: skip

    @property
    def _lacks_lines(self) -> bool:
        """Whether the tasks' log lines are left out: without an index each batch would read the whole log."""
        is_queue = self._wish.is_tasks and self._wish.format is ExportFormat.SQLITE
        return is_queue and bool(self._layout.logs) and not self._layout.has_log_index

    def _chunks(self) -> Iterator[IdChunk]:
        wanted = self._wish.wanted
        if self._wish.ids is not None:
            return iter([IdChunk(self._wish.ids, 1.0, done=True)])
        if isinstance(wanted, TaskFilter):
            return self._reader.scan_tasks(wanted, self._wish.order)
        assert isinstance(wanted, LogFilter)
        return self._reader.scan_logs(wanted, again=True)

    def _portions(self, ids: IdSpan, sheet: Sheet, should_stop: ShouldStop) -> Iterator[int]:
        """Write the rows of ids; yield after each portion how many of the ids were gone through."""
        at = 0
        while at < len(ids):
            if should_stop():
                raise _Stopped
            found, taken = self._read(self._table, ids, at)
            at += taken
            rows = [found[each] for each in ids[at - taken : at] if each in found]
            self._gone += taken - len(rows)
            if self._wish.format is ExportFormat.SQLITE:
                self._add_with_others(sheet, rows)
            else:
                sheet.add(self._table, self._columns[self._table], rows)
            self._rows += len(rows)
            yield at

    def _read(self, table: str, ids: IdSpan, at: int) -> tuple[dict[Cell, Cells], int]:
        """Return rows by id from a place on, and how many ids that were."""
        columns = self._columns[table]
        taken = 0

        def statement(size: int) -> list[Cells]:
            nonlocal taken
            some = ids[at : at + size]
            taken = len(some)
            params, marks = padded(some)
            sql = f"SELECT {', '.join(columns)} FROM {table} WHERE {columns[0]} IN ({marks})"
            within_s = _SOON_S if taken > 1 else _DEADLINE_S
            return self._connection.rows(sql, params, doing="export", within_s=within_s)

        self._pace.is_busy = self._connection.is_busy
        try:
            rows = self._pace.run(statement)
        except ProblemError as error:
            if not is_about_size(error):
                raise
            rows, taken = self._cut_row(table, ids[at]), 1
        return {row[0]: row for row in rows}, taken

    def _cut_row(self, table: str, row_id: int) -> list[Cells]:
        """Return a row of which a value is too long to be read at once, with the beginnings of its long values."""
        columns = self._columns[table]
        key = columns[0]
        names = [name if name not in _LONG else "NULL" for name in columns]
        rows = self._connection.rows(
            f"SELECT {', '.join(names)} FROM {table} WHERE {key} = ?", (row_id,), doing="export"
        )
        if not rows:
            return []
        self._cut_count += 1
        if len(self._cut) < _SAMPLE:
            self._cut[row_id] = None
        cells = [
            self._beginning(table, name, row_id) if name in _LONG else cell
            for name, cell in zip(columns, rows[0], strict=True)
        ]
        return [tuple(cells)]

    def _beginning(self, table: str, column: str, row_id: int) -> Cell:
        found = self._connection.blob_preview(table, column, row_id, CUT_BYTES)
        if found is not None:
            return found[0].decode("utf-8", "backslashreplace")
        key = self._columns[table][0]
        sql = f"SELECT substr({column}, 1, {CUT_BYTES}) FROM {table} WHERE {key} = ?"
        try:
            return self._connection.value(sql, (row_id,), doing="export")
        except ProblemError:
            return None

    # -- a queue file of its own: with what belongs to the rows

    def _add_with_others(self, sheet: Sheet, rows: Sequence[Cells]) -> None:
        columns = self._columns[self._table]
        if self._wish.is_tasks:
            sheet.add("task_queue", columns, rows)
            if self._columns["task_logs"] and not self._lacks_lines:
                for task in rows:
                    self._add_lines(sheet, task[0])
            return
        place = columns.index("task_id")
        tasks = array("q", sorted({each for row in rows if isinstance(each := row[place], int)}))
        at = 0
        while at < len(tasks):
            found, taken = self._read("task_queue", tasks, at)
            at += taken
            sheet.add("task_queue", self._columns["task_queue"], list(found.values()))
            self._lines += len(found)
        sheet.add("task_logs", columns, rows)

    def _add_lines(self, sheet: Sheet, task_id: Cell) -> None:
        """Add a task's log lines, some thousands at a time."""
        columns = self._columns["task_logs"]
        names, last = ", ".join(columns), -(2**63)
        while True:
            rows = self._connection.rows(
                f"SELECT {names} FROM task_logs WHERE task_id = ? AND log_id > ? ORDER BY log_id LIMIT {_MOST_LINES}",
                (task_id, last),
                doing="export",
            )
            sheet.add("task_logs", columns, rows)
            self._lines += len(rows)
            if len(rows) < _MOST_LINES:
                return
            last = rows[-1][0]  # type: ignore[assignment]  # the table's key is an integer
