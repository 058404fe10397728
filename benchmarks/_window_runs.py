"""Programs that `window.py` starts and hears: our windows, the rivals, DB Browser for SQLite.

Owns child processes from their start to their end. What they measure of themselves comes as lines of JSON; what is
compared with DB Browser is seen from outside, on the screen.
"""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks._window_screen import Box, Look, Screen, look_of, seen_after

HERE = Path(__file__).parent
TOUR, RIVALS = HERE / "_window_tour.py", HERE / "_window_rivals.py"
FIRST_ROWS_LIMIT_S = 60.0
Figures = dict[str, Any]


class Child:
    """A window of ours or of Qt in a process of its own; ends when its stdin is closed, or is killed."""

    def __init__(self, screen: Screen, script: Path, file: str, kind: str) -> None:
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, str(script), file, kind, repr(self.began)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=screen.environment, encoding="utf-8", cwd=HERE.parent,
        )  # fmt: skip
        self.lines: list[Figures] = []
        self._told: queue.Queue[Figures | None] = queue.Queue()
        threading.Thread(target=self._hear, daemon=True).start()

    def _hear(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                self._told.put(json.loads(line))
        self._told.put(None)

    def wait_for(self, step: str, limit_s: float) -> Figures | None:
        """Return what is told of a step; None where the time is over or the process has ended."""
        until = time.monotonic() + limit_s
        while True:
            try:
                told = self._told.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return None
            if told is None:
                return None
            self.lines.append(told)
            if told["step"] == step:
                return told

    def next_line(self, limit_s: float) -> Figures | None:
        """Return the next thing that is told."""
        try:
            told = self._told.get(timeout=limit_s)
        except queue.Empty:
            return None
        if told is not None:
            self.lines.append(told)
        return told

    def halt(self) -> None:
        """Stop the process where it reads nothing: halted in a snapshot it would keep the log from starting over."""
        for _ in range(1_000):
            self._process.send_signal(signal.SIGSTOP)
            if not self._is_reading():
                return
            self._process.send_signal(signal.SIGCONT)
            time.sleep(0.002)  # a statement of its own
        raise SystemExit("the window reads without a pause")

    def _is_reading(self) -> bool:
        """Whether it holds one of the five locks of the log's index that stand for a snapshot (bytes 123 to 127)."""
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            parts = line.split()
            if parts[1] == "POSIX" and parts[4] == str(self._process.pid) and 123 <= int(parts[6]) <= 127:
                return True
        return False

    def go_on(self) -> None:
        """Let a halted process run."""
        self._process.send_signal(signal.SIGCONT)

    def end(self, limit_s: float = 20.0) -> list[Figures]:
        """Have it close its window, and return all it told."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.wait_for("", limit_s)
        self.kill()
        return self.lines

    def kill(self) -> None:
        """End it, whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()


def browser_command(file: str) -> list[str] | None:
    """Return how DB Browser for SQLite is started on the tasks, None where it isn't installed."""
    found = shutil.which("sqlitebrowser")
    return None if found is None else [found, "--table", "task_queue", file]


def browser_version() -> str:
    command = browser_command("")
    if command is None:
        return "not installed"
    told = subprocess.run([command[0], "--version"], capture_output=True, encoding="utf-8", check=False,
                          env={**os.environ, "QT_QPA_PLATFORM": "offscreen"})  # fmt: skip
    found = re.search(r"[Vv]ersion ([\d.]+\S*)", told.stdout + told.stderr)
    return found.group(1) if found else "unknown"


class Browser:
    """DB Browser for SQLite, seen from outside. Its settings are those of a first start, in a folder of their own."""

    # The writing of id and type in the first eight rows, from the corner of its window as it first comes up. To the
    # right of it a message about its own counting may lie over the table.
    ROWS = Box(68, 207, 158, 254)

    def __init__(self, screen: Screen, file: str) -> None:
        command = browser_command(file)
        assert command is not None
        self._screen = screen
        self._home = tempfile.TemporaryDirectory()
        home = {"HOME": self._home.name, "XDG_CONFIG_HOME": self._home.name, "XDG_RUNTIME_DIR": self._home.name}
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            command, env={**screen.environment, **home}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def box(self) -> Box | None:
        """Return where its first rows stand on the screen, None while it has no window."""
        told = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", "^DB Browser for SQLite - ",
             "getwindowgeometry", "--shell"],
            capture_output=True, encoding="utf-8", env=self._screen.environment, check=False,
        ).stdout  # fmt: skip
        places = dict(re.findall(r"^(X|Y)=(-?\d+)$", told, re.MULTILINE))
        if len(places) < 2:
            return None
        return Box(int(places["X"]) + self.ROWS.x, int(places["Y"]) + self.ROWS.y, self.ROWS.width, self.ROWS.height)

    def memory_mib(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024

    def end(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)
        self._home.cleanup()


def settled_look(screen: Screen, box: Box, limit_s: float = 60.0) -> Look:
    """Return how the rows look once they have not changed for three seconds."""
    until, last, since = time.monotonic() + limit_s, b"", time.monotonic()
    while time.monotonic() < until:
        pixels = screen.read(box)
        if pixels != last:
            last, since = pixels, time.monotonic()
        elif time.monotonic() - since > 3.0:
            return look_of(screen, box)
        time.sleep(0.1)  # what is waited for are three seconds of rest
    raise SystemExit(f"the rows in {box} did not come to rest within {limit_s} s")


class Contender:
    """A program whose first rows are looked for on the screen.

    The first start tells how they look, and brings the file's pages into the system's cache.
    """

    def __init__(self, screen: Screen, name: str, file: str, pictures: Path) -> None:
        self.name = name
        self._screen, self._file = screen, file
        self._look = self._first(pictures)

    def _start(self) -> Child | Browser:
        if self.name == "DB Browser":
            return Browser(self._screen, self._file)
        return Child(self._screen, TOUR if self.name == "PrismQ" else RIVALS, self._file, "rows")

    def _first(self, pictures: Path) -> Look:
        running = self._start()
        try:
            look = settled_look(self._screen, self._box(running))
            self._screen.save(pictures)
            return look
        finally:
            running.end()

    def _box(self, running: Child | Browser) -> Box:
        if isinstance(running, Child):
            told = running.wait_for("first rows", FIRST_ROWS_LIMIT_S)
            if told is None:
                raise SystemExit(f"{self.name} showed no rows")
            return Box(**told["box"])
        while (found := running.box()) is None:
            time.sleep(0.1)  # another program: it tells nothing, its window is asked for
        return found

    def run(self) -> Figures:
        """Start it, and return when its rows were seen, and the most memory it took up to a second later."""
        running = self._start()
        try:
            seen_s = seen_after(self._screen, self._look, running.began, FIRST_ROWS_LIMIT_S)
            time.sleep(1.0)  # what it reads besides is told by its memory
            if isinstance(running, Browser):
                return {"seen_s": seen_s, "peak_mib": running.memory_mib()}
            told = running.wait_for("first rows", 5.0)
            return {
                "seen_s": seen_s,
                "peak_mib": told["peak_mib"] if told else None,
                "own_ms": told["ms"] if told else None,
            }
        finally:
            running.end()
