"""The verb that runs tasks: a worker as a process of its own."""

from __future__ import annotations

import argparse
from typing import Final

from prismq_gui.commands.arguments import add_database, add_durable, count, grace, seconds
from prismq_gui.commands.command import Command, UsageError
from prismq_gui.commands.output import json_line, say

_STRATEGIES: Final = ("priority", "fifo", "lifo", "weighted-random")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("registry", nargs="?", metavar="MODULE:NAME", help="the HandlerRegistry to use")
    parser.add_argument("--handlers", metavar="MODULE:NAME", help="the same, as an option")
    add_database(parser)
    parser.add_argument("--id", metavar="NAME", help="name of this worker; default: host and process")
    parser.add_argument("--capabilities", metavar="JSON", help='what it can do, for example {"region": "eu"}')
    parser.add_argument("--lease", type=seconds, default=60.0, metavar="SECONDS", help="length of a lease; default 60")
    parser.add_argument(
        "--concurrency", type=count, default=1, metavar="N", help="how many tasks run at a time, 1 to 256; default 1"
    )
    parser.add_argument(
        "--isolation", choices=("thread", "process"), default="thread",
        help="where handlers run that don't say: in a thread of the worker (default), or in a process that can be "
        "ended by force",
    )  # fmt: skip
    parser.add_argument(
        "--grace", type=grace, default=5.0, metavar="SECONDS",
        help="how long running tasks may go on once the worker is told to stop; default 5, 0 is not at all",
    )  # fmt: skip
    parser.add_argument(
        "--strategy", type=str.lower, choices=_STRATEGIES, default="priority",
        help="which task is next of those that are due; default priority",
    )  # fmt: skip
    parser.add_argument(
        "--no-log-lines", action="store_true",
        help="write no lines that a task was started and completed; results, retries and errors keep theirs",
    )  # fmt: skip
    add_durable(parser)
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
                until_stdin_closes=options.until_stdin_closes, concurrency=options.concurrency,
                isolation=options.isolation, grace_s=options.grace, strategy=options.strategy.replace("-", "_"),
                log_lines=not options.no_log_lines, durable=options.durable,
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
        "MODULE is looked for in the working folder too.\n"
        "The first Ctrl-C: no further task is taken, and running tasks may end within the grace time; then they are\n"
        "given back, uncounted. The second one: they are given back at once. What a handler in a thread that does not\n"
        "listen still holds is given back 4 s later, and the process ends with code 1. The third one ends the process\n"
        "now; its tasks run again when their leases are over. --json prints {exit_code} at the end.",
        _arguments, _worker,
    )
}  # fmt: skip
