"""What kind of place a queue file belongs to, as the person marked it: development, staging or production.

Owns the record, what each is called and coloured unless chosen otherwise, and what of it the settings keep: nothing of
the path itself, so that a list of recent files can be forgotten. Must not import Qt.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from prismq_gui.file_thresholds import MAX_FILES, file_name

COLOURS = ("green", "blue", "purple", "amber", "red", "grey")


class Environment(str, Enum):
    """What a file is for; the value is its stable name in the settings."""

    NONE = "none"
    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"

    @property
    def words(self) -> str:
        """Its name in the window."""
        return "Not marked" if self is Environment.NONE else self.value.capitalize()

    @property
    def usual_colour(self) -> str:
        """The colour it has unless another is chosen."""
        return _USUAL[self]


_USUAL = {
    Environment.NONE: "grey", Environment.DEVELOPMENT: "green", Environment.STAGING: "amber",
    Environment.PRODUCTION: "red",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileMark:
    """The mark of one queue file, by what stands for its path."""

    file: str
    environment: Environment
    colour: str


Entries = tuple[FileMark, ...]
UNMARKED = FileMark("", Environment.NONE, Environment.NONE.usual_colour)


def mark_of(entries: Entries, path: Path | None) -> FileMark:
    """Return the mark of a file."""
    if path is None or not entries:
        return UNMARKED
    name = file_name(path)
    return next((each for each in entries if each.file == name), UNMARKED)


def with_mark(entries: Entries, path: Path, environment: Environment, colour: str) -> Entries:
    """Return the entries in which a file has this mark; at most 100 are kept, those for production longest."""
    name = file_name(path)
    kept = [each for each in entries if each.file != name]
    if environment is not Environment.NONE:
        kept.append(FileMark(name, environment, colour))
    return _cut(kept)


def merged_marks(kept: Entries, before: Entries, now: Entries) -> Entries:
    """Return what to write where another window may have written since."""
    new = [each for each in now if each not in before]
    over = ({each.file for each in before} - {each.file for each in now}) | {each.file for each in new}
    return _cut([*(each for each in kept if each.file not in over), *new])


def _cut(entries: list[FileMark]) -> Entries:
    while len(entries) > MAX_FILES:
        harmless = (at for at, each in enumerate(entries) if each.environment is not Environment.PRODUCTION)
        del entries[next(harmless, 0)]
    return tuple(entries)
