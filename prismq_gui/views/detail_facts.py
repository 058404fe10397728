"""The figures of one task: when what happened, who has it, how often it was tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from prismq_gui.insight.messages import Cell, TaskDetail, TaskRow
from prismq_gui.models.text import cell_text
from prismq_gui.theme import Theme
from prismq_gui.views.elided_label import ElidedLabel
from prismq_gui.views.plain_text import label, one_line, tooltip
from prismq_gui.views.times import ShownTime, duration, relative, shown

_TIMES = (
    ("Created", "created_at_utc"),
    ("Due", "run_after_utc"),
    ("Claimed", "reserved_at_utc"),
    ("Started", "processing_started_utc"),
    ("Finished", "finished_at_utc"),
    ("Lease until", "lease_until_utc"),
    ("Updated", "updated_at_utc"),
)


@dataclass(frozen=True, slots=True)
class _TimeLine:
    name: QLabel
    absolute: QLabel
    relative: ElidedLabel


@dataclass(frozen=True, slots=True)
class _FactLine:
    name: QLabel
    value: QLabel


class DetailFacts(QWidget):
    """A grid of times and figures; lines without a value are not shown. GUI thread."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._moments: dict[str, ShownTime] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.space(3))
        self._grid.setVerticalSpacing(theme.space(1))
        self._grid.setColumnStretch(2, 1)
        self._titles = {field: title for title, field in _TIMES}
        self._facts = {name: self._fact_line(name) for name in ("Priority", "Attempts", "Worker", "Key", "Labels")}
        self._times = {field: self._time_line(title) for title, field in _TIMES}

    def _row(self) -> int:
        return self._grid.rowCount()

    def _fact_line(self, title: str) -> _FactLine:
        line = _FactLine(label(title, "muted", self), label("", "", self, wrap=True))
        line.value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        line.value.setAccessibleName(title)
        row = self._row()
        self._grid.addWidget(line.name, row, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(line.value, row, 1, 1, 2)
        return line

    def _time_line(self, title: str) -> _TimeLine:
        line = _TimeLine(label(title, "muted", self), label("", "", self), ElidedLabel("muted", self))
        line.absolute.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = self._row()
        self._grid.addWidget(line.name, row, 0)
        self._grid.addWidget(line.absolute, row, 1)
        self._grid.addWidget(line.relative, row, 2)
        return line

    def show_detail(self, detail: TaskDetail, now: datetime) -> None:
        """Show a task's figures; ``now`` is naive UTC."""
        row = detail.row
        self._set_fact("Priority", cell_text(row.priority) or "–")
        self._set_fact("Attempts", f"{cell_text(row.attempts) or '–'} of {cell_text(row.max_attempts) or '–'}")
        self._set_fact("Worker", self._worker_text(detail))
        self._set_fact("Key", _text_or_empty(row.idempotency_key))
        labels = [f"{name} {value}" for name, value in (("region", detail.region), ("format", detail.format)) if value]
        self._set_fact("Labels", one_line(", ".join(labels)))
        for _, field in _TIMES:
            self._set_time(field, _cell(row, field))
        self.tick(now)

    def _worker_text(self, detail: TaskDetail) -> str:
        name = _text_or_empty(detail.row.locked_by)
        if not name or detail.worker is None or detail.worker.registered:
            return name
        return f"{name} (not registered)"

    def _set_fact(self, name: str, text: str) -> None:
        line = self._facts[name]
        line.value.setText(text)
        for widget in (line.name, line.value):
            widget.setVisible(bool(text))

    def _set_time(self, field: str, cell: Cell) -> None:
        time, line = shown(self._titles[field], cell), self._times[field]
        self._moments[field] = time
        line.absolute.setText(time.absolute)
        line.absolute.setToolTip(tooltip(time.tooltip))
        for widget in (line.name, line.absolute, line.relative):
            widget.setVisible(cell not in (None, ""))

    def tick(self, now: datetime) -> None:
        """Bring the relative times up to the moment; ``now`` is naive UTC."""
        for field, time in self._moments.items():
            words = relative(time.moment, now) if time.moment else ""
            if time.moment is not None and field in _PAST and time.moment > now:
                words = f"{duration((time.moment - now).total_seconds())} ahead of the clock"
            self._times[field].relative.show_text(words)


_PAST = {"created_at_utc", "reserved_at_utc", "processing_started_utc", "finished_at_utc", "updated_at_utc"}


def _cell(row: TaskRow, field: str) -> Cell:
    value: Cell = getattr(row, field)
    return value


def _text_or_empty(cell: Cell) -> str:
    return cell_text(cell)
