"""A worker: claims, runs handlers in one or more slots, records what became of each task.

At least once: a task whose worker dies between the work and its record runs again. Owns the slots, the
loop of each and its graceful end; what becomes of one task stands in ``running``, the claim in ``claiming``.
"""

from __future__ import annotations

import os
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prismq_gui.queue import settling
from prismq_gui.queue.claim_sql import Strategy
from prismq_gui.queue.claimed import ClaimedTask
from prismq_gui.queue.claiming import Claimer
from prismq_gui.queue.database import QueueDatabase
from prismq_gui.queue.exceptions import LeaseLost, QueueBusyError, QueueDatabaseError, QueueSchemaError
from prismq_gui.queue.handler_process import pickled, refuse_in_import
from prismq_gui.queue.handlers import ISOLATIONS, HandlerRegistry, Isolation
from prismq_gui.queue.heartbeat import Keeper, beat
from prismq_gui.queue.retry import RetryPolicy
from prismq_gui.queue.running import Along, Rules, TaskRunner
from prismq_gui.queue.signals import EndNow, Stopping, install_signal_handlers

__all__ = ["QueueWorker", "install_signal_handlers", "new_worker_id"]

LONGEST_WAIT_S = 10.0  # between tries on a file that can't be written
MOST_SLOTS = 256
GRACE_S = 5.0
_NAP_S = 0.25  # the main thread looks up that often: on Windows a signal waits until then


def new_worker_id() -> str:
    """Return an id that no other worker has: host, process, and six random hex digits."""
    return f"{socket.gethostname()}-{os.getpid()}-{random.getrandbits(24):06x}"


