"""Views kept by name: a page's filter, sort and columns, to be had again by menu or key.

Owns the menu of them, and what saving and showing one means. How they are kept is settings' part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from prismq_gui.actions.registry import Place
from prismq_gui.settings import SavedView, Settings
from prismq_gui.theme import Theme
from prismq_gui.views.plain_text import no_mnemonic, one_line, tooltip
from prismq_gui.views.view_dialogs import NameDialog, ViewsDialog

if TYPE_CHECKING:
    from prismq_gui.views.main_window import MainWindow

TITLES = {"tasks": "Tasks", "logs": "Logs"}


class SavedViews(QObject):
    """One for a window. GUI thread. ``keep`` takes settings that are to be remembered."""

    def __init__(self, window: MainWindow, theme: Theme, keep: Callable[[Settings], None]) -> None:
        super().__init__(window)
        self._window = window
        self._theme = theme
        self._keep = keep
        self._entries: list[QAction] = []
        self.name_dialog: NameDialog | None = None
        self.views_dialog: ViewsDialog | None = None

    @property
    def views(self) -> tuple[SavedView, ...]:
        """All that are kept, in the order they were saved."""
        return self._window.settings.views

    # -- the menu

    def fill_menu(self) -> None:
        """Put all views into the menu, above what manages them."""
        menu: QMenu = self._window.actions_.menu(Place.VIEWS)
        for old in self._entries:
            menu.removeAction(old)
            old.deleteLater()
        first = self._window.actions_["save_view"]
        self._entries = [self._entry(menu, number, view) for number, view in enumerate(self.views, start=1)]
        if self._entries:
            line = QAction(menu)
            line.setSeparator(True)
            self._entries.append(line)
        menu.insertActions(first, self._entries)
        self._window.update_actions()

    def _entry(self, menu: QMenu, number: int, view: SavedView) -> QAction:
        key = f"&{number % 10} " if number <= 10 else ""
        entry = QAction(f"{key}{no_mnemonic(one_line(view.name))}  —  {TITLES[view.page]}", menu)
        entry.setToolTip(tooltip(self.words(view)))
        entry.triggered.connect(lambda _checked, view=view: self.show_view(view))
        return entry

    def entries(self) -> tuple[QAction, ...]:
        """Return an action for each view, for menus and palettes."""
        return tuple(entry for entry in self._entries if not entry.isSeparator())

    @staticmethod
    def words(view: SavedView) -> str:
        """Return what a view shows, in one line."""
        statuses = ", ".join((*view.statuses, *view.types, *view.levels))
        filter = " · ".join(part for part in (statuses, view.text) if part) or "everything"
        sort = f", by {view.layout.sort_column}" if view.layout.sort_column else ""
        return one_line(f"{TITLES[view.page]}: {filter}{sort}")

    # -- showing

    def show_view(self, view: SavedView) -> None:
        """Show a view's page with its filter, sort and columns."""
        window = self._window
        window.show_page(view.page)
        if view.page == "logs":
            window.logs_page.table.restore_layout(view.layout)
            window.logs_page.show_filter(view.levels, view.text)
        else:
            window.tasks_page.columns.restore(view.layout)
            window.tasks_page.show_filter(view.statuses, view.types, view.text)
        window.status_line.show_message(f"View “{one_line(view.name)}”")

    # -- saving

    def ask_name(self) -> None:
        """Ask for a name, and save what the page shows under it."""
        if self.name_dialog is not None:
            return
        taken = [view.name for view in self.views if view.page == self._window.page]
        dialog = NameDialog(self._theme, "Save this view", "Save", self._window, replaceable=taken)
        dialog.named.connect(self.save)
        self._open_name_dialog(dialog)

    def _open_name_dialog(self, dialog: NameDialog) -> None:
        self.name_dialog = dialog
        dialog.finished.connect(self._on_name_dialog_finished)
        dialog.open()

    def _on_name_dialog_finished(self, _result: int) -> None:
        self.name_dialog = None

    def save(self, name: str) -> None:
        """Save what the page shows; a view of this name on the same page is replaced."""
        window = self._window
        if window.page == "logs":
            lines = window.logs_page
            lines.filter_bar.search.settle()
            view = SavedView(
                name, "logs", levels=lines.filter().levels, text=lines.filter_bar.search.settled_text,
                layout=lines.table.save_layout(),
            )  # fmt: skip
        else:
            tasks = window.tasks_page
            tasks.filter_bar.search.settle()
            wanted = tasks.filter()
            view = SavedView(
                name, "tasks", wanted.statuses, wanted.types, text=tasks.filter_bar.search.settled_text,
                layout=tasks.table.save_layout(),
            )  # fmt: skip
        self._keep_all(window.settings.with_view(view), f"View “{one_line(name)}” saved")

    def _keep_all(self, settings: Settings, words: str) -> None:
        self._keep(settings)
        self.fill_menu()
        self._window.status_line.show_message(words)

    # -- managing

    def manage(self) -> None:
        """Show all views in a dialog, to show, rename or delete one."""
        if self.views_dialog is not None:
            return
        dialog = ViewsDialog(self._theme, self._window)
        dialog.show_views([(view.name, self.words(view)) for view in self.views])
        dialog.chosen.connect(self._on_dialog_chosen)
        dialog.rename_wanted.connect(self._on_dialog_rename_wanted)
        dialog.delete_wanted.connect(self._on_dialog_delete_wanted)
        dialog.finished.connect(self._on_views_dialog_finished)
        self.views_dialog = dialog
        dialog.open()

    def _on_views_dialog_finished(self, _result: int) -> None:
        self.views_dialog = None

    def _on_dialog_chosen(self, row: int) -> None:
        self.show_view(self.views[row])

    def _on_dialog_rename_wanted(self, row: int) -> None:
        view = self.views[row]
        taken = [each.name for each in self.views if each.page == view.page and each is not view]
        dialog = NameDialog(self._theme, "Rename the view", "Rename", self.views_dialog or self._window, refused=taken)
        dialog.line.setText(view.name)
        dialog.line.selectAll()
        dialog.named.connect(lambda name: self._rename(view, name))
        self._open_name_dialog(dialog)

    def _rename(self, view: SavedView, name: str) -> None:
        self._keep_all(self._window.settings.with_view_renamed(view, name), f"View renamed to “{one_line(name)}”")
        self._show_in_dialog()

    def _on_dialog_delete_wanted(self, row: int) -> None:
        view = self.views[row]
        self._keep_all(self._window.settings.without_view(view), f"View “{one_line(view.name)}” deleted")
        self._show_in_dialog()

    def _show_in_dialog(self) -> None:
        if self.views_dialog is not None:
            self.views_dialog.show_views([(view.name, self.words(view)) for view in self.views])
