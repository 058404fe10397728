"""Walking over a table of a live file in short statements, and the pace they keep.

Owns the chunk size that adapts to the time a chunk takes, and the walk over a table by its key.
Must never leave a cursor alive between two chunks.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.filters import Condition
from prismq_gui.insight.messages import Cell, IdSpan
from prismq_gui.insight.problems import ProblemError, ProblemKind

LIMIT_S = 0.05  # where a stretch takes longer (it was much denser than the one before), a shorter one is read
_LEAST_LIMITED = 64  # keys: so few must be read however long they take
TARGET_S = 0.025  # half of the 50 ms a statement may take, so that one slow chunk still keeps it
BUSY_TARGET_S = 0.006
MAX_CHUNK = 32_768  # rows; more in one fetch would hold Python's lock too long for a smooth window
MIN_INT, MAX_INT = -(2**63), 2**63 - 1


class Pace:
    """A chunk size that aims at :data:`TARGET_S` a statement, and is never over ``most``."""

    def __init__(self, size: int = 1_024, most: int = MAX_CHUNK) -> None:
        self.size = size
        self._most = most
        self.longest_s = 0.0
        self.is_busy = False
        """Whether others write: a checkpoint waits for the end of a statement, and the log grows meanwhile."""

    def run(self, statement: Callable[[int], list[Row]]) -> list[Row]:
        """Run a statement that reads at most so many rows; smaller and smaller ones where it fails for size.

        Raises:
            ProblemError: The statement's own, for TOO_SLOW and too large values only at a size of 1.
        """
        while True:
            started = time.perf_counter()
            try:
                rows = statement(self.size)
            except ProblemError as error:
                if self.size == 1 or not is_about_size(error):
                    raise
                self.size = max(1, self.size // 16)
                continue
            self._adapt(time.perf_counter() - started)
            return rows

    def _adapt(self, took_s: float) -> None:
        self.longest_s = max(self.longest_s, took_s)
        target_s = min(TARGET_S, BUSY_TARGET_S) if self.is_busy else TARGET_S
        if took_s > target_s:
            self.size = max(1, int(self.size * max(0.1, target_s / took_s)))
        elif took_s < target_s / 2:
            self.size = min(self._most, self.size * 2)


def is_about_size(error: ProblemError) -> bool:
    """Whether a statement over fewer rows may succeed where this one failed."""
    return error.problem.kind is ProblemKind.TOO_SLOW or error.problem.code == "SQLITE_TOOBIG"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Smallest and largest id of a table."""

    low: int
    high: int


