"""The frozen records of looking after a file: what is wanted, what will be, what was done.

They speak of a file as a whole; tasks have records of their own in :mod:`prismq_gui.operations.messages`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from prismq_gui.insight.problems import Problem
from prismq_gui.operations.database_kinds import CareKind as CareKind  # noqa: PLC0414 - the one definition, handed on
from prismq_gui.queue.transitions import TERMINAL

Lines = tuple[tuple[str, str], ...]  # what, and its figure


@dataclass(frozen=True, slots=True)
class CareWish:
    """What a person wants to be done to a file.

    Attributes:
        read_only: The window must not write the file.
        source: The backup to verify or to restore.
        target: The backup to make; None: a name with the time in ``folder``, which the plan chooses.
        folder: Where backups of the file lie.
        backup_first: Of a retention: make a backup before.
        older_than_days: Of a retention: tasks that ended longer ago.
        statuses: Of a retention: which finished tasks.
    """

    kind: CareKind
    path: Path
    read_only: bool = False
    source: Path | None = None
    target: Path | None = None
    folder: Path | None = None
    backup_first: bool = True
    older_than_days: int = 30
    statuses: tuple[str, ...] = field(default=(TERMINAL[0],))


@dataclass(frozen=True, slots=True)
class CarePlan:
    """What will be done, found out by reading alone.

    Attributes:
        warnings: What is to be known before.
        facts: Labelled figures.
        refusal: Why it isn't done at all.
        nothing: There is nothing to do.
        count: How many tasks it changes; 0 where it is about the file.
        name_to_type: What the person must type before it is done; '' for nothing.
    """

    wish: CareWish
    sentence: str
    warnings: tuple[str, ...] = ()
    facts: Lines = ()
    refusal: Problem | None = None
    nothing: bool = False
    count: int = 0
    name_to_type: str = ""


@dataclass(frozen=True, slots=True)
class CareReport:
    """What was done, and what was not.

    Attributes:
        undone: What was not done, in sentences of its own; empty where all was.
        findings: What a check found, as plain texts; ``cut`` where there are more.
        advice: What to do about it.
        made: The backup that was made, or the file that holds the old content.
        verified: A backup was found whole.
        left_running: Tasks that were running when a restored backup was made.
        problem: Why it ended before its end.
    """

    wish: CareWish
    sentence: str
    facts: Lines = ()
    undone: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    cut: bool = False
    advice: str = ""
    made: Path | None = None
    verified: bool = False
    left_running: int = 0
    stopped: bool = False
    problem: Problem | None = None
    elapsed_s: float = 0.0

    @property
    def is_well(self) -> bool:
        """Whether it came to its end, did all and found nothing."""
        return not (self.problem or self.stopped or self.findings or self.undone)
