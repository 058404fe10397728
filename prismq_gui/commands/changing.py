"""The verbs that change tasks: ``retry``, ``cancel``, ``release``, ``delete``, ``priority``, ``run-now``, ``run-at``.

They plan, tell the plan, ask, apply and report, by the same code as the window. Nothing is ever "all" by accident.
"""

from __future__ import annotations

import argparse
import sys
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from prismq_gui.commands.arguments import (
    add_database,
    add_filters,
    database_path,
    file_argument,
    looks_like_an_id,
    moment,
    span,
    task_filter,
    task_id,
    whole_number,
)
from prismq_gui.commands.command import Command, Exit, UsageError, tell_problem
from prismq_gui.commands.output import cell, fields_of, json_line, note, say, visible_line
from prismq_gui.commands.progress import bar, stoppable
from prismq_gui.commands.silence import limits_of
from prismq_gui.insight.hearing import Hearing
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.operations.journal import Journal
from prismq_gui.operations.messages import (
    Matching,
    OperationKind,
    Plan,
    Progress,
    Report,
    Selected,
    Target,
    Wish,
    delete,
    run_at,
    set_priority,
)
from prismq_gui.operations.operator import Operator
from prismq_gui.operations.snapshots import Snapshot
from prismq_gui.operations.wording import verb_of
from prismq_gui.queue.timestamps import now_utc
from prismq_gui.settings import default_folder

if TYPE_CHECKING:
    from pathlib import Path

    from prismq_gui.insight.language_nodes import Query

SHORT_ID = 8
"""So much of an operation's id is shown, and is enough to name it."""

_SAMPLE_IDS = 10


