"""The verb ``search``: a text in all tasks and all log lines, and the index that finds it sooner."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from prismq_gui.cache_folder import cache_folder
from prismq_gui.commands.arguments import add_database, count, database_path
from prismq_gui.commands.command import Command, Exit, UsageError
from prismq_gui.commands.output import cell, fields_of, json_line, note, say, visible_line
from prismq_gui.commands.progress import Bar, bar, stoppable
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.search import Hit, HitChunk, SearchKind, search
from prismq_gui.insight.search_build import IndexBuilder
from prismq_gui.insight.search_index import LIMIT_BYTES, IndexState, IndexStatus, drop, status

_BAR_AFTER_S = 0.3  # without a hit
_COLUMNS: Final = {"error_message": "error", "idempotency_key": "key", "locked_by": "worker"}
_MIB: Final = 1024 * 1024


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", metavar="TEXT", help="taken literally; a to z and A to Z are the same")
    add_database(parser)
    parser.add_argument("--tasks", action="store_true", help="only tasks: error, payload, type, key, worker, id")
    parser.add_argument("--logs", action="store_true", help="only log lines: message and details")
    parser.add_argument("--limit", type=count, default=50, metavar="N", help="at most N hits; 0 is all; default 50")
    parser.add_argument("--no-index", action="store_true", help="read the queue alone, even where it has an index")
    parser.add_argument(
        "--index", choices=("status", "build", "drop"),
        help="instead of a search: tell how it stands with the queue's index, build it whole, or delete it",
    )  # fmt: skip
    parser.add_argument(
        "--index-limit", type=count, default=LIMIT_BYTES // _MIB, metavar="MIB",
        help=f"the most that a built index takes; default {LIMIT_BYTES // _MIB}",
    )  # fmt: skip


def _search(options: argparse.Namespace) -> int:
    if options.index is not None:
        if options.text is not None:
            raise UsageError("--index takes no TEXT")
        return _index(options)
    if options.text is None or not options.text.strip():
        raise UsageError("a TEXT to look for is expected, or --index")
    kinds = [kind for kind, asked in ((SearchKind.TASKS, options.tasks), (SearchKind.LOGS, options.logs)) if asked]
    folder = None if options.no_index else cache_folder()
    with closing(QueueReader(database_path(options))) as reader, stoppable() as should_stop:
        reader.open()
        chunks = search(
            reader.connection, reader.layout(), options.text, kinds or tuple(SearchKind), index_folder=folder,
            should_stop=should_stop,
        )  # fmt: skip
        with closing(chunks):
            shown, last = _show(reader, chunks, options)
    return _end(options, shown, last)


def _show(reader: QueueReader, chunks: Iterable[HitChunk], options: argparse.Namespace) -> tuple[int, HitChunk]:
    """Print hits as they are found; return how many, and the last chunk."""
    shown, said, chunk = 0, time.monotonic(), HitChunk()
    progress = _bar()
    try:
        for chunk in chunks:
            hits = chunk.hits[: options.limit - shown] if options.limit else chunk.hits
            if hits:
                progress.close()
                progress = _bar()
                for line in _lines(reader, hits, as_json=options.json):
                    say(line)
                sys.stdout.flush()
                shown, said = shown + len(hits), time.monotonic()
            elif time.monotonic() - said > _BAR_AFTER_S:
                progress(chunk.progress, 1.0, f"{chunk.progress:.0%}")
            if options.limit and shown >= options.limit:
                break
    finally:
        progress.close()
    return shown, chunk


def _bar() -> Bar:
    return Bar("searching", shown=sys.stderr.isatty())


def _lines(reader: QueueReader, hits: Sequence[Hit], *, as_json: bool) -> list[str]:
    ids = [hit.id for hit in hits]
    is_log = hits[0].kind is SearchKind.LOGS
    logs = reader.log_rows(ids) if is_log else {}
    tasks = {} if is_log else reader.task_rows(ids)
    lines = []
    for hit in hits:
        log, task = logs.get(hit.id), tasks.get(hit.id)
        if as_json:
            fields = fields_of(hit)
            lines.append(json_line(fields if log is None else fields | {"task_id": log.task_id}))
            continue
        row = ""
        if log is not None:
            row = f"{cell(log.at_utc)}  {cell(log.level):8}#{cell(log.task_id):<8} "
        elif task is not None:
            row = f"{cell(task.status):12} {cell(task.type):20} "
        name = _COLUMNS.get(hit.column, hit.column)
        cut = "…" if hit.at > hit.start else ""
        lines.append(f"{'log' if is_log else 'task'} {hit.id:<9} {row}{name}: {cut}{visible_line(hit.snippet)}")
    return lines


def _end(options: argparse.Namespace, shown: int, last: HitChunk) -> int:
    if last.was_stopped:
        note(f"Stopped; {last.progress:.0%} was looked at.")
        return Exit.INTERRUPTED
    if not shown:
        if not options.json:
            note("Nothing holds this text.")
        return Exit.NOTHING
    if shown == options.limit and not last.done and not options.json:
        note(f"The first {shown:,}; --limit 0 shows all.")
    return Exit.OK


def _index(options: argparse.Namespace) -> int:
    path, folder = database_path(options), cache_folder()
    if folder is None:
        what = "There is no folder for an index: the account has no home"
        raise ProblemError(Problem(ProblemKind.NOT_FOUND, what, "", "Nothing was changed.", "Search without an index."))
    if options.index == "drop":
        return _drop(path, folder, options)
    if options.index == "build":
        with bar("indexing") as progress, stoppable() as should_stop:
            found = _build(path, folder, options.index_limit * _MIB, progress, should_stop)
            stopped = should_stop()
    else:
        with closing(QueueReader(path)) as reader:
            reader.open()  # a file that is no queue has no index either, and is told so
        found, stopped = status(path, folder), False
    if options.json:
        say(json_line(fields_of(found)))
    else:
        _print_status(found)
    if stopped:
        return Exit.INTERRUPTED
    return _BUILD_EXITS.get(found.state, Exit.OK) if options.index == "build" else Exit.OK


_BUILD_EXITS: Final = {
    IndexState.ELSEWHERE: Exit.BUSY,
    IndexState.NO_ROOM: Exit.PROBLEM,
    IndexState.UNAVAILABLE: Exit.PROBLEM,
}


def _build(path: Path, folder: Path, limit_bytes: int, progress: Bar, should_stop: Callable[[], bool]) -> IndexStatus:
    builder = IndexBuilder(path, folder, share=1.0, limit_bytes=limit_bytes)

    def show(now: IndexStatus) -> None:
        progress((now.tasks_share + now.logs_share) / 2, 1.0, f"{now.size_bytes / _MIB:,.0f} MiB")

    return builder.run(should_stop=should_stop, wait=lambda _seconds: None, on_status=show, until_complete=True)


def _drop(path: Path, folder: Path, options: argparse.Namespace) -> int:
    gone = drop(path, folder)
    if options.json:
        say(json_line({"dropped": gone}))
    else:
        say(
            "The index is deleted." if gone else "Another program has the index open, and deletes it when it sees this."
        )
    return Exit.OK


def _print_status(found: IndexStatus) -> None:
    say(f"index     {found.state.value}")
    if found.state is not IndexState.OFF:
        say(f"tasks     {found.tasks_share:.1%}")
        say(f"log lines {found.logs_share:.1%}")
        say(f"size      {found.size_bytes:,} bytes, limit {found.limit_bytes:,}")
        say(f"file      {visible_line(str(found.path))}")
    if found.note:
        note(found.note)


COMMANDS: Final = {
    "search": Command(
        "Look for a text in all tasks and all log lines, the newest first, as they are found. With an index\n"
        "(--index build) rare texts are found at once; the rest of the file is still looked at, unless it is proven\n"
        "to be unchanged, so the answer is the same. --json prints one object a hit.",
        _arguments, _search,
    )
}  # fmt: skip
