"""A way round tasks whose JSON cannot be read, in files that compute columns from it.

Files of other programs define ``region`` and ``format`` as plain ``json_extract(…)``. One task with
malformed JSON then makes SQLite refuse every UPDATE of it, whatever column is meant. Owns the stand-in
for ``json_extract`` that gives NULL there, and SQLite's own answer for everything else.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from prismq_gui.insight.messages import Cell

_GUARDED = "SELECT CASE WHEN json_valid(?) THEN json_extract(?, ?) END"


@contextmanager
def lenient_json(connection: sqlite3.Connection) -> Iterator[None]:
    """Let ``json_extract`` give NULL for malformed JSON on this connection while the block runs.

    An index over such a column stays right: the row's columns that it is computed from are not
    changed, so SQLite does not touch its entry. Statements prepared before the block keep the strict
    function, so the block must use statements with a text of their own.
    """
    with closing(sqlite3.connect(":memory:")) as aside:

        def extract(document: Cell, path: Cell) -> Cell:
            found: Cell = aside.execute(_GUARDED, (document, document, path)).fetchone()[0]
            return found

        connection.create_function("json_extract", 2, extract, deterministic=True)
        try:
            yield
        finally:
            connection.create_function("json_extract", 2, None)


def is_malformed_json(error: BaseException) -> bool:
    """Return whether SQLite met JSON that it cannot read."""
    return isinstance(error, sqlite3.OperationalError) and "malformed json" in str(error).lower()
