"""The verbs about backups, ``verify`` and ``restore``, and how the care of a file is told, asked for and done.

Owns the words of plan, question and report. What is done stands in :mod:`prismq_gui.operations.database_care`.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, Final

from prismq_gui.commands.arguments import add_database, database_path, file_argument
from prismq_gui.commands.changing import add_consent, require_consent_can_be_had
from prismq_gui.commands.command import Command, Exit, tell_problem
from prismq_gui.commands.output import fields_of, json_line, note, say, visible_line
from prismq_gui.commands.progress import bar, stoppable
from prismq_gui.operations import database_care
from prismq_gui.operations.database_records import CareKind, CarePlan, CareReport, CareWish


def look_after(wish: CareWish, question: str, options: argparse.Namespace) -> int:
    """Tell what a wish would do, ask, do it and tell what was done; return the exit code.

    ``question`` is asked with a yes or no, but where the plan wants a name typed.
    """
    with bar(wish.kind.value) as show, stoppable() as should_stop:
        plan = database_care.plan(wish, lambda p: show(p.done, p.total, p.text), should_stop)
    if plan.refusal is not None:
        return tell_problem(plan.refusal, as_json=options.json)
    if not options.json:
        _print_plan(plan)
    report = None
    if options.dry_run:
        note("Dry run: nothing was changed.")
    elif options.yes or _is_confirmed(plan, question):
        report = _done(wish)
    else:
        note("Nothing was changed.")
        return Exit.DECLINED
    if options.json:
        say(json_line({"plan": _plan_object(plan), "report": None if report is None else report_object(report)}))
    elif report is not None:
        print_report(report)
    return Exit.OK if report is None else exit_of(report, options)


def _done(wish: CareWish) -> CareReport:
    with bar(wish.kind.value) as show, stoppable() as should_stop:
        return database_care.run(wish, lambda p: show(p.done, p.total, p.text), should_stop)


def _print_plan(plan: CarePlan) -> None:
    say(visible_line(plan.sentence))
    for title, text in plan.facts:
        say(f"  {visible_line(title)}: {visible_line(text)}")
    sys.stdout.flush()
    for warning in plan.warnings:
        note(f"warning: {visible_line(warning)}")


def _is_confirmed(plan: CarePlan, question: str) -> bool:
    name = plan.name_to_type
    asked = f"Type {visible_line(name)} to go on: " if name else f"{question} [y/N] "
    print(asked, end="", file=sys.stderr, flush=True)
    typed = sys.stdin.readline().strip()
    return typed == name if name else typed.lower() in ("y", "yes")


def print_report(report: CareReport) -> None:
    """Print what was done, what was found, and what was not done."""
    say(visible_line(report.sentence))
    for title, text in report.facts:
        say(f"  {visible_line(title)}: {visible_line(text)}")
    for text in (*report.findings, *report.undone, report.advice):
        if text:
            say(f"  {visible_line(text)}")


def exit_of(report: CareReport, options: argparse.Namespace) -> int:
    """Return the exit code of a report; a problem is told. A restore that left running tasks is done all the same."""
    if report.problem is not None:
        return tell_problem(report.problem, as_json=options.json)
    if report.stopped:
        return Exit.INTERRUPTED
    return Exit.OK if report.is_well or report.wish.kind is CareKind.RESTORE else Exit.NOTHING


def _plan_object(plan: CarePlan) -> dict[str, Any]:
    return {
        "operation": plan.wish.kind, "path": plan.wish.path, "sentence": plan.sentence, "warnings": plan.warnings,
        "facts": dict(plan.facts),
    }  # fmt: skip


def report_object(report: CareReport) -> dict[str, Any]:
    """Return a report as an object for JSON."""
    problem = report.problem
    return {
        "sentence": report.sentence, "facts": dict(report.facts), "findings": report.findings,
        "not_done": report.undone, "advice": report.advice, "made": report.made, "stopped": report.stopped,
        "elapsed_s": round(report.elapsed_s, 3), "problem": None if problem is None else fields_of(problem),
    }  # fmt: skip


# -- the verbs


def _verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=file_argument, metavar="FILE", help="the backup")


def _verify(options: argparse.Namespace) -> int:
    report = _done(CareWish(CareKind.VERIFY, options.source, source=options.source))
    if options.json:
        say(json_line({"path": options.source, "whole": report.verified, **report_object(report)}))
    elif report.problem is None:
        print_report(report)
    return exit_of(report, options)


def _restore_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=file_argument, metavar="FILE", help="the backup")
    add_database(parser)
    add_consent(parser)


def _restore(options: argparse.Namespace) -> int:
    require_consent_can_be_had(options)
    wish = CareWish(CareKind.RESTORE, database_path(options), source=options.source)
    return look_after(wish, "Restore it now?", options)


COMMANDS: Final = {
    "verify": Command(
        "Look whether a file is a whole queue that can be restored: its tables, all pages, rows and index entries.\n"
        "Nothing is changed. The exit code is 4 where it is not. --json prints one object {path, whole, findings, …}.",
        _verify_arguments, _verify,
    ),
    "restore": Command(
        "Give the queue the content of a backup, whole or not at all. The content before is kept beside it, in\n"
        "…-before-restore-….db. Refused while workers or windows have the queue open, which are named.\n"
        "First the plan is told, then the name of the queue's file must be typed (--yes does without). --json needs\n"
        "--yes or --dry-run and prints one object {plan, report}.",
        _restore_arguments, _restore,
    ),
}  # fmt: skip
