"""The verb ``enqueue``: one task, or one a line, into a queue that is there (or, if asked, into a new one)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prismq_gui.commands.arguments import add_database, add_durable, database_path, file_argument, moment, span
from prismq_gui.commands.command import Command, Exit, UsageError
from prismq_gui.commands.output import json_line, say
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind

if TYPE_CHECKING:
    from prismq_gui.queue.client import QueueClient

_MOST_BYTES = 2 * 1024 * 1024  # read of a payload; the queue itself refuses more than it allows


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("type", nargs="?", metavar="TYPE", help="what kind of task it is")
    parser.add_argument("payload", nargs="?", metavar="JSON", help="an object or list; - reads stdin; default {}")
    parser.add_argument("--payload-file", type=file_argument, metavar="PATH", help="read the payload from a file")
    parser.add_argument(
        "--lines", metavar="PATH",
        help="put in a task for each line of a file, or of stdin (-); with TYPE a line is a payload, else an object "
        "with type, payload, priority, run_after or delay_s, max_attempts, compatibility, idempotency_key",
    )  # fmt: skip
    parser.add_argument(
        "--all-or-nothing", action="store_true",
        help="put in all lines in one transaction, which holds up other writers until the last line; else by thousands",
    )  # fmt: skip
    add_database(parser)
    parser.add_argument("--priority", type=int, default=100, metavar="N", help="lower runs first; default 100")
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--delay", type=span, metavar="SPAN", help="not before this time has passed: 90s, 15m, 2h, 7d")
    when.add_argument("--at", type=moment, metavar="TIME", help="not before this moment, UTC unless it has an offset")
    parser.add_argument("--max-attempts", type=int, default=5, metavar="N", help="how often it may be tried; default 5")
    parser.add_argument("--compatibility", metavar="JSON", help="what a worker must offer")
    parser.add_argument("--key", metavar="TEXT", help="idempotency key: at most one task has it")
    add_durable(parser)
    parser.add_argument("--create", action="store_true", help="make the queue file where there is none")


def _run(options: argparse.Namespace) -> int:
    if options.lines is not None:
        return _enqueue_lines(options)
    if options.type is None or options.all_or_nothing:
        raise UsageError("--all-or-nothing goes with --lines" if options.type else "a TYPE is needed, or --lines")
    return _enqueue(options)


@contextmanager
def _client(options: argparse.Namespace) -> Iterator[QueueClient]:
    from prismq_gui.queue.client import QueueClient  # noqa: PLC0415 - after the arguments are known to be right
    from prismq_gui.queue.database import QueueDatabase  # noqa: PLC0415

    path = database_path(options)
    is_new = options.create and not path.exists()
    if not is_new:
        _check(path)
    with closing(QueueDatabase(path, synchronous="FULL" if options.durable else None)) as database:
        if is_new:
            database.initialize_schema()
        yield QueueClient(database)


def _enqueue_lines(options: argparse.Namespace) -> int:
    from prismq_gui.commands.ndjson import TaskLines, defaults, opened  # noqa: PLC0415 - one task needs none of it
    from prismq_gui.queue.client_results import EnqueueManyError  # noqa: PLC0415

    if options.payload is not None or options.payload_file is not None or options.key:
        raise UsageError("with --lines the payloads and keys are in the lines")
    common = defaults(options, run_after=options.delay or options.at, compatibility=_object(options.compatibility))
    with opened(options.lines) as source, _client(options) as client:
        lines = TaskLines(source, common)
        try:
            result = client.enqueue_many(lines, in_one_transaction=options.all_or_nothing)
        except EnqueueManyError as error:
            cause = error.__cause__
            reason = str(cause) if isinstance(cause, UsageError) else error.reason
            raise UsageError(f"line {lines.number:,} of {options.lines}: {reason}. {error.kept}") from error
        path = client.database.db_path
    if options.json:
        say(json_line({"created": result.created, "existing": result.existing, "path": path}))
    else:
        more = f"; {result.existing:,} exist already with their key" if result.existing else ""
        say(f"{result.created:,} tasks were put into the queue{more}.")
    return Exit.OK


def _enqueue(options: argparse.Namespace) -> int:
    payload = _payload(options)
    run_after: datetime | timedelta | None = options.delay or options.at
    with _client(options) as client:
        path = client.database.db_path
        try:
            result = client.enqueue(
                options.type, payload, priority=options.priority, run_after=run_after,
                max_attempts=options.max_attempts, compatibility=_object(options.compatibility),
                idempotency_key=options.key,
            )  # fmt: skip
        except ValueError as error:
            raise UsageError(str(error)) from error
    if options.json:
        say(json_line({"task_id": result.task_id, "created": result.created, "path": path}))
    else:
        said = "was put into the queue" if result.created else "exists already with this key; nothing was added"
        say(f"Task {result.task_id} {said}.")
    return Exit.OK


def _payload(options: argparse.Namespace) -> str:
    if options.payload_file is not None:
        if options.payload is not None:
            raise UsageError("give the payload once: as an argument or in a file")
        return read_file(options.payload_file)
    if options.payload != "-":
        return options.payload if options.payload is not None else "{}"
    if sys.stdin is None:
        raise UsageError("there is no stdin to read the payload from")
    return _decoded(sys.stdin.buffer.read(_MOST_BYTES), "stdin")


def read_file(path: Path) -> str:
    """Return a payload from a file.

    Raises:
        UsageError: It cannot be read, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            return _decoded(file.read(_MOST_BYTES), str(path))
    except OSError as error:
        raise UsageError(f"the payload cannot be read from {path}: {error.strerror or error}") from error


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"the payload from {name} is not UTF-8") from error


def _object(text: str | None) -> dict[str, object] | None:
    if text is None:
        return None
    import json  # noqa: PLC0415 - seldom needed

    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--compatibility is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise UsageError("--compatibility must be a JSON object")
    return value


def _check(path: Path) -> None:
    """Look whether the file is a queue that may be written, before a writing connection opens it.

    Raises:
        ProblemError: It is not.
    """
    from prismq_gui.insight.reader import QueueReader  # noqa: PLC0415 - not for a new file

    with closing(QueueReader(path)) as reader:
        facts = reader.open()
    if facts.write_refusal:
        problem = Problem(
            ProblemKind.READ_ONLY, facts.write_refusal.rstrip("."), str(path), "Nothing was changed.", ""
        )  # fmt: skip
        raise ProblemError(problem)


COMMANDS: Final = {
    "enqueue": Command(
        "Put a task into the queue. The file must be there, so that a mistyped name makes no new one (see --create).\n"
        "--json prints one object {task_id, created, path}; created is false where a task has the key already;\n"
        "with --lines it prints {created, existing, path}, with the numbers of tasks.",
        _arguments, _run,
    )
}  # fmt: skip