def read_bounds(connection: ReadConnection, table: str, key: str) -> Bounds | None:
    """Return a table's bounds, read in one statement, None where it is empty."""
    sql = f"SELECT (SELECT min({key}) FROM {table}), (SELECT max({key}) FROM {table})"
    low, high = connection.rows(sql, doing="look at the ids")[0]
    if not isinstance(low, int) or not isinstance(high, int):
        return None
    return Bounds(low, high)


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk over a table's rows by key. ``extra`` are further expressions to read of matching rows.

    A statement is about a stretch of keys and returns what matches in it alone: to hand each row over to be told
    whether it matches would double what the walk costs, and take Python's lock once a row. Within a stretch rows are
    read upwards whatever the order: systems read ahead in that direction alone, and a large file is on the disk
    (20 MB a second downwards, 150 upwards).
    """

    table: str
    key: str
    bounds: Bounds
    descending: bool
    condition: Condition
    narrow: Condition  # without the columns that may be too large to be looked at
    extra: str = ""
    narrow_extra: str = ""  # what is read instead where that is too large

    def steps(self, connection: ReadConnection, pace: Pace) -> Iterator[tuple[list[Row], float]]:
        """Yield the matching rows of each stretch, (key, extra…), and the progress from 0 to 1."""
        widths = Pace(pace.size, MAX_INT)
        rest = next_row(connection, self.table, self.key, self.bounds, descending=self.descending)
        while rest is not None:
            widths.is_busy = connection.is_busy
            rows, rest = self._step(connection, widths, rest)
            pace.longest_s = max(pace.longest_s, widths.longest_s)
            if rest is not None:
                rest = next_row(connection, self.table, self.key, rest, descending=self.descending)
            yield rows, 1.0 if rest is None else self._progress(rest)

    def _step(self, connection: ReadConnection, widths: Pace, rest: Bounds) -> tuple[list[Row], Bounds | None]:
        """Return what matches in the next stretch, and what is left after it."""
        stretch = rest

        def read(size: int) -> list[Row]:
            nonlocal stretch
            stretch = window(rest, size, descending=self.descending)
            limit_s = LIMIT_S if size > _LEAST_LIMITED else None
            return self._read(connection, self.condition, self.extra, stretch, limit_s)

        try:
            rows = widths.run(read)
            if len(rows) > MAX_CHUNK:  # so wide because there was nothing for long
                widths.size = MAX_CHUNK
                rows = widths.run(read)
        except ProblemError as error:
            if not is_about_size(error):
                raise
            rows = self._read(connection, self.narrow, self.narrow_extra, stretch, None)
        return rows[::-1] if self.descending else rows, after(rest, stretch, descending=self.descending)

    def _read(
        self, connection: ReadConnection, condition: Condition, extra: str, stretch: Bounds, within_s: float | None
    ) -> list[Row]:
        sql = (
            f"SELECT {self.key}{extra} FROM {self.table} WHERE {self.key} BETWEEN ? AND ? AND {condition.sql} "
            f"ORDER BY {self.key} LIMIT {MAX_CHUNK + 1}"
        )
        params = (stretch.low, stretch.high, *condition.params)
        return connection.rows(sql, params, doing="search the file", within_s=within_s)

    def _progress(self, rest: Bounds) -> float:
        left = rest.high - rest.low + 1
        return min(1.0, max(0.0, 1.0 - left / (self.bounds.high - self.bounds.low + 1)))


def window(rest: Bounds, size: int, *, descending: bool) -> Bounds:
    """Return the next ``size`` keys of what is left."""
    if descending:
        return Bounds(max(rest.low, rest.high - size + 1), rest.high)
    return Bounds(rest.low, min(rest.high, rest.low + size - 1))


def after(rest: Bounds, done: Bounds, *, descending: bool) -> Bounds | None:
    """Return what is left once the first part of it is done."""
    left = Bounds(rest.low, done.low - 1) if descending else Bounds(done.high + 1, rest.high)
    return left if left.low <= left.high else None


def next_row(connection: ReadConnection, table: str, key: str, rest: Bounds, *, descending: bool) -> Bounds | None:
    """Return what is left from the next row on, None where there is none; one seek."""
    best = "max" if descending else "min"
    sql = f"SELECT {best}({key}) FROM {table} WHERE {key} BETWEEN ? AND ?"
    found = connection.value(sql, (rest.low, rest.high), doing="look at the ids")
    if not isinstance(found, int):
        return None
    return Bounds(rest.low, found) if descending else Bounds(found, rest.high)


def gapless(ids: Sequence[int]) -> range | None:
    """Return the ids, which are in strict order, as a range where none is left out."""
    if not ids:
        return None
    first, last = ids[0], ids[-1]
    if abs(last - first) + 1 != len(ids):
        return None
    return range(first, last + 1) if first <= last else range(first, last - 1, -1)


def as_span(ids: list[int]) -> IdSpan:
    """Return ids that are in strict order as a range where they have no gaps, else as an array."""
    return gapless(ids) or array("q", ids)


def walk_all(
    connection: ReadConnection, table: str, key: str, bounds: Bounds, *, descending: bool, pace: Pace
) -> Iterator[tuple[IdSpan, float]]:
    """Yield all keys of a table in order; stretches without gaps are found without reading their ids."""
    position: int | None = bounds.high if descending else bounds.low
    width = bounds.high - bounds.low + 1
    direction = "DESC" if descending else "ASC"
    while position is not None:
        low, high = (bounds.low, position) if descending else (position, bounds.high)
        inner = f"SELECT {key} AS k FROM {table} WHERE {key} BETWEEN ? AND ? ORDER BY {key} {direction}"
        stretch = pace.run(
            lambda size, low=low, high=high, inner=inner: connection.rows(  # type: ignore[misc]
                f"SELECT min(k), max(k), count(*) FROM ({inner} LIMIT ?)", (low, high, size), doing="list the ids"
            )
        )
        first, last, count = (int(cell) if isinstance(cell, int) else 0 for cell in stretch[0])
        if count == 0:
            return
        span: IdSpan = range(last, first - 1, -1) if descending else range(first, last + 1)
        if count != last - first + 1:
            span = _ids(connection.rows(inner, (first, last), doing="list the ids"))
        after = first - 1 if descending else last + 1
        position = after if bounds.low <= after <= bounds.high else None
        done = bounds.high - after if descending else after - bounds.low
        yield span, 1.0 if position is None else done / width


def _ids(rows: list[Row]) -> array[int]:
    return array("q", [row[0] for row in rows if isinstance(row[0], int)])


def padded(ids: Sequence[int]) -> tuple[tuple[Cell, ...], str]:
    """Return ids as parameters, and as many question marks, padded to few sizes so that statements are reused."""
    size = next(step for step in (1, 8, 64, 256, 512) if step >= len(ids))
    return (*ids, *([ids[-1]] * (size - len(ids)))), ", ".join("?" * size)
