"""What a retry will meet: the causes of the chosen tasks, what becomes of their attempts, who can run them, when.

Owns the labelled figures of a plan of retries. Looks at a sample of the tasks by short reading; each figure says of how
many it speaks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from prismq_gui.insight.hearing import PLAIN, Hearing
from prismq_gui.insight.messages import Cell
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.signature_sql import error_parts
from prismq_gui.insight.states import duration_text
from prismq_gui.insight.walking import padded
from prismq_gui.operations.messages import Wish
from prismq_gui.operations.targets import Targets
from prismq_gui.operations.wording import plain
from prismq_gui.queue import capabilities
from prismq_gui.queue.timestamps import now_utc, parse_utc, utc_text

MOST_LOOKED_AT = 2_000  # tasks, spread over all of them: 20 ms and some
_AT_ONCE = 128
_TOP = 3
_MOST_NEEDS = 50
_NEEDS_BYTES = 65_536

Fact = tuple[str, str]


def step_s(wish: Wish, count: int) -> float:
    """Return how many seconds lie between two tasks of a spread retry, 0 where it is not spread."""
    over_s, per_minute = wish.value("over_s"), wish.value("per_minute")
    if isinstance(over_s, (int, float)):
        return over_s / max(1, count)
    return 60 / per_minute if isinstance(per_minute, int) and per_minute > 0 else 0.0


def first_of(wish: Wish, count: int) -> int:
    """Return how many tasks of a staged retry are first, 0 where it is not staged or has no rest."""
    first = wish.value("first")
    return first if isinstance(first, int) and first < count else 0


def retry_facts(reader: QueueReader, wish: Wish, targets: Targets, hearing: Hearing = PLAIN) -> tuple[Fact, ...]:
    """Return what is to be known before tasks are queued again.

    Raises:
        ProblemError: The file cannot be read.
    """
    count = len(targets)
    if not count:
        return ()
    size = min(count, MOST_LOOKED_AT)
    ids = [seen.task_id for at in range(size) for seen in targets.slice(at * count // size, 1)]
    causes: Counter[str] = Counter()
    needs: Counter[str] = Counter()
    for error, compatibility in _looked_at(reader, ids):
        causes[error] += 1
        if compatibility in needs or len(needs) < _MOST_NEEDS:
            needs[compatibility] += 1
    of = f" (of {size:,} looked at)" if size < count else ""
    found = [*_timing(count, step_s(wish, count), first_of(wish, count))]
    found.append(("Attempts", "counted from 0 again: each task may be tried as often as its own limit says"))
    for place, (cause, number) in enumerate(causes.most_common(_TOP), 1):
        found.append((f"Cause {place}", f"{number:,} × {plain(cause, 120)}{of}"))
    if len(causes) > _TOP:
        others = sum(causes.values()) - sum(number for _cause, number in causes.most_common(_TOP))
        found.append(("Other causes", f"{others:,}{of}, of {len(causes) - _TOP:,} causes"))
    found.append(("Workers", matching_workers(reader, needs, hearing)))
    return tuple(found)


def _looked_at(reader: QueueReader, ids: Sequence[int]) -> Iterator[tuple[str, str]]:
    from prismq_gui.insight.signatures import signature_of_parts  # noqa: PLC0415 - 60 patterns, for retries alone

    columns = reader.layout().tasks
    parts = error_parts(has_error="error_message" in columns)
    needs = f"CASE WHEN typeof(compatibility) = 'text' THEN substr(compatibility, 1, {_NEEDS_BYTES}) END"
    needs = needs if "compatibility" in columns else "NULL"
    for at in range(0, len(ids), _AT_ONCE):
        params, marks = padded(ids[at : at + _AT_ONCE])
        sql = f"SELECT {parts}, {needs} FROM task_queue WHERE id IN ({marks})"
        for head, tail, need in reader.connection.rows(sql, params, doing="look at the causes"):
            yield signature_of_parts(_bytes(head), _bytes(tail)), need if isinstance(need, str) else ""


def _bytes(cell: Cell) -> bytes:
    return cell if isinstance(cell, bytes) else b""


def _timing(count: int, step: float, first: int) -> Iterator[Fact]:
    if first:
        yield "First", f"{first:,} tasks, taken evenly from all of them; the other {count - first:,} are not touched"
    if step:
        last = timedelta(seconds=int((count - 1) * step))
        yield "First due", "at once"
        about = utc_text(now_utc() + last)
        yield "Last due", f"{_span(last)} after the first (about {about} UTC if begun now)"
        yield "Pace", f"{60 / step:,.1f} a minute"


def _span(span: timedelta) -> str:
    whole, rest = divmod(int(span.total_seconds()), 60)
    return duration_text(span) if not whole or whole >= 60 or not rest else f"{whole} min {rest} s"


def matching_workers(reader: QueueReader, needs: Mapping[str, int], hearing: Hearing = PLAIN) -> str:
    """Say how many live workers match; ``needs`` are compatibilities, each with how many tasks have it."""
    from prismq_gui.insight.matching import offers  # noqa: PLC0415 - it brings in the claim

    now = now_utc()
    rows = reader.workers()
    live = [
        row.worker_id for row in rows if row.registered and not hearing.is_silent(parse_utc(row.heartbeat_utc), now)
    ]
    if not live:
        return "none alive: the tasks wait until one starts"
    known = offers(reader)
    offered = [offer.capabilities for name in live if (offer := known.get(name)) is not None]
    matching = {text: sum(_meets(text, each) for each in offered) for text in needs}
    alone = sum(number for text, number in needs.items() if not matching[text])
    total = sum(needs.values())
    most = max(matching.values(), default=0)
    if not alone:
        least = min(matching.values(), default=0)
        number = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        return f"{number} of {len(live):,} live ones match each task"
    whom = "any of these tasks" if alone == total else f"{alone:,} of {total:,} tasks looked at"
    return f"{len(live):,} live, but none matches {whom}: they wait until one starts that does"


def _meets(text: str, offered: Mapping[str, Any]) -> bool:
    try:
        wanted = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(wanted, dict) and capabilities.meets(wanted, dict(offered))
