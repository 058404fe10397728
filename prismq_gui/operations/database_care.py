"""Looking after a file as a whole, on behalf of a person: plan it, do it, tell what was and was not done.

Owns the reports and how the queue's errors are told; the work itself is the queue's. Holds nothing between two calls.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.sqlite_errors import READ_ERRORS, translate
from prismq_gui.insight.wal_readers import process_name, reading_throughout
from prismq_gui.operations.database_plans import Stop, others, plan_care
from prismq_gui.operations.database_records import CareKind, CarePlan, CareReport, CareWish, Lines
from prismq_gui.queue.backup import BackupReport, back_up
from prismq_gui.queue.backup_files import backup_folder
from prismq_gui.queue.checking import Check, CheckReport, run_check
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.disk_room import bytes_text
from prismq_gui.queue.exceptions import QueueBusyError, QueueDatabaseError
from prismq_gui.queue.maintenance import CheckpointReport, analyze, checkpoint, optimize, wal_bytes
from prismq_gui.queue.restore import restore_backup
from prismq_gui.queue.retention import delete_finished
from prismq_gui.queue.stale import release_expired
from prismq_gui.queue.upkeep import BUSY_DEADLINE_S, MaintenanceCancelled, Tell
from prismq_gui.queue.verifying import verify_backup

RESTORE_WAIT_S = BUSY_DEADLINE_S  # for others to close the file, the readers of this window among them
_NOT_DONE = {
    CareKind.CHECKPOINT: "The WAL was not moved.",
    CareKind.OPTIMIZE: "The figures are as they were.",
    CareKind.ANALYZE: "The figures are as they were.",
    CareKind.INTEGRITY: "The file was not checked to the end.",
    CareKind.FOREIGN_KEYS: "The file was not checked to the end.",
    CareKind.BACKUP: "No backup was made.",
    CareKind.VERIFY: "The backup was not checked to the end.",
    CareKind.RESTORE: "The queue was not restored.",
    CareKind.RETENTION: "No task was deleted.",
    CareKind.RELEASE: "No task was given back.",
}


def plan(wish: CareWish, tell: Tell, stop: Stop) -> CarePlan:
    """Return what a wish would do; what may not be done is told in the plan's ``refusal``."""
    try:
        return plan_care(wish, tell, stop)
    except ProblemError as error:
        problem = error.problem
    except QueueDatabaseError as error:
        problem = problem_of(error)
    except READ_ERRORS as error:
        problem = translate(error, wish.path, doing="look at the file")
    except OSError as error:
        problem = translate(error, wish.path, doing="look at the files")
    return CarePlan(wish, problem.sentence(), refusal=problem)


def run(wish: CareWish, tell: Tell, stop: Stop) -> CareReport:
    """Do what is wished and return what was done; every error is told in the report."""
    started, problem, stopped = time.perf_counter(), None, False
    try:
        if stop():
            raise MaintenanceCancelled("It was stopped before it began. Nothing was changed.")  # noqa: TRY301
        report = _RUNS[wish.kind](wish, tell, stop)
    except MaintenanceCancelled as error:
        report, stopped = CareReport(wish, f"Stopped. {_NOT_DONE[wish.kind]}", undone=(str(error),)), True
    except QueueDatabaseError as error:
        problem = problem_of(error)
    except ProblemError as error:
        problem = error.problem
    except READ_ERRORS as error:
        problem = translate(error, wish.path, doing="do it")
    except OSError as error:
        problem = translate(error, wish.path, doing="do it")
    if problem is not None:
        report = CareReport(wish, _NOT_DONE[wish.kind], problem=problem)
    elapsed_s = time.perf_counter() - started
    return replace(report, elapsed_s=elapsed_s, stopped=report.stopped or stopped)


def problem_of(error: QueueDatabaseError) -> Problem:
    """Return what a person is told of an error of the queue's own: its message says all there is."""
    kind = ProblemKind.BUSY if isinstance(error, QueueBusyError) else ProblemKind.FAILED
    return Problem(kind, str(error).rstrip("."), "", "", "")


