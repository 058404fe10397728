"""One dialog for the care of a file: what will be, a question, progress with Stop, and what was and was not done.

Owns the steps and that work runs at most once. Must not plan nor do anything: a desk does.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from prismq_gui.insight.problems import Problem
from prismq_gui.operations.consent import TypedConsent
from prismq_gui.operations.database_records import CareKind, CarePlan, CareReport, CareWish
from prismq_gui.polling.database_desk import CareNews, DatabaseDesk
from prismq_gui.queue.upkeep import MaintenanceProgress
from prismq_gui.theme import Theme, set_role
from prismq_gui.views.database_options import CareOptions
from prismq_gui.views.fitting import resize_within_screen
from prismq_gui.views.plain_text import label, one_line, visible
from prismq_gui.views.plan_dialog import Step
from prismq_gui.views.plan_lines import PlanLines
from prismq_gui.views.tab_order import tab_in_order

_TITLES = {
    CareKind.CHECKPOINT: "Checkpoint",
    CareKind.OPTIMIZE: "Optimize",
    CareKind.ANALYZE: "Analyze",
    CareKind.INTEGRITY: "Check integrity",
    CareKind.FOREIGN_KEYS: "Check log lines",
    CareKind.BACKUP: "Back up",
    CareKind.VERIFY: "Verify a backup",
    CareKind.RESTORE: "Restore a backup",
    CareKind.RETENTION: "Delete finished tasks",
    CareKind.RELEASE: "Give back leases that are over",
}
_VERBS = {
    CareKind.CHECKPOINT: "&Checkpoint",
    CareKind.OPTIMIZE: "&Optimize",
    CareKind.ANALYZE: "&Analyze",
    CareKind.INTEGRITY: "&Check",
    CareKind.FOREIGN_KEYS: "&Check",
    CareKind.BACKUP: "Back &up",
    CareKind.VERIFY: "&Verify",
    CareKind.RESTORE: "&Restore",
    CareKind.RETENTION: "&Delete",
    CareKind.RELEASE: "&Give back",
}
_DANGEROUS = {CareKind.RESTORE, CareKind.RETENTION}
LONGEST_FIGURE = 32  # characters
_KEYS = {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space}


class CareDialog(QDialog):
    """Window-modal. GUI thread. ``started`` tells that work begins, ``done_with`` carries its CareReport or None.

    ``leases_requested``: after a restore, the leases of the past are to be given back.
    """

    started = Signal()
    done_with = Signal(object)
    leases_requested = Signal()

    def __init__(self, theme: Theme, desk: DatabaseDesk, wish: CareWish, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self.kind = kind = wish.kind
        self.options = CareOptions(theme, wish, self)
        self._number = 0
        self.consent_for: Callable[[CarePlan], TypedConsent | None] = lambda _plan: None
        self.plan: CarePlan | None = None
        self.report: CareReport | None = None
        self.step = Step.PLANNING
        self.setWindowTitle(_TITLES[kind])
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self._icon = QLabel(self)
        self.sentence = label("", "strong", self, wrap=True)
        self.notes = label("", "", self, wrap=True)
        self.lines = PlanLines(theme, self)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(theme.space(1))
        self.bar.setAccessibleName("Progress")
        self.progress_label = label("", "muted", self)
        self.copy_button = QPushButton("Co&py report", self)
        self.leases_button = QPushButton("Give back &leases…", self)
        self.stop_button = QPushButton("&Stop", self)
        self.back_button = QPushButton("Go &back", self)
        self.confirm_button = QPushButton(_VERBS[kind], self)
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
        buttons.addWidget(self.leases_button)
        buttons.addWidget(self.progress_label, 1)
        for button in (self.stop_button, self.back_button, self.confirm_button):
            buttons.addWidget(button)
            button.installEventFilter(self)
        layout = QVBoxLayout(self)
        margin = space(5)
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.setSpacing(space(3))
        layout.addLayout(head)
        layout.addWidget(self.options)
        layout.addWidget(self.bar)
        layout.addWidget(self.lines, 1)
        layout.addStretch(0)  # takes the room while there are no lines: else the words would drift apart
        layout.addLayout(buttons)
        first = self.options.first() or self.lines
        tab_in_order(first, self.lines, self.copy_button, self.leases_button, self.stop_button, self.back_button,
                     self.confirm_button)  # fmt: skip
        set_role(self.confirm_button, "danger" if self.kind in _DANGEROUS else "primary")
        resize_within_screen(self, space(155), space(110))

    def _connect(self) -> None:
        self.copy_button.clicked.connect(self.copy_report)
        self.leases_button.clicked.connect(self._on_leases_button_clicked)
        self.stop_button.clicked.connect(self._on_stop_button_clicked)
        self.back_button.clicked.connect(self.reject)
        self.confirm_button.clicked.connect(self.confirm)
        self.options.changed.connect(self._plan_anew)
        self.options.typed.connect(self._show_confirm)
        self.options.entered.connect(self.confirm)
        self._desk.news.connect(self._on_desk_news)

    def start(self) -> None:
        """Ask for the plan, and show what comes."""
        self._ask()
        self.open()

    def _ask(self) -> None:
        self.plan = None
        self._show_step(Step.PLANNING)
        self._show_words("search", "muted", "Finding out what would be done…")
        self._number = self._desk.plan(self.options.wish())

    def _plan_anew(self) -> None:
        if self.step in (Step.PLANNING, Step.PREVIEW):
            self._ask()

    # -- steps

    def _show_step(self, step: Step) -> None:
        self.step = step
        busy = step in (Step.PLANNING, Step.RUNNING)
        self.bar.setVisible(busy)
        self.bar.setRange(0, 0)
        self.options.setVisible(step in (Step.PLANNING, Step.PREVIEW) and self.options.first() is not None)
        self.stop_button.setVisible(step is Step.RUNNING)
        self.stop_button.setEnabled(True)
        self.progress_label.setText("")
        self.confirm_button.setVisible(step in (Step.PLANNING, Step.PREVIEW))
        self.back_button.setVisible(step is not Step.RUNNING)
        self.back_button.setText("&Close" if step is Step.DONE else "Go &back")
        self.copy_button.setVisible(self.report is not None)
        self.leases_button.setVisible(self.report is not None and self.report.left_running > 0)
        self.lines.setVisible(step in (Step.PREVIEW, Step.DONE) and not self.lines.is_empty)
        self._show_confirm()

    def _show_confirm(self) -> None:
        plan = self.plan
        can = self.step is Step.PREVIEW and plan is not None and plan.refusal is None and not plan.nothing
        self.confirm_button.setEnabled(can and plan is not None and self.options.is_given())

    def _show_words(self, icon: str, role: str, sentence: str, notes: str = "") -> None:
        self._icon.setPixmap(self._theme.pixmap(icon, role, self._theme.space(5), self))
        self.sentence.setText(visible(sentence))
        self.notes.setText(visible(notes))
        self.notes.setVisible(bool(notes))
        self.setAccessibleDescription(f"{sentence} {notes}")

    def _on_desk_news(self, news: CareNews) -> None:
        if news.number != self._number:
            return
        if news.plan is not None and self.step is Step.PLANNING:
            self._show_plan(news.plan)
        elif news.report is not None and self.step is Step.RUNNING:
            self._show_report(news.report)
        elif news.problem is not None and self.step in (Step.PLANNING, Step.RUNNING):
            was_running = self.step is Step.RUNNING
            self._show_problem(news.problem)
            self._show_step(Step.DONE)
            if was_running:
                self.done_with.emit(None)
        elif news.progress is not None:
            self._show_progress(news.progress)

    def _show_plan(self, plan: CarePlan) -> None:
        self.plan = plan
        if plan.refusal is not None:
            self._show_problem(plan.refusal)
        else:
            self.lines.show_sections([("Figures", _lines(plan.facts))])
            warnings = "\n".join(plan.warnings)
            icon, role = ("triangle-alert", "warning") if self.kind in _DANGEROUS else ("info", "info")
            self._show_words(icon, role, plan.sentence, warnings)
        self.options.show_target(plan.wish.target)
        self.options.ask(None if plan.refusal is not None or plan.nothing else self._consent(plan))
        self._show_step(Step.PREVIEW)
        self._focus_first()

    def _consent(self, plan: CarePlan) -> TypedConsent | None:
        if plan.name_to_type:
            sentence = f"Type the name of the queue's file to go on: {plan.name_to_type}"
            return TypedConsent(plan.name_to_type, sentence, is_count=False)
        return self.consent_for(plan)

    def _focus_first(self) -> None:
        focus = self.focusWidget()
        if focus is not None and self.options.isAncestorOf(focus):
            return  # what was chosen there had it planned anew
        if not self.confirm_button.isEnabled() and not self.options.name.isHidden():
            self.options.name.setFocus()
        elif self.kind in _DANGEROUS or not self.confirm_button.isEnabled():
            self.back_button.setDefault(True)
            self.back_button.setFocus()
        else:
            self.confirm_button.setDefault(True)
            self.confirm_button.setFocus()

    def confirm(self) -> None:
        """Do it; a second call does nothing."""
        if not self.confirm_button.isEnabled() or self.plan is None or not self.options.is_settled():
            return
        wish = self.plan.wish
        self._show_step(Step.RUNNING)
        self._show_words("loader", "muted", f"{_TITLES[self.kind]}…", self.notes.text())
        self.stop_button.setFocus()
        self.started.emit()
        self._number = self._desk.run(wish)

    def _show_progress(self, progress: MaintenanceProgress) -> None:
        words = one_line(progress.text)
        if progress.total > 0:
            self.bar.setRange(0, 1_000)
            self.bar.setValue(min(1_000, max(0, progress.done) * 1_000 // progress.total))
            words = f"{words}  {progress.done / progress.total:.0%}"
        else:
            self.bar.setRange(0, 0)
        if self.stop_button.isEnabled():
            self.progress_label.setText(words)

    def _show_report(self, report: CareReport) -> None:
        self.report = report
        self.lines.show_sections(_sections(report))
        notes = "\n".join(each for each in (_problem_text(report.problem), *report.undone, report.advice) if each)
        if report.problem is not None:
            self._show_words("circle-alert", "danger", report.sentence, notes)
        elif report.stopped:
            self._show_words("octagon-x", "warning", report.sentence, notes)
        elif report.findings or report.undone:
            icon, role = ("circle-alert", "danger") if report.findings else ("triangle-alert", "warning")
            self._show_words(icon, role, report.sentence, notes)
        else:
            self._show_words("circle-check", "success", report.sentence, notes)
        self._show_step(Step.DONE)
        self.back_button.setDefault(True)
        self.back_button.setFocus()
        self.done_with.emit(report)

    def _show_problem(self, problem: Problem) -> None:
        self.lines.clear()
        self._show_words("circle-alert", "danger", f"{_TITLES[self.kind]}: not possible", _problem_text(problem))

    # -- leaving

    def _on_stop_button_clicked(self) -> None:
        self.stop_button.setEnabled(False)
        self.progress_label.setText("Stopping…")
        self._desk.stop()

    def _on_leases_button_clicked(self) -> None:
        self.reject()
        self.leases_requested.emit()

    def reject(self) -> None:
        """Leave; work that runs is stopped, and its report is waited for."""
        if self.step is Step.RUNNING:
            if self.stop_button.isEnabled():
                self._on_stop_button_clicked()
            return
        if self.step is Step.PLANNING:
            self._desk.stop()
        self.step = Step.DONE
        self._desk.news.disconnect(self._on_desk_news)
        super().reject()

    def copy_report(self) -> None:
        """Put the report on the clipboard as plain text."""
        if self.report is not None:
            lines = [self.sentence.text(), self.notes.text(), *self.lines.lines(), f"File: {self.report.wish.path}"]
            QGuiApplication.clipboard().setText("\n".join(each for each in lines if each))

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


def _problem_text(problem: Problem | None) -> str:
    return problem.sentence() if problem is not None else ""


def _lines(facts: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """Return labelled figures; a long one (a path) stands behind its label, which has the room."""
    told = [(one_line(name), one_line(value)) for name, value in facts]
    return [(f"{name}: {value}", "") if len(value) > LONGEST_FIGURE else (name, value) for name, value in told]


def _sections(report: CareReport) -> list[tuple[str, list[tuple[str, str]]]]:
    found = f"The first {len(report.findings):,} findings" if report.cut else "Findings"
    return [
        (found, [(one_line(each), "") for each in report.findings]),
        ("Figures", [*_lines(report.facts), ("Took", f"{report.elapsed_s:.1f} s")]),
    ]
