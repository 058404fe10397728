"""Sorting of keys that no index gives, in a private temporary database.

Owns a nameless SQLite database that spills to disk and vanishes when it is closed. Must never
touch a queue file.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Iterator

from prismq_gui.insight.messages import Cell

_CACHE_KIB = 16_000


class Sorter:
    """Collects (key, id) pairs and gives the ids back in order, at any time; used in one thread, closed after use.

    Keys sort as SQLite sorts: NULL, numbers, text by code point, blobs. Ties are broken by id in
    the same direction. The pairs are put in their places as they come: to sort a million at the end is one
    statement of half a second, while what is read in the order of ids costs a tree little more (1.5 against 1.3 s a
    million in all, 3 where keys have nothing to do with ids).
    """

    def __init__(self, *, descending: bool) -> None:
        # The empty name makes a temporary file of SQLite's own, deleted on close.
        self._connection = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
            self._connection.execute(f"PRAGMA {pragma}").close()
        # In the direction in which they come. A tree's key is never NULL: NULL is one rank before all others.
        self._order = ", ".join(f"{name} {'DESC' if descending else 'ASC'}" for name in ("is_known", "key", "id"))
        self._connection.execute(
            f"CREATE TABLE keys (is_known, key, id INTEGER, PRIMARY KEY ({self._order})) WITHOUT ROWID"
        ).close()
        self._connection.execute("BEGIN").close()

    def add(self, pairs: Iterable[tuple[Cell, int]]) -> None:
        """Take more pairs."""
        # Plain places, not ?1: Python 3.12.0 to 3.12.3 take numbered ones for named, and warn.
        sql = "INSERT OR IGNORE INTO keys SELECT k IS NOT NULL, coalesce(k, 0), id FROM (SELECT ? AS k, ? AS id)"
        self._connection.executemany(sql, pairs).close()

    def first(self, count: int) -> array[int]:
        """Return the first ids of those taken so far."""
        cursor = self._connection.execute(f"{self._select()} LIMIT ?", (count,))
        try:
            return array("q", [row[0] for row in cursor.fetchall()])
        finally:
            cursor.close()

    def ids(self, *, batch: int = 8_192) -> Iterator[list[int]]:
        """Yield the ids in order, in batches."""
        cursor = self._connection.execute(self._select())
        try:
            while rows := cursor.fetchmany(batch):
                yield [row[0] for row in rows]
        finally:
            cursor.close()

    def _select(self) -> str:
        return f"SELECT id FROM keys ORDER BY {self._order}"

    def interrupt(self) -> None:
        """End a running statement; callable from any thread."""
        self._connection.interrupt()

    def close(self) -> None:
        """Close, which deletes the temporary file."""
        self._connection.close()
