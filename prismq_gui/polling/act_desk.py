"""Acting on the open file, for the window: plans, operations, what was done before and what of it was cut off.

Owns the numbers of requests: what is told of an older one is of no concern any more, and is not handed on. Must not
plan, apply or read: the runner does, in its own thread.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from prismq_gui.insight.problems import Problem, ProblemKind
from prismq_gui.operations.messages import OperationKind, Plan, Progress, Report, Target, Wish
from prismq_gui.polling.runner import (
    ApplyRequest,
    EditableRequest,
    EditableTold,
    FinishRequest,
    HistoryRequest,
    HistoryTold,
    PlanRequest,
    Runner,
)


class ActDesk(QObject):
    """Lives in the window's thread; every method returns at once. Signals carry what their names say.

    ``history`` and ``cut_off`` carry HistoryTold of the file that is open, ``editable`` EditableTold.
    ``journal_folder`` is where the journal lies; without one nothing can be undone.
    """

    planned = Signal(object)
    progressed = Signal(object)
    reported = Signal(object)
    failed = Signal(object)
    history = Signal(object)
    cut_off = Signal(object)
    editable = Signal(object)

    _plan_wanted = Signal(object)
    _apply_wanted = Signal(object)
    _finish_wanted = Signal(object)
    _history_wanted = Signal(object)
    _cut_off_wanted = Signal(object)
    _editable_wanted = Signal(object)

    def __init__(self, runner: Runner, journal_folder: Path | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self.journal_folder = journal_folder
        self.read_only = False
        self._path: Path | None = None
        self._number = 0
        self._plan_wanted.connect(runner.plan)
        self._apply_wanted.connect(runner.apply)
        self._finish_wanted.connect(runner.finish)
        self._history_wanted.connect(runner.look_back)
        self._cut_off_wanted.connect(runner.look_for_cut_off)
        self._editable_wanted.connect(runner.read_editable)
        runner.editable.connect(self._on_runner_editable)
        runner.planned.connect(self._on_runner_planned)
        runner.progressed.connect(self._on_runner_progressed)
        runner.reported.connect(self._on_runner_reported)
        runner.failed.connect(self._on_runner_failed)
        runner.told.connect(self._on_runner_told)
        runner.cut_off.connect(self._on_runner_cut_off)

    # -- the file

    def open_file(self, path: Path) -> None:
        """Act on this file from now on."""
        self._path = path

    def close_file(self) -> None:
        """Act on no file; an operation that runs goes on."""
        self._path = None

    # -- wishes

    def plan(self, wish: OperationKind | Wish, target: Target | None) -> None:
        """Find out what an operation would do (``planned`` or ``failed``), in place of what was asked before."""
        if self._path is None:
            self.failed.emit(_refused("No file is open", "", "Open a queue file first."))
        elif not self._is_refused(self._path):
            self.stop()
            self._number += 1
            self._plan_wanted.emit(PlanRequest(self._number, self._path, wish, target))

    def apply(
        self, plan: Plan, *, undoable: bool = True, snapshot: bool = False, folder: Path | None = None
    ) -> None:  # fmt: skip
        """Do what a plan says (``progressed``, then ``reported`` or ``failed``); see :class:`ApplyRequest`."""
        if self._path != plan.path:
            advice = "Plan it again on the file that is open."
            self.failed.emit(_refused("The plan is for a file that is not open", str(plan.path), advice))
        elif not self._is_refused(plan.path):
            self._number += 1
            self._apply_wanted.emit(ApplyRequest(self._number, plan, undoable, snapshot, folder))

    def finish(self, operation_id: str) -> None:
        """Do the rest of an operation on the open file (``progressed``, then ``reported`` or ``failed``)."""
        if self._path is None:
            self.failed.emit(_refused("No file is open", "", "Open the file that the operation was on."))
        elif not self._is_refused(self._path):
            self._number += 1
            self._finish_wanted.emit(FinishRequest(self._number, self._path, operation_id))

    def stop(self) -> None:
        """Stop the plan or operation under way, and those that wait."""
        self._runner.stop_up_to = self._number

    def look_back(self, *, only_news: bool = False) -> None:
        """Have it told what was done to the open file before (``history``); ``only_news``: where that is new."""
        if self._path is not None:
            self._history_wanted.emit(HistoryRequest(self._path, only_news))

    def read_editable(self, task_id: int) -> None:
        """Have it told what can be edited of a task of the open file (``editable``)."""
        if self._path is not None:
            self._editable_wanted.emit(EditableRequest(self._path, task_id))

    def look_for_cut_off(self) -> None:
        """Have it told which operations on the open file were interrupted (``cut_off``), where any were."""
        if self._path is not None and self.journal_folder is not None:
            self._cut_off_wanted.emit(self._path)

    def _is_refused(self, path: Path) -> bool:
        if self.read_only:
            advice = "Open it again without read-only to change it."
            self.failed.emit(_refused("The file was opened read-only", str(path), advice))
        return self.read_only

    # -- the runner

    def _on_runner_planned(self, number: int, plan: Plan) -> None:
        if number == self._number and number > self._runner.stop_up_to:
            self.planned.emit(plan)

    def _on_runner_progressed(self, number: int, progress: Progress) -> None:
        if number == self._number:
            self.progressed.emit(progress)

    def _on_runner_reported(self, number: int, report: Report) -> None:
        if number == self._number:
            self.reported.emit(report)

    def _on_runner_failed(self, number: int, problem: Problem) -> None:
        if number == self._number and not (problem.kind is ProblemKind.INTERRUPTED and self._is_stopped):
            self.failed.emit(problem)

    @property
    def _is_stopped(self) -> bool:
        return self._number <= self._runner.stop_up_to

    def _on_runner_told(self, told: HistoryTold) -> None:
        if told.path == self._path:
            self.history.emit(told)

    def _on_runner_cut_off(self, told: HistoryTold) -> None:
        if told.path == self._path and not self.read_only:
            self.cut_off.emit(told)

    def _on_runner_editable(self, told: EditableTold) -> None:
        if told.path == self._path:
            self.editable.emit(told)

    # -- the end

    def ask_to_end(self) -> None:
        """Stop what runs; nothing is heard of it afterwards."""
        self.stop()
        self.blockSignals(True)

    def end(self, deadline: float) -> None:
        """Do nothing: the thread is the engine's."""


def _refused(what: str, subject: str, advice: str) -> Problem:
    return Problem(ProblemKind.REFUSED, what, subject, "Nothing was changed.", advice)
