"""What is wrong with a queue: findings for the person, each with its count, a sample and what mends it.

Owns the looks that only read, in short statements with limits. Damage of the file itself is looked for by
:mod:`prismq_gui.queue.checking`. Must not mend anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.messages import FileFacts
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.insight.walking import padded
from prismq_gui.queue.metrics import Workers
from prismq_gui.queue.schema import SCHEMA_STATEMENTS
from prismq_gui.queue.timestamps import parse_utc
from prismq_gui.queue.transitions import RUNNING

WAL_LIMIT_BYTES = 256 * 1024 * 1024
EXPIRED_GRACE = timedelta(seconds=60)  # a worker that looks for work gives expired leases back
WAITING_LOOKED_AT = 100_000  # index entries: 20 ms
RUNNING_LOOKED_AT = 10_000
SAMPLE_IDS = 20
_ROWS_AT_ONCE = 512
_INDEX = re.compile(r"CREATE (?:UNIQUE )?INDEX IF NOT EXISTS (\w+) ON (\w+) \(([^)]*)\)")
_WAITING = f"SELECT id, run_after_utc FROM task_queue WHERE status = 'queued' LIMIT {WAITING_LOOKED_AT}"
_ISO = "run_after_utc GLOB '????-??-??[Tt]*'"
_READABLE = "run_after_utc GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9][ Tt][0-2][0-9]:[0-5][0-9]*'"


class Severity(Enum):
    """How bad a finding is. A note alone does not make a queue unhealthy."""

    FAULT = "fault"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``code`` is its stable name; ``advice`` says what mends it, '' where nothing need be.

    ``count`` is how many there are, at least that many where ``at_least``; ``sample_ids`` are the first 20 tasks.
    """

    code: str
    severity: Severity
    sentence: str
    advice: str = ""
    count: int = 1
    at_least: bool = False
    sample_ids: tuple[int, ...] = ()


def file_findings(facts: FileFacts) -> list[Finding]:
    """Return what the file's own state tells. Reads nothing."""
    found = [Finding("note", Severity.NOTE, note) for note in facts.notes]
    if facts.write_refusal:
        found.append(Finding("not-writable", Severity.WARNING, facts.write_refusal, "Use a program that knows it."))
    if facts.wal_bytes > WAL_LIMIT_BYTES:
        size = facts.wal_bytes // 1024**2
        found.append(
            Finding(
                "wal-large", Severity.WARNING, f"The WAL beside the file is large: {size:,} MiB.",
                "A reader or another process holds an old snapshot: end it, then run a checkpoint or a vacuum.",
            )
        )  # fmt: skip
    return found


def queue_findings(connection: ReadConnection, workers: Callable[[], Workers], now: datetime) -> list[Finding]:
    """Return what is wrong with schema, leases, workers and times. A look that fails is a finding itself.

    Args:
        connection: An open connection.
        workers: Reads the workers.
        now: Naive UTC.
    """
    looks: tuple[tuple[str, Callable[[], Iterable[Finding]]], ...] = (
        ("indexes", lambda: _missing_indexes(connection)),
        ("leases", lambda: _leases(connection, now)),
        ("workers", lambda: _silent_workers(workers())),
        ("times", lambda: _times(connection)),
    )
    found: list[Finding] = []
    for name, look in looks:
        try:
            found += look()
        except ProblemError as error:
            if error.problem.kind in (ProblemKind.BUSY, ProblemKind.LOCKED, ProblemKind.INTERRUPTED):
                raise
            found.append(
                Finding(f"{name}-unread", Severity.FAULT, f"The {name} could not be looked at: {error.problem.what}.",
                        error.problem.advice)
            )  # fmt: skip
    return found


def _missing_indexes(connection: ReadConnection) -> Iterable[Finding]:
    missing = []
    for name, columns in expected_indexes():
        rows = connection.rows(f"PRAGMA index_xinfo({name})", doing="look at the indexes")
        if tuple(str(row[2]) for row in rows if row[5]) != columns:
            missing.append(name)
    if missing:
        yield Finding(
            "index-missing", Severity.WARNING,
            f"Indexes are missing or have other columns: {', '.join(missing)}. Claims and lists are slow without them.",
            "Stop the workers and start one again: it makes those that are missing.", len(missing),
        )  # fmt: skip


def expected_indexes() -> list[tuple[str, tuple[str, ...]]]:
    """Return the queue's indexes with their columns, as the schema has them."""
    matches = (_INDEX.match(statement) for statement in SCHEMA_STATEMENTS)
    return [(match[1], tuple(part.strip() for part in match[3].split(","))) for match in matches if match]


