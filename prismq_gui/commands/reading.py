"""The verbs that show tasks: ``list`` and ``show``. They read alone, in short statements."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

from prismq_gui.commands.arguments import (
    add_database,
    add_filters,
    add_query,
    count,
    database_path,
    order,
    task_filter,
    task_id,
)
from prismq_gui.commands.attempts import print_timeline, timeline_object
from prismq_gui.commands.command import Command, Exit
from prismq_gui.commands.output import cell, fields_of, json_line, note, print_table, say, visible_block, whole
from prismq_gui.insight.filters import TaskFilter, TaskOrder
from prismq_gui.insight.messages import TaskDetail, TaskRow, TextPreview
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.states import state_sentence
from prismq_gui.insight.timeline import Timeline, read_timeline
from prismq_gui.queue.timestamps import now_utc

_ROWS_AT_ONCE = 500
_TITLES = ("id", "status", "type", "priority", "attempts", "due (UTC)", "worker", "error")


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    add_query(parser)
    add_database(parser)
    add_filters(parser)
    parser.add_argument(
        "--sort", type=order, default=TaskOrder(), metavar="COLUMN[:asc|desc]", help="default: id, the newest first"
    )
    parser.add_argument("--limit", type=count, default=50, metavar="N", help="at most N tasks; 0 is all; default 50")


def _list(options: argparse.Namespace) -> int:
    wanted = task_filter(options)
    with closing(QueueReader(database_path(options))) as reader:
        reader.open()
        rows = _rows(reader, wanted, options)
        if options.json:
            shown = 0
            for shown, row in enumerate(rows, 1):  # noqa: B007 - it is the count afterwards
                say(json_line(fields_of(row)))
        else:
            shown = print_table(_TITLES, map(_cells, rows), right=(0, 3))
    if not shown:
        if not options.json:
            note("No task matches." if not wanted.is_empty else "The queue is empty.")
        return Exit.NOTHING
    if shown == options.limit and not options.json:
        note(f"The first {shown:,}; --limit 0 shows all.")
    return Exit.OK


def _rows(reader: QueueReader, wanted: TaskFilter, options: argparse.Namespace) -> Iterator[TaskRow]:
    left = options.limit or None
    for chunk in reader.scan_tasks(wanted, options.sort):
        for at in range(0, len(chunk.ids), _ROWS_AT_ONCE):
            ids = chunk.ids[at : at + _ROWS_AT_ONCE][:left]
            found = reader.task_rows(ids)
            yield from found.values()
            if left is not None:
                left -= len(found)
                if left <= 0:
                    return


def _cells(row: TaskRow) -> tuple[str, ...]:
    tried = f"{cell(row.attempts)} of {cell(row.max_attempts)}"
    error = "" if row.error_message is None else _beginning(cell(row.error_message).partition("⏎")[0], 100)
    worker = "" if row.locked_by is None else cell(row.locked_by)
    status, kind = _beginning(cell(row.status), 24), _beginning(cell(row.type), 40)
    due = cell(row.run_after_utc)
    due = due[:19] if len(due) > 19 and due[:4].isdigit() else due
    return str(row.id), status, kind, cell(row.priority), tried, due, _beginning(worker, 40), error


def _beginning(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=task_id, metavar="ID", help="the task's id")
    add_database(parser)


def _show(options: argparse.Namespace) -> int:
    with closing(QueueReader(database_path(options))) as reader:
        reader.open()
        detail = reader.task_detail(options.id)
        now = now_utc()
        timeline = reader.ask(lambda connection, layout: read_timeline(connection, layout, options.id, now))
    if detail is None or timeline is None:
        if not options.json:
            note(f"There is no task {options.id}.")
        return Exit.NOTHING
    if options.json:
        say(json_line(_as_object(detail) | {"timeline": timeline_object(timeline)}))
    else:
        _print_detail(detail, timeline)
    return Exit.OK


def _as_object(detail: TaskDetail) -> dict[str, Any]:
    task = fields_of(detail.row)
    for name in ("payload", "compatibility", "error"):
        preview: TextPreview = getattr(detail, name)
        task["error_message" if name == "error" else name] = None if preview.kind == "null" else preview.text
    task["cut"] = [name for name in ("payload", "compatibility", "error") if getattr(detail, name).truncated]
    task["region"], task["format"] = detail.region, detail.format
    task["state"] = state_sentence(detail.row, now_utc(), detail.worker)
    task["logs"] = [fields_of(log) for log in detail.logs]
    task["logs_truncated"] = detail.logs_truncated
    task["worker"] = None if detail.worker is None else fields_of(detail.worker)
    return task


def _print_detail(detail: TaskDetail, timeline: Timeline) -> None:
    row = detail.row
    say(f"Task {row.id}: {cell(state_sentence(row, now_utc(), detail.worker))}")
    say()
    for name in TaskRow.__slots__[1:]:
        value = getattr(row, name)
        if value is not None and name != "error_message":
            say(f"  {name:24}{cell(value)}")
    print_timeline(timeline)
    for title, preview in (
        ("payload", detail.payload), ("compatibility", detail.compatibility), ("error", detail.error)
    ):  # fmt: skip
        if preview.kind == "null" or not preview.size_bytes:
            continue
        more = f" (the beginning of {preview.size_bytes:,} bytes)" if preview.truncated else ""
        say(f"\n{title}{more}:")
        say("\n".join(f"  {line}" for line in visible_block(preview.text).split("\n")))
    if detail.logs:
        say("\nlog (the newest 500 lines):" if detail.logs_truncated else "\nlog:")
    for log in detail.logs:
        details = "" if log.details is None else f"  {whole(log.details)}"
        text = f"{cell(log.at_utc)}  {cell(log.level):8}{whole(log.message)}{details}"
        say("\n    ".join(f"  {text}".split("\n")))


COMMANDS: Final = {
    "list": Command(
        "List tasks, the newest first unless told else: all, or those that a filter names.\n"
        "A filter that begins with a minus stands after --: list -- -status:completed\n"
        "--json prints one object a task and line: the columns as the file holds them, but for the payload.",
        _list_arguments, _list,
    ),
    "show": Command(
        "Show all there is to know of a task: its state in a sentence, columns, the timeline of its attempts with\n"
        "waits, durations and what is doubtful, payload, error, log, worker.\n"
        "--json prints one object; texts are cut at 64 KiB, 'cut' names those that were.",
        _show_arguments, _show,
    ),
}  # fmt: skip
