"""Alerts as the window shows them: messages of the tray, rows of the log, and how it stands in a sentence.

Pure functions. What they return may hold text of a queue file, and is plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prismq_gui.insight.alert_log import LogEntry
from prismq_gui.insight.alert_rule_words import WORDS
from prismq_gui.insight.alert_rules import AlertRules, RuleKind
from prismq_gui.insight.alert_words import name_text, sentence, value_text
from prismq_gui.insight.alerts import AlertChange, AlertEvent
from prismq_gui.models.columns import Column
from prismq_gui.models.plain_table_model import PlainRow
from prismq_gui.models.times import short_time
from prismq_gui.polling.alert_messages import AlertNews
from prismq_gui.queue.timestamps import exact_text
from prismq_gui.views.plain_text import one_line, visible
from prismq_gui.views.times import relative

COLUMNS = (
    Column("raised", "Raised", 15),
    Column("over", "Over", 15),
    Column("what", "What", 46),
    Column("file", "File", 18),
    Column("program", "Program", 18),
)
MOST_LINES = 3
NOT_OVER = "not seen yet"
_NAME_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Message:
    """What is shown beside the clock. ``kind`` is what a click leads to, None: to the list."""

    title: str
    text: str
    alarm: bool
    kind: RuleKind | None = None


def message_of(path: Path, events: Sequence[AlertEvent]) -> Message | None:
    """Return one message for all that changed, None where nothing did."""
    if not events:
        return None
    raised = [event for event in events if event.change is AlertChange.RAISED]
    shown = sorted(events, key=lambda event: event.change is not AlertChange.RAISED)
    lines = [_line(event) for event in shown[:MOST_LINES]]
    if len(events) > MOST_LINES:
        lines.append(f"and {len(events) - MOST_LINES} more")
    count = f"{len(raised)} alerts" if len(raised) > 1 else "Alert" if raised else "Over"
    kinds = {event.kind for event in events}
    title = f"{count}: {name_text(one_line(path.name), _NAME_CHARACTERS)}"
    return Message(title, "\n".join(lines), bool(raised), kinds.pop() if len(kinds) == 1 else None)


def _line(event: AlertEvent) -> str:
    words = sentence(event)
    return f"Over: {words}." if event.change is AlertChange.CLEARED else f"{_upper(words, event.subject)}."


def literal(text: str) -> str:
    """Return a text without what a desktop's message may take for markup: some of Linux obey ``<b>`` and ``&lt;``."""
    return text.translate(_LOOKALIKES)


_LOOKALIKES = str.maketrans({"<": "‹", ">": "›", "&": "＆"})


def row(entry: LogEntry) -> PlainRow:
    """Return an entry of the log as the table shows it."""
    return PlainRow(entry.id, _cells(entry))


def _cells(entry: LogEntry) -> tuple[str, ...]:
    over = NOT_OVER if entry.cleared_at_utc is None else short_time(exact_text(entry.cleared_at_utc))
    what, file = _upper(entry.sentence, entry.subject), Path(entry.file).name or entry.file
    return short_time(exact_text(entry.raised_at_utc)), over, one_line(what), one_line(file), one_line(entry.program)


def details(entry: LogEntry) -> str:
    """Return all of an entry as some lines."""
    title = WORDS[entry.kind].title
    since = " It was so already when the file was opened." if entry.quiet else ""
    side = "below" if entry.kind.is_low_bad else "from"
    lines = [
        f"{_upper(entry.sentence, entry.subject)}.{since}",
        f"Rule: {title}, raised {side} {value_text(entry.kind, entry.threshold)}.   File: {visible(entry.file)}",
    ]
    if entry.cleared_at_utc is not None:
        lines.append(f"Over: {entry.cleared}.")
    if entry.program:
        lines.append(f"Program: {one_line(entry.program)}")
    return "\n".join(lines)


def head(news: AlertNews | None, rules: AlertRules, paused: bool, now: datetime) -> str:
    """Return how it stands with the open file, in a sentence or two."""
    on = sum(rule.on for _, rule in rules.all())
    if not on:
        return "All rules are off."
    if paused:
        return "Paused: nothing is looked at, so nothing is raised."
    if news is None:
        return "Not looked at yet."
    looked = f"Looked {relative(news.looked_at_utc, now)}; {on} of {len(RuleKind)} rules are on."
    if not news.raised:
        return f"Nothing is raised. {looked}"
    kinds = dict.fromkeys(WORDS[kind].title for kind, _ in news.raised)
    count = "1 alert is" if len(news.raised) == 1 else f"{len(news.raised)} alerts are"
    return f"{count} raised: {', '.join(kinds)}. {looked}"


def _upper(text: str, subject: str) -> str:
    """Return a sentence as it begins; one that begins with a worker's name begins as that does."""
    return text if subject else f"{text[:1].upper()}{text[1:]}"
