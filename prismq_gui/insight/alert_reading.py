"""The figures that alerts are judged by, taken from what the overview has read, and sizes asked of the system.

Owns when a figure counts as known: not where it is old, and the silence of workers not where nobody could be heard.
Reads nothing of a queue.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from prismq_gui.insight.alert_rules import AlertRules, RuleKind
from prismq_gui.insight.alerts import AlertFigures, Measure
from prismq_gui.insight.hearing import Hearing
from prismq_gui.insight.messages import WorkerRow
from prismq_gui.insight.overview import MOST_WORKERS, Figure, Overview, Part, T, completed_of_an_hour
from prismq_gui.queue.timestamps import parse_utc

_NEEDED = {
    RuleKind.FAILED_RATE: (Part.FAILURES, Part.FINISHED), RuleKind.OLDEST_WAITING: (Part.OLDEST,),
    RuleKind.DEAD_LETTERS: (Part.FAILURES,), RuleKind.SILENT_WORKER: (Part.OLDEST, Part.WORKERS),
}  # fmt: skip
STALE_S = 150.0  # an older figure is not known any more; parts that cost much are read each minute or two


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """Sizes in bytes; None where the system does not tell."""

    wal_bytes: int | None = None
    free_bytes: int | None = None


def parts_of(rules: AlertRules) -> tuple[Part, ...]:
    """Return what a look of the alerts' own has to read for the rules that are on."""
    needed = {part for kind, parts in _NEEDED.items() if rules[kind].on for part in parts}
    return tuple(part for part in Part if part in needed)


def disk_facts(path: Path) -> DiskFacts:
    """Ask the system for the size of the WAL and the room on the disk. May take seconds on a share that is gone."""
    try:
        real = os.path.realpath(path)  # SQLite puts the WAL beside the file itself, not beside a link to it
        os.stat(real)  # noqa: PTH116 - beside realpath
    except (OSError, ValueError):
        return DiskFacts()
    wal: int | None
    free: int | None
    try:
        wal = os.stat(f"{real}-wal").st_size  # noqa: PTH116 - as above
    except FileNotFoundError:
        wal = 0
    except OSError:
        wal = None
    try:
        free = shutil.disk_usage(os.path.dirname(real)).free  # noqa: PTH120 - as above
    except OSError:
        free = None
    return DiskFacts(wal, free)


def figures_of(
    overview: Overview,
    disk: DiskFacts,
    hearing: Hearing,
    rules: AlertRules,
    at_utc: datetime,
    at_s: float,
    heard: set[str] | None = None,
) -> AlertFigures:
    """Return what the overview and the system tell, as far as it is not old.

    Args:
        overview: As last read.
        disk: As last asked for.
        hearing: How silence is judged.
        rules: They say how many failures are no chance.
        at_utc: The present.
        at_s: The present by a clock that nobody sets.
        heard: The workers that were heard of since the file was opened; those of this look are added. Where another
            has taken over what one of these held, its silence counts all the same, for an hour.
    """
    heard = set() if heard is None else heard
    workers = _fresh(overview.workers, at_utc)
    measures = [
        _failed_rate(overview, rules, at_utc),
        Measure(RuleKind.OLDEST_WAITING, _oldest_s(overview, hearing, at_utc)),
        Measure(RuleKind.DEAD_LETTERS, _dead(overview, at_utc)),
        Measure(RuleKind.WAL_SIZE, disk.wal_bytes),
        Measure(RuleKind.DISK_FREE, disk.free_bytes),
    ]
    if workers is None:
        return AlertFigures(at_utc, at_s, tuple(measures), read_at_utc=_read_at(overview))
    beats_at = min(overview.workers.read_at_utc or at_utc, at_utc)
    measures += _silences(workers, beats_at, hearing, rules, heard)
    measures.append(Measure(RuleKind.SILENT_WORKER, _nobody_s(overview, workers, beats_at, hearing)))
    whole = frozenset({RuleKind.SILENT_WORKER} if len(workers) < MOST_WORKERS else ())
    return AlertFigures(at_utc, at_s, tuple(measures), whole, _read_at(overview))


