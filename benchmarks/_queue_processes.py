"""Many processes on one file: a group of them for each queue, which take turns as groups."""

from __future__ import annotations

import multiprocessing
import sqlite3
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks._queue_contenders import Contender, Layout, Raw
from benchmarks._queue_rivals import ALL
from prismq_gui.queue import QueueBusyError

TOP_UP_TO = 100_000  # tasks that wait as a round begins: more than any gets through in one
ANSWER_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Share:
    """What one process did in one round."""

    done: int
    cpu_s: float
    longest_turn_s: float
    busy_errors: int
    numbers: list[int] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Round:
    """What a group did in one round."""

    rate: float
    cpu_rate: float
    slowest_to_fastest: float
    longest_turn_ms: float
    busy_errors: int


def work(kind: str, folder: str, pipe: Connection) -> None:
    """Run in a process of its own: a round for each number of seconds received, until None."""
    queue = next(each for each in ALL if each.__name__ == kind)(Path(folder), Layout(TOP_UP_TO))
    queue.open()
    pipe.send("ready")
    while (seconds := pipe.recv()) is not None:
        pipe.send(_round(queue, seconds))
    queue.close()


def _round(queue: Contender, seconds: float) -> Share:
    handles: list[Any] = []
    handle: Any = None
    longest, busy, done, clock = 0.0, 0, 0, time.perf_counter
    began_cpu, end = time.process_time(), clock() + seconds
    while (before := clock()) < end:
        try:
            handle = queue.next(handle)
            longest = max(longest, clock() - before)
            if handle is not None:
                handles.append(handle)
                done += 1
        except QueueBusyError:
            busy += 1
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            busy += 1
    cpu_s = time.process_time() - began_cpu
    if handle is not None:
        queue.complete(handle)
    return Share(done, cpu_s, longest, busy, [queue.number(each) for each in handles])


class Group:
    """The processes of one queue."""

    def __init__(self, kind: type[Contender], folder: Path, size: int) -> None:
        self.kind = kind
        self.rounds: list[Round] = []
        self.claimed: Counter[int] = Counter()
        folder.mkdir()
        self._queue = kind(folder, Layout(TOP_UP_TO))
        self._queue.create()
        spawn = multiprocessing.get_context("spawn")
        self._pipes, self._processes = [], []
        for _ in range(size):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=work, args=(kind.__name__, str(folder), theirs), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        for pipe in self._pipes:
            self._answer(pipe)

    def run(self, seconds: float) -> Round:
        """Let all of them work for a while, then fill up what they took."""
        for pipe in self._pipes:
            pipe.send(seconds)
        shares: list[Share] = [self._answer(pipe) for pipe in self._pipes]
        for share in shares:
            self.claimed.update(share.numbers)
        done = [share.done for share in shares]
        one = Round(
            sum(done) / seconds,
            sum(done) / sum(share.cpu_s for share in shares),
            min(done) / max(*done, 1),
            max(share.longest_turn_s for share in shares) * 1_000,
            sum(share.busy_errors for share in shares),
        )
        self.rounds.append(one)
        self._queue.fill(sum(done))
        return one

    @property
    def duplicates(self) -> int:
        """How many claims gave a task that had been given already."""
        return sum(count - 1 for count in self.claimed.values())

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join(ANSWER_WITHIN_S)

    def _answer(self, pipe: Any) -> Any:
        if not pipe.poll(ANSWER_WITHIN_S):
            raise SystemExit(f"A process of {self.kind.name} gave no answer within {ANSWER_WITHIN_S:g} s.")
        return pipe.recv()


def measure(kinds: Sequence[type[Contender]], folder: Path, size: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Return what each group did; the groups take turns, in turning order."""
    groups = [Group(kind, folder / kind.__name__, size) for kind in kinds]
    try:
        for group in groups:
            group.run(seconds / 2)  # connections, caches and plans are made
            group.rounds.clear()
        for number in range(rounds):
            for group in groups if number % 2 == 0 else groups[::-1]:
                group.run(seconds)
    finally:
        for group in groups:
            group.close()
    raw = next(group for group in groups if group.kind is Raw)
    return {group.kind.name: _summary(group, raw) for group in groups}


def _summary(group: Group, raw: Group) -> dict[str, Any]:
    pairs = list(zip(group.rounds, raw.rounds, strict=True))
    return {
        "rate": statistics.median(one.rate for one in group.rounds),
        "wall": [one.rate / other.rate for one, other in pairs],
        "cpu": [one.cpu_rate / other.cpu_rate for one, other in pairs],
        "slowest_to_fastest": [one.slowest_to_fastest for one in group.rounds],
        "longest_turn_ms": [one.longest_turn_ms for one in group.rounds],
        "busy_errors": sum(one.busy_errors for one in group.rounds),
        "duplicates": group.duplicates,
        "rounds": [asdict(one) for one in group.rounds],
    }
