"""The statements of a claim. Everything that decides which task is next stands here, once.

A task is next where it waits (``queued``), its time has come in any form, its type and compatibility suit the worker,
and no other such task comes before it in the strategy's order. Statements are made once and cached.

Parameters: ``:now`` (written), ``:moment`` (compared) and the other bounds of :func:`bounds`, ``:capabilities``
(JSON), ``:types`` (a JSON list, where some types are wanted), ``:worker``, ``:lease_until``, and for a claim that
remembers ``:mark_priority``, ``:mark_due``, ``:walked_at``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from prismq_gui.queue import capabilities as matching
from prismq_gui.queue.timestamps import sql_due
from prismq_gui.queue.transitions import TRANSITIONS, Transition, sql_sources

DEFAULT_MAX_ATTEMPTS = 5  # where the file's value can't be read
OVER = "prismq_over"
"""The name of a function each connection that claims must have: it counts its calls, and is true from the limit on.

It is asked for tasks that are due and don't suit the worker. Where it says true, the walk ends at a task that
doesn't suit, which the claim's own condition then refuses.
"""

_CLAIM = TRANSITIONS[Transition.CLAIM]
WAITING = sql_sources(Transition.CLAIM).replace(" IN (", " = ").rstrip(")")
_GUARD = f"+{WAITING}"  # the plus keeps SQLite from looking for the task among all that wait (2.7 ms for ten of 70,000)
# As bytes: text that is not UTF-8 would raise on its way to Python and stop every claim.
_MEETS = (
    "(compatibility = '{}' OR (typeof(compatibility) = 'text' "
    f"AND {matching.SQL_FUNCTION}(CAST(compatibility AS BLOB), :capabilities)))"
)
_JSON_READABLE = "json_valid(payload) AND json_valid(compatibility)"
ATTEMPTS = "CASE WHEN typeof(attempts) = 'integer' THEN attempts ELSE 0 END"
MAX_ATTEMPTS = f"CASE WHEN typeof(max_attempts) = 'integer' THEN max_attempts ELSE {DEFAULT_MAX_ATTEMPTS} END"
_DUE = sql_due("run_after_utc", ":moment")
# When a task is due, as text that sorts as time: today's ISO forms sort after all of today's others.
DUE_TEXT = "CASE WHEN run_after_utc >= :iso_from THEN replace(run_after_utc, 'T', ' ') ELSE run_after_utc END"
_ISO_DUE = "run_after_utc >= :iso_from AND run_after_utc < :iso_until"
_IN_TIME = (
    "((run_after_utc > '0000-' AND run_after_utc <= :spaced_until) "
    "OR (run_after_utc >= :iso_from AND run_after_utc < :iso_until))"
)
LEVELS = f"""level(p) AS (
  SELECT min(priority) FROM task_queue WHERE {WAITING}
  UNION ALL
  SELECT (SELECT min(priority) FROM task_queue WHERE {WAITING} AND priority > level.p)
  FROM level WHERE level.p IS NOT NULL
)"""
_TAKE = f"""UPDATE task_queue SET status = '{_CLAIM.target}', locked_by = :worker, attempts = {ATTEMPTS} + 1,
  lease_until_utc = :lease_until, reserved_at_utc = :now, processing_started_utc = NULL,
  finished_at_utc = NULL, updated_at_utc = :now"""
_RETURNING = f"""RETURNING id, CAST(type AS BLOB) AS type, CAST(payload AS BLOB) AS payload, attempts,
  {MAX_ATTEMPTS} AS max_attempts"""
_WEIGHT = "1.0 / (max(CASE WHEN typeof(priority) = 'integer' THEN priority ELSE 0 END, 0) + 1)"


class Strategy(Enum):
    """In which order tasks that are due are claimed; the value is its stable name."""

    PRIORITY = "priority"
    """Lower priority numbers first; among equals what was due first; then the lower id."""
    FIFO = "fifo"
    """What was due first, whatever its priority; then the lower id."""
    LIFO = "lifo"
    """What became due last, whatever its priority; then the higher id."""
    WEIGHTED_RANDOM = "weighted_random"
    """At random, with weight 1 / (priority + 1); negative priorities weigh as 0 does."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a worker's claims have in common; picks their statements."""

    strategy: Strategy = Strategy.PRIORITY
    some_types: bool = False
    careful: bool = False  # only rows whose JSON is valid
    abroad: bool = False  # also times east of UTC, whose text lies up to 14 h ahead
    remembers: bool = False  # leaves out what was walked over lately


