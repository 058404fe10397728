"""The operator of a queue: plan an operation, look at the plan, apply it, read the report, take it back.

Owns the one class that other rooms call. Holds no connection between two calls.
"""

from __future__ import annotations

import getpass
import socket
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from prismq_gui.insight.hearing import PLAIN, Hearing
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.operations.applying import Order, Others, carry_out, go_on, nothing_done
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import UNFINISHED, Operation, State
from prismq_gui.operations.kinds import SPECIAL, apply_special, finish_special, plan_special
from prismq_gui.operations.maintenance import VacuumRun, plan_vacuum
from prismq_gui.operations.mending import apply_mending
from prismq_gui.operations.mending_index import is_of_indexes, plan_index_undo, undo_indexes
from prismq_gui.operations.mending_plan import plan_mending
from prismq_gui.operations.messages import (
    LAST,
    OperationKind,
    Plan,
    Progress,
    Recorded,
    Report,
    Skip,
    Target,
    Wish,
)
from prismq_gui.operations.plan import plan_tasks, refused_plan
from prismq_gui.operations.recovery import applied_before, settled
from prismq_gui.operations.retries import first_targets, task_source
from prismq_gui.operations.retry_facts import first_of
from prismq_gui.operations.running import Ran
from prismq_gui.operations.snapshots import Snapshot, take, with_offer
from prismq_gui.operations.targets import Targets
from prismq_gui.operations.tasks import TaskSource
from prismq_gui.operations.undo import IS_BACK, UndoSource, plan_undo, same_file, undo_refusal
from prismq_gui.operations.wording import plain, verb_of_undo
from prismq_gui.operations.writer import Identity, Stopped
from prismq_gui.queue.timestamps import parse_utc

MAX_WHO = 120

OnProgress = Callable[[Progress], None]
ShouldStop = Callable[[], bool]


def _silent(_progress: Progress) -> None:
    """Tell nobody."""


