"""The window on large queues, against DB Browser for SQLite, Qt's QSqlTableModel and a bare window.

Makes its own files (kept in --folder for the next run), starts each program in a process of its own on a display of its
own, with eight processes that write the same file as fast as they can, and prints the targets with what was reached.
Needs Xvfb, and for the comparison sqlitebrowser and xdotool. Parts can be run one by one; figures of the others stay.

    python3 dev.py bench window [--quick] [--tasks N …] [--logs N …] [--folder DIR] [--parts rows tasks …]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._window_files import QueueFile, make_or_reuse, tidy
from benchmarks._window_halts import halts, watch
from benchmarks._window_runs import RIVALS, TOUR, Child, Contender, Figures, browser_command, browser_version
from benchmarks._window_screen import Screen, a_screen
from benchmarks._window_targets import table_of
from benchmarks._window_writers import writing

HERE = Path(__file__).parent
OUT = HERE / "out"
PICTURES = OUT / "window"
MEMORY = Path("/dev/shm")


def spread(values: list[float]) -> Figures:
    """Return median, least and most."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "all": values}


class Bench:
    """One run: the parts by name, each of which returns its figures."""

    def __init__(self, options: argparse.Namespace, screen: Screen, files: list[QueueFile]) -> None:
        self._options = options
        self._screen = screen
        self._files = files

    def parts(self) -> dict[str, Any]:
        names = ("start", "rows", "tasks", "sorts", "logs", "qt", "writers", "disk", "idle", "bulk")
        return {name: getattr(self, name) for name in names}

    # -- from start to a window, to rows

    def start(self) -> Figures:
        """A window that can be used: ours without a file and with one, and an empty one, in turns."""
        took: dict[str, list[float]] = {"bare": [], "PrismQ": [], "PrismQ with a file": []}
        for number in range(self._options.rounds * 2 + 2):
            for name, script, file, kind in (("bare", RIVALS, "-", "bare"), ("PrismQ", TOUR, "-", "start"),
                                             ("PrismQ with a file", TOUR, self._files[0].path, "start")):  # fmt: skip
                halted = halts()
                child = Child(self._screen, script, file, kind)
                told = child.wait_for("usable", 60)
                child.end()
                if told is not None and number and halts() == halted:  # the first one compiles its modules
                    took[name].append(told["ms"])
        ratios = [ours / bare for ours, bare in zip(took["PrismQ"], took["bare"], strict=False)]
        return {name: spread(values) for name, values in took.items()} | {"ratio": spread(ratios)}

    def rows(self) -> Figures:
        """First rows on the screen, each program on each file in turns, eight writers at work."""
        names = ["PrismQ", "QSqlTableModel"] + (["DB Browser"] if browser_command("") else [])
        contenders = {
            (file.name, name): Contender(self._screen, name, file.path, picture(f"rows-{file.name}-{name}"))
            for file in self._files
            for name in names
        }
        found: dict[str, dict[str, list[Figures]]] = {file.name: {name: [] for name in names} for file in self._files}
        for number in range(self._options.rounds):
            for file in self._files:
                with writing(file.path, self._options.writers) as writers:
                    for name in names if number % 2 == 0 else reversed(names):
                        writers.take_wal()
                        before = halts()
                        one = contenders[file.name, name].run() | {"wal_bytes": writers.take_wal()}
                        if halts() != before:
                            continue  # halted from outside: no figure
                        found[file.name][name].append(one)
                        print(f"  {file.name}, {name}: first rows after {told_s(one['seen_s'])}", flush=True)
        return {file: {name: summed(runs) for name, runs in by_name.items()} for file, by_name in found.items()}

    # -- tours

    def tasks(self) -> Figures:
        return self._tours("tasks")

    def sorts(self) -> Figures:
        return self._tours("sorts")

    def logs(self) -> Figures:
        return self._tours("logs")

    def _tours(self, kind: str) -> Figures:
        return {file.name: self._tour(file, kind) for file in self._files}

    def _tour(self, file: QueueFile, kind: str) -> Figures:
        """Take our window round, and beside it measure what an empty window's loop suffers from the same writers."""
        with writing(file.path, self._options.writers) as writers:
            control = Child(self._screen, RIVALS, "-", "watch")
            control.wait_for("ready", 30)
            time.sleep(5.0)  # long enough for a thousand ticks
            quiet = control.end()[-1] | {"wal_bytes": writers.take_wal()}
            child = Child(self._screen, TOUR, file.path, kind)
            largest = 0
            while (told := child.next_line(self._options.limit)) is not None:
                told["wal_bytes"] = writers.take_wal()
                largest = max(largest, told["wal_bytes"])
                print(f"  {file.name}: {sentence(told)}", flush=True)
                if "all listed" in told["step"]:
                    self._screen.save(picture(f"{kind}-{file.name}"))
            child.kill()
            return {"steps": child.lines, "control": quiet, "wal_bytes": largest}

    def qt(self) -> Figures:
        """Take QSqlTableModel the same ways, as far as it goes within the limit a step."""
        found = {}
        for file in self._files:
            with writing(file.path, self._options.writers) as writers:
                child = Child(self._screen, RIVALS, file.path, "tasks")
                while (told := child.next_line(self._options.limit)) is not None:
                    print(f"  {file.name}, QSqlTableModel: {sentence(told)}", flush=True)
                child.kill()
                found[file.name] = {"steps": child.lines, "wal_bytes": writers.take_wal(),
                                    "limit_s": self._options.limit}  # fmt: skip
        return found

    # -- what it costs

    def writers(self) -> Figures:
        """The writers' rate without a window, with an empty one (the control), with ours, in short turns: ABC CBA.

        Both windows are there all the time and halted but in their turns, since a machine's own rate drifts by half
        within the time a window takes to start.
        """
        if not MEMORY.is_dir():
            return {file.name: self._writers(file, file.name) for file in self._files}
        # A disk's fsync, a tenth of a millisecond or some hundred, would drown what is compared.
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            file = make_or_reuse(Path(folder), self._files[0].tasks, self._files[0].tasks)
            name = f"{file.name} in memory"
            return {name: self._writers(file, name)}

    def disk(self) -> Figures:
        """The same on the largest file where it lies, fsync and all."""
        return {self._files[-1].name: self._writers(self._files[-1], self._files[-1].name)}

    def _writers(self, file: QueueFile, name: str) -> Figures:
        kinds = ("none", "bare", "PrismQ")
        rates: dict[str, list[float]] = {kind: [] for kind in kinds}
        wal = dict.fromkeys(kinds, 0)
        with writing(file.path, self._options.writers) as writers:
            windows = {"bare": Child(self._screen, RIVALS, file.path, "watch"),
                       "PrismQ": Child(self._screen, TOUR, file.path, "watch")}  # fmt: skip
            for window in windows.values():
                window.wait_for("ready", 300)
                window.halt()
            for turn in range(self._options.turns):
                for kind in kinds if turn % 2 == 0 else reversed(kinds):
                    if kind in windows:
                        windows[kind].go_on()
                    time.sleep(0.5)  # what a halted window has missed it catches up with
                    writers.take_wal()
                    before, began, halted = writers.done(), time.perf_counter(), halts()
                    time.sleep(self._options.seconds)
                    rate = (writers.done() - before) / (time.perf_counter() - began)
                    rates[kind].append(rate if halts() == halted else float("nan"))
                    wal[kind] = max(wal[kind], writers.take_wal())
                    if kind in windows:
                        windows[kind].halt()
            for window in windows.values():
                window.go_on()
                window.end()
        found: Figures = {"rates": rates, "wal_bytes": wal}
        for kind in kinds:
            ordered = sorted(round(each) for each in rates[kind] if not math.isnan(each))
            middle = statistics.median(ordered)
            print(f"  {name}, {kind}: {middle:.0f} pairs a second ({ordered[0]} to {ordered[-1]})", flush=True)
            ratios = [one / none for one, none in zip(rates[kind], rates["none"], strict=True)]
            found[kind] = spread(
                [each for each in ratios if not math.isnan(each)]
            )  # a turn that was halted is no number
        return found

    def idle(self) -> Figures:
        """CPU of an open window on a file that nobody writes."""
        found = {}
        for file in self._files:
            tidy(file)
            child = Child(self._screen, TOUR, file.path, "idle")
            while (told := child.next_line(self._options.limit)) is not None:
                print(f"  {file.name}: {sentence(told)}", flush=True)
            child.kill()
            found[file.name] = {"steps": child.lines}
        return found

    def bulk(self) -> Figures:
        """100,000 tasks retried at once, by benchmarks/bulk_retry.py on a file of its own."""
        told = subprocess.run([sys.executable, str(HERE / "bulk_retry.py")], capture_output=True, encoding="utf-8",
                              check=True).stdout  # fmt: skip
        print(told, end="")
        meanwhile = re.findall(r"meanwhile: .* worst ([\d.]+) ms", told)
        return {"retry_s": [float(each) for each in re.findall(r"retry: .* ([\d.]+) s, ", told)],
                "worst_commit_ms": [float(each) for each in meanwhile]}  # fmt: skip