def bounds(moment: str, until: str | None = None) -> dict[str, str]:
    """Return the parameters that bound the times of a claim.

    Args:
        moment: Now, with microseconds: a time of another program with a fraction is due in the midst of a second.
        until: The last time that may be due abroad; None leaves those out.
    """
    last, text = until or moment, moment[:19]
    return {
        "now": text,
        "moment": moment,
        "iso_from": f"{text[:10]}T",
        "iso_until": f"{last[:10]}T{last[11:19]}~",  # after each fraction and each Z of that second
        "spaced_until": last,
    }


def _suits(shape: Shape) -> str:
    """Return whether a task is one for this worker."""
    types = " AND type IN (SELECT value FROM json_each(:types))" if shape.some_types else ""
    return _MEETS + types + (f" AND {_JSON_READABLE}" if shape.careful else "")


def _fits(shape: Shape) -> str:
    """Return whether a walk may end at a task: it is due, and suits or is one too many that doesn't."""
    return f"{_DUE} AND (({_suits(shape)}) OR {OVER}())"


@lru_cache(maxsize=64)
def claim_first(shape: Shape) -> str:
    """Return the claim of the first task of the first priority: three seeks, no recursion.

    Finds nothing where that priority has nothing due, nothing for this worker, or one of today's ISO times due:
    then :func:`claim` is to be asked.
    """
    first = f"priority = (SELECT min(priority) FROM task_queue WHERE {WAITING})"
    return f"""{_TAKE}
WHERE id = (SELECT id FROM task_queue WHERE {WAITING} AND {first}
    AND run_after_utc > '0000-' AND run_after_utc <= :moment AND {_fits(shape)} ORDER BY run_after_utc, id LIMIT 1)
  AND {_GUARD} AND ({_suits(shape)})
  AND NOT EXISTS (SELECT 1 FROM task_queue WHERE {WAITING} AND {first}
    AND {_ISO_DUE})
{_RETURNING}"""


@lru_cache(maxsize=64)
def claim_plain(shape: Shape) -> str:
    """Return the claim of the next task by priority, where no ISO time of today is due before it.

    Finds nothing where one is: then :func:`claim` is to be asked, which merges both forms and costs 3 µs more.
    """
    iso = f"SELECT 1 FROM task_queue WHERE {WAITING} AND priority = level.p AND {_ISO_DUE}"
    seek = (
        f"SELECT id FROM task_queue WHERE {WAITING} AND priority = level.p AND run_after_utc > '0000-' "
        f"AND run_after_utc <= :moment AND {_fits(shape)} ORDER BY run_after_utc, id LIMIT 1"
    )
    return f"""WITH RECURSIVE {LEVELS}, first(found) AS MATERIALIZED (
  SELECT found FROM (SELECT CASE WHEN EXISTS ({iso}) THEN 'iso' ELSE ({seek}) END AS found
    FROM level WHERE level.p IS NOT NULL LIMIT -1)
  WHERE found IS NOT NULL LIMIT 1)
{_TAKE}
WHERE id = (SELECT found FROM first) AND {_GUARD} AND ({_suits(shape)})
{_RETURNING}"""


@lru_cache(maxsize=64)
def claim(shape: Shape) -> str:
    """Return the claim of the next task, for all strategies but WEIGHTED_RANDOM.

    Two seeks a priority: text up to now, and today's ISO forms, which sort after it. The lower bound leaves out
    numbers and empty texts, which sort before all times: they are no times.
    """
    return f"""WITH RECURSIVE {LEVELS}, {_first(shape)}
{_TAKE}
WHERE id = (SELECT found FROM first) AND {_GUARD} AND ({_suits(shape)})
{_RETURNING}"""


def _first(shape: Shape) -> str:
    """Return the common table ``first(found)``: the id of the next task.

    LIMIT -1 keeps SQLite from flattening, which would run the seeks of the priority found twice.
    """
    written, iso = _seeks(shape)
    if shape.strategy is Strategy.PRIORITY:
        best = f"(SELECT id FROM (SELECT * FROM ({written}) UNION ALL SELECT * FROM ({iso})) ORDER BY due, id LIMIT 1)"
        return f"""first(found) AS MATERIALIZED (
  SELECT found FROM (SELECT {best} AS found FROM level WHERE level.p IS NOT NULL LIMIT -1)
  WHERE found IS NOT NULL LIMIT 1)"""
    down = "DESC" if shape.strategy is Strategy.LIFO else "ASC"
    each = " UNION ALL ".join(
        f"SELECT (SELECT id FROM ({seek})) AS id FROM level WHERE level.p IS NOT NULL" for seek in (written, iso)
    )
    return f"""candidate(id) AS MATERIALIZED ({each}),
first(found) AS MATERIALIZED (SELECT id FROM task_queue WHERE id IN (SELECT id FROM candidate)
  ORDER BY {DUE_TEXT} {down}, id {down} LIMIT 1)"""


