"""What stands where no file is open: the usual queue, another one, a recent one, or the demo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.theme import Theme, set_role
from prismq_gui.views.plain_text import label, one_line, tooltip

_PATH = Qt.ItemDataRole.UserRole


class StartPage(QWidget):
    """Buttons and recent files. GUI thread. ``path_chosen`` carries a Path."""

    open_requested = Signal()
    path_chosen = Signal(object)
    demo_requested = Signal()
    clear_requested = Signal()

    def __init__(self, theme: Theme, default_path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._default_path = default_path
        self._mark = QLabel(self)
        self.default_button = QPushButton(self)
        self.open_button = QPushButton("&Open a queue file…", self)
        self.demo_button = QPushButton("&Try the demo", self)
        self.demo_button.setToolTip(
            "A queue in a temporary folder with workers of its own; nothing of yours is touched"
        )
        self.recent_title = label("Recent files", "strong", self)
        self.recent_list = QListWidget(self)
        self.recent_list.setAccessibleName("Recent files")
        self.recent_list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.recent_list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.recent_list.setIconSize(QSize(theme.icon_size(), theme.icon_size()))
        self._lay_out()
        self.default_button.clicked.connect(lambda: self.path_chosen.emit(self._default_path))
        self.open_button.clicked.connect(self.open_requested)
        self.demo_button.clicked.connect(self.demo_requested)
        self.recent_list.itemActivated.connect(self._on_recent_list_item_activated)
        theme.changed.connect(self._on_theme_changed)
        self.show_recent(())

    def _lay_out(self) -> None:
        space = self._theme.space
        card = QFrame(self)
        set_role(card, "card")
        card.setMaximumWidth(space(150))
        inner = QVBoxLayout(card)
        inner.setContentsMargins(space(6), space(6), space(6), space(6))
        inner.setSpacing(space(2))
        head = QHBoxLayout()
        head.setSpacing(space(3))
        head.addWidget(self._mark)
        head.addWidget(label("PrismQ", "title", card), 1)
        inner.addLayout(head)
        words = "Open the file of a task queue to watch it while its workers use it. Opening never changes it."
        inner.addWidget(label(words, "muted", card, wrap=True))
        inner.addSpacing(space(2))
        buttons = QVBoxLayout()
        buttons.setSpacing(space(2))
        for button in (self.default_button, self.open_button, self.demo_button):
            buttons.addWidget(button)
        inner.addLayout(buttons)
        inner.addSpacing(space(3))
        inner.addWidget(self.recent_title)
        inner.addWidget(self.recent_list, 1)
        line = QHBoxLayout()
        line.addStretch(1)
        line.addWidget(card, 8)
        line.addStretch(1)
        layout = QVBoxLayout(self)
        margin = space(6)
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.addStretch(1)
        layout.addLayout(line)
        layout.addStretch(2)
        self._on_theme_changed()

    def show_recent(self, paths: Sequence[str]) -> None:
        """Offer these files, and the usual queue where it exists."""
        self.refresh_default()
        self.recent_list.clear()
        for text in paths:
            path = Path(text)
            item = QListWidgetItem(f"{one_line(path.name)}    {one_line(str(path.parent))}")
            item.setData(_PATH, text)
            item.setToolTip(tooltip(text))
            item.setIcon(self._theme.icon("database", "muted"))
            self.recent_list.addItem(item)
        row = max(1, self.recent_list.sizeHintForRow(0)) if paths else 1
        self.recent_list.setFixedHeight(row * min(6, len(paths)) + self._theme.space(2))
        for widget in (self.recent_title, self.recent_list):
            widget.setVisible(bool(paths))

    def refresh_default(self) -> None:
        """Look whether the usual queue exists."""
        exists = _is_file(self._default_path)
        self.default_button.setVisible(exists)
        self.default_button.setText("Open the &default queue")
        self.default_button.setToolTip(tooltip(str(self._default_path)))
        set_role(self.default_button, "primary")
        set_role(self.open_button, "" if exists else "primary")

    def focus_first(self) -> None:
        """Put the focus where the next step most likely is."""
        if self.recent_list.count():
            self.recent_list.setCurrentRow(0)
            self.recent_list.setFocus()
        else:
            (self.open_button if self.default_button.isHidden() else self.default_button).setFocus()

    def _on_recent_list_item_activated(self, item: QListWidgetItem) -> None:
        self.path_chosen.emit(Path(item.data(_PATH)))

    def _on_theme_changed(self) -> None:
        edge = self._theme.space(8)
        self._mark.setPixmap(self._theme.pixmap("database", "accent", edge, self))
        self._mark.setFixedSize(QSize(edge, edge))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
