"""Which of several troubles the one banner tells: the first by weight, until its source is well again.

Owns the order and what the person has dismissed. Must not know where a problem comes from. What is no problem but must
be seen once stays behind the problems until it is dismissed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from PySide6.QtCore import QObject, Signal

from prismq_gui.insight.problems import Problem
from prismq_gui.theme import Severity
from prismq_gui.views.banner import Banner


class Source(IntEnum):
    """Who has a problem; the smaller number is told first."""

    PROGRAM = 0
    LINK = 1
    OPERATION = 2
    TASKS = 3
    LOGS = 4


Act = tuple[str, Callable[[], object]]
"""What can be done about something that is told, and how that is called on its button."""

_RETRIED = {Source.LINK, Source.TASKS, Source.LOGS}
_FILES = {Source.LINK}


@dataclass(frozen=True, slots=True)
class _Notice:
    severity: Severity
    title: str
    text: str
    acts: tuple[Act, ...] = ()


class Notices(QObject):
    """Feeds one banner. GUI thread. ``retry_requested`` names the source whose problem was shown."""

    retry_requested = Signal(object)

    def __init__(self, banner: Banner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._banner = banner
        self._problems: dict[Source, Problem] = {}
        self._dismissed: dict[Source, Problem] = {}
        self._shown: Source | None = None
        self._kept: dict[str, _Notice] = {}
        self._kept_shown = ""
        banner.dismissed.connect(self._on_banner_dismissed)
        banner.retry_requested.connect(self._on_banner_retry_requested)
        banner.action_requested.connect(self._on_banner_action_requested)

    def tell(self, source: Source, problem: Problem) -> None:
        """Tell a problem; one that was dismissed stays so until it changes."""
        if self._problems.get(source) == problem:
            return
        self._problems[source] = problem
        if self._dismissed.get(source) != problem:
            self._dismissed.pop(source, None)
        self._show()

    def clear(self, *sources: Source) -> None:
        """These sources are well again."""
        if any(source in self._problems for source in sources):
            for source in sources:
                self._problems.pop(source, None)
                self._dismissed.pop(source, None)
            self._show()

    def message(self, severity: Severity, title: str, text: str = "") -> None:
        """Tell something that is no problem, unless there is one."""
        if self.shown_problem is None:
            self._kept_shown = ""
            self._banner.show_message(severity, title, text)

    def keep(self, key: str, severity: Severity, title: str, text: str = "", acts: Sequence[Act] = ()) -> None:
        """Tell something that stays until it is dismissed or dropped, behind whatever problem there is.

        What something can be done about comes before what is only to be known.
        """
        notice = _Notice(severity, title, text, tuple(acts))
        if self._kept.get(key) != notice:
            self._kept[key] = notice
            if self._banner.isHidden() or self._kept_shown == key or (acts and self._kept_shown):
                self._show()

    def drop(self, key: str) -> None:
        """What was kept under a key is of no concern any more."""
        if self._kept.pop(key, None) is not None and self._kept_shown == key:
            self._show()

    @property
    def shown_problem(self) -> Problem | None:
        """The problem in the banner."""
        return self._problems.get(self._shown) if self._shown is not None else None

    def _show(self) -> None:
        waiting = [source for source in sorted(self._problems) if source not in self._dismissed]
        self._shown = waiting[0] if waiting else None
        problem = self.shown_problem
        self._kept_shown = ""
        if problem is None or self._shown is None:
            self._show_kept()
            return
        self._banner.show_problem(problem, can_retry=self._shown in _RETRIED, can_open=self._shown in _FILES)

    def _show_kept(self) -> None:
        key = next(iter(sorted(self._kept, key=lambda each: not self._kept[each].acts)), "")
        if not key:
            self._banner.dismiss()
            return
        self._kept_shown = key
        notice = self._kept[key]
        self._banner.show_message(notice.severity, notice.title, notice.text, [words for words, _act in notice.acts])

    def _on_banner_action_requested(self, at: int) -> None:
        notice = self._kept.get(self._kept_shown)
        if notice is not None and at < len(notice.acts):
            notice.acts[at][1]()

    def _on_banner_dismissed(self) -> None:
        if self._shown is not None:
            self._dismissed[self._shown] = self._problems[self._shown]
            if self._shown in (Source.PROGRAM, Source.OPERATION):  # told once
                self.clear(self._shown)
        elif self._kept_shown:
            self._kept.pop(self._kept_shown, None)
        self._show()

    def _on_banner_retry_requested(self) -> None:
        if self._shown is not None:
            self.retry_requested.emit(self._shown)