# -- WAL and figures


def _checkpoint(wish: CareWish, _tell: Tell, _stop: Stop) -> CareReport:
    before = wal_bytes(wish.path)
    done = checkpoint(wish.path)
    facts = [("WAL before", bytes_text(before)), ("WAL after", bytes_text(done.wal_bytes))]
    if done.wal_pages > 0:
        facts.append(("Pages moved", f"{done.moved_pages:,} of {done.wal_pages:,}"))
    if not done.in_the_way:
        sentence = "The WAL was moved into the file and cut." if done.wal_pages >= 0 else f"{done.sentence}."
        return CareReport(wish, sentence[:1].upper() + sentence[1:], tuple(facts))
    return CareReport(
        wish, f"The checkpoint: {done.sentence}.", tuple(facts), undone=_in_the_way(wish, done),
        advice="End the program that reads, or wait until it has read on; then checkpoint again.",
    )  # fmt: skip


def _in_the_way(wish: CareWish, done: CheckpointReport) -> tuple[str, ...]:
    """Say who is in the way as far as can be told, and whether it is this program."""
    if done.wal_pages < 0:
        return ("Nothing was moved. Try again in a moment.",)
    reading = reading_throughout(wish.path)
    named = [f"process {pid} ({process_name(pid)})" for pid in sorted((reading or frozenset()) - {os.getpid()})]
    told = [f"Reads old content: {each}." for each in named]
    if reading is None:
        told.append("This program holds no content between two looks at the file, so it is not what is in the way.")
    elif os.getpid() in reading:
        told.append("This program itself is reading at the moment: a check, a backup or a search of it.")
    else:
        told.append("It is not this program: it holds no content of the file at the moment.")
    return (*told, *(f"Has the file open too: {each}." for each in others(wish.path) if each not in named))


def _optimize(wish: CareWish, _tell: Tell, stop: Stop) -> CareReport:
    optimize(wish.path, cancel=stop)
    return CareReport(wish, "What had grown stale of SQLite's figures was renewed.")


def _analyze(wish: CareWish, tell: Tell, stop: Stop) -> CareReport:
    analyze(wish.path, progress=tell, cancel=stop)
    return CareReport(wish, "SQLite's figures of all indexes were renewed.")


# -- checks


def _check(check: Check) -> Callable[[CareWish, Tell, Stop], CareReport]:
    def run_it(wish: CareWish, tell: Tell, stop: Stop) -> CareReport:
        return _checked(wish, run_check(wish.path, check, progress=tell, cancel=stop))

    return run_it


def _checked(wish: CareWish, found: CheckReport) -> CareReport:
    if found.ok:
        what = "Nothing was found: each log line has its task."
        return CareReport(wish, "Nothing was found: the file is sound." if wish.kind is CareKind.INTEGRITY else what)
    more = "at least " if found.cut else ""
    count = len(found.findings)
    sentence = f"{more}{count:,} finding{'s' if count != 1 else ''}. Nothing was changed."
    return CareReport(
        wish, sentence[:1].upper() + sentence[1:], findings=found.findings, cut=found.cut, advice=found.advice
    )


# -- backups


def _backup(wish: CareWish, tell: Tell, stop: Stop) -> CareReport:
    done = _backed_up(wish, tell, stop)
    facts = (("Size", bytes_text(done.bytes)), ("Tasks", f"{done.tasks or 0:,}"))
    sentence = f"The backup {done.path.name} was made and verified."
    return CareReport(wish, sentence, (("File", done.path.name), *facts), made=done.path, verified=True)


def _backed_up(wish: CareWish, tell: Tell, stop: Stop) -> BackupReport:
    """Make the backup; the folder is made where it is the one that backups of the file lie in."""
    if wish.target is not None and wish.target.parent == (wish.folder or backup_folder(wish.path)):
        wish.target.parent.mkdir(parents=True, exist_ok=True)
    return back_up(wish.path, wish.target, progress=tell, cancel=stop)


