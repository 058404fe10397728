"""All that differs in one task of two files: field by field, old beside new, as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from prismq_gui.insight.compare_records import Difference
from prismq_gui.insight.messages import TextPreview
from prismq_gui.models.text import one_line, visible
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.plain_text import tooltip

VALUE_CHARACTERS = 2_000
NULL = "–"


class CompareDetails(QTreeWidget):
    """Three columns: field, older, newer. GUI thread."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "columns")
        self._theme = theme
        self.setColumnCount(3)
        self.setHeaderLabels(["Field", "Older file", "Newer file"])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setTabKeyNavigation(False)
        self.setAccessibleName("What differs in the chosen task")
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)

    def show_differences(self, differences: Sequence[Difference]) -> None:
        """Show these fields."""
        self.clear()
        self.setEnabled(True)
        items = []
        for each in differences:
            name = f"{each.column} (same moment)" if each.form_only else each.column
            item = QTreeWidgetItem([name, _line(each.before), _line(each.after)])
            for column, value in ((1, each.before), (2, each.after)):
                item.setFont(column, self._theme.font("mono"))
                item.setToolTip(column, tooltip(_whole(value)))
            items.append(item)
        self.addTopLevelItems(items)
        if items:
            self.setCurrentItem(items[0])

    def show_stale(self) -> None:
        """Let what is shown fade: it is of the task before, and the chosen one is being read."""
        self.setEnabled(False)

    def show_words(self, words: str) -> None:
        """Show why there is nothing."""
        self.clear()
        self.setEnabled(True)
        item = QTreeWidgetItem([one_line(words)])
        item.setFlags(Qt.ItemFlag.ItemIsEnabled)
        self.addTopLevelItem(item)
        self.setFirstColumnSpanned(0, self.rootIndex(), True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy the current field with both values."""
        item = self.currentItem()
        if event.matches(QKeySequence.StandardKey.Copy) and item is not None:
            QGuiApplication.clipboard().setText("\t".join(item.text(column) for column in range(3)))
        else:
            super().keyPressEvent(event)


def _line(value: TextPreview) -> str:
    if value.kind == "null":
        return NULL
    text = one_line(value.text, VALUE_CHARACTERS) or "“”"
    bytes_ = "byte" if value.size_bytes == 1 else "bytes"
    size = f"  ({value.size_bytes:,} {bytes_})" if value.truncated or value.kind == "blob" else ""
    return f"blob {text}{size}" if value.kind == "blob" else f"{text}{size}"


def _whole(value: TextPreview) -> str:
    return NULL if value.kind == "null" else visible(value.text)
