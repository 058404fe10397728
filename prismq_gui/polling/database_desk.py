"""The file as a whole, for the window: its state looked at now and then, its backups listed, its care carried out.

Owns two threads, so that the state stays true while a check of some minutes runs, and every connection of theirs:
each is open for one look or one piece of work alone. Must not know what is looked at or done.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal, Slot

from prismq_gui.insight.breath import Breath
from prismq_gui.insight.database_facts import DatabaseFacts, DatabaseLooker
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.sqlite_errors import translate
from prismq_gui.operations import database_care
from prismq_gui.operations.database_records import CarePlan, CareReport, CareWish
from prismq_gui.polling.budget import REST_FACTOR
from prismq_gui.polling.health_desk import HealthDesk
from prismq_gui.polling.threads import Worker, WorkerThread, guarded
from prismq_gui.queue.backup_files import BackupFile, list_backups
from prismq_gui.queue.exceptions import QueueDatabaseError
from prismq_gui.queue.upkeep import MaintenanceProgress

LOOK_EVERY_S = 2.0
LIST_EVERY_S = 10.0
PROGRESS_EVERY_S = 0.05
MOST_BACKUPS = 500


@dataclass(frozen=True, slots=True)
class LookWanted:
    """Look at this file; with a folder list its backups too. ``anew``: also at what is kept for some seconds."""

    number: int
    path: Path
    folder: Path | None
    anew: bool = False


@dataclass(frozen=True, slots=True)
class LookTold:
    """The state of the file, or why it can't be told; ``backups`` None where they were not listed."""

    number: int
    facts: DatabaseFacts | None = None
    problem: Problem | None = None
    folder: Path | None = None
    backups: tuple[BackupFile, ...] | None = None
    trouble: str = ""  # of the folder


@dataclass(frozen=True, slots=True)
class CareWanted:
    """Plan this (``apply`` False) or do it."""

    number: int
    wish: CareWish
    apply: bool


@dataclass(frozen=True, slots=True)
class CareNews:
    """How a wish goes: one of the four is there."""

    number: int
    progress: MaintenanceProgress | None = None
    plan: CarePlan | None = None
    report: CareReport | None = None
    problem: Problem | None = None


class FactsWorker(Worker):
    """Lives in a thread of its own. ``told`` carries LookTold."""

    told = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.newest = 0  # written in the window's thread: older wishes are void
        self._number = 0
        self._looker: DatabaseLooker | None = None

    def interrupt(self) -> None:
        """End the running statement; callable from any thread."""
        looker = self._looker
        if looker is not None:
            looker.interrupt()

    def tell_failure(self, problem: Problem) -> None:
        """Tell that a look ended by an error that nothing expected."""
        self.told.emit(LookTold(self._number, problem=problem))

    @Slot(object)
    @guarded
    def look(self, wanted: LookWanted) -> None:
        """Look at the file once."""
        self._number = wanted.number
        if self.stopping or wanted.number != self.newest:
            return
        if self._looker is None or self._looker.path != wanted.path:
            self._looker = DatabaseLooker(wanted.path)
        backups, trouble = (None, "") if wanted.folder is None else _listed(wanted.path, wanted.folder)
        facts, problem = None, None
        try:
            facts = self._looker.look(anew=wanted.anew)
        except ProblemError as error:
            problem = error.problem
        except OSError as error:
            problem = translate(error, wanted.path, doing="look at the file")
        if not self.stopping and (problem is None or problem.kind is not ProblemKind.INTERRUPTED):
            self.told.emit(LookTold(wanted.number, facts, problem, wanted.folder, backups, trouble))


def _listed(path: Path, folder: Path) -> tuple[tuple[BackupFile, ...], str]:
    try:
        return tuple(list_backups(path, folder, count=False)[:MOST_BACKUPS]), ""
    except QueueDatabaseError as error:
        return (), str(error)


class CareWorker(Worker):
    """Lives in a thread of its own, one plan or piece of work at a time. ``news`` carries CareNews."""

    news = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.stop_up_to = 0  # written in the window's thread: wishes up to this number are to end
        self._number = 0
        self._told_at = 0.0

    def tell_failure(self, problem: Problem) -> None:
        """Tell that it ended by an error that nothing expected."""
        self.news.emit(CareNews(self._number, problem=problem))

    @Slot(object)
    @guarded
    def care(self, wanted: CareWanted) -> None:
        """Plan it or do it. A report comes even where it was stopped before it began."""
        self._number, self._told_at = wanted.number, 0.0
        if not wanted.apply and self._should_stop():
            return
        if wanted.apply:
            report = database_care.run(wanted.wish, self._tell, self._should_stop)
            self.news.emit(CareNews(wanted.number, report=report))
            return
        plan = database_care.plan(wanted.wish, self._tell, self._should_stop)
        if not self._should_stop():
            self.news.emit(CareNews(wanted.number, plan=plan))

    def _should_stop(self) -> bool:
        return self.stopping or self._number <= self.stop_up_to

    def _tell(self, progress: MaintenanceProgress) -> None:
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_EVERY_S and not self.stopping:
            self._told_at = now
            self.news.emit(CareNews(self._number, progress=progress))


