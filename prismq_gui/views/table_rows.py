"""Rows of a big table as ranges and as text. Pure functions over a model and a selection; nothing goes row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import QAbstractItemModel, QItemSelection, QItemSelectionRange

from prismq_gui.views.plain_text import one_line
from prismq_gui.views.row_delegate import in_hand

MAX_COPIED_ROWS = 100_000


class IdTable(Protocol):
    """What the table asks of its model beside Qt's own; all of it is optional."""

    def id_at(self, row: int) -> int | None:
        """Return the id shown in a row."""

    def row_of(self, id: int) -> int | None:
        """Return the row that shows an id."""

    def hold(self, held: bool) -> None:
        """Keep rows where they are while the person points at them."""


def ranges_of(selection: QItemSelection) -> list[tuple[int, int]]:
    """Return the rows of a selection as (first, last), ascending and without overlap."""
    parts: list[QItemSelectionRange] = selection.toList()
    merged: list[tuple[int, int]] = []
    for first, last in sorted((part.top(), part.bottom()) for part in parts):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def selection_of(model: QAbstractItemModel, ranges: Sequence[tuple[int, int]]) -> QItemSelection:
    """Return a selection of whole rows."""
    selection, last_column = QItemSelection(), model.columnCount() - 1
    for first, last in ranges:
        selection.select(model.index(first, 0), model.index(last, last_column))
    return selection


def copied_lines(model: QAbstractItemModel, ranges: Sequence[tuple[int, int]], columns: Sequence[int]) -> list[str]:
    """Return the rows that have been read, a line each with tabs between the columns; at most 100,000."""
    lines: list[str] = []
    for first, last in ranges:
        for row in range(first, min(last, first + MAX_COPIED_ROWS - len(lines) - 1) + 1):
            cells = in_hand(model, row, columns)
            if cells is not None:
                lines.append("\t".join(one_line(cells[column]) for column in columns if column < len(cells)))
    return lines
