"""What looking after a file would do: found out by reading, told before anybody is asked.

Owns the words of these plans and what is refused beforehand. Changes nothing, and makes no file; how each piece of work
is done, and what it refuses itself, is the queue's (:mod:`prismq_gui.queue.maintenance` and its neighbours).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.database_facts import in_use_by
from prismq_gui.insight.messages import FileFacts
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.operations.database_records import CareKind, CarePlan, CareWish
from prismq_gui.operations.estimates import CHECKING, COPYING, seconds_text
from prismq_gui.operations.refusals import FOREIGN_TRIGGERS, access_refusal, read_only_refusal, triggers_refusal
from prismq_gui.operations.wording import plain
from prismq_gui.queue.backup import refuse_target
from prismq_gui.queue.backup_files import backup_folder, new_name
from prismq_gui.queue.checking import MOST_FINDINGS
from prismq_gui.queue.disk_room import bytes_text, free_bytes
from prismq_gui.queue.maintenance import CHECKPOINT_WAIT_S, wal_bytes
from prismq_gui.queue.retention import count_finished
from prismq_gui.queue.timestamps import now_utc, sql_due, utc_text
from prismq_gui.queue.transitions import RUNNING
from prismq_gui.queue.upkeep import Tell
from prismq_gui.queue.verifying import Verification, verify_backup

Stop = Callable[[], bool]
READING_DEADLINE_S = 5.0
_BACKUP_MARGIN = 1.02
_MOST_EXPIRED = 10_000
MAX_HOLDER = 160
_OURS = "this program itself"
_EXPIRED = (
    f"SELECT count(*) FROM (SELECT 1 FROM task_queue WHERE status IN ({', '.join(repr(each) for each in RUNNING)}) "
    f"AND {sql_due('lease_until_utc', ':now')} LIMIT {_MOST_EXPIRED})"
)


def plan_care(wish: CareWish, tell: Tell, stop: Stop) -> CarePlan:
    """Return what a wish would do.

    Raises:
        ProblemError: The file cannot be read.
        QueueDatabaseError: As the queue's own functions.
    """
    refusal = _refusal(wish)
    if refusal is not None:
        return _refused(wish, refusal)
    if wish.source is not None:
        return _plan_restore(wish, tell, stop) if wish.kind is CareKind.RESTORE else _plan_verify(wish, wish.source)
    with closing(QueueReader(wish.path)) as reader:
        facts = reader.open()
        refusal = _queue_refusal(wish, facts, reader.connection)
        if refusal is not None:
            return _refused(wish, refusal)
        if wish.kind is CareKind.RELEASE:
            return _plan_release(wish, reader.connection)
    if wish.kind is CareKind.RETENTION:
        return _plan_retention(wish, tell, stop)
    return _PLANS[wish.kind](wish, facts)


def _refused(wish: CareWish, refusal: Problem) -> CarePlan:
    return CarePlan(wish, refusal.sentence(), refusal=refusal)


def _refusal(wish: CareWish) -> Problem | None:
    if not wish.kind.writes:
        return None
    if wish.read_only:
        return read_only_refusal(wish.path, "The file was opened read-only")
    return access_refusal(wish.path) if wish.path.exists() else None


def _queue_refusal(wish: CareWish, facts: FileFacts, connection: ReadConnection) -> Problem | None:
    if not wish.kind.writes:
        return None
    if facts.write_refusal:
        return read_only_refusal(wish.path, facts.write_refusal)
    if wish.kind not in (CareKind.RETENTION, CareKind.RELEASE):
        return None
    if facts.journal_mode.lower() != "wal":
        what = f"The file is not in WAL mode ({facts.journal_mode}), and the queue's own writer would change that"
        advice = "Let the queue's own programs do it, or convert the file first."
        return Problem(ProblemKind.REFUSED, what, str(wish.path), "Nothing was changed.", advice)
    return triggers_refusal(connection.rows(FOREIGN_TRIGGERS), wish.path)


def others(path: Path) -> tuple[str, ...]:
    """Return in words who else has the file open, as far as can be told."""
    with closing(ReadConnection(path, READING_DEADLINE_S)) as connection:
        with suppress(ProblemError):  # it need not be readable: the processes are told all the same
            connection.open()
        return tuple(plain(each, MAX_HOLDER) for each in in_use_by(connection) if _OURS not in each)


def _whole(facts: FileFacts) -> int:
    return facts.size_bytes + facts.wal_bytes


def _plan_checkpoint(wish: CareWish, facts: FileFacts) -> CarePlan:
    if facts.journal_mode.lower() != "wal":
        return CarePlan(wish, "The file has no WAL: there is nothing to move.", nothing=True)
    return CarePlan(
        wish,
        f"The WAL of {bytes_text(facts.wal_bytes)} is moved into the file and cut, as far as readers let it.",
        (
            f"Workers that want to write wait: at most {CHECKPOINT_WAIT_S * 1000:.0f} ms for others, and the copying.",
            "Who reads old content keeps the part it needs: then the rest is left, and told.",
        ),
        (("WAL", bytes_text(facts.wal_bytes)), ("Estimate", seconds_text(facts.wal_bytes, COPYING))),
    )


def _plan_optimize(wish: CareWish, facts: FileFacts) -> CarePlan:
    return CarePlan(
        wish,
        "SQLite renews the figures by which it chooses indexes, those alone that have grown stale.",
        ("Workers that want to write wait meanwhile, usually some milliseconds.",),
        (("Size", bytes_text(facts.size_bytes)), ("Writes", "the table sqlite_stat1")),
    )


def _plan_analyze(wish: CareWish, facts: FileFacts) -> CarePlan:
    return CarePlan(
        wish,
        "SQLite looks at about 1,000 rows of each index and notes the figures by which it chooses indexes.",
        ("Workers that want to write wait meanwhile, usually some milliseconds.",),
        (("Size", bytes_text(facts.size_bytes)), ("Writes", "the table sqlite_stat1")),
    )


def _plan_integrity(wish: CareWish, facts: FileFacts) -> CarePlan:
    return CarePlan(
        wish,
        "All pages, rows and index entries of the file are read and checked. Nothing is changed, nor repaired.",
        ("It holds a snapshot: the WAL of a busy queue grows meanwhile. Workers go on; Stop ends it at once.",),
        (("To read", bytes_text(_whole(facts))), ("Estimate", seconds_text(_whole(facts), CHECKING)),
         ("Findings told", f"the first {MOST_FINDINGS}")),
    )  # fmt: skip


def _plan_foreign_keys(wish: CareWish, facts: FileFacts) -> CarePlan:
    return CarePlan(
        wish,
        "Log lines whose task is gone are looked for. Nothing is changed.",
        ("It holds a snapshot: the WAL of a busy queue grows meanwhile. Workers go on; Stop ends it at once.",),
        (("Estimate", seconds_text(_whole(facts), 4 * CHECKING)), ("Findings told", f"the first {MOST_FINDINGS}")),
    )


def _plan_backup(wish: CareWish, facts: FileFacts) -> CarePlan:
    wish, target = _with_target(wish)
    size, free = _whole(facts), free_near(target)
    if free is not None and free < size * _BACKUP_MARGIN:
        what = f"Too little room for the backup: it needs {bytes_text(size)}, free are {bytes_text(free)}"
        place, advice = str(target.parent), "Choose another place."
        return _refused(wish, Problem(ProblemKind.DISK_FULL, what, place, "Nothing was copied.", advice))
    return CarePlan(
        wish,
        "The queue is copied as it is at one moment, while it is used; the copy is verified before it gets its name.",
        ("The WAL of a busy queue grows while it is copied. Workers go on; Stop leaves no file.",),
        (
            ("Size", bytes_text(size)),
            ("Free there", bytes_text(free) if free is not None else "not known"),
            ("Estimate", seconds_text(size, 1 / (1 / COPYING + 1 / CHECKING))),
        ),
    )


def _with_target(wish: CareWish) -> tuple[CareWish, Path]:
    """Return the wish with a name for its backup, and the name.

    Raises:
        QueueDatabaseError: The name is refused.
    """
    target = wish.target or new_name(wish.path, wish.folder or backup_folder(wish.path))
    refuse_target(wish.path, target)
    return replace(wish, target=target), target


def free_near(target: Path) -> int | None:
    """Return the free room where a file would lie, None where that can't be told; its folder may not be there yet."""
    for folder in target.parents:
        if folder.is_dir():
            try:
                return free_bytes(folder)
            except OSError:
                return None
    return None


