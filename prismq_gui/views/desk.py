"""What the person set of keys and of marks of files, in force in this window: taken from the settings, and changed.

Owns when they are taken in: at the start, when they change here, and when another window wrote them. What they mean is
told in :mod:`prismq_gui.actions.keymap` and :mod:`prismq_gui.file_marks`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QKeySequence

from prismq_gui.actions.keymap import Keymap, keymap
from prismq_gui.file_marks import Environment, FileMark, mark_of, with_mark
from prismq_gui.operations.consent import TypedConsent, consent_for, consent_for_plan
from prismq_gui.operations.messages import Plan, Target
from prismq_gui.own_keys import OwnKeys
from prismq_gui.settings import Settings, SettingsStore
from prismq_gui.theme import Severity, Theme

if TYPE_CHECKING:
    from prismq_gui.views.main_window import MainWindow
    from prismq_gui.views.mark_dialog import MarkDialog
    from prismq_gui.views.shortcuts_dialog import ShortcutsDialog


class Desk(QObject):
    """One for a window. GUI thread. ``keep`` takes settings that are to be remembered."""

    def __init__(
        self, window: MainWindow, theme: Theme, store: SettingsStore, keep: Callable[[Settings], None]
    ) -> None:
        super().__init__(window)
        self._window = window
        self._theme = theme
        self._store = store
        self._keep = keep
        self._stamp = store.stamp()
        self._own_keys: tuple[OwnKeys, ...] = ()
        self.shortcuts_dialog: ShortcutsDialog | None = None
        self.mark_dialog: MarkDialog | None = None

    def start(self) -> None:
        """Put in force what the settings hold, once all bars are made."""
        self._window.actions_.keys_changed.connect(self.name_keys)
        self._window.session.changed.connect(self._show_mark)
        self._take()
        self.name_keys()

    def look(self) -> None:
        """Take in what another window wrote; once a second, and before anything depends on it."""
        if note := self._store.take_note():
            self._window.status_line.show_message(note)
        stamp = self._store.stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        loaded = self._store.load(set_aside=False)
        mine = self._window.settings
        theirs = loaded.settings
        taken = replace(mine, own_keys=theirs.own_keys, file_marks=theirs.file_marks, alerts=theirs.alerts)
        if not loaded.note and taken != mine:
            self._window.settings = taken
            self._take()

    def note_kept(self) -> None:
        """This window wrote the settings itself, with what others had written before."""
        self._stamp = self._store.stamp()
        self._take()

    # -- keys

    def _take(self) -> None:
        """Put in force what the settings hold now."""
        self._show_mark()
        self._window.alerts.apply()
        if self._window.settings.own_keys == self._own_keys:
            return
        self._own_keys = self._window.settings.own_keys
        wanted = keymap(self._own_keys)
        self._window.actions_.set_keymap(wanted)
        if wanted.notes:
            text = f"{'; '.join(wanted.notes[:5])}. The rest is in force."
            self._window.notices.message(Severity.WARNING, "Some of your shortcuts can't be used", text)

    def ask_keys(self) -> None:
        """Show all keys; the dialog that is open already where there is one."""
        if self.shortcuts_dialog is not None:
            self.shortcuts_dialog.raise_()
            self.shortcuts_dialog.activateWindow()
            return
        from prismq_gui.views.shortcuts_dialog import ShortcutsDialog  # noqa: PLC0415 - only when asked for

        self.look()
        dialog = ShortcutsDialog(self._theme, self._window.actions_.keymap, self._window)
        dialog.chosen.connect(self._on_dialog_chosen)
        dialog.finished.connect(self._on_dialog_finished)
        self.shortcuts_dialog = dialog
        dialog.open()

    def _on_dialog_chosen(self, wanted: Keymap) -> None:
        entries = tuple(OwnKeys(id, keys) for id, keys in wanted.entries())
        self._keep(replace(self._window.settings, own_keys=entries))

    def _on_dialog_finished(self, _result: int) -> None:
        self.shortcuts_dialog = None

    # -- marks of files

    @property
    def mark(self) -> FileMark:
        """The mark of the file that is wanted."""
        return mark_of(self._window.settings.file_marks, self._window.session.path)

    @property
    def is_production(self) -> bool:
        """Whether the file is marked as production."""
        return self.mark.environment is Environment.PRODUCTION

    def consent_for_plan(self, plan: Plan, target: Target | None) -> TypedConsent | None:
        """Return what must be typed before a plan is applied to the file that is open."""
        self.look()
        return consent_for_plan(plan, target, in_production=self.is_production)

    def consent_for(self, *, dangerous: bool, count: int | None = None, matching: bool = False) -> TypedConsent | None:
        """Return what must be typed before something else is done to the file that is open."""
        self.look()
        path = self._window.session.path
        if path is None:
            return None
        return consent_for(path, in_production=self.is_production, dangerous=dangerous, count=count, matching=matching)

    def ask_mark(self) -> None:
        """Ask what the file is for."""
        path = self._window.session.path
        if path is None or self.mark_dialog is not None:
            return
        from prismq_gui.views.mark_dialog import MarkDialog  # noqa: PLC0415 - only when asked for

        self.look()
        dialog = MarkDialog(self._theme, path.name or str(path), self.mark, self._window)
        dialog.chosen.connect(lambda environment, colour: self._mark(path, environment, colour))
        dialog.finished.connect(self._on_mark_dialog_finished)
        self.mark_dialog = dialog
        dialog.open()

    def _mark(self, path: Path, environment: Environment, colour: str) -> None:
        settings = self._window.settings
        self._keep(replace(settings, file_marks=with_mark(settings.file_marks, path, environment, colour)))

    def _on_mark_dialog_finished(self, _result: int) -> None:
        self.mark_dialog = None

    def _show_mark(self) -> None:
        self._window.top_bar.show_mark(self.mark)

    # -- where keys are named

    def name_keys(self) -> None:
        """Tell the keys of the moment wherever a button names one."""
        self._window.top_bar.name_keys()
        for name in self._window.rail.names():
            keys = self._window.actions_[f"show_{name}"].shortcut()
            self._window.rail.name_keys(name, keys.toString(QKeySequence.SequenceFormat.NativeText))
