"""``doctor --fix``: mends what one finding is about; the plan is told first, then it asks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from prismq_gui.commands.changing import carry_out, journal_of, require_consent_can_be_had
from prismq_gui.commands.command import Exit, UsageError, tell_problem
from prismq_gui.commands.output import fields_of, json_line, note, say, visible_line
from prismq_gui.commands.progress import bar, stoppable
from prismq_gui.commands.silence import hearing_of
from prismq_gui.insight.health_texts import TEXTS
from prismq_gui.operations import database_care
from prismq_gui.operations.database_records import CareKind, CarePlan, CareReport, CareWish
from prismq_gui.operations.mending import FIXES, mend
from prismq_gui.operations.messages import OperationKind
from prismq_gui.operations.operator import Operator

_OF_THE_FILE = ("fragmented", "wal-large")


def fix(options: argparse.Namespace, path: Path) -> int:
    """Mend what the finding named by --fix is about, and return the exit code.

    Raises:
        UsageError: Nothing mends it, or nobody can be asked.
        ProblemError: The file cannot be read.
    """
    code = options.fix
    if code not in (*FIXES, *_OF_THE_FILE):
        what = "is mended by hand: " + TEXTS[code].advice if code in TEXTS else "is no finding"
        raise UsageError(f"{code} {what.rstrip(': ')} --fix takes {', '.join(sorted((*FIXES, *_OF_THE_FILE)))}")
    require_consent_can_be_had(options)
    if code == "wal-large":
        return _checkpoint(options, path)
    if code == "fragmented":
        operator = Operator(path)
        return carry_out(operator, operator.plan(OperationKind.VACUUM, None), options)
    operator = Operator(path, journal=None if options.no_undo else journal_of(options))
    wish = mend(code, silent_after_s=hearing_of(options, path).silent_after_s)
    with bar("look") as _show, stoppable() as should_stop:
        plan = operator.plan(wish, None, should_stop=should_stop)
    return carry_out(operator, plan, options)


def _checkpoint(options: argparse.Namespace, path: Path) -> int:
    """Move the WAL into the file; no row changes, so there is nothing to undo."""
    wish = CareWish(CareKind.CHECKPOINT, path)
    with stoppable() as should_stop:
        plan = database_care.plan(wish, lambda _progress: None, should_stop)
        if plan.refusal is not None:
            return tell_problem(plan.refusal, as_json=options.json)
        if not options.json:
            _print_plan(plan)
        report = None
        if options.dry_run:
            note("Dry run: nothing was changed.")
        elif options.yes or _is_confirmed():
            report = database_care.run(wish, lambda _progress: None, should_stop)
        else:
            note("Nothing was changed.")
            return Exit.DECLINED
    return _told(plan, report, options)


def _print_plan(plan: CarePlan) -> None:
    say(visible_line(plan.sentence))
    for title, text in plan.facts:
        say(f"  {visible_line(title)}: {visible_line(text)}")
    sys.stdout.flush()
    for warning in plan.warnings:
        note(f"warning: {warning}")


def _is_confirmed() -> bool:
    print("Checkpoint now? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _told(plan: CarePlan, report: CareReport | None, options: argparse.Namespace) -> int:
    if options.json:
        say(json_line({"plan": _plan_object(plan), "report": None if report is None else _report_object(report)}))
    elif report is not None:
        say(visible_line(report.sentence))
        for title, text in report.facts:
            say(f"  {visible_line(title)}: {visible_line(text)}")
        for text in (*report.undone, report.advice):
            if text:
                say(f"  {visible_line(text)}")
    if report is not None and report.problem is not None:
        return tell_problem(report.problem, as_json=options.json)
    if report is None or report.is_well:
        return Exit.OK
    return Exit.INTERRUPTED if report.stopped else Exit.NOTHING


def _plan_object(plan: CarePlan) -> dict[str, Any]:
    return {
        "operation": plan.wish.kind, "path": plan.wish.path, "sentence": plan.sentence, "warnings": plan.warnings,
        "facts": dict(plan.facts),
    }  # fmt: skip


def _report_object(report: CareReport) -> dict[str, Any]:
    problem = report.problem
    return {
        "sentence": report.sentence, "facts": dict(report.facts), "not_done": report.undone, "advice": report.advice,
        "stopped": report.stopped, "elapsed_s": round(report.elapsed_s, 3),
        "problem": None if problem is None else fields_of(problem),
    }  # fmt: skip