def _leases(connection: ReadConnection, now: datetime) -> Iterable[Finding]:
    expired, without, iso = [], [], []
    ids, cut = _running_ids(connection)
    for at in range(0, len(ids), _ROWS_AT_ONCE):
        params, marks = padded(ids[at : at + _ROWS_AT_ONCE])
        sql = f"SELECT id, lease_until_utc FROM task_queue WHERE id IN ({marks}) ORDER BY id"
        for task_id, cell in connection.rows(sql, params, doing="look at the leases"):
            assert isinstance(task_id, int)
            until = parse_utc(cell)
            if until is None:
                without.append(task_id)
            elif until + EXPIRED_GRACE < now:
                expired.append(task_id)
            if isinstance(cell, str) and "T" in cell[:11].upper():
                iso.append(task_id)
    release = "A worker that looks for work gives them back; start one, or see why none claims."
    if expired:
        yield _of_tasks("lease-expired", Severity.WARNING, expired, cut, "running with a lease that is over", release)
    if without:
        what = "running without a readable lease: no worker claims them again"
        yield _of_tasks("lease-unreadable", Severity.WARNING, without, cut, what, "Release them in the window.")
    if iso:
        what = "running with a lease in the ISO form, which programs that compare text take for a later time"
        yield _of_tasks("lease-iso", Severity.NOTE, iso, cut, what, "")


def _running_ids(connection: ReadConnection) -> tuple[list[int], bool]:
    ids: list[int] = []
    cut = False
    for status in RUNNING:
        sql = "SELECT id FROM task_queue WHERE status = ? LIMIT ?"
        rows = connection.rows(sql, (status, RUNNING_LOOKED_AT + 1), doing="look at the running tasks")
        cut = cut or len(rows) > RUNNING_LOOKED_AT
        ids += [row[0] for row in rows[:RUNNING_LOOKED_AT] if isinstance(row[0], int)]
    return sorted(set(ids)), cut


def _of_tasks(
    code: str, severity: Severity, ids: list[int], cut: bool, what: str, advice: str
) -> Finding:  # fmt: skip
    tasks = "1 task is" if len(ids) == 1 else f"{len(ids):,} tasks are"
    sentence = f"{'At least ' if cut else ''}{tasks} {what}."
    return Finding(code, severity, sentence, advice, len(ids), cut, tuple(ids[:SAMPLE_IDS]))


def _silent_workers(found: Workers) -> Iterable[Finding]:
    holding = [worker for worker in found.workers if worker.silent and worker.held]
    if holding:
        told = ", ".join(f"{worker.worker_id} ({worker.held:,} tasks)" for worker in holding[:SAMPLE_IDS])
        yield Finding(
            "worker-silent", Severity.WARNING, f"Silent workers hold running tasks: {told}.",
            "See whether they are alive; else their tasks are given back when the leases end.",
            len(holding), not found.complete,
        )  # fmt: skip
    idle = sum(worker.silent and not worker.held for worker in found.workers)
    if idle:
        what = f"{idle:,} silent worker{'s' if idle > 1 else ''} hold{'' if idle > 1 else 's'} nothing."
        yield Finding("worker-gone", Severity.NOTE, what, "", idle, not found.complete)


def _times(connection: ReadConnection) -> Iterable[Finding]:
    cut = len(connection.rows(f"SELECT 1 FROM ({_WAITING}) LIMIT 1 OFFSET {WAITING_LOOKED_AT - 1}")) > 0
    for code, condition, what, advice in (
        (
            "time-iso", _ISO,
            "waiting with a due time in the ISO form: programs that compare text claim them up to a day late",
            "This program and its workers read them right; others need the form with a space.",
        ),
        (
            "time-unreadable", f"NOT coalesce({_READABLE}, 0)",
            "waiting with a due time that cannot be read: no worker will claim them",
            "Correct the time, or cancel them.",
        ),
    ):  # fmt: skip
        rows = connection.rows(f"SELECT count(*) FROM ({_WAITING}) WHERE {condition}", doing="look at the due times")
        count = rows[0][0]
        if not isinstance(count, int) or not count:
            continue
        sample = connection.rows(f"SELECT id FROM ({_WAITING}) WHERE {condition} LIMIT {SAMPLE_IDS}")
        ids = tuple(row[0] for row in sample if isinstance(row[0], int))
        severity = Severity.WARNING
        tasks = "1 task is" if count == 1 else f"{count:,} tasks are"
        yield Finding(code, severity, f"{'At least ' if cut else ''}{tasks} {what}.", advice, count, cut, ids)
