"""The verb that runs tasks: a worker as a process of its own."""

from __future__ import annotations

import argparse
from typing import Final

from prismq_gui.commands.arguments import add_database, seconds
from prismq_gui.commands.command import Command, UsageError
from prismq_gui.commands.output import json_line, say


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("registry", nargs="?", metavar="MODULE:NAME", help="the HandlerRegistry to use")
    parser.add_argument("--handlers", metavar="MODULE:NAME", help="the same, as an option")
    add_database(parser)
    parser.add_argument("--id", metavar="NAME", help="name of this worker; default: host and process")
    parser.add_argument("--capabilities", metavar="JSON", help='what it can do, for example {"region": "eu"}')
    parser.add_argument("--lease", type=seconds, default=60.0, metavar="SECONDS", help="length of a lease; default 60")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when the program that started it ends")


def _worker(options: argparse.Namespace) -> int:
    if (options.registry is None) == (options.handlers is None):
        raise UsageError("name the handlers once, as MODULE:NAME")
    from prismq_gui.worker_process import WorkerOptions, WorkerUsageError, run_worker  # noqa: PLC0415 - seldom needed

    try:
        code = run_worker(
            WorkerOptions(
                path=options.db, handlers=options.registry or options.handlers, worker_id=options.id,
                capabilities=options.capabilities, lease_seconds=options.lease,
                until_stdin_closes=options.until_stdin_closes,
            )
        )  # fmt: skip
    except WorkerUsageError as error:
        raise UsageError(str(error)) from error
    if options.json:
        say(json_line({"exit_code": code}))
    return code


COMMANDS: Final = {
    "worker": Command(
        "Run the tasks of a queue until Ctrl-C, SIGTERM or, if asked, the end of stdin.\n"
        "MODULE is looked for in the working folder too. The first Ctrl-C lets the running task end, the second one\n"
        "ends the process at once. --json prints {exit_code} at the end.",
        _arguments, _worker,
    )
}  # fmt: skip
