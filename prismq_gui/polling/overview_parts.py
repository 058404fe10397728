"""The parts of an overview as jobs: each read in steps, as often as its cost and its meaning allow.

Owns when a part is read again. Reading itself is :class:`~prismq_gui.insight.overview.OverviewReader`'s.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prismq_gui.insight.overview import OverviewReader, Part
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.polling.budget import Budget

SLICE_S = 0.02  # of reading on end; the next slice comes with the next tick
# While the file changes a part is read no sooner; while it doesn't, no later: windows and leases move with the clock.
LEAST_S: Mapping[Part, float] = {Part.FAILURES: 2.0, Part.FINISHED: 2.0, Part.FLOWS: 10.0}
MOST_S: Mapping[Part, float] = {Part.FAILURES: 30.0, Part.FINISHED: 30.0, Part.FLOWS: 60.0}
_LEAST_S, _MOST_S = 1.0, 5.0


@dataclass(slots=True)
class _UnderWay:
    part: Part
    steps: Iterator[None]
    generation: int
    cost_s: float = 0.0


class OverviewParts:
    """The jobs of one open file. Used in the overview's thread.

    The past is rebuilt once, as soon as the unfinished tasks are counted, and again after :meth:`rebuild_past`.
    """

    def __init__(self, overview: OverviewReader, parts: tuple[Part, ...]) -> None:
        self._overview = overview
        self._parts = parts
        self._budget = Budget()
        self._read: dict[Part, tuple[int, float]] = {}  # the generation it saw, and when it ended
        self._whole: set[Part] = set()  # those whose last reading did not fail
        self._under_way: _UnderWay | None = None

    def forgive(self) -> None:
        """Let everything but the past be read anew at once."""
        self._budget.forgive()
        for part in set(self._read) - {Part.PAST}:
            del self._read[part]
        self._whole.clear()

    def rebuild_past(self) -> None:
        """Look again whether the past has holes that can be filled."""
        self._read.pop(Part.PAST, None)

    @property
    def is_rebuilding(self) -> bool:
        """Whether the past is being read."""
        return self._under_way is not None and self._under_way.part is Part.PAST

    @property
    def awaits_past(self) -> bool:
        """Whether the past was not looked at yet: what is not known of it may only not be read."""
        return Part.PAST in self._parts and Part.PAST not in self._read

    @property
    def has_new(self) -> bool:
        """Whether a part that the eye waits for was never read."""
        return any(self._budget.is_new(part) for part in self._parts if part is not Part.PAST)

    def work(self, generation: int, can_rebuild: bool, is_void: Callable[[], bool]) -> Problem | None:
        """Read for one slice; return what kept a part from being read.

        Raises:
            ProblemError: The file itself cannot be read.
        """
        started = now = time.monotonic()
        failed: Problem | None = None
        while now - started < SLICE_S and not is_void():
            running = self._next(generation, can_rebuild, now)
            if running is None:
                break
            began = now
            try:
                is_done = next(running.steps, self) is self
                self._whole.add(running.part)
            except ProblemError as error:
                self._under_way = None
                self._whole.discard(running.part)
                if error.problem.kind is not ProblemKind.TOO_SLOW:
                    raise
                failed, is_done = error.problem, True
            now = time.monotonic()
            running.cost_s += now - began
            if is_done:
                self._under_way = None
                self._read[running.part] = (running.generation, now)
                self._budget.spent(running.part, now, running.cost_s)
        return failed

    def _next(self, generation: int, can_rebuild: bool, now: float) -> _UnderWay | None:
        if self._under_way is None:
            wanted = [part for part in self._parts if self._is_wanted(part, generation, can_rebuild, now)]
            due = self._budget.due(wanted, now)
            if due:
                part = Part(due[0])
                is_unchanged = part in self._whole and self._read.get(part, (0, 0.0))[0] == generation
                steps = self._overview.steps(part, is_unchanged=is_unchanged)
                self._under_way = _UnderWay(part, steps, generation)
        return self._under_way

    def _is_wanted(self, part: Part, generation: int, can_rebuild: bool, now: float) -> bool:
        if part is Part.PAST and not can_rebuild:
            return False
        if part not in self._read:
            return True
        seen, ended = self._read[part]
        if part is Part.PAST:
            return False
        age_s = now - ended
        return age_s >= (LEAST_S.get(part, _LEAST_S) if seen != generation else MOST_S.get(part, _MOST_S))
