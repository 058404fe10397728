"""Vacuum, with a checkpoint before and after: what it would free, whether there is room, and the doing.

Owns the operator's plan and report of it; how room is judged, and how the stop is looked at while
SQLite works, is the queue's. Changes no task, and leaves no line in the task log: every line there
belongs to a task, and a vacuum concerns none; a line hung on some task would tell that task's reader
something untrue.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.messages import FileFacts
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.sqlite_errors import READ_ERRORS, translate
from prismq_gui.operations.estimates import REWRITING, seconds_text
from prismq_gui.operations.messages import OperationKind, Plan, Progress, Report
from prismq_gui.operations.plan import refused_plan, write_refusal
from prismq_gui.operations.wording import bytes_text
from prismq_gui.operations.writer import Identity, QueueWriter, ShouldStop, Stopped
from prismq_gui.queue.disk_room import free_bytes, same_volume, temp_folder, vacuum_room
from prismq_gui.queue.maintenance import room_words, uncut_bytes, uncut_words
from prismq_gui.queue.upkeep import Watch

PROGRESS_EVERY_S = 0.25


def plan_vacuum(path: Path) -> Plan:
    """Return what a vacuum would free and needs; refused where there is too little room.

    Raises:
        ProblemError: The file cannot be read.
    """
    with closing(QueueReader(path)) as reader:
        facts = reader.open()
        with closing(ReadConnection(path, 5.0)) as connection:
            connection.open()
            # VACUUM fires no trigger, so a foreign one is no reason against it.
            refused = write_refusal(facts, ())
            if refused is not None:
                return refused_plan(OperationKind.VACUUM, path, refused)
            pages, page_size, free_pages = (
                _int(connection.value(f"PRAGMA {name}")) for name in ("page_count", "page_size", "freelist_count")
            )
            identity = Identity.of(path)
    return _vacuum_plan(facts, pages * page_size, free_pages * page_size, free_pages, identity)


def _vacuum_plan(facts: FileFacts, size: int, freed: int, free_pages: int, identity: Identity) -> Plan:
    beside, temp = Path(os.path.realpath(facts.path)).parent, temp_folder()
    room_beside, room_temp = free_bytes(beside), free_bytes(temp)
    refusal = room_refusal(facts.path, size, room_beside, room_temp, same_volume=same_volume(beside, temp))
    sentence = (
        f"The file is rewritten without its {free_pages:,} free pages: "
        f"{bytes_text(size)} become about {bytes_text(size - freed)}."
    )
    warnings = [
        "Workers that want to write wait until it is done; the larger the file, the longer.",
        "It can be stopped while the content is rewritten, no longer while the copy is put back.",
    ]
    if freed * 10 < size:
        warnings.append(f"Little to gain: {bytes_text(freed)} of {bytes_text(size)} are free.")
    return Plan(
        kind=OperationKind.VACUUM,
        path=facts.path,
        eligible=0,
        groups=(),
        skips=(),
        sample=(),
        sentence=sentence if refusal is None else refusal.sentence(),
        warnings=tuple(warnings),
        facts=(
            ("Size", bytes_text(size)),
            ("WAL", bytes_text(facts.wal_bytes)),
            ("Free pages", f"{free_pages:,}"),
            ("Would free", bytes_text(freed)),
            ("Estimate", seconds_text(size, REWRITING)),
            ("Free beside the file", bytes_text(room_beside)),
            ("Free for temporary files", bytes_text(room_temp)),
        ),
        refusal=refusal,
        targets=identity,
    )


def room_refusal(path: Path, size: int, beside: int, temp: int, *, same_volume: bool) -> Problem | None:
    """Return the refusal where a vacuum of ``size`` bytes lacks room beside the file or for temporary files.

    Where both are on one volume it needs room for both copies there.
    """
    room = vacuum_room(size, beside, temp, same_volume=same_volume)
    if room.enough:
        return None
    return Problem(ProblemKind.DISK_FULL, room_words(room), str(path), "It was not started.", "Make room first.")


def _int(cell: object) -> int:
    return cell if isinstance(cell, int) else 0


class VacuumRun:
    """One vacuum; used once, in one thread.

    It can be stopped while SQLite rewrites the content into a temporary file (at 350 MiB within
    0.05 s). Once that copy is put back SQLite asks no more and nothing can interrupt it: at 350 MiB
    that part took 2 of 3 s.
    """

    def __init__(self, plan: Plan, operation_id: str) -> None:
        self._plan = plan
        self._path = plan.path
        self._operation_id = operation_id
        self._started = time.perf_counter()
        self._stopped = False
        self._rewritten = False
        self._uncut = 0

    def run(self, on_progress: Callable[[Progress], None], should_stop: ShouldStop) -> Report:
        """Checkpoint, vacuum, checkpoint; every error is told in the report."""
        problem: Problem | None = None
        facts: list[tuple[str, str]] = []
        try:
            self._check_identity()
            with QueueWriter(self._path, guarded=False) as writer:
                facts = self._all(writer, on_progress, should_stop)
        except Stopped:
            self._stopped = True
        except ProblemError as error:
            problem = self._with_truth(error.problem)
        except READ_ERRORS as error:
            problem = None if self._stopped else self._with_truth(translate(error, self._path, doing="vacuum"))
        return self._report(facts, problem)

    def _check_identity(self) -> None:
        try:
            same = Identity.of(self._path) == self._plan.targets
        except OSError:
            same = False
        if not same:
            what = "Another file has been put in this one's place since the preview"
            raise ProblemError(
                Problem(ProblemKind.REFUSED, what, str(self._path), "Nothing was changed.", "Make the preview anew.")
            )

    def _all(
        self, writer: QueueWriter, on_progress: Callable[[Progress], None], should_stop: ShouldStop
    ) -> list[tuple[str, str]]:
        size, wal = self._path.stat().st_size, writer.wal_bytes()
        self._tell(on_progress, "Checkpoint")
        before = writer.checkpoint().sentence
        self._vacuum(writer, on_progress, should_stop)
        self._rewritten = True
        self._tell(on_progress, "Checkpoint")
        after = writer.checkpoint().sentence
        return self._facts(writer, size, wal, before, after)

    def _vacuum(self, writer: QueueWriter, on_progress: Callable[[Progress], None], should_stop: ShouldStop) -> None:
        def tell(elapsed_s: float) -> None:
            self._tell(on_progress, f"Rewriting the file, {elapsed_s:.0f} s")

        self._tell(on_progress, "Waiting for the write lock")
        with Watch(writer.connection, should_stop, tell, tell_every_s=PROGRESS_EVERY_S) as watch:
            try:
                writer.run_alone("VACUUM", should_stop)
            finally:
                self._stopped = self._stopped or watch.stopped

    def _tell(self, on_progress: Callable[[Progress], None], text: str) -> None:
        on_progress(Progress(OperationKind.VACUUM, 0, 0, text))

    def _facts(self, writer: QueueWriter, size: int, wal: int, before: str, after: str) -> list[tuple[str, str]]:
        now = self._path.stat().st_size
        self._uncut = 0 if after != "done" else uncut_bytes(writer.connection, self._path)
        return [
            ("Size before", bytes_text(size)),
            ("Size after", bytes_text(now)),
            ("Freed", bytes_text(max(0, size - now))),
            ("WAL before", bytes_text(wal)),
            ("WAL after", bytes_text(writer.wal_bytes())),
            ("Checkpoint before", before),
            ("Checkpoint after", after),
        ]

    def _with_truth(self, problem: Problem) -> Problem:
        if problem.kind is ProblemKind.BUSY:
            return replace(problem, what="Busy, not started")
        if self._rewritten:
            return replace(problem, unchanged="The file was rewritten before that; its WAL was not cut.")
        return replace(problem, unchanged="Nothing was changed.")

    def _report(self, facts: list[tuple[str, str]], problem: Problem | None) -> Report:
        if problem is not None:
            sentence = "The file was rewritten." if self._rewritten else "The file was not rewritten."
        elif self._stopped:
            sentence = "Stopped: the file is as it was."
        else:
            freed = dict(facts)["Freed"]
            more = f"; {uncut_words(self._uncut)}" if self._uncut else ""
            sentence = f"The file was rewritten; {freed} were freed{more}."
        elapsed_s = time.perf_counter() - self._started
        stopped = self._stopped and problem is None
        return Report(
            OperationKind.VACUUM,
            self._path,
            0,
            (),
            stopped,
            elapsed_s,
            sentence,
            self._operation_id,
            problem,
            tuple(facts),
        )