def _seeks(shape: Shape) -> tuple[str, str]:
    spaced_until = ":spaced_until" if shape.abroad else ":moment"
    low, iso_low = "run_after_utc > '0000-'", "run_after_utc >= :iso_from"
    if shape.remembers:
        mark = ":mark_due" if shape.strategy is Strategy.FIFO else _MARK
        low = f"run_after_utc >= {mark}"
        iso_low = f"run_after_utc >= max(:iso_from, replace({mark}, ' ', 'T'))"
    down = "DESC" if shape.strategy is Strategy.LIFO else "ASC"

    def seek(due: str, low: str, high: str) -> str:
        return (
            f"SELECT id, {due} AS due FROM task_queue WHERE {WAITING} AND priority = level.p AND {low} AND {high} "
            f"AND {_fits(shape)} ORDER BY run_after_utc {down}, id {down} LIMIT 1"
        )

    high = f"run_after_utc <= {spaced_until}"
    if shape.abroad and shape.strategy is Strategy.LIFO:  # 14 h ahead is tomorrow's text: today's ISO lies before it
        high += " AND NOT (run_after_utc >= :iso_from AND run_after_utc < :iso_until)"
    written = seek("run_after_utc", low, high)
    return written, seek("replace(run_after_utc, 'T', ' ')", iso_low, "run_after_utc < :iso_until")


# From where on a priority is looked through: those before the mark were walked over, and only what came due since
# can be new there; the mark's own goes on at the mark; those after it were not reached.
_MARK = (
    "CASE WHEN level.p > :mark_priority THEN '0000-' WHEN level.p = :mark_priority THEN :mark_due ELSE :walked_at END"
)


@lru_cache(maxsize=64)
def find(shape: Shape) -> str:
    """Return the search for the next task as :func:`claim` makes it, without taking it: its id, priority and time."""
    return f"""WITH RECURSIVE {LEVELS}, {_first(shape)}
SELECT id, priority, run_after_utc, {DUE_TEXT} AS due, ({_suits(shape)}) AS suits FROM task_queue
WHERE id = (SELECT found FROM first)"""


_ORDERS: Mapping[Strategy, str] = {
    Strategy.PRIORITY: f"priority, {DUE_TEXT}, id",
    Strategy.FIFO: f"{DUE_TEXT}, id",
    Strategy.LIFO: f"{DUE_TEXT} DESC, id DESC",
    Strategy.WEIGHTED_RANDOM: f"prismq_draw({_WEIGHT})",  # Efraimidis-Spirakis: the smallest -ln(u) / weight
}


@lru_cache(maxsize=64)
def find_of_types(shape: Shape) -> str:
    """Return the search among all waiting tasks of the worker's types: the ids of the next few, in order."""
    return f"""SELECT id FROM task_queue INDEXED BY ix_task_type_status
WHERE type IN (SELECT value FROM json_each(:types)) AND {WAITING} AND {_IN_TIME} AND {_DUE} AND ({_suits(shape)})
ORDER BY {_ORDERS[shape.strategy]} LIMIT :count"""


@lru_cache(maxsize=64)
def find_all(shape: Shape) -> str:
    """Return the search among all waiting tasks, walked one by one: the ids of the next few, in order."""
    return f"""SELECT id FROM task_queue
WHERE {WAITING} AND {_IN_TIME} AND {_DUE} AND ({_suits(shape)})
ORDER BY {_ORDERS[shape.strategy]} LIMIT :count"""


COUNT_OF_TYPES = f"""SELECT count(*) FROM (SELECT 1 FROM task_queue INDEXED BY ix_task_type_status
WHERE type IN (SELECT value FROM json_each(:types)) AND {WAITING} LIMIT :count)"""
ID_RANGE = f"""SELECT (SELECT min(id) FROM task_queue), (SELECT max(id) FROM task_queue),
  (SELECT min(priority) FROM task_queue WHERE {WAITING})"""
COUNT_WAITING = f"SELECT count(*) FROM (SELECT 1 FROM task_queue WHERE {WAITING} LIMIT :count)"


@lru_cache(maxsize=64)
def look_at(shape: Shape) -> str:
    """Return the look at the task ``:id``: its priority, where it is one to claim."""
    return (
        f"SELECT priority FROM task_queue WHERE id = :id AND {WAITING} AND {_IN_TIME} AND {_DUE} AND ({_suits(shape)})"
    )


def weight(priority: object) -> float:
    """Return the weight of a priority in WEIGHTED_RANDOM."""
    return 1.0 / (max(priority, 0) + 1) if isinstance(priority, int) else 1.0


