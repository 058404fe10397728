"""The operations thread: one plan or operation at a time, with progress and Stop."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Signal, Slot

from prismq_gui.insight.problems import Problem
from prismq_gui.operations.messages import OperationKind, Plan, Progress, Target
from prismq_gui.polling.threads import Worker, guarded

PROGRESS_INTERVAL_S = 0.05


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Plan this; ``number`` grows with each request of the window, plans and operations alike."""

    number: int
    path: Path
    kind: OperationKind
    target: Target | None


@dataclass(frozen=True, slots=True)
class ApplyRequest:
    """Apply this plan."""

    number: int
    plan: Plan


class Runner(Worker):
    """Lives in the operations thread. Signals carry Plan, Progress, Report and Problem."""

    planned = Signal(object)
    progressed = Signal(object)
    reported = Signal(object)
    failed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.stop_up_to = 0  # written in the window's thread: requests up to this number are to end
        self._progressed_at = 0.0

    def tell_failure(self, problem: Problem) -> None:
        """Tell that an operation ended by an error that nothing expected."""
        self.failed.emit(problem)

    def _should_stop(self, number: int) -> bool:
        return self.stopping or number <= self.stop_up_to

    @Slot(object)
    @guarded
    def plan(self, request: PlanRequest) -> None:
        """Find out what an operation would do."""
        if self._should_stop(request.number):
            return
        from prismq_gui.operations.operator import Operator  # noqa: PLC0415 - of no use at the window's start

        operator = Operator(request.path)
        self.planned.emit(
            operator.plan(request.kind, request.target, should_stop=lambda: self._should_stop(request.number))
        )

    @Slot(object)
    @guarded
    def apply(self, request: ApplyRequest) -> None:
        """Do what a plan says. A report comes even where it was stopped before it began."""
        self._progressed_at = 0.0
        from prismq_gui.operations.operator import Operator  # noqa: PLC0415

        report = Operator(request.plan.path).apply(
            request.plan,
            on_progress=self._on_progress,
            should_stop=lambda: self._should_stop(request.number),
        )
        self.reported.emit(report)

    def _on_progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._progressed_at >= PROGRESS_INTERVAL_S or progress.done == progress.total:
            self._progressed_at = now
            self.progressed.emit(progress)
