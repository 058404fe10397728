"""The cards of the page of the database: labelled lines in columns, and how the WAL is. Owns their look alone."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from prismq_gui.theme import Severity, Theme, set_role
from prismq_gui.views.database_words import WalWords
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.plain_text import label, visible

_ICONS = {
    Severity.SUCCESS: ("circle-check", "success"),
    Severity.INFO: ("info", "info"),
    Severity.WARNING: ("triangle-alert", "warning"),
    Severity.DANGER: ("circle-alert", "danger"),
}


class LinesCard(QFrame):
    """Labelled lines under a title. GUI thread."""

    def __init__(self, theme: Theme, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "card")
        self._title = title
        self._rows: list[tuple[QLabel, ElidedLabel]] = []
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(theme.space(3))
        self._grid.setVerticalSpacing(theme.space(1))
        self._grid.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.space(3), theme.space(2), theme.space(3), theme.space(3))
        layout.setSpacing(theme.space(2))
        layout.addWidget(label(title, "strong", self))
        layout.addLayout(self._grid)
        layout.addStretch(1)

    def show_lines(self, lines: Sequence[tuple[str, str]]) -> None:
        """Show these, in the widgets there are."""
        while len(self._rows) < len(lines):
            row = (label("", "muted", self), ElidedLabel("", self))
            at = len(self._rows)
            self._grid.addWidget(row[0], at, 0)
            self._grid.addWidget(row[1], at, 1)
            self._rows.append(row)
        for at, (name, value) in enumerate(self._rows):
            shown = at < len(lines)
            name.setVisible(shown)
            value.setVisible(shown)
            if shown:
                name.setText(lines[at][0])
                value.show_text(lines[at][1])
        self.setAccessibleName(f"{self._title}. " + " ".join(f"{name}: {value}." for name, value in lines))

    def lines(self) -> dict[str, str]:
        """Return the lines as they are shown."""
        return {name.text(): value.text() for name, value in self._rows if not name.isHidden()}


class WalCard(QFrame):
    """Whether anything blocks a checkpoint. GUI thread."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "card")
        self._theme = theme
        self._words = WalWords(Severity.INFO, "Looking at the file…")
        self._icon = QLabel(self)
        self.sentence = label("", "", self, wrap=True)
        self.details = label("", "muted", self, wrap=True)
        texts = QVBoxLayout()
        texts.setSpacing(theme.space(1))
        texts.addWidget(label("Checkpoint", "strong", self))
        texts.addWidget(self.sentence)
        texts.addWidget(self.details)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.space(3), theme.space(2), theme.space(3), theme.space(3))
        layout.setSpacing(theme.space(3))
        layout.addWidget(self._icon)
        layout.addLayout(texts, 1)
        theme.changed.connect(self._paint_icon)
        self.show_words(self._words)

    def show_words(self, words: WalWords) -> None:
        """Show how it is."""
        self._words = words
        self.sentence.setText(visible(words.sentence))
        self.details.setText(visible(" ".join(words.details)))
        self.details.setVisible(bool(words.details))
        self.setAccessibleName(f"Checkpoint. {words.sentence} {' '.join(words.details)}")
        self._paint_icon()

    def _paint_icon(self) -> None:
        name, role = _ICONS[self._words.severity]
        self._icon.setPixmap(self._theme.pixmap(name, role, self._theme.icon_size(), self))
