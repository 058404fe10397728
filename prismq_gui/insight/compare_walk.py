"""The walk over two files side by side, by id: same, changed, appeared, vanished, another task under the same id.

Texts are read as their bytes: decoding each of a million took longer than comparing them. A long value is compared on
its own, slice by slice, so that memory stays bounded whatever a row holds.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence

from prismq_gui.insight.compare_records import ColumnCount, DifferenceKind, IdTally
from prismq_gui.insight.connection import ReadConnection, Row, decode_text
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.walking import Pace, is_about_size, read_bounds
from prismq_gui.queue.timestamps import parse_utc

SHORT_BYTES = 4_096
MOST_ROWS = 1_024  # a stretch: 4 MiB where each payload is just short, 70 MiB where every cell is
SLICE_BYTES = 1024 * 1024
_FIRST_ROWS = 128
# Stands for a long value. A text that happens to be this one is compared on its own too, which does no harm.
MARK = b"\xfflong"
_MARK_SQL = f"CAST(x'{MARK.hex()}' AS TEXT)"
_IDENTITY = ("created_at_utc", "idempotency_key", "type")


class Side:
    """One file's tasks in the order of their ids, read ahead by a stretch."""

    def __init__(self, connection: ReadConnection, sql: str, width: int) -> None:
        self.connection = connection
        self.rows: list[Row] = []
        self.is_whole = False  # all of the file was read
        self._sql = sql
        self._width = width
        self._pace = Pace(_FIRST_ROWS, MOST_ROWS)
        self._next = -(2**63)

    def fill(self) -> None:
        """Read on where nothing is left of what was read ahead."""
        if self.rows or self.is_whole:
            return
        asked = 0

        def read(size: int) -> list[Row]:
            nonlocal asked
            asked = size
            return self.connection.rows(self._sql, (self._next, size), doing="compare the tasks")

        try:
            self.rows = self._pace.run(read)
        except ProblemError as error:
            if not is_about_size(error):
                raise
            self.rows, asked = self._unreadable(), 1
        self.is_whole = len(self.rows) < asked
        if self.rows:
            last = self.rows[-1][0]
            assert isinstance(last, int)
            self.is_whole = self.is_whole or last == 2**63 - 1
            self._next = min(last + 1, 2**63 - 1)

    def _unreadable(self) -> list[Row]:
        """Return the next row, one of whose values is too large to be read, as its id with a mark for each cell."""
        found = self.connection.rows("SELECT id FROM task_queue WHERE id >= ? ORDER BY id LIMIT 1", (self._next,))
        return [(row[0], *[MARK] * self._width, 0) for row in found]

    @property
    def end(self) -> int | None:
        """The last id that is surely read, None where all are."""
        last = self.rows[-1][0] if self.rows and not self.is_whole else None
        return last if isinstance(last, int) else None

    def take(self, horizon: int | None) -> list[Row]:
        """Take the rows up to an id out of what was read ahead."""
        at = len(self.rows) if horizon is None else bisect_right(self.rows, horizon, key=_id)
        taken, self.rows = self.rows[:at], self.rows[at:]
        return taken


