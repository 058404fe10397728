"""The verb ``export``: tasks or log lines into a file, whole or not there at all."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from prismq_gui.commands.arguments import (
    add_database,
    add_filters,
    add_query,
    database_path,
    file_argument,
    names,
    order,
    parsed,
    task_filter,
)
from prismq_gui.commands.command import Command, Exit, UsageError
from prismq_gui.commands.output import json_line, say, visible_line
from prismq_gui.commands.progress import bar, stoppable
from prismq_gui.insight.filters import LogFilter, TaskFilter, TaskOrder
from prismq_gui.insight.language_fields import Table
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.operations.export import export
from prismq_gui.operations.export_records import ExportFormat, ExportReport, ExportWish, format_of


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_query(parser)
    add_database(parser)
    add_filters(parser)
    parser.add_argument("--out", type=file_argument, required=True, metavar="FILE", help="the file to write")
    parser.add_argument(
        "--format", choices=[each.value for each in ExportFormat], help="default: what the name of the file says"
    )
    parser.add_argument("--logs", action="store_true", help="export log lines; FILTER is of lines then")
    parser.add_argument(
        "--level", action="append", default=[], metavar="NAME[,NAME…]", help="with --logs: lines of these levels"
    )
    parser.add_argument(
        "--sort", type=order, default=TaskOrder(), metavar="COLUMN[:asc|desc]", help="default: id, the newest first"
    )
    parser.add_argument("--overwrite", action="store_true", help="write over a file of this name")


def _export(options: argparse.Namespace) -> int:
    with stoppable() as should_stop, bar("export") as shown:
        report = export(
            database_path(options),
            ExportWish(_filter(options), options.out, _format(options), options.sort, options.overwrite),
            on_progress=lambda progress: shown(progress.fraction, 1.0, f"{progress.rows:,} rows"),
            should_stop=should_stop,
        )
    if report.problem is not None:
        raise ProblemError(report.problem)
    if report.stopped:
        nothing = "No file was written; the queue was not changed."
        raise ProblemError(Problem(ProblemKind.INTERRUPTED, "The export was stopped", str(options.out), nothing, ""))
    if options.json:
        say(json_line(_as_object(report)))
    else:
        say(visible_line(report.sentence))
    return Exit.OK if report.rows else Exit.NOTHING


def _filter(options: argparse.Namespace) -> TaskFilter | LogFilter:
    if not options.logs:
        if options.level:
            raise UsageError("--level is of log lines: add --logs")
        return task_filter(options)
    if options.status or options.type:
        raise UsageError("--status and --type are of tasks: leave out --logs")
    return LogFilter(names(options.level), options.text, None, parsed(options.words, Table.LOGS))


def _format(options: argparse.Namespace) -> ExportFormat:
    if options.format is not None:
        return ExportFormat(options.format)
    found = format_of(Path(options.out))
    if found is None:
        known = ", ".join(each.value for each in ExportFormat)
        raise UsageError(f"the name of the file doesn't say what is wanted: give --format, one of {known}")
    return found


def _as_object(report: ExportReport) -> dict[str, object]:
    return {
        "file": str(report.target),
        "rows": report.rows,
        "rows_beside": report.lines,
        "bytes": report.size_bytes,
        "gone": report.gone,
        "refused": report.refused,
        "cut": report.cut_count,
        "cut_ids": list(report.cut),
        "without_logs": report.without_logs,
        "elapsed_s": round(report.elapsed_s, 3),
    }


COMMANDS: Final = {
    "export": Command(
        "Write tasks, or log lines, into a CSV, JSON or NDJSON file, or (sqlite) into a queue file of its own with\n"
        "all log lines of the tasks. It has its name only once it is whole. --json prints one object {file, rows, …}.",
        _arguments, _export,
    )
}  # fmt: skip
