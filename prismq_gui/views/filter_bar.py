"""The line above a table in which its rows are chosen: type and text, or level and text.

Owns the fields. Must not query: it tells ``filter_changed``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QCompleter, QHBoxLayout, QLineEdit, QSizePolicy, QToolButton, QWidget

from prismq_gui.insight.language_fields import Table
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.filter_line import FilterLine
from prismq_gui.views.plain_text import no_mnemonic, one_line
from prismq_gui.views.search_line import SearchLine as SearchLine  # noqa: PLC0414 - handed on
from prismq_gui.views.tab_order import tab_in_order

MAX_TYPE = 1_000  # characters
ALL_TYPES = "All types"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, slots=True)
class TaskFilterPieces:
    """What the tasks' line adds to the statuses: at most one type, and a text of the filter language."""

    types: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class LogFilterPieces:
    """What the logs' line chooses: levels (empty for all) and a text of the filter language."""

    levels: tuple[str, ...] = ()
    text: str = ""


class FilterBar(QWidget):
    """Type and text for the tasks. ``filter_changed`` carries :class:`TaskFilterPieces`. GUI thread."""

    filter_changed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._types: tuple[str, ...] = ()
        self._type = ""
        self.type_box = QComboBox(self)
        self._type_line = QLineEdit(self)
        self._type_line.setMaxLength(MAX_TYPE)
        self._type_line.setAccessibleName("Type of task")
        self.type_box.setLineEdit(self._type_line)
        self.type_box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.type_box.setAccessibleName("Type of task")
        self.type_box.setMinimumContentsLength(18)
        self.type_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.type_box.addItem(ALL_TYPES, "")
        completer = QCompleter(self.type_box.model(), self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.type_box.setCompleter(completer)
        self.type_box.activated.connect(self._on_type_box_activated)
        self._type_line.editingFinished.connect(self._on_type_line_editing_finished)
        self.search = FilterLine(theme, Table.TASKS, "Words, or type:video* age>2h, or Ctrl+Space", self)
        self.search.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.search.text_settled.connect(self._on_search_text_settled)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.space(2))
        layout.addWidget(self.type_box)
        layout.addWidget(self.search, 1)

    def pieces(self) -> TaskFilterPieces:
        """Return what is chosen."""
        return TaskFilterPieces((self._type,) if self._type else (), self.search.settled_text)

    def set_pieces(self, pieces: TaskFilterPieces) -> None:
        """Choose without telling it."""
        self.blockSignals(True)
        self._choose_type(pieces.types[0] if pieces.types else "")
        self.search.set_filter_text(pieces.text)
        self.blockSignals(False)

    def set_types(self, types: Sequence[str]) -> None:
        """Offer these types; what is chosen or being typed stays."""
        if tuple(types) == self._types:
            return
        self._types = tuple(types)
        typed = self.type_box.currentText()
        self.type_box.blockSignals(True)
        self.type_box.clear()
        self.type_box.addItem(ALL_TYPES, "")
        for name in self._types:
            self.type_box.addItem(one_line(name), name)
        self.type_box.setCurrentIndex(max(0, self.type_box.findData(self._type)) if self._type else 0)
        self.type_box.setEditText(typed or ALL_TYPES)
        self.type_box.blockSignals(False)

    def focus_search(self) -> None:
        """Put the cursor into the text line and select what is in it."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def _choose_type(self, name: str) -> None:
        changed = name != self._type
        self._type = name
        row = self.type_box.findData(name)
        self.type_box.setCurrentIndex(row)
        self.type_box.setEditText(one_line(name) if name else ALL_TYPES)
        self._type_line.setCursorPosition(0)
        if changed:
            self.filter_changed.emit(self.pieces())

    def _on_type_box_activated(self, row: int) -> None:
        data = self.type_box.itemData(row)
        self._choose_type(data if isinstance(data, str) else "")

    def _on_type_line_editing_finished(self) -> None:
        typed = self.type_box.currentText()
        row = self.type_box.findText(typed, Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchCaseSensitive)
        if row >= 0:
            data = self.type_box.itemData(row)
            self._choose_type(data if isinstance(data, str) else "")
        else:  # a type that the capped list does not hold may still exist
            self._choose_type("" if not typed.strip() or typed == ALL_TYPES else typed)

    def _on_search_text_settled(self, _text: str) -> None:
        self.filter_changed.emit(self.pieces())


class LogFilterBar(QWidget):
    """Levels and text for the logs. ``filter_changed`` carries :class:`LogFilterPieces`. GUI thread."""

    filter_changed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = FilterLine(theme, Table.LOGS, "Words, or task:42 age<1h, or Ctrl+Space", self)
        self.search.text_settled.connect(self._on_search_text_settled)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.space(1.5))
        self.level_buttons: tuple[QToolButton, ...] = tuple(self._level(name) for name in LEVELS)
        for button in self.level_buttons:
            layout.addWidget(button)
        layout.addSpacing(theme.space(1))
        layout.addWidget(self.search, 1)
        tab_in_order(*self.level_buttons, self.search)

    def _level(self, name: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(no_mnemonic(name.capitalize()))
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.setAccessibleName(f"Level {name.capitalize()}")
        button.setProperty("level", name)
        set_role(button, "chip")
        button.clicked.connect(self._on_level_clicked)
        return button

    def pieces(self) -> LogFilterPieces:
        """Return what is chosen."""
        levels = tuple(str(button.property("level")) for button in self.level_buttons if button.isChecked())
        return LogFilterPieces(levels, self.search.settled_text)

    def set_pieces(self, pieces: LogFilterPieces) -> None:
        """Choose without telling it."""
        self.blockSignals(True)
        for button in self.level_buttons:
            button.setChecked(button.property("level") in pieces.levels)
        self.search.set_filter_text(pieces.text)
        self.blockSignals(False)

    def focus_search(self) -> None:
        """Put the cursor into the text line and select what is in it."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def set_levels(self, levels: Iterable[str]) -> None:
        """Choose levels and tell it."""
        self.set_pieces(LogFilterPieces(tuple(levels), self.search.settled_text))
        self.filter_changed.emit(self.pieces())

    def _on_level_clicked(self, _checked: bool) -> None:
        self.filter_changed.emit(self.pieces())

    def _on_search_text_settled(self, _text: str) -> None:
        self.filter_changed.emit(self.pieces())
