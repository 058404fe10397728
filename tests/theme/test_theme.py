"""The theme follows the person's wish and the system, and colours what was coloured before anew."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QColor, QFontMetricsF, QGuiApplication, QIcon, QPalette
from PySide6.QtWidgets import QLabel, QPushButton

from prismq_gui.resources import resource_path
from prismq_gui.theme import DARK, LIGHT, Theme, set_role
from prismq_gui.theme.icons import make_icon, make_pixmap


@pytest.fixture
def theme(qapp):
    made = Theme(qapp, "light")
    made.apply()
    yield made
    made.mode = "light"


def colours_in(icon: QIcon, mode: QIcon.Mode = QIcon.Mode.Normal) -> set[str]:
    image = icon.pixmap(QSize(24, 24), 1.0, mode).toImage()
    pixels = (image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height()))
    return {pixel.name() for pixel in pixels if pixel.alpha() == 255}


def test_forced_modes_change_the_whole_application(qtbot, qapp, theme):
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(LIGHT.window)
    with qtbot.waitSignal(theme.changed):
        theme.mode = "dark"
    assert theme.is_dark
    assert theme.palette is DARK
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(DARK.window)
    assert DARK.surface in qapp.styleSheet()
    assert LIGHT.surface not in qapp.styleSheet()


def test_the_same_mode_again_tells_nothing(qtbot, theme):
    with qtbot.assertNotEmitted(theme.changed):
        theme.mode = "light"
        theme.apply()


def test_an_unknown_mode_is_refused(theme):
    with pytest.raises(ValueError, match="solarized"):
        theme.mode = "solarized"
    assert theme.mode == "light"


def test_system_mode_follows_the_system(qtbot, qapp, theme):
    theme.mode = "system"
    hints = QGuiApplication.styleHints()
    assert theme.is_dark is (hints.colorScheme() == Qt.ColorScheme.Dark)
    # As Qt tells it when the person changes the system's setting (the offscreen platform has none).
    for scheme, dark in ((Qt.ColorScheme.Dark, True), (Qt.ColorScheme.Light, False)):
        if theme.is_dark is not dark:
            with qtbot.waitSignal(theme.changed):
                hints.colorSchemeChanged.emit(scheme)
        assert theme.is_dark is dark


def test_forced_mode_stays_when_the_system_changes(qtbot, theme):
    with qtbot.assertNotEmitted(theme.changed):
        QGuiApplication.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert not theme.is_dark


def test_icons_take_the_colour_of_their_role_and_grey_when_disabled(theme):
    icon = theme.icon("rotate-ccw", "danger")
    assert colours_in(icon) == {LIGHT.danger}
    assert colours_in(icon, QIcon.Mode.Disabled) == {LIGHT.disabled}
    assert theme.icon("rotate-ccw", "danger") is icon


def test_icons_are_sharp_at_200_percent(theme):
    for pixmap in (
        make_icon("rotate-ccw", "#000000", "#777777", {1.0, 2.0}).pixmap(QSize(16, 16), 2.0),
        make_pixmap("rotate-ccw", "#000000", 16, 2.0),
    ):
        assert (pixmap.width(), pixmap.devicePixelRatio()) == (32, 2.0)


def test_a_large_icon_is_drawn_at_its_size_and_not_a_small_one_shown(qtbot, theme):
    label = QLabel()
    qtbot.addWidget(label)
    pixmap = theme.pixmap("inbox", "muted", 48, label)
    assert pixmap.width() == 48 * label.devicePixelRatioF()
    theme.mode = "dark"
    assert theme.pixmap("inbox", "muted", 48, label).toImage() != pixmap.toImage()


def test_bound_icons_change_colour_with_the_theme(qtbot, theme):
    action, gone = QAction("Retry"), QPushButton()
    theme.bind_icon(action, "rotate-ccw")
    theme.bind_icon(gone, "ban")
    gone.deleteLater()
    qtbot.waitUntil(lambda: not _alive(gone))
    assert colours_in(action.icon()) == {LIGHT.text}
    theme.mode = "dark"
    assert colours_in(action.icon()) == {DARK.text}


def _alive(widget) -> bool:
    from shiboken6 import isValid

    return isValid(widget)


def test_spacing_and_type_grow_with_the_base_font(qapp):
    usual = qapp.font()
    small = Theme(qapp, "light")
    large_font = qapp.font()
    large_font.setPointSizeF(usual.pointSizeF() * 2)
    qapp.setFont(large_font)
    try:
        large = Theme(qapp, "light")
    finally:
        qapp.setFont(usual)
    assert large.space(1) >= 1.4 * small.space(1)  # whole pixels: the ratio of small numbers is coarse
    assert small.space(8) == 8 * small.space(1)
    for theme in (small, large):
        sizes = [QFontMetricsF(theme.font(role)).height() for role in ("small", "base", "title")]
        assert sizes == sorted(set(sizes)), "three different sizes, ascending"


def test_a_role_can_be_given_after_the_widget_is_shown(qtbot, theme):
    label = QLabel("text")
    qtbot.addWidget(label)
    label.show()
    before = label.fontMetrics().height()
    set_role(label, "title")
    assert label.fontMetrics().height() > before


def test_every_icon_in_the_resources_can_be_drawn(theme):
    names = [path.stem for path in resource_path("icons").glob("*.svg")]
    assert len(names) > 20
    for name in names:
        assert colours_in(theme.icon(name)) == {LIGHT.text}, name


def test_the_stylesheet_has_no_placeholder_left(qapp, theme):
    assert "$" not in qapp.styleSheet()