def _plan_verify(wish: CareWish, source: Path) -> CarePlan:
    try:
        size = source.stat().st_size
    except OSError as error:
        raise _gone(source, error) from error
    return CarePlan(
        wish,
        "The backup is read wholly and checked: header, tables, all pages and indexes. Nothing is changed.",
        (),
        (("Size", bytes_text(size)), ("Estimate", seconds_text(size, CHECKING))),
    )


def _gone(path: Path, error: OSError) -> ProblemError:
    reason = error.strerror or type(error).__name__
    return ProblemError(
        Problem(ProblemKind.NOT_FOUND, f"The backup can't be read ({reason})", str(path), "Nothing was changed.",
                "Choose another one.")
    )  # fmt: skip


def _plan_restore(wish: CareWish, tell: Tell, stop: Stop) -> CarePlan:
    """Look at backup and queue; what can be refused is refused here, before anything is touched."""
    assert wish.source is not None
    found = verify_backup(wish.source, quick=True, progress=tell, cancel=stop)
    refusal = _source_refusal(wish, found)
    if refusal is not None:
        return _refused(wish, refusal)
    page_size, note = _present_pages(wish.path)
    if page_size and page_size != found.page_size:
        what = (
            f"The backup has pages of {found.page_size:,} bytes, the queue of {page_size:,}: "
            "SQLite can't put the one into the other"
        )
        advice = "Move the queue's files aside, then restore to the same name."
        return _refused(wish, Problem(ProblemKind.REFUSED, what, str(wish.source), "Nothing was changed.", advice))
    warnings = ["What was done since the backup is gone from the queue. The present content is kept beside it first."]
    if note:
        warnings.append(note)
    if found.running:
        warnings.append(
            f"{found.running:,} tasks were running when the backup was made: they will be shown as running, with "
            "leases that are over."
        )
    else_open = others(wish.path)
    if else_open:
        warnings.append(
            f"Other programs have the queue open ({', '.join(else_open)}): stop them first, or it is refused."
        )
    size = found.pages * found.page_size
    facts = (
        ("Tasks in the backup", f"{found.tasks:,}"), ("Log lines", f"{found.logs:,}"),
        ("Size", bytes_text(size)), ("Estimate", seconds_text(size, 1 / (2 / COPYING + 1 / CHECKING))),
    )  # fmt: skip
    sentence = f"The queue gets the content of {wish.source.name}, whole or not at all."
    return CarePlan(wish, sentence, tuple(warnings), facts, name_to_type=wish.path.name)


