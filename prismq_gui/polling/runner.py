"""The operations thread: one plan, operation or look into the journal at a time, with progress and Stop."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot

from prismq_gui.insight.problems import Problem, ProblemError
from prismq_gui.operations.messages import OperationKind, Plan, Progress, Target, Wish
from prismq_gui.polling.listening import Listening
from prismq_gui.polling.threads import Worker, guarded

if TYPE_CHECKING:
    from prismq_gui.operations.editable import Editable
    from prismq_gui.operations.journal_records import Operation
    from prismq_gui.operations.operator import Operator

PROGRESS_INTERVAL_S = 0.05


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Plan this; ``number`` grows with each request of the window, plans and operations alike."""

    number: int
    path: Path
    kind: OperationKind | Wish
    target: Target | None


@dataclass(frozen=True, slots=True)
class ApplyRequest:
    """Apply this plan; ``undoable`` False keeps nothing that undoing would need.

    ``snapshot``: first the file is copied whole, into ``folder`` (None is the usual one, beside the file).
    """

    number: int
    plan: Plan
    undoable: bool = True
    snapshot: bool = False
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class FinishRequest:
    """Do the rest of an operation that ended before its end."""

    number: int
    path: Path
    operation_id: str


@dataclass(frozen=True, slots=True)
class EditableRequest:
    """Read what can be edited of a task."""

    path: Path
    task_id: int


@dataclass(frozen=True, slots=True)
class EditableTold:
    """What can be edited of a task, or why that cannot be told."""

    path: Path
    task_id: int
    editable: Editable | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """Tell what was done to a file before; ``only_news``: not where the journal is as it was told last."""

    path: Path
    only_news: bool = False


@dataclass(frozen=True, slots=True)
class HistoryTold:
    """What was done to a file before, the newest first, or why that cannot be told."""

    path: Path
    operations: tuple[Operation, ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """Of which file the journal was told last, and how the journal was then."""

    path: Path
    stamp: tuple[int, int] | None


class Runner(Worker):
    """Lives in the operations thread. Signals carry a request's number with a Plan, Progress, Report or Problem.

    ``told`` and ``cut_off`` carry HistoryTold: all operations on a file, and those that were interrupted; ``editable``
    EditableTold.
    """

    planned = Signal(int, object)
    progressed = Signal(int, object)
    reported = Signal(int, object)
    failed = Signal(int, object)
    told = Signal(object)
    cut_off = Signal(object)
    editable = Signal(object)

    def __init__(self, journal_folder: Path | None = None, listening: Listening | None = None) -> None:
        super().__init__()
        self._journal_folder = journal_folder  # None: nothing can be undone
        self._listening = listening or Listening()
        self.stop_up_to = 0  # written in the window's thread: requests up to this number are to end
        self._number = 0
        self._progressed_at = 0.0
        self._seen: _Seen | None = None
        self._settled: set[str] = set()

    def tell_failure(self, problem: Problem) -> None:
        """Tell that an operation ended by an error that nothing expected."""
        self.failed.emit(self._number, problem)

    def _should_stop(self) -> bool:
        return self.stopping or self._number <= self.stop_up_to

    @Slot(object)
    @guarded
    def plan(self, request: PlanRequest) -> None:
        """Find out what an operation would do."""
        self._number = request.number
        if self._should_stop():
            return
        plan = self._operator(request.path).plan(request.kind, request.target, should_stop=self._should_stop)
        self.planned.emit(request.number, plan)

    def _operator(self, path: Path) -> Operator:
        from prismq_gui.operations.journal import Journal  # noqa: PLC0415 - of no use at the window's start
        from prismq_gui.operations.operator import Operator  # noqa: PLC0415

        journal = Journal(self._journal_folder) if self._journal_folder else None
        return Operator(path, journal=journal, hearing=self._listening.look())

    @Slot(object)
    @guarded
    def apply(self, request: ApplyRequest) -> None:
        """Do what a plan says. A report comes even where it was stopped before it began."""
        self._number, self._progressed_at = request.number, 0.0
        from prismq_gui.operations.snapshots import Snapshot  # noqa: PLC0415 - of no use at the window's start

        report = self._operator(request.plan.path).apply(
            request.plan,
            on_progress=self._on_progress,
            should_stop=self._should_stop,
            undoable=request.undoable,
            snapshot=Snapshot(request.folder) if request.snapshot else None,
        )
        self.reported.emit(request.number, report)

    @Slot(object)
    @guarded
    def finish(self, request: FinishRequest) -> None:
        """Do the rest of an operation."""
        self._number, self._progressed_at = request.number, 0.0
        report = self._operator(request.path).finish(
            request.operation_id, on_progress=self._on_progress, should_stop=self._should_stop
        )
        self.reported.emit(request.number, report)

    def _on_progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._progressed_at >= PROGRESS_INTERVAL_S or progress.done == progress.total:
            self._progressed_at = now
            self.progressed.emit(self._number, progress)

    @Slot(object)
    @guarded
    def read_editable(self, request: EditableRequest) -> None:
        """Read what can be edited of a task."""
        if self.stopping:
            return
        from prismq_gui.operations.editable import load  # noqa: PLC0415 - only where something is edited

        try:
            found = load(request.path, request.task_id)
        except ProblemError as error:
            self.editable.emit(EditableTold(request.path, request.task_id, problem=error.problem))
            return
        self.editable.emit(EditableTold(request.path, request.task_id, found))

    # -- what was done before

    @Slot(object)
    @guarded
    def look_back(self, request: HistoryRequest) -> None:
        """Tell what was done to a file before; what was interrupted with its true count."""
        if self.stopping:
            return
        seen = _Seen(request.path, self._stamp())
        if request.only_news and seen == self._seen:
            return
        self._seen = seen
        try:
            operations = self._history(request.path)
        except ProblemError as error:
            self.told.emit(HistoryTold(request.path, problem=error.problem))
            return
        from prismq_gui.operations.journal_records import State  # noqa: PLC0415

        if any(each.state is State.RUNNING for each in operations):
            self._seen = None  # it may end without a word: its process is killed
        self.told.emit(HistoryTold(request.path, operations))

    def _history(self, path: Path) -> tuple[Operation, ...]:
        if not self._has_journal():
            return ()
        from prismq_gui.operations.journal_records import State  # noqa: PLC0415

        operator = self._operator(path)
        operations = operator.history()
        open_ids = {each.id for each in operations if each.state is State.INTERRUPTED} - self._settled
        if open_ids:
            operator.unfinished()
            self._settled |= open_ids
            operations = operator.history()
        return operations

    @Slot(object)
    @guarded
    def look_for_cut_off(self, path: Path) -> None:
        """Tell which operations on a file were interrupted, where there are any or the journal cannot be read."""
        if self.stopping or not self._has_journal():
            return
        try:
            found = self._operator(path).unfinished()
        except ProblemError as error:
            self.cut_off.emit(HistoryTold(path, problem=error.problem))
            return
        self._settled |= {each.id for each in found}
        if found:
            self.cut_off.emit(HistoryTold(path, found))

    def _has_journal(self) -> bool:
        return self._stamp() is not None

    def _stamp(self) -> tuple[int, int] | None:
        """Return what changes with the journal, None where there is none yet: nothing is imported for that."""
        if self._journal_folder is None:
            return None
        from prismq_gui.operations.journal_file import FILE_NAME  # noqa: PLC0415

        try:
            found = (self._journal_folder / FILE_NAME).stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size)
