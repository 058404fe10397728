"""The composition root: makes the parts of the window, joins them, and takes them apart again.

Owns their order and lifetime. The only module that knows all rooms.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QLockFile,
    QMessageLogContext,
    QProcess,
    Qt,
    QTimer,
    QtMsgType,
    qInstallMessageHandler,
)
from PySide6.QtWidgets import QApplication

from prismq_gui import __version__
from prismq_gui.cache_folder import cache_folder
from prismq_gui.crash_log import crashes_told, logging_to
from prismq_gui.garbage import collected_here
from prismq_gui.last_run import run_marked
from prismq_gui.models.render import RENDERERS
from prismq_gui.polling.engine import Engine
from prismq_gui.queue import default_db_path
from prismq_gui.settings import SettingsStore, default_folder
from prismq_gui.theme import Theme
from prismq_gui.theme.theme import Mode
from prismq_gui.views.main_window import MainWindow, capture

if TYPE_CHECKING:
    from prismq_gui.second_start import FrontDoor

__all__ = ["capture", "main_window", "run_window"]

_PLUGIN_VARIABLES = ("QT_PLUGIN_PATH", "QT_QPA_PLATFORM_PLUGIN_PATH", "QML_IMPORT_PATH", "QML2_IMPORT_PATH")
_LISTEN_AFTER_MS = 500  # the rows come first
_LOG = logging.getLogger("prismq_gui")
_QT_LOG = logging.getLogger("prismq_gui.qt")
_MODES: dict[str, Mode] = {"system": "system", "light": "light", "dark": "dark"}


def run_window(
    path: Path | None,
    *,
    read_only: bool = False,
    data_dir: Path | None = None,
    task_id: int | None = None,
    beside: bool = True,
    on_shown: Callable[[MainWindow], None] | None = None,
) -> int:
    """Show the window until it is closed, and return the exit code.

    Args:
        path: The file to open; None for the last one.
        read_only: Whether this window must never write it.
        data_dir: Folder for settings and log; None for the system's usual one.
        task_id: The task to show once the file is open.
        beside: Whether it is a window beside others; else one that runs already is asked to show the file.
        on_shown: Called once when the window is on screen.
    """
    folder = data_dir if data_dir is not None else default_folder()
    first = first_window_lock(folder)
    if folder is not None and first is None and not beside:
        from prismq_gui.second_start import hand_over  # noqa: PLC0415 - of use to a second start alone

        if hand_over(folder, path):
            return 0
    app = _application()
    with (
        logging_to(folder / "logs" if folder else None) as log,
        _qt_messages_logged(),
        run_marked(folder) as ended_abnormally,
        main_window(app, folder, log) as window,
        _front_door(folder if first is not None else None, window, data_dir),
    ):
        window.use_index_folder(data_dir / "cache" if data_dir is not None else cache_folder())
        window.new_window_requested.connect(lambda path: start_window(path, data_dir))
        window.task_window_requested.connect(lambda path, task_id: start_window(path, data_dir, task_id))
        if ended_abnormally:
            window.tell_abnormal_end(log if log is not None and log.exists() else None)
        window.show()
        window.open_first(path, read_only=read_only)
        if task_id is not None:
            _show_once_open(window, task_id)
        if on_shown is not None:
            on_shown(window)
        return app.exec()


@contextmanager
def main_window(app: QApplication, folder: Path | None, log: Path | None = None) -> Iterator[MainWindow]:
    """Make a window that is not shown yet; on leaving, its threads have ended and nothing of it is left."""
    store = SettingsStore(folder)
    loaded = store.load()
    theme = Theme(app, _MODES[loaded.settings.theme])
    theme.apply()
    with collected_here(), _engine(folder) as engine:
        window = MainWindow(theme, engine, store, default_db_path(), loaded.settings)
        try:
            if loaded.note:
                window.tell_settings_note(loaded.note)
            window.demo_requested.connect(start_demo)
            with crashes_told(lambda kind: window.session.tell_crash(kind, log)):
                yield window
        finally:
            window.close()
            store.finish()
            window.deleteLater()
    theme.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@contextmanager
def _engine(folder: Path | None) -> Iterator[Engine]:
    """Make an engine whose threads have ended on leaving."""
    engine = Engine(RENDERERS, history_folder=folder)
    try:
        yield engine
    finally:
        engine.shutdown()
        engine.deleteLater()


def first_window_lock(folder: Path | None) -> QLockFile | None:
    """Return the lock of the first window of this folder, held while it is kept; None where another has it."""
    if folder is None:
        return None
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = QLockFile(str(folder / "window.lock"))
    lock.setStaleLockTime(
        0
    )  # never by its age: a window stays open for weeks; Qt takes it over from a process that is gone
    return lock if lock.tryLock(0) else None


@contextmanager
def _front_door(folder: Path | None, window: MainWindow, data_dir: Path | None) -> Iterator[None]:
    """Let the first window listen, soon after it is shown, for what later starts want to see."""
    doors: list[FrontDoor] = []

    def listen() -> None:
        from prismq_gui.second_start import FrontDoor  # noqa: PLC0415 - Qt's network part takes 20 ms

        assert folder is not None
        door = FrontDoor(folder, window)
        doors.append(door)
        door.asked.connect(lambda path: show_asked(window, path, data_dir))
        if not door.listen():
            _LOG.warning("no local socket could be made: a second start shows a window of its own")

    if folder is not None:
        QTimer.singleShot(_LISTEN_AFTER_MS, window, listen)
    try:
        yield
    finally:
        for door in doors:
            door.close()


def show_asked(window: MainWindow, path: Path | None, data_dir: Path | None) -> None:
    """Show what a second start asked for: here where no file or this one is open, else in a window beside."""
    mine = window.session.path
    if path is not None and mine is None:
        window.open_path(path)
    elif path is not None and path != mine:
        start_window(path, data_dir)
        return
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized | Qt.WindowState.WindowActive)
    window.show()
    window.raise_()
    window.activateWindow()


def _show_once_open(window: MainWindow, task_id: int) -> None:
    window.show_page("tasks")
    once = Qt.ConnectionType.SingleShotConnection
    window.first_rows_shown.connect(lambda: window.show_task(task_id), once)


def leave_out_foreign_plugins(environ: MutableMapping[str, str], *, frozen: bool) -> None:
    """Have the frozen program load its own Qt plugins alone: a variable could name a folder with others.

    Run from source they are left as they are: a system's own PySide6 may need them. Python's variables are ignored by
    the frozen program's loader.
    """
    if frozen:
        for name in _PLUGIN_VARIABLES:
            environ.pop(name, None)


def _application() -> QApplication:
    leave_out_foreign_plugins(os.environ, frozen=bool(getattr(sys, "frozen", False)))
    QCoreApplication.setOrganizationName("PrismQ")
    QCoreApplication.setApplicationName("PrismQ")
    QCoreApplication.setApplicationVersion(__version__)
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - of no use elsewhere

        # Else the taskbar shows Python's icon and groups the window with other Python programs.
        ctypes.windll.shell32.SetCurrentProcessExplicitAppUserModelID("PrismQ.Monitor")
    existing = QApplication.instance()
    return existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])


def start_demo() -> None:
    """Start the demo as a program of its own, so that it lives and ends with its own window."""
    arguments = ["demo"] if getattr(sys, "frozen", False) else ["-m", "prismq_gui", "demo"]
    QProcess.startDetached(sys.executable, arguments)


def start_window(path: Path, data_dir: Path | None, task_id: int | None = None) -> None:
    """Open a file in a window of its own, a program of its own too: neither can take the other down."""
    QProcess.startDetached(sys.executable, window_arguments(path, data_dir, task_id))


def window_arguments(path: Path, data_dir: Path | None, task_id: int | None = None) -> list[str]:
    """Return what the program is started with to show a file, and a task of it."""
    arguments = [] if getattr(sys, "frozen", False) else ["-m", "prismq_gui"]
    arguments.append("--new-window")
    if data_dir is not None:
        arguments += ["--data-dir", str(data_dir.absolute())]
    if task_id is not None:
        arguments += [f"--task={task_id}"]
    return [*arguments, "--", str(path.absolute())]


@contextmanager
def _qt_messages_logged() -> Iterator[None]:
    """Write Qt's warnings into the log, beside where they went before."""

    def handle(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
        level = logging.INFO if kind in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg) else logging.WARNING
        _QT_LOG.log(level, "%s", message)
        if callable(before):
            before(kind, context, message)

    before = qInstallMessageHandler(handle)
    try:
        yield
    finally:
        qInstallMessageHandler(before)
