"""What the actions of the database do: each asks by a dialog; a restore lets the window's own file go meanwhile.

Owns which dialog is open. Must not decide when an action may be used, nor do anything itself.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog

from prismq_gui.backup_folders import folder_of, with_folder
from prismq_gui.operations.database_kinds import CareKind
from prismq_gui.theme import Theme

if TYPE_CHECKING:
    from prismq_gui.operations.consent import TypedConsent
    from prismq_gui.operations.database_records import CarePlan, CareReport
    from prismq_gui.views.database_dialog import CareDialog
    from prismq_gui.views.main_window import MainWindow

FILE_FILTER = "Queue files (*.db *.sqlite *.sqlite3);;All files (*)"


class DatabaseCommands(QObject):
    """One for a window. GUI thread.

    ``care_ended`` carries the CareReport of work that came to an end, or None, ``folder_kept`` where the backups of the
    open file lie from now on, ``settings_chosen`` Settings to be kept.
    """

    care_ended = Signal(object)
    folder_kept = Signal(object)
    settings_chosen = Signal(object)

    def __init__(self, window: MainWindow, theme: Theme) -> None:
        super().__init__(window)
        self._window = window
        self._theme = theme
        self.care_dialog: CareDialog | None = None

    def show_database(self, _checked: bool = True) -> None:
        """Show the database."""
        self._window.show_page("database")

    def check_health(self) -> None:
        """Look for what is wrong with the queue, and show that."""
        self._window.show_page("database")
        self._window.database_page.health_requested.emit()

    def checkpoint(self) -> None:
        """Preview a checkpoint."""
        self.care(CareKind.CHECKPOINT)

    def optimize(self) -> None:
        """Preview a renewal of the figures that have grown stale."""
        self.care(CareKind.OPTIMIZE)

    def analyze(self) -> None:
        """Preview a renewal of all figures."""
        self.care(CareKind.ANALYZE)

    def check_integrity(self) -> None:
        """Preview a check of the whole file."""
        self.care(CareKind.INTEGRITY)

    def check_log_lines(self) -> None:
        """Preview a check for log lines without their task."""
        self.care(CareKind.FOREIGN_KEYS)

    def back_up(self) -> None:
        """Preview a backup."""
        self.care(CareKind.BACKUP)

    def delete_finished(self) -> None:
        """Preview the deletion of tasks that ended long ago."""
        self.care(CareKind.RETENTION)

    def release_leases(self) -> None:
        """Preview giving back leases that are over."""
        self.care(CareKind.RELEASE)

    def restore(self) -> None:
        """Ask for a backup, and preview its restore; the queue may be unreadable or missing."""
        path = self._window.session.path
        if path is None:
            return
        dialog = QFileDialog(self._window, f"Restore {path.name} from", str(self._folder(path)), FILE_FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.care(CareKind.RESTORE, Path(name)))
        dialog.open()

    def _folder(self, path: Path) -> Path:
        """Return where the backups of a file lie."""
        from prismq_gui.queue.backup_files import backup_folder  # noqa: PLC0415 - not of use at each start

        return folder_of(self._window.settings.backup_folders, path) or backup_folder(path)

    def choose_backup_folder(self) -> None:
        """Ask where the backups of the open file lie, and remember it."""
        path = self._window.session.path
        if path is None:
            return
        dialog = QFileDialog(self._window, f"Backups of {path.name}", str(self._folder(path)))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.keep_backup_folder(path, Path(name)))
        dialog.open()

    def keep_backup_folder(self, path: Path, folder: Path) -> None:
        """Remember where the backups of a file lie, and list them."""
        window = self._window
        folders = with_folder(window.settings.backup_folders, path, folder)
        self.settings_chosen.emit(replace(window.settings, backup_folders=folders))
        if window.session.path == path:
            self.folder_kept.emit(folder)

    # -- the dialog

    def care(self, kind: CareKind, source: Path | None = None) -> CareDialog | None:
        """Preview the care of the open file; return the dialog, None where another one is open or no file."""
        path = self._window.session.path
        if self._window.commands.plan_dialog is not None or self.care_dialog is not None or path is None:
            return None
        from prismq_gui.operations.database_records import CareWish  # noqa: PLC0415 - not of use at each start
        from prismq_gui.views.database_dialog import CareDialog  # noqa: PLC0415 - as above

        folder = folder_of(self._window.settings.backup_folders, path)
        wish = CareWish(kind, path, read_only=self._window.session.read_only, source=source, folder=folder)
        dialog = CareDialog(self._theme, self._window.engine.database, wish, self._window)
        self.care_dialog = dialog
        dialog.consent_for = self._consent_for
        if kind is CareKind.RESTORE:
            read_only = wish.read_only
            dialog.started.connect(self._window.session.let_go)
            dialog.done_with.connect(lambda _report: self._window.open_path(path, read_only=read_only))
        dialog.done_with.connect(self._on_care_dialog_done_with)
        dialog.leases_requested.connect(self.release_leases)
        dialog.finished.connect(self._on_care_dialog_finished)
        self._window.update_actions()
        dialog.start()
        return dialog

    def _consent_for(self, plan: CarePlan) -> TypedConsent | None:
        """Return what must be typed before tasks of a production file are changed."""
        deletes = plan.wish.kind is CareKind.RETENTION
        return self._window.desk.consent_for(dangerous=deletes, count=plan.count) if plan.count else None

    def _on_care_dialog_done_with(self, report: CareReport | None) -> None:
        if report is not None:
            self._window.status_line.show_message(report.sentence)
            if report.wish.kind.writes and report.wish.kind is not CareKind.RESTORE:
                self._window.session.refresh()
        self.care_ended.emit(report)

    def _on_care_dialog_finished(self, _result: int) -> None:
        self.care_dialog = None
        self._window.update_actions()
