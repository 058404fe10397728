"""The operator of a queue: plan an operation, look at the plan, apply it, read the report.

Owns the one class that other rooms call. Holds no connection between two calls.
"""

from __future__ import annotations

import getpass
import socket
import uuid
from collections.abc import Callable
from pathlib import Path

from prismq_gui.insight.problems import Problem, ProblemKind
from prismq_gui.operations.maintenance import VacuumRun, plan_vacuum
from prismq_gui.operations.messages import OperationKind, Plan, Progress, Report, Target
from prismq_gui.operations.plan import plan_tasks, refused_plan
from prismq_gui.operations.tasks import TaskRun
from prismq_gui.operations.wording import plain

MAX_WHO = 120


class Operator:
    """Changes one queue file on behalf of a person; usable in any thread, one call at a time.

    ``who`` is named in the log line of every changed task; ``user@host`` by default.
    """

    def __init__(self, path: Path, *, who: str | None = None) -> None:
        self._path = Path(path)
        self._who = plain(who if who else _user_at_host(), MAX_WHO)

    def plan(
        self, kind: OperationKind, target: Target | None, *, should_stop: Callable[[], bool] = lambda: False
    ) -> Plan:
        """Return what an operation would do, by reading alone. ``target`` is None for a vacuum.

        What may not be done is told in the plan's ``refusal``.

        Raises:
            ProblemError: The file cannot be read; INTERRUPTED where ``should_stop`` said so.
        """
        if kind is OperationKind.VACUUM:
            return plan_vacuum(self._path)
        if target is None:
            return refused_plan(kind, self._path, _no_target(self._path))
        return plan_tasks(self._path, kind, target, should_stop)

    def apply(
        self,
        plan: Plan,
        *,
        on_progress: Callable[[Progress], None] = lambda _progress: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Report:
        """Do what a plan says and return what was done; every error is told in the report.

        A task that moved on since the plan is skipped with the reason, so applying a plan twice is harmless.
        """
        operation_id = uuid.uuid4().hex
        if plan.path != self._path:
            raise ValueError("the plan is for another file")
        if plan.refusal is not None:
            sentence = "Nothing was changed."
            return Report(plan.kind, plan.path, 0, (), False, 0.0, sentence, operation_id, plan.refusal)
        if plan.kind is OperationKind.VACUUM:
            return VacuumRun(plan, operation_id).run(on_progress, should_stop)
        return TaskRun(plan, self._who, operation_id).run(on_progress, should_stop)


def _no_target(path: Path) -> Problem:
    return Problem(ProblemKind.REFUSED, "No tasks were chosen", str(path), "Nothing was changed.", "Select some first.")


def _user_at_host() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such account, no variables, no pwd module (Windows)
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
