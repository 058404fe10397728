"""What each action does: one method a record of :mod:`prismq_gui.actions.registry`.

Owns nothing; asks the session, the pages and dialogs. Must not decide when an action may be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QApplication, QFileDialog, QLineEdit, QPlainTextEdit, QWidget

from prismq_gui.theme import Theme
from prismq_gui.theme.theme import Mode
from prismq_gui.views.about_dialog import AboutDialog
from prismq_gui.views.table_view import BigTableView
from prismq_gui.views.task_commands import TaskCommands

if TYPE_CHECKING:
    from prismq_gui.views.compare_dialog import CompareDialog
    from prismq_gui.views.main_window import MainWindow
    from prismq_gui.views.next_dialog import NextDialog
    from prismq_gui.views.palette import Palette
    from prismq_gui.views.value_saver import ValueSaver

FILE_FILTER = "Queue files (*.db *.sqlite *.sqlite3);;All files (*)"


class Commands(TaskCommands):
    """One for a window. GUI thread."""

    theme_chosen = Signal(str)

    def __init__(self, window: MainWindow, theme: Theme) -> None:
        super().__init__(window, theme)
        self.next_dialog: NextDialog | None = None
        self.palette_widget: Palette | None = None
        self.saver: ValueSaver | None = None

    # -- file

    def open_file(self) -> None:
        """Ask for a file and open it."""
        self._ask_file("Open a queue file", read_only=False)

    def open_read_only(self) -> None:
        """Ask for a file and open it without ever writing it."""
        self._ask_file("Open a queue file read-only", read_only=True)

    def _ask_file(self, title: str, *, read_only: bool) -> None:
        path = self._window.session.path
        folder = str(path.parent) if path else ""
        dialog = QFileDialog(self._window, title, folder, FILE_FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self._window.open_path(Path(name), read_only=read_only))
        dialog.open()

    def open_in_new_window(self) -> None:
        """Ask for a file and open it in a window of its own; this one stays as it is."""
        path = self._window.session.path
        folder = str(path.parent) if path else ""
        dialog = QFileDialog(self._window, "Open a queue file in a new window", folder, FILE_FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self._window.new_window_requested.emit(Path(name)))
        dialog.open()

    def compare(self) -> None:
        """Ask for another file and compare the open one with it."""
        from prismq_gui.views import compare_opening  # noqa: PLC0415 - not of use at each start

        compare_opening.ask(self._window, self._theme)

    def export(self) -> None:
        """Ask which rows go into which file."""
        from prismq_gui.views import exporting  # noqa: PLC0415 - as above

        exporting.ask(self._window, self._theme)

    def compare_files(self, before: Path, after: Path) -> CompareDialog:
        """Compare two files."""
        from prismq_gui.views import compare_opening  # noqa: PLC0415 - as above

        return compare_opening.show(self._window, self._theme, before, after)

    def open_dropped(self, paths: Sequence[Path]) -> None:
        """Open one file, or compare two."""
        if len(paths) == 1:
            self._window.open_path(paths[0])
            return
        from prismq_gui.views import compare_opening  # noqa: PLC0415 - as above

        self.compare_files(*compare_opening.by_age(*paths))

    def clear_recent(self) -> None:
        """Forget which files were open."""
        self._window.clear_recent()

    def mark_file(self) -> None:
        """Ask what the file is for."""
        self._window.desk.ask_mark()

    def close_file(self) -> None:
        """Show the start page."""
        self._window.session.close_file()
        self._window.start_page.focus_first()

    def quit(self) -> None:
        """Close the window."""
        self._window.close()

    # -- edit

    def copy(self) -> None:
        """Copy what is selected where the focus is, else in the page's table."""
        focus = QApplication.focusWidget()
        if isinstance(focus, QLineEdit | QPlainTextEdit):
            focus.copy()
        elif isinstance(focus, QAbstractItemView) and not isinstance(focus, BigTableView):
            _press_copy(focus)  # trees copy their lines by the key
        else:
            table = focus if isinstance(focus, BigTableView) else self._window.current_table()
            count = table.copy_selection()
            self._window.status_line.show_message(f"{count:,} row{'s' if count != 1 else ''} copied")

    def select_all(self) -> None:
        """Select everything where the focus is, else in the page's table."""
        focus = QApplication.focusWidget()
        if isinstance(focus, QLineEdit | QPlainTextEdit | QAbstractItemView):
            focus.selectAll()
        else:
            self._window.current_table().selectAll()

    def find(self) -> None:
        """Go to the search line of the page; workers have none."""
        if self._window.page == "logs":
            self._window.logs_page.filter_bar.focus_search()
        elif self._window.page == "search":
            self._window.search_page.focus_search()
        else:
            self._window.show_page("tasks")
            self._window.tasks_page.filter_bar.focus_search()

    def clear_filter(self) -> None:
        """Show all rows of the page."""
        page = self._window.logs_page if self._window.page == "logs" else self._window.tasks_page
        page.clear_filter()

    # -- tasks

    def save_value(self) -> None:
        """Save what the panel shows of the task to a file."""
        from prismq_gui.views.value_saver import ValueSaver  # noqa: PLC0415

        window = self._window
        task_id, path = window.tasks_page.table.current_id, window.session.path
        if not isinstance(task_id, int) or path is None:
            return
        if self.saver is None:
            self.saver = ValueSaver(window.engine.looks, window)
            self.saver.told.connect(window.status_line.show_message)
            self.saver.failed.connect(self._tell_problem)
        self.saver.ask(task_id, window.tasks_page.detail.column_in_view, path)

    def previous_task(self) -> None:
        """Go one task up."""
        self._window.tasks_page.table.step(-1)

    def next_task(self) -> None:
        """Go one task down."""
        self._window.tasks_page.table.step(1)

    def next_tasks(self) -> None:
        """Show what comes next, for the worker that is chosen on its page."""
        window = self._window
        name = window.workers_page.table.current_id if window.page == "workers" else None
        self.show_next(name if isinstance(name, str) else "")

    def show_next(self, worker: str) -> None:
        """Show what a worker would take next; '' is any."""
        if self.next_dialog is not None:
            self.next_dialog.close()
        names = [name for name in map(self._window.workers_page.model.id_at, range(200)) if name is not None]
        snapshot = self._window.session.snapshot
        waiting = [each.count for each in snapshot.counts if each.status == "queued"] if snapshot is not None else []
        from prismq_gui.views.next_dialog import NextDialog  # noqa: PLC0415 - 13 ms of the window's start

        dialog = NextDialog(
            self._theme, self._window.engine.looks, names, worker, self._window,
            types=snapshot.types if snapshot is not None else (), waiting=waiting[0] if waiting else None,
        )  # fmt: skip
        self.next_dialog = dialog
        dialog.task_requested.connect(self._window.show_task)
        self._window.session.snapshot_changed.connect(dialog.note_snapshot)
        dialog.finished.connect(self._on_next_dialog_finished)
        dialog.show()

    def _on_next_dialog_finished(self, _result: int) -> None:
        self.next_dialog = None

    # -- view

    def show_overview(self, _checked: bool = True) -> None:
        """Show the overview."""
        self._window.show_page("overview")

    def show_tasks(self, _checked: bool = True) -> None:
        """Show the tasks."""
        self._window.show_page("tasks")

    def show_workers(self, _checked: bool = True) -> None:
        """Show the workers."""
        self._window.show_page("workers")

    def show_failures(self, _checked: bool = True) -> None:
        """Show the failures by cause."""
        self._window.show_page("failures")

    def show_logs(self, _checked: bool = True) -> None:
        """Show the log lines."""
        self._window.show_page("logs")

    def show_search(self, _checked: bool = True) -> None:
        """Search everything."""
        self._window.show_page("search")
        self._window.search_page.focus_search()

    def save_view(self) -> None:
        """Save what the page shows under a name."""
        self._window.saved_views.ask_name()

    def manage_views(self) -> None:
        """Show the saved views."""
        self._window.saved_views.manage()

    def choose_columns(self) -> None:
        """Choose the columns of the page's table."""
        page = self._window.logs_page if self._window.page == "logs" else self._window.tasks_page
        page.columns.choose()

    def show_alerts(self, _checked: bool = True) -> None:
        """Show the alerts."""
        self._window.show_page("alerts")

    def set_alerts(self) -> None:
        """Say what is an alert, and how it is told."""
        self._window.alerts.ask()

    def set_thresholds(self) -> None:
        """Say from when on something is a problem."""
        self._window.thresholds.ask()

    def refresh(self) -> None:
        """Read everything anew."""
        self._window.session.refresh()
        if self._window.page == "search":
            self._window.search_page.search_again()

    def set_paused(self, paused: bool) -> None:
        """Stop to look at the file, or go on."""
        self._window.session.set_paused(paused)

    def toggle_detail(self, shown: bool) -> None:
        """Show or hide the panel of a task."""
        self._window.tasks_page.set_detail_shown(shown)

    def theme_system(self, _checked: bool = True) -> None:
        """Follow the system."""
        self._choose_theme("system")

    def theme_light(self, _checked: bool = True) -> None:
        """Be light."""
        self._choose_theme("light")

    def theme_dark(self, _checked: bool = True) -> None:
        """Be dark."""
        self._choose_theme("dark")

    def _choose_theme(self, mode: Mode) -> None:
        self._theme.mode = mode
        self.theme_chosen.emit(mode)

    def palette(self) -> None:
        """Show everything there is to do in one list; once more closes it."""
        if self.palette_widget is None:
            from prismq_gui.views.palette import Palette  # noqa: PLC0415 - not of use at each start

            self.palette_widget = Palette(self._theme, self._window, self._window.keep_commands)
        self.palette_widget.open()

    # -- help

    def shortcuts(self) -> None:
        """Show all keys, to change them."""
        self._window.desk.ask_keys()

    def about(self) -> None:
        """Show versions and licences."""
        AboutDialog(self._theme, self._window).open()


def _press_copy(widget: QWidget) -> None:
    press = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    QCoreApplication.sendEvent(widget, press)
