"""An attempt in the making: what is known of it so far, and from where; pure.

Owns what is made of its moments at the end: waits and durations, and notes where they run backwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prismq_gui.insight.timeline_records import Attempt, Note, NoteKind, Outcome, Source, Sources

SLACK = timedelta(seconds=2)  # written times have whole seconds, and a claim of the same second is put one ahead
ERROR_CHARACTERS = 300


@dataclass(slots=True)
class Draft:
    """An attempt in the making."""

    number: int | None = None
    due_at: datetime | None = None
    claimed_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome = Outcome.UNKNOWN
    worker: str = ""
    error: str = ""
    known: dict[str, Source] = field(default_factory=dict)
    log_ids: list[int] = field(default_factory=list)

    def learn(self, name: str, value: object, source: Source) -> None:
        """Take a value over, unless it is none."""
        if value not in (None, ""):
            setattr(self, name, value)
            self.known[name] = source

    @property
    def began_at(self) -> datetime | None:
        """When a worker took it, as far as known."""
        return self.claimed_at or self.started_at

    def made(self, notes: list[Note], index: int) -> Attempt:
        """Return the attempt; times that run backwards have no duration, and a note."""
        which = f"Attempt {self.number}" if self.number is not None else "An attempt"
        waited_s = _span(self.due_at, self.began_at, f"{which} began {{}} before it was due.", notes, index)
        ran_s = _span(
            self.started_at or self.claimed_at, self.ended_at, f"{which} ended {{}} before it began.", notes, index
        )
        if self.claimed_at and self.started_at and self.claimed_at - self.started_at > SLACK:
            notes.append(Note(NoteKind.CLOCK, f"{which} started before it was claimed.", index))
        if self.due_at is not None and self.began_at is not None and waited_s is None:
            self.known.pop("due_at", None)
        return Attempt(
            self.number, self.due_at, self.claimed_at, self.started_at, self.ended_at, self.outcome, self.worker,
            self.error[:ERROR_CHARACTERS], waited_s, ran_s, Sources(**self.known), tuple(self.log_ids),
        )  # fmt: skip


def _span(start: datetime | None, end: datetime | None, words: str, notes: list[Note], index: int) -> float | None:
    if start is None or end is None:
        return None
    seconds = (end - start).total_seconds()
    if seconds < -SLACK.total_seconds():
        notes.append(Note(NoteKind.CLOCK, words.format(f"{-seconds:,.0f} s"), index))
        return None
    return max(0.0, seconds)
