"""The list of what may come next, below a filter that is being typed.

Owns the list and the place where it stands. Never takes the focus: its line keeps it and hands on keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QLineEdit, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from prismq_gui.theme import Theme, set_role
from prismq_gui.views.plain_text import one_line

if TYPE_CHECKING:
    from prismq_gui.insight.completion import Completion

MOST_IN_VIEW = 9
_HELP_ROLE = Qt.ItemDataRole.UserRole
_MIDDLE = Qt.AlignmentFlag.AlignVCenter
Index = QModelIndex | QPersistentModelIndex


class _Model(QAbstractListModel):
    """The offers as rows: label, and help beside it."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.offers: Sequence[Completion] = ()

    def set_offers(self, offers: Sequence[Completion]) -> None:
        self.beginResetModel()
        self.offers = offers
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's default
        return 0 if parent.isValid() else len(self.offers)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not 0 <= index.row() < len(self.offers):
            return None
        offer = self.offers[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return one_line(offer.label)
        if role == _HELP_ROLE:
            return one_line(offer.help)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return one_line(f"{offer.label}, {offer.help}" if offer.help else offer.label)
        return None


class _Delegate(QStyledItemDelegate):
    """Paints the label at the left and the help, in the second rank, at the right."""

    def __init__(self, theme: Theme, view: QListView) -> None:
        super().__init__(view)
        self._theme = theme
        self._view = view

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """Return the height of a row; its width is the list's."""
        return QSize(0, self._view.fontMetrics().height() + self._theme.space(2))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one offer."""
        rect, pad = self._view.visualRect(index), self._theme.space(2)
        state = option.state  # type: ignore[attr-defined]
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, self._theme.colour("selection"))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, self._theme.colour("hover"))
        room, metrics = rect.adjusted(pad, 0, -pad, 0), self._view.fontMetrics()
        label, told = str(index.data() or ""), str(index.data(_HELP_ROLE) or "")
        painter.setPen(self._theme.colour("text"))
        painter.drawText(room, _MIDDLE, metrics.elidedText(label, Qt.TextElideMode.ElideMiddle, room.width()))
        left = room.width() - metrics.horizontalAdvance(label) - 2 * pad
        if told and left > 8 * pad:
            painter.setPen(self._theme.colour("muted"))
            cut = metrics.elidedText(told, Qt.TextElideMode.ElideRight, left)
            painter.drawText(room, _MIDDLE | Qt.AlignmentFlag.AlignRight, cut)
        painter.restore()


class FilterOffers(QListView):
    """A list in the window itself, over what lies below the line. GUI thread. ``taken`` carries a Completion."""

    taken = Signal(object)

    def __init__(self, theme: Theme, line: QLineEdit) -> None:
        super().__init__(line)
        self._theme = theme
        self._line = line
        self._model = _Model(self)
        self.setModel(self._model)
        self.setItemDelegate(_Delegate(theme, self))
        set_role(self, "offers")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("What may come next")
        self.clicked.connect(self._on_self_clicked)
        self.hide()

    @property
    def offers(self) -> Sequence[Completion]:
        """What is offered, shown or not."""
        return self._model.offers

    @property
    def current(self) -> Completion | None:
        """The offer that is chosen, None while none is."""
        row = self.currentIndex().row()
        return self.offers[row] if self.isVisible() and 0 <= row < len(self.offers) else None

    def offer(self, offers: Sequence[Completion]) -> None:
        """Show these below the line, none of them chosen yet; nothing where there are none."""
        self._model.set_offers(offers)
        if not offers or not self._line.isVisible():
            self.hide()
            return
        if self.parentWidget() is not self._line.window():
            self.setParent(self._line.window())
        self.place()
        self.scrollToTop()
        self.show()
        self.raise_()

    def place(self) -> None:
        """Stand below the line, within the window."""
        window, line, gap = self._line.window(), self._line, self._theme.space(1)
        corner = line.mapTo(window, QPoint(0, line.height() + gap // 2))
        row = self.sizeHintForRow(0)
        high = min(len(self.offers), MOST_IN_VIEW) * row + 2 * self.frameWidth()
        wide = min(line.width(), self._theme.space(150))
        self.setGeometry(corner.x(), corner.y(), wide, max(row, min(high, window.height() - corner.y() - gap)))

    def step(self, rows: int) -> None:
        """Choose the next or previous offer; before the first and after the last none is chosen."""
        count, at = len(self.offers), self.currentIndex().row()
        at = (at + rows + 1) % (count + 1) - 1 if abs(rows) == 1 else max(0, min(count - 1, at + rows))
        self.setCurrentIndex(self._model.index(at, 0) if at >= 0 else QModelIndex())

    def _on_self_clicked(self, index: QModelIndex) -> None:
        self.taken.emit(self.offers[index.row()])
