"""Statements that read the line as a claim would walk it, in short stretches, without taking anything.

All that decides (which status waits, when a time has come, what suits a worker, in which order) is taken from
:mod:`prismq_gui.queue.claim_sql` and :mod:`prismq_gui.queue.timestamps`; here stands only how to walk it bit by bit.

The line of a priority lies in two streams of the index (status, priority, run_after_utc, id): times whose text sorts
as a claim orders it, and from ``:iso_from`` on those it reads with a space for the T. Parameters are those of a claim,
with ``:level`` (a priority), and a stretch of ``:size`` entries: beyond ``:from`` (or of that very time, beyond the id
``:after``) up to ``:until``. Texts of times are bound
as bytes, since a file may hold some that are not UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from prismq_gui.queue import claim_sql
from prismq_gui.queue.claim_sql import ATTEMPTS, DUE_TEXT, MAX_ATTEMPTS, WAITING, Shape
from prismq_gui.queue.rescuing import RESCUE_BATCH
from prismq_gui.queue.timestamps import sql_due, sql_normalised
from prismq_gui.queue.transitions import Transition, sql_sources

MIN_ID, MAX_ID = -(2**63), 2**63 - 1
END_OF_TIME = "9999-12-31 23:59:59.999999"
BEFORE_ALL = b"0000-"

USED_UP = f"(({ATTEMPTS}) >= 1 AND ({ATTEMPTS}) >= ({MAX_ATTEMPTS}))"
"""True for a task that a claim makes a dead letter instead of handing it out."""
DUE = sql_due("run_after_utc", ":moment")
_IN_TIME = (
    "((run_after_utc > '0000-' AND run_after_utc <= :spaced_until) "
    "OR (run_after_utc >= :iso_from AND run_after_utc < :iso_until))"
)
_ROW = (
    f"id, CAST({DUE_TEXT} AS BLOB), CAST(run_after_utc AS BLOB), {USED_UP}, typeof(priority), priority, "
    "CAST(priority AS BLOB)"
)
"""Of a task: id, due as text that sorts, as written, whether its attempts are used up, priority: type, value, bytes."""
_IS_EXPIRED = sql_due("lease_until_utc", ":now")
_RUNS = sql_sources(Transition.RELEASE)
_JSON_READABLE = "(json_valid(payload) AND json_valid(compatibility))"

EXPIRED = f"SELECT id, {USED_UP} FROM task_queue WHERE {_RUNS} AND {_IS_EXPIRED} LIMIT {RESCUE_BATCH}"
"""What the next claim gives back first, and whether it is buried then; as the claimer selects it."""


def look(shape: Shape, *, at: str = "place") -> str:
    """Return a condition: whether a claim's look at the row of this alias finds it one to claim."""
    return f"EXISTS ({re.sub(r':id(?![a-z_])', f'{at}.id', claim_sql.look_at(shape))})"


def as_given_back(sql: str) -> str:
    """Return a statement or condition that takes a running task for one that waits again."""
    return sql.replace(WAITING, _RUNS)


def with_rescued(sql: str) -> str:
    """Return a statement that counts the ids of ``:rescued`` (a JSON list) among those that wait."""
    return sql.replace(WAITING, f"({WAITING} OR (id IN (SELECT value FROM json_each(:rescued)) AND +{_RUNS}))")


def any_state(sql: str) -> str:
    """Return a condition that asks for no status: whether a task would suit if it waited."""
    return sql.replace(WAITING, "1")


def is_one(shape: Shape | None, *, careful: bool) -> str:
    """Return the condition for the rows of a stretch: due, and where a worker's shape is given one it would run."""
    if shape is not None:
        return f"({look(shape)} AND NOT {USED_UP})"
    return f"({DUE} AND {_JSON_READABLE})" if careful else DUE


