"""A splitter of two parts that stand side by side where there is room for both, else one above the other.

Owns which way they stand, and the sizes the person gave them each way. Must not know what the parts are.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QSplitter, QWidget

_BESIDE, _BELOW = Qt.Orientation.Horizontal, Qt.Orientation.Vertical


class TurningSplitter(QSplitter):
    """``turned`` carries whether the second part stands below from now on. GUI thread."""

    turned = Signal(bool)

    def __init__(self, least_width: int, parent: QWidget | None = None) -> None:
        super().__init__(_BESIDE, parent)
        self._least_width = least_width
        self._sizes: dict[Qt.Orientation, tuple[int, ...]] = {}
        self._was_shown = False
        self.setHandleWidth(1)
        self.setChildrenCollapsible(False)

    @property
    def is_below(self) -> bool:
        """Whether the second part stands below the first."""
        return self.orientation() == _BELOW

    def restore(self, beside: Sequence[int], below: Sequence[int]) -> None:
        """Take sizes as they were kept for either way; what is not two lengths is left alone."""
        for way, sizes in ((_BESIDE, beside), (_BELOW, below)):
            if len(sizes) == self.count() and any(sizes):
                self._sizes[way] = tuple(sizes)
        self._place()

    def kept(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the sizes side by side and one above the other, empty where there were none yet."""
        self._note()
        return self._sizes.get(_BESIDE, ()), self._sizes.get(_BELOW, ())

    def _note(self) -> None:
        sizes = tuple(max(0, size) for size in self.sizes())
        if all(sizes) and self._was_shown:
            self._sizes[self.orientation()] = sizes

    def _place(self) -> None:
        sizes = self._sizes.get(self.orientation())
        if sizes:
            self.setSizes(list(sizes))

    def showEvent(self, event: QShowEvent) -> None:
        """Know from now on that the sizes are those on the screen."""
        super().showEvent(event)
        self._was_shown = True

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Turn where the room for both ends or begins."""
        way = _BESIDE if event.size().width() >= self._least_width else _BELOW
        if way != self.orientation():
            self._note()
            self.setOrientation(way)
            self._place()
            self.turned.emit(self.is_below)
        super().resizeEvent(event)
