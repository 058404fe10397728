"""The verbs ``bring-back`` and ``remove-worker``: what comes into a queue from a backup, and whom nobody hears of."""

from __future__ import annotations

import argparse
from array import array
from contextlib import closing
from typing import Final

from prismq_gui.commands.arguments import add_database, database_path, file_argument, span
from prismq_gui.commands.changing import (
    PLAN_JSON,
    add_consent,
    add_journal,
    change,
    chosen_tasks,
    task_arguments,
)
from prismq_gui.commands.command import Command, UsageError
from prismq_gui.insight.hearing import SILENT_AFTER_S
from prismq_gui.operations.bring_back import bring_back
from prismq_gui.operations.messages import Selected, Target, Workers
from prismq_gui.operations.removal import remove_workers


def _bring_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("backup", type=file_argument, metavar="BACKUP", help="the file that the tasks come from")
    task_arguments(parser)
    parser.add_argument(
        "--missing", action="store_true", help="all tasks of the backup that the queue no longer has (see compare)"
    )
    parser.add_argument("--no-logs", action="store_true", help="leave their log lines out")


def _bring(options: argparse.Namespace) -> int:
    if not options.missing:
        target: Target = chosen_tasks(options)
    elif options.words or options.all or options.status or options.type or options.text:
        raise UsageError("--missing chooses the tasks by itself: leave ids, filter and --all out")
    else:
        target = Selected(_missing(options))
    return change(bring_back(options.backup, with_logs=not options.no_logs), options, target)


def _missing(options: argparse.Namespace) -> array[int]:
    from prismq_gui.insight.compare import FileComparison  # noqa: PLC0415 - only where it is asked for

    with closing(FileComparison(options.backup, database_path(options))) as comparison:
        comparison.open()
        return comparison.run().vanished.ids


def _worker_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="+", metavar="WORKER", help="the workers, by their names")
    add_database(parser)
    parser.add_argument(
        "--silent-after", type=span, metavar="SPAN", help="who counts as silent; default 2m. Others are left alone"
    )
    add_consent(parser)
    add_journal(parser)
    parser.add_argument(
        "--no-undo", action="store_true",
        help="keep nothing to undo it with; needed where the journal cannot be written",
    )  # fmt: skip


def _remove(options: argparse.Namespace) -> int:
    silent_after_s = SILENT_AFTER_S if options.silent_after is None else options.silent_after.total_seconds()
    return change(remove_workers(silent_after_s=silent_after_s), options, Workers(tuple(options.names)))


COMMANDS: Final = {
    "bring-back": Command(
        "Bring tasks back from a backup, as they were there, with their log lines: under their old ids where these\n"
        f"are free. ID and FILTER choose in the backup.\n{PLAN_JSON}",
        _bring_arguments, _bring,
    ),
    "remove-worker": Command(
        "Take workers off the list that have been silent for long; what they hold is named and stays theirs until\n"
        f"its lease is over.\n{PLAN_JSON}",
        _worker_arguments, _remove,
    ),
}  # fmt: skip
