"""The workers of a queue and what they hold, those included that only a running task names."""

from __future__ import annotations

from dataclasses import dataclass, field

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import Cell, WorkerRow
from prismq_gui.insight.names import shown
from prismq_gui.insight.walking import padded
from prismq_gui.queue.transitions import RUNNING

HELD_IDS = 20
MAX_RUNNING = 10_000  # running tasks looked at a status: 20 workers hold dozens; the cap keeps a hostile file short
_CAPABILITIES_CHARACTERS = 4_000


@dataclass(slots=True)
class _Held:
    count: int = 0
    ids: list[int] = field(default_factory=list)


def read_workers(connection: ReadConnection, layout: Layout, limit: int) -> tuple[WorkerRow, ...]:
    """Return at most ``limit`` workers by name: the registered first, then those only named by running tasks."""
    held = _held_by_worker(connection, layout)
    workers = [_worker(row, held) for row in _registered(connection, layout, limit)]
    names = {worker.worker_id for worker in workers}
    for name in sorted(held.keys() - names):
        if len(workers) >= limit:
            break
        if not _is_registered(connection, layout, name):
            workers.append(WorkerRow(name, None, None, held[name].count, tuple(held[name].ids), registered=False))
    return tuple(workers)


def read_worker(connection: ReadConnection, layout: Layout, name: str) -> WorkerRow | None:
    """Return one worker, None where neither a row nor a running task names it."""
    held = _held_by_worker(connection, layout)
    rows = _registered(connection, layout, 1, name)
    if rows:
        return _worker(rows[0], held)
    if name in held:
        return WorkerRow(name, None, None, held[name].count, tuple(held[name].ids), registered=False)
    return None


def _worker(row: tuple[Cell, ...], held: dict[str, _Held]) -> WorkerRow:
    name = shown(row[0])
    own = held.get(name, _Held())
    return WorkerRow(name, row[1], row[2], own.count, tuple(own.ids))


def _registered(
    connection: ReadConnection, layout: Layout, limit: int, name: str | None = None
) -> list[tuple[Cell, ...]]:
    if not layout.workers:
        return []
    capabilities = "NULL"
    if "capabilities" in layout.workers:
        capabilities = f"substr(capabilities, 1, {_CAPABILITIES_CHARACTERS})"
    heartbeat = "heartbeat_utc" if "heartbeat_utc" in layout.workers else "NULL"
    condition = "" if name is None else "WHERE worker_id = ?"
    sql = f"SELECT worker_id, {capabilities}, {heartbeat} FROM workers {condition} ORDER BY worker_id LIMIT ?"
    return connection.rows(sql, (limit,) if name is None else (name, limit), doing="list the workers")


def _is_registered(connection: ReadConnection, layout: Layout, name: str) -> bool:
    return bool(_registered(connection, layout, 1, name))


def _held_by_worker(connection: ReadConnection, layout: Layout) -> dict[str, _Held]:
    held: dict[str, _Held] = {}
    if "locked_by" not in layout.tasks:
        return held
    for task_id, owner in _running(connection):
        own = held.setdefault(shown(owner), _Held())
        own.count += 1
        if len(own.ids) < HELD_IDS:
            own.ids.append(task_id)
    return held


def _running(connection: ReadConnection) -> list[tuple[int, Cell]]:
    """Return the running tasks that name a worker, by id; ids by index first, so that each statement is short."""
    sql = f"SELECT id FROM task_queue WHERE status = ? LIMIT {MAX_RUNNING}"
    found = [row for status in RUNNING for row in connection.rows(sql, (status,), doing="list the held tasks")]
    ids = sorted({row[0] for row in found if isinstance(row[0], int)})
    running: list[tuple[int, Cell]] = []
    for at in range(0, len(ids), 512):
        params, marks = padded(ids[at : at + 512])
        sql = f"SELECT id, locked_by FROM task_queue WHERE id IN ({marks}) AND locked_by IS NOT NULL"
        rows = connection.rows(sql, params, doing="list the held tasks")
        running += [(row[0], row[1]) for row in rows if isinstance(row[0], int)]
    return running
