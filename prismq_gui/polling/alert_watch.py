"""The thread of alerts: judges what the overview reads, and looks for itself where the overview does not.

Owns the rules' states, the log, the person's program, and when it looks: once a minute at most, and only while nothing
came from the overview for as long, because its page was never made or the window is hidden.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace

from PySide6.QtCore import QTimer, Signal, Slot

from prismq_gui.insight.alert_log import AlertLog
from prismq_gui.insight.alert_reading import DiskFacts, disk_facts, figures_of, parts_of
from prismq_gui.insight.alert_settings import AlertSettings
from prismq_gui.insight.alert_words import as_json
from prismq_gui.insight.alerts import AlertEvent, AlertMachine
from prismq_gui.insight.breath import Breath
from prismq_gui.insight.overview import Overview, OverviewReader
from prismq_gui.insight.problems import Problem, ProblemError
from prismq_gui.insight.reader import QueueReader
from prismq_gui.polling.alert_hook import AlertHook
from prismq_gui.polling.alert_messages import AlertNews, AlertOpening, ProgramEnd, ProgramWish
from prismq_gui.polling.listening import Listening, steady
from prismq_gui.polling.threads import Worker, guarded

TICK_MS = 5_000  # under the 12 s after which a Listening takes the machine for having slept
FIRST_S = 10.0  # the overview of a window that is seen comes before
LOOK_S = 60.0
LOOK_SHARE = 100  # a look is repeated no sooner than after that many times what it worked …
LATEST_S = 120.0  # … but before states that must hold for a while are taken for unwatched (MOST_GAP_S) …
LEAST_SHARE = 10  # … unless it took very long, with its pauses for writers
DISK_S = 10.0
MOST_SHOWN = 300  # entries of the log: 1,000 held the window up for 70 ms
NEWS_S = 5.0  # while nothing changes: that it was looked


class AlertWatch(Worker):
    """Lives in the thread of alerts. ``news`` carries AlertNews, ``log`` LogEntries, ``program_ended`` ProgramEnd."""

    news = Signal(object)
    log = Signal(object)
    program_ended = Signal(object)

    def __init__(self, breath: Breath, log: AlertLog, listening: Listening | None = None) -> None:
        super().__init__()
        self.wanted = 0  # the newest wish to open a file; set from outside
        self._breath = breath
        self._log = log
        self._listening = listening or Listening()
        self._settings = AlertSettings()
        self._opening: AlertOpening | None = None
        self._machine = AlertMachine()
        self._heard: set[str] = set()  # workers, since the file was opened
        self._paused = False
        self._reader: QueueReader | None = None
        self._disk = DiskFacts()
        self._disk_at = self._news_at = float("-inf")
        self._due_at = 0.0  # of a look of our own
        self._last: AlertNews | None = None
        self.looks = 0  # of our own; for tests and the log
        self._hook = AlertHook(self)
        self._hook.ended.connect(self._on_hook_ended)
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._on_timer_timeout)

    # -- from outside

    def interrupt(self) -> None:
        """End the running statement; callable from any thread."""
        reader = self._reader
        if reader is not None:
            reader.interrupt()

    def tell_failure(self, problem: Problem) -> None:
        """Tell an error that nothing expected beside what is known, and go on."""
        if self._last is not None and not self._is_void():
            self.news.emit(replace(self._last, told=(), trouble=problem.sentence()))

    def close(self) -> None:
        """End the person's program; in the thread of alerts."""
        self._hook.stop()

    # -- slots

    @Slot(object)
    @guarded
    def open_file(self, opening: AlertOpening) -> None:
        """Watch a file in place of the one before."""
        if opening.number != self.wanted:
            return
        self._opening = opening
        self._machine = AlertMachine(self._settings.rules)
        self._machine.restore(self._log.open_of(opening.path))
        self._disk_at = self._news_at = float("-inf")
        self._last = None
        self._heard = set()
        self._listening.begin()
        self._due_at = time.monotonic() + FIRST_S
        self._set_timer()

    @Slot()
    @guarded
    def close_file(self) -> None:
        """Watch nothing."""
        self._opening = None
        self._timer.stop()

    @Slot(bool)
    @guarded
    def set_paused(self, paused: bool) -> None:
        """Stop to look because the person wants a pause, or look again."""
        self._paused = paused
        self._listening.begin()
        self._set_timer()

    @Slot(object)
    @guarded
    def set_settings(self, settings: AlertSettings) -> None:
        """Judge and tell by these from now on."""
        self._settings = settings
        events = self._machine.set_rules(settings.rules, self._listening.now())
        if self._opening is not None and (events or self._last is not None):  # else nothing was looked at yet
            self._tell(events, own_look=False)

    @Slot(object)
    @guarded
    def take_overview(self, overview: Overview) -> None:
        """Judge what the overview has read."""
        if not self._is_void():
            self._due_at = time.monotonic() + LOOK_S
            self._judge(overview, own_look=False)

    @Slot()
    @guarded
    def tell_log(self) -> None:
        """Tell the entries of the log."""
        self.log.emit(self._log.entries(MOST_SHOWN))

    @Slot()
    @guarded
    def forget_log(self) -> None:
        """Forget all entries that are over."""
        self._log.forget()
        self.tell_log()

    @Slot(object)
    @guarded
    def run_program(self, wish: ProgramWish) -> None:
        """Run a program that the person wants to try."""
        self._hook.run(wish)

    @Slot()
    @guarded
    def _on_timer_timeout(self) -> None:
        self._listening.look()
        if time.monotonic() >= self._due_at and not self._is_void():
            self._look()

    def _set_timer(self) -> None:
        if self._opening is None or self._paused:
            self._timer.stop()
        elif not self._timer.isActive():
            self._timer.start()

    def _is_void(self) -> bool:
        return self.stopping or self._paused or self._opening is None or self._opening.number != self.wanted

    # -- looking

    def _look(self) -> None:
        """Read what the rules need; where the file can't be read nothing is known, and nothing told."""
        assert self._opening is not None
        began, worked = time.monotonic(), time.thread_time()
        self.looks += 1
        try:
            with closing(QueueReader(self._opening.path, breath=self._breath)) as reader:
                self._reader = reader
                reader.open()
                overview = self._read(reader)
        except (ProblemError, OSError):
            overview = None  # the poll tells what ails the file
        finally:
            self._reader = None
        now = time.monotonic()
        work_s = LOOK_SHARE * (time.thread_time() - worked)
        self._due_at = now + max(LOOK_S, min(LATEST_S, work_s), LEAST_SHARE * (now - began))
        if overview is not None and not self._is_void():
            self._judge(overview, own_look=True)

    def _read(self, reader: QueueReader) -> Overview | None:
        found = OverviewReader(
            reader.connection, reader.layout(), signature=lambda _cell: "", clock=self._listening.now
        )  # fmt: skip
        for part in parts_of(self._settings.rules):
            for _ in found.steps(part):
                if self._is_void():
                    return None
        return found.overview()

    def _judge(self, overview: Overview, *, own_look: bool) -> None:
        assert self._opening is not None
        now = time.monotonic()
        if now - self._disk_at >= DISK_S:
            self._disk_at, self._disk = now, disk_facts(self._opening.path)
        hearing, at_utc = self._listening.look(), self._listening.now()
        figures = figures_of(overview, self._disk, hearing, self._settings.rules, at_utc, steady(), self._heard)
        self._tell(self._machine.take(figures), own_look=own_look)

    # -- telling

    def _tell(self, events: tuple[AlertEvent, ...], *, own_look: bool) -> None:
        """Write changes down, run the person's program for them, and tell the window of those nobody else told."""
        assert self._opening is not None
        told = []
        for event in events:
            entry = self._log.note(self._opening.path, event)
            if entry is not None:
                told.append(event)
                self._call(event, entry)
        now, raised = time.monotonic(), self._machine.raised()
        if told:
            self.tell_log()
        elif self._last is not None and self._last.raised == raised and now - self._news_at < NEWS_S:
            return
        self._news_at = now
        self._last = AlertNews(
            self._opening.number, self._opening.path, self._listening.now(), raised, tuple(told), own_look,
            self._log.trouble,
        )  # fmt: skip
        self.news.emit(self._last)

    def _call(self, event: AlertEvent, entry: int) -> None:
        settings = self._settings
        if not settings.hook or event.quiet or (not settings.hook_in_quiet and is_quiet_now(settings)):
            return
        assert self._opening is not None
        line = as_json(event, str(self._opening.path))
        wish = ProgramWish(settings.hook_program, settings.hook_arguments, settings.hook_timeout_s, line, entry)
        self._hook.run(wish)

    @guarded
    def _on_hook_ended(self, end: ProgramEnd) -> None:
        if end.wish.entry:
            self._log.note_program(end.wish.entry, end.text)
            self.tell_log()
        self.program_ended.emit(end)


def is_quiet_now(settings: AlertSettings) -> bool:
    """Whether it is a quiet hour by the clock on the wall."""
    local = time.localtime()
    return settings.is_quiet(local.tm_hour * 60 + local.tm_min)
