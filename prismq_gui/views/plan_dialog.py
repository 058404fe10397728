"""One dialog for an operation: what will be, a question, progress with Stop, and what was done.

Owns the steps and that an operation runs at most once. Must not plan nor apply: the engine does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from prismq_gui.insight.problems import Problem, ProblemKind
from prismq_gui.operations.consent import TypedConsent
from prismq_gui.operations.messages import OperationKind, Plan, Progress, Report, Target, Wish
from prismq_gui.polling.engine import Engine
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.fitting import resize_within_screen
from prismq_gui.views.plain_text import label, tooltip, visible
from prismq_gui.views.plan_lines import PlanLines, report_text
from prismq_gui.views.plan_words import confirm_words, words_of
from prismq_gui.views.tab_order import tab_in_order
from prismq_gui.views.typed_consent import TypedConsentBox
from prismq_gui.views.wish_fields import WishFields

_KEYS = {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space}
SNAPSHOT_FACT = "Snapshot beforehand"  # of plans that had better be carried out with one
TWICE_S = 0.4  # a second Enter so soon was pressed by mistake, before what came of the first was seen
NO_JOURNAL = "This cannot be undone: there is no folder of your own data in which a journal could be kept."


class Step(Enum):
    """Where the dialog is."""

    PLANNING = "planning"
    PREVIEW = "preview"
    RUNNING = "running"
    DONE = "done"  # with a report, a refusal or a problem


class PlanDialog(QDialog):
    """Window-modal. GUI thread. ``done_with`` carries the Report of an operation that ran.

    ``fields`` are what the person chooses within the preview; each change is planned anew. ``undo_requested`` carries
    the id of the operation that was done here and is to be taken back, once the dialog is closed.
    """

    done_with = Signal(object)
    undo_requested = Signal(str)

    def __init__(
        self, theme: Theme, engine: Engine, kind: OperationKind | Wish, target: Target | None,
        parent: QWidget | None = None, *, fields: WishFields | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._theme = theme
        self._engine = engine
        self._wish = Wish.of(kind)
        self.kind = self._wish.kind
        self._target = target
        self._plan: Plan | None = None
        self._carry_out: Callable[[Plan], None] | None = None  # the engine does, where nobody else does
        self.backup_folder: Path | None = None  # of snapshots; None is the usual one, beside the file
        self.consent_for: Callable[[Plan, Target | None], TypedConsent | None] = lambda _plan, _target: None
        self.report: Report | None = None
        self._began = -math.inf
        self._is_snapshot_offered = self._has_asked = False
        self.step = Step.PLANNING
        self.setWindowTitle(words_of(self.kind).title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self._icon = QLabel(self)
        self.sentence = label("", "strong", self, wrap=True)
        self.notes = label("", "", self, wrap=True)
        self.fields = fields
        self.lines = PlanLines(theme, self)
        self.snapshot = QCheckBox("First make a snapsh&ot of the whole file", self)
        self.consent = TypedConsentBox(theme, self)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(theme.space(1))
        self.bar.setAccessibleName("Progress")
        self.progress_label = label("", "muted", self)
        self.copy_button = QPushButton("Co&py report", self)
        self.undo_button = QPushButton("&Undo…", self)
        self.again_button = QPushButton(self)
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
        self.undo_button.setToolTip(tooltip("Take back what this changed, after a preview"))
        for button in (self.undo_button, self.again_button, self.stop_button, self.back_button, self.confirm_button):
            buttons.addWidget(button)
            button.installEventFilter(self)
        self.stop_button.setAutoDefault(False)
        layout = QVBoxLayout(self)
        margin = space(5)
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(space(3))
        layout.addLayout(head)
        if self.fields is not None:
            self.fields.setParent(self)
            layout.addWidget(self.fields)
        layout.addWidget(self.bar)
        layout.addWidget(self.lines, 1)
        layout.addWidget(self.snapshot)
        layout.addWidget(self.consent)
        layout.addStretch(0)  # takes the room while there are no lines: else the words would drift apart
        layout.addLayout(buttons)
        chosen = self.fields.stops() if self.fields is not None else ()
        tab_in_order(
            *chosen, self.lines, self.snapshot, self.consent.line, self.copy_button, self.undo_button,
            self.again_button, self.stop_button, self.back_button, self.confirm_button,
        )  # fmt: skip
        resize_within_screen(self, space(155), space(120))

    def _connect(self) -> None:
        self.copy_button.clicked.connect(self.copy_report)
        self.undo_button.clicked.connect(self._on_undo_button_clicked)
        self.again_button.clicked.connect(self._on_again_button_clicked)
        self.stop_button.clicked.connect(self._on_stop_button_clicked)
        self.back_button.clicked.connect(self.reject)
        self.confirm_button.clicked.connect(self.confirm)
        self.consent.changed.connect(self._show_confirm)
        self.consent.entered.connect(self.confirm)
        if self.fields is not None:
            self.fields.changed.connect(self._on_fields_changed)
        self._engine.planned.connect(self._on_engine_planned)
        self._engine.progressed.connect(self._on_engine_progressed)
        self._engine.reported.connect(self._on_engine_reported)
        self._engine.operation_failed.connect(self._on_engine_operation_failed)

    def start(self) -> None:
        """Ask for the plan, and show what comes."""
        self._show_step(Step.PLANNING)
        self._show_words("search", "muted", "Finding out what would be changed…")
        if self.fields is not None and self.fields.is_needed:
            self.fields.begin()
        else:
            self.back_button.setFocus()  # Qt would begin at the first field, which may be the dangerous one
        self.open()
        self._ask_plan()

    def start_with(self, plan: Plan, carry_out: Callable[[Plan], None]) -> None:
        """Show a plan that is known, and do it by this."""
        self._carry_out = carry_out
        self.open()
        self._show_plan(plan)

    # -- steps

    def _ask_plan(self) -> None:
        """Have it planned as it is chosen now; nothing can be confirmed until that is told."""
        wish = self._wish if self.fields is None else self.fields.take()
        self._plan = None
        if wish is None:
            self._engine.stop_operation()
            self._show_unchosen()
            return
        self._engine.plan(wish, self._target)

    def _show_unchosen(self) -> None:
        """Show what is still to be chosen, or what is wrong with it; nothing can be confirmed."""
        assert self.fields is not None
        is_first, self._has_asked = not self._has_asked, True
        self.lines.clear()
        icon, role = ("circle-alert", "danger") if self.fields.is_mistaken else ("info", "info")
        self._show_words(icon, role, self.fields.mistake())
        self.confirm_button.setText(words_of(self.kind).verb)
        self._show_step(Step.PREVIEW)
        if is_first:
            self.fields.begin()

    def _on_fields_changed(self) -> None:
        if self.step in (Step.PLANNING, Step.PREVIEW):
            self._show_step(Step.PLANNING)
            self._ask_plan()

    def _show_step(self, step: Step) -> None:
        self.step = step
        if step is not Step.PREVIEW:
            self.consent.ask(None)
        has_fields = self.fields is not None and step in (Step.PLANNING, Step.PREVIEW)
        if self.fields is not None:
            self.fields.setVisible(has_fields)
        self.bar.setVisible(step is Step.RUNNING or (step is Step.PLANNING and self.lines.is_empty))
        self.bar.setRange(0, 0)
        self.stop_button.setVisible(step is Step.RUNNING)
        self.stop_button.setEnabled(True)
        self.progress_label.setText("")
        self.snapshot.setVisible(step is Step.PREVIEW and self._is_snapshot_offered)
        self.confirm_button.setVisible(step is Step.PREVIEW or has_fields)
        self.back_button.setVisible(step is not Step.RUNNING)
        self.back_button.setText("&Close" if step is Step.DONE else "Go &back")
        report = self.report if step is Step.DONE else None
        self.copy_button.setVisible(report is not None)
        self.undo_button.setVisible(report is not None and report.can_be_undone)
        self.again_button.setText(self._again_words())
        self.again_button.setVisible(step is Step.DONE and bool(self.again_button.text()))
        self.lines.setVisible(step is not Step.RUNNING and not self.lines.is_empty)
        self._show_confirm()

    def _show_confirm(self) -> None:
        self.confirm_button.setEnabled(self.step is Step.PREVIEW and self._is_possible and self.consent.is_given)

    @property
    def _is_possible(self) -> bool:
        """Whether there is a plan that would change something."""
        return self._plan is not None and (self._plan.eligible > 0 or self.kind is OperationKind.VACUUM)

    def _show_words(self, icon: str, role: str, sentence: str, notes: str = "") -> None:
        self._icon.setPixmap(self._theme.pixmap(icon, role, self._theme.space(5), self))
        self.sentence.setText(visible(sentence))
        self.notes.setText(visible(notes))
        self.notes.setVisible(bool(notes))
        self.setAccessibleDescription(f"{sentence} {notes}")

    def _on_engine_planned(self, plan: Plan) -> None:
        if self.step is Step.PLANNING and plan.kind is self.kind:
            self._show_plan(plan)

    def _show_plan(self, plan: Plan) -> None:
        is_first, self._has_asked = not self._has_asked, True
        self._plan = plan
        self._is_snapshot_offered = self._carry_out is None and any(name == SNAPSHOT_FACT for name, _text in plan.facts)
        if is_first:
            self.snapshot.setChecked(self._is_snapshot_offered)
        if plan.refusal is not None:
            self._show_problem(plan.refusal)
            return
        self.lines.show_plan(plan)
        possible = self._is_possible
        is_kept = self._engine.acting.journal_folder is not None or self.kind is OperationKind.VACUUM
        warnings = "\n".join((*plan.warnings, *(() if is_kept else (NO_JOURNAL,))))
        role = "warning" if warnings or words_of(self.kind).is_dangerous else "info"
        self._show_words("triangle-alert" if warnings else "info", role, plan.sentence, warnings if possible else "")
        must_choose = self.fields is not None and self.fields.is_needed
        self._show_step(Step.PREVIEW if possible or must_choose else Step.DONE)
        if self.step is Step.PREVIEW:
            self._ask(plan, is_first=is_first)
        else:
            self.back_button.setFocus()

    def _ask(self, plan: Plan, *, is_first: bool) -> None:
        self.consent.ask(self.consent_for(plan, self._target) if self._is_possible else None)
        dangerous = words_of(self.kind).is_dangerous or self.consent.is_asked
        self.confirm_button.setText(confirm_words(plan))
        set_role(self.confirm_button, "danger" if dangerous else "primary")
        first = self.back_button if dangerous else self.confirm_button
        first.setDefault(True)
        self._show_confirm()
        if self.fields is not None and not is_first:
            return  # the person is at work in them
        if self.fields is not None and self.fields.is_needed:
            self.fields.begin()
        elif self.consent.is_asked:
            self.consent.focus_line()
        else:
            first.setFocus()

    def confirm(self) -> None:
        """Do it; a second call does nothing, nor one before what must be typed is, or what was chosen is planned."""
        if self.fields is not None:
            self.fields.settle()
        if self.step is Step.PREVIEW and self._plan is not None and self._is_possible and self.consent.is_given:
            self._run(self._plan)

    def _run(self, plan: Plan, carry_out: Callable[[Plan], None] | None = None) -> None:
        self.report = None
        self.lines.clear()
        self._show_step(Step.RUNNING)
        self._began = time.monotonic()
        self.setFocus()  # not on a button: a second Enter would press it
        carry_out = carry_out or self._carry_out
        if carry_out is not None:
            carry_out(plan)
        else:
            wanted = self._is_snapshot_offered and self.snapshot.isChecked()
            self._engine.acting.apply(plan, snapshot=wanted, folder=self.backup_folder)

    def _on_engine_progressed(self, progress: Progress) -> None:
        if self.step is not Step.RUNNING:
            return
        words = visible(progress.text)
        if progress.total > 0:
            self.bar.setRange(0, 1_000)
            self.bar.setValue(progress.done * 1_000 // progress.total)
            count = f"{progress.done:,} of {progress.total:,}"
            words = words if words.startswith(count) else f"{count}  {words}"
        if self.stop_button.isEnabled():
            self.progress_label.setText(words)

    def _on_engine_reported(self, report: Report) -> None:
        if self.step is not Step.RUNNING:
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

    def _again_words(self) -> str:
        """Return what the button to do it again says, '' where that would not help."""
        problem = self.report.problem if self.report is not None and self._plan is not None else None
        if problem is None:
            return ""
        if self._is_of_journal(problem):
            return "Do it without u&ndo"
        return "&Try again" if problem.kind in (ProblemKind.BUSY, ProblemKind.LOCKED, ProblemKind.DISK_FULL) else ""

    def _is_of_journal(self, problem: Problem) -> bool:
        """Whether nothing was done since what undoing needs could not be kept."""
        folder = self._engine.acting.journal_folder
        is_new = self._carry_out is None and self.kind is not OperationKind.UNDO
        return folder is not None and is_new and problem.subject.startswith(str(folder))

    def _on_again_button_clicked(self) -> None:
        if self._plan is None or self.report is None or self.report.problem is None:
            return
        if self._is_of_journal(self.report.problem):
            self._run(self._plan, lambda plan: self._engine.acting.apply(plan, undoable=False))
        else:
            self._run(self._plan)

    def _on_undo_button_clicked(self) -> None:
        if self.report is not None:
            operation_id = self.report.operation_id
            self.reject()
            self.undo_requested.emit(operation_id)

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
        self._began = time.monotonic() if self.step is Step.RUNNING else self._began
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
        """Swallow a held Enter and a second one: what opened this dialog must not answer it, nor close its report."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._is_mistaken(event)
        return super().eventFilter(watched, event)

    def _is_mistaken(self, event: QKeyEvent) -> bool:
        """Whether a key was meant for what was asked before: held, or pressed twice in a row."""
        return event.key() in _KEYS and (event.isAutoRepeat() or time.monotonic() - self._began < TWICE_S)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave a mistaken Enter alone; the rest as usual."""
        if self._is_mistaken(event):
            event.accept()
        else:
            super().keyPressEvent(event)
