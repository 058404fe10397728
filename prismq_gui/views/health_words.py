"""What the health check tells in the window: its head, its table, and each finding with what the window can do for it.

Owns words alone. What a finding means is insight's; what is advised there for the command line is told here by the
names of the window.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from prismq_gui.insight.health_records import Finding, Severity
from prismq_gui.models.columns import Column
from prismq_gui.models.plain_table_model import PlainRow
from prismq_gui.polling.health_desk import Extent, HealthNews, Left
from prismq_gui.views.plain_text import one_line
from prismq_gui.views.times import duration

COLUMNS = (
    Column("severity", "Severity", 10),
    Column("count", "Count", 9, numeric=True),
    Column("finding", "Finding", 30),
)
SEVERITIES: Mapping[Severity, tuple[str, str, str]] = {  # word, icon, colour
    Severity.FAULT: ("Fault", "circle-alert", "danger"),
    Severity.WARNING: ("Warning", "triangle-alert", "warning"),
    Severity.NOTE: ("Note", "info", "info"),
}
LOOK = "Look for what is wrong"
MOST_DETAILS = 20
CARE = {"fragmented": "vacuum", "wal-large": "checkpoint", "damage": "check_integrity"}
"""The action of the database's care that mends a finding, by the finding's code."""

_MEND = "“Mend…” shows what it would change, asks, and can be undone."
_ADVICE = {
    "fragmented": "A vacuum gives them back to the disk; workers wait while it runs. No task is changed.",
    "wal-large": "End who holds the snapshot, then make a checkpoint. No task is changed.",
    "lease-unreadable": "Show these tasks, and release them.",
    "time-unreadable": "Show these tasks, and run them now, or cancel them.",
    "part-checked": "“Look to the end” reads all of it, however long that takes. It can be stopped.",
    "index-changed": "Make a backup, stop the workers, and drop it with the program that made it. The next look then "
    "offers to make the right one.",
}
LOOKED_AT = (
    "Looked at: leases, workers and their clocks, schema and indexes, the WAL, free pages, times, JSON and log lines. "
    "Damage within the file is found by Check integrity, which reads all of it."
)


def plural(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def head(news: HealthNews | None, *, is_looking: bool) -> str:
    """Return what was found, in a line."""
    if news is None:
        return "Looking for what is wrong…" if is_looking else "Not looked at yet"
    if news.problem is not None:
        return "The file could not be looked at"
    counts = Counter(each.severity for each in news.findings)
    told = [plural(counts[each], word.lower()) for each, (word, _icon, _colour) in SEVERITIES.items() if counts[each]]
    if to_be_told(news):
        return ", ".join(told)
    is_whole = news.left is None and not any(each.code == "part-checked" for each in news.findings)
    well = "Nothing is wrong" if is_whole else "Nothing is wrong so far"
    return f"{well}, {told[0]}" if told else well


def state(news: HealthNews | None, now: datetime, *, is_old: bool) -> str:
    """Return when it was looked, and how far."""
    if news is None or news.looked_at is None:
        return ""
    if news.problem is not None:
        return news.problem.sentence()
    seconds = (now - news.looked_at).total_seconds()
    ago = f"{duration(seconds)} ago" if seconds >= 1 else "just now"
    words = [f"Looked at {news.looked_at:%H:%M:%S}, {ago}, for {duration(news.took_s)}."]
    if news.left is not None:
        words.append(_LEFT[news.left])
    if is_old:
        words.append("Tasks were changed since: look again.")
    return " ".join(words)


_LEFT = {
    Left.STOPPED: "It was stopped; the rest was not looked at.",
    Left.BUSY: f"Others are writing, so the tasks and log lines were left alone: “{LOOK}” reads them.",
    Left.LARGE: f"The file is large, so the tasks and log lines were left alone: “{LOOK}” reads them.",
}


def empty(news: HealthNews) -> tuple[str, str, str]:
    """Return icon, title and text where nothing was found."""
    if news.problem is not None:
        return "circle-alert", "The file could not be looked at", news.problem.sentence()
    if news.left is not None:
        return "info", "Nothing is wrong as far as it was looked at", f"{_LEFT[news.left]} {LOOKED_AT}"
    return "circle-check", "Nothing is wrong", LOOKED_AT


def count_text(finding: Finding) -> str:
    """Return how many there are, ``≥`` where there may be more."""
    return f"{'≥ ' if finding.at_least else ''}{finding.count:,}"


def rows(findings: Sequence[Finding]) -> list[PlainRow]:
    """Return a row a finding, in their order: the worst first."""
    seen: Counter[str] = Counter()
    made = []
    for each in findings:
        key = f"{each.code} {seen[each.code]}"  # some codes occur for each index or column
        seen[each.code] += 1
        made.append(PlainRow(key, (SEVERITIES[each.severity][0], count_text(each), one_line(each.sentence))))
    return made


def advice(finding: Finding) -> str:
    """Return what mends it, by what the window calls it; '' where nothing need be."""
    own = _ADVICE.get(finding.code)
    if own is not None:
        return own
    command = f"prismq-gui doctor --fix {finding.fix} shows what it would change, asks, and can be undone."
    return (finding.advice.replace(command, _MEND) if finding.fix else finding.advice).replace(
        "Make a backup first: prismq-gui backup.", "Make a backup first."
    )


def details(finding: Finding) -> str:
    """Return the details, a line each, and how many more there are."""
    shown = [f"· {one_line(each)}" for each in finding.details[:MOST_DETAILS]]
    if len(finding.details) > MOST_DETAILS:
        shown.append(f"· and {len(finding.details) - MOST_DETAILS:,} more")
    return "\n".join(shown)


def as_text(finding: Finding) -> str:
    """Return all of a finding as plain text."""
    word = SEVERITIES[finding.severity][0]
    parts = [
        f"{word}: {finding.sentence} [{finding.code}]", details(finding),
        finding.meaning and f"What it means: {finding.meaning}", finding.cost and f"What it costs: {finding.cost}",
        advice(finding) and f"What mends it: {advice(finding)}",
        finding.sample_ids and "Tasks: " + ", ".join(f"#{each}" for each in finding.sample_ids),
    ]  # fmt: skip
    return "\n".join(str(part) for part in parts if part)


def to_be_told(news: HealthNews | None) -> int:
    """Return how many faults and warnings there are, for the badge."""
    return sum(each.severity is not Severity.NOTE for each in news.findings) if news is not None else 0


def may_look_further(finding: Finding, extent: Extent) -> bool:
    """Whether more time would find more."""
    return finding.code == "part-checked" and extent is not Extent.WHOLE
