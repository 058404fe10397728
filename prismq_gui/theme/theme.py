"""The look of the program: light or dark as the system says, one scale of type and of space.

Owns style, palette, stylesheet, fonts and icons, and tells everybody when they change. Must not
know any view. GUI thread only.
"""

from __future__ import annotations

from typing import Literal, Protocol, cast

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QFontMetricsF,
    QGuiApplication,
    QIcon,
    QPalette,
    QPixmap,
    QScreen,
)
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from prismq_gui.insight.states import StatusKind as Status
from prismq_gui.theme.icons import make_icon, make_pixmap
from prismq_gui.theme.shapes import shape_pixmap
from prismq_gui.theme.stylesheet import Metrics, build
from prismq_gui.theme.tokens import DARK, LIGHT, Palette

Mode = Literal["system", "light", "dark"]
FontRole = Literal["base", "small", "title", "mono"]

_SCHEMES = {
    "system": Qt.ColorScheme.Unknown,
    "light": Qt.ColorScheme.Light,
    "dark": Qt.ColorScheme.Dark,
}
_NO_THEMES = [":/icons"]  # an empty list would mean the system's folders


class _HasIcon(Protocol):
    def setIcon(self, icon: QIcon, /) -> None: ...  # noqa: N802


class Theme(QObject):
    """One for the whole program, made after the application; every widget is given it."""

    changed = Signal()

    def __init__(self, app: QApplication, mode: Mode = "system", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._app = app
        self._mode: Mode = mode
        self._base_font = QFont(app.font())
        self._icons: dict[tuple[str, str], QIcon] = {}
        self._pixmaps: dict[tuple[str, str, int, float], QPixmap] = {}
        self._shapes: dict[tuple[Status, int, float], QPixmap] = {}
        self._bound: list[tuple[QObject, str, str]] = []
        self._ratios = _screen_ratios()
        self._palette = LIGHT
        self._applied: tuple[Palette, str] | None = None
        self._scheme = QGuiApplication.styleHints().colorScheme()
        self._choose_palette()
        # The icons are our own, the few of the style's (in lines and on buttons of dialogs) come with Qt. Each of those
        # was looked for in the system's icon themes first: 40,000 names of files, 14 to 50 ms in the window's thread.
        QIcon.setThemeSearchPaths(_NO_THEMES)
        QIcon.setFallbackSearchPaths(_NO_THEMES)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._on_hints_color_scheme_changed)
        app.screenAdded.connect(self._on_app_screen_added)

    # -- light and dark

    @property
    def mode(self) -> Mode:
        """What the person wants: to follow the system, or always light or dark."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        if mode not in _SCHEMES:
            raise ValueError(f"not a theme: {mode}")
        if mode != self._mode:
            self._mode = mode
            self.apply()

    @property
    def palette(self) -> Palette:
        """The colours of the moment."""
        return self._palette

    @property
    def is_dark(self) -> bool:
        """Whether the colours of the moment are the dark ones."""
        return self._palette.dark

    def apply(self, app: QApplication | None = None) -> None:
        """Give the application its style, palette and stylesheet; tell ``changed`` if they are new."""
        self._app = app or self._app
        if self._app.style().objectName().lower() != "fusion":
            self._app.setStyle("Fusion")
        # Also colours the title bar on Windows and macOS; may call us back through the hint's signal.
        QGuiApplication.styleHints().setColorScheme(_SCHEMES[self._mode])
        self._scheme = QGuiApplication.styleHints().colorScheme()
        self._repaint()

    def _on_hints_color_scheme_changed(self, scheme: Qt.ColorScheme) -> None:
        self._scheme = scheme
        if self._applied is not None:
            self._repaint()

    def _choose_palette(self) -> None:
        dark = self._mode == "dark"
        if self._mode == "system":
            dark = self._scheme == Qt.ColorScheme.Dark
        self._palette = DARK if dark else LIGHT

    def _repaint(self) -> None:
        self._choose_palette()
        sheet = build(self._palette, self._metrics())
        if self._applied == (self._palette, sheet):
            return
        self._applied = (self._palette, sheet)
        self._icons.clear()
        self._pixmaps.clear()
        self._shapes.clear()
        self._app.setPalette(qt_palette(self._palette))
        self._app.setStyleSheet(sheet)
        self._dress()

    def _on_app_screen_added(self, _screen: QScreen) -> None:
        if not _screen_ratios() <= self._ratios:
            self._ratios |= _screen_ratios()
            self._icons.clear()
            self._dress()

    def _dress(self) -> None:
        """Give everything that is bound to an icon its icon of the moment."""
        self._bound = [entry for entry in self._bound if isValid(entry[0])]
        for target, name, role in self._bound:
            cast(_HasIcon, target).setIcon(self.icon(name, role))
        self.changed.emit()

    # -- type and space

    def font(self, role: FontRole = "base") -> QFont:
        """Return one of the program's fonts: three sizes and one fixed pitch."""
        if role == "mono":
            font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
            font.setStyleHint(QFont.StyleHint.Monospace)
            _resize(font, self._base_font, 1.0)
            return font
        font = QFont(self._base_font)
        if role == "small":
            _resize(font, self._base_font, 0.9)
        elif role == "title":
            _resize(font, self._base_font, 1.3)
            font.setWeight(QFont.Weight.DemiBold)
        return font

    def space(self, n: float = 1) -> int:
        """Return ``n`` steps of the spacing scale in device-independent pixels; a step is 4 at usual type sizes."""
        step = max(4.0, round(QFontMetricsF(self._base_font).height() / 4.25))
        return round(step * n)

    def icon_size(self) -> int:
        """Return the edge of an icon that stands beside a line of text."""
        return self.space(4)

    def _metrics(self) -> Metrics:
        base, small, title = (self.font(role) for role in ("base", "small", "title"))
        return Metrics(
            step=self.space(1),
            small_font=_css_size(small),
            base_font=_css_size(base),
            title_font=_css_size(title),
            mono_family=self.font("mono").family(),
        )

    # -- icons and colours

    def colour(self, role: str) -> QColor:
        """Return the colour of a palette role."""
        return QColor(getattr(self._palette, role))

    def icon(self, name: str, role: str = "text") -> QIcon:
        """Return an icon in the colour of a palette role; ask again after ``changed`` or use ``bind_icon``."""
        key = (name, role)
        if key not in self._icons:
            self._icons[key] = make_icon(name, str(getattr(self._palette, role)), self._palette.disabled, self._ratios)
        return self._icons[key]

    def pixmap(self, name: str, role: str, size: int, widget: QWidget) -> QPixmap:
        """Return an icon as a pixmap of ``size`` device-independent pixels, sharp on the widget's screen."""
        key = (name, role, size, widget.devicePixelRatioF())
        if key not in self._pixmaps:
            self._pixmaps[key] = make_pixmap(name, str(getattr(self._palette, role)), size, key[-1])
        return self._pixmaps[key]

    def bind_icon(self, target: QObject, name: str, role: str = "text") -> None:
        """Give an action or button an icon that changes its colour with the theme."""
        self._bound = [entry for entry in self._bound if isValid(entry[0]) and entry[0] is not target]
        self._bound.append((target, name, role))
        cast(_HasIcon, target).setIcon(self.icon(name, role))

    def status_pixmap(self, status: Status, size: int, ratio: float) -> QPixmap:
        """Return the shape of a status in its colour, cached."""
        key = (status, size, ratio)
        if key not in self._shapes:
            self._shapes[key] = shape_pixmap(status, size, ratio, self._palette.status(status))
        return self._shapes[key]

    def status_icon(self, status: Status) -> QIcon:
        """Return the shape of a status as an icon."""
        icon = QIcon()
        for ratio in (1.0, 1.5, 2.0, 3.0):
            icon.addPixmap(self.status_pixmap(status, self.space(3), ratio))
        return icon


