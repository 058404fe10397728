"""Asking why the task in the panel is not running, and asking again while it is looked at.

Owns when to ask. Must not know how it is read.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QObject

from prismq_gui.polling.look_wishes import LookKind, TaskStory, TaskWish
from prismq_gui.polling.looking import Look, LookDesk, LookFailed
from prismq_gui.views.detail_panel import DetailPanel

AGAIN_S = 3.0
COST_SHARE = 20  # a story that took a second to be counted is told anew after twenty


class StoryWatch(QObject):
    """One for a panel. GUI thread."""

    def __init__(self, desk: LookDesk, panel: DetailPanel) -> None:
        super().__init__(panel)
        self._desk = desk
        self._panel = panel
        self._task_id: int | None = None
        self._number = 0
        self._is_told = False
        self._runs = False
        self._asked_at = 0.0
        self._cost_s = 0.0
        desk.told.connect(self._on_desk_told)
        desk.failed.connect(self._on_desk_failed)

    def show_task(self, task_id: int | None) -> None:
        """Ask about a task that was chosen or has changed; None: there is none."""
        if task_id is None:
            self._task_id = None
            self._runs = False
            self._desk.stop(LookKind.TASK)
        elif task_id != self._task_id:
            self._task_id, self._is_told, self._cost_s = task_id, False, 0.0
            self._ask()
        elif self._is_told and self._is_due():
            self._ask()

    def tick(self) -> None:
        """Ask again where it was told long enough ago; once a second while the panel is in view."""
        if self._task_id is not None and not self._desk.paused and self._is_due():
            self._ask()

    def _is_due(self) -> bool:
        return not self._runs and time.monotonic() - self._asked_at >= max(AGAIN_S, COST_SHARE * self._cost_s)

    def _ask(self) -> None:
        assert self._task_id is not None
        self._asked_at = time.monotonic()
        self._number = self._desk.ask(TaskWish(self._task_id, again=self._is_told))
        self._runs = self._number > 0

    def _on_desk_told(self, look: Look) -> None:
        if look.kind is not LookKind.TASK or look.number != self._number:
            return
        if look.done:
            self._runs = False
            self._cost_s = time.monotonic() - self._asked_at
        elif isinstance(look.answer, TaskStory):
            self._is_told = not look.answer.counting
            self._panel.show_story(look.answer)

    def _on_desk_failed(self, failure: LookFailed) -> None:
        if failure.kind is LookKind.TASK and failure.number == self._number:
            self._runs = False
            self._panel.show_story_problem(self._task_id, failure.problem.sentence())
