"""What stands below the line of a filter: what is wrong with it, or what chips and text ask for together.

Owns the words. Must not decide what is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from prismq_gui.insight.filters import LogFilter, TaskFilter
from prismq_gui.models.status_words import typed_status
from prismq_gui.theme import Theme
from prismq_gui.views.plain_text import label, one_line

if TYPE_CHECKING:
    from prismq_gui.insight.language import FilterSyntaxError

MOST_SHOWN = 300  # characters of a filter


class FilterNote(QWidget):
    """Two lines at most, gone while there is nothing to tell. GUI thread."""

    def __init__(self, theme: Theme, rows: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = rows
        self.error = label("", "error", self, wrap=True)
        self.told = label("", "muted", self, wrap=True)
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.space(0.5))
        layout.addWidget(self.error)
        layout.addWidget(self.told)
        self.hide()

    def tell(self, mistake: FilterSyntaxError | None, wanted: TaskFilter | LogFilter) -> None:
        """Tell a mistake and what is shown meanwhile; without one, what all of the filter is where that is in parts."""
        whole = whole_text(wanted) if mistake is not None or _is_in_parts(wanted) else ""
        shown = one_line(whole if len(whole) <= MOST_SHOWN else f"{whole[:MOST_SHOWN]}…")
        if mistake is not None:
            self.error.setText(one_line(f"{mistake.message} {mistake.hint}".strip()))
            self.told.setText(f"The list still shows {shown}" if shown else f"The list still shows all {self._rows}.")
        else:
            self.error.setText("")
            self.told.setText(f"Together: {shown}" if shown else "")
        self.error.setVisible(mistake is not None)
        self.setVisible(bool(self.told.text()))


def whole_text(wanted: TaskFilter | LogFilter) -> str:
    """Return all of a filter as one text of the language: statuses, types or levels, and what was typed."""
    # Not before there is a filter: the language takes a tenth of what the window takes to start.
    from prismq_gui.insight.language_nodes import Or, format_pattern, quoted  # noqa: PLC0415
    from prismq_gui.insight.language_values import Pattern  # noqa: PLC0415

    lists = (
        (("status", tuple(dict.fromkeys(map(typed_status, wanted.statuses)))), ("type", wanted.types))
        if isinstance(wanted, TaskFilter)
        else (("level", wanted.levels),)
    )
    parts = [
        f"{name}:{','.join(format_pattern(Pattern((value,))) if value else quoted('') for value in values)}"
        for name, values in lists
        if values
    ]
    if wanted.text.strip():
        parts.append(quoted(wanted.text))
    if wanted.query is not None and not wanted.query.is_empty:
        typed = wanted.query.text.strip()
        parts.append(f"({typed})" if parts and isinstance(wanted.query.root, Or) else typed)
    return " ".join(parts)


def _is_in_parts(wanted: TaskFilter | LogFilter) -> bool:
    lists = (wanted.statuses, wanted.types) if isinstance(wanted, TaskFilter) else (wanted.levels,)
    return wanted.query is not None and any(lists)
