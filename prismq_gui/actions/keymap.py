"""Which keys do which action: the usual ones of the records, with those the person chose in their place.

Owns which keys can be chosen, who has a key already, and the words for both. Must not know widgets or settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import cast

from PySide6.QtCore import QKeyCombination, Qt
from PySide6.QtGui import QKeySequence

from prismq_gui.actions.registry import ACTIONS, MENUS, Action, action
from prismq_gui.own_keys import Entries

MOST_KEYS = 3  # shortcuts of one action
_RECORDS = {record.id: record for record in ACTIONS}
_TEXT = {
    "Ctrl+A": "selects all", "Ctrl+C": "copies", "Ctrl+V": "pastes", "Ctrl+X": "cuts", "Ctrl+Z": "takes back typing",
    "Ctrl+Y": "types again what was taken back", "Ctrl+Shift+Z": "types again what was taken back",
    "Ctrl+Ins": "copies", "Ctrl+Space": "offers what may come next in a filter", "Ctrl+Backspace": "deletes a word",
    "Ctrl+Del": "deletes a word",
}  # fmt: skip
_SYSTEM = {"Alt+F4", "Alt+Tab", "Alt+Space", "Alt+Esc", "Ctrl+Esc", "Ctrl+Shift+Esc", "F10", "Shift+F10", "Shift+F1"}
_MOVING = {
    Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End,
    Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Return,
    Qt.Key.Key_Enter,
}  # fmt: skip


def portable(keys: str) -> str:
    """Return keys in the one form they are compared and kept in, '' where it is no single press of keys."""
    sequence = QKeySequence.fromString(keys, QKeySequence.SequenceFormat.PortableText)
    if sequence.count() != 1 or _pressed(sequence).key() in (Qt.Key.Key_unknown, Qt.Key(0)):
        return ""
    return sequence.toString(QKeySequence.SequenceFormat.PortableText)


def native(keys: str) -> str:
    """Return keys as they are told to the person."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


def usual(id: str) -> tuple[str, ...]:
    """Return the keys that an action has unless others were chosen."""
    return tuple(map(portable, _RECORDS[id].shortcuts))


def refusal(keys: str, id: str) -> str:
    """Return why these keys can't be an action's, whoever has them; '' where they can. Its usual ones always can."""
    if not keys:
        return "One press of keys is wanted, such as Ctrl+Shift+K or F6."
    if keys in usual(id):
        return ""
    if keys in _TEXT:
        return f"{native(keys)} {_TEXT[keys]} in text fields and tables."
    return _refusal_of_kind(keys)


def _refusal_of_kind(keys: str) -> str:
    pressed = _pressed(QKeySequence(keys))
    held, key = pressed.keyboardModifiers(), pressed.key()
    control, alt = bool(held & Qt.KeyboardModifier.ControlModifier), bool(held & Qt.KeyboardModifier.AltModifier)
    is_function = Qt.Key.Key_F1 <= key <= Qt.Key.Key_F35
    reasons = (
        (bool(held & Qt.KeyboardModifier.MetaModifier) or keys in _SYSTEM, "belongs to the system."),
        (not control and not alt and not is_function, "types or moves in text fields and tables: hold Ctrl with it."),
        (control and key in _MOVING, "moves in text fields and tables."),
        (control and alt, "is typed with AltGr on many keyboards, for a letter or sign."),
        (alt and Qt.Key.Key_Space < key < Qt.Key.Key_Escape, "opens menus and buttons, as Alt does with every letter."),
    )
    return next((f"{native(keys)} {reason}" for so, reason in reasons if so), "")


def _pressed(sequence: QKeySequence) -> QKeyCombination:
    return cast(QKeyCombination, sequence[0])  # type: ignore[index]


def title_of(record: Action) -> str:
    """Return what an action is called in words."""
    return record.title.replace("&", "").removesuffix("…")


def menu_of(record: Action) -> str:
    """Return the path of the menu in which an action stands."""
    path = next((place.value for place in MENUS if place in record.places), "")
    return path.replace("&", "").replace("/", " › ")


@dataclass(frozen=True, slots=True)
class Keymap:
    """The keys of all actions. ``own`` holds those that were chosen, ``notes`` what of the choice can't be used."""

    own: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()

    def keys(self, id: str) -> tuple[str, ...]:
        """Return an action's keys in portable words."""
        return self.own.get(id, usual(id))

    def holder(self, keys: str, but: str = "") -> Action | None:
        """Return the action that has these keys, None where they are free."""
        return next((each for each in ACTIONS if each.id != but and keys in self.keys(each.id)), None)

    def clash(self, keys: str, id: str) -> str:
        """Return in words which other action has these keys, and what is left to it without; '' where none has."""
        other = self.holder(keys, but=id)
        if other is None:
            return ""
        rest = ", ".join(native(each) for each in self.keys(other.id) if each != keys)
        left = f"which then has {rest}" if rest else "which then has no keys"
        where = f"“{title_of(other)}” in the {menu_of(other)} menu"
        return f"{native(keys)} is {where}. It can be taken from there, {left}."

    def with_keys(self, id: str, keys: tuple[str, ...] | None) -> Keymap:
        """Return a map in which an action has these keys (None: its usual ones), and nobody else has any of them."""
        wanted = usual(id) if keys is None else tuple(dict.fromkeys(keys))[-MOST_KEYS:]
        own = {**self.own, id: wanted}
        for each in ACTIONS:
            has = self.keys(each.id)
            left = tuple(one for one in has if one not in wanted)
            if each.id != id and left != has:
                own[each.id] = left or self._usual_that_is_free(each.id, wanted)
        return Keymap(_changed(own))

    def _usual_that_is_free(self, id: str, but: tuple[str, ...]) -> tuple[str, ...]:
        """Return what an action that loses its keys can go back to."""
        return tuple(each for each in usual(id) if each not in but and self.holder(each, but=id) is None)

    def entries(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return what was chosen, in the order of the menus."""
        return tuple((each.id, self.own[each.id]) for each in ACTIONS if each.id in self.own)


def _changed(own: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({id: keys for id, keys in own.items() if keys != usual(id)})


def keymap(entries: Entries) -> Keymap:
    """Return the map for what the settings hold; what can't be used of it is left out, and told in the notes."""
    own: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    for entry in entries:
        if entry.action not in _RECORDS:
            notes.append("there is no such action as one that keys were kept for")
            continue
        good = tuple(dict.fromkeys(_usable(entry.action, entry.keys, notes)))[:MOST_KEYS]
        if good or not entry.keys:  # where none of them can be used, the usual ones are better than none
            own[entry.action] = good
    taken: dict[str, str] = {}
    for id in (*own, *(each.id for each in ACTIONS if each.id not in own)):
        keys = own.get(id, usual(id))
        free = tuple(each for each in keys if each not in taken)
        if free != keys:
            lost = next(each for each in keys if each in taken)
            if id in own:
                notes.append(f"{native(lost)} was kept for two actions, and stays with {title_of(action(taken[lost]))}")
            own[id] = free
        taken.update(dict.fromkeys(free, id))
    return Keymap(_changed(own), tuple(dict.fromkeys(notes)))


def _usable(id: str, keys: Iterable[str], notes: list[str]) -> Iterable[str]:
    for each in keys:
        known = portable(each)
        reason = refusal(known, id)
        if reason:
            told = f"“{each[:40]}” is not a key" if not known else reason.rstrip(".")
            notes.append(f"{title_of(_RECORDS[id])}: {told}")
        else:
            yield known
