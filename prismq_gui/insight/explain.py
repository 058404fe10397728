"""Why is a task not running? One verdict, by the same definitions as the claim.

Owns the order in which reasons are looked for, and the reading of the task's own cells. Reads in short statements:
a place in line is counted over a stated number of index entries, and on from there by :func:`line_of`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from prismq_gui.insight import explain_words as words
from prismq_gui.insight.claim_keys import Key, candidate, level_of
from prismq_gui.insight.claim_view import ClaimView
from prismq_gui.insight.connection import decode_text
from prismq_gui.insight.explanations import DueTime, Explanation, Line, Offer, Upcoming, Verdict, WorkerMatch
from prismq_gui.insight.hearing import PLAIN, Hearing
from prismq_gui.insight.line import line_steps, line_within
from prismq_gui.insight.matching import Needs, read_needs, suits, workers
from prismq_gui.insight.messages import Cell, TaskRow
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.states import StatusKind, state_sentence, status_kind
from prismq_gui.insight.upcoming import first_ahead
from prismq_gui.queue import capabilities, claim_reading
from prismq_gui.queue.claim_sql import Strategy
from prismq_gui.queue.timestamps import now_utc, parse_utc, utc_text

COUNTED_AT_ONCE = 10_000  # entries of the index a strategy: 15 ms; what is beyond is counted by line_of
FIRST_AHEAD = 5
_FIRST_STEPS = 20
_NEEDED = ("priority", "attempts", "max_attempts", "run_after_utc", "lease_until_utc", "locked_by", "compatibility")
_ENDED = {
    StatusKind.COMPLETED: Verdict.COMPLETED,
    StatusKind.FAILED: Verdict.FAILED,
    StatusKind.DEAD: Verdict.DEAD_LETTER,
    StatusKind.CANCELLED: Verdict.CANCELLED,
    StatusKind.OTHER: Verdict.UNKNOWN_STATUS,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides about one task, as the claim's own expressions see it."""

    key: Key | None
    used_up: bool
    waits: bool
    runs: bool
    due: DueTime
    in_time: bool
    attempts: int
    max_attempts: int
    lease_until_utc: datetime | None
    lease_is_over: bool
    compatibility_kind: str


def explain(
    reader: QueueReader,
    task_id: int,
    now: datetime | None = None,
    *,
    offer: Offer | None = None,
    most: int | None = COUNTED_AT_ONCE,
    hearing: Hearing = PLAIN,
) -> Explanation | None:
    """Return why a task is not running, None where it does not exist.

    Args:
        reader: An open one, in its thread.
        task_id: The task.
        now: Naive UTC.
        offer: The worker from whose sight it is told; None is any worker of those that are registered.
        most: How many index entries are looked at for its place under each strategy, about; None counts to the end.
        hearing: How the silence of workers is judged.
    """
    now = now or now_utc()
    row = reader.task_rows((task_id,)).get(task_id)
    if row is None:
        return None
    ended = _ended(row, now)
    if ended is not None:
        return ended
    missing = [name for name in _NEEDED if name not in reader.layout().tasks]
    if missing:
        return Explanation(task_id, Verdict.UNREADABLE, words.missing(missing))
    view = ClaimView(reader.connection, now, offer)
    facts = read_facts(view, task_id)
    if facts is None:
        return None
    return _Case(reader, view, row, facts, now, most, hearing).explanation()


def line_of(
    reader: QueueReader, task_id: int, strategy: Strategy, now: datetime | None = None, offer: Offer | None = None
) -> Iterator[Line]:
    """Yield a task's place after each short statement of the count, the last one counted; nothing if it is in no line.

    Whoever iterates may stop after any step.
    """
    view = ClaimView(reader.connection, now or now_utc(), offer)
    facts = read_facts(view, task_id)
    if facts is None or facts.key is None or not facts.due.is_due:
        return
    if facts.waits or task_id in view.rescued:
        yield from line_steps(view, facts.key, strategy)


def with_lines(found: Explanation, lines: tuple[Line, ...], now: datetime) -> Explanation:
    """Return an explanation with its lines as they are known by now, told anew. Pure."""
    due, sentence = found.due, found.sentence
    if due is None:
        return found
    if found.verdict is Verdict.IN_LINE:
        sentence = words.in_line(due, now, lines, found.offer)
    elif found.verdict is Verdict.ATTEMPTS_USED_UP:
        sentence = words.used_up(found.attempts, found.max_attempts, lines)
    details = words.details(due, lines, found.first, found.workers, now)
    return replace(found, lines=lines, sentence=sentence, details=details)


