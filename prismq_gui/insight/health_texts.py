"""What each finding means, what it costs and what mends it: the one table of words, by code.

Owns the codes and their severity. Where a finding can be mended by itself, ``fix`` is true and its code is the name of
the fix. docs/health.md tells the same at length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prismq_gui.insight.health_records import Finding, Severity

_F, _W, _N = Severity.FAULT, Severity.WARNING, Severity.NOTE


@dataclass(frozen=True, slots=True)
class Text:
    """The words of one code."""

    severity: Severity
    meaning: str
    cost: str
    advice: str
    fix: bool = False


_BY = "prismq-gui doctor --fix {} shows what it would change, asks, and can be undone."
_BACKUP = "Make a backup first: prismq-gui backup."

TEXTS: Mapping[str, Text] = {
    # -- the file
    "damage": Text(
        _F, "SQLite found pages or indexes that contradict each other.", "Tasks can be lost, or be run twice.",
        "Stop the workers, keep a copy of the file with its -wal, and restore the last backup that is whole."),
    "not-writable": Text(
        _W, "This program will only read the file.", "Nothing can be changed here.", "Use a program that knows it."),
    "not-wal": Text(
        _W, "The file keeps a rollback journal, in which a reader and a writer exclude each other.",
        "Workers and this window hold each other up.",
        "Let a PrismQ program open it for writing once while no other has it open: it sets WAL mode."),
    "wal-missing": Text(
        _N, "SQLite keeps the newest changes in the -wal until a checkpoint.", "Changes may be missing from this file.",
        "Copy a queue together with its -wal, or make a backup."),
    "wal-large": Text(
        _W, "The write-ahead log beside the file could not be started over: a reader or another process holds an old "
        "snapshot.", "Reading gets slower and the disk fills.",
        f"End who holds the snapshot, then checkpoint. {_BY.format('wal-large')}", fix=True),
    "fragmented": Text(
        _N, "Deleted tasks left free pages; new tasks use them again.", "The file is larger than it need be.",
        "A vacuum gives them back to the disk while workers wait: prismq-gui doctor --fix fragmented, which is "
        "prismq-gui vacuum. It changes no task; there is nothing to undo.", fix=True),
    "hard-links": Text(
        _W, "Each name has a -wal of its own.", "Opened under two names, changes are lost or the file is damaged.",
        "Use one name only, and remove the others."),
    "symlink": Text(_N, "The -wal and -shm lie beside the real file.", "", ""),
    "network-drive": Text(
        _W, "WAL needs memory that all who have the file open share; two machines share none.",
        "Two machines can damage the file.", "Keep the queue on the machine where its workers run."),
    "synced-folder": Text(
        _W, "The service copies the database without its -wal, and can hold the file while it does.",
        "Its copies are not to be trusted, and workers can be held up.",
        "Keep queues in a folder that is not synchronised; make backups into the one that is."),
    "sqlite-fault": Text(
        _N, "Two programs that write and checkpoint at the same moment can, rarely, damage an index.",
        "This program never issues the kind of checkpoint that meets it; others may.",
        "Use a Python with SQLite 3.51.3 or newer for all programs that write."),
    "parts-missing": Text(
        _W, "An older or another program made the file.", "What would stand there is not known.",
        "Let the program that made the file bring it up to date."),
    "ids-near-end": Text(
        _F, "Ids are never used twice and end at 9,223,372,036,854,775,807.",
        "New tasks are refused then, by SQLite as “database or disk is full”.",
        "Move to a new queue file; find the program that wrote so large an id."),
    "part-checked": Text(
        _N, "The check keeps to a budget of time.", "What is older may have more of what was found, or other findings.",
        "Give it more time: --budget 10m, or --budget 0 for all."),
    # -- the schema
    "schema-drift": Text(
        _W, "The queue's tables are the same in all programs; this file has others.",
        "Programs that rely on the columns may fail, or write what others misread.",
        "See which program changed them. Nothing here changes a column."),
    "column-unknown": Text(
        _N, "Another program added columns to the queue's tables.", "They are left as they are, and not shown.", ""),
    "schema-plain-json": Text(
        _N, "Other programs define region and format so that one task with unreadable JSON breaks SELECT * and changes "
        "of that task.", "Nothing, as long as all JSON can be read.", ""),
    "index-missing": Text(
        _W, "The index is part of the queue's schema.", "Claims and lists read far more than they need.",
        _BY.format("index-missing"), fix=True),
    "index-changed": Text(
        _W, "An index of that name has other columns, or is unique, partial or descending where it must not be.",
        "Claims and lists read far more than they need, or tasks are refused.",
        f"{_BACKUP} Stop the workers, drop it with the program that made it, then run the fix index-missing."),
    "index-unknown": Text(
        _N, "Another program made an index beside the queue's six.", "Each write keeps it up too.",
        "Keep it where a query of yours needs it."),
    "trigger-foreign": Text(
        _W, "Code that came with the file would run with each change.", "This program refuses to change the tasks.",
        "Remove it with the program that made it, if nobody needs it."),
    # -- leases and workers
    "lease-expired": Text(
        _W, "A worker that looks for work gives expired leases back; nobody did for over a minute.",
        "The tasks stand still.",
        f"Start a worker, or give them back now: queued again, or dead letters where no attempts are left. "
        f"{_BY.format('lease-expired')}", fix=True),
    "lease-unreadable": Text(
        _W, "No worker can tell when the lease ends.", "No worker claims them again.",
        "Release them: prismq-gui release ID."),
    "lease-iso": Text(
        _N, "Programs that compare text take the lease for one of a later time of the day.",
        "They give the tasks of dead workers back up to a day late.", _BY.format("lease-iso"), fix=True),
    "worker-silent": Text(
        _W, "Their last heartbeat is too long ago.", "What they hold waits until its leases end.",
        f"See whether they are alive. If not, give back what they hold. {_BY.format('worker-silent')}", fix=True),
    "worker-unknown": Text(
        _W, "The name stands in no row of the workers: it was removed, or never registered.",
        "Nobody can tell whether it is alive.",
        f"See whether it is alive. If not, give the tasks back. {_BY.format('worker-unknown')}", fix=True),
    "worker-gone": Text(
        _N, "They ended without taking themselves off the list.", "The list of workers is longer than it need be.",
        _BY.format("worker-gone"), fix=True),
    "worker-clock": Text(
        _W, "The worker's clock or this one is wrong.",
        "Leases end too early or too late, and a dead worker is not noticed.", "Set the clocks by a time server."),
    "heartbeat-iso": Text(
        _N, "Programs that compare text take the heartbeat for one of a later time of the day.",
        "They notice up to a day late that a worker is dead.", ""),
    "never-processing": Text(
        _N, "Some programs leave running tasks “leased” and never set “processing”. Both mean running.", "", ""),
    # -- tasks
    "time-iso": Text(
        _W, "Programs that compare text take 2026-01-01T10:00 for a later time than 2026-01-01 23:59.",
        "Such programs claim them up to a day late. This program and its workers do not.",
        _BY.format("time-iso"), fix=True),
    "time-iso-elsewhere": Text(
        _N, "Times of tasks that do not wait are written with a T, a Z or an offset.",
        "Programs that compare text sort and count them wrongly.", _BY.format("time-iso-elsewhere"), fix=True),
    "time-unreadable": Text(
        _W, "No worker can tell when they are due.", "No worker claims them.",
        "Set the time anew (prismq-gui run-now ID), or cancel them."),
    "time-unreadable-elsewhere": Text(
        _N, "The value is no date and time.", "Durations and rates leave these tasks out.", ""),
    "clock-ahead": Text(
        _W, "A program's clock, or this one, is wrong.", "Tasks become due, and leases end, at the wrong time.",
        "Set the clocks by a time server."),
    "time-backwards": Text(
        _N, "A clock was set back while they ran, or two machines differ.", "They have no duration.", ""),
    "json-payload": Text(
        _W, "The payload is no JSON.", "Handlers fail on it, and in files of other programs it breaks SELECT *.",
        "Edit it, or cancel the task. Nothing is mended by itself: only you know what it was."),
    "json-compatibility": Text(
        _W, "The compatibility is no JSON, so no worker can match it.", "No worker claims them.",
        "Edit it, or cancel the task. Nothing is mended by itself: only you know what it was."),
    "json-too-large": Text(
        _N, "The payload or compatibility has over 64 MiB.", "It was not checked, and workers may run out of memory.",
        "Keep large content in files, and their names in the payload."),
    "finished-names-worker": Text(
        _N, "Some programs leave the worker's name on tasks that are over.",
        "They seem to be held still, to programs that count by name.",
        f"The name is the only record of who ran a task where the log has none. "
        f"{_BY.format('finished-names-worker')}", fix=True),
    "attempts-used-up": Text(
        _W, "They wait, but have no attempts left.", "The next claim makes them dead letters without a try.",
        "Cancel and retry them, which counts anew, or edit how often they may be tried."),
    "status-unknown": Text(
        _N, "Another program uses statuses of its own.", "Nothing is done to such tasks here.", ""),
    # -- logs
    "log-orphan": Text(
        _W, "Their task was deleted without them.", "They take room, and no task shows them.",
        _BY.format("log-orphan"), fix=True),
    "log-time-iso": Text(
        _N, "Times of log lines are written with a T, a Z or an offset.",
        "Programs that compare text sort them wrongly.", ""),
}  # fmt: skip
"""Each code with its words, in the order of docs/health.md."""


def finding(
    code: str,
    sentence: str,
    count: int = 1,
    *,
    at_least: bool = False,
    sample_ids: tuple[int, ...] = (),
    filter: str = "",
    details: tuple[str, ...] = (),
) -> Finding:
    """Return a finding with the words of its code."""
    text = TEXTS[code]
    return Finding(
        code, text.severity, sentence, text.advice, count, at_least, sample_ids, text.meaning, text.cost,
        code if text.fix else "", filter, details,
    )  # fmt: skip


def tasks(count: int, what: str, *, at_least: bool = False) -> str:
    """Return ``3 tasks are …``, ``At least 1 task is …``."""
    return f"{'At least ' if at_least else ''}{f'{count:,} tasks are' if count != 1 else '1 task is'} {what}."
