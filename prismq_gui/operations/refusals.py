"""Why a file is not written: the refusals that plans and the writing connection share.

Owns their words and the look for foreign triggers; opens nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from prismq_gui.insight.connection import Row
from prismq_gui.insight.problems import Problem, ProblemKind
from prismq_gui.operations.wording import plain

FOREIGN_TRIGGERS = (
    "SELECT name FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) IN ('task_queue', 'task_logs') "
    "ORDER BY name LIMIT 1"
)
"""Finds a trigger of another program on the tables that operations change."""


def triggers_refusal(rows: Sequence[Row], path: Path) -> Problem | None:
    """Return the refusal for what :data:`FOREIGN_TRIGGERS` found, None where it found nothing."""
    if not rows:
        return None
    return Problem(
        ProblemKind.REFUSED,
        f"The trigger “{plain(rows[0][0])}” of another program would run at every change",
        str(path),
        "Nothing was changed.",
        "Remove the trigger with the program that made it, or make the change with that program.",
        "SQLITE_AUTH",
    )


def no_log_index_refusal(path: Path) -> Problem:
    """Return the refusal to delete where log lines cannot be found by their task."""
    return Problem(
        ProblemKind.REFUSED,
        "The file has no index of its log lines by task: each deletion would read all of them while the workers wait",
        str(path),
        "Nothing was changed.",
        "Make the index ix_logs_task first (the health check offers it).",
    )


def read_only_refusal(path: Path, reason: str) -> Problem:
    """Return the refusal for a file that must not or cannot be written."""
    return Problem(ProblemKind.READ_ONLY, reason.rstrip("."), str(path), "Nothing was changed.", "")


def access_refusal(path: Path) -> Problem | None:
    """Return the refusal where this account may not write the file, None where it seems to be allowed to."""
    if os.access(path, os.W_OK):
        return None
    return Problem(
        ProblemKind.READ_ONLY,
        "The file is write-protected for this account",
        str(path),
        "Nothing was changed.",
        "Remove the write protection, or act under the account of the workers.",
        "SQLITE_READONLY",
    )


def busy_problem(path: Path, waited_s: float) -> Problem:
    """Return the problem for a write lock that others held past the deadline."""
    return Problem(
        ProblemKind.BUSY,
        "Busy, not done",
        str(path),
        "Nothing was changed.",
        f"Try again: other programs held the file for {waited_s:.0f} s.",
        "SQLITE_BUSY",
    )