@dataclass(frozen=True, slots=True)
class Stream:
    """A stretch of the index within one priority: texts of times from ``low`` (not in it) to ``high``, as bytes."""

    level: object
    low: bytes
    low_id: int
    high: bytes

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be in it."""
        return self.low > self.high


def streams(
    level: object, bounds: dict[str, str], earliest: bytes | None = None, latest: bytes | None = None
) -> Iterator[Stream]:
    """Yield the two streams of a priority, cut to what may be due (in a claim's order) from earliest to latest."""
    iso_from, iso_until = bounds["iso_from"].encode(), bounds["iso_until"].encode()
    written_until = min(bounds["spaced_until"].encode(), iso_from)
    low = BEFORE_ALL if earliest is None else max(BEFORE_ALL, earliest)
    high = written_until if latest is None else min(written_until, latest)
    written = Stream(level, low, MIN_ID if low > BEFORE_ALL else MAX_ID, high)
    low = iso_from if earliest is None else max(iso_from, min(earliest[:19], _with_t(earliest)[:19]))
    high = iso_until if latest is None else min(iso_until, _with_t(latest)[:19] + b"~")
    for stream in (written, Stream(level, low, MIN_ID, high)):
        if not stream.is_empty:
            yield stream


def _with_t(due: bytes) -> bytes:
    return due[:10] + b"T" + due[11:]


def _level(*, as_text: bool) -> str:
    return "CAST(:level AS TEXT)" if as_text else ":level"


def _stretch(columns: str, *, as_text: bool, ties: bool, down: bool) -> str:
    """Return the next ``:size`` entries of a priority.

    They are those beyond the time ``:from`` up to ``:until``, or with ties those of that very time beyond the id
    ``:after``: SQLite seeks no row value of both, and would walk over a million tasks of one second anew.
    """
    beyond, within, order = ("<", ">=", "DESC") if down else (">", "<=", "ASC")
    span = f"run_after_utc {beyond} CAST(:from AS TEXT) AND run_after_utc {within} CAST(:until AS TEXT)"
    if ties:
        span = f"run_after_utc = CAST(:from AS TEXT) AND id {beyond} :after"
    return f"""SELECT {columns} FROM task_queue AS place
WHERE {WAITING} AND priority = {_level(as_text=as_text)} AND {span}
ORDER BY run_after_utc {order}, id {order} LIMIT :size"""


@lru_cache(maxsize=128)
def count(condition: str, *, as_text: bool, ties: bool, before: str = "") -> str:
    """Return the count of a stretch: how many entries, of how many the condition is true, where it ends (time, id).

    It ends nowhere (NULL) where there were fewer than ``:size``.

    Args:
        condition: Of :func:`is_one`.
        as_text: Whether ``:level`` is the bytes of a text.
        ties: Whether those of the time ``:from`` are meant.
        before: '<' or '>': only those before or after (``:due``, ``:due_id``) in a claim's order; '' for all.
    """
    side = f" AND ({DUE_TEXT}, id) {before} (CAST(:due AS TEXT), :due_id)" if before else ""
    entries = _stretch(
        f"run_after_utc AS at, id AS i, {condition}{side} AS one", as_text=as_text, ties=ties, down=False
    )
    return f"""WITH stretch AS MATERIALIZED ({entries})
SELECT count(*), coalesce(sum(one), 0), (SELECT CAST(at AS BLOB) FROM stretch LIMIT 1 OFFSET :size - 1),
  (SELECT i FROM stretch LIMIT 1 OFFSET :size - 1) FROM stretch"""


@lru_cache(maxsize=128)
def rows(condition: str, *, as_text: bool, ties: bool, down: bool) -> str:
    """Return the tasks of a stretch as :data:`_ROW`, with whether a claim would take or bury each."""
    return _stretch(f"{_ROW}, {condition}", as_text=as_text, ties=ties, down=down)


def rescued(shape: Shape | None, *, careful: bool) -> str:
    """Return the rows of ``:rescued`` that would be in line once given back, as :func:`rows` has them."""
    one = as_given_back(look(shape)) if shape is not None else f"{DUE} AND {_IN_TIME}"
    json = f" AND {_JSON_READABLE}" if careful else ""
    return f"""SELECT {_ROW} FROM task_queue AS place
WHERE id IN (SELECT value FROM json_each(:rescued)) AND +{_RUNS} AND {one}{json}"""


ROWS = f"SELECT {_ROW} FROM task_queue WHERE id IN (SELECT value FROM json_each(:ids))"


def first_level() -> str:
    """Return the smallest priority that waits: type, value, bytes."""
    return _typed(claim_sql.FIRST_LEVEL)


def next_level(*, as_text: bool) -> str:
    """Return the next priority after ``:level``."""
    return _typed(claim_sql.NEXT_LEVEL.replace(":level", _level(as_text=as_text)))


def _typed(sql: str) -> str:
    return f"SELECT typeof(p), p, CAST(p AS BLOB) FROM (SELECT ({sql}) AS p)"


FACTS = f"""SELECT {_ROW}, {WAITING}, {_RUNS}, {sql_normalised("run_after_utc")}, {DUE}, {_IN_TIME},
  {ATTEMPTS}, {MAX_ATTEMPTS}, {sql_normalised("lease_until_utc")}, {_IS_EXPIRED},
  typeof(compatibility), typeof(run_after_utc)
FROM task_queue AS place WHERE id = :id"""
"""All that decides about the task ``:id``: :data:`_ROW`, whether it waits, whether it runs, when it is due as text,
whether it is, whether a claim looks at that form now; attempts, the most of them; when its lease ends and whether it
has; what its compatibility and its time are stored as."""
COMPATIBILITY = """SELECT CASE WHEN length(CAST(compatibility AS BLOB)) <= :most THEN CAST(compatibility AS BLOB) END
FROM task_queue WHERE id = :id"""
JSON_READABLE = f"SELECT {_JSON_READABLE} FROM task_queue WHERE id = :id"
GENERATED = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'task_queue'"
"""The definition of the table: plain computed columns let one malformed row refuse every change."""


def suits(shape: Shape) -> str:
    """Return the question whether the task ``:id`` suits a worker, whatever its status; asked at the end of time."""
    return f"SELECT {any_state(look(shape))} FROM task_queue AS place WHERE id = :id"


WORKERS = """SELECT typeof(worker_id), CAST(worker_id AS BLOB), typeof(capabilities),
  CASE WHEN length(CAST(capabilities AS BLOB)) <= :most THEN CAST(capabilities AS BLOB) END
FROM workers ORDER BY worker_id LIMIT :count"""
