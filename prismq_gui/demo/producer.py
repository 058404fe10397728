"""The demo's process that goes on enqueueing, gently, so that the picture moves.

Owns the pace: a first heap, then a few tasks a second, and none while more wait than the eye can use. Must not claim.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from prismq_gui.demo.orders import Order, OrderBook
from prismq_gui.demo.work import source_files
from prismq_gui.queue import QueueBusyError, QueueClient, QueueDatabase
from prismq_gui.stdin_watch import stop_when_stdin_closes

FIRST_HEAP: Final = 120
PER_SECOND: Final = 4.0
LATE_FILE_AFTER_S: Final = 6.0
# The workers' share: past this lead of enqueued tasks the producer only keeps a slow drip.
BUSY_PER_SECOND: Final = 0.5
LEAD: Final = 3_000


def produce(folder: Path) -> int:
    """Enqueue until stdin closes. Returns the exit code."""
    stop = threading.Event()
    stop_when_stdin_closes(stop, grace_s=2.0)
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    orders = OrderBook(source_files(), inbox).stream()
    pace = random.Random(11)  # noqa: S311 - variety, not secrecy
    late: list[tuple[float, Path]] = []
    with closing(QueueDatabase(folder / "queue.db")) as database:
        client = QueueClient(database)
        number = 0
        while not stop.is_set():
            order = next(orders)
            _enqueue(client, order)
            number += 1
            if order.makes is not None:
                late.append((time.monotonic() + LATE_FILE_AFTER_S, order.makes))
            late = _write_due(late)
            if number > FIRST_HEAP:
                stop.wait(pace.expovariate(PER_SECOND if number < LEAD else BUSY_PER_SECOND))
    return 0


def _enqueue(client: QueueClient, order: Order) -> None:
    try:
        client.enqueue(
            order.type, order.payload, priority=order.priority, compatibility=order.compatibility,
            run_after=order.delay or None, max_attempts=order.max_attempts, idempotency_key=order.idempotency_key,
        )  # fmt: skip
    except QueueBusyError as error:
        # Someone holds the file for seconds (a vacuum): the demo goes on with the next one, and says so in its log.
        print(f"not enqueued: {error}", flush=True)


def _write_due(late: list[tuple[float, Path]]) -> list[tuple[float, Path]]:
    """Write the files whose time has come and return the others."""
    now = time.monotonic()
    for due, path in late:
        if due <= now:
            path.write_text("It came late, but it came.\n" * 200, encoding="utf-8")
    return [entry for entry in late if entry[0] > now]
