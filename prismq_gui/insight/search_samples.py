"""By which rows a queue file is known again: a backup restored into it, or another file in its place, is another file.

Owns the samples in the side file. What never changes in a row is remembered of one row a batch.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.search_blocks import BlockReader
from prismq_gui.insight.search_scan import SearchKind
from prismq_gui.insight.walking import read_bounds

_MOST: Final = 256


class Samples:
    """The rows remembered; used in the builder's thread."""

    def __init__(self, connection: ReadConnection, side: sqlite3.Connection, *, has_created: bool) -> None:
        self._connection = connection
        self._side = side
        self._created = "created_at_utc" if has_created else "type"

    def add(self, reader: BlockReader, block: int) -> None:
        """Remember the newest row of a block, in the transaction that is open."""
        kind, width = reader.source.kind.value, reader.width
        rows = self._rows(reader, "BETWEEN ? AND ?", (block * width, block * width + width - 1))
        if not rows:
            return
        self._side.execute("INSERT OR REPLACE INTO samples VALUES (?, ?, ?)", (kind, *rows[-1])).close()
        self._side.execute(
            "DELETE FROM samples WHERE kind = ? AND id <= (SELECT id FROM samples WHERE kind = ? "
            f"ORDER BY id DESC LIMIT 1 OFFSET {_MOST})",
            (kind, kind),
        ).close()

    def know(self, readers: Iterable[BlockReader]) -> bool:
        """Return whether the rows remembered are still those, as far as they are still there."""
        for reader in readers:
            sql = "SELECT id, digest FROM samples WHERE kind = ? ORDER BY id DESC"
            samples = dict(self._side.execute(sql, (reader.source.kind.value,)).fetchall())
            ids = [*samples][:32] + [*samples][32::16]
            if not ids:
                continue
            rows = self._rows(reader, f"IN ({', '.join('?' * len(ids))})", tuple(ids))
            if any(samples[row_id] != digest for row_id, digest in rows):
                return False
            bounds = read_bounds(self._connection, reader.source.table, reader.source.key)
            if not rows and (bounds is None or bounds.high < ids[0]):
                return False
        return True

    def _rows(self, reader: BlockReader, which: str, params: tuple[int, ...]) -> list[tuple[int, int]]:
        source = reader.source
        names = ("type", self._created) if source.kind is SearchKind.TASKS else (source.key,)
        cells = ", ".join(f"substr(CAST({name} AS TEXT), 1, 19)" for name in names)
        sql = f"SELECT {source.key}, {cells} FROM {source.table} WHERE {source.key} {which} ORDER BY {source.key}"
        found = []
        for row_id, *texts in self._connection.rows(sql, params, doing="read the rows"):
            # The health check mends 2026-01-01T… to 2026-01-01 …: the same row.
            raw = "|".join(str(text) for text in texts).replace("T", " ").encode("utf-8", "replace")
            if isinstance(row_id, int):
                found.append((row_id, int.from_bytes(blake2b(raw, digest_size=8).digest(), "big", signed=True)))
        return found
