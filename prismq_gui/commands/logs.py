"""The verb ``logs``: the last lines of the log, and those that come."""

from __future__ import annotations

import argparse
import sys
import time
from array import array
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from prismq_gui.commands.arguments import (
    add_database,
    add_query,
    count,
    database_path,
    looks_like_an_id,
    names,
    parsed,
    task_id,
)
from prismq_gui.commands.command import Command, Exit, UsageError
from prismq_gui.commands.output import cell, fields_of, json_line, note, say, whole
from prismq_gui.insight.filters import LogFilter
from prismq_gui.insight.messages import Change, LogRow
from prismq_gui.insight.problems import ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader

LOOK_EVERY_S = 0.25  # a look at an unchanged file takes microseconds
_ROWS_AT_ONCE = 500
_NEW_AT_ONCE = 10_000
_PASSING = (ProblemKind.BUSY, ProblemKind.LOCKED, ProblemKind.TOO_SLOW)


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_query(parser, also="the id of a task, whose log it is; after it, or instead, ")
    add_database(parser)
    parser.add_argument("--level", action="append", default=[], metavar="NAME[,NAME…]", help="lines of these levels")
    parser.add_argument("--text", default="", metavar="TEXT", help="lines that hold this text, taken literally")
    parser.add_argument("--lines", type=count, default=50, metavar="N", help="the last N lines; 0 is all; default 50")
    parser.add_argument("--follow", "-f", action="store_true", help="go on with the lines that come, until Ctrl-C")


def _logs(options: argparse.Namespace) -> int:
    path = database_path(options)
    wanted = _filter(options)
    with closing(QueueReader(path)) as reader:
        reader.open()
        newest = reader.newest_log_id()
        shown = _print(reader, _last(reader, wanted, options.lines, newest), options)
        if options.follow:
            sys.stdout.flush()
            try:
                _follow(reader, path, wanted, newest, options)
            except KeyboardInterrupt:
                return Exit.OK  # that is how following ends
    if not shown and not options.follow:
        if not options.json:
            note("There is no such line in the log.")
        return Exit.NOTHING
    return Exit.OK


def _filter(options: argparse.Namespace) -> LogFilter:
    """Return the filter that the arguments name; a first word that is a number is the id of a task.

    Raises:
        UsageError: The filter cannot be read, or the id is none.
    """
    words, owner = list(options.words), None
    if words and looks_like_an_id(words[0]):
        try:
            owner = task_id(words.pop(0))
        except argparse.ArgumentTypeError as error:
            raise UsageError(str(error)) from None
    from prismq_gui.insight.language_fields import Table  # noqa: PLC0415 - it costs what starting must not

    query = parsed(words, Table.LOGS)
    return LogFilter(tuple(name.upper() for name in names(options.level)), options.text, owner, query)


def _last(reader: QueueReader, wanted: LogFilter, lines: int, newest: int) -> Sequence[int]:
    """Return the ids of the last matching lines, ascending: looked for in ever larger stretches from the end."""
    if not lines or _is_of_few_tasks(wanted):
        last: deque[int] = deque(maxlen=lines or None)
        for chunk in reader.scan_logs(wanted):
            last.extend(each for each in chunk.ids if each <= newest)
        return array("q", last)
    stretch = max(lines, _ROWS_AT_ONCE)
    while True:
        found = reader.logs_after(wanted, newest - stretch, stretch)
        found = array("q", [each for each in found if each <= newest])
        if len(found) >= lines or stretch >= newest:
            return found[-lines:]
        stretch *= 8


def _is_of_few_tasks(wanted: LogFilter) -> bool:
    """Return whether an index gives the lines, so that there is no need to look from the end."""
    if wanted.query is None or wanted.task_id is not None:
        return wanted.task_id is not None
    from prismq_gui.insight.language_choice import Choice  # noqa: PLC0415 - only where there is a filter

    return Choice(wanted.query).tasks() is not None


def _print(reader: QueueReader, ids: Sequence[int], options: argparse.Namespace) -> int:
    shown = 0
    for at in range(0, len(ids), _ROWS_AT_ONCE):
        for row in reader.log_rows(ids[at : at + _ROWS_AT_ONCE]).values():
            say(json_line(fields_of(row)) if options.json else _line(row))
            shown += 1
    return shown


def _line(row: LogRow) -> str:
    details = "" if row.details in (None, "") else f"  {whole(row.details)}"
    text = f"{cell(row.at_utc)}  {cell(row.level):8}#{cell(row.task_id):<8} {whole(row.message)}{details}"
    return "\n    ".join(text.split("\n")) + (" …" if row.truncated else "")


def _follow(reader: QueueReader, path: Path, wanted: LogFilter, last: int, options: argparse.Namespace) -> None:
    """Print the lines that come, until interrupted; a file that is busy, gone or replaced is waited for."""
    told = ""
    while True:
        try:
            change = reader.check()
            if change is Change.REPLACED:
                note(f"The file was replaced and is read anew: {path}")
                reader.open()
                last = 0
            if change is not Change.MISSING:
                last = _print_new(reader, wanted, last, options)
            trouble = f"The file is gone; it is waited for: {path}" if change is Change.MISSING else ""
        except ProblemError as error:
            if error.problem.kind not in (*_PASSING, ProblemKind.MISSING, ProblemKind.NOT_FOUND):
                raise
            trouble = error.problem.sentence()
        if trouble and trouble != told:
            note(trouble)
        told = trouble
        time.sleep(LOOK_EVERY_S)  # a file tells nobody that it changed: it is looked at again


def _print_new(reader: QueueReader, wanted: LogFilter, last: int, options: argparse.Namespace) -> int:
    newest = reader.newest_log_id()
    while last < newest:
        ids = reader.logs_after(wanted, last, _NEW_AT_ONCE)
        _print(reader, ids, options)
        last = ids[-1] if len(ids) == _NEW_AT_ONCE else max(newest, ids[-1] if ids else 0)
    sys.stdout.flush()
    return last


COMMANDS: Final = {
    "logs": Command(
        "Show the last lines of the log, of all tasks or of one, the newest at the end; --follow goes on with those\n"
        "that come. --json prints one object a line of the log.",
        _arguments, _logs,
    )
}  # fmt: skip
