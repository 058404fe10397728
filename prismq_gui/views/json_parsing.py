"""JSON from an untrusted file, read so that what is shown is what is stored, or refused with the reason.

No Qt. Numbers keep their digits; a key that occurs twice, a number of thousands of digits, too deep
a nesting and what only Python calls JSON are refused: the raw text is shown instead.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

MAX_DEPTH = 200
MAX_DIGITS = 1_000
MAX_CHARACTERS = 65_536

JsonValue: TypeAlias = "dict[str, Any] | list[Any] | str | Number | bool | None"


@dataclass(frozen=True, slots=True)
class Number:
    """A number exactly as it is written."""

    text: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """A JSON value, or the reason why there is none."""

    value: JsonValue = None
    reason: str = ""


class _RefusedError(ValueError):
    """Valid for json.loads, and yet not shown as a tree."""


def parse(text: str) -> Parsed:
    """Read a JSON text; never raises."""
    if len(text) > MAX_CHARACTERS:
        return Parsed(reason=f"longer than {MAX_CHARACTERS:,} characters")
    if _depth(text) > MAX_DEPTH:
        return Parsed(reason=f"nested deeper than {MAX_DEPTH} levels")
    try:
        value = json.loads(
            text, parse_int=_number, parse_float=_number, parse_constant=_constant, object_pairs_hook=_object
        )
    except _RefusedError as error:
        return Parsed(reason=str(error))
    except json.JSONDecodeError as error:
        return Parsed(reason=f"not JSON: {error.msg.lower()} at line {error.lineno}, column {error.colno}")
    except (RecursionError, MemoryError, ValueError):
        return Parsed(reason="not readable as JSON")
    return Parsed(value)


def _depth(text: str) -> int:
    """Return an upper bound of the nesting: brackets in strings count too, which refuses nothing sensible."""
    deepest = depth = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _number(text: str) -> Number:
    if len(text) > MAX_DIGITS:
        raise _RefusedError(f"holds a number of {len(text):,} digits")
    return Number(text)


def _constant(text: str) -> NoReturn:
    raise _RefusedError(f"not JSON: {text} is no JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _RefusedError("a key occurs twice in one object")
    return made


def value_text(value: JsonValue) -> str:
    """Return a value as one line: the text itself for a leaf, a summary for a container."""
    if isinstance(value, dict):
        return f"{{{len(value)}}}"
    if isinstance(value, list):
        return f"[{len(value)}]"
    if isinstance(value, Number):
        return value.text
    return value if isinstance(value, str) else json.dumps(value)


def to_json(value: JsonValue, indent: int | None = 2) -> str:
    """Return a value as JSON text again, numbers with the digits they were written with."""
    return _write(value, indent, 0)


def _write(value: JsonValue, indent: int | None, level: int) -> str:
    if isinstance(value, Number):
        return value.text
    if not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=False)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    items = (
        [f"{json.dumps(key, ensure_ascii=False)}: {_write(item, indent, level + 1)}" for key, item in value.items()]
        if isinstance(value, dict)
        else [_write(item, indent, level + 1) for item in value]
    )
    if indent is None:
        return f"{opening}{', '.join(items)}{closing}"
    inner = "\n" + " " * indent * (level + 1)
    return f"{opening}{inner}{f',{inner}'.join(items)}\n{' ' * indent * level}{closing}"


def path_text(keys: tuple[str | int, ...]) -> str:
    """Return a path as SQLite and most tools write it: ``$.a.b[0]``, quoted where a key needs it."""
    parts = ["$"]
    for key in keys:
        if isinstance(key, int):
            parts.append(f"[{key}]")
        elif key.isidentifier():
            parts.append(f".{key}")
        else:
            parts.append(f".{json.dumps(key, ensure_ascii=False)}")
    return "".join(parts)
