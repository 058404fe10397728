"""A way round tasks whose JSON cannot be read, in files that compute columns from it.

Files of other programs define ``region`` and ``format`` as plain ``json_extract(…)``. One task with
malformed JSON then makes SQLite refuse every UPDATE of it, whatever column is meant. Owns the stand-in
for ``json_extract`` that gives NULL there, and SQLite's own answer for everything else.
"""

from __future__ import annotations

import sqlite3

from prismq_gui.insight.messages import Cell

_GUARDED = "SELECT CASE WHEN json_valid(?) THEN json_extract(?, ?) END"


class LenientJson:
    """Lets ``json_extract`` give NULL for malformed JSON on one connection, from :meth:`install` to its end.

    Statements prepared before keep the strict function (SQLite does not prepare them anew), so
    lenient ones need a text of their own. An index over such a column stays right: what it is
    computed from is not changed, so SQLite does not touch the row's entry.
    """

    def __init__(self) -> None:
        self._aside: sqlite3.Connection | None = None

    def install(self, connection: sqlite3.Connection) -> None:
        """Install it; the second time does nothing."""
        if self._aside is not None:
            return
        aside = self._aside = sqlite3.connect(":memory:")

        def extract(document: Cell, path: Cell) -> Cell:
            found: Cell = aside.execute(_GUARDED, (document, document, path)).fetchone()[0]
            return found

        connection.create_function("json_extract", 2, extract, deterministic=True)

    def close(self) -> None:
        """Close what it asks; call it after the connection is closed. Idempotent."""
        if self._aside is not None:
            self._aside.close()
            self._aside = None


def is_malformed_json(error: BaseException) -> bool:
    """Return whether SQLite met JSON that it cannot read."""
    return isinstance(error, sqlite3.OperationalError) and "malformed json" in str(error).lower()


def is_refused_by_python(error: BaseException) -> bool:
    """Return whether the stand-in met text that Python cannot take (invalid UTF-8)."""
    return isinstance(error, sqlite3.OperationalError) and "user-defined function" in str(error).lower()
