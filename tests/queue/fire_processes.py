"""Producers and workers that are killed: ``python -m tests.queue.fire_processes produce|work FILE JOURNALS NAME SEED``.

Each writes what it is about to do, and what it was told had been done, into a journal of its own, a line a write: what
a journal says was acknowledged must be in the queue, however its process ended. A new process of a name goes on with
its journal. They end by themselves once the file ``produce.stop`` or ``work.stop`` stands beside the journals, workers
when all tasks are finished.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

from prismq_gui.queue import (
    ClaimedTask,
    Claimer,
    LeaseLost,
    NewTask,
    QueueBusyError,
    QueueClient,
    QueueDatabase,
    Strategy,
    settling,
)
from tests.helpers.windows import under_wine

ROOT = Path(__file__).parents[2]
LEASE_S = 1.0
LIMIT = 40  # attempts: more than a task can lose by killed workers
STOP = "stop"  # with a verb before it
ERROR_INTERNAL_ERROR, WINE_STARTS = 1359, 3  # by this Wine 8 may fail to start a process of many on a busy machine
MOST_WAITING = 500  # then producers wait
_BACKLOG = f"SELECT count(*) FROM (SELECT 1 FROM task_queue WHERE status = 'queued' LIMIT {MOST_WAITING})"
KINDS = ("quick",) * 240 + ("logged",) * 80 + ("again",) * 50 + ("wrong",) * 20 + ("once",) * 8 + ("long", "late")
_ORDERS = (Strategy.PRIORITY, Strategy.PRIORITY, Strategy.FIFO, Strategy.LIFO, Strategy.PRIORITY)


def launch(verb: str, path: Path, journals: Path, name: str, seed: int) -> subprocess.Popen[bytes]:
    """Start one; what goes wrong in it stands in ``NAME.errors``."""
    command = [sys.executable, "-m", "tests.queue.fire_processes", verb, str(path), str(journals), name, str(seed)]
    with (journals / f"{name}.errors").open("ab") as errors:
        for left in range(WINE_STARTS, 0, -1):
            try:
                return subprocess.Popen(
                    command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
                )
            except OSError as error:
                if left == 1 or not under_wine() or getattr(error, "winerror", 0) != ERROR_INTERNAL_ERROR:
                    raise
    raise AssertionError


class Journal:
    """Lines of one name, over all its processes."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.journal"
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)

    def write(self, *words: object) -> None:
        os.write(self._file, (json.dumps([*words, time.time()]) + "\n").encode())


def read_journal(path: Path) -> list[list[object]]:
    """Return the lines; a kill may have torn one."""
    lines = []
    for line in path.read_bytes().splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines


def produce(db: QueueDatabase, journal: Journal, folder: Path, name: str, chance: random.Random) -> None:
    """Put tasks in, one or a few at a time; a batch whose end was not seen is put in once more, with the same keys."""
    client, nap, stop = QueueClient(db), threading.Event(), folder / f"produce.{STOP}"
    lines = read_journal(journal.path)
    begun = [line for line in lines if line[0] == "batch"]
    done = {str(line[1]) for line in lines if line[0] == "put"}
    batches: list[tuple[str, list[str]]] = [
        (str(line[1]), [str(kind) for kind in line[2]])  # type: ignore[attr-defined]
        for line in begun
        if line[1] not in done
    ]
    number, ids = len(begun), [int(i) for line in lines if line[0] == "put" for i in line[2]]  # type: ignore[attr-defined]
    while batches or not stop.exists():
        if not batches:
            number += 1
            batches.append((f"{name} {number}", chance.choices(KINDS, k=chance.choice((1, 1, 1, 1, 7)))))
            journal.write("batch", *batches[0])
        key, kinds = batches.pop()
        try:
            new = _put(client, key, kinds)
            journal.write("put", key, new)
            ids += new
            if chance.random() < 0.1:
                wanted = chance.choice(ids[-50:])
                journal.write("cancel", wanted, client.cancel(wanted, name).outcome.value)
        except QueueBusyError as error:
            journal.write("busy", str(error))
        while not stop.exists() and db.execute(_BACKLOG).fetchone()[0] >= MOST_WAITING:
            nap.wait(0.05)
        nap.wait(chance.uniform(0, 0.02))


def _put(client: QueueClient, key: str, kinds: list[str]) -> list[int]:
    tasks = [
        NewTask(
            kind, {"kind": kind}, priority=len(key) % 3, idempotency_key=f"{key}.{n}",
            max_attempts=1 if kind == "once" else LIMIT,
        )
        for n, kind in enumerate(kinds)
    ]  # fmt: skip
    if len(tasks) > 1:
        return list(client.enqueue_many(tasks).ids)
    task = tasks[0]
    return [
        client.enqueue(
            task.type, task.payload, priority=task.priority, max_attempts=task.max_attempts,
            idempotency_key=task.idempotency_key,
        ).task_id
    ]  # fmt: skip


def work(db: QueueDatabase, journal: Journal, folder: Path, name: str, chance: random.Random) -> None:
    """Claim, run and settle until all tasks are finished."""
    slot = int(name.rpartition("-")[2])
    claimer, nap, stop = Claimer(db, strategy=_ORDERS[slot % len(_ORDERS)]), threading.Event(), folder / f"work.{STOP}"
    unfinished = "SELECT 1 FROM task_queue WHERE status IN ('queued', 'leased', 'processing') LIMIT 1"
    while True:
        try:
            count = 4 if slot % len(_ORDERS) == 4 else 1
            for task in claimer.claim_many(name, count, lease_seconds=LEASE_S):
                _run(db, journal, task, nap)
            if stop.exists():
                claimer.rescue()
                if db.execute(unfinished).fetchone() is None:
                    return
        except QueueBusyError as error:
            journal.write("busy", str(error))
        except LeaseLost:
            journal.write("lost")
        if chance.random() < 0.1:
            nap.wait(0.005)


def _run(db: QueueDatabase, journal: Journal, task: ClaimedTask, nap: threading.Event) -> None:
    def tell(word: str) -> None:
        journal.write(word, task.id, task.attempt, task.reserved_at)

    journal.write("claimed", task.id, task.attempt, task.reserved_at, task.lease_until.isoformat())
    settling.start(db, task)
    tell("began")
    if task.type == "long" or (task.type == "late" and task.attempt == 1):
        for _ in range(3 if task.type == "long" else 0):
            nap.wait(LEASE_S / 4)
            until = settling.renew(db, task, LEASE_S)
            journal.write("renewed", task.id, task.attempt, task.reserved_at, until.isoformat())
        nap.wait(LEASE_S / 4 if task.type == "long" else LEASE_S * 2.3)
    tell("ending")
    if task.type == "wrong":
        settling.fail(db, task, "no use")
        tell("failed")
    elif task.type == "again" and task.attempt == 1:
        settling.retry_later(db, task, "not yet", timedelta(0))
        tell("put back")
    else:
        settling.complete(db, task, {"by": task.worker_id} if task.type == "logged" else None, log=task.type != "quick")
        tell("completed")


def main(verb: str, path: str, journals: str, name: str, seed: str) -> None:
    folder = Path(journals)
    with QueueDatabase(path) as db:
        {"produce": produce, "work": work}[verb](db, Journal(folder, name), folder, name, random.Random(seed))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except sqlite3.Error as error:  # what the queue should have told in its own words
        sys.exit(f"sqlite3 reached its user: {error!r}")
