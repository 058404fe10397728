"""The measures that tell a shared trait from chance: intervals, tests and the correction for many of them.

Pure functions on counts. Sources: E. B. Wilson 1927 (interval of a share); R. G. Newcombe 1998, method 10 (difference
of two shares); R. A. Fisher 1934 (exact test); N. Mantel and W. Haenszel 1959 (test over strata); Y. Benjamini and
Y. Hochberg 1995 (share of false findings). docs/failures.md has the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z_95 = 1.959963984540054
_EXACT_BELOW = 10.0  # least expected count from which the approximation by a normal distribution is used
_TIE = 1.0 + 1e-7  # tables as likely as the one seen, rounding apart


@dataclass(frozen=True, slots=True)
class Table:
    """Of ``failed`` failed tasks ``failed_with`` have a trait, of ``passed`` passed ones ``passed_with``."""

    failed_with: int
    failed: int
    passed_with: int
    passed: int


def wilson(hits: float, total: float, z: float = Z_95) -> tuple[float, float]:
    """Return the Wilson interval of a share; (0, 1) of nothing. Counts may be effective ones."""
    if total <= 0:
        return 0.0, 1.0
    share, square = hits / total, z * z
    middle = (share + square / (2 * total)) / (1 + square / total)
    half = z / (1 + square / total) * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    return max(0.0, middle - half), min(1.0, middle + half)


def newcombe(
    share: float, interval: tuple[float, float], other: float, other_interval: tuple[float, float]
) -> tuple[float, float]:
    """Return the interval of the difference of two shares, from the Wilson interval of each."""
    difference = share - other
    low = difference - math.hypot(share - interval[0], other_interval[1] - other)
    high = difference + math.hypot(interval[1] - share, other - other_interval[0])
    return max(-1.0, low), min(1.0, high)


def p_value(tables: Sequence[Table]) -> float:
    """Return how likely a difference as large as in these strata is by chance, to either side.

    Mantel and Haenszel's test with continuity correction over the strata; of one stratum with a small expected
    count Fisher's exact test.
    """
    used = [table for table in tables if table.failed and table.passed]
    if len(used) == 1 and _least_expected(used[0]) < _EXACT_BELOW:
        return fisher(used[0])
    excess = variance = 0.0
    for table in used:
        failed, passed = table.failed, table.passed
        total, having = failed + passed, table.failed_with + table.passed_with
        excess += table.failed_with - failed * having / total
        if total > 1:
            variance += failed * passed * having * (total - having) / (total * total * (total - 1))
    if variance <= 0:
        return 1.0
    return math.erfc(max(0.0, abs(excess) - 0.5) / math.sqrt(2 * variance))


def _least_expected(table: Table) -> float:
    total, having = table.failed + table.passed, table.failed_with + table.passed_with
    return min(table.failed, table.passed) * min(having, total - having) / total


def fisher(table: Table) -> float:
    """Return the two-sided p-value of Fisher's exact test: of all tables no likelier than this one.

    Takes as many steps as the smallest margin, which is small wherever :func:`p_value` uses it.
    """
    failed, passed = table.failed, table.passed
    having = table.failed_with + table.passed_with
    low, high = max(0, having - passed), min(failed, having)
    logs = [_log_choose(failed, hits) + _log_choose(passed, having - hits) for hits in range(low, high + 1)]
    top = max(logs)
    weights = [math.exp(each - top) for each in logs]
    seen = weights[table.failed_with - low] * _TIE
    return min(1.0, sum(each for each in weights if each <= seen) / sum(weights))


def _log_choose(total: int, chosen: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)


def q_values(p_values: Sequence[float]) -> list[float]:
    """Return Benjamini and Hochberg's adjusted p-values: those up to q have a share of q false ones at most."""
    adjusted = [1.0] * len(p_values)
    least = 1.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__, reverse=True)
    for at, index in enumerate(order):
        least = min(least, p_values[index] * len(p_values) / (len(p_values) - at))
        adjusted[index] = least
    return adjusted
