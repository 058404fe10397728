"""The verbs ``edit`` and ``duplicate``: what tasks ask for, changed in place or in new tasks like them."""

from __future__ import annotations

import argparse
from typing import Final

from prismq_gui.commands.arguments import file_argument, whole_number
from prismq_gui.commands.changing import PLAN_JSON, change, task_arguments
from prismq_gui.commands.command import Command, UsageError
from prismq_gui.commands.enqueueing import read_file
from prismq_gui.operations.duplicates import duplicate
from prismq_gui.operations.edits import Place, edit
from prismq_gui.operations.messages import Wish


def _edits(parser: argparse.ArgumentParser) -> None:
    task_arguments(parser)
    whole = parser.add_mutually_exclusive_group()
    whole.add_argument("--payload", metavar="JSON", help="the whole new payload, kept letter by letter")
    whole.add_argument(
        "--payload-file", type=file_argument, metavar="PATH", help="read the whole new payload from a file"
    )
    parser.add_argument("--compatibility", metavar="JSON", help="the whole new compatibility, an object")
    parser.add_argument("--max-attempts", type=whole_number, metavar="N", help="how often each may be tried")
    parser.add_argument(
        "--set", action="append", default=[], metavar="PLACE=JSON",
        help="put a value at a place, such as payload.region='\"eu\"'; all else of the text stays; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--unset", action="append", default=[], metavar="PLACE", help="take out what stands at a place; may be repeated"
    )


def _edit_arguments(parser: argparse.ArgumentParser) -> None:
    _edits(parser)
    parser.add_argument(
        "--even-if-running", action="store_true", help="running tasks too, whose workers have the old text already"
    )


def _duplicate_arguments(parser: argparse.ArgumentParser) -> None:
    _edits(parser)
    parser.add_argument("--key", default="", metavar="TEXT", help="idempotency key of the new task; of one task alone")


def _wish(options: argparse.Namespace) -> Wish:
    payload = options.payload if options.payload_file is None else read_file(options.payload_file)
    try:
        places = [*(_place(each) for each in options.set), *(_place(each, takes_out=True) for each in options.unset)]
        return edit(
            payload=payload, compatibility=options.compatibility, max_attempts=options.max_attempts, places=places,
            even_if_running=getattr(options, "even_if_running", False),
        )  # fmt: skip
    except ValueError as error:
        raise UsageError(f"{error}. Nothing was changed.") from None


def _place(text: str, *, takes_out: bool = False) -> Place:
    from prismq_gui.insight.language import FilterSyntaxError  # noqa: PLC0415 - only where a place is named
    from prismq_gui.insight.payload_columns import payload_column  # noqa: PLC0415 - as above

    name, sign, value = (text, "", "") if takes_out else text.partition("=")
    if not takes_out and not sign:
        raise UsageError(f"--set needs PLACE=JSON, such as payload.region='\"eu\"', not {text}")
    try:
        column = payload_column(name)
    except FilterSyntaxError as error:
        raise UsageError(error.render()) from None
    return Place(column.document, column.path, None if takes_out else value)


def _edit(options: argparse.Namespace) -> int:
    return change(_wish(options), options)


def _duplicate(options: argparse.Namespace) -> int:
    is_edited = any(
        (options.payload is not None, options.payload_file, options.compatibility, options.max_attempts is not None,
         options.set, options.unset)
    )  # fmt: skip
    try:
        return change(duplicate(key=options.key, edits=_wish(options) if is_edited else None), options)
    except ValueError as error:
        raise UsageError(str(error)) from None


COMMANDS: Final = {
    "edit": Command(
        "Change what tasks ask for. The plan shows what differs in the first of them; running tasks are left alone.\n"
        f"{PLAN_JSON}",
        _edit_arguments, _edit,
    ),
    "duplicate": Command(
        "Put new tasks in that are like those that are there: waiting, never tried, without their keys.\n"
        f"{PLAN_JSON}",
        _duplicate_arguments, _duplicate,
    ),
}  # fmt: skip
