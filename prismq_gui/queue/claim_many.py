"""Claims several tasks by priority in one short transaction: finds them, then takes them by their ids.

As one UPDATE with RETURNING, claims of ten reached 2.3 to 2.5 of raw single claims, this way 2.6 to 2.7. What it can't
take at once (a trigger in the way, cells of other programs that are no text) it leaves to a claim of one task.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from operator import itemgetter
from typing import Any, TypeVar

from prismq_gui.queue import claim_sql, claim_walk, rescuing
from prismq_gui.queue.claim_fence import all_kept_apart
from prismq_gui.queue.claim_tools import ClaimTools
from prismq_gui.queue.claimed import ClaimedTask, task_of
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import QueueDatabaseError

_SIZES_TO = 16  # up to here each number of tasks has a statement of its own, beyond it the powers of two
_Found = TypeVar("_Found")
_TEXT = {str}
_SUITS = 7  # the column of find_many
_PRIORITY_ORDER = itemgetter(5, 6, 0)  # priority, run_after_utc, id: of find_many

_new = partial(tuple.__new__, ClaimedTask)  # its own constructor takes 0.4 µs more


class _NotAtOnceError(Exception):
    """These tasks can't be claimed in one go; nothing was written."""


def first_ones(db: QueueDatabase, tools: ClaimTools, find: str, parameters: dict[str, Any]) -> list[ClaimedTask]:
    """Claim tasks of the first priority, in order; ``find`` is made by ``claim_sql.find_many_first``.

    Raises:
        QueueBusyError: Another program held the file for over 5 s.
    """
    worker, now, until = parameters["worker"], parameters["now"], parameters["lease_until"]
    with db.lock:
        columns = _at_once(db, tools, partial(_take_first, tools, find, parameters))
        if not columns:
            return []
        tasks = list(map(_new, zip(*columns, repeat(worker), repeat(now), repeat(until))))
        tasks = all_kept_apart(db, tools, tasks, columns[0])
    return _without_used_up(db, tasks, columns)


def next_ones(db: QueueDatabase, tools: ClaimTools, find: str, parameters: dict[str, Any]) -> list[ClaimedTask]:
    """Claim tasks of any priority, in order; ``find`` is made by ``claim_sql.find_many``.

    Raises:
        QueueBusyError: Another program held the file for over 5 s.
    """
    with db.lock:
        rows = _at_once(db, tools, partial(_take_next, tools, find, parameters))
        if not rows:
            return []
        columns = list(zip(*rows, strict=True))
        tasks = all_kept_apart(db, tools, [task_of(row, parameters) for row in rows], columns[0])
    return _without_used_up(db, tasks, columns)


def _at_once(db: QueueDatabase, tools: ClaimTools, take: Callable[[], Sequence[_Found]]) -> Sequence[_Found]:
    tools.left = claim_walk.MOST_UNSUITABLE
    try:
        return db.together(take)
    except _NotAtOnceError:
        return ()
    except QueueDatabaseError as error:
        if "malformed JSON" not in str(error):
            raise
        return ()  # the claim of one task knows what to do


def _take_first(tools: ClaimTools, find: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Find and take; return the columns id, type, payload, attempt and attempts allowed."""
    try:
        rows = tools.cursor.execute(find, parameters).fetchall()
    except sqlite3.OperationalError as error:
        if "Could not decode to UTF-8" not in str(error):
            raise
        raise _NotAtOnceError from error
    if not rows or tools.left < 0:
        return []
    columns = list(zip(*rows, strict=True))
    if {*map(type, columns[1]), *map(type, columns[2])} != _TEXT:
        raise _NotAtOnceError
    _take(tools, columns[0], parameters)
    return columns


def _take_next(tools: ClaimTools, find: str, parameters: dict[str, Any]) -> list[sqlite3.Row]:
    rows = [row for row in tools.cursor.execute(find, parameters).fetchall() if row[_SUITS]]
    if rows:
        with contextlib.suppress(TypeError):  # priorities of other programs may be no numbers
            rows.sort(key=_PRIORITY_ORDER)
        _take(tools, [row[0] for row in rows], parameters)
    return rows


def _take(tools: ClaimTools, ids: Sequence[int], parameters: dict[str, Any]) -> None:
    count, first, last = len(ids), min(ids), max(ids)
    now = parameters["now"]
    claim = (parameters["worker"], parameters["lease_until"], now, now)
    if last - first == count - 1:
        cursor = tools.cursor.execute(claim_sql.TAKE_RANGE, (*claim, first, last))
    else:
        size = count if count <= _SIZES_TO else 1 << (count - 1).bit_length()
        cursor = tools.cursor.execute(claim_sql.take_found(size), (*claim, *ids, *[last] * (size - count)))
    if cursor.rowcount != count:
        raise _NotAtOnceError


def _without_used_up(
    db: QueueDatabase, tasks: list[ClaimedTask], columns: Sequence[Sequence[Any]]
) -> list[ClaimedTask]:
    """Bury the tasks whose attempts are used up; return the others."""
    last = max(columns[3])
    if last <= 1 or last <= min(columns[4]):
        return tasks
    used_up = [task for task in tasks if task.attempt > task.max_attempts and task.attempt > 1]
    for task in used_up:
        rescuing.bury_untried(db, task)
    return [task for task in tasks if task not in used_up]
