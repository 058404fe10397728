"""The verdict on a queue: is it well, and if not, what is wrong, how bad, and where to look.

Owns the rules, in the order of :data:`_RULES`, and the hysteresis that keeps a verdict from flickering. Pure functions
of facts handed in: no file, no clock. What is not known yet never counts as well: it is named.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import TypeAlias

from prismq_gui.insight.forecast import Outlook
from prismq_gui.insight.health import Severity
from prismq_gui.insight.states import duration_text
from prismq_gui.insight.thresholds import Thresholds
from prismq_gui.insight.verdict_records import (
    Cause,
    Code,
    Facts,
    Page,
    Reason,
    Told,
    Verdict,
    VerdictState,
    WorkerFact,
)

__all__ = ["Cause", "Code", "Facts", "Page", "Reason", "Severity", "Thresholds", "Verdict", "VerdictState",
           "WorkerFact", "judge"]  # fmt: skip

_NAME_CHARACTERS = 60
_CAUSE_CHARACTERS = 80
_MOST_DETAILS = 50
_RANK = {Severity.FAULT: 0, Severity.WARNING: 1, Severity.NOTE: 2}


class _Unknown(Enum):
    """What a rule returns that could not look."""

    YET = "yet"


_Found: TypeAlias = "Reason | _Unknown | None"
_Rule: TypeAlias = Callable[[Facts, Thresholds, float], _Found]


def judge(
    facts: Facts, thresholds: Thresholds | None = None, state: VerdictState | None = None
) -> tuple[Verdict, VerdictState]:
    """Return the verdict, and the state to hand in the next time.

    A reason appears when its value reaches the threshold. It goes when the value has stayed below ``clear_share`` of it
    for ``clear_hold_s``; while a value is not known, what was told stays told.
    """
    limits = thresholds or Thresholds()
    before = {told.reason.code: told for told in (state or VerdictState()).told}
    told: list[Told] = []
    unknown: list[str] = []
    for code, what, rule in _RULES:
        found = rule(facts, limits, 1.0)
        if found is _Unknown.YET:
            unknown.append(what)
        kept = found if isinstance(found, Reason) else None
        if kept is not None:
            told.append(Told(kept))
        elif code in before:
            told += _held(before[code], rule, facts, limits)
    told.sort(key=lambda each: _RANK[each.reason.severity])
    reasons = tuple(each.reason for each in told)
    names = tuple(dict.fromkeys(unknown))
    severity = reasons[0].severity if reasons else None
    return Verdict(_sentence(reasons, names, facts.awaited), severity, reasons, names, facts.awaited), VerdictState(
        tuple(told)
    )


def _held(before: Told, rule: _Rule, facts: Facts, limits: Thresholds) -> list[Told]:
    """Return a reason that does not reach its threshold any more as long as it is still told."""
    eased = rule(facts, limits, limits.clear_share)
    if eased is _Unknown.YET:
        return [before]
    if isinstance(eased, Reason):
        return [Told(eased)]
    since = before.below_since_utc
    if since is None or since > facts.at_utc:  # or the clock was set back
        since = facts.at_utc
    if (facts.at_utc - since).total_seconds() >= limits.clear_hold_s:
        return []
    return [Told(before.reason, since)]


def _sentence(reasons: tuple[Reason, ...], unknown: tuple[str, ...], awaited: str) -> str:
    if reasons:
        count = "1 problem" if len(reasons) == 1 else f"{len(reasons)} problems"
        return f"{count}: {'; '.join(reason.sentence for reason in reasons)}"
    if awaited:
        return f"{awaited[:1].upper()}{awaited[1:]}"
    if not unknown:
        return "All is well"
    if len(unknown) == len({what for _, what, _ in _RULES}):
        return "Not looked at yet"
    return f"No problem found so far; not known yet: {', '.join(unknown)}"


def _nobody_works(facts: Facts, limits: Thresholds, scale: float) -> _Found:
    if facts.oldest_waiting_s is None or facts.workers is None:
        return _Unknown.YET
    alive = [each for each in facts.workers if not _is_silent(each, limits.silent_after_s * scale)]
    if facts.oldest_waiting_s <= 0 or alive:
        return _Unknown.YET if facts.awaited else None
    known = f"all {len(facts.workers):,} workers are silent" if facts.workers else "no worker is registered"
    if len(facts.workers) == 1:
        known = "the only worker is silent"
    return Reason(Code.NOBODY_WORKS, Severity.FAULT, f"tasks are due, but {known}", Page.WORKERS)


def _silent_workers(facts: Facts, limits: Thresholds, scale: float) -> _Found:
    if facts.workers is None:
        return _Unknown.YET
    silent = [each for each in facts.workers if each.held > 0 and _is_silent(each, limits.silent_after_s * scale)]
    if not silent:
        return _Unknown.YET if facts.awaited else None
    silent.sort(key=lambda each: (-(each.silent_s if each.silent_s is not None else float("inf")), each.worker_id))
    details = tuple(_silence(each) for each in silent[:_MOST_DETAILS])
    if len(silent) == 1:
        return Reason(Code.SILENT_WORKERS, Severity.WARNING, details[0], Page.WORKERS, "", details)
    held = _holding(sum(each.held for each in silent), silent[0].held_at_least)
    longest = silent[0]
    since = "" if longest.silent_s is None else f", for {_span(longest.silent_s)}"
    sentence = f"{len(silent):,} workers silent holding {held} ({_name(longest.worker_id)} longest{since})"
    return Reason(Code.SILENT_WORKERS, Severity.WARNING, sentence, Page.WORKERS, "", details)


def _failing(facts: Facts, limits: Thresholds, scale: float) -> _Found:
    if facts.failed is None or facts.completed is None:
        return _Unknown.YET
    over = facts.failed + facts.completed
    rate = facts.failed / over if over else 0.0
    if facts.failed < limits.error_least * scale or rate < limits.error_rate * scale:
        return None
    severity = Severity.FAULT if rate >= 0.5 else Severity.WARNING
    least = "at least " if facts.failed_at_least else ""
    sentence = f"{least}{facts.failed:,} failed in the last hour{_mostly(facts)}"
    details = (f"{rate:.0%} of the {over:,} that ended", *_causes(facts))
    return Reason(Code.FAILING, severity, sentence, Page.FAILURES, "", details)


def _one_cause(facts: Facts, limits: Thresholds, scale: float) -> _Found:
    if facts.causes is None:
        return _Unknown.YET
    if isinstance(_failing(facts, limits, scale), Reason):
        return None  # it names the cause already
    many = [each for each in facts.causes if each.count >= limits.one_cause * scale]
    if not many:
        return None
    worst = max(many, key=lambda each: each.count)
    sentence = f"{worst.count:,} failed alike in the last hour: {_cause(worst.signature)}"
    return Reason(Code.ONE_CAUSE, Severity.WARNING, sentence, Page.FAILURES, "", _causes(facts))


def _dead_letters(facts: Facts, limits: Thresholds, scale: float) -> _Found:
    if facts.dead is None:
        return _Unknown.YET
    if facts.dead < limits.dead_letters * scale:
        return None
    sentence = f"{_tasks(facts.dead)} given up in the last hour"
    return Reason(Code.DEAD_LETTERS, Severity.WARNING, sentence, Page.FAILURES, "status:dead_letter")


def _waits_long(facts: Facts, limits: Thresholds, scale: float) -> _Found:
    if facts.oldest_waiting_s is None:
        return _Unknown.YET
    if facts.oldest_waiting_s < limits.oldest_waiting_s * scale:
        return None
    sentence = f"the oldest waiting task has been due for {_span(facts.oldest_waiting_s)}"
    return Reason(Code.WAITS_LONG, Severity.WARNING, sentence, Page.TASKS, "status:queued")


def _backlog_grows(facts: Facts, limits: Thresholds, scale: float) -> _Found:
    found = facts.forecast
    if found is None or (found.outlook is Outlook.UNKNOWN):
        return _Unknown.YET
    if found.outlook is not Outlook.GROWS or (found.depth or 0) < limits.backlog_least * scale:
        return None
    sentence = f"the backlog of {found.depth:,} is {found.text}"
    return Reason(Code.BACKLOG_GROWS, Severity.WARNING, sentence, Page.TASKS, "status:queued")


def _expired_leases(facts: Facts, limits: Thresholds, scale: float) -> _Found:
    if facts.expired_leases is None:
        return _Unknown.YET
    if facts.expired_leases < limits.expired_leases * scale:
        return None
    are = "runs on a lease that is over" if facts.expired_leases == 1 else "run on leases that are over"
    sentence = f"{_tasks(facts.expired_leases)} {are}"
    return Reason(Code.EXPIRED_LEASES, Severity.WARNING, sentence, Page.TASKS, "status:leased or status:processing")


def _wal_large(facts: Facts, limits: Thresholds, scale: float) -> _Found:
    if facts.wal_bytes is None:
        return _Unknown.YET
    if facts.wal_bytes < limits.wal_bytes * scale:
        return None
    sentence = f"the WAL has grown to {facts.wal_bytes / 1024**2:,.0f} MiB"
    return Reason(Code.WAL_LARGE, Severity.WARNING, sentence, Page.DATABASE)


_RULES: tuple[tuple[Code, str, _Rule], ...] = (
    (Code.NOBODY_WORKS, "workers", _nobody_works),
    (Code.SILENT_WORKERS, "workers", _silent_workers),
    (Code.FAILING, "failures", _failing),
    (Code.ONE_CAUSE, "failures", _one_cause),
    (Code.DEAD_LETTERS, "failures", _dead_letters),
    (Code.WAITS_LONG, "waiting", _waits_long),
    (Code.BACKLOG_GROWS, "trend", _backlog_grows),
    (Code.EXPIRED_LEASES, "leases", _expired_leases),
    (Code.WAL_LARGE, "file", _wal_large),
)


def _is_silent(worker: WorkerFact, after_s: float) -> bool:
    return worker.silent_s is None or worker.silent_s > after_s


def _silence(worker: WorkerFact) -> str:
    since = "has given no sign of life" if worker.silent_s is None else f"silent for {_span(worker.silent_s)}"
    return f"{_name(worker.worker_id)} {since} holding {_holding(worker.held, worker.held_at_least)}"


def _mostly(facts: Facts) -> str:
    if not facts.causes:
        return ""
    total = sum(each.count for each in facts.causes)
    worst = max(facts.causes, key=lambda each: each.count)
    if worst.count * 2 > total:
        return f", most {_cause(worst.signature)}"
    return f", {worst.count:,} of them {_cause(worst.signature)}" if worst.count > 1 else ""


def _causes(facts: Facts) -> tuple[str, ...]:
    worst = sorted(facts.causes or (), key=lambda each: (-each.count, each.signature))
    return tuple(f"{each.count:,} × {_cause(each.signature)}" for each in worst[:_MOST_DETAILS])


def _cause(signature: str) -> str:
    return f"`{_plain(signature.replace('`', chr(39)), _CAUSE_CHARACTERS)}`"


def _name(text: str) -> str:
    return _plain(text, _NAME_CHARACTERS) or "a worker without a name"


def _plain(text: str, limit: int) -> str:
    """Return text of the file on one line without what a terminal or a label would obey."""
    line = "".join(each if each.isprintable() else "�" for each in text[: limit + 1])
    return f"{line[:limit]}…" if len(line) > limit else line


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count:,} tasks"


def _holding(count: int, at_least: bool) -> str:
    return f"{'at least ' if at_least else ''}{_tasks(count)}"


def _span(seconds: float) -> str:
    return duration_text(timedelta(seconds=min(max(seconds, 0.0), 1e9)))
