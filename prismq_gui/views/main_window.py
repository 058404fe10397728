"""The window: places rail, bars and pages, and hands news from the session to them.

Owns which page is in view and what is remembered. Must not read, nor decide what an action does.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QHideEvent, QIcon, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from prismq_gui.actions.build import ActionSet
from prismq_gui.actions.context import ActionContext, may_write
from prismq_gui.actions.registry import Place
from prismq_gui.insight.filters import TaskFilter
from prismq_gui.insight.messages import FileFacts
from prismq_gui.insight.versions import sqlite_note, sqlite_version
from prismq_gui.operations.messages import Report, Selected
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.messages import Cautioned, LinkState, Snapshot, Table
from prismq_gui.resources import resource_path
from prismq_gui.settings import Settings, SettingsStore, merged
from prismq_gui.theme import Severity, Theme
from prismq_gui.views import memory, recent_files
from prismq_gui.views.banner import Banner
from prismq_gui.views.caution_dialog import CautionDialog
from prismq_gui.views.commands import Commands
from prismq_gui.views.dropping import dropped_files
from prismq_gui.views.failures_page import FailuresPage
from prismq_gui.views.logs_page import LogsPage
from prismq_gui.views.notices import Notices
from prismq_gui.views.overview_page import OverviewPage
from prismq_gui.views.plain_text import one_line
from prismq_gui.views.rail import Rail, RailPage
from prismq_gui.views.reason_links import follow
from prismq_gui.views.saved_views import SavedViews
from prismq_gui.views.search_page import SearchPage
from prismq_gui.views.session import Session
from prismq_gui.views.start_page import StartPage
from prismq_gui.views.status_line import StatusLine
from prismq_gui.views.table_view import BigTableView
from prismq_gui.views.tasks_page import TasksPage
from prismq_gui.views.threshold_setting import ThresholdSetting
from prismq_gui.views.top_bar import TopBar
from prismq_gui.views.workers_page import WorkersPage

PAGES = (
    RailPage("overview", "Overview", "layout-dashboard", "Ctrl+0"),
    RailPage("tasks", "Tasks", "list-checks"),
    RailPage("failures", "Failures", "triangle-alert", "Ctrl+4"),
    RailPage("workers", "Workers", "users", "Ctrl+2"),
    RailPage("logs", "Logs", "scroll-text", "Ctrl+3"),
    RailPage("search", "Search", "search", "Ctrl+Shift+F"),
)
TICK_MS = 1_000


class MainWindow(QMainWindow):
    """The one window of the program. GUI thread.

    ``first_rows_shown`` is told once a file that was opened, when its first rows are painted (or it is known to
    have none). The engine is ended when the window closes.
    """

    first_rows_shown = Signal()
    demo_requested = Signal()
    new_window_requested = Signal(object)  # a Path
    task_window_requested = Signal(object, object)  # a Path, and the id of a task to show there

    def __init__(
        self, theme: Theme, engine: Engine, store: SettingsStore, default_path: Path, settings: Settings
    ) -> None:
        super().__init__()
        self._theme = theme
        self.engine = engine
        self._store = store
        self.settings = settings
        self._rows_told = True
        self._is_closed = False
        self.setWindowIcon(QIcon(str(resource_path("app.png"))))
        self.setAcceptDrops(True)
        self.banner = Banner(theme, self)
        self.notices = Notices(self.banner, self)
        self.session = Session(engine, self.notices, self)
        self.commands = Commands(self, theme)
        self.actions_ = ActionSet(self.commands, theme.bind_icon, self)
        self.actions_.fill_menu_bar(self.menuBar())
        self.saved_views = SavedViews(self, theme, self._keep)
        self.thresholds = ThresholdSetting(self, theme, self._keep)
        self.top_bar = TopBar(theme, self.actions_, self)
        self.rail = Rail(theme, PAGES, self, own_shortcuts=False)
        self.overview_page = OverviewPage(theme, engine, self)
        self.tasks_page = TasksPage(theme, engine, self)
        self.failures_page = FailuresPage(theme, engine, self)
        self.workers_page = WorkersPage(theme, engine.looks, self)
        self.logs_page = LogsPage(theme, engine, self)
        self.search_page = SearchPage(theme, engine, self)
        self.start_page = StartPage(theme, default_path, self)
        self.status_line = StatusLine(theme, self)
        self._pages: dict[str, OverviewPage | TasksPage | FailuresPage | WorkersPage | LogsPage | SearchPage] = {
            "overview": self.overview_page,
            "tasks": self.tasks_page,
            "failures": self.failures_page,
            "workers": self.workers_page,
            "logs": self.logs_page,
            "search": self.search_page,
        }
        self._stack = QStackedWidget(self)
        self._tick_timer = QTimer(self, interval=TICK_MS)
        self._lay_out()
        self._connect()
        self._restore()
        self._tick_timer.start()

    def _lay_out(self) -> None:
        for widget in (*self._pages.values(), self.start_page):
            self._stack.addWidget(widget)
        middle = QVBoxLayout()
        middle.setSpacing(0)
        for bar in (self.top_bar, self.banner):
            middle.addWidget(bar)
        middle.addWidget(self._stack, 1)
        body = QHBoxLayout()
        body.setSpacing(0)
        body.addWidget(self.rail)
        body.addLayout(middle, 1)
        whole = QWidget(self)
        layout = QVBoxLayout(whole)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(body, 1)
        layout.addWidget(self.status_line)
        self.setCentralWidget(whole)

    def _connect(self) -> None:
        session = self.session
        session.changed.connect(self._on_session_changed)
        session.opened.connect(self._on_session_opened)
        session.snapshot_changed.connect(self._on_session_snapshot_changed)
        session.cautioned.connect(self._on_session_cautioned)
        self.rail.page_chosen.connect(self.show_page)
        self.top_bar.pause_clicked.connect(session.set_paused)
        self.banner.open_requested.connect(self.commands.open_file)
        self.commands.operation_ended.connect(self._on_commands_operation_ended)
        self.commands.theme_chosen.connect(self._on_commands_theme_chosen)
        for page in self._pages.values():
            page.state_changed.connect(self.update_actions)
        self.overview_page.set_pages(frozenset(self._pages))
        self.overview_page.judged.connect(self._show_badges)
        self.overview_page.thresholds_requested.connect(self.thresholds.ask)
        self.overview_page.reason_followed.connect(lambda reason: follow(self, reason))
        self.tasks_page.menu_requested.connect(self._on_tasks_page_menu_requested)
        self.tasks_page.recovered.connect(lambda: session.tell_recovered(Table.TASKS))
        self.tasks_page.rows_shown.connect(self._on_tasks_page_rows_shown)
        self.tasks_page.task_missing.connect(lambda id: self.status_line.show_message(f"There is no task {id}"))
        self.logs_page.recovered.connect(lambda: session.tell_recovered(Table.LOGS))
        self.logs_page.task_requested.connect(self.show_task)
        self.search_page.task_requested.connect(self.show_task)
        self.search_page.line_requested.connect(self.show_log_line)
        self.search_page.index_switched.connect(self._on_search_page_index_switched)
        self.failures_page.badge_changed.connect(self._show_badges)
        self.failures_page.filter_requested.connect(self.show_tasks_by)
        self.failures_page.retry_requested.connect(self._on_failures_page_retry_requested)
        self.workers_page.worker_requested.connect(self.show_tasks_of)
        self.workers_page.task_requested.connect(self.show_task)
        self.workers_page.next_requested.connect(self.commands.show_next)
        self.start_page.open_requested.connect(self.commands.open_file)
        self.start_page.path_chosen.connect(self.open_path)
        self.start_page.demo_requested.connect(self.demo_requested)
        self._tick_timer.timeout.connect(self._on_tick_timer_timeout)

    def _restore(self) -> None:
        settings = self.settings
        memory.restore_geometry(self, settings, self._theme)
        memory.restore_pages(settings, self.tasks_page, self.logs_page, self.workers_page)
        self.overview_page.restore_span(settings.overview_span)
        self.search_page.table.restore_layout(settings.layout("search"))
        self.failures_page.restore(settings)
        self.actions_[f"theme_{settings.theme}"].setChecked(True)
        self._show_recent()
        self.saved_views.fill_menu()
        self.show_page(settings.page if settings.page in self._pages else "tasks")
        self.session.set_paused(settings.paused)
        self._show_file()

    # -- files

    def open_path(self, path: Path, *, read_only: bool = False) -> None:
        """Open a file; what is wrong with it is told in the banner."""
        self._rows_told = False
        self.status_line.show_message("")
        self.session.open(memory.absolute(path), read_only=read_only)

    def open_first(self, path: Path | None, *, read_only: bool = False) -> None:
        """Open a file at the start: the one that was named, else the last one, else none."""
        self.session.opened.connect(self._tell_of_sqlite, Qt.ConnectionType.SingleShotConnection)
        if path is not None:
            self.open_path(path, read_only=read_only)
        elif self.settings.last_file:
            self.open_path(Path(self.settings.last_file), read_only=read_only or self.settings.last_read_only)
        else:
            self._focus_page()

    def _on_session_cautioned(self, asked: Cautioned) -> None:
        path = asked.request.path
        dialog = CautionDialog(self._theme, path, asked.cautions, asked.request.read_only, self)
        dialog.confirmed.connect(lambda read_only: self.session.open(path, read_only=read_only, confirmed=True))
        dialog.rejected.connect(self.commands.close_file)
        dialog.open()

    def clear_recent(self) -> None:
        """Forget which files were open."""
        self._keep(self.settings.without_recent())
        self._show_recent()

    def _show_recent(self) -> None:
        recent_files.fill_menu(self)
        self.start_page.show_recent(self.settings.recent_files)
        self.update_actions()

    def _on_session_opened(self, _facts: FileFacts) -> None:
        self.search_page.forget()
        path = self.session.path
        if path is None:
            return
        self._keep(replace(self.settings.with_recent(path), last_read_only=self.session.read_only))
        self._show_recent()

    def _keep(self, settings: Settings) -> None:
        if settings != self.settings:
            kept = self._store.load()  # another window may have written since
            if not kept.note:
                settings = merged(kept.settings, self.settings, settings)
            self.settings = settings
            self.status_line.show_message(self._store.save(settings))

    def keep_commands(self, keys: tuple[str, ...]) -> None:
        """Remember what was done by the command palette last."""
        self._keep(replace(self.settings, recent_commands=keys))

    # -- what is shown

    @property
    def page(self) -> str:
        """The stable name of the page that is chosen."""
        return self.rail.page

    def show_page(self, name: str) -> None:
        """Show a page, or the start page where no file is open."""
        self.rail.set_page(name)
        self.actions_[f"show_{self.rail.page}"].setChecked(True)
        self._show_stack()
        self.update_actions()

    def _show_stack(self) -> None:
        wanted = self._pages[self.page] if self.session.is_open else self.start_page
        if self._stack.currentWidget() is not wanted:
            had_focus = self._stack.isAncestorOf(self.focusWidget()) if self.focusWidget() else True
            self._stack.setCurrentWidget(wanted)
            if had_focus:
                self._focus_page()

    def _focus_page(self) -> None:
        if self.session.is_open and self.page == "overview":
            self.overview_page.focus_first()
        elif self.session.is_open:
            self.current_table().setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.start_page.focus_first()

    def current_table(self) -> BigTableView:
        """Return the table of the page that is chosen."""
        return self._pages[self.page].table

    def show_task(self, task_id: int) -> None:
        """Show one task on its page."""
        self.show_page("tasks")
        self.tasks_page.reveal(task_id)

    def show_log_line(self, log_id: int) -> None:
        """Show one log line on its page."""
        self.show_page("logs")
        self.logs_page.reveal(log_id)

    def use_index_folder(self, folder: Path | None) -> None:
        """Keep indexes of searches in this folder, where the person wants any."""
        self.engine.search.index_folder = folder
        self.search_page.index_bar.set_has_folder(folder is not None)
        self.search_page.index_bar.set_on(self.settings.search_index)
        self.engine.search.set_index_on(self.settings.search_index)

    def _on_search_page_index_switched(self, on: bool) -> None:
        self._keep(replace(self.settings, search_index=on))
        self.engine.search.set_index_on(on)

    def show_tasks_of(self, worker_id: str) -> None:
        """Show the tasks in which a worker's name stands."""
        self.show_page("tasks")
        self.tasks_page.show_text(worker_id)

    def show_tasks_by(self, wanted: TaskFilter, words: str) -> None:
        """Show the tasks that a filter lets through; ``words`` say which those are."""
        self.show_page("tasks")
        self.tasks_page.set_filter(wanted)
        self.tasks_page.table.setFocus(Qt.FocusReason.OtherFocusReason)
        self.status_line.show_message(words)

    def _on_failures_page_retry_requested(self, target: Selected, first: bool) -> None:
        dialog = self.commands.retry_tasks(target)
        if dialog is not None and first:
            dialog.done_with.connect(lambda report: self.failures_page.note_tried(target, report))

    def _on_session_changed(self) -> None:
        self._show_file()
        self._show_stack()
        self.update_actions()

    def _show_file(self) -> None:
        session = self.session
        name = one_line(session.path.name or str(session.path)) if session.path else ""
        self.setWindowTitle(f"{name.replace('[*]', '[*][*]')} – PrismQ" if name else "PrismQ")
        facts = session.facts
        refusal = facts.write_refusal if facts else ""
        if session.read_only and not refusal:
            refusal = "Opened read-only: this window does not write the file."
        self.top_bar.show_file(session.path, refusal)
        self.top_bar.show_link(session.link, paused=session.paused)
        self.status_line.set_facts(facts, session.read_only)
        self.status_line.set_link(session.link, time.monotonic())
        self.workers_page.set_live(session.link.state is LinkState.LIVE)
        self.rail.setEnabled(session.is_open)

    def _on_session_snapshot_changed(self, snapshot: Snapshot | None) -> None:
        if snapshot is None:
            self.overview_page.clear()
        self.tasks_page.take_snapshot(snapshot)
        self.workers_page.take_snapshot(snapshot)
        self.status_line.set_counts(snapshot.counts if snapshot else ())
        self.status_line.set_changed_at(snapshot.changed_at if snapshot else None, time.monotonic())
        self._show_badges()

    def _show_badges(self) -> None:
        problems = self.overview_page.problem_count
        self.rail.set_badge("overview", problems, alarm=problems > 0)
        silent = self.workers_page.silent_count
        self.rail.set_badge("workers", silent, alarm=silent > 0)
        failed = self.failures_page.failed_lately
        self.rail.set_badge("failures", failed, alarm=failed > 0)

    def _on_tick_timer_timeout(self) -> None:
        if not self.isVisible():
            return
        self.status_line.tick(time.monotonic())
        self.overview_page.tick()
        self.tasks_page.tick()
        self.workers_page.tick()
        self._show_badges()

    def _on_tasks_page_rows_shown(self) -> None:
        if not self._rows_told and self.session.is_open:
            self._rows_told = True
            QTimer.singleShot(0, self, self.first_rows_shown.emit)  # after the paint that is due

    # -- actions

    def context(self) -> ActionContext:
        """Return what decides which actions can be used."""
        session = self.session
        return ActionContext(
            file_open=session.is_open,
            file_chosen=session.path is not None,
            link=session.link.state if session.path else LinkState.CLOSED,
            write_refusal=session.facts.write_refusal if session.facts else "",
            page=self.page,
            selected=self.tasks_page.table.selected_count(),
            rows=self.current_table().row_count(),
            filter_is_empty=self.tasks_page.filter().is_empty,
            saved_views=len(self.settings.views),
            filter_is_mistaken=self.tasks_page.filter_bar.search.mistake is not None,
            operation_runs=self.commands.plan_dialog is not None,
            recent_files=len(self.settings.recent_files),
        )

    def update_actions(self) -> None:
        """Switch actions on and off, and tick those that are in force."""
        context = self.context()
        self.actions_.update(context)
        self.failures_page.set_refusal(may_write(context))
        self.actions_["set_paused"].setChecked(self.session.paused)
        self.actions_["toggle_detail"].setChecked(not self.tasks_page.detail.isHidden())

    def _on_tasks_page_menu_requested(self, position: object) -> None:
        self.actions_.context_menu(Place.CONTEXT, self).popup(position)  # type: ignore[arg-type]

    def _on_commands_operation_ended(self, report: Report) -> None:
        self.status_line.show_message(report.sentence)
        self.session.refresh()

    def _on_commands_theme_chosen(self, mode: str) -> None:
        self._keep(replace(self.settings, theme=mode))

    def _tell_of_sqlite(self, _facts: FileFacts) -> None:
        """Tell once what is known against the SQLite in use; About tells it always."""
        note = sqlite_note()
        if note and self.settings.told_sqlite != sqlite_version():
            self._keep(replace(self.settings, told_sqlite=sqlite_version()))
            self.notices.keep("sqlite", Severity.WARNING, "The SQLite in use has a known fault", note)

    def tell_abnormal_end(self, log: Path | None) -> None:
        """Tell that the last run of the program was cut off."""
        where = f" The log may tell why: {log}" if log else ""
        text = f"It was killed, or the machine went down. What it had written to a queue is whole.{where}"
        self.notices.keep("last run", Severity.INFO, "The last run of this program ended abnormally", text)

    def tell_settings_note(self, note: str) -> None:
        """Tell that the settings could not be read."""
        self.notices.message(Severity.WARNING, note)

    # -- events

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take one local file or two, nothing else."""
        if dropped_files(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the file that was dropped, or compare two."""
        paths = dropped_files(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.commands.open_dropped(paths)

    def changeEvent(self, event: QEvent) -> None:
        """Pause while minimised."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            self._note_visibility()

    def showEvent(self, event: QShowEvent) -> None:
        """Go on."""
        super().showEvent(event)
        self._note_visibility()

    def hideEvent(self, event: QHideEvent) -> None:
        """Pause: nobody looks."""
        super().hideEvent(event)
        self._note_visibility()

    def _note_visibility(self) -> None:
        self.session.set_hidden(not self.isVisible() or memory.is_minimised(self))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember, and end what runs."""
        if not self._is_closed:
            self._is_closed = True
            self._tick_timer.stop()
            self.remember()
            self.engine.shutdown()
        super().closeEvent(event)

    def remember(self) -> None:
        """Write down how the window looks now."""
        settings = replace(self.settings, page=self.page, paused=self.session.paused)
        settings = replace(settings, overview_span=self.overview_page.span.value)
        if self.session.path is None:
            settings = replace(settings, last_file="", last_read_only=False)
        settings = settings.with_layout("search", self.search_page.table.save_layout())
        settings = self.failures_page.remembered(settings)
        self._keep(memory.remembered(settings, self, self.tasks_page, self.logs_page, self.workers_page))


def capture(window: QWidget, png: Path) -> bool:
    """Save a picture of a window; return whether it could be written."""
    png.parent.mkdir(parents=True, exist_ok=True)
    return window.grab().save(str(png))
