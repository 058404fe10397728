"""Looking for a text in rows: one statement over a stretch of ids, its hits with where in the row they are.

Owns what is searched, in which column a hit is told first, and the pace. Each statement aims at 25 ms, at 4 ms while
others write. Must never hold a snapshot between two statements, nor load a cell of more than 64 MiB.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.filters import checked_text
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.walking import MAX_CHUNK, is_about_size, padded

QUIET_TARGET_S = 0.025  # half of the 50 ms that a statement may take
BUSY_TARGET_S = 0.004  # what a writer's checkpoint can wait for
LOOK_EVERY_S = 0.1  # whether others write
BEFORE, AFTER = 40, 120  # characters of a snippet around the text
MOST_IDS = 512  # in one statement by ids
_CHEAP_S = 0.001  # a stretch without hits that took less may have been empty: the next row is looked for
_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_LIKE_SPECIAL = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


class SearchKind(Enum):
    """What can be searched."""

    TASKS = "tasks"
    LOGS = "logs"


ALL_KINDS = (SearchKind.TASKS, SearchKind.LOGS)


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that holds the text, and the first place where, as the row stood when it was read.

    ``column`` is the first that holds it, in the order error, payload, type, key, worker, or message, details; ``id``
    where the text is the task's id alone. ``at`` counts characters of the cell. In ``snippet`` the text stands at
    ``start`` and has ``length`` characters; both are 0 where the place cannot be told.
    """

    kind: SearchKind
    id: int
    column: str
    at: int
    snippet: str
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows of a kind stand. ``large`` are the columns that may hold cells too large to be looked at."""

    kind: SearchKind
    table: str
    key: str
    columns: tuple[str, ...]
    large: tuple[str, ...]


_TASK_COLUMNS = ("error_message", "payload", "type", "idempotency_key", "locked_by")
_LOG_COLUMNS = ("message", "details")


def source_of(kind: SearchKind, layout: Layout) -> Source | None:
    """Return where rows of a kind stand in this file, None where it has no such table."""
    if kind is SearchKind.TASKS:
        columns = tuple(name for name in _TASK_COLUMNS if name in layout.tasks)
        return Source(kind, "task_queue", "id", columns, ("payload", "error_message"))
    if not layout.logs:
        return None
    columns = tuple(name for name in _LOG_COLUMNS if name in layout.logs)
    return Source(kind, "task_logs", "log_id", columns, _LOG_COLUMNS)


class Tempo:
    """A number of ids a statement that follows the time statements take, and whether others write."""

    def __init__(self, connection: ReadConnection, size: int = 2_048, most: int = MAX_CHUNK) -> None:
        self.size = size
        self.longest_s = 0.0
        self._connection = connection
        self._most = most
        self._target_s = QUIET_TARGET_S
        self._version: Cell = None
        self._looked = 0.0

    def took(self, seconds: float) -> None:
        """Take in how long a statement took."""
        self.longest_s = max(self.longest_s, seconds)
        self._look()
        if seconds > self._target_s:
            self.size = max(16, int(self.size * max(0.1, self._target_s / seconds)))
        elif seconds < self._target_s / 2:
            self.size = min(self._most, self.size * 2)

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY_S:
            return
        self._looked = now
        before, self._version = self._version, self._connection.value("PRAGMA data_version", doing="look for changes")
        busy = before is not None and before != self._version
        self._target_s = BUSY_TARGET_S if busy else QUIET_TARGET_S


class Looker:
    """Looks for one text in rows of one kind; used in the connection's thread."""

    def __init__(self, connection: ReadConnection, source: Source, text: str, tempo: Tempo) -> None:
        self._connection = connection
        self._source = source
        self._tempo = tempo
        self._text = checked_text(text)
        self._whole = self._statement(())
        self._narrow = self._statement(source.large)

    def _statement(self, leave_out: tuple[str, ...]) -> _Statement:
        columns = tuple(name for name in self._source.columns if name not in leave_out)
        return _Statement(self._source, columns, self._text)

    def stretch(self, low: int, high: int) -> Iterator[tuple[list[Hit], int]]:
        """Yield hits with ids from ``high`` down to ``low``, and down to which id was looked."""
        position = high
        while position >= low:
            bottom = max(low, position - self._tempo.size + 1)
            began = time.perf_counter()
            hits = self._between(bottom, position)
            took = time.perf_counter() - began
            self._tempo.took(took)
            position = bottom - 1
            if not hits and took < _CHEAP_S and position >= low:
                position = self._next_row(low, position)
            yield hits, position + 1

    def _next_row(self, low: int, high: int) -> int:
        sql = f"SELECT max({self._source.key}) FROM {self._source.table} WHERE {self._source.key} BETWEEN ? AND ?"
        found = self._connection.value(sql, (low, high), doing="search the file")
        return found if isinstance(found, int) else low - 1

    def _between(self, low: int, high: int) -> list[Hit]:
        """Look at a stretch; where a cell in it is too large, at its halves, and at last without that row's cells."""
        try:
            return self._hits(self._whole, "BETWEEN ? AND ?", (low, high))
        except ProblemError as error:
            if not is_about_size(error):
                raise
        if low == high:
            return self._hits(self._narrow, "BETWEEN ? AND ?", (low, high))
        middle = (low + high) // 2
        return self._between(middle + 1, high) + self._between(low, middle)

    def ids(self, ids: Sequence[int]) -> list[Hit]:
        """Return the hits among ids, which are at most :data:`MOST_IDS`, the largest first."""
        params, marks = padded(ids)
        try:
            return self._hits(self._whole, f"IN ({marks})", params)
        except ProblemError as error:
            if not is_about_size(error):
                raise
        return [hit for each in sorted(ids, reverse=True) for hit in self._between(each, each)]

    def _hits(self, statement: _Statement, which: str, params: Sequence[Cell]) -> list[Hit]:
        sql, before, after = statement.sql(which)
        rows = self._connection.rows(sql, (*before, *params, *after), doing="search the file")
        return [statement.hit(row) for row in rows]


