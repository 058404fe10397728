"""The sentences in which it is told why a task is not running. Pure functions: no file, no SQL.

What they quote of a file is cut to a line; whoever shows them shows plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from prismq_gui.insight.explanations import DueTime, Line, Offer, Upcoming, Verdict, WorkerMatch
from prismq_gui.insight.messages import Cell, TaskRow
from prismq_gui.insight.states import duration_text
from prismq_gui.queue.claim_sql import Strategy

_CHARACTERS = 80
_MOST_NAMED = 6
_ORDER = {Strategy.PRIORITY: "by priority", Strategy.FIFO: "first in, first out", Strategy.LIFO: "last in, first out"}


class Attempts(Protocol):
    """What is known of a task's attempts."""

    @property
    def used_up(self) -> bool:
        """Whether no attempt is left."""

    @property
    def attempts(self) -> int:
        """How many there were."""

    @property
    def max_attempts(self) -> int:
        """How many there may be."""


def name(cell: Cell) -> str:
    """Return a name from a cell on one short line, '' where there is none."""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "backslashreplace")
    text = "" if cell is None else " ".join(str(cell).split())
    return f"{text[:_CHARACTERS]}…" if len(text) > _CHARACTERS else text


def clock(moment: datetime) -> str:
    """Return a moment in full."""
    return f"{moment.isoformat(sep=' ', timespec='seconds')} UTC"


def _since(due: DueTime, now: datetime) -> str:
    assert due.due_utc is not None
    return f"Due since {clock(due.due_utc)} ({duration_text(now - due.due_utc)})"


# -- what can't be read


def missing(columns: Sequence[str]) -> str:
    """Return that the file lacks what a claim needs."""
    return f"The file lacks the column{'s' if len(columns) > 1 else ''} {', '.join(columns)}: nothing can be claimed."


def unreadable_time(due: DueTime) -> str:
    """Return that its time can't be read."""
    cell = f"a blob of {len(due.written)} bytes" if isinstance(due.written, bytes) else f"“{name(due.written)}”"
    written = "empty" if due.written in (None, "", b"") else cell
    other = "" if not due.sees_text else f"; programs that compare times as text see it {_seen(due)}"
    return f"Its due time cannot be read (it is {written}), so no worker of this program takes it{other}."


def _seen(due: DueTime) -> str:
    return f"from {clock(due.text_utc)} on" if due.text_utc is not None else "at once"


def unreadable_priority() -> str:
    """Return that it has no priority."""
    return "It has no priority, so no worker that claims in an order comes to it."


def unreadable_needs(fault: str) -> str:
    """Return that its compatibility can't be read."""
    return f"What it asks of a worker (its compatibility) cannot be read: {fault}. So no worker takes it."


def unreadable_lease(row: TaskRow, holder: str) -> str:
    """Return that a running task can't be taken back."""
    lease = name(row.lease_until_utc)
    written = f"cannot be read (“{lease}”)" if lease else "is missing"
    return f"Running{f' on {holder}' if holder else ''}, but the end of its lease {written}: no worker gives it back."


def malformed(due: DueTime) -> str:
    """Return that SQLite refuses every change of it."""
    when = f" It is due {clock(due.due_utc)}." if due.due_utc is not None else ""
    return (
        "Its payload or compatibility is malformed JSON, and the file computes columns from it: "
        f"SQLite refuses every change of it, so workers pass it by.{when}"
    )


# -- waiting


def not_due(due: DueTime, now: datetime) -> str:
    """Return until when it is not due."""
    assert due.due_utc is not None
    if due.due_utc > now:
        return f"Not due until {clock(due.due_utc)}, in {duration_text(due.due_utc - now)}."
    if due.seen_utc is not None and due.seen_utc > now:
        written = name(due.written)
        return f"{_since(due, now)}, but workers look at the form “{written}” only from {clock(due.seen_utc)} on."
    return f"Due at {clock(due.due_utc)}, within this second."


def in_line(due: DueTime, now: datetime, lines: tuple[Line, ...], offer: Offer | None) -> str:
    """Return its place by priority."""
    line = lines[0] if lines else None
    whose = f" for {_named(offer)}" if offer is not None else ""
    if line is None:
        return f"{_since(due, now)} and in line{whose}; its place is not counted: the file lacks the index for it."
    if line.counted and not line.ahead:
        return f"Next in line by priority{whose}. {_since(due, now)}."
    return f"{_since(due, now)} and in line{whose}: {_ahead(line)} by priority{_place(line)}."


