"""The rail at the left: the pages, each with an icon, a name, a shortcut and a badge.

Owns which page is chosen. Must not know what a page is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QResizeEvent, QShortcut
from PySide6.QtWidgets import QButtonGroup, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from prismq_gui.theme import Theme, set_role
from prismq_gui.views.plain_text import no_mnemonic, tooltip
from prismq_gui.views.status_chips import thousands


@dataclass(frozen=True, slots=True)
class RailPage:
    """One page: its stable name, its title and the name of its icon."""

    name: str
    title: str
    icon: str
    keys: str = ""  # where they are not Ctrl and the page's place


_NARROW_STEPS = 230  # a window of fewer steps of space shows icons alone


class RailButton(QToolButton):
    """One page's button, with room for a badge at its right."""

    def __init__(self, page: RailPage, shortcut: str, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.page = page
        self._theme = theme
        self._badge: int | None = None
        self._alarm = False
        self._shortcut = shortcut
        self._is_compact = False
        self.setText(f" {no_mnemonic(page.title)}")  # Qt sets the icon too close
        self.setCheckable(True)
        self.setAutoExclusive(False)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setIconSize(QSize(theme.icon_size(), theme.icon_size()))
        set_role(self, "rail-button")
        theme.bind_icon(self, page.icon)
        self.set_badge(0)

    def set_badge(self, count: int, *, alarm: bool = False) -> None:
        """Show a number at the right, none for 0; ``alarm`` gives it the colour of danger."""
        if (count, alarm) == (self._badge, self._alarm):
            return  # told once a second: to lay the window out anew each time was most of what an idle one cost
        self._badge, self._alarm = count, alarm
        told = f", {thousands(count)} need attention" if count and alarm else f", {thousands(count)}" if count else ""
        self.setAccessibleName(f"{self.page.title}{told}")
        self._told = told
        self.name_keys(self._shortcut)
        self.updateGeometry()
        self.update()

    def name_keys(self, keys: str) -> None:
        """Tell the keys that go to the page, '' where there are none."""
        self._shortcut = keys
        self.setToolTip(
            tooltip(f"{self.page.title} ({keys}){self._told}" if keys else f"{self.page.title}{self._told}")
        )

    def compact_width(self) -> int:
        """Return how wide the icon is with its badge over it."""
        return super().sizeHint().height() + self._theme.space(3)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the icon's room."""
        return QSize(self.compact_width(), super().minimumSizeHint().height())

    def set_compact(self, compact: bool) -> None:
        """Show the icon alone, with its badge over it; the name stands in the tooltip."""
        if compact != self._is_compact:
            self._is_compact = compact
            style = Qt.ToolButtonStyle.ToolButtonIconOnly if compact else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
            self.setToolButtonStyle(style)
            self.updateGeometry()

    def badge_text(self) -> str:
        """Return the badge as shown."""
        if not self._badge:
            return ""
        return "999+" if self._badge > 999 else str(self._badge)

    def sizeHint(self) -> QSize:
        """Return the size of the content with a badge, so that one coming moves nothing."""
        hint = super().sizeHint()
        if self._is_compact:
            return QSize(self.compact_width(), hint.height())
        badge = QFontMetrics(self._theme.font("small")).horizontalAdvance("999+") + self._theme.space(3)
        return QSize(hint.width() + badge + self._theme.space(2), hint.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the button, then its badge."""
        super().paintEvent(event)
        text = self.badge_text()
        if not text:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self._theme.font("small")
        metrics = QFontMetrics(font)
        height = metrics.height() + self._theme.space(0.5)
        width = max(height, metrics.horizontalAdvance(text) + self._theme.space(2))
        top = 0 if self._is_compact else (self.height() - height) // 2
        right = 0 if self._is_compact else self._theme.space(1.5)
        rect = QRect(self.width() - width - right, top, width, height)
        colours = self._theme.palette
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("danger" if self._alarm else "selection_idle"))
        painter.drawRoundedRect(rect, height / 2, height / 2)
        painter.setFont(font)
        painter.setPen(colours.on_danger if self._alarm else colours.text)
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)


class Rail(QWidget):
    """All pages. ``page_chosen`` carries a page's name. GUI thread.

    Ctrl+1 … choose from anywhere in the window; with ``own_shortcuts`` False somebody else has those keys.
    """

    page_chosen = Signal(str)

    def __init__(
        self, theme: Theme, pages: Sequence[RailPage], parent: QWidget | None = None, *, own_shortcuts: bool = True
    ) -> None:
        super().__init__(parent)
        set_role(self, "rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Pages")
        layout = self._layout = QVBoxLayout(self)
        margin = theme.space(2)
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(theme.space(1))
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._buttons: dict[str, RailButton] = {}
        for number, page in enumerate(pages, start=1):
            keys = QKeySequence(page.keys or (f"Ctrl+{number}" if number <= 9 else ""))
            button = RailButton(page, keys.toString(QKeySequence.SequenceFormat.NativeText), theme, self)
            button.clicked.connect(lambda _checked, name=page.name: self._choose(name))
            self._group.addButton(button)
            self._buttons[page.name] = button
            layout.addWidget(button)
            if own_shortcuts and not keys.isEmpty():
                shortcut = QShortcut(keys, self)
                shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
                shortcut.activated.connect(lambda name=page.name: self._choose(name))
        layout.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Expanding)
        self._narrow = theme.space(_NARROW_STEPS)
        self._host = parent
        if parent is not None:
            parent.installEventFilter(self)
        self._current = ""
        if pages:
            self.set_page(pages[0].name)

    @property
    def page(self) -> str:
        """The name of the chosen page."""
        return self._current

    def set_page(self, name: str) -> None:
        """Choose a page without telling; an unknown name is ignored."""
        button = self._buttons.get(name)
        if button is not None:
            self._current = name
            button.setChecked(True)

    def set_badge(self, name: str, count: int, *, alarm: bool = False) -> None:
        """Show a number beside a page."""
        if name in self._buttons:
            self._buttons[name].set_badge(count, alarm=alarm)

    def name_keys(self, name: str, keys: str) -> None:
        """Tell the keys that go to a page."""
        self._buttons[name].name_keys(keys)

    def names(self) -> tuple[str, ...]:
        """Return the stable names of the pages."""
        return tuple(self._buttons)

    def button(self, name: str) -> RailButton:
        """Return a page's button."""
        return self._buttons[name]

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the width of the icons alone: no window is held open by names that a narrow one leaves away."""
        hint, margins = super().minimumSizeHint(), self._layout.contentsMargins()
        icons = max((button.compact_width() for button in self._buttons.values()), default=0)
        return QSize(icons + margins.left() + margins.right(), hint.height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Leave the names away in a narrow window: its pages need the room."""
        if event.type() == QEvent.Type.Resize and watched is self._host and isinstance(event, QResizeEvent):
            for button in self._buttons.values():
                button.set_compact(event.size().width() < self._narrow)
        return super().eventFilter(watched, event)

    def _choose(self, name: str) -> None:
        changed = name != self._current
        self.set_page(name)
        if changed:
            self.page_chosen.emit(name)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to the neighbour by the arrow keys."""
        names = list(self._buttons)
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
        if step is None or self._current not in names:
            super().keyPressEvent(event)
            return
        place = min(max(names.index(self._current) + step, 0), len(names) - 1)
        self._choose(names[place])
        self._buttons[names[place]].setFocus(Qt.FocusReason.TabFocusReason)
