"""How fast the queue is, as a share of what SQLite gives a loop tuned by hand, and beside other queues on SQLite.

All of a case run in one interleaved run, each on a file of its own, in bursts that take turns: a ratio is that of two
bursts beside each other, so what else the machine does meanwhile falls on both. Files lie in memory where that can be
had: what is compared is work, not a disk's fsync. CPU time is this process's (of all processes, where there are many).

    python3 dev.py bench queue_speed [--only WORD …] [--rounds 12] [--quick] [--folder DIR]

huey, litequeue and persist-queue (the extra ``bench``) are compared where they are installed. Figures go to
benchmarks/out/queue_speed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import _queue_processes
from benchmarks._queue_contenders import Apart, Contender, Does, Front, Layout, Ours, Raw
from benchmarks._queue_rivals import ALL

HERE = Path(__file__).parent
BURST_S = 0.2
WARM_UP_S = 0.01
SLOW_ROUNDS = 3  # of a contender whose single turn takes longer than a burst
BULK = 1_000


@dataclass(frozen=True, slots=True)
class Case:
    """One line of questions; ``least`` is the target of our median ratio to raw."""

    name: str
    does: Does
    layout: Layout
    least: float
    note: str = ""


CASES = (
    Case("10 k waiting", Does.CLAIM_AND_COMPLETE, Layout(), 0.80),
    Case("1 M waiting", Does.CLAIM_AND_COMPLETE, Layout(1_000_000), 0.80),
    Case("far future in front", Does.CLAIM_AND_COMPLETE, Layout(front=Front.FAR_FUTURE), 0.75,
         "500 k tasks due in years; raw has a file without them"),
    Case("priorities not due", Does.CLAIM_AND_COMPLETE, Layout(front=Front.PRIORITIES), 0.0,
         "1,000 priorities in front, nothing due in them; raw has a file without them"),
    Case("another type in front", Does.CLAIM_AND_COMPLETE, Layout(front=Front.OTHER_TYPE), 0.0,
         "10 k due tasks of a type the worker does not run; raw has a file without them"),
    Case("enqueue one", Does.ENQUEUE, Layout(), 0.75),
    Case("enqueue many", Does.ENQUEUE_MANY, Layout(), 1.5, "1,000 a transaction; raw: executemany; tasks a second"),
    Case("claim ten", Does.CLAIM_TEN, Layout(30_000), 2.5, "claims alone, ten at a time; the others: one at a time"),
)  # fmt: skip


@dataclass(slots=True)
class Entry:
    """One contender in a case, and what its bursts gave: turns a second by the clock and by CPU time."""

    label: str
    queue: Contender
    turn: Callable[[], int]
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    is_slow: bool = False


def turns(queue: Contender, does: Does) -> Callable[[], int]:
    """Return what is repeated in a burst; it returns how many tasks it moved."""
    number = 10**9

    held: Any = None

    def claim_and_complete() -> int:
        nonlocal held
        held = queue.next(held)
        if held is None:
            raise SystemExit(f"{queue.name} found no task in {queue.folder}: too few were put in.")
        return 1

    def claim() -> int:
        return 1 if queue.claim() is not None else 0

    def enqueue() -> int:
        nonlocal number
        number += 1
        queue.enqueue(number)
        return 1

    def enqueue_many() -> int:
        nonlocal number
        number += BULK
        queue.enqueue_many(range(number, number + BULK))
        return BULK

    known: dict[Does, Callable[[], int]] = {
        Does.CLAIM_AND_COMPLETE: claim_and_complete,
        Does.CLAIM: claim,
        Does.CLAIM_TEN: queue.claim_ten if Does.CLAIM_TEN in queue.can else claim,
        Does.ENQUEUE: enqueue,
        Does.ENQUEUE_MANY: enqueue_many,
    }
    return known[does]


def entries(case: Case, kinds: Sequence[type[Contender]], folder: Path) -> list[Entry]:
    """Make the files of a case; raw first."""
    wanted: list[tuple[str, type[Contender], Layout]]
    wanted = [("raw", Raw, Layout(case.layout.waiting) if case.layout.front is not Front.NOTHING else case.layout)]
    does = Does.CLAIM if case.does is Does.CLAIM_TEN else case.does
    left_out = (Raw,) if case.does is Does.CLAIM_AND_COMPLETE else (Raw, Apart)  # Apart differs in that alone
    wanted += [(k.name, k, case.layout) for k in kinds if k not in left_out and {does, case.layout.front} <= k.can]
    if case.layout.front is not Front.NOTHING:
        wanted.append(("raw, same file", Raw, case.layout))
    if case.layout.waiting >= 1_000_000 and case.does is Does.CLAIM_AND_COMPLETE:
        wanted.append(("PrismQ at 10 k", Ours, Layout()))
    found = []
    for number, (label, kind, layout) in enumerate(wanted):
        place = folder / str(number)
        place.mkdir(parents=True)
        queue = kind(place, layout)
        queue.create()
        queue.open()
        found.append(Entry(label, queue, turns(queue, case.does)))
    return found


def burst(entry: Entry, seconds: float, *, keep: bool = True) -> int:
    """Run one burst and note its rates."""
    done, turn, clock = 0, entry.turn, time.perf_counter
    warm_until = clock() + WARM_UP_S
    while clock() < warm_until:  # what was filled in by another connection made this one's cache void
        done += turn()
    warmed = done
    cpu, began = time.process_time(), clock()
    end = began + seconds
    while clock() < end:
        done += turn()
    cpu_s, wall_s = time.process_time() - cpu, clock() - began
    entry.is_slow = wall_s > 2 * seconds
    if keep:
        entry.wall.append((done - warmed) / wall_s)
        entry.cpu.append((done - warmed) / max(cpu_s, 1e-9))
    return done


def run_case(case: Case, kinds: Sequence[type[Contender]], folder: Path, rounds: int) -> dict[str, Any]:
    """Return each contender's rates and its ratios to raw, burst by burst."""
    found = entries(case, kinds, folder)
    raw_beside: dict[str, list[int]] = {entry.label: [] for entry in found}
    takes = case.does not in (Does.ENQUEUE, Does.ENQUEUE_MANY)
    try:
        for entry in found:
            done = burst(entry, BURST_S, keep=False)
            entry.queue.fill(done if takes else 0)
        for number in range(rounds):
            for entry in found if number % 2 == 0 else found[::-1]:
                if entry.is_slow and number >= SLOW_ROUNDS:
                    continue
                done = burst(entry, BURST_S)
                raw_beside[entry.label].append(number)
                entry.queue.fill(done if takes else 0)
    finally:
        for entry in found:
            entry.queue.close()
    raw = found[0]
    return {entry.label: _figures(entry, raw, raw_beside[entry.label]) for entry in found}


