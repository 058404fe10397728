"""The command palette: one line in which a few letters find anything the program can do or go to.

Owns its own widgets and where the keyboard was before. Must not know what an entry does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QKeySequence, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QFrame, QLineEdit, QListView, QVBoxLayout, QWidget
from shiboken6 import isValid

from prismq_gui.theme import Theme, set_role
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.palette_delegate import ENTRY_ROLE, PaletteDelegate
from prismq_gui.views.palette_entries import MOST_RECENT, Match, entries, ranked
from prismq_gui.views.plain_text import one_line

if TYPE_CHECKING:
    from prismq_gui.views.main_window import MainWindow

MOST_IN_VIEW = 12
_SHADE = {False: 36, True: 110}  # opacity of the ground over the window, by dark
Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class _Model(QAbstractListModel):
    """What is meant, the likeliest first. GUI thread."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.matches: Sequence[Match] = ()

    def set_matches(self, matches: Sequence[Match]) -> None:
        self.beginResetModel()
        self.matches = matches
        self.endResetModel()

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.matches)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not 0 <= index.row() < len(self.matches):
            return None
        match = self.matches[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return match.entry.title
        if role == ENTRY_ROLE:
            return match
        return told(match) if role == Qt.ItemDataRole.AccessibleTextRole else None


def told(match: Match) -> str:
    """Return an entry in full words, for a screen reader."""
    entry = match.entry
    parts = [entry.title, "on" if entry.is_on else "", entry.beside, entry.shortcut]
    if entry.reason:
        parts.append(f"off: {entry.reason}")
    return one_line(", ".join(part for part in parts if part))


class PaletteLine(QLineEdit):
    """The line. It keeps all keys while it has the keyboard: none reaches the window's own actions. GUI thread."""

    stepped = Signal(int)
    left = Signal()
    toggled = Signal()

    def __init__(self, own_keys: Callable[[], Sequence[QKeySequence]], parent: QWidget) -> None:
        super().__init__(parent)
        self.own_keys = own_keys  # those that opened the palette, which close it too

    def event(self, event: QEvent) -> bool:
        """Take each key as a key, not as a shortcut."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move in the list, close; the rest is typed."""
        key = event.key()
        steps = {
            Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: MOST_IN_VIEW - 1,
            Qt.Key.Key_PageUp: 1 - MOST_IN_VIEW, Qt.Key.Key_Tab: 1, Qt.Key.Key_Backtab: -1,
        }  # fmt: skip
        if key in steps:
            self.stepped.emit(steps[Qt.Key(key)])
        elif key == Qt.Key.Key_Escape:
            self.left.emit()
        elif QKeySequence(event.keyCombination()) in self.own_keys():
            self.toggled.emit()
        else:
            super().keyPressEvent(event)
            return
        event.accept()

    def focusNextPrevChild(self, _next: bool) -> bool:  # noqa: N802
        """Keep Tab as a key of the list."""
        return False

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Close where the keyboard goes elsewhere in this window."""
        super().focusOutEvent(event)
        if event.reason() not in (
            Qt.FocusReason.ActiveWindowFocusReason,
            Qt.FocusReason.PopupFocusReason,
            Qt.FocusReason.MenuBarFocusReason,
        ):
            self.left.emit()


class Palette(QWidget):
    """Lies over the window while it is open. GUI thread. ``keep`` takes the keys of what was done last."""

    def __init__(self, theme: Theme, window: MainWindow, keep: Callable[[tuple[str, ...]], object]) -> None:
        super().__init__(window)
        self._theme = theme
        self._window = window
        self._keep = keep
        self._focus_before: QWidget | None = None
        self.card = QFrame(self)
        self.line = PaletteLine(window.actions_["palette"].shortcuts, self.card)
        self.list = QListView(self.card)
        self.model = _Model(self)
        self.foot = ElidedLabel("muted", self.card)
        self._set_up()
        self.hide()

    def _set_up(self) -> None:
        space = self._theme.space
        self.setObjectName("palette")
        set_role(self.card, "palette")
        self.line.setPlaceholderText("Type a command, a page, a worker, or task 123")
        self.line.setAccessibleName("Command palette")
        self.list.setModel(self.model)
        self.list.setItemDelegate(PaletteDelegate(self._theme, self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("Commands")
        layout = QVBoxLayout(self.card)
        layout.setContentsMargins(space(2), space(2), space(2), space(2))
        layout.setSpacing(space(1.5))
        layout.addWidget(self.line)
        layout.addWidget(self.list)
        layout.addWidget(self.foot)
        self.foot.setContentsMargins(space(2), 0, space(2), 0)
        self.line.textChanged.connect(self._on_line_text_changed)
        self.line.returnPressed.connect(self.run_current)
        self.line.stepped.connect(self._step)
        self.line.left.connect(self.leave)
        self.line.toggled.connect(self.leave)
        self.list.clicked.connect(lambda _index: self.run_current())
        self.list.selectionModel().currentChanged.connect(self._on_list_current_changed)

    # -- open and close

    def open(self) -> None:
        """Show all entries, and take the keyboard; open already, close."""
        if self.isVisible():
            self.leave()
            return
        self._focus_before = QApplication.focusWidget()
        self._entries = entries(self._window)
        self.line.blockSignals(True)
        self.line.clear()
        self.line.blockSignals(False)
        self._on_line_text_changed("")
        self._window.installEventFilter(self)
        self.show()
        self.raise_()
        self.line.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def leave(self) -> None:
        """Close, and give the keyboard back to who had it."""
        if self.isHidden():
            return
        before, self._focus_before = self._focus_before, None
        self._window.removeEventFilter(self)
        self.hide()  # its line loses the keyboard: the second call ends above
        self.model.set_matches(())
        self._entries = []
        if before is not None and isValid(before) and before.isVisible():
            before.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self._window.setFocus(Qt.FocusReason.OtherFocusReason)

    def run_current(self) -> None:
        """Do what is chosen; what can't be done now stays, with its reason below the list."""
        match = self._current()
        if match is None or match.entry.reason:
            return
        self.leave()  # first: some actions are about where the keyboard is
        if match.entry.key:
            used = (match.entry.key, *(each for each in self._recent() if each != match.entry.key))
            self._keep(used[:MOST_RECENT])
        match.entry.run()

    def _recent(self) -> tuple[str, ...]:
        return self._window.settings.recent_commands

    # -- the list

    def _current(self) -> Match | None:
        match = self.list.currentIndex().data(ENTRY_ROLE)
        return match if isinstance(match, Match) else None

    def _on_line_text_changed(self, typed: str) -> None:
        self.model.set_matches(ranked(self._window, self._entries, typed, self._recent()))
        self.list.setCurrentIndex(self.model.index(0, 0))
        self.list.scrollToTop()
        self._place()

    def _step(self, rows: int) -> None:
        count, at = self.model.rowCount(), self.list.currentIndex().row()
        if count:
            at = (at + rows) % count if abs(rows) == 1 else max(0, min(count - 1, at + rows))
            self.list.setCurrentIndex(self.model.index(at, 0))

    def _on_list_current_changed(self, _current: QModelIndex, _previous: QModelIndex) -> None:
        match = self._current()
        entry = match.entry if match is not None else None
        self.foot.show_text("" if entry is None else f"Off: {entry.reason}" if entry.reason else entry.told)
        self.line.setAccessibleDescription(told(match) if match is not None else "Nothing found")

    # -- where it stands

    def _place(self) -> None:
        space, window = self._theme.space, self._window
        self.setGeometry(window.rect())
        row = self.list.sizeHintForRow(0)
        rows = max(3, min(MOST_IN_VIEW, (window.height() - space(40)) // max(1, row)))
        self.list.setFixedHeight(min(rows, self.model.rowCount()) * row + 2 * self.list.frameWidth())
        wide = min(space(165), window.width() - space(8))
        self.card.setFixedWidth(wide)
        self.card.adjustSize()
        self.card.move((window.width() - wide) // 2, min(space(16), window.height() // 10))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Follow the window's size."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Close on a click beside the card."""
        if not self.card.geometry().contains(event.position().toPoint()):
            self.leave()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Shade the window below."""
        QPainter(self).fillRect(event.rect(), QColor(0, 0, 0, _SHADE[self._theme.is_dark]))
