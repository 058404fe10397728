"""Parts of the dialog of alerts: rules and messages. Each owns its lines and knows what is wrong with what is typed."""

from __future__ import annotations

import re
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from prismq_gui.insight.alert_rule_words import LEAST_FIELD, WORDS
from prismq_gui.insight.alert_rules import AlertRules, Rule, RuleKind
from prismq_gui.insight.alert_settings import AlertSettings
from prismq_gui.insight.threshold_fields import Field, text_of, value_of
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.plain_text import label, one_line


class ValueEdit(QLineEdit):
    """One value as it is typed, with its unit. GUI thread."""

    def __init__(self, theme: Theme, field: Field, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.field = field
        self.setAccessibleName(name)
        self.setFixedWidth(theme.space(20))

    def show_value(self, value: float) -> None:
        """Show a value with its unit."""
        self.setText(text_of(self.field, value))

    def value(self) -> float | None:
        """Return what is typed, None where it can't be read."""
        try:
            return value_of(self.field, self.text())
        except ValueError:
            return None

    def mistake(self) -> str:
        """Return what is wrong with it, '' where nothing is."""
        try:
            value_of(self.field, self.text())
        except ValueError as error:
            return one_line(f"“{self.accessibleName()}”: {error}")
        return ""


class _RuleLine:
    """One rule: whether it is on, its three values, and below them what it means or what is wrong."""

    def __init__(self, theme: Theme, kind: RuleKind, part: RulesPart, grid: QGridLayout, row: int) -> None:
        words = WORDS[kind]
        self.kind = kind
        self._meaning = words.meaning
        self.on = QCheckBox(words.title, part)
        fields = (words.raised, words.over, words.hold)
        self.values = tuple(ValueEdit(theme, each, f"{words.title}: {each.title}", part) for each in fields)
        self.told = label(words.meaning, "small", part, wrap=True)
        grid.addWidget(self.on, row, 0)
        for at, (field, edit) in enumerate(zip(fields, self.values, strict=True)):
            name = label(field.title, "muted", part)
            name.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            grid.addWidget(name, row, 1 + 2 * at)
            grid.addWidget(edit, row, 2 + 2 * at)
            edit.textChanged.connect(part.on_typed)
        grid.addWidget(self.told, row + 1, 0, 1, 7)
        self.on.toggled.connect(part.on_typed)

    def show_rule(self, rule: Rule) -> None:
        self.on.setChecked(rule.on)
        for edit, value in zip(self.values, (rule.raise_at, rule.clear_at, rule.hold_s), strict=True):
            edit.show_value(value)

    def rule(self) -> Rule | None:
        raise_at, clear_at, hold_s = (edit.value() for edit in self.values)
        if raise_at is None or clear_at is None or hold_s is None:
            return None
        return Rule(raise_at, clear_at, hold_s, self.on.isChecked())

    def check(self) -> str:
        """Return what is wrong, and say it below."""
        mistake = next((found for edit in self.values if (found := edit.mistake())), "")
        rule = self.rule()
        if rule is not None and (
            rule.clear_at < rule.raise_at if self.kind.is_low_bad else rule.clear_at > rule.raise_at
        ):
            side = "below" if self.kind.is_low_bad else "above"
            mistake = f"“{self.on.text()}”: it can't be over {side} the value that raises it."
        words = mistake or self._meaning
        if self.told.text() != words:
            self.told.setText(words)
            set_role(self.told, "error" if mistake else "small")
        for edit in self.values:
            edit.setEnabled(self.on.isChecked())
            edit.setAccessibleDescription(words)
        return mistake


class RulesPart(QScrollArea):
    """All rules. ``changed`` tells that something was typed; ``mistake`` is the first thing that is wrong, or ''."""

    changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mistake = ""
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        body = QWidget(self)
        grid = QGridLayout(body)
        grid.setContentsMargins(0, theme.space(3), theme.space(3), theme.space(3))
        grid.setHorizontalSpacing(theme.space(2))
        grid.setVerticalSpacing(theme.space(1))
        grid.setColumnStretch(0, 1)
        self.lines = {kind: _RuleLine(theme, kind, self, grid, 3 * row) for row, kind in enumerate(RuleKind)}
        for row in range(len(RuleKind) - 1):
            grid.setRowMinimumHeight(3 * row + 2, theme.space(2))
        self.least = ValueEdit(theme, LEAST_FIELD, "Many tasks fail: but not below so many", self)
        self.least.textChanged.connect(self.on_typed)
        last = 3 * len(RuleKind)
        grid.addWidget(label("“Many tasks fail” takes so many failures at least", "muted", self), last, 0, 1, 2)
        grid.addWidget(self.least, last, 2)
        grid.setRowStretch(last + 1, 1)
        self.setWidget(body)

    def show_settings(self, settings: AlertSettings) -> None:
        """Show what is set."""
        for kind, line in self.lines.items():
            line.show_rule(settings.rules[kind])
        self.least.show_value(settings.rules.failed_least)

    def rules(self) -> AlertRules | None:
        """Return the rules, None where they can't be."""
        found = {kind.attribute: line.rule() for kind, line in self.lines.items()}
        least = self.least.value()
        if self.mistake or least is None or None in found.values():
            return None
        return AlertRules(**found, failed_least=int(least))  # type: ignore[arg-type]  # none is None

    def on_typed(self, *_value: object) -> None:
        """Look at everything anew."""
        mistakes = [line.check() for line in self.lines.values()]
        self.mistake = next((each for each in (*mistakes, self.least.mistake()) if each), "")
        self.changed.emit()

    def focus_first(self) -> None:
        """Give the focus to the first rule."""
        self.lines[RuleKind.FAILED_RATE].on.setFocus(Qt.FocusReason.OtherFocusReason)


class TellingPart(QWidget):
    """How and when alerts are shown."""

    changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mistake = ""
        self.messages = QCheckBox("Show a &message beside the clock, and call from the taskbar", self)
        self.cleared = QCheckBox("Tell &too when it is over", self)
        self.quiet = QCheckBox("&Quiet hours: show nothing", self)
        self.begin, self.end = (self._time(theme, name) for name in ("Quiet hours from", "Quiet hours to"))
        row = QHBoxLayout()
        row.setContentsMargins(theme.space(6), 0, 0, 0)
        row.setSpacing(theme.space(2))
        for widget in (label("from", "muted", self), self.begin, label("to", "muted", self), self.end):
            row.addWidget(widget)
        row.addStretch(1)
        self.told = label("", "small", self, wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, theme.space(3), 0, theme.space(3))
        layout.setSpacing(theme.space(2))
        for box in (self.messages, self.cleared, self.quiet):
            layout.addWidget(box)
        layout.addLayout(row)
        layout.addWidget(self.told)
        layout.addStretch(1)
        for box in (self.messages, self.cleared, self.quiet):
            box.toggled.connect(self._on_changed)
        for edit in (self.begin, self.end):
            edit.textChanged.connect(self._on_changed)

    def _time(self, theme: Theme, name: str) -> QLineEdit:
        edit = QLineEdit(self)
        edit.setAccessibleName(name)
        edit.setFixedWidth(theme.space(20))
        return edit

    def show_settings(self, settings: AlertSettings) -> None:
        """Show what is set."""
        self.messages.setChecked(settings.messages)
        self.cleared.setChecked(settings.tell_cleared)
        self.quiet.setChecked(settings.quiet)
        self.begin.setText(clock_text(settings.quiet_from_min))
        self.end.setText(clock_text(settings.quiet_to_min))
        self._on_changed()

    def put_into(self, settings: AlertSettings) -> AlertSettings:
        """Return the settings with what is set here."""
        return replace(
            settings, messages=self.messages.isChecked(), tell_cleared=self.cleared.isChecked(),
            quiet=self.quiet.isChecked(), quiet_from_min=self._minute(self.begin, settings.quiet_from_min),
            quiet_to_min=self._minute(self.end, settings.quiet_to_min),
        )  # fmt: skip

    def _on_changed(self, *_value: object) -> None:
        shows = self.messages.isChecked()
        self.cleared.setEnabled(shows)
        self.quiet.setEnabled(shows)
        for edit in (self.begin, self.end):
            edit.setEnabled(shows and self.quiet.isChecked())
        self.mistake = self._wrong_time()
        words = "By the clock of this computer. What is raised meanwhile is listed, and told at the end if it still is."
        if not self.mistake and minute_of(self.begin.text()) == minute_of(self.end.text()):
            words = f"From and to are the same: it is quiet all day. {words}"
        self.told.setText(self.mistake or words)
        set_role(self.told, "error" if self.mistake else "small")
        self.changed.emit()

    def _wrong_time(self) -> str:
        """Return what is wrong with the quiet hours where they are wanted; hours that are off may say anything."""
        if self.messages.isChecked() and self.quiet.isChecked():
            for edit in (self.begin, self.end):
                if minute_of(edit.text()) is None:
                    return f"“{edit.accessibleName()}”: write a time of the day such as 22:00."
        return ""

    @staticmethod
    def _minute(edit: QLineEdit, otherwise: int) -> int:
        minute = minute_of(edit.text())
        return otherwise if minute is None else minute


def clock_text(minute: int) -> str:
    """Return a minute of the day as it is typed: ``22:00``."""
    return f"{minute // 60:02}:{minute % 60:02}"


def minute_of(text: str) -> int | None:
    """Return the minute of the day that is typed (``7``, ``7:30``, ``07.30``), None where it is none."""
    match = re.fullmatch(r"\s*([01]?\d|2[0-3])(?:[:.]([0-5]\d))?\s*", text, re.ASCII)
    return None if match is None else int(match[1]) * 60 + int(match[2] or 0)
