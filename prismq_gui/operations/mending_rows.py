"""What mending does to one row: which columns it looks at and writes, and what becomes of them.

Owns the remedies by the codes of the findings. Each decides by the row as it is now whether there is still something to
mend. Reads and writes nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from prismq_gui.insight.health_conditions import NO_EARLIER, TIME_COLUMNS
from prismq_gui.insight.health_workers import EXPIRED_GRACE
from prismq_gui.insight.messages import Cell
from prismq_gui.operations.cells import Cells, RawText
from prismq_gui.operations.images import LOGS, TASKS, WORKERS
from prismq_gui.operations.wording import Verb, plain
from prismq_gui.queue.timestamps import parse_utc, utc_text, utc_text_after
from prismq_gui.queue.transitions import RUNNING, TERMINAL, TRANSITIONS, Status, Transition

NOTHING_LEFT = "has nothing of it to be mended any more"
ALIVE_AGAIN = "has a worker that gave a sign of life"
_GUARDS = ("status", "attempts", "locked_by", "updated_at_utc", "reserved_at_utc", "run_after_utc")
_RESCUED = (
    "status", "updated_at_utc", "locked_by", "lease_until_utc", "reserved_at_utc", "processing_started_utc",
    "finished_at_utc", "error_message",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """What a remedy knows beside the row: the time, naive UTC, and whom nobody has heard of."""

    now: datetime
    silent: frozenset[Cell] = frozenset()


@dataclass(frozen=True, slots=True)
class Mended:
    """What becomes of a row: the cells of the written columns, and what its log line says (with its level)."""

    cells: Cells
    said: str
    level: str = "INFO"
    told: tuple[tuple[str, str], ...] = ()


Row: TypeAlias = "Mapping[str, Cell]"
Outcome: TypeAlias = "Mended | str"
"""A text is the reason why a row is left alone."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """How one finding's rows are mended.

    ``statuses`` are those that tasks are looked for in by the index, where they are few; ``make`` is None where the
    rows go. ``will`` and ``done`` are what rows will, and what they were; ``risk`` is to be known before.
    """

    table: str
    will: str
    done: str
    writes: tuple[str, ...] = ()
    make: Callable[[Row, Known], Outcome] | None = None
    reads: tuple[str, ...] = ()
    risk: str = ""
    noun: tuple[str, str] = ("task", "tasks")
    fixed: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        guards = (*_GUARDS, *self.reads) if self.table == TASKS else ()
        kept = dict.fromkeys(name for name in guards if name not in self.writes)
        object.__setattr__(self, "fixed", tuple(kept))

    @property
    def columns(self) -> tuple[str, ...]:
        """What is kept of a row: what is looked at alone first, then what is written."""
        return (*self.fixed, *self.writes)

    @property
    def is_about_times(self) -> bool:
        """Whether it writes times alone."""
        return bool(self.writes) and set(self.writes) <= set(TIME_COLUMNS)

    def count(self, number: int) -> str:
        """Return ``1 task``, ``293 tasks``."""
        return f"{number:,} {self.noun[number != 1]}"


# -- times


def is_abroad(cell: Cell) -> bool:
    """Whether a cell is a readable time in the ISO form, or one with a Z or an offset."""
    if not isinstance(cell, str) or parse_utc(cell) is None:
        return False
    return cell[10:11] in ("T", "t") or any(sign in cell[16:] for sign in "Zz+-")


def plain_time(column: str, cell: str) -> str:
    """Return a time in the plain form, in whole seconds: PrismQ's own module reads no fraction after a space.

    What must not come early (due times, leases) is rounded up to the next second, all else down.
    """
    moment = parse_utc(cell)
    assert moment is not None
    if column not in NO_EARLIER:
        return utc_text(moment)
    try:
        return utc_text_after(moment)
    except OverflowError:  # in the last second of the year 9999
        return utc_text(moment)


def _times(columns: Sequence[str], is_due: Callable[[Row, str], bool]) -> Callable[[Row, Known], Outcome]:
    def make(row: Row, _known: Known) -> Outcome:
        cells: list[Cell] = []
        told: list[tuple[str, str]] = []
        for column in columns:
            cell = row[column]
            if isinstance(cell, str) and is_due(row, column) and is_abroad(cell):
                told.append((column, plain(cell)))
                cell = plain_time(column, cell)
            cells.append(cell)
        if not told:
            return NOTHING_LEFT
        was = ", ".join(f"{column.removesuffix('_utc')} {text}" for column, text in told)
        return Mended(tuple(cells), f"given times in the plain form (was {was})", told=tuple(told))

    return make


def _waits(row: Row, _column: str) -> bool:
    return row["status"] == Status.QUEUED.value


def _runs(row: Row, _column: str) -> bool:
    return row["status"] in RUNNING


def _elsewhere(row: Row, column: str) -> bool:
    told_apart = (column == "run_after_utc" and _waits(row, column)) or (
        column == "lease_until_utc" and _runs(row, column)
    )
    return not told_apart


# -- leases


def _expired(row: Row, known: Known) -> Outcome:
    """Give a task back as the queue's own rescue does: the attempt counts."""
    until = parse_utc(row["lease_until_utc"])
    if row["status"] not in RUNNING or until is None or until + EXPIRED_GRACE >= known.now:
        return NOTHING_LEFT
    return _rescued(row, known, f"the lease of worker {plain(row['locked_by'])} expired")