def _ahead(line: Line) -> str:
    if not line.counted:
        return f"at least {line.ahead:,} due tasks come first" if line.ahead else "not all before it are counted yet"
    return f"{line.ahead:,} due task{' comes' if line.ahead == 1 else 's come'} first"


def _place(line: Line) -> str:
    return f" (place {line.place:,})" if line.place is not None else ""


def _named(offer: Offer) -> str:
    return name(offer.name) or "this worker"


def used_up(attempts: int, most: int, lines: tuple[Line, ...]) -> str:
    """Return what happens to a waiting task without attempts left."""
    place = f" {_ahead(lines[0])} by priority." if lines and lines[0].ahead else ""
    return (
        f"Its attempts are used up ({attempts} of {most}): the worker that comes to it makes it a dead letter "
        f"instead of running it.{place}"
    )


def nobody_can(due: DueTime, now: datetime, keys: tuple[str, ...]) -> str:
    """Return that no worker at all can meet it."""
    return f"{_since(due, now)}, but no worker can ever meet what it asks for in {_keys(keys)}."


def _keys(keys: tuple[str, ...]) -> str:
    shown = ", ".join(f"“{name(key)}”" for key in keys[:_MOST_NAMED])
    return f"{shown} and {len(keys) - _MOST_NAMED} more" if len(keys) > _MOST_NAMED else shown


def offer_lacks(due: DueTime, now: datetime, offer: Offer, lacking: tuple[str, ...], kind: str) -> str:
    """Return why one worker does not take it."""
    reasons = [f"does not meet {_keys(lacking)}"] if lacking else []
    if offer.types and kind not in offer.types:
        reasons.append(f"does not take the type “{kind}”")
    return f"{_since(due, now)}, but {_named(offer)} {' and '.join(reasons) or 'does not suit it'}."


def no_match(due: DueTime, now: datetime, workers: tuple[WorkerMatch, ...]) -> str:
    """Return why no worker that lives takes it."""
    since = _since(due, now)
    live = [worker for worker in workers if worker.state != "silent"]
    if not workers:
        return f"{since}, but no worker is registered."
    if not live:
        return f"{since}, but no worker is alive: {silence(workers, now)}."
    lacking = "; ".join(f"{name(each.worker_id)} does not meet {_keys(each.lacks)}" for each in live[:_MOST_NAMED])
    more = f" and {len(live) - _MOST_NAMED} more" if len(live) > _MOST_NAMED else ""
    silent = [name(worker.worker_id) for worker in workers if worker.state == "silent" and worker.matches]
    asleep = f" {', '.join(silent[:_MOST_NAMED])} would, but {'is' if len(silent) == 1 else 'are'} silent."
    return f"{since}, but no live worker matches: {lacking}{more}.{asleep if silent else ''}"


def silence(workers: tuple[WorkerMatch, ...], now: datetime) -> str:
    """Return how long workers that are all silent have been."""
    beats = [(worker.heartbeat_utc, name(worker.worker_id)) for worker in workers if worker.heartbeat_utc is not None]
    many = f"all {len(workers)} are silent" if len(workers) > 1 else f"{name(workers[0].worker_id)} is silent"
    if not beats:
        return f"{many}, and none has a readable sign of life"
    beat, longest = min(beats)
    span = f"for {duration_text(now - beat)}"
    return f"{many}, {longest} longest ({span})" if len(workers) > 1 else f"{many} {span}"


# -- running


def held(holder: str, until: datetime, worker: WorkerMatch | None, now: datetime) -> str:
    """Return who runs it until when."""
    quiet = f", but {_quiet(worker, now)}" if holder and (worker is None or worker.state == "silent") else ""
    where = f"Running on {holder}" if holder else "Running, but no worker is named"
    return f"{where}; its lease lasts until {clock(until)} ({duration_text(until - now)}){quiet}."


def _quiet(worker: WorkerMatch | None, now: datetime) -> str:
    if worker is None or worker.heartbeat_utc is None:
        return "the worker has given no sign of life"
    return f"the worker is silent for {duration_text(now - worker.heartbeat_utc)}"


