"""The signature of a task's error within a statement, so that a filter by it finds exactly a group of failures.

Owns the expression that reads an error as :mod:`~prismq_gui.insight.signatures` looks at it, and the SQL function that
folds it. A task that is neither failed nor dead has no signature, whatever it keeps of an earlier error.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from prismq_gui.insight.messages import Cell

FUNCTION: Final = "prismq_signature"
STATUSES: Final = ("failed", "dead_letter")
IS_FAILED: Final = f"status IN ({', '.join(repr(status) for status in STATUSES)})"


def teach_signature(connection: sqlite3.Connection) -> None:
    """Give a connection the function; it is pure, takes a bounded time and never raises."""
    connection.create_function(FUNCTION, 2, _signature, deterministic=True)


def _signature(head: Cell, tail: Cell) -> str:
    from prismq_gui.insight.signatures import signature_of_parts  # noqa: PLC0415 - 60 patterns, where one is asked for

    return signature_of_parts(head if isinstance(head, bytes) else b"", tail if isinstance(tail, bytes) else b"")


def error_parts(*, has_error: bool = True, readable: bool = True) -> str:
    """Return the two expressions of an error: its first bytes and, where it is longer, its last.

    Args:
        has_error: Whether the file has the column.
        readable: Whether the cell may be looked at; one over the limit of a cell may not.
    """
    from prismq_gui.insight.rows import TOO_LARGE  # noqa: PLC0415 - as above
    from prismq_gui.insight.signatures import HEAD_BYTES, TAIL_BYTES  # noqa: PLC0415 - as above

    if not readable:
        return f"CAST('{TOO_LARGE}' AS BLOB), NULL"
    if not has_error:
        return "NULL, NULL"
    raw = "CAST(error_message AS BLOB)"
    is_long = f"length({raw}) > {HEAD_BYTES + TAIL_BYTES}"
    return (
        f"CASE WHEN {is_long} THEN substr({raw}, 1, {HEAD_BYTES}) ELSE {raw} END, "
        f"CASE WHEN {is_long} THEN substr({raw}, -{TAIL_BYTES}) END"
    )


def signature_sql(*, has_error: bool = True, readable: bool = True) -> str:
    """Return the expression of a task's signature, NULL where it is neither failed nor dead."""
    return f"CASE WHEN {IS_FAILED} THEN {FUNCTION}({error_parts(has_error=has_error, readable=readable)}) END"