def read_facts(view: ClaimView, task_id: int) -> Facts | None:
    """Read what decides about a task, None where it does not exist."""
    rows = view.ask(claim_reading.FACTS, {"id": task_id})
    if not rows:
        return None
    row = rows[0]
    waits, runs, due_text, is_due, in_time, attempts, most, lease, over, compatibility, time_kind = row[7:]
    found = candidate(row)
    due = due_time(row[2], time_kind, due_text, is_due=bool(is_due), in_time=bool(in_time))
    return Facts(
        key=None if level_of(*row[4:7]) is None or found is None else found.key,
        used_up=bool(row[3]),
        waits=bool(waits),
        runs=bool(runs),
        due=due,
        in_time=bool(in_time),
        attempts=attempts if isinstance(attempts, int) else 0,
        max_attempts=most if isinstance(most, int) else 0,
        lease_until_utc=_moment(lease),
        lease_is_over=bool(over),
        compatibility_kind=str(compatibility),
    )


def due_time(raw: Cell, kind: Cell, normalised: Cell, *, is_due: bool, in_time: bool) -> DueTime:
    """Return when a task is due, from the cell's bytes, its type, and the text SQLite reads it as."""
    due = _moment(normalised)
    written = decode_text(raw[:100]) if isinstance(raw, bytes) and kind != "blob" else raw
    at_once = kind in ("integer", "real")
    text = seen_by_text(raw) if kind == "text" and isinstance(raw, bytes) else None
    if isinstance(text, bool):
        at_once, text = text, None
    seen = due
    if due is not None and ((is_due and not in_time) or (isinstance(raw, bytes) and raw[10:11] == b"t")):
        seen = text if text is not None and text > due else due
    return DueTime(written, due, is_due and in_time, seen, text, at_once or text is not None)


def seen_by_text(raw: bytes) -> datetime | bool:
    """Return the first second whose written form is not less than this text; True where all, False where none is."""

    def at(second: int) -> datetime:
        return datetime.min + timedelta(seconds=second)

    low, high = 0, int((datetime.max - datetime.min).total_seconds()) - 1
    if utc_text(at(low)).encode() >= raw:
        return True
    if utc_text(at(high)).encode() < raw:
        return False
    while low + 1 < high:
        middle = (low + high) // 2
        if utc_text(at(middle)).encode() >= raw:
            high = middle
        else:
            low = middle
    return at(high)


def _moment(normalised: Cell) -> datetime | None:
    """Read a time that SQLite could; it ignores what may stand after it."""
    if not isinstance(normalised, str):
        return None
    return parse_utc(normalised) or parse_utc(normalised[:19]) or parse_utc(normalised[:16])


def _ended(row: TaskRow, now: datetime) -> Explanation | None:
    """Return the explanation of a task that neither waits nor runs, None for one that does."""
    kind = status_kind(row.status)
    if kind in (StatusKind.WAITING, StatusKind.RUNNING):
        return None
    sentence = state_sentence(row, now, None)
    verdict = _ENDED[kind]
    if kind is StatusKind.FAILED and sentence.startswith("Cancelled"):
        verdict = Verdict.CANCELLED
    attempts = row.attempts if isinstance(row.attempts, int) else 0
    most = row.max_attempts if isinstance(row.max_attempts, int) else 0
    details = words.of_ended(verdict)
    return Explanation(row.id, verdict, sentence, details, attempts=attempts, max_attempts=most)


