"""What tasks are sorted by: one key a cell, so that both written forms of a time sort alike.

Owns the SQL expression that reads a cell for sorting and the Python function that makes its key.
"""

from __future__ import annotations

from prismq_gui.insight.filters import TaskColumn
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.rows import cut
from prismq_gui.queue.timestamps import parse_utc

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
    """Return the key of a time: readable ones as ``YYYY-MM-DD HH:MM:SS[.ffffff]`` in UTC, others as they are.

    The three common written forms are told by their shape: parsing each of a million costs seconds.
    """
    if not isinstance(cell, str):
        return cell
    text = f"{cell[:10]} {cell[11:-6]}" if len(cell) in (25, 32) and cell[10] == "T" and cell[-6:] == "+00:00" else cell
    if len(text) == 19 and text[10] == " ":
        return text
    if len(text) == 26 and text[10] == " " and text[19] == ".":
        return text[:19] if text.endswith(".000000") else text
    moment = parse_utc(text)
    return cell if moment is None else moment.isoformat(" ")
