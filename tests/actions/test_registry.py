"""Every action is told once, reachable by menu and keyboard, and off only with a reason."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from PySide6.QtCore import QObject
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu

from prismq_gui.actions.build import ActionSet
from prismq_gui.actions.context import ActionContext
from prismq_gui.actions.registry import ACTIONS, MENUS, Place, action
from prismq_gui.polling.messages import LinkState
from prismq_gui.resources import resource_path

READY = ActionContext(
    file_open=True, file_chosen=True, link=LinkState.LIVE, page="tasks", selected=1, rows=5, filter_is_empty=False,
    recent_files=1,
)  # fmt: skip
WRITING = (
    "retry", "cancel", "release", "delete", "set_priority", "undo_last", "retry_matching", "delete_matching", "vacuum",
)  # fmt: skip


class Handlers:
    """Keeps which methods were called."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def __getattr__(self, name: str):
        return lambda *_state: self.called.append(name)


@pytest.fixture
def window(qapp: QApplication, qtbot) -> QMainWindow:
    made = QMainWindow()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


@pytest.fixture
def actions(window: QMainWindow, handlers: Handlers) -> ActionSet:
    made = ActionSet(handlers, lambda _target, _name: None, window)
    made.fill_menu_bar(window.menuBar())
    made.update(READY)
    return made


def mnemonic(title: str) -> str:
    found = re.search(r"&(\w)", title)
    return found.group(1).lower() if found else ""


def test_no_action_is_told_twice_and_no_key_used_twice() -> None:
    assert max(Counter(each.id for each in ACTIONS).values()) == 1
    keys = [QKeySequence(keys).toString() for each in ACTIONS for keys in each.shortcuts]
    assert "" not in keys
    assert max(Counter(keys).values()) == 1


def test_every_action_is_in_the_menu_bar_and_reached_by_letters_alone(actions: ActionSet, window: QMainWindow) -> None:
    shown = [entry for menu in actions.menus() for entry in menu.actions() if entry.objectName()]
    assert sorted(entry.objectName() for entry in shown) == sorted(each.id for each in ACTIONS)
    for menu in [*actions.menus(), window.menuBar()]:
        letters = [mnemonic(entry.text()) for entry in menu.actions() if not entry.isSeparator()]
        assert "" not in letters, menu
        assert max(Counter(letters).values()) == 1, letters


def test_a_menu_within_a_menu_hangs_where_it_says(actions: ActionSet) -> None:
    for place in MENUS:
        above, _, title = place.value.rpartition("/")
        if above:
            inner = [entry.menu() for entry in actions.menu(Place(above)).actions() if entry.menu()]
            assert title in [menu.title() for menu in inner if isinstance(menu, QMenu)]


def test_each_action_calls_its_own_handler(actions: ActionSet, handlers: Handlers) -> None:
    for each in ACTIONS:
        handlers.called.clear()
        actions[each.id].setEnabled(True)
        actions[each.id].trigger()
        assert handlers.called == [each.handler_name]


def test_a_handler_that_is_missing_is_found_at_once(window: QMainWindow) -> None:
    with pytest.raises(AttributeError):
        ActionSet(QObject(), lambda _target, _name: None, window)


def test_every_icon_exists() -> None:
    for each in ACTIONS:
        if each.icon:
            assert resource_path("icons", f"{each.icon}.svg").is_file(), each.id


@pytest.mark.parametrize("id", WRITING)
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"file_open": False}, "Open a queue file first"),
        ({"write_refusal": "It is a copy."}, "It is a copy."),
        ({"link": LinkState.MISSING}, "gone"),
        ({"link": LinkState.BROKEN}, "can't be read"),
        ({"operation_runs": True}, "Another operation"),
    ],
)
def test_C14_writing_is_off_with_the_reason(
    actions: ActionSet, id: str, changed: dict[str, object], reason: str
) -> None:
    from dataclasses import replace

    assert actions[id].isEnabled()
    actions.update(replace(READY, **changed))
    assert not actions[id].isEnabled()
    assert reason in actions.reason(id)
    assert reason.replace("'", "&#x27;") in actions[id].toolTip()


def test_an_empty_filter_never_means_all() -> None:
    from dataclasses import replace

    for id in (each.id for each in ACTIONS if each.id.endswith("_matching")):
        assert "every task" in action(id).enabled(replace(READY, filter_is_empty=True))


def test_C16_what_no_selected_task_allows_is_off_and_says_why() -> None:
    from dataclasses import replace

    running = replace(READY, statuses=frozenset({"leased"}))
    assert action("retry").enabled(running) == "The selected task is running."
    assert action("release").enabled(running) == ""
    mixed = replace(READY, selected=2, statuses=frozenset({"leased", "failed"}))
    assert action("retry").enabled(mixed) == ""
    unknown = replace(READY, statuses=frozenset({"sleeping"}))
    assert "unknown status" in action("set_priority").enabled(unknown)
    assert action("delete").enabled(unknown) == ""


def test_J1_a_reason_is_shown_literally(actions: ActionSet) -> None:
    from dataclasses import replace

    actions.update(replace(READY, write_refusal="<img src=x>"))
    assert "&lt;img src=x&gt;" in actions["retry"].toolTip()


def test_the_context_menu_holds_what_is_nearest(actions: ActionSet, window: QMainWindow) -> None:
    menu = actions.context_menu(Place.CONTEXT, window)
    ids = [entry.objectName() for entry in menu.actions() if not entry.isSeparator()]
    assert ids.index("retry") < ids.index("run_now") < ids.index("delete")
    inner = menu.actions()[-1].menu()
    assert isinstance(inner, QMenu)
    assert {"retry_matching", "delete_matching"} <= {entry.objectName() for entry in inner.actions()}
    menu.close()


def test_icons_are_there_when_a_menu_is_shown_and_not_before(window: QMainWindow) -> None:
    dressed: list[str] = []
    made = ActionSet(Handlers(), lambda target, _name: dressed.append(target.objectName()), window)
    made.fill_menu_bar(window.menuBar())
    assert dressed == []
    made.menu(Place.VIEW).aboutToShow.emit()
    made.menu(Place.VIEW).aboutToShow.emit()
    assert sorted(dressed) == sorted(each.id for each in ACTIONS if Place.VIEW in each.places and each.icon)
