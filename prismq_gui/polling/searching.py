"""The search thread: one search over everything at a time, in short steps, its hits with the time of their rows.

Owns the reader of that thread and the records that cross. A search that finds very many rows waits at a bounded number
until the person goes on. Must not know how hits are shown.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal, Slot

from prismq_gui.insight.breath import Breath
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.search_scan import ALL_KINDS, Hit, SearchKind
from prismq_gui.polling.threads import Worker, guarded

if TYPE_CHECKING:
    from prismq_gui.insight.search import HitChunk

TELL_EVERY_S = 0.05
ROWS_AT_ONCE = 256
PAUSE_AT = 10_000  # hits: more than anyone reads, few enough to be held and painted
_SLICE_S = 0.02  # of steps between two looks at the thread's other wishes


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """Look for a text. ``number`` grows with each request; answers to older ones are void."""

    number: int
    path: Path
    text: str
    kinds: tuple[SearchKind, ...] = ALL_KINDS
    index_folder: Path | None = None


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A hit with the time of its row (a task's creation, a line's writing) and the line's task."""

    hit: Hit
    at_utc: Cell = None
    task_id: Cell = None


@dataclass(frozen=True, slots=True)
class SearchStep:
    """What a search found since it last told. ``late`` rows belong among older ones; see :class:`HitChunk`.

    ``waits``: so many hits were found that it goes on only when asked to.
    """

    number: int
    rows: tuple[FoundRow, ...] = ()
    late: tuple[FoundRow, ...] = ()
    progress: float = 0.0
    done: bool = False
    was_stopped: bool = False
    waits: bool = False


@dataclass(frozen=True, slots=True)
class SearchFailed:
    """A search that ended by an error; what it had found stays true."""

    number: int
    problem: Problem


class Searcher(Worker):
    """Lives in the search thread. ``stepped`` carries SearchStep, ``failed`` SearchFailed."""

    stepped = Signal(object)
    failed = Signal(object)

    def __init__(self, breath: Breath | None = None, pause_at: int = PAUSE_AT) -> None:
        super().__init__()
        # Written in the window's thread: the newest request, and the last one that is to end.
        self.newest = 0
        self.stop_up_to = 0
        self._breath = breath
        self._pause_at = pause_at
        self._request: SearchRequest | None = None
        self._reader: QueueReader | None = None
        self._steps: Generator[HitChunk, None, None] | None = None
        self._rows: list[FoundRow] = []
        self._late: list[FoundRow] = []
        self._since_pause = 0
        self._progress = 0.0
        self._told_at = 0.0
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._on_timer_timeout)

    # -- from outside

    def interrupt(self) -> None:
        """End the running statement; callable from any thread."""
        reader = self._reader
        if reader is not None:
            reader.interrupt()

    def tell_failure(self, problem: Problem) -> None:
        """Tell that the search ended by an error that nothing expected."""
        number = self._request.number if self._request is not None else self.newest
        self._end()
        self.failed.emit(SearchFailed(number, problem))

    def close(self) -> None:
        """End the search and close the file; in the search thread."""
        self._end()

    # -- slots

    @Slot(object)
    @guarded
    def start(self, request: SearchRequest) -> None:
        """Begin a search in place of the one before."""
        self._end()
        if request.number != self.newest:
            return
        from prismq_gui.insight.search import search  # noqa: PLC0415 - of no use at the window's start

        self._request = request
        self._since_pause, self._progress, self._told_at = 0, 0.0, 0.0
        reader = QueueReader(request.path, breath=self._breath)
        self._reader = reader
        reader.open()
        self._steps = reader.ask(
            lambda connection, layout: search(
                connection,
                layout,
                request.text,
                request.kinds,
                index_folder=request.index_folder,
                should_stop=lambda: self._is_over(request),
            )
        )
        self._timer.start()

    @Slot(object)
    @guarded
    def go_on(self, number: object) -> None:
        """Look for more than there were when it paused."""
        if self._request is not None and self._request.number == number and self._steps is not None:
            self._since_pause = 0
            self._timer.start()

    @Slot()
    @guarded
    def end(self) -> None:
        """End whatever search there is, and close the file."""
        if self._request is None or self._is_over(self._request):
            self._tell_stopped()
            self._end()

    @Slot()
    @guarded
    def _on_timer_timeout(self) -> None:
        until = time.monotonic() + _SLICE_S
        try:
            while self._steps is not None and self._step(self._steps):
                if time.monotonic() >= until:
                    self._timer.start()
                    return
        except ProblemError as error:
            if error.problem.kind is not ProblemKind.INTERRUPTED:
                raise
            self._tell_stopped()
            self._end()

    # -- inside

    def _is_over(self, request: SearchRequest) -> bool:
        return self.stopping or request.number != self.newest or request.number <= self.stop_up_to

    def _step(self, steps: Generator[HitChunk, None, None]) -> bool:
        """Take one step; return whether another one is due."""
        assert self._request is not None
        chunk = next(steps)
        (self._late if chunk.is_late else self._rows).extend(self._found(chunk.hits))
        self._since_pause += len(chunk.hits)
        self._progress = chunk.progress
        waits = not chunk.done and self._since_pause >= self._pause_at
        if chunk.done or waits or time.monotonic() - self._told_at >= TELL_EVERY_S:
            self._tell(done=chunk.done, was_stopped=chunk.was_stopped, waits=waits)
        if chunk.done:
            self._end()
        return not chunk.done and not waits

    def _found(self, hits: tuple[Hit, ...]) -> list[FoundRow]:
        assert self._reader is not None
        rows: list[FoundRow] = []
        for start in range(0, len(hits), ROWS_AT_ONCE):
            part = hits[start : start + ROWS_AT_ONCE]
            tasks = self._reader.task_rows([hit.id for hit in part if hit.kind is SearchKind.TASKS])
            lines = self._reader.log_rows([hit.id for hit in part if hit.kind is SearchKind.LOGS])
            for hit in part:
                if hit.kind is SearchKind.TASKS:
                    task = tasks.get(hit.id)
                    rows.append(FoundRow(hit, task.created_at_utc if task else None, hit.id))
                else:
                    line = lines.get(hit.id)
                    rows.append(FoundRow(hit, line.at_utc if line else None, line.task_id if line else None))
        return rows

    def _tell(self, *, done: bool = False, was_stopped: bool = False, waits: bool = False) -> None:
        assert self._request is not None
        rows, late = tuple(self._rows), tuple(self._late)
        self._rows, self._late = [], []
        self._told_at = time.monotonic()
        self.stepped.emit(
            SearchStep(
                self._request.number, rows, late, self._progress, done=done, was_stopped=was_stopped, waits=waits
            )
        )

    def _tell_stopped(self) -> None:
        if self._request is not None and self._steps is not None:
            self._tell(done=True, was_stopped=True)

    def _end(self) -> None:
        self._timer.stop()
        steps, self._steps = self._steps, None
        reader, self._reader = self._reader, None
        self._request = None
        self._rows, self._late = [], []
        if steps is not None:
            steps.close()
        if reader is not None:
            reader.close()