def _source_refusal(wish: CareWish, found: Verification) -> Problem | None:
    if found.ok:
        return None
    problems = "; ".join(found.problems[:3])
    return Problem(
        ProblemKind.REFUSED, f"The backup is refused: {problems}", str(found.path), f"{wish.path} was not touched.",
        "Choose another backup.",
    )  # fmt: skip


def _present_pages(path: Path) -> tuple[int, str]:
    """Return the page size of the present file (0 without one), and what is to be known of it."""
    if not path.exists():
        return 0, ""
    connection = ReadConnection(path, READING_DEADLINE_S)
    try:
        connection.open()
        size = connection.value("PRAGMA page_size") if connection.value("PRAGMA page_count") else 0
    except ProblemError:
        return 0, "SQLite can't read the present file: it is set aside under a dated name, with its WAL."
    finally:
        connection.close()
    return size if isinstance(size, int) else 0, ""


def _plan_release(wish: CareWish, connection: ReadConnection) -> CarePlan:
    count = connection.rows(_EXPIRED, {"now": utc_text(now_utc())}, doing="count leases that are over")[0][0]
    if not isinstance(count, int) or not count:
        return CarePlan(wish, "No lease is over: there is nothing to give back.", nothing=True)
    told = f"at least {count:,}" if count >= _MOST_EXPIRED else f"{count:,}"
    return CarePlan(
        wish,
        f"Tasks whose lease is over are queued again ({told}); those without attempts left are buried.",
        ("A worker of the past that still works on one of them would do it twice.",),
        (("Leases that are over", told),),
        count=count,
    )


def _plan_retention(wish: CareWish, tell: Tell, stop: Stop) -> CarePlan:
    age = timedelta(days=wish.older_than_days)
    found = count_finished(wish.path, age, statuses=wish.statuses, progress=tell, cancel=stop)
    facts = [*((f"Tasks, {status}", f"{count:,}") for status, count in found.tasks), ("Log lines", f"{found.logs:,}")]
    if found.without_time:
        facts.append(("Kept: no readable time", f"{found.without_time:,}"))
    if not found.total:
        sentence = f"No such task ended more than {wish.older_than_days:,} days ago."
        return CarePlan(wish, sentence, (), tuple(facts), nothing=True)
    if wish.backup_first:
        wish, _ = _with_target(wish)
        before = f"A backup of {bytes_text(_size(wish.path))} is made first; without it nothing is deleted."
    else:
        before = "No backup is made before."
    warnings = [f"It can't be taken back but from a backup. {before}"]
    warnings.append("At most 500 rows at a time; workers go first in between. The file keeps its size until a vacuum.")
    sentence = f"{found.total:,} finished tasks are deleted, with {found.logs:,} log lines."
    return CarePlan(wish, sentence, tuple(warnings), tuple(facts), count=found.total)


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size + wal_bytes(path)  # noqa: PTH116 - stat alone
    except OSError:
        return 0


_PLANS: dict[CareKind, Callable[[CareWish, FileFacts], CarePlan]] = {
    CareKind.CHECKPOINT: _plan_checkpoint,
    CareKind.OPTIMIZE: _plan_optimize,
    CareKind.ANALYZE: _plan_analyze,
    CareKind.INTEGRITY: _plan_integrity,
    CareKind.FOREIGN_KEYS: _plan_foreign_keys,
    CareKind.BACKUP: _plan_backup,
}
