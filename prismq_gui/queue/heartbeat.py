"""A worker's sign of life, and the renewal of its lease while a handler runs.

One thread with a database connection of its own, so that a handler that computes for minutes
still holds its task.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prismq_gui.queue import settling
from prismq_gui.queue.claiming import ClaimedTask
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import LeaseLost, QueueDatabaseError
from prismq_gui.queue.timestamps import now_utc, utc_text

_BEAT = """
INSERT INTO workers (worker_id, capabilities, heartbeat_utc) VALUES (?, ?, ?)
ON CONFLICT (worker_id) DO UPDATE SET capabilities = excluded.capabilities, heartbeat_utc = excluded.heartbeat_utc"""


def beat(db: QueueDatabase, worker_id: str, capabilities: Mapping[str, Any]) -> None:
    """Write the worker's heartbeat, committed."""
    db.execute(_BEAT, (worker_id, json.dumps(dict(capabilities), sort_keys=True), utc_text(now_utc())))


class Keeper(threading.Thread):
    """Beats for a worker and renews the lease of the task it holds, until stopped.

    What can't be written (busy, disk full) is tried again at the next turn; a lease that is lost sets
    the event given with the task, and the handler ends at its next check. ``file_gone`` is set once
    the path no longer leads to the file that is open.
    """

    def __init__(
        self,
        path: Path,
        worker_id: str,
        capabilities: Mapping[str, Any],
        lease_seconds: float,
        is_same_file: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(name=f"keeper of {worker_id}", daemon=True)
        self.file_gone = threading.Event()
        self._path = path
        self._worker_id = worker_id
        self._capabilities = dict(capabilities)
        self._lease_seconds = lease_seconds
        self._is_same_file = is_same_file
        self._interval_s = max(0.05, min(15.0, lease_seconds / 3))
        self._held: tuple[ClaimedTask, threading.Event] | None = None
        self._guard = threading.Lock()
        self._over = threading.Event()

    def hold(self, task: ClaimedTask, lost: threading.Event) -> None:
        """Renew the lease of this task from now on; ``lost`` is set if that fails for good."""
        with self._guard:
            self._held = (task, lost)

    def let_go(self) -> None:
        """Renew no longer."""
        with self._guard:
            self._held = None

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._over.set()
        self.join()

    def run(self) -> None:
        """Beat and renew until stopped."""
        db = QueueDatabase(self._path)
        try:
            while not self._over.wait(self._interval_s):
                if not self._is_same_file():
                    self.file_gone.set()
                    return  # opening it anew would make an empty file
                self._turn(db)
        finally:
            db.close()

    def _turn(self, db: QueueDatabase) -> None:
        with self._guard:
            held = self._held
        # The lease first, and each by itself: a beat that can't be written must not cost the task.
        if held is not None:
            task, lost = held
            try:
                settling.renew(db, task, self._lease_seconds)
            except LeaseLost:
                lost.set()
            except QueueDatabaseError as error:
                self._tell(error)
        try:
            beat(db, self._worker_id, self._capabilities)
        except QueueDatabaseError as error:
            self._tell(error)

    def _tell(self, error: QueueDatabaseError) -> None:
        print(f"{self._worker_id}: a sign of life was not written. {error} Trying again.", file=sys.stderr)
