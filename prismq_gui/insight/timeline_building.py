"""Attempts made of log lines and columns; pure, no file and no SQL.

The log is walked in the order it was written; then the columns, which tell the last attempt alone, complete it. Where
both know a value the column stands and a difference is noted. Nothing is made to fit: what cannot be is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from prismq_gui.insight.log_events import ENDS, Happening, LogEvent
from prismq_gui.insight.messages import TaskRow
from prismq_gui.insight.names import shown
from prismq_gui.insight.states import is_running
from prismq_gui.insight.timeline_draft import SLACK, Draft
from prismq_gui.insight.timeline_records import (
    END_OUTCOMES,
    STATUS_OUTCOMES,
    Attempt,
    Event,
    EventKind,
    Note,
    NoteKind,
    Outcome,
    Source,
)
from prismq_gui.queue.timestamps import parse_utc
from prismq_gui.queue.transitions import TERMINAL

_V = TypeVar("_V")
_WORKERS_ENDS = frozenset(
    {Happening.COMPLETED, Happening.RETRY_LATER, Happening.FAILED, Happening.BURIED, Happening.ATTEMPT_FAILED}
)
_BACK_IN_QUEUE = (Outcome.RETRIED, Outcome.RELEASED, Outcome.LEASE_EXPIRED)
_EVENTS = {
    Happening.CANCEL_REQUESTED: EventKind.CANCEL_REQUESTED,
    Happening.CANCELLED: EventKind.CANCELLED,
    Happening.BURIED: EventKind.BURIED,
    Happening.RETRIED: EventKind.RETRIED,
    Happening.RELEASED: EventKind.RELEASED,
    Happening.CHANGED: EventKind.CHANGED,
}


class Builder:
    """Makes the attempts and events of one task; used once."""

    def __init__(self, row: TaskRow, now: datetime, hole_after: int | None = None) -> None:
        self.notes: list[Note] = []
        self.events: list[Event] = []
        self.drafts: list[Draft] = []
        self.own_lines = 0
        self._row = row
        self._now = now
        self._hole_after = hole_after
        self._open: Draft | None = None
        self._due: tuple[datetime, Source] | None = None
        self._since_reset = 0  # index of the first attempt that the task's counter counts
        self._made = parse_utc(row.created_at_utc)
        if self._made is not None:
            self._due = (self._made, Source.INFERRED)
        if row.created_at_utc is not None:
            self.events.append(Event(EventKind.CREATED, self._made, row.created_at_utc, Source.COLUMN))

    # -- the log

    def walk(self, events: Sequence[LogEvent]) -> None:
        """Take the lines, in the order they were written."""
        starts = any(each.sure for each in events if each.happening is Happening.STARTED)
        ends = any(each.sure for each in events if each.happening in _WORKERS_ENDS)
        for event in events:
            if self._hole_after is not None and event.log_id > self._hole_after:
                self._hole_after = None
                self._cut_off("and the lines that follow were not looked at")
            doubted = starts if event.happening is Happening.STARTED else ends and event.happening in _WORKERS_ENDS
            if event.happening is Happening.NOTE or (doubted and not event.sure):
                self.own_lines += 1
            else:
                self._take(event)

    def _take(self, event: LogEvent) -> None:
        kind = event.happening
        if kind is Happening.STARTED:
            self._start(event)
        elif kind in ENDS and not event.while_waiting and not self._ended_nothing(event):
            self._end(event)
        if kind in _EVENTS and (kind not in ENDS or event.by or event.while_waiting):
            self.events.append(
                Event(_EVENTS[kind], event.at, event.raw_at, Source.LOG, event.text, event.by, event.log_id)
            )
        if kind is Happening.RETRIED:
            self._cut_off("and an operator queued the task again")
            self._since_reset = len(self.drafts)
            self._wait_from(event.at)

    def _ended_nothing(self, event: LogEvent) -> bool:
        """Whether an operator cancelled or released a task that no attempt is known of."""
        return self._open is None and not event.worker and bool(event.by)

    def _start(self, event: LogEvent) -> None:
        self._cut_off("and the next one started")
        self._open = self._new(event)
        self._open.learn("started_at", event.at, Source.LOG)
        self._open.learn("worker", event.worker, Source.LOG)

    def _new(self, event: LogEvent | None, number: int | None = None) -> Draft:
        draft = Draft()
        previous = self.drafts[-1] if self.drafts else None
        if event is not None and event.attempt is not None:
            draft.learn("number", event.attempt, Source.LOG)
        elif number is not None:
            draft.learn("number", number, Source.COLUMN)
        else:
            last = previous.number if previous is not None and len(self.drafts) > self._since_reset else 0
            draft.learn("number", (last or 0) + 1, Source.INFERRED)
        if self._due is not None:
            draft.learn("due_at", *self._due)
        if event is not None:
            draft.log_ids.append(event.log_id)
        self.drafts.append(draft)
        self._due = None
        return draft

    def _end(self, event: LogEvent) -> None:
        draft = self._open
        if draft is None:
            draft = self._new(event)
            if event.happening is not Happening.LEASE_EXPIRED:
                self._note(NoteKind.GAP, f"The start of attempt {draft.number} is not in the log.")
        elif draft.log_ids[-1:] != [event.log_id]:
            draft.log_ids.append(event.log_id)
        if event.worker and draft.worker and event.worker != draft.worker:
            who = f"started on {draft.worker}, but was ended as {event.worker}'s"
            self._note(NoteKind.CONTRADICTION, f"Attempt {draft.number} {who}.")
        elif not draft.worker:
            draft.learn("worker", event.worker, Source.LOG)
        draft.learn("ended_at", event.at, Source.LOG)
        draft.learn("outcome", END_OUTCOMES[event.happening], Source.LOG if event.sure else Source.INFERRED)
        draft.learn("error", event.error, Source.LOG)
        self._open = None
        self._wait_from(event.at, event.delay_s or 0.0)

    def _wait_from(self, at: datetime | None, delay_s: float = 0.0) -> None:
        try:
            self._due = None if at is None else (at + timedelta(seconds=delay_s), Source.INFERRED)
        except OverflowError:
            self._due = None

    def _cut_off(self, because: str) -> None:
        """Leave an attempt without an end."""
        if self._open is not None:
            self._note(NoteKind.GAP, f"Attempt {self._open.number} started, {because}: how it ended is not recorded.")
            self._open = None

    def _note(self, kind: NoteKind, sentence: str) -> None:
        self.notes.append(Note(kind, sentence, len(self.drafts) - 1 if self.drafts else None))

    # -- the columns

    def complete(self) -> None:
        """Let the columns complete the last attempt, and conclude what became of the others."""
        for draft in self.drafts[:-1]:
            self._conclude(draft)
        status = self._row.status
        if is_running(status):
            self._running()
        elif status in TERMINAL:
            self._ended(str(status))
        else:
            self._waiting()
        self._blame()
        self._count()

    def _blame(self) -> None:
        """The task's error is that of the last attempt that failed: nothing clears it when another one starts."""
        error = shown(self._row.error_message)
        failed = [draft for draft in self.drafts if draft.outcome is Outcome.RETRIED]
        if failed and not failed[-1].error and not any(draft.error == error for draft in self.drafts):
            failed[-1].learn("error", error, Source.INFERRED)

    def _conclude(self, draft: Draft) -> None:
        """A failed attempt that another one followed was to be tried again."""
        if draft.outcome is Outcome.UNKNOWN and draft.ended_at is not None:
            draft.learn("outcome", Outcome.RETRIED, Source.INFERRED)

    def _running(self) -> None:
        claimed, started = self._claim()
        draft = self._open
        if draft is not None and _is_later(claimed or started, draft.started_at):
            self._cut_off("and it was claimed anew")
            draft = None
        if draft is None:
            draft = self._new(None, self._counter())
        self._fill(draft, claimed, started)
        draft.learn("outcome", Outcome.RUNNING, Source.COLUMN)
        self._set_due(draft)

    def _ended(self, status: str) -> None:
        claimed, started = self._claim()
        finished = parse_utc(self._row.finished_at_utc)
        draft = self.drafts[-1] if self.drafts else None
        again = draft is not None and (
            (draft.outcome in _BACK_IN_QUEUE and draft is not self._open and status != "cancelled")
            or _is_later(claimed or started, draft.ended_at)
        )
        if again and draft is not None:
            self._conclude(draft)
        if draft is None or again:
            if (claimed or started) is None and status == "cancelled":
                return
            draft = self._new(None, self._counter())
            self._since_reset = min(self._since_reset, len(self.drafts) - 1)
        self._fill(draft, claimed, started)
        self._finish(draft, status, finished)
        self._set_due(draft)

    def _finish(self, draft: Draft, status: str, finished: datetime | None) -> None:
        outcome = STATUS_OUTCOMES[status]
        error = shown(self._row.error_message)
        if outcome is Outcome.FAILED and error.lower().startswith("cancelled by"):
            outcome = Outcome.CANCELLED
        if status == "cancelled" and draft is not self._open and draft.ended_at is not None:
            return  # it was cancelled later, while it waited
        inferred = draft.known.get("outcome") is Source.INFERRED and draft.outcome is outcome
        if draft.ended_at is None or draft.outcome is Outcome.UNKNOWN or inferred:
            draft.learn("outcome", outcome, Source.COLUMN)
        elif draft.outcome is not outcome:
            said = f"its log says “{draft.outcome.value}”, the task is {status}"
            self._note(NoteKind.CONTRADICTION, f"Attempt {draft.number}: {said}.")
        self._agree(draft, "ended_at", finished, "end")
        if not draft.error and outcome is not Outcome.COMPLETED:
            draft.learn("error", error, Source.COLUMN)

    def _waiting(self) -> None:
        self._cut_off("and the task waits again")
        if not self.drafts:
            return
        draft = self.drafts[-1]
        self._conclude(draft)
        back = (*_BACK_IN_QUEUE, Outcome.UNKNOWN)
        if self._row.status == "queued" and draft.outcome not in back and self._since_reset < len(self.drafts):
            said = f"ended as “{draft.outcome.value}”, but the task waits again, and no line says why"
            self._note(NoteKind.CONTRADICTION, f"Attempt {draft.number} {said}.")
        claimed, started = self._claim()
        if not _is_later(claimed or started, draft.ended_at):
            self._fill(draft, claimed, started)
        if not draft.error and draft.outcome is Outcome.RETRIED:
            draft.learn("error", shown(self._row.error_message), Source.COLUMN)

    def _claim(self) -> tuple[datetime | None, datetime | None]:
        return parse_utc(self._row.reserved_at_utc), parse_utc(self._row.processing_started_utc)

    def _fill(self, draft: Draft, claimed: datetime | None, started: datetime | None) -> None:
        draft.learn("claimed_at", claimed, Source.COLUMN)
        self._agree(draft, "started_at", started, "start")
        holder = shown(self._row.locked_by)
        if holder and draft.worker and holder != draft.worker:
            who = f"its log names {draft.worker}, the task {holder}"
            self._note(NoteKind.CONTRADICTION, f"The worker of attempt {draft.number}: {who}.")
        draft.learn("worker", holder, Source.COLUMN)

    def _agree(self, draft: Draft, name: str, column: datetime | None, word: str) -> None:
        """Let a column's time stand; note where the log's is another one."""
        logged: datetime | None = getattr(draft, name)
        if column is not None and logged is not None and abs(column - logged) > SLACK:
            what = f"The {word} of attempt {draft.number} is {logged} in the log and {column} in the task"
            self._note(NoteKind.CONTRADICTION, f"{what}.")
        draft.learn(name, column, Source.COLUMN)

    def _set_due(self, draft: Draft) -> None:
        """The due time in the task is the one that led to its last attempt."""
        due = parse_utc(self._row.run_after_utc)
        floor = max(_known((draft.due_at if len(self.drafts) > 1 else None, self._made)), default=None)
        if due is not None and (floor is None or due >= floor):
            draft.learn("due_at", due, Source.COLUMN)
        elif floor is not None:
            draft.learn("due_at", floor, Source.INFERRED)

    def _counter(self) -> int | None:
        attempts = self._row.attempts
        return attempts if isinstance(attempts, int) and attempts > 0 else None

    def _count(self) -> None:
        attempts = self._row.attempts
        if not isinstance(attempts, int):
            return
        recorded = sum(draft.outcome is not Outcome.RELEASED for draft in self.drafts[self._since_reset :])
        if attempts > recorded:
            self._note(NoteKind.GAP, f"The task counts {attempts:,} attempts, of which {recorded:,} are recorded.")
        elif attempts < recorded - 1:  # some programs count an attempt only when it fails
            text = f"The task counts {attempts:,} attempts, but {recorded:,} are recorded."
            self._note(NoteKind.CONTRADICTION, text)

    def attempts(self) -> tuple[Attempt, ...]:
        """Return the attempts; adds the notes on their times."""
        return tuple(draft.made(self.notes, index) for index, draft in enumerate(self.drafts))


def _is_later(moment: datetime | None, than: datetime | None) -> bool:
    return moment is not None and than is not None and moment - than > SLACK


def _known(values: Iterable[_V | None]) -> list[_V]:
    return [value for value in values if value is not None]