class QueueWorker:
    """One worker on one queue file; ``run`` belongs to one thread and makes the others.

    Args:
        path: The queue file.
        registry: The handlers; tasks of other types are left to other workers.
        worker_id: Its name in ``locked_by``; None makes a unique one.
        capabilities: What it offers, see :mod:`prismq_gui.queue.capabilities`.
        lease_seconds: How long a task stays its own without a sign of life.
        poll_interval_s: How long it waits when there is nothing to do (± a quarter).
        retry: How long to wait before the next attempt.
        types: Which types it claims; None means those that have a handler.
        concurrency: How many tasks it runs at a time. One runs in the thread of ``run``, more in a thread each.
        isolation: Where handlers run that don't say: in the slot's ``"thread"``, or in a child ``"process"`` of the
            slot, which can be ended by force and whose crash is its task's failed attempt.
        grace_s: How long running tasks may go on after the stop, before they are given back.
        strategy: In which order it claims what is due; the name of one will do.
        log_lines: Whether a task's log tells that it was started and completed. Without, a result still has its line,
            and so has whatever goes wrong.
        synchronous: See :class:`QueueDatabase`.

    Raises:
        ValueError: There is no type to claim, a value isn't allowed, or a handler can't run in a process.
    """

    def __init__(
        self,
        path: str | Path | None,
        registry: HandlerRegistry,
        *,
        worker_id: str | None = None,
        capabilities: Mapping[str, Any] | None = None,
        lease_seconds: float = 60.0,
        poll_interval_s: float = 0.5,
        retry: RetryPolicy | None = None,
        types: Sequence[str] | None = None,
        concurrency: int = 1,
        isolation: Isolation = "thread",
        grace_s: float = GRACE_S,
        strategy: Strategy | str = Strategy.PRIORITY,
        log_lines: bool = True,
        synchronous: str | None = None,
    ) -> None:
        self._db = QueueDatabase(path, synchronous=synchronous)
        self.worker_id = worker_id or new_worker_id()
        self.capabilities = dict(capabilities or {})
        self._poll_interval_s = poll_interval_s
        self._types = tuple(types) if types is not None else registry.types()
        if not self._types:
            raise ValueError("the registry has no handlers: a worker without any would claim nothing")
        if not isinstance(concurrency, int) or isinstance(concurrency, bool) or not 1 <= concurrency <= MOST_SLOTS:
            raise ValueError(f"concurrency must be a whole number from 1 to {MOST_SLOTS}, not {concurrency!r:.100}")
        if isolation not in ISOLATIONS:
            raise ValueError(f"isolation must be one of {ISOLATIONS}, not {isolation!r:.100}")
        if not grace_s >= 0:
            raise ValueError(f"grace_s must not be negative, not {grace_s!r:.100}")
        self._concurrency = concurrency
        self._grace_s = grace_s
        self._lease_seconds = lease_seconds
        self._rules = Rules(registry, isolation, lease_seconds, retry or RetryPolicy(), self._tell, log_lines)
        _check_handlers(registry, self._types, isolation)
        self._claimer = Claimer(self._db, strategy=_strategy(strategy))
        self._claiming = threading.Lock()
        self._keeper: Keeper | None = None
        self._stopping = Stopping(threading.Event(), None, grace_s)

    def run(
        self,
        stop: threading.Event | None = None,
        *,
        at_once: threading.Event | None = None,
        until_empty: bool = False,
    ) -> int:
        """Work until told to stop (or, with ``until_empty``, until nothing is due) and return how many tasks were run.

        A file that can't be written for a while (busy, disk full) is told and tried again.

        Args:
            stop: Once set nothing more is claimed; running tasks have the grace time, then they are told
                through their context, and what they leave undone is given back.
            at_once: Once set there is no (more) grace.
            until_empty: End when nothing is due.

        Raises:
            QueueSchemaError: The file lacks a table or column.
            QueueDatabaseError: The file can't be opened at the start, or was deleted or replaced since.
            RuntimeError: The main program does not guard its start, and this is a handler's process.
        """
        refuse_in_import()
        self._stopping = stopping = Stopping(stop or threading.Event(), at_once, self._grace_s)
        keeper = None
        try:
            self._db.initialize_schema()
            beat(self._db, self.worker_id, self.capabilities)
            self._keeper = keeper = Keeper(
                self._db.db_path, self.worker_id, self.capabilities, self._lease_seconds,
                self._db.is_same_file, stopping.is_over,
            )  # fmt: skip
            keeper.start()
            return self._run_slots(keeper, stopping, until_empty)
        finally:
            if keeper is not None:
                keeper.stop()
            self._keeper = None
            self._db.close()

    def _run_slots(self, keeper: Keeper, stopping: Stopping, until_empty: bool) -> int:
        failed = threading.Event()
        slots = [_Slot(self, keeper, stopping, failed, until_empty=until_empty) for _ in range(self._concurrency)]
        if len(slots) == 1:
            slots[0].work()
        else:
            threads = [
                threading.Thread(target=slot.work, name=f"slot {number} of {self.worker_id}")
                for number, slot in enumerate(slots, 1)
            ]
            _run_to_end(threads, failed, stopping)
        for slot in slots:
            if slot.error is not None:
                raise slot.error
        return sum(slot.ran for slot in slots)

    def run_once(self) -> bool:
        """Claim and run one task; False where nothing was due (or the file was busy).

        Alone, without ``run``, nothing renews the lease meanwhile, and no request to cancel is seen before the end.
        """
        refuse_in_import()
        runner = TaskRunner(self._db, self._rules, self._keeper, self._stopping)
        try:
            task = self._claim()
            if task is not None:
                self._run_task(runner, task)
        except QueueBusyError as error:
            self._tell(f"{error} Trying again.")
            return False
        finally:
            runner.close()
        return task is not None

    def give_back(self) -> None:
        """Give back whatever is held, though its handler may still run: right before the process ends, from any thread.

        What can't be given back is told, and runs again when its lease ends.
        """
        keeper = self._keeper
        for one in keeper.held() if keeper is not None else ():
            try:
                settling.release(self._db, one.task, "the worker was ended")
            except QueueDatabaseError as error:
                self._tell(f"task {one.task.id}: {error}")

    def close(self) -> None:
        """Close the database (``run`` does it by itself)."""
        self._db.close()

    def _claim(self) -> ClaimedTask | None:
        return self._claimer.claim(self.worker_id, self.capabilities, self._lease_seconds, self._types)

    def _run_task(
        self, runner: TaskRunner, task: ClaimedTask, *, is_started: bool = False, along: Along | None = None
    ) -> ClaimedTask | None:
        try:
            return runner.run(task, is_started=is_started, along=along)
        except LeaseLost as error:
            self._tell(str(error))
            return None

    def _settle_and_claim(
        self, settle: Callable[[], object], then: Callable[[ClaimedTask], object]
    ) -> ClaimedTask | None:
        """Record what became of a task, and claim and start the next one in the same write, where that can be."""
        if not self._claiming.acquire(blocking=False):  # another slot is at it: it waits for work, and there is none
            settle()
            return None
        try:
            return self._claimer.settle_and_claim(
                settle, self.worker_id, self.capabilities, self._lease_seconds, self._types, then=then
            )
        finally:
            self._claiming.release()

    def _tell(self, words: str) -> None:
        print(f"{self.worker_id}: {words}", file=sys.stderr)


