"""The records of an export: what is wanted, how far it is, what was written. Owns words alone, reads nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from prismq_gui.insight.filters import LogFilter, TaskFilter, TaskOrder
from prismq_gui.insight.messages import IdSpan
from prismq_gui.insight.problems import Problem


class ExportFormat(Enum):
    """What is written; the value is the ending of the file's name and the word on the command line."""

    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"
    SQLITE = "sqlite"


ENDINGS = {
    ".csv": ExportFormat.CSV,
    ".json": ExportFormat.JSON,
    ".ndjson": ExportFormat.NDJSON,
    ".jsonl": ExportFormat.NDJSON,
    ".sqlite": ExportFormat.SQLITE,
    ".db": ExportFormat.SQLITE,
}


def format_of(target: Path) -> ExportFormat | None:
    """Return the format that a file's name asks for, None where it doesn't say."""
    return ENDINGS.get(target.suffix.lower())


@dataclass(frozen=True, slots=True)
class ExportWish:
    """Which rows go into which file. ``wanted`` says by its kind whether they are tasks or log lines.

    ``order`` is of tasks; log lines come in the order in which they were written. ``ids``: these rows, in this order,
    in place of what the filter would choose. ``overwrite``: the person agreed that a file of this name goes.
    """

    wanted: TaskFilter | LogFilter
    target: Path
    format: ExportFormat
    order: TaskOrder = field(default_factory=TaskOrder)
    overwrite: bool = False
    ids: IdSpan | None = None

    @property
    def is_tasks(self) -> bool:
        """Whether tasks are exported, not log lines."""
        return isinstance(self.wanted, TaskFilter)


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How far it is: so many rows are written; ``fraction`` of the queue is looked through."""

    rows: int
    fraction: float


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What became of an export. Where it was stopped or failed there is no new file, and an old one stays.

    ``cut``: the first 20 tasks of which a value was too long, and how many there are; such values are in the file up
    to 64 KiB. ``gone``: rows that were deleted meanwhile. ``refused``: rows that an SQLite file would not take.
    """

    target: Path
    rows: int = 0
    lines: int = 0
    size_bytes: int = 0
    gone: int = 0
    refused: int = 0
    cut: tuple[int, ...] = ()
    cut_count: int = 0
    without_logs: bool = False
    stopped: bool = False
    elapsed_s: float = 0.0
    problem: Problem | None = None

    @property
    def sentence(self) -> str:
        """What was done, in plain words."""
        if self.problem is not None:
            return self.problem.sentence()
        if self.stopped:
            return f"Stopped after {self.rows:,} rows: no file was written."
        parts = [f"{self.rows:,} {'row was' if self.rows == 1 else 'rows were'} written to {self.target}"]
        if self.lines:
            parts.append(f"with {self.lines:,} {'row' if self.lines == 1 else 'rows'} that belong to them")
        if self.gone:
            parts.append(f"{self.gone:,} were deleted meanwhile")
        if self.refused:
            parts.append(f"{self.refused:,} of all these were left out, since they break the rules of the table")
        if self.cut_count:
            parts.append(f"of {self.cut_count:,} only the beginning of a very long value is there")
        if self.without_logs:
            parts.append("their log lines are not there, since the file has no index to find them by")
        return "; ".join(parts) + "."
