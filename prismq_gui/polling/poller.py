"""Watching a file: is it there, has it changed, what are its figures; as cheap as the file allows.

Owns the reader of the poll thread, the state of the connection and the epoch. Must not read rows.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from PySide6.QtCore import QTimer, Signal, Slot

from prismq_gui.insight.before_opening import cautions
from prismq_gui.insight.breath import Breath
from prismq_gui.insight.messages import Change, FileFacts
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.polling.budget import MIN_INTERVAL_S, rest_s
from prismq_gui.polling.figures import Figures
from prismq_gui.polling.known import Known, read_known_values
from prismq_gui.polling.latest import Latest
from prismq_gui.polling.listening import LOOK_MS, Listening
from prismq_gui.polling.messages import Cautioned, Link, LinkState, OpenRequest, Snapshot
from prismq_gui.polling.threads import Worker, guarded

RETRY_S = 1.0
REOPEN_AFTER = 3  # failures in a row, before the connection itself is made anew
_BUSY_KINDS = frozenset({ProblemKind.BUSY, ProblemKind.LOCKED, ProblemKind.TOO_SLOW})
_GONE_KINDS = frozenset({ProblemKind.NOT_FOUND, ProblemKind.MISSING})
# What may pass by itself while a file that was never open is waited for.
_PASSING_KINDS = _BUSY_KINDS | _GONE_KINDS | {ProblemKind.EMPTY}


@dataclass(frozen=True, slots=True)
class Opening:
    """One wish to open a file; ``number`` tells it from older ones."""

    number: int
    request: OpenRequest


@dataclass(frozen=True, slots=True)
class Opened:
    """A file is open, for the first time or anew because it was replaced; ``number`` as in Opening."""

    number: int
    epoch: int
    facts: FileFacts


class Poller(Worker):
    """Lives in the poll thread. ``opened`` carries Opened, ``link`` Link, ``snapshot`` Snapshot, ``known`` Known."""

    opened = Signal(object)
    link = Signal(object)
    snapshot = Signal(object)
    cautioned = Signal(object)  # Cautioned
    known = Signal(object)

    def __init__(self, latest: Latest, breath: Breath, listening: Listening | None = None) -> None:
        super().__init__()
        self._listening = listening or Listening()
        self._listen_timer = QTimer(self, interval=LOOK_MS)  # goes on in a pause: what is slept through then counts
        self._listen_timer.timeout.connect(self._on_listen_timer_timeout)
        self._breath = breath
        self._latest = latest
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._on_timer_timeout)
        self._opening: Opening | None = None
        self._reader: QueueReader | None = None
        self._was_open = False
        self._paused = False
        self._epoch = 0
        self._failures = 0
        self._last_link: Link | None = None
        self._last_snapshot: Snapshot | None = None
        self._figures = Figures()
        self._known_of: tuple[int, int] | None = None  # epoch and data generation of the values last told

    # -- from outside

    def interrupt(self) -> None:
        """End the running statement; callable from any thread."""
        reader = self._reader
        if reader is not None:
            reader.interrupt()

    def tell_failure(self, problem: Problem) -> None:
        """Show an error that nothing expected, and go on."""
        self._fail(problem)

    def close(self) -> None:
        """Close the file; in the poll thread."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    # -- slots

    @Slot(object)
    @guarded
    def open_file(self, opening: Opening) -> None:
        """Open a file in place of the one before."""
        if opening.number != self._latest.opening:
            return
        self._forget()
        self._opening = opening
        self._listening.begin()
        self._listen_timer.start()
        self._epoch += 1
        self._tell(LinkState.OPENING)
        # Here, not in the window's thread: a path on a dead share answers after many seconds.
        found = () if opening.request.confirmed else cautions(opening.request.path)
        if any(each.must_confirm for each in found):
            self._opening = None
            if opening.number == self._latest.opening:
                self.cautioned.emit(Cautioned(opening.number, opening.request, found))
            return
        self._open()

    @Slot()
    @guarded
    def close_file(self) -> None:
        """Close the file and watch nothing."""
        self._forget()
        self._tell(LinkState.CLOSED)

    @Slot(bool)
    @guarded
    def set_paused(self, paused: bool) -> None:
        """Stop looking at the file, or look at it again."""
        self._paused = paused
        if self._opening is None:
            return
        if paused:
            self._timer.stop()
            self._tell(LinkState.PAUSED)
        else:
            self._poll()

    @Slot()
    @guarded
    def poll_now(self) -> None:
        """Read everything anew, whatever it costs: the person asked for it, or an operation changed the file."""
        if self._opening is not None:
            self._figures.forgive()
            self._poll()

    @Slot()
    @guarded
    def read_known(self) -> None:
        """Tell which values occur in the file, for a filter that is being typed; not again before it changes."""
        if self._reader is None or self._is_void():
            return
        snapshot = self._figures.snapshot(self._epoch)
        if self._known_of == (self._epoch, snapshot.data_generation):
            return
        try:
            values = read_known_values(self._reader, snapshot)
        except ProblemError:
            return  # without them only names are offered; what ails the file, the next look at it tells
        self._known_of = (self._epoch, snapshot.data_generation)
        self.known.emit(Known(self._epoch, values))

    @Slot()
    @guarded
    def _on_timer_timeout(self) -> None:
        self._poll()

    @Slot()
    @guarded
    def _on_listen_timer_timeout(self) -> None:
        self._listening.look()

    # -- opening

    def _forget(self) -> None:
        self._timer.stop()
        self._listen_timer.stop()
        self.close()
        self._opening = None
        self._was_open = False
        self._failures = 0
        self._last_snapshot = None
        self._figures = Figures()

    def _is_void(self) -> bool:
        """Whether the window has asked for something else meanwhile, or for nothing any more."""
        return self.stopping or self._opening is None or self._opening.number != self._latest.opening

    def _open(self) -> None:
        assert self._opening is not None
        self.close()
        self._reader = QueueReader(self._opening.request.path, breath=self._breath)
        try:
            facts = self._read_only(self._reader.open())
        except ProblemError as error:
            self.close()
            self._fail(error.problem)
            return
        reopened = self._was_open
        if reopened:
            self._epoch += 1
        self._was_open = True
        self._figures = Figures()
        self._figures.facts = facts
        self._last_snapshot = None
        self.opened.emit(Opened(self._opening.number, self._epoch, facts))
        if not self._paused:
            self._tell(LinkState.LIVE, reopened=reopened)
        self._read(self._reader, Change.CHANGED)
        if self._paused:
            self._timer.stop()
            self._tell(LinkState.PAUSED)

    def _read_only(self, facts: FileFacts) -> FileFacts:
        assert self._opening is not None
        if self._opening.request.read_only and not facts.write_refusal:
            return replace(facts, write_refusal="The file was opened read-only in this window.")
        return facts

    # -- polling

    def _poll(self) -> None:
        if self._is_void():
            return
        if self._reader is None:
            self._open()
            return
        started = time.monotonic()
        try:
            change = self._reader.check()
        except ProblemError as error:
            self._fail(error.problem)
            return
        if change is Change.MISSING:
            self._miss(time.monotonic() - started)
        elif change is Change.REPLACED:
            self._open()
        else:
            self._read(self._reader, change)

    def _miss(self, cost_s: float) -> None:
        assert self._opening is not None
        path = str(self._opening.request.path)
        problem = Problem(
            ProblemKind.MISSING, "The file is gone", path, "It was not created anew.", "It is looked for by itself."
        )
        self._tell(LinkState.MISSING, problem)
        self._again_in(rest_s(cost_s))

    def _read(self, reader: QueueReader, change: Change) -> None:
        started = time.monotonic()
        figures = self._figures
        try:
            figures.look(reader, change, started, self._read_only)
            cost_s = time.monotonic() - started
            problem = figures.work(reader, self._is_void)
        except ProblemError as error:
            self._fail(error.problem)
            return
        if self._is_void():
            return
        self._failures = 0
        if problem is None:
            self._tell(LinkState.PAUSED if self._paused else LinkState.LIVE)
        else:
            self._tell(_state_of(problem), problem)
        snapshot = figures.snapshot(self._epoch)
        if snapshot != self._last_snapshot:
            self._last_snapshot = snapshot
            self.snapshot.emit(snapshot)
        self._again_in(0.0 if figures.has_new_work and problem is None else rest_s(cost_s))

    def _fail(self, problem: Problem) -> None:
        """Show what was read before, with the reason why it is old, and try again where that may help."""
        if self._is_void():
            return
        if problem.kind is ProblemKind.INTERRUPTED:
            self._again_in(MIN_INTERVAL_S)
            return
        self._failures += 1
        state = _state_of(problem)
        if self._was_open and problem.kind in _GONE_KINDS:
            state = LinkState.MISSING
        self._tell(state, problem)
        if state is LinkState.BROKEN and self._failures >= REOPEN_AFTER:
            self.close()
        if self._was_open or problem.kind in _PASSING_KINDS:
            self._again_in(RETRY_S)

    def _again_in(self, seconds: float) -> None:
        if not self._paused:
            self._timer.start(round(seconds * 1000))

    def _tell(self, state: LinkState, problem: Problem | None = None, *, reopened: bool = False) -> None:
        link = Link(state, self._epoch, problem, reopened)
        if replace(link, reopened=False) != self._last_link:
            self._last_link = replace(link, reopened=False)
            self.link.emit(link)


def _state_of(problem: Problem) -> LinkState:
    if problem.kind in _BUSY_KINDS:
        return LinkState.BUSY
    return LinkState.BROKEN
