"""The verb ``doctor``: looks for what is wrong with a queue, and says what mends it. It changes nothing."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path
from typing import Final

from prismq_gui.commands.arguments import add_database, database_path
from prismq_gui.commands.command import Command, Exit
from prismq_gui.commands.output import fields_of, json_line, say, visible_line
from prismq_gui.commands.progress import bar, stoppable
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.health import Finding, Severity, file_findings, queue_findings
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.queue import metrics
from prismq_gui.queue.timestamps import now_utc

_DEADLINE_S = 30.0
_MOST_DAMAGE = 20
_RANK: Final = {Severity.FAULT: 0, Severity.WARNING: 1, Severity.NOTE: 2}


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_database(parser)
    parser.add_argument(
        "--fast", action="store_true", help="leave out the check for damage, which reads the whole file"
    )


def _doctor(options: argparse.Namespace) -> int:
    path = database_path(options)
    with closing(QueueReader(path)) as reader:
        found = file_findings(reader.open())
    with closing(ReadConnection(path, _DEADLINE_S)) as connection:
        connection.open()
        now = now_utc()
        found += queue_findings(connection, lambda: metrics.workers(connection, now), now)
    if not options.fast:
        found += _damage(path)
    found.sort(key=lambda finding: _RANK[finding.severity])
    healthy = all(finding.severity is Severity.NOTE for finding in found)
    if options.json:
        findings = [fields_of(finding) for finding in found]
        say(json_line({"path": path, "healthy": healthy, "checked_for_damage": not options.fast, "findings": findings}))
    else:
        _print(found, healthy=healthy, fast=options.fast)
    return Exit.OK if healthy else Exit.NOTHING


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
    return [Finding("damage", Severity.FAULT, f"{text}.", report.advice) for text in report.findings]


def _print(found: list[Finding], *, healthy: bool, fast: bool) -> None:
    for finding in found:
        say(f"{finding.severity.value}: {visible_line(finding.sentence)}  [{finding.code}]")
        if finding.sample_ids:
            more = ", …" if finding.count > len(finding.sample_ids) else ""
            say(f"    {', '.join(f'#{each}' for each in finding.sample_ids)}{more}")
        if finding.advice:
            say(f"    {visible_line(finding.advice)}")
    checked = " It was not checked for damage." if fast else ""
    say(f"The queue is {'healthy' if healthy else 'not healthy'}.{checked}")


COMMANDS: Final = {
    "doctor": Command(
        "Look for what is wrong with a queue: damage, missing indexes, expired leases, silent workers that hold\n"
        "tasks, a large WAL, times that other programs misread. Nothing is changed. The exit code is 4 where a fault\n"
        "or a warning was found; notes alone do not count. --json prints one object {healthy, findings}.",
        _arguments, _doctor,
    )
}  # fmt: skip
