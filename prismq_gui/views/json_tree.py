"""JSON as a tree that opens level by level, and the raw text with the reason where it can't be one.

Owns the tree's model and view. Text from the file is shown literally.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHeaderView, QMenu, QStackedWidget, QTreeView, QVBoxLayout, QWidget

from prismq_gui.insight.messages import TextPreview
from prismq_gui.theme import Theme
from prismq_gui.views.json_parsing import JsonValue, Number, Parsed, parse, path_text, to_json, value_text
from prismq_gui.views.plain_text import label, one_line, tooltip
from prismq_gui.views.text_panel import TextPanel

if TYPE_CHECKING:
    from prismq_gui.insight.payload_columns import PayloadColumn

OPENED_AT_FIRST = 30  # a document of no more lines than this is shown opened
MAX_VALUE = 500  # characters of a value in its line

Path = tuple[str | int, ...]
_Index = QModelIndex | QPersistentModelIndex


class _Node:
    """One line of the tree; its children are made when it is opened."""

    __slots__ = ("_children", "key", "parent", "row", "value")

    def __init__(self, key: str | int, value: JsonValue, parent: _Node | None, row: int) -> None:
        self.key = key
        self.value = value
        self.parent = parent
        self.row = row
        self._children: list[_Node] | None = None

    def size(self) -> int:
        return len(self.value) if isinstance(self.value, (dict, list)) else 0

    def children(self) -> list[_Node]:
        if self._children is None:
            value = self.value
            pairs: list[tuple[str | int, JsonValue]] = []
            if isinstance(value, dict):
                pairs.extend(value.items())
            elif isinstance(value, list):
                pairs.extend(enumerate(value))
            self._children = [_Node(key, item, self, row) for row, (key, item) in enumerate(pairs)]
        return self._children

    def path(self) -> Path:
        keys: list[str | int] = []
        node = self
        while node.parent is not None:
            keys.append(node.key)
            node = node.parent
        return tuple(reversed(keys))


class JsonModel(QAbstractItemModel):
    """A parsed JSON value as lines of key and value. GUI thread."""

    def __init__(self, theme: Theme, value: JsonValue, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.is_container = isinstance(value, (dict, list))
        # A document that is no container is shown as one line of its own.
        if isinstance(value, (dict, list)):
            self._root = _Node("", value, None, 0)
        else:
            self._root = _Node("", [value], None, 0)
        self._mono: QFont = theme.font("mono")

    def _node(self, index: _Index) -> _Node:
        return cast(_Node, index.internalPointer()) if index.isValid() else self._root

    def index(self, row: int, column: int, parent: _Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        """Return the index of a line."""
        node = self._node(parent)
        if not (0 <= column < 2 and 0 <= row < node.size()):
            return QModelIndex()
        return self.createIndex(row, column, node.children()[row])

    def parent(self, index: _Index) -> QModelIndex:  # type: ignore[override]
        """Return the line above in the tree."""
        above = self._node(index).parent if index.isValid() else None
        return QModelIndex() if above is None or above.parent is None else self.createIndex(above.row, 0, above)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return how many lines stand under a line."""
        return 0 if parent.column() > 0 else self._node(parent).size()

    def columnCount(self, _parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return two: key and value."""
        return 2

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object | None:
        """Return the columns' titles."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return ("Key", "Value")[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object | None:
        """Return a line's text, colour or tooltip."""
        if not index.isValid():
            return None
        node = self._node(index)
        if role == Qt.ItemDataRole.DisplayRole:
            return one_line(str(node.key)) if index.column() == 0 else one_line(value_text(node.value)[:MAX_VALUE])
        if role == Qt.ItemDataRole.ToolTipRole:
            return tooltip(f"{path_text(node.path())}\n{value_text(node.value)}")
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._colour(node, index.column())
        if role == Qt.ItemDataRole.FontRole:
            return self._mono
        return None

    def _colour(self, node: _Node, column: int) -> QColor:
        if column == 0:
            return self._theme.colour("muted")
        if isinstance(node.value, Number):
            return self._theme.colour("running")
        if isinstance(node.value, str):
            return self._theme.colour("text")
        return self._theme.colour("muted" if isinstance(node.value, (dict, list)) else "dead")

    def path_of(self, index: _Index) -> Path:
        """Return the keys that lead to a line."""
        return self._node(index).path()

    def value_of(self, index: _Index) -> JsonValue:
        """Return the value of a line."""
        return self._node(index).value

    def find(self, path: Path) -> QModelIndex:
        """Return the line at a path, an invalid index where there is none."""
        index = QModelIndex()
        for key in path:
            row = next((node.row for node in self._node(index).children() if node.key == key), -1)
            index = self.index(row, 0, index)
            if not index.isValid():
                break
        return index

    def line_count(self, most: int) -> int:
        """Return how many lines the whole tree has, counted up to ``most`` + 1."""
        count, waiting = 0, [self._root]
        while waiting and count <= most:
            node = waiting.pop()
            count += node.size()
            if count <= most:
                waiting.extend(child for child in node.children() if child.size())
        return count


class _Tree(QTreeView):
    """The view of a JSON model, with copy by key and menu."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setUniformRowHeights(True)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.setFrameShape(QTreeView.Shape.NoFrame)
        self.setIndentation(theme.space(4))
        self.setAlternatingRowColors(False)
        self.setHeaderHidden(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._on_self_context_menu_requested)
        self.document = ""  # of which values may be shown as columns, '' of none
        self.show_as_column: Callable[[PayloadColumn], object] | None = None

    def current_column(self) -> PayloadColumn | None:
        """Return the current line as a column of the table, None where it can be none."""
        from prismq_gui.insight.payload_columns import column_at  # noqa: PLC0415 - not before somebody asks

        model = self.json_model()
        if model is None or self.show_as_column is None or not model.is_container or not self.currentIndex().isValid():
            return None
        return column_at(model.path_of(self.currentIndex()), self.document)

    def json_model(self) -> JsonModel | None:
        model = self.model()
        return model if isinstance(model, JsonModel) else None

    def copy_value(self) -> None:
        model = self.json_model()
        if model is not None and self.currentIndex().isValid():
            value = model.value_of(self.currentIndex())
            text = to_json(value) if isinstance(value, (dict, list)) else value_text(value)
            QGuiApplication.clipboard().setText(text)

    def copy_path(self) -> None:
        model = self.json_model()
        if model is not None and self.currentIndex().isValid():
            QGuiApplication.clipboard().setText(path_text(model.path_of(self.currentIndex())))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_value()
            event.accept()
        else:
            super().keyPressEvent(event)

    def _on_self_context_menu_requested(self, position: QPoint) -> None:
        if not self.indexAt(position).isValid():
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Copy &value").triggered.connect(self.copy_value)
        menu.addAction("Copy &path").triggered.connect(self.copy_path)
        show, column = self.show_as_column, self.current_column()
        if show is not None:
            action = menu.addAction("&Show as column")
            action.setEnabled(column is not None)
            action.triggered.connect(lambda: show(column) if column is not None else None)
        menu.addSeparator()
        menu.addAction("&Expand all").triggered.connect(self.expand_some)
        menu.addAction("&Collapse all").triggered.connect(self.collapseAll)
        menu.popup(self.viewport().mapToGlobal(position))

    def expand_some(self) -> None:
        """Open all that is not too much to lay out at once."""
        model = self.json_model()
        if model is not None:
            self.expandToDepth(1) if model.line_count(10_000) > 10_000 else self.expandAll()


class JsonView(QWidget):
    """A JSON text from the file as a tree, or literally. GUI thread."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._source: TextPreview | None = None
        self._parsed = Parsed()
        self._as_text = False
        self.tree = _Tree(theme, self)
        self.tree.setAccessibleName(f"{name} as a tree")
        self.text = TextPanel(theme, f"{name} as text", self)
        self.reason_label = label("", "small", self, wrap=True)
        margin = theme.space(2)
        self.reason_label.setContentsMargins(margin, margin // 2, margin, margin // 2)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.tree)
        self._stack.addWidget(self.text)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.reason_label)
        layout.addWidget(self._stack, 1)
        theme.changed.connect(self._on_theme_changed)

    def show_preview(self, preview: TextPreview) -> None:
        """Show a text; the same one again changes nothing, another keeps what is opened in the tree."""
        if preview == self._source:
            return
        opened, current, scroll = self._opened_paths(), self._current_path(), self.tree.verticalScrollBar().value()
        first = self._source is None
        self._source = preview
        self._parsed = self._parse(preview)
        self.text.show_text(_raw(preview))
        if not self._parsed.reason:
            self._set_model(opened, current, scroll, first=first)
        self.reason_label.setText(f"Shown as text: {self._parsed.reason}." if self._parsed.reason else "")
        self.reason_label.setVisible(bool(self._parsed.reason))
        self._show_page()

    def offer_columns(self, document: str, show: Callable[[PayloadColumn], object]) -> None:
        """Offer each value as a column of the table; ``document`` is the column of the file it is in."""
        self.tree.document, self.tree.show_as_column = document, show

    def forget(self) -> None:
        """Forget what was opened, before another task is shown."""
        self._source = None
        self._drop_model()

    def set_as_text(self, as_text: bool) -> None:
        """Show the text (True) or, where it is one, the tree."""
        self._as_text = as_text
        self._show_page()

    @property
    def is_tree(self) -> bool:
        """Whether the tree is in view."""
        return self._stack.currentWidget() is self.tree

    def _parse(self, preview: TextPreview) -> Parsed:
        if preview.kind == "null":
            return Parsed(reason="there is no value")
        if preview.kind == "blob":
            return Parsed(reason=f"a blob of {preview.size_bytes:,} bytes")
        if preview.truncated:
            return Parsed(reason=f"the first part of {preview.size_bytes:,} bytes")
        return parse(preview.text)

    def _drop_model(self) -> None:
        old = self.tree.model()
        self.tree.setModel(None)
        if old is not None:
            old.deleteLater()

    def _set_model(self, opened: set[Path], current: Path, scroll: int, *, first: bool) -> None:
        self._drop_model()
        model = JsonModel(self._theme, self._parsed.value, self)
        self.tree.setModel(model)
        header = self.tree.header()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        if first and model.line_count(OPENED_AT_FIRST) <= OPENED_AT_FIRST:
            self.tree.expandAll()
        for path in sorted(opened, key=len):
            self.tree.setExpanded(model.find(path), True)
        if current:
            self.tree.setCurrentIndex(model.find(current))
        self.tree.resizeColumnToContents(0)
        self.tree.setColumnWidth(0, min(self.tree.columnWidth(0) + self._theme.space(3), self._theme.space(50)))
        self.tree.verticalScrollBar().setValue(scroll)

    def _opened_paths(self) -> set[Path]:
        model = self.tree.json_model()
        opened: set[Path] = set()
        waiting = [QModelIndex()] if model else []
        while model and waiting:
            parent = waiting.pop()
            for row in range(model.rowCount(parent)):
                index = model.index(row, 0, parent)
                if self.tree.isExpanded(index):
                    opened.add(model.path_of(index))
                    waiting.append(index)
        return opened

    def _current_path(self) -> Path:
        model = self.tree.json_model()
        return model.path_of(self.tree.currentIndex()) if model and self.tree.currentIndex().isValid() else ()

    def _show_page(self) -> None:
        as_text = self._as_text or bool(self._parsed.reason)
        self._stack.setCurrentWidget(self.text if as_text else self.tree)

    def _on_theme_changed(self) -> None:
        self.tree.setIndentation(self._theme.space(4))
        self.tree.viewport().update()

    def changeEvent(self, event: QEvent) -> None:
        """Repaint with the new palette."""
        if event.type() == QEvent.Type.PaletteChange:
            self.tree.viewport().update()
        super().changeEvent(event)


def _raw(preview: TextPreview) -> str:
    if preview.kind == "null":
        return ""
    note = f"\n[{preview.size_bytes:,} bytes in all; the rest is not shown]" if preview.truncated else ""
    return preview.text + note
