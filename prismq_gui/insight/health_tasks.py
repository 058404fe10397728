"""What a health check finds in the rows themselves: times, JSON, attempts, names left behind, log lines without a task.

Owns which flags are counted over tasks and log lines, and what is told of them. The counting is the walk's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from prismq_gui.insight import health_conditions as conditions
from prismq_gui.insight.connection import ReadConnection
from prismq_gui.insight.counting import count_steps
from prismq_gui.insight.health_conditions import TIME_COLUMNS
from prismq_gui.insight.health_records import SAMPLE_IDS, Finding
from prismq_gui.insight.health_texts import finding, tasks
from prismq_gui.insight.health_walk import Flags, Tally
from prismq_gui.insight.language_nodes import quoted
from prismq_gui.insight.layout import Layout
from prismq_gui.insight.names import distinct, shown
from prismq_gui.queue.timestamps import exact_text
from prismq_gui.queue.transitions import TERMINAL, Status

_AHEAD_S = 60  # clocks that a time server keeps are closer
_MOST_STATUSES = 1_000
_KNOWN = frozenset(status.value for status in Status)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One flag that is a finding by itself: its condition, the columns that needs, and its words for one and many."""

    code: str
    condition: str
    columns: tuple[str, ...]
    one: str
    many: str
    filter: str = ""


_RULES = (
    _Rule(
        "time-iso", f"{conditions.QUEUED} AND {conditions.is_abroad('run_after_utc')}", ("run_after_utc",),
        "1 waiting task has a due time in the ISO form or with an offset",
        "{:,} waiting tasks have a due time in the ISO form or with an offset",
    ),
    _Rule(
        "time-unreadable",
        f"{conditions.QUEUED} AND (run_after_utc IS NULL OR {conditions.is_unreadable('run_after_utc')})",
        ("run_after_utc",), "1 waiting task has a due time that cannot be read",
        "{:,} waiting tasks have a due time that cannot be read",
    ),
    _Rule(
        "attempts-used-up", conditions.ATTEMPTS_USED_UP, ("attempts", "max_attempts"),
        "1 waiting task has no attempts left", "{:,} waiting tasks have no attempts left",
    ),
    _Rule(
        "json-payload", f"NOT {conditions.is_json('payload')}", ("payload",),
        "The payload of 1 task is no JSON", "The payloads of {:,} tasks are no JSON",
    ),
    _Rule(
        "json-compatibility", f"NOT {conditions.is_json('compatibility')}", ("compatibility",),
        "The compatibility of 1 task is no JSON", "The compatibility of {:,} tasks is no JSON",
    ),
    _Rule(
        "clock-ahead", conditions.is_after("created_at_utc", ":soon"), ("created_at_utc",),
        "1 task was created in the future", "{:,} tasks were created in the future", "created>now",
    ),
    _Rule(
        "finished-names-worker", conditions.FINISHED_NAMES_WORKER, ("locked_by",),
        "1 task that is over still names a worker", "{:,} tasks that are over still name a worker",
        f"status:{','.join(TERMINAL)} worker:*",
    ),
    _Rule(
        "time-backwards", conditions.runs_backwards("processing_started_utc", "finished_at_utc"),
        ("processing_started_utc", "finished_at_utc"),
        "1 task was over before it began, by its times", "{:,} tasks were over before they began, by their times",
    ),
)  # fmt: skip
_LARGE = frozenset(("json-payload", "json-compatibility"))
_OF_LEASES = {  # told by findings of their own; here to be taken off the column's count
    "lease-iso": f"({conditions.IS_RUNNING} AND {conditions.is_abroad('lease_until_utc')})",
    "lease-unreadable": f"({conditions.IS_RUNNING} AND {conditions.is_unreadable('lease_until_utc')})",
}


def task_flags(layout: Layout, now: datetime) -> Flags:
    """Return what is counted over all tasks, as far as the file has the columns."""
    sums = {rule.code: f"({rule.condition})" for rule in _RULES if layout.tasks.issuperset(rule.columns)}
    if "lease_until_utc" in layout.tasks:
        sums |= _OF_LEASES
    sums |= {column: f"({conditions.form(column)})" for column in TIME_COLUMNS if column in layout.tasks}
    soon = exact_text(now + timedelta(seconds=_AHEAD_S))
    return Flags("task_queue", "id", sums, {"soon": soon}, _LARGE)


def log_flags(layout: Layout) -> Flags:
    """Return what is counted over all log lines."""
    wanted = {"log-orphan": ("task_id", conditions.LOG_ORPHAN), "at_utc": ("at_utc", conditions.form("at_utc"))}
    sums = {name: f"({sql})" for name, (column, sql) in wanted.items() if column in layout.logs}
    return Flags("task_logs", "log_id", sums, {})