@dataclass(frozen=True, slots=True)
class _Case:
    """One task that waits or runs, and all that is known of it."""

    reader: QueueReader
    view: ClaimView
    row: TaskRow
    facts: Facts
    now: datetime
    most: int | None
    hearing: Hearing

    def explanation(self) -> Explanation:
        facts = self.facts
        needs = read_needs(self.reader, self.row.id, facts.compatibility_kind)
        timely = facts.due.due_utc is not None
        found = workers(self.reader, self.row.id, needs, self.now, timely=timely, hearing=self.hearing)
        if facts.runs:
            return self._running(needs, found)
        verdict, sentence = self._waiting(needs, found)
        if verdict not in (Verdict.IN_LINE, Verdict.NO_WORKER_MATCHES, Verdict.ATTEMPTS_USED_UP):
            return self._told(verdict, sentence, found)
        lines, first = self._lines(needs)
        if verdict is Verdict.IN_LINE:
            sentence = words.in_line(facts.due, self.now, lines, self.view.offer)
        elif verdict is Verdict.ATTEMPTS_USED_UP:
            sentence = words.used_up(facts.attempts, facts.max_attempts, lines)
        return self._told(verdict, sentence, found, lines, first)

    def _told(
        self,
        verdict: Verdict,
        sentence: str,
        found: tuple[WorkerMatch, ...],
        lines: tuple[Line, ...] = (),
        first: tuple[Upcoming, ...] = (),
    ) -> Explanation:
        facts = self.facts
        details = words.details(facts.due, lines, first, found, self.now)
        return Explanation(
            self.row.id, verdict, sentence, details, facts.due, facts.lease_until_utc, words.name(self.row.locked_by),
            facts.attempts, facts.max_attempts, found, lines, first, self.view.offer,
        )  # fmt: skip

    def _waiting(self, needs: Needs, found: tuple[WorkerMatch, ...]) -> tuple[Verdict, str]:
        """Return the first reason that holds; the sentence of a task in line is made once its place is known."""
        facts, due = self.facts, self.facts.due
        fault = self._unreadable(needs)
        if fault:
            return Verdict.UNREADABLE, fault
        if not due.is_due:
            return Verdict.NOT_DUE, words.not_due(due, self.now)
        if facts.used_up:
            return Verdict.ATTEMPTS_USED_UP, ""
        refusal = self._refusal(needs, found)
        return (Verdict.NO_WORKER_MATCHES, refusal) if refusal else (Verdict.IN_LINE, "")

    def _unreadable(self, needs: Needs) -> str:
        """Return which cell that decides can't be read, '' where all can."""
        due = self.facts.due
        if due.due_utc is None:
            return words.unreadable_time(due)
        if self.facts.key is None:
            return words.unreadable_priority()
        if needs.fault:
            return words.unreadable_needs(needs.fault)
        stuck = self.view.careful and not self.view.json_is_readable(self.row.id)
        return words.malformed(due) if stuck else ""

    def _refusal(self, needs: Needs, found: tuple[WorkerMatch, ...]) -> str:
        """Return why no worker takes the task though it is due, '' where one may."""
        offer, due = self.view.offer, self.facts.due
        if needs.impossible:
            return words.nobody_can(due, self.now, needs.impossible)
        if offer is None:
            live = [worker for worker in found if worker.state != "silent"]
            return "" if any(worker.matches is not False for worker in live) else words.no_match(due, self.now, found)
        if suits(self.reader, self.row.id, offer):
            return ""
        lacking = capabilities.lacks(dict(needs.values), dict(offer.capabilities))
        return words.offer_lacks(due, self.now, offer, lacking, words.name(self.row.type))

    def _lines(self, needs: Needs) -> tuple[tuple[Line, ...], tuple[Upcoming, ...]]:
        """Return the places, and the first of those ahead by priority; none where this worker never comes to it."""
        key, offer = self.facts.key, self.view.offer
        mine = offer is None or suits(self.reader, self.row.id, offer)
        if key is None or needs.fault or not mine or not self.reader.layout().has_status_index:
            return (), ()
        # What is to be buried is in no draw of those that run.
        strategies = [each for each in Strategy if each is not Strategy.WEIGHTED_RANDOM or not self.facts.used_up]
        lines = tuple(line_within(self.view, key, strategy, self.most) for strategy in strategies)
        first: tuple[Upcoming, ...] = ()
        if lines[0].ahead or not lines[0].counted:
            first = first_ahead(self.view, Strategy.PRIORITY, FIRST_AHEAD, _FIRST_STEPS)
            ids = [each.task_id for each in first]
            if self.row.id in ids:
                first = first[: ids.index(self.row.id)]
        return lines, first

    def _running(self, needs: Needs, found: tuple[WorkerMatch, ...]) -> Explanation:
        facts, holder = self.facts, words.name(self.row.locked_by)
        until = facts.lease_until_utc
        mine = next((each for each in found if each.worker_id == holder), None)
        if until is None:
            return self._told(Verdict.UNREADABLE, words.unreadable_lease(self.row, holder), found)
        if not facts.lease_is_over:
            return self._told(Verdict.HELD, words.held(holder, until, mine, self.now), found)
        stuck = self.view.careful and not self.view.json_is_readable(self.row.id)
        sentence = words.expired(holder, until, facts, found, self.now, stuck=stuck)
        lines: tuple[Line, ...] = ()
        first: tuple[Upcoming, ...] = ()
        if self.row.id in self.view.rescued and facts.due.is_due:
            lines, first = self._lines(needs)
        return self._told(Verdict.LEASE_EXPIRED, sentence, found, lines, first)
