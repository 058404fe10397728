"""The verbs that keep the file in order: ``vacuum`` and ``backup``."""

from __future__ import annotations

import argparse
from typing import Final

from prismq_gui.commands.arguments import add_database, database_path, file_argument
from prismq_gui.commands.command import Command, Exit, tell_problem
from prismq_gui.commands.output import json_line, say, visible_line
from prismq_gui.commands.progress import bar, stoppable
from prismq_gui.insight.problems import Problem, ProblemKind


def _vacuum_arguments(parser: argparse.ArgumentParser) -> None:
    from prismq_gui.commands.changing import add_consent  # noqa: PLC0415 - not for a backup

    add_database(parser)
    add_consent(parser)


def _vacuum(options: argparse.Namespace) -> int:
    from prismq_gui.commands.changing import carry_out, require_consent_can_be_had  # noqa: PLC0415 - as above
    from prismq_gui.operations.messages import OperationKind  # noqa: PLC0415
    from prismq_gui.operations.operator import Operator  # noqa: PLC0415

    require_consent_can_be_had(options)
    operator = Operator(database_path(options))
    return carry_out(operator, operator.plan(OperationKind.VACUUM, None), options)


def _backup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="?", type=file_argument, metavar="FILE",
        help="the copy, a name nobody has yet; default: a name with the time in the folder 'backups' beside the queue",
    )  # fmt: skip
    add_database(parser)
    parser.add_argument("--no-verify", action="store_true", help="do not check the copy before it gets its name")


def _backup(options: argparse.Namespace) -> int:
    from contextlib import closing  # noqa: PLC0415

    from prismq_gui.insight.reader import QueueReader  # noqa: PLC0415 - not for a vacuum
    from prismq_gui.queue.backup import back_up  # noqa: PLC0415
    from prismq_gui.queue.upkeep import MaintenanceCancelled  # noqa: PLC0415

    path = database_path(options)
    with closing(QueueReader(path)) as reader:
        reader.open()
    with bar("backup") as show, stoppable() as should_stop:
        try:
            report = back_up(
                path, options.target, verify=not options.no_verify,
                progress=lambda p: show(p.done, p.total, p.text), cancel=should_stop,
            )  # fmt: skip
        except MaintenanceCancelled as error:
            return tell_problem(
                Problem(ProblemKind.INTERRUPTED, str(error).rstrip("."), "", "", ""), as_json=options.json
            )  # fmt: skip
    if options.json:
        fields = {"bytes": report.bytes, "tasks": report.tasks, "elapsed_s": round(report.elapsed_s, 3)}
        say(json_line({"path": report.path, "verified": not options.no_verify, **fields}))
    else:
        tasks = "" if report.tasks is None else f", {report.tasks:,} tasks, verified"
        say(f"{visible_line(str(report.path))}: {report.bytes:,} bytes{tasks}.")
    return Exit.OK


COMMANDS: Final = {
    "vacuum": Command(
        "Rewrite the file without its free pages. Workers that want to write wait meanwhile.\n"
        "First the plan is told, then it asks. --json needs --yes or --dry-run and prints one object {plan, report}.",
        _vacuum_arguments, _vacuum,
    ),
    "backup": Command(
        "Copy the queue, as it is at one moment, to one file while it is used; the copy has its name only once it is\n"
        "whole and verified, and nothing is ever overwritten. --json prints one object {path, bytes, tasks, …}.",
        _backup_arguments, _backup,
    ),
}  # fmt: skip
