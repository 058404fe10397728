"""Counting the tasks of a status in short statements.

A count is a walk over an index: 1 million finished tasks take 40 ms and more under load, in one snapshot that holds
the writers' log open. So a large status is counted type by type and stretch by stretch, in the order of ids.
"""

from __future__ import annotations

from collections.abc import Iterator

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.everything import as_int
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.names import Name, as_name, bound, distinct
from prismq_gui.insight.streams import MAX_PAIRS
from prismq_gui.insight.walking import Pace

AT_ONCE = 16_384
MOST_A_STEP = 16_384  # about 1 ms, 6 on a machine whose cores are all taken
MOST_AT_ONE_MOMENT = 65_536  # tasks in one statement: about 4 ms


def count_few(connection: ReadConnection, layout: Layout) -> list[tuple[Name, int]] | None:
    """Return how many tasks have each status, all of one moment; None where they are too many for one statement."""
    if not layout.has_status_index:
        return None
    sql = (
        "SELECT status, CAST(status AS BLOB), count(*) FROM "
        "(SELECT status FROM task_queue ORDER BY status LIMIT ?) GROUP BY status"
    )
    rows = connection.rows(sql, (MOST_AT_ONE_MOMENT + 1,), doing="count the tasks")
    found = [(as_name(row[0], row[1]), as_int(row[2])) for row in rows]
    return found if sum(count for _name, count in found) <= MOST_AT_ONE_MOMENT else None


def count_steps(connection: ReadConnection, layout: Layout, status: Name) -> Iterator[int]:
    """Yield parts of how many tasks have a status.

    They are not of one moment: a task that changes its status meanwhile is in both counts, or in none.
    """
    mark, param = bound(status)
    few = f"SELECT count(*) FROM (SELECT 1 FROM task_queue WHERE status IS {mark} LIMIT ?)"
    found = as_int(connection.value(few, (param, AT_ONCE + 1), doing="count the tasks"))
    if found <= AT_ONCE:
        yield found
        return
    types = distinct(connection, "type", MAX_PAIRS + 1) if layout.has_type_status_index else []
    if not 0 < len(types) <= MAX_PAIRS:
        sql = f"SELECT count(*) FROM task_queue WHERE status IS {mark}"
        yield as_int(connection.value(sql, (param,), doing="count the tasks"))
        return
    pace = Pace(AT_ONCE, MOST_A_STEP)
    for name in types:
        yield from _of_type(connection, name, status, pace)


def _of_type(connection: ReadConnection, type_name: Name, status: Name, pace: Pace) -> Iterator[int]:
    type_mark, type_param = bound(type_name)
    status_mark, status_param = bound(status)
    sql = (
        "SELECT count(*), max(id) FROM (SELECT id FROM task_queue INDEXED BY ix_task_type_status "
        f"WHERE type IS {type_mark} AND status IS {status_mark} AND id >= ? ORDER BY id LIMIT ?)"
    )
    start = -(2**63)
    while True:
        asked = 0

        def read(size: int, start: int = start) -> list[Row]:
            nonlocal asked
            asked = size
            return connection.rows(sql, (type_param, status_param, start, size), doing="count the tasks")

        row = pace.run(read)[0]
        found, last = as_int(row[0]), row[1]
        yield found
        if found < asked or not isinstance(last, int) or last == 2**63 - 1:
            return
        start = last + 1
