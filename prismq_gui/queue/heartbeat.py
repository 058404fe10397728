"""A worker's sign of life, and the care for the tasks it holds while their handlers run.

One thread with a database connection of its own, so that a handler that computes for minutes
still holds its task: it renews leases, looks for requests to cancel, and writes log lines that wait.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from prismq_gui.queue import settling
from prismq_gui.queue.cancelling import find_request
from prismq_gui.queue.claimed import ClaimedTask
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import LeaseLost, QueueDatabaseError
from prismq_gui.queue.handlers import TaskContext
from prismq_gui.queue.timestamps import now_utc, utc_text

LONGEST_BEAT_S = 15.0
LOOK_INTERVAL_S = 1.0  # for requests to cancel: one seek a task held, 6 µs, 24 µs where it has written 200 lines

_BEAT = """
INSERT INTO workers (worker_id, capabilities, heartbeat_utc) VALUES (?, ?, ?)
ON CONFLICT (worker_id) DO UPDATE SET capabilities = excluded.capabilities, heartbeat_utc = excluded.heartbeat_utc"""


def beat(db: QueueDatabase, worker_id: str, capabilities: Mapping[str, Any]) -> None:
    """Write the worker's heartbeat, committed."""
    db.execute(_BEAT, (worker_id, json.dumps(dict(capabilities), sort_keys=True), utc_text(now_utc())))


@dataclass(frozen=True, slots=True)
class Held:
    """A task the worker holds, and the context of the handler that runs it."""

    task: ClaimedTask
    context: TaskContext


class Keeper(threading.Thread):
    """Beats for a worker and cares for the tasks it holds, until stopped.

    What can't be written (busy, disk full) is tried again at the next turn. A lease that is lost sets the
    context's ``lost``, a request to cancel its ``cancelled``, and the handler ends at its next check.
    ``file_gone`` is set once the path no longer leads to the file that is open.

    Args:
        path: The queue file.
        worker_id: Whose life it shows.
        capabilities: What the worker offers, for the table of workers.
        lease_seconds: How long a renewed lease lasts; renewed after a third of it, at least each 15 s.
        is_same_file: Whether the path still leads to the worker's file.
        on_turn: Called at each turn, about once a second.
    """

    def __init__(
        self,
        path: Path,
        worker_id: str,
        capabilities: Mapping[str, Any],
        lease_seconds: float,
        is_same_file: Callable[[], bool] = lambda: True,
        on_turn: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(name=f"keeper of {worker_id}", daemon=True)
        self.file_gone = threading.Event()
        self._path = path
        self._worker_id = worker_id
        self._capabilities = dict(capabilities)
        self._lease_seconds = lease_seconds
        self._is_same_file = is_same_file
        self._on_turn = on_turn
        self._beat_s = max(0.05, min(LONGEST_BEAT_S, lease_seconds / 3))
        self._held: dict[int, Held] = {}
        self._guard = threading.Lock()
        self._over = threading.Event()

    def hold(self, task: ClaimedTask, context: TaskContext) -> None:
        """Care for this task from now on."""
        with self._guard:
            self._held[id(context)] = Held(task, context)

    def let_go(self, context: TaskContext) -> None:
        """Care for it no longer."""
        with self._guard:
            self._held.pop(id(context), None)

    def held(self) -> tuple[Held, ...]:
        """Return the tasks that are held at this moment."""
        with self._guard:
            return tuple(self._held.values())

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._over.set()
        self.join()

    def run(self) -> None:
        """Beat, renew and look until stopped."""
        db = QueueDatabase(self._path)
        next_beat = time.monotonic() + self._beat_s
        try:
            while not self._over.wait(min(LOOK_INTERVAL_S, self._beat_s, max(0.0, next_beat - time.monotonic()))):
                if not self._is_same_file():
                    self.file_gone.set()
                    return  # opening it anew would make an empty file
                self._on_turn()
                if time.monotonic() >= next_beat:
                    next_beat = time.monotonic() + self._beat_s
                    self._beat(db)
                self._look(db)
        finally:
            db.close()

    def _beat(self, db: QueueDatabase) -> None:
        # The leases first, and each write by itself: a beat that can't be written must not cost the tasks.
        self._try(lambda: self._renew(db))
        self._try(lambda: beat(db, self._worker_id, self._capabilities))

    def _renew(self, db: QueueDatabase) -> None:
        held = self.held()
        if not held:
            return
        lost = []
        with db.transaction():
            for one in held:
                try:
                    settling.renew(db, one.task, self._lease_seconds)
                except LeaseLost:
                    lost.append(one)
        for one in lost:
            one.context.lost.set()

    def _look(self, db: QueueDatabase) -> None:
        for one in self.held():
            if not one.context.cancelled.is_set():
                self._try(partial(_look_at, db, one))
            one.context.lines.flush()

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except QueueDatabaseError as error:
            print(f"{self._worker_id}: a sign of life was not written. {error} Trying again.", file=sys.stderr)


def _look_at(db: QueueDatabase, one: Held) -> None:
    request = find_request(db, one.task)
    if request is not None:
        one.context.cancel(request)
