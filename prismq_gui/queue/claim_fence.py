"""Keeps the fences of one task's claims apart: a claim's time is part of its fence, and times have whole seconds.

A task that was given back is claimed in the same attempt again. Where that happens within a second, the later claim
gets a time ahead of it. Used with the database's lock held since the claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from prismq_gui.queue.claim_tools import ClaimTools
from prismq_gui.queue.claimed import ClaimedTask
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.timestamps import utc_text

_MARK_APART = """
UPDATE task_queue SET reserved_at_utc = :later
WHERE id = :id AND locked_by = :worker AND attempts = :attempt AND reserved_at_utc = :now"""


def kept_apart(db: QueueDatabase, tools: ClaimTools, task: ClaimedTask) -> ClaimedTask:
    """Return the claimed task, its time put ahead of that of an earlier claim which it could be taken for."""
    if task.reserved_at != tools.second:
        _begin(tools, task.reserved_at)
    last = tools.ahead.get(task.id) or (tools.second if task.id in tools.claimed else None)
    tools.claimed.add(task.id)
    return task if last is None else _marked(db, tools, task, last)


def all_kept_apart(
    db: QueueDatabase, tools: ClaimTools, tasks: list[ClaimedTask], ids: Sequence[int]
) -> list[ClaimedTask]:
    """As ``kept_apart``, for the tasks of one claim and their ids, without asking for each alone."""
    if tasks[0].reserved_at != tools.second:
        _begin(tools, tasks[0].reserved_at)
    if not tools.claimed.isdisjoint(ids) or (tools.ahead and not tools.ahead.keys().isdisjoint(ids)):
        return [kept_apart(db, tools, task) for task in tasks]
    tools.claimed.update(ids)
    return tasks


def _begin(tools: ClaimTools, second: str) -> None:
    """Begin another second: forget the claims of those before it, but not the times that are still to come."""
    if second < tools.second:
        tools.ahead = dict.fromkeys(tools.claimed, tools.second) | tools.ahead
    if tools.ahead:
        tools.ahead = {task_id: time for task_id, time in tools.ahead.items() if time >= second}
    tools.second = second
    tools.claimed.clear()


def _marked(db: QueueDatabase, tools: ClaimTools, task: ClaimedTask, last: str) -> ClaimedTask:
    """Put the claim's time a second after the last one's."""
    later = tools.ahead[task.id] = utc_text(datetime.fromisoformat(last) + timedelta(seconds=1))
    fence = {"id": task.id, "worker": task.worker_id, "attempt": task.attempt, "now": task.reserved_at}
    changed = db.change(_MARK_APART, fence | {"later": later})
    return task._replace(reserved_at=later) if changed else task  # else the fence holds it off as it is
