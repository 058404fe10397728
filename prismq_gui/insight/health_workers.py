"""What a health check finds out about running tasks and workers: leases that are over, silence, clocks.

By the index of statuses: running tasks are few, whatever the queue's size. How silence is judged is
:mod:`prismq_gui.insight.hearing`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.health_records import SAMPLE_IDS, Finding
from prismq_gui.insight.health_texts import finding, tasks
from prismq_gui.insight.hearing import Hearing
from prismq_gui.insight.language_nodes import quoted
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.messages import Cell, WorkerRow
from prismq_gui.insight.states import duration_text
from prismq_gui.insight.walking import padded
from prismq_gui.insight.workers import read_workers
from prismq_gui.queue.timestamps import parse_utc
from prismq_gui.queue.transitions import RUNNING, Status

EXPIRED_GRACE = timedelta(seconds=60)  # a worker that looks for work gives expired leases back
AHEAD_GRACE = timedelta(seconds=60)  # clocks that a time server keeps are closer
RUNNING_LOOKED_AT = 10_000  # a status
MOST_WORKERS = 1_000
_MOST_NAMED = 20
_ROWS_AT_ONCE = 512
_COLUMNS = ("status", "lease_until_utc", "processing_started_utc")


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of the workers at a moment. ``complete`` is False where there were more than were read."""

    silent_holding: tuple[WorkerRow, ...]
    unknown_holding: tuple[WorkerRow, ...]
    silent_idle: tuple[WorkerRow, ...]
    ahead: tuple[WorkerRow, ...]
    abroad: tuple[WorkerRow, ...]
    complete: bool


def hear(connection: ReadConnection, layout: Layout, now: datetime, hearing: Hearing) -> Heard:
    """Read the workers and judge them."""
    found = read_workers(connection, layout, MOST_WORKERS + 1)
    told = found[:MOST_WORKERS]
    silent = [row for row in told if row.registered and hearing.is_silent(parse_utc(row.heartbeat_utc), now)]
    beats = [(row, parse_utc(row.heartbeat_utc)) for row in told]
    return Heard(
        tuple(row for row in silent if row.held),
        tuple(row for row in told if not row.registered and row.worker_id),
        tuple(row for row in silent if not row.held),
        tuple(row for row, beat in beats if beat is not None and beat - now > AHEAD_GRACE),
        tuple(row for row, beat in beats if beat is not None and _is_abroad(row.heartbeat_utc)),
        len(found) <= MOST_WORKERS and not any(row.held_at_least for row in told),
    )


def worker_findings(
    connection: ReadConnection, layout: Layout, now: datetime, hearing: Hearing
) -> Iterator[Finding]:  # fmt: skip
    """Yield what is wrong with the workers."""
    heard = hear(connection, layout, now, hearing)
    limit = duration_text(timedelta(seconds=hearing.silent_after_s))
    if heard.silent_holding:
        yield _holding("worker-silent", heard.silent_holding, now, heard.complete, f"silent for over {limit}")
    if heard.unknown_holding:
        yield _holding("worker-unknown", heard.unknown_holding, now, heard.complete, "not registered")
    idle = heard.silent_idle
    if idle:
        many = f"{len(idle):,} workers hold nothing and are" if len(idle) > 1 else "1 worker holds nothing and is"
        what = f"{many} silent for over {limit}: {_names(idle)}."
        yield finding("worker-gone", what, len(idle), at_least=not heard.complete, details=_details(idle, now))
    if heard.abroad:
        many = f"{len(heard.abroad):,} workers have" if len(heard.abroad) > 1 else "1 worker has"
        what = f"{many} a heartbeat in the ISO form or with an offset: {_names(heard.abroad)}."
        yield finding("heartbeat-iso", what, len(heard.abroad), at_least=not heard.complete)
    ahead = heard.ahead
    if ahead:
        many = f"{len(ahead):,} workers have" if len(ahead) > 1 else "1 worker has"
        yield finding("worker-clock", f"{many} a heartbeat in the future: {_names(ahead)}.", len(ahead),
                      details=_details(ahead, now))  # fmt: skip


def _holding(code: str, rows: Sequence[WorkerRow], now: datetime, complete: bool, what: str) -> Finding:
    held = sum(row.held for row in rows)
    many = f"{len(rows):,} workers are" if len(rows) > 1 else "1 worker is"
    at_least = "" if complete else "at least "
    tasks_held = f"{held:,} running tasks" if held != 1 else "1 running task"
    sentence = f"{many} {what} and hold{'s' if len(rows) == 1 else ''} {at_least}{tasks_held}: {_names(rows)}."
    ids = tuple(sorted(task_id for row in rows for task_id in row.held_ids)[:SAMPLE_IDS])
    names = ",".join(quoted(row.worker_id) for row in rows)
    wanted = f"status:running worker={names}" if len(rows) <= _MOST_NAMED else ""
    return finding(
        code, sentence, len(rows), at_least=not complete, sample_ids=ids, filter=wanted, details=_details(rows, now)
    )