def _figures(entry: Entry, raw: Entry, rounds: list[int]) -> dict[str, Any]:
    return {
        "rate": statistics.median(entry.wall),
        "wall": [mine / raw.wall[number] for number, mine in zip(rounds, entry.wall, strict=True)],
        "cpu": [mine / raw.cpu[number] for number, mine in zip(rounds, entry.cpu, strict=True)],
        "rates": entry.wall,
        "note": entry.queue.note,
    }


def spread(values: Sequence[float]) -> str:
    return f"{min(values):6.3f} {statistics.median(values):6.3f} {max(values):6.3f}"


def print_case(title: str, note: str, figures: dict[str, Any], least: float) -> None:
    print(f"\n{title}" + (f" ({note})" if note else ""))
    print(f"  {'':22}{'tasks/s':>9}   ratio to raw: min median max      by CPU time: min median max")
    for label, one in figures.items():
        mark = ""
        if label == Ours.name and least:
            mark = f"   target {least:g}: {'met' if statistics.median(one['wall']) >= least else 'MISSED'}"
        print(f"  {label:22}{one['rate']:9,.0f}        {spread(one['wall'])}         {spread(one['cpu'])}{mark}")


def print_flatness(figures: dict[str, Any]) -> None:
    pairs = zip(figures[Ours.name]["rates"], figures["PrismQ at 10 k"]["rates"], strict=True)
    ratios = [many / few for many, few in pairs]
    figures[Ours.name]["to_itself_at_10_k"] = ratios
    met = "met" if statistics.median(ratios) >= 0.9 else "MISSED"
    print(f"  PrismQ, to itself at 10 k waiting:   {spread(ratios)}   target 0.9: {met}")


def print_group(figures: dict[str, Any]) -> None:
    print(f"  {'':22}{'slowest/fastest':>16} {'longest turn':>14} {'busy errors':>12} {'duplicates':>11}")
    for label, one in figures.items():
        print(f"  {label:22}{statistics.median(one['slowest_to_fastest']):16.2f} "
              f"{max(one['longest_turn_ms']):11.0f} ms {one['busy_errors']:12} {one['duplicates']:11}")  # fmt: skip


def present() -> list[type[Contender]]:
    """Return the contenders that can be measured; say which can't."""
    for kind in ALL:
        if not kind.is_there():
            print(f"{kind.name} is not measured: the package {kind.package} is not installed (extra 'bench').")
    return [kind for kind in ALL if kind.is_there()]


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    kinds, found = present(), {}

    def asked(name: str) -> bool:
        return not options.only or any(word in name for word in options.only)

    for number, case in enumerate(CASES):
        if not asked(case.name) or (options.quick and case.layout.waiting >= 1_000_000):
            continue
        with tempfile.TemporaryDirectory(dir=folder) as place:
            figures = run_case(case, kinds, Path(place) / str(number), options.rounds)
        print_case(f"{case.does.value}, {case.name}", case.note, figures, case.least)
        if "PrismQ at 10 k" in figures:
            print_flatness(figures)
        found[case.name] = figures
    for size in (4, 16):
        name = f"{size} processes"
        if not asked(name):
            continue
        with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as place:
            figures = _queue_processes.measure(kinds, Path(place), size, max(3, options.rounds // 2), options.seconds)
        print_case(f"{name}, claim + complete", "", figures, 0.85)
        print_group(figures)
        found[name] = figures
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12, help="bursts of each contender in a case")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round of many processes")
    parser.add_argument("--only", nargs="*", default=[], help="cases whose name has one of these words")
    parser.add_argument("--quick", action="store_true", help="leave the case with 1 M tasks out")
    memory = Path("/dev/shm")  # a disk's fsync would drown what is compared
    parser.add_argument("--folder", type=Path, default=memory if memory.is_dir() else None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found: dict[str, Any] = {"cases": measure(options, Path(folder))}
    found["machine"] = f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    found["sqlite"] = sqlite3.sqlite_version
    output = HERE / "out" / "queue_speed.json"
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"\n{found['machine']}, SQLite {found['sqlite']}; figures in {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
