"""Which keys an action can have, who has them already, and what becomes of a choice that can't be used."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication

from prismq_gui.actions.keymap import Keymap, keymap, portable, refusal, usual
from prismq_gui.actions.registry import ACTIONS
from prismq_gui.own_keys import OwnKeys, merged_keys, with_keys

pytestmark = pytest.mark.usefixtures("qapp")


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ("R", "types"), ("Shift+R", "types"), ("Down", "moves"), ("Home", "moves"), ("Esc", "types"), ("Del", "types"),
        ("Ctrl+V", "pastes"), ("Ctrl+C", "copies"), ("Ctrl+Z", "takes back"), ("Ctrl+Left", "moves"),
        ("Ctrl+Space", "filter"), ("Alt+F", "menus"), ("Ctrl+Alt+Q", "AltGr"), ("Alt+F4", "system"), ("F10", "system"),
        ("Meta+R", "system"),
    ],
)  # fmt: skip
def test_keys_of_text_fields_tables_menus_and_the_system_are_refused_in_words(keys: str, word: str) -> None:
    assert portable(keys)
    assert word in refusal(portable(keys), "retry")


def test_an_action_may_always_have_its_usual_keys() -> None:
    for record in ACTIONS:
        assert [refusal(keys, record.id) for keys in usual(record.id)] == [""] * len(record.shortcuts)
    assert not refusal("Ctrl+Shift+K", "retry")
    assert not refusal("F6", "retry")


def test_a_clash_names_the_action_and_what_is_left_to_it() -> None:
    known = Keymap()
    assert "“Cancel” in the Tasks menu" in known.clash("Ctrl+E", "retry")
    assert "has no keys" in known.clash("Ctrl+E", "retry")
    assert "Ctrl+Shift+P" in known.clash("Ctrl+K", "retry")
    assert known.clash("Ctrl+R", "retry") == known.clash("F6", "retry") == ""


def test_keys_belong_to_one_action_whatever_was_chosen_before() -> None:
    taken = Keymap().with_keys("retry", ("Ctrl+E",))
    assert (taken.keys("retry"), taken.keys("cancel")) == (("Ctrl+E",), ())
    back = taken.with_keys("cancel", None)  # takes its own again: the other goes back to its usual ones, not to none
    assert back.own == {}
    assert taken.with_keys("retry", None).keys("cancel") == ()


def test_J7_what_cannot_be_used_of_the_kept_keys_is_left_out_and_told() -> None:
    kept = (
        OwnKeys("retry", ("F6", "Hyper+Ü", "\x00", "Ctrl+V")), OwnKeys("no such action", ("F7",)),
        OwnKeys("about", ("F6", "Ctrl+K, Ctrl+C")), OwnKeys("refresh", ("ctrl+j",)), OwnKeys("cancel", ("bad",)),
    )  # fmt: skip
    found = keymap(kept)
    assert found.keys("retry") == ("F6",)
    assert found.keys("about") == ()  # F6 stays where it stood first
    assert found.keys("refresh") == ("Ctrl+J",)
    assert found.keys("cancel") == ("Ctrl+E",)
    told = " ".join(found.notes)
    assert all(each in told for each in ("Hyper+Ü", "pastes", "no such action", "two actions", "bad"))
    every = [keys for record in ACTIONS for keys in found.keys(record.id)]
    assert len(every) == len(set(every))


def test_what_two_windows_chose_is_joined() -> None:
    before = with_keys((), "retry", ("F6",))
    here = with_keys(before, "cancel", ("F7",))
    there = with_keys(with_keys(before, "retry", None), "about", ())
    assert set(merged_keys(there, before, here)) == {OwnKeys("cancel", ("F7",)), OwnKeys("about", ())}
    assert merged_keys(here, before, with_keys(before, "retry", None)) == (OwnKeys("cancel", ("F7",)),)


def test_each_key_of_the_map_is_one_that_qt_knows(qapp: QApplication) -> None:
    assert all(QKeySequence(keys).toString() == keys for record in ACTIONS for keys in usual(record.id))
