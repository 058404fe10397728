"""What silent workers leave behind: leases that are over, and the workers' own rows.

Owns the clearing away of both. Repeats each guard in the WHERE of its write; what has no readable
time is kept.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from prismq_gui.queue.claiming import Claimer
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import QueueDatabaseError
from prismq_gui.queue.timestamps import exact_text, now_utc, sql_due, sql_normalised
from prismq_gui.queue.transitions import RUNNING
from prismq_gui.queue.upkeep import Cancel, MaintenanceProgress, Tell, asks, existing_file, pause, silent

CHUNK_ROWS = 500
SHORTEST_PAUSE_S = 0.005
OWN_TABLES = ("task_queue", "task_logs", "workers")

_HOLDS = "(SELECT count(*) FROM task_queue WHERE status IN ({}) AND locked_by = workers.worker_id)".format(
    ", ".join(f"'{status}'" for status in RUNNING)
)
_IS_SILENT = sql_due("heartbeat_utc", ":before")
_SILENT = f"""
SELECT rowid AS row, CAST(worker_id AS BLOB) AS name, {_HOLDS} AS held FROM workers
WHERE {_IS_SILENT} AND rowid > :after ORDER BY rowid LIMIT {CHUNK_ROWS}"""
_REMOVE_WORKER = f"DELETE FROM workers WHERE rowid = :row AND {_IS_SILENT} AND (:anyway OR {_HOLDS} = 0)"
_UNREADABLE_BEATS = f"SELECT count(*) FROM workers WHERE ({sql_normalised('heartbeat_utc')}) IS NULL"


@dataclass(frozen=True, slots=True)
class ReleaseReport:
    """How many tasks of expired leases were given back (queued, or dead letters); ``stopped`` before the end."""

    released: int
    stopped: bool


@dataclass(frozen=True, slots=True)
class KeptWorker:
    """A silent worker that was not removed, since it still holds running tasks."""

    worker_id: str
    tasks: int


@dataclass(frozen=True, slots=True)
class WorkersReport:
    """What became of the silent workers.

    Attributes:
        removed: Ids of those removed.
        kept: Those that hold running tasks still.
        without_time: Workers whose heartbeat can't be read: kept.
        stopped: It was stopped before all were looked at.
    """

    removed: tuple[str, ...]
    kept: tuple[KeptWorker, ...]
    without_time: int
    stopped: bool


def refuse_foreign_triggers(db: QueueDatabase) -> None:
    """Refuse to write where a trigger stands on one of our tables: it would run another program's code.

    Raises:
        QueueDatabaseError: There is one.
    """
    marks = ", ".join("?" * len(OWN_TABLES))
    sql = f"SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) IN ({marks})"
    found = db.execute(sql, OWN_TABLES).fetchone()
    if found is not None:
        raise QueueDatabaseError(
            f"{db.db_path} has a trigger {found['name']!r} on {found['tbl_name']}, which is not the queue's and would "
            "run with each change. Nothing was changed. Drop the trigger first, if nobody needs it."
        )


def release_expired(db: QueueDatabase, *, progress: Tell = silent, cancel: Cancel | None = None) -> ReleaseReport:
    """Give back all tasks whose lease is over, as workers do by themselves: at most 500 a transaction.

    Raises:
        QueueDatabaseError: There is no such file, a foreign trigger would run, or SQLite refused.
    """
    existing_file(db)
    refuse_foreign_triggers(db)
    claimer, stop, released = Claimer(db), asks(cancel), 0
    while not stop():
        started = time.perf_counter()
        changed = claimer.rescue()
        if changed == 0:
            return ReleaseReport(released, stopped=False)
        released += changed
        progress(MaintenanceProgress(f"{released:,} tasks given back", released))
        pause(cancel, max(SHORTEST_PAUSE_S, time.perf_counter() - started))
    return ReleaseReport(released, stopped=True)


def remove_silent_workers(
    db: QueueDatabase,
    older_than: timedelta,
    *,
    even_if_holding: bool = False,
    cancel: Cancel | None = None,
    now: datetime | None = None,
) -> WorkersReport:
    """Remove workers whose last heartbeat is longer ago than this.

    A worker that still holds running tasks is kept, unless told: its tasks are not touched then
    either, and come back when their leases end (:func:`release_expired`).

    Raises:
        ValueError: The age is negative.
        QueueDatabaseError: There is no such file, a foreign trigger would run, or SQLite refused.
    """
    if older_than < timedelta(0):
        raise ValueError(f"older_than must not be negative, but is {older_than!r}")
    existing_file(db)
    before, stop, after = exact_text((now or now_utc()) - older_than), asks(cancel), -(2**63)
    removed: list[str] = []
    kept: list[KeptWorker] = []
    while not stop():
        rows = db.execute(_SILENT, {"before": before, "after": after}).fetchall()
        if not rows:
            without_time = db.execute(_UNREADABLE_BEATS).fetchone()[0]
            return WorkersReport(tuple(removed), tuple(kept), without_time, stopped=False)
        after = rows[-1]["row"]
        with db.transaction():
            refuse_foreign_triggers(db)
            for row in rows:
                values = {"row": row["row"], "before": before, "anyway": even_if_holding}
                name = (row["name"] or b"").decode("utf-8", "backslashreplace")
                if db.execute(_REMOVE_WORKER, values).rowcount == 1:
                    removed.append(name)
                elif row["held"]:
                    kept.append(KeptWorker(name, row["held"]))
    return WorkersReport(tuple(removed), tuple(kept), 0, stopped=True)