def summed(runs: list[Figures]) -> Figures:
    """Return the runs of one program as one record."""
    seen = [one["seen_s"] for one in runs if one["seen_s"] is not None]
    if not runs:
        return {"runs": [], "seen_s": None, "missed": 0, "peak_mib": 0, "wal_bytes": 0}
    return {
        "runs": runs,
        "seen_s": spread(seen) if seen else None,
        "missed": len(runs) - len(seen),
        "peak_mib": max(one["peak_mib"] or 0 for one in runs),
        "wal_bytes": max(one["wal_bytes"] for one in runs),
    }


def told_s(seconds: float | None) -> str:
    return "more than a minute" if seconds is None else f"{seconds:.2f} s"


def sentence(told: Figures) -> str:
    parts = [told["step"]]
    if "waited_ms" in told:
        parts.append(f"{told['ms']:.0f} ms" if told["ms"] is not None else f"not within {told['waited_ms']:.0f} ms")
    parts += [
        f"{key} {told[key]:.3g}" for key in ("frame_ms", "thread_a_frame_ms", "cpu_share", "progress") if key in told
    ]
    parts += [f"{key} {told[key]:,}" for key in ("count", "hits") if key in told]
    if "worst_ms" in told:
        parts.append(
            f"worst gap {told['worst_ms']:.1f} ms ({told.get('worst_own_ms', 0):.1f} its own), p99 {told['p99_ms']:.1f}"
        )
    if "peak_mib" in told:
        parts.append(f"{told['peak_mib']:.0f} MiB")
    if "wal_bytes" in told:
        parts.append(f"log {told['wal_bytes'] / 2**20:.1f} MiB")
    return ", ".join(parts)


