"""A plan or a report as a tree of plain lines: what, why, and how many.

Owns the words of the lines. Must not plan nor apply.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from prismq_gui.insight.messages import TaskRow
from prismq_gui.models.status_words import full_status_words, status_words
from prismq_gui.models.text import cell_text
from prismq_gui.operations.messages import Group, OperationKind, Plan, Report, Skip, TaskChange
from prismq_gui.operations.wording import REMOVED
from prismq_gui.theme import Theme, set_role, status_of
from prismq_gui.views.plain_text import one_line, tooltip

MAX_LINE = 300
MAX_FIGURE = 32  # characters at the right of a line; longer ones would leave no room for what they are of
MOST_TYPES = 50
CAUSE = "Cause "  # the facts of why tasks failed, which stand under a title of their own
OTHER_CAUSES = "Other causes"
Line = tuple[str, str]  # what, and how many


class PlanLines(QTreeWidget):
    """Sections of lines with a figure at the right. GUI thread."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        set_role(self, "lines")
        self.setAccessibleName("What is changed, and what is not")
        self.setColumnCount(2)
        self.setHeaderHidden(True)
        self.setUniformRowHeights(True)
        self.setRootIsDecorated(False)
        self.setIndentation(theme.space(3))
        self.setSelectionMode(QTreeWidget.SelectionMode.ExtendedSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)

    def show_plan(self, plan: Plan) -> None:
        """Show groups, reasons, examples and figures of a plan."""
        self.clear()
        facts = [(_text(name), _text(value)) for name, value in plan.facts if not is_cause(name)]
        causes = [
            (_text(value if name.startswith(CAUSE) else f"{name}: {value}"), "")
            for name, value in plan.facts
            if is_cause(name)
        ]
        are_words = any(len(value) > MAX_FIGURE for _name, value in facts)
        if are_words:
            self._section("To be known", [(f"{name}: {value}", "") for name, value in facts])
        for line in self._section_of_changes(plan):
            line.setFont(0, self._theme.font("mono"))
        for (status, becomes), groups in by_status(plan.groups):
            count = f"{sum(group.count for group in groups):,}"
            lines = type_lines(groups) if any(group.type for group in groups) else ()
            section = self._section(group_title(plan.kind, status, becomes), lines, count)
            shown = status if becomes in ("", REMOVED) else becomes
            if section is not None and shown:
                section.setIcon(0, self._theme.status_icon(status_of(shown)))
        self._section("Causes", causes)
        self._section("Will be left as they are", skip_lines(plan.skips))
        examples = self._section("The first of them", [example_line(row) for row in plan.sample])
        for item, row in zip(_children(examples), plan.sample, strict=False):
            item.setFont(0, self._theme.font("mono"))
            if row.error_message is not None:
                item.setToolTip(0, tooltip(cell_text(row.error_message)))
        if not are_words:
            self._section("Figures", facts)
        self.expandAll()

    def _section_of_changes(self, plan: Plan) -> list[QTreeWidgetItem]:
        lines = [line for each in plan.diffs for line in change_lines(each)]
        return _children(self._section("What is edited in the first of them", lines))

    def show_report(self, report: Report) -> None:
        """Show what was done, what was not and why."""
        self.clear()
        self._section("Left as they were", skip_lines(report.skips))
        self._section("Figures", report_figures(report))
        self.expandAll()

    def show_sections(self, sections: Sequence[tuple[str, Sequence[Line]]]) -> None:
        """Show lines under titles; a section without lines is left out."""
        self.clear()
        for title, lines in sections:
            self._section(title, lines)
        self.expandAll()

    @property
    def is_empty(self) -> bool:
        """Whether there is no line."""
        return self.topLevelItemCount() == 0

    def _section(self, title: str, lines: Sequence[Line], figure: str = "") -> QTreeWidgetItem | None:
        if not lines and not figure:
            return None
        section = QTreeWidgetItem([title, figure])
        font = section.font(0)
        font.setBold(True)
        for column in range(2):
            section.setFont(column, font)
        section.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        section.setFlags(Qt.ItemFlag.ItemIsEnabled)
        for what, count in lines:
            item = QTreeWidgetItem([what, count])
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setToolTip(0, tooltip(what))
            section.addChild(item)
        self.addTopLevelItem(section)
        return section

    def lines(self) -> list[str]:
        """Return the lines as they are shown."""
        return [f"{item.text(0)}\t{item.text(1)}".rstrip() for item in self._items()]

    def _items(self) -> list[QTreeWidgetItem]:
        found: list[QTreeWidgetItem] = []
        for row in range(self.topLevelItemCount()):
            section = self.topLevelItem(row)
            if section is not None:
                found += [section, *_children(section)]
        return found

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy the selected lines as plain text."""
        if event.matches(QKeySequence.StandardKey.Copy):
            lines = [f"{item.text(0)}\t{item.text(1)}" for item in self.selectedItems()]
            QGuiApplication.clipboard().setText("\n".join(lines))
            event.accept()
        else:
            super().keyPressEvent(event)


def _children(item: QTreeWidgetItem | None) -> list[QTreeWidgetItem]:
    return [] if item is None else [item.child(row) for row in range(item.childCount())]


def _text(value: object) -> str:
    return one_line(str(value)[:MAX_LINE])


def is_cause(name: str) -> bool:
    """Return whether a fact tells why tasks failed."""
    return name.startswith(CAUSE) or name == OTHER_CAUSES


def group_title(kind: OperationKind, status: str, becomes: str) -> str:
    """Return what becomes of tasks: for an undo ``Waiting → Failed``, for the others what they are now."""
    if kind is not OperationKind.UNDO:
        will = "deleted" if kind is OperationKind.DELETE else "changed"
        return f"Will be {will}: {full_status_words(status)}"
    if becomes == REMOVED:
        return f"Will be removed: {full_status_words(status)}"
    if not becomes:
        return "Will be as before"
    if not status:
        return f"Will be there again: {full_status_words(becomes)}"
    if status == becomes:
        return f"Will be as before, and stay: {full_status_words(status)}"
    return f"{full_status_words(status)} → {full_status_words(becomes)}"


def by_status(groups: Sequence[Group]) -> list[tuple[tuple[str, str], list[Group]]]:
    """Return the groups of each status and what it becomes, those of the most tasks first."""
    found: dict[tuple[str, str], list[Group]] = {}
    for group in groups:
        found.setdefault((group.status, group.becomes), []).append(group)
    return sorted(found.items(), key=lambda each: -sum(group.count for group in each[1]))


def type_lines(groups: Sequence[Group]) -> list[Line]:
    """Return one line a type, the largest first, and one for all that are too many to be read."""
    ordered = sorted(groups, key=lambda group: -group.count)
    lines = [(_text(group.type) or "no type", f"{group.count:,}") for group in ordered[:MOST_TYPES]]
    rest = ordered[MOST_TYPES:]
    if rest:
        lines.append((f"{len(rest):,} more types", f"{sum(group.count for group in rest):,}"))
    return lines


def change_lines(change: TaskChange) -> list[Line]:
    """Return what an edit makes of a task, a line a place: ``#5 payload.region: "eu" → "us"``."""
    name = change.column.replace("_", " ")
    lines = []
    for each in change.changes:
        place = name if each.path in ("", "$") else f"{name}{each.path.removeprefix('$')}"
        lines.append((_text(f"#{change.task_id} {place}: {each.before or 'nothing'} → {each.after or 'nothing'}"), ""))
    return lines


