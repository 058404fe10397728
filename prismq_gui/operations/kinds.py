"""The kinds of operations that have a plan and a source of their own, so that the operator asks in one place.

Owns the table alone. Each kind's modules are imported when it is asked for: together they take as long as all else
that an operator needs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from prismq_gui.insight.hearing import Hearing
from prismq_gui.operations.applying import Order
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import Operation
from prismq_gui.operations.messages import OperationKind, Plan, Progress, Report, Target, Wish
from prismq_gui.operations.writer import ShouldStop

SPECIAL = frozenset(
    {OperationKind.DUPLICATE, OperationKind.ENQUEUE, OperationKind.BRING_BACK, OperationKind.REMOVE_WORKER}
)
"""The kinds whose plans :func:`apply_special` carries out."""


def plan_special(
    path: Path, wish: Wish, target: Target | None, should_stop: ShouldStop, hearing: Hearing
) -> Plan | None:
    """Return the plan of a kind that has its own, None of any other.

    Raises:
        ProblemError: A file cannot be read; INTERRUPTED where ``should_stop`` said so.
    """
    if wish.kind is OperationKind.BRING_BACK:
        from prismq_gui.operations.bring_back import plan_bring_back  # noqa: PLC0415 - as told above

        return plan_bring_back(path, wish, target, should_stop)
    if wish.kind is OperationKind.REMOVE_WORKER:
        from prismq_gui.operations.removal import plan_removal  # noqa: PLC0415 - as above

        return plan_removal(path, wish, target)
    if wish.kind in (OperationKind.ENQUEUE, OperationKind.DUPLICATE):
        from prismq_gui.operations.duplicates import plan_duplicates, plan_new_task  # noqa: PLC0415 - as above

        if wish.kind is OperationKind.ENQUEUE:
            return plan_new_task(path, wish, hearing)
        return None if target is None else plan_duplicates(path, wish, target, should_stop)
    return None


def apply_special(
    order: Order,
    plan: Plan,
    journal: Journal | None,
    on_progress: Callable[[Progress], None],
    should_stop: ShouldStop,
) -> Report:
    """Do what such a plan says; every error is told in the report."""
    if plan.kind is OperationKind.BRING_BACK:
        from prismq_gui.operations.bring_back import apply_bring_back  # noqa: PLC0415 - as above

        return apply_bring_back(order, plan, journal, on_progress, should_stop)
    if plan.kind is OperationKind.REMOVE_WORKER:
        from prismq_gui.operations.removal import apply_removal  # noqa: PLC0415 - as above

        return apply_removal(order, plan, journal, on_progress, should_stop)
    from prismq_gui.operations.duplicates import apply_new_tasks  # noqa: PLC0415 - as above

    return apply_new_tasks(order, plan, journal, on_progress, should_stop)


def finish_special(
    order: Order,
    operation: Operation,
    new_ids: Collection[int],
    journal: Journal,
    on_progress: Callable[[Progress], None],
    should_stop: ShouldStop,
) -> Report:
    """Do the rest of such an operation; ``new_ids`` are the tasks that it has put in. Errors are in the report."""
    if operation.kind is OperationKind.BRING_BACK:
        from prismq_gui.operations.bring_back import finish_bring_back  # noqa: PLC0415 - as above

        return finish_bring_back(order, operation, new_ids, journal, on_progress, should_stop)
    from prismq_gui.operations.duplicates import finish_duplicates  # noqa: PLC0415 - as above

    return finish_duplicates(order, operation, new_ids, journal, on_progress, should_stop)