def _held_by_silent(row: Row, known: Known) -> Outcome:
    if row["status"] not in RUNNING or row["locked_by"] is None:
        return NOTHING_LEFT
    if row["locked_by"] not in known.silent:
        return ALIVE_AGAIN
    return _rescued(row, known, f"worker {plain(row['locked_by'])} was silent")


def _rescued(row: Row, known: Known, why: str) -> Mended:
    attempts, most = _number(row["attempts"], 0), _number(row["max_attempts"], 1)
    why = f"{why} during attempt {attempts} of {most}"
    at = utc_text(known.now)
    if attempts >= max(1, most):
        error = f"{why[:1].upper()}{why[1:]}; no attempts are left"
        started = (row["reserved_at_utc"], row["processing_started_utc"])
        cells: Cells = (TRANSITIONS[Transition.BURY].target, at, None, None, *started, at, error)
        return Mended(cells, f"made a dead letter, since {why} and no attempts are left", "WARNING")
    kept = (row["finished_at_utc"], row["error_message"])
    cells = (TRANSITIONS[Transition.RELEASE].target, at, None, None, None, None, *kept)
    return Mended(cells, f"given back to wait again, since {why}", "WARNING")


def _number(cell: Cell, otherwise: int) -> int:
    return cell if isinstance(cell, int) else otherwise


# -- names left behind


def _over(row: Row, known: Known) -> Outcome:
    name = row["locked_by"]
    if row["status"] not in TERMINAL or name is None:
        return NOTHING_LEFT
    shown = name.decode("utf-8", "backslashreplace") if isinstance(name, (bytes, RawText)) else str(name)
    return Mended((utc_text(known.now), None), f"freed of the name of worker {plain(name)}", told=(("worker", shown),))


_PLAIN_WILL = "have times in the plain form (2026-01-31 23:59:59, UTC, whole seconds)"
_PLAIN_DONE = "given times in the plain form"
_BACK_WILL = "be given back: queued again, or dead letters where no attempts are left"
_BACK_DONE = "given back"
_TWICE = "If its worker is still at work on one of them, that task will be done twice."

REMEDIES: dict[str, Remedy] = {
    "time-iso": Remedy(
        TASKS, _PLAIN_WILL, _PLAIN_DONE, ("run_after_utc",), _times(("run_after_utc",), _waits),
        risk="Due times with a fraction are rounded up to the next second.",
    ),
    "lease-iso": Remedy(
        TASKS, _PLAIN_WILL, _PLAIN_DONE, ("lease_until_utc",), _times(("lease_until_utc",), _runs),
        risk="Leases with a fraction are rounded up to the next second.",
    ),
    "time-iso-elsewhere": Remedy(
        TASKS, _PLAIN_WILL, _PLAIN_DONE, TIME_COLUMNS, _times(TIME_COLUMNS, _elsewhere),
        risk="Fractions of seconds are cut off (due times and leases are rounded up); undo brings them back.",
    ),
    "lease-expired": Remedy(
        TASKS, _BACK_WILL, _BACK_DONE, _RESCUED, _expired, ("max_attempts",), _TWICE,
    ),
    "worker-silent": Remedy(
        TASKS, _BACK_WILL, _BACK_DONE, _RESCUED, _held_by_silent, ("max_attempts",), _TWICE,
    ),
    "worker-unknown": Remedy(
        TASKS, _BACK_WILL, _BACK_DONE, _RESCUED, _held_by_silent, ("max_attempts",), _TWICE,
    ),
    "finished-names-worker": Remedy(
        TASKS, "name no worker any more", "freed of the name of their worker", ("updated_at_utc", "locked_by"), _over,
        risk="The name stays in the task's log line alone: a filter by worker finds these tasks no more.",
    ),
    "worker-gone": Remedy(
        WORKERS, "be taken off the list", "taken off the list", noun=("silent worker", "silent workers"),
        risk="One that is alive after all may not register itself again before it is started anew.",
    ),
    "log-orphan": Remedy(
        LOGS, "be deleted", "deleted", noun=("log line", "log lines"),
    ),
}  # fmt: skip
"""By the code of the finding. Those of the whole file (an index, the WAL, free pages) are mended elsewhere."""


def verb_of_finding(code: Cell) -> Verb:
    """Return how mending a finding is spoken of."""
    remedy = REMEDIES.get(str(code))
    if remedy is None:
        return Verb(None, "be mended", "mended", "be mended", "mended", ("index", "indexes"))
    return Verb(None, remedy.will, remedy.done, "be mended", "mended", remedy.noun)
