"""Qt's actions, menus and buttons, made from the records.

Owns the QActions and their enabling. Must not know what an action does, nor theme or pages.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolButton, QWidget

from prismq_gui.actions.context import ActionContext
from prismq_gui.actions.keymap import Keymap
from prismq_gui.actions.registry import ACTIONS, MENUS, Action, Place

BindIcon = Callable[[QObject, str], None]
_HUNG_BEFORE = {Place.RECENT: "close_file", Place.MATCHING: "previous_task"}


class ActionSet(QObject):
    """All actions of one window. GUI thread.

    ``handlers`` has a method for each record; one that is missing is an error at once, not at the first click.
    ``keys_changed`` tells that actions have other keys, in their tooltips too.
    """

    keys_changed = Signal()

    def __init__(self, handlers: object, bind_icon: BindIcon, window: QWidget) -> None:
        super().__init__(window)
        self._bind_icon = bind_icon
        self._window = window
        self._actions: dict[str, QAction] = {}
        self._menus: dict[str, QMenu] = {}
        self._reasons: dict[str, str] = {}
        self.keymap = Keymap()
        self._groups: dict[str, QActionGroup] = {}
        self._undressed = {record.id: record.icon for record in ACTIONS if record.icon}
        for record in ACTIONS:
            self._actions[record.id] = self._make(record, getattr(handlers, record.handler_name))
        self._context: ActionContext | None = None
        self.update(ActionContext())

    def _make(self, record: Action, handler: Callable[..., object]) -> QAction:
        made = QAction(record.title, self)
        made.setObjectName(record.id)
        made.setShortcuts([QKeySequence(keys) for keys in self.keymap.keys(record.id)])
        made.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        made.setMenuRole(QAction.MenuRole.NoRole)
        if record.short:
            made.setIconText(f" {record.short}")  # Qt sets the icon too close
        if record.checkable:
            made.setCheckable(True)
            made.setIconVisibleInMenu(False)  # it would hide the tick
            made.triggered.connect(handler)
        else:
            made.triggered.connect(lambda _checked: handler())
        if record.group:
            group = self._groups.setdefault(record.group, QActionGroup(self))
            group.addAction(made)
        self._window.addAction(made)  # its keys work wherever the focus is in the window
        return made

    def __getitem__(self, id: str) -> QAction:
        """Return Qt's action of a record."""
        return self._actions[id]

    def _dress(self, place: Place) -> None:
        """Give the actions of a place their icons when it is first shown: a third of the window's making otherwise."""
        for record in ACTIONS:
            if place in record.places and record.id in self._undressed:
                self._bind_icon(self._actions[record.id], self._undressed.pop(record.id))

    # -- keys

    def set_keymap(self, keymap: Keymap) -> None:
        """Give the actions these keys, at once and everywhere they are shown."""
        before, self.keymap = self.keymap, keymap
        for record in ACTIONS:
            keys = keymap.keys(record.id)
            if keys != before.keys(record.id):
                self._actions[record.id].setShortcuts([QKeySequence(each) for each in keys])
                self._tell(record, self._actions[record.id], self._reasons[record.id])
        if keymap.own != before.own:
            self.keys_changed.emit()

    def with_keys(self, id: str, words: str) -> str:
        """Return words with an action's first shortcut behind them, where it has one."""
        keys = self._actions[id].shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        return f"{words} ({keys})" if keys else words

    # -- enabling

    def update(self, context: ActionContext) -> None:
        """Switch each action on, or off with the reason as its tooltip."""
        if context == self._context:
            return  # asked some times a poll
        self._context = context
        for record in ACTIONS:
            reason = record.enabled(context)
            action = self._actions[record.id]
            if action.isEnabled() == bool(reason):
                action.setEnabled(not reason)
            if self._reasons.get(record.id) != reason:
                self._reasons[record.id] = reason
                self._tell(record, action, reason)

    def _tell(self, record: Action, action: QAction, reason: str) -> None:
        told = self.with_keys(record.id, record.tooltip)
        if reason:
            told = f"{told}\nOff: {reason}"
        action.setToolTip(_literal(told))
        action.setStatusTip(reason or record.tooltip)

    def reason(self, id: str) -> str:
        """Return why an action is off, '' where it is on."""
        return self._reasons[id]

    # -- places

    def fill_menu_bar(self, bar: QMenuBar) -> None:
        """Put all menus into a menu bar."""
        for place in MENUS:
            menu = self._menu(place.value, bar)
            self._fill(menu, place)
            menu.aboutToShow.connect(partial(self._dress, place))

    def _menu(self, path: str, bar: QMenuBar) -> QMenu:
        if path not in self._menus:
            above, _, title = path.rpartition("/")
            menu = QMenu(title, bar)
            menu.setToolTipsVisible(True)
            if above:
                self._hang(menu, above)
            else:
                bar.addMenu(menu)
            self._menus[path] = menu
        return self._menus[path]

    def _hang(self, menu: QMenu, above: str) -> None:
        """Put a menu into another: some before the line above an action, others at the end."""
        parent = self._menus[above]
        before = next((id for place, id in _HUNG_BEFORE.items() if place.value == f"{above}/{menu.title()}"), "")
        if before:
            entries = parent.actions()
            line = entries[entries.index(self._actions[before]) - 1]
            parent.insertMenu(line, menu)
        else:
            parent.addMenu(menu)

    def menu(self, place: Place) -> QMenu:
        """Return a menu of the bar."""
        return self._menus[place.value]

    def menus(self) -> tuple[QMenu, ...]:
        """Return the menus of the bar and those within them."""
        return tuple(self._menus.values())

    def context_menu(self, place: Place, parent: QWidget) -> QMenu:
        """Return a menu of the actions of a place, all that match in one within it; it deletes itself when closed."""
        menu = QMenu(parent)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        self._fill(menu, place)
        self._dress(place)
        inner = QMenu(Place.MATCHING.value.rpartition("/")[2], menu)
        inner.setToolTipsVisible(True)
        self._fill(inner, Place.MATCHING)
        inner.aboutToShow.connect(partial(self._dress, Place.MATCHING))
        menu.addMenu(inner)
        return menu

    def _fill(self, menu: QMenu, place: Place) -> None:
        for record in ACTIONS:
            if place in record.places:
                if record.starts_section and menu.actions():
                    menu.addSeparator()
                menu.addAction(self._actions[record.id])

    def button(
        self, id: str, parent: QWidget, *, text: bool = True, place: Place = Place.TOP_BAR
    ) -> QToolButton:  # fmt: skip
        """Return a button that does an action of a place, with its name beside the icon or the icon alone."""
        self._dress(place)
        button = QToolButton(parent)
        button.setDefaultAction(self._actions[id])
        style = Qt.ToolButtonStyle.ToolButtonTextBesideIcon if text else Qt.ToolButtonStyle.ToolButtonIconOnly
        button.setToolButtonStyle(style)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setAccessibleName(self._actions[id].iconText().strip())
        return button


def _literal(text: str) -> str:
    """Return a tooltip that shows the text as it is; Qt would take some texts for HTML."""
    return f'<p style="white-space:pre-wrap">{html.escape(text)}</p>'
