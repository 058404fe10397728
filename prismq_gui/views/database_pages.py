"""The two pages behind the rail's one entry of the database: the file as a file, and what is wrong with the queue.

Owns which of them is in view. Must not know what they show.
"""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from prismq_gui.polling.health_desk import Extent
from prismq_gui.theme import Theme
from prismq_gui.views.database_page import DatabasePage
from prismq_gui.views.health_page import HealthPage
from prismq_gui.views.table_view import BigTableView


class DatabasePages(QWidget):
    """Both, under tabs. GUI thread."""

    state_changed = Signal()

    def __init__(self, theme: Theme, file: DatabasePage, health: HealthPage, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.file = file
        self.health = health
        self.tabs = QTabBar(self)
        self.tabs.setAccessibleName("Parts of the page")
        self.tabs.setExpanding(False)
        self._stack = QStackedWidget(self)
        for name, page in (("File and backups", file), ("Health", health)):
            self.tabs.addTab(name)
            self._stack.addWidget(page)
            page.state_changed.connect(self.state_changed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        head = QHBoxLayout()
        head.setContentsMargins(theme.space(1.5), theme.space(1), theme.space(3), 0)  # a tab has as much within
        head.addWidget(self.tabs, 1)
        layout.addLayout(head)
        layout.addWidget(self._stack, 1)
        self.tabs.currentChanged.connect(self._on_tabs_current_changed)
        health.badge_changed.connect(self._name_tab)
        file.health_requested.connect(self._look)

    @property
    def table(self) -> BigTableView:
        """The table of the page in view."""
        return self.health.table if self.is_health else self.file.table

    @property
    def is_health(self) -> bool:
        """Whether the health is in view."""
        return self.tabs.currentIndex() == 1

    def show_health(self) -> None:
        """Show what is wrong with the queue."""
        self.tabs.setCurrentIndex(1)
        self.health.focus_first()

    def _look(self) -> None:
        self.show_health()
        self.health.look(Extent.USUAL)

    def tick(self) -> None:
        """Bring both up to the moment; once a second."""
        self.file.tick()
        self.health.tick()

    def focus_first(self) -> None:
        """Give the focus to the first thing of the page in view."""
        (self.health if self.is_health else self.file).focus_first()

    def _on_tabs_current_changed(self, index: int) -> None:
        self._stack.setCurrentIndex(index)
        self.state_changed.emit()

    def _name_tab(self) -> None:
        count = self.health.count
        self.tabs.setTabText(1, f"Health ({count:,})" if count else "Health")
        self.tabs.setTabToolTip(1, f"{count:,} faults and warnings" if count else "")