def _read_at(overview: Overview) -> tuple[tuple[RuleKind, datetime], ...]:
    """Return when the figures of each kind were read, the oldest of several."""
    found = {
        RuleKind.FAILED_RATE: (overview.failures.read_at_utc, overview.rates.read_at_utc),
        RuleKind.OLDEST_WAITING: (overview.oldest.read_at_utc,),
        RuleKind.DEAD_LETTERS: (overview.failures.read_at_utc,),
        RuleKind.SILENT_WORKER: (overview.workers.read_at_utc,),
    }
    known = {kind: [each for each in times if each is not None] for kind, times in found.items()}
    return tuple((kind, min(times)) for kind, times in known.items() if len(times) == len(found[kind]))


def _fresh(figure: Figure[T], now: datetime) -> T | None:
    age_s = figure.age_s(now)
    return figure.value if age_s is not None and age_s <= STALE_S else None


def _failed_rate(overview: Overview, rules: AlertRules, now: datetime) -> Measure:
    failures, rates = _fresh(overview.failures, now), _fresh(overview.rates, now)
    if failures is None or rates is None:
        return Measure(RuleKind.FAILED_RATE, None)
    over = failures.failed + completed_of_an_hour(rates)
    rate = failures.failed / over if over else 0.0
    rule = rules.failed_rate
    eased_least = rules.failed_least * min(1.0, rule.clear_at / rule.raise_at)  # else it would flap about the least
    return Measure(
        RuleKind.FAILED_RATE, rate if failures.failed >= rules.failed_least else 0.0,
        eased=rate if failures.failed >= eased_least else 0.0,
    )  # fmt: skip


def _dead(overview: Overview, now: datetime) -> int | None:
    failures = _fresh(overview.failures, now)
    return None if failures is None else failures.dead


def _oldest_s(overview: Overview, hearing: Hearing, now: datetime) -> float | None:
    waiting = _fresh(overview.oldest, now)
    if waiting is None:
        return None
    read_at = min(overview.oldest.read_at_utc or now, now)
    known_s = waiting.waiting_s(hearing.judged_at(read_at))
    # While workers are waited for it can't be told whether anybody will take the task.
    return None if hearing.gap is not None and known_s < waiting.waiting_s(read_at) else known_s


def _silences(
    workers: Sequence[WorkerRow], read_at: datetime, hearing: Hearing, rules: AlertRules, heard: set[str]
) -> Iterator[Measure]:
    heard &= {row.worker_id for row in workers}
    gone_s = max(_GONE_S, 2 * rules.silent_worker.raise_at)
    for row in workers:
        if not row.worker_id:
            continue
        value = _silence_s(row, read_at, hearing)
        if value is not None and value < rules.silent_worker.clear_at:
            heard.add(row.worker_id)
        if row.held <= 0 and value is not None and (row.worker_id not in heard or value > gone_s):
            heard.discard(row.worker_id)
            value = 0.0
        yield Measure(RuleKind.SILENT_WORKER, value, row.worker_id)


def _silence_s(row: WorkerRow, read_at: datetime, hearing: Hearing) -> float | None:
    """Return for how long a worker was not heard of, as of when it was read; None while it is waited for."""
    beat = parse_utc(row.heartbeat_utc)
    if beat is None:
        return _NEVER_S
    silent_s = max(0.0, (read_at - beat).total_seconds())
    judged_s = max(0.0, (hearing.judged_at(read_at) - beat).total_seconds())
    return None if hearing.gap is not None and judged_s < silent_s else silent_s


_GONE_S = 3_600.0  # after which one that holds nothing is taken for gone
_NEVER_S = timedelta(days=365).total_seconds()  # it holds tasks and never gave a sign of life


def _nobody_s(overview: Overview, workers: Sequence[WorkerRow], read_at: datetime, hearing: Hearing) -> float | None:
    """Return for how long tasks have been due and no worker was heard of, 0 where that is not so."""
    waiting_s = _oldest_s(overview, hearing, read_at)
    if waiting_s is None:
        return None
    silences = [_silence_s(row, read_at, hearing) for row in workers]
    if None in silences:
        return None
    return min([waiting_s, *(each for each in silences if each is not None)])
