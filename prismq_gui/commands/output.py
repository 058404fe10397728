"""What the verbs print: safe text, aligned columns, JSON lines.

Text of a queue is untrusted: control characters, escapes and characters that reorder are written out before they
reach a terminal. JSON is pure ASCII, so that neither a narrow console nor a log can break it.
"""

from __future__ import annotations

import json
import math
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from itertools import chain, islice
from pathlib import Path
from typing import Any

from prismq_gui.insight.messages import Cell
from prismq_gui.models.text import cell_text, one_line, plain, visible

_FIRST_ROWS = 200  # decide the widths of the columns


def say(text: str = "") -> None:
    """Print a line of safe text."""
    print(text)


def note(text: str) -> None:
    """Print a line for the person, beside the result: on stderr."""
    print(visible_line(text), file=sys.stderr, flush=True)


def visible_line(text: str) -> str:
    """Return a text on one line, with nothing in it that a terminal would obey."""
    return one_line(text, limit=4_000)


def visible_block(text: str) -> str:
    """Return a text of several lines, with nothing in it that a terminal would obey."""
    return visible(text.replace("\r\n", "\n")).replace("\t", "    ")


def cell(value: Cell) -> str:
    """Return a cell of the file on one line, – where it is NULL."""
    return "–" if value is None else cell_text(value)


def whole(value: Cell) -> str:
    """Return a cell of the file in full, lines kept."""
    return "–" if value is None else visible_block(plain(value))


def json_line(value: object) -> str:
    """Return a value as one line of JSON in ASCII."""
    text = json.dumps(_jsonable(value), ensure_ascii=True, allow_nan=False, separators=(", ", ": "))
    return text.replace("\x7f", "\\u007f")


def _jsonable(value: object) -> Any:  # noqa: ANN401 (whatever JSON can hold)
    if isinstance(value, Mapping):
        return {str(key): _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(inner) for inner in value]
    return _scalar(value)


def _scalar(value: object) -> Any:  # noqa: ANN401 (as above)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return {"blob_hex": value[:1_024].hex(), "blob_bytes": len(value)}
    if isinstance(value, (datetime, Path)) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    return value


def fields_of(record: Any) -> dict[str, Any]:  # noqa: ANN401 (a dataclass)
    """Return the fields of a frozen record with slots, inner ones left as they are."""
    return {name: getattr(record, name) for name in record.__slots__}


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> int:
    """Print aligned columns, the last one ragged, and return how many rows there were.

    Streams: the first 200 rows decide the widths, wider cells later push their row to the right.
    """
    rows = iter(rows)
    first = list(islice(rows, _FIRST_ROWS))
    if not first:
        return 0
    widths = [max(map(width, column)) for column in zip(titles, *first, strict=True)]
    flush_right = frozenset(right)
    print(_line(titles, widths, flush_right))
    count = 0
    for row in chain(first, rows):
        print(_line(row, widths, flush_right))
        count += 1
    return count


def _line(cells: Sequence[str], widths: Sequence[int], right: frozenset[int]) -> str:
    parts = []
    for number, (text, wide) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (wide - width(text))
        parts.append(space + text if number in right else text + space)
    return "  ".join(parts).rstrip()


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF") for each in text)