@lru_cache(maxsize=64)
def take_one_of(shape: Shape) -> str:
    """Return the claim of the first of ``:ids`` (a JSON list in order) that still waits, is due and suits."""
    return f"""{_TAKE}
WHERE id = (SELECT task_queue.id FROM (SELECT key AS place, value AS wanted FROM json_each(:ids))
      CROSS JOIN task_queue ON task_queue.id = wanted
    WHERE {WAITING} AND {_DUE} AND ({_suits(shape)}) ORDER BY place LIMIT 1) AND {_GUARD}
{_RETURNING}"""


_ATTEMPTS_OF_MANY = f"{ATTEMPTS} + 1, {MAX_ATTEMPTS}"


@lru_cache(maxsize=64)
def find_many(shape: Shape) -> str:
    """Return the search for the next ``:count`` tasks by priority, which :func:`take_found` then takes.

    Finds nothing where one of today's ISO times is due, which would have to be merged in: then they are to be
    claimed one by one. The rows come in no order; those that don't suit (the last ones, where it gave up) are marked.
    """
    return f"""WITH RECURSIVE {LEVELS}
SELECT id, CAST(type AS BLOB), CAST(payload AS BLOB), {_ATTEMPTS_OF_MANY}, priority, run_after_utc,
  CASE WHEN {_suits(shape)} THEN 1 ELSE 0 END
FROM level CROSS JOIN task_queue
WHERE level.p IS NOT NULL AND {WAITING} AND priority = level.p
  AND run_after_utc > '0000-' AND run_after_utc <= :moment AND {_fits(shape)}
  AND NOT EXISTS (SELECT 1 FROM level CROSS JOIN task_queue ON {WAITING} AND priority = level.p
    AND {_ISO_DUE} WHERE level.p IS NOT NULL)
LIMIT :count"""


@lru_cache(maxsize=64)
def find_many_first(shape: Shape) -> str:
    """Return the search for the next ``:count`` tasks of the first priority, as :func:`claim_first` does.

    The rows come in order. Where it gave up they may not suit, and where a cell isn't text of UTF-8 it raises: then
    :func:`find_many` is to be asked.
    """
    first = f"priority = (SELECT min(priority) FROM task_queue WHERE {WAITING})"
    return f"""SELECT id, type, payload, {_ATTEMPTS_OF_MANY} FROM task_queue WHERE {WAITING} AND {first}
  AND run_after_utc > '0000-' AND run_after_utc <= :moment AND {_fits(shape)}
  AND NOT EXISTS (SELECT 1 FROM task_queue WHERE {WAITING} AND {first} AND {_ISO_DUE})
ORDER BY run_after_utc, id LIMIT :count"""


_TAKE_FOUND = _TAKE.replace(":worker", "?").replace(":lease_until", "?").replace(":now", "?")
TAKE_RANGE = f"{_TAKE_FOUND}\nWHERE id BETWEEN ? AND ? AND {_GUARD}"
"""As :func:`take_found` where the tasks found are all those from one id to another: another 4 % less."""


@lru_cache(maxsize=64)
def take_found(size: int) -> str:
    """Return the claim of tasks found in the same transaction: worker, end of the lease, now twice, ``size`` ids.

    A list of ids lets SQLite change each row as it finds it, and asking first costs less than RETURNING: for ten
    tasks 106 µs instead of 112.
    """
    return f"{_TAKE_FOUND}\nWHERE id IN ({', '.join('?' * size)}) AND {_GUARD}"


@lru_cache(maxsize=64)
def walk(shape: Shape) -> str:
    """Return a stretch of the walk over the tasks of the priority ``:level`` from ``:from`` to ``:until``.

    At most ``:count`` tasks after the id ``:after``: id, time, when due as text, whether it is one to claim.
    """
    return f"""SELECT id, run_after_utc, {DUE_TEXT} AS due, {_DUE} AND ({_suits(shape)}) AS suits FROM task_queue
WHERE {WAITING} AND priority = :level AND (run_after_utc, id) > (:from, :after) AND run_after_utc <= :until
ORDER BY run_after_utc, id LIMIT :count"""


FIRST_LEVEL = f"SELECT min(priority) FROM task_queue WHERE {WAITING}"
NEXT_LEVEL = f"SELECT min(priority) FROM task_queue WHERE {WAITING} AND priority > :level"

DUE_ABROAD = f"""WITH RECURSIVE {LEVELS}
SELECT 1 FROM level CROSS JOIN task_queue ON {WAITING} AND priority = level.p
  AND run_after_utc > :moment AND run_after_utc < :iso_until
WHERE level.p IS NOT NULL AND run_after_utc GLOB '*+[01][0-9]*' AND run_after_utc NOT GLOB '*+00:00'
  AND run_after_utc NOT GLOB '*+0000' AND {_DUE} LIMIT 1"""
