"""What differs between two texts of JSON, as records that are short whatever the texts hold.

Owns the comparison and its limits. Pure functions of the texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from prismq_gui.operations.json_splice import told
from prismq_gui.operations.messages import FieldChange

MOST_CHANGES = 50
VALUE_CHARACTERS = 200
LONGEST_COMPARED = 4 * 1024 * 1024  # characters; longer ones are told whole: 30 ms a megabyte
DEEPEST = 200
ABSENT = ""


def changes_between(before: object, after: object) -> tuple[FieldChange, ...]:
    """Return what differs, place by place in the order of the older text; at most 50, each value cut at 200 characters.

    A text that is no JSON, or too long to be compared, is told whole, cut. What is not there is an empty text.
    """
    if before == after:
        return ()
    old, new = _read(before), _read(after)
    if old is _NOTHING or new is _NOTHING:
        return (FieldChange("$", shortened(before), shortened(after)),)
    found: list[FieldChange] = []
    for change in _walk(old, new):
        if len(found) == MOST_CHANGES:
            found.append(FieldChange("…", "", "there is more that differs"))
            break
        found.append(change)
    return tuple(found) or (FieldChange("$", shortened(before), f"the same values, written so: {shortened(after)}"),)


def shortened(cell: object) -> str:
    """Return a cell as a text for a person, cut."""
    if isinstance(cell, bytes):
        cell = cell[: VALUE_CHARACTERS * 4 + 4].decode("utf-8", "backslashreplace")
    text = "" if cell is None else str(cell)
    return text if len(text) <= VALUE_CHARACTERS else f"{text[: VALUE_CHARACTERS - 1]}…"


_NOTHING = object()


def _read(cell: object) -> object:
    if not isinstance(cell, str) or len(cell) > LONGEST_COMPARED:
        return _NOTHING
    try:
        # Numbers stay as they are written: 1.0 and 1.00 differ in the text that a handler gets.
        return json.loads(cell, parse_float=_Number, parse_int=_Number)
    except (ValueError, RecursionError):
        return _NOTHING


class _Number(str):
    """A number by its digits."""

    __slots__ = ()


def _walk(old: Any, new: Any) -> Iterator[FieldChange]:  # noqa: ANN401 - JSON
    stack: list[tuple[tuple[str | int, ...], Any, Any]] = [((), old, new)]
    while stack:
        path, one, other = stack.pop()
        if type(one) is type(other) and one == other and not isinstance(one, (dict, list)):
            continue
        is_deep = len(path) >= DEEPEST
        if isinstance(one, dict) and isinstance(other, dict) and not is_deep:
            keys = (*one, *(key for key in other if key not in one))
            inner = [((*path, key), one.get(key, _NOTHING), other.get(key, _NOTHING)) for key in keys]
        elif isinstance(one, list) and isinstance(other, list) and not is_deep:
            inner = [((*path, at), _at(one, at), _at(other, at)) for at in range(max(len(one), len(other)))]
        else:
            yield FieldChange(told(path), _told_value(one), _told_value(other))
            continue
        stack.extend(reversed(inner))


def _at(values: list[Any], place: int) -> Any:  # noqa: ANN401 - JSON
    return values[place] if place < len(values) else _NOTHING


def _told_value(value: object) -> str:
    if value is _NOTHING:
        return ABSENT
    if isinstance(value, _Number):
        return shortened(str(value))
    return shortened(_dumped(value))


def _dumped(value: object) -> str:
    """Return the beginning of a value's JSON; a text is cut first, so that a huge one costs nothing."""
    if isinstance(value, str):
        return json.dumps(value[: VALUE_CHARACTERS + 1], ensure_ascii=False)
    if isinstance(value, (dict, list)):
        kind, many = ("object", "keys") if isinstance(value, dict) else ("list", "elements")
        text = json.dumps(_plain(value), ensure_ascii=False) if len(value) <= VALUE_CHARACTERS else ""
        return text if 0 < len(text) <= VALUE_CHARACTERS else f"{kind} with {len(value):,} {many}"
    return json.dumps(value)


def _plain(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, _Number):
        return _shown_number(value)
    if depth > 20:
        return "…"
    if isinstance(value, dict):
        return {key: _plain(each, depth + 1) for key, each in value.items()}
    return [_plain(each, depth + 1) for each in value] if isinstance(value, list) else value


def _shown_number(value: str) -> object:
    try:
        return json.loads(value)
    except ValueError:  # more digits than Python turns into a number
        return shortened(str(value))