def _verify(wish: CareWish, tell: Tell, stop: Stop) -> CareReport:
    assert wish.source is not None
    found = verify_backup(wish.source, progress=tell, cancel=stop)
    if not found.ok:
        advice = "Do not restore it. Keep it aside if it is all there is, and make a new backup."
        return CareReport(wish, "The backup is not sound. Nothing was changed.", findings=found.problems, advice=advice)
    facts: Lines = (
        ("Tasks", f"{found.tasks:,}"), ("Running then", f"{found.running:,}"), ("Log lines", f"{found.logs:,}"),
        ("Workers", f"{found.workers:,}"),
    )  # fmt: skip
    return CareReport(wish, f"The backup {wish.source.name} is a whole queue.", facts, verified=True)


def _restore(wish: CareWish, tell: Tell, stop: Stop) -> CareReport:
    assert wish.source is not None
    done = restore_backup(wish.path, wish.source, progress=tell, cancel=stop, deadline_s=RESTORE_WAIT_S)
    facts = [("Tasks", f"{done.tasks:,}"), ("Workers of that time", f"{done.workers:,}")]
    if done.old is not None:
        facts.append(("Kept beside it, the content before", done.old.name))
    undone: tuple[str, ...] = ()
    if done.running:
        undone = (
            f"{done.running:,} tasks were running when the backup was made: their leases are from the past. Nothing "
            "was done about them; workers give them back as those end.",
        )
    sentence = f"The queue has the content of {wish.source.name}."
    return CareReport(wish, sentence, tuple(facts), undone, made=done.old, left_running=done.running)


# -- tasks by age and by lease


def _retention(wish: CareWish, tell: Tell, stop: Stop) -> CareReport:
    facts: list[tuple[str, str]] = []
    made = None
    if wish.backup_first:
        backup = _backed_up(wish, tell, stop)
        made = backup.path
        facts.append(("Backup made before", backup.path.name))
    age = timedelta(days=wish.older_than_days)
    try:
        with closing(QueueDatabase(wish.path)) as db:
            done = delete_finished(db, age, statuses=wish.statuses, progress=tell, cancel=stop)
    except QueueDatabaseError as error:
        return CareReport(
            wish, "Not all was deleted.", tuple(facts), made=made, verified=made is not None, problem=problem_of(error)
        )
    facts += [("Tasks deleted", f"{done.tasks:,}"), ("Log lines deleted", f"{done.logs:,}")]
    undone = []
    if done.without_time:
        undone.append(f"{done.without_time:,} tasks without a readable time were kept.")
    if done.refused:
        ids = ", ".join(str(each) for each in done.refused[:20])
        undone.append(f"SQLite would not delete {len(done.refused):,} tasks: {ids}.")
    if done.stopped:
        undone.append("What was left is untouched; what was deleted stays so.")
    sentence = f"{'Stopped: ' if done.stopped else ''}{done.tasks:,} tasks were deleted, with {done.logs:,} log lines."
    return CareReport(
        wish, sentence, tuple(facts), tuple(undone), made=made, verified=made is not None, stopped=done.stopped
    )


def _release(wish: CareWish, tell: Tell, stop: Stop) -> CareReport:
    with closing(QueueDatabase(wish.path)) as db:
        done = release_expired(db, progress=tell, cancel=stop)
    sentence = f"{'Stopped: ' if done.stopped else ''}{done.released:,} tasks were given back."
    return CareReport(wish, sentence, stopped=done.stopped)


_RUNS: dict[CareKind, Callable[[CareWish, Tell, Stop], CareReport]] = {
    CareKind.CHECKPOINT: _checkpoint,
    CareKind.OPTIMIZE: _optimize,
    CareKind.ANALYZE: _analyze,
    CareKind.INTEGRITY: _check(Check.INTEGRITY),
    CareKind.FOREIGN_KEYS: _check(Check.FOREIGN_KEYS),
    CareKind.BACKUP: _backup,
    CareKind.VERIFY: _verify,
    CareKind.RESTORE: _restore,
    CareKind.RETENTION: _retention,
    CareKind.RELEASE: _release,
}