class DatabaseDesk(QObject):
    """Lives in the window's thread; every method returns at once, but :meth:`end`.

    ``told`` carries LookTold of the file that is open, ``news`` CareNews of any wish. What is under way for a file is
    not ended by closing it here: a restore needs the window to let it go. ``health`` looks for what is wrong with it.
    """

    told = Signal(object)
    news = Signal(object)

    _look_wanted = Signal(object)
    _care_wanted = Signal(object)

    def __init__(self, parent: QObject | None = None, breath: Breath | None = None) -> None:
        super().__init__(parent)
        self.paused = False
        self.health = HealthDesk(self, breath)
        self._path: Path | None = None
        self._is_over = False
        self._looks = False
        self._wishes = 0
        self._asked_at = self._listed_at = self._cost_s = 0.0
        self._listed: Path | None = None
        self._facts, self._care = FactsWorker(), CareWorker()
        self._facts_thread = WorkerThread("database", self._facts)
        self._care_thread = WorkerThread("database care", self._care)
        self._look_wanted.connect(self._facts.look)
        self._care_wanted.connect(self._care.care)
        self._facts.told.connect(self._on_facts_told)
        self._care.news.connect(self._on_care_news)

    @property
    def path(self) -> Path | None:
        """The file that is open."""
        return self._path

    def open_file(self, path: Path) -> None:
        """Look at this file from now on, when asked."""
        self.close_file()
        self._path = path
        self.health.open_file(path)

    def close_file(self) -> None:
        """Look at no file."""
        self._path = None
        self.health.close_file()
        self._looks = False
        self._asked_at = self._listed_at = self._cost_s = 0.0
        self._facts.newest += 1
        self._facts.interrupt()

    # -- the state

    def look(self, folder: Path, *, anew: bool = False) -> bool:
        """Have the state told if it is time, at most a twentieth of it; ``anew``: now. Return whether it will be."""
        now = time.monotonic()
        if self._path is None or self._is_over or (not anew and (self.paused or self._looks)):
            return False
        if not anew and self._asked_at and now - self._asked_at < max(LOOK_EVERY_S, REST_FACTOR * self._cost_s):
            return False
        lists = anew or folder != self._listed or now - self._listed_at >= LIST_EVERY_S
        if lists:
            self._listed, self._listed_at = folder, now
        self._asked_at, self._looks = now, True
        self._facts.newest += 1
        self._start(self._facts_thread)
        self._look_wanted.emit(LookWanted(self._facts.newest, self._path, folder if lists else None, anew))
        return True

    def _on_facts_told(self, told: LookTold) -> None:
        if told.number != self._facts.newest or self._is_over:
            return
        self._looks = False
        if told.facts is not None:
            self._cost_s = told.facts.cost_s
        if self._path is not None:
            self.told.emit(told)

    # -- care

    def plan(self, wish: CareWish) -> int:
        """Have it told what a wish would do (``news``), in place of what was wished before; return its number."""
        return self._wish(wish, apply=False)

    def run(self, wish: CareWish) -> int:
        """Have a wish carried out (``news``); return its number."""
        return self._wish(wish, apply=True)

    def _wish(self, wish: CareWish, *, apply: bool) -> int:
        if self._is_over:
            return 0
        self.stop()
        self._wishes += 1
        self._start(self._care_thread)
        self._care_wanted.emit(CareWanted(self._wishes, wish, apply))
        return self._wishes

    def stop(self) -> None:
        """Have what is under way end; work that has begun is reported."""
        self._care.stop_up_to = self._wishes

    def _on_care_news(self, news: CareNews) -> None:
        if not self._is_over:
            self.news.emit(news)

    # -- the threads

    def _start(self, thread: WorkerThread) -> None:
        if not thread.isRunning():
            thread.start(QThread.Priority.LowPriority)  # the window and the tables come first

    def ask_to_end(self) -> None:
        """Have both threads end after what they are at; nothing is heard of them afterwards."""
        self._is_over = True
        self.blockSignals(True)
        self.stop()
        self.health.ask_to_end()
        self._facts.newest += 1
        for thread in (self._facts_thread, self._care_thread):
            if thread.isRunning():
                thread.ask_to_end()

    def end(self, deadline: float) -> None:
        """Wait until both have ended; ``deadline`` in ``time.monotonic()`` seconds."""
        for thread in (self._facts_thread, self._care_thread):
            if thread.isRunning():
                thread.end(deadline)
        self.health.end(deadline)
