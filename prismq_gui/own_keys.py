"""Shortcuts that the person chose in place of an action's usual ones, as the settings keep them.

Owns the record, and joining what two windows chose. Must not import Qt, nor judge whether a key can be used.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """The shortcuts of one action, in Qt's portable words (``Ctrl+Shift+R``); none at all is a choice too."""

    action: str
    keys: tuple[str, ...] = ()


Entries = tuple[OwnKeys, ...]


def with_keys(entries: Entries, action: str, keys: tuple[str, ...] | None) -> Entries:
    """Return the entries in which an action has these; None: its usual ones."""
    kept = tuple(each for each in entries if each.action != action)
    return kept if keys is None else (*kept, OwnKeys(action, keys))


def merged_keys(kept: Entries, before: Entries, now: Entries) -> Entries:
    """Return what to write where another window may have written since."""
    new = tuple(each for each in now if each not in before)
    over = ({each.action for each in before} - {each.action for each in now}) | {each.action for each in new}
    return (*(each for each in kept if each.action not in over), *new)