class Operator:
    """Changes one queue file on behalf of a person; usable in any thread, one call at a time.

    ``who`` is named in the log line of every changed task; ``user@host`` by default. ``journal`` keeps what
    undoing needs; without one nothing can be undone. ``hearing``: when a worker counts as silent, for what plans tell.
    """

    def __init__(
        self, path: Path, *, who: str | None = None, journal: Journal | None = None, hearing: Hearing = PLAIN
    ) -> None:
        self._path = Path(path)
        self._who = plain(who if who else _user_at_host(), MAX_WHO)
        self._journal = journal
        self._hearing = hearing

    def plan(
        self, wish: Wish | OperationKind, target: Target | None, *, should_stop: ShouldStop = lambda: False
    ) -> Plan:
        """Return what an operation would do, by reading alone. ``target`` is None for a vacuum, Recorded for an undo.

        What may not be done is told in the plan's ``refusal``.

        Raises:
            ProblemError: The file cannot be read; INTERRUPTED where ``should_stop`` said so.
        """
        wish = Wish.of(wish)
        if wish.kind is OperationKind.VACUUM:
            return plan_vacuum(self._path)
        if wish.kind is OperationKind.UNDO:
            return self._plan_undo(target, should_stop)
        if wish.kind is OperationKind.MEND:
            return plan_mending(self._path, wish, should_stop)
        special = plan_special(self._path, wish, target, should_stop, self._hearing)
        if special is not None:
            return with_offer(special)
        if target is None:
            return refused_plan(wish.kind, self._path, _no_target(self._path))
        return with_offer(plan_tasks(self._path, wish, target, should_stop, self._hearing))

    def _plan_undo(self, target: Target | None, should_stop: ShouldStop) -> Plan:
        if not isinstance(target, Recorded):
            raise TypeError("an undo is of a recorded operation")
        if self._journal is None:
            return refused_plan(OperationKind.UNDO, self._path, _no_journal(self._path))
        if target.operation_id == LAST:
            return self._plan_undo_of_last(self._journal, should_stop)
        operation = self._settled(self._journal, target.operation_id)
        if operation is not None and is_of_indexes(self._journal, operation):
            return plan_index_undo(self._path, self._journal, operation)
        return plan_undo(self._path, self._journal, operation, should_stop)

    def _plan_undo_of_last(self, journal: Journal, should_stop: ShouldStop) -> Plan:
        """Plan the undo of the last operation that is still in effect.

        After a restore the newest ones are not: nothing of them can be taken back, and tasks are as before them. An
        operation whose tasks have all moved on is not passed over: who undoes the last one hears why it cannot be.
        """
        offered: Plan | None = None
        for passed, each in enumerate(undoable(journal.operations(self._path))):
            plan = self._plan_undo(Recorded(each.id), should_stop)
            if plan.eligible and passed:
                told = "1 newer operation: its tasks are" if passed == 1 else f"{passed:,} newer ones: their tasks are"
                return replace(plan, facts=(*plan.facts, ("Passed over", f"{told} as before already")))
            offered = offered or plan
            if plan.eligible or not IS_BACK & {skip.reason for skip in plan.skips}:
                break
        return offered or refused_plan(OperationKind.UNDO, self._path, _unknown(self._path))

    def apply(
        self,
        plan: Plan,
        *,
        on_progress: OnProgress = _silent,
        should_stop: ShouldStop = lambda: False,
        undoable: bool = True,
        snapshot: Snapshot | None = None,
    ) -> Report:
        """Do what a plan says and return what was done; every error is told in the report.

        A task that moved on since the plan is skipped with the reason, so applying a plan twice is harmless.
        Where the journal cannot be written nothing is changed, unless ``undoable`` is False: then it is left alone.
        ``snapshot``: first a copy of the whole file is made; where it is not made nothing is changed.
        """
        operation_id = uuid.uuid4().hex
        if plan.path != self._path:
            raise ValueError("the plan is for another file")
        sentence = "Nothing was changed."
        if plan.refusal is not None:
            return Report(plan.kind, plan.path, 0, (), False, 0.0, sentence, operation_id, plan.refusal)
        if snapshot is not None:
            try:
                made = take(self._path, snapshot.folder, plan.kind, on_progress, should_stop)
            except Stopped:
                return Report(plan.kind, plan.path, 0, (), True, 0.0, sentence, operation_id)
            except ProblemError as error:
                return Report(plan.kind, plan.path, 0, (), False, 0.0, sentence, operation_id, error.problem)
            report = self._apply(plan, operation_id, on_progress, should_stop, undoable)
            return replace(report, facts=(("Snapshot", str(made)), *report.facts))
        return self._apply(plan, operation_id, on_progress, should_stop, undoable)

    def _apply(
        self, plan: Plan, operation_id: str, on_progress: OnProgress, should_stop: ShouldStop, undoable: bool
    ) -> Report:
        if plan.kind is OperationKind.VACUUM:
            return VacuumRun(plan, operation_id).run(on_progress, should_stop)
        if plan.kind is OperationKind.UNDO:
            return self._undo(plan, operation_id, on_progress, should_stop, undoable=undoable)
        if plan.kind is OperationKind.MEND:
            order = self._order(plan, operation_id, Identity.of(self._path))
            return apply_mending(order, plan, self._journal if undoable else None, on_progress, should_stop)
        if plan.kind in SPECIAL:
            order = self._order(plan, operation_id, _planned_identity(plan.targets))
            journal = self._journal if undoable else None
            return apply_special(order, plan, journal, on_progress, should_stop)
        assert isinstance(plan.targets, Targets)
        order = self._order(plan, operation_id, plan.targets.identity)
        journal = self._journal if undoable else None
        targets = plan.targets
        first = first_of(plan.wish, len(targets))
        if first:
            if journal is None:
                return nothing_done(order, _no_journal(self._path))  # nothing would know of the rest
            targets, order = first_targets(targets, first), replace(order, later=len(targets) - first)
        make = TaskSource if first else task_source
        source = make(plan.wish, targets, self._who, operation_id)
        return carry_out(order, source, journal, plan.targets.store(), on_progress, should_stop)

    def _order(self, plan: Plan, operation_id: str, identity: Identity, undoes: str = "") -> Order:
        who = self._who
        return Order(plan.wish, self._path, identity, operation_id, who, plan.sentence, plan.eligible, undoes)

    def _undo(
        self, plan: Plan, operation_id: str, on_progress: OnProgress, should_stop: ShouldStop, *, undoable: bool
    ) -> Report:
        assert isinstance(plan.targets, Recorded)
        journal = self._journal
        if journal is None:
            raise ValueError("an undo needs the journal that its plan was made from")
        identity = Identity(0, 0)
        order = self._order(plan, operation_id, identity, plan.targets.operation_id)
        try:
            operation = self._settled(journal, plan.targets.operation_id)
            refusal = undo_refusal(operation, self._path)
            if refusal is not None or operation is None:
                return nothing_done(order, refusal or _no_journal(self._path))
            order = self._order(plan, operation_id, _identity_of(operation), operation.id)
            order = replace(order, verb=verb_of_undo(group.becomes for group in plan.groups))
        except ProblemError as error:
            return nothing_done(order, error.problem)
        if is_of_indexes(journal, operation):
            others = self._after_undo(journal, operation)
            return undo_indexes(order, operation, journal, on_progress, should_stop, others)
        source = UndoSource(journal, operation, self._who, operation_id)
        others = self._after_undo(journal, operation)
        return carry_out(order, source, journal if undoable else None, (), on_progress, should_stop, others)

    def _after_undo(self, journal: Journal, operation: Operation) -> Others:
        """Return what becomes of an undone operation, and of the one that it had undone itself."""

        def others(ran: Ran, skips: Sequence[Skip]) -> Sequence[tuple[str, State]]:
            whole = not ran.stopped and ran.problem is None and {skip.reason for skip in skips} <= IS_BACK
            if not ran.changed and not whole:
                return ()
            became = [(operation.id, State.UNDONE if whole else State.PARTLY_UNDONE)]
            before = journal.operation(operation.undoes) if operation.undoes else None
            if before is not None:
                became.append((before.id, State.FINISHED if whole else State.PARTLY_UNDONE))
            return became

        return others

    # -- what was done before

    def history(self) -> tuple[Operation, ...]:
        """Return the operations on this file that the journal knows, the newest first; those that ended early, truly.

        Raises:
            ProblemError: The journal or the file cannot be read.
        """
        if self._journal is None:
            return ()
        return self._journal.operations(self._path)

    def unfinished(self) -> tuple[Operation, ...]:
        """Return the operations on this file that ended before their end, with what they truly changed.

        Each can be finished (:meth:`finish`) or taken back (a plan of UNDO).

        Raises:
            ProblemError: The journal or the file cannot be read.
        """
        journal = self._journal
        if journal is None:
            return ()
        found = (each for each in journal.operations(self._path) if each.state is State.INTERRUPTED)
        return tuple(settled(journal, each, self._path) for each in found if same_file(each, self._path))

    def finish(
        self, operation_id: str, *, on_progress: OnProgress = _silent, should_stop: ShouldStop = lambda: False
    ) -> Report:
        """Do the rest of an operation that was stopped or interrupted; every error is told in the report."""
        journal = self._journal
        wish = Wish(OperationKind.UNDO)
        order = Order(wish, self._path, Identity(0, 0), operation_id, self._who, "", 0)
        if journal is None:
            return nothing_done(order, _no_journal(self._path))
        try:
            operation = self._settled(journal, operation_id)
            refusal = self._finish_refusal(operation)
            if refusal is not None or operation is None or operation.wish is None:
                return nothing_done(order, refusal or _unknown(self._path))
            order = Order(
                operation.wish, self._path, _identity_of(operation), operation.id, self._who, operation.sentence,
                operation.planned, operation.undoes,
            )  # fmt: skip
            done = applied_before(journal, operation)
            if operation.kind in SPECIAL:
                return finish_special(order, operation, done, journal, on_progress, should_stop)
            source, others = self._rest(journal, operation, done)
            recording = journal.resume(operation)
        except ProblemError as error:
            return nothing_done(order, error.problem)
        if recording is None:
            return nothing_done(order, _at_work(self._path))
        return go_on(order, source, recording, journal, on_progress, should_stop, others)

    def _rest(
        self, journal: Journal, operation: Operation, done: frozenset[int]
    ) -> tuple[TaskSource | UndoSource, Others]:
        if operation.kind is OperationKind.UNDO:
            undone = journal.operation(operation.undoes)
            if undone is None:
                raise ProblemError(_unknown(self._path))
            source = UndoSource(journal, undone, self._who, operation.id, done)
            return source, self._after_undo(journal, undone)
        try:
            targets = Targets.restore(_identity_of(operation), journal.targets(operation))
        except ValueError:
            what = "What the journal holds of this operation is not whole"
            problem = Problem(ProblemKind.CORRUPT, what, str(journal.path), "Nothing was changed.", "It can be undone.")
            raise ProblemError(problem) from None
        assert operation.wish is not None
        started = parse_utc(operation.started_utc)
        rest = task_source(operation.wish, targets, self._who, operation.id, done, started)
        return rest, lambda _ran, _skips: ()

    def _finish_refusal(self, operation: Operation | None) -> Problem | None:
        if operation is None:
            return _unknown(self._path)
        if operation.state is State.RUNNING:
            return _at_work(self._path)
        if operation.state in UNFINISHED and not operation.can_be_finished:
            what, advice = "What was left of the operation is not known, so the rest cannot be done", "Begin it anew."
            return _refused(what, self._path, advice)
        if not operation.can_be_finished:
            return _refused("The operation was not stopped or interrupted, so there is no rest of it", self._path)
        if not same_file(operation, self._path):
            return _refused(f"The operation was on another file than this one (then {operation.path})", self._path)
        return None

    def _settled(self, journal: Journal, operation_id: str) -> Operation | None:
        operation = journal.operation(operation_id)
        if operation is None or not same_file(operation, self._path):
            return operation
        return settled(journal, operation, self._path)


def undoable(operations: Sequence[Operation]) -> Iterator[Operation]:
    """Yield the operations that an undo of the last one looks at, in their order."""
    return (each for each in operations if each.can_be_undone and each.kind is not OperationKind.UNDO)


def _planned_identity(targets: object) -> Identity:
    identity = targets if isinstance(targets, Identity) else getattr(targets, "identity", None)
    assert isinstance(identity, Identity)
    return identity


def _identity_of(operation: Operation) -> Identity:
    return Identity(int(operation.device), int(operation.inode))


def _refused(what: str, path: Path, advice: str = "") -> Problem:
    return Problem(ProblemKind.REFUSED, what, str(path), "Nothing was changed.", advice)


def _no_target(path: Path) -> Problem:
    return _refused("No tasks were chosen", path, "Select some first.")


def _no_journal(path: Path) -> Problem:
    return _refused("There is no journal of operations, so nothing can be undone", path)


def _unknown(path: Path) -> Problem:
    return _refused("There is no such operation in the journal", path)


def _at_work(path: Path) -> Problem:
    return _refused("The operation is being carried out in another window", path, "Wait for its end.")


def _user_at_host() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such account, no variables, no pwd module (Windows)
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
