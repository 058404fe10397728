"""The arguments that verbs share: the file, filters, spans of time."""

from __future__ import annotations

import argparse
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prismq_gui.commands.command import UsageError
from prismq_gui.insight.filters import TaskColumn, TaskFilter, TaskOrder

if TYPE_CHECKING:
    from prismq_gui.insight.language_fields import Table
    from prismq_gui.insight.language_nodes import Query

_UNITS: Final = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_COLUMNS: Final = {column.value.removesuffix("_utc"): column for column in TaskColumn}


def file_argument(text: str) -> Path:
    """Turn an argument into a path. A URI is the name of a file too, never interpreted."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError("the name of a file is expected")
    return Path(text)


def add_database(parser: argparse.ArgumentParser) -> None:
    """Add --db."""
    parser.add_argument(
        "--db", type=file_argument, metavar="FILE",
        help="queue file; default: the environment variable PRISMQ_QUEUE_DB_PATH, else the usual place",
    )  # fmt: skip


def add_durable(parser: argparse.ArgumentParser) -> None:
    """Add --durable."""
    parser.add_argument(
        "--durable", action="store_true",
        help="have each commit on the disk before going on, so that a power cut loses none; slower",
    )  # fmt: skip


def database_path(options: argparse.Namespace) -> Path:
    """Return the queue file that the arguments name."""
    if options.db is not None:
        path: Path = options.db
        return path
    from prismq_gui.queue.schema import default_db_path  # noqa: PLC0415 - seldom needed

    return default_db_path()


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Add --status, --type and --text."""
    parser.add_argument(
        "--status", action="append", default=[], metavar="NAME[,NAME…]", help="tasks with one of these statuses"
    )
    parser.add_argument(
        "--type", action="append", default=[], metavar="NAME[,NAME…]", help="tasks of one of these types"
    )
    parser.add_argument(
        "--text", default="", metavar="TEXT",
        help="tasks that hold this text, taken literally, in type, error, worker, key or payload, or as their id",
    )  # fmt: skip


def add_query(parser: argparse.ArgumentParser, *, also: str = "") -> None:
    """Add FILTER, which stands in ``options.words``."""
    text = "a filter such as 'status:failed age>2h' (docs/filter-language.md)"
    parser.add_argument("words", nargs="*", metavar="FILTER", help=also + text)


def task_filter(options: argparse.Namespace, words: list[str] | None = None) -> TaskFilter:
    """Return the filter that the arguments name; ``words`` instead of those in the options.

    Raises:
        UsageError: The filter cannot be read; the text shows where.
    """
    given = getattr(options, "words", []) if words is None else words
    return TaskFilter(names(options.status), names(options.type), options.text, parsed(given))


def parsed(words: list[str], table: Table | None = None) -> Query | None:
    """Return the filter that words make, parted by spaces; None where there are none. It is of tasks unless told.

    Raises:
        UsageError: The filter cannot be read; the text shows where.
    """
    if not words:
        return None
    from prismq_gui.insight import language  # noqa: PLC0415 - only where there is a filter

    try:
        return language.parse(" ".join(words), table or language.Table.TASKS)
    except language.FilterSyntaxError as error:
        raise UsageError(error.render()) from None


def looks_like_an_id(text: str) -> bool:
    """Return whether an argument can only be meant as the id of a task."""
    digits = text.removeprefix("#")
    return digits.isascii() and digits.isdigit()


def names(values: list[str]) -> tuple[str, ...]:
    """Return the names in arguments that may be repeated and may hold several, parted by commas."""
    return tuple(dict.fromkeys(name.strip() for value in values for name in value.split(",") if name.strip()))


def order(text: str) -> TaskOrder:
    """Turn ``COLUMN``, ``COLUMN:asc`` or ``COLUMN:desc`` into an order; ids are newest first unless told else."""
    name, _, direction = text.partition(":")
    column = _COLUMNS.get(name.removesuffix("_utc"))
    if column is None or direction not in ("", "asc", "desc"):
        known = ", ".join(_COLUMNS)
        raise argparse.ArgumentTypeError(f"COLUMN, COLUMN:asc or COLUMN:desc is expected, with one of {known}")
    return TaskOrder(column, direction == "desc" if direction else column is TaskColumn.ID)


def span(text: str) -> timedelta:
    """Turn ``90``, ``90s``, ``15m``, ``2h``, ``7d`` or ``1w`` into a span of time above zero."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)\s*(s|m|min|h|d|w)?", text.strip())
    seconds = float(match[1]) * _UNITS[match[2] or "s"] if match else 0.0
    if not 0 < seconds <= 100 * 365 * 86_400:
        raise argparse.ArgumentTypeError("a span of time is expected, such as 90s, 15m, 2h or 7d")
    return timedelta(seconds=seconds)


def moment(text: str) -> datetime:
    """Turn a time into naive UTC; without an offset it is UTC already."""
    from prismq_gui.queue.timestamps import parse_utc  # noqa: PLC0415 - seldom needed

    found = parse_utc(text)
    if found is None:
        raise argparse.ArgumentTypeError("a time is expected, such as '2026-03-01 12:00:00' or 2026-03-01T12:00+01:00")
    return found


def whole_number(text: str) -> int:
    """Turn an argument into a whole number that SQLite can hold, below zero too."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19 and -(2**63) <= int(text) < 2**63):
        raise argparse.ArgumentTypeError("a whole number is expected")
    return int(text)


def seconds(text: str) -> float:
    """Turn a number of seconds up to a day into a float."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError("a number of seconds between 0 and 86400 is expected")
    return value


def grace(text: str) -> float:
    """Turn a number of seconds from 0 up to a day into a float."""
    return 0.0 if text.strip() == "0" else seconds(text)


def count(text: str) -> int:
    """Turn an argument into a whole number from 0 on."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise argparse.ArgumentTypeError("a whole number from 0 on is expected")
    return int(text)


def task_id(text: str) -> int:
    """Turn an argument into the id of a task; a leading # is allowed."""
    digits = text.removeprefix("#")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19 and int(digits) < 2**63):
        raise argparse.ArgumentTypeError("the id of a task is expected, a whole number")
    return int(digits)
