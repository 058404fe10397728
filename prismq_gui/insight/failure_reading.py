"""The statements that read failed and dead tasks, each short, over the index by type and status.

Owns the SQL of failures. Error texts are read by their first and last bytes, as
:mod:`~prismq_gui.insight.signatures` looks at them. Holds nothing between two statements.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.failure_store import CHECK_SQL, Stretch
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.log_events import worker_started
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.names import Name, bound, distinct, shown
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.rows import cut
from prismq_gui.insight.signature_sql import STATUSES as STATUSES  # noqa: PLC0414 - the one definition, handed on
from prismq_gui.insight.signature_sql import error_parts
from prismq_gui.insight.walking import MIN_INT, Pace, is_about_size, padded
from prismq_gui.queue.timestamps import parse_utc

MAX_TYPES = 2_000  # beyond, the table is walked instead: two seeks a type and look would cost more
IDS_A_LOOK = 8_192
LEAST_ROWS = 64  # a machine with too much to do would have it read row by row, and take all the longer
MOST_ROWS = 512  # a statement: 3 ms, where each row is on a page of its own
NAME_CHARACTERS = 200
LOG_LINES_A_TASK = 20  # the newest; the start of the last attempt stands among them
_IDS_A_LOG_LOOK = 64


@dataclass(frozen=True, slots=True)
class Pair:
    """Failed tasks of one type and status; of all types, without the index, where ``type`` is not ``known``."""

    type: Name
    status: str
    known: bool = True

    @property
    def type_text(self) -> str:
        """The type as it is shown."""
        return shown(self.type)[:NAME_CHARACTERS]


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A failed task as it was read. ``worker`` is '' where the row names none."""

    id: int
    head: bytes
    tail: bytes
    at: datetime | None
    worker: str
    type_text: str = ""


