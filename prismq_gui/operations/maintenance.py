"""Vacuum, with a checkpoint before and after: what it would free, whether there is room, and the doing.

Owns the maintenance of the file as a whole. Changes no task, and leaves no line in the task log:
every line there belongs to a task, and a vacuum concerns none; a line hung on some task would tell
that task's reader something untrue.
"""

from __future__ import annotations

import os
import shutil
import tempfile
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
from prismq_gui.operations.messages import OperationKind, Plan, Progress, Report
from prismq_gui.operations.plan import refused_plan, write_refusal
from prismq_gui.operations.wording import bytes_text
from prismq_gui.operations.writer import Identity, QueueWriter, ShouldStop, Stopped

ROOM_FACTOR = 1.1  # VACUUM writes the whole file into a temporary one, and again into the WAL beside it
PROGRESS_STEPS = 20_000  # VM steps between two looks at the stop: 1 to 20 ms, with large payloads too
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
    refusal = room_refusal(facts.path, size, room_beside, room_temp, same_volume=_same_volume(beside, temp))
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
    needed = int(size * ROOM_FACTOR)
    together = same_volume and min(beside, temp) < 2 * needed
    if beside >= needed and temp >= needed and not together:
        return None
    both = " (both on one volume)" if together else ""
    what = (
        f"Too little room for a vacuum: it needs {bytes_text(needed)} beside the file and again for temporary files; "
        f"free are {bytes_text(beside)} beside the file and {bytes_text(temp)} for temporary files{both}"
    )
    return Problem(ProblemKind.DISK_FULL, what, str(path), "It was not started.", "Make room first.")


def temp_folder() -> Path:
    """Return where SQLite puts temporary files: its own order of variables and folders."""
    if os.name == "nt":
        return Path(tempfile.gettempdir())
    named = (os.environ.get("SQLITE_TMPDIR"), os.environ.get("TMPDIR"))
    folders = (*(name for name in named if name), "/var/tmp", "/usr/tmp", "/tmp")  # noqa: S108 - SQLite's list
    usable = (Path(name) for name in folders if os.path.isdir(name) and os.access(name, os.W_OK | os.X_OK))  # noqa: PTH112
    return next(usable, Path.cwd())


def free_bytes(folder: Path) -> int:
    """Return the free space for this account on a folder's volume."""
    return shutil.disk_usage(folder).free


def _same_volume(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


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
        self._told_at = 0.0
        self._stopped = False
        self._rewritten = False
        self._raised: BaseException | None = None

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
        if self._raised is not None:
            raise self._raised
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
        def look() -> int:
            """Run by SQLite between its steps: nothing may be raised here, or it is lost."""
            try:
                now = time.perf_counter()
                if now - self._told_at >= PROGRESS_EVERY_S:
                    self._tell(on_progress, f"Rewriting the file, {now - self._started:.0f} s")
                self._stopped = self._stopped or should_stop()
            except BaseException as error:  # noqa: BLE001 - raised again by run()
                self._raised = error
                return 1
            return int(self._stopped)

        self._tell(on_progress, "Waiting for the write lock")
        writer.connection.set_progress_handler(look, PROGRESS_STEPS)
        try:
            writer.run_alone("VACUUM", should_stop)
        finally:
            writer.connection.set_progress_handler(None, 0)

    def _tell(self, on_progress: Callable[[Progress], None], text: str) -> None:
        self._told_at = time.perf_counter()
        on_progress(Progress(OperationKind.VACUUM, 0, 0, text))

    def _facts(self, writer: QueueWriter, size: int, wal: int, before: str, after: str) -> list[tuple[str, str]]:
        now = self._path.stat().st_size
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
            sentence = f"The file was rewritten; {freed} were freed."
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
