"""What the actions on tasks do: each asks by a preview; and what was done before is shown, taken back or finished.

Owns which of these dialogs is open. Must not decide when an action may be used, nor plan or do anything itself.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QWidget

from prismq_gui.actions.registry import Place
from prismq_gui.backup_folders import folder_of
from prismq_gui.insight.filters import TaskFilter
from prismq_gui.insight.problems import Problem
from prismq_gui.operations.messages import (
    LAST,
    Matching,
    OperationKind,
    Recorded,
    Report,
    Selected,
    Target,
    Wish,
    Workers,
)
from prismq_gui.polling.runner import EditableTold, HistoryTold
from prismq_gui.queue.transitions import RUNNING
from prismq_gui.theme import Severity, Theme
from prismq_gui.views.database_commands import DatabaseCommands
from prismq_gui.views.recovery_notice import RecoveryNotice

if TYPE_CHECKING:
    from prismq_gui.operations.journal_records import Operation
    from prismq_gui.views.history_dialog import HistoryDialog
    from prismq_gui.views.main_window import MainWindow
    from prismq_gui.views.plan_dialog import PlanDialog
    from prismq_gui.views.tasks_page import TasksPage
    from prismq_gui.views.wish_fields import WishFields
    from prismq_gui.views.workers_page import WorkersPage

MOST_STATUSES = 50  # of so many selected tasks it is looked at what may be done with them


class TaskCommands(DatabaseCommands):
    """One for a window. GUI thread. ``operation_ended`` carries a Report."""

    operation_ended = Signal(object)

    def __init__(self, window: MainWindow, theme: Theme) -> None:
        super().__init__(window, theme)
        self.plan_dialog: PlanDialog | None = None
        self.history_dialog: HistoryDialog | None = None
        self._undoes_last = False
        self._edited: int | None = None
        window.engine.acting.editable.connect(self._on_acting_editable)
        self.recovery = RecoveryNotice(window, self)
        window.engine.acting.history.connect(self._on_acting_history)

    # -- the selected tasks

    def retry(self) -> None:
        """Preview a retry of the selected tasks."""
        self._operate_selected(OperationKind.RETRY)

    def cancel(self) -> None:
        """Preview a cancel of the selected tasks."""
        self._operate_selected(OperationKind.CANCEL)

    def ask_to_cancel(self) -> None:
        """Preview that the workers of the selected tasks are asked to end them."""
        self._operate_selected(OperationKind.ASK_TO_CANCEL)

    def force_cancel(self) -> None:
        """Preview a cancel of running tasks."""
        self._operate_selected(OperationKind.FORCE_CANCEL)

    def release(self) -> None:
        """Preview that the selected tasks are taken from their workers."""
        self._operate_selected(OperationKind.RELEASE)

    def delete(self) -> None:
        """Preview a deletion of the selected tasks."""
        self._operate_selected(OperationKind.DELETE)

    def set_priority(self) -> None:
        """Preview another priority of the selected tasks."""
        self._operate_selected(OperationKind.PRIORITY)

    def run_now(self) -> None:
        """Preview that the selected tasks are due at once."""
        self._operate_selected(OperationKind.RUN_NOW)

    def run_at(self) -> None:
        """Preview that the selected tasks are put off."""
        self._operate_selected(OperationKind.RUN_AT)

    def edit(self) -> None:
        """Preview an edit: of all of one task, once that is read, or of single values in several."""
        chosen = self._window.tasks_page.selected()
        if len(chosen.ids) == 1:
            self._edited = chosen.ids[0]
            self._window.engine.acting.read_editable(self._edited)
        else:
            self._operate(OperationKind.EDIT, chosen)

    def _on_acting_editable(self, told: EditableTold) -> None:
        if told.task_id != self._edited:
            return
        self._edited = None
        if told.editable is None:
            if told.problem is not None:
                self._tell_problem(told.problem)
            return
        from prismq_gui.views.edit_fields import EditFields  # noqa: PLC0415 - not of use at each start

        target = Selected(array("q", (told.task_id,)))
        dialog = self._plan_dialog(OperationKind.EDIT, target, EditFields(self._theme, told.editable))
        if dialog is not None:
            dialog.start()

    def duplicate(self) -> None:
        """Preview new tasks like the selected ones."""
        self._operate_selected(OperationKind.DUPLICATE)

    def enqueue(self) -> None:
        """Ask for a new task, and preview it."""
        self._operate(OperationKind.ENQUEUE, None)

    def _operate_selected(self, kind: OperationKind) -> None:
        self._operate(kind, self._window.tasks_page.selected())

    # -- all that match

    def retry_matching(self) -> None:
        """Preview a retry of all that match."""
        self._operate_matching(OperationKind.RETRY)

    def cancel_matching(self) -> None:
        """Preview a cancel of all that match."""
        self._operate_matching(OperationKind.CANCEL)

    def ask_to_cancel_matching(self) -> None:
        """Preview that the workers of all that match are asked to end them."""
        self._operate_matching(OperationKind.ASK_TO_CANCEL)

    def force_cancel_matching(self) -> None:
        """Preview a cancel of all running ones that match."""
        self._operate_matching(OperationKind.FORCE_CANCEL)

    def release_matching(self) -> None:
        """Preview that all that match are taken from their workers."""
        self._operate_matching(OperationKind.RELEASE)

    def edit_matching(self) -> None:
        """Preview an edit of single values in all that match."""
        self._operate_matching(OperationKind.EDIT)

    def delete_matching(self) -> None:
        """Preview a deletion of all that match."""
        self._operate_matching(OperationKind.DELETE)

    def set_priority_matching(self) -> None:
        """Preview another priority of all that match."""
        self._operate_matching(OperationKind.PRIORITY)

    def run_now_matching(self) -> None:
        """Preview that all that match are due at once."""
        self._operate_matching(OperationKind.RUN_NOW)

    def run_at_matching(self) -> None:
        """Preview that all that match are put off."""
        self._operate_matching(OperationKind.RUN_AT)

    def _operate_matching(self, kind: OperationKind) -> None:
        """Preview for what the filter says now, not for what it said before the last key."""
        search = self._window.tasks_page.filter_bar.search
        search.settle()
        if search.mistake is None and not self._window.tasks_page.filter().is_empty:
            self._operate(kind, self._window.tasks_page.matching())

    def vacuum(self) -> None:
        """Preview a vacuum of the file."""
        self._operate(OperationKind.VACUUM, None)

    def retry_tasks(self, target: Target) -> PlanDialog | None:
        """Preview a retry of these tasks; return the dialog, None where another one is open."""
        return self._operate(OperationKind.RETRY, target)

    # -- workers

    def serve_workers(self, page: WorkersPage) -> None:
        """Let workers be relieved of what they hold, or taken off the list."""
        may_act = self._window.actions_["undo_last"]  # off with the reason where nothing may be changed

        def take_refusal() -> None:
            page.set_refusal(self._window.actions_.reason("undo_last"))

        may_act.changed.connect(take_refusal)
        take_refusal()
        page.release_requested.connect(self.release_held)
        page.remove_requested.connect(lambda name: self.remove_worker(name, page.model.hearing.silent_after_s))

    def release_held(self, worker: str) -> None:
        """Preview that all that a worker holds is given back."""
        from prismq_gui.insight.language import parse  # noqa: PLC0415 - a tenth of the window's start
        from prismq_gui.insight.language_nodes import quoted  # noqa: PLC0415

        held = parse(f"worker:{quoted(worker)}")
        self._operate(OperationKind.RELEASE, Matching(TaskFilter(statuses=RUNNING, query=held)))

    def remove_worker(self, worker: str, silent_after_s: float) -> None:
        """Preview that a silent worker is taken off the list."""
        from prismq_gui.operations.removal import remove_workers  # noqa: PLC0415 - not of use at each start

        self._operate(remove_workers(silent_after_s=silent_after_s), Workers((worker,)))

    # -- the dialog

    def bring_back(self, wish: Wish, target: Selected) -> PlanDialog | None:
        """Preview that tasks of a backup come back; return the dialog, None where another one is open."""
        return self._operate(wish, target)

    def mend(self, wish: Wish) -> PlanDialog | None:
        """Preview that what the health check found is mended; return the dialog, None where another one is open."""
        return self._operate(wish, None)

    def _operate(self, kind: OperationKind | Wish, target: Target | None) -> PlanDialog | None:
        dialog = self._plan_dialog(kind, target)
        if dialog is not None:
            dialog.start()
        return dialog

    def _plan_dialog(
        self, kind: OperationKind | Wish, target: Target | None, fields: WishFields | None = None
    ) -> PlanDialog | None:
        """Return a dialog that is not open yet, None where another one is."""
        if self.plan_dialog is not None or self.care_dialog is not None:
            return None
        if fields is None and isinstance(kind, OperationKind) and not isinstance(target, Recorded):
            fields = self._fields(kind)
        from prismq_gui.views.plan_dialog import PlanDialog  # noqa: PLC0415 - not of use at each start

        dialog = PlanDialog(self._theme, self._window.engine, kind, target, self._window, fields=fields)
        dialog.backup_folder = folder_of(self._window.settings.backup_folders, self._window.session.path)
        dialog.consent_for = self._window.desk.consent_for_plan
        self.plan_dialog = dialog
        dialog.done_with.connect(self._on_dialog_done_with)
        dialog.undo_requested.connect(self.undo)
        dialog.finished.connect(self._on_dialog_finished)
        self._window.update_actions()
        return dialog

    def _fields(self, kind: OperationKind) -> WishFields | None:
        """Return what is chosen within the preview of a kind."""
        if kind not in (OperationKind.EDIT, OperationKind.ENQUEUE):
            from prismq_gui.views.wish_fields import fields_for  # noqa: PLC0415 - not of use at each start

            return fields_for(self._theme, kind, priority=self._selected_priority())
        from prismq_gui.views.edit_fields import EnqueueFields, PlaceFields  # noqa: PLC0415 - as above

        if kind is OperationKind.ENQUEUE:
            snapshot = self._window.session.snapshot
            return EnqueueFields(self._theme, snapshot.types if snapshot is not None else ())
        return PlaceFields(self._theme)

    def _selected_priority(self) -> int | None:
        page = self._window.tasks_page
        ranges = page.table.selected_ranges()
        task = page.model.task(ranges[0][0]) if page.table.selected_count() == 1 and ranges else None
        return task.priority if task is not None and isinstance(task.priority, int) else None

    def _on_dialog_done_with(self, report: Report) -> None:
        self.recovery.note_done(report)
        self.operation_ended.emit(report)

    def _on_dialog_finished(self, _result: int) -> None:
        self.plan_dialog = None
        self._window.update_actions()

    # -- what was done before

    def history(self) -> None:
        """Show what was done before; the dialog that is open already where there is one."""
        if self.history_dialog is not None:
            self.history_dialog.raise_()
            self.history_dialog.activateWindow()
            return
        from prismq_gui.views.history_dialog import HistoryDialog  # noqa: PLC0415 - not of use at each start

        dialog = HistoryDialog(self._theme, self._window.engine.acting, self._window.actions_, self._window)
        dialog.undo_requested.connect(self.undo)
        dialog.undo_requested.connect(self._return_to_history)
        dialog.finish_requested.connect(self.finish)
        dialog.finish_requested.connect(self._return_to_history)
        dialog.finished.connect(self._on_history_dialog_finished)
        self._window.session.changed.connect(dialog.look_for_news)
        self.history_dialog = dialog
        dialog.start()

    def _return_to_history(self) -> None:
        """Give the keyboard back to the history once what was begun there is closed; Qt gives it to the window."""
        dialog, history = self.plan_dialog, self.history_dialog
        if dialog is not None and history is not None:
            dialog.finished.connect(history.take_keyboard)

    def _on_history_dialog_finished(self, _result: int) -> None:
        self.history_dialog = None

    def undo(self, operation_id: str) -> None:
        """Preview that an operation is taken back."""
        self._operate(OperationKind.UNDO, Recorded(operation_id))

    def finish(self, operation: Operation) -> None:
        """Ask whether the rest of an operation is to be done."""
        from prismq_gui.views.history_words import rest_of  # noqa: PLC0415 - as above

        acting = self._window.engine.acting
        plan = rest_of(operation)
        dialog = self._plan_dialog(plan.kind, Recorded(operation.id))
        if dialog is not None:
            dialog.start_with(plan, lambda _plan: acting.finish(operation.id))

    def undo_last(self) -> None:
        """Preview that the last operation is taken back which is not an undo itself, once it is known which that is."""
        self._undoes_last = True
        self._window.engine.acting.look_back()

    def _on_acting_history(self, told: HistoryTold) -> None:
        if not self._undoes_last:
            return
        self._undoes_last = False
        wanted = (each for each in told.operations if each.can_be_undone and each.kind is not OperationKind.UNDO)
        found = next(wanted, None)
        if told.problem is not None:
            self._tell_problem(told.problem)
        elif found is None:
            self._window.status_line.show_message("There is nothing to undo: no operation on this file is kept")
        else:
            self.undo(LAST)  # those before it where this one is no longer in effect

    def _tell_problem(self, problem: Problem) -> None:
        text = f"{problem.subject}. {problem.unchanged} {problem.advice}"
        self._window.notices.message(Severity.WARNING, problem.what, text)

    # -- the panel of a task

    def serve(self, page: TasksPage) -> None:
        """Show the menu of the selected tasks where one is wanted, in the table and in the panel of a task."""
        page.menu_requested.connect(self._show_menu)
        page.model.dataChanged.connect(self._window.update_actions)  # another status allows something else
        detail = page.detail
        detail.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        detail.customContextMenuRequested.connect(lambda at: self._show_panel_menu(page, detail.mapToGlobal(at)))
        detail.menu_button.clicked.connect(lambda: self._show_panel_menu(page, _below(detail.menu_button)))

    def _show_menu(self, place: QPoint) -> None:
        self._window.actions_.context_menu(Place.CONTEXT, self._window).popup(place)

    def _show_panel_menu(self, page: TasksPage, place: QPoint) -> None:
        """Show what can be done with the task in the panel, which is the selected one then."""
        if page.detail.is_showing_task:
            if page.table.selected_count() != 1 or page.table.current_id != page.detail.task_id:
                page.table.select_id(page.detail.task_id)
            self._show_menu(place)

    def selected_statuses(self) -> frozenset[object] | None:
        """Return the statuses of the selected tasks, None where these are many or not in hand."""
        page = self._window.tasks_page
        if not 0 < page.table.selected_count() <= MOST_STATUSES:
            return None
        rows = [row for first, last in page.table.selected_ranges() for row in range(first, last + 1)]
        tasks = [page.model.task(row) for row in rows]
        if any(task is None for task in tasks):
            return None
        return frozenset(task.status for task in tasks if task is not None)


def _below(button: QWidget) -> QPoint:
    return button.mapToGlobal(QPoint(0, button.height()))