def row_findings(tally: Tally) -> Iterator[Finding]:
    """Yield what a walk over the tasks has found by now."""
    at_least = "" if tally.whole else "At least "
    for rule in _RULES:
        count = tally.sums.get(rule.code, 0)
        if count:
            words = rule.one if count == 1 else rule.many.format(count)
            sentence = f"{at_least}{words if tally.whole else words[:1].lower() + words[1:]}."
            yield _found(rule.code, sentence, count, tally, tuple(tally.samples[rule.code]), rule.filter)
    yield from _times_elsewhere(tally)
    if tally.skipped:
        ids = tuple(tally.skipped[:SAMPLE_IDS])
        sentence = tasks(len(tally.skipped), "too large to be checked", at_least=not tally.whole)
        yield _found("json-too-large", sentence, len(tally.skipped), tally, ids)


def _found(
    code: str, sentence: str, count: int, tally: Tally, ids: tuple[int, ...], wanted: str = "",
    details: tuple[str, ...] = (),
) -> Finding:  # fmt: skip
    return finding(code, sentence, count, at_least=not tally.whole, sample_ids=ids, filter=wanted, details=details)


def _times_elsewhere(tally: Tally) -> Iterator[Finding]:
    """Yield the times that no finding of their own tells: in all columns but due times that wait, leases that run."""
    abroad: dict[str, int] = {}
    unreadable: dict[str, int] = {}
    for column in TIME_COLUMNS:
        abroad[column], unreadable[column] = conditions.both(tally.sums.get(column, 0))
    abroad["run_after_utc"] -= tally.sums.get("time-iso", 0)
    abroad["lease_until_utc"] -= tally.sums.get("lease-iso", 0)
    unreadable["run_after_utc"] -= tally.sums.get("time-unreadable", 0)
    unreadable["lease_until_utc"] -= tally.sums.get("lease-unreadable", 0)
    for code, counts, what in (
        ("time-iso-elsewhere", abroad, "in the ISO form or with an offset"),
        ("time-unreadable-elsewhere", unreadable, "unreadable"),
    ):
        told = {column: count for column, count in counts.items() if count > 0}
        total = sum(told.values())
        if total:
            where = "1 column" if len(told) == 1 else f"{len(told)} columns"
            many = "1 time of a task is" if total == 1 else f"{total:,} times of tasks are"
            sentence = f"{'' if tally.whole else 'At least '}{many} {what}, in {where}."
            ids = sorted({each for column in told for each in tally.samples[column]}, reverse=True)[:SAMPLE_IDS]
            details = tuple(f"{column}: {count:,}" for column, count in told.items())
            yield _found(code, sentence, total, tally, tuple(ids), details=details)


def log_findings(tally: Tally) -> Iterator[Finding]:
    """Yield what a walk over the log lines has found by now. Their ids are no tasks': none are handed on."""
    orphans = tally.sums.get("log-orphan", 0)
    at_least = "" if tally.whole else "At least "
    if orphans:
        many = "1 log line belongs" if orphans == 1 else f"{orphans:,} log lines belong"
        lines = ", ".join(f"line {each}" for each in tally.samples["log-orphan"])
        what = f"{at_least}{many} to no task."
        yield _found("log-orphan", what, orphans, tally, (), details=(lines,))
    abroad, _unreadable = conditions.both(tally.sums.get("at_utc", 0))
    if abroad:
        many = "1 log line has" if abroad == 1 else f"{abroad:,} log lines have"
        yield _found("log-time-iso", f"{at_least}{many} a time in the ISO form or with an offset.", abroad, tally, ())


def status_findings(connection: ReadConnection, layout: Layout) -> Iterator[Finding]:
    """Yield the statuses that are not the queue's, counted by the index."""
    if not layout.has_status_index:
        return
    names = [name for name in distinct(connection, "status", _MOST_STATUSES) if name not in _KNOWN]
    counts = {name: sum(count_steps(connection, layout, name)) for name in names}
    if counts:
        told = ", ".join(f"“{shown(name)[:60]}” ({count:,})" for name, count in list(counts.items())[:10])
        more = f" and {len(counts) - 10:,} more" if len(counts) > 10 else ""
        total = sum(counts.values())
        wanted = "status=" + ",".join(quoted(shown(name)) for name in names) if len(names) <= 10 else ""
        sentence = tasks(total, f"in a status that this program does not know: {told}{more}")
        yield finding("status-unknown", sentence, total, filter=wanted)