class FailureStatements:
    """Reads failed tasks by one connection, in the thread of that."""

    def __init__(self, connection: ReadConnection, layout: Layout) -> None:
        self._connection = connection
        self._layout = layout
        self._pace = Pace(size=256, most=MOST_ROWS)
        self._row = _row_expressions(layout, with_error=True)
        self._row_without_error = _row_expressions(layout, with_error=False)

    @property
    def longest_s(self) -> float:
        """The longest time a statement that reads rows took."""
        return self._pace.longest_s

    def pairs(self) -> list[Pair]:
        """Return the pairs that there may be."""
        if self._layout.has_type_status_index:
            types = distinct(self._connection, "type", MAX_TYPES + 1)
            if len(types) <= MAX_TYPES:
                return [Pair(name, status) for name in types for status in STATUSES]
        return [Pair(None, status, known=False) for status in STATUSES]

    def newest_down(self, pair: Pair, before: int, most: int = MOST_ROWS) -> tuple[list[FailedRow], int | None]:
        """Return the newest failed tasks up to an id, and where to go on; None where that was the last of them."""
        if not pair.known:
            return self._table_down(pair, before)
        asked = attempt = 0

        def read(size: int, expressions: str = self._row) -> list[Row]:
            nonlocal asked, attempt
            asked = min(max(size, 1 if attempt else LEAST_ROWS), most)
            attempt += 1
            return self._rows(expressions, pair, "id <= ? ORDER BY id DESC LIMIT ?", (before, asked))

        try:
            rows = self._pace.run(read)
        except ProblemError as error:
            if not is_about_size(error):
                raise
            rows = read(1, self._row_without_error)
        found = [_failed(row) for row in rows]
        if len(rows) < asked or not found or found[-1].id == MIN_INT:
            return found, None
        return found, found[-1].id - 1

    def _table_down(self, pair: Pair, before: int) -> tuple[list[FailedRow], int | None]:
        """Do the same where there is no index to go by: look at so many tasks of any status."""
        keys = "SELECT id FROM task_queue NOT INDEXED WHERE id <= ? ORDER BY id DESC LIMIT 1024"
        low = self._connection.value(f"SELECT min(id) FROM ({keys})", (before,), doing="look for failed tasks")
        if not isinstance(low, int):
            return [], None
        condition = "id BETWEEN ? AND ? ORDER BY id DESC"
        try:
            rows = self._rows(self._row, pair, condition, (low, before))
        except ProblemError as error:
            if not is_about_size(error):
                raise
            rows = self._rows(self._row_without_error, pair, condition, (low, before))
        return [_failed(row) for row in rows], low - 1 if low > MIN_INT else None

    def rows_of(self, pair: Pair, ids: Sequence[int]) -> Iterator[list[FailedRow]]:
        """Yield the tasks of these ids that are of the pair, a statement at a time."""
        for at in range(0, len(ids), 256):
            yield self._by_ids(pair, ids[at : at + 256])

    def _by_ids(self, pair: Pair, ids: Sequence[int]) -> list[FailedRow]:
        params, marks = padded(ids)
        try:
            return [_failed(row) for row in self._rows(self._row, pair, f"id IN ({marks})", params)]
        except ProblemError as error:
            if not is_about_size(error):
                raise
        if len(ids) == 1:
            return [_failed(row) for row in self._rows(self._row_without_error, pair, "id = ?", (ids[0],))]
        half = len(ids) // 2
        return self._by_ids(pair, ids[:half]) + self._by_ids(pair, ids[half:])

    def is_same(self, pair: Pair, stretch: Stretch) -> bool:
        """Whether a range holds the same ids as before: their count and checksum, from the index alone."""
        source, params = _source(pair, "id")
        inner = f"{source} AND id BETWEEN ? AND ? ORDER BY id LIMIT ?"
        sql = f"SELECT count(*), {CHECK_SQL} FROM ({inner})"
        bounds = (stretch.low, stretch.high, stretch.count + 1)
        count, check = self._connection.rows(sql, (*params, *bounds), doing="look for failed tasks")[0]
        return count == stretch.count and (check or 0) == stretch.check

    def ids(self, pair: Pair, low: int, high: int) -> list[int]:
        """Return the first ids of a range, at most :data:`IDS_A_LOOK`."""
        source, params = _source(pair, "id")
        sql = f"{source} AND id BETWEEN ? AND ? ORDER BY id LIMIT {IDS_A_LOOK}"
        rows = self._connection.rows(sql, (*params, low, high), doing="look for failed tasks")
        return [row[0] for row in rows if isinstance(row[0], int)]

    def workers_of(self, ids: Sequence[int]) -> dict[int, str]:
        """Return which worker last started each task, as its newest log lines tell; those that tell none are left out.

        Nothing is found without the index over a task's lines.
        """
        found: dict[int, str] = {}
        if not self._layout.has_log_index or "message" not in self._layout.logs:
            return found
        newest = (
            "SELECT message AS m FROM task_logs INDEXED BY ix_logs_task "
            f"WHERE task_id = t.id ORDER BY at_utc DESC, log_id DESC LIMIT {LOG_LINES_A_TASK}"
        )
        told = f"SELECT {cut('m', 2_000)} FROM ({newest}) WHERE typeof(m) = 'text' AND m LIKE '% started by %' LIMIT 1"
        for at in range(0, len(ids), _IDS_A_LOG_LOOK):
            params, marks = padded(ids[at : at + _IDS_A_LOG_LOOK])
            sql = f"SELECT t.id, ({told}) FROM task_queue AS t WHERE t.id IN ({marks})"
            for task_id, message in self._connection.rows(sql, params, doing="look for the workers"):
                worker = worker_started(message) if isinstance(message, str) else ""
                if worker and isinstance(task_id, int):
                    found[task_id] = worker[:NAME_CHARACTERS]
        return found

    def newest_log_id(self) -> int:
        """Return the newest log line's id, 0 where there is none."""
        if not self._layout.logs:
            return 0
        found = self._connection.value("SELECT max(log_id) FROM task_logs", doing="find the newest log line")
        return found if isinstance(found, int) else 0

    def logged_tasks(self, after: int, most: int) -> tuple[set[int], int, bool]:
        """Return the tasks that got log lines after one, the last line looked at, and whether those are all."""
        found: set[int] = set()
        if "task_id" not in self._layout.logs:
            return found, after, True
        looked = 0
        sql = "SELECT log_id, task_id FROM task_logs WHERE log_id > ? ORDER BY log_id LIMIT 4096"
        while looked < most:
            rows = self._connection.rows(sql, (after,), doing="look for changes")
            found.update(row[1] for row in rows if isinstance(row[1], int))
            looked += len(rows)
            if rows and isinstance(rows[-1][0], int):
                after = rows[-1][0]
            if len(rows) < 4_096:
                return found, after, True
        return found, max(after, self.newest_log_id()), False

    def _rows(self, expressions: str, pair: Pair, condition: str, params: Sequence[Cell]) -> list[Row]:
        source, own = _source(pair, expressions)
        return self._connection.rows(f"{source} AND {condition}", (*own, *params), doing="read the failed tasks")


def _source(pair: Pair, expressions: str) -> tuple[str, tuple[Cell, ...]]:
    """Return a SELECT up to its first condition, and the parameters of that."""
    if not pair.known:
        return f"SELECT {expressions} FROM task_queue NOT INDEXED WHERE status = ?", (pair.status,)
    mark, param = bound(pair.type)
    index = "INDEXED BY ix_task_type_status"  # it holds the ids too, in their order
    return f"SELECT {expressions} FROM task_queue {index} WHERE type IS {mark} AND status = ?", (param, pair.status)


def _row_expressions(layout: Layout, *, with_error: bool) -> str:
    error = error_parts(has_error="error_message" in layout.tasks, readable=with_error)
    others = [
        cut(name, NAME_CHARACTERS) if name in layout.tasks else "NULL"
        for name in ("finished_at_utc", "updated_at_utc", "locked_by")
    ]
    return ", ".join(["id", error, *others, cut("type", NAME_CHARACTERS)])


def _failed(row: Row) -> FailedRow:
    task_id, head, tail, finished, updated, owner, kind = row
    assert isinstance(task_id, int)
    return FailedRow(
        task_id,
        head if isinstance(head, bytes) else b"",
        tail if isinstance(tail, bytes) else b"",
        parse_utc(finished) or parse_utc(updated),
        shown(owner),
        shown(kind),
    )
