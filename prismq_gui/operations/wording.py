"""The plain sentences of plans and reports, and how cells of a file are made fit to stand in them.

Owns words alone: no reading, no writing, no SQL.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from prismq_gui.insight.messages import Cell
from prismq_gui.insight.states import duration_text
from prismq_gui.operations.messages import OperationKind, Skip, Wish
from prismq_gui.queue.transitions import Transition

MAX_NAME = 60


@dataclass(frozen=True, slots=True)
class Verb:
    """How one operation on tasks is spoken of."""

    transition: Transition | None
    will: str  # "5 tasks will …"
    done: str  # "5 tasks were …"
    can: str  # "none can …"
    logged: str  # "… by user@host"
    noun: tuple[str, str] = ("task", "tasks")


VERBS = {
    OperationKind.RETRY: Verb(
        Transition.OPERATOR_RETRY,
        "be queued again and can be claimed at once",
        "queued again",
        "be queued again",
        "retried",
    ),
    OperationKind.CANCEL: Verb(
        Transition.OPERATOR_CANCEL,
        "be cancelled and will not run",
        "cancelled",
        "be cancelled",
        "cancelled",
    ),
    OperationKind.ASK_TO_CANCEL: Verb(
        Transition.OPERATOR_ASK_TO_CANCEL,
        "be cancelled by their workers at the next check",
        "asked to be cancelled",
        "be asked to be cancelled",
        "asked to be cancelled",
    ),
    OperationKind.FORCE_CANCEL: Verb(
        Transition.OPERATOR_FORCE_CANCEL,
        "be taken from their workers and cancelled",
        "cancelled by force",
        "be cancelled by force",
        "cancelled by force",
    ),
    OperationKind.RELEASE: Verb(
        Transition.OPERATOR_RELEASE,
        "be taken from their workers and wait in the queue again",
        "given back to the queue",
        "be given back",
        "given back",
    ),
    OperationKind.DELETE: Verb(
        Transition.OPERATOR_DELETE,
        "be deleted, with their log lines",
        "deleted",
        "be deleted",
        "deleted",
    ),
    OperationKind.PRIORITY: Verb(
        Transition.OPERATOR_PRIORITY,
        "have priority {priority} (lower runs first)",
        "given priority {priority}",
        "be given priority {priority}",
        "given another priority",
    ),
    OperationKind.RUN_NOW: Verb(
        Transition.OPERATOR_SCHEDULE,
        "be due at once",
        "made due at once",
        "be made due",
        "made due at once",
    ),
    OperationKind.RUN_AT: Verb(
        Transition.OPERATOR_SCHEDULE,
        "not run before {at} UTC",
        "put off until {at} UTC",
        "be put off",
        "put off",
    ),
    OperationKind.DUPLICATE: Verb(
        Transition.OPERATOR_DUPLICATE,
        "be duplicated: the new ones wait and can be claimed at once",
        "duplicated",
        "be duplicated",
        "duplicated",
    ),
    OperationKind.ENQUEUE: Verb(None, "be put in", "put into the queue", "be put in", "put in"),
    OperationKind.BRING_BACK: Verb(None, "be brought back", "brought back", "be brought back", "brought back"),
    OperationKind.REMOVE_WORKER: Verb(
        None, "be removed from the list", "removed from the list", "be removed", "removed", ("worker", "workers")
    ),
    OperationKind.EDIT: Verb(Transition.OPERATOR_EDIT, "be edited", "edited", "be edited", "edited"),
}


REMOVED = "removed"  # what a task becomes that an undo takes out again
_UNDO = Verb(None, "be as they were before", "put back as they were", "be put back", "taken back")


def verb_of_undo(becomes: Iterable[str]) -> Verb:
    """Return the words for an undo by what its tasks become."""
    found = set(becomes)
    if REMOVED not in found:
        return _UNDO
    done = "removed again" if len(found) == 1 else "put back as they were, or removed where they had been added"
    return replace(_UNDO, done=done)


def verb_of(wish: Wish) -> Verb:
    """Return the words for a wish, with its values in them."""
    if wish.kind is OperationKind.UNDO:
        return _UNDO
    if wish.kind is OperationKind.MEND:
        from prismq_gui.operations.mending_rows import verb_of_finding  # noqa: PLC0415 - it needs this module

        return verb_of_finding(wish.value("finding"))
    verb = VERBS[wish.kind]
    if wish.kind is OperationKind.RETRY and wish.values:
        verb = replace(verb, will=f"be queued again, {_paced(wish)}")
    values = {name: plain(value) for name, value in wish.values}
    if not values:
        return verb
    will, done, can = (text.format(**values) for text in (verb.will, verb.done, verb.can))
    return replace(verb, will=will, done=done, can=can)


def _paced(wish: Wish) -> str:
    """Say how the tasks of a retry come one after the other."""
    over_s, per_minute, first = (wish.value(name) for name in ("over_s", "per_minute", "first"))
    words = [f"{first:,} first and the rest once these have passed"] if isinstance(first, int) else []
    if isinstance(over_s, (int, float)):
        words.append(f"spread over {duration_text(timedelta(seconds=over_s))}")
    if isinstance(per_minute, int):
        words.append(f"{per_minute:,} of them due a minute")
    return ", ".join(words)


def plain(cell: Cell, limit: int = MAX_NAME) -> str:
    """Return a cell of an untrusted file as one short line: control characters shown, the rest cut."""
    if isinstance(cell, bytes):
        cell = cell[: limit + 1].decode("utf-8", "backslashreplace")
    text = "–" if cell is None else str(cell)
    text = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "".join(each if unicodedata.category(each)[0] != "C" else _shown(each) for each in text)


def _shown(character: str) -> str:
    return chr(0x2400 + ord(character)) if ord(character) < 0x20 else "�"


def tasks_text(count: int, statuses: Sequence[tuple[Cell, int]]) -> str:
    """Return ``54 failed tasks``, or ``60 tasks (54 failed, 6 dead_letter)`` where they have several statuses."""
    noun = "task" if count == 1 else "tasks"
    if len(statuses) == 1:
        return f"{count:,} {plain(statuses[0][0])} {noun}"
    return f"{count:,} {noun} ({', '.join(f'{number:,} {plain(name)}' for name, number in statuses)})"


def reasons_text(skips: Sequence[Skip]) -> str:
    """Return ``2 are running, 1 is completed already``."""
    return ", ".join(f"{skip.count:,} {_numbered(skip.reason, skip.count)}" for skip in skips)


_NUMBERED = (
    ("is as it was ", "are as they were "), ("is ", "are "), ("has ", "have "), ("was ", "were "),
    ("no longer exists", "no longer exist"), ("does not exist", "do not exist"),
)  # fmt: skip
_OF_ONE = (
    ("their workers", "its worker"),
    ("their ", "its "),
    ("as they were", "as it was"),
    ("ones wait", "one waits"),
)


def _of_one(count: int, text: str) -> str:
    """Put words that speak of several tasks into the singular where it is one."""
    if count == 1:
        for many, one in _OF_ONE:
            text = text.replace(many, one)
    return text


def _numbered(reason: str, count: int) -> str:
    """Put a reason that speaks of one task into the plural."""
    if count == 1:
        return reason
    for one, many in _NUMBERED:
        if reason.startswith(one):
            return many + reason[len(one) :]
    return reason


def plan_sentence(
    verb: Verb, eligible: int, statuses: Sequence[tuple[Cell, int]], skips: Sequence[Skip], chosen: str
) -> str:
    """Say what will be; ``chosen`` is ``selected`` or ``matching``."""
    skipped = sum(skip.count for skip in skips)
    total = eligible + skipped
    if total == 0:
        return f"There are no {chosen} tasks: nothing will be changed."
    if eligible == 0:
        whom = f"The {chosen} task cannot" if total == 1 else f"None of the {total:,} {chosen} tasks can"
        return f"{whom} {verb.can}: {reasons_text(skips)}."
    sentence = f"{tasks_text(eligible, statuses)} will {_of_one(eligible, verb.will)}"
    if skipped:
        sentence += f"; {skipped:,} of the {total:,} {chosen} cannot: {reasons_text(skips)}"
    return f"{sentence}."


def report_sentence(verb: Verb, changed: int, total: int, skips: Sequence[Skip], *, stopped: bool) -> str:
    """Say what was done; ``total`` is what the plan wanted to change."""
    done = _of_one(changed, verb.done)
    sentence = f"{changed:,} {verb.noun[changed != 1]} {'was' if changed == 1 else 'were'} {done}"
    skipped = sum(skip.count for skip in skips)
    if skipped:
        sentence += f"; {skipped:,} {'was' if skipped == 1 else 'were'} not: {reasons_text(skips)}"
    rest = total - changed - skipped
    if stopped:
        sentence += f". Stopped: the other {rest:,} were not touched"
    elif rest:
        sentence += f". {rest:,} were not reached and not touched"
    return f"{sentence}."


def interrupted_sentence(verb: Verb, changed: int, planned: int) -> str:
    """Say what was done before the program ended in the middle."""
    noun, were = verb.noun[planned != 1], "was" if changed == 1 else "were"
    return f"{changed:,} of {planned:,} {noun} {were} {verb.done}. Then the program ended; the rest was not touched."


def bytes_text(size: int) -> str:
    """Return a size in binary units, as file managers show it."""
    if size < 1024:
        return f"{size:,} bytes"
    value = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:,.1f} TiB"
