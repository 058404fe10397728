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
    held, cut = _held_by_worker(connection, layout)
    workers = [_worker(row, held, cut) for row in _registered(connection, layout, limit)]
    names = {worker.worker_id for worker in workers}
    for name in sorted(held.keys() - names):
        if len(workers) >= limit:
            break
        if not _is_registered(connection, layout, name):
            workers.append(_unregistered(name, held[name], cut))
    return tuple(workers)


def read_worker(connection: ReadConnection, layout: Layout, name: str) -> WorkerRow | None:
    """Return one worker, None where neither a row nor a running task names it."""
    held, cut = _held_by_worker(connection, layout)
    rows = _registered(connection, layout, 1, name)
    if rows:
        return _worker(rows[0], held, cut)
    if name in held:
        return _unregistered(name, held[name], cut)
    return None


def _unregistered(name: str, own: _Held, cut: bool) -> WorkerRow:
    return WorkerRow(name, None, None, own.count, tuple(own.ids), registered=False, held_at_least=cut)


def _worker(row: tuple[Cell, ...], held: dict[str, _Held], cut: bool) -> WorkerRow:
    name = shown(row[0])
    own = held.get(name, _Held())
    return WorkerRow(name, row[1], row[2], own.count, tuple(own.ids), held_at_least=cut)


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


def _held_by_worker(connection: ReadConnection, layout: Layout) -> tuple[dict[str, _Held], bool]:
    """Return what each holds, and whether more run than were looked at."""
    held: dict[str, _Held] = {}
    if "locked_by" not in layout.tasks:
        return held, False
    running, cut = _running(connection)
    for task_id, owner in running:
        own = held.setdefault(shown(owner), _Held())
        own.count += 1
        if len(own.ids) < HELD_IDS:
            own.ids.append(task_id)
    return held, cut


def _running(connection: ReadConnection) -> tuple[list[tuple[int, Cell]], bool]:
    """Return the running tasks that name a worker, by id; ids by index first, so that each statement is short."""
    sql = f"SELECT id FROM task_queue WHERE status = ? LIMIT {MAX_RUNNING + 1}"
    by_status = [connection.rows(sql, (status,), doing="list the held tasks") for status in RUNNING]
    found = [row for rows in by_status for row in rows[:MAX_RUNNING]]
    ids = sorted({row[0] for row in found if isinstance(row[0], int)})
    running: list[tuple[int, Cell]] = []
    for at in range(0, len(ids), 512):
        params, marks = padded(ids[at : at + 512])
        sql = f"SELECT id, locked_by FROM task_queue WHERE id IN ({marks}) AND locked_by IS NOT NULL"
        rows = connection.rows(sql, params, doing="list the held tasks")
        running += [(row[0], row[1]) for row in rows if isinstance(row[0], int)]
    return running, any(len(rows) > MAX_RUNNING for rows in by_status)
