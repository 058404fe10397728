"""The kinds of operations that have a plan and a source of their own, so that the operator asks in one place.

Owns the table alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prismq_gui.operations.applying import Order
from prismq_gui.operations.bring_back import apply_bring_back, plan_bring_back
from prismq_gui.operations.duplicates import apply_new_tasks, plan_duplicates, plan_new_task
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.messages import OperationKind, Plan, Progress, Report, Target, Wish
from prismq_gui.operations.removal import apply_removal, plan_removal
from prismq_gui.operations.writer import ShouldStop

_Apply = Callable[[Order, Plan, "Journal | None", Callable[[Progress], None], ShouldStop], Report]

APPLIES: dict[OperationKind, _Apply] = {
    OperationKind.DUPLICATE: apply_new_tasks,
    OperationKind.ENQUEUE: apply_new_tasks,
    OperationKind.BRING_BACK: apply_bring_back,
    OperationKind.REMOVE_WORKER: apply_removal,
}
"""What carries such a plan out; every error is told in the report."""


def plan_special(path: Path, wish: Wish, target: Target | None, should_stop: ShouldStop) -> Plan | None:
    """Return the plan of a kind that has its own, None of any other.

    Raises:
        ProblemError: A file cannot be read; INTERRUPTED where ``should_stop`` said so.
    """
    if wish.kind is OperationKind.ENQUEUE:
        return plan_new_task(path, wish)
    if wish.kind is OperationKind.BRING_BACK:
        return plan_bring_back(path, wish, target, should_stop)
    if wish.kind is OperationKind.REMOVE_WORKER:
        return plan_removal(path, wish, target)
    if wish.kind is OperationKind.DUPLICATE and target is not None:
        return plan_duplicates(path, wish, target, should_stop)
    return None