def skip_lines(skips: Sequence[Skip]) -> list[Line]:
    """Return one line a reason, with the ids it begins with."""
    lines = []
    for skip in skips:
        ids = ", ".join(str(each) for each in skip.sample_ids[:5])
        more = ", …" if skip.count > len(skip.sample_ids[:5]) else ""
        what = f"{_text(skip.reason)}  (task {ids}{more})" if ids else _text(skip.reason)
        lines.append((what, f"{skip.count:,}"))
    return lines


def example_line(row: TaskRow) -> Line:
    """Return a task on one line."""
    parts = [f"#{row.id}", cell_text(row.type), status_words(row.status)]
    if row.error_message is not None:
        parts.append(cell_text(row.error_message))
    return one_line("  ".join(parts)[:MAX_LINE]), f"{cell_text(row.attempts)} / {cell_text(row.max_attempts)}"


def report_figures(report: Report) -> list[Line]:
    """Return the labelled figures of a report."""
    figures = [(_text(name), _text(value)) for name, value in report.facts]
    figures.append(("Took", f"{report.elapsed_s:.1f} s"))
    if report.operation_id:
        figures.append(("Operation", _text(report.operation_id)))
    return figures


def report_text(report: Report) -> str:
    """Return a report as plain text for the clipboard."""
    lines = [report.sentence]
    if report.problem is not None:
        lines.append(report.problem.sentence())
    lines += [f"{figure} {what}" for what, figure in skip_lines(report.skips)]
    lines.append(f"File: {report.path}")
    lines += [f"{name}: {value}" for name, value in report_figures(report)]
    return "\n".join(lines)
