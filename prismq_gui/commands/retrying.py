"""The verb ``retry``: at once, spread over a time, or a few first and the rest once these have passed."""

from __future__ import annotations

import argparse
import time
from datetime import timedelta
from typing import Final

from prismq_gui.commands.arguments import database_path, span, whole_number
from prismq_gui.commands.changing import (
    PLAN_JSON,
    SHORT_ID,
    carry_out,
    change,
    journal_of,
    require_consent_can_be_had,
    task_arguments,
)
from prismq_gui.commands.command import Command, Exit, UsageError
from prismq_gui.commands.output import fields_of, json_line, note, say
from prismq_gui.commands.progress import stoppable
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.journal_records import Operation
from prismq_gui.operations.messages import OperationKind, Plan
from prismq_gui.operations.operator import Operator
from prismq_gui.operations.retries import FirstLook, is_staged, look_at_first, retry

_LOOK_EVERY_S = 0.5
_LOOK_AT_STOP_S = 0.1


def _arguments(parser: argparse.ArgumentParser) -> None:
    task_arguments(parser)
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--over", type=span, metavar="SPAN", help="have them due one after the other within this time")
    pace.add_argument("--per-minute", type=whole_number, metavar="N", help="have so many of them due each minute")
    parser.add_argument(
        "--first", type=whole_number, metavar="N",
        help="queue so many of them alone, taken evenly from all; the others are not touched until --staged",
    )  # fmt: skip
    parser.add_argument(
        "--staged", metavar="ID", help="look at the first tasks of this operation; do the rest if all have passed"
    )
    parser.add_argument(
        "--wait", type=span, metavar="SPAN", help="with --staged: wait at most so long for the first tasks to end"
    )


def _run(options: argparse.Namespace) -> int:
    if options.staged is not None:
        return _go_on(options)
    if options.wait is not None:
        raise UsageError("--wait goes with --staged")
    if options.first is not None and options.no_undo:
        raise UsageError("--first needs the journal, which knows the rest: it does not go with --no-undo")
    try:
        wish = retry(over=options.over, per_minute=options.per_minute, first=options.first)
    except ValueError as error:
        raise UsageError(str(error)) from None
    code = change(wish, options)
    if options.first is not None and code == Exit.OK and not (options.dry_run or options.json):
        note("To look at them and do the rest: prismq-gui retry --staged ID --wait 10m")
    return code


def _go_on(options: argparse.Namespace) -> int:
    if options.words or options.all or options.over or options.per_minute or options.first:
        raise UsageError("--staged names an operation: no tasks, pace or number goes with it")
    require_consent_can_be_had(options)
    journal = journal_of(options)
    operator = Operator(database_path(options), journal=journal)
    operator.unfinished()  # what a killed one did is looked up first
    operation = _operation(journal, options)
    look = _look(journal, operation, options)
    if not options.json:
        say(look.sentence)
    if not look.all_passed:
        if options.json:
            say(json_line({"first": fields_of(look), "plan": None, "report": None}))
        short = operation.id[:SHORT_ID]
        state = "They have not ended yet" if not look.is_over else "Not all of them passed"
        note(f"{state}: the rest was not touched. To do it all the same: prismq-gui finish {short}; or undo {short}.")
        return Exit.NOTHING
    sentence = f"All of the first passed; the other {look.rest:,} will be looked at anew and queued again."
    plan = Plan(OperationKind.RETRY, operation.path, look.rest, (), (), (), sentence)
    return carry_out(
        operator, plan, options,
        lambda on_progress, should_stop: operator.finish(
            operation.id, on_progress=on_progress, should_stop=should_stop
        ),
    )  # fmt: skip


def _operation(journal: Journal, options: argparse.Namespace) -> Operation:
    found = journal.operation(options.staged)
    if found is None or not is_staged(found):
        what = f"{options.staged} is no retry of which a rest is still to come"
        advice = "See prismq-gui history."
        raise ProblemError(Problem(ProblemKind.REFUSED, what, str(journal.path), "Nothing was changed.", advice))
    return found


def _look(journal: Journal, operation: Operation, options: argparse.Namespace) -> FirstLook:
    """Look at the first tasks until nothing more will happen to them, or for as long as is waited."""
    path = database_path(options)
    until = time.monotonic() + (options.wait or timedelta()).total_seconds()
    with stoppable() as should_stop:
        while True:
            look = look_at_first(journal, operation, path)
            if look.is_over or time.monotonic() >= until or should_stop():
                return look
            next_look = time.monotonic() + _LOOK_EVERY_S
            while time.monotonic() < next_look and not should_stop():
                time.sleep(_LOOK_AT_STOP_S)


COMMANDS: Final = {
    "retry": Command(
        "Queue failed, dead or cancelled tasks again: at once, spread over a time, or a few first.\n"
        f"{PLAN_JSON}\n"
        "With --staged and a first task that has not passed it prints {first, plan, report} and ends with code 4.",
        _arguments, _run,
    )
}  # fmt: skip
