"""What the window remembers from one start to the next: taken from it, and put back.

Owns the mapping between settings and widgets. Must not read or write files: the store does.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMainWindow

from prismq_gui.settings import Settings
from prismq_gui.theme import Theme
from prismq_gui.views.fitting import resize_within_screen

if TYPE_CHECKING:
    from prismq_gui.views.logs_page import LogsPage
    from prismq_gui.views.tasks_page import TasksPage
    from prismq_gui.views.workers_page import WorkersPage

TASKS_SPLITTER = "tasks"
TASKS_BELOW = "tasks below"  # the same divider where the panel stands below the table
WORKERS_SPLITTER = "workers"
LANES = "lanes"  # no splitter: how far back they go (its place in the list), and whether they are a table
HIDDEN_DETAIL = "detail hidden"  # a splitter's name that holds one size: 1 where the panel is hidden


def restore_geometry(window: QMainWindow, settings: Settings, theme: Theme) -> None:
    """Put the window where it was; one that would lie off every screen stands where the system puts it."""
    resize_within_screen(window, theme.space(320), theme.space(200))
    data = _bytes(settings.window_geometry)
    if data:
        window.restoreGeometry(data)
    screens = [each.availableGeometry() for each in QGuiApplication.screens()]
    if screens and not any(each.intersects(window.frameGeometry()) for each in screens):
        window.move(screens[0].topLeft())


def restore_tasks(settings: Settings, tasks: TasksPage) -> None:
    """Give the page its columns, filter, sort and dividers."""
    saved = settings.layout("tasks")
    if saved.order:
        tasks.table.restore_layout(saved)
    tasks.splitter.restore(settings.splitter(TASKS_SPLITTER), settings.splitter(TASKS_BELOW))
    tasks.set_detail_shown(settings.splitter(HIDDEN_DETAIL) != (1,))
    kept = settings.filter
    tasks.show_filter(kept.statuses, kept.types, kept.text)


def restore_logs(settings: Settings, logs: LogsPage) -> None:
    """Give the page its columns and filter."""
    logs.table.restore_layout(settings.layout("logs"))
    logs.show_filter(settings.filter.levels, settings.filter.log_text)


def restore_workers(settings: Settings, workers: WorkersPage) -> None:
    """Give the page its columns and divider."""
    workers.table.restore_layout(settings.layout("workers"))
    workers.restore_sizes(settings.splitter(WORKERS_SPLITTER))
    workers.lanes.restore(settings.splitter(LANES))


def with_geometry(settings: Settings, window: QMainWindow) -> Settings:
    """Return the settings with where the window is."""
    return replace(settings, window_geometry=base64.b64encode(window.saveGeometry().data()).decode("ascii"))


def with_tasks(settings: Settings, tasks: TasksPage) -> Settings:
    """Return the settings with what the page shows."""
    wanted, typed = tasks.filter(), tasks.filter_bar.search.settled_text
    kept = replace(settings.filter, statuses=wanted.statuses, types=wanted.types, text=typed)
    settings = replace(settings, filter=kept).with_layout("tasks", tasks.table.save_layout())
    if tasks.detail.isHidden():
        return settings.with_splitter(HIDDEN_DETAIL, (1,))  # the divider's last place stays as it was
    settings = settings.with_splitter(HIDDEN_DETAIL, (0,))
    beside, below = tasks.splitter.kept()
    return settings.with_splitter(TASKS_SPLITTER, beside).with_splitter(TASKS_BELOW, below)


def with_logs(settings: Settings, logs: LogsPage) -> Settings:
    """Return the settings with what the page shows."""
    kept = replace(settings.filter, levels=logs.filter().levels, log_text=logs.filter_bar.search.settled_text)
    return replace(settings, filter=kept).with_layout("logs", logs.table.save_layout())


def with_workers(settings: Settings, workers: WorkersPage) -> Settings:
    """Return the settings with what the page shows."""
    settings = settings.with_layout("workers", workers.table.save_layout())
    settings = settings.with_splitter(LANES, workers.lanes.kept())
    if workers.kept_sizes():
        settings = settings.with_splitter(WORKERS_SPLITTER, workers.kept_sizes())
    return settings


def absolute(path: Path) -> Path:
    """Return a path that stays right when the working directory changes; links are kept."""
    try:
        return path.absolute()
    except (OSError, ValueError):
        return path


def _bytes(text: str) -> QByteArray:
    try:
        return QByteArray(base64.b64decode(text.encode("ascii"), validate=True))
    except (ValueError, binascii.Error):
        return QByteArray()


def is_minimised(window: QMainWindow) -> bool:
    """Return whether the window is minimised."""
    return bool(window.windowState() & Qt.WindowState.WindowMinimized)
