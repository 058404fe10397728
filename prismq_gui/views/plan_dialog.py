"""One dialog for an operation: what will be, a question, progress with Stop, and what was done.

Owns the steps and that an operation runs at most once. Must not plan nor apply: the engine does.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from prismq_gui.insight.problems import Problem
from prismq_gui.operations.consent import TypedConsent
from prismq_gui.operations.messages import OperationKind, Plan, Progress, Report, Selected, Target
from prismq_gui.polling.engine import Engine
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.fitting import resize_within_screen
from prismq_gui.views.plain_text import label, visible
from prismq_gui.views.plan_lines import PlanLines, report_text
from prismq_gui.views.tab_order import tab_in_order
from prismq_gui.views.typed_consent import TypedConsentBox

_TITLES = {
    OperationKind.RETRY: "Retry tasks",
    OperationKind.CANCEL: "Cancel tasks",
    OperationKind.VACUUM: "Vacuum the file",
}
_VERBS = {OperationKind.RETRY: "Retry", OperationKind.CANCEL: "Cancel"}
_DANGEROUS = {OperationKind.CANCEL, OperationKind.VACUUM}
_KEYS = {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space}


class Step(Enum):
    """Where the dialog is."""

    PLANNING = "planning"
    PREVIEW = "preview"
    RUNNING = "running"
    DONE = "done"  # with a report, a refusal or a problem


class PlanDialog(QDialog):
    """Window-modal. GUI thread. ``done_with`` carries the Report of an operation that ran."""

    done_with = Signal(object)

    def __init__(
        self, theme: Theme, engine: Engine, kind: OperationKind, target: Target | None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._engine = engine
        self.kind = kind
        self._target = target
        self._plan: Plan | None = None
        self.consent_for: Callable[[Plan, Target | None], TypedConsent | None] = lambda _plan, _target: None
        self.report: Report | None = None
        self.step = Step.PLANNING
        self.setWindowTitle(_TITLES[kind])
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self._icon = QLabel(self)
        self.sentence = label("", "strong", self, wrap=True)
        self.notes = label("", "", self, wrap=True)
        self.lines = PlanLines(theme, self)
        self.consent = TypedConsentBox(theme, self)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(theme.space(1))
        self.bar.setAccessibleName("Progress")
        self.progress_label = label("", "muted", self)
        self.copy_button = QPushButton("Co&py report", self)
        self.stop_button = QPushButton("&Stop", self)
        self.back_button = QPushButton("Go &back", self)
        self.confirm_button = QPushButton(self)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        space = self._theme.space
        head = QHBoxLayout()
        head.setSpacing(space(3))
        head.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(space(2))
        words.addWidget(self.sentence)
        words.addWidget(self.notes)
        head.addLayout(words, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(space(2))
        buttons.addWidget(self.copy_button)
        buttons.addWidget(self.progress_label, 1)
        for button in (self.stop_button, self.back_button, self.confirm_button):
            buttons.addWidget(button)
            button.installEventFilter(self)
        layout = QVBoxLayout(self)
        margin = space(5)
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(space(3))
        layout.addLayout(head)
        layout.addWidget(self.bar)
        layout.addWidget(self.lines, 1)
        layout.addWidget(self.consent)
        layout.addStretch(0)  # takes the room while there are no lines: else the words would drift apart
        layout.addLayout(buttons)
        tab_in_order(
            self.lines, self.consent.line, self.copy_button, self.stop_button, self.back_button, self.confirm_button
        )
        resize_within_screen(self, space(155), space(120))

    def _connect(self) -> None:
        self.copy_button.clicked.connect(self.copy_report)
        self.stop_button.clicked.connect(self._on_stop_button_clicked)
        self.back_button.clicked.connect(self.reject)
        self.confirm_button.clicked.connect(self.confirm)
        self.consent.changed.connect(lambda: self.confirm_button.setEnabled(self.consent.is_given))
        self.consent.entered.connect(self.confirm)
        self._engine.planned.connect(self._on_engine_planned)
        self._engine.progressed.connect(self._on_engine_progressed)
        self._engine.reported.connect(self._on_engine_reported)
        self._engine.operation_failed.connect(self._on_engine_operation_failed)

    def start(self) -> None:
        """Ask for the plan, and show what comes."""
        self._show_step(Step.PLANNING)
        self._show_words("search", "muted", "Finding out what would be changed…")
        self.open()
        self._engine.plan(self.kind, self._target)

    # -- steps

    def _show_step(self, step: Step) -> None:
        self.step = step
        if step is not Step.PREVIEW:
            self.consent.ask(None)
        busy = step in (Step.PLANNING, Step.RUNNING)
        self.bar.setVisible(busy)
        self.bar.setRange(0, 0)
        self.stop_button.setVisible(step is Step.RUNNING)
        self.stop_button.setEnabled(True)
        self.progress_label.setText("")
        self.confirm_button.setVisible(step is Step.PREVIEW)
        self.back_button.setVisible(step is not Step.RUNNING)
        self.back_button.setText("&Close" if step is Step.DONE else "Go &back")
        self.copy_button.setVisible(self.report is not None)
        self.lines.setVisible(step in (Step.PREVIEW, Step.DONE) and not self.lines.is_empty)

    def _show_words(self, icon: str, role: str, sentence: str, notes: str = "") -> None:
        self._icon.setPixmap(self._theme.pixmap(icon, role, self._theme.space(5), self))
        self.sentence.setText(visible(sentence))
        self.notes.setText(visible(notes))
        self.notes.setVisible(bool(notes))
        self.setAccessibleDescription(f"{sentence} {notes}")

    def _on_engine_planned(self, plan: Plan) -> None:
        if self.step is not Step.PLANNING or not self._is_mine(plan):
            return
        self._plan = plan
        if plan.refusal is not None:
            self._show_problem(plan.refusal)
            return
        self.lines.show_plan(plan)
        possible = plan.eligible > 0 or self.kind is OperationKind.VACUUM
        warnings = "\n".join(plan.warnings)
        role = "warning" if warnings or self.kind in _DANGEROUS else "info"
        self._show_words("triangle-alert" if warnings else "info", role, plan.sentence, warnings)
        self._show_step(Step.PREVIEW if possible else Step.DONE)
        if possible:
            self._ask(plan)
        else:
            self.back_button.setFocus()

    def _is_mine(self, plan: Plan) -> bool:
        """Whether a plan answers what was asked here: one of a dialog closed a moment ago may still come."""
        if plan.kind is not self.kind:
            return False
        if not isinstance(self._target, Selected) or plan.refusal is not None:
            return True
        return plan.eligible + sum(skip.count for skip in plan.skips) == len(self._target.ids)

    def _ask(self, plan: Plan) -> None:
        self.consent.ask(self.consent_for(plan, self._target))
        dangerous = self.kind in _DANGEROUS or self.consent.is_asked
        self.confirm_button.setText(confirm_words(plan))
        set_role(self.confirm_button, "danger" if dangerous else "primary")
        first = self.back_button if dangerous else self.confirm_button
        first.setDefault(True)
        if self.consent.is_asked:
            self.consent.focus_line()
        else:
            first.setFocus()

    def confirm(self) -> None:
        """Do it; a second call does nothing, nor one before what must be typed is."""
        if self.step is not Step.PREVIEW or self._plan is None or not self.consent.is_given:
            return
        self._show_step(Step.RUNNING)
        self.stop_button.setFocus()
        self._engine.apply(self._plan)

    def _on_engine_progressed(self, progress: Progress) -> None:
        if self.step is not Step.RUNNING or progress.kind is not self.kind:
            return
        words = visible(progress.text)
        if progress.total > 0:
            self.bar.setRange(0, 1_000)
            self.bar.setValue(progress.done * 1_000 // progress.total)
            words = f"{progress.done:,} of {progress.total:,}  {words}"
        if self.stop_button.isEnabled():
            self.progress_label.setText(words)

    def _on_engine_reported(self, report: Report) -> None:
        if self.step is not Step.RUNNING or report.kind is not self.kind:
            return
        self.report = report
        self.lines.show_report(report)
        if report.problem is not None:
            self._show_words("circle-alert", "danger", report.sentence, report.problem.sentence())
        elif report.stopped:
            self._show_words("octagon-x", "warning", report.sentence)
        else:
            self._show_words("circle-check", "success", report.sentence)
        self._end()
        self.done_with.emit(report)

    def _on_engine_operation_failed(self, problem: Problem) -> None:
        if self.step in (Step.PLANNING, Step.RUNNING):
            self._show_problem(problem)

    def _show_problem(self, problem: Problem) -> None:
        self.lines.clear()
        title = f"{problem.what}: {problem.subject}" if problem.subject else problem.what
        rest = " ".join(part for part in (problem.unchanged, problem.advice) if part)
        self._show_words("circle-alert", "danger", title, f"{rest} ({problem.code})" if problem.code else rest)
        self._end()

    def _end(self) -> None:
        self._show_step(Step.DONE)
        self.back_button.setDefault(True)
        self.back_button.setFocus()

    # -- leaving

    def _on_stop_button_clicked(self) -> None:
        self.stop_button.setEnabled(False)
        self.progress_label.setText("Stopping after the present portion…")
        self._engine.stop_operation()

    def reject(self) -> None:
        """Leave; an operation that runs is stopped, and its report is waited for."""
        if self.step is Step.RUNNING:
            if self.stop_button.isEnabled():
                self._on_stop_button_clicked()
            return
        if self.step is Step.PLANNING:
            self._engine.stop_operation()
        self._leave()
        super().reject()

    def _leave(self) -> None:
        self.step = Step.DONE
        self._engine.planned.disconnect(self._on_engine_planned)
        self._engine.progressed.disconnect(self._on_engine_progressed)
        self._engine.reported.disconnect(self._on_engine_reported)
        self._engine.operation_failed.disconnect(self._on_engine_operation_failed)

    def copy_report(self) -> None:
        """Put the report on the clipboard as plain text."""
        if self.report is not None:
            QGuiApplication.clipboard().setText(report_text(self.report))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Swallow a held Enter: the one that opened this dialog must not answer it."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return event.isAutoRepeat() and event.key() in _KEYS
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave a held Enter alone; the rest as usual."""
        if event.isAutoRepeat() and event.key() in _KEYS:
            event.accept()
        else:
            super().keyPressEvent(event)


def confirm_words(plan: Plan) -> str:
    """Return what the button says: the verb and how many."""
    if plan.kind is OperationKind.VACUUM:
        return "&Vacuum the file"
    return f"&{_VERBS[plan.kind]} {plan.eligible:,} task{'s' if plan.eligible != 1 else ''}"