def _names(rows: Sequence[WorkerRow]) -> str:
    told = ", ".join(
        f"{row.worker_id[:60]} ({row.held:,})" if row.held else row.worker_id[:60] for row in rows[:_MOST_NAMED]
    )
    return told + (f" and {len(rows) - _MOST_NAMED:,} more" if len(rows) > _MOST_NAMED else "")


def _details(rows: Sequence[WorkerRow], now: datetime) -> tuple[str, ...]:
    return tuple(f"{row.worker_id[:200]}: {_heard(row, now)}{_held(row)}" for row in rows)


def _heard(row: WorkerRow, now: datetime) -> str:
    beat = parse_utc(row.heartbeat_utc)
    if not row.registered:
        return "in no row of the workers"
    if beat is None:
        return "without a readable heartbeat"
    if beat > now:
        return f"heard of in {duration_text(beat - now)}, by its clock"
    return f"heard of {duration_text(now - beat)} ago"


def _held(row: WorkerRow) -> str:
    if not row.held:
        return ""
    ids = ", ".join(f"#{each}" for each in row.held_ids)
    more = ", …" if row.held > len(row.held_ids) else ""
    return f", holds {'at least ' if row.held_at_least else ''}{row.held:,}: {ids}{more}"


def lease_findings(
    connection: ReadConnection, layout: Layout, now: datetime, hearing: Hearing
) -> Iterator[Finding]:  # fmt: skip
    """Yield what is wrong with the running tasks themselves."""
    if not layout.tasks.issuperset(_COLUMNS):
        return
    judged = hearing.judged_at(now)
    expired: list[int] = []
    without: list[int] = []
    iso: list[int] = []
    started: list[int] = []
    ids, cut = running_ids(connection)
    for task_id, status, lease, began in _rows(connection, ids):
        assert isinstance(task_id, int)
        until = parse_utc(lease)
        if until is None:
            without.append(task_id)
        elif until + EXPIRED_GRACE < judged:
            expired.append(task_id)
        if until is not None and _is_abroad(lease):
            iso.append(task_id)
        if status == Status.LEASED.value and began is not None:
            started.append(task_id)
    for code, found, what, wanted in (
        ("lease-expired", expired, "running with a lease that is over", "status:running lease<now-1m"),
        ("lease-unreadable", without, "running without a readable lease", ""),
        ("lease-iso", iso, "running with a lease in the ISO form or with an offset", ""),
        ("never-processing", started, "at work and still “leased”", "status=leased has:started"),
    ):
        if found:
            yield finding(
                code, tasks(len(found), what, at_least=cut), len(found), at_least=cut,
                sample_ids=tuple(found[:SAMPLE_IDS]), filter=wanted,
            )  # fmt: skip


def _is_abroad(cell: Cell) -> bool:
    return isinstance(cell, str) and (cell[10:11] in ("T", "t") or any(sign in cell[16:] for sign in "Zz+-"))


def running_ids(connection: ReadConnection) -> tuple[list[int], bool]:
    """Return the ids of the running tasks, ascending, and whether there are more than are looked at."""
    ids: set[int] = set()
    cut = False
    for status in RUNNING:
        sql = "SELECT id FROM task_queue WHERE status = ? LIMIT ?"
        rows = connection.rows(sql, (status, RUNNING_LOOKED_AT + 1), doing="look at the running tasks")
        cut = cut or len(rows) > RUNNING_LOOKED_AT
        ids.update(row[0] for row in rows[:RUNNING_LOOKED_AT] if isinstance(row[0], int))
    return sorted(ids), cut


def _rows(connection: ReadConnection, ids: Sequence[int]) -> Iterator[Row]:
    for at in range(0, len(ids), _ROWS_AT_ONCE):
        params, marks = padded(ids[at : at + _ROWS_AT_ONCE])
        names = ", ".join(_COLUMNS)
        # With +status by their ids; else SQLite may walk all running ones for each stretch.
        sql = f"SELECT id, {names} FROM task_queue WHERE id IN ({marks}) AND +status IN (?, ?) ORDER BY id"
        yield from connection.rows(sql, (*params, *RUNNING), doing="look at the leases")