def _screen_ratios() -> set[float]:
    """Return how many physical pixels to a device-independent one the screens have."""
    return {screen.devicePixelRatio() for screen in QGuiApplication.screens()} or {1.0}


def _resize(font: QFont, base: QFont, factor: float) -> None:
    """Give a font a size in proportion to the base font, in whichever unit that one has."""
    if base.pointSizeF() > 0:
        font.setPointSizeF(round(base.pointSizeF() * factor * 2) / 2)
    else:
        font.setPixelSize(round(base.pixelSize() * factor))


def _css_size(font: QFont) -> str:
    return f"{font.pointSizeF():g}pt" if font.pointSizeF() > 0 else f"{font.pixelSize()}px"


def set_role(widget: QWidget, role: str) -> None:
    """Name what a widget is for the stylesheet ('title', 'muted', 'small', 'mono', 'primary', …), also later."""
    widget.setProperty("role", role)
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)


def qt_palette(colours: Palette) -> QPalette:
    """Return Qt's own palette in our colours, for all that the stylesheet does not reach."""
    palette = QPalette()
    role = QPalette.ColorRole
    pairs = {
        role.Window: colours.window,
        role.WindowText: colours.text,
        role.Base: colours.surface,
        role.AlternateBase: colours.hover,
        role.Text: colours.text,
        role.Button: colours.raised,
        role.ButtonText: colours.text,
        role.BrightText: colours.danger,
        role.ToolTipBase: colours.raised,
        role.ToolTipText: colours.text,
        role.PlaceholderText: colours.muted,
        role.Highlight: colours.selection,
        role.HighlightedText: colours.text,
        role.Link: colours.accent,
        role.LinkVisited: colours.accent,
        role.Accent: colours.accent,
        role.Mid: colours.border,
        role.Midlight: colours.border,
        role.Light: colours.raised,
        role.Dark: colours.border_strong,
        role.Shadow: colours.border_strong,
    }
    for colour_role, colour in pairs.items():
        palette.setColor(colour_role, QColor(colour))
    for colour_role in (role.Text, role.WindowText, role.ButtonText, role.HighlightedText):
        palette.setColor(QPalette.ColorGroup.Disabled, colour_role, QColor(colours.disabled))
    palette.setColor(QPalette.ColorGroup.Inactive, role.Highlight, QColor(colours.selection_idle))
    return palette
