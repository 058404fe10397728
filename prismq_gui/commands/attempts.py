"""A task's timeline as ``show`` prints it, and as JSON."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from prismq_gui.commands.output import cell, fields_of, say, visible_line
from prismq_gui.insight.states import duration_text
from prismq_gui.insight.timeline import Attempt, Event, Source, Timeline


def timeline_object(timeline: Timeline) -> dict[str, Any]:
    """Return a timeline as JSON has it; each value of an attempt has its source beside it."""
    return {
        "attempts": [fields_of(each) | {"sources": fields_of(each.sources)} for each in timeline.attempts],
        "events": [fields_of(each) for each in timeline.events],
        "notes": [fields_of(each) for each in timeline.notes],
        "next_due": timeline.next_due,
        "lines": timeline.lines, "lines_read": timeline.lines_read, "lines_at_least": timeline.lines_at_least,
        "own_lines": timeline.own_lines,
    }  # fmt: skip


def print_timeline(timeline: Timeline) -> None:
    """Print attempts and events in the order of their times, then what is doubtful. ``~`` marks what is inferred."""
    if not timeline.attempts and not timeline.notes:
        return
    say("\ntimeline (UTC; ~ is inferred):")
    lines = [(event.at or datetime.min, 0, number, _event(event)) for number, event in enumerate(timeline.events)]
    lines += [(_began(each), 1, number, _attempt(each)) for number, each in enumerate(timeline.attempts)]
    for _at, _kind, _number, text in sorted(lines):
        say(f"  {visible_line(text)}")
    for note in timeline.notes:
        say(f"  note ({note.kind.value}): {visible_line(note.sentence)}")


def _began(attempt: Attempt) -> datetime:
    return attempt.claimed_at or attempt.started_at or attempt.ended_at or datetime.max


def _event(event: Event) -> str:
    at = _clock(event.at, event.source) if event.at else cell(event.raw_at)
    return f"{at}  {event.text or event.kind.value}"


def _attempt(attempt: Attempt) -> str:
    sources = attempt.sources
    began = attempt.claimed_at or attempt.started_at
    source = sources.claimed_at if attempt.claimed_at else sources.started_at
    number = "?" if attempt.number is None else f"{_mark(sources.number)}{attempt.number}"
    parts = [f"{_clock(began, source)}  attempt {number}"]
    if attempt.worker:
        parts.append(f"on {_mark(sources.worker)}{attempt.worker}")
    if attempt.waited_s is not None:
        parts.append(f"waited {_mark(sources.due_at)}{_span(attempt.waited_s)},")
    if attempt.ran_s is not None:
        parts.append(f"ran {_mark(sources.ended_at)}{_span(attempt.ran_s)}:")
    parts.append(f"{_mark(sources.outcome)}{attempt.outcome.value}")
    error = attempt.error.partition("\n")[0]
    return " ".join(parts) + (f" ({_mark(sources.error)}{error})" if error else "")


def _mark(source: Source | None) -> str:
    return "~" if source is Source.INFERRED else ""


def _clock(at: datetime | None, source: Source | None) -> str:
    return f"{'–':19}" if at is None else f"{_mark(source)}{at.isoformat(' ', 'seconds')}"


def _span(seconds: float) -> str:
    return duration_text(timedelta(seconds=seconds))
