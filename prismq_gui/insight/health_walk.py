"""The walk of a health check over a whole table: counts by flags in short statements, the newest rows first.

Owns how a stretch is counted, how samples are found, and what is done with rows too large to be looked at. Each
statement gives one row of sums, so that a table in which everything is amiss costs no more than a sound one. Must not
know what a flag means.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prismq_gui.insight.connection import ReadConnection, Row
from prismq_gui.insight.everything import as_int
from prismq_gui.insight.health_records import SAMPLE_IDS
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.problems import ProblemError
from prismq_gui.insight.walking import (
    LIMIT_S,
    MAX_INT,
    Bounds,
    Pace,
    after,
    is_about_size,
    next_row,
    read_bounds,
    window,
)

_LEAST_LIMITED = 64


@dataclass(slots=True)
class Tally:
    """What a walk has found by now. ``sums`` and ``samples`` are by flag; ``lowest`` is the last id looked at."""

    sums: dict[str, int] = field(default_factory=dict)
    samples: dict[str, list[int]] = field(default_factory=dict)
    looked_at: int = 0
    skipped: list[int] = field(default_factory=list)
    lowest: int | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Flags:
    """What is summed up of a table's rows. ``large`` names the flags that read columns which may be huge."""

    table: str
    key: str
    sums: Mapping[str, str]
    params: Mapping[str, Cell]
    large: frozenset[str] = frozenset()


class FlagWalk:
    """One walk; made and used in the thread of its connection, left and resumed at any step."""

    def __init__(self, connection: ReadConnection, flags: Flags, budget_s: float | None) -> None:
        self.tally = Tally(dict.fromkeys(flags.sums, 0), {name: [] for name in flags.sums})
        self._connection = connection
        self._flags = flags
        self._budget_s = budget_s
        self._spent_s = 0.0

    def steps(self) -> Iterator[float]:
        """Yield the share that is done, after each stretch; ends where all is done or the budget is spent."""
        flags, pace = self._flags, Pace(most=MAX_INT)
        bounds = read_bounds(self._connection, flags.table, flags.key)
        rest = bounds
        while rest is not None and bounds is not None:
            if self._budget_s is not None and self._spent_s >= self._budget_s:
                return
            started = time.perf_counter()
            pace.is_busy = self._connection.is_busy
            done = self._stretch(pace, rest)
            self.tally.lowest = done.low
            rest = after(rest, done, descending=True)
            if rest is not None:
                rest = next_row(self._connection, flags.table, flags.key, rest, descending=True)
            self._spent_s += time.perf_counter() - started
            left = 0 if rest is None else rest.high - rest.low + 1
            yield 1.0 - left / (bounds.high - bounds.low + 1)
        self.tally.whole = True

    def _stretch(self, pace: Pace, rest: Bounds) -> Bounds:
        stretch = rest

        def read(size: int) -> list[Row]:
            nonlocal stretch
            stretch = window(rest, size, descending=True)
            return self._sums(stretch, frozenset(), LIMIT_S if size > _LEAST_LIMITED else None)

        left_out: frozenset[str] = frozenset()
        try:
            row = pace.run(read)[0]
        except ProblemError as error:
            if not is_about_size(error):
                raise
            left_out = self._flags.large  # one row, too large to be looked at whole
            row = self._sums(stretch, left_out, None)[0]
            self.tally.skipped += [stretch.low] if row[0] else []
        self._add(row, stretch, left_out)
        return stretch

    def _sums(self, stretch: Bounds, left_out: frozenset[str], within_s: float | None) -> list[Row]:
        flags = self._flags
        parts = "".join(f", sum({'0' if name in left_out else sql})" for name, sql in flags.sums.items())
        sql = f"SELECT count(*){parts} FROM {flags.table} NOT INDEXED WHERE {flags.key} BETWEEN :low AND :high"
        params = {**flags.params, "low": stretch.low, "high": stretch.high}
        return self._connection.rows(sql, params, doing="check the rows", within_s=within_s)

    def _add(self, row: Row, stretch: Bounds, left_out: frozenset[str]) -> None:
        self.tally.looked_at += as_int(row[0])
        for name, cell in zip(self._flags.sums, row[1:], strict=True):
            found = as_int(cell)
            self.tally.sums[name] += found
            sample = self.tally.samples[name]
            if found and len(sample) < SAMPLE_IDS and name not in left_out:
                sample += self._sample(name, stretch, SAMPLE_IDS - len(sample))

    def _sample(self, name: str, stretch: Bounds, most: int) -> list[int]:
        flags = self._flags
        sql = (
            f"SELECT {flags.key} FROM {flags.table} NOT INDEXED WHERE {flags.key} BETWEEN :low AND :high "
            f"AND {flags.sums[name]} ORDER BY {flags.key} DESC LIMIT :most"
        )
        params = {**flags.params, "low": stretch.low, "high": stretch.high, "most": most}
        rows = self._connection.rows(sql, params, doing="check the rows")
        return [row[0] for row in rows if isinstance(row[0], int)]
