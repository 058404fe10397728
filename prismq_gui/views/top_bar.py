"""The bar above the pages: which file it is, whether it may be written, and the nearest actions."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeySequence, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from prismq_gui.actions.build import ActionSet
from prismq_gui.actions.registry import ACTIONS, Place
from prismq_gui.file_marks import UNMARKED, Environment, FileMark
from prismq_gui.polling.messages import Link, LinkState
from prismq_gui.theme import Theme, set_role
from prismq_gui.theme.marks import mark_colours
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.mark_badge import MarkBadge
from prismq_gui.views.plain_text import label, tooltip
from prismq_gui.views.tab_order import tab_in_order

_WORDS = {LinkState.BUSY: "Busy", LinkState.MISSING: "File gone", LinkState.BROKEN: "Not readable"}
_NARROW_STEPS = 205  # a bar of fewer steps of space shows icons alone


class TopBar(QWidget):
    """File name, folder, read-only mark, buttons, Live/Paused. GUI thread."""

    pause_clicked = Signal(bool)

    def __init__(self, theme: Theme, actions: ActionSet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._actions = actions
        self._palette_words = ("", "")
        self._link, self._is_paused = Link(LinkState.CLOSED, 0), False
        set_role(self, "bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.badge = MarkBadge(theme, self)
        self.badge.clicked.connect(actions["mark_file"].trigger)
        self._mark = UNMARKED
        self.name_label = ElidedLabel("strong", self)
        self.folder_label = ElidedLabel("muted", self)
        self.read_only_icon = QLabel(self)
        self.read_only_label = label("Read-only", "muted", self)
        self.live_button = QToolButton(self)
        self.live_button.setCheckable(True)
        self._told = ("", "")  # of that button
        self.live_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.live_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.live_button.setIconSize(QSize(theme.icon_size(), theme.icon_size()))
        self.live_button.clicked.connect(self.pause_clicked)
        set_role(self.live_button, "chip")
        self.palette_button = QToolButton(self)
        self._set_up_palette()
        self._lay_out(actions)
        theme.changed.connect(self._on_theme_changed)
        self._on_theme_changed()
        self.show_file(None)
        self.name_keys()

    def _lay_out(self, actions: ActionSet) -> None:
        space = self._theme.space
        words = self._words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self.name_label)
        words.addWidget(self.folder_label)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(space(3), space(1.5), space(3), space(1.5))
        layout.setSpacing(space(1))
        layout.addWidget(self.badge)
        layout.addLayout(words, 1)
        layout.addWidget(self.read_only_icon)
        layout.addWidget(self.read_only_label)
        layout.addSpacing(space(2))
        layout.addWidget(self.palette_button)
        layout.addSpacing(space(2))
        self._buttons: list[QToolButton] = []
        for record in ACTIONS:
            if Place.TOP_BAR in record.places:
                button = actions.button(record.id, self)
                button.setIconSize(QSize(self._theme.icon_size(), self._theme.icon_size()))
                layout.addWidget(button)
                self._buttons.append(button)
        layout.addSpacing(space(2))
        layout.addWidget(self.live_button)
        tab_in_order(self.badge, self.palette_button, *self._buttons, self.live_button)

    def _set_up_palette(self) -> None:
        """Make the palette's button: a field with its key, so that both are learned at once."""
        button = self.palette_button
        set_role(button, "chip")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setIconSize(QSize(self._theme.icon_size(), self._theme.icon_size()))
        button.clicked.connect(self._actions["palette"].trigger)
        self._theme.bind_icon(button, "command", "muted")

    def name_keys(self) -> None:
        """Tell the keys of the moment."""
        action = self._actions["palette"]
        key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        self._palette_words = (f" {key}" if key else "", f" Commands   {key}" if key else " Commands")
        self.palette_button.setToolTip(action.toolTip())
        self.palette_button.setAccessibleName(f"Command palette, {key}" if key else "Command palette")
        self._fit()
        self.show_link(self._link, paused=self._is_paused)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the file's name its room: in a narrow bar the palette's key alone stands on its button."""
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the width of the marks and icons alone, with some of the file's name."""
        wide = sum(button.sizeHint().height() + self._theme.space(1) for button in self._buttons)
        for other in (self.badge, self.live_button, self.palette_button, self.read_only_icon):
            wide += 0 if other.isHidden() else other.sizeHint().width()
        return QSize(wide + self._theme.space(35), super().minimumSizeHint().height())

    def _fit(self) -> None:
        narrow = self.width() < self._theme.space(_NARROW_STEPS)
        style = Qt.ToolButtonStyle.ToolButtonIconOnly if narrow else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        for button in self._buttons:
            if button.toolButtonStyle() != style:
                button.setToolButtonStyle(style)
        self.read_only_label.setVisible(not self.read_only_icon.isHidden() and not narrow)
        self.palette_button.setText(self._palette_words[self.width() >= self._theme.space(250)])

    def show_file(self, path: Path | None, refusal: str = "") -> None:
        """Show which file it is, and why it can't be written where that is so."""
        self.name_label.show_text(path.name or str(path) if path else "No file open")
        self.folder_label.show_text(str(path.parent) if path else "Open a queue file to begin")
        self.read_only_icon.setVisible(bool(path and refusal))
        for widget in (self.read_only_icon, self.read_only_label):
            widget.setToolTip(tooltip(refusal))
        self._fit()

    def show_mark(self, mark: FileMark) -> None:
        """Show what the file is marked as: its name in a badge, and its colour along the bar."""
        if mark != self._mark:
            self._mark = mark
            self.badge.show_mark(mark)
            self._words.setContentsMargins(0 if self.badge.isHidden() else self._theme.space(1.5), 0, 0, 0)
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the bar, and the colour of a mark along its foot."""
        super().paintEvent(event)
        if self._mark.environment is not Environment.NONE:
            ground, _text = mark_colours(self._mark.colour, dark=self._theme.is_dark)
            high = self._theme.space(0.75)
            QPainter(self).fillRect(0, self.height() - high, self.width(), high, QColor(ground))

    def show_link(self, link: Link, *, paused: bool) -> None:
        """Show whether the file is being looked at, or why not."""
        self._link, self._is_paused = link, paused
        words = "Paused" if paused else _WORDS.get(link.state, "Live")
        icon, role = ("pause", "muted") if paused else ("play", "success")
        if words in _WORDS.values():
            icon, role = "triangle-alert", "warning"
        told = (
            "Paused: the file is not looked at. Click to go on"
            if paused
            else "The file is looked at again and again. Click to pause"
        )
        told = self._actions.with_keys("set_paused", told)
        self.live_button.setChecked(paused)
        self.live_button.setEnabled(link.state is not LinkState.CLOSED)
        if self._told == (words, told):
            return  # told with each poll, and an icon given anew lays the window out anew
        self._told = (words, told)
        self.live_button.setText(f" {words}")
        self.live_button.setAccessibleName(f"{words}: {'go on' if paused else 'pause'}")
        self.live_button.setToolTip(tooltip(told))
        self._theme.bind_icon(self.live_button, icon, role)

    def _on_theme_changed(self) -> None:
        self.read_only_icon.setPixmap(self._theme.pixmap("lock", "muted", self._theme.space(3.5), self))