def task_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what chooses tasks, and what every verb that changes them takes."""
    parser.add_argument(
        "words", nargs="*", metavar="ID|FILTER",
        help="ids of tasks, or a filter such as 'status:failed age>2h' (docs/filter-language.md)",
    )  # fmt: skip
    add_database(parser)
    add_filters(parser)
    parser.add_argument("--all", action="store_true", help="every task of the queue; needed where no filter is given")
    add_consent(parser)
    add_journal(parser)
    parser.add_argument(
        "--no-undo",
        action="store_true",
        help="keep nothing to undo it with; needed where the journal cannot be written",
    )

    add_snapshot(parser)


def add_snapshot(parser: argparse.ArgumentParser) -> None:
    """Add --snapshot and its folder."""
    parser.add_argument(
        "--snapshot", action="store_true",
        help="first copy the whole file, whole and verified, into the folder backups beside it, or change nothing",
    )  # fmt: skip
    parser.add_argument("--snapshot-folder", type=file_argument, metavar="DIR", help="the same, into this folder")


def add_journal(parser: argparse.ArgumentParser) -> None:
    """Add --settings, which says where the journal of operations lies."""
    parser.add_argument(
        "--settings", type=file_argument, metavar="DIR",
        help="the folder of the journal of operations (the window's --data-dir); default: that of your own data",
    )  # fmt: skip


def journal_of(options: argparse.Namespace) -> Journal:
    """Return the journal that the arguments name.

    Raises:
        ProblemError: There is no folder for the person's own data, and none is named.
    """
    folder: Path | None = options.settings or default_folder()
    if folder is None:
        raise ProblemError(
            Problem(
                ProblemKind.NOT_FOUND,
                "There is no folder for your own data, where the journal of operations lies",
                "",
                "Nothing was changed.",
                "Name one with --settings, or say --no-undo.",
            )
        )
    return Journal(folder)


def add_consent(parser: argparse.ArgumentParser) -> None:
    """Add --dry-run and --yes."""
    parser.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")


def chosen_tasks(options: argparse.Namespace) -> Selected | Matching:
    """Return the tasks that the arguments name: by ids alone, by a filter alone, or all of them.

    Raises:
        UsageError: They name none, or in two ways.
    """
    numbers = [word for word in options.words if looks_like_an_id(word)]
    is_mixed = 0 < len(numbers) < len(options.words)
    wanted = task_filter(options, [] if numbers else options.words)
    if numbers:
        if options.all or is_mixed or not wanted.is_empty:
            raise UsageError("name tasks by their ids or by a filter, not both (in a filter: id:1,2)")
        return Selected(array("q", _ids(numbers)))
    if wanted.query is not None and not wanted.query.is_empty and _has_no_field(wanted.query):
        # A mistyped id or option would otherwise choose whatever holds that text.
        text = "“{}” names no field: to change the tasks that hold a text, say --text, or a field such as error:…"
        raise UsageError(text.format(" ".join(options.words)))
    if wanted.is_empty and not options.all:
        raise UsageError(
            "no tasks are named: give ids, a filter (words such as status:failed, --status, --type, --text), "
            "or --all for every task"
        )
    if options.all and not wanted.is_empty:
        raise UsageError("--all means every task: leave it out where a filter is given")
    return Matching(wanted, all_tasks=options.all)


def _ids(numbers: list[str]) -> list[int]:
    try:
        return [task_id(number) for number in numbers]
    except argparse.ArgumentTypeError as error:
        raise UsageError(str(error)) from None


def _has_no_field(query: Query) -> bool:
    from prismq_gui.insight.language import words  # noqa: PLC0415 - it is there already where there is a filter

    return words(query)


def change(wish: Wish | OperationKind, options: argparse.Namespace, target: Target | None = None) -> int:
    """Plan a wish for the tasks that the arguments name (or another target), ask, and do it; return the exit code."""
    target = chosen_tasks(options) if target is None else target
    path = database_path(options)
    journal = None if options.no_undo else journal_of(options)
    operator = Operator(path, journal=journal, hearing=Hearing(limits_of(options, path).silent_after_s))
    require_consent_can_be_had(options)
    with stoppable() as should_stop:
        plan = operator.plan(wish, target, should_stop=should_stop)
    return carry_out(operator, plan, options)


def require_consent_can_be_had(options: argparse.Namespace) -> None:
    """Refuse to go on where a question would have to be asked and nobody can answer it.

    Raises:
        UsageError: Nobody can.
    """
    asks = not (options.yes or options.dry_run)
    if asks and (options.json or sys.stdin is None or not sys.stdin.isatty()):
        raise UsageError("nobody can be asked here: say --yes, or --dry-run for the plan alone. Nothing was changed.")


Act: TypeAlias = "Callable[[Callable[[Progress], None], Callable[[], bool]], Report]"


def carry_out(operator: Operator, plan: Plan, options: argparse.Namespace, act: Act | None = None) -> int:
    """Tell a plan, ask, apply it (or ``act`` instead) and tell the report; return the exit code."""
    if plan.refusal is not None:
        return tell_problem(plan.refusal, as_json=options.json)
    if not options.json:
        _print_plan(plan)
    nothing = plan.eligible == 0 and plan.kind is not OperationKind.VACUUM and act is None
    if nothing or options.dry_run:
        if options.json:
            say(json_line({"plan": _plan_object(plan), "report": None}))
        elif options.dry_run:
            note("Dry run: nothing was changed.")
        return Exit.NOTHING if nothing else Exit.OK
    if not (options.yes or _is_confirmed(plan)):
        note("Nothing was changed.")
        return Exit.DECLINED
    undoable = not getattr(options, "no_undo", False)

    def applying(on_progress: Callable[[Progress], None], should_stop: Callable[[], bool]) -> Report:
        return operator.apply(
            plan, on_progress=on_progress, should_stop=should_stop, undoable=undoable, snapshot=_snapshot(options)
        )

    with bar(plan.kind.value) as show, stoppable() as should_stop:
        report = (act or applying)(lambda p: show(p.done, p.total, p.text), should_stop)
    return _told(plan, report, options)


def _snapshot(options: argparse.Namespace) -> Snapshot | None:
    folder = getattr(options, "snapshot_folder", None)
    return Snapshot(folder) if folder is not None or getattr(options, "snapshot", False) else None


def _is_confirmed(plan: Plan) -> bool:
    noun = "tasks" if plan.kind is OperationKind.VACUUM else verb_of(plan.wish).noun[plan.eligible != 1]
    what = plan.kind.value if plan.eligible == 0 else f"{plan.kind.value} {plan.eligible:,} {noun}"
    print(f"{what.capitalize()} now? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _print_plan(plan: Plan) -> None:
    say(visible_line(plan.sentence))
    if len(plan.groups) > 1:
        for group in plan.groups:
            status = cell(group.status)
            if group.becomes:
                status = f"{status or 'gone'} → {cell(group.becomes)}"
            say(f"  {group.count:>9,}  {status}  {cell(group.type)}")
    for skip in plan.skips:
        ids = ", ".join(f"#{each}" for each in skip.sample_ids[:_SAMPLE_IDS])
        more = ", …" if skip.count > _SAMPLE_IDS else ""
        say(f"  not changed, since each {cell(skip.reason)}: {ids}{more}")
    for title, text in plan.facts:
        say(f"  {visible_line(title)}: {visible_line(text)}")
    for each in plan.diffs:
        for place in each.changes:
            where = visible_line(f"{each.column}{place.path.removeprefix('$')}")
            say(f"  #{each.task_id} {where}: {visible_line(place.before) or '–'} → {visible_line(place.after) or '–'}")
    sys.stdout.flush()
    for warning in plan.warnings:
        note(f"warning: {warning}")


def _told(plan: Plan, report: Report, options: argparse.Namespace) -> int:
    if options.json:
        say(json_line({"plan": _plan_object(plan), "report": _report_object(report)}))
    else:
        say(visible_line(report.sentence))
        if report.can_be_undone:
            note(f"To take it back: prismq-gui undo {report.operation_id[:SHORT_ID]}")
        for title, text in report.facts:
            say(f"  {visible_line(title)}: {visible_line(text)}")
    if report.problem is not None:
        return tell_problem(report.problem, as_json=options.json)
    if report.stopped:
        return Exit.INTERRUPTED
    return Exit.NOTHING if report.changed == 0 and report.kind is not OperationKind.VACUUM else Exit.OK


def _plan_object(plan: Plan) -> dict[str, Any]:
    return {
        "operation": plan.kind, "path": plan.path, "eligible": plan.eligible,
        "groups": [fields_of(group) for group in plan.groups], "skips": [fields_of(skip) for skip in plan.skips],
        "sentence": plan.sentence, "warnings": plan.warnings, "facts": dict(plan.facts),
        "diffs": [
            {"task_id": each.task_id, "column": each.column, "changes": [fields_of(place) for place in each.changes]}
            for each in plan.diffs
        ],
    }  # fmt: skip


def _report_object(report: Report) -> dict[str, Any]:
    problem: Problem | None = report.problem
    return {
        "operation_id": report.operation_id, "changed": report.changed,
        "skips": [fields_of(skip) for skip in report.skips], "stopped": report.stopped,
        "elapsed_s": round(report.elapsed_s, 3), "sentence": report.sentence,
        "can_be_undone": report.can_be_undone,
        "problem": None if problem is None else fields_of(problem), "facts": dict(report.facts),
    }  # fmt: skip


def _cancel_arguments(parser: argparse.ArgumentParser) -> None:
    task_arguments(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--ask", action="store_true", help="running tasks instead: ask their workers to end them")
    how.add_argument(
        "--force", action="store_true",
        help="running tasks instead: take them from their workers, which go on to the end of their handlers",
    )  # fmt: skip


def _cancel(options: argparse.Namespace) -> int:
    if options.ask:
        return change(OperationKind.ASK_TO_CANCEL, options)
    return change(OperationKind.FORCE_CANCEL if options.force else OperationKind.CANCEL, options)


def _release(options: argparse.Namespace) -> int:
    return change(OperationKind.RELEASE, options)


def _delete_arguments(parser: argparse.ArgumentParser) -> None:
    task_arguments(parser)
    parser.add_argument(
        "--even-if-running", action="store_true", help="those too that a worker holds with a lease that has not run out"
    )


def _delete(options: argparse.Namespace) -> int:
    return change(delete(even_if_running=options.even_if_running), options)


def _priority_arguments(parser: argparse.ArgumentParser) -> None:
    task_arguments(parser)
    parser.add_argument(
        "--to", type=whole_number, metavar="N", required=True, help="the priority; lower runs first, 100 is usual"
    )


def _priority(options: argparse.Namespace) -> int:
    return change(set_priority(options.to), options)


def _run_now(options: argparse.Namespace) -> int:
    return change(OperationKind.RUN_NOW, options)


def _run_at_arguments(parser: argparse.ArgumentParser) -> None:
    task_arguments(parser)
    when = parser.add_mutually_exclusive_group(required=True)
    when.add_argument("--at", type=moment, metavar="TIME", help="not before this moment, UTC unless it has an offset")
    when.add_argument("--delay", type=span, metavar="SPAN", help="not before this time has passed: 90s, 15m, 2h, 7d")


def _run_at(options: argparse.Namespace) -> int:
    return change(run_at(options.at or now_utc() + options.delay), options)


PLAN_JSON = (
    "First the plan is told, then it asks. Ctrl-C stops between two portions; what is done stays done and is told.\n"
    "--json needs --yes or --dry-run and prints one object {plan, report}."
)
COMMANDS: Final = {
    "cancel": Command(
        f"Cancel waiting tasks; running ones are left alone and told, unless they are meant.\n{PLAN_JSON}",
        _cancel_arguments, _cancel,
    ),
    "release": Command(
        f"Take running tasks from their workers and queue them again, as if this attempt had not been.\n{PLAN_JSON}",
        task_arguments, _release,
    ),
    "delete": Command(f"Delete tasks of any status, with their log lines.\n{PLAN_JSON}", _delete_arguments, _delete),
    "priority": Command(
        f"Give tasks that wait, or that ended without success, another priority.\n{PLAN_JSON}",
        _priority_arguments, _priority,
    ),
    "run-now": Command(f"Make waiting tasks due at once.\n{PLAN_JSON}", task_arguments, _run_now),
    "run-at": Command(f"Put waiting tasks off until a moment.\n{PLAN_JSON}", _run_at_arguments, _run_at),
}  # fmt: skip
