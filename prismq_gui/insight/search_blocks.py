"""Blocks of rows as the index takes them in: their text in one piece, and a digest that any change of it changes.

Owns reading them from the queue file in short statements. A cell that is too large is taken in part or not at all, and
its block is marked as one that the index cannot speak for.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.search_index import WIDTHS
from prismq_gui.insight.search_scan import SearchKind, Source, Tempo
from prismq_gui.insight.walking import is_about_size

CELL_BYTES: Final = 64 * 1024  # of a cell that go into the index; more than that is looked at itself
_MOST_ROWS: Final = 4_096  # a statement: about 2 MB of text
_BETWEEN_CELLS, _BETWEEN_ROWS = b"\x1f", b"\x1e"


@dataclass(slots=True)
class Block:
    """A block's text, whether that is all of it, and the tasks that its rows speak of (log lines)."""

    text: str
    digest: int
    is_whole: bool
    tasks: list[int] = field(default_factory=list)


class BlockReader:
    """Reads blocks of one kind; used in the connection's thread."""

    def __init__(self, connection: ReadConnection, layout: Layout, source: Source) -> None:
        self.source = source
        self.width = WIDTHS[source.kind]
        self._connection = connection
        self._tempo = Tempo(connection, 512, _MOST_ROWS)
        self._whole = self._statement(layout, ())
        self._narrow = self._statement(layout, source.large)

    def _statement(self, layout: Layout, leave_out: Iterable[str]) -> str:
        columns = []
        for name in self.source.columns:
            cell = f"substr(CAST(CAST({name} AS TEXT) AS BLOB), 1, {CELL_BYTES + 1})"
            columns.append("NULL" if name in leave_out else cell)
        has_task = self.source.kind is SearchKind.LOGS and "task_id" in layout.logs
        columns.insert(0, "task_id" if has_task else "NULL")
        key = self.source.key
        return f"SELECT {key}, {', '.join(columns)} FROM {self.source.table} WHERE {key} BETWEEN ? AND ? ORDER BY {key}"

    @property
    def blocks_at_once(self) -> int:
        """How many blocks one statement should read."""
        return max(1, self._tempo.size // self.width)

    def next_block(self, low: int, high: int, *, upwards: bool = False) -> int | None:
        """Return the first block with a row from one end of these blocks on, None where none has one."""
        best = "min" if upwards else "max"
        sql = f"SELECT {best}({self.source.key}) FROM {self.source.table} WHERE {self.source.key} BETWEEN ? AND ?"
        ends = (low * self.width, high * self.width + self.width - 1)
        found = self._connection.value(sql, ends, doing="read the rows")
        return found // self.width if isinstance(found, int) else None

    def read(self, first: int, last: int) -> dict[int, Block]:
        """Return the blocks from ``first`` to ``last`` that have rows, ascending."""
        began = time.perf_counter()
        rows, cut = self._rows(first * self.width, last * self.width + self.width - 1)
        self._tempo.took(time.perf_counter() - began)
        by_block: dict[int, list[Row]] = {}
        for row in rows:
            assert isinstance(row[0], int)
            by_block.setdefault(row[0] // self.width, []).append(row)
        return {number: _block(group, cut) for number, group in by_block.items()}

    def _rows(self, low: int, high: int) -> tuple[list[Row], set[int]]:
        """Return the rows, and the ids of those whose large cells were not read."""
        try:
            return self._connection.rows(self._whole, (low, high), doing="read the rows"), set()
        except ProblemError as error:
            if not is_about_size(error):
                raise
        if low == high:
            return self._connection.rows(self._narrow, (low, high), doing="read the rows"), {low}
        middle = (low + high) // 2
        first, second = self._rows(low, middle), self._rows(middle + 1, high)
        return first[0] + second[0], first[1] | second[1]


def _block(rows: list[Row], cut: set[int]) -> Block:
    digest = blake2b(digest_size=8)
    texts, tasks, is_whole = [], [], True
    for row_id, task_id, *cells in rows:
        raws = [cell if isinstance(cell, bytes) else b"" for cell in cells]
        is_whole = is_whole and row_id not in cut and all(len(raw) <= CELL_BYTES for raw in raws)
        if isinstance(task_id, int):
            tasks.append(task_id)
        text = _BETWEEN_CELLS.join(raws)
        digest.update(repr((row_id, len(text))).encode())
        digest.update(text)
        texts.append(text)
    # A NUL would end the text for the index; in the file it ends one cell.
    raw = _BETWEEN_ROWS.join(texts).replace(b"\0", _BETWEEN_CELLS)
    number = int.from_bytes(digest.digest(), "big", signed=True)
    try:
        return Block(raw.decode("utf-8"), number, is_whole, tasks)
    except UnicodeDecodeError:
        return Block(raw.decode("utf-8", "replace"), number, False, tasks)
