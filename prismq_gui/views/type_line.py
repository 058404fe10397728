"""A line for names of types, parted by commas, that completes the one being typed.

Owns the reading of the line. Must not know which types there are: they are handed in.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QStringListModel, Qt, Signal
from PySide6.QtWidgets import QCompleter, QLineEdit, QWidget

from prismq_gui.views.plain_text import one_line

_MOST_CHARACTERS = 2_000


class _LastName(QCompleter):
    """Completes what stands behind the last comma."""

    def __init__(self, line: QLineEdit) -> None:
        super().__init__(line)
        self._line = line

    def splitPath(self, path: str) -> list[str]:  # noqa: N802 - Qt's name
        """Return the name that is being typed."""
        return [path.rpartition(",")[2].strip()]

    def pathFromIndex(self, index: QModelIndex | QPersistentModelIndex) -> str:  # noqa: N802 - Qt's name
        """Return the whole line with a name that was chosen."""
        before = self._line.text().rpartition(",")[0].strip()
        name = str(index.data(Qt.ItemDataRole.DisplayRole))
        return f"{before}, {name}" if before else name


class TypeLine(QLineEdit):
    """Names of types; empty means all. GUI thread. ``types_changed`` tells that others are wanted."""

    types_changed = Signal()

    def __init__(self, names: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._by_line = {one_line(name): name for name in reversed(names)}
        self._told: tuple[str, ...] = ()
        self.setMaxLength(_MOST_CHARACTERS)
        self.setPlaceholderText("All types")
        self.setAccessibleName("Types, parted by commas")
        self.setClearButtonEnabled(True)
        completer = _LastName(self)
        completer.setModel(QStringListModel([one_line(name) for name in names], completer))
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.activated.connect(self._on_completer_activated)
        self.setCompleter(completer)
        self.editingFinished.connect(self._tell)
        self.textChanged.connect(self._on_text_changed)

    def types(self) -> tuple[str, ...]:
        """Return the types that are named; none means all."""
        text = self.text().strip()
        if text in self._by_line:  # it may have a comma itself
            return (self._by_line[text],)
        names = [each.strip() for each in text.split(",")]
        return tuple(dict.fromkeys(self._by_line.get(name, name) for name in names if name))

    def _tell(self) -> None:
        if self.types() != self._told:
            self._told = self.types()
            self.types_changed.emit()

    def _on_text_changed(self, text: str) -> None:
        if not text:  # by its button, which ends no editing
            self._tell()

    def _on_completer_activated(self, _text: object) -> None:
        self._tell()
