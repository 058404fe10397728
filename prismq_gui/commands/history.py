"""The verbs about what was done before: ``history``, ``undo`` and ``finish``."""

from __future__ import annotations

import argparse
import os
from typing import Any, Final

from prismq_gui.commands.arguments import add_database, count, database_path
from prismq_gui.commands.changing import (
    SHORT_ID,
    add_consent,
    add_journal,
    carry_out,
    journal_of,
    require_consent_can_be_had,
)
from prismq_gui.commands.command import Command, Exit
from prismq_gui.commands.output import cell, fields_of, json_line, note, print_table, say, visible_line
from prismq_gui.commands.progress import stoppable
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import Operation
from prismq_gui.operations.messages import LAST, OperationKind, Plan, Recorded
from prismq_gui.operations.operator import Operator


def _history_arguments(parser: argparse.ArgumentParser) -> None:
    add_database(parser)
    add_journal(parser)
    parser.add_argument("--all-files", action="store_true", help="those on all queue files")
    parser.add_argument("--limit", type=count, default=20, metavar="N", help="the last so many; default 20, 0 is all")


def _history(options: argparse.Namespace) -> int:
    journal = journal_of(options)
    if options.all_files:
        operations = journal.operations()
    else:
        operator = Operator(database_path(options), journal=journal)
        operator.unfinished()  # what was interrupted is told with its true count
        operations = operator.history()
    operations = operations[: options.limit or None]
    if options.json:
        for each in operations:
            say(json_line(_object(each)))
    else:
        titles = ("ID", "STARTED UTC", "WHAT", "STATE", "CHANGED", "BY", "FILE" if options.all_files else "SAID")
        rows = [
            (
                each.id[:SHORT_ID], cell(each.started_utc), cell(each.kind_name), each.state.value,
                f"{each.changed:,}", cell(each.who),
                cell(os.fspath(each.path)) if options.all_files else visible_line(each.sentence),
            )
            for each in operations
        ]  # fmt: skip
        if not print_table(titles, rows, right=(4,)):
            path = database_path(options)
            if options.all_files or path.exists():
                note("No operation was done yet, as far as the journal tells.")
            else:
                note(f"There is no file {visible_line(os.fspath(path))}, and the journal tells of nothing done on one.")
    return Exit.OK if operations else Exit.NOTHING


def _object(operation: Operation) -> dict[str, Any]:
    fields = fields_of(operation)
    for name in ("device", "inode", "kind", "has_targets", "number"):
        del fields[name]
    return fields | {
        "kind": fields.pop("kind_name"),
        "values": dict(operation.values),
        "skips": [fields_of(skip) for skip in operation.skips],
        "can_be_undone": operation.can_be_undone,
        "can_be_finished": operation.can_be_finished,
    }


def _which(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "operation", nargs="?", default=LAST, metavar="ID",
        help="the operation, by its id or the beginning of it (history); default: last",
    )  # fmt: skip
    add_database(parser)
    add_consent(parser)
    add_journal(parser)


def _chosen(journal: Journal, options: argparse.Namespace, *, to_finish: bool) -> Operation:
    """Return the operation that the arguments name; the last one is the last that there is something to do about.

    Raises:
        ProblemError: There is none.
    """
    path = database_path(options)
    if options.operation != LAST:
        found = journal.operation(options.operation)
        if found is None:
            raise ProblemError(_none(f"There is no operation {options.operation} in the journal", journal))
        return found
    for each in journal.operations(path):
        if each.can_be_finished if to_finish else each.can_be_undone and each.kind is not OperationKind.UNDO:
            return each
    what = "finished" if to_finish else "undone"
    raise ProblemError(_none(f"There is no operation on {path} that could be {what}", journal))


def _none(what: str, journal: Journal) -> Problem:
    return Problem(ProblemKind.REFUSED, what, str(journal.path), "Nothing was changed.", "See prismq-gui history.")


def _undo_arguments(parser: argparse.ArgumentParser) -> None:
    _which(parser)
    parser.add_argument(
        "--no-undo", action="store_true",
        help="keep nothing to undo the undo with; needed where the journal can be read and not written",
    )  # fmt: skip


def _undo(options: argparse.Namespace) -> int:
    journal = journal_of(options)
    operator = Operator(database_path(options), journal=journal)
    operation = _chosen(journal, options, to_finish=False)
    require_consent_can_be_had(options)
    with stoppable() as should_stop:
        wanted = LAST if options.operation == LAST else operation.id
        plan = operator.plan(OperationKind.UNDO, Recorded(wanted), should_stop=should_stop)
    return carry_out(operator, plan, options)


def _finish(options: argparse.Namespace) -> int:
    journal = journal_of(options)
    operator = Operator(database_path(options), journal=journal)
    operator.unfinished()  # the count below is the true one then
    operation = _chosen(journal, options, to_finish=True)
    require_consent_can_be_had(options)
    plan = _rest(operation)
    return carry_out(
        operator, plan, options,
        lambda on_progress, should_stop: operator.finish(
            operation.id, on_progress=on_progress, should_stop=should_stop
        ),
    )  # fmt: skip


def _rest(operation: Operation) -> Plan:
    left = max(0, operation.planned - operation.changed)
    what = f"the {operation.kind_name} of {operation.started_utc} UTC by {operation.who}"
    sentence = f"The rest of {what} will be done: up to {left:,} tasks, each of which is looked at anew."
    kind = operation.kind or OperationKind.UNDO  # of a newer program: it is refused, and the reason told
    return Plan(kind, operation.path, left, (), (), (), sentence)


COMMANDS: Final = {
    "history": Command(
        "List what was done to the tasks of a queue, the newest first, and what became of it.\n"
        "--json prints one object a line and operation.",
        _history_arguments, _history,
    ),
    "undo": Command(
        "Take an operation back: what has not moved since becomes as it was, the rest is told (docs/undo.md).\n"
        "First the plan is told, then it asks. --json needs --yes or --dry-run and prints one object {plan, report}.",
        _undo_arguments, _undo,
    ),
    "finish": Command(
        "Do the rest of an operation that was stopped, failed or was interrupted; each task is looked at anew.\n"
        "First the plan is told, then it asks. --json needs --yes or --dry-run and prints one object {plan, report}.",
        _which, _finish,
    ),
}  # fmt: skip