class _Slot:
    """One task at a time, in one thread. The slots share their worker's connection and its place in line.

    One idle slot at a time asks the file for work, and the others wait for it: an idle worker costs one claim
    an interval, however many slots it has. A connection each is slower (tasks a second, shared and own, empty
    handlers: 2 slots 2,125 and 1,794; 8 slots 2,419 and 1,569; 16 slots of 20 ms 756 and 739 of 800 possible).
    """

    def __init__(
        self, worker: QueueWorker, keeper: Keeper, stopping: Stopping, failed: threading.Event, *, until_empty: bool
    ) -> None:
        self.ran = 0
        self.error: BaseException | None = None
        self._worker = worker
        self._keeper = keeper
        self._stopping = stopping
        self._failed = failed
        self._until_empty = until_empty
        self._runner = TaskRunner(worker._db, worker._rules, keeper, stopping)

    def work(self) -> None:
        """Claim and run until the end; what ends it early is kept in ``error``, and ends the other slots."""
        try:
            task, is_started = self._next(), False
            while task is not None:
                following = self._worker._run_task(self._runner, task, is_started=is_started, along=self._along)
                self.ran += 1
                task, is_started = (self._next(), False) if following is None else (following, True)
        except BaseException as error:  # noqa: BLE001 (raised again by run, in its thread)
            self.error = error
            self._failed.set()
        finally:
            self._runner.close()

    def _along(self, settle: Callable[[], object]) -> ClaimedTask | None:
        """Record the end of a task, and take the next one along unless this slot is to end."""
        stopping = self._stopping
        if (
            self._keeper.file_gone.is_set()
            or self._failed.is_set()
            or stopping.stop.is_set()
            or stopping.at_once.is_set()
        ):
            settle()
            return None
        return self._worker._settle_and_claim(settle, self._runner.start)

    def _next(self) -> ClaimedTask | None:
        """Return the next task, once there is one; None where this slot is to end."""
        worker, wait_s = self._worker, self._worker._poll_interval_s
        with worker._claiming:
            while not self._is_over():
                try:
                    task = worker._claim()
                    if task is not None or self._until_empty:
                        return task
                    wait_s = worker._poll_interval_s
                except QueueSchemaError:
                    raise
                except QueueDatabaseError as error:
                    worker._tell(f"{error} Trying again.")
                    wait_s = min(LONGEST_WAIT_S, max(wait_s, 0.05) * 2)
                self._wait(wait_s * random.uniform(0.75, 1.25))  # noqa: S311 (spread, not secrecy)
        return None

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._failed.is_set():
            if self._stopping.stop.wait(min(left, _NAP_S)):
                return

    def _is_over(self) -> bool:
        if self._keeper.file_gone.is_set():
            worker = self._worker
            raise QueueDatabaseError(
                f"The queue {worker._db.db_path} was deleted or replaced while {worker.worker_id} had it open. "
                "No further task was claimed. Start the worker again once the file is in its place."
            )
        return self._failed.is_set() or self._stopping.stop.is_set() or self._stopping.at_once.is_set()


def _run_to_end(threads: Sequence[threading.Thread], failed: threading.Event, stopping: Stopping) -> None:
    """Run the slots' threads; what strikes this one meanwhile (Ctrl-C) has them give back what they run."""
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(_NAP_S)
    except BaseException as error:
        failed.set()
        stopping.at_once.set()
        if not isinstance(error, EndNow):
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        raise


def _strategy(wanted: Strategy | str) -> Strategy:
    try:
        return Strategy(wanted)
    except ValueError:
        known = tuple(strategy.value for strategy in Strategy)
        raise ValueError(f"strategy must be one of {known}, not {wanted!r:.100}") from None


def _check_handlers(registry: HandlerRegistry, types: Sequence[str], default: Isolation) -> None:
    """Refuse handlers that a child process could not find, before anything is claimed."""
    for type in types:
        registration = registry.get(type)
        if registration is not None and (registration.isolation or default) == "process":
            pickled(registration)
