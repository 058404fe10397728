"""The pages of the window: each is made when it is first asked for, the rest once the window is up.

Owns when a page is made, what it is given then, and what of it is remembered. Importing and building all of them at
once took two fifths of the window's start. Must not know what a page shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject, QSize, Qt, QTimer
from PySide6.QtWidgets import QStackedWidget, QWidget

from prismq_gui.file_thresholds import file_name
from prismq_gui.polling.messages import Table
from prismq_gui.polling.warming import Warmer
from prismq_gui.settings import SavedFilter, Settings
from prismq_gui.theme import Theme
from prismq_gui.views import memory
from prismq_gui.views.plain_text import tooltip

if TYPE_CHECKING:
    from prismq_gui.views.alerts_page import AlertsPage
    from prismq_gui.views.database_pages import DatabasePages
    from prismq_gui.views.failures_page import FailuresPage
    from prismq_gui.views.file_columns import FileColumns
    from prismq_gui.views.health_page import HealthPage
    from prismq_gui.views.logs_page import LogsPage
    from prismq_gui.views.main_window import MainWindow
    from prismq_gui.views.overview_page import OverviewPage
    from prismq_gui.views.search_page import SearchPage
    from prismq_gui.views.tasks_page import TasksPage
    from prismq_gui.views.workers_page import WorkersPage

    Page = OverviewPage | TasksPage | FailuresPage | WorkersPage | LogsPage | SearchPage | DatabasePages | AlertsPage

NAMES = ("overview", "tasks", "failures", "workers", "logs", "search", "database", "alerts")
BETWEEN_MS = 20  # so that what the person does meanwhile comes between two pages
WAIT_MS = 1_500  # for the first rows of a file
_NEEDED = (  # by pages when they are made
    "prismq_gui.polling.overview_watch", "prismq_gui.polling.failure_desk", "prismq_gui.polling.search_desk",
    "prismq_gui.views.reason_links", "prismq_gui.polling.database_desk",
    "prismq_gui.polling.alert_desk", "prismq_gui.views.database_pages", "prismq_gui.views.health_page",
)  # fmt: skip


class PageStack(QStackedWidget):
    """The pages one over another; its least size is that of the page in view, not of the largest. GUI thread."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.currentChanged.connect(lambda _page: self.updateGeometry())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return what the page in view needs."""
        current = self.currentWidget()
        return current.minimumSizeHint() if current is not None else super().minimumSizeHint()


_ONCE = Qt.ConnectionType.SingleShotConnection
_FOR_ACTING = (  # by the first preview, which without them held the window for 200 ms
    "prismq_gui.operations.operator", "prismq_gui.views.plan_dialog", "prismq_gui.views.wish_fields",
)  # fmt: skip


