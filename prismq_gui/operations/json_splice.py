"""Putting a value into JSON text, or taking one out, letter by letter: all else of the text stays as it stands.

Owns the walk over the text that finds where a value begins and ends. Spaces, the digits of numbers and the order
of keys would be lost if the text were read and written anew. Knows no task.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

Path: TypeAlias = "Sequence[str | int]"

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class NoSuchPlaceError(ValueError):
    """The path leads nowhere in this text; the words say where it ends."""


class _Member(NamedTuple):
    """A member of an object or element of a list; all are places in the text."""

    step: str | int
    start: int  # of the key, or of the value in a list
    value: int
    end: int


def with_value(text: str, path: Path, value: str) -> str:
    """Return JSON text with other JSON at a path; objects on the way that are not there are made.

    A place in a list is one that is there, or the next one. Of a key that stands twice the last one counts.

    Raises:
        NoSuchPlaceError: Something on the way is neither object nor list, or a list is too short.
        ValueError: The text is no JSON.
    """
    at = _after_space(text, 0)
    for depth, step in enumerate(path):
        members = _members_for(text, at, step, path[:depth])
        found = [member for member in members if member.step == step]
        if not found:
            return _appended(text, at, members, path[depth:], value)
        at = found[-1].value
    return text[:at] + value + text[_end(text, at) :]


def without_value(text: str, path: Path) -> str:
    """Return JSON text without what stands at a path.

    Raises:
        NoSuchPlaceError: Nothing stands there.
        ValueError: The text is no JSON.
    """
    at = _after_space(text, 0)
    for depth, step in enumerate(path):
        members = _members_for(text, at, step, path[:depth])
        found = [place for place, member in enumerate(members) if member.step == step]
        if not found:
            raise NoSuchPlaceError(f"nothing stands at {told(path)}")
        if depth < len(path) - 1:
            at = members[found[-1]].value
            continue
        for place in reversed(found):  # what stands before the first place keeps its places
            text = _cut(text, members, place)
            members = _members_for(text, at, step, path[:depth])
        return text
    raise NoSuchPlaceError("a place is needed")


def told(path: Path) -> str:
    """Return a path in words, as in ``$.files[0]``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "$" + "".join(steps)


def _cut(text: str, members: Sequence[_Member], place: int) -> str:
    """Return the text without a member and the comma that goes with it."""
    if place:
        return text[: members[place - 1].end] + text[members[place].end :]
    until = members[1].start if len(members) > 1 else members[0].end
    return text[: members[0].start] + text[until:]


def _appended(text: str, at: int, members: Sequence[_Member], path: Path, value: str) -> str:
    """Return the text with one more member in the object or list that begins at a place."""
    if isinstance(path[0], int) and path[0] != len(members):
        raise NoSuchPlaceError(f"a list of {len(members):,} has no place {path[0]}")
    for step in reversed(path[1:]):
        if isinstance(step, int) and step != 0:
            raise NoSuchPlaceError(f"a list that is not there has no place {step}")
        value = f"[{value}]" if isinstance(step, int) else f"{{{_key(step)}: {value}}}"
    new = value if isinstance(path[0], int) else f"{_key(path[0])}: {value}"
    if members:
        end = members[-1].end
        return f"{text[:end]}, {new}{text[end:]}"
    return f"{text[: at + 1]}{new}{text[at + 1 :]}"


def _key(step: str | int) -> str:
    return json.dumps(step, ensure_ascii=False)


def _members_for(text: str, at: int, step: str | int, before: Path) -> list[_Member]:
    opening, noun = ("[", "list") if isinstance(step, int) else ("{", "object")
    if text[at : at + 1] != opening:
        raise NoSuchPlaceError(f"what stands at {told(before)} is no {noun}")
    found = list(_elements(text, at) if isinstance(step, int) else _pairs(text, at))
    if isinstance(step, int) and step < 0:
        raise NoSuchPlaceError("places in a list are counted from 0")
    return found


def _pairs(text: str, at: int) -> Iterator[_Member]:
    at = _after_space(text, at + 1)
    while text[at : at + 1] != "}":
        start = at
        if text[at : at + 1] != '"':
            raise ValueError("the text is no JSON")
        key, at = _DECODER.raw_decode(text, at)
        at = _after_space(text, at)
        if text[at : at + 1] != ":":
            raise ValueError("the text is no JSON")
        value = _after_space(text, at + 1)
        end = _end(text, value)
        yield _Member(key, start, value, end)
        at = _next(text, end, "}")


def _elements(text: str, at: int) -> Iterator[_Member]:
    at, count = _after_space(text, at + 1), 0
    while text[at : at + 1] != "]":
        end = _end(text, at)
        yield _Member(count, at, at, end)
        at, count = _next(text, end, "]"), count + 1


def _next(text: str, end: int, closing: str) -> int:
    """Return where the next member begins, or where the closing bracket is."""
    at = _after_space(text, end)
    if text[at : at + 1] == ",":
        return _after_space(text, at + 1)
    if text[at : at + 1] != closing:
        raise ValueError("the text is no JSON")
    return at


def _end(text: str, at: int) -> int:
    return _DECODER.raw_decode(text, at)[1]


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
