"""Which workers may run a task, what each lacks, and which of them live; by the claim's own definition.

What a worker offers is read from its row, where it writes it with each sign of life. Which types it takes is not in
the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prismq_gui.insight.connection import decode_text
from prismq_gui.insight.explanations import Offer, WorkerMatch
from prismq_gui.insight.hearing import PLAIN, Hearing
from prismq_gui.insight.messages import Cell, WorkerRow
from prismq_gui.insight.problems import Problem, ProblemError, ProblemKind
from prismq_gui.insight.reader import QueueReader
from prismq_gui.insight.states import worker_state
from prismq_gui.queue import capabilities, claim_reading, claim_sql
from prismq_gui.queue.claim_reading import END_OF_TIME
from prismq_gui.queue.claim_sql import Shape
from prismq_gui.queue.claim_tools import ClaimTools
from prismq_gui.queue.timestamps import parse_utc

MOST_WORKERS = 200
LARGEST_JSON = 65_536  # bytes; a claim takes a larger compatibility for one that nobody meets


@dataclass(frozen=True, slots=True)
class Needs:
    """What a task asks for. ``fault`` says why it can't be read, '' where it can."""

    values: Mapping[str, Any]
    fault: str = ""

    @property
    def impossible(self) -> tuple[str, ...]:
        """The keys that no worker at all can meet, such as one that asks for an element of an empty list."""
        return capabilities.lacks(dict(self.values), dict(self.values))


def read_needs(reader: QueueReader, task_id: int, kind: str) -> Needs:
    """Return what a task asks for; ``kind`` is SQLite's type of the cell."""
    if kind != "text":
        return Needs({}, f"it is stored as {kind}, not as text")
    parameters: dict[str, Cell] = {"id": task_id, "most": LARGEST_JSON}
    try:
        raw = reader.connection.value(claim_reading.COMPATIBILITY, parameters, doing="read the task")
    except ProblemError as error:
        if error.problem.code != "SQLITE_TOOBIG":
            raise
        raw = None
    if not isinstance(raw, bytes):
        return Needs({}, "it is larger than 64 KiB")
    values = _object(raw)
    return Needs({}, "it is not a JSON object") if values is None else Needs(values)


def _object(raw: Cell) -> dict[str, Any] | None:
    try:
        value = json.loads(raw.decode("utf-8") if isinstance(raw, bytes) else "")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def offers(reader: QueueReader) -> dict[str, Offer | None]:
    """Return what each registered worker offers, by name; None where that can't be read."""
    known = reader.layout().workers
    if not {"worker_id", "capabilities"} <= known:
        return {}
    parameters: dict[str, Cell] = {"most": LARGEST_JSON, "count": MOST_WORKERS}
    found: dict[str, Offer | None] = {}
    for kind, name, cell_kind, raw in reader.connection.rows(
        claim_reading.WORKERS, parameters, doing="list the workers"
    ):
        text = decode_text(name) if kind != "null" and isinstance(name, bytes) else ""
        values = _object(raw) if cell_kind == "text" else None
        found[text] = None if values is None else Offer(values, (), text)
    return found


def offer_of(reader: QueueReader, worker_id: str, types: tuple[str, ...] = ()) -> Offer:
    """Return what a registered worker offers.

    Raises:
        ProblemError: REFUSED where it is not registered, or what it offers can't be read.
    """
    found = offers(reader)
    offer = found.get(worker_id)
    if offer is not None:
        return Offer(offer.capabilities, types, worker_id)
    what = "What this worker offers cannot be read" if worker_id in found else "No worker of this name is registered"
    advice = "The workers are listed by the verb stats and on the page Workers."
    raise ProblemError(Problem(ProblemKind.REFUSED, what, worker_id, "Nothing was changed.", advice))


def suits(reader: QueueReader, task_id: int, offer: Offer) -> bool:
    """Return whether a claim for this worker would take the task if it waited and was due.

    The task's time must be readable.
    """
    reader.connection.teach(ClaimTools)
    parameters: dict[str, Cell] = {**claim_sql.bounds(END_OF_TIME), "id": task_id}
    parameters |= {"capabilities": offer.capabilities_json, "types": json.dumps(list(offer.types))}
    sql = claim_reading.suits(Shape(some_types=bool(offer.types)))
    return bool(reader.connection.value(sql, parameters, doing="compare the task with a worker"))


def workers(
    reader: QueueReader, task_id: int, needs: Needs, now: datetime, *, timely: bool, hearing: Hearing = PLAIN
) -> tuple[WorkerMatch, ...]:
    """Return all workers, live ones first, each with whether it may run the task.

    Args:
        reader: An open one.
        task_id: The task.
        needs: Of the task.
        now: Naive UTC.
        timely: Whether the task's time can be read, so that the claim can be asked.
        hearing: How their silence is judged.
    """
    found = []
    known = offers(reader)
    for row in reader.workers(MOST_WORKERS):
        offer = known.get(row.worker_id)
        matches: bool | None = None
        lacking: tuple[str, ...] = ()
        if needs.fault:
            matches = False
        elif offer is not None:
            lacking = capabilities.lacks(dict(needs.values), dict(offer.capabilities))
            matches = suits(reader, task_id, offer) if timely else not lacking
        found.append(_match(row, now, matches, lacking, hearing))
    return tuple(sorted(found, key=_live_first))


def _match(
    row: WorkerRow, now: datetime, matches: bool | None, lacking: tuple[str, ...], hearing: Hearing
) -> WorkerMatch:
    state = worker_state(row.heartbeat_utc, now, row.held, hearing)
    beat = parse_utc(row.heartbeat_utc)
    return WorkerMatch(row.worker_id, state, beat, matches, lacking, row.held, row.held_ids, row.registered)


def _live_first(worker: WorkerMatch) -> tuple[bool, str]:
    return worker.state == "silent", worker.worker_id
