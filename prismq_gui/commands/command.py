"""What a verb is, which verbs there are, and how one is run to its exit code.

Owns the table of verbs, the parser they share and the translation of errors to exit codes. Imports nothing that the
verb asked for does not need: starting is a tenth of a second, and this is most of it.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Final, NamedTuple, NoReturn

from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind


class Exit(IntEnum):
    """The exit codes; what they mean is part of the command line's contract."""

    OK = 0
    PROBLEM = 1  # told on stderr
    USAGE = 2
    BUSY = 3  # others held the file; nothing was changed, try again
    NOTHING = 4  # nothing matched; doctor: something is wrong
    DECLINED = 5  # the question was answered with no
    INTERRUPTED = 130  # Ctrl-C, as shells count it


EXIT_CODES: Final = (
    "exit codes: 0 done, 1 a problem, 2 wrong use, 3 busy (try again), 4 nothing matched, or the\n"
    "doctor found a fault, 5 not confirmed, 130 interrupted"
)


class Command(NamedTuple):
    """A verb: what it says of itself, its arguments, and what it does with them."""

    description: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


class UsageError(Exception):
    """The arguments do not fit together; the text says how."""


VERBS: Final[dict[str, tuple[str, str]]] = {
    "list": ("reading", "list tasks, filtered and sorted"),
    "show": ("reading", "show all there is to know of a task"),
    "explain": ("explaining", "say why a task is not running"),
    "next": ("explaining", "show what a worker would take next"),
    "logs": ("logs", "show the log lines, and follow them"),
    "search": ("searching", "find a text in all tasks and log lines"),
    "stats": ("stats", "depth, throughput, success, waiting and running times, workers"),
    "workers": ("watching", "who is alive, what each worker holds, can and has done"),
    "doctor": ("doctor", "look for what is wrong with a queue, and say what mends it"),
    "failures": ("failures", "failed and dead tasks by cause, and what those of one cause share"),
    "compare": ("comparing", "what differs between two queue files, such as a queue and its backup"),
    "enqueue": ("enqueueing", "put a task into the queue"),
    "retry": ("retrying", "queue failed, dead or cancelled tasks again, spread or a few first"),
    "cancel": ("changing", "cancel waiting tasks"),
    "release": ("changing", "take running tasks from their workers and queue them again"),
    "delete": ("changing", "delete tasks with their log lines"),
    "priority": ("changing", "give tasks another priority"),
    "run-now": ("changing", "make waiting tasks due at once"),
    "run-at": ("changing", "put waiting tasks off until a moment"),
    "edit": ("editing", "change what tasks ask for: payload, compatibility, limit of attempts"),
    "duplicate": ("editing", "put tasks into the queue that are like those that are there"),
    "bring-back": ("bringing", "bring chosen tasks back from a backup"),
    "remove-worker": ("bringing", "take silent workers off the list"),
    "history": ("history", "list what was done to tasks, and what became of it"),
    "undo": ("history", "take an operation back"),
    "finish": ("history", "do the rest of an operation that was stopped or interrupted"),
    "export": ("exporting", "write tasks or log lines into a file: CSV, JSON, NDJSON, SQLite"),
    "vacuum": ("keeping", "rewrite the file without its free pages"),
    "backup": ("keeping", "copy the queue to another file while it is used"),
    "verify": ("caring", "look whether a backup is whole"),
    "restore": ("caring", "give the queue the content of a backup"),
    "worker": ("working", "run tasks of a queue without a window"),
    "demo": ("showing", "a live demo: a queue in a temporary folder, real workers, and the window on it"),
    "completion": ("completing", "print the completion script of a shell"),
    "demo-producer": ("showing", ""),
}
"""Each verb with the module that holds it and one line of help; one without help is not shown."""

CHANGING: Final = frozenset(
    {
        "enqueue", "retry", "cancel", "release", "delete", "priority", "run-now", "run-at", "edit",
        "duplicate", "bring-back", "remove-worker", "undo", "finish", "vacuum", "backup", "restore",
    }
)  # fmt: skip
"""The verbs whose result must not be taken for done where nobody could read it."""

