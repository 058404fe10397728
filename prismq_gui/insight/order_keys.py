"""What tasks are sorted by: one key a cell, so that both written forms of a time sort alike.

Owns the SQL expression that reads a cell for sorting and the Python function that makes its key.
"""

from __future__ import annotations

from prismq_gui.insight.filters import TaskColumn
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.rows import cut

KEY_CHARACTERS = 200  # of a text; the rest does not change what the eye sees in a sorted list

TIME_COLUMNS = frozenset(
    {
        TaskColumn.RUN_AFTER,
        TaskColumn.LEASE_UNTIL,
        TaskColumn.RESERVED,
        TaskColumn.STARTED,
        TaskColumn.FINISHED,
        TaskColumn.CREATED,
        TaskColumn.UPDATED,
    }
)


def key_sql(column: TaskColumn) -> str:
    """Return the expression that reads a cell to sort by: texts and blobs cut, other types as they are."""
    return cut(column.value, KEY_CHARACTERS)


def time_key(cell: Cell) -> Cell:
    """Return the key of a time: readable ones as ``YYYY-MM-DD HH:MM:SS[.ffffff]`` in UTC, others as they are."""
    if not isinstance(cell, str):
        return cell
    if len(cell) == 19 and cell[10] == " ":
        return cell
    from prismq_gui.queue.timestamps import parse_utc  # noqa: PLC0415

    parsed = parse_utc(cell)
    if parsed is None:
        return cell
    return parsed.isoformat(" ")