class Merge:
    """The walk; used once. ``columns`` begin with the id."""

    def __init__(self, connections: Sequence[ReadConnection], columns: Sequence[str]) -> None:
        self.same = self.seen = 0
        self.appeared, self.vanished, self.changed, self.reused = IdTally(), IdTally(), IdTally(), IdTally()
        self.unread = IdTally()
        self.changed_fields = array("I")  # a bit a column, for each id that is kept of the changed
        self._names = tuple(columns[1:])
        self._places = {name: place for place, name in enumerate(self._names, 1)}
        self._range = range(1, len(self._names) + 1)
        self._differing: Counter[int] = Counter()
        sql = f"SELECT id, {', '.join(_cells(self._names))} FROM task_queue WHERE id >= ? ORDER BY id LIMIT ?"
        self._sides = [Side(connection, sql, len(self._names)) for connection in connections]

    def steps(self) -> Iterator[float]:
        """Compare a stretch after the other; yield the progress from 0 to 1."""
        found = [read_bounds(side.connection, "task_queue", "id") for side in self._sides]
        known = [bounds for bounds in found if bounds is not None]
        low, high = (min(each.low for each in known), max(each.high for each in known)) if known else (0, 0)
        while not all(side.is_whole and not side.rows for side in self._sides):
            for side in self._sides:
                side.fill()
            ends = [side.end for side in self._sides if side.end is not None]
            horizon = min(ends) if ends else None
            self._stretch(*(side.take(horizon) for side in self._sides))
            yield 1.0 if horizon is None else min(1.0, max(0.0, (horizon - low) / max(1, high - low)))
        yield 1.0

    def counts(self) -> tuple[tuple[DifferenceKind, int], ...]:
        """Return how many tasks of each kind were found so far."""
        kinds = (DifferenceKind.CHANGED, DifferenceKind.APPEARED, DifferenceKind.VANISHED, DifferenceKind.REUSED)
        tallies = (self.changed, self.appeared, self.vanished, self.reused)
        return tuple((kind, tally.count) for kind, tally in zip(kinds, tallies, strict=True))

    def column_counts(self) -> tuple[ColumnCount, ...]:
        """Return in how many changed tasks each column differs, the most frequent first."""
        found = self._differing.most_common()
        return tuple(ColumnCount(self._names[place - 1], count) for place, count in found)

    def _stretch(self, before: list[Row], after: list[Row]) -> None:
        self.seen += max(len(before), len(after))
        if before == after and not any(MARK in row for row in before):
            self.same += len(before)
            return
        news = {row[0]: row for row in after}
        olds = {row[0] for row in before}
        for row in before:
            new = news.get(row[0])
            if new is None:
                self.vanished.add(_id(row))
            else:
                self._pair(row, new)
        for row in after:
            if row[0] not in olds:
                self.appeared.add(_id(row))

    def _pair(self, old: Row, new: Row) -> None:
        task_id = _id(old)
        if old == new and MARK not in old:
            self.same += 1
            return
        differing, unread = self._differing_places(old, new)
        if differing and self._is_another(old, new):
            self.reused.add(task_id)
        elif differing:
            self.changed.add(task_id)
            if len(self.changed_fields) < len(self.changed.ids):
                self.changed_fields.append(sum(1 << place - 1 for place in differing))
            self._differing.update(differing)
        elif unread:
            self.unread.add(task_id)
        else:
            self.same += 1

    def _differing_places(self, old: Row, new: Row) -> tuple[list[int], bool]:
        """Return where two rows differ, and whether a value could not be read."""
        differing = [place for place in self._range if old[place] != new[place]]
        before, after = old[-1], new[-1]
        if before != after and isinstance(before, int) and isinstance(after, int):  # the same bytes, text and blob
            kinds = before ^ after
            differing = [place for place in self._range if old[place] != new[place] or kinds >> place - 1 & 1]
        unread = False
        if MARK in old:
            connections = [side.connection for side in self._sides]
            for place in self._range:
                if old[place] == MARK and place not in differing:
                    is_same = long_equal(connections, self._names[place - 1], (_id(old), _id(old)))
                    unread = unread or is_same is None
                    if is_same is False:
                        differing.append(place)
        return differing, unread

    def _is_another(self, old: Row, new: Row) -> bool:
        """Whether two tasks of one id are not the same one: made at another moment, of another key or type."""
        for name in _IDENTITY:
            place = self._places.get(name)
            if place is None:
                continue
            one, other = old[place], new[place]
            if one == other:
                continue
            if name == "created_at_utc":
                moments = _moment(one), _moment(other)
                if None not in moments and moments[0] != moments[1]:
                    return True
            elif one != other and None not in (one, other):
                return True
        return False


def _id(row: Row) -> int:
    assert isinstance(row[0], int)
    return row[0]


def _moment(cell: Cell) -> object:
    return parse_utc(decode_text(cell)) if isinstance(cell, bytes) else None


def _cells(names: Sequence[str]) -> Iterator[str]:
    """Yield the expressions of a row: each value, or a mark where it is long; last, which of them are blobs."""
    for name in names:
        yield f"CASE WHEN length(CAST({name} AS BLOB)) > {SHORT_BYTES} THEN {_MARK_SQL} ELSE {name} END"
    yield " | ".join(f"((typeof({name}) = 'blob') << {place})" for place, name in enumerate(names))


def long_equal(connections: Sequence[ReadConnection], name: str, ids: Sequence[int]) -> bool | None:
    """Whether a long value is the same in both files, by slices; None where it is too large to be read."""
    sql = f"SELECT length(CAST({name} AS BLOB)), typeof({name}) FROM task_queue WHERE id = ?"
    part = f"SELECT substr(CAST({name} AS BLOB), ?, {SLICE_BYTES}) FROM task_queue WHERE id = ?"
    sides = list(zip(connections, ids, strict=True))
    try:
        first, second = (side.rows(sql, (task_id,), doing="compare the tasks") for side, task_id in sides)
        size = first[0][0] if first else 0
        if first != second or not isinstance(size, int):
            return first == second
        for start in range(1, size + 1, SLICE_BYTES):
            old, new = (side.rows(part, (start, task_id), doing="compare the tasks") for side, task_id in sides)
            if old != new:
                return False
    except ProblemError as error:
        if not is_about_size(error):
            raise
        return None
    return True
