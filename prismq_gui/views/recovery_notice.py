"""What the window says of operations that were cut off, once a file is open: finish them, or take them back.

Owns when that is asked, and the words. Must not read the journal: it is told.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from prismq_gui.operations.messages import Report
from prismq_gui.polling.runner import HistoryTold
from prismq_gui.theme import Severity

if TYPE_CHECKING:
    from prismq_gui.operations.journal_records import Operation
    from prismq_gui.views.main_window import MainWindow
    from prismq_gui.views.notices import Act
    from prismq_gui.views.task_commands import TaskCommands

_KEY = "cut off"


class RecoveryNotice(QObject):
    """One for a window. GUI thread. It asks once the first rows are in view: the window's start waits for nothing."""

    def __init__(self, window: MainWindow, commands: TaskCommands) -> None:
        super().__init__(commands)
        self._window = window
        self._commands = commands
        self._has_told = False
        window.first_rows_shown.connect(window.engine.acting.look_for_cut_off)
        window.session.opened.connect(lambda _facts: self._drop())
        window.engine.acting.cut_off.connect(self._on_acting_cut_off)

    def _drop(self) -> None:
        self._has_told = False
        self._window.notices.drop(_KEY)

    def note_done(self, _report: Report) -> None:
        """Something was done, perhaps about an operation that was cut off."""
        if self._has_told:
            self._drop()
            self._window.engine.acting.look_for_cut_off()

    def _on_acting_cut_off(self, told: HistoryTold) -> None:
        self._has_told = True
        if told.problem is not None:
            title = "The journal of operations cannot be read: nothing can be undone"
            self._window.notices.keep(_KEY, Severity.WARNING, title, told.problem.sentence())
            return
        from prismq_gui.views.history_words import name_of  # noqa: PLC0415 - hardly ever of use

        newest, count = told.operations[0], len(told.operations)
        title = f"An operation was cut off: {name_of(newest)}" if count == 1 else f"{count:,} operations were cut off"
        self._window.notices.keep(_KEY, Severity.WARNING, title, self._text(newest, count), self._acts(newest, count))

    def _text(self, newest: Operation, count: int) -> str:
        if count > 1:
            return "The program ended in the middle of them. Each can be finished or taken back in the history."
        changed = f"{newest.changed:,} of {newest.planned:,} tasks were changed before the program ended."
        facts = self._window.session.facts
        if facts is not None and facts.write_refusal:
            return f"{changed} {facts.write_refusal}"
        return f"{changed} Finish it or take it back: first you see what will be."

    def _acts(self, newest: Operation, count: int) -> tuple[Act, ...]:
        history: Act = ("History…", self._commands.history)
        facts = self._window.session.facts
        if count > 1 or (facts is not None and facts.write_refusal):
            return (history,)
        finish: Act = ("Finish…", partial(self._commands.finish, newest))
        take_back: Act = ("Take back…", partial(self._commands.undo, newest.id))
        able = (*((finish,) if newest.can_be_finished else ()), *((take_back,) if newest.can_be_undone else ()))
        return (*able, history)
