"""All keys of the program, by the menu their actions stand in: found, recorded anew, taken away, put back.

Owns the list and the words about a choice. Which keys can be used stands in :mod:`prismq_gui.actions.keymap`; must not
know settings.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.actions.keymap import MOST_KEYS, Keymap, menu_of, native, refusal, title_of, usual
from prismq_gui.actions.registry import ACTIONS, MENUS, Action
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.fitting import resize_within_screen
from prismq_gui.views.key_recorder import KeyRecorder
from prismq_gui.views.plain_text import label, tooltip
from prismq_gui.views.tab_order import tab_in_order
from prismq_gui.views.widget_keys import WIDGET_KEYS

_ID = Qt.ItemDataRole.UserRole
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2)


class ShortcutsDialog(QDialog):
    """A list of actions and their keys, and below it the one that is chosen. GUI thread.

    ``chosen`` carries the Keymap that is wanted from now on; nothing waits for the dialog to be closed.
    """

    chosen = Signal(object)

    def __init__(self, theme: Theme, keymap: Keymap, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keymap = keymap
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.search = QLineEdit(self)
        self.tree = QTreeWidget(self)
        self.title = label("", "strong", self)
        self.told = label("", "muted", self, wrap=True)
        self.recorder = KeyRecorder(self)
        self.set_button = QPushButton("&Set", self)
        self.add_button = QPushButton("Set &beside", self)
        self.clear_button = QPushButton("&No keys", self)
        self.reset_button = QPushButton("&Usual keys", self)
        self.note = label("", "muted", self, wrap=True)
        self.reset_all_button = QPushButton("Reset &all", self)
        self.box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        self._set_up()
        self._lay_out(theme)
        self._fill()
        self._connect()
        self.tree.setCurrentItem(self._items()[0])
        self._show_chosen()
        self.search.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- building

    def _set_up(self) -> None:
        self.search.setPlaceholderText("Find an action by its name or its keys")
        self.search.setAccessibleName("Find an action")
        self.search.setClearButtonEnabled(True)
        self.search.installEventFilter(self)
        self.tree.installEventFilter(self)
        self.tree.setColumnCount(2)
        self.tree.setHeaderLabels(["Action", "Keys"])
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.tree.setAccessibleName("Keyboard shortcuts")
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        set_role(self.set_button, "primary")
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)
        self.add_button.setToolTip(tooltip(f"Keep the keys it has, and set these beside them; at most {MOST_KEYS}."))
        self.clear_button.setToolTip("Leave the action without keys; it stays in its menu and in the command palette.")
        self.title.setAccessibleName("Chosen action")

    def _lay_out(self, theme: Theme) -> None:
        space = theme.space
        card = QFrame(self)
        set_role(card, "card")
        inner = QVBoxLayout(card)
        inner.setContentsMargins(space(3), space(3), space(3), space(3))
        inner.setSpacing(space(2))
        inner.addWidget(self.title)
        inner.addWidget(self.told)
        line = QHBoxLayout()
        line.setSpacing(space(2))
        line.addWidget(self.recorder, 1)
        for button in (self.set_button, self.add_button, self.clear_button, self.reset_button):
            line.addWidget(button)
        inner.addLayout(line)
        inner.addWidget(self.note)
        self.note.setMinimumHeight(2 * self.note.fontMetrics().lineSpacing())  # so that words coming move nothing
        self.note.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        foot = QHBoxLayout()
        foot.addWidget(self.reset_all_button)
        foot.addWidget(self.box, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(space(4), space(4), space(4), space(4))
        layout.setSpacing(space(3))
        layout.addWidget(self.search)
        layout.addWidget(self.tree, 1)
        layout.addWidget(card)
        layout.addLayout(foot)
        close = self.box.button(QDialogButtonBox.StandardButton.Close)
        tab_in_order(self.search, self.tree, self.recorder, self.set_button, self.add_button, self.clear_button,
                     self.reset_button, self.reset_all_button, close)  # fmt: skip
        resize_within_screen(self, space(150), space(160))

    def _connect(self) -> None:
        self.search.textChanged.connect(self._on_search_text_changed)
        self.tree.currentItemChanged.connect(lambda *_items: self._show_chosen())
        self.tree.itemDoubleClicked.connect(lambda *_item: self.recorder.setFocus())
        self.recorder.keySequenceChanged.connect(lambda _keys: self._show_note())
        self.recorder.accepted.connect(self._on_recorder_accepted)
        self.recorder.left.connect(self._on_recorder_left)
        self.set_button.clicked.connect(lambda: self._set((self.recorder.keys(),)))
        self.add_button.clicked.connect(lambda: self._set((*self._keys(), self.recorder.keys())))
        self.clear_button.clicked.connect(lambda: self._set(()))
        self.reset_button.clicked.connect(lambda: self._set(None))
        self.reset_all_button.clicked.connect(lambda: self._take(Keymap(), "All actions have their usual keys."))
        self.box.rejected.connect(self.reject)

    # -- the list

    def _fill(self) -> None:
        self.rows: dict[str, QTreeWidgetItem] = {}
        for place in MENUS:
            records = [record for record in ACTIONS if place in record.places and record.id not in self.rows]
            if records:
                section = self._section(menu_of(records[0]))
                for record in records:
                    item = self.rows[record.id] = QTreeWidgetItem(section, [title_of(record), ""])
                    item.setData(0, _ID, record.id)
                    item.setToolTip(0, tooltip(record.tooltip))
        for where in dict.fromkeys(where for where, _keys, _what in WIDGET_KEYS):
            section = self._section(f"{where} (always)")
            for _where, keys, what in (each for each in WIDGET_KEYS if each[0] == where):
                QTreeWidgetItem(section, [what, keys])
        self.tree.expandAll()
        self._show_keys()

    def _section(self, title: str) -> QTreeWidgetItem:
        section = QTreeWidgetItem(self.tree, [title])
        font = section.font(0)
        font.setBold(True)
        section.setFont(0, font)
        section.setFlags(Qt.ItemFlag.ItemIsEnabled)
        return section

    def _show_keys(self) -> None:
        for id, item in self.rows.items():
            keys, own = self._keymap.keys(id), id in self._keymap.own
            words = ", ".join(map(native, keys))
            item.setText(1, f"{words or 'none'}  (changed)" if own else words)
            font = item.font(1)
            font.setBold(own)
            item.setFont(1, font)
        self.reset_all_button.setEnabled(bool(self._keymap.own))

    def _items(self) -> list[QTreeWidgetItem]:
        sections = [self.tree.topLevelItem(row) for row in range(self.tree.topLevelItemCount())]
        return [section.child(row) for section in sections if section for row in range(section.childCount())]

    def _on_search_text_changed(self, text: str) -> None:
        """Leave what holds all the words; keys are found as they are written, with or without spaces."""
        words = text.casefold().split()
        for item in self._items():
            section = item.parent()
            whole = f"{section.text(0)} {item.text(0)} {item.text(1)}".casefold()
            item.setHidden(not all(word in whole for word in words))
        for row in range(self.tree.topLevelItemCount()):
            top = self.tree.topLevelItem(row)
            if top is not None:
                top.setHidden(all(top.child(at).isHidden() for at in range(top.childCount())))
        current = self.tree.currentItem()
        if current is None or current.isHidden():
            self.tree.setCurrentItem(next((each for each in self._items() if not each.isHidden()), self._items()[0]))
        self._show_chosen()

    # -- the one that is chosen

    def record(self) -> Action | None:
        """Return the action that is chosen, None where the line is no action's."""
        item = self.tree.currentItem()
        id = item.data(0, _ID) if item is not None and not item.isHidden() else None
        return next((each for each in ACTIONS if each.id == id), None)

    def _keys(self) -> tuple[str, ...]:
        record = self.record()
        return self._keymap.keys(record.id) if record is not None else ()

    def _show_chosen(self) -> None:
        record = self.record()
        self.recorder.clear()
        if record is None:
            self.title.setText("Choose an action to give it other keys")
            self.told.setText("The keys of tables and fields cannot be changed.")
        else:
            words = ", ".join(map(native, usual(record.id)))
            self.title.setText(f"{title_of(record)}  ·  {menu_of(record)}")
            self.told.setText(f"{record.tooltip}. Usually {words}." if words else f"{record.tooltip}. Usually no keys.")
        self.recorder.setEnabled(record is not None)
        self._show_note()

    def _show_note(self, done: str = "") -> None:
        """Say what the recorded keys would mean, or what was done."""
        record, keys = self.record(), self.recorder.keys()
        reason = refusal(keys, record.id) if record is not None and keys else ""
        clash = self._keymap.clash(keys, record.id) if record is not None and keys and not reason else ""
        has = bool(keys) and keys in self._keys()
        words = (
            (f"{reason} Choose others." if reason else "")
            or clash
            or (f"{native(keys)} is its key already." if has else "")
            or done
        )
        usable = record is not None and bool(keys) and not reason
        self.set_button.setText("&Take and set" if clash else "&Set")
        self.set_button.setEnabled(usable and self._keys() != (keys,))
        self.add_button.setEnabled(usable and not has and 0 < len(self._keys()) < MOST_KEYS)
        self.clear_button.setEnabled(bool(self._keys()))
        self.reset_button.setEnabled(record is not None and record.id in self._keymap.own)
        self.note.setText(words or "Press Enter in the list to record other keys.")
        set_role(self.note, "error" if reason else "strong" if clash else "muted")
        self.recorder.setAccessibleDescription(words)

    def _set(self, keys: tuple[str, ...] | None) -> None:
        record = self.record()
        if record is None:
            return
        wanted = self._keymap.with_keys(record.id, keys)
        lost = [each for each in ACTIONS if each.id != record.id and wanted.keys(each.id) != self._keymap.keys(each.id)]
        now = ", ".join(map(native, wanted.keys(record.id)))
        done = f"{title_of(record)} now has {now or 'no keys'}."
        for each in lost:
            left = ", ".join(map(native, wanted.keys(each.id)))
            done = f"{done} {title_of(each)} now has {left or 'no keys'}."
        self._take(wanted, done)

    def _take(self, wanted: Keymap, done: str) -> None:
        self._keymap = wanted
        self.chosen.emit(wanted)
        self._show_keys()
        self.recorder.clear()
        self._show_note(done)
        if not self.focusWidget() or not self.focusWidget().isEnabled():
            self.tree.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_recorder_accepted(self) -> None:
        if self.set_button.isEnabled():
            self._set((self.recorder.keys(),))
            self.tree.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_recorder_left(self) -> None:
        self.recorder.clear()
        self.tree.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- keys

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Go from the search to the list by Down, and from the list to recording by Enter."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            key = event.key()
            if watched is self.search and key in (Qt.Key.Key_Down, *_ENTER):
                self.tree.setFocus(Qt.FocusReason.OtherFocusReason)
                return True
            if watched is self.tree and key in _ENTER:
                self.recorder.setFocus(Qt.FocusReason.OtherFocusReason)
                return True
            if watched is self.tree and key == Qt.Key.Key_Delete and self.clear_button.isEnabled():
                self._set(())
                return True
            if watched is self.tree and event.matches(QKeySequence.StandardKey.Find):
                self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return True
        return super().eventFilter(watched, event)
