"""Sorting of keys that no index gives, in a private temporary database.

Owns a nameless SQLite database that spills to disk and vanishes when it is closed. Must never
touch a queue file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from prismq_gui.insight.messages import Cell

_CACHE_KIB = 16_000


class Sorter:
    """Collects (key, id) pairs and gives the ids back in order; used in one thread, closed after use.

    Keys sort as SQLite sorts: NULL, numbers, text by code point, blobs. Ties are broken by id in
    the same direction.
    """

    def __init__(self) -> None:
        # The empty name makes a temporary file of SQLite's own, deleted on close.
        self._connection = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
            self._connection.execute(f"PRAGMA {pragma}").close()
        self._connection.execute("CREATE TABLE keys (key, id INTEGER)").close()
        self._connection.execute("BEGIN").close()

    def add(self, pairs: Iterable[tuple[Cell, int]]) -> None:
        """Take more pairs."""
        self._connection.executemany("INSERT INTO keys VALUES (?, ?)", pairs).close()

    def ids(self, *, descending: bool, batch: int = 8_192) -> Iterator[list[int]]:
        """Yield the ids in order, in batches."""
        direction = "DESC" if descending else "ASC"
        cursor = self._connection.execute(f"SELECT id FROM keys ORDER BY key {direction}, id {direction}")
        try:
            while rows := cursor.fetchmany(batch):
                yield [row[0] for row in rows]
        finally:
            cursor.close()

    def interrupt(self) -> None:
        """End a running sort; callable from any thread."""
        self._connection.interrupt()

    def close(self) -> None:
        """Close, which deletes the temporary file."""
        self._connection.close()
