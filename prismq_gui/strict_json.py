"""Readers of JSON values that take exactly what the program writes, each naming what is wrong and where.

Owns the kinds of values. Must not know any record, nor read a file; nothing read is ever executed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

MAX_TEXT: Final = 32_768  # characters; the longest path Windows knows
MAX_ITEMS: Final = 1_000


class SettingsError(ValueError):
    """The file does not hold what this program writes; the text names the first thing that is wrong."""


def text(value: object, where: str) -> str:
    """Return a text as it is."""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise SettingsError(f"{where} is not a text")
    return value


def flag(value: object, where: str) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise SettingsError(f"{where} is not true or false")
    return value


def length(value: object, where: str) -> int:
    """Return a length in pixels."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100_000:
        raise SettingsError(f"{where} is not a length")
    return value


def list_of(read: Callable[[object, str], Any], most: int = MAX_ITEMS) -> Callable[[object, str], tuple[Any, ...]]:
    """Return a reader of lists of at most so many, read one by one."""

    def reader(value: object, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > most:
            raise SettingsError(f"{where} is not a list of at most {most}")
        return tuple(read(item, f"{where}[{i}]") for i, item in enumerate(value))

    return reader


def record(kind: type, readers: Mapping[str, Callable[[object, str], Any]]) -> Callable[[object, str], Any]:
    """Return a reader of records of one kind; a key that is not known is refused."""

    def reader(value: object, where: str) -> object:
        if not isinstance(value, dict):
            raise SettingsError(f"{where} is not a record")
        unknown = sorted(set(value) - set(readers))
        if unknown:
            raise SettingsError(f"{where} has an unknown key")
        return kind(**{name: readers[name](item, f"{where}.{name}") for name, item in value.items()})

    return reader


def one_of(names: Sequence[str]) -> Callable[[object, str], str]:
    """Return a reader of one of these texts."""

    def reader(value: object, where: str) -> str:
        if value not in names or not isinstance(value, str):
            raise SettingsError(f"{where} is not one of {', '.join(names)}")
        return value

    return reader


def made_by(make: Callable[[Mapping[str, object]], object]) -> Callable[[object, str], Any]:
    """Return a reader of records that check themselves."""

    def reader(value: object, where: str) -> object:
        if not isinstance(value, dict):
            raise SettingsError(f"{where} is not a record")
        try:
            return make(value)
        except ValueError as error:
            raise SettingsError(f"{where} is not allowed") from error

    return reader