def expired(
    holder: str, until: datetime, attempts: Attempts, workers: tuple[WorkerMatch, ...], now: datetime, *, stuck: bool
) -> str:
    """Return that its lease is over, and what the next claim makes of it."""
    where = f"Running on {holder}" if holder else "Running, but no worker is named"
    gone = f"{where} on a lease that is over since {clock(until)} ({duration_text(now - until)})"
    if stuck:
        return f"{gone}; its JSON is malformed, so SQLite refuses to have it given back."
    tried = f"{attempts.attempts} of {attempts.max_attempts}"
    after = "gives it back, and it waits again"
    if attempts.used_up:
        after = f"makes it a dead letter, since its attempts are used up ({tried})"
    live = [worker for worker in workers if worker.state != "silent"]
    if live:
        return f"{gone}: the next worker that looks for work {after}."
    nobody = silence(workers, now) if workers else "none is registered"
    return f"{gone}: the next worker that looks for work {after}. But no worker is alive: {nobody}."


def of_ended(verdict: Verdict) -> tuple[str, ...]:
    """Return what can be done about a task that neither waits nor runs."""
    if verdict in (Verdict.FAILED, Verdict.DEAD_LETTER, Verdict.CANCELLED):
        return ("No worker takes it again by itself; a retry puts it back into the queue.",)
    if verdict is Verdict.UNKNOWN_STATUS:
        return ("Workers take only tasks whose status is queued.",)
    return ()


# -- details


def details(
    due: DueTime,
    lines: tuple[Line, ...],
    first: tuple[Upcoming, ...],
    workers: tuple[WorkerMatch, ...],
    now: datetime,
) -> tuple[str, ...]:
    """Return what the verdict rests on, a sentence each."""
    found = [*_of_time(due), *(_of_line(line) for line in lines)]
    if first:
        found.append(f"First ahead of it: {', '.join(f'#{each.task_id}' for each in first)}.")
    found += [_of_worker(worker, now) for worker in workers]
    return tuple(found)


def _of_time(due: DueTime) -> list[str]:
    if due.due_utc is None or due.text_utc is None:
        return []
    late_s = (due.text_utc - due.due_utc).total_seconds()
    if -1 < late_s <= 1:
        return []
    side = "late" if late_s > 0 else "early"
    span = duration_text(due.text_utc - due.due_utc)
    return [
        f"Its time is written “{name(due.written)}”: programs that compare times as text, as PrismQ's own module does, "
        f"see it from {clock(due.text_utc)} on, {span} too {side}."
    ]


def _of_line(line: Line) -> str:
    if line.strategy is Strategy.WEIGHTED_RANDOM:
        most = "" if line.counted else "at most "
        chance = percent(line.chance or 0.0)
        return f"Weighted random: {most}{chance} to be drawn next, {_count(line)} others are in the draw."
    place = f"place {line.place:,}" if line.place is not None else f"after {_count(line)} others"
    return f"{_ORDER[line.strategy].capitalize()}: {place}."


def percent(chance: float) -> str:
    """Return a probability in per cent, with three figures that count: ``0.0571 %``."""
    return f"{chance * 100:.3g} %"


def _count(line: Line) -> str:
    return f"{line.ahead:,}" if line.counted else f"at least {line.ahead:,}"


def _of_worker(worker: WorkerMatch, now: datetime) -> str:
    held = f", holds {_held(worker)}" if worker.held else ""
    if worker.state != "silent":
        state: str = worker.state
    elif worker.heartbeat_utc is None:
        state = "silent, without a readable sign of life"
    else:
        state = f"silent for {duration_text(now - worker.heartbeat_utc)}"
    match = {True: "matches", False: f"lacks {_keys(worker.lacks)}" if worker.lacks else "does not match"}
    found = match[worker.matches] if worker.matches is not None else "what it offers cannot be read"
    return f"{name(worker.worker_id)}: {state}, {found}{held}."


def _held(worker: WorkerMatch) -> str:
    ids = ", ".join(f"#{each}" for each in worker.held_ids[:_MOST_NAMED])
    return ids if worker.held <= _MOST_NAMED else f"{worker.held:,} tasks ({ids}, …)"
