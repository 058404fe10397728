"""Which rows a finding is about, as SQL conditions that the look and the mending share.

Owns the conditions alone; nothing here reads or writes. Columns are names of ours, never data.
"""

from __future__ import annotations

from prismq_gui.queue.claim_sql import ATTEMPTS, MAX_ATTEMPTS
from prismq_gui.queue.timestamps import sql_normalised
from prismq_gui.queue.transitions import RUNNING, TERMINAL, Status

TIME_COLUMNS = (
    "run_after_utc", "lease_until_utc", "reserved_at_utc", "processing_started_utc", "finished_at_utc",
    "created_at_utc", "updated_at_utc",
)  # fmt: skip
NO_EARLIER = frozenset({"run_after_utc", "lease_until_utc"})
"""Moments that must not come early: written in whole seconds they are rounded up, all others down."""

QUEUED = f"status = '{Status.QUEUED.value}'"
IS_RUNNING = "status IN ({})".format(", ".join(f"'{each}'" for each in RUNNING))
IS_OVER = "status IN ({})".format(", ".join(f"'{each}'" for each in TERMINAL))

FINISHED_NAMES_WORKER = f"{IS_OVER} AND locked_by IS NOT NULL"
NEVER_PROCESSING = f"status = '{Status.LEASED.value}' AND processing_started_utc IS NOT NULL"
ATTEMPTS_USED_UP = f"{QUEUED} AND {ATTEMPTS} >= max(1, {MAX_ATTEMPTS})"
LOG_ORPHAN = "NOT EXISTS (SELECT 1 FROM task_queue AS owner WHERE owner.id = task_logs.task_id)"

_MANY = 2**32


def _is_usual(column: str) -> str:
    """Whole seconds as most programs write them, or NULL: one call a cell, 0.2 µs.

    The plus keeps SQLite from trying each time whether the text is a number, as the column's type asks it to.
    """
    return f"datetime({column}, '+0 days') IS +{column}"


def _is_abroad(column: str) -> str:
    return f"({column} LIKE '____-__-__T%' OR substr({column}, 17) GLOB '*[Zz+-]*')"


def _is_readable(column: str) -> str:
    """Whether :func:`~prismq_gui.queue.timestamps.parse_utc` reads the cell; what sorts it is not so strict."""
    return (
        f"(julianday(replace(({sql_normalised(column)}), ',', '.')) IS NOT NULL "
        f"AND {column} NOT GLOB '*[.,]{'[0-9]' * 10}*' AND +{column} >= '0002')"
    )


def is_abroad(column: str) -> str:
    """Return a condition: the cell is a readable time in the ISO form, or one with a Z or an offset."""
    return (
        f"CASE WHEN {_is_usual(column)} THEN 0 WHEN NOT {_is_abroad(column)} THEN 0 "
        f"ELSE coalesce({_is_readable(column)}, 0) END"
    )


def is_unreadable(column: str) -> str:
    """Return a condition: the cell is there and no time that can be read."""
    return f"CASE WHEN {_is_usual(column)} THEN 0 ELSE NOT coalesce({_is_readable(column)}, 0) END"


def form(column: str) -> str:
    """Return what to sum up for both counts at once: 1 for a time abroad, :data:`_MANY` for one that is unreadable."""
    return (
        f"CASE WHEN {_is_usual(column)} THEN 0 WHEN NOT coalesce({_is_readable(column)}, 0) THEN {_MANY} "
        f"WHEN {_is_abroad(column)} THEN 1 ELSE 0 END"
    )


def both(total: int) -> tuple[int, int]:
    """Return how many are abroad and how many unreadable, of a sum of :func:`form`."""
    return total % _MANY, total // _MANY


def is_json(column: str) -> str:
    """Return a condition: the cell is text that SQLite reads as JSON."""
    return f"CASE WHEN typeof({column}) = 'text' THEN json_valid({column}) ELSE 0 END"


def is_after(column: str, moment: str) -> str:
    """Return a condition: the cell is later than a parameter in the written form."""
    return f"(+{column} > {moment} AND coalesce({sql_normalised(column)} > {moment}, 0))"


def runs_backwards(start: str, end: str) -> str:
    """Return a condition: a task ended in an earlier second than it began.

    The text is asked first. What that misses is a start with a space and an earlier end with a T on the same day.
    """
    first, last = (f"substr({sql_normalised(column)}, 1, 19)" for column in (start, end))
    return f"(+{end} < +{start} AND coalesce({last} < {first}, 0))"