_KINDS: Final = {ProblemKind.BUSY: Exit.BUSY, ProblemKind.LOCKED: Exit.BUSY, ProblemKind.INTERRUPTED: Exit.INTERRUPTED}


_AS_IT_STANDS: Final = "\0"
"""Stands before a word that begins with a minus and is no option; no argument of a process can hold it."""


class VerbParser(argparse.ArgumentParser):
    """The parser of a verb: options may stand between words, and behind ``--`` every word is taken as it stands.

    argparse alone drops a ``--`` that no word precedes when options may stand anywhere, and what follows is an option.
    """

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return what the arguments say; ends the program where they are wrong."""
        words = list(arguments)
        at = words.index("--") if "--" in words else len(words)
        behind = (_AS_IT_STANDS + word if word.startswith("-") else word for word in words[at + 1 :])
        options = self.parse_intermixed_args([*words[:at], *behind])
        for name, value in vars(options).items():
            setattr(options, name, _unmarked(value))
        return options

    def error(self, message: str) -> NoReturn:
        """Tell what is wrong on stderr and end the program with code 2."""
        super().error(message.replace(repr(_AS_IT_STANDS)[1:-1], "").replace(_AS_IT_STANDS, ""))


def _unmarked(value: object) -> object:
    if isinstance(value, list):
        return [_unmarked(each) for each in value]
    return value.removeprefix(_AS_IT_STANDS) if isinstance(value, str) else value


def load(verb: str) -> Command:
    """Import a verb's module and return the verb."""
    module = importlib.import_module(f"prismq_gui.commands.{VERBS[verb][0]}")
    command: Command = module.COMMANDS[verb]
    return command


def make_parser(verb: str, command: Command) -> VerbParser:
    """Return the parser of a verb."""
    parser = VerbParser(
        prog=f"prismq-gui {verb}", description=command.description, allow_abbrev=False, epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON instead of text; errors too, on stderr")
    command.arguments(parser)
    return parser


def run_verb(verb: str, arguments: Sequence[str]) -> int:
    """Run a verb and return its exit code; every error is told on stderr."""
    command = load(verb)
    parser = make_parser(verb, command)
    options = parser.parse(arguments)
    try:
        return command.run(options)
    except UsageError as error:
        parser.error(str(error))
    except ProblemError as error:
        return tell_problem(error.problem, as_json=options.json)
    except Exception as error:
        problem = _queue_problem(error)
        if problem is None:
            raise
        return tell_problem(problem, as_json=options.json)


def tell_problem(problem: Problem, *, as_json: bool) -> int:
    """Print a problem on stderr and return its exit code."""
    from prismq_gui.commands.output import json_line, visible_line  # noqa: PLC0415 - only when something is wrong

    if as_json:
        fields = {name: getattr(problem, name) for name in ("what", "subject", "unchanged", "advice", "code")}
        text = json_line({"error": {"kind": problem.kind.value, **fields, "sentence": problem.sentence()}})
    else:
        text = f"prismq-gui: {visible_line(problem.sentence())}"
    print(text, file=sys.stderr, flush=True)
    return exit_code(problem)


def exit_code(problem: Problem) -> int:
    """Return the exit code that stands for a problem."""
    return _KINDS.get(problem.kind, Exit.PROBLEM)


def _queue_problem(error: Exception) -> Problem | None:
    """Return the problem behind an error of the queue's own, None where it is no such error."""
    from prismq_gui.queue.exceptions import QueueBusyError, QueueDatabaseError  # noqa: PLC0415 - as above

    if not isinstance(error, QueueDatabaseError):
        return None
    kind = ProblemKind.BUSY if isinstance(error, QueueBusyError) else ProblemKind.FAILED
    return Problem(kind, str(error).rstrip("."), "", "", "")