def picture(name: str) -> Path:
    PICTURES.mkdir(parents=True, exist_ok=True)
    return PICTURES / f"{name.replace(' ', '-')}.png"


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one file of 100,000 tasks, one round")
    parser.add_argument("--tasks", type=int, nargs="+", default=[1_000_000, 10_000_000], help="a file for each number")
    parser.add_argument("--logs", type=int, nargs="+", default=None, help="lines for each file; 5 a task if not said")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/prismq-window"), help="where the files are kept")
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turns", type=int, default=10, help="of the writers' rate without a window and with one")
    parser.add_argument("--seconds", type=float, default=1.5, help="of such a turn")
    parser.add_argument(
        "--limit", type=float, default=180.0, help="seconds a step may take before a program is given up"
    )
    parser.add_argument(
        "--parts", nargs="+", default=None, help="only these: start rows tasks sorts logs qt writers disk idle bulk"
    )
    parser.add_argument("--output", type=Path, default=OUT / "window.json")
    options = parser.parse_args()
    if options.quick:
        options.tasks, options.rounds, options.turns = [100_000], 1, 4
    options.logs = options.logs or [5 * tasks for tasks in options.tasks]
    if len(options.logs) != len(options.tasks):
        parser.error("--logs needs as many numbers as --tasks")
    return options


def main() -> int:
    options = parsed()
    watch()
    options.folder.mkdir(parents=True, exist_ok=True)
    OUT.mkdir(exist_ok=True)
    files = [make_or_reuse(options.folder, *each) for each in zip(options.tasks, options.logs, strict=True)]
    found: Figures = {}
    if options.output.is_file():
        found = json.loads(options.output.read_text(encoding="utf-8"))
    with a_screen() as screen:
        bench = Bench(options, screen, files)
        for name, part in bench.parts().items():
            if options.parts is None or name in options.parts:
                print(f"{name}: {(part.__doc__ or '').strip()}", flush=True)
                figures = part()
                found[name] = found.get(name, {}) | figures
                found["machine"] = f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
                found["versions"] = {"sqlite": sqlite3.sqlite_version, "DB Browser": browser_version()}
                options.output.write_text(json.dumps(found, indent=1), encoding="utf-8")
    for file in files:
        tidy(file)
    print(table_of(found))
    print(f"figures in {options.output}, pictures in {PICTURES}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
