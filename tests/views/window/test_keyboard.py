"""The whole window by Tab alone: each stop of a page once, in the order they stand, and out again."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from prismq_gui.views.detail_panel import PAYLOAD, WHY
from tests.views.window.conftest import Driver


def stops(start: QWidget) -> list[QWidget]:
    """Press Tab until it is where it began."""
    start.setFocus()
    found = [start]
    for _ in range(60):
        focus = QApplication.focusWidget()
        assert focus is not None
        QTest.keyClick(focus, Qt.Key.Key_Tab)
        if QApplication.focusWidget() is start:
            return found
        found.append(QApplication.focusWidget())
    raise AssertionError(f"Tab never came back: {found}")


def test_tab_goes_round_the_tasks_as_they_stand(opened: Driver) -> None:
    page = opened.window.tasks_page
    panel = page.detail
    opened.window.activateWindow()
    opened.select_first()
    opened.until(lambda: panel.is_showing_task)
    for tab, inside in ((PAYLOAD, panel.payload), (WHY, panel.why)):
        panel.tabs.setCurrentIndex(tab)
        found = stops(page.table)
        wanted = [page.table, panel.previous_button, panel.next_button, panel.tabs.tabBar()]
        assert [each for each in found if each in wanted] == wanted
        assert any(inside is each or inside.isAncestorOf(each) for each in found)
        before = [page.filter_bar.search, page.columns.button]
        assert found[-2:] == before, "what stands above the table is reached before it"


def test_each_stop_has_a_name(opened: Driver) -> None:
    opened.window.activateWindow()
    for name in ("overview", "tasks", "failures", "workers", "logs", "search"):
        opened.window.show_page(name)
        opened.until(lambda: QApplication.focusWidget() is not None)
        focus = QApplication.focusWidget()
        assert focus is not None
        for each in stops(focus):
            text = getattr(each, "text", str)()
            assert each.accessibleName() or text, f"{each} of {name} has no name"
