"""The line in which a filter is typed: read as it is typed, with offers of what may come next.

Owns the text, what it was last read as, and where the mistake is. Must not query: it tells ``text_settled``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QFocusEvent, QHideEvent, QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from prismq_gui.insight.language_fields import Table
from prismq_gui.theme import Theme
from prismq_gui.views.filter_offers import MOST_IN_VIEW, FilterOffers

if TYPE_CHECKING:
    from prismq_gui.insight.completion import Completion, KnownValues
    from prismq_gui.insight.language import FilterSyntaxError, Query

DEBOUNCE_MS = 250
MAX_TEXT = 2_000  # characters, as many as the language takes
_UNFINISHED = tuple(":=<>!,")


class FilterLine(QLineEdit):
    """A line that tells a filter when the typing pauses, or at once on Enter. GUI thread.

    ``text_settled`` carries the text of a new filter that can be read; where the text cannot be read, ``query`` stays
    what it was and ``mistake_changed`` tells that there is a mistake, or none any more.
    """

    text_settled = Signal(str)
    mistake_changed = Signal()
    left_down = Signal()
    """The Down key: on to what was found."""
    values_wanted = Signal()
    """Somebody is about to type: the values that occur should be fresh."""

    def __init__(self, theme: Theme, table: Table, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._table = table
        self._told = ""
        self._known: KnownValues | None = None
        self.query: Query | None = None
        self.mistake: FilterSyntaxError | None = None
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(f"Filter {table.value}")
        self.setMaxLength(MAX_TEXT)
        mark = QAction(self)
        theme.bind_icon(mark, "search", "muted")
        self.addAction(mark, QLineEdit.ActionPosition.LeadingPosition)
        self.offers = FilterOffers(theme, self)
        self.offers.taken.connect(self.take)
        self._timer = QTimer(self, singleShot=True, interval=DEBOUNCE_MS)
        self._timer.timeout.connect(self._on_timer_timeout)
        self.textChanged.connect(self._on_self_text_changed)
        self.textEdited.connect(self._on_self_text_edited)

    # -- reading

    def _on_self_text_changed(self, text: str) -> None:
        self._set_mistake(None)  # it was one of another text
        if text:
            self.setClearButtonEnabled(True)  # not before: Qt loads its picture then
            self._timer.start()
        else:
            self.offers.hide()
            self.settle()  # an emptied line shows everything at once

    def _on_timer_timeout(self) -> None:
        if self.offers.isVisible() and self.text()[: self.cursorPosition()][-1:] in _UNFINISHED:
            self._timer.start()  # what may follow is offered: that it is missing needs no telling yet
        else:
            self.settle()

    def settle(self) -> None:
        """Read the text now, and tell it where it is another filter."""
        self._timer.stop()
        text = self.text()
        if text == self._told:
            self._set_mistake(None)
            return
        from prismq_gui.insight.language import FilterSyntaxError, parse  # noqa: PLC0415 - not before one types

        try:
            query = parse(text, self._table, local=True)  # times are shown in local time
        except FilterSyntaxError as error:
            self._set_mistake(error)
            return
        self._set_mistake(None)
        self._told, self.query = text, None if query.is_empty else query
        self.text_settled.emit(text)

    def _set_mistake(self, mistake: FilterSyntaxError | None) -> None:
        if mistake is self.mistake:
            return
        self.mistake = mistake
        words = f"{mistake}, at character {mistake.start + 1}" if mistake else ""
        self.setAccessibleDescription(words)
        self.update()
        self.mistake_changed.emit()

    @property
    def settled_text(self) -> str:
        """The text of the filter in force: the last that could be read."""
        return self._told

    def set_filter_text(self, text: str) -> None:
        """Set another filter and read it at once; where it cannot be read nothing is filtered by text."""
        self._told, self.query = "", None
        self.setText(text)
        self.settle()

    # -- offers

    def set_known(self, values: KnownValues | None) -> None:
        """Offer these values from now on; None: no file is open."""
        self._known = values
        waits = self.hasFocus() and self.text()[: self.cursorPosition()][-1:] in _UNFINISHED  # nothing was known yet
        if (waits or self.offers.isVisible()) and self.offers.current is None:
            self.show_offers()

    def show_offers(self) -> None:
        """Show what may come next at the cursor."""
        from prismq_gui.insight.completion import KnownValues, complete  # noqa: PLC0415 - not before one types

        text, cursor = self.text(), self.cursorPosition()
        found = complete(text, cursor, self._known or KnownValues(), self._table)
        self.offers.offer([each for each in found if text[each.replace_start : each.replace_end] != each.insert])

    def _on_self_text_edited(self, _text: str) -> None:
        before = self.text()[: self.cursorPosition()]
        if before.strip() and not before[-1].isspace():
            self.show_offers()
        else:
            self.offers.hide()

    def take(self, offer: Completion) -> None:
        """Put an offer into the text; after a name or operator what may follow is offered."""
        text = self.text()
        made = f"{text[: offer.replace_start]}{offer.insert}{text[offer.replace_end :]}"
        if len(made) > MAX_TEXT:
            return
        self.setSelection(offer.replace_start, offer.replace_end - offer.replace_start)
        self.insert(offer.insert)  # not setText: Ctrl+Z takes it back
        self.setCursorPosition(offer.replace_start + len(offer.insert))
        if offer.insert[-1:] in ":=<>":
            self.show_offers()
        else:
            self.offers.hide()

    # -- keys and events

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Lead through the offers while they are shown; else Esc empties the line and Down leaves for the results."""
        key = event.key()
        if key == Qt.Key.Key_Space and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.show_offers()
            event.accept()
        elif self.offers.isVisible() and self._lead(event):
            event.accept()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.offers.hide()
            self.settle()
            event.accept()
        elif key == Qt.Key.Key_Escape and self.text():
            self.clear()
            event.accept()
        elif key == Qt.Key.Key_Down:
            self.settle()
            self.left_down.emit()
            event.accept()
        else:
            super().keyPressEvent(event)

    def _lead(self, event: QKeyEvent) -> bool:
        """Do what a key does in the list of offers; return whether it does anything there."""
        key, chosen = event.key(), self.offers.current
        steps = {
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_PageDown: MOST_IN_VIEW,
            Qt.Key.Key_PageUp: -MOST_IN_VIEW,
        }
        if key in steps:
            self.offers.step(steps[Qt.Key(key)])
        elif key == Qt.Key.Key_Escape:
            self.offers.hide()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and chosen is not None:
            self.take(chosen)
        else:
            return False
        return True

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802
        """Take the chosen or the first offer on Tab; without offers go to the next field."""
        if forward and self.offers.isVisible() and self.offers.offers:
            self.take(self.offers.current or self.offers.offers[0])
            return True
        return super().focusNextPrevChild(forward)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Ask for fresh values."""
        super().focusInEvent(event)
        self.values_wanted.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the offers away."""
        self.offers.hide()
        super().focusOutEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Take the offers away: they lie in the window, not in the line."""
        self.offers.hide()
        super().hideEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Move the offers along: the words beside the line are longer or shorter now."""
        super().resizeEvent(event)
        if self.offers.isVisible():
            self.offers.place()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Underline the mistake."""
        super().paintEvent(event)
        if self.mistake is None:
            return
        text, metrics = self.displayText(), self.fontMetrics()
        cursor = self.cursorRect()
        zero = cursor.center().x() - metrics.horizontalAdvance(text[: self.cursorPosition()])
        start = zero + metrics.horizontalAdvance(text[: self.mistake.start])
        end = zero + metrics.horizontalAdvance(text[: self.mistake.end])
        edge = self._theme.space(1.5)
        start, end = max(start, edge), min(max(end, start + self._theme.space(1.5)), self.width() - edge)
        if start < end:
            painter = QPainter(self)
            painter.setPen(QPen(self._theme.colour("danger"), max(1, self._theme.space(0.5))))
            below = cursor.center().y() + metrics.height() // 2 + 1
            painter.drawLine(start, below, end, below)


def literal(text: str) -> str:
    """Return the filter that looks for a text as it is, up to its first NUL; '' where nothing is in it."""
    from prismq_gui.insight.language_nodes import format_pattern  # noqa: PLC0415 - seldom
    from prismq_gui.insight.language_values import Pattern  # noqa: PLC0415 - seldom

    plain = text.partition("\0")[0].encode("utf-8", "ignore").decode("utf-8")[: MAX_TEXT // 2 - 2]
    return format_pattern(Pattern((plain,))) if plain.strip() else ""
