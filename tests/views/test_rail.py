"""The rail chooses pages by mouse and key and shows what needs attention."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from prismq_gui.theme import LIGHT
from prismq_gui.views.rail import Rail, RailPage

PAGES = [
    RailPage("tasks", "Tasks", "list-checks"),
    RailPage("workers", "R&D workers", "users"),
    RailPage("logs", "Logs", "scroll-text"),
]


class PaintCounter(QObject):
    """How often a widget was painted since this was made."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        self.count += event.type() is QEvent.Type.Paint
        return False


@pytest.fixture
def rail(qtbot, theme) -> Rail:
    window = QWidget()
    qtbot.addWidget(window)
    made = Rail(theme, PAGES, window)
    layout = QVBoxLayout(window)
    layout.addWidget(made)
    layout.addWidget(QLineEdit(window))
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    yield made
    window.close()


def test_the_first_page_is_chosen(rail):
    assert rail.page == "tasks"
    assert rail.button("tasks").isChecked()


def test_a_click_chooses_and_is_told_once(qtbot, rail):
    told = []
    rail.page_chosen.connect(told.append)
    rail.button("logs").click()
    rail.button("logs").click()
    assert told == ["logs"]
    assert rail.button("logs").isChecked()
    assert not rail.button("tasks").isChecked()


def test_ctrl_and_a_number_choose_from_anywhere(qtbot, rail):
    field = rail.window().findChild(QLineEdit)
    field.setFocus()
    with qtbot.waitSignal(rail.page_chosen) as told:
        QTest.keyClick(field, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert told.args == ["workers"]


def test_arrows_go_to_the_neighbour(rail):
    rail.button("tasks").setFocus()
    QTest.keyClick(rail.button("tasks"), Qt.Key.Key_Down)
    assert rail.page == "workers"
    QTest.keyClick(rail.button("workers"), Qt.Key.Key_Up)
    QTest.keyClick(rail.button("tasks"), Qt.Key.Key_Up)
    assert rail.page == "tasks"


def test_setting_a_page_tells_nothing(qtbot, rail):
    with qtbot.assertNotEmitted(rail.page_chosen):
        rail.set_page("logs")
        rail.set_page("no such page")
    assert rail.page == "logs"


def test_a_badge_is_seen_and_told(rail):
    button, width = rail.button("workers"), rail.sizeHint().width()
    rail.set_badge("workers", 3, alarm=True)
    image = button.grab().toImage()
    assert LIGHT.danger in {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
    assert button.accessibleName() == "R&D workers, 3 need attention"
    rail.set_badge("workers", 123_456)
    assert button.badge_text() == "999+"
    assert rail.sizeHint().width() == width, "a badge moves nothing"
    rail.set_badge("workers", 0)
    assert button.badge_text() == ""


def test_a_title_keeps_its_ampersand(rail):
    assert rail.button("workers").text().strip() == "R&&D workers"


def test_a_badge_told_again_paints_nothing(rail, qtbot):
    rail.set_badge("workers", 3, alarm=True)
    qtbot.wait(50)  # what is to be painted is painted
    painted = PaintCounter(rail.button("workers"))
    rail.set_badge("workers", 3, alarm=True)
    qtbot.wait(50)
    assert painted.count == 0
    rail.set_badge("workers", 4, alarm=True)
    qtbot.waitUntil(lambda: painted.count > 0)
