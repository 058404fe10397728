"""The verb ``doctor``: looks for what is wrong with a queue, and says what mends it; with --fix it mends it."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prismq_gui.commands.arguments import add_database, database_path, span
from prismq_gui.commands.command import Command, Exit, UsageError
from prismq_gui.commands.output import fields_of, json_line, say, visible_line
from prismq_gui.commands.progress import bar, stoppable
from prismq_gui.commands.silence import add_silence, hearing_of, limits_of
from prismq_gui.insight.health import BUDGET_S, Finding, HealthCheck, by_severity, is_healthy
from prismq_gui.insight.health_texts import finding
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader

_DEADLINE_S = 30.0
_MOST_DAMAGE = 20
_MOST_DETAILS = 20


@dataclass(frozen=True, slots=True)
class _Looked:
    """What the check found. ``checked_for_damage`` and ``stopped`` say how far it went."""

    findings: tuple[Finding, ...]
    stopped: bool
    checked_for_damage: bool


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_database(parser)
    parser.add_argument(
        "--fast", action="store_true", help="leave out the check for damage, which reads the whole file"
    )
    parser.add_argument(
        "--budget", type=_budget, default=BUDGET_S, metavar="SPAN",
        help="read all tasks, and then all log lines, for so long at most (1m); 0: to their end. What was not read is "
        "told",
    )  # fmt: skip
    add_silence(parser)
    mending = parser.add_argument_group("mending")
    mending.add_argument("--fix", metavar="CODE", help="mend what this finding is about (docs/health.md#fixes)")
    mending.add_argument("--dry-run", action="store_true", help="with --fix: print the plan and change nothing")
    mending.add_argument("--yes", "-y", action="store_true", help="with --fix: do not ask")
    mending.add_argument(
        "--no-undo", action="store_true",
        help="with --fix: keep nothing to undo it with; needed where the journal cannot be written",
    )  # fmt: skip


def _budget(text: str) -> float | None:
    return None if text.strip() == "0" else span(text).total_seconds()


def _doctor(options: argparse.Namespace) -> int:
    path = database_path(options)
    if options.fix is not None:
        from prismq_gui.commands.mending import fix  # noqa: PLC0415 - a look alone needs none of it

        return fix(options, path)
    if options.dry_run or options.yes or options.no_undo:
        raise UsageError("--dry-run, --yes and --no-undo say how to mend: add --fix CODE")
    looked = _look(options, path)
    healthy = is_healthy(looked.findings)
    if options.json:
        fields = {"path": path, "healthy": healthy, "checked_for_damage": looked.checked_for_damage}
        findings = [fields_of(each) for each in looked.findings]
        say(json_line({**fields, "stopped": looked.stopped, "findings": findings}))
    else:
        _print(looked, healthy=healthy)
    if looked.stopped:
        return Exit.INTERRUPTED
    return Exit.OK if healthy else Exit.NOTHING


def _look(options: argparse.Namespace, path: Path) -> _Looked:
    """Check the queue, with a bar; the first Ctrl-C ends the check, and what was found by then is told.

    Raises:
        ProblemError: The file cannot be read.
    """
    with closing(QueueReader(path, deadline_s=_DEADLINE_S)) as reader:
        reader.open()
        check = HealthCheck(
            reader, hearing=hearing_of(options, path), limits=limits_of(options, path), budget_s=options.budget
        )
        with bar("look") as show, stoppable() as should_stop:
            for step in check.steps():
                show(step.share, 1.0, step.text)
                if should_stop():
                    break
    if not check.done or options.fast:
        return _Looked(check.findings, not check.done, False)
    damage = _damage(path)
    return _Looked(by_severity([*check.findings, *damage]), False, True)


def _damage(path: Path) -> list[Finding]:
    """Check the file for damage, with a bar.

    Raises:
        ProblemError: INTERRUPTED.
    """
    from prismq_gui.queue.checking import quick_check  # noqa: PLC0415 - not with --fast
    from prismq_gui.queue.upkeep import MaintenanceCancelled  # noqa: PLC0415

    with bar("check") as show, stoppable() as should_stop:
        try:
            report = quick_check(
                path, most=_MOST_DAMAGE, progress=lambda p: show(p.done, p.total, p.text), cancel=should_stop
            )
        except MaintenanceCancelled:
            problem = Problem(
                ProblemKind.INTERRUPTED, "The check was stopped", str(path), "Nothing was changed.",
                "--fast leaves the check for damage out.",
            )  # fmt: skip
            raise ProblemError(problem) from None
    return [finding("damage", f"{text}.") for text in report.findings]


def _print(looked: _Looked, *, healthy: bool) -> None:
    for each in looked.findings:
        _print_one(each)
    checked = "" if looked.checked_for_damage else " It was not checked for damage."
    stopped = " The check was stopped before its end." if looked.stopped else ""
    say(f"The queue is {'healthy' if healthy else 'not healthy'}.{checked}{stopped}")


def _print_one(found: Finding) -> None:
    say(f"{found.severity.value}: {visible_line(found.sentence)}  [{found.code}]")
    for detail in found.details[:_MOST_DETAILS]:
        say(f"    · {visible_line(detail)}")
    if len(found.details) > _MOST_DETAILS:
        say(f"    · and {len(found.details) - _MOST_DETAILS:,} more")
    if found.sample_ids and not found.details:
        more = ", …" if found.count > len(found.sample_ids) or found.at_least else ""
        say(f"    {', '.join(f'#{each}' for each in found.sample_ids)}{more}")
    shown = f"prismq-gui list '{found.filter}'" if found.filter else ""
    for label, text in (("means", found.meaning), ("costs", found.cost), ("mends", found.advice), ("shows", shown)):
        if text:
            say(f"    {label}  {visible_line(text)}")


COMMANDS: Final = {
    "doctor": Command(
        "Look for what is wrong with a queue: damage, schema, indexes, expired leases, silent workers that hold\n"
        "tasks, times that other programs misread, unreadable JSON, a large WAL, lines without a task\n"
        "(docs/health.md tells all). Nothing is changed. The exit code is 4 where a fault or a warning was found;\n"
        "notes alone do not count. --json prints one object {healthy, findings}.\n"
        "--fix CODE mends what a finding is about: first the plan is told, then it asks; 'undo' takes it back.\n"
        "--json needs --yes or --dry-run there and prints one object {plan, report}.",
        _arguments, _doctor,
    )
}  # fmt: skip
