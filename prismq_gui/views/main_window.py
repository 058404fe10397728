"""The window: places rail, bars and pages, and hands news from the session to them.

Owns which page is in view and what is remembered. Must not read, nor decide what an action does.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QHideEvent, QIcon, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QVBoxLayout, QWidget

from prismq_gui.actions.build import ActionSet
from prismq_gui.actions.context import ActionContext, may_write
from prismq_gui.insight.filters import TaskFilter
from prismq_gui.insight.messages import FileFacts
from prismq_gui.insight.versions import sqlite_note, sqlite_version
from prismq_gui.operations.messages import Report, Selected
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.messages import Cautioned, LinkState, Snapshot
from prismq_gui.resources import resource_path
from prismq_gui.settings import NamedLayout, Settings, SettingsStore, merged
from prismq_gui.theme import Severity, Theme
from prismq_gui.views import memory, recent_files
from prismq_gui.views.alert_centre import AlertCentre
from prismq_gui.views.banner import Banner
from prismq_gui.views.caution_dialog import CautionDialog
from prismq_gui.views.commands import Commands
from prismq_gui.views.desk import Desk
from prismq_gui.views.dropping import dropped_files
from prismq_gui.views.index_setting import IndexSetting
from prismq_gui.views.notices import Notices
from prismq_gui.views.page_book import NAMES, WAIT_MS, PageBook, PageStack
from prismq_gui.views.plain_text import one_line
from prismq_gui.views.rail import Rail, RailPage
from prismq_gui.views.saved_views import SavedViews
from prismq_gui.views.session import Session
from prismq_gui.views.start_page import StartPage
from prismq_gui.views.status_line import StatusLine
from prismq_gui.views.tab_order import focus_first_in
from prismq_gui.views.threshold_setting import ThresholdSetting
from prismq_gui.views.top_bar import TopBar

if TYPE_CHECKING:
    from prismq_gui.views.alerts_page import AlertsPage
    from prismq_gui.views.database_page import DatabasePage
    from prismq_gui.views.database_pages import DatabasePages
    from prismq_gui.views.failures_page import FailuresPage
    from prismq_gui.views.logs_page import LogsPage
    from prismq_gui.views.overview_page import OverviewPage
    from prismq_gui.views.search_page import SearchPage
    from prismq_gui.views.table_view import BigTableView
    from prismq_gui.views.tasks_page import TasksPage
    from prismq_gui.views.workers_page import WorkersPage

PAGES = (
    RailPage("overview", "Overview", "layout-dashboard", "Ctrl+0"),
    RailPage("tasks", "Tasks", "list-checks"),
    RailPage("failures", "Failures", "triangle-alert", "Ctrl+4"),
    RailPage("workers", "Workers", "users", "Ctrl+2"),
    RailPage("logs", "Logs", "scroll-text", "Ctrl+3"),
    RailPage("search", "Search", "search", "Ctrl+Shift+F"),
    RailPage("database", "Database", "database", "Ctrl+5"),
    RailPage("alerts", "Alerts", "bell", "Ctrl+6"),
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
        self.desk = Desk(self, theme, store, self._keep)
        self.top_bar = TopBar(theme, self.actions_, self)
        self.rail = Rail(theme, PAGES, self, own_shortcuts=False)
        self.start_page = StartPage(theme, default_path, self)
        self.status_line = StatusLine(theme, self)
        self.index = IndexSetting(self, self._keep)
        self._stack = PageStack(self)
        self._book = PageBook(self, theme, self._stack)
        self.alerts = AlertCentre(self, theme, self._keep)
        self._tick_timer = QTimer(self, interval=TICK_MS)
        self._lay_out()
        self._connect()
        self._restore()
        self._tick_timer.start()

    def _lay_out(self) -> None:
        self._stack.addWidget(self.start_page)
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
        self.commands.settings_chosen.connect(self._keep)
        self.tasks_page.rows_shown.connect(self._on_tasks_page_rows_shown)
        self.first_rows_shown.connect(self._book.make_rest)
        self.start_page.open_requested.connect(self.commands.open_file)
        self.start_page.path_chosen.connect(self.open_path)
        self.start_page.demo_requested.connect(self.demo_requested)
        self._tick_timer.timeout.connect(self._on_tick_timer_timeout)

    def _restore(self) -> None:
        settings = self.settings
        memory.restore_geometry(self, settings, self._theme)
        self.actions_[f"theme_{settings.theme}"].setChecked(True)
        self._show_recent()
        self.saved_views.fill_menu()
        self.show_page(settings.page if settings.page in NAMES else "tasks")
        self.session.set_paused(settings.paused)
        self._show_file()
        self.desk.start()

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
        if (page := self._book.made("search")) is not None:
            cast("SearchPage", page).forget()
        path = self.session.path
        if path is None:
            return
        self._keep(replace(self.settings.with_recent(path), last_read_only=self.session.read_only), soon=True)
        self._show_recent()

    def _keep(self, settings: Settings, *, soon: bool = False) -> None:
        if settings != self.settings:
            kept = self._store.load()  # another window may have written since
            if not kept.note:
                settings = merged(kept.settings, self.settings, settings)
            self.settings = settings
            self.status_line.show_message(self._store.save_soon(settings) if soon else self._store.save(settings))
            self.desk.note_kept()

    def keep_layouts(self, layouts: tuple[NamedLayout, ...]) -> None:
        """Remember how tables are laid out."""
        self._keep(replace(self.settings, layouts=layouts))

    def keep_commands(self, keys: tuple[str, ...]) -> None:
        """Remember what was done by the command palette last."""
        self._keep(replace(self.settings, recent_commands=keys))

    # -- the pages

    @property
    def overview_page(self) -> OverviewPage:
        """The overview; like each page but that of the tasks it is made when it is first asked for."""
        return cast("OverviewPage", self._book["overview"])

    @property
    def tasks_page(self) -> TasksPage:
        """The tasks."""
        return cast("TasksPage", self._book["tasks"])

    @property
    def failures_page(self) -> FailuresPage:
        """The failures by cause."""
        return cast("FailuresPage", self._book["failures"])

    @property
    def workers_page(self) -> WorkersPage:
        """The workers."""
        return cast("WorkersPage", self._book["workers"])

    @property
    def logs_page(self) -> LogsPage:
        """The log lines."""
        return cast("LogsPage", self._book["logs"])

    @property
    def search_page(self) -> SearchPage:
        """The search over everything."""
        return cast("SearchPage", self._book["search"])

    @property
    def database_page(self) -> DatabasePage:
        """The file as a file."""
        return cast("DatabasePages", self._book["database"]).file

    # -- what is shown

    @property
    def page(self) -> str:
        """The stable name of the page that is chosen."""
        return self.rail.page

    def show_page(self, name: str) -> None:
        """Show a page, or the start page where no file is open."""
        if name != self.rail.page:
            self.status_line.show_message("")  # it was about the page before
        self.rail.set_page(name)
        self.actions_[f"show_{self.rail.page}"].setChecked(True)
        self._show_stack()
        self.update_actions()

    def _show_stack(self) -> None:
        wanted = self._book[self.page] if self.session.is_open else self.start_page
        if self._stack.currentWidget() is not wanted:
            had, is_new = self.focusWidget(), self.start_page in (wanted, self._stack.currentWidget())
            had_focus = is_new or had is None or self._stack.isAncestorOf(had) or self.banner.isAncestorOf(had)
            self._stack.setCurrentWidget(wanted)
            if had_focus:
                self._focus_page()

    def _focus_page(self) -> None:
        if self.session.is_open and self.page in ("overview", "database", "tasks"):
            cast("OverviewPage | DatabasePages | TasksPage", self._book[self.page]).focus_first()
        elif self.session.is_open:
            focus_first_in(self._book[self.page], self.current_table())
        else:
            self.start_page.focus_first()

    def current_table(self) -> BigTableView:
        """Return the table of the page that is chosen."""
        return self._book[self.page].table

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
        self.index.folder = folder
        if (page := self._book.made("search")) is not None:
            self.index.start(cast("SearchPage", page))

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

    def retry_failures(self, target: Selected, first: bool) -> None:
        """Ask whether failed tasks are to be tried again; of the first few the page hears what became of them."""
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
        self.rail.setEnabled(session.is_open)

    def _on_session_snapshot_changed(self, snapshot: Snapshot | None) -> None:
        if snapshot is None and (page := self._book.made("overview")) is not None:
            cast("OverviewPage", page).clear()
        self.tasks_page.take_snapshot(snapshot)
        if (page := self._book.made("workers")) is not None:
            cast("WorkersPage", page).take_snapshot(snapshot)
        is_empty = snapshot is not None and not snapshot.newest_task_id
        total = snapshot.total if snapshot else None
        self.status_line.set_counts(snapshot.counts if snapshot else (), is_empty=is_empty, total=total)
        changed_at = snapshot.changed_at if snapshot is not None and snapshot.data_generation > 1 else None
        self.status_line.set_changed_at(changed_at, time.monotonic())
        self.show_badges()

    def show_badges(self) -> None:
        """Tell at the rail what each page has to tell."""
        for name, count in (*self._book.badges(), ("alerts", self.alerts.raised_count)):
            self.rail.set_badge(name, count, alarm=count > 0)

    def _on_tick_timer_timeout(self) -> None:
        if not self.isVisible():
            return
        self.desk.look()
        self.status_line.tick(time.monotonic())
        for name in ("overview", "tasks", "workers", "database", "alerts"):
            if (page := self._book.made(name)) is not None:
                cast("OverviewPage | TasksPage | WorkersPage | DatabasePages | AlertsPage", page).tick()
        self.show_badges()

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
            rows=page.table.row_count() if (page := self._book.made(self.page)) is not None else 0,
            filter_is_empty=self.tasks_page.filter().is_empty,
            saved_views=len(self.settings.views),
            statuses=self.commands.selected_statuses(),
            filter_is_mistaken=self.tasks_page.filter_bar.search.mistake is not None,
            operation_runs=self.commands.plan_dialog is not None or self.commands.care_dialog is not None,
            recent_files=len(self.settings.recent_files),
        )

    def update_actions(self) -> None:
        """Switch actions on and off, and tick those that are in force."""
        context = self.context()
        self.actions_.update(context)
        if (page := self._book.made("failures")) is not None:
            cast("FailuresPage", page).set_refusal(may_write(context))
        self.actions_["set_paused"].setChecked(self.session.paused)
        self.actions_["toggle_detail"].setChecked(not self.tasks_page.detail.isHidden())

    def _on_commands_operation_ended(self, report: Report) -> None:
        self.status_line.show_message(report.sentence)
        self.session.refresh()

    def _on_commands_theme_chosen(self, mode: str) -> None:
        self._keep(replace(self.settings, theme=mode))

    def _tell_of_sqlite(self, _facts: FileFacts) -> None:
        """Tell once what is known against the SQLite in use; About tells it always."""
        note = sqlite_note()
        if note and self.settings.told_sqlite != sqlite_version():
            self._keep(replace(self.settings, told_sqlite=sqlite_version()), soon=True)
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
        self._book.make_rest(WAIT_MS)

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
            self._book.stop()
            self.alerts.stop()
            self.remember()
            self.engine.shutdown()
        super().closeEvent(event)

    def remember(self) -> None:
        """Write down how the window looks now."""
        settings = replace(self.settings, page=self.page, paused=self.session.paused)
        if self.session.path is None:
            settings = replace(settings, last_file="", last_read_only=False)
        self._keep(self._book.remembered(memory.with_geometry(settings, self)))


def capture(window: QWidget, png: Path) -> bool:
    """Save a picture of a window; return whether it could be written."""
    png.parent.mkdir(parents=True, exist_ok=True)
    return window.grab().save(str(png))