class _Statement:
    """The SQL that finds a text in some columns and tells where it stands."""

    def __init__(self, source: Source, columns: tuple[str, ...], text: str) -> None:
        self._source = source
        self._columns = columns
        self._text = text

    def sql(self, which: str) -> tuple[str, tuple[Cell, ...], tuple[Cell, ...]]:
        """Return the statement over some ids, and the parameters before and after those of the ids.

        The LIMIT keeps SQLite from flattening the inner query, which would look for the text once for each use of its
        place.
        """
        key, length, names = self._source.key, len(self._text), range(len(self._columns))
        inner, outer = [f"{key} AS k"], ["k", *(f"p{n}" for n in names)]
        lowered = self._text.translate(_ASCII_LOWER)
        before: list[Cell] = []
        for n, name in enumerate(self._columns):
            test, param = self._test(name)
            inner.append(f"CAST({name} AS TEXT) AS c{n}")
            inner.append(f"CASE WHEN {test} THEN instr(lower(CAST({name} AS TEXT)), ?) ELSE 0 END AS p{n}")
            before += [param, lowered]
        for part in (
            f"substr(c{{0}}, max(1, p{{0}} - {BEFORE}), min({BEFORE}, p{{0}} - 1))",
            f"substr(c{{0}}, p{{0}}, {length})",
            f"substr(c{{0}}, p{{0}} + {length}, {AFTER})",
        ):
            cases = " ".join(f"WHEN p{n} > 0 THEN {part.format(n)}" for n in names)
            outer.append(f"CASE {cases} END" if cases else "NULL")
        condition, after = self._condition()
        sql = (
            f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {self._source.table} "
            f"WHERE {key} {which} AND ({condition}) ORDER BY {key} DESC LIMIT -1)"
        )
        return sql, tuple(before), after

    def _test(self, name: str) -> tuple[str, Cell]:
        """Return whether a cell holds the text, up to the cell's first NUL.

        LIKE takes a third of the time of ``instr(lower(…))``, but its pattern ends at a NUL: only a text with one is
        looked for the slow way.
        """
        if "\0" in self._text:
            return f"instr(lower(CAST({name} AS TEXT)), ?) > 0", self._text.translate(_ASCII_LOWER)
        return f"CAST({name} AS TEXT) LIKE ? ESCAPE '\\'", f"%{self._text.translate(_LIKE_SPECIAL)}%"

    def _condition(self) -> tuple[str, tuple[Cell, ...]]:
        tests = [self._test(name) for name in self._columns]
        if self._source.kind is SearchKind.TASKS and (own_id := id_of(self._text)) is not None:
            tests.append((f"{self._source.key} = ?", own_id))
        return " OR ".join(test for test, _ in tests) or "0", tuple(param for _, param in tests)

    def hit(self, row: Row) -> Hit:
        """Turn a row of the statement into a hit."""
        row_id, places, parts = row[0], row[1:-3], [str(cell or "") for cell in row[-3:]]
        assert isinstance(row_id, int)
        for name, place in zip(self._columns, places, strict=True):
            if isinstance(place, int) and place > 0:
                before, found, after = parts
                return Hit(self._source.kind, row_id, name, place - 1, before + found + after, len(before), len(found))
        return Hit(self._source.kind, row_id, self._source.key, 0, str(row_id), 0, len(self._text))


def id_of(text: str) -> int | None:
    """Return the id that a text is, None where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
