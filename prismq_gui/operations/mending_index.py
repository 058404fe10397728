"""Making the indexes that a file lacks, and taking that back.

Owns the statements that change a schema: the contract's own CREATE INDEX, and DROP INDEX of exactly those. Must not
touch an index of another program. An index holds no content of its own, so no rows are journaled.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.health_schema import index_statements, index_states
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.sqlite_errors import READ_ERRORS, translate
from prismq_gui.operations.applying import Order, Others, nothing_done
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import Operation, State
from prismq_gui.operations.lenient_json import is_malformed_json
from prismq_gui.operations.messages import OperationKind, Plan, Progress, Recorded, Report, Wish
from prismq_gui.operations.plan import refused_plan, write_refusal
from prismq_gui.operations.recording import Recording
from prismq_gui.operations.running import Ran
from prismq_gui.operations.undo import origin, undo_refusal
from prismq_gui.operations.writer import Identity, QueueWriter, ShouldStop, Stopped
from prismq_gui.queue.upkeep import Watch

CODE = "index-missing"
_DEADLINE_S = 5.0
_WAITING = "Workers wait while an index is made: about a second for 500,000 tasks on a fast disk, longer on a slow one."


@dataclass(frozen=True, slots=True)
class Indexes:
    """The indexes that a plan makes (or takes away), by name."""

    identity: Identity
    names: tuple[str, ...]


# -- plans


def plan_indexes(path: Path, wish: Wish) -> Plan:
    """Return which indexes would be made.

    Raises:
        ProblemError: The file cannot be read.
    """
    return _plan(path, wish, "missing", "will be made", "There is nothing to be mended: no index is missing.")


def plan_index_undo(path: Path, journal: Journal, operation: Operation) -> Plan:
    """Return which indexes an undo would take away, or make again.

    Raises:
        ProblemError: The file or the journal cannot be read.
    """
    refusal = undo_refusal(operation, path)
    if refusal is not None:
        return refused_plan(OperationKind.UNDO, path, refusal)
    wish = Wish(OperationKind.UNDO, (("operation", operation.id),))
    makes = _makes_again(journal, operation)
    state, will = ("missing", "will be made again") if makes else ("as wanted", "will be taken away again")
    plan = _plan(path, wish, state, will, "There is nothing to be taken back.", _names(origin(journal, operation)))
    return replace(plan, targets=Recorded(operation.id))


def _plan(
    path: Path, wish: Wish, state: str, will: str, nothing: str, among: tuple[str, ...] | None = None
) -> Plan:  # fmt: skip
    with closing(QueueReader(path, deadline_s=_DEADLINE_S)) as reader:
        facts = reader.open()
        refused = write_refusal(facts, ())  # making an index fires no trigger
        if refused is not None:
            return refused_plan(wish.kind, path, refused)
        names = _in_state(reader.connection, reader.layout(), state)
    names = tuple(name for name in names if among is None or name in among)
    many = "1 index" if len(names) == 1 else f"{len(names)} indexes"
    sentence = f"{many} {will}: {', '.join(names)}." if names else nothing
    warnings = (_WAITING,) if names and state == "missing" else ()
    values = wish.values if wish.kind is OperationKind.UNDO else (*wish.values, ("indexes", ",".join(names)))
    return Plan(
        wish.kind, path, len(names), (), (), (), sentence, warnings, targets=Indexes(Identity.of(path), names),
        values=values,
    )  # fmt: skip


def _in_state(connection: ReadConnection, layout: Layout, state: str) -> tuple[str, ...]:
    return tuple(name for name, found in index_states(connection, layout).items() if found == state)


def _names(operation: Operation) -> tuple[str, ...]:
    names = str(operation.wish_value("indexes") or "").split(",")
    return tuple(name for name in names if name in index_statements())


def is_of_indexes(journal: Journal, operation: Operation) -> bool:
    """Whether an operation, or what it took back in the end, made indexes."""
    return origin(journal, operation).wish_value("finding") == CODE


def _makes_again(journal: Journal, operation: Operation) -> bool:
    """Whether undoing an operation makes indexes: it took them away itself."""
    makes = True
    while operation.undoes:
        before = journal.operation(operation.undoes)
        if before is None:
            break
        makes, operation = not makes, before
    return not makes


# -- carrying them out


def make_indexes(
    order: Order,
    names: Sequence[str],
    journal: Journal | None,
    on_progress: Callable[[Progress], None],
    should_stop: ShouldStop,
) -> Report:
    """Make the indexes that a plan names, each in a transaction of its own; every error is told in the report."""
    statements = [(name, index_statements()[name]) for name in names]
    return _carry_out(order, statements, journal, on_progress, should_stop, "made")


def undo_indexes(
    order: Order,
    operation: Operation,
    journal: Journal,
    on_progress: Callable[[Progress], None],
    should_stop: ShouldStop,
    others: Others,
) -> Report:
    """Take indexes away that an operation made, or make those again that an undo took away."""
    names = _names(origin(journal, operation))
    if _makes_again(journal, operation):
        statements = [(name, index_statements()[name]) for name in names]
        return _carry_out(order, statements, journal, on_progress, should_stop, "made again", others)
    statements = [(name, f"DROP INDEX {name}") for name in names]
    return _carry_out(order, statements, journal, on_progress, should_stop, "taken away again", others)


def _carry_out(
    order: Order,
    statements: Sequence[tuple[str, str]],
    journal: Journal | None,
    on_progress: Callable[[Progress], None],
    should_stop: ShouldStop,
    done: str,
    others: Others = lambda _ran, _skips: (),
) -> Report:
    recording: Recording | None = None
    try:
        if journal is not None:
            recording = journal.begin(order.entry)
        run = _Run(order, statements, on_progress, should_stop)
        ran = run.run()
        many = "1 index was" if ran.changed == 1 else f"{ran.changed} indexes were"
        sentence = f"{many} {done}{': ' if run.done else ''}{', '.join(run.done)}."
        report = Report(
            order.wish.kind, order.path, ran.changed, (), ran.stopped, ran.elapsed_s, sentence, order.operation_id,
            ran.problem, can_be_undone=recording is not None and ran.changed > 0,
        )  # fmt: skip
        if recording is not None:
            state = State.STOPPED if ran.stopped else State.FINISHED if ran.problem is None else State.FAILED
            problem = "" if ran.problem is None else ran.problem.sentence()
            recording.finish(state, ran.changed, (), sentence, problem, others(ran, ()))
    except ProblemError as error:
        return nothing_done(order, error.problem)
    finally:
        if recording is not None:
            recording.close()
    return report


class _Run:
    """One making, or taking away, of indexes; used once, in one thread."""

    def __init__(
        self,
        order: Order,
        statements: Sequence[tuple[str, str]],
        on_progress: Callable[[Progress], None],
        should_stop: ShouldStop,
    ) -> None:
        self.done: list[str] = []
        self._order = order
        self._statements = statements
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._stopped = False

    def run(self) -> Ran:
        started = time.perf_counter()
        problem = None
        try:
            self._check_identity()
            with QueueWriter(self._order.path, guarded=False) as writer:
                for name, sql in self._statements:
                    if _is_due(writer.connection, name, sql):
                        self._one(writer, name, sql)
                writer.checkpoint()
        except Stopped:
            self._stopped = True
        except ProblemError as error:
            problem = error.problem
        except READ_ERRORS as error:
            problem = None if self._stopped else self._told(error)
        return Ran(len(self.done), self._stopped and problem is None, problem, time.perf_counter() - started)

    def _check_identity(self) -> None:
        with suppress(OSError):
            if Identity.of(self._order.path) == self._order.identity:
                return
        what = "Another file has been put in this one's place since the preview"
        path = str(self._order.path)
        raise ProblemError(Problem(ProblemKind.REFUSED, what, path, "Nothing was changed.", "Make the preview anew."))

    def _one(self, writer: QueueWriter, name: str, sql: str) -> None:
        total = len(self._statements)

        def tell(elapsed_s: float) -> None:
            self._on_progress(Progress(self._order.wish.kind, len(self.done), total, f"{name}, {elapsed_s:.0f} s"))

        with Watch(writer.connection, self._should_stop, tell) as watch:
            try:
                writer.run_alone(sql, self._should_stop)
            finally:
                self._stopped = self._stopped or watch.stopped
        self.done.append(name)

    def _told(self, error: BaseException) -> Problem:
        unchanged = f"Made before: {', '.join(self.done)}." if self.done else "Nothing was changed."
        if isinstance(error, sqlite3.IntegrityError):
            what = "Two tasks have the same idempotency key, so the index of keys cannot be made"
            advice = "Find out which is right; delete the other, or change its key."
            return Problem(ProblemKind.REFUSED, what, str(self._order.path), unchanged, advice)
        if is_malformed_json(error):
            what = "A task has JSON that cannot be read, so the index cannot be made"
            advice = "The health check names the task; correct it first."
            return Problem(ProblemKind.REFUSED, what, str(self._order.path), unchanged, advice)
        return replace(translate(error, self._order.path, doing="make the index"), unchanged=unchanged)


def _is_due(connection: sqlite3.Connection, name: str, sql: str) -> bool:
    """Whether there still is something to do: an index to be dropped that is there, one to be made that is not."""
    cursor = connection.execute("SELECT type FROM sqlite_master WHERE name = ?", (name,))
    try:
        there = cursor.fetchone()
    finally:
        cursor.close()
    return there == ("index",) if sql.startswith("DROP") else there is None