class PageBook(QObject):
    """One for a window. GUI thread."""

    def __init__(self, window: MainWindow, theme: Theme, stack: QStackedWidget) -> None:
        super().__init__(window)
        self._window = window
        self._theme = theme
        self._stack = stack
        self._pages: dict[str, Page] = {}
        self._file_columns: FileColumns | None = None
        self._makers: dict[str, Callable[[], Page]] = {
            "overview": self._make_overview,
            "tasks": self._make_tasks,
            "failures": self._make_failures,
            "workers": self._make_workers,
            "logs": self._make_logs,
            "search": self._make_search,
            "database": self._make_database,
            "alerts": self._make_alerts,
        }
        self._warmer = Warmer([*_NEEDED, *(f"prismq_gui.views.{name}_page" for name in NAMES), *_FOR_ACTING])
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._on_timer_timeout)
        window.actions_.keys_changed.connect(self._name_keys)
        window.session.opened.connect(lambda _facts: self._on_first_file_opened(), _ONCE)

    def __getitem__(self, name: str) -> Page:
        """Return a page; it is made where it is not yet."""
        page = self._pages.get(name)
        if page is None:
            page = self._pages[name] = self._makers[name]()
            self._stack.addWidget(page)
            page.state_changed.connect(self._window.update_actions)
            if len(self._pages) > 1:
                self._window.show_badges()
                self._window.update_actions()
            self._name_keys()
        return page

    def made(self, name: str) -> Page | None:
        """Return a page that is made already."""
        return self._pages.get(name)

    def badges(self) -> tuple[tuple[str, int], ...]:
        """Return what the pages that are made have to tell at the rail."""
        made = self._pages.get
        problems = cast("OverviewPage", page).problem_count if (page := made("overview")) is not None else 0
        silent = cast("WorkersPage", page).silent_count if (page := made("workers")) is not None else 0
        failed = cast("FailuresPage", page).failed_lately if (page := made("failures")) is not None else 0
        ill = cast("DatabasePages", page).health.count if (page := made("database")) is not None else 0
        return (("overview", problems), ("workers", silent), ("failures", failed), ("database", ill))

    def _name_keys(self) -> None:
        """Tell the keys of the moment at the buttons of the pages that name one."""
        named = self._window.actions_.with_keys
        for name in ("tasks", "logs"):
            if (page := self._pages.get(name)) is not None:
                button = cast("TasksPage | LogsPage", page).columns.button
                button.setToolTip(tooltip(named("choose_columns", "Choose columns")))
        if "tasks" in self._pages:
            detail = cast("TasksPage", self._pages["tasks"]).detail
            detail.previous_button.setToolTip(tooltip(named("previous_task", "Previous task")))
            detail.next_button.setToolTip(tooltip(named("next_task", "Next task")))

    # -- the rest, once the window is up

    def make_rest(self, after_ms: int = BETWEEN_MS) -> None:
        """Make the pages that nobody has asked for yet, one after another, each once its modules are imported."""
        self._timer.start(after_ms)

    def stop(self) -> None:
        """Make no more of them: the window closes."""
        self._timer.stop()
        self._warmer.stop()

    def _on_timer_timeout(self) -> None:
        self._warmer.start()
        missing = [name for name in NAMES if name not in self._pages]
        if missing and self._warmer.is_done:  # not beside it: both would want Python's lock
            self[missing.pop(0)]
        if missing:
            self._timer.start(BETWEEN_MS)

    # -- how each is made

    def _make_overview(self) -> OverviewPage:
        from prismq_gui.views.overview_page import OverviewPage  # noqa: PLC0415
        from prismq_gui.views.reason_links import follow  # noqa: PLC0415

        window = self._window
        page = OverviewPage(self._theme, window.engine, window)
        page.restore_span(window.settings.overview_span)
        page.set_pages(frozenset(NAMES))
        page.judged.connect(window.show_badges)
        page.thresholds_requested.connect(window.thresholds.ask)
        page.reason_followed.connect(lambda reason: follow(window, reason))
        return page

    def _make_tasks(self) -> TasksPage:
        from prismq_gui.views.file_columns import FileColumns  # noqa: PLC0415
        from prismq_gui.views.tasks_page import TasksPage  # noqa: PLC0415

        window = self._window
        page = TasksPage(self._theme, window.engine, window)
        memory.restore_tasks(self._fitting(window.settings), page)
        self._file_columns = FileColumns(window, page)
        page.recovered.connect(lambda: window.session.tell_recovered(Table.TASKS))
        window.commands.serve(page)
        page.column_refused.connect(window.status_line.show_message)
        page.task_missing.connect(lambda id: window.status_line.show_message(f"There is no task {id}"))
        return page

    def _make_failures(self) -> FailuresPage:
        from prismq_gui.views.failures_page import FailuresPage  # noqa: PLC0415

        window = self._window
        page = FailuresPage(self._theme, window.engine, window)
        page.restore(window.settings)
        page.badge_changed.connect(window.show_badges)
        page.filter_requested.connect(window.show_tasks_by)
        page.retry_requested.connect(window.retry_failures)
        return page

    def _make_workers(self) -> WorkersPage:
        from prismq_gui.views.workers_page import WorkersPage  # noqa: PLC0415

        window = self._window
        page = WorkersPage(self._theme, window.engine.looks, window)
        memory.restore_workers(window.settings, page)
        page.worker_requested.connect(window.show_tasks_of)
        page.task_requested.connect(window.show_task)
        page.next_requested.connect(window.commands.show_next)
        window.commands.serve_workers(page)
        page.take_snapshot(window.session.snapshot)
        return page

    def _make_logs(self) -> LogsPage:
        from prismq_gui.views.logs_page import LogsPage  # noqa: PLC0415

        window = self._window
        page = LogsPage(self._theme, window.engine, window)
        memory.restore_logs(self._fitting(window.settings), page)
        page.recovered.connect(lambda: window.session.tell_recovered(Table.LOGS))
        page.task_requested.connect(window.show_task)
        window.session.opened.connect(lambda facts: page.set_missing(facts.missing_columns))
        if window.session.facts is not None:
            page.set_missing(window.session.facts.missing_columns)
        if window.session.is_open:
            page.model.requery()
        return page

    def _make_search(self) -> SearchPage:
        from prismq_gui.views.search_page import SearchPage  # noqa: PLC0415

        window = self._window
        page = SearchPage(self._theme, window.engine, window)
        page.table.restore_layout(window.settings.layout("search"))
        page.task_requested.connect(window.show_task)
        page.line_requested.connect(window.show_log_line)
        page.index_switched.connect(window.index.switch)
        window.index.start(page)
        return page

    def _make_database(self) -> DatabasePages:
        from prismq_gui.backup_folders import folder_of  # noqa: PLC0415
        from prismq_gui.views.database_page import DatabasePage  # noqa: PLC0415
        from prismq_gui.views.database_pages import DatabasePages  # noqa: PLC0415

        window, commands = self._window, self._window.commands
        page = DatabasePage(self._theme, window.engine.database, window.actions_, window)
        page.table.restore_layout(window.settings.layout("database"))
        page.backup_wanted.connect(commands.care)
        page.open_requested.connect(window.new_window_requested)
        page.compare_requested.connect(lambda path: commands.compare_files(path, window.session.path or path))
        page.folder_requested.connect(commands.choose_backup_folder)
        commands.care_ended.connect(page.note_done)
        commands.folder_kept.connect(page.set_folder)
        window.session.snapshot_changed.connect(page.take_snapshot)

        def take_folder() -> None:
            page.set_folder(folder_of(window.settings.backup_folders, window.session.path))

        window.session.opened.connect(take_folder)
        take_folder()
        return DatabasePages(self._theme, page, self._make_health(), window)

    def _make_health(self) -> HealthPage:
        from prismq_gui.views.health_page import HealthPage, Judging  # noqa: PLC0415

        window = self._window
        judging = Judging(
            window.engine.listening.look, lambda: window.settings.thresholds_of(window.session.path)
        )  # fmt: skip
        page = HealthPage(self._theme, window.engine.database.health, window.actions_, judging, window)
        page.filter_requested.connect(window.show_tasks_by)
        page.task_requested.connect(window.show_task)
        page.mend_requested.connect(window.commands.mend)
        page.badge_changed.connect(window.show_badges)
        window.commands.operation_ended.connect(page.note_done)
        window.commands.care_ended.connect(page.note_care)

        def take_pause() -> None:
            page.paused = window.session.paused

        window.session.changed.connect(take_pause)
        take_pause()
        return page

    def _make_alerts(self) -> AlertsPage:
        from prismq_gui.views.alerts_page import AlertsPage  # noqa: PLC0415

        window = self._window
        page = AlertsPage(self._theme, window.alerts, window)
        page.table.restore_layout(window.settings.layout("alerts"))
        page.set_paused(window.session.paused)
        window.session.changed.connect(lambda: page.set_paused(window.session.paused))
        return page

    # -- what is remembered of them

    def _fitting(self, settings: Settings) -> Settings:
        """Return the settings without a filter that was of another file than the one that is open."""
        path, kept = self._window.session.path, settings.filter
        if path is None or kept == SavedFilter() or not kept.file or kept.file == file_name(path):
            return settings
        return replace(settings, filter=SavedFilter())

    def _on_first_file_opened(self) -> None:
        """Show all of a file that the filter was not of: what matches in one file says nothing of another."""
        settings = self._window.settings
        if self._fitting(settings) is settings:
            return
        if (page := self._pages.get("tasks")) is not None:
            cast("TasksPage", page).show_filter((), (), "")
        if (page := self._pages.get("logs")) is not None:
            cast("LogsPage", page).show_filter((), "")

    def remembered(self, settings: Settings) -> Settings:
        """Return the settings with what the pages show now; of a page that was not made they stay as they are."""
        made, path = self._pages, self._window.session.path
        if path is not None:
            settings = self._fitting(settings)
            settings = replace(settings, filter=replace(settings.filter, file=file_name(path)))
        if "overview" in made:
            settings = replace(settings, overview_span=cast("OverviewPage", made["overview"]).span.value)
        if "search" in made:
            settings = settings.with_layout("search", made["search"].table.save_layout())
        if "database" in made:
            settings = settings.with_layout(
                "database", cast("DatabasePages", made["database"]).file.table.save_layout()
            )
        if "alerts" in made:
            settings = settings.with_layout("alerts", made["alerts"].table.save_layout())
        if "failures" in made:
            settings = cast("FailuresPage", made["failures"]).remembered(settings)
        if "tasks" in made:
            settings = memory.with_tasks(settings, cast("TasksPage", made["tasks"]))
            settings = self._file_columns.remembered(settings) if self._file_columns else settings
        if "logs" in made:
            settings = memory.with_logs(settings, cast("LogsPage", made["logs"]))
        if "workers" in made:
            settings = memory.with_workers(settings, cast("WorkersPage", made["workers"]))
        return settings
