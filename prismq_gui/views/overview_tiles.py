"""The tiles of the overview: six figures that are read from afar. Owns their look; the words stand elsewhere."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout, QWidget

from prismq_gui.insight.overview import Overview
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.overview_words import TILES, UNKNOWN, TileWords
from prismq_gui.views.plain_text import label


class Tile(QFrame):
    """One figure: its name, its value, and what qualifies it."""

    def __init__(self, theme: Theme, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        set_role(self, "card")
        self.title = title
        self.value = ElidedLabel("title", self)
        self.note = ElidedLabel("small", self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.space(3), theme.space(2), theme.space(3), theme.space(2))
        layout.setSpacing(0)
        layout.addWidget(label(title, "muted", self))
        layout.addWidget(self.value)
        layout.addWidget(self.note)
        self.show_words(TileWords(UNKNOWN, "not known yet"))

    def show_words(self, words: TileWords) -> None:
        """Show a value and what qualifies it."""
        self.value.show_text(words.value)
        self.note.show_text(words.note)
        told = "not known" if words.value == UNKNOWN else words.value
        self.setAccessibleName(f"{self.title}: {told}" + (f", {words.note}" if words.note else ""))


class Tiles(QWidget):
    """All tiles, in as many columns as there is room for. GUI thread."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.tiles = {key: Tile(theme, title, self) for key, title, _ in TILES}
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(theme.space(2))
        self._columns = 0
        self._arrange(len(TILES))

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for at, tile in enumerate(self.tiles.values()):
            self._layout.addWidget(tile, at // columns, at % columns)
        for column in range(len(TILES)):
            self._layout.setColumnStretch(column, 1 if column < columns else 0)

    def set_width(self, width: int) -> None:
        """Set the tiles for a width: six, three or two beside each other."""
        self._arrange(next((n for n in (6, 3) if width >= n * self._theme.space(36)), 2))

    def show_overview(self, overview: Overview | None, now: datetime) -> None:
        """Show the figures, none of them where there is no overview. ``now`` is naive UTC."""
        for key, _, tell in TILES:
            words = TileWords(UNKNOWN, "not known yet") if overview is None else tell(overview, now)
            self.tiles[key].show_words(words)
