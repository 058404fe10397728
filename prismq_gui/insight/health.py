"""The health check of a queue: what is wrong with it, each thing with its count, a sample and what mends it.

Owns the order of the looks and the budget of the long ones. All of them only read, in short statements; the check may
be left after any step and gone on with. Damage of the file is looked for by :mod:`prismq_gui.queue.checking`. Must not
mend anything: that is :mod:`prismq_gui.operations.mending`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prismq_gui.insight.health_file import file_findings, page_findings
from prismq_gui.insight.health_records import Finding, Severity, Step, by_severity, is_healthy
from prismq_gui.insight.health_schema import schema_findings
from prismq_gui.insight.health_tasks import log_findings, log_flags, row_findings, status_findings, task_flags
from prismq_gui.insight.health_texts import finding
from prismq_gui.insight.health_walk import Flags, FlagWalk, Tally
from prismq_gui.insight.health_workers import EXPIRED_GRACE, lease_findings, worker_findings
from prismq_gui.insight.hearing import PLAIN, Hearing
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.queue.timestamps import now_utc

__all__ = ["BUDGET_S", "EXPIRED_GRACE", "Finding", "HealthCheck", "Severity", "Step", "by_severity", "is_healthy"]

BUDGET_S = 60.0  # of reading a table; about ten million tasks with payloads of 300 bytes
_ENDS = (ProblemKind.BUSY, ProblemKind.LOCKED, ProblemKind.INTERRUPTED, ProblemKind.MISSING)
_SHORT = ("file", "schema", "pages", "leases", "workers", "statuses")


class HealthCheck:
    """One check of one file; made and used in the thread of its reader.

    What has been found by now can be asked for at any time; the last step is the whole.
    """

    def __init__(
        self,
        reader: QueueReader,
        *,
        now: datetime | None = None,
        hearing: Hearing = PLAIN,
        limits: Thresholds | None = None,
        budget_s: float | None = BUDGET_S,
    ) -> None:
        """Take what to judge by; reads nothing yet.

        Args:
            reader: An open one.
            now: Naive UTC.
            hearing: How the silence of workers is judged.
            limits: When the WAL is large.
            budget_s: For how long all tasks, and then all log lines, are read at most; None: to their end.
        """
        self._reader = reader
        self._now = now or now_utc()
        self._hearing = hearing
        self._limits = limits or Thresholds()
        self._budget_s = budget_s
        self._found: list[Finding] = []
        self._walks: list[tuple[FlagWalk, Callable[[Tally], Iterable[Finding]]]] = []
        self.done = False

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What has been found by now, the worst first."""
        walked = [each for walk, told in self._walks for each in told(walk.tally)]
        found = [*self._found, *walked, *self._untold()]
        return by_severity(found)

    def steps(self) -> Iterator[Step]:
        """Look, and yield after each short statement or few; left early, what was found by then stays.

        Raises:
            ProblemError: BUSY, LOCKED, INTERRUPTED or MISSING. Any other failure of a look is a finding itself.
        """
        for number, name in enumerate(_SHORT):
            self._look(name)
            yield Step(name, number / (len(_SHORT) * 10))
        layout = self._reader.layout()
        yield from self._walk("tasks", task_flags(layout, self._now), row_findings, 0.1, 0.6)
        if layout.logs:
            yield from self._walk("log lines", log_flags(layout), log_findings, 0.7, 0.3)
        self.done = True
        yield Step("", 1.0)

    def _look(self, name: str) -> None:
        try:
            self._found += self._short_look(name)
        except ProblemError as error:
            self._note(name, error.problem)

    def _short_look(self, name: str) -> Iterable[Finding]:
        connection, layout = self._reader.connection, self._reader.layout()
        if name == "file":
            return list(file_findings(self._reader.facts(), layout, self._limits))
        if name == "schema":
            return list(schema_findings(connection, layout))
        if name == "pages":
            return list(page_findings(connection))
        if name == "leases":
            return list(lease_findings(connection, layout, self._now, self._hearing))
        if name == "workers":
            return list(worker_findings(connection, layout, self._now, self._hearing))
        return list(status_findings(connection, layout))

    def _walk(
        self, name: str, flags: Flags, told: Callable[[Tally], Iterable[Finding]], begin: float, part: float
    ) -> Iterator[Step]:
        walk = FlagWalk(self._reader.connection, flags, self._budget_s)
        self._walks.append((walk, told))
        try:
            for share in walk.steps():
                yield Step(name, begin + part * share)
        except ProblemError as error:
            self._note(name, error.problem)

    def _note(self, name: str, problem: Problem) -> None:
        """Make a look that failed a finding.

        Raises:
            ProblemError: The whole check must end.
        """
        if problem.kind in _ENDS:
            raise ProblemError(problem)
        what = f"The {name} could not be looked at: {problem.what}."
        self._found.append(Finding(f"{name.replace(' ', '-')}-unread", Severity.FAULT, what, problem.advice))

    def _untold(self) -> Iterator[Finding]:
        """Yield what was not looked at, since the budget was spent or the check was left."""
        parts = [
            f"the newest {walk.tally.looked_at:,} {name} (down to number {walk.tally.lowest:,})"
            for (walk, _told), name in zip(self._walks, ("tasks", "log lines"), strict=False)
            if not walk.tally.whole and walk.tally.lowest is not None
        ]
        if parts:
            yield finding("part-checked", f"Only {' and '.join(parts)} were looked at.")
