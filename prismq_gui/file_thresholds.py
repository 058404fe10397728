"""Thresholds that queue files have for themselves, as the settings keep them.

Owns what stands for a file there: it tells nothing of the path, so that a list of recent files can be forgotten.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from prismq_gui.insight.thresholds import Thresholds

MAX_FILES = 100


@dataclass(frozen=True, slots=True)
class FileThresholds:
    """The thresholds of one queue file, by what stands for its path."""

    file: str
    thresholds: Thresholds


Entries = tuple[FileThresholds, ...]


def file_name(path: Path) -> str:
    """Return what stands for a file's path."""
    import hashlib  # noqa: PLC0415 - 3 ms that few need at the start

    text = os.path.normcase(os.path.abspath(path))  # noqa: PTH100 - Path.absolute() keeps ".."
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def own(entries: Entries, path: Path | None) -> Thresholds | None:
    """Return the thresholds that a file has for itself, None where it has none."""
    if path is None or not entries:
        return None
    name = file_name(path)
    return next((each.thresholds for each in entries if each.file == name), None)


def with_own(entries: Entries, path: Path, thresholds: Thresholds | None) -> Entries:
    """Return the entries in which a file has these for itself; None: none. At most 100 are kept."""
    name = file_name(path)
    kept = tuple(each for each in entries if each.file != name)
    new = () if thresholds is None else (FileThresholds(name, thresholds),)
    return (*kept, *new)[-MAX_FILES:]


def merged_own(kept: Entries, before: Entries, now: Entries) -> Entries:
    """Return what to write where another window may have written since."""
    new = tuple(each for each in now if each not in before)
    over = ({each.file for each in before} - {each.file for each in now}) | {each.file for each in new}
    return (*(each for each in kept if each.file not in over), *new)[-MAX_FILES:]
