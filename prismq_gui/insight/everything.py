"""All ids of a table, mostly without reading them: where a stretch has as many rows as ids, it has no gap.

A count of the whole table would be one statement of 10 ms and more a million rows, in one snapshot that holds the
writers' log open; so counts are made stretch by stretch, over an index, never over the table with its payloads.
"""

from __future__ import annotations

from collections.abc import Iterator

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.messages import Cell, IdSpan
from prismq_gui.insight.names import bound
from prismq_gui.insight.streams import MAX_PAIRS, Pair
from prismq_gui.insight.walking import Bounds, Pace, after, next_row, walk_all, window

MAX_PAIRS_A_COUNT = MAX_PAIRS  # a seek each in one statement; to walk ten million tasks instead reads all payloads
FIRST_WINDOW = 1_024  # ids; what is seen first does not wait for a long count
SPARSE_WINDOWS = 8  # so many on end with more gaps than rows: to walk over the rows is quicker
_SAMPLE, _DENSE = 4_096, 4
LARGEST_WINDOW = 16_384  # about 1 ms to count, 6 on a machine whose cores are all taken


def all_tasks(
    connection: ReadConnection, pairs: list[Pair], bounds: Bounds, *, descending: bool
) -> Iterator[tuple[IdSpan, float]]:
    """Yield the ids of all tasks in order, with the progress; ``pairs`` are all there are, at least one.

    A pair that is new since makes a stretch seem to have a gap; then its ids are read.
    """
    sql, params = _count_sql(pairs)
    pace, sparse = Pace(FIRST_WINDOW, LARGEST_WINDOW), 0
    rest: Bounds | None = bounds
    while rest is not None and sparse < SPARSE_WINDOWS:
        counted, here = rest, rest

        def read(size: int, here: Bounds = here) -> list[Row]:
            nonlocal counted
            counted = window(here, size, descending=descending)
            return connection.rows(sql, (*params, counted.low, counted.high), doing="count the ids")

        count = as_int(pace.run(read)[0][0])
        width = counted.high - counted.low + 1
        sparse = sparse + 1 if count < width // 2 else 0
        rest = after(rest, counted, descending=descending)
        if count == width:
            ids = range(counted.low, counted.high + 1)
            yield ids[::-1] if descending else ids, _progress(bounds, rest)
        elif count == 0:
            if rest is not None:
                rest = next_row(connection, "task_queue", "id", rest, descending=descending)
        else:
            for span, _ in walk_all(connection, "task_queue", "id", counted, descending=descending, pace=Pace()):
                yield span, _progress(bounds, rest)
    if rest is not None:
        share = 1.0 - _progress(bounds, rest)
        for span, progress in walk_all(connection, "task_queue", "id", rest, descending=descending, pace=Pace()):
            yield span, 1.0 - share * (1.0 - progress)


def is_dense(connection: ReadConnection, pairs: list[Pair], bounds: Bounds) -> bool:
    """Whether so many tasks are of these pairs that to walk over all of them is quicker than to look each up.

    A walk costs 0.5 µs a task, a look-up 2. Judged by three samples of the index.
    """
    if not 0 < len(pairs) <= MAX_PAIRS_A_COUNT:
        return False
    sql, params = _count_sql(pairs)
    looked = found = 0
    for high in sorted({bounds.high, (bounds.low + bounds.high) // 2, min(bounds.high, bounds.low + _SAMPLE)}):
        sample = window(Bounds(bounds.low, high), _SAMPLE, descending=True)
        found += as_int(connection.value(sql, (*params, sample.low, sample.high), doing="count the ids"))
        looked += sample.high - sample.low + 1
    return found * _DENSE > looked


def _progress(bounds: Bounds, rest: Bounds | None) -> float:
    left = 0 if rest is None else rest.high - rest.low + 1
    return 1.0 - left / (bounds.high - bounds.low + 1)


def _count_sql(pairs: list[Pair]) -> tuple[str, tuple[Cell, ...]]:
    """Return one statement, so one snapshot: a task that changes its status between two counts would be lost."""
    parts, params = [], []
    for pair in pairs:
        (type_mark, type_param), (status_mark, status_param) = bound(pair.type), bound(pair.status)
        parts.append(
            "(SELECT count(*) FROM task_queue INDEXED BY ix_task_type_status "
            f"WHERE type IS {type_mark} AND status IS {status_mark} AND id BETWEEN span.low AND span.high)"
        )
        params += [type_param, status_param]
    return f"SELECT {' + '.join(parts)} FROM (SELECT ? AS low, ? AS high) AS span", tuple(params)


def count_logs(connection: ReadConnection, high: int) -> Iterator[int]:
    """Yield parts of how many log lines there are with ids up to ``high``.

    In the order of the index by task: a line never changes its task, so each is counted once.
    """
    position, pace = -(2**63), Pace(FIRST_WINDOW, LARGEST_WINDOW)
    lines = "FROM task_logs INDEXED BY ix_logs_task WHERE task_id >= ?"
    while True:

        def read(size: int, position: int = position) -> list[Row]:
            sql = f"SELECT task_id {lines} ORDER BY task_id LIMIT 1 OFFSET ?"
            return connection.rows(sql, (position, size), doing="count the log lines")

        rows = pace.run(read)
        end = rows[0][0] if rows else None
        if not isinstance(end, int):
            sql = f"SELECT count(*) {lines} AND log_id <= ?"
            yield as_int(connection.value(sql, (position, high), doing="count the log lines"))
            return
        end = max(end, position + 1)  # one task may have very many lines
        sql = f"SELECT count(*) {lines} AND task_id < ? AND log_id <= ?"
        yield as_int(connection.value(sql, (position, end, high), doing="count the log lines"))
        position = end


def as_int(cell: Cell) -> int:
    """Return a number that SQLite computed, 0 where there is none."""
    return cell if isinstance(cell, int) else 0
